"""Flicker of translated videos: how much there is, and less of it."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

STILL = 0.02  # of the range -1..1: a place that changed less in the source has not moved


@dataclass
class Steady:
    """Mixes what a still place showed before into what it shows now.

    Where the source does not move, its translation should not either; what moves is left as it
    is. The share of the past falls with the source's change, as in recursive denoising (Dubois
    and Sabri 1984, motion-adaptive first-order recursion).

    Args:
        share: of the past where nothing moves, 0 (off) .. 0.95.
    """

    share: float
    before: Tensor | None = None
    shown: Tensor | None = None

    def __call__(self, source: Tensor, made: Tensor) -> Tensor:
        """Return the frame to show for `made`; both (3, H, W) in [-1, 1], frame after frame."""
        out = made
        if self.before is not None and self.shown is not None and self.share:
            still = stillness(self.before, source)
            share = self.share * _fitted(still, made)
            out = torch.lerp(made, self.shown, share)
        self.before, self.shown = source, out
        return out


@dataclass
class Flicker:
    """Mean change from frame to frame of places whose source is still, in parts of 255."""

    sum: float = 0.0
    places: float = 0.0
    before: tuple[Tensor, Tensor] | None = field(default=None, repr=False)

    def see(self, source: Tensor, made: Tensor) -> None:
        """Look at the next frame: (3, H, W) in [-1, 1] each."""
        if self.before is not None:
            still = _fitted(stillness(self.before[0], source), made) > 0.5
            change = (made - self.before[1]).abs().mean(0, keepdim=True) * 127.5
            self.sum += float((change * still).sum())
            self.places += float(still.sum())
        self.before = (source, made)

    def value(self) -> float:
        """Return it; 0 where nothing was ever still."""
        return self.sum / self.places if self.places else 0.0


def stillness(before: Tensor, now: Tensor) -> Tensor:
    """Return (1, H, W) in 0..1: 1 where the neighbourhood has not changed, 0 where it moves."""
    change = (now - before).abs().amax(0, keepdim=True)
    around = functional.max_pool2d(functional.avg_pool2d(change[None], 3, 1, 1), 5, 1, 2)[0]
    return torch.exp(-((around / STILL) ** 2))


def _fitted(still: Tensor, made: Tensor) -> Tensor:
    """Bring it to the size of a picture that may have been enlarged."""
    if still.shape[1:] == made.shape[1:]:
        return still
    return functional.interpolate(still[None], made.shape[1:], mode="bilinear")[0]
