"""Whether two pictures that lie on each other are coloured alike, but for a change of the whole.

White balance, gamma, saturation, gray, a vignette: one smooth rule for the whole picture, which is
found and undone. A thing that has another colour is what no such rule explains.
"""

import cv2
import numpy as np

from memegan.images.features import CHROMA_PX

_WINDOW = (4, 4)  # cells: an eighth of the side, the least thing that counts in full
_STRONG = 40.0  # levels of chroma: beyond that, a difference counts by its share of them
_LUMA = 0.4  # what a difference of luma counts: clipping alone makes some
_ONE_TONE = 6.0  # levels: JPEG leaves so much colour in what is gray
_ROUNDS = 4
_SIGMA = 8.0  # levels: a cell that is farther from the rule has little say in it
_CUT_OFF = (4, 251)  # levels: a channel outside says nothing of the rule
_FEW = 0.04  # share of the cells that is too few to find a rule by
_OVERLAP = 0.3
_EDGE = np.ones((3, 3), np.uint8)
_FLAGS = cv2.WARP_INVERSE_MAP


def painted(gray: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Return (128, 128, 3) float32 luma, Cr and Cb, of (128, 128) and (2, 32, 32) uint8."""
    large = [
        cv2.resize(plane.astype(np.float32), gray.shape[::-1], interpolation=cv2.INTER_LINEAR)
        for plane in chroma
    ]
    return np.dstack([gray.astype(np.float32), *large])


def colour_change(one: np.ndarray, other: np.ndarray, warp: np.ndarray) -> float:
    """Return how far the colours of some thing differ, in levels: 0 alike, 30 another colour.

    The rule has to lead from each to the other; but to gray, or to one tone, there is no way back.

    Args:
        one: as `painted`.
        other: likewise; the warp, (2, 3), says where each pixel of `one` lies in it.
    """
    size = one.shape[1::-1]
    flags = _FLAGS | cv2.INTER_LINEAR
    moved = cv2.warpAffine(other, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    all_of_it = np.full(one.shape[:2], 1, np.uint8)
    inside = cv2.warpAffine(all_of_it, warp, size, flags=_FLAGS | cv2.INTER_NEAREST)
    shared = _cells(cv2.erode(inside, _EDGE).astype(np.float32)) > 0.99
    if shared.mean() < _OVERLAP:
        return 2 * _STRONG
    a, b = _cells(one), _cells(np.asarray(moved))
    ways = (_farthest(a, b, shared), _farthest(b, a, shared))
    one_tone = _is_of_one_tone(a, shared) or _is_of_one_tone(b, shared)
    return min(ways) if one_tone else max(ways)


def _is_of_one_tone(cells: np.ndarray, shared: np.ndarray) -> bool:
    """Tell whether colours follow from luma alone: gray, sepia."""
    luma = cells[..., 0].ravel() / 128 - 1
    terms, usable = np.stack([np.ones_like(luma), luma, luma * luma], 1), shared.ravel()
    for c in (1, 2):
        chroma = cells[..., c].ravel()
        apart = (chroma - _fitted(chroma, terms, usable)) * usable
        noiseless = cv2.blur(apart.reshape(shared.shape), (2, 2))
        if float(np.abs(noiseless).max()) > _ONE_TONE:
            return False
    return True


def _cells(picture: np.ndarray) -> np.ndarray:
    small = (CHROMA_PX, CHROMA_PX)
    return np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA))


def _farthest(y: np.ndarray, x: np.ndarray, shared: np.ndarray) -> float:
    """Return the largest mean difference in a window of y, (32, 32, 3), from what x foretells."""
    foretold = _foretold(y, x, shared)
    weight = shared.astype(np.float32)
    full = cv2.blur(weight, _WINDOW, borderType=cv2.BORDER_CONSTANT)
    inside = full > 0.9
    if not inside.any():
        return 2 * _STRONG

    def means(cells: np.ndarray) -> np.ndarray:
        total = cv2.blur(cells * weight[..., None], _WINDOW, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(total)[inside] / full[inside, None]

    apart, seen, told = means(y - foretold), means(y - 128), means(foretold - 128)
    strong = (np.square(seen[:, 1:]).sum(1) + np.square(told[:, 1:]).sum(1)) / 2
    chroma = np.hypot(apart[:, 1], apart[:, 2]) / np.sqrt(1 + strong / _STRONG**2)
    return float(max(chroma.max(), _LUMA * np.abs(apart[:, 0]).max()))


def _foretold(y: np.ndarray, x: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Return what one rule for the whole picture makes of x, (32, 32, 3) float32.

    Luma follows from luma by a parabola, each chroma from itself and luma; all of them vary over
    the picture as a vignette does. Then what no screen shows is cut off.
    """
    luma = x[..., 0].ravel() / 128 - 1
    light = [np.ones_like(luma), luma, *_PLACE]
    channels = _rgb(y).reshape(-1, 3)
    usable = shared.ravel() & ((channels > _CUT_OFF[0]) & (channels < _CUT_OFF[1])).all(1)
    if np.count_nonzero(usable) < _FEW * usable.size:
        usable = shared.ravel()
    told = [_fitted(y[..., 0].ravel(), np.stack([*light, luma * luma], 1), usable)]
    for c in (1, 2):
        terms = np.stack([*light, x[..., c].ravel() / 64 - 2], 1)
        told.append(_fitted(y[..., c].ravel(), terms, usable))
    return _luma_chroma(_rgb(np.stack(told, -1).reshape(y.shape)).clip(0, 255))


def _fitted(target: np.ndarray, terms: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return what the terms, (N, k), make of the target, (N,): least squares with Cauchy weights.

    Iteratively reweighted (Holland and Welsch 1977), a trace of ridge on all but the mean.
    """
    terms = terms.astype(np.float64)
    ridge = np.diag([0.0] + [1e-5 * len(target)] * (terms.shape[1] - 1))
    ridge[0, 0] = 1e-9 * len(target)
    weights, made = usable.astype(np.float64), target
    for _ in range(_ROUNDS):
        weighted = terms.T * weights
        made = terms @ np.linalg.solve(weighted @ terms + ridge, weighted @ target)
        weights = usable / (1 + np.square((target - made) / _SIGMA))
    return made


def _rgb(cells: np.ndarray) -> np.ndarray:
    """Turn luma, Cr, Cb to R, G, B in floating point (Rec. ITU-R BT.601, full range)."""
    y, cr, cb = cells[..., 0], cells[..., 1] - 128, cells[..., 2] - 128
    return np.stack([y + 1.402 * cr, y - 0.714136 * cr - 0.344136 * cb, y + 1.772 * cb], -1)


def _luma_chroma(cells: np.ndarray) -> np.ndarray:
    y = cells @ np.array([0.299, 0.587, 0.114])
    cr, cb = (cells[..., 0] - y) / 1.402 + 128, (cells[..., 2] - y) / 1.772 + 128
    return np.stack([y, cr, cb], -1).astype(np.float32)


def _places() -> tuple[np.ndarray, ...]:
    """The terms of a vignette and of a light leak: places from -1 to 1, their squares, both."""
    side = np.linspace(-1, 1, CHROMA_PX)
    v, u = (axis.ravel() for axis in np.meshgrid(side, side, indexing="ij"))
    return u, v, u * u, v * v, u * v


_PLACE = _places()
