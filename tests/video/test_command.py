"""`memegan frames` on an episode list: options, names that repeat, all kinds of damage at once."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.images.pictures import drawn, encoded
from tests.video.clips import clip, shot, tone

from memegan.cli.frames import frames
from memegan.errors import ParamsError
from memegan.records import FrameRow, VideoRow
from memegan.tables import read_table


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


def reasons(out: str) -> list[str]:
    return [row.reason for row in read_table(Path(out, "frames.csv"), FrameRow)]


def test_videos_of_one_name_overwrite_nothing() -> None:
    for season in ("1", "2"):
        Path(season).mkdir()
        clip(Path(season, "pilot.mp4"), shot(int(season), 12))
    frames([Path("1"), Path("2/pilot.mp4")], Path("out"), images=True)
    rows = read_table(Path("out/videos.csv"), VideoRow)
    assert [row.name for row in rows] == ["1/pilot.mp4", "2/pilot.mp4"]
    assert len(list(Path("out/images").iterdir())) == 2
    with pytest.raises(ParamsError, match="out"):
        frames([Path("1")], Path("out"))


def test_filters_are_chosen_by_options() -> None:
    subtitled = [drawn(3, 320, 180).clip(40, 200).astype(np.uint8) for _ in range(4)]
    for n, picture in enumerate(subtitled):
        picture[150:174, 20 * n : 20 * n + 150] = 235
    after = drawn(4, 320, 180)
    mixed = [((5 - n) / 6 * subtitled[0] + (n + 1) / 6 * after).astype(np.uint8) for n in range(5)]
    film = clip(Path("a.mp4"), [*subtitled * 3, *mixed, *[after] * 8])
    frames([film], Path("plain"), every_s="1/12")
    assert reasons("plain").count("") == 18
    frames([film], Path("masked"), every_s="1/12", mask=["0,0.8,1,1"], drop_fades=True)
    assert reasons("masked")[:12] == ["", *["repeat"] * 11]
    assert reasons("masked")[13:16] == ["fade"] * 3
    assert reasons("masked").count("") == 2


@pytest.mark.parametrize("wrong", ["", "1,2", "a,b,c,d", "0.5,0,0.2,1", "0,0,2,1", "nan,0,1,1"])
def test_a_mask_that_is_no_rectangle_is_refused(wrong: str) -> None:
    film = clip(Path("a.mp4"), shot(1, 2))
    with pytest.raises(ParamsError, match="mask"):
        frames([film], Path("out"), mask=[wrong])
    assert not Path("out/frames.csv").exists()


def test_every_kind_of_damage_is_a_row_and_the_run_goes_on() -> None:
    sound = clip(Path("sound.mp4"), shot(1, 36, 2), options={"g": "6"}).read_bytes()
    noisy = bytearray(sound)
    middle = sound.index(b"mdat") + (len(sound) - sound.index(b"mdat")) // 2
    noisy[middle : middle + 300] = np.random.default_rng(1).bytes(300)
    made = {
        "empty": b"",
        "picture": encoded(drawn(1), "PNG"),
        "page": b"<!doctype html><title>gone</title>" * 9,
        "cut": sound[: len(sound) * 6 // 10],
        "noisy": bytes(noisy),
        "song": tone(Path("song.m4a")).read_bytes(),
    }
    for name, data in made.items():
        Path(f"{name}.mp4").write_bytes(data)
    names = [*made, "sound"]
    frames([Path(f"{name}.mp4") for name in names], Path("out"), every_s="0.5")
    rows = {Path(row.name).stem: row for row in read_table(Path("out/videos.csv"), VideoRow)}
    assert {name: row.reason for name, row in rows.items()} == {
        "empty": "empty",
        "picture": "not_a_video",
        "page": "not_a_video",
        "cut": "cut_tail",
        "noisy": "damaged",
        "song": "no_video_stream",
        "sound": "",
    }
    cut = rows["cut"]
    assert cut.last_s is not None
    assert cut.declared_s == 3
    assert cut.detail == f"{cut.last_s:.3f} s of 3.000 s"
    kept = {row.video for row in read_table(Path("out/frames.csv"), FrameRow)}
    assert kept == {rows[name].video for name in ("cut", "noisy", "sound")}
