"""Colours: a rule for the whole picture is no difference, a thing of another colour is."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.images.albums import decide, kept, levels
from tests.images.pictures import captioned, drawn, encoded

from memegan.images.colour import colour_change, painted
from memegan.images.features import chroma_of, thumbnail
from memegan.images.params import DedupParams
from memegan.images.same import placed
from memegan.images.views import CUTS

LIMIT = DedupParams().same_colour
IDENTITY = placed(CUTS[0])


def colours(pixels: np.ndarray) -> np.ndarray:
    return painted(thumbnail(pixels), chroma_of(pixels))


def muted(seed: int) -> np.ndarray:
    """A picture that brightness does not cut off."""
    return (drawn(seed, 240, 180) * 0.5 + 60).astype(np.uint8)


def shown(values: np.ndarray) -> np.ndarray:
    return values.round().clip(0, 255).astype(np.uint8)


def vignette(pixels: np.ndarray) -> np.ndarray:
    v, u = np.mgrid[-1 : 1 : pixels.shape[0] * 1j, -1 : 1 : pixels.shape[1] * 1j]
    return shown(pixels * (1 - 0.2 * (u * u + v * v))[..., None])


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "white balance": lambda x: shown(x * np.array([1.15, 1.0, 0.85])),
    "gamma": lambda x: shown(255 * (x / 255) ** 0.8),
    "gray": lambda x: cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2),
    "pale": lambda x: shown(x * 0.5 + x.mean(2, keepdims=True) * 0.5),
    "a vignette": vignette,
}


@settings(deadline=None)
@given(st.integers(0, 200), st.sampled_from(sorted(RULES)))
def test_a_rule_for_the_whole_picture_is_no_difference(seed: int, rule: str) -> None:
    one = muted(seed)
    other = RULES[rule](one)
    assert colour_change(colours(one), colours(other), IDENTITY) < LIMIT
    assert colour_change(colours(other), colours(one), IDENTITY) < LIMIT


def with_a_thing(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """The picture with a disc of a sixth of its height across, and eyes on it."""
    out = pixels.copy()
    cv2.circle(out, (120, 90), 30, colour, -1)
    for x in (110, 130):
        cv2.circle(out, (x, 85), 5, (20, 20, 20), -1)
    return out


HAIR = {"blond": (222, 190, 110), "red": (200, 90, 50), "blue": (70, 90, 200)}


@settings(deadline=None)
@given(
    st.integers(0, 200),
    st.lists(st.sampled_from(sorted(HAIR)), unique=True, min_size=2, max_size=2),
)
def test_a_thing_of_another_colour_is_one(seed: int, hair: list[str]) -> None:
    one, other = (colours(with_a_thing(muted(seed), HAIR[name])) for name in hair)
    assert colour_change(one, other, IDENTITY) > LIMIT
    assert colour_change(one, one, IDENTITY) == pytest.approx(0, abs=1)


def test_a_picture_without_colours_differs_in_none() -> None:
    gray = RULES["gray"](muted(3))
    assert colour_change(colours(gray), colours(gray), IDENTITY) == pytest.approx(0, abs=1)


def test_colours_are_compared_where_one_lies_on_the_other() -> None:
    base = with_a_thing(muted(5), HAIR["red"])
    cut = base[9:171, 12:228]
    assert colour_change(colours(cut), colours(base), placed(CUTS[1])) < LIMIT
    assert colour_change(colours(cut), colours(base), IDENTITY) > LIMIT


def test_recoloured_pictures_are_kept_as_one_template() -> None:
    made = decide({name: encoded(with_a_thing(muted(7), HAIR[name])) for name in ("red", "blue")})
    assert kept(made) == ["red", "blue"]
    assert levels(made) == {"blue": ("red", "template")}


def test_of_a_picture_and_its_tinted_copies_one_is_kept() -> None:
    base = with_a_thing(muted(7), HAIR["red"])
    rules = ("white balance", "gamma", "gray", "pale")
    made = decide({"": encoded(base)} | {rule: encoded(RULES[rule](base)) for rule in rules})
    assert {row.level for row in made.duplicates} == {"same"}
    assert len(made.kept) == 1


def test_letters_still_count_where_the_colours_are_alike() -> None:
    files = {text: encoded(captioned(muted(2), text)) for text in ("WORD ONE", "IT IS A")}
    assert kept(decide(files)) == list(files)
