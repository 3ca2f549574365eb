"""PSNR and SSIM of images against a known truth."""

import torch
from torch import Tensor
from torch.nn import functional

_WINDOW, _SIGMA = 11, 1.5


def psnr(images: Tensor, truth: Tensor) -> Tensor:
    """Return 10 log10(peak^2 / mean squared error) in dB, (N,); equal images give 100.

    Args:
        images, truth: (N, 3, H, W) in [-1, 1]; the peak is 2.
    """
    error = (images - truth).square().mean((1, 2, 3))
    return 10 * torch.log10(4 / error.clamp_min(4e-10))


def ssim(images: Tensor, truth: Tensor) -> Tensor:
    """Return the structural similarity of luma, (N,), at most 1 (Wang et al. 2004, eq. 13).

    An 11x11 Gaussian window of 1.5 px, K1 = .01, K2 = .03, no padding.

    Args:
        images, truth: (N, 3, H, W) in [-1, 1], H and W at least 11.
    """
    x, y = _luma(images), _luma(truth)
    place = torch.arange(_WINDOW, dtype=x.dtype) - _WINDOW // 2
    bell = torch.exp(-place.square() / (2 * _SIGMA**2))
    window = torch.outer(bell, bell)[None, None] / bell.sum() ** 2

    def mean(image: Tensor) -> Tensor:
        return functional.conv2d(image, window)

    mx, my = mean(x), mean(y)
    vx, vy = mean(x * x) - mx * mx, mean(y * y) - my * my
    cxy = mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    score: Tensor = (
        (2 * mx * my + c1) * (2 * cxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    )
    return score.mean((1, 2, 3))


def affine_colour(source: Tensor, target: Tensor) -> Tensor:
    """Fit the 3x4 colour map that best turns source pixels into target pixels (least squares).

    Args:
        source, target: (N, 3, H, W), pixel for pixel the same places.
    """
    x, y = (images.permute(0, 2, 3, 1).reshape(-1, 3).double() for images in (source, target))
    ones = torch.ones(len(x), 1, dtype=torch.float64)
    found: Tensor = torch.linalg.lstsq(torch.cat([x, ones], 1), y).solution
    return found.T.float()


def apply_colour(matrix: Tensor, images: Tensor) -> Tensor:
    """Apply a 3x4 colour map to (N, 3, H, W), clamped to [-1, 1]."""
    mapped: Tensor = torch.einsum("oc,nchw->nohw", matrix[:, :3], images) + matrix[:, 3, None, None]
    return mapped.clamp(-1, 1)


def _luma(images: Tensor) -> Tensor:
    """ITU-R BT.601 luma in [0, 1], (N, 1, H, W)."""
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=images.dtype)
    luma: Tensor = ((images + 1) / 2 * weights[:, None, None]).sum(1, keepdim=True)
    return luma.double()
