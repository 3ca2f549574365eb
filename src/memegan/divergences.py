"""f-divergences and what bounds them from below (Nowozin et al. 2016, tables 2 and 6).

T = activation(logits) estimates f'(p / q), and E_real[T] - E_fake[conjugate(T)] is at most
D_f(real, fake).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Divergence:
    """D_f by its generator f, what T may be, and the convex conjugate of f."""

    f: Callable[[Tensor], Tensor]
    activation: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]
    undecided: float = 0.0  # the logit of p = q: there T is f'(1)
    short: Callable[[Tensor], Tensor] | None = (
        None  # conjugate(activation(logits)) without rounding
    )

    def of_fake(self, logits: Tensor) -> Tensor:
        """Return conjugate(activation(logits)), finite where its value is."""
        return self.short(logits) if self.short else self.conjugate(self.activation(logits))


def divergences(alpha: float = 2.0, weight: float = 0.5) -> dict[str, Divergence]:
    """Return the eleven divergences.

    Args:
        alpha: of `alpha`, neither 0 nor 1; 2 is half of Pearson's.
        weight: pi of `js_weighted`, in (0, 1).
    """
    log2 = math.log(2)
    return {
        "kl": Divergence(lambda u: u * u.log(), _same, lambda t: (t - 1).exp(), undecided=1.0),
        "reverse_kl": Divergence(
            lambda u: -u.log(),
            lambda v: -(-v).exp(),
            lambda t: -1 - (-t).log(),
            short=lambda v: v - 1,
        ),
        "js": Divergence(
            lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
            lambda v: log2 - functional.softplus(-v),
            lambda t: -(2 - t.exp()).log(),
            short=lambda v: functional.softplus(v) - log2,
        ),
        "js_weighted": _weighted(weight),
        "gan": Divergence(
            lambda u: u * u.log() - (u + 1) * (u + 1).log(),
            lambda v: -functional.softplus(-v),
            lambda t: -(-torch.expm1(t)).log(),
            short=functional.softplus,
        ),
        "pearson": Divergence(lambda u: (u - 1) ** 2, _same, lambda t: t * t / 4 + t),
        "neyman": Divergence(
            lambda u: (1 - u) ** 2 / u,
            lambda v: 1 - (-v).exp(),
            lambda t: 2 - 2 * (1 - t).sqrt(),
            short=lambda v: 2 - 2 * (-v / 2).exp(),
        ),
        "squared_hellinger": Divergence(
            lambda u: (u.sqrt() - 1) ** 2,
            lambda v: 1 - (-v).exp(),
            lambda t: t / (1 - t),
            short=torch.expm1,
        ),
        "jeffrey": Divergence(lambda u: (u - 1) * u.log(), _same, _jeffrey),
        "alpha": _alpha(alpha),
        "total_variation": Divergence(lambda u: (u - 1).abs() / 2, lambda v: v.tanh() / 2, _same),
    }


def _same(x: Tensor) -> Tensor:
    return x


def _weighted(p: float) -> Divergence:
    def conjugate(t: Tensor) -> Tensor:
        return (1 - p) * (math.log(1 - p) - (1 - p * (t / p).exp()).log())

    def short(v: Tensor) -> Tensor:
        return (1 - p) * (math.log(1 - p) - (-torch.expm1(-functional.softplus(-v) / p)).log())

    return Divergence(
        lambda u: p * u * u.log() - (1 - p + p * u) * (1 - p + p * u).log(),
        lambda v: -p * math.log(p) - functional.softplus(-v),
        conjugate,
        undecided=-math.log(p**-p - 1),
        short=short,
    )


def _alpha(a: float) -> Divergence:
    def conjugate(t: Tensor) -> Tensor:
        return ((t * (a - 1) + 1).clamp_min(0) ** (a / (a - 1)) - 1) / a

    def below(v: Tensor) -> Tensor:
        return 1 / (1 - a) - functional.softplus(-v)

    return Divergence(
        lambda u: (u**a - 1 - a * (u - 1)) / (a * (a - 1)),
        below if a < 1 else _same,
        conjugate,
        undecided=-math.log(math.expm1(1 / (1 - a))) if a < 1 else 0.0,
    )


def _jeffrey(t: Tensor) -> Tensor:
    """Conjugate of (u - 1) log u: W + 1/W + t - 2 with W = W(exp(1 - t)), Lambert's function."""
    with torch.no_grad():
        y = 1 - t  # w + log w = y
        w = torch.where(y > 1, y, (y.clamp(max=1) - 0.3).exp()).clamp_min(1e-30)
        for _ in range(8):  # Newton's steps on log w
            w = w * ((y - w - w.log()) / (1 + w)).exp()
    slope = (w / (1 + w)).detach()
    root = w + slope * ((1 - t) - (1 - t).detach())  # dW/dy = W / (1 + W)
    return root + 1 / root + t - 2
