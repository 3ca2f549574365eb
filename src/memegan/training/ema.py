"""Moving averages of the generators' weights (Yazici et al. 2019): what is shown and exported."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from memegan.dataset import Images
from memegan.rng import Numbers
from memegan.variants.base import Plan, Variant

ESTIMATED_FROM = 512  # images


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


@torch.no_grad()
def reestimate(
    averages: Mapping[str, nn.Module], variant: Variant, images: Images, plan: Plan
) -> None:
    """Estimate batch norm's statistics of the averages anew, where `plan.ema_statistics` asks.

    They become the mean over `ESTIMATED_FROM` training images, always the same ones, as the
    averaged weights see them (Izmailov et al. 2018, algorithm 1): statistics averaged beside the
    weights are of activations that no network ever had.
    """
    layers = [layer for net in averages.values() for layer in net.modules()]
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    if plan.ema_statistics == "averaged" or not norms:
        return
    device = str(next(variant.parameters()).device)
    with _counting(norms):
        for start in range(0, ESTIMATED_FROM, plan.batch_size):
            batch = images.batch(start, plan.batch_size, plan.seed, plan.crop_px, plan.flip)
            variant.use(averages, batch, Numbers(plan.seed, start, device))


@contextmanager
def _counting(norms: Sequence[nn.BatchNorm1d | nn.BatchNorm2d]) -> Iterator[None]:
    """Within the block the norms forget what they know and take the plain mean of all batches."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
