"""Candidates are all fetched pictures and kept frames, the oldest first, with their provenance."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memegan.errors import DataError
from memegan.images.candidates import candidates
from memegan.records import FetchRow, FrameRow, PostRow, VideoRow
from memegan.tables import columns, write_table


def example(record: type[Any], **values: object) -> Any:  # noqa: ANN401 - of that record
    return record(**{c.name: c.example for c in columns(record)} | values)


POST = example(PostRow, post_id="vk:cats:1", community="cats", domain="cat", extra={"kind": "x"})
FETCH = example(FetchRow, post_id="vk:cats:1", url="http://a/1.png", reason="")
VIDEO = example(VideoRow, video="f" * 64, name="http://a/1.mp4", fetched_at="2026-11-20")
FRAME = example(FrameRow, video="f" * 64, sha256="e" * 64, time_s=1.5, shot=3, reason="")


def written(root: Path, fetches: list[FetchRow], frames: list[FrameRow]) -> tuple[Path, Path]:
    raw, folder = root / "raw", root / "frames"
    write_table(raw / "posts.csv", PostRow, [POST])
    write_table(raw / "fetches.csv", FetchRow, fetches)
    write_table(folder / "videos.csv", VideoRow, [VIDEO])
    write_table(folder / "frames.csv", FrameRow, frames)
    return raw, folder


def test_a_fetched_picture_brings_its_post_along(tmp_path: Path) -> None:
    (one,) = candidates(*written(tmp_path, [FETCH], []))
    assert one.name == "http://a/1.png"
    assert (one.row.domain, one.row.community, one.row.extra) == ("cat", "cats", {"kind": "x"})
    assert (one.row.id, one.row.fetched_at) == (FETCH.sha256[:16], FETCH.snapshot)
    assert (one.row.pack, one.row.offset, one.row.bytes) == (FETCH.pack, FETCH.offset, FETCH.bytes)


def test_a_frame_brings_its_video_along(tmp_path: Path) -> None:
    (one,) = candidates(*written(tmp_path, [], [FRAME]))
    assert one.name == "http://a/1.mp4 at 1.500 s"
    assert (one.row.video, one.row.time_s, one.row.shot) == ("f" * 64, 1.5, 3)
    assert (one.row.id, one.row.url) == ("e" * 16, "http://a/1.mp4")


def test_what_failed_was_dropped_or_is_no_picture_is_no_candidate(tmp_path: Path) -> None:
    fetches = [
        replace(FETCH, status="failed", reason="gone"),
        replace(FETCH, status="skipped", reason="adult"),
        replace(FETCH, content_type="video/mp4"),
    ]
    frames = [replace(FRAME, status="dropped", reason="repeat")]
    assert candidates(*written(tmp_path, fetches, frames)) == []


def test_the_oldest_snapshot_comes_first_and_source_order_within_it(tmp_path: Path) -> None:
    new, old = replace(FETCH, url="b", snapshot="2026-12-01"), replace(FETCH, snapshot="2026-11-01")
    fetches = [new, replace(old, url="z"), replace(old, url="a")]
    found = candidates(*written(tmp_path, fetches, [FRAME]))
    assert [c.row.url for c in found] == ["z", "a", "http://a/1.mp4", "b"]


def test_two_parts_of_a_file_have_ids_of_their_own(tmp_path: Path) -> None:
    parts = [replace(FETCH, rect=rect) for rect in ("", "0,0,5,5", "5,0,9,5", "0,0,5,5")]
    ids = [c.row.id for c in candidates(*written(tmp_path, parts, []))]
    assert len(set(ids)) == 3
    assert ids[1] == ids[3]
    assert all(len(one) == 16 for one in ids)


def test_a_fetch_without_its_post_is_told(tmp_path: Path) -> None:
    lost = replace(FETCH, post_id="vk:cats:2")
    with pytest.raises(DataError, match=r"vk:cats:2(.|\n)*posts\.csv"):
        candidates(*written(tmp_path, [lost], []))
