"""Decide which pictures go on: quarantine, exact duplicates, the same picture, one template."""

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from memegan.errors import DataError
from memegan.images.candidates import Candidate
from memegan.images.decided import DecisionRow, by_index
from memegan.images.features import FINE_PX, Features, fine_copy
from memegan.images.judge import Fine, Seen
from memegan.images.look import Bad, Read, junk, look, same_pixels, too_small, whole
from memegan.images.memory import FORGETFUL, Memory
from memegan.images.near import Tie, find_near
from memegan.images.ordered import ordered_map
from memegan.images.params import DedupParams
from memegan.images.progress import told
from memegan.images.shelf import Shelf
from memegan.records import DuplicateRow, KeptRow, Level, QuarantineRow
from memegan.takedown import Banned

log = logging.getLogger(__name__)
_AT_HAND = 256  # fine copies of 64 KB
_BANNED_BITS = 4  # a banned picture's hash may differ by so many of 64 bits


@dataclass
class Decisions:
    """The three tables of data/dedup."""

    kept: list[KeptRow] = field(default_factory=list)
    duplicates: list[DuplicateRow] = field(default_factory=list)
    quarantine: list[QuarantineRow] = field(default_factory=list)


def dedup(
    found: Sequence[Candidate],
    read: Read,
    p: DedupParams,
    banned: Banned,
    workers: int,
    decisions: Sequence[DecisionRow] = (),
    memory: Memory = FORGETFUL,
) -> Decisions:
    """Decide for each candidate, the oldest first; the same whatever the number of workers.

    The same too whatever is remembered: of what was seen and decided before, only the new is done.

    Raises:
        DataError: a larger share than `max_quarantined` is bad.
    """
    made = Decisions()
    with Shelf() as shelf:
        looks = _looks(found, read, p, workers, memory)
        rows, inner_px = _shelved(found, looks, read, p, banned, memory, shelf, made)
        _stop_if_too_many(made.quarantine, len(found), p.max_quarantined)
        seen, ids = Seen(shelf, _fine(rows, read)), [row.id for row in rows]
        decided = by_index(decisions, ids)
        near = find_near(seen, p, workers, decided, memory.known(ids, p, decided))
    stays = _stays(rows, inner_px, near.ties)
    for tie in near.ties:
        dropped, kept = tie.later, stays[tie.earlier]
        if tie.level == "template":
            dropped = stays[tie.later]
        elif dropped == kept:  # the copy that came later is the better one
            dropped = tie.earlier
        made.duplicates.append(
            _duplicate(rows[dropped], rows[kept], tie.level, tie.distance, tie.why)
        )
    made.kept = [
        replace(row, template=rows[oldest].id)
        for n, (row, oldest) in enumerate(zip(rows, near.oldest, strict=True))
        if stays[n] == n
    ]
    log.info("%s", ", ".join(f"{n} {what}" for what, n in counts(made).items()))
    return made


def _looks(
    found: Sequence[Candidate], read: Read, p: DedupParams, workers: int, memory: Memory
) -> Iterator[Features | Bad]:
    """Yield what is seen of each candidate; what is remembered is not read again."""

    def work(asked: tuple[KeptRow, Features | None]) -> Features | Bad:
        row, known = asked
        return known or look(row, read, p.min_size_px)

    asked = ((candidate.row, memory.recall(candidate.row)) for candidate in found)
    for got in told(ordered_map(work, asked, workers), "pictures looked at", len(found)):
        if isinstance(got, Features):
            got = too_small(got.width_px, got.height_px, p.min_size_px) or got
        yield got


def _shelved(
    found: Sequence[Candidate],
    looks: Iterable[Features | Bad],
    read: Read,
    p: DedupParams,
    banned: Banned,
    memory: Memory,
    shelf: Shelf,
    made: Decisions,
) -> tuple[list[KeptRow], list[float]]:
    """Return the rows of all that are put on the shelf, and how large each is.

    What is bad or there already, byte by byte or pixel by pixel, is told in `made`.
    """
    rows: list[KeptRow] = []
    inner_px: list[float] = []
    seen: dict[str, KeptRow] = {}
    hashes = banned.hashes()
    posts = Counter(sha256 for sha256, _ in {(c.row.sha256, c.row.post_id) for c in found})
    for candidate, got in zip(found, looks, strict=True):
        row = candidate.row
        if isinstance(got, Features):
            got = junk(got, posts[row.sha256], p) or got
        got = _banned(row, got, banned, hashes) or got
        if isinstance(got, Bad):
            made.quarantine.append(quarantine(candidate, got))
            continue
        memory.keep(row, got)
        row = replace(row, width_px=got.width_px, height_px=got.height_px)
        if first := seen.get(row.id):
            made.duplicates.append(_duplicate(row, first, "exact", 0.0, "same bytes"))
            continue
        first = seen.get(got.pixels_sha256)
        if first and same_pixels(row, first, read):
            made.duplicates.append(_duplicate(row, first, "exact", 0.0, "same pixels"))
            continue
        seen[row.id] = row
        seen.setdefault(got.pixels_sha256, row)
        rows.append(row)
        inner_px.append(got.width_px * got.height_px * got.small.inner_share)
        shelf.add(got.small)
    return rows, inner_px


def _fine(rows: Sequence[KeptRow], read: Read) -> Fine:
    """Return what decodes a picture once more for a second look; the last ones are at hand."""

    @lru_cache(maxsize=_AT_HAND)
    def fine(picture: int, inner: bool) -> np.ndarray | None:
        row = rows[picture]
        return fine_copy(whole(row, read(row), at_least_px=FINE_PX // 2), inner)

    return fine


def _stays(
    rows: Sequence[KeptRow], inner_px: Sequence[float], ties: Sequence[Tie]
) -> Mapping[int, int]:
    """Return, for each picture, which copy of it stays.

    The largest, a frame not counted; then the least compressed; then the earliest.
    """
    first = list(range(len(rows)))  # the copy that the others were compared with
    for tie in ties:
        if tie.level == "same":
            first[tie.later] = tie.earlier
    best = dict(enumerate(first))
    copies: dict[int, list[int]] = {}
    for n, one in enumerate(first):
        copies.setdefault(one, []).append(n)
    for some in copies.values():
        stays = min(some, key=lambda n: (-inner_px[n], -_detail(rows[n].bytes / inner_px[n]), n))
        best.update(dict.fromkeys(some, stays))
    return best


def _detail(bytes_a_pixel: float) -> int:
    """Return a step of about a quarter more bytes: what is less is chance, not compression."""
    return round(3 * math.log2(bytes_a_pixel))


def counts(made: Decisions) -> Mapping[str, int]:
    """Return how many pictures went where, for people."""
    return {
        "kept": len(made.kept),
        "duplicates": sum(row.level != "template" for row in made.duplicates),
        "quarantined": len(made.quarantine),
    }


def _banned(
    row: KeptRow, got: Features | Bad, banned: Banned, hashes: Mapping[int, str]
) -> Bad | None:
    """Return why a picture must not be used; that weighs more than any other trouble with it."""
    reason: str = banned.reason(urls=[row.url], post_id=row.post_id, sha256=row.sha256)
    reason = reason or banned.reason(sha256=row.video)
    if not reason and isinstance(got, Features):
        near = (r for h, r in hashes.items() if (h ^ got.phash).bit_count() <= _BANNED_BITS)
        reason = next(near, "")
    return Bad(reason) if reason else None


def _stop_if_too_many(bad: Sequence[QuarantineRow], found: int, share: float) -> None:
    if len(bad) > share * found:
        reasons = Counter(row.reason for row in bad).most_common()
        raise DataError(
            f"{len(bad)} of {found} pictures are bad: "
            + ", ".join(f"{n} {reason}" for reason, n in reasons)
            + f"; the first is {bad[0].file}",
            where="dedup",
            fix="look at it and at the sources; or raise dedup.max_quarantined",
        )


def _duplicate(
    row: KeptRow, first: KeptRow, level: Level, distance: float, why: str
) -> DuplicateRow:
    return DuplicateRow(
        dropped=row.id,
        kept=first.id,
        level=level,
        distance=round(distance, 4),
        why=why,
        url=row.url,
        post_id=row.post_id,
    )


def quarantine(candidate: Candidate, bad: Bad) -> QuarantineRow:
    """Return the row of a file that is set aside."""
    row = candidate.row
    return QuarantineRow(
        file=candidate.name,
        sha256=row.sha256,
        reason=bad.reason,
        detail=bad.detail,
        source=row.source,
        community=row.community,
        post_id=row.post_id,
    )
