"""Where one shot ends and the next begins, from small planes alone, in one pass."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np

from memegan.video.dissolves import SPANS_S, DissolveFinder
from memegan.video.likeness import likeness
from memegan.video.recent import Recent

Transition = Literal["start", "cut", "fade", "dissolve"]
_NEAR = 5  # frames on each side that tell what change is usual here
_SETTLE_S = 0.4  # before and after a blank: pictures are too dim to be told apart
_FAINT = 0.4  # of the change that is looked at at once: fainter ones must show another scene


@dataclass(frozen=True)
class Shot:
    """Frames `first` to `last`, both included, and what begins it."""

    first: int
    last: int
    transition: Transition


class ShotFinder:
    """Sees the frames of a video one by one; remembers numbers, and thumbs of some seconds.

    A hard cut is a change that stands out of its neighbours (a local median, so a pan is none),
    shows another scene (`likeness`, so light and shake are none) and does not go back within
    `flash_s` (so a flash is none). A fade is a run of frames all black or all white between two
    pictures; where it is entered by a jump, the new shot begins with it, else after it. For
    dissolves see there: a shot begins where half of one is over.

    Args:
        luma: least mean absolute change over the three planes that is a cut, 0..255.
        flash_s: a flash lasts no longer.
        same_scene: likeness from which two pictures show one scene, 0..1.
    """

    def __init__(self, luma: float, flash_s: float, same_scene: float) -> None:
        self.luma, self.flash_s, self.same_scene = luma, flash_s, same_scene
        self._recent = Recent(max(1.25 * SPANS_S[-1], 4 * flash_s))
        self._dissolves = DissolveFinder(self._recent, same_scene)
        self._times: list[float] = []
        self._change: list[float] = []  # to the frame before; 0 for frame 0
        self._light: list[float] = []
        self._blank: list[bool] = []
        self._waiting: deque[int] = deque()  # what is decided when more frames have been seen
        self._cuts: list[int] = []
        self._jumps: set[int] = set()  # first blank frames that no fade led to
        self._flashes: set[int] = set()  # first frames after a blank that was but a flash

    def see(self, thumb: np.ndarray, time: Fraction) -> None:
        """Take the next frame, (36, 64, 3) uint8 of Y, U, V."""
        n = len(self._times)
        self._times.append(float(time))
        self._recent.add(thumb, self._times[n])
        self._light.append(cv2.mean(thumb)[0])
        self._blank.append(self._recent.is_blank(n))
        self._change.append(self._distance(n - 1, n) if n else 0.0)
        self._dissolves.look()
        if self._change[n] > _FAINT * self.luma or (n and self._blank[n - 1] > self._blank[n]):
            self._waiting.append(n)
        while self._waiting and self._is_over(self._waiting[0], n):
            self._decide(self._waiting.popleft(), n)

    def shots(self) -> list[Shot]:
        """Return the shots of all frames seen, in their order."""
        count = len(self._times)
        if count == 0:
            return []
        while self._waiting:
            self._decide(self._waiting.popleft(), count - 1)
        fades = dict(self._fades())
        cuts = [n for n in self._cuts if not any(a < n <= b for a, b in fades)]
        others = [(n - 1, n) for n in cuts] + list(fades)
        starts: dict[int, Transition] = {}
        starts |= {one.at: "dissolve" for one in self._dissolves.dissolves(others)}
        starts |= dict.fromkeys(cuts, "cut")
        starts |= dict.fromkeys(fades.values(), "fade")
        starts[0] = "start"
        firsts = sorted(starts)
        lasts = [*(n - 1 for n in firsts[1:]), count - 1]
        return [Shot(a, b, starts[a]) for a, b in zip(firsts, lasts, strict=True)]

    def _is_over(self, at: int, now: int) -> bool:
        return now - at >= _NEAR and self._times[now] - self._times[at] > self.flash_s

    def _decide(self, at: int, now: int) -> None:
        """Tell what the change at frame `at` was, from the frames up to `now`."""
        end = at
        while end < now and self._times[end + 1] - self._times[at] <= self.flash_s:
            end += 1
        if self._blank[at - 1]:
            if not self._blank[at] and self._was_flash(at, end):
                self._flashes.add(at)
        elif self._stands_out(at):
            if self._blank[at]:
                self._jumps.add(at)
            elif not self._goes_back(at, end):
                self._cuts.append(at)

    def _stands_out(self, at: int) -> bool:
        """Tell whether a change is far above the usual; or the largest, and between calm sides.

        Calm: the scene is the same in the two frames before, and in the two after.
        """
        near = self._change[max(1, at - _NEAR) : at] + self._change[at + 1 : at + 1 + _NEAR]
        if self._change[at] > 3 * (float(np.median(near)) if near else 0.0) + 2:
            return True
        sides = 2 <= at < len(self._times) - 1 and self._change[at] > max(self.luma, *near)
        return sides and self._same(at - 2, at - 1) and self._same(at, at + 1)

    def _goes_back(self, at: int, end: int) -> bool:
        """Tell whether the picture before comes back until `end`, or the new one was there."""
        begin = self._recent.since(at - 1, self.flash_s)
        alike = 0.5 * self._change[at]
        pairs = [(at - 1, n) for n in range(at + 1, end + 1)]
        pairs += [(at, n) for n in range(begin, at - 1)]
        if any(self._distance(a, b) < alike for a, b in pairs):
            return True
        return self._same(at - 1, at) or self._same(at - 1, end) or self._same(begin, at)

    def _was_flash(self, at: int, end: int) -> bool:
        """Tell whether the blank frames before `at` were few, and the scene is the same after."""
        first = at - 1
        while first > 0 and self._blank[first - 1]:
            first -= 1
        if first == 0 or self._times[at] - self._times[first] > self.flash_s:
            return False
        if first in self._jumps:
            return self._same(first - 1, at)
        return self._same(self._recent.since(first - 1, self.flash_s), end)  # both are dim near it

    def _fades(self) -> Iterator[tuple[tuple[int, int], int]]:
        """Yield the frames that each fade may reach over, and the first frame of the new shot.

        Black before the first picture is no shot of its own: its frames belong to the first.
        """
        ends = [n for n in range(1, len(self._blank)) if self._blank[n - 1] > self._blank[n]]
        for after in ends:
            first = after - 1
            while first > 0 and self._blank[first - 1]:
                first -= 1
            if after not in self._flashes:
                low, high = self._ramp(first - 1, -1), self._ramp(after, 1)
                yield (low, high), (first if first in {0, *self._jumps} else after)

    def _ramp(self, n: int, way: Literal[-1, 1]) -> int:
        """Return the frame up to which the light still changes, going `way` from a blank."""
        begin, last = self._times[n], len(self._times) - 1
        while 0 <= n + way <= last:
            ahead = min(max(n + 4 * way, 0), last)
            settles = abs(self._times[n] - begin) <= _SETTLE_S
            if not settles and self._light[ahead] <= self._light[n] + 0.5:
                break
            n += way
        return n

    def _same(self, a: int, b: int) -> bool:
        return likeness(self._recent.thumb(a), self._recent.thumb(b)) >= self.same_scene

    def _distance(self, a: int, b: int) -> float:
        one, other = self._recent.thumb(a), self._recent.thumb(b)
        return cv2.norm(one, other, cv2.NORM_L1) / one.size
