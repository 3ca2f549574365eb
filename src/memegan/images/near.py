"""Pictures that are nearly alike: descriptions propose pairs, the pixels decide.

Every public perceptual hash merges memes that share a template and differ in the caption. Here
a picture is the `same` only when no line-shaped part of it differs; one that differs in a few
lines shares the `template`: it is kept, tied to the other so that the split keeps them together.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from memegan.images.decided import Decided
from memegan.images.ordered import ordered_map
from memegan.images.params import DedupParams
from memegan.images.same import (
    UNRELATED,
    Difference,
    aligned,
    difference,
    half,
    halved,
    placed,
    twice,
)
from memegan.images.shelf import Shelf
from memegan.images.views import CUTS, WAYS, Match, laid, matches
from memegan.records import Level

NOTHING_DECIDED = Decided()
_SURE = 0.5  # of the limit: a difference that is smaller needs no better alignment
_HOPELESS = 1.2  # of the limit: a line that differs more at half the size is not looked at again
_FADED = 0.8  # of the share that differs, seen at half the size: siblings .5, others .8


Fine = Callable[[int, bool], np.ndarray | None]


def _no_second_look(picture: int, inner: bool) -> None:
    """Say that no picture has more pixels than its thumbnail."""


@dataclass(frozen=True)
class Seen:
    """All pictures: their thumbnails, and what gives one of them, or its inner part, at 256 px."""

    shelf: Shelf
    fine: Fine = _no_second_look


class Groups:
    """Union-find over indices, named by their smallest."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def of(self, n: int) -> int:
        """Return the smallest index that `n` hangs together with."""
        while (above := self._above.get(n, n)) != n:
            self._above[n] = self._above.get(above, above)
            n = above
        return n

    def join(self, a: int, b: int) -> bool:
        """Tie two together; return whether they were apart."""
        a, b = sorted((self.of(a), self.of(b)))
        self._above[b] = a
        return a != b


@dataclass(frozen=True)
class Tie:
    """Picture `later` is to picture `earlier` what `level` says; both are indices."""

    later: int
    earlier: int
    level: Level
    distance: float  # same: how different the worst line is; template: share that differs
    why: str


@dataclass(frozen=True)
class Near:
    """All ties, and for each picture the oldest one that it hangs together with."""

    ties: list[Tie]
    oldest: list[int]


def find_near(
    seen: Seen, p: DedupParams, workers: int = 1, decided: Decided = NOTHING_DECIDED
) -> Near:
    """Compare every picture with the earlier ones that are like it and stand for their copies.

    The same whatever the number of workers: islands of pictures that may hang together are
    decided about apart from each other, each from its earliest picture on.
    """
    proposed: dict[int, list[Match]] = {}
    for match in matches(seen.shelf.views, p.alike, WAYS if p.mirrored else 1):
        proposed.setdefault(max(match.whole, match.part), []).append(match)
    for _, later in decided.same | decided.template:
        proposed.setdefault(later, [])
    groups = Groups()
    for match in itertools.chain.from_iterable(proposed.values()):
        groups.join(match.whole, match.part)
    for one, other in decided.same | decided.template:
        groups.join(one, other)
    islands: dict[int, dict[int, list[Match]]] = {}
    for later in sorted(proposed):
        islands.setdefault(groups.of(later), {})[later] = proposed[later]
    ties: list[Tie] = []
    decide = partial(_ties, seen, p, decided)
    for some in ordered_map(decide, islands.values(), workers):
        ties += some
    ties.sort(key=lambda tie: (tie.later, tie.earlier))
    groups = Groups()
    for tie in ties:
        groups.join(tie.later, tie.earlier)
    return Near(ties, [groups.of(n) for n in range(len(seen.shelf))])


def _ties(
    seen: Seen, p: DedupParams, decided: Decided, island: Mapping[int, list[Match]]
) -> list[Tie]:
    """Decide about pictures that were proposed to each other, the earliest first."""
    ties: list[Tie] = []
    copies: set[int] = set()
    groups = Groups()
    for later, proposals in island.items():
        related = []
        open_ = [m for m in proposals if _pair(m) not in decided.apart]
        told = _told(later, decided, copies)
        for tie in itertools.chain(told, _compared(seen, later, open_, copies, groups, p, decided)):
            if tie.level == "same":
                copies.add(later)
                ties.append(tie)
                break
            related.append(tie)
        else:
            # one for each group that it joins
            ties += [tie for tie in related if groups.join(tie.earlier, later)]
    return ties


def _told(later: int, decided: Decided, copies: set[int]) -> Iterator[Tie]:
    """Yield what people said about a picture."""
    levels: tuple[tuple[Level, frozenset[tuple[int, int]]], ...]
    levels = (("same", decided.same), ("template", decided.template))
    for level, pairs in levels:
        for a, b in sorted(pairs):
            if b == later and a not in copies:
                yield Tie(later, a, level, 0.0, "decided")


def _compared(
    seen: Seen,
    later: int,
    proposals: Sequence[Match],
    copies: set[int],
    groups: Groups,
    p: DedupParams,
    decided: Decided,
) -> Iterator[Tie]:
    """Yield what a picture is to the earlier ones that stand for their copies.

    Once it is tied to a group of pictures, the others of the group may only be the same.
    """
    joined = set[int]()
    for match in proposals:
        pair = _pair(match)
        if pair[0] in copies or pair in decided.template | decided.same:
            continue
        is_joined = groups.of(pair[0]) in joined
        found = judged(seen, match, p, is_joined)
        level = level_of(found, p)
        if level == "template" and is_joined:
            continue
        why = f"{_words(match)}alike {match.alike:.2f}, line {found.line:.2f}, "
        why += f"{found.share:.3f} differs"
        if level == "same":
            yield Tie(later, pair[0], "same", found.line, why)
        elif level == "template":
            joined.add(groups.of(pair[0]))
            yield Tie(later, pair[0], "template", found.share, why)


def level_of(found: Difference, p: DedupParams) -> Level | None:
    """Return what two pictures are to each other; None for nothing."""
    if found.share >= p.template_share or found.likeness < p.template_likeness:
        return None  # blurred things are alike line by line, and as a whole they are not
    is_same = found.line < p.same_line and found.likeness >= p.same_likeness
    return "same" if is_same else "template"


def judged(seen: Seen, match: Match, p: DedupParams, is_joined: bool = False) -> Difference:
    """Return how different two pictures are.

    Half their size tells whether they share a template; whether they are the same, if it is not
    out of the question, only their full size does.

    Args:
        is_joined: they share a template, it is known: only the same is of interest.
    """
    shelf = seen.shelf
    one = laid(shelf.thumb(match.whole, match.whole_inner), match.way)
    other = shelf.thumb(match.part, match.part_inner)
    rough, near = glance(one, other, placed(CUTS[match.cut]))
    if rough.line > _HOPELESS * p.same_line:
        return UNRELATED if is_joined else replace(rough, share=rough.share / _FADED)
    best, warp = _least(one, other, near, p)
    best = replace(best, likeness=max(best.likeness, rough.likeness))  # one may be less sharp
    text = min(shelf.frame_text[match.whole], shelf.frame_text[match.part])
    if match.whole_inner and match.part_inner and text > p.frame_text:
        framed = _with_frames(shelf, match, p)  # what is written around them counts too
        best = replace(best, line=max(best.line, framed))
    if best.line < p.same_line and (finer := _finer(seen, match, warp)) is not None:
        # small letters are to be seen only now; measured so that one limit does for both
        best = replace(best, line=max(best.line, finer * p.same_line / p.fine_line))
    return best


def glance(one: np.ndarray, other: np.ndarray, near: np.ndarray) -> tuple[Difference, np.ndarray]:
    """Return about how different two thumbnails are, seen at half their size, and where they meet.

    A fifth of the cost of looking at all of them.
    """
    one, other, near = halved(one), halved(other), half(near)
    found = aligned(one, other, near)
    if found is None:
        found = near
    return difference(one, other, found), twice(found)


def _least(
    one: np.ndarray, other: np.ndarray, near: np.ndarray, p: DedupParams
) -> tuple[Difference, np.ndarray]:
    """Return the least difference near a place, and the alignment that shows it."""
    found = difference(one, other, near)
    if found.line < _SURE * p.same_line:
        return found, near
    new = aligned(one, other, near)
    better = UNRELATED if new is None else difference(one, other, new)
    return (found, near) if new is None or better.line >= found.line else (better, new)


def _finer(seen: Seen, match: Match, warp: np.ndarray) -> float | None:
    """Return the difference of a line at twice the size; None if they are not large enough."""
    one = seen.fine(match.whole, match.whole_inner)
    other = seen.fine(match.part, match.part_inner)
    if one is None or other is None:
        return None
    one = laid(one, match.way)
    near = twice(warp)
    found = difference(one, other, near).line
    new = aligned(one, other, near)
    return found if new is None else min(found, difference(one, other, new).line)


def _with_frames(shelf: Shelf, match: Match, p: DedupParams) -> float:
    """Return the least difference of a line where one at least is seen with its frame."""
    lines = []
    for whole_inner, part_inner in ((False, False), (False, True), (True, False)):
        one = laid(shelf.thumb(match.whole, whole_inner), match.way)
        other = shelf.thumb(match.part, part_inner)
        lines.append(_least(one, other, placed(CUTS[0]), p)[0].line)
    return min(lines, default=UNRELATED.line)


def _words(match: Match) -> str:
    turned = {0: "", 1: "mirrored, "}.get(match.way, "turned, ")
    framed = "framed, " if match.whole_inner or match.part_inner else ""
    return turned + framed + ("cut, " if match.cut else "")


def _pair(match: Match) -> tuple[int, int]:
    return min(match.whole, match.part), max(match.whole, match.part)
