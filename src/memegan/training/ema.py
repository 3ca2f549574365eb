"""Moving averages of the generators' weights (Yazici et al. 2019): what is shown and exported."""

import copy
from collections.abc import Mapping

import torch
from torch import nn


def averages_of(nets: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Copy the networks; the copies learn nothing and run as in use."""
    return {name: copy.deepcopy(net).eval().requires_grad_(False) for name, net in nets.items()}


def half_life_at(images_seen: int, half_life: int, rampup: float) -> float:
    """Return the half-life, early on a share of the images seen (Karras et al. 2020).

    Else the first weights, which know nothing, would weigh in for many half-lives.
    """
    return min(half_life, rampup * images_seen) if rampup else half_life


@torch.no_grad()
def follow(
    averages: Mapping[str, nn.Module],
    nets: Mapping[str, nn.Module],
    batch_size: int,
    half_life: float,
) -> None:
    """Move the averages towards the networks: after `half_life` images half of the old is left.

    The statistics of batch norm are averaged alike, for they belong to the weights; counters are
    copied. A half-life of 0 copies all.
    """
    keep = 0.5 ** (batch_size / half_life) if half_life else 0.0
    for name, average in averages.items():
        old, new = average.state_dict(), nets[name].state_dict()
        moving = [key for key, value in old.items() if value.is_floating_point()]
        torch._foreach_lerp_([old[k] for k in moving], [new[k] for k in moving], 1 - keep)
        for key in old.keys() - set(moving):
            old[key].copy_(new[key])
