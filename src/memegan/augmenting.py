"""Pictures changed before a discriminator sees them, so that small sets are not learnt by heart."""

import math
from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

Change = Literal["color", "translation", "cutout"]
ADA_TARGET = 0.6  # Karras et al. 2020, section 3
_WAYS = 13  # of ADA to change a picture, each with a chance of its own
_TURNS = (4, 6)  # which of them turn by any angle


class Draws(Protocol):
    """Random numbers by name, as `rng.Numbers` gives them."""

    def uniform(self, name: str, *shape: int) -> Tensor: ...
    def normal(self, name: str, *shape: int) -> Tensor: ...


def diff_augment(
    images: Tensor, numbers: Draws, name: str, changes: Sequence[Change] = ("color", "translation")
) -> Tensor:
    """Change brightness, saturation and contrast, shift by up to 1/8, cut out, differentiably.

    Zhao et al. 2020, section 3 and its policies, for example "color,translation"; the same kind of
    change for real and fake images, drawn for each image. What comes in at the sides is 0, gray, as
    is the square of half the side that `cutout` lays on an image.

    Args:
        images: (N, 3, H, W) in [-1, 1]; what comes out may lie a little outside.
    """
    count, x = len(images), images
    if "color" in changes:
        light, strong, flat = numbers.uniform(f"{name}/colour", 3, count, 1, 1, 1)
        x = x + (light - 0.5)
        gray = x.mean(1, keepdim=True)
        x = (x - gray) * (2 * strong) + gray
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * (flat + 0.5) + mean
    if "translation" in changes:
        x = _shifted(x, numbers.uniform(f"{name}/move", 2, count))
    if "cutout" in changes:
        x = x * (1 - _holes(x, numbers.uniform(f"{name}/hole", 2, count)))
    return x


def adaptive_augment(images: Tensor, numbers: Draws, name: str, strength: Tensor) -> Tensor:
    """Change each image in each way with probability `strength` (ADA: Karras et al. 2020).

    Pixel blitting, geometry and colour, "bgc" of appendix B with its ranges: mirror, quarter turns,
    whole pixels, scale, turn, stretch, turn again, parts of pixels; brightness, contrast, luma,
    hue, saturation. What lies outside is the mirror image; pixels are read bilinearly where the
    paper enlarges by wavelets before.

    Args:
        images: (N, 3, S, S) in [-1, 1]; what comes out may lie outside, and has 32 bits at least.
        strength: scalar in [0, 1]; at 0 nothing is changed.
    """
    count, side = len(images), images.shape[-1]
    if images.dtype != torch.float64:
        images = images.float()  # places of fewer bits are other pixels, and some lie outside
    chance = numbers.uniform(f"{name}/chance", _WAYS, count)
    even = numbers.uniform(f"{name}/even", 8, count)
    bell = numbers.normal(f"{name}/bell", 7, count)
    with torch.autocast(images.device.type, enabled=False):
        limits = strength.float().expand(_WAYS).clone()
        limits[list(_TURNS)] = 1 - (1 - strength.float()).sqrt()  # twice: as often as the others
        does = chance < limits[:, None]
        place = _places(does[:8], even[:6], bell[:4], side).to(images.dtype)
        colour = _colours(does[8:], even[6:], bell[4:]).to(images.dtype)
        grid = functional.affine_grid(place[:, :2], list(images.shape), align_corners=False)
        read = functional.grid_sample(
            images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )
        moved = torch.where(does[:8].any(0)[:, None, None, None], read, images)
        mixed = torch.baddbmm(colour[:, :3, 3:], colour[:, :3, :3], moved.flatten(2))
        painted = torch.where(does[8:].any(0)[:, None, None], mixed, moved.flatten(2))
    return painted.view_as(images)


def adapted(strength: Tensor, sure: Tensor, images: int, reach_images: int) -> Tensor:
    """Return ADA's next strength: more where real images are judged too surely.

    The sign of the logits of real images is to be `ADA_TARGET` in the mean (section 3, r_t).

    Args:
        sure: logits of this step's real images, any shape; above 0 is real.
        images: seen in this step.
        reach_images: in which the strength can go from 0 to 1.
    """
    way = torch.sign(sure.detach().sign().mean() - ADA_TARGET)
    return (strength + way * images / reach_images).clamp(0, 1)


def _places(does: Tensor, even: Tensor, bell: Tensor, side: int) -> Tensor:
    """Return where each pixel is read, as maps of places in [-1, 1] to places, (N, 3, 3).

    Args:
        does: (8, N) of a kind each; even, bell: uniform and normal numbers, (6, N) and (4, N).
    """
    one = torch.ones_like(even[0])
    whole = (even[2:4] * 0.25 - 0.125).mul(side).round() / side
    scale, stretch = torch.exp2(0.2 * bell[0]), torch.exp2(0.2 * bell[1])
    steps = (
        _plane(torch.where(even[0] < 0.5, -one, one), one),
        _turned((even[1] * 4).floor() * (math.pi / 2)),
        _moved(*(2 * whole)),
        _plane(1 / scale, 1 / scale),
        _turned((2 * even[4] - 1) * math.pi),
        _plane(1 / stretch, stretch),
        _turned((2 * even[5] - 1) * math.pi),
        _moved(*(2 * 0.125 * bell[2:4])),
    )
    found = _plane(one, one)
    for is_done, step in zip(does, steps, strict=True):
        found = torch.where(is_done[:, None, None], found @ step, found)
    return found


def _colours(does: Tensor, even: Tensor, bell: Tensor) -> Tensor:
    """Return what becomes of each colour, (N, 4, 4) of (red, green, blue, 1).

    Args:
        does: (5, N) of a kind each; even, bell: uniform and normal numbers, (2, N) and (3, N).
    """
    eye = torch.eye(4, device=does.device)
    rgb = torch.diag(eye.new_tensor([1.0, 1.0, 1.0, 0.0]))
    gray = torch.zeros_like(eye)
    gray[:3, :3] = 1 / 3
    across = torch.zeros_like(eye)  # of the axis of grays (Rodrigues' formula)
    across[:3, :3] = eye.new_tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    lifted = torch.zeros_like(eye)
    lifted[:3, 3] = 1
    flip, angle = (even[0] < 0.5).float()[:, None, None], (2 * even[1] - 1) * math.pi
    light, contrast, vivid = (
        (0.2 * bell[0])[:, None, None],
        torch.exp2(0.5 * bell[1])[:, None, None],
        torch.exp2(bell[2])[:, None, None],
    )
    cos, sin = (f(angle)[:, None, None] for f in (torch.cos, torch.sin))
    steps = (
        eye + light * lifted,
        eye + (contrast - 1) * rgb,
        eye - 2 * flip * gray,
        eye + (cos - 1) * (rgb - gray) + sin * across,
        eye + (vivid - 1) * (rgb - gray),
    )
    found = eye.expand(len(flip), 4, 4)
    for is_done, step in zip(does, steps, strict=True):
        found = torch.where(is_done[:, None, None], step @ found, found)
    return found


def _plane(x: Tensor, y: Tensor) -> Tensor:
    """Return maps that scale both axes, (N, 3, 3), by (N,) each."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def _turned(angle: Tensor) -> Tensor:
    """Return maps that turn by (N,) in radians, (N, 3, 3)."""
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = ([cos, -sin, none], [sin, cos, none], [none, none, none + 1])
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def _moved(x: Tensor, y: Tensor) -> Tensor:
    """Return maps that move by (N,) each, (N, 3, 3)."""
    one, none = torch.ones_like(x), torch.zeros_like(x)
    rows = ([one, none, x], [none, one, y], [none, none, one])
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def _holes(x: Tensor, middle: Tensor) -> Tensor:
    """Return 1 in a square of half the side of each image, (N, 1, S, S). `middle`: (2, N)."""
    at = torch.arange(x.shape[-1], device=x.device) / x.shape[-1]
    down, right = ((at - place[:, None]).abs() < 0.25 for place in middle)  # (N, S) each
    holes: Tensor = (down[:, None, :, None] & right[:, None, None, :]).to(x.dtype)
    return holes


def _shifted(x: Tensor, share: Tensor) -> Tensor:
    """Shift each image by up to 1/8 of its side; gray, 0, comes in. `share`: (2, N) in [0, 1)."""
    height, width = x.shape[2:]
    reach = max(1, height // 8)
    moves = (share * (2 * reach + 1)).long().tolist()
    padded = functional.pad(x, (reach, reach, reach, reach))
    return torch.stack(
        [
            padded[n, :, y : y + height, z : z + width]
            for n, (y, z) in enumerate(zip(*moves, strict=True))
        ]
    )
