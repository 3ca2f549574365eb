"""Kernel distance on features of random networks: no weights to download, and no bias in N."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from memegan.rng import derived_seed

ENCODERS, SPLITS = 3, 6


def random_features(images: Tensor, number: int) -> Tensor:
    """Return features (N, 480) of a fixed random convolutional network.

    Four strided 5x5 convolutions with leaky ReLU; mean and deviation of each map. Random features
    order blur, noise and dropped modes as trained ones do, if averaged over networks and splits.

    Args:
        images: (N, 3, S, S) in [-1, 1].
        number: which of the networks.
    """
    state = torch.random.get_rng_state()
    torch.manual_seed(derived_seed(number, "random features"))
    found, x, channels = [], images, 3
    for outer in (16, 32, 64, 128):
        weights = torch.randn(outer, channels, 5, 5) / (5 * channels**0.5)
        x = functional.leaky_relu(functional.conv2d(x, weights, stride=2, padding=2), 0.2)
        found += [x.mean((2, 3)), x.std((2, 3), correction=0)]
        channels = outer
    torch.random.set_rng_state(state)
    return torch.cat(found, 1)


def kernel_distance(x: Tensor, y: Tensor) -> float:
    """Return the unbiased squared MMD with the cubic kernel (Binkowski et al. 2018, section 4).

    Args:
        x, y: features (N, F) and (M, F), N and M at least 2.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    n, m = len(x), len(y)
    within = (xx.sum() - xx.trace()) / (n * (n - 1)) + (yy.sum() - yy.trace()) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def random_kid(real: Tensor, fake: Tensor, seed: int) -> np.ndarray:
    """Return the distance for 3 networks times 6 halves, (18,), the real set's scale taken out."""
    rng = torch.Generator().manual_seed(derived_seed(seed, "kid"))
    found = []
    for number in range(ENCODERS):
        x, y = random_features(real, number).double(), random_features(fake, number).double()
        mean, deviation = x.mean(0), x.std(0).clamp_min(1e-6)
        x, y = (x - mean) / deviation, (y - mean) / deviation
        for _ in range(SPLITS):
            a = torch.randperm(len(x), generator=rng)[: max(2, len(x) // 2)]
            b = torch.randperm(len(y), generator=rng)[: max(2, len(y) // 2)]
            found.append(kernel_distance(x[a], y[b]))
    return np.asarray(found)
