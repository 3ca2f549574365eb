"""From files to shots, sampled frames, reasons, bars, tables and packs."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.images.pictures import drawn
from tests.video.clips import FPS, HEIGHT, WIDTH, Pictures, clip, flat, seen, shot, starts, tone

from memegan.errors import DataError
from memegan.packs import read_place, write_series
from memegan.records import FetchRow, FrameRow, PostRow, ShotRow, VideoRow
from memegan.tables import columns, read_table, write_table
from memegan.video.frames import fetched_videos, local_video, local_videos, write_frames
from memegan.video.params import FramesParams
from memegan.video.sample import Sampled, choose, sample
from memegan.video.shots import Shot


def params(**values: object) -> FramesParams:
    return FramesParams.model_validate({"every_s": 0.5, **values})


def sampled(path: Path, p: FramesParams) -> list[Sampled]:
    return list(sample(lambda: path.open("rb"), seen(path, p), p))


def cuts(path: Path) -> list[int]:
    return [first for first, transition in starts(path) if transition == "cut"]


# --- shots


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("step_px", [0, 2])
def test_hard_cuts_are_found_at_their_frame(tmp_path: Path, seed: int, step_px: int) -> None:
    lengths = [13, 8, 21, 6]
    made = [shot(10 * seed + n, count, step_px) for n, count in enumerate(lengths)]
    path = clip(tmp_path / "a.mp4", sum(made, Pictures()))
    assert starts(path) == [(0, "start"), (13, "cut"), (21, "cut"), (42, "cut")]
    shots = seen(path).shots
    assert [one.last for one in shots] == [12, 20, 41, 47]


def test_cuts_of_a_variable_rate_are_found_at_their_frame(tmp_path: Path) -> None:
    pictures = shot(1, 13, 2) + shot(2, 13, 2)
    path = clip(tmp_path / "a.mkv", pictures, [n * 60 + 200 * (n // 5) for n in range(26)])
    assert starts(path) == [(0, "start"), (13, "cut")]


@pytest.mark.parametrize("value", [255, 0])
@pytest.mark.parametrize("count", [1, 2])
def test_a_flash_is_no_cut(tmp_path: Path, value: int, count: int) -> None:
    pictures = shot(1, 30, 2)
    pictures[14 : 14 + count] = flat(value, count)
    path = clip(tmp_path / "a.mp4", pictures)
    assert starts(path) == [(0, "start")] if value else cuts(path) == []


def test_a_flash_of_another_picture_is_no_cut_and_a_cut_near_it_is_one(tmp_path: Path) -> None:
    pictures = shot(1, 20) + shot(2, 16)
    pictures[8:10] = shot(9, 2)
    assert cuts(clip(tmp_path / "a.mp4", pictures)) == [20]


def test_a_picture_that_comes_back_after_a_second_was_cut_twice(tmp_path: Path) -> None:
    pictures = shot(1, 12) + shot(2, 12) + shot(1, 12)
    assert cuts(clip(tmp_path / "a.mp4", pictures)) == [12, 24]


def test_a_fast_pan_is_no_cut(tmp_path: Path) -> None:
    wide = drawn(5, WIDTH * 6, HEIGHT)
    pictures = [np.ascontiguousarray(wide[:, 16 * n : 16 * n + WIDTH]) for n in range(30)]
    assert starts(clip(tmp_path / "a.mp4", pictures)) == [(0, "start")]


def faded(pictures: Pictures, down: int, up: int) -> Pictures:
    """Light the first `up` frames slowly, darken the last `down`."""
    light = np.ones(len(pictures))
    light[:up] = np.arange(up) / max(up, 1)
    light[len(light) - down :] = 1 - np.arange(1, down + 1) / max(down, 1)
    return [(p * share).astype(np.uint8) for p, share in zip(pictures, light, strict=True)]


def test_a_fade_begins_where_the_picture_comes_back_from_black(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", faded(shot(1, 30), 12, 0) + faded(shot(2, 30), 0, 12))
    (first, second) = starts(path)
    assert (first, second[1]) == ((0, "start"), "fade")
    assert 30 <= second[0] <= 34


def test_black_before_the_first_picture_is_no_shot(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", faded(shot(1, 40), 0, 16))
    assert starts(path) == [(0, "start")]


def test_a_black_video_and_a_single_frame_are_one_shot(tmp_path: Path) -> None:
    assert seen(clip(tmp_path / "a.mp4", flat(0, 8))).shots == [Shot(0, 7, "start")]
    assert seen(clip(tmp_path / "b.mp4", flat(90, 1))).shots == [Shot(0, 0, "start")]


# --- which frames are sampled

TIMES = st.lists(st.integers(1, 900), min_size=1, max_size=60).map(
    lambda gaps: [Fraction(sum(gaps[:n]), 1000) for n in range(len(gaps))]
)


@given(TIMES, st.integers(1, 3000), st.sampled_from(["every_s", "fps"]))
def test_the_first_frame_of_each_step_is_sampled(
    times: list[Fraction], milli: int, how: str
) -> None:
    p = params(sample=how, every_s=milli / 1000, fps=milli / 1000)
    step = Fraction(milli, 1000) if how == "every_s" else Fraction(1000, milli)
    first: dict[int, int] = {}
    for n, time in enumerate(times):
        first.setdefault(int(time // step), n)
    assert choose(times, [], [], p) == sorted(first.values())


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 5))
def test_every_shot_gives_frames_evenly_spread(lengths: list[int], count: int) -> None:
    ends = np.cumsum(lengths).tolist()
    shots = [Shot(e - n, e - 1, "cut") for e, n in zip(ends, lengths, strict=True)]
    chosen = choose([], [], shots, params(sample="per_shot", per_shot=count))
    assert chosen == sorted(set(chosen))
    for one in shots:
        inside = [n for n in chosen if one.first <= n <= one.last]
        assert len(inside) == min(count, one.last - one.first + 1)
        edges = [one.first - 0.5, *inside, one.last + 0.5]
        gaps = [b - a for a, b in pairwise(edges)]
        assert max(gaps[1:-1], default=0) <= (one.last - one.first) / count + 1


def test_key_frames_are_sampled_where_the_file_has_them(tmp_path: Path) -> None:
    pictures = sum((shot(n, 6) for n in range(4)), Pictures())
    path = clip(tmp_path / "a.mp4", pictures, options={"g": "6", "sc_threshold": "0"})
    found = sampled(path, params(sample="keyframes"))
    assert [one.time * FPS for one in found] == [0, 6, 12, 18]
    assert [one.shot for one in found] == [0, 1, 2, 3]


def test_samples_have_their_shots_and_pixels(tmp_path: Path) -> None:
    pictures = shot(1, 14) + shot(2, 10)
    found = sampled(clip(tmp_path / "a.mp4", pictures), params(every_s=0.5))
    assert [one.time * FPS for one in found] == [0, 6, 12, 18]
    assert [one.shot for one in found] == [0, 0, 0, 1]
    assert [one.reason for one in found] == ["", "repeat", "repeat", ""]
    for one, n in ((found[0], 0), (found[3], 18)):
        assert one.pixels is not None
        assert np.abs(one.pixels.astype(int) - pictures[n]).mean() < 8


# --- why a frame is left out


def reasons(path: Path, **values: object) -> list[str]:
    return [one.reason for one in sampled(path, params(every_s=1 / 12, **values))]


def test_black_white_and_repeated_frames_say_so(tmp_path: Path) -> None:
    pictures = [*flat(0, 2), *shot(1, 3), *flat(255, 2), *shot(1, 2), *shot(2, 2)]
    assert reasons(clip(tmp_path / "a.mp4", pictures)) == [
        *["black"] * 2,
        *["", "repeat", "repeat"],
        *["white"] * 2,
        *["repeat"] * 2,  # of the last frame that was kept, not of the last one seen
        *["", "repeat"],
    ]


def test_a_drawing_on_twos_gives_every_other_frame(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", shot(3, 12, 4))
    assert reasons(path) == ["", "repeat"] * 6


def test_blurred_frames_are_left_out_where_the_params_say_so(tmp_path: Path) -> None:
    import cv2

    blurred = [np.asarray(cv2.GaussianBlur(p, (0, 0), 4)) for p in shot(2, 2)]
    path = clip(tmp_path / "a.mp4", shot(1, 2) + blurred + shot(3, 2))
    assert reasons(path) == ["", "repeat", "", "repeat", "", "repeat"]
    assert reasons(path, min_sharpness=60) == ["", "repeat", "blurred", "blurred", "", "repeat"]


# --- bars


def barred(pictures: Pictures, rows: int, columns: int) -> Pictures:
    made = [picture.clip(60, 255).astype(np.uint8) for picture in pictures]
    for picture in made:
        picture[:rows] = picture[HEIGHT - rows :] = 0
        picture[:, :columns] = picture[:, WIDTH - columns :] = 0
    return made


@pytest.mark.parametrize(("rows", "columns"), [(8, 0), (0, 12), (8, 12), (0, 0)])
def test_bars_are_cut_off_to_the_pixel(tmp_path: Path, rows: int, columns: int) -> None:
    path = clip(tmp_path / "a.mp4", barred(shot(1, 12, 2), rows, columns))
    (one, *_) = sampled(path, params())
    assert one.pixels is not None
    assert one.pixels.shape == (HEIGHT - 2 * rows, WIDTH - 2 * columns, 3)
    (other, *_) = sampled(path, params(crop_bars=False))
    assert other.pixels is not None
    assert other.pixels.shape == (HEIGHT, WIDTH, 3)


def test_darkness_on_one_side_and_a_small_thing_on_black_are_no_bars(tmp_path: Path) -> None:
    lit = [picture.clip(60, 255).astype(np.uint8) for picture in shot(1, 8)]
    dark = [picture.copy() for picture in lit]
    for picture in dark:
        picture[:20] = 0
    assert seen(clip(tmp_path / "a.mp4", dark)).box is None
    assert seen(clip(tmp_path / "b.mp4", barred(lit, 20, 30))).box is None
    assert seen(clip(tmp_path / "c.mp4", flat(0, 8))).box is None


# --- tables and packs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("data/inputs").mkdir(parents=True)
    return Path("data/inputs")


def written(paths: list[Path], p: FramesParams, out: str = "out") -> dict[str, bytes]:
    write_frames((local_video(path, path.name) for path in paths), p, Path(out))
    files = sorted(path for path in Path(out).rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def test_tables_and_packs_hold_what_was_sampled(folder: Path) -> None:
    path = clip(folder / "a.mp4", shot(1, 14) + shot(2, 10))
    written([path], params())
    (video,) = read_table(Path("out/videos.csv"), VideoRow)
    assert (video.name, video.frames, video.status, video.source) == ("a.mp4", 24, "ok", "video")
    shots = read_table(Path("out/shots.csv"), ShotRow)
    assert [(s.shot, s.start_s, s.end_s, s.frames) for s in shots] == [
        (0, 0.0, 1.083333, 14),
        (1, 1.166667, 1.916667, 10),
    ]
    rows = read_table(Path("out/frames.csv"), FrameRow)
    assert [(row.status, row.reason) for row in rows] == [
        ("kept", ""),
        ("dropped", "repeat"),
        ("dropped", "repeat"),
        ("kept", ""),
    ]
    assert {row.video for row in rows} == {video.video}
    for row in (rows[0], rows[3]):
        with Image.open(BytesIO(read_place(row))) as image:
            assert image.size == (row.width_px, row.height_px) == (WIDTH, HEIGHT)
    assert (rows[1].pack, rows[1].bytes) == ("", 0)


def test_the_same_videos_give_the_same_bytes_and_a_copy_is_read_once(folder: Path) -> None:
    one = clip(folder / "a.mp4", shot(1, 14, 2) + shot(2, 10))
    other = clip(folder / "b.webm", shot(3, 12, 2), codec="libvpx-vp9")
    copy = folder / "copy.mp4"
    copy.write_bytes(one.read_bytes())
    first = written([one, other], params())
    assert written([one, other, copy], params(), "again") == {
        name: data.replace(b"out/", b"again/") for name, data in first.items()
    }


def test_a_damaged_video_is_a_row_and_the_sound_one_goes_on(folder: Path) -> None:
    sound = clip(folder / "a.mp4", shot(1, 24, 2))
    cut = folder / "cut.mp4"
    cut.write_bytes(sound.read_bytes()[: sound.stat().st_size // 2])
    page = folder / "page.mp4"
    page.write_text("<!doctype html>")
    written([cut, page, sound], params())
    rows = read_table(Path("out/videos.csv"), VideoRow)
    assert [(row.name, row.status, row.reason) for row in rows] == [
        ("cut.mp4", "damaged", "cut_tail"),
        ("page.mp4", "failed", "not_a_video"),
        ("a.mp4", "ok", ""),
    ]
    kept = read_table(Path("out/frames.csv"), FrameRow)
    assert {row.video for row in kept} == {rows[0].video, rows[2].video}


def test_no_frame_at_all_is_an_error_that_names_every_file(folder: Path) -> None:
    page = folder / "page.mp4"
    page.write_text("<!doctype html>")
    with pytest.raises(DataError, match=r"page\.mp4: .*not_a_video.*; a\.m4a: .*no_video_stream"):
        written([page, tone(folder / "a.m4a")], params())
    assert not list(Path("out").rglob("*.csv"))
    assert written([], params()).keys() == {"frames.csv", "shots.csv", "videos.csv"}


def test_inputs_are_found_by_glob_in_the_order_of_their_names(folder: Path) -> None:
    for name in ("b.mp4", "a.mp4"):
        (folder / name).write_bytes(name.encode())
    wanted = {"path": "data/inputs/*.mp4", "community": "tv", "domain": "cartoon", "licence": "CC0"}
    found = list(local_videos(params(inputs=[wanted])))
    assert [v.about.name for v in found] == ["data/inputs/a.mp4", "data/inputs/b.mp4"]
    about = found[0].about
    assert (about.post_id, about.domain, about.licence) == ("video:tv:a.mp4", "cartoon", "CC0")
    with pytest.raises(DataError, match=r"no file matches 'data/inputs/\*\.avi'"):
        list(local_videos(params(inputs=[{**wanted, "path": "data/inputs/*.avi"}])))


def example(record: type) -> dict[str, Any]:
    return {c.name: c.example for c in columns(record)}


def test_fetched_videos_take_their_post_along_and_a_missing_post_is_named(folder: Path) -> None:
    path = clip(folder / "a.mp4", flat(90, 3))
    post = PostRow(**example(PostRow))
    fetch = {**example(FetchRow), "content_type": "video/mp4"}
    place = vars(write_series(Path("raw/packs"), "a", [("1.mp4", path.read_bytes())])[0])
    write_table(Path("raw/fetches.csv"), FetchRow, [FetchRow(**{**fetch, **place})])
    write_table(Path("raw/posts.csv"), PostRow, [post])
    (video,) = fetched_videos(Path("raw"))
    assert (video.about.post_id, video.about.caption) == (post.post_id, post.text)
    assert video.open().read() == path.read_bytes()
    write_table(Path("raw/posts.csv"), PostRow, [])
    with pytest.raises(DataError, match=rf"no row for {post.post_id}.*\n  where: raw/posts\.csv"):
        list(fetched_videos(Path("raw")))


@pytest.fixture(autouse=True)
def quiet_decoders() -> Iterator[None]:
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)
