"""Blocks and rules that all networks share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["instance", "batch", "none"]
Padding = Literal["reflect", "zeros"]
Upsample = Literal["transposed", "resize", "bilinear", "pixelshuffle"]


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm that lets a single pixel through: one value has no deviation."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return x if x.shape[2] * x.shape[3] == 1 else super().forward(x)


def norm_layer(kind: Norm, channels: int) -> nn.Module:
    """Return a normalisation: instance without weights (Zhu et al. 2017), batch with, or none."""
    match kind:
        case "instance":
            return InstanceNorm(channels)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "none":
            return nn.Identity()


@contextmanager
def statistics_kept(*nets: nn.Module) -> Iterator[None]:
    """Within the block a pass moves no running statistics of batch norm.

    They are for use, and there a network sees the pictures of one domain: what it is shown besides
    while it learns would leave it with statistics of neither.
    """
    norms = [layer for net in nets for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def padding_layer(kind: Padding, size_px: int) -> nn.Module:
    """Return a border of reflected pixels (Zhu et al. 2017) or of zeros."""
    return nn.ReflectionPad2d(size_px) if kind == "reflect" else nn.ZeroPad2d(size_px)


class ShuffledConv(nn.Sequential):
    """A 3x3 convolution to four times the channels, laid out as twice the size (Shi et al. 2016).

    After `alike` each 2x2 block begins as one value, so that no checkerboard is there from the
    first step on (ICNR, Aitken et al. 2017, section 3).
    """

    def __init__(self, inner: int, outer: int, pad: nn.Module, *, has_bias: bool = True) -> None:
        conv = nn.Conv2d(inner, 4 * outer, 3, bias=has_bias)
        super().__init__(pad, conv, nn.PixelShuffle(2))

    @torch.no_grad()
    def alike(self) -> None:
        """Give the four kernels of each channel the weights of the first."""
        for values in self[1].parameters():
            values.copy_(values[::4].repeat_interleave(4, 0))


def doubling(
    kind: Upsample,
    inner: int,
    outer: int,
    kernel: Literal[2, 3, 4],
    padding: Padding = "zeros",
    *,
    has_bias: bool = True,
) -> list[nn.Module]:
    """Return layers that double the size: a transposed convolution of `kernel`, or what stands in.

    `resize` puts a nearest resize and a 3x3 convolution for it, which leaves no checkerboard (Odena
    et al. 2016); `bilinear` resizes smoothly, as CUT's authors do (Zhang 2019), so that no edges of
    2x2 blocks are left either; `pixelshuffle` is a sub-pixel convolution that begins without one.
    """
    match kind:
        case "transposed":
            pad_px, end_px = (kernel - 1) // 2, kernel % 2
            return [nn.ConvTranspose2d(inner, outer, kernel, 2, pad_px, end_px, bias=has_bias)]
        case "resize" | "bilinear":
            mode = "nearest" if kind == "resize" else "bilinear"
            pad = padding_layer(padding, 1)
            return [
                nn.Upsample(scale_factor=2, mode=mode),
                pad,
                nn.Conv2d(inner, outer, 3, bias=has_bias),
            ]
        case "pixelshuffle":
            return [ShuffledConv(inner, outer, padding_layer(padding, 1), has_bias=has_bias)]


def init_normal(net: nn.Module, deviation: float = 0.02) -> nn.Module:
    """Draw convolutions and linear layers from N(0, .02), norms from N(1, .02), biases zero.

    Radford et al. 2016, section 4; Zhu et al. 2017, appendix 7.2.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, deviation)
            nn.init.zeros_(layer.bias)
    for layer in net.modules():
        if isinstance(layer, ShuffledConv):
            layer.alike()
    return net


class Padded(nn.Module):
    """A network that takes any size: reflected up to its stride, and cut back afterwards."""

    def __init__(self, body: nn.Module, stride: int) -> None:
        super().__init__()
        self.body, self.stride = body, stride

    def fitted(self, x: Tensor) -> Tensor:
        """Return (N, 3, H', W'), both multiples of the stride."""
        down, right = -x.shape[2] % self.stride, -x.shape[3] % self.stride
        return functional.pad(x, (0, right, 0, down), mode="reflect") if down or right else x

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to the same shape."""
        out: Tensor = self.body(self.fitted(x))[:, :, : x.shape[2], : x.shape[3]]
        return out


def count_parameters(net: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(p.numel() for p in net.parameters())


def is_finite(value: Tensor) -> bool:
    """Tell whether a tensor holds only numbers."""
    return bool(torch.isfinite(value).all())
