"""Decide which pictures go on: quarantine, exact duplicates, the same picture, one template."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from memegan.errors import DataError
from memegan.images.candidates import Candidate
from memegan.images.features import Features
from memegan.images.look import Bad, Read, look, same_pixels
from memegan.images.near import find_near
from memegan.images.ordered import ordered_map
from memegan.images.params import DedupParams
from memegan.records import DuplicateRow, KeptRow, Level, QuarantineRow
from memegan.takedown import Banned

log = logging.getLogger(__name__)
_BANNED_BITS = 4  # a banned picture's hash may differ by so many of 64 bits


@dataclass
class Decisions:
    """The three tables of data/dedup."""

    kept: list[KeptRow] = field(default_factory=list)
    duplicates: list[DuplicateRow] = field(default_factory=list)
    quarantine: list[QuarantineRow] = field(default_factory=list)


def dedup(
    found: Sequence[Candidate], read: Read, p: DedupParams, banned: Banned, workers: int
) -> Decisions:
    """Decide for each candidate, the oldest first; the same whatever the number of workers.

    Raises:
        DataError: a larger share than `max_quarantined` is bad.
    """
    made = Decisions()
    rows: list[KeptRow] = []
    features: list[Features] = []
    seen: dict[str, KeptRow] = {}
    hashes = banned.hashes()
    looks = ordered_map(lambda c: look(c.row, read, p.min_size_px), found, workers)
    for candidate, got in zip(found, looks, strict=True):
        row = candidate.row
        got = _banned(row, got, banned, hashes) or got
        if isinstance(got, Bad):
            made.quarantine.append(quarantine(candidate, got))
            continue
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
        features.append(got)
    _stop_if_too_many(made.quarantine, len(found), p.max_quarantined)
    near = find_near(features, p)
    for tie in near.ties:
        later, earlier = rows[tie.later], rows[tie.earlier]
        made.duplicates.append(_duplicate(later, earlier, tie.level, tie.distance, tie.why))
    dropped = {tie.later for tie in near.ties if tie.level == "same"}
    made.kept = [
        replace(row, template=rows[oldest].id)
        for n, (row, oldest) in enumerate(zip(rows, near.oldest, strict=True))
        if n not in dropped
    ]
    log.info("%s", ", ".join(f"{n} {what}" for what, n in counts(made).items()))
    return made


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
