"""How large pictures become small ones: cleanly, or as they are found in the wild."""

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

_KERNEL_PX = 15
_SIGMA_PX = (0.2, 3.0)  # Wang et al. 2021 (Real-ESRGAN), section 4.1, its first order
_NOISE = (1.0, 30.0)  # standard deviation in levels of 0..255
_QUALITY = (30, 95)
DRAWS = 6  # numbers that `realistic` needs for each image


def bicubic(images: Tensor, factor: float) -> Tensor:
    """Scale (N, 3, H, W) by `factor`, antialiased (Keys 1981 with a = -1/2), within [-1, 1]."""
    size = [round(side * factor) for side in images.shape[2:]]
    scaled = functional.interpolate(images, size, mode="bicubic", antialias=True)
    return scaled.clamp(-1, 1)


def eight_bit(images: Tensor) -> Tensor:
    """Move values to the nearest of the 256 levels in [-1, 1]."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def clean(images: Tensor, scale: int) -> Tensor:
    """Make (N, 3, H, W) small by bicubic interpolation, as a file would hold it."""
    return eight_bit(bicubic(images, 1 / scale))


def realistic(images: Tensor, scale: int, draws: Tensor, noise: Tensor) -> Tensor:
    """Make images small with blur, noise and JPEG, each of its own strength.

    Wang et al. 2021 (Real-ESRGAN), figure 2, one round of it.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        draws: (N, DRAWS) in [0, 1): how strong each is.
        noise: (N, 3, H / scale, W / scale), standard normal.
    """
    small = bicubic(blurred(images, gaussians(draws[:, :3])), 1 / scale)
    level = _between(_NOISE, draws[:, 3])[:, None, None, None] / 127.5
    gray = (draws[:, 4] < 0.4)[:, None, None, None]  # the same noise in all channels
    noisy = small + level * torch.where(gray, noise[:, :1], noise)
    quality = _between(_QUALITY, draws[:, 5]).round().int().tolist()
    made = [_jpeg(image, q) for image, q in zip(noisy, quality, strict=True)]
    return torch.stack(made)


def gaussians(draws: Tensor) -> Tensor:
    """Return a blur of two widths and an angle for each row of (N, 3) in [0, 1): (N, 1, 15, 15)."""
    place = torch.arange(_KERNEL_PX, device=draws.device, dtype=draws.dtype) - _KERNEL_PX // 2
    y, x = place[:, None], place[None, :]
    wide, narrow = (_between(_SIGMA_PX, draws[:, n])[:, None, None] for n in (0, 1))
    angle = math.pi * draws[:, 2, None, None]
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    bell = torch.exp(-0.5 * ((along / wide).square() + (across / narrow).square()))
    return (bell / bell.sum((1, 2), keepdim=True))[:, None]


def blurred(images: Tensor, kernels: Tensor) -> Tensor:
    """Blur each of (N, 3, H, W) by its own kernel of (N, 1, K, K), edges reflected."""
    count, channels, height, width = images.shape
    padded = functional.pad(images, [kernels.shape[-1] // 2] * 4, mode="reflect")
    rows = padded.reshape(1, count * channels, *padded.shape[2:])
    out = functional.conv2d(rows, kernels.repeat_interleave(channels, 0), groups=count * channels)
    return out.reshape(count, channels, height, width)


def _between(ends: tuple[float, float], share: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * share


def _jpeg(image: Tensor, quality: int) -> Tensor:
    """Write and read (3, H, W) as a JPEG of 0..100."""
    pixels = ((image.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        back = torch.from_numpy(np.asarray(opened).copy())
    return (back.permute(2, 0, 1).float() / 127.5 - 1).to(image.device)
