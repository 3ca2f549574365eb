"""Kernel distance on features of random networks: no weights to download, and no bias in N."""

import torch
from torch import Tensor
from torch.nn import functional

from memegan.rng import derived_rng

ENCODERS = 3
_AT_ONCE = 32  # resamples whose kernels lie in memory together


def random_features(images: Tensor, number: int) -> Tensor:
    """Return features (N, 480) of a fixed random convolutional network.

    Four strided 5x5 convolutions with leaky ReLU; mean and deviation of each map. Random features
    order blur, noise and dropped modes as trained ones do, if averaged over networks.

    Args:
        images: (N, 3, S, S) in [-1, 1].
        number: which of the networks.
    """
    rng = derived_rng(number, "random features")
    found, x, channels = [], images, 3
    for outer in (16, 32, 64, 128):
        weights = torch.randn(outer, channels, 5, 5, generator=rng) / (5 * channels**0.5)
        x = functional.leaky_relu(functional.conv2d(x, weights, stride=2, padding=2), 0.2)
        found += [x.mean((2, 3)), x.std((2, 3), correction=0)]
        channels = outer
    return torch.cat(found, 1)


def kernel_distance(x: Tensor, y: Tensor, of_x: Tensor, of_y: Tensor) -> Tensor:
    """Return the unbiased squared MMD with the cubic kernel (Binkowski et al. 2018, eq. 4), (R,).

    Features are taken in deviations of `x` from its mean, through tanh: else the cube lets a few
    features far out outweigh all others. A picture that a resample holds twice makes no pair with
    itself.

    Args:
        x, y: features (N, F) and (M, F), N and M at least 2.
        of_x, of_y: how often each picture counts, (R, N) and (R, M).
    """
    n, m = of_x.sum(1, keepdim=True), of_y.sum(1, keepdim=True)
    mean = of_x @ x / n
    scale = ((of_x @ x.square() / n - mean.square()) * n / (n - 1)).clamp_min(1e-12).sqrt()
    a, b = (((z - mean[:, None]) / scale[:, None]).tanh() for z in (x, y))  # (R, N or M, F)

    def pairs(p: Tensor, q: Tensor, of_p: Tensor, of_q: Tensor) -> Tensor:
        kernel = (p @ q.mT / p.shape[2] + 1) ** 3
        return torch.einsum("rij,ri,rj->r", kernel, of_p, of_q)

    def within(p: Tensor, of_p: Tensor) -> Tensor:
        alone = ((p.square().mean(2) + 1) ** 3 * of_p.square()).sum(1)
        return (pairs(p, p, of_p, of_p) - alone) / (of_p.sum(1) ** 2 - of_p.square().sum(1))

    return within(a, of_x) + within(b, of_y) - 2 * pairs(a, b, of_x, of_y) / (n * m)[:, 0]


def random_kid(real: Tensor, fake: Tensor, seed: int, resamples: int) -> tuple[float, Tensor]:
    """Return the distance, averaged over 3 networks, and that of resampled pictures, (R,)."""
    rng = derived_rng(seed, "kid")
    once = [torch.ones(1, len(images)) for images in (real, fake)]
    picks = [counts(resamples, len(images), rng) for images in (real, fake)]
    value, resampled = 0.0, torch.zeros(resamples)
    for number in range(ENCODERS):
        x, y = random_features(real, number), random_features(fake, number)
        value += float(kernel_distance(x, y, *once)) / ENCODERS
        for start in range(0, resamples, _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            resampled[rows] += kernel_distance(x, y, picks[0][rows], picks[1][rows]) / ENCODERS
    return value, resampled


def counts(resamples: int, count: int, rng: torch.Generator) -> Tensor:
    """Draw how often each of `count` pictures is in each resample, (resamples, count)."""
    drawn = torch.randint(count, (resamples, count), generator=rng)
    return torch.zeros(resamples, count).scatter_add_(1, drawn, torch.ones(drawn.shape))
