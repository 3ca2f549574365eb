"""A network over a picture of any size, piece by piece, in bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from memegan.errors import ParamsError

STRIDE_PX = 64  # tiles begin on its multiples, so that every network's strides fall as in the whole
Net = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Tiling:
    """Squares of `tile_px` that overlap by `overlap_px`; 0 px of tile: the whole at once.

    Of an overlap a quarter on each side is not looked at (there the cut is felt), in the middle
    one tile fades into the other. A network that sees less than that quarter gives the same
    picture as in one piece, but for norms that look at the whole picture (instance norm).
    """

    tile_px: int = 512
    overlap_px: int = 128

    def __post_init__(self) -> None:
        for name, value in (("tile_px", self.tile_px), ("overlap_px", self.overlap_px)):
            if value % STRIDE_PX or value < 0:
                raise ParamsError(
                    f"{value} is no multiple of {STRIDE_PX}",
                    where=name,
                    fix=f"try {max(value // STRIDE_PX, 1) * STRIDE_PX}",
                )
        if self.tile_px and self.overlap_px * 2 > self.tile_px:
            raise ParamsError(
                f"tiles of {self.tile_px} px cannot overlap by {self.overlap_px}",
                where="overlap_px",
                fix=f"take {self.tile_px // 2 // STRIDE_PX * STRIDE_PX} or less",
            )

    def starts(self, length: int) -> list[int]:
        """Return where the tiles of a side begin; the last one may be shorter."""
        step = self.tile_px - self.overlap_px
        return list(range(0, max(length - self.overlap_px, 1), step))


@torch.no_grad()
def tiled(net: Net, image: Tensor, tiling: Tiling = Tiling()) -> Tensor:
    """Apply `net` to a picture of any size.

    Args:
        net: maps (1, 3, h, w) in [-1, 1] to (1, 3, s h, s w) for one whole s.
        image: (3, H, W) in [-1, 1].

    Returns:
        (3, s H, s W) float32 on the CPU.
    """
    if not tiling.tile_px or max(image.shape[1:]) <= tiling.tile_px:
        return net(image[None])[0].float().cpu()
    total, weights = torch.empty(0), torch.empty(0)
    for top, left in _places(image, tiling):
        tile = image[:, top : top + tiling.tile_px, left : left + tiling.tile_px]
        made = net(tile[None])[0].float().cpu()
        scale = made.shape[1] // tile.shape[1]
        if not len(total):
            total = torch.zeros(3, image.shape[1] * scale, image.shape[2] * scale)
            weights = torch.zeros(1, *total.shape[1:])
        down, right = (
            _ramp(start, part, whole, scale, tiling.overlap_px)
            for start, part, whole in zip((top, left), tile.shape[1:], image.shape[1:], strict=True)
        )
        weight = down[:, None] * right[None, :]
        place = (
            slice(None),
            slice(top * scale, top * scale + made.shape[1]),
            slice(left * scale, left * scale + made.shape[2]),
        )
        total[place] += made * weight
        weights[place] += weight
    return total / weights


def _places(image: Tensor, tiling: Tiling) -> Iterator[tuple[int, int]]:
    for top in tiling.starts(image.shape[1]):
        for left in tiling.starts(image.shape[2]):
            yield top, left


def _ramp(start: int, part: int, whole: int, scale: int, overlap_px: int) -> Tensor:
    """Weigh a tile's rows: 0 near an inner cut, 1 inside and at the picture's own border."""
    at = torch.arange(part * scale, dtype=torch.float32) + 0.5
    unseen, fade = overlap_px * scale / 4, overlap_px * scale / 2
    weight = torch.ones_like(at)
    if start > 0:
        weight = ((at - unseen) / fade).clamp(0, 1)
    if start + part < whole:
        weight = torch.minimum(weight, ((part * scale - at - unseen) / fade).clamp(0, 1))
    return weight
