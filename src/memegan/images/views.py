"""Find pictures that may be alike among many, framed, cut, mirrored or turned: candidates only.

A picture is described by the low frequencies of several views of it: all of it, what lies in its
frame, and five cuts of either. Whole views of one picture are compared with all views of the
others, and mirrored or turned in seven ways with the whole ones: those have the same frequencies
with other signs and in another order, so no pixel is looked at again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from memegan.images.features import THUMB_PX

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
_BLOCK_BYTES = 1 << 24


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


def matches(all_views: Sequence[np.ndarray], least: float, ways: int) -> Iterator[Match]:
    """Yield the best match of each pair of pictures that are at least so much alike.

    Block by block: memory stays flat but for what is found. Ordered by the later of the two
    pictures, then the best first.

    Args:
        all_views: of each picture, as `views` returns them.
        least: cosine, 0..1.
        ways: the first so many of eight; 1 finds no mirrored or turned copies.
    """
    found = _found(all_views, least * SCALE**2, ways)
    whole, part = found["whole"], found["part"]
    later, earlier = np.maximum(whole, part), np.minimum(whole, part)
    order = np.lexsort((found["view"], found["asked"], -found["dot"], earlier, later))
    pairs = np.stack([later, earlier], axis=1)[order]
    first = np.r_[True, (pairs[1:] != pairs[:-1]).any(axis=1)][: len(order)]
    best = order[first]
    best = best[np.lexsort((earlier[best], -found["dot"][best], later[best]))]
    cuts = len(CUTS)
    for dot, i, asked, j, view in found[best].tolist():
        side, way = divmod(asked, ways)
        inner, cut = divmod(view, cuts)
        yield Match(dot / SCALE**2, i, bool(side), way, j, bool(inner), cut)


_FOUND = np.dtype([("dot", "i4"), ("whole", "i4"), ("asked", "i2"), ("part", "i4"), ("view", "i2")])


def _found(all_views: Sequence[np.ndarray], least: float, ways: int) -> np.ndarray:
    counts = [len(rows) for rows in all_views]
    if not counts:
        return np.zeros(0, _FOUND)
    rows = np.concatenate(all_views)
    owner = np.repeat(np.arange(len(counts)), counts)
    view = np.concatenate([np.arange(n) for n in counts])
    wholes = np.flatnonzero(view % len(CUTS) == 0)
    found = [np.zeros(0, _FOUND)]
    # what was turned and cut as well is not looked for: it would cost four times as much
    for some, seen in ((range(1), np.arange(len(rows))), (range(1, ways), wholes)):
        against = np.ascontiguousarray(rows[seen].T.astype(np.float32))
        block = max(1, _BLOCK_BYTES // (4 * len(seen)))
        for way in some:
            asked = laid_description(rows[wholes], way).astype(np.float32)
            for start in range(0, len(asked), block):
                dots = asked[start : start + block] @ against
                i, j = np.nonzero(dots >= least)
                a, b, cut = owner[wholes[i + start]], owner[seen[j]], view[seen[j]] % len(CUTS)
                # two whole views meet twice, once from either side: the later asks
                once = np.where(cut == 0, a > b, a != b)
                one = np.zeros(np.count_nonzero(once), _FOUND)
                one["dot"], one["whole"], one["part"] = dots[i, j][once], a[once], b[once]
                one["asked"] = (ways * (view[wholes[i + start]] // len(CUTS)) + way)[once]
                one["view"] = view[seen[j]][once]
                found.append(one)
    return np.concatenate(found)
