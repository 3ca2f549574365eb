"""The share of energy in a grid of single pixels: all of a grid, next to nothing of a picture."""

import pytest
import torch
from tests.metrics.pictures import checked, noisy, scenes
from torch import Tensor

from memegan.metrics.checkerboard import grid_energy

Y, X = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
QUARTER, HALF = torch.pi / 2, torch.pi


@pytest.mark.parametrize(
    "wave", [HALF * (X + Y), HALF * X, HALF * Y, QUARTER * X, QUARTER * (X + Y), QUARTER * (X - Y)]
)
def test_a_pure_grid_of_period_2_or_4_is_all_energy_in_every_direction(wave: Tensor) -> None:
    assert float(grid_energy(torch.cos(wave).expand(1, 3, 32, 32))) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("cycles", [1, 3, 7, 9, 15])
def test_a_wave_of_another_period_is_none(cycles: int) -> None:
    wave = torch.cos(2 * torch.pi * cycles * X / 32).expand(1, 3, 32, 32)
    assert float(grid_energy(wave)) == pytest.approx(0, abs=1e-6)


def test_two_waves_share_the_energy_by_their_squares() -> None:
    """1^2 of a grid beside 2^2 of a wave of 32 px: a fifth."""
    both = torch.cos(QUARTER * X) + 2 * torch.cos(2 * torch.pi * Y / 32)
    assert float(grid_energy(both.expand(1, 3, 32, 32))) == pytest.approx(0.2, abs=1e-4)


@pytest.mark.parametrize("shade", [-1.0, 0.0, 0.3, 0.9])
def test_a_flat_picture_has_no_grid(shade: float) -> None:
    assert float(grid_energy(torch.full((1, 3, 64, 64), shade))) == pytest.approx(0, abs=1e-6)


def test_a_transposed_convolution_leaves_its_mark_and_a_resize_does_not() -> None:
    """Kernel 3, stride 2: every second pixel gets twice the kernel's weight (Odena et al. 2016)."""
    small = scenes(0, 8)[:, :, ::2, ::2]
    kernel = torch.ones(3, 3)[None, None].expand(3, 1, 3, 3) / 2.25
    up = torch.nn.functional.conv_transpose2d(small, kernel, stride=2, padding=1, groups=3)
    up = torch.nn.functional.pad(up, (0, 1, 0, 1), mode="replicate")
    smooth = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    assert (grid_energy(up) > 10 * grid_energy(smooth)).all()


def test_demo_pictures_have_little_and_mirroring_or_turning_them_changes_nothing() -> None:
    photos = scenes(0, 12)
    usual = grid_energy(photos)
    assert float(usual.max()) < 0.01
    for turned in (photos.flip(2), photos.flip(3), photos.transpose(2, 3)):
        assert grid_energy(turned).numpy() == pytest.approx(usual.numpy(), rel=1e-3)


def test_every_picture_has_more_the_higher_the_grid() -> None:
    found = torch.stack([grid_energy(checked(scenes(0, 12), h)) for h in (0.0, 0.02, 0.1, 0.4)])
    assert (found.diff(dim=0) > 0).all()


def test_white_noise_has_its_share_of_frequencies_and_no_more() -> None:
    """15 of 64^2 - 1 frequencies are counted; noise gives each the same."""
    found = grid_energy(noisy(torch.zeros(200, 3, 64, 64), 1.0))
    assert float(found.mean()) == pytest.approx(15 / (64**2 - 1), rel=0.1)


@pytest.mark.parametrize(("contrast", "shade"), [(1.0, 0.0), (0.1, -0.5), (1e-3, 0.9)])
def test_neither_contrast_nor_brightness_counts(contrast: float, shade: float) -> None:
    photos = checked(scenes(0, 6), 0.05)
    assert grid_energy(contrast * photos + shade).numpy() == pytest.approx(
        grid_energy(photos).numpy(), rel=0.01
    )
