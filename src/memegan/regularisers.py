"""What steadies a discriminator: penalties on its slope, and changed pictures for small sets."""

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

Change = Literal["color", "translation", "cutout"]
ADA_TARGET = 0.6  # Karras et al. 2020, section 3


class Draws(Protocol):
    """Random numbers by name, as `rng.Numbers` gives them."""

    def uniform(self, name: str, *shape: int) -> Tensor: ...


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


def diff_augment(
    images: Tensor, numbers: Draws, name: str, changes: Sequence[Change] = ("color", "translation")
) -> Tensor:
    """Change brightness, saturation and contrast, shift by up to 1/8, cut out, differentiably.

    Zhao et al. 2020, section 3 and its policies, for example "color,translation"; the same kind of
    change for real and fake images, drawn for each image. `cutout` blackens a square of half the
    side.

    Args:
        images: (N, 3, H, W) in [-1, 1]; what comes out may lie a little outside.
    """
    count, x = len(images), images
    if "color" in changes:
        light, strong, flat = numbers.uniform(f"{name}/colour", 3, count, 1, 1, 1)
        x = x + (light - 0.5)
        gray = x.mean(1, keepdim=True)
        x = (x - gray) * (2 * strong) + gray
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * (flat + 0.5) + mean
    if "translation" in changes:
        x = _shifted(x, numbers.uniform(f"{name}/move", 2, count))
    if "cutout" in changes:
        x = x * (1 - _holes(x, numbers.uniform(f"{name}/hole", 2, count)))
    return x


def adaptive_augment(images: Tensor, numbers: Draws, name: str, strength: Tensor) -> Tensor:
    """Change each image in each way with probability `strength` (ADA: Karras et al. 2020).

    Pixel blitting (mirror, quarter turns, shift by up to 1/8), brightness, contrast, saturation
    and a cut-out of half the side; the paper's rotation, scaling and filters are left out, for a
    batch of small pictures on a CPU.

    Args:
        images: (N, 3, S, S) in [-1, 1]; what comes out may lie a little outside.
        strength: scalar in [0, 1]; at 0 nothing is changed.
    """
    count = len(images)
    chance = numbers.uniform(f"{name}/chance", 7, count, 1, 1, 1)
    drawn = numbers.uniform(f"{name}/drawn", 6, count, 1, 1, 1)
    does = (chance < strength).to(images.dtype)
    x = torch.where(does[0] > 0, images.flip(3), images)
    turned = torch.where(drawn[0] < 1 / 3, x.rot90(1, (2, 3)), x.rot90(2, (2, 3)))
    turned = torch.where(drawn[0] < 2 / 3, turned, x.rot90(3, (2, 3)))
    x = torch.where(does[1] > 0, turned, x)
    moved = _shifted(x, numbers.uniform(f"{name}/move", 2, count))
    x = torch.where(does[2] > 0, moved, x)
    x = x + does[3] * (drawn[1] - 0.5)
    gray = x.mean(1, keepdim=True)
    x = gray + (x - gray) * (1 + does[4] * (2 * drawn[2] - 1))
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (1 + does[5] * (drawn[3] - 0.5))
    out: Tensor = x * (1 - does[6] * _holes(x, drawn[4:6, :, 0, 0, 0]))
    return out


def adapted(strength: Tensor, sure: Tensor, images: int, reach_images: int) -> Tensor:
    """Return ADA's next strength: more where real images are judged too surely.

    The sign of the logits of real images is to be `ADA_TARGET` in the mean (section 3, r_t).

    Args:
        sure: logits of this step's real images, any shape; above 0 is real.
        images: seen in this step.
        reach_images: in which the strength can go from 0 to 1.
    """
    way = torch.sign(sure.detach().sign().mean() - ADA_TARGET)
    return (strength + way * images / reach_images).clamp(0, 1)


def _holes(x: Tensor, middle: Tensor) -> Tensor:
    """Return 1 in a square of half the side of each image, (N, 1, S, S). `middle`: (2, N)."""
    at = torch.arange(x.shape[-1], device=x.device) / x.shape[-1]
    down, right = ((at - place[:, None]).abs() < 0.25 for place in middle)  # (N, S) each
    holes: Tensor = (down[:, None, :, None] & right[:, None, None, :]).to(x.dtype)
    return holes


def _shifted(x: Tensor, share: Tensor) -> Tensor:
    """Shift each image by up to 1/8 of its side; zeros come in. `share`: (2, N) in [0, 1)."""
    height, width = x.shape[2:]
    reach = max(1, height // 8)
    moves = (share * (2 * reach + 1)).long().tolist()
    padded = functional.pad(x, (reach, reach, reach, reach))
    return torch.stack(
        [
            padded[n, :, y : y + height, z : z + width]
            for n, (y, z) in enumerate(zip(*moves, strict=True))
        ]
    )
