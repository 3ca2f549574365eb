"""Weight-normalised convolutions that look only up and to the left, as PixelCNN++ needs them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

Stream = Literal["vertical", "horizontal"]
_LEAST_DEVIATION = 1e-2  # of a feature that is the same everywhere; else its gain would be huge


class CausalConv(nn.Module):
    """A convolution whose output at (r, c) reads no row below r, and in the last row no later c.

    Salimans et al. 2017, section 2.4: the vertical stream (2x3) reads rows r-1 and r on both
    sides, the horizontal one (2x2) columns c-1 and c. With a stride of 2 output (i, j) stands at
    (2i, 2j). Weights are normalised (Salimans and Kingma 2016).

    Args:
        down, right: pixels that the input is moved first, so that the pixel itself is not read.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        kernel: tuple[int, int],
        stride: int = 1,
        down: int = 0,
        right: int = 0,
    ) -> None:
        super().__init__()
        rows, columns = kernel
        left = columns // 2  # 3 columns: one on each side; 2 columns: one on the left
        self.padding = (left + right, columns - 1 - left - right, rows - 1 + down, -down)
        self.conv = normalised(nn.Conv2d(*channels, kernel, stride))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        out: Tensor = self.conv(functional.pad(x, self.padding))
        return out


def stream_conv(stream: Stream, inner: int, outer: int, stride: int = 1) -> CausalConv:
    """Return the convolution of a stream: 2x3 or 2x2."""
    return CausalConv((inner, outer), (2, 3) if stream == "vertical" else (2, 2), stride)


def upsample(stream: Stream, channels: int) -> nn.ConvTranspose2d:
    """Double both sides; (2i+1, 2j+1) and its three neighbours read what stands at (2i, 2j).

    The vertical stream's even columns read one coarse column, the odd ones two.
    """
    if stream == "vertical":
        conv = nn.ConvTranspose2d(channels, channels, (2, 3), 2, (0, 1), (0, 1))
    else:
        conv = nn.ConvTranspose2d(channels, channels, (2, 2), 2)
    return cast("nn.ConvTranspose2d", normalised(conv))


def pointwise(inner: int, outer: int) -> nn.Conv2d:
    """Return a weight-normalised 1x1 convolution."""
    return cast("nn.Conv2d", normalised(nn.Conv2d(inner, outer, 1)))


def concat_elu(x: Tensor, dim: int = 1) -> Tensor:
    """elu of x and -x side by side: (N, C, ...) to (N, 2C, ...) (Shang et al. 2016)."""
    return functional.elu(torch.cat((x, -x), dim))


def normalised(conv: nn.Conv2d | nn.ConvTranspose2d) -> nn.Module:
    """Split the weight into direction and length of each output channel; bias 0."""
    assert conv.bias is not None
    nn.init.normal_(conv.weight, 0.0, 0.05)
    nn.init.zeros_(conv.bias)
    made: nn.Module = weight_norm(conv, dim=1 if isinstance(conv, nn.ConvTranspose2d) else 0)
    return made


@contextmanager
def initialised_by_data(net: nn.Module, scale: Callable[[nn.Module], float]) -> Iterator[None]:
    """Within the block, the first pass sets gains and biases (Salimans and Kingma 2016, eq. 6).

    Each output channel of each layer then has mean 0 and deviation `scale(layer)` over the batch,
    in the pass itself already, so that the next layer sees what it will see in training.
    """
    handles = [
        layer.register_forward_hook(_whitening(scale(layer)))
        for layer in net.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    try:
        with torch.no_grad():
            yield
    finally:
        for handle in handles:
            handle.remove()


def _whitening(scale: float) -> Callable[[nn.Module, object, Tensor], Tensor]:
    def hook(layer: nn.Module, _: object, out: Tensor) -> Tensor:
        deviation, mean = torch.std_mean(out, (0, 2, 3), correction=0)
        gain = scale / deviation.clamp_min(_LEAST_DEVIATION)
        length = layer.get_parameter("parametrizations.weight.original0")
        bias = layer.get_parameter("bias")
        length.mul_(gain.reshape(length.shape))
        bias.sub_(mean).mul_(gain)
        return (out - mean[:, None, None]) * gain[:, None, None]

    return hook
