"""Alarms ring for the known deaths of a GAN and for nothing else."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from memegan.training.alarms import look

FINE = {"gan": 0.5, "discriminator": 0.4}


def noise(seed: int, count: int = 4, side: int = 32) -> Tensor:
    """Smooth pictures, another for each seed: noise of 8 px enlarged."""
    draw = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 3, 8, 8, generator=draw) * 2 - 1
    return torch.nn.functional.interpolate(small, (side, side), mode="bilinear")


def names(images: dict[str, Tensor], losses: dict[str, float] = FINE) -> list[str]:
    return [alarm.name for alarm in look(images, losses)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8), st.sampled_from([16, 24, 33, 64]))
def test_pictures_with_shapes_ring_nothing(seed: int, count: int, side: int) -> None:
    fake, source = noise(seed, count, side), noise(seed + 1, count, side)
    assert names({"fake": fake}) == []
    assert names({"a": source, "fake_b": source, "b": fake, "fake_a": source}) == []


@pytest.mark.parametrize(("value", "colour"), [(-1.0, "black"), (0.0, "one colour"), (1.0, "one")])
def test_one_colour_rings(value: float, colour: str) -> None:
    faint = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 0.02
    (alarm,) = look({"fake": torch.full((4, 3, 16, 16), value) + faint}, FINE)
    assert alarm.name == "flat"
    assert colour in alarm.what
    assert "learning rate" in alarm.fix


def test_the_same_picture_for_all_noise_rings_but_one_picture_alone_does_not() -> None:
    one = noise(1, 1)
    almost = one + 0.005 * noise(2, 6)
    assert names({"fake": almost}) == ["same_picture"]
    assert names({"fake": one}) == []


def test_a_negative_rings_where_most_are_negatives() -> None:
    a = noise(3, 5)
    assert names({"a": a, "fake_b": -a}) == ["inverted"]
    assert names({"b": a, "fake_a": -a}) == ["inverted"]
    assert names({"a": a, "fake_b": a}) == []
    assert names({"a": a, "fake_b": torch.cat([-a[:2], a[2:]])}) == []


def test_a_grid_of_single_pixels_rings() -> None:
    board = torch.ones(32, 32)
    board[::2, ::2] = -1
    board[1::2, 1::2] = -1
    assert names({"fake": noise(4) + 0.5 * board}) == ["checkerboard"]
    assert names({"fake": noise(4) + 0.02 * board}) == []


@pytest.mark.parametrize(
    ("losses", "rings"),
    [
        ({"discriminator": 0.0}, True),
        ({"discriminator_a": 0.002}, True),
        ({"discriminator_b": 0.01}, False),
        ({"discriminator": -3.0}, False),  # a Wasserstein critic's distance, and a good one
        ({"gan": 0.0}, False),
        ({"discriminator": float("nan")}, False),
    ],
)
def test_a_discriminator_that_tells_every_fake_rings(losses: dict[str, float], rings: bool) -> None:
    found = names({"fake": noise(5)}, losses)
    assert found == (["saturated_discriminator"] if rings else [])


@pytest.mark.parametrize(
    ("losses", "rings"),
    [
        ({"discriminator": 1001.0}, True),
        ({"discriminator_b": 8256.0}, True),
        ({"discriminator": -2e4}, True),
        ({"discriminator": 999.0}, False),
        ({"gan": -1500.0, "discriminator": -40.0}, False),  # a critic whose level drifts
        ({"gan": math.exp(7), "discriminator": -8.0}, False),  # reverse_kl, logits of 7
        ({"cycle_a": 5000.0}, False),
        ({"discriminator": float("nan")}, False),
    ],
)
def test_a_discriminator_that_runs_away_rings(losses: dict[str, float], rings: bool) -> None:
    assert names({"fake": noise(5)}, losses) == (["diverged"] if rings else [])


def test_only_fakes_are_judged() -> None:
    black = torch.full((4, 3, 16, 16), -1.0)
    assert names({"a": black, "cycle_a": black, "identity_b": black, "b": black}) == []
