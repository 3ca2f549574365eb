"""Networks that enlarge: golden counts, shapes, and where they begin."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from memegan.networks.blocks import count_parameters
from memegan.networks.superres import MSRResNet, RRDBNet, Scale, enlarged_discriminator

SCALES: list[Scale] = [2, 4]


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: MSRResNet(4), 1_517_571),
        (lambda: MSRResNet(2), 1_517_571 - (64 * 256 * 9 + 256)),  # one enlargement less
        (lambda: RRDBNet(4), 16_697_987),
        (lambda: RRDBNet(2), 16_697_987 - (64 * 64 * 9 + 64)),
    ],
    ids=["msrresnet x4", "msrresnet x2", "rrdb x4", "rrdb x2"],
)
def test_parameter_counts_are_the_papers(build: type[nn.Module], count: int) -> None:
    with torch.device("meta"):
        assert count_parameters(build()) == count


def test_the_counts_follow_from_the_layers_one_by_one() -> None:
    def conv(inner: int, outer: int) -> int:
        return 9 * inner * outer + outer

    ends = conv(3, 64) + conv(64, 64) + conv(64, 3)
    assert ends + 16 * 2 * conv(64, 64) + 2 * conv(64, 256) == 1_517_571
    dense = sum(conv(64 + 32 * n, 32) for n in range(4)) + conv(192, 64)
    assert ends + 23 * 3 * dense + 3 * conv(64, 64) == 16_697_987


@pytest.mark.parametrize("px", [96, 128])
def test_the_discriminators_count_is_that_of_its_layers(px: int) -> None:
    """Ledig et al. 2017, figure 4: 64 64 128 128 256 256 512 512, dense 1024 and 1."""
    widths = [64, 64, 128, 128, 256, 256, 512, 512]
    convs = sum(9 * a * b + b + 2 * b for a, b in pairwise(widths))  # with batch norm
    dense = 512 * (px // 16) ** 2 * 1024 + 1024 + 1024 + 1
    with torch.device("meta"):
        assert count_parameters(enlarged_discriminator(px)) == 9 * 3 * 64 + 64 + convs + dense


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(8, 8), (9, 5), (17, 32)])
def test_any_size_becomes_scale_times_larger(scale: Scale, size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size) * 2 - 1
    for net in (MSRResNet(scale, 4, 1), RRDBNet(scale, 4, 1, 2)):
        outs = [net.train(mode)(image).detach() for mode in (False, True)]
        assert outs[0].shape == (2, 3, scale * size[0], scale * size[1])
        assert torch.equal(outs[0], outs[1])  # nothing differs between training and use
        assert not torch.equal(outs[0][0], outs[0][1])


@pytest.mark.parametrize("scale", SCALES)
def test_it_begins_near_the_bilinear_enlargement_and_without_a_checkerboard(scale: Scale) -> None:
    net, image = MSRResNet(scale), torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        plain = functional.interpolate(image, scale_factor=scale, mode="bilinear")
        assert float((net(image) - plain).abs().max()) < 0.02
        before: list[torch.Tensor] = []
        tail = list(net.body.children())[-4]
        tail.register_forward_hook(lambda _, given, out: before.append(out))
        net(torch.ones(1, 3, 16, 16))
    inside = before[0][:, :, 24:40, 24:40] if scale == 4 else before[0][:, :, 12:20, 12:20]
    assert float((inside - inside[:, :, :1, :1]).abs().max()) < 1e-6


@pytest.mark.parametrize("scale", SCALES)
def test_every_weight_matters(scale: Scale) -> None:
    for net in (MSRResNet(scale, 4, 2), RRDBNet(scale, 4, 1, 2)):
        out = net(torch.rand(2, 3, 8, 8) * 2 - 1)
        (out * torch.rand(out.shape)).sum().backward()
        dead = [key for key, w in net.named_parameters() if w.grad is None or not w.grad.any()]
        assert dead == []


@pytest.mark.parametrize("px", [32, 48])
def test_the_discriminator_gives_a_logit_a_picture(px: int) -> None:
    logits = enlarged_discriminator(px, 4)(torch.rand(3, 3, px, px))
    assert logits.shape == (3, 1)
    assert len(set(logits.flatten().tolist())) == 3
