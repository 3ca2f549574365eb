"""How samples stand beside the training pictures: how far they differ, what they reach, copies."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MOST = 10_000  # training pictures that are looked at, evenly spaced
_FEW = 256  # of these, that say how far pictures lie from each other
_TWIN, _COPY = 0.25, 0.4  # of the usual distance to the next picture
_LOOK_PX = 16  # side at which pictures are compared


@dataclass(frozen=True)
class Health:
    """What is seen of samples; each number but `copies` and `twins` is about 1 for real pictures.

    Attributes:
        diversity: mean distance of two samples over that of two training pictures.
        coverage: different training pictures that are the nearest of a sample, over how many there
            are for as many training pictures.
        twins: share of the samples that have another one on top of them.
        copies: share of the samples that lie on a training picture.
    """

    diversity: float
    coverage: float
    twins: float
    copies: float


class Likes:
    """Training pictures as they are compared: 16 px, a picture and its mirror image alike."""

    def __init__(self, pixels: Tensor) -> None:
        """Take (N, 3, S, S) uint8, N at least 2."""
        at = torch.linspace(0, len(pixels) - 1, min(len(pixels), MOST)).long()
        looks = torch.cat(
            [_look(pixels[some].float() / 127.5 - 1) for some in torch.split(at, _FEW)]
        )
        self.looks = looks
        few = torch.linspace(0, len(looks) - 1, min(len(looks), _FEW)).long()
        own = looks[few].flatten(1)
        among = _apart(own)
        self.usual = float(among.mean())
        distance = _to(own, looks)
        distance[torch.arange(len(few)), few] = torch.inf  # a picture itself
        self.next = float(distance.amin(1).median())
        self.nearest = distance.argmin(1)

    def health(self, samples: Tensor) -> Health:
        """Compare samples (K, 3, S, S) in [-1, 1], K at least 2."""
        own = _look(samples).flatten(1).to(self.looks.device)
        among = _apart(own)
        distance = _to(own, self.looks)
        some = self.nearest[:: max(1, len(self.nearest) // len(own))][: len(own)]
        return Health(
            diversity=float(among.mean()) / max(self.usual, 1e-6),
            coverage=_different(distance.argmin(1)) / _different(some),
            twins=float((among.amin(1) < _TWIN * self.next).float().mean()),
            copies=float((distance.amin(1) < _COPY * self.next).float().mean()),
        )


def _look(images: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(images, _LOOK_PX)


def _to(own: Tensor, looks: Tensor) -> Tensor:
    """Return the distances (K, N) of (K, F) to (N, 3, H, W) or their mirror images."""
    there = (looks.flatten(1), looks.flip(3).flatten(1))
    return torch.minimum(*(torch.cdist(own, some) for some in there))


def _different(nearest: Tensor) -> float:
    return len(set(nearest.tolist())) / len(nearest)


def _apart(own: Tensor) -> Tensor:
    """Return the distances of each (K, F) to the others, (K, K - 1)."""
    count = len(own)
    others = ~torch.eye(count, dtype=torch.bool, device=own.device)
    return torch.cdist(own, own)[others].reshape(count, count - 1)
