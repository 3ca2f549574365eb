"""How near an enlarged picture is to the truth, counted as super-resolution papers count.

BasicSR's protocol: 8-bit pictures, the border of `scale` pixels left out, Y of studio range.
"""

import torch
from torch import Tensor
from torch.nn import functional

_WINDOW, _SIGMA = 11, 1.5


def inner_pixels(images: Tensor, border_px: int) -> Tensor:
    """Return 8-bit values 0..255 as float64, without a border.

    Args:
        images: (N, 3, H, W) in [-1, 1]; what lies outside is cut off.
    """
    pixels = ((images.detach().double().clamp(-1, 1) + 1) * 127.5).round()
    end = -border_px if border_px else None
    return pixels[:, :, border_px:end, border_px:end]


def luma(pixels: Tensor) -> Tensor:
    """Y of (N, 3, H, W) in 0..255: (N, 1, H, W) in 16..235 (ITU-R BT.601, as MATLAB rounds it)."""
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=pixels.dtype, device=pixels.device)
    found: Tensor = (pixels * weights[:, None, None]).sum(1, keepdim=True)
    return 16 + found / 255


def psnr_255(pixels: Tensor, truth: Tensor) -> Tensor:
    """10 log10(255^2 / mean squared error) in dB, (N,); equal pictures give 100."""
    error = (pixels - truth).square().mean((1, 2, 3))
    return 10 * torch.log10(255**2 / error.clamp_min(255**2 * 1e-10))


def ssim_255(pixels: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of each channel, averaged, (N,) (Wang et al. 2004, eq. 13).

    An 11x11 Gaussian window of 1.5 px, K1 = .01, K2 = .03, only where it fits.

    Args:
        pixels, truth: (N, C, H, W) float64 in 0..255, H and W at least 11.
    """
    place = torch.arange(_WINDOW, dtype=pixels.dtype, device=pixels.device) - _WINDOW // 2
    bell = torch.exp(-place.square() / (2 * _SIGMA**2))
    window = torch.outer(bell, bell)[None, None] / bell.sum() ** 2
    x, y = (images.flatten(0, 1)[:, None] for images in (pixels, truth))

    def mean(image: Tensor) -> Tensor:
        return functional.conv2d(image, window)

    mx, my = mean(x), mean(y)
    vx, vy, cxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = (2 * mx * my + c1) * (2 * cxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return score.mean((1, 2, 3)).reshape(len(pixels), -1).mean(1)
