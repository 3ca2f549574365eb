"""Yardsticks that any model must beat, made of the real images themselves."""

import torch
from torch import Tensor
from torch.nn import functional

from memegan.rng import derived_rng


def pca_gaussian(real: Tensor, count: int, seed: int) -> Tensor:
    """Draw images from the normal distribution with the real images' mean and covariance.

    Args:
        real: (N, 3, H, W) in [-1, 1], N at least 2.

    Returns:
        (count, 3, H, W), clamped to [-1, 1].
    """
    flat = real.flatten(1)
    mean = flat.mean(0)
    centred = (flat - mean) / (len(flat) - 1) ** 0.5
    noise = torch.randn(count, len(flat), generator=derived_rng(seed, "pca"))
    drawn: Tensor = mean + noise @ centred
    return drawn.reshape(count, *real.shape[1:]).clamp(-1, 1)


def blurred(images: Tensor, sigma_px: float = 2.0) -> Tensor:
    """Blur with a Gaussian, edges reflected."""
    reach = min(round(3 * sigma_px), images.shape[-1] - 1)
    place = torch.arange(-reach, reach + 1, dtype=images.dtype)
    bell = torch.exp(-place.square() / (2 * sigma_px**2))
    bell = (bell / bell.sum()).repeat(3, 1, 1, 1)
    padded = functional.pad(images, (reach, reach, reach, reach), mode="reflect")
    across = functional.conv2d(padded, bell, groups=3)
    return functional.conv2d(across, bell.transpose(2, 3), groups=3)


def nearest_ratio(fake: Tensor, train: Tensor, held_out: Tensor) -> Tensor:
    """Return for each fake its distance to train over its distance to held-out images, (N,).

    About 1 for a model that generalises, near 0 for one that repeats its training images. Both
    sides are cut to the same count, at 16x16 px.
    """
    count = min(len(train), len(held_out))
    x, a, b = (
        functional.adaptive_avg_pool2d(images, 16).flatten(1)
        for images in (fake, train[:count], held_out[:count])
    )
    return torch.cdist(x, a).amin(1) / torch.cdist(x, b).amin(1).clamp_min(1e-6)
