"""Shots: mixtures, light, shake, titles and bars; and real clips, where they are."""

import csv
import os
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.images.pictures import drawn
from tests.video.clips import FPS, HEIGHT, WIDTH, Pictures, clip, flat, moved, seen, shot, starts

from memegan.video import likeness
from memegan.video.likeness import is_blank, same_scene
from memegan.video.read import thumb


def mixed(a: Pictures, b: Pictures, length: int) -> Pictures:
    """The end of one shot shown through the beginning of the next for `length` frames."""
    shares = [(n + 1) / (length + 1) for n in range(length)]
    between = [
        ((1 - share) * old + share * new).astype(np.uint8)
        for share, old, new in zip(shares, a[-length:], b[:length], strict=True)
    ]
    return [*a[:-length], *between, *b[length:]]


@pytest.mark.parametrize("length", [4, 8, 16])
@pytest.mark.parametrize("step_px", [0, 2])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_dissolve_begins_a_shot_where_half_of_it_is_over(
    tmp_path: Path, length: int, step_px: int, seed: int
) -> None:
    a, b = shot(2 * seed + 1, 36, step_px), shot(2 * seed + 2, 36, step_px)
    (_, (at, transition)) = starts(clip(tmp_path / "a.mp4", mixed(a, b, length)))
    assert transition == "dissolve"
    assert abs(at - (36 - length / 2)) <= 1 + length / 8


@pytest.mark.parametrize("step_px", [4, 8, 16])
@pytest.mark.parametrize("seed", range(3))
def test_a_pan_over_many_screens_is_one_shot(tmp_path: Path, step_px: int, seed: int) -> None:
    wide = drawn(seed, WIDTH * 6, HEIGHT)
    pictures = [np.ascontiguousarray(wide[:, step_px * n : step_px * n + WIDTH]) for n in range(30)]
    assert starts(clip(tmp_path / "a.mp4", pictures)) == [(0, "start")]


def test_a_shaking_hand_makes_no_shots_and_hides_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    ways = rng.integers(-5, 6, (48, 2)).tolist()
    both = shot(1, 24) + shot(2, 24)
    pictures = [moved(picture, *way) for picture, way in zip(both, ways, strict=True)]
    assert starts(clip(tmp_path / "a.mp4", pictures)) == [(0, "start"), (24, "cut")]


def test_light_that_flickers_or_dims_makes_no_shots(tmp_path: Path) -> None:
    gains = np.ones(48)
    gains[10:16] = [0.6, 1.3, 0.7, 1.25, 0.8, 1.2]
    gains[24:40] = np.linspace(1, 0.4, 16)
    gains[40:] = 0.4
    pictures = [
        (p * g).clip(0, 255).astype(np.uint8) for p, g in zip(shot(1, 48), gains, strict=True)
    ]
    assert starts(clip(tmp_path / "a.mp4", pictures)) == [(0, "start")]


def test_a_title_that_comes_and_goes_makes_no_shots(tmp_path: Path) -> None:
    plain = shot(1, 48)
    titled = [picture.copy() for picture in plain]
    for picture in titled:
        picture[16:40, 16:64] = 235
    comes = mixed(plain[:28], titled[:28], 8)
    assert starts(clip(tmp_path / "a.mp4", comes + plain[:12])) == [(0, "start")]


def test_a_fade_through_white_is_one_and_a_white_flash_is_none(tmp_path: Path) -> None:
    white = flat(255, 16)
    through = mixed(shot(1, 24), white, 5)[:-5] + mixed(white[:6], shot(2, 24), 5)
    (_, (at, transition), *more) = starts(clip(tmp_path / "a.mp4", through))
    assert (transition, more) == ("fade", [])
    assert 24 <= at <= 36


def test_black_at_the_end_is_no_shot(tmp_path: Path) -> None:
    assert starts(clip(tmp_path / "a.mp4", shot(1, 24) + flat(0, 12))) == [(0, "start")]


def test_pictures_between_black_bars_are_told_apart(tmp_path: Path) -> None:
    pictures = [picture.copy() for n in range(4) for picture in shot(n, 14, 2)]
    for picture in pictures:
        picture[:12] = picture[-12:] = 0
    assert [at for at, _ in starts(clip(tmp_path / "a.mp4", pictures))] == [0, 14, 28, 42]


@pytest.mark.parametrize("contrast", [0.08, 0.12])
def test_a_faint_cut_between_misty_scenes_is_found(tmp_path: Path, contrast: float) -> None:
    misty = [
        (128 + (p.astype(float) - 128) * contrast).astype(np.uint8)
        for p in shot(1, 16) + shot(2, 16)
    ]
    assert starts(clip(tmp_path / "a.mp4", misty)) == [(0, "start"), (16, "cut")]


def test_one_mixed_frame_at_a_cut_makes_one_shot(tmp_path: Path) -> None:
    (_, (at, _)) = starts(clip(tmp_path / "a.mp4", mixed(shot(1, 20), shot(2, 20), 1)))
    assert abs(at - 19) <= 1


# --- what they are told by


def small(seed: int) -> np.ndarray:
    planes = cv2.cvtColor(drawn(seed, 640, 360), cv2.COLOR_RGB2YCrCb)
    return thumb([np.ascontiguousarray(planes[..., k]) for k in range(3)])


@given(st.integers(0, 50), st.floats(0.5, 1.0), st.integers(-40, 40))
def test_light_and_contrast_leave_a_scene_what_it_is(seed: int, gain: float, more: int) -> None:
    scene = small(seed)
    lit = (scene * gain + (1 - gain) * 128 + more * gain).clip(0, 255).astype(np.uint8)
    assert same_scene(scene, lit, 0.75)


@given(st.integers(0, 50))
def test_a_scene_is_like_itself_and_like_no_other(seed: int) -> None:
    assert same_scene(small(seed), small(seed), 0.99)
    assert not same_scene(small(seed), small(seed + 51), 0.75)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(-2, 2), st.integers(-4, 4))
def test_what_stays_in_place_is_what_a_search_finds(
    seed: int, other: int, down: int, right: int
) -> None:
    a, b = small(seed), np.roll(small(other), (down, right), axis=(0, 1))
    stays, found = likeness._stays(a, b, 0.75), likeness._decided(a, b, 0.75)
    assert found or not stays
    if seed == other and down == right == 0:
        assert stays


def test_a_thing_on_plain_ground_is_like_itself_and_like_no_other() -> None:
    ground = np.full((36, 64, 3), 90, np.uint8)
    disc, square = ground.copy(), ground.copy()
    cv2.circle(disc, (9, 6), 5, (200, 128, 128), -1)
    cv2.rectangle(square, (36, 20), (48, 30), (30, 128, 128), -1)
    assert same_scene(disc, disc, 0.75)
    assert same_scene(disc, np.roll(disc, 2, axis=1), 0.75)
    assert not same_scene(disc, square, 0.75)


def test_black_and_white_are_blank_and_grey_and_night_are_not() -> None:
    made = {value: np.full((36, 64, 3), value, np.uint8) for value in (16, 128, 235)}
    assert [is_blank(one) for one in made.values()] == [True, False, True]
    night = made[16].copy()
    night[5:15, 5:25] = 60
    assert not is_blank(night)


# --- real clips: MEMEGAN_REAL_DATA names the folder that holds videos/cuts.csv

REAL = Path(os.environ.get("MEMEGAN_REAL_DATA", ""), "videos")


@pytest.mark.skipif(not (REAL / "cuts.csv").exists(), reason="MEMEGAN_REAL_DATA is not set")
def test_real_clips_give_all_their_cuts_and_no_more() -> None:
    with (REAL / "cuts.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in sorted({row["file"] for row in rows}):
        told = [row for row in rows if row["file"] == name and row["type"] in ("cut", "dissolve")]
        found = [(one.first, one.transition) for one in seen(REAL / name).shots[1:]]
        assert len(found) == len(told), (name, found)
        for row, (at, transition) in zip(told, found, strict=True):
            assert transition == row["type"]
            assert int(row["first_frame"]) - 1 <= at <= int(row["last_frame"]) + 1


def test_shots_follow_each_other_without_gaps(tmp_path: Path) -> None:
    both = mixed(shot(1, 24), shot(2, 24), 8) + shot(3, 12) + flat(0, 6) + shot(4, 12)
    shots = seen(clip(tmp_path / "a.mp4", both)).shots
    assert (shots[0].first, shots[-1].last) == (0, len(both) - 1)
    assert all(a.last + 1 == b.first for a, b in pairwise(shots))
    assert FPS == 12
