"""Videos are read by presentation time, and what is wrong with a file is told, never raised."""

import hashlib
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest
from tests.images.pictures import drawn, encoded
from tests.video.clips import FPS, HEIGHT, WIDTH, clip, flat, shot, tone, turn

from memegan.video.read import Frame, Reading, read

PICTURES = shot(1, 14, 2) + shot(2, 10)
TIMES = [n * 80 + 55 * (n % 3 == 1) for n in range(len(PICTURES))]
BFRAMES = {"preset": "medium", "bf": "3", "b-adapt": "0", "g": "12"}


def frames(path: Path) -> tuple[list[Frame], Reading]:
    reading = Reading()
    with path.open("rb") as file:
        return list(read(file, reading)), reading


def times(path: Path) -> list[Fraction]:
    return [frame.time for frame in frames(path)[0]]


def ends(path: Path) -> tuple[str, str, int]:
    _, reading = frames(path)
    return reading.status, reading.reason, reading.frames


@cache
def whole() -> bytes:
    """A sound MP4 of two seconds, its index at the front, a key frame each second."""
    with TemporaryDirectory() as folder:
        return clip(Path(folder, "a.mp4"), PICTURES, options={"g": "12"}).read_bytes()


@pytest.mark.parametrize("options", [{}, BFRAMES], ids=["in order", "reordered"])
def test_constant_rate_times_are_exact(tmp_path: Path, options: dict[str, str]) -> None:
    path = clip(tmp_path / "a.mp4", PICTURES, options=options)
    assert times(path) == [Fraction(n, FPS) for n in range(len(PICTURES))]
    with av.open(str(path)) as container:
        order = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert (order != sorted(order)) == bool(options)


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libvpx-vp9"), ("a.mkv", "libx264")])
def test_times_of_a_variable_rate_are_the_files_own(tmp_path: Path, name: str, codec: str) -> None:
    path = clip(tmp_path / name, PICTURES, TIMES, codec)
    assert times(path) == [Fraction(t, 1000) for t in TIMES]


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mkv", PICTURES, [t + 700 for t in TIMES])
    found, _ = frames(path)
    assert [f.pts for f in found] == [t + 700 for t in TIMES]
    assert [f.time for f in found] == [Fraction(t, 1000) for t in TIMES]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_frames_show_what_was_encoded_in_its_order(tmp_path: Path, name: str) -> None:
    found, reading = frames(clip(tmp_path / name, PICTURES, options=BFRAMES))
    off = [np.abs(f.rgb().astype(int) - p).mean() for f, p in zip(found, PICTURES, strict=True)]
    assert max(off) < 8
    assert (reading.codec, reading.width_px, reading.height_px) == ("h264", WIDTH, HEIGHT)
    assert (reading.fps, reading.declared_s) == ("12/1", 2.0)
    assert reading.last_s == pytest.approx(23 / 12, abs=1e-3)
    assert (reading.status, reading.reason) == ("ok", "")


def test_key_frames_are_marked(tmp_path: Path) -> None:
    found, _ = frames(clip(tmp_path / "a.mp4", PICTURES, options={"g": "6", "sc_threshold": "0"}))
    assert [n for n, frame in enumerate(found) if frame.is_key] == [0, 6, 12, 18]


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", PICTURES[:3])
    before, _ = frames(path)
    turn(path)
    after, reading = frames(path)
    assert (reading.width_px, reading.height_px) == (HEIGHT, WIDTH)
    assert np.array_equal(after[0].rgb(), np.rot90(before[0].rgb(), -1))
    assert after[0].rgb((0, 10, 0, 20)).shape == (20, 10, 3)


@pytest.mark.parametrize("odd", [(95, 63), (64, 48)])
def test_planes_are_cut_to_the_picture_whatever_the_rows_are_padded_to(
    tmp_path: Path, odd: tuple[int, int]
) -> None:
    width, height = odd
    path = clip(tmp_path / "a.mkv", [drawn(1, width, height)] * 2, codec="ffv1")
    found, _ = frames(path)
    half = ((height + 1) // 2, (width + 1) // 2)
    assert [plane.shape for plane in found[0].planes()] == [(height, width), half, half]
    assert np.abs(found[0].planes()[0].mean() - drawn(1, width, height).mean()) < 40


def test_a_cut_tail_is_told_with_how_far_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(whole()[: len(whole()) * 6 // 10])
    found, reading = frames(path)
    assert (reading.status, reading.reason) == ("damaged", "cut_tail")
    assert reading.detail == f"{float(found[-1].time):.3f} s of 2.000 s"
    assert [f.time for f in found] == [Fraction(n, FPS) for n in range(len(found))]
    assert 8 < len(found) < 24


def test_garbage_in_the_middle_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    data = bytearray(whole())
    at = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 3
    data[at : at + 400] = np.random.default_rng(1).bytes(400)
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    found, reading = frames(path)
    assert (reading.status, reading.reason) == ("damaged", "damaged")
    assert len(found) >= 20
    assert {f.time for f in found} <= {Fraction(n, FPS) for n in range(24)}
    assert found[-1].time == Fraction(23, FPS)


def test_an_index_that_was_never_written_is_told(tmp_path: Path) -> None:
    data = whole()
    path = tmp_path / "a.mp4"
    path.write_bytes(data[:32] + data[data.index(b"mdat") - 4 :])  # without moov
    assert ends(path) == ("failed", "damaged", 0)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    assert ends(tone(tmp_path / "a.m4a")) == ("failed", "no_video_stream", 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_is_no_video_whatever_it_is_called(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(encoded(PICTURES[0], kind))
    assert ends(path) == ("failed", "not_a_video", 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"x", "not_a_video"),
        (b"<!doctype html><p>gone</p>" * 99, "not_a_video"),
        (b"url\n" * 999, "not_a_video"),
        (b"\0" * 5000, "not_a_video"),
    ],
)
def test_other_files_are_told_apart(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    assert ends(path) == ("failed", reason, 0)


@pytest.mark.parametrize("seed", range(6))
def test_damage_anywhere_is_never_raised(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for n in range(8):
        data = bytearray(whole())
        at = int(rng.integers(0, len(data) if n % 2 else 2500))
        data[at : at + 60] = rng.bytes(60)
        path = tmp_path / "a.mp4"
        path.write_bytes(data)
        found, reading = frames(path)
        assert reading.frames == len(found)
        assert [f.time for f in found] == sorted({f.time for f in found})
        assert (reading.status == "ok") == (reading.reason == "")


def test_threads_change_no_time_and_no_pixel(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", PICTURES, options=BFRAMES)
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        alone = [(f.pts, digest(f.to_ndarray(format="rgb24"))) for f in container.decode(video=0)]
    for _ in range(3):
        assert [(f.pts, digest(f.rgb())) for f in frames(path)[0]] == alone


def digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def test_a_still_of_one_frame_is_a_video(tmp_path: Path) -> None:
    assert ends(clip(tmp_path / "a.mp4", flat(90, 1))) == ("ok", "", 1)
