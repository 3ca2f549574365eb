"""Whether two small pictures show the same scene, whatever the light, and moved a little."""

from itertools import pairwise
from statistics import median

import cv2
import numpy as np

_BLOCKS = (3, 4)  # rows and columns of them
_REACH = (3, 5)  # how far a block may have moved, in rows and columns of a thumb
_PLAIN = 3.0  # deviation of luma below which a block has nothing to be known by
_DRAWN = 6.0  # ... and above which it has
_SURE = (0.5, 0.9)  # outside of it the other way round tells nothing new
_LIT = 40  # luma of a picture, not of black bars
_BLANK, _DARK, _BRIGHT = 8.0, 28.0, 225.0


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Return how much of a scene is still there: 1 for all, about 0.3 for another scene.

    Each block of one picture is looked for near its place in the other by normalised correlation,
    which knows no brightness and no contrast; the median of the blocks counts. So a title over a
    third of a picture, a lamp, a shaking hand leave a scene what it is.

    Args:
        a, b: (36, 64, 3) uint8 of Y, U, V.
    """
    lit = np.maximum(a[..., 0], b[..., 0]) > _LIT
    rows, columns = (np.flatnonzero(lit.any(axis=axis)) for axis in (1, 0))
    if len(rows) >= lit.shape[0] / 2 and len(columns) >= lit.shape[1] / 2:  # bars are all alike
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        a, b = a[part], b[part]
    there = _kept(a, b)
    return max(there, _kept(b, a)) if _SURE[0] < there < _SURE[1] else there


def is_blank(thumb: np.ndarray) -> bool:
    """Tell whether a thumb is all black or all white."""
    mean = cv2.mean(thumb)[0]
    return not _DARK <= mean <= _BRIGHT and float(thumb[..., 0].std()) < _BLANK


def _kept(a: np.ndarray, b: np.ndarray) -> float:
    found = []
    tops, lefts = (
        np.linspace(0, side, count + 1).astype(int).tolist()
        for side, count in zip(a.shape, _BLOCKS, strict=False)
    )
    for y, low in pairwise(tops):
        for x, right in pairwise(lefts):
            block = a[y:low, x:right]
            near = b[
                max(0, y - _REACH[0]) : low + _REACH[0], max(0, x - _REACH[1]) : right + _REACH[1]
            ]
            if _deviation(block) >= _PLAIN:
                found.append(float(cv2.matchTemplate(near, block, cv2.TM_CCOEFF_NORMED).max()))
            elif _deviation(near) >= _DRAWN:
                found.append(0.0)
    return median(found) if found else 1.0


def _deviation(part: np.ndarray) -> float:
    return float(cv2.meanStdDev(part)[1][0, 0])
