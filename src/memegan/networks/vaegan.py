"""Encoder, decoder and discriminator of a VAE-GAN (Larsen et al. 2016), and its KL term."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from memegan.networks.blocks import Upsample, doubling, init_normal
from memegan.networks.mixtures import Mixture, bits_per_dim

_LOG_VARIANCES = (-12.0, 8.0)  # beyond, a deviation is 0 or explodes


@dataclass(frozen=True)
class Code:
    """What the encoder knows of images: a normal distribution, (N, Z) means and log variances."""

    mean: Tensor
    log_variance: Tensor

    def draw(self, normal: Tensor) -> Tensor:
        """Return codes (N, Z) by reparameterisation (Kingma and Welling 2014, section 2.4)."""
        return self.mean + torch.exp(self.log_variance / 2) * normal

    def kl(self) -> Tensor:
        """Return the divergence from N(0, 1) of each number, (N, Z), in nats (their appendix B)."""
        spread = torch.exp(self.log_variance)
        return (self.mean.square() + spread - 1 - self.log_variance) / 2


def kl_with_free_bits(kl: Tensor, free_nats: float) -> Tensor:
    """Sum over numbers, each at least `free_nats` on average (Kingma et al. 2016, eq. 15).

    Args:
        kl: (N, Z) in nats.
    """
    return kl.mean(0).clamp_min(free_nats).sum()


class Encoder(nn.Module):
    """Strided 4x4 convolutions with batch norm down to 4x4, then means and log variances."""

    def __init__(self, z_size: int, size_px: int, width: int) -> None:
        super().__init__()
        widths = stage_widths(size_px, width)
        self.body = nn.Sequential(*(_stage(inner, outer) for inner, outer in pairwise(widths)))
        self.code = nn.Linear(widths[-1] * 16, 2 * z_size)
        init_normal(self)

    def forward(self, images: Tensor) -> Code:
        """Map (N, 3, size_px, size_px) in [-1, 1]."""
        mean, log_variance = self.code(self.body(images).flatten(1)).chunk(2, 1)
        return Code(mean, log_variance.clamp(*_LOG_VARIANCES))


class Decoder(nn.Module):
    """DCGAN's generator (Radford et al. 2016): linear to 4x4, then doublings to the size.

    Batch norm and ReLU between them. With them comes how far a level may lie from what it says:
    the scale of a logistic.
    """

    def __init__(
        self, z_size: int, size_px: int, width: int, upsample: Upsample = "transposed"
    ) -> None:
        super().__init__()
        widths = stage_widths(size_px, width)[:0:-1]
        self.linear = nn.Linear(z_size, widths[0] * 16)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
        for inner, outer in pairwise(widths):
            layers += doubling(upsample, inner, outer, 4, has_bias=False)
            layers += [nn.BatchNorm2d(outer), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, *doubling(upsample, widths[-1], 3, 4), nn.Tanh())
        self.log_scale = nn.Parameter(torch.tensor(-2.0))
        init_normal(self)

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes (N, Z) to images (N, 3, size_px, size_px) in [-1, 1]."""
        out: Tensor = self.body(self.linear(codes).reshape(len(codes), -1, 4, 4))
        return out

    def bits(self, made: Tensor, images: Tensor) -> Tensor:
        """Return what images (N, 3, H, W) of 256 levels cost, given what was made of their code.

        In bits for each value, (N,); a level takes the logistic's mass about it.
        """
        zeros = torch.zeros_like(made)
        log_weights, scales = zeros[:, :1], zeros + self.log_scale
        parts = (x.permute(0, 2, 3, 1)[..., None] for x in (made, scales, zeros))
        mixture = Mixture(log_weights.permute(0, 2, 3, 1), *parts)
        return bits_per_dim(mixture.log_likelihood(images.permute(0, 2, 3, 1)))


class Discriminator(nn.Module):
    """Strided 4x4 convolutions with batch norm but on the first, and one logit."""

    def __init__(self, size_px: int, width: int) -> None:
        super().__init__()
        widths = stage_widths(size_px, width)
        stages = (_stage(a, b, has_norm=n > 0) for n, (a, b) in enumerate(pairwise(widths)))
        self.stages = nn.ModuleList(stages)
        self.logit = nn.Linear(widths[-1] * 16, 1)
        init_normal(self)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Map (N, 3, size_px, size_px) to raw logits (N, 1) and the features of each stage."""
        features, x = list[Tensor](), images
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return self.logit(x.flatten(1)), features


def stage_widths(size_px: int, width: int) -> list[int]:
    """Return the channels from the image to 4x4: doubled up to 8 times."""
    return [3, *(width * 2 ** min(n, 3) for n in range(round(math.log2(size_px // 4))))]


def _stage(inner: int, outer: int, *, has_norm: bool = True) -> nn.Sequential:
    norm: nn.Module = nn.BatchNorm2d(outer) if has_norm else nn.Identity()
    return nn.Sequential(nn.Conv2d(inner, outer, 4, 2, 1), norm, nn.LeakyReLU(0.2))
