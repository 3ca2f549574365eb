"""A picture by tiles is the picture as a whole."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from memegan.errors import ParamsError
from memegan.inference.tiles import Tiling, tiled
from memegan.networks.translation import ResNetShape, resnet_generator


def seen_within(radius_px: int, scale: int = 1) -> nn.Module:
    """A network whose pixels depend on what lies within `radius_px`, on borders too."""
    torch.manual_seed(radius_px)
    side = 2 * radius_px + 1
    net = nn.Sequential(
        nn.Conv2d(3, 3, side, padding=radius_px, padding_mode="reflect"),
        nn.Tanh(),
        nn.Upsample(scale_factor=scale),
    )
    return net.requires_grad_(False)


def noise(height: int, width: int) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@settings(max_examples=15)
@given(st.integers(17, 300), st.integers(17, 300), st.sampled_from([1, 2]))
def test_tiles_give_what_the_whole_gives(height: int, width: int, scale: int) -> None:
    net, image = seen_within(16, scale), noise(height, width)
    whole = net(image[None])[0]
    made = tiled(net, image, Tiling(128, 64))
    assert made.shape == (3, height * scale, width * scale)
    assert torch.allclose(made, whole, atol=1e-5)


def test_a_generator_without_norm_leaves_no_seam() -> None:
    torch.manual_seed(1)
    net = resnet_generator(ResNetShape(blocks=1, width=4, norm="none", upsample="resize"))
    net.requires_grad_(False)
    image = noise(200, 330)
    assert torch.allclose(tiled(net, image, Tiling(256, 128)), net(image[None])[0], atol=1e-4)


def test_no_tile_is_larger_than_asked_for() -> None:
    sizes = []

    def net(x: Tensor) -> Tensor:
        sizes.append(tuple(x.shape[2:]))
        return x

    image = noise(700, 450)
    assert torch.allclose(tiled(net, image, Tiling(256, 64)), image, atol=1e-6)
    assert len(sizes) == 4 * 3
    assert max(map(max, sizes)) == 256
    assert min(map(min, sizes)) > 64


def test_a_picture_that_fits_and_a_tile_of_nothing_are_done_at_once() -> None:
    calls = []

    def net(x: Tensor) -> Tensor:
        calls.append(x.shape[2:])
        return functional.avg_pool2d(x, 1)

    tiled(net, noise(64, 64), Tiling(64, 0))
    tiled(net, noise(300, 200), Tiling(0, 0))
    assert calls == [(64, 64), (300, 200)]


@pytest.mark.parametrize(("tile", "overlap"), [(100, 64), (128, 10), (-64, 0), (128, 128)])
def test_tiles_that_cannot_be_laid_are_refused(tile: int, overlap: int) -> None:
    with pytest.raises(ParamsError, match="px"):
        Tiling(tile, overlap)
