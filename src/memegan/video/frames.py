"""All videos of a project: their frames into packs, their rows into three tables."""

import hashlib
import io
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from memegan.errors import DataError
from memegan.packs import HashedPacks, member_name, read_place
from memegan.records import FetchRow, FrameRow, PostRow, ShotRow, VideoRow
from memegan.tables import read_table, write_table
from memegan.video.params import FramesParams
from memegan.video.sample import Sampled, Sampling, sample

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Video:
    """One file and where it came from; nothing is read yet."""

    about: VideoRow
    data: bytes


def write_frames(videos: Iterable[Video], p: FramesParams, out: Path) -> None:
    """Sample every video once and write frames.csv, shots.csv, videos.csv and packs.

    Raises:
        DataError: there are videos, and not one of them gave a frame.
    """
    about: list[VideoRow] = []
    shots: list[ShotRow] = []
    frames: list[FrameRow] = []
    with HashedPacks(out / "packs") as packs:
        for video in videos:
            if video.about.video in {row.video for row in about}:
                continue
            got = sample(video.data, p)
            about.append(_about(video.about, got))
            shots += _shots(video.about.video, got)
            frames += [_keep(packs, video.about.video, one) for one in got.frames]
            log.info("%s: %d frames, %s", video.about.name, got.reading.frames, got.reading.status)
    if about and not any(row.status == "kept" for row in frames):
        told = "; ".join(f"{row.name}: {row.reason} {row.detail}" for row in about)
        raise DataError(
            f"no frame came of any video: {told}",
            where="frames",
            fix="bring sound files, or take the videos out of the sources",
        )
    rows = [
        replace(row, pack=packs.places[row.member].pack, offset=packs.places[row.member].offset)
        if row.member
        else row
        for row in frames
    ]
    write_table(out / "frames.csv", FrameRow, rows)
    write_table(out / "shots.csv", ShotRow, shots)
    write_table(out / "videos.csv", VideoRow, about)


def fetched_videos(raw: Path) -> Iterator[Video]:
    """Yield the videos among the fetched files, in source order."""
    posts = {post.post_id: post for post in read_table(raw / "posts.csv", PostRow)}
    for row in read_table(raw / "fetches.csv", FetchRow):
        if row.status == "ok" and row.content_type.startswith("video/"):
            yield Video(_row_of(posts[row.post_id], row), read_place(row))


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
            data, name = path.read_bytes(), path.relative_to(root).as_posix()
            post = f"video:{wanted.community}:{path.name}"
            origin = _empty(hashlib.sha256(data).hexdigest(), name)
            yield Video(
                replace(
                    origin,
                    source="video",
                    community=wanted.community,
                    domain=wanted.domain,
                    post_id=post,
                    licence=wanted.licence,
                    credit=wanted.credit,
                ),
                data,
            )


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


def _about(row: VideoRow, got: Sampling) -> VideoRow:
    told = {k: v for k, v in vars(got.reading).items() if not k.startswith("_")}
    return replace(row, **told)


def _shots(video: str, got: Sampling) -> list[ShotRow]:
    def seconds(n: int) -> float:
        return _rounded(got.times[n][1])

    return [
        ShotRow(
            video=video,
            shot=number,
            transition=s.transition,  # type: ignore[arg-type] # find_shots gives these words only
            start_pts=got.times[s.first][0],
            end_pts=got.times[s.last][0],
            start_s=seconds(s.first),
            end_s=seconds(s.last),
            frames=s.last - s.first + 1,
        )
        for number, s in enumerate(got.shots)
    ]


def _keep(packs: HashedPacks, video: str, one: Sampled) -> FrameRow:
    data = _png(one.pixels) if one.pixels is not None else b""
    member = member_name(data, "png") if data else ""
    if data:
        packs.add(member, data)
    height, width = one.pixels.shape[:2] if one.pixels is not None else (0, 0)
    return FrameRow(
        video=video,
        pts=one.pts,
        time_s=_rounded(one.time),
        shot=one.shot,
        status="dropped" if one.reason else "kept",
        reason=one.reason,
        sha256=member.removesuffix(".png"),
        width_px=width,
        height_px=height,
        pack="",
        member=member,
        offset=0,
        bytes=len(data),
    )


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=6)
    return file.getvalue()


def _rounded(time: Fraction) -> float:
    return round(float(time), 6)
