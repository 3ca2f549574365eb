"""What two pictures that look alike are to each other: the same, one template, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from memegan.images.colour import colour_change, painted
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
from memegan.images.views import CUTS, Match, laid
from memegan.records import Level

_SURE = 0.5  # of the limit: a difference that is smaller needs no better alignment
_HOPELESS = 1.2  # of the limit: a line that differs more at half the size is not looked at again
_DOUBTFUL = 1.7  # a line that differs more before it is aligned at full size is not aligned again
_FADED = 0.8  # of the share that differs, seen at half the size: siblings .5, others .8
Fine = Callable[[int, bool], np.ndarray | None]


def _no_second_look(picture: int, inner: bool) -> None:
    """Say that no picture has more pixels than its thumbnail."""


@dataclass(frozen=True)
class Seen:
    """All pictures: their thumbnails, and what gives one of them, or its inner part, at 256 px."""

    shelf: Shelf
    fine: Fine = _no_second_look


def level_of(found: Difference, p: DedupParams) -> Level | None:
    """Return what two pictures are to each other; None for nothing."""
    if found.share >= p.template_share or found.likeness < p.template_likeness:
        return None  # blurred things are alike line by line, and as a whole they are not
    return "same" if _may_be_same(found, p) and found.colour < p.same_colour else "template"


def _may_be_same(found: Difference, p: DedupParams) -> bool:
    return found.line < p.same_line and found.likeness >= p.same_likeness


def judged(seen: Seen, match: Match, p: DedupParams) -> Difference:
    """Return how different two pictures are.

    Half their size tells whether they share a template; whether they are the same, if it is not
    out of the question, only their full size does, then small letters, then colours.
    """
    shelf, cut = seen.shelf, placed(CUTS[match.cut])
    one = laid(shelf.thumb(match.whole, match.whole_inner), match.way)
    other = shelf.thumb(match.part, match.part_inner)
    rough, near = glance(one, other, cut)
    if rough.line > _HOPELESS * p.same_line:
        return replace(rough, share=rough.share / _FADED)
    found = difference(one, other, near)
    if match.cut == 0 and found.line > _DOUBTFUL * p.same_line:
        return replace(found, likeness=max(found.likeness, rough.likeness))
    best, warp = _least(one, other, (found, near), cut, p)
    best = replace(best, likeness=max(best.likeness, rough.likeness))  # one may be less sharp
    text = min(shelf.frame_text[match.whole], shelf.frame_text[match.part])
    if match.whole_inner and match.part_inner and text > p.frame_text:
        framed = _with_frames(shelf, match, p)  # what is written around them counts too
        best = replace(best, line=max(best.line, framed))
    if best.line < p.same_line and (finer := _finer(seen, match, warp, cut)) is not None:
        # small letters are to be seen only now; measured so that one limit does for both
        best = replace(best, line=max(best.line, finer * p.same_line / p.fine_line))
    if _may_be_same(best, p):
        return replace(best, colour=_colour(shelf, match, one, other, warp))
    return best


def glance(one: np.ndarray, other: np.ndarray, cut: np.ndarray) -> tuple[Difference, np.ndarray]:
    """Return about how different two thumbnails are, seen at half their size, and where they meet.

    A fifth of the cost of looking at all of them.
    """
    one, other, near = halved(one), halved(other), half(cut)
    found = aligned(one, other, near, cut)
    if found is None:
        found = near
    return difference(one, other, found), twice(found)


def _least(
    one: np.ndarray,
    other: np.ndarray,
    first: tuple[Difference, np.ndarray],
    cut: np.ndarray,
    p: DedupParams,
) -> tuple[Difference, np.ndarray]:
    """Return the least difference near a first place, and the alignment that shows it."""
    found, near = first
    if found.line < _SURE * p.same_line:
        return first
    new = aligned(one, other, near, cut)
    better = UNRELATED if new is None else difference(one, other, new)
    return first if new is None or better.line >= found.line else (better, new)


def _finer(seen: Seen, match: Match, warp: np.ndarray, cut: np.ndarray) -> float | None:
    """Return the difference of a line at twice the size; None if they are not large enough."""
    one = seen.fine(match.whole, match.whole_inner)
    other = seen.fine(match.part, match.part_inner)
    if one is None or other is None:
        return None
    one = laid(one, match.way)
    near = twice(warp)
    found = difference(one, other, near).line
    new = aligned(one, other, near, cut)
    return found if new is None else min(found, difference(one, other, new).line)


def _with_frames(shelf: Shelf, match: Match, p: DedupParams) -> float:
    """Return the least difference of a line where one at least is seen with its frame."""
    lines, whole = [], placed(CUTS[0])
    for whole_inner, part_inner in ((False, False), (False, True), (True, False)):
        one = laid(shelf.thumb(match.whole, whole_inner), match.way)
        other = shelf.thumb(match.part, part_inner)
        first = (difference(one, other, whole), whole)
        lines.append(_least(one, other, first, whole, p)[0].line)
    return min(lines)


def _colour(
    shelf: Shelf, match: Match, one: np.ndarray, other: np.ndarray, warp: np.ndarray
) -> float:
    """Return by how many levels some thing differs in colour."""
    chroma = [laid(c, match.way) for c in shelf.chroma(match.whole, match.whole_inner)]
    theirs = shelf.chroma(match.part, match.part_inner)
    return colour_change(painted(one, np.stack(chroma)), painted(other, theirs), warp)
