"""Whether two small pictures show the same scene, whatever the light, and moved a little."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from statistics import median

import cv2
import numpy as np

_BLOCKS = (3, 4)  # rows and columns of them
_REACH = (3, 5)  # how far a block may have moved, in rows and columns of a thumb
_PLAIN = 3.0  # deviation of luma below which a block has nothing to be known by
_DRAWN = 6.0  # ... and above which it has
_OTHER = 0.5  # below it the other way round tells nothing new
_LIT = 40  # luma of a picture, not of black bars
_BLANK, _DARK, _BRIGHT = 8.0, 28.0, 225.0


def same_scene(a: np.ndarray, b: np.ndarray, least: float) -> bool:
    """Tell whether the scene of one picture is that of another, lit otherwise or moved a little.

    Each block of one picture is looked for near its place in the other by normalised correlation,
    which knows no brightness and no contrast; the median of the blocks counts: measured, 0.9 of
    one scene and 0.3 of two. So a title over a third of a picture changes no scene.

    Args:
        a, b: (36, 64, 3) uint8 of Y, U, V.
        least: median from which it is the same, 0..1.
    """
    lit = np.maximum(a[..., 0], b[..., 0]) > _LIT
    rows, columns = (np.flatnonzero(lit.any(axis=axis)) for axis in (1, 0))
    if len(rows) >= lit.shape[0] / 2 and len(columns) >= lit.shape[1] / 2:  # bars are all alike
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        a, b = a[part], b[part]
    if _stays(a, b, least):
        return True
    there = _decided(a, b, least)
    return bool(_decided(b, a, least) if there is None else there)


def is_blank(thumb: np.ndarray) -> bool:
    """Tell whether a thumb is all black or all white."""
    mean = cv2.mean(thumb)[0]
    return not _DARK <= mean <= _BRIGHT and float(thumb[..., 0].std()) < _BLANK


def _stays(a: np.ndarray, b: np.ndarray, least: float) -> bool:
    """Tell whether most blocks are found where they were: then none need be looked for."""
    height, width, channels = a.shape
    down, along = _means(height, width)
    x, y = (one.reshape(height, width * channels) - np.float32(128) for one in (a, b))
    mean_x, mean_y, square_x, square_y, product = (
        (down @ term @ along).reshape(*_BLOCKS, channels) for term in (x, y, x * x, y * y, x * y)
    )
    spread_x, spread_y = square_x - mean_x**2, square_y - mean_y**2
    common = (product - mean_x * mean_y).sum(axis=-1)
    limits = least * np.sqrt((spread_x.sum(axis=-1) * spread_y.sum(axis=-1)).clip(0))
    found = (spread_x[..., 0] >= _PLAIN**2) & (common > limits)
    return bool(np.count_nonzero(found) > found.size // 2)


@cache
def _means(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return matrices that make means of blocks: `down @ picture @ along`, channels apart."""
    tops, lefts = _grid(height, width)
    down, along = (
        np.repeat(np.eye(len(sides) - 1) / np.diff(sides), np.diff(sides), axis=0)
        for sides in (tops, lefts)
    )
    return down.T.astype(np.float32), np.kron(along, np.eye(3)).astype(np.float32)


def _decided(a: np.ndarray, b: np.ndarray, least: float) -> bool | None:
    """Tell by the blocks of a, as soon as most of them say so; None where they are of two minds."""
    known: list[float] = []
    left = _BLOCKS[0] * _BLOCKS[1]
    for found in _found(a, b):
        left -= 1
        known += [] if found is None else [found]
        half = (len(known) + left) / 2
        if sum(one >= least for one in known) > half:
            return True
        if sum(one < _OTHER for one in known) > half:
            return False
    if not known or median(known) >= least:
        return True
    return None


def _found(a: np.ndarray, b: np.ndarray) -> Iterator[float | None]:
    """Yield how well each block of a is found in b; None where there is nothing to be found."""
    tops, lefts = _grid(*a.shape[:2])
    down, right = _REACH
    for y, low in pairwise(tops):
        for x, end in pairwise(lefts):
            block = a[y:low, x:end]
            around = slice(max(0, y - down), low + down), slice(max(0, x - right), end + right)
            near = b[around]
            if _deviation(block) >= _PLAIN:
                yield float(cv2.matchTemplate(near, block, cv2.TM_CCOEFF_NORMED).max())
            else:
                is_new = _deviation(near) >= _DRAWN > _deviation(a[around])
                yield 0.0 if is_new else None


def _grid(height: int, width: int) -> tuple[list[int], list[int]]:
    """Return where the rows and the columns of blocks begin, and where the last ones end."""
    tops, lefts = (
        [side * n // count for n in range(count + 1)]
        for side, count in zip((height, width), _BLOCKS, strict=True)
    )
    return tops, lefts


def _deviation(part: np.ndarray) -> float:
    return float(cv2.meanStdDev(part)[1][0, 0])
