"""Sliced Wasserstein distance of patches, a scale at a time (Karras et al. 2018, section 5)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from memegan.rng import derived_rng

_PATCH, _PATCHES, _DIRECTIONS = 7, 64, 64
_AT_ONCE = 64  # resamples: what is added up stays in the processor's cache


@dataclass(frozen=True)
class Sliced:
    """The distance at each scale, and at each of the resamples: (R,) by side length in pixels."""

    value: dict[int, float]
    resampled: dict[int, Tensor]

    @property
    def mean(self) -> float:
        return sum(self.value.values()) / len(self.value)

    @property
    def resampled_mean(self) -> Tensor:
        return torch.stack(list(self.resampled.values())).mean(0)


def sliced_wasserstein(real: Tensor, fake: Tensor, seed: int, resamples: int) -> Sliced:
    """Return the distance between patches of real and fake images at each Laplacian level.

    Patches are 7x7, 64 an image, normalised by the real set's mean and deviation in each channel;
    64 random directions. In one dimension the distance is the area between the two distribution
    functions, so resampled images only change the weights of sorted patches, and 1,000 resamples
    cost seconds.

    Args:
        real, fake: (N, 3, S, S) and (M, 3, S, S) in [-1, 1], S at least 16.
    """
    value, resampled = {}, {}
    for level, (x, y) in enumerate(zip(_laplacian(real), _laplacian(fake), strict=True)):
        side = x.shape[-1]
        rng = derived_rng(seed, "swd", level)
        spare = side - _PATCH + 1
        places = torch.randint(spare * spare, (_PATCHES,), generator=rng)
        a, b = _patches(x, places), _patches(y, places)
        mean, deviation = a.mean((0, 1, 3)), a.std((0, 1, 3)).clamp_min(1e-6)
        a, b = ((p - mean[:, None]) / deviation[:, None] for p in (a, b))
        directions = torch.randn(a.shape[2] * a.shape[3], _DIRECTIONS, generator=rng)
        directions /= directions.norm(dim=0)
        p, q = a.flatten(2) @ directions, b.flatten(2) @ directions  # (N, patches, directions)
        value[side] = float(_area(p, q, None, None).mean())
        picks = [
            torch.stack(
                [
                    torch.bincount(
                        torch.randint(count, (count,), generator=rng), minlength=count
                    ).float()
                    for _ in range(resamples)
                ]
            )
            for count in (len(p), len(q))
        ]
        resampled[side] = _area(p, q, *picks).mean(1)
    return Sliced(value, resampled)


def _area(p: Tensor, q: Tensor, of_p: Tensor | None, of_q: Tensor | None) -> Tensor:
    """Return the distance for each resample and direction, (R, D).

    Args:
        p, q: projections (N, patches, D), (M, patches, D).
        of_p, of_q: how often each image counts, (R, N) and (R, M); None: once each.
    """
    per, directions = p.shape[1], p.shape[2]
    of_p = torch.ones(1, len(p)) if of_p is None else of_p
    of_q = torch.ones(1, len(q)) if of_q is None else of_q
    weights = torch.cat([of_p / len(p), -of_q / len(q)], 1) / per
    few = [
        some.T.contiguous() for some in torch.split(weights, _AT_ONCE)
    ]  # an image's, side by side
    values = torch.cat([p.flatten(0, 1), q.flatten(0, 1)])
    found = torch.empty(len(weights), directions)
    for d in range(directions):
        ordered, at = values[:, d].sort()
        gaps, image = ordered.diff(), at[:-1] // per
        ahead = (some.index_select(0, image).cumsum_(0).abs_() for some in few)
        found[:, d] = torch.cat([gaps @ one for one in ahead])
    return found


def _laplacian(images: Tensor) -> list[Tensor]:
    """Split into differences of scales, halving down to 16 px, and the rest (Burt 1983)."""
    levels = []
    while images.shape[-1] >= 32:
        small = functional.avg_pool2d(images, 2)
        back = functional.interpolate(small, images.shape[2:], mode="bilinear", align_corners=False)
        levels.append(images - back)
        images = small
    return [*levels, images]


def _patches(images: Tensor, places: Tensor) -> Tensor:
    """Cut the patches at some places of each image: (N, places, 3, 49)."""
    windows = functional.unfold(images, _PATCH)[:, :, places]  # (N, 3 * 49, places)
    return windows.permute(0, 2, 1).reshape(len(images), len(places), 3, -1)
