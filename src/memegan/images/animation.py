"""The frames of animated pictures (GIF, APNG, WebP, AVIF) as pictures of their own."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from memegan.images.candidates import Candidate, picture_id
from memegan.images.look import Read
from memegan.images.ordered import ordered_map
from memegan.images.params import DedupParams
from memegan.media import BadMedia, count_frames
from memegan.records import FRAME


def with_frames(
    found: Sequence[Candidate], read: Read, p: DedupParams, workers: int
) -> list[Candidate]:
    """Return the candidates, each animation followed by the frames of it that `p` asks for.

    The first frame keeps the id that the file has, so that `animation: all` adds pictures and
    changes none. A further one says its number in `rect` and in the column `frame`. A file of
    which a part counts has no further frames, nor has one that cannot be read.
    """
    if p.animation == "first":
        return list(found)
    counts = ordered_map(lambda one: _count(one, read), found, workers)
    return [
        each
        for one, count in zip(found, counts, strict=True)
        for each in _frames(one, count, p.max_frames)
    ]


def chosen(count: int, most: int) -> list[int]:
    """Return the numbers of `most` frames of `count` at most, evenly spread from 0."""
    kept = min(count, most)
    return [n * count // kept for n in range(kept)]


def _count(one: Candidate, read: Read) -> int:
    if one.row.rect:
        return 1
    try:
        return count_frames(read(one.row))
    except BadMedia:
        return 1  # dedup says what is wrong with it


def _frames(one: Candidate, count: int, most: int) -> Iterator[Candidate]:
    yield one
    for n in chosen(count, most)[1:]:
        rect = f"{FRAME}{n}"
        extra = one.row.extra | {"frame": str(n)}
        row = replace(one.row, id=picture_id(one.row.sha256, rect), rect=rect, extra=extra)
        yield Candidate(row, f"{one.name}, frame {n}")
