"""The world: many scenes, two styles of one geometry, and no affine map between them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageChops

from memegan.demo.objects import KINDS
from memegan.demo.palettes import PALETTES
from memegan.demo.world import Style, draw, scene, shifted

SCENES = 2_000


def changed(a: Image.Image, b: Image.Image, least: int) -> tuple[int, int, int, int] | None:
    """Return the box of the pixels that differ by `least` or more."""
    far = ImageChops.difference(a, b).convert("L").point(lambda v: 255 * (v >= least))
    return far.getbbox()


@pytest.mark.parametrize("style", ["photo", "cartoon"])
def test_no_two_scenes_look_the_same(style: Style) -> None:
    seen = Counter(draw(scene(number), style, 24).tobytes() for number in range(SCENES))
    assert len(seen) == SCENES


def test_a_community_meets_every_kind_of_thing_and_every_palette() -> None:
    scenes = [scene(number) for number in range(500)]
    kinds = Counter(kind for each in scenes for kind in each.kinds)
    palettes = Counter(each.palette.name for each in scenes)
    assert set(kinds) == set(KINDS)
    assert len(KINDS) >= 12
    assert set(palettes) == {palette.name for palette in PALETTES}
    assert min(palettes.values()) > 500 / len(PALETTES) / 2


def test_a_scene_is_drawn_with_the_same_pixels_each_time() -> None:
    for style in ("photo", "cartoon"):
        first, again = (draw(scene(7), style, 48) for _ in range(2))
        assert first.tobytes() == again.tobytes()
        assert (first.mode, first.size) == ("RGB", (48, 48))


@pytest.mark.parametrize("number", range(6))
def test_a_thing_stands_in_the_same_place_in_both_styles(number: int) -> None:
    """Without its last shape, photo and cartoon change in the same box."""
    whole = scene(number)
    bare = replace(whole, shapes=whole.shapes[:-1])
    photo, cartoon = (
        changed(draw(whole, style, 128), draw(bare, style, 128), 20)
        for style in ("photo", "cartoon")
    )
    assert photo is not None
    assert cartoon is not None
    assert all(abs(p - c) <= 6 for p, c in zip(photo, cartoon, strict=True)), (photo, cartoon)


def test_a_pan_moves_the_scene_and_nothing_else() -> None:
    still = scene(3)
    moved = shifted(still, 0.25)
    assert moved.kinds == still.kinds
    for before, after in zip(still.shapes, moved.shapes, strict=True):
        assert after.points == tuple((x + 0.25, y) for x, y in before.points)


def test_cartoons_are_flat_and_photos_are_not() -> None:
    for number in range(5):
        photo, cartoon = (
            draw(scene(number), style, 64).getcolors(64 * 64) or []
            for style in ("photo", "cartoon")
        )
        assert sum(sorted(n for n, _ in cartoon)[-6:]) > 0.5 * 64 * 64
        assert max(n for n, _ in photo) < 0.05 * 64 * 64


def test_the_best_affine_colour_map_is_far_from_the_truth() -> None:
    """Unpaired training must be able to win against a map that saw the hidden pairs."""
    numbers = range(60)
    photo, truth = (
        np.stack([np.asarray(draw(scene(n), style, 32), np.float64) / 255 for n in numbers])
        for style in ("photo", "cartoon")
    )
    pixels = np.concatenate([photo, np.ones_like(photo[..., :1])], axis=-1).reshape(-1, 4)
    matrix = np.linalg.lstsq(pixels, truth.reshape(-1, 3), rcond=None)[0]
    fitted = (pixels @ matrix).clip(0, 1).reshape(truth.shape)
    assert psnr_db(fitted, truth) < 14.8
    assert psnr_db(photo, truth) < 10.5


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean(-10 * np.log10(((a - b) ** 2).mean(axis=(1, 2, 3)))))


def test_palettes_are_told_apart_by_their_photo_colours() -> None:
    """The truth follows from the input only if no two palettes share sky and ground."""
    marks = [np.array([*p.sky.photo, *p.ground.photo, *p.hill.photo]) for p in PALETTES]
    for i, one in enumerate(marks):
        for other in marks[i + 1 :]:
            assert np.abs(one - other).max() >= 20
