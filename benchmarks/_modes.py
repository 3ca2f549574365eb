"""Sets of pictures whose modes are known, and the exact classifier that finds them again."""

import itertools
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from memegan.rng import derived_rng

SIDE = 32
SHAPES = ("disc", "square", "triangle", "ring")
SIZES = (5.0, 6.0)
SHIFTS = (-1, 0, 1)
LEAST_BRIGHTNESS = 0.8
ACCEPTED = 0.15  # of a render's energy may be left over


@dataclass(frozen=True)
class ModeSet:
    """Every shape in every colour at every place: each of these is a mode."""

    shapes: tuple[str, ...]
    colours: tuple[tuple[float, float, float], ...]  # in [0, 1]
    places: tuple[tuple[int, int], ...]  # row and column of the middle, px

    def __len__(self) -> int:
        return len(self.shapes) * len(self.colours) * len(self.places)

    def pictures(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Draw pictures of even chance and brightness .8 to 1, as uint8, and their modes."""
        rng = derived_rng(seed, "modes")
        known, modes = renders(self)
        at = torch.randint(len(known), (count,), generator=rng)
        spread = 1 - LEAST_BRIGHTNESS
        light = 1 - spread * torch.rand(count, 1, 1, 1, generator=rng)
        return (known[at] * light * 255).round().byte(), modes[at]

    def classify(self, images: Tensor) -> Tensor:
        """Return the mode of each image, or -1 where none is near.

        The nearest of all renders at its best brightness within what the set has; near is: what is
        left has less than 15 % of that picture's energy.

        Args:
            images: (N, 3, 32, 32) in [-1, 1].
        """
        known, modes = renders(self)
        flat, given = known.flatten(1), ((images + 1) / 2).flatten(1)
        energy = flat.square().sum(1)
        product = given @ flat.T
        light = (product / energy).clamp(LEAST_BRIGHTNESS, 1)  # (N, renders)
        left = given.square().sum(1, keepdim=True) - 2 * light * product + light.square() * energy
        share = left / (light.square() * energy)
        best = share.min(1)
        return torch.where(best.values < ACCEPTED, modes[best.indices], torch.tensor(-1))


@cache
def renders(known: ModeSet) -> tuple[Tensor, Tensor]:
    """Return all pictures at full brightness, 18 a mode, and the mode of each.

    Returns:
        (N, 3, 32, 32) in [0, 1] on black, and (N,) int64 from 0.
    """
    pictures, modes = [], []
    kinds = itertools.product(known.shapes, known.colours, known.places)
    for mode, (shape, colour, (top, left)) in enumerate(kinds):
        for size, down, right in itertools.product(SIZES, SHIFTS, SHIFTS):
            mask = _mask(shape, size, top + down, left + right)
            pictures.append(torch.tensor(colour)[:, None, None] * mask)
            modes.append(mode)
    return torch.stack(pictures), torch.tensor(modes)


OF_27 = ModeSet(
    SHAPES[:3],
    ((1.0, 0.25, 0.25), (0.25, 1.0, 0.25), (0.35, 0.35, 1.0)),
    ((9, 9), (9, 23), (23, 16)),
)
OF_256 = ModeSet(
    SHAPES,
    (
        *((1.0, 0.15, 0.15), (0.15, 1.0, 0.15), (0.3, 0.3, 1.0), (1.0, 1.0, 0.15)),
        *((1.0, 0.15, 1.0), (0.15, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 0.55, 0.1)),
    ),
    ((8, 8), (8, 16), (8, 24), (16, 8), (16, 24), (24, 8), (24, 16), (24, 24)),
)


def _mask(shape: str, size: float, top: float, left: float) -> Tensor:
    """Draw a shape smoothed over 4x4 points a pixel, (32, 32) in [0, 1]."""
    at = (torch.arange(SIDE * 4) + 0.5) / 4
    y, x = at[:, None] - top, at[None, :] - left
    match shape:
        case "disc":
            inside = x**2 + y**2 < size**2
        case "square":
            inside = (x.abs() < size * 0.85) & (y.abs() < size * 0.85)
        case "ring":
            inside = (x**2 + y**2 < size**2) & (x**2 + y**2 > (size * 0.55) ** 2)
        case _:
            inside = (y < size * 0.8) & (2 * x.abs() < y + size)
    fine = inside.float().reshape(SIDE, 4, SIDE, 4)
    return fine.mean((1, 3))
