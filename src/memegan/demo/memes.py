"""Memes of the demo: a homogeneous community of blob faces, and a mixed one of everything."""

import hashlib
import math
from random import Random

from PIL import Image, ImageDraw, ImageFont

from memegan.demo.palettes import OUTLINE, Colour
from memegan.demo.world import draw, scene

_SKINS: tuple[Colour, ...] = ((255, 214, 92), (150, 220, 120), (140, 196, 255), (255, 160, 170))
_WALLS: tuple[Colour, ...] = ((64, 72, 120), (36, 104, 104), (120, 56, 92), (90, 90, 98))
_TOPS = (
    "when the build is green",
    "me on monday",
    "nobody:",
    "one does not simply",
    "still loading",
)
_BOTTOMS = (
    "it was cached",
    "coffee first",
    "absolutely nobody",
    "read the docs",
    "works here",
    "retry",
)


def _rng(*place: object) -> Random:
    return Random(int.from_bytes(hashlib.sha256("/".join(map(str, place)).encode()).digest()[:8]))


def blobface(number: int, size_px: int) -> Image.Image:
    """Draw a face: the same round head each time, in another mood, colour and tilt."""
    rng, side = _rng("blobface", number), 2 * size_px
    image = Image.new("RGB", (side, side), rng.choice(_WALLS))
    pen, width = ImageDraw.Draw(image), max(2, side // 64)
    x, y = side * rng.uniform(0.46, 0.54), side * rng.uniform(0.5, 0.56)
    radius, skin = side * rng.uniform(0.33, 0.38), rng.choice(_SKINS)
    for way in (-1, 1):  # ears
        _disc(pen, x + way * radius, y, radius * 0.22, skin, width)
    _disc(pen, x, y, radius, skin, width)
    look, open_ = rng.uniform(-0.08, 0.08) * radius, rng.uniform(0.12, 0.24)
    for way in (-1, 1):
        ex, ey = x + way * radius * 0.38, y - radius * 0.22
        _disc(pen, ex, ey, radius * open_, (255, 255, 255), width)
        _disc(pen, ex + look, ey, radius * 0.09, OUTLINE, 0)
        brow = rng.uniform(-0.14, 0.14) * radius
        ends = [
            (ex - radius * 0.2, ey - radius * 0.34 + brow),
            (ex + radius * 0.2, ey - radius * 0.34),
        ]
        pen.line(ends, fill=OUTLINE, width=2 * width)
    _mouth(pen, rng.uniform(-1, 1), x, y + radius * 0.42, radius, width)
    if rng.random() < 0.3:
        hat = [
            (x - radius * 0.6, y - radius * 0.8),
            (x, y - radius * 1.5),
            (x + radius * 0.6, y - radius * 0.8),
        ]
        pen.polygon(hat, fill=(232, 44, 60), outline=OUTLINE, width=width)
    return image.resize((size_px, size_px), Image.Resampling.BOX)


def captioned(image: Image.Image, top: str, bottom: str) -> Image.Image:
    """Return the picture with the two lines that make it a meme, white with a dark edge."""
    image, side = image.copy(), image.width
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(max(8, side // 11))
    for text, y in ((top, side * 0.02), (bottom, side * 0.86)):
        x = (side - pen.textlength(text, font=font)) / 2
        pen.text(
            (x, y),
            text,
            (255, 255, 255),
            font,
            stroke_width=max(1, side // 80),
            stroke_fill=OUTLINE,
        )
    return image


def anything(number: int, size_px: int) -> Image.Image:
    """Draw one of a mixed community: captioned templates, text walls, scenes, screenshots."""
    rng = _rng("anything", number)
    kind = rng.randrange(4)
    if kind == 0:  # a template: few bases, many captions
        base = draw(scene(90_000 + rng.randrange(6)), "photo", size_px)
        return captioned(base, rng.choice(_TOPS), rng.choice(_BOTTOMS))
    if kind == 1:
        base = blobface(rng.randrange(10_000, 10_006), size_px)
        return captioned(base, rng.choice(_TOPS), rng.choice(_BOTTOMS))
    if kind == 2:
        return draw(scene(80_000 + number), "cartoon", size_px)
    image = Image.new("RGB", (size_px, size_px), rng.choice(((250, 250, 250), (24, 26, 32))))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(max(8, size_px // 14))
    ink = (20, 20, 20) if image.getpixel((0, 0)) == (250, 250, 250) else (230, 230, 230)
    for line in range(7):
        words = " ".join(rng.choice((*_TOPS, *_BOTTOMS)).split()[:3])
        pen.text((size_px * 0.06, size_px * (0.05 + 0.13 * line)), words, ink, font)
    return image


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, r: float, fill: Colour, width: int) -> None:
    pen.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=OUTLINE, width=width)


def _mouth(pen: ImageDraw.ImageDraw, mood: float, x: float, y: float, r: float, width: int) -> None:
    """A curve from sad (-1) to glad (1), filled as a parabola."""
    half, points = r * 0.45, []
    for k in range(17):
        t = k / 8 - 1
        points.append((x + half * t, y + mood * r * 0.2 * (1 - t * t)))
    back = [
        (px, py + r * (0.05 + 0.12 * abs(mood) * math.sin(math.pi * k / 16)))
        for k, (px, py) in enumerate(points)
    ]
    pen.polygon([*points, *reversed(back)], fill=(120, 24, 48), outline=OUTLINE, width=width)
