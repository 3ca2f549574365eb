"""VAE-GAN's parts: KL by hand, sizes within their bounds, every weight in use."""

import math
from typing import get_args

import pytest
import torch
from torch import nn

from memegan.networks.blocks import Upsample, count_parameters
from memegan.networks.vaegan import (
    Code,
    Decoder,
    Discriminator,
    Encoder,
    kl_with_free_bits,
    stage_widths,
)

CONVS = (nn.Conv2d, nn.ConvTranspose2d)
ALPHA_GAN = 264_000_000  # weights of the generator that this one replaces, at 64 px


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def test_the_kl_is_the_one_by_hand() -> None:
    """N(1, 2^2) from N(0, 1): (1 + 4 - 1 - ln 4) / 2; N(0, 1) from itself: 0."""
    code = Code(torch.tensor([[1.0, 0.0]]), torch.tensor([[math.log(4), 0.0]]))
    assert code.kl().tolist() == [[pytest.approx((1 + 4 - 1 - math.log(4)) / 2), 0.0]]


def test_the_kl_is_torchs() -> None:
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    wanted = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, torch.exp(log_variance / 2)),
        torch.distributions.Normal(0.0, 1.0),
    )
    assert torch.allclose(Code(mean, log_variance).kl(), wanted, atol=1e-6)


def test_free_bits_are_free_for_each_number_on_average() -> None:
    kl = torch.tensor([[0.0, 3.0, 0.2], [0.4, 1.0, 0.0]], requires_grad=True)
    paid = kl_with_free_bits(kl, 0.5)
    assert float(paid.detach()) == pytest.approx(0.5 + 2.0 + 0.5)
    torch.autograd.backward(paid)
    assert kl.grad is not None
    assert kl.grad.tolist() == [[0, 0.5, 0], [0, 0.5, 0]]  # what is free is not pushed further


def test_draws_have_the_codes_mean_and_deviation() -> None:
    code = Code(torch.full((1, 1), 3.0), torch.full((1, 1), math.log(0.25)))
    drawn = code.draw(torch.randn(20_000, 1))
    assert float(drawn.mean()) == pytest.approx(3, abs=0.02)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_all_sizes_go_through(size: int) -> None:
    images = torch.rand(2, 3, size, size) * 2 - 1
    code = Encoder(6, size, 4)(images)
    assert code.mean.shape == code.log_variance.shape == (2, 6)
    made = Decoder(6, size, 4)(code.mean)
    assert made.shape == images.shape
    assert float(made.detach().abs().max()) <= 1
    logits, features = Discriminator(size, 4)(made)
    assert logits.shape == (2, 1)
    sides = [feature.shape[-1] for feature in features]
    assert sides == [size >> n for n in range(1, len(features) + 1)]
    assert sides[-1] == 4


def test_the_default_sizes_have_less_than_a_tenth_of_alpha_gans_weights() -> None:
    def conv(inner: int, outer: int, norm: bool = True) -> int:
        return 16 * inner * outer + outer + 2 * outer * norm

    nets = Encoder(128, 64, 64), Decoder(128, 64, 64), Discriminator(64, 64)
    pairs = [(64, 128), (128, 256), (256, 512)]
    down = sum(conv(a, b) for a, b in pairs)
    encoder = conv(3, 64) + down + (512 * 16 + 1) * 256
    discriminator = conv(3, 64, norm=False) + down + 512 * 16 + 1
    up = sum(16 * a * b + 2 * a for a, b in pairs)  # no biases; a norm after each
    decoder = 129 * 512 * 16 + 2 * 512 + up + 16 * 64 * 3 + 3 + 1
    assert [count_parameters(net) for net in nets] == [encoder, decoder, discriminator]
    assert encoder + decoder + discriminator == 11_436_677 <= 26_000_000 < ALPHA_GAN / 10


@pytest.mark.parametrize("upsample", get_args(Upsample))
@pytest.mark.parametrize("size", [16, 64])
def test_a_decoder_doubles_up_to_its_size_in_any_way(size: int, upsample: Upsample) -> None:
    net = Decoder(8, size, 4, upsample)
    images = net(torch.randn(2, 8))
    assert images.shape == (2, 3, size, size)
    assert 0 < float(images.detach().abs().max()) <= 1
    images.sum().backward()
    unused = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert unused == ["log_scale"]  # of what pixels cost
    hidden = [c.bias for c in net.body[:-3].modules() if isinstance(c, CONVS)]
    assert hidden == [None] * len(hidden)  # a norm takes it away


def test_a_decoder_of_64_px_has_the_widths_of_dcgans_paper() -> None:
    """1024-512-256-128-3 of Radford et al. 2016, figure 1, are widths of 128."""
    net = Decoder(100, 64, 128)
    convs = [layer for layer in net.body if isinstance(layer, nn.ConvTranspose2d)]
    assert [c.in_channels for c in convs] == [1024, 512, 256, 128]
    assert convs[-1].out_channels == 3
    assert net.linear.out_features == 1024 * 4 * 4


def test_channels_double_up_to_eight_times() -> None:
    assert stage_widths(256, 4) == [3, 4, 8, 16, 32, 32, 32]
    assert stage_widths(16, 4) == [3, 4, 8]


def test_bits_of_a_perfect_picture_are_those_of_the_scale() -> None:
    """An inner level with the mean on it: the mass within 1/255 of a logistic's middle."""
    decoder, images = Decoder(4, 16, 4), torch.full((2, 3, 16, 16), 51 / 127.5 - 1)
    scale = math.exp(float(decoder.log_scale.detach()))
    wanted = -math.log2(2 / (1 + math.exp(-1 / 255 / scale)) - 1)
    found = decoder.bits(images, images).detach()
    assert found.tolist() == pytest.approx([wanted, wanted], rel=1e-3)
    assert bool((decoder.bits(images + 0.3, images) > found).all())


def test_the_cheapest_scale_is_that_of_the_error() -> None:
    decoder = Decoder(4, 16, 4)
    uniform = torch.rand(32, 3, 16, 16).clamp(1e-6, 1 - 1e-6)
    images = ((0.05 * torch.logit(uniform) * 127.5 + 127.5).round() / 127.5 - 1).clamp(-1, 1)
    slopes = []
    for scale in (0.047, 0.05, 0.053):
        with torch.no_grad():
            decoder.log_scale.fill_(math.log(scale))
        bits = decoder.bits(torch.zeros_like(images), images).mean()
        (slope,) = torch.autograd.grad(bits, decoder.log_scale)
        slopes.append(float(slope))
    assert slopes[0] < -0.05
    assert abs(slopes[1]) < 0.03
    assert slopes[2] > 0.05


def test_every_weight_matters_but_biases_before_a_norm() -> None:
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    encoder, decoder, judge = Encoder(6, 32, 4), Decoder(6, 32, 4), Discriminator(32, 4)
    code = encoder(images)
    made = decoder(code.draw(torch.randn(4, 6)))
    loss = decoder.bits(made, images).mean() + judge(made)[0].mean() + code.kl().mean()
    torch.autograd.backward(loss)
    for net in (encoder, decoder, judge):
        idle = [k for k, w in net.named_parameters() if w.grad is None or not w.grad.any()]
        assert [name for name in idle if not name.endswith("0.bias")] == []
