"""Golden parameter counts, receptive fields, sizes and ranges of all networks."""

from dataclasses import astuple, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from memegan.networks.blocks import (
    InstanceNorm,
    Norm,
    Padded,
    ShuffledConv,
    Upsample,
    count_parameters,
    init_normal,
    norm_layer,
    padding_layer,
)
from memegan.networks.translation import (
    ResNetShape,
    ScalesDiscriminator,
    UNet,
    patch_discriminator,
    pixel_discriminator,
    resnet_generator,
    translation_discriminator,
    unet_generator,
    wide_patch_discriminator,
)
from memegan.networks.vgg16 import vgg16_generator

# Weights and biases of the photo-to-cartoon project's UNet, whose skip at full resolution is dead:
# its last DoubleConv reads 32 channels, ours 64, so 32 * 32 * 3 * 3 more.
DEAD_SKIP = 42_837_731
LIVE_SKIP = DEAD_SKIP + 9_216


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("net", "count"),
    [
        (resnet_generator(), 11_378_179),
        (resnet_generator(ResNetShape(blocks=6)), 7_837_699),
        (resnet_generator(ResNetShape(stem_kernel=9, padding="zeros")), 11_390_467),
        (patch_discriminator(), 2_764_737),
        (patch_discriminator(halvings=2), 662_977),
        (wide_patch_discriminator(norm="batch"), 1_556_209),  # norms with weights, as there
        (unet_generator(norm="batch"), LIVE_SKIP),
    ],
    ids=["resnet 9", "resnet 6", "9x9 stem", "patch 70", "patch 34", "patch 78", "unet"],
)
def test_parameter_counts_are_the_papers(net: nn.Module, count: int) -> None:
    assert count_parameters(net) == count


def test_the_counts_follow_from_the_layers_one_by_one() -> None:
    def conv(side: int, inner: int, outer: int) -> int:
        return side * side * inner * outer + outer

    ends = conv(7, 3, 64) + conv(7, 64, 3)
    scales = 2 * (conv(3, 64, 128) + conv(3, 128, 256)) - (128 + 256) + (64 + 128)
    assert ends + scales + 9 * 2 * conv(3, 256, 256) == 11_378_179
    patch = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    assert sum(conv(4, inner, outer) for inner, outer in patch) == 2_764_737


def test_the_pixel_discriminator_is_three_1x1_convolutions() -> None:
    """Isola et al. 2017, appendix 6.1.2: C64-C128."""
    assert count_parameters(pixel_discriminator()) == (3 * 64 + 64) + (64 * 128 + 128) + (128 + 1)


def test_norms_without_weights_learn_nothing() -> None:
    norms: list[Norm] = ["instance", "none"]
    assert [count_parameters(norm_layer(norm, 8)) for norm in norms] == [0, 0]
    assert count_parameters(norm_layer("batch", 8)) == 16
    assert count_parameters(patch_discriminator(norm="batch")) == 2_764_737 + 2 * (128 + 256 + 512)


@pytest.mark.parametrize(
    ("net", "place", "side"),
    [
        (patch_discriminator(4, "none"), 7, 70),
        (patch_discriminator(4, "none", halvings=2), 14, 34),
        (wide_patch_discriminator(4, "none"), 4, 78),
        (pixel_discriminator(4, "none"), 60, 1),
    ],
    ids=["patch70", "patch34", "patch78", "pixel"],
)
def test_a_logit_sees_a_square_of_its_name(net: nn.Module, place: int, side: int) -> None:
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    net(image)[0, 0, place, place].backward()
    assert image.grad is not None
    seen = image.grad[0].abs().sum(0).nonzero()
    low, high = seen.min(0).values, seen.max(0).values
    assert (high - low + 1).tolist() == [side, side]
    assert len(seen) == side * side


@pytest.mark.parametrize(("size", "map_side"), [(24, 1), (32, 2), (64, 6), (256, 30)])
def test_the_patch_discriminator_has_a_map_of_logits(size: int, map_side: int) -> None:
    assert patch_discriminator(4)(torch.rand(1, 3, size, size)).shape == (1, 1, map_side, map_side)


@pytest.mark.parametrize(("size", "map_side"), [(24, 1), (32, 2), (100, 6), (256, 16)])
def test_the_wide_patch_discriminator_has_a_smaller_map(size: int, map_side: int) -> None:
    net = translation_discriminator("patch78", 4)
    assert net(torch.rand(1, 3, size, size)).shape == (1, 1, map_side, map_side)


@pytest.mark.parametrize(("size", "map_side"), [(24, 4), (32, 6), (64, 14), (256, 62)])
def test_the_discriminator_of_scales_judges_the_picture_and_its_half(
    size: int, map_side: int
) -> None:
    net = ScalesDiscriminator(4, "none")
    image = torch.rand(1, 3, size, size)
    logits = net(image)
    assert logits.shape == (1, 2, map_side, map_side)
    assert torch.equal(logits[:, :1], net.fine(image))
    half = functional.interpolate(image, scale_factor=0.5, mode="area")
    assert logits[:, 1].unique().equal(net.coarse(half).unique())


def test_the_pixel_discriminator_judges_each_pixel_for_itself() -> None:
    net, image = pixel_discriminator(4, "none"), torch.rand(1, 3, 24, 24)
    places = torch.randperm(24 * 24)
    mixed = image.flatten(2)[:, :, places].reshape(1, 3, 24, 24)
    assert torch.allclose(net(image).flatten()[places], net(mixed).flatten(), atol=1e-6)


def all_generators() -> list[tuple[str, nn.Module]]:
    torch.manual_seed(0)
    norms: list[Norm] = ["instance", "batch", "none"]
    ups: list[Upsample] = ["transposed", "resize", "bilinear", "pixelshuffle"]
    shapes = [ResNetShape(1, 4, norm, up) for norm in norms for up in ups]
    zeros = [replace(shape, stem_kernel=9, padding="zeros") for shape in shapes[:3]]
    stems = [ResNetShape(1, 4, stem_kernel=side) for side in (3, 5)]
    nets = [
        (" ".join(map(str, astuple(s)[2:])), resnet_generator(s)) for s in shapes + zeros + stems
    ]
    nets += [(f"unet {norm}", unet_generator(4, norm)) for norm in norms]
    nets += [(f"vgg16 {norm}", vgg16_generator(8, norm)) for norm in norms]
    nets += [(f"unet {up}", unet_generator(4, upsample=up)) for up in ups[1:]]
    nets += [(f"vgg16 {up}", vgg16_generator(8, upsample=up)) for up in ups[1:]]
    return nets


GENERATORS = dict(all_generators())


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("size", [(17, 17), (32, 32), (33, 50), (64, 47)])
def test_a_generator_takes_any_size_and_stays_in_range(name: str, size: tuple[int, int]) -> None:
    net, image = GENERATORS[name], torch.rand(2, 3, *size) * 2 - 1
    for mode in (False, True):
        out = net.train(mode)(image).detach()
        assert out.shape == image.shape
        assert bool(torch.isfinite(out).all())
        assert float(out.abs().max()) <= 1
    assert not torch.equal(out[0], out[1])


@pytest.mark.parametrize("name", GENERATORS)
def test_every_weight_of_a_generator_matters(name: str) -> None:
    net = GENERATORS[name].train()
    net.zero_grad()
    out = net(torch.rand(2, 3, 64, 64) * 2 - 1)
    (out * torch.rand(out.shape)).sum().backward()
    dead = [key for key, w in net.named_parameters() if w.grad is None or not w.grad.any()]
    assert dead == []


def test_a_sub_pixel_convolution_begins_without_a_checkerboard() -> None:
    """ICNR: each 2x2 block is one value, as after a nearest resize (Aitken et al. 2017)."""
    net = init_normal(ShuffledConv(3, 5, padding_layer("reflect", 1)))
    out = net(torch.rand(2, 3, 6, 7))
    assert out.shape == (2, 5, 12, 14)
    assert torch.equal(out, out[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert not torch.equal(out[0, 0], out[0, 1])


def test_padding_is_of_pixels_or_of_zeros() -> None:
    row = torch.arange(1.0, 5).expand(1, 1, 4, 4)
    assert padding_layer("reflect", 2)(row)[0, 0, 3].tolist() == [3, 2, 1, 2, 3, 4, 3, 2]
    assert padding_layer("zeros", 2)(row)[0, 0, 3].tolist() == [0, 0, 1, 2, 3, 4, 0, 0]


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.sampled_from([1, 2, 4, 8]))
def test_padding_is_cut_off_again(height: int, width: int, stride: int) -> None:
    shapes = []

    class Body(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            shapes.append(x.shape[2:])
            return x

    image = torch.rand(1, 3, height, width)
    assert torch.equal(Padded(Body(), stride)(image), image)
    ((tall, wide),) = shapes
    assert tall % stride == wide % stride == 0
    assert 0 <= tall - height < stride
    assert 0 <= wide - width < stride


def test_padding_mirrors_the_last_pixels() -> None:
    padded = Padded(nn.ReflectionPad2d(0), 4)
    seen: list[Tensor] = []
    padded.body.register_forward_hook(lambda _, given, out: seen.append(out))
    padded(torch.arange(5.0).expand(1, 3, 5, 5))
    assert seen[0][0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]


def test_a_size_that_fits_is_not_padded() -> None:
    net, image = resnet_generator(ResNetShape(1, 4)), torch.rand(1, 3, 32, 32)
    assert torch.equal(net(image), net.get_submodule("body")(image))


def test_the_skip_at_full_resolution_is_used() -> None:
    net = UNet(2).eval()
    full: list[Tensor] = []
    net.stem.register_forward_hook(lambda _, given, out: full.append(out))
    net.downs[0].register_forward_pre_hook(lambda _, given: (given[0].detach(),))
    net(torch.rand(1, 3, 32, 32)).sum().backward()
    weight = net.stem[0].weight
    assert isinstance(weight, Tensor)
    assert weight.grad is not None  # through the skip alone: the way down was cut
    assert bool(weight.grad.any())


def test_instance_norm_has_mean_0_and_deviation_1_but_lets_one_pixel_through() -> None:
    norm, x = InstanceNorm(3), torch.rand(2, 3, 8, 8) * 5 + 1
    out = norm(x)
    assert torch.allclose(out.mean((2, 3)), torch.zeros(2, 3), atol=1e-5)
    assert torch.allclose(out.std((2, 3), correction=0), torch.ones(2, 3), atol=1e-3)
    assert torch.equal(norm(x[:, :, :1, :1]), x[:, :, :1, :1])


def test_initial_weights_are_the_papers() -> None:
    net = init_normal(nn.Sequential(nn.Conv2d(64, 64, 5), nn.BatchNorm2d(4096), nn.Linear(99, 99)))
    for layer, mean in zip(net.children(), (0, 1, 0), strict=True):
        weight, bias = layer.get_parameter("weight").detach(), layer.get_parameter("bias")
        assert abs(float(weight.mean()) - mean) < 0.002
        assert 0.018 < float(weight.std()) < 0.022
        assert not bias.any()
