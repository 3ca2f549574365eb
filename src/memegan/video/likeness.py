"""Whether two small pictures show the same scene, whatever the light, and moved a little."""

from collections.abc import Iterator
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
    there = _decided(a, b, least)
    return bool(_decided(b, a, least) if there is None else there)


def is_blank(thumb: np.ndarray) -> bool:
    """Tell whether a thumb is all black or all white."""
    mean = cv2.mean(thumb)[0]
    return not _DARK <= mean <= _BRIGHT and float(thumb[..., 0].std()) < _BLANK


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
    tops, lefts = (
        [side * n // count for n in range(count + 1)]
        for side, count in zip(a.shape, _BLOCKS, strict=False)
    )
    down, right = _REACH
    for y, low in pairwise(tops):
        for x, end in pairwise(lefts):
            block = a[y:low, x:end]
            near = b[max(0, y - down) : low + down, max(0, x - right) : end + right]
            if _deviation(block) >= _PLAIN:
                yield float(cv2.matchTemplate(near, block, cv2.TM_CCOEFF_NORMED).max())
            else:
                yield 0.0 if _deviation(near) >= _DRAWN else None


def _deviation(part: np.ndarray) -> float:
    return float(cv2.meanStdDev(part)[1][0, 0])
