"""What both sides of a GAN pay: pure functions of the logits of a batch, each from its paper."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor

from memegan.divergences import Divergence, divergences
from memegan.losses import (
    hinge_fake,
    hinge_real,
    logistic_fake,
    logistic_real,
    lower_logits,
    lsgan_fake,
    lsgan_real,
    raise_logits,
)

Pull = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Judged:
    """What the discriminator said of as many real as fake images.

    Attributes:
        real, fake: (N, K) raw logits; K is 1 but for `realness`.
        distance: (N,) mean absolute difference of the n-th real and the n-th fake image, >= 0.
    """

    real: Tensor
    fake: Tensor
    distance: Tensor | None = None


def from_the_middle(j: Judged) -> Tensor:
    """Count logits from the middle of both sides: where only their difference costs, 0 is any."""
    real, fake = j.real.float(), j.fake.float()
    return real - (real.mean() + fake.mean()) / 2


@dataclass(frozen=True)
class Adversarial:
    """A loss by name: what the discriminator pays, and what the generator pays; both scalars.

    Attributes:
        surely_real: (N, 1), above 0 where a real image is judged to be one. ADA asks it.
    """

    discriminator: Callable[[Judged], Tensor]
    generator: Callable[[Judged], Tensor]
    surely_real: Callable[[Judged], Tensor]
    logits: int = 1  # how many the discriminator gives for an image
    generator_sees_real: bool = True


def separate(real: Pull, fake: Pull, generator: Pull, undecided: float = 0.0) -> Adversarial:
    """Judge real and fake images each by themselves.

    Args:
        undecided: the logit between real and fake.
    """
    return Adversarial(
        lambda j: real(j.real) + fake(j.fake),
        lambda j: generator(j.fake),
        lambda j: j.real - undecided,
        generator_sees_real=False,
    )


def wasserstein() -> Adversarial:
    """The difference of the means (Arjovsky et al. 2017, eq. 2)."""
    return Adversarial(
        lambda j: raise_logits(j.real) + lower_logits(j.fake),
        lambda j: raise_logits(j.fake),
        from_the_middle,
        generator_sees_real=False,
    )


def paired(real: Pull) -> Adversarial:
    """Judge each real image against a fake one (RSGAN: Jolicoeur-Martineau 2019, eq. 5-6).

    With the logistic loss it is R3GAN's (Huang et al. 2024, eq. 2).

    Args:
        real: what a real image alone would cost; a fake one costs the same of -logits.
    """
    return Adversarial(
        lambda j: real(j.real - j.fake), lambda j: real(j.fake - j.real), from_the_middle
    )


def all_pairs(real: Pull) -> Adversarial:
    """Judge each real image against each fake one of the batch, all of one class.

    The same objective as `paired`, estimated with the least variance that an unbiased estimate has
    (Jolicoeur-Martineau 2020, "On relativistic f-divergences": the MVUE of RpGAN, with which its
    GANs were no better).
    """
    return Adversarial(
        lambda j: real(j.real - j.fake.T), lambda j: real(j.fake - j.real.T), from_the_middle
    )


def average(real: Pull) -> Adversarial:
    """Judge each image against the mean of the other side (Jolicoeur-Martineau 2019, eq. 9-10)."""

    def pay(up: Tensor, down: Tensor) -> Tensor:
        return real(up - down.mean()) + real(up.mean() - down)

    return Adversarial(
        lambda j: pay(j.real, j.fake), lambda j: pay(j.fake, j.real), from_the_middle
    )


def smoothed(share: float) -> Pull:
    """Cross-entropy of real images with the label 1 - share (Salimans et al. 2016, section 3.4)."""
    return lambda logits: logistic_real(logits) + share * logits.mean()


def wasserstein_kl() -> Adversarial:
    """Wasserstein with fakes weighed by exp(logits) (KL-WGAN: Song and Ermon 2020, eq. 9).

    The discriminator's side is -E_real[T] + log E_fake[exp T] (Donsker and Varadhan): its gradient
    is that of the weighed mean with the weights held, and its least value is -KL(real, fake).
    """

    def generator(j: Judged) -> Tensor:
        weights = torch.softmax(j.fake.detach(), 0)  # sum 1: n times the ratio of the paper
        return -(weights * j.fake).sum()

    def discriminator(j: Judged) -> Tensor:
        return torch.logsumexp(j.fake, 0).mean() - math.log(len(j.fake)) - j.real.mean()

    return Adversarial(discriminator, generator, from_the_middle, generator_sees_real=False)


def softmax_gan() -> Adversarial:
    """Share of a batch: real images are to have all, then all the same (Lin 2017, eq. 7-8)."""

    def everything(j: Judged) -> Tensor:
        return torch.logsumexp(torch.cat([j.real.flatten(), j.fake.flatten()]), 0)

    def generator(j: Judged) -> Tensor:
        return everything(j) - torch.cat([j.real.flatten(), j.fake.flatten()]).mean()

    return Adversarial(lambda j: everything(j) - j.real.mean(), generator, from_the_middle)


def quadratic(strength: float) -> Adversarial:
    """GAN-QP: a difference of logits costs its square over the distance (Su 2018, eq. 29)."""

    def gap(j: Judged) -> Tensor:
        return (j.real - j.fake).flatten(1).mean(1)

    def discriminator(j: Judged) -> Tensor:
        if j.distance is None:
            raise ValueError("the loss qp needs the distance of the images")
        far = j.distance.clamp_min(1e-8)
        return (gap(j).square() / (2 * strength * far) - gap(j)).mean()

    return Adversarial(discriminator, lambda j: gap(j).mean(), from_the_middle)


def realness(outcomes: int) -> Adversarial:
    """How real, as a distribution over outcomes (RealnessGAN: Xiangli et al. 2020, eq. 3 and 19).

    The anchors of real and fake are normal curves around +1/2 and -1/2 of deviation 1/2, cut to
    [-1, 1]; the paper's are histograms of draws.
    """
    at = torch.linspace(-1, 1, outcomes)
    anchors = [torch.softmax(-2 * (at - mean).square(), 0) for mean in (0.5, -0.5)]

    def far(anchor: Tensor, logits: Tensor) -> Tensor:
        a = anchor.to(logits)
        return (a * (a.log() - torch.log_softmax(logits, 1))).sum(1).mean()

    real, fake = anchors
    return Adversarial(
        lambda j: far(real, j.real) + far(fake, j.fake),
        lambda j: far(real, j.fake) - far(fake, j.fake),
        lambda j: (torch.softmax(j.real, 1) * at.to(j.real)).sum(1, keepdim=True),
        outcomes,
        generator_sees_real=False,
    )


def f_gan(d: Divergence) -> Adversarial:
    """Bound a divergence from below; the generator raises T of fakes (Nowozin et al. 2016)."""

    def discriminator(j: Judged) -> Tensor:
        return d.of_fake(j.fake).mean() - d.activation(j.real).mean()

    return Adversarial(
        discriminator,
        lambda j: -d.activation(j.fake).mean(),
        lambda j: j.real - d.undecided,
        generator_sees_real=False,
    )


BASES: dict[str, Pull] = {  # what a real image alone costs: names that may be made relativistic
    "standard": logistic_real,
    "logistic": logistic_real,
    "least_squares": lsgan_real,
    "hinge": hinge_real,
    "wasserstein": raise_logits,
}
Relativistic = Literal["none", "paired", "all_pairs", "average"]
RELATIVISTIC: dict[str, Callable[[Pull], Adversarial]] = {
    "paired": paired,
    "all_pairs": all_pairs,
    "average": average,
}
Name = Literal[
    "standard",
    "logistic",
    "minimax",
    "least_squares",
    "hinge",
    "wasserstein",
    "wasserstein_kl",
    "softmax",
    "qp",
    "realness",
    "kl",
    "reverse_kl",
    "js",
    "js_weighted",
    "gan",
    "pearson",
    "neyman",
    "squared_hellinger",
    "jeffrey",
    "alpha",
    "total_variation",
]
NAMES: tuple[str, ...] = get_args(Name)


@dataclass(frozen=True)
class Numbers:
    """What some losses need besides their name."""

    label_smoothing: float = 0.0  # of `standard`
    alpha: float = 2.0
    js_weight: float = 0.5
    qp_strength: float = 10.0
    outcomes: int = 10  # of `realness`


def by_name(name: str, relativistic: str = "none", n: Numbers = Numbers()) -> Adversarial:
    """Return a loss.

    Args:
        name: one of `NAMES`.
        relativistic: none, or one of `RELATIVISTIC`; for a name of `BASES`.
    """
    if relativistic != "none":
        return RELATIVISTIC[relativistic](BASES[name])
    share = n.label_smoothing
    real = smoothed(share) if share else logistic_real
    undecided = math.log((1 - share) / (1 + share))  # where real is as likely as fake
    made: dict[str, Callable[[], Adversarial]] = {
        "standard": partial(separate, real, logistic_fake, logistic_real, undecided),
        "logistic": partial(separate, logistic_real, logistic_fake, logistic_real),
        "minimax": partial(separate, logistic_real, logistic_fake, lambda x: -logistic_fake(x)),
        "least_squares": partial(separate, lsgan_real, lsgan_fake, lsgan_real, 0.5),
        "hinge": partial(separate, hinge_real, hinge_fake, raise_logits),
        "wasserstein": wasserstein,
        "wasserstein_kl": wasserstein_kl,
        "softmax": softmax_gan,
        "qp": partial(quadratic, n.qp_strength),
        "realness": partial(realness, n.outcomes),
    }
    if name in made:
        return made[name]()
    return f_gan(divergences(n.alpha, n.js_weight)[name])
