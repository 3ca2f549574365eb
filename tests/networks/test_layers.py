"""Layers and stacks: golden shapes and counts, any size, and dcgan's bits as torch makes them."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from memegan.networks.blocks import count_parameters, init_normal
from memegan.networks.fitting import Blueprint, Frame, blueprint
from memegan.networks.layers import KINDS
from memegan.networks.network import Network
from memegan.networks.presets import PRESETS, variables
from memegan.networks.stacks import halves

IMAGE = (6, 8, 8)


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def plan(text: str, shape: tuple[int, ...] = IMAGE, classes: int = 0) -> Blueprint:
    return blueprint(text, Frame(shape, variables(8, 16, 4, 1), classes))


LINES = {  # kind -> an example that reads (6, 8, 8), what it gives, and its parameters by hand
    "conv": ("conv 4", (4, 8, 8), 6 * 4 * 9 + 4),
    "deconv": ("deconv 4", (4, 16, 16), 6 * 4 * 16 + 4),
    "resize_conv": ("resize_conv 4 kernel=5", (4, 16, 16), 6 * 4 * 25 + 4),
    "pixel_shuffle": ("pixel_shuffle 4", (4, 16, 16), 6 * 16 * 9 + 16),
    "linear": ("linear 5", (5,), 384 * 5 + 5),
    "maps": ("pool\nmaps 3 4 bias=no", (3, 4, 4), 6 * 48),
    "basis": ("pool\nbasis 3 5", (3, 5, 5), 3 * 25 + 6 * 3),
    "reshape": ("reshape 24 4 4", (24, 4, 4), 0),
    "flatten": ("flatten", (384,), 0),
    "norm": ("norm batch", IMAGE, 12),
    "activation": ("activation glu", (3, 8, 8), 0),
    "adain": ("pool name=w\nadain w from=input", IMAGE, 6 * 12 + 12),
    "attention": ("attention", IMAGE, 6 + 6 + 36 + 1),
    "blur": ("blur", IMAGE, 0),
    "minibatch_stddev": ("minibatch_stddev", (7, 8, 8), 0),
    "noise": ("noise", IMAGE, 1),
    "dropout": ("dropout 0.2", IMAGE, 0),
    "upsample": ("upsample bilinear", (6, 16, 16), 0),
    "downsample": ("downsample", (6, 4, 4), 0),
    "pool": ("pool sum", (6,), 0),
    "concat": ("conv 2 kernel=1\nconcat input", (8, 8, 8), 14),
    "add": ("blur\nadd input", IMAGE, 0),
    "excite": ("downsample name=s\nexcite s from=input", IMAGE, 6 * 6 * 16 + 36),
    "latent": ("pool\nlatent", (6,), 0),
    "logit": ("logit", (1,), 385),
}


def test_every_layer_has_an_example() -> None:
    assert LINES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", LINES)
def test_a_layer_gives_the_shape_and_has_the_weights_that_were_planned(kind: str) -> None:
    text, shape, count = LINES[kind]
    planned = plan(text)
    net = Network(planned)
    x = torch.randn(3, *IMAGE)
    assert tuple(net(x).shape) == (3, *shape) == (3, *planned.shape)
    assert count_parameters(net) == count == sum(node.parameters for node in planned.nodes)


def test_a_plan_takes_no_random_number_and_no_memory() -> None:
    before = torch.get_rng_state()
    planned = blueprint("conv 8\nlinear 4000000", Frame((3, 512, 512), {}))
    assert sum(node.parameters for node in planned.nodes) > 8 * 10**12
    assert torch.equal(before, torch.get_rng_state())


def test_the_table_says_shapes_and_parameters_and_their_sum() -> None:
    rows = plan("conv 4\nlogit").table().splitlines()
    assert [row.split() for row in rows] == [
        ["layer", "shape", "parameters"],
        ["input", "6x8x8", "0"],
        ["conv", "4x8x8", "220"],
        ["logit", "1", "257"],
        ["all", "1", "477"],
    ]


# Bits of dcgan, as a text and written out in torch ------------------------------------------------


def fresh(make: "type[nn.Module] | object", *values: object) -> nn.Module:
    torch.manual_seed(5)
    made = make(*values)  # type: ignore[operator] # both kinds are called alike
    assert isinstance(made, nn.Module)
    return made


class PlainGenerator(nn.Module):
    """Radford et al. 2016 without the language, `width` channels at the last hidden scale."""

    def __init__(self, z_size: int, size_px: int, width: int) -> None:
        super().__init__()
        steps = round(math.log2(size_px // 4))
        widths = [width * 2 ** min(steps - 1 - n, 3) for n in range(steps)]
        self.linear = nn.Linear(z_size, widths[0] * 16)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for inner, outer in pairwise(widths):
            layers += [nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(outer), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1), nn.Tanh())
        init_normal(self)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.body(self.linear(z).reshape(len(z), -1, 4, 4))
        return out


def plain_discriminator(size_px: int, width: int) -> nn.Module:
    steps = round(math.log2(size_px // 4))
    widths = [3, *(width * 2 ** min(n, 3) for n in range(steps))]
    layers: list[nn.Module] = []
    for n, (inner, outer) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(inner, outer, 4, 2, 1)]
        layers += [nn.BatchNorm2d(outer)] if n else []
        layers += [nn.LeakyReLU(0.2)]
    return init_normal(nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 16, 1)))


@pytest.mark.parametrize("size", [16, 32, 64])
def test_dcgan_as_text_has_the_bits_of_dcgan_in_torch(size: int) -> None:
    known = variables(size, 8, 10, 1)
    text = PRESETS["dcgan"]
    pairs = [
        (text.generator, (10,), fresh(PlainGenerator, 10, size, 8)),
        (text.discriminator, (3, size, size), fresh(plain_discriminator, size, 8)),
    ]
    for written, shape, plain in pairs:
        net = fresh(Network, blueprint(written, Frame(shape, known)), "normal")
        weights, same = list(net.state_dict().values()), list(plain.state_dict().values())
        assert len(weights) == len(same)
        assert all(torch.equal(a, b) for a, b in zip(weights, same, strict=True))
        x = torch.randn(4, *shape)
        assert torch.equal(net(x), plain(x))
        assert torch.equal(net.eval()(x), plain.eval()(x))


# Any size ----------------------------------------------------------------------------------------


@given(st.integers(8, 300))
def test_halves_lead_from_any_size_to_4_to_7(size: int) -> None:
    sides = halves(size)
    assert 4 <= sides[-1] <= 7
    assert all(a in (2 * b, 2 * b - 1) for a, b in pairwise(sides))


@settings(max_examples=25)
@given(st.sampled_from(sorted(PRESETS)), st.integers(16, 256), st.sampled_from([0, 3]))
def test_every_preset_fits_every_size(name: str, size: int, classes: int) -> None:
    preset, known = PRESETS[name], variables(size, 16, 8, 2)
    made = blueprint(preset.generator, Frame((8,), known, classes))
    judge = blueprint(preset.discriminator, Frame((3, size, size), known, classes))
    assert (made.shape, judge.shape) == ((3, size, size), (1,))


def test_a_stack_doubles_channels_towards_the_small_end_up_to_the_most() -> None:
    text = "resizable_stack up to=64 width=8 max=32 { deconv $channels }"
    up = blueprint(text, Frame((64, 4, 4), {}))
    shapes = [(32, 8, 8), (32, 16, 16), (16, 32, 32), (8, 64, 64)]
    assert [node.shape for node in up.nodes] == shapes
    down = blueprint(
        "resizable_stack down width=8 max=16 { conv $channels stride=2 }", Frame((3, 64, 64), {})
    )
    assert [node.shape[0] for node in down.nodes] == [8, 16, 16, 16]


def test_a_name_in_a_block_that_repeats_is_the_latest_of_it() -> None:
    text = (
        "resizable_stack up width=4 {\n  deconv $channels name=here\n  conv 3 from=here name=rgb\n}"
    )
    plan = blueprint(f"maps 8\n{text}\nconv 1 from=here", Frame((5,), {"size": 16}))
    assert [node.reads for node in plan.nodes] == [(0,), (1,), (2,), (3,), (4,), (4,)]
    assert (plan.names["here"], plan.names["rgb"]) == (4, 5)
    assert plan.shape == (1, 16, 16)


def test_a_stack_can_leave_out_its_last_stages() -> None:
    def sides(leave: int) -> list[int]:
        text = f"resizable_stack up to=64 leave={leave} width=8 {{ upsample }}"
        return [node.shape[1] for node in blueprint(text, Frame((8, 4, 4), {})).nodes]

    assert [sides(leave) for leave in (0, 1, 2)] == [[8, 16, 32, 64], [8, 16, 32], [8, 16]]


# What single layers do ---------------------------------------------------------------------------


def run(text: str, x: Tensor, classes: int = 0, label: Tensor | None = None) -> Tensor:
    out: Tensor = Network(plan(text, tuple(x.shape[1:]), classes))(x, label)
    return out


def test_adain_gives_the_style_its_mean_and_deviation() -> None:
    net = Network(plan("pool name=w\nadain w from=input"))
    affine = net.get_submodule("layers.01_adain.affine")
    assert isinstance(affine, nn.Linear)
    nn.init.zeros_(affine.weight)
    with torch.no_grad():
        affine.bias.copy_(torch.tensor([1.0] * 6 + [3.0] * 6))
    out = net(torch.randn(2, *IMAGE) * 5 + 2)
    assert torch.allclose(out.mean((2, 3)), torch.full((2, 6), 3.0), atol=1e-4)
    assert torch.allclose(out.std((2, 3), correction=0), torch.full((2, 6), 2.0), atol=1e-3)


def test_attention_begins_as_if_it_were_not_there_and_is_softmax_after() -> None:
    net, x = Network(plan("attention")), torch.randn(2, *IMAGE)
    assert torch.equal(net(x), x)
    core = net.get_submodule("layers.00_attention")
    with torch.no_grad():
        core.get_parameter("gate").fill_(1)
        core.get_parameter("query.weight").zero_()  # all pixels alike: the mean of what is read
        values = core.get_parameter("value.weight")[:, :, 0, 0]
    small = nn.functional.max_pool2d(x, 2).flatten(2).mean(2)
    assert torch.allclose(net(x) - x, (small @ values.T)[:, :, None, None].expand_as(x), atol=1e-5)


def test_minibatch_stddev_is_0_where_all_are_one_picture() -> None:
    alike = torch.randn(1, *IMAGE).expand(4, -1, -1, -1)
    assert float(run("minibatch_stddev", alike)[:, -1].max()) == pytest.approx(1e-4, rel=0.01)
    other = torch.randn(4, *IMAGE)
    wanted = (other.var(0, correction=0) + 1e-8).sqrt().mean()
    assert torch.allclose(run("minibatch_stddev", other)[:, -1], wanted.expand(4, 8, 8))


def test_blur_keeps_the_sum_and_spreads_a_point_by_the_kernel() -> None:
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2] = 16
    assert run("blur", x)[0, 0, 1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_noise_is_new_in_every_step_and_the_same_in_use() -> None:
    net, x = Network(plan("noise")), torch.zeros(2, *IMAGE)
    net.get_parameter("layers.00_noise.strength").data.fill_(1)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_a_residual_is_the_sum_with_what_came_in() -> None:
    x = torch.randn(2, *IMAGE)
    assert torch.allclose(run("residual { conv 6 gain=0 bias=no }", x), x)
    assert run("residual 12 resize=up norm=batch", x).shape == (2, 12, 16, 16)
    assert run("residual 12 resize=down norm=spectral", x).shape == (2, 12, 4, 4)


def test_a_class_moves_the_logit_by_its_projection_and_the_latent_by_its_vector() -> None:
    x = torch.randn(1, *IMAGE).expand(2, -1, -1, -1)
    logits = run("logit", x, 3, torch.tensor([0, 2]))
    assert not torch.equal(logits[0], logits[1])
    z = torch.randn(1, 6).expand(2, -1)
    both = run("latent size=5", z, 3, torch.tensor([0, 2]))
    assert torch.equal(both[:, :6], z)
    assert not torch.equal(both[0, 6:], both[1, 6:])
    with pytest.raises(ValueError, match="has classes and was given none"):
        run("logit", x, 3)


def test_spectral_norm_holds_every_weight_of_a_text_to_1() -> None:
    net = Network(plan("conv 8\nconv 8 stride=2\nlogit"), "orthogonal", spectral=True)
    for _ in range(50):
        net(torch.randn(2, *IMAGE))
    net.eval()
    found = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    tops = [float(torch.linalg.matrix_norm(m.weight.detach().flatten(1), 2)) for m in found]
    assert tops == pytest.approx([1.0] * 3, abs=0.02)


def test_weight_norm_and_spectral_norm_are_said_on_a_line_alone() -> None:
    net = Network(plan("conv 8 norm=weight\nconv 8 norm=spectral\nconv 8"))
    names = [name for name in net.state_dict() if "parametrizations" in name]
    assert any("00_conv" in name and "original0" in name for name in names)
    assert any("01_conv" in name and "_u" in name for name in names)
    assert not any("02_conv" in name for name in names)


@pytest.mark.parametrize(
    ("init", "activation", "deviation"),
    [
        ("normal", "relu", 0.02),
        ("he", "relu", math.sqrt(2 / (64 * 9))),
        ("he", "lrelu", math.sqrt(2 / (1 + 0.04) / (64 * 9))),
        ("he", "none", 1 / math.sqrt(64 * 9)),
        ("he", "tanh", 1 / math.sqrt(64 * 9)),
        ("xavier", "lrelu", math.sqrt(2 / (64 * 9 + 128 * 9))),
        ("orthogonal", "none", 1 / math.sqrt(64 * 9)),
    ],
)
def test_initial_weights_have_the_deviation_of_their_paper(
    init: str, activation: str, deviation: float
) -> None:
    text = f"conv 128 activation={activation}\nconv 128 gain=0.5"
    planned = blueprint(text, Frame((64, 8, 8), {}))
    torch.manual_seed(1)
    net = Network(planned, init)  # type: ignore[arg-type] # the parametrised words
    first = "layers.00_conv" if activation == "none" else "layers.00_conv.core"
    found = float(net.get_parameter(f"{first}.weight").detach().std())
    assert found == pytest.approx(deviation, rel=0.03)
    assert not net.get_parameter(f"{first}.bias").any()


def test_r3gans_pictures_begin_with_the_deviation_of_its_latent() -> None:
    """Huang et al. 2024: a layer without an activation keeps the variance, a block adds nothing."""
    known = variables(64, 32, 64, 1)
    torch.manual_seed(1)
    net = Network(blueprint(PRESETS["r3gan"].generator, Frame((64,), known)), "he")
    assert 0.5 < float(net(torch.randn(256, 64)).detach().std()) < 2


def test_a_gain_scales_the_initial_weights() -> None:
    weights = []
    for gain in (1, 0.25):
        torch.manual_seed(1)
        net = Network(plan(f"conv 8 gain={gain}"), "he")
        weights.append(net.get_parameter("layers.00_conv.weight"))
    assert torch.equal(weights[0] * 0.25, weights[1])


def conv(kernel: int, inner: int, outer: int, bias: bool = True) -> int:
    return kernel**2 * inner * outer + bias * outer


def dcgan_counts() -> tuple[int, int]:
    """Radford et al. 2016, figure 1, from 128 numbers; each norm has 2 weights a channel."""
    maps = 128 * 512 * 16 + 512 * 16 + 2 * 512
    up = sum(conv(4, a, b, bias=False) + 2 * b for a, b in pairwise([512, 256, 128, 64]))
    down = sum(conv(4, a, b) for a, b in pairwise([3, 64, 128, 256, 512])) + 2 * (128 + 256 + 512)
    return maps + up + conv(4, 64, 3), down + 512 * 16 + 1


def adain_counts() -> tuple[int, int]:
    """A style of two layers says a scale and a shift of each channel, at each size."""
    style = (128 * 512 + 512) + (512 * 512 + 512)
    maps = 128 * 512 * 16 + 512 * 16  # of the noise itself
    stages = pairwise([512, 512, 256, 128, 64])
    up = sum(conv(3, a, b) + 512 * 2 * b + 2 * b for a, b in stages)
    down = sum(conv(3, a, b) for a, b in pairwise([3, 64, 64, 128, 256, 512]))
    return style + maps + up + conv(3, 64, 3), down + 512 * 16 + 1


def sngan_counts() -> tuple[int, int]:
    """Miyato et al. 2018, table 3, and a stage of 256 more: 64 px, not 32."""
    maps = 128 * 512 * 16 + 512 * 16
    up = sum(conv(4, a, b) + 2 * b for a, b in pairwise([512, 256, 256, 128, 64]))
    stages = pairwise([3, 64, 128, 256, 256])
    down = sum(conv(3, a, b) + conv(4, b, b) for a, b in stages) + conv(3, 256, 512)
    return maps + up + conv(3, 64, 3), down + 512 * 16 + 1


def r3gan_counts() -> tuple[int, int]:
    """Huang et al. 2024: 1x1 to twice the channels, 3x3 in groups, 1x1 back; of one block a size.

    A group reads and gives 16 channels; a change of size is a 1x1 without bias.
    """

    def block(c: int) -> int:
        return conv(1, c, 2 * c) + (9 * 16 * 2 * c + 2 * c) + conv(1, 2 * c, c, bias=False)

    basis = 512 * 16 + 128 * 512
    up = sum(conv(1, a, b, bias=False) + block(b) for a, b in pairwise([512, 512, 256, 128, 64]))
    down = sum(conv(1, a, b, bias=False) + block(b) for a, b in pairwise([64, 64, 128, 256, 512]))
    ends = 512 * 512 + block(512) + 512 * 16 + (512 + 1)
    return basis + block(512) + up + 64 * 3, 3 * 64 + down + ends


def fastgan_counts() -> tuple[int, int]:
    """Liu et al. 2021: a GLU halves what a convolution gives; the small maps weigh the large."""
    maps = 128 * 1024 * 16 + 1024 * 16 + 2 * 1024
    up = sum(conv(3, a, 2 * b, bias=False) + 4 * b for a, b in pairwise([512, 512, 256, 128, 64]))
    excite = conv(4, 512, 64, bias=False) + conv(1, 64, 64, bias=False)
    down = sum(
        conv(4, a, b, bias=False) + conv(3, b, b, bias=False) + 4 * b
        for a, b in pairwise([64, 128, 256, 512, 512])
    )
    shortcuts = 64 * 128 + 128 * 256 + 256 * 512  # none where the channels stay
    seen = conv(1, 512, 512, bias=False) + 2 * 512
    return (
        maps + up + excite + conv(3, 64, 3),
        conv(3, 3, 64) + down + shortcuts + seen + 512 * 16 + 1,
    )


COUNTS: dict[str, Callable[[], tuple[int, int]]] = {
    **{"dcgan": dcgan_counts, "wgan-gp": dcgan_counts},  # a norm by layer has as many weights
    **{"adain": adain_counts, "sngan": sngan_counts},
    **{"r3gan": r3gan_counts, "fastgan": fastgan_counts},
}


@pytest.mark.parametrize("name", PRESETS)
def test_golden_counts_of_the_presets_at_64_px(name: str) -> None:
    known, preset = variables(64, 64, 128, 1), PRESETS[name]
    texts = ((preset.generator, (128,)), (preset.discriminator, (3, 64, 64)))
    found = [
        sum(node.parameters for node in blueprint(text, Frame(shape, known)).nodes)
        for text, shape in texts
    ]
    assert found == list(COUNTS[name]())


def test_sngan_at_32_px_has_the_counts_of_its_paper() -> None:
    """Miyato et al. 2018, table 3: 64, 128, 256, 512 channels; noise of 128."""
    known, preset = variables(32, 64, 128, 1), PRESETS["sngan"]
    maps, deconvs = 128 * 512 * 16 + 512 * 16, ((512, 256), (256, 128), (128, 64))
    up = sum(conv(4, a, b) + 2 * b for a, b in deconvs)
    made = blueprint(preset.generator, Frame((128,), known)).nodes
    assert sum(node.parameters for node in made) == maps + up + conv(3, 64, 3)
    layers = [(3, 3, 64), (4, 64, 64), (3, 64, 128), (4, 128, 128), (3, 128, 256), (4, 256, 256)]
    judge = sum(conv(*layer) for layer in layers) + conv(3, 256, 512) + 512 * 16 + 1
    told = blueprint(preset.discriminator, Frame((3, 32, 32), known)).nodes
    assert sum(node.parameters for node in told) == judge
