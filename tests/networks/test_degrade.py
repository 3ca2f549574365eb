"""Small pictures from large ones: against Pillow, against their definition, always the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from memegan.networks.degrade import DRAWS, bicubic, blurred, clean, eight_bit, gaussians, realistic

SHARES = st.floats(0, 1, exclude_max=True, width=32)


def picture(seed: int = 0, size_px: int = 32) -> Tensor:
    """A soft picture with an edge, (1, 3, S, S)."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.rand(1, 3, size_px, size_px, generator=draw)
    x[:, :, :, size_px // 2 :] *= 0.3
    return x * 2 - 1


@pytest.mark.parametrize("scale", [2, 4])
def test_a_clean_small_picture_is_pillows_bicubic_to_a_level(scale: int) -> None:
    truth = eight_bit(picture())
    pixels = ((truth[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    size = (32 // scale,) * 2
    theirs = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    ours = ((clean(truth, scale)[0] + 1) * 127.5).permute(1, 2, 0).numpy()
    assert ours.shape == theirs.shape
    assert float(np.abs(ours - theirs).max()) <= 1.01
    assert np.allclose(ours, ours.round(), atol=1e-3)


def test_enlarging_and_shrinking_a_flat_picture_changes_nothing() -> None:
    flat = torch.full((1, 3, 16, 16), 0.25)
    for factor in (0.25, 0.5, 2.0, 4.0):
        out = bicubic(flat, factor)
        assert out.shape[2:] == (16 * factor,) * 2
        assert torch.allclose(out, torch.tensor(0.25), atol=1e-6)


@given(st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=9))
def test_eight_bit_is_the_nearest_level_within_the_range(values: list[float]) -> None:
    x = torch.tensor(values)
    out = eight_bit(x)
    levels = (out + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert float((out - x.clamp(-1, 1)).abs().max()) <= 1 / 255 + 1e-6
    assert torch.equal(eight_bit(out), out)


@settings(max_examples=40, deadline=None)
@given(SHARES, SHARES, SHARES)
def test_a_blur_neither_brightens_nor_moves(wide: float, narrow: float, angle: float) -> None:
    (kernel,) = gaussians(torch.tensor([[wide, narrow, angle]], dtype=torch.float64))[0]
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-9)
    assert torch.allclose(kernel, kernel.flip(0, 1), atol=1e-12)
    assert float(kernel.min()) >= 0


def test_the_widths_of_a_blur_are_those_drawn() -> None:
    """1.6 px along x, 0.9 px along y: second moments of the kernel, at no angle."""
    shares = [(s - 0.2) / 2.8 for s in (1.6, 0.9)]
    (kernel,) = gaussians(torch.tensor([[*shares, 0.0]], dtype=torch.float64))[0]
    place = torch.arange(15.0) - 7
    assert float((kernel.sum(0) * place**2).sum()) == pytest.approx(1.6**2, rel=0.01)
    assert float((kernel.sum(1) * place**2).sum()) == pytest.approx(0.9**2, rel=0.01)


def test_each_picture_is_blurred_by_its_own_kernel() -> None:
    images = torch.cat([picture(1), picture(2)])
    kernels = gaussians(torch.tensor([[0.0, 0, 0], [0.9, 0.9, 0]]))
    out = blurred(images, kernels)
    assert torch.allclose(out[0], images[0], atol=1e-4)  # 0.2 px is hardly a blur
    assert float(out[1].std()) < 0.7 * float(images[1].std())


def degraded(draws: list[float], noise: float = 0.0) -> Tensor:
    draw = torch.Generator().manual_seed(3)
    added = torch.randn(1, 3, 16, 16, generator=draw) * noise
    return realistic(picture(), 2, torch.tensor([draws]), added)


def test_without_blur_noise_and_loss_it_is_nearly_the_clean_one() -> None:
    found = degraded([0, 0, 0, 0, 0.9, 0.999])
    assert found.shape == (1, 3, 16, 16)
    assert float((found - clean(picture(), 2)).abs().mean()) < 0.1
    worse = degraded([0, 0, 0, 0, 0.9, 0.0])
    assert float((worse - clean(picture(), 2)).abs().mean()) > 0.1


def test_noise_is_as_strong_as_drawn_and_gray_where_drawn() -> None:
    flat, draw = torch.zeros(1, 3, 64, 64), torch.Generator().manual_seed(3)
    noise = torch.randn(1, 3, 32, 32, generator=draw)
    strong = realistic(flat, 2, torch.tensor([[0, 0, 0, 0.999, 0.9, 0.999]]), noise)
    weak = realistic(flat, 2, torch.tensor([[0, 0, 0, 0.0, 0.9, 0.999]]), noise)
    gray = realistic(flat, 2, torch.tensor([[0, 0, 0, 0.999, 0.1, 0.999]]), noise)
    assert float(strong.std()) * 127.5 == pytest.approx(22, abs=8)  # 30 less what JPEG smooths
    assert float(weak.std()) * 127.5 < 2
    assert float((gray - gray.mean(1, keepdim=True)).abs().max()) < 0.03
    assert float((strong - strong.mean(1, keepdim=True)).abs().max()) > 0.1


def test_the_same_draws_give_the_same_bits_picture_by_picture() -> None:
    draw = torch.Generator().manual_seed(5)
    images = torch.cat([picture(1), picture(2), picture(3)])
    draws = torch.rand(3, DRAWS, generator=draw)
    noise = torch.randn(3, 3, 8, 8, generator=draw)
    together = realistic(images, 4, draws, noise)
    assert torch.equal(together, realistic(images, 4, draws, noise))
    levels = (together + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    for n in range(3):
        alone = realistic(images[n : n + 1], 4, draws[n : n + 1], noise[n : n + 1])
        assert float((alone[0] - together[n]).abs().mean()) < 0.01
