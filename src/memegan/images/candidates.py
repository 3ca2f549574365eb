"""Every picture that dedup looks at: fetched files and kept frames, with all their provenance."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from memegan.errors import DataError
from memegan.records import FetchRow, FrameRow, KeptRow, PostRow, VideoRow
from memegan.tables import read_table

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """A row that is to be kept, its sizes not known yet; `name` is how people know the file."""

    row: KeptRow
    name: str


def candidates(raw: Path, frames: Path) -> list[Candidate]:
    """List fetched pictures in source order, then frames in video order; the oldest come first.

    Raises:
        DataError: a table is missing, or two of them do not belong together.
    """
    found = [*fetched(raw), *framed(frames)]
    return sorted(found, key=lambda c: c.row.fetched_at)  # stable: source order within a snapshot


def fetched(raw: Path) -> Iterator[Candidate]:
    """Yield the pictures of fetches.csv and posts.csv in `raw`, in source order."""
    posts = {post.post_id: post for post in read_table(raw / "posts.csv", PostRow)}
    for f in read_table(raw / "fetches.csv", FetchRow):
        if f.status == "ok" and f.content_type.startswith("image/"):
            post = _named(posts, f.post_id, raw / "posts.csv")
            yield Candidate(kept_row(post, f, fetched_at=f.snapshot, caption=post.text), f.url)


def framed(folder: Path) -> Iterator[Candidate]:
    """Yield the kept frames of frames.csv and videos.csv in `folder`, in video order."""
    videos = {video.video: video for video in read_table(folder / "videos.csv", VideoRow)}
    for f in read_table(folder / "frames.csv", FrameRow):
        if f.status == "kept":
            video = _named(videos, f.video, folder / "videos.csv")
            yield Candidate(kept_row(video, f, url=video.name), f"{video.name} at {f.time_s:.3f} s")


def kept_row(*about: PostRow | FetchRow | VideoRow | FrameRow, **more: Any) -> KeptRow:  # noqa: ANN401
    """Return a picture's row: what tables say under the same names, then `more`, else nothing.

    Its size is not known yet, nor its template.
    """
    values: dict[str, Any] = {f.name: "" for f in fields(KeptRow)}
    values |= {"time_s": None, "shot": None, "extra": {}}
    for row in about:
        values |= {f.name: getattr(row, f.name) for f in fields(row) if f.name in values}
    values |= {"width_px": 0, "height_px": 0, **more}
    return KeptRow(**{**values, "id": picture_id(values["sha256"], values["rect"])})


def _named(rows: Mapping[str, T], name: str, table: Path) -> T:
    if name not in rows:
        raise DataError(
            f"it has no row for {name}, which another table names",
            where=table.as_posix(),
            fix="run: dvc checkout, dvc pull, or dvc repro",
        )
    return rows[name]


def picture_id(sha256: str, rect: str) -> str:
    """Name a picture; two parts of one file are two pictures."""
    return hashlib.sha256(f"{sha256} {rect}".encode()).hexdigest()[:16] if rect else sha256[:16]
