"""Memes of the demo: a homogeneous community of blob faces, and a mixed one of everything."""

import hashlib
import math
from random import Random

from PIL import Image, ImageDraw, ImageFont

from memegan.demo.palettes import OUTLINE, Colour
from memegan.demo.world import draw, scene

_SKINS: tuple[Colour, ...] = (
    (255, 214, 92),
    (150, 220, 120),
    (140, 196, 255),
    (255, 160, 170),
    (214, 178, 255),
    (255, 186, 120),
)
_WALLS: tuple[Colour, ...] = (
    (64, 72, 120),
    (36, 104, 104),
    (120, 56, 92),
    (90, 90, 98),
    (176, 108, 48),
    (58, 96, 56),
)
_TOPS = (
    "when the build is green",
    "me on monday",
    "nobody:",
    "one does not simply",
    "still loading",
    "the meeting:",
    "ship it friday",
    "is this a bug",
)
_BOTTOMS = (
    "it was cached",
    "coffee first",
    "absolutely nobody",
    "read the docs",
    "works here",
    "retry",
    "could be an email",
    "a feature",
)


def _rng(*place: object) -> Random:
    return Random(int.from_bytes(hashlib.sha256("/".join(map(str, place)).encode()).digest()[:8]))


def blobface(number: int, size_px: int) -> Image.Image:
    """Draw one of a homogeneous community as RGB: a face, now and then below a bar of text."""
    rng, face = _rng("bar", number), _face(number, size_px)
    return _barred(face, rng.choice((*_TOPS, *_BOTTOMS))) if rng.random() < 0.15 else face


def _face(number: int, size_px: int) -> Image.Image:
    """Draw the same round head each time, in another mood, colour and dress."""
    rng, side = _rng("blobface", number), 2 * size_px
    image = Image.new("RGB", (side, side), rng.choice(_WALLS))
    pen, width = ImageDraw.Draw(image), max(2, side // 64)
    x, y = side * rng.uniform(0.42, 0.58), side * rng.uniform(0.48, 0.58)
    radius, skin = side * rng.uniform(0.28, 0.38), rng.choice(_SKINS)
    _backdrop(pen, rng, x, y, side)
    for way in (-1, 1):  # ears
        _disc(pen, x + way * radius, y, radius * 0.22, skin, width)
    _disc(pen, x, y, radius, skin, width)
    for way in (-1, 1):  # cheeks
        _disc(pen, x + way * radius * 0.62, y + radius * 0.2, radius * 0.13, _blush(skin), 0)
    _eyes(pen, rng, x, y, radius, width)
    _mouth(pen, rng.uniform(-1, 1), x, y + radius * 0.42, radius, width)
    _dress(pen, rng, x, y, radius, width)
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


def _barred(image: Image.Image, text: str) -> Image.Image:
    """Return the picture with a white bar of text above it, of the same size in all."""
    side, bar = image.width, round(image.width * 0.16)
    page = Image.new("RGB", image.size, (255, 255, 255))
    page.paste(image.crop((0, bar // 2, side, side - bar + bar // 2)), (0, bar))
    font = ImageFont.load_default(max(8, side // 11))
    ImageDraw.Draw(page).text((side * 0.04, bar * 0.16), text, OUTLINE, font)
    return page


def anything(number: int, size_px: int) -> Image.Image:
    """Draw one of a mixed community as RGB.

    Captioned templates (few pictures, many captions), cartoons, text walls, and screenshots of
    other posts.
    """
    rng = _rng("anything", number)
    match rng.randrange(5):
        case 0:
            base = draw(scene(90_000 + rng.randrange(6)), "photo", size_px)
            return captioned(base, rng.choice(_TOPS), rng.choice(_BOTTOMS))
        case 1:
            base = _face(rng.randrange(10_000, 10_006), size_px)
            return captioned(base, rng.choice(_TOPS), rng.choice(_BOTTOMS))
        case 2:
            return draw(scene(80_000 + number), "cartoon", size_px)
        case 3:
            return _screenshot(rng, _face(20_000 + number, size_px))
        case _:
            return _text_wall(rng, size_px)


def _screenshot(rng: Random, post: Image.Image) -> Image.Image:
    """Show a post in a feed: bars of the reader's program around a smaller picture."""
    side = post.width
    page = Image.new("RGB", post.size, (244, 245, 248))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(max(8, side // 14))
    pen.rectangle((0, 0, side, side * 0.1), fill=rng.choice(_WALLS))
    pen.ellipse((side * 0.06, side * 0.13, side * 0.16, side * 0.23), fill=rng.choice(_SKINS))
    pen.text((side * 0.2, side * 0.13), rng.choice(_TOPS), OUTLINE, font)
    inner = round(side * 0.62)
    page.paste(post.resize((inner, inner), Image.Resampling.BOX), (round(side * 0.2), side // 4))
    pen.text((side * 0.2, side * 0.89), f"{rng.randrange(2, 999)} likes", (120, 124, 134), font)
    return page


def _text_wall(rng: Random, size_px: int) -> Image.Image:
    paper, ink = rng.choice((((250, 250, 250), (20, 20, 20)), ((24, 26, 32), (230, 230, 230))))
    image = Image.new("RGB", (size_px, size_px), paper)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(max(8, size_px // 14))
    for line in range(7):
        words = " ".join(rng.choice((*_TOPS, *_BOTTOMS)).split()[:3])
        pen.text((size_px * 0.06, size_px * (0.05 + 0.13 * line)), words, ink, font)
    return image


def _blush(skin: Colour) -> Colour:
    red, green, blue = skin
    return red, round(green * 0.78), round(blue * 0.8)


def _backdrop(pen: ImageDraw.ImageDraw, rng: Random, x: float, y: float, side: int) -> None:
    """Paint rays around the head, a floor, a slanted half, spots, or nothing."""
    colour, at = rng.choice(_WALLS), rng.uniform(0.1, 0.9) * side
    match rng.randrange(5):
        case 0:
            box, turn = (x - 2 * side, y - 2 * side, x + 2 * side, y + 2 * side), rng.uniform(0, 30)
            for sector in range(0, 360, 30):
                pen.pieslice(box, sector + turn, sector + turn + 15, fill=colour)
        case 1:
            pen.rectangle((0, at, side, side), fill=colour)
        case 2:
            pen.polygon(((0, 0), (at, 0), (side - at, side), (0, side)), fill=colour)
        case 3:
            for _ in range(12):
                spot = rng.uniform(0, side), rng.uniform(0, side)
                _disc(pen, *spot, rng.uniform(0.03, 0.12) * side, colour, 0)


def _eyes(
    pen: ImageDraw.ImageDraw, rng: Random, x: float, y: float, radius: float, width: int
) -> None:
    look, open_ = rng.uniform(-0.08, 0.08) * radius, rng.uniform(0.12, 0.24)
    for way in (-1, 1):
        ex, ey = x + way * radius * 0.38, y - radius * 0.22
        _disc(pen, ex, ey, radius * open_, (255, 255, 255), width)
        _disc(pen, ex + look, ey, radius * 0.09, OUTLINE, 0)
        tilt = rng.uniform(-0.14, 0.14) * radius
        brow = (
            (ex - radius * 0.2, ey - radius * 0.34 + tilt),
            (ex + radius * 0.2, ey - radius * 0.34),
        )
        pen.line(brow, fill=OUTLINE, width=2 * width)


def _dress(pen: ImageDraw.ImageDraw, rng: Random, x: float, y: float, r: float, width: int) -> None:
    """Add a hat, glasses, a tuft of hair, a bow tie, or nothing."""
    colour = rng.choice(((232, 44, 60), (36, 92, 240), (255, 222, 36), (44, 170, 96)))
    match rng.randrange(6):
        case 0:
            hat = ((x - r * 0.6, y - r * 0.8), (x, y - r * 1.5), (x + r * 0.6, y - r * 0.8))
            pen.polygon(hat, fill=colour, outline=OUTLINE, width=width)
        case 1:
            for way in (-1, 1):
                _disc(pen, x + way * r * 0.38, y - r * 0.22, r * 0.3, None, width)
            pen.line(((x - r * 0.08, y - r * 0.22), (x + r * 0.08, y - r * 0.22)), OUTLINE, width)
        case 2:
            for lean in (-0.3, 0.0, 0.3):
                tuft = ((x - r * 0.1, y - r * 0.95), (x + r * lean, y - r * 1.3))
                pen.line((*tuft, (x + r * 0.1, y - r * 0.95)), OUTLINE, 2 * width)
        case 3:
            for way in (-1, 1):
                wing = (
                    (x, y + r),
                    (x + way * r * 0.4, y + r * 0.8),
                    (x + way * r * 0.4, y + r * 1.2),
                )
                pen.polygon(wing, fill=colour, outline=OUTLINE, width=width)


def _disc(
    pen: ImageDraw.ImageDraw, x: float, y: float, r: float, fill: Colour | None, width: int
) -> None:
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
