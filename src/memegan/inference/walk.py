"""Ways through the codes of a generator: from picture to picture, and along its own directions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from memegan.errors import ParamsError
from memegan.inference.sample import AT_ONCE, codes_of
from memegan.training.export import Model
from memegan.variants.base import Latent


@dataclass(frozen=True)
class Directions:
    """Orthogonal directions of the codes, the one that changes most first.

    Attributes:
        ways: (D, Z), each of length 1.
        shares: (D,) of all that the first layers do, falling, sum 1.
    """

    ways: Tensor
    shares: Tensor


def latent_of(model: Model, device: str) -> Latent:
    """Return the codes of a model, its nets moved to a device.

    Raises:
        ParamsError: it makes no pictures of codes.
    """
    latent = model.variant.latent({name: net.to(device) for name, net in model.nets.items()})
    if latent is None:
        raise ParamsError(
            f"the model '{model.name}' ({model.run.variant}) has no codes to walk through",
            where=f"models/{model.name}",
            fix="name a model of a hypergan or a vaegan run",
        )
    return latent


def drawn(latent: Latent, seed: int, numbers: Sequence[int], device: str) -> Tensor:
    """Return the codes of the pictures that `samples` numbers so, (len(numbers), Z)."""
    groups = {n // AT_ONCE * AT_ONCE for n in numbers}
    codes = {start: codes_of(latent, seed, start, device) for start in groups}
    return torch.stack([codes[n // AT_ONCE * AT_ONCE][n % AT_ONCE] for n in numbers])


def slerp(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Return codes between two (Z,), on the great circle (Shoemake 1985; White 2016, section 2.1).

    The length goes evenly from the one's to the other's. Where both point the same or the opposite
    way, no one circle is theirs: then the line is taken.

    Args:
        share: (F,) in [0, 1] of the way.
    """
    a, b, at = first.double(), second.double(), share.double()[:, None]
    lengths = a.norm(), b.norm()
    a, b = a / lengths[0].clamp_min(1e-12), b / lengths[1].clamp_min(1e-12)
    angle = torch.arccos((a * b).sum().clamp(-1, 1))
    if float(torch.sin(angle)) < 1e-4:
        return torch.lerp(first, second, share[:, None])
    way = (torch.sin((1 - at) * angle) * a + torch.sin(at * angle) * b) / torch.sin(angle)
    out: Tensor = (way * (lengths[0] + at * (lengths[1] - lengths[0]))).to(first)
    return out


def path(codes: Tensor, steps: int, is_loop: bool) -> Tensor:
    """Return the codes of a film through (K, Z) of them, `steps` frames from each to the next.

    Returns:
        (K steps, Z) for a loop: the first frame follows the last as each follows the one before;
        else ((K - 1) steps + 1, Z), ending with the last code.
    """
    share = torch.arange(steps, device=codes.device) / steps
    stops = [*codes, codes[0]] if is_loop else list(codes)
    parts = [slerp(a, b, share) for a, b in pairwise(stops)]
    return torch.cat(parts if is_loop else [*parts, codes[-1:]])


def swing(codes: Tensor, way: Tensor, reach: float, steps: int, is_loop: bool) -> Tensor:
    """Return codes (K, Z) moved along `way` (Z,), frame by frame: (F, K, Z).

    A loop has 2 steps frames, there and back on both sides; else `steps`, from -reach to reach.
    """
    if is_loop:
        moves = reach * torch.sin(torch.arange(2 * steps) * (math.pi / steps))
    else:
        moves = torch.linspace(-reach, reach, steps)
    return codes + moves.to(codes)[:, None, None] * way


def directions(weights: Tensor) -> Directions:
    """Return what changes the output of the first layers most (SeFa: Shen and Zhou 2021, eq. 8).

    They are the eigenvectors of A^T A, which are the right singular vectors of A. Signs are set so
    that the largest number of each is positive.

    Args:
        weights: A, (F, Z).
    """
    _, strengths, ways = torch.linalg.svd(weights.double().cpu(), full_matrices=False)
    largest = ways.gather(1, ways.abs().argmax(1, keepdim=True))
    power = strengths.square()
    return Directions((ways * largest.sign()).float(), (power / power.sum()).float())


@torch.no_grad()
def frames(latent: Latent, codes: Tensor, label: int) -> Iterator[Tensor]:
    """Yield a picture (3, H, W) in [-1, 1], on the CPU, for each of the codes (F, Z)."""
    for start in range(0, len(codes), AT_ONCE):
        some = codes[start : start + AT_ONCE]
        full = torch.cat([some, some[-1:].expand(AT_ONCE - len(some), -1)])  # the same bits
        labels = torch.full((AT_ONCE,), label, device=codes.device) if latent.classes else None
        yield from latent.decode(full, labels)[: len(some)].clamp(-1, 1).cpu()
