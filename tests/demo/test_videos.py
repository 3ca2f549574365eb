"""The episodes: what the committed files show is what cuts.csv says."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from memegan.demo.community import VIDEOS
from memegan.demo.videos import BAR, EPISODES, FPS, HEIGHT, VARIABLE, WIDTH, frames, main

NAMES = sorted(EPISODES)


def decoded(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (time in seconds, pixels (HEIGHT, WIDTH, 3) uint8) of all frames."""
    with av.open(str(path), "r") as container:
        for frame in container.decode(video=0):
            yield float(frame.time or 0), frame.to_ndarray(format="rgb24")


def shots(name: str) -> list[dict[str, str]]:
    with (VIDEOS / "cuts.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["video"] == f"{name}.webm"]


@pytest.mark.parametrize("name", NAMES)
def test_each_shot_begins_with_a_jump_where_the_table_says(name: str) -> None:
    pictures = [pixels.astype(np.float32) for _, pixels in decoded(VIDEOS / f"{name}.webm")]
    jumps = [float(np.abs(b - a).mean()) for a, b in itertools.pairwise(pictures)]
    starts = [int(row["frame"]) for row in shots(name)]
    at, white = 0, set()
    for take in EPISODES[name][1]:
        if take.flash_at is not None:
            white |= {at + take.flash_at, at + take.flash_at + 2}
        at += take.frames
    calm = [j for n, j in enumerate(jumps, 1) if n not in starts and n not in white]
    assert len(pictures) == at
    assert min(jumps[n - 1] for n in starts[1:]) > 1.5 * max(calm)
    assert all(jumps[n - 1] > max(calm) for n in white)


@pytest.mark.parametrize("name", NAMES)
def test_times_are_those_of_the_table_and_vary_where_they_should(name: str) -> None:
    times = [time for time, _ in decoded(VIDEOS / f"{name}.webm")]
    gaps = {round(b - a, 3) for a, b in itertools.pairwise(times)}
    assert len(gaps) == (2 if name in VARIABLE else 1)
    assert min(gaps) == pytest.approx(1 / FPS, abs=0.002)
    for row in shots(name):
        assert times[int(row["frame"])] == pytest.approx(float(row["time_s"]), abs=0.001)


def test_the_letterboxed_episode_has_bars_and_the_others_have_none() -> None:
    for name in NAMES:
        stack = np.stack([pixels for _, pixels in decoded(VIDEOS / f"{name}.webm")])
        brightest = stack.max(axis=(0, 2, 3))
        dark = [bool(row < 40) for row in brightest]
        bars = EPISODES[name][0]
        assert dark[: BAR - 1] == [bars] * (BAR - 1)
        assert dark[1 - BAR :] == [bars] * (BAR - 1)
        assert not any(dark[BAR + 1 : -BAR - 1])


def test_a_take_without_a_pan_stands_still() -> None:
    takes = EPISODES["1"][1]
    first = list(frames(takes[:1], letterbox=False))
    assert all(np.array_equal(first[0], other) for other in first)
    assert first[0].shape == (HEIGHT, WIDTH, 3)


def test_the_generator_makes_what_is_committed(tmp_path: Path) -> None:
    """The same table, and pictures that are near; bytes follow the encoder's build."""
    main(tmp_path)
    assert (tmp_path / "cuts.csv").read_bytes() == (VIDEOS / "cuts.csv").read_bytes()
    made, kept = (list(decoded(folder / "1.webm")) for folder in (tmp_path, VIDEOS))
    for (time, one), (again, other) in zip(made, kept, strict=True):
        assert time == again
        assert np.abs(one.astype(int) - other).mean() < 3


def test_the_files_are_small() -> None:
    assert sum(file.stat().st_size for file in VIDEOS.iterdir()) < 600_000
