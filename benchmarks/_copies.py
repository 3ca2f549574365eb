"""A labelled set for dedup: memes, thirteen copies of each as reposting makes them, three siblings.

A base is a picture with two lines of text: real where the environment's MEMEGAN_REAL_DATA names
the folder that holds them, else and besides drawn by the demo. A copy shows the same picture with
the same words; a sibling shows it with other words, or a thing on it in another colour: it is none.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from memegan.demo.memes import blobface
from memegan.demo.world import draw, scene

EDITS = (
    *("jpeg", "scale", "crop 5 %", "crop 10 %", "border", "letterbox", "screenshot"),
    *("brightness", "watermark", "mirror", "turned", "tint", "gray"),
)
SIBLINGS = ("both lines", "one line", "recoloured")
REAL_FOLDERS = {  # of MEMEGAN_REAL_DATA: how many of each
    "translation/trainA": 110,
    "translation/trainB": 60,
    "superres/kodak": 20,
    "memes": 40,
}
_SYLLABLES = ("ba", "cat", "do", "fe", "gam", "hi", "ku", "lan", "me", "nor", "qua", "tu", "zor")
_WORDS = ("when", "the", "nobody", "my", "friends", "code", "monday", "is", "at", "3", "still")


@dataclass(frozen=True)
class Made:
    """One picture of the set as a file; `kind` is an edit, a sibling, or '' for the base."""

    base: int
    kind: str
    data: bytes


def rng_of(*place: object) -> Random:
    """Return random numbers that follow from a place, on every machine the same."""
    return Random(int.from_bytes(hashlib.sha256("/".join(map(str, place)).encode()).digest()[:8]))


def pictures(drawn: int) -> list[Image.Image | Path]:
    """List real files, where there are any, then `drawn` drawings."""
    root = Path(os.environ.get("MEMEGAN_REAL_DATA", ""))
    real: list[Image.Image | Path] = []
    for name, count in REAL_FOLDERS.items() if root.name else ():
        files = sorted(p for p in (root / name).glob("*") if p.suffix in (".jpg", ".png"))
        real += files[:count]
    return [*real, *(drawing(n) for n in range(drawn))]


def drawing(number: int) -> Image.Image:
    """Draw a photo, a cartoon, or a blob face of a community in which all look alike."""
    match number % 5:
        case 0 | 1:
            return draw(scene(500_000 + number), "photo", 480)
        case 2 | 3:
            return draw(scene(600_000 + number), "cartoon", 480)
        case _:
            return blobface(30_000 + number, 480)


def family(base: int, picture: Image.Image | Path) -> Iterator[Made]:
    """Yield a base, its copies and its siblings; the bytes follow from `base` alone."""
    image = (Image.open(picture) if isinstance(picture, Path) else picture).convert("RGB")
    image.thumbnail((640, 640), Image.Resampling.BOX)
    rng = rng_of("base", base)
    top, bottom = words(rng), words(rng)
    layout = rng.choice(("over", "over", "over", "bar"))
    size = rng.uniform(0.07, 0.11)
    first = written(image, top, bottom, layout, size)
    yield Made(base, "", jpeg(first, rng.randint(82, 94)))
    for kind in EDITS:
        edited, quality = edit(first, kind, rng_of("edit", base, kind))
        yield Made(base, kind, jpeg(edited, quality))
    both = written(image, words(rng), words(rng), layout, size)
    yield Made(base, "both lines", jpeg(both, rng.randint(75, 94)))
    one = written(image, top, words(rng), layout, size)
    yield Made(base, "one line", jpeg(one, rng.randint(75, 94)))
    painted = recoloured(image, rng_of("recoloured", base))
    other = written(painted, top, bottom, layout, size)
    yield Made(base, "recoloured", jpeg(other, rng.randint(75, 94)))


def words(rng: Random) -> str:
    """Say a line of 12 to 26 letters, words and made-up names."""
    line = ""
    while len(line) < 12:
        name = "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3)))
        line += (" " if line else "") + (name if rng.random() < 0.4 else rng.choice(_WORDS))
    return line


def written(image: Image.Image, top: str, bottom: str, layout: str, size: float) -> Image.Image:
    """Write two lines over the picture, white with a dark edge, or the first in a bar above.

    Args:
        size: of the letters, as a share of the picture's height.
    """
    width, height = image.size
    if layout == "bar":
        bar = round(height * size * 1.9)
        page = Image.new("RGB", (width, height + bar), "white")
        page.paste(image, (0, bar))
        _line(page, top, bar * 0.5, height * size, (0, 0, 0), 0)
        _line(page, bottom, bar + height * 0.92, height * size, (255, 255, 255), 2)
        return page
    page = image.copy()
    _line(page, top, height * 0.08, height * size, (255, 255, 255), 2)
    _line(page, bottom, height * 0.92, height * size, (255, 255, 255), 2)
    return page


def _line(
    page: Image.Image, text: str, y: float, size: float, ink: tuple[int, int, int], edge: int
) -> None:
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(max(9, size))
    wide = pen.textlength(text, font=font)
    if wide > page.width * 0.94:
        font = ImageFont.load_default(max(9, size * page.width * 0.94 / wide))
    pen.text((page.width / 2, y), text, ink, font, "mm", stroke_width=edge, stroke_fill=(0, 0, 0))


def edit(image: Image.Image, kind: str, rng: Random) -> tuple[Image.Image, int]:
    """Return the edited picture, and the JPEG quality it is to be stored at."""
    width, height = image.size
    quality = rng.randint(70, 92)
    match kind:
        case "jpeg":
            return image, 30
        case "scale":
            share = rng.uniform(0.35, 0.8)
            return image.resize((round(width * share), round(height * share))), quality
        case "crop 5 %" | "crop 10 %":
            keep = 0.95 if kind == "crop 5 %" else 0.9
            w, h = round(width * keep), round(height * keep)
            x, y = rng.randint(0, width - w), rng.randint(0, height - h)
            return image.crop((x, y, x + w, y + h)), quality
        case "border":
            side = round(min(width, height) * rng.uniform(0.03, 0.1))
            return _framed(image, (side, side, side, side), _grey(rng)), quality
        case "letterbox":
            bar = round(max(width, height) * rng.uniform(0.08, 0.2))
            sides = (0, bar, 0, bar) if width >= height else (bar, 0, bar, 0)
            return _framed(image, sides, rng.choice(((0, 0, 0), (255, 255, 255)))), quality
        case "screenshot":
            return _screenshot(image, rng), quality
        case "brightness":
            gain, more = rng.uniform(0.75, 1.25), rng.uniform(-25, 25)
            values = np.asarray(image, np.float32) * gain + more
            return Image.fromarray(values.clip(0, 255).astype(np.uint8)), quality
        case "watermark":
            return _watermark(image, rng), quality
        case "mirror":
            return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), quality
        case "turned":
            return image.transpose(Image.Transpose.ROTATE_90), quality
        case "tint":
            return tinted(image, rng), quality
        case "gray":
            return image.convert("L").convert("RGB"), quality
    raise ValueError(kind)


def _grey(rng: Random) -> tuple[int, int, int]:
    level = rng.choice((0, 255, rng.randint(30, 220)))
    return level, level, level


def _framed(
    image: Image.Image, sides: tuple[int, int, int, int], colour: tuple[int, int, int]
) -> Image.Image:
    """Put bars left, above, right and below."""
    left, above, right, below = sides
    page = Image.new("RGB", (image.width + left + right, image.height + above + below), colour)
    page.paste(image, (left, above))
    return page


def _screenshot(image: Image.Image, rng: Random) -> Image.Image:
    """Show it on a telephone: bars above and below, a clock, marks."""
    width = image.width
    above, below = (round(width * rng.uniform(0.15, 0.4)) for _ in range(2))
    dark = rng.random() < 0.5
    paper, ink = ((0, 0, 0), (230, 230, 230)) if dark else ((255, 255, 255), (30, 30, 30))
    page = _framed(image, (0, above, 0, below), paper)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(max(9, width * 0.035))
    pen.text(
        (width * 0.04, width * 0.012), f"{rng.randint(0, 23)}:{rng.randint(10, 59)}", ink, font
    )
    for k in range(3):
        x = width * (0.95 - 0.05 * k)
        pen.rectangle((x - width * 0.03, width * 0.02, x, width * 0.045), fill=ink)
        y, x = page.height - below * 0.4, width * (0.25 + 0.25 * k)
        pen.ellipse((x - width * 0.02, y, x + width * 0.02, y + width * 0.04), outline=ink, width=2)
    return page


def _watermark(image: Image.Image, rng: Random) -> Image.Image:
    """Sign it in a corner, half seen through."""
    layer, size = image.copy(), image.height * 0.04
    pen, font = ImageDraw.Draw(layer), ImageFont.load_default(max(9, size))
    at = rng.choice(((0.03, 0.5), (0.6, 0.85), (0.03, 0.8), (0.65, 0.2)))
    place = (image.width * at[0], image.height * at[1])
    pen.text(place, f"@{words(rng).split()[-1]}.net", (255, 255, 255), font)
    return Image.blend(image, layer, 0.6)


def tinted(image: Image.Image, rng: Random) -> Image.Image:
    """Move the white balance and the gamma of the whole picture."""
    values = np.asarray(image, np.float32) / 255
    gains = np.array([rng.uniform(0.8, 1.2) for _ in range(3)], np.float32)
    changed = gains * values ** np.float32(rng.uniform(0.75, 1.33))
    return Image.fromarray((255 * changed).clip(0, 255).astype(np.uint8))


def recoloured(image: Image.Image, rng: Random) -> Image.Image:
    """Give one thing another colour: a patch of like pixels, 3 to 30 % of the picture.

    Its chroma moves by 40 to 90 levels, its luma by up to 40; shading and texture stay.
    """
    pixels = np.asarray(image)
    before = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    best, farthest = pixels, 0.0
    for _ in range(40):
        if farthest >= 40:  # black and white take no colour: then another patch is tried
            break
        patch, way = _patch(pixels, rng)[..., None], rng.uniform(0, 2 * np.pi)
        far = rng.uniform(50, 90)
        move = np.array([rng.uniform(-40, 40), far * np.cos(way), far * np.sin(way)])
        painted = (before + patch * move).clip(0, 255).astype(np.uint8)
        shown = cv2.cvtColor(painted, cv2.COLOR_YCrCb2RGB)
        after = cv2.cvtColor(shown, cv2.COLOR_RGB2YCrCb)
        moved = (patch * (after.astype(np.float32) - before)).sum((0, 1)) / patch.sum()
        if float(np.hypot(*moved[1:])) > farthest:
            best, farthest = shown, float(np.hypot(*moved[1:]))
    return Image.fromarray(best)


def _patch(pixels: np.ndarray, rng: Random) -> np.ndarray:
    """Return how much each pixel belongs to a patch of one colour, (H, W) float32 in 0..1."""
    high, wide = pixels.shape[:2]
    small = cv2.GaussianBlur(cv2.resize(pixels, (96, 96), interpolation=cv2.INTER_AREA), (0, 0), 1)
    for reach in (6, 9, 13, 18, 24) * 4:
        seed, mask = (rng.randint(12, 83), rng.randint(12, 83)), np.zeros((98, 98), np.uint8)
        flags = cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
        cv2.floodFill(small, mask, seed, 0, (reach,) * 3, (reach,) * 3, flags)
        found = cv2.morphologyEx(mask[1:-1, 1:-1], cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        if 0.03 <= found.mean() <= 0.3:
            break
    else:
        found = np.zeros((96, 96), np.uint8)
        cv2.ellipse(found, (rng.randint(30, 66), rng.randint(30, 66)), (16, 12), 0, 0, 360, 1, -1)
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), 0.7)
    return np.asarray(cv2.resize(soft, (wide, high), interpolation=cv2.INTER_LINEAR))


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Return the file's bytes."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
