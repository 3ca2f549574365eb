"""Sets of demo pictures and the ways in which they can be made worse."""

import functools

import numpy as np
import torch
from torch import Tensor

from memegan.demo.world import Style, draw, scene
from memegan.metrics.references import blurred
from memegan.rng import derived_rng


@functools.cache
def scenes(first: int, count: int, style: Style = "photo", size_px: int = 64) -> Tensor:
    """Scenes of the demo's world from a number on, (count, 3, size_px, size_px) in [-1, 1]."""
    drawn = [np.asarray(draw(scene(n), style, size_px)) for n in range(first, first + count)]
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 127.5 - 1


def noisy(images: Tensor, sigma: float) -> Tensor:
    """Add normal noise, the same draws for every sigma."""
    return images + sigma * torch.randn(images.shape, generator=derived_rng(0, "worse"))


def soft(images: Tensor, sigma_px: float) -> Tensor:
    """Blur; 0 leaves the pictures as they are."""
    return blurred(images, sigma_px) if sigma_px else images


def checked(images: Tensor, height: float) -> Tensor:
    """Add a pattern of single pixels up and down, as transposed convolutions leave it."""
    rows, columns = (torch.arange(side) for side in images.shape[2:])
    return images + height * (1.0 - 2.0 * ((rows[:, None] + columns) % 2))
