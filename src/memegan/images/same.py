"""Whether two pictures that may be alike are the same: laid over each other, compared line by line.

A changed caption fills a window of the shape of some letters; noise, JPEG, a watermark and edges
that moved by a fraction of a pixel do not.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from memegan.images.features import THUMB_PX

_LETTERS = (32, 9)  # width and height of a few letters of a caption, in pixels
_CONTRAST = 64.0  # gray levels: differences and textures that are fainter count little
_HOT = 24  # gray levels: a pixel that differs by more differs
_OVERLAP = 0.3  # least share of the picture that both show
_STEPS = 25
_PRECISION = 1e-3
_BENT = (
    0.15  # scale or slant, from where a cut was made: copies have .085 at most, and .03 of slant
)
_SHADE = (17, 17)  # what changes over more pixels than that is light or tint, and no letters
_EDGE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Difference:
    """`line`: how different the most different line is, 0 equal, about 1 unrelated letters or more.

    `share`: of what both pictures show that differs, 0..1. `likeness`: correlation of all that both
    show, slow changes too, -1..1. `colour`: levels by which some thing differs in colour, where
    that was asked.
    """

    line: float
    share: float
    likeness: float
    colour: float = 0.0


UNRELATED = Difference(line=9.0, share=1.0, likeness=0.0)


def placed(cut: tuple[float, float, float]) -> np.ndarray:
    """Return where each pixel of a whole view lies in the thumbnail it was cut from, (2, 3)."""
    x, y, side = cut
    half = 0.5 * side - 0.5  # pixels have their middle at one half
    return np.array(
        [[side, 0, x * THUMB_PX + half], [0, side, y * THUMB_PX + half]], dtype=np.float32
    )


def aligned(
    one: np.ndarray, other: np.ndarray, near: np.ndarray, cut: np.ndarray
) -> np.ndarray | None:
    """Return where each pixel of `one` lies in `other`, (2, 3) float32; None if nowhere near.

    Enhanced correlation (Evangelidis and Psarakis 2008), affine, from a place that is near.

    Args:
        cut: where it lies if it is that cut, (2, 3): only so far from its scale may it end,
            however many alignments went before.
    """
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _STEPS, _PRECISION)
    everywhere = np.full(one.shape, 255, np.uint8)
    try:
        _, warp = cv2.findTransformECC(
            one, other, near.copy(), cv2.MOTION_AFFINE, criteria, everywhere, gaussFiltSize=5
        )
    except cv2.error:  # it did not converge: there is no such place
        return None
    bent = np.abs(np.asarray(warp)[:, :2] - cut[:, :2])
    return np.asarray(warp) if float(bent.max()) < _BENT else None


def halved(thumb: np.ndarray) -> np.ndarray:
    """Return a picture of half the size, for a look that costs a fifth."""
    half = (thumb.shape[1] // 2, thumb.shape[0] // 2)
    return np.asarray(cv2.resize(thumb, half, interpolation=cv2.INTER_AREA))


def half(warp: np.ndarray) -> np.ndarray:
    """Return the same place for pictures of half the size, (2, 3) float32; undoes `twice`."""
    linear, shift = warp[:, :2].astype(np.float64), warp[:, 2].astype(np.float64)
    shift = (shift - 0.5 + linear @ np.array([0.5, 0.5])) / 2
    return np.column_stack([linear, shift]).astype(np.float32)


def twice(warp: np.ndarray) -> np.ndarray:
    """Return the same place for pictures of twice the size, (2, 3) float32."""
    linear, shift = warp[:, :2].astype(np.float64), warp[:, 2].astype(np.float64)
    # a pixel's middle, at n, is at 2 n + 0.5 in the larger picture
    shift = 2 * shift + 0.5 - linear @ np.array([0.5, 0.5])
    return np.column_stack([linear, shift]).astype(np.float32)


def difference(one: np.ndarray, other: np.ndarray, warp: np.ndarray) -> Difference:
    """Compare two thumbnails where the warp lays them over each other.

    Gain and bias are fitted to what does not differ, so brightness and contrast do not count.
    """
    size, flags = one.shape[::-1], cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(other, warp, size, flags=flags | cv2.INTER_LINEAR)
    inside = cv2.warpAffine(
        np.full(other.shape, 1, np.uint8), warp, size, flags=flags | cv2.INTER_NEAREST
    )
    shared = cv2.erode(inside, _EDGE).astype(bool)  # the rim is mixed with what lies outside
    covered = float(shared.mean())
    if covered < _OVERLAP:
        return UNRELATED
    y = one.astype(np.float32)
    x, likeness = _like(y, moved.astype(np.float32), shared)
    apart = _without_shades(y - x, shared)
    differs = cv2.blur(np.abs(apart), (3, 3)) > _HOT
    share = float((differs & shared).mean()) / covered
    return Difference(_worst_line(x, y, apart, shared), share, likeness)


def _without_shades(apart: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Return the difference without what changes slowly: another tint of the sky, a light leak."""
    weight = shared.astype(np.float32)
    slow = cv2.blur(apart * weight, _SHADE, borderType=cv2.BORDER_CONSTANT)
    covered = cv2.blur(weight, _SHADE, borderType=cv2.BORDER_CONSTANT)
    return np.asarray((apart - slow / np.maximum(covered, 1e-6)) * weight)


def _like(y: np.ndarray, x: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, float]:
    """Return x with the gain and bias that make it like y, 0..255, and how both correlate.

    Outliers have no say in gain and bias, but in the correlation.
    """
    products = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y]).reshape(6, -1)
    likeness = _moments(products, shared).correlation
    usable = shared & (x > 4) & (x < 251) & (y > 4) & (y < 251)  # what is cut off says nothing
    least = 0.04 * usable.size
    if np.count_nonzero(usable) < least:
        usable = shared
    chosen, gain, bias = usable, 1.0, 0.0
    for _ in range(3):
        found = _moments(products, chosen)
        gain = found.covariance / found.spread_x if found.spread_x > 1 else 1.0
        gain = min(max(gain, 0.5), 2.0)
        bias = found.mean_y - gain * found.mean_x
        chosen = usable & (np.abs(y - (gain * x + bias)) < _HOT)
        if np.count_nonzero(chosen) < least / 2:
            break
    return np.asarray((gain * x + bias).clip(0, 255)), likeness


@dataclass(frozen=True)
class _Moments:
    mean_x: float
    mean_y: float
    spread_x: float
    covariance: float
    correlation: float


def _moments(products: np.ndarray, chosen: np.ndarray) -> _Moments:
    count, *sums = (products @ chosen.ravel().astype(np.float32)).tolist()
    x, y, xx, xy, yy = (one / count for one in sums)
    spread_x, spread_y, covariance = xx - x * x, yy - y * y, xy - x * y
    flat = min(spread_x, spread_y) <= 1  # gray levels squared: nothing to correlate
    correlation = 0.0 if flat else covariance / math.sqrt(spread_x * spread_y)
    return _Moments(x, y, spread_x, covariance, correlation)


def _worst_line(x: np.ndarray, y: np.ndarray, apart: np.ndarray, shared: np.ndarray) -> float:
    """Return the largest mean square difference in a window, over its texture and faint contrast.

    For letters over other letters that is about 1: both have the same texture, unrelated.
    """
    worst = 0.0
    weight = shared.astype(np.float32)
    x, y = x * weight, y * weight
    values = cv2.merge((x * x + y * y, x, y, apart * apart))  # one call is faster than four
    for window in (_LETTERS, _LETTERS[::-1]):  # a picture may lie on its side
        full = cv2.blur(weight, window, borderType=cv2.BORDER_CONSTANT)
        inside = full > 0.9
        if not inside.any():
            continue
        square, sum_x, sum_y, change = cv2.split(
            cv2.blur(values, window, borderType=cv2.BORDER_CONSTANT)
        )
        full = np.maximum(full, 1e-6)  # all below are `full` times what their names say
        texture = np.maximum(square - (sum_x * sum_x + sum_y * sum_y) / full, 0)
        ratio = change / (texture + _CONTRAST**2 * full)
        worst = max(worst, float(ratio[inside].max()))
    return worst
