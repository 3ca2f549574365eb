"""What a discriminator pays for its slope: which penalties a run wants, when, and their weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from memegan.gan_params import LossParams
from memegan.losses import gradient_penalty, mixed, r1_penalty
from memegan.regularisers import roth


@dataclass(frozen=True)
class Seen:
    """Images of both sides, (N, C, H, W), with requires_grad as `wants` says; their logits."""

    real: Tensor
    fake: Tensor
    of_real: Tensor
    of_fake: Tensor


def wants(p: LossParams, step: int) -> tuple[bool, bool]:
    """Return whether a penalty of this step needs the slope at real images, and at fakes."""
    is_due = step % p.r1_every == 0
    return (
        bool((p.r1_gamma and is_due) or p.roth_gamma),
        bool((p.r2_gamma and is_due) or p.roth_gamma),
    )


def penalties(
    p: LossParams,
    step: int,
    images_seen: int,
    seen: Seen,
    share: Callable[[], Tensor],
    judge: Callable[[Tensor], Tensor],
) -> Iterator[tuple[str, Tensor, float]]:
    """Yield what is due in this step: its name, its value, its weight.

    A penalty of every k-th step weighs k times as much (Karras et al. 2020, StyleGAN2, section
    3.1).

    Args:
        p: the run's weights, 0 where it does not want one.
        step: updates of the generator before.
        images_seen: decides how strong R1 and R2 still are at the start.
        seen: what was judged.
        share: draws how much of a point between both sides is real, (N, 1, 1, 1) in [0, 1].
        judge: gives the logits of such points.
    """
    if step % p.r1_every == 0:
        lazy = p.r1_every * p.burn_in(images_seen)
        if p.r1_gamma:
            yield "r1", r1_penalty(seen.real, seen.of_real), p.r1_gamma * lazy
        if p.r2_gamma:
            yield "r2", r1_penalty(seen.fake, seen.of_fake), p.r2_gamma * lazy
    if p.gradient_penalty and step % p.gradient_penalty_every == 0:
        between = mixed(seen.real, seen.fake, share().to(seen.real))
        weight = p.gradient_penalty * p.gradient_penalty_every
        yield "gradient_penalty", gradient_penalty(between, judge(between)), weight
    if p.roth_gamma:
        value = roth(seen.real, seen.fake, seen.of_real, seen.of_fake)
        yield "roth", value, p.roth_gamma / 2
