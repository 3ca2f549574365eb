"""Whether a picture is a screenshot of an editor: straight bars of one colour, full of small signs.

Menus, tool bars and panels are bands along a side of the picture: what divides them is a step
between two even lines, as no photograph or drawing has it, and on their even ground stand letters
and icons. A caption is higher, a frame is empty, a chart has no bars.
"""

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np

LEAST_PX = 300  # of the short side: in a smaller screenshot the signs are no longer to be seen
_GLANCE_PX = 128  # of the short side, at least
_LEAST_LINES = 2  # that are seen at a glance
_MOST_PX = 1600  # of the long side: a larger one is looked at in this size

_LONG = 0.4  # share of the side that a dividing line takes at least
_EVEN = 4  # gray levels: what JPEG makes of an even line
_STEP = 6  # gray levels between two sides of a dividing line
_REACH = 0.25  # share of the picture, from a side, in which bars lie
_THIN, _WIDE = 0.012, 0.1  # share of the picture that a bar is high, of one that lies
_WIDEST = 0.25  # of one that stands
_GROUND = 0.45  # least share of a bar that has its commonest colour
_LIKE = 10  # gray levels around that colour
_SIGNS = 5  # least number of signs on a bar
_MERGED_PX = 3  # a dividing line has two edges


def may_have_bars(gray: np.ndarray) -> bool:
    """Tell at a glance whether anything divides a picture, (H, W) uint8, as bars do."""
    while min(gray.shape) >= 2 * _GLANCE_PX:
        gray = _resized(gray, 0.5)
    across = len(dividing(gray))
    return across + len(dividing(np.ascontiguousarray(gray.T))) >= _LEAST_LINES


def bars(gray: np.ndarray) -> int:
    """Count the bars with signs along the sides of a picture, (H, W) uint8."""
    scale = _MOST_PX / max(gray.shape)
    if scale < 1:
        gray = _resized(gray, scale)
    lying = sum(_is_bar(band) for band in _bands(gray, _WIDE))
    turned = np.ascontiguousarray(gray.T)
    return lying + sum(_is_bar(band) for band in _bands(turned, _WIDEST))


def dividing(gray: np.ndarray) -> np.ndarray:
    """Return the rows below which a long step between two even lines lies, ascending."""
    length = max(2, int(_LONG * gray.shape[1]))
    even = cv2.absdiff(gray[:, 1:], gray[:, :-1]) <= _EVEN
    step = cv2.absdiff(gray[1:], gray[:-1])[:, 1:] >= _STEP
    mask = (step & even[:-1] & even[1:]).view(np.uint8)
    full = np.flatnonzero(np.count_nonzero(mask, axis=1) >= length)
    if not len(full):
        return full
    line = np.ones((1, length), np.uint8)
    long = cv2.erode(mask[full], line, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(full[long.any(axis=1)])


def _bands(gray: np.ndarray, widest: float) -> Iterator[np.ndarray]:
    """Give what lies between neighbouring dividing lines near the upper and the lower side."""
    height = len(gray)
    lines = dividing(gray)
    near = np.concatenate([[-1], lines, [height - 1]])
    for above, below in pairwise(near.tolist()):
        share = (below - above) / height
        inside = below < _REACH * height or above > (1 - _REACH) * height
        if inside and _THIN <= share <= widest and below - above > 2 * _MERGED_PX:
            yield gray[above + _MERGED_PX - 1 : below - 1]


def _is_bar(band: np.ndarray) -> bool:
    """Tell whether small signs stand on an even ground."""
    counts = np.bincount(band.ravel() >> 2, minlength=64)
    ground = int(counts.argmax()) * 4 + 2
    other = cv2.absdiff(band, np.full_like(band, ground)) > _LIKE
    if 1 - other.mean() < _GROUND:
        return False
    filled = np.concatenate([[False], other.any(axis=0), [False]])
    return int(np.count_nonzero(filled[1:] & ~filled[:-1])) >= _SIGNS


def _resized(gray: np.ndarray, scale: float) -> np.ndarray:
    return np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
