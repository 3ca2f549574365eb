"""PSNR and SSIM as super-resolution counts them, against closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memegan.metrics.paired import ssim
from memegan.networks.degrade import eight_bit
from memegan.networks.fidelity import inner_pixels, luma, psnr_255, ssim_255


def random_images(seed: int, count: int = 2, size_px: int = 24) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size_px, size_px, generator=draw) * 2 - 1


@pytest.mark.parametrize(
    ("rgb", "y"),
    [  # ITU-R BT.601, 8 bit: black 16, white 235, and the three primaries
        ((0, 0, 0), 16),
        ((255, 255, 255), 235),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
    ],
)
def test_luma_is_that_of_the_standard(rgb: tuple[int, int, int], y: float) -> None:
    pixels = torch.tensor(rgb, dtype=torch.float64)[None, :, None, None].expand(1, 3, 4, 4)
    assert luma(pixels).shape == (1, 1, 4, 4)
    assert float(luma(pixels)[0, 0, 0, 0]) == pytest.approx(y, abs=1e-9)


def test_pixels_are_8_bit_without_the_border_whatever_lies_there() -> None:
    images = random_images(1, size_px=20) * 1.3
    other = images.clone()
    other[:, :, :4], other[:, :, :, -4:] = 0, 1
    other[:, :, -4:], other[:, :, :, :4] = -1, 0
    inner = inner_pixels(images, 4)
    assert inner.shape == (2, 3, 12, 12)
    assert torch.equal(inner, inner_pixels(other, 4))
    assert torch.equal(inner, inner.round())
    assert 0 <= float(inner.min()) <= float(inner.max()) <= 255
    assert inner_pixels(images, 0).shape == (2, 3, 20, 20)


@given(st.integers(1, 60))
def test_an_offset_of_d_levels_gives_20_log10_of_255_over_d(d: int) -> None:
    pixels = torch.full((1, 3, 12, 12), 100.0, dtype=torch.float64)
    assert float(psnr_255(pixels + d, pixels)) == pytest.approx(20 * math.log10(255 / d))


def test_an_offset_counts_less_in_the_luma_of_studio_range() -> None:
    """219 of 255 levels: 20 log10(255 / 219) dB more."""
    pixels = torch.full((1, 3, 12, 12), 100.0, dtype=torch.float64)
    more = psnr_255(luma(pixels + 5), luma(pixels)) - psnr_255(pixels + 5, pixels)
    assert float(more) == pytest.approx(20 * math.log10(255 / 219), abs=1e-6)


def test_equal_pictures_are_1_and_100_db() -> None:
    pixels = inner_pixels(random_images(1), 2)
    assert ssim_255(pixels, pixels).tolist() == pytest.approx([1, 1])
    assert psnr_255(pixels, pixels).tolist() == pytest.approx([100, 100])


def test_the_similarity_of_gray_pictures_is_that_of_the_other_implementation() -> None:
    x, noise = (random_images(seed)[:, :1].expand(2, 3, 24, 24) for seed in (1, 2))
    x, y = eight_bit(x), eight_bit(0.5 * x + 0.5 * noise)
    ours = ssim_255(inner_pixels(x, 0), inner_pixels(y, 0))
    assert ours.tolist() == pytest.approx(ssim(x, y).tolist(), abs=1e-5)
    assert 0.2 < float(ours.min()) < 0.9


def test_channels_are_compared_each_for_itself() -> None:
    x, y = (inner_pixels(random_images(seed), 0) for seed in (1, 2))
    each = torch.stack([ssim_255(x[:, c : c + 1], y[:, c : c + 1]) for c in range(3)])
    assert ssim_255(x, y).tolist() == pytest.approx(each.mean(0).tolist())
