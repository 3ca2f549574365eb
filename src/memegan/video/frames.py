"""All videos of a project: their frames into packs, their rows into three tables."""

import hashlib
import io
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from memegan.errors import DataError
from memegan.packs import HashedPacks, member_name, read_place
from memegan.records import FetchRow, FrameRow, PostRow, ShotRow, VideoRow
from memegan.tables import read_table, write_table
from memegan.video.params import FramesParams
from memegan.video.sample import Open, Sampled, Survey, sample, survey

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Video:
    """One file and where it came from; nothing is read yet."""

    about: VideoRow
    open: Open


def write_frames(videos: Iterable[Video], p: FramesParams, out: Path) -> None:
    """Sample every video once and write frames.csv, shots.csv, videos.csv and packs.

    One frame is in memory at a time, whatever a video's length.

    Raises:
        DataError: there are videos, and not one of them gave a frame.
    """
    about: dict[str, VideoRow] = {}
    shots: list[ShotRow] = []
    frames: list[FrameRow] = []
    with HashedPacks(out / "packs") as packs:
        for video in videos:
            name = video.about.video
            if name in about:
                continue
            seen = survey(video.open, p)
            about[name] = replace(video.about, **vars(seen.reading))
            shots += _shots(name, seen)
            frames += [_keep(packs, name, one) for one in sample(video.open, seen, p)]
            log.info("%s: %s", about[name].name, _told(about[name]))
    if about and not any(row.status == "kept" for row in frames):
        raise DataError(
            "no frame came of any video: "
            + "; ".join(f"{row.name}: {_told(row)}" for row in about.values()),
            where="frames",
            fix="bring sound files, or take the videos out of the sources",
        )
    write_table(out / "frames.csv", FrameRow, [_placed(packs, row) for row in frames])
    write_table(out / "shots.csv", ShotRow, shots)
    write_table(out / "videos.csv", VideoRow, about.values())


def fetched_videos(raw: Path) -> Iterator[Video]:
    """Yield the videos among the fetched files, in source order.

    Raises:
        DataError: a video's post is not in posts.csv.
    """
    posts = {post.post_id: post for post in read_table(raw / "posts.csv", PostRow)}
    for row in read_table(raw / "fetches.csv", FetchRow):
        if row.status == "ok" and row.content_type.startswith("video/"):
            if row.post_id not in posts:
                raise DataError(
                    f"it has no row for {row.post_id}, which fetches.csv names",
                    where=(raw / "posts.csv").as_posix(),
                    fix="run: dvc checkout, dvc pull, or dvc repro",
                )
            yield Video(_row_of(posts[row.post_id], row), partial(_from_pack, row))


def local_videos(p: FramesParams, root: Path = Path()) -> Iterator[Video]:
    """Yield the videos that `frames.inputs` names, in the order of their names.

    Raises:
        DataError: a glob matches nothing.
    """
    for wanted in p.inputs:
        found = sorted(root.glob(wanted.path), key=lambda path: path.as_posix())
        if not found:
            raise DataError(
                f"no file matches '{wanted.path}'",
                where="frames.inputs in params.yaml",
                fix="bring the videos (below data/inputs), or mend the path",
            )
        for path in found:
            video = local_video(path, path.relative_to(root).as_posix())
            about = replace(
                video.about,
                community=wanted.community,
                domain=wanted.domain,
                post_id=f"video:{wanted.community}:{path.name}",
                licence=wanted.licence,
                credit=wanted.credit,
            )
            yield replace(video, about=about)


def local_video(path: Path, name: str) -> Video:
    """Return a file as a video, known as `name`; nobody says who published it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    about = replace(_empty(digest, name), source="video", post_id=f"video:{name}")
    return Video(about, partial(_from_file, path))


def _from_file(path: Path) -> BinaryIO:
    return path.open("rb")


def _from_pack(row: FetchRow) -> BinaryIO:
    return io.BytesIO(read_place(row))  # what a source brings is small: its bytes are limited


def _told(row: VideoRow) -> str:
    trouble = f", {row.reason}: {row.detail}" if row.reason else ""
    return f"{row.frames} frames, {row.status}{trouble}"


def _empty(video: str, name: str) -> VideoRow:
    texts = dict.fromkeys(
        ("source", "community", "domain", "post_id", "posted_at", "fetched_at", "licence"), ""
    )
    more = dict.fromkeys(("credit", "caption", "codec", "reason", "detail"), "")
    return VideoRow(
        video=video,
        name=name,
        **texts,
        **more,
        width_px=0,
        height_px=0,
        fps="0/1",
        declared_s=None,
        last_s=None,
        frames=0,
        status="failed",
    )


def _row_of(post: PostRow, row: FetchRow) -> VideoRow:
    return replace(
        _empty(row.sha256, row.url),
        source=post.source,
        community=post.community,
        domain=post.domain,
        post_id=post.post_id,
        posted_at=post.posted_at,
        fetched_at=row.snapshot,
        licence=post.licence,
        credit=post.credit,
        caption=post.text,
    )


def _shots(video: str, seen: Survey) -> list[ShotRow]:
    return [
        ShotRow(
            video=video,
            shot=number,
            transition=s.transition,
            start_pts=seen.pts[s.first],
            end_pts=seen.pts[s.last],
            start_s=_rounded(seen.times[s.first]),
            end_s=_rounded(seen.times[s.last]),
            frames=s.last - s.first + 1,
        )
        for number, s in enumerate(seen.shots)
    ]


def _keep(packs: HashedPacks, video: str, one: Sampled) -> FrameRow:
    """Put a kept frame into the packs; where it lies there is known when they are closed."""
    row = FrameRow(
        video=video,
        pts=one.pts,
        time_s=_rounded(one.time),
        shot=one.shot,
        status="dropped",
        reason=one.reason,
        sha256="",
        width_px=0,
        height_px=0,
        pack="",
        member="",
        offset=0,
        bytes=0,
    )
    if one.pixels is None:
        return row
    data = _png(one.pixels)
    member = member_name(data, "png")
    packs.add(member, data)
    return replace(
        row,
        status="kept",
        sha256=member.removesuffix(".png"),
        width_px=one.pixels.shape[1],
        height_px=one.pixels.shape[0],
        member=member,
        bytes=len(data),
    )


def _placed(packs: HashedPacks, row: FrameRow) -> FrameRow:
    if not row.member:
        return row
    place = packs.places[row.member]
    return replace(row, pack=place.pack, offset=place.offset)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file, "PNG", compress_level=3
    )  # 6 is 6 % smaller, and thrice the time
    return file.getvalue()


def _rounded(time: Fraction) -> float:
    return round(float(time), 6)
