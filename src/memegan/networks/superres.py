"""Networks that enlarge pictures 2 or 4 times, and the one that judges them."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from memegan.networks.blocks import ShuffledConv, padding_layer

Scale = Literal[2, 4]


def init_small(net: nn.Module) -> nn.Module:
    """Draw convolutions from a tenth of He's deviation, biases zero (Wang et al. 2018, section 3).

    Sub-pixel convolutions begin without a checkerboard.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            with torch.no_grad():
                layer.weight.mul_(0.1)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for layer in net.modules():
        if isinstance(layer, ShuffledConv):
            layer.alike()
    return net


def _conv(inner: int, outer: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 3, padding=1)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), nn.ReLU(inplace=True), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class MSRResNet(nn.Module):
    """SRResNet without batch norm on top of a bilinear enlargement (Ledig et al. 2017, figure 4).

    With 16 blocks of width 64 and scale 4 it has 1,517,571 parameters.
    """

    def __init__(self, scale: Scale, width: int = 64, blocks: int = 16) -> None:
        super().__init__()
        self.scale = scale

        def then() -> nn.Module:
            return nn.LeakyReLU(0.1, inplace=True)

        ups: list[nn.Module] = []
        for _ in range(scale // 2):
            ups += [ShuffledConv(width, width, padding_layer("zeros", 1)), then()]
        self.body = nn.Sequential(
            *(_conv(3, width), then()),
            *(_Residual(width) for _ in range(blocks)),
            *ups,
            *(_conv(width, width), then(), _conv(width, 3)),
        )
        init_small(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) in [-1, 1] to (N, 3, scale H, scale W), about in [-1, 1]."""
        plain = functional.interpolate(x, scale_factor=self.scale, mode="bilinear")
        out: Tensor = self.body(x) + plain
        return out


class _DenseBlock(nn.Module):
    """Five convolutions, each of which sees all before it; a fifth of it is added."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        inner = [width + n * growth for n in range(5)]
        outer = [*[growth] * 4, width]
        self.convs = nn.ModuleList(_conv(a, b) for a, b in zip(inner, outer, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        *convs, last = self.convs
        seen = x
        for conv in convs:
            seen = torch.cat([seen, functional.leaky_relu(conv(seen), 0.2)], 1)
        out: Tensor = x + 0.2 * last(seen)
        return out


class _RRDB(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(_DenseBlock(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + 0.2 * self.body(x)
        return out


class RRDBNet(nn.Module):
    """Residual in residual dense blocks, then nearest enlargements (Wang et al. 2018, figure 4).

    With 23 blocks of width 64 and growth 32 and scale 4 it has 16,697,987 parameters.
    """

    def __init__(self, scale: Scale, width: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        self.first = _conv(3, width)
        self.body = nn.Sequential(
            *(_RRDB(width, growth) for _ in range(blocks)), _conv(width, width)
        )
        tail: list[nn.Module] = []
        for _ in range(scale // 2):
            tail += [nn.Upsample(scale_factor=2), _conv(width, width), nn.LeakyReLU(0.2, True)]
        self.tail = nn.Sequential(
            *tail, _conv(width, width), nn.LeakyReLU(0.2, inplace=True), _conv(width, 3)
        )
        init_small(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) in [-1, 1] to (N, 3, scale H, scale W), about in [-1, 1]."""
        x = self.first(x)
        out: Tensor = self.tail(x + self.body(x))
        return out


def enlarged_discriminator(crop_px: int, width: int = 64) -> nn.Module:
    """Eight 3x3 convolutions with batch norm but on the first, two dense layers (Ledig 2017).

    Output: (N, 1) raw logits.

    Args:
        crop_px: side of what it judges, a multiple of 16.
    """
    k = width
    layers: list[nn.Module] = [_conv(3, k), nn.LeakyReLU(0.2, inplace=True)]
    widths = [k, k, 2 * k, 2 * k, 4 * k, 4 * k, 8 * k, 8 * k]
    for n, (inner, outer) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(inner, outer, 3, 2 - n % 2, 1), nn.BatchNorm2d(outer)]
        layers += [nn.LeakyReLU(0.2, inplace=True)]
    dense = [nn.Linear(8 * k * (crop_px // 16) ** 2, 16 * k), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Flatten(), *dense, nn.Linear(16 * k, 1))
