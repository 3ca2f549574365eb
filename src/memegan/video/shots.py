"""Where one shot ends and the next begins, from small planes alone, in one pass."""

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

Transition = Literal["start", "cut", "fade"]
_BINS = 32
_NEAR = 5  # frames on each side that tell what change is usual here
_DARK = (28.0, 8.0)  # mean and deviation of luma below which a frame is black


@dataclass(frozen=True)
class Shot:
    """Frames `first` to `last`, both included, and what begins it."""

    first: int
    last: int
    transition: Transition


@dataclass
class _Cut:
    """A large change at frame `at`; a flash where the picture before comes back in time."""

    at: int
    time: Fraction
    before: np.ndarray
    is_flash: bool = False


@dataclass
class ShotFinder:
    """Sees the frames of a video one by one; remembers numbers, and pixels of half a second.

    A hard cut is a change that is large in itself, stands out of its neighbours (a local median,
    so a pan is none) and does not go back within `flash_s` (so a flash is none). A fade is where
    the picture comes back from black.

    Args:
        luma: least mean absolute change over the three planes, 0..255.
        histogram: least change of the Y histogram, half the sum of absolute differences, 0..1.
        flash_s: a flash lasts no longer.
    """

    luma: float
    histogram: float
    flash_s: float
    _change: list[float] = field(default_factory=list)  # to the frame before, from frame 1 on
    _moved: list[float] = field(default_factory=list)
    _dark: list[bool] = field(default_factory=list)
    _recent: deque[tuple[Fraction, np.ndarray, np.ndarray]] = field(default_factory=deque)
    _cuts: list[_Cut] = field(default_factory=list)
    _open: list[_Cut] = field(default_factory=list)

    def see(self, thumb: np.ndarray, time: Fraction) -> None:
        """Take the next frame, (36, 64, 3) uint8 of Y, U, V."""
        now, shape = thumb.astype(np.int16), _histogram(thumb)
        n = len(self._dark)
        self._dark.append(_is_dark(thumb))
        self._open = [c for c in self._open if float(time - c.time) <= self.flash_s]
        for cut in self._open:
            cut.is_flash |= _distance(now, cut.before) < self.luma
        if self._recent:
            _, before, old = self._recent[-1]
            self._change.append(_distance(now, before))
            self._moved.append(float(0.5 * np.abs(shape - old).sum()))
            if self._change[-1] > self.luma:
                cut = _Cut(n, time, before, self._goes_back(now))
                self._cuts.append(cut)
                self._open.append(cut)
        self._recent.append((time, now, shape))
        while float(time - self._recent[0][0]) > self.flash_s + 0.2:
            self._recent.popleft()

    def shots(self) -> list[Shot]:
        """Return the shots of all frames seen, in their order."""
        count = len(self._dark)
        if count == 0:
            return []
        starts: dict[int, Transition] = {0: "start"}
        for cut in self._cuts:
            if not cut.is_flash and self._stands_out(cut.at - 1):
                from_black = self._dark[cut.at - 1] or self._dark[cut.at]
                starts[cut.at] = "fade" if from_black else "cut"
        lit = self._dark.index(False) if False in self._dark else count
        for n in range(lit + 1, count):  # black before the first picture is no shot of its own
            risen = self._dark[n - 1] and not self._dark[n]
            if risen and all(abs(n - m) > 2 for m in starts):
                starts[n] = "fade"
        firsts = sorted(starts)
        lasts = [*(n - 1 for n in firsts[1:]), count - 1]
        return [Shot(a, b, starts[a]) for a, b in zip(firsts, lasts, strict=True)]

    def _stands_out(self, at: int) -> bool:
        change = self._change[at]
        near = self._change[max(0, at - _NEAR) : at] + self._change[at + 1 : at + 1 + _NEAR]
        usual = float(np.median(near)) if near else 0.0
        if change <= 3 * usual + 2:
            return False
        return self._moved[at] >= self.histogram or change >= 1.5 * self.luma

    def _goes_back(self, now: np.ndarray) -> bool:
        """Tell whether this picture was there soon before, though not in the last frame."""
        return any(_distance(now, thumb) < self.luma for _, thumb, _ in list(self._recent)[:-1])


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean())


def _histogram(thumb: np.ndarray) -> np.ndarray:
    luma = thumb[..., 0].ravel() // (256 // _BINS)
    return np.bincount(luma, minlength=_BINS) / luma.size


def _is_dark(thumb: np.ndarray) -> bool:
    luma = thumb[..., 0]
    return bool(luma.mean() < _DARK[0] and luma.std() < _DARK[1])
