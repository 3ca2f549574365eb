"""A changed film has the times and the sound of its source, and says what it is."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from tests.video.clips import FPS, HEIGHT, WIDTH, clip, shot

from memegan.errors import DataError, ParamsError
from memegan.inference.film import KINDS, changed


def negative(pixels: np.ndarray) -> np.ndarray:
    return 255 - pixels


def with_sound(path: Path, codec: str, seconds: int = 2) -> Path:
    """A film of one shot and a tone."""
    with av.open(str(path), "w") as out:
        film = out.add_stream("libvpx-vp9", rate=FPS)
        film.width, film.height, film.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        tone = cast("av.AudioStream", out.add_stream(codec, rate=48_000, layout="mono"))
        for number, pixels in enumerate(shot(1, FPS * seconds, 2)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
        at = np.arange(48_000 * seconds)
        wave = (0.3 * np.sin(at / 20)).astype(np.float32)
        kind = tone.codec_context.format.name
        resampler = av.AudioResampler(kind, "mono", 48_000, frame_size=960)
        sound = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        sound.sample_rate, sound.pts = 48_000, 0
        for part in [*resampler.resample(sound), *resampler.resample(None)]:
            out.mux(tone.encode(part))
        out.mux(tone.encode(None))
    return path


def times(path: Path) -> list[float]:
    with av.open(str(path)) as film:
        return [float(frame.time or 0) for frame in film.decode(video=0)]


def sound_s(path: Path) -> float:
    with av.open(str(path)) as film:
        return sum(f.samples for f in film.decode(audio=0)) / 48_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_changed_and_keeps_its_time(tmp_path: Path, kind: str) -> None:
    at_ms = [0, 80, 120, 400, 440, 1000]  # as a phone records: no constant rate
    pictures = shot(3, len(at_ms), 4)
    source = clip(tmp_path / "in.mkv", pictures, at_ms)
    reading = changed(source, tmp_path / f"out{kind}", negative, "generated")
    assert (reading.status, reading.frames) == ("ok", len(at_ms))
    assert times(tmp_path / f"out{kind}") == pytest.approx([t / 1000 for t in at_ms], abs=0.002)
    with av.open(str(tmp_path / f"out{kind}")) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        notes = {name.lower(): text for name, text in film.metadata.items()}
    assert notes["comment"] == "generated"
    for made, picture in zip(shown, pictures, strict=True):
        assert np.abs(made.astype(int) - negative(picture)).mean() < 12
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({"in.mkv", f"out{kind}"})


@pytest.mark.parametrize("codec", ["libopus", "aac"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_sound_stays(tmp_path: Path, kind: str, codec: str) -> None:
    source = with_sound(tmp_path / "in.mkv", codec)
    changed(source, tmp_path / f"out{kind}", negative, "")
    assert sound_s(tmp_path / f"out{kind}") == pytest.approx(2, abs=0.1)
    assert len(times(tmp_path / f"out{kind}")) == 2 * FPS


def test_odd_sides_are_filled_up(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", shot(2, 3))
    changed(source, tmp_path / "out.mp4", lambda pixels: pixels[:31, :45], "")
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert (film.streams.video[0].height, film.streams.video[0].width) == (32, 46)


def test_a_film_that_is_cut_off_gives_what_there_is_and_says_so(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", shot(2, 48, 4))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    reading = changed(source, tmp_path / "out.webm", negative, "")
    assert 0 < len(times(tmp_path / "out.webm")) == reading.frames < 48
    assert reading.reason


@pytest.mark.parametrize("data", [b"", b"no film", b"\x1aE\xdf\xa3" + bytes(500)])
def test_what_is_no_film_is_told_and_leaves_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "in.webm").write_bytes(data)
    with pytest.raises(DataError, match="no frame can be read"):
        changed(tmp_path / "in.webm", tmp_path / "out.mp4", negative, "")
    assert [p.name for p in tmp_path.iterdir()] == ["in.webm"]


def test_a_change_that_fails_leaves_the_old_film(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", shot(2, 4))
    (tmp_path / "out.mp4").write_bytes(b"old")

    def fails(pixels: np.ndarray) -> np.ndarray:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        changed(source, tmp_path / "out.mp4", fails, "")
    assert (tmp_path / "out.mp4").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_kind_that_is_not_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="of kind"):
        changed(tmp_path / "in.mkv", tmp_path / "out.gif", negative, "")
