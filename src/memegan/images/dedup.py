"""Decide which pictures go on: quarantine, exact duplicates, the same picture, one template.

Every public perceptual hash merges memes that share a template and differ in the caption. Here a
hash only proposes; a picture is dropped when the pixels agree line by line, and templates are
kept, tied together so that the split leaves them on one side.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

import numpy as np

from memegan.errors import DataError
from memegan.images.candidates import Candidate
from memegan.images.features import (
    THUMB_PX,
    Features,
    hot,
    mirrored,
    near_pairs,
    phash,
    thumbnail,
    worst_line,
)
from memegan.images.params import DedupParams
from memegan.media import BadMedia, rgb
from memegan.records import DuplicateRow, KeptRow, QuarantineRow
from memegan.takedown import Banned

log = logging.getLogger(__name__)
A = TypeVar("A")
B = TypeVar("B")
Read = Callable[[KeptRow], bytes]


@dataclass
class Decisions:
    """The three tables of data/dedup."""

    kept: list[KeptRow] = field(default_factory=list)
    duplicates: list[DuplicateRow] = field(default_factory=list)
    quarantine: list[QuarantineRow] = field(default_factory=list)


@dataclass(frozen=True)
class Bad:
    """Why a candidate is set aside."""

    reason: str
    detail: str


def dedup(
    found: Sequence[Candidate], read: Read, p: DedupParams, banned: Banned, workers: int
) -> Decisions:
    """Decide for each candidate, the oldest first; the same whatever the number of workers.

    Raises:
        DataError: a larger share than `max_quarantined` is bad.
    """
    made = Decisions()
    seen: dict[str, KeptRow] = {}
    rows: list[KeptRow] = []
    features: list[Features] = []
    hashes = banned.hashes()
    ordered = ordered_map(lambda c: _look(c, read, p), found, workers)
    for candidate, got in zip(found, ordered, strict=True):
        row = candidate.row
        reason = banned.reason(urls=[row.url], post_id=row.post_id, sha256=row.sha256)
        if isinstance(got, Features) and not reason:
            reason = next((r for h, r in hashes.items() if (h ^ got.phash).bit_count() <= 4), "")
        if reason or isinstance(got, Bad):
            bad = Bad(reason, "") if reason or isinstance(got, Features) else got
            made.quarantine.append(_quarantine(candidate, bad))
            continue
        row = replace(row, width_px=got.width_px, height_px=got.height_px)
        first = seen.get(row.sha256 + row.rect) or seen.get(got.pixels_sha256)
        if first:
            why = "same bytes" if first.sha256 == row.sha256 else "same pixels"
            made.duplicates.append(_duplicate(row, first, "exact", 0.0, why))
            continue
        seen[row.sha256 + row.rect] = seen[got.pixels_sha256] = row
        rows.append(row)
        features.append(got)
    if len(made.quarantine) > p.max_quarantined * len(found):
        raise DataError(
            f"{len(made.quarantine)} of {len(found)} pictures are bad",
            where="dedup",
            fix="look at data/dedup/quarantine.csv of an earlier run or at the sources; "
            "or raise dedup.max_quarantined",
        )
    _settle_near(rows, features, p, made)
    log.info(
        "%d kept, %d duplicates, %d in quarantine",
        len(made.kept),
        sum(d.level != "template" for d in made.duplicates),
        len(made.quarantine),
    )
    return made


def _look(candidate: Candidate, read: Read, p: DedupParams) -> Features | Bad:
    try:
        pixels = rgb(read(candidate.row), at_least_px=max(THUMB_PX, 2 * p.min_size_px))
    except BadMedia as error:
        return Bad(error.reason, str(error))
    if candidate.row.rect:
        try:
            full = rgb(read(candidate.row))
            pixels = cut(full, candidate.row.rect)
        except ValueError as error:
            return Bad("bad_rect", str(error))
    height, width = pixels.shape[:2]
    if min(height, width) < p.min_size_px:
        return Bad("too_small", f"{width}x{height} px")
    thumb = thumbnail(pixels)
    digest = hashlib.sha256(f"{width}x{height}".encode() + np.ascontiguousarray(pixels).tobytes())
    return Features(phash(thumb), thumb, digest.hexdigest(), width, height)


def cut(pixels: np.ndarray, rect: str) -> np.ndarray:
    """Return the part x0,y0,x1,y1 of (H, W, 3).

    Raises:
        ValueError: the part is empty or lies outside the picture.
    """
    x0, y0, x1, y1 = (int(part) for part in rect.split(","))
    height, width = pixels.shape[:2]
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ValueError(f"{rect} does not lie in {width}x{height} px")
    return np.ascontiguousarray(pixels[y0:y1, x0:x1])


def _settle_near(
    rows: Sequence[KeptRow], features: Sequence[Features], p: DedupParams, made: Decisions
) -> None:
    """Drop what is the same as an older picture; tie templates together."""
    radius = max(p.same_bits, p.template_bits)
    pairs = near_pairs(np.asarray([f.phash for f in features], np.uint64), radius)
    turned: dict[tuple[int, int], int] = {}
    if p.mirrored:
        other = np.asarray([phash(mirrored(f.thumb)) for f in features], np.uint64)
        turned = _mirror_pairs(features, other, p.same_bits)
    older: dict[int, list[tuple[int, int, bool]]] = {}
    for i, j, bits in pairs.tolist():
        older.setdefault(j, []).append((i, bits, False))
    for (i, j), bits in turned.items():
        older.setdefault(j, []).append((i, bits, True))
    dropped: dict[int, int] = {}
    parent = list(range(len(rows)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = n = parent[parent[n]]
        return n

    for j in range(len(rows)):
        for i, bits, flip in sorted(older.get(j, ())):
            if i in dropped:
                continue
            thumb = mirrored(features[i].thumb) if flip else features[i].thumb
            marked = hot(thumb, features[j].thumb)
            line, share = worst_line(marked), float(marked.mean())
            why = f"phash {bits}/64, {share:.3f} differs, {line:.2f} of a line"
            if j not in dropped and line < p.same_line:
                dropped[j] = i
                made.duplicates.append(_duplicate(rows[j], rows[i], "same", line, why))
            elif root(i) == root(j) or share >= p.template_share or bits > p.template_bits:
                continue
            else:
                made.duplicates.append(_duplicate(rows[j], rows[i], "template", share, why))
            a, b = sorted((root(i), root(j)))
            parent[b] = a
    oldest: dict[int, int] = {}
    for n in range(len(rows)):
        oldest.setdefault(root(n), n)
    made.kept += [
        replace(row, template=rows[oldest[root(n)]].id)
        for n, row in enumerate(rows)
        if n not in dropped
    ]


def _mirror_pairs(
    features: Sequence[Features], other: np.ndarray, radius: int
) -> dict[tuple[int, int], int]:
    plain = np.asarray([f.phash for f in features], np.uint64)
    found: dict[tuple[int, int], int] = {}
    for j in range(len(features)):
        bits = np.bitwise_count(plain[:j] ^ other[j])
        found |= {(int(i), j): int(bits[i]) for i in np.flatnonzero(bits <= radius)}
    return found


def _duplicate(row: KeptRow, first: KeptRow, level: str, distance: float, why: str) -> DuplicateRow:
    return DuplicateRow(
        dropped=row.id,
        kept=first.id,
        level=level,  # type: ignore[arg-type] # exact, same or template: the three callers
        distance=round(distance, 4),
        why=why,
        url=row.url,
        post_id=row.post_id,
    )


def _quarantine(candidate: Candidate, bad: Bad) -> QuarantineRow:
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


def ordered_map(work: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    """Map in threads, in the order of the items, with a bounded number under way.

    Decoding and resizing let go of the interpreter, so threads are enough.
    """
    if workers <= 1:
        yield from map(work, items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work, item) for item in islice(waiting, 4 * workers)]
        while running:
            first, *running = running
            yield first.result()
            running += [pool.submit(work, item) for item in islice(waiting, 1)]


def counts(decisions: Decisions) -> Mapping[str, int]:
    """Return how many pictures went where, for people."""
    dropped = sum(d.level != "template" for d in decisions.duplicates)
    return {
        "kept": len(decisions.kept),
        "duplicates": dropped,
        "quarantined": len(decisions.quarantine),
    }
