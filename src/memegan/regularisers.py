"""What steadies a discriminator: Roth's regulariser, and the same logit for a changed copy."""

import torch
from torch import Tensor


def roth(real: Tensor, fake: Tensor, of_real: Tensor, of_fake: Tensor) -> Tensor:
    """Slope of the logits where the discriminator is not sure (Roth et al. 2017, eq. 21).

    Args:
        real, fake: (N, C, H, W) with requires_grad; the logits, (N, 1), were made from them.
    """
    total = torch.zeros((), device=real.device)
    for images, logits, sure in (
        (real, of_real, torch.sigmoid(of_real)),
        (fake, of_fake, 1 - torch.sigmoid(of_fake)),
    ):
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        squares = gradient.square().sum((1, 2, 3))
        total = total + ((1 - sure.flatten(1).mean(1)) ** 2 * squares).mean()
    return total


def consistency(before: Tensor, after: Tensor) -> Tensor:
    """How differently a picture and its changed copy are judged (Zhang et al. 2020, eq. 3)."""
    return (before - after).square().mean()
