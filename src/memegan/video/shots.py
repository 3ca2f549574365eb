"""Where one shot ends and the next begins, from small planes alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

_BINS = 32


@dataclass(frozen=True)
class Shot:
    """Frames `first` to `last`, both included, and what begins it."""

    first: int
    last: int
    transition: str


def find_shots(
    thumbs: np.ndarray, times: Sequence[Fraction], luma: float, histogram: float, flash_s: float
) -> list[Shot]:
    """Split frames into shots at hard cuts and at fades.

    A cut is a change that is large in itself, stands out of its neighbours (a local median, so a
    pan is none) and does not come back within `flash_s` (so a flash is none).

    Args:
        thumbs: (N, 36, 64, 3) uint8, Y U V.
        luma: least mean absolute change over the three planes, 0..255.
        histogram: least change of the Y histogram, half the sum of absolute differences, 0..1.
    """
    if len(thumbs) == 0:
        return []
    change = _changes(thumbs)
    shape = _histograms(thumbs)
    moved = 0.5 * np.abs(np.diff(shape, axis=0)).sum(1)
    starts = {0: "start"}
    for n in range(1, len(thumbs)):
        near = np.concatenate([change[max(0, n - 6) : n - 1], change[n : n + 5]])
        usual = float(np.median(near)) if len(near) else 0.0
        stands_out = change[n - 1] > luma and change[n - 1] > 3 * usual + 2
        if not stands_out or (moved[n - 1] < histogram and change[n - 1] < 1.5 * luma):
            continue
        if _comes_back(thumbs, times, n, luma, flash_s) or _after_flash(
            thumbs, times, n, luma, flash_s
        ):
            continue
        starts[n] = "cut"
    starts |= {n: "fade" for n in _fades(thumbs) if all(abs(n - m) > 2 for m in starts)}
    firsts = sorted(starts)
    lasts = [*(n - 1 for n in firsts[1:]), len(thumbs) - 1]
    return [Shot(a, b, starts[a]) for a, b in zip(firsts, lasts, strict=True)]


def _changes(thumbs: np.ndarray) -> np.ndarray:
    """Mean absolute difference to the frame before, (N - 1,)."""
    found = [np.abs(b.astype(np.int16) - a.astype(np.int16)).mean() for a, b in pairwise(thumbs)]
    return np.asarray(found, np.float64)


def _histograms(thumbs: np.ndarray) -> np.ndarray:
    bins = (thumbs[..., 0] // (256 // _BINS)).reshape(len(thumbs), -1)
    counts = np.stack([np.bincount(row, minlength=_BINS) for row in bins])
    return np.asarray(counts / bins.shape[1])


def _comes_back(
    thumbs: np.ndarray, times: Sequence[Fraction], n: int, luma: float, flash_s: float
) -> bool:
    """Tell whether a frame soon after `n` looks like the one before it: then it was a flash."""
    before = thumbs[n - 1].astype(np.int16)
    for later in range(n + 1, len(thumbs)):
        if float(times[later] - times[n]) > flash_s:
            return False
        if np.abs(thumbs[later].astype(np.int16) - before).mean() < luma:
            return True
    return False


def _after_flash(
    thumbs: np.ndarray, times: Sequence[Fraction], n: int, luma: float, flash_s: float
) -> bool:
    """Tell whether `n` goes back to what was there soon before."""
    now = thumbs[n].astype(np.int16)
    for earlier in range(n - 2, -1, -1):
        if float(times[n] - times[earlier]) > flash_s + 0.2:
            return False
        if np.abs(thumbs[earlier].astype(np.int16) - now).mean() < luma:
            return True
    return False


def _fades(thumbs: np.ndarray) -> list[int]:
    """First frames out of black: the luma was flat and dark, and rises."""
    luma = thumbs[..., 0].reshape(len(thumbs), -1).astype(np.float64)
    dark = (luma.mean(1) < 28) & (luma.std(1) < 8)
    return [n for n in range(1, len(thumbs)) if dark[n - 1] and not dark[n]]
