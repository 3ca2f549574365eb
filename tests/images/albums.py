"""Candidates out of plain bytes: what a scrape would have brought, without one."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from memegan.images.candidates import Candidate
from memegan.images.dedup import Decisions, dedup
from memegan.images.look import Read
from memegan.images.params import DedupParams
from memegan.records import KeptRow
from memegan.takedown import Banned

NOTHING_BANNED = Banned(frozenset(), frozenset())
ROW = KeptRow(
    id="",
    pack="",
    member="",
    offset=0,
    bytes=1,
    sha256="",
    rect="",
    domain="meme",
    width_px=0,
    height_px=0,
    template="",
    source="test",
    community="cats",
    post_id="",
    url="",
    posted_at="",
    fetched_at="",
    licence="",
    credit="",
    video="",
    time_s=None,
    shot=None,
    caption="",
)


def album(files: Mapping[str, bytes]) -> tuple[list[Candidate], Read]:
    """Candidates named by the keys, whose ids are the keys too; the way to read them."""
    found, bodies = [], {}
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        row = replace(ROW, id=name, sha256=digest, bytes=len(data), url=f"file:{name}")
        found.append(Candidate(replace(row, post_id=f"test:cats:{name}"), f"file:{name}"))
        bodies[digest] = data
    return found, lambda row: bodies[row.sha256]


def decide(
    files: Mapping[str, bytes],
    p: DedupParams | None = None,
    banned: Banned = NOTHING_BANNED,
    workers: int = 1,
    order: Sequence[str] = (),
) -> Decisions:
    """Run dedup over files in their order, or in `order`."""
    found, read = album({name: files[name] for name in order or files})
    return dedup(found, read, p or DedupParams(), banned, workers)


def kept(made: Decisions) -> list[str]:
    return [row.id for row in made.kept]


def levels(made: Decisions) -> dict[str, tuple[str, str]]:
    """Return, for each picture with a tie, which earlier one it is tied to and how."""
    return {row.dropped: (row.kept, row.level) for row in made.duplicates}
