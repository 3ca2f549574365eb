"""Mixtures of discretised logistics over RGB pixels: exact likelihood and exact samples.

Salimans et al. 2017, sections 2.1 and 2.2. A level k of 0..255 is x = k / 127.5 - 1 and takes the
logistic's mass within 1/255 of it; levels 0 and 255 take the tails, so that the mass of all levels
is 1. Green's mean moves with red, blue's with red and green.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

NUMBERS = 10  # of a component: weight, 3 means, 3 log scales, 3 couplings
_HALF_LEVEL = 1 / 255
_LOG_SCALES = (-7.0, 30.0)  # the paper's least; beyond the most its exponent would be 0


@dataclass(frozen=True)
class Mixture:
    """What a network says about pixels: K components.

    `log_weights` is (..., K); `means`, `log_scales` and `couplings` are (..., 3, K), for red, green
    and blue; the couplings, in (-1, 1), are green's with red, blue's with red, blue's with green.
    """

    log_weights: Tensor
    means: Tensor
    log_scales: Tensor
    couplings: Tensor

    @classmethod
    def of(cls, numbers: Tensor) -> "Mixture":
        """Read raw numbers (..., 10 K)."""
        parts = numbers.reshape(*numbers.shape[:-1], NUMBERS, -1)
        means, scales, couplings = (parts[..., n : n + 3, :] for n in (1, 4, 7))
        scales = scales.clamp(*_LOG_SCALES)
        return cls(parts[..., 0, :].log_softmax(-1), means, scales, couplings.tanh())

    def coupled_means(self, pixels: Tensor) -> Tensor:
        """Return the means (..., 3, K) of each channel, given the channels before it.

        Args:
            pixels: (..., 3) in [-1, 1].
        """
        red, green = pixels[..., :1], pixels[..., 1:2]
        with_red, blue_red, blue_green = self.couplings.unbind(-2)
        mean_red, mean_green, mean_blue = self.means.unbind(-2)
        mean_green = mean_green + with_red * red
        mean_blue = mean_blue + blue_red * red + blue_green * green
        return torch.stack((mean_red, mean_green, mean_blue), -2)

    def log_likelihood(self, pixels: Tensor) -> Tensor:
        """Return the log probability (...) of pixels (..., 3) of 256 levels, in nats."""
        centred = pixels[..., None] - self.coupled_means(pixels)
        narrow = torch.exp(-self.log_scales)
        upper, lower = narrow * (centred + _HALF_LEVEL), narrow * (centred - _HALF_LEVEL)
        # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)): exact even in the tails
        below, above = functional.logsigmoid(upper), functional.logsigmoid(-lower)
        between = below + above + torch.log(-torch.expm1(-2 * _HALF_LEVEL * narrow))
        edge = torch.where(pixels[..., None] < -1 + _HALF_LEVEL, below, between)
        mass = torch.where(pixels[..., None] > 1 - _HALF_LEVEL, above, edge)
        return torch.logsumexp(self.log_weights + mass.sum(-2), -1)


def start_of(mean: Tensor, deviation: Tensor, components: int) -> Tensor:
    """Return the raw numbers (10 K) of mixtures that say no more than mean and deviation.

    A logistic's scale is its deviation times sqrt(3) / pi; here it is one level at least, so that
    a first batch of one colour leaves a way to others.

    Args:
        mean, deviation: (3,) of pixels in [-1, 1].
    """
    scales = torch.log(deviation * math.sqrt(3) / math.pi).clamp_min(math.log(1 / 127.5))
    zeros = torch.zeros_like(mean)
    numbers = torch.cat((zeros[:1], mean, scales, zeros))
    return numbers.repeat_interleave(components)


@dataclass(frozen=True)
class Noise:
    """What a draw needs: Gumbel numbers (..., K) and logistic ones (..., 3)."""

    gumbel: Tensor
    logistic: Tensor

    @classmethod
    def of(cls, uniform: Tensor) -> "Noise":
        """Read uniform numbers (..., K + 3) in [0, 1); the ends are kept off."""
        inner = uniform.clamp(1e-7, 1 - 1e-7)
        return cls(-torch.log(-torch.log(inner[..., :-3])), torch.logit(inner[..., -3:]))


def draw(numbers: Tensor, noise: Noise) -> Tensor:
    """Return pixels (N, 3) of 256 levels in [-1, 1] from raw numbers (N, 10 K).

    The component is chosen as Gumbel 1954 does; a rounded logistic has just the mass that the
    likelihood gives a level.
    """
    parts = numbers.view(len(numbers), NUMBERS, -1)
    chosen = (parts[:, 0] + noise.gumbel).argmax(1)[:, None, None]
    means, scales, couplings = parts[:, 1:].gather(2, chosen.expand(-1, 9, 1))[..., 0].chunk(3, 1)
    values = means + scales.clamp(*_LOG_SCALES).exp() * noise.logistic
    with_red, blue_red, blue_green = couplings.tanh().unbind(1)
    red = levels(values[:, 0])
    green = levels(values[:, 1] + with_red * red)
    blue = levels(values[:, 2] + blue_red * red + blue_green * green)
    return torch.stack((red, green, blue), 1)


def levels(values: Tensor) -> Tensor:
    """Move values to the nearest of the 256 levels in [-1, 1]."""
    return (values.clamp(-1, 1) * 127.5 + 127.5).round() / 127.5 - 1


def bits_per_dim(log_likelihood: Tensor) -> Tensor:
    """Turn nats of pixels (N, H, W) into bits for each of an image's 3 H W values: (N,)."""
    return -log_likelihood.mean((1, 2)) / (3 * math.log(2))
