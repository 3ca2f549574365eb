"""Where one shot ends and the next begins, from small planes alone, in one pass."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np

from memegan.video.dissolves import SPANS_S, DissolveFinder
from memegan.video.likeness import same_scene
from memegan.video.recent import Recent

Transition = Literal["start", "cut", "fade", "dissolve"]
_NEAR = 5  # frames on each side that tell what change is usual here
_SETTLE_S = 0.4  # before and after a blank: pictures are too dim to be told apart
_FAINT = 0.3  # of the change that is looked at at once: fainter ones must show another scene


@dataclass(frozen=True)
class Shot:
    """Frames `first` to `last`, both included, and what begins it."""

    first: int
    last: int
    transition: Transition


@dataclass(frozen=True)
class _Fade:
    """Frames, first and last, that a blank may reach over and that it dims; where a shot begins."""

    reach: tuple[int, int]
    mixed: tuple[int, int]
    at: int | None


class ShotFinder:
    """Sees the frames of a video one by one; remembers numbers, and thumbs of some seconds.

    A hard cut is a change that stands out of its neighbours (a local median, so a pan is none),
    shows another scene (`same_scene`, so light and shake are none) and does not go back within
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

    def finish(self) -> tuple[list[Shot], list[tuple[int, int]]]:
        """Return the shots of all frames seen, and the first and last frames of each mixture.

        A mixture is what a fade or a dissolve shows between its two pictures.
        """
        count = len(self._times)
        if count == 0:
            return [], []
        while self._waiting:
            self._decide(self._waiting.popleft(), count - 1)
        fades = list(self._fades())
        cuts = [n for n in self._cuts if not any(a < n <= b for a, b in (f.reach for f in fades))]
        others = [(n - 1, n) for n in cuts] + [fade.reach for fade in fades]
        dissolves = self._dissolves.dissolves(others)
        starts: dict[int, Transition] = {one.at: "dissolve" for one in dissolves}
        starts |= dict.fromkeys(cuts, "cut")
        starts |= {fade.at: "fade" for fade in fades if fade.at is not None}
        starts[0] = "start"
        firsts = sorted(starts)
        lasts = [*(n - 1 for n in firsts[1:]), count - 1]
        shots = [Shot(a, b, starts[a]) for a, b in zip(firsts, lasts, strict=True)]
        return shots, sorted([fade.mixed for fade in fades] + [one.mixed for one in dissolves])

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

    def _fades(self) -> Iterator[_Fade]:
        """Yield what lies around each run of blank frames that is no flash.

        Black before the first picture is no shot of its own, nor is black after the last one.
        """
        blank, last = [*self._blank, False], len(self._blank) - 1
        for after in (n for n in range(1, last + 2) if blank[n - 1] > blank[n]):
            first = after - 1
            while first > 0 and blank[first - 1]:
                first -= 1
            if after in self._flashes:
                continue
            low, high = max(first - 1, 0), min(after, last)
            begin, end = self._ramp(low, -1), self._ramp(high, 1)
            mixed = (begin + 1 if first else 0, end - 1 if after <= last else last)
            at = first if first in self._jumps else after
            reach = (self._ramp(low, -1, _SETTLE_S), self._ramp(high, 1, _SETTLE_S))
            yield _Fade(reach, mixed, at if first > 0 and after <= last else None)

    def _ramp(self, n: int, way: Literal[-1, 1], settle_s: float = 0.0) -> int:
        """Return the frame up to which the light still changes, going `way` from a blank.

        Args:
            settle_s: go on at least so long.
        """
        begin, last = self._times[n], len(self._times) - 1
        while 0 <= n + way <= last:
            ahead = min(max(n + 4 * way, 0), last)
            settles = abs(self._times[n + way] - begin) <= settle_s
            if not settles and self._light[ahead] <= self._light[n] + 0.5:
                break
            n += way
        return n

    def _same(self, a: int, b: int) -> bool:
        return same_scene(self._recent.thumb(a), self._recent.thumb(b), self.same_scene)

    def _distance(self, a: int, b: int) -> float:
        one, other = self._recent.thumb(a), self._recent.thumb(b)
        return cv2.norm(one, other, cv2.NORM_L1) / one.size
