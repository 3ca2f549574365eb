"""Convolutional generator and discriminator of any power-of-two size (Radford et al. 2016)."""

import math
from itertools import pairwise

from torch import Tensor, nn

from memegan.networks.blocks import init_normal


class Generator(nn.Module):
    """Linear to 4x4, then a transposed 4x4 convolution with batch norm and ReLU a doubling.

    `width` is the channel count at the last hidden scale; it doubles towards 4x4 up to 8 times.
    """

    def __init__(self, z_size: int, size_px: int, width: int) -> None:
        super().__init__()
        self.z_size = z_size
        steps = round(math.log2(size_px // 4))
        widths = [width * 2 ** min(steps - 1 - n, 3) for n in range(steps)]
        self.linear = nn.Linear(z_size, widths[0] * 16)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
        for inner, outer in pairwise(widths):
            layers += [nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(outer), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1), nn.Tanh())
        init_normal(self)

    def forward(self, z: Tensor) -> Tensor:
        """Map (N, z_size) to images (N, 3, size_px, size_px) in [-1, 1]."""
        x = self.linear(z)
        out: Tensor = self.body(x.reshape(len(z), -1, 4, 4))
        return out


def discriminator(size_px: int, width: int) -> nn.Module:
    """Strided 4x4 convolutions with leaky ReLU down to 4x4, batch norm but on the first; 1 logit.

    Output: (N, 1) raw logits.
    """
    steps = round(math.log2(size_px // 4))
    widths = [3, *(width * 2 ** min(n, 3) for n in range(steps))]
    layers: list[nn.Module] = []
    for n, (inner, outer) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(inner, outer, 4, 2, 1)]
        layers += [nn.BatchNorm2d(outer)] if n else []
        layers += [nn.LeakyReLU(0.2, inplace=True)]
    return init_normal(nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 16, 1)))
