"""Find pictures that may be alike among many, framed, cut, mirrored or turned: candidates only.

A picture is described by the low frequencies of several views of it: all of it, what lies in its
frame, and five cuts of either. Whole views of one picture are compared with all views of the
others, and mirrored or turned in seven ways with the whole ones: those have the same frequencies
with other signs and in another order, so no pixel is looked at again.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from memegan.images.features import THUMB_PX
from memegan.images.ordered import ordered_map

WAYS = 8  # bit 4: transposed, then bit 2: upside down, then bit 1: left to right
CUT = 0.9  # share of the sides that a cut leaves
_PLACES = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
CUTS: tuple[tuple[float, float, float], ...] = (  # x, y, side as shares of a thumbnail
    (0.0, 0.0, 1.0),
    *((x * (1 - CUT), y * (1 - CUT), CUT) for x, y in _PLACES),
)
_WAVES = 10  # frequencies across and down that add up to less
_ORDER = tuple((v, u) for v in range(_WAVES) for u in range(_WAVES) if 0 < v + u < _WAVES)
_DOWN, _ACROSS = (np.array(part) for part in zip(*_ORDER, strict=True))
SCALE = 512  # length of a description: integers, so that sums in float32 are exact
_PICTURES = 256  # that look for earlier ones at once
_ROWS, _TILE = 256, 2048  # their products take 2 MB


@dataclass(frozen=True)
class Match:
    """How two pictures are alike: a whole view of one, laid down some way, and a view of another.

    `whole` and `part` are indices of pictures; `inner` says of each whether its thumbnail or what
    lies in its frame was seen; `cut` is one of CUTS and `way` is how `whole` was laid down.
    """

    alike: float  # cosine of the two descriptions
    whole: int
    whole_inner: bool
    way: int
    part: int
    part_inner: bool
    cut: int


def views(thumb: np.ndarray, inner: np.ndarray | None) -> np.ndarray:
    """Return the descriptions of all views of a picture, (6 or 12, 54) int16.

    Square roots of the DCT's coefficients, with their signs: nearly as steady as the signs alone,
    and they tell more. Each is 512 long, or zero where nothing is to be seen.
    """
    low = np.concatenate([_low(one) for one in (thumb, inner) if one is not None])
    values = np.sign(low) * np.sqrt(np.abs(low))
    lengths = np.sqrt((values * values).sum(axis=1, keepdims=True))
    flat = lengths < 1  # rounding alone made these
    return np.where(flat, 0, values * (SCALE / np.maximum(lengths, 1))).round().astype(np.int16)


def _low(thumb: np.ndarray) -> np.ndarray:
    """Return the low frequencies of all cuts of a thumbnail, (6, 54): the DCT of each cut."""
    down = (_COSINES @ thumb.astype(np.float32)).reshape(len(_STARTS), _WAVES, THUMB_PX)
    return np.stack(
        [(down[_AT[y, side]] @ _COSINES_OF[x, side].T)[_DOWN, _ACROSS] for x, y, side in CUTS]
    ).astype(np.float64)


def _cosines(start: float, side: float) -> np.ndarray:
    """Return the first waves over a part of a thumbnail's side, (10, 128) float32, 0 elsewhere."""
    first, count = round(start * THUMB_PX), round(side * THUMB_PX)
    at = (2 * np.arange(count) + 1) * np.pi / (2 * count)
    waves = np.cos(np.arange(_WAVES)[:, None] * at) * np.sqrt(2 / count)
    waves[0] /= np.sqrt(2)
    return np.pad(waves, ((0, 0), (first, THUMB_PX - first - count))).astype(np.float32)


_STARTS = tuple(sorted({(x, side) for x, _, side in CUTS}))  # the same down and across
_AT = {one: n for n, one in enumerate(_STARTS)}
_COSINES_OF = {one: _cosines(*one) for one in _STARTS}
_COSINES = np.concatenate([_COSINES_OF[one] for one in _STARTS])


def laid(thumb: np.ndarray, way: int) -> np.ndarray:
    """Return a square picture laid down in one of eight ways."""
    if way & 4:
        thumb = thumb.T
    if way & 2:
        thumb = thumb[::-1]
    if way & 1:
        thumb = thumb[:, ::-1]
    return np.ascontiguousarray(thumb)


def laid_description(rows: np.ndarray, way: int) -> np.ndarray:
    """Return the descriptions, (N, 54), of the same pictures laid down another way."""
    order = [_ORDER.index((u, v)) for v, u in _ORDER] if way & 4 else range(len(_ORDER))
    signs = [(-1) ** ((v if way & 2 else 0) + (u if way & 1 else 0)) for v, u in _ORDER]
    return np.asarray(rows[:, list(order)] * np.asarray(signs, rows.dtype))


def proposals(
    all_views: Sequence[np.ndarray], least: float, ways: int, workers: int = 1, start: int = 0
) -> Iterator[list[Match]]:
    """Yield for each picture, from `start` on, the earlier ones that are at least so much alike.

    Of each pair the best match, the best pair first. Block by block of later pictures: memory
    stays flat but for the descriptions and what one block finds.

    Args:
        all_views: of each picture, as `views` returns them.
        least: cosine, 0..1.
        ways: the first so many of eight; 1 finds no mirrored or turned copies.
    """
    known = _Known.of(all_views)
    count = len(all_views)
    begins = range(start, count, _PICTURES)
    work = partial(_block, known, least * SCALE**2, ways, count)
    for begin, found in zip(begins, ordered_map(work, begins, workers), strict=True):
        later = np.maximum(found["whole"], found["part"])
        ends = np.searchsorted(later, np.arange(begin, min(begin + _PICTURES, count) + 1))
        for first, end in itertools.pairwise(ends.tolist()):
            yield [_match(one, ways) for one in found[first:end].tolist()]


_FOUND = np.dtype([("dot", "i4"), ("whole", "i4"), ("asked", "i2"), ("part", "i4"), ("view", "i2")])


@dataclass(frozen=True)
class _Views:
    """Views of one kind, those of earlier pictures first."""

    rows: np.ndarray  # (N, 54) int16
    owner: np.ndarray  # (N,) the picture
    view: np.ndarray  # (N,) its view

    def till(self, picture: int) -> int:
        """Return how many views are of pictures before that one."""
        return int(np.searchsorted(self.owner, picture))


@dataclass(frozen=True)
class _Known:
    wholes: _Views
    cuts: _Views

    @staticmethod
    def of(all_views: Sequence[np.ndarray]) -> "_Known":
        """Sort all views by what they show."""
        return _Known(*(_of_kind(all_views, first) for first in (slice(0, 1), slice(1, None))))


def _of_kind(all_views: Sequence[np.ndarray], kind: slice) -> _Views:
    """Collect some of the views of each thumbnail: the first, which is whole, or the cuts."""
    cuts = len(CUTS)
    chosen = [one.reshape(-1, cuts, len(_ORDER))[:, kind] for one in all_views]
    empty = np.zeros((0, len(_ORDER)), np.int16)
    numbers = np.arange(2 * cuts, dtype=np.int16).reshape(2, cuts)[:, kind]
    counts = [len(some) for some in chosen]
    return _Views(
        rows=np.concatenate([empty, *(some.reshape(-1, len(_ORDER)) for some in chosen)]),
        owner=np.repeat(np.arange(len(counts), dtype=np.int32), counts).repeat(numbers.shape[1]),
        view=np.concatenate([empty[:, 0], *(numbers[:count].ravel() for count in counts)]),
    )


def _block(known: _Known, least: float, ways: int, count: int, begin: int) -> np.ndarray:
    """Return what the pictures of a block find among the earlier ones: rows as _FOUND, sorted.

    Whole views meet whole ones in all ways, and cuts as they lie; a copy that was turned and cut
    as well is not looked for, it would cost four times as much.
    """
    wholes, cuts = known.wholes, known.cuts
    end = min(begin + _PICTURES, count)
    new, new_cuts = (slice(some.till(begin), some.till(end)) for some in (wholes, cuts))
    found = [np.zeros(0, _FOUND)]
    for way in range(ways):
        asked = laid_description(wholes.rows[new], way)
        for i, j, dots in _alike(asked, wholes.rows[: new.stop], least):
            found.append(_rows(wholes, i + new.start, ways, way, wholes, j, dots))
    for i, j, dots in _alike(wholes.rows[new], cuts.rows[: new_cuts.stop], least):
        found.append(_rows(wholes, i + new.start, ways, 0, cuts, j, dots))
    for i, j, dots in _alike(cuts.rows[new_cuts], wholes.rows[: new.stop], least):
        found.append(_rows(wholes, j, ways, 0, cuts, i + new_cuts.start, dots))
    every = np.concatenate(found)
    whole, part = every["whole"], every["part"]
    # a whole view meets those of its own picture and block; each pair is told once, by the later
    twice = (whole == part) | ((every["view"] % len(CUTS) == 0) & (whole < part))
    return _best(every[~twice])


def _alike(
    asked: np.ndarray, against: np.ndarray, least: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the indices of rows, (N, 54) int16, whose products are large enough, and those.

    Tile by tile, so that the products of one are in the processor's cache when they are looked at.
    """
    questions = asked.astype(np.float32)
    for left in range(0, len(against), _TILE):
        columns = against[left : left + _TILE].T.astype(np.float32)
        for above in range(0, len(questions), _ROWS):
            dots = questions[above : above + _ROWS] @ columns
            hits = np.flatnonzero(dots >= least)
            if len(hits):
                i, j = np.divmod(hits, dots.shape[1])
                yield i + above, j + left, dots.ravel()[hits]


def _rows(
    wholes: _Views,
    i: np.ndarray,
    ways: int,
    way: int,
    parts: _Views,
    j: np.ndarray,
    dots: np.ndarray,
) -> np.ndarray:
    made = np.zeros(len(dots), _FOUND)
    made["dot"], made["whole"], made["part"] = dots, wholes.owner[i], parts.owner[j]
    made["asked"] = ways * (wholes.view[i] // len(CUTS)) + way
    made["view"] = parts.view[j]
    return made


def _best(found: np.ndarray) -> np.ndarray:
    """Return the best row of each pair, by the later picture, then the best pair first."""
    whole, part, less = found["whole"], found["part"], -found["dot"]
    later, earlier = np.maximum(whole, part), np.minimum(whole, part)
    order = np.lexsort((whole, found["view"], found["asked"], less, earlier, later))
    pairs = np.stack([later, earlier], axis=1)[order]
    first = np.r_[True, (pairs[1:] != pairs[:-1]).any(axis=1)][: len(order)]
    best = order[first]
    return np.asarray(found[best[np.lexsort((earlier[best], less[best], later[best]))]])


def _match(found: tuple[int, int, int, int, int], ways: int) -> Match:
    dot, whole, asked, part, view = found
    side, way = divmod(asked, ways)
    inner, cut = divmod(view, len(CUTS))
    return Match(dot / SCALE**2, whole, bool(side), way, part, bool(inner), cut)
