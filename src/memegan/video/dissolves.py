"""Where one scene becomes another little by little: a mixture of two pictures, in one pass."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt

import cv2
import numpy as np

from memegan.video.likeness import same_scene
from memegan.video.recent import Recent

SPANS_S = (0.4, 0.8, 1.6)  # a dissolve is about as long as one of them
_LEAST = 4  # frames in a span: fewer tell no mixture from a jump
_CHANGE = 6.0  # least change between the ends of a span, as a root mean square, 0..255
_COSINE = 0.35
_GROWTH = 0.35  # of the mixture in the middle half: 1/2 or more in a dissolve, about 0 in a pan
_UNMOVED = 0.7  # of the change: measured, 0.8 or more in dissolves, 0.66 or less in fast pans
_PARTS = (0.5, 0.05, 0.95)  # of the way; counted, so that a flash in between moves none of them
_REACH, _STEP = (8, 20), 3  # rows and columns of a thumb that a pan may move by in so many frames
_NEAR = 16  # found last, among them all that a new one may lie over
_UNEVEN = 0.2  # least change of one half, of the other's


@dataclass(frozen=True)
class Dissolve:
    """Half of the change is over at frame `at`; all of it lies in `first` to `last`.

    `mixed` are the first and the last frame that hold a share of both pictures.
    """

    first: int
    at: int
    last: int
    mixed: tuple[int, int]
    strength: float


@dataclass
class _Span:
    """Two frames so far apart, that go along with the video."""

    length_s: float
    first: int = 0
    last: int = 0
    strength: float = 0.0
    rises: bool = False


@dataclass
class DissolveFinder:
    """Looks at the recent frames each time that one is new; remembers what it found alone.

    In a dissolve from a to b the picture between is (a + b) / 2, so the way from a to it and the
    way from it to b are parallel: their cosine is 1. Of a thing that moves by more than its size
    it is -1/2. A lamp or a slow pan are told by `same_scene`: the scenes at the ends are the same.

    Args:
        same_scene: likeness from which two pictures show one scene.
    """

    recent: Recent
    same_scene: float
    _found: list[Dissolve] = field(default_factory=list)
    _spans: list[_Span] = field(default_factory=lambda: [_Span(length) for length in SPANS_S])

    def look(self) -> None:
        """Weigh the spans that end at the newest frame; keep those that were heaviest before."""
        last = self.recent.count - 1
        for span in self._spans:
            first = self.recent.since(last, span.length_s)
            strength = self._strength(first, last)
            if strength < span.strength and span.rises:
                self._keep(span)
            span.rises = strength > span.strength or (span.rises and strength == span.strength)
            span.first, span.last, span.strength = first, last, strength

    def dissolves(self, others: Sequence[tuple[int, int]]) -> list[Dissolve]:
        """Return what was found, one for all spans that overlap, none that reaches over `others`.

        Args:
            others: what else happened, from the last frame before it to the first after it.
        """
        for span in self._spans:
            self._keep(span)
            span.strength = 0.0
        kept: list[list[Dissolve]] = []
        for one in sorted(self._found, key=lambda found: found.first):
            if any(one.first < last and first < one.last for first, last in others):
                continue
            if kept and one.first < max(found.last for found in kept[-1]):
                kept[-1].append(one)
            else:
                kept.append([one])
        return [max(group, key=_weight) for group in kept]

    def _strength(self, first: int, last: int) -> float:
        """Return change times cosine; 0 where it is no mixture."""
        if last - first < _LEAST:
            return 0.0
        a, b = self.recent.thumb(first), self.recent.thumb(last)
        whole = cv2.norm(a, b, cv2.NORM_L2SQR)
        middle = (first + last) // 2
        if whole < _CHANGE**2 * a.size or any(map(self.recent.is_blank, (first, middle, last))):
            return 0.0
        between = self.recent.thumb(middle)
        halves = cv2.norm(between, a, cv2.NORM_L2SQR), cv2.norm(between, b, cv2.NORM_L2SQR)
        if min(halves) < _UNEVEN**2 * max(halves):
            return 0.0
        cosine = (whole - sum(halves)) / (2 * sqrt(halves[0] * halves[1]))
        return cosine * sqrt(whole / a.size) if cosine >= _COSINE else 0.0

    def _keep(self, span: _Span) -> None:
        """Note a span if its mixture grows and the scenes at its ends are others.

        One that lies over a weightier one that was found cannot be chosen, and is not looked at.
        """
        first, last = span.first, span.last
        near = (one for one in self._found[-_NEAR:] if first < one.last and one.first < last)
        if not span.strength or any(_weight(one) >= _weight(span) for one in near):
            return
        quarters = [first + (last - first) * k // 4 for k in range(5)]
        early, late = (self._share(first, n, last) for n in quarters[1::2])
        if late - early < _GROWTH or self._is_same(first, last) or self._is_pan(quarters):
            return
        shares = [self._share(first, n, last) for n in range(first, last + 1)]
        at, begin, end = (first + sum(share < part for share in shares) for part in _PARTS)
        self._found.append(Dissolve(first, at, last, (begin, end - 1), span.strength))

    def _is_same(self, first: int, last: int, down: int = 0, right: int = 0) -> bool:
        """Tell whether the scene is the same, having moved by so many rows and columns."""
        a, b = self.recent.thumb(first), self.recent.thumb(last)
        ends = [(a, max(0, -down), max(0, -right)), (b, max(0, down), max(0, right))]
        height, width = a.shape[0] - abs(down), a.shape[1] - abs(right)
        parts = [one[y : y + height, x : x + width] for one, y, x in ends]
        return same_scene(parts[0], parts[1], self.same_scene)

    def _is_pan(self, quarters: list[int]) -> bool:
        """Tell whether the scene at the end is that at the start, moved along."""
        step = min(_STEP, quarters[1] - quarters[0])
        short = [_shift(self.recent.thumb(n), self.recent.thumb(n + step)) for n in quarters[:4]]
        ahead = (quarters[1] - quarters[0]) / step
        down, right = (ahead * max(abs(one[k]) for one in short) for k in (0, 1))
        if down <= _REACH[0] and right <= _REACH[1]:
            pairs = [(self.recent.thumb(a), self.recent.thumb(b)) for a, b in pairwise(quarters)]
            ways = [_shift(a, b) for a, b in pairs]
            down, right = (sum(way[k] for way in ways) for k in (0, 1))
            if abs(down) <= 18 and abs(right) <= 32:
                return self._is_same(quarters[0], quarters[-1], int(down), int(right))
        return sum(one[3] for one in short) < _UNMOVED * sum(one[2] for one in short)

    def _share(self, first: int, n: int, last: int) -> float:
        """Return how much of picture n is the last one: 0 at first, 1 at last."""
        a, x, b = (self.recent.thumb(k) for k in (first, n, last))
        whole, to_a, to_b = (cv2.norm(*pair, cv2.NORM_L2SQR) for pair in ((a, b), (x, a), (x, b)))
        return float(0.5 + (to_a - to_b) / (2 * whole))


def _weight(one: Dissolve | _Span) -> float:
    return one.strength * (one.last - one.first)


def _shift(a: np.ndarray, b: np.ndarray) -> tuple[int, int, float, float]:
    """Return by how many rows and columns b's scene has moved, and the change without and with it.

    A change is a sum of squares, of a middle part.
    """
    down, right = _REACH
    apart = cv2.matchTemplate(b, a[down:-down, right:-right], cv2.TM_SQDIFF)
    y, x = divmod(int(apart.argmin()), apart.shape[1])
    return y - down, x - right, float(apart[down, right]), float(apart[y, x])
