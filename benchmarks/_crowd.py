"""Memes by the hundred thousand whose copies are known: drawn fast, always the same ones.

Of every 1,000 pictures 850 are on grounds of their own and 150 on templates, 100 on each. A tenth
of all shows a picture that is there already: encoded anew, smaller, cut, brighter or framed. All
others have words of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

import cv2
import numpy as np

from benchmarks._copies import rng_of, words

PART = 1_000  # pictures that are planned together
ON_TEMPLATES = 150  # of them
TEMPLATES = 15  # of ten parts: 100 pictures on each
COPIES = 0.1
EDITS = ("jpeg", "scale", "crop", "brightness", "border")


@dataclass(frozen=True)
class Planned:
    """A picture: its ground, the words that make it one of its own, and the edit of a copy."""

    ground: str
    caption: str
    edit: str

    @property
    def shows(self) -> tuple[str, str]:
        """What is equal of a picture and its copies."""
        return self.ground, self.caption


def plan(count: int) -> Iterator[Planned]:
    """Yield what each picture shows, templates mixed among the others; more begin with fewer."""
    for part in range(-(-count // PART)):
        rng = rng_of("crowd", part)
        some = [Planned(_ground(part, n), f"{part}/{n}", "") for n in range(PART)]
        for n in sorted(rng.sample(range(1, PART), round(COPIES * PART))):
            # a template is repeated with its own words
            mates = (
                range(ON_TEMPLATES, n) if n >= ON_TEMPLATES else range(n % TEMPLATES, n, TEMPLATES)
            )
            if first_ones := [some[m] for m in mates if not some[m].edit]:
                some[n] = replace(rng.choice(first_ones), edit=rng.choice(EDITS))
        rng.shuffle(some)
        yield from some[: count - part * PART]


def _ground(part: int, n: int) -> str:
    """Name what a picture is drawn on; a template serves ten parts that follow each other."""
    return f"own {part}/{n}" if n >= ON_TEMPLATES else f"template {part // 10}/{n % TEMPLATES}"


def drawn(planned: Planned) -> bytes:
    """Return a picture's JPEG, about 20 kB."""
    page = _base(planned.ground).copy()
    rng = rng_of("caption", planned.caption)
    high = page.shape[0]
    for y in (round(0.12 * high), round(0.95 * high)):
        _write(page, words(rng).upper(), y)
    page, quality = _edited(page, planned.edit, rng)
    return cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


@lru_cache(maxsize=64)
def _base(ground: str) -> np.ndarray:
    """Draw a ground, (H, W, 3) uint8: soft colours, grain, things with edges."""
    numbers = rng_of("ground", ground)
    rng = np.random.default_rng(numbers.getrandbits(32))
    size = (numbers.randrange(320, 481), numbers.randrange(280, 401))
    page = np.zeros((size[1], size[0], 3), np.float32)
    for cells, strength in ((3, 60), (8, 35), (30, 18)):
        noise = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        page += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    page = np.asarray((page + 128).clip(0, 255).astype(np.uint8))
    for _ in range(numbers.randrange(4, 14)):
        colour = tuple(numbers.randrange(256) for _ in range(3))
        at = (numbers.randrange(size[0]), numbers.randrange(size[1]))
        axes = (numbers.randrange(10, 90), numbers.randrange(10, 90))
        cv2.ellipse(page, at, axes, numbers.randrange(180), 0, 360, colour, -1, cv2.LINE_AA)
    return page


def _write(page: np.ndarray, text: str, y: int) -> None:
    font, width = cv2.FONT_HERSHEY_SIMPLEX, page.shape[1]
    wide = cv2.getTextSize(text, font, 1, 3)[0][0]
    scale = min(0.94 * width / wide, page.shape[0] / 330)
    place = (round((width - wide * scale) / 2), y)
    for colour, thick in (((0, 0, 0), 7), ((255, 255, 255), 2)):
        cv2.putText(page, text, place, font, scale, colour, thick, cv2.LINE_AA)


def _edited(page: np.ndarray, edit: str, rng: Random) -> tuple[np.ndarray, int]:
    """Return the edited picture and the quality it is stored at."""
    high, wide = page.shape[:2]
    match edit:
        case "jpeg":
            return page, 35
        case "scale":
            share = rng.uniform(0.6, 0.9)
            size = (round(wide * share), round(high * share))
            return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA)), 80
        case "crop":
            y, x = (rng.randrange(round(0.06 * side)) for side in (high, wide))
            return page[y : y + round(0.94 * high), x : x + round(0.94 * wide)], 80
        case "brightness":
            return cv2.convertScaleAbs(page, alpha=rng.uniform(0.8, 1.1), beta=10), 80
        case "border":
            side = rng.randrange(8, 30)
            colour = (255, 255, 255)
            bars = (side, side, side, side)
            return cv2.copyMakeBorder(page, *bars, cv2.BORDER_CONSTANT, value=colour), 80
    return page, rng.randrange(75, 93)
