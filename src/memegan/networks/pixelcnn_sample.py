"""Samples of PixelCNN++: each new pixel costs a pixel, not a pass."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from memegan.networks.mixtures import NUMBERS, Noise, draw
from memegan.networks.pixelcnn import PixelCNN
from memegan.networks.pixelcnn_cache import Level, Place, Taps, windows

_FEW = 4096  # features of a layer's pixels; with fewer, threads wait longer than they work


@torch.no_grad()
def sample(
    net: PixelCNN,
    uniform: Tensor,
    labels: Tensor | None = None,
    given: Tensor | None = None,
    given_rows: int = 0,
) -> Tensor:
    """Draw images (N, 3, H, W) of 256 levels in [-1, 1], without dropout.

    Args:
        uniform: (N, H, W, K + 3) in [0, 1): all the chance there is.
        labels: (N,) int64 where the net has classes.
        given: images (N, 3, H, W) whose first `given_rows` rows are kept.
    """
    kind, (count, height, width, _) = net.head.get_parameter("bias"), uniform.shape
    noise = Noise.of(uniform.double())
    gumbel, logistic = noise.gumbel.to(kind), noise.logistic.to(kind)
    with torch.inference_mode(), few_threads(count * net.shape.filters, kind.device):
        cache = Cache(net, (count, height, width), labels)
        for row in range(height):
            cache.start_row(row)
            for column in range(width):
                numbers = cache.numbers(column)
                if given is not None and row < given_rows:
                    cache.put(column, given[:, :, row, column])
                    continue
                here = Noise(gumbel[:, row, column], logistic[:, row, column])
                cache.put(column, draw(numbers, here))
        images = cache.images()
    return images.clone()  # outside, so that it may be used like any tensor


@torch.no_grad()
def numbers_of(net: PixelCNN, images: Tensor, labels: Tensor | None = None) -> Tensor:
    """Return what `net(images)` is, (N, 10 K, H, W), in the way that samples are made."""
    count, _, height, width = images.shape
    out = images.new_zeros(count, NUMBERS * net.shape.mixtures, height, width)
    with torch.inference_mode():
        cache = Cache(net, (count, height, width), labels)
        for row in range(height):
            cache.start_row(row)
            for column in range(width):
                out[:, :, row, column] = cache.numbers(column)
                cache.put(column, images[:, :, row, column])
    return out


@contextmanager
def few_threads(features: int, device: torch.device) -> Iterator[None]:
    """Work with one thread where a pixel's products are small: much faster on a busy machine.

    Two threads that share a product of a few microseconds mostly wait for each other.
    """
    before = torch.get_num_threads()
    if device.type == "cpu" and features <= _FEW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Cache:
    """The state of N pictures (H, W) in the making; sides are multiples of 4."""

    def __init__(
        self, net: PixelCNN, size: tuple[int, int, int], labels: Tensor | None = None
    ) -> None:
        like, (count, height, width) = net.head.get_parameter("bias"), size
        # pixel (r, c) lies at (r + 2, c + 1), with the channel of ones
        self.canvas = like.new_zeros(count, height + 2, width + 2, 4)
        self.above, self.above_row = Taps.of(net.above), Taps.of(net.above_row)
        self.left, self.row = Taps.of(net.left), 0
        label = net.one_hot(labels, like)
        self.finest = Level(net.levels(), Place(count, width, net.shape.filters, label, like))
        self.begin: tuple[Tensor, ...] = ()
        self.head, self.head_bias = net.head.weight[:, :, 0, 0].t().contiguous(), like

    def start_row(self, row: int) -> None:
        """Compute all that the rows above decide for this one."""
        self.row = row
        twice, once = self.canvas[:, row], self.canvas[:, row + 1]
        u = windows(twice, 3) @ self.above.rows[0] + windows(once, 3) @ self.above.rows[1]
        beside = windows(once, 3) @ self.above_row.rows[0] + self.above_row.bias
        corner = once[:, :-2] @ self.left.rows[0] + self.left.bias
        self.begin = (beside + corner).unbind(1)
        self.finest.start_row(row, u + self.above.bias)

    def numbers(self, column: int) -> Tensor:
        """Return the raw numbers (N, 10 K) of the next pixel in the row."""
        first, last = self.finest.nodes[0], self.finest.back_nodes[-1]
        before = self.canvas[:, self.row + 2, column]
        torch.addmm(self.begin[column], before, self.left.rows[1], out=first.x[column])
        first.close(column)
        self.finest.pixel(self.row, column)
        half = last.doubled.at[column][:, : len(self.head)]  # the first half of concat_elu is elu
        return torch.addmm(self.head_bias, half, self.head)

    def put(self, column: int, pixels: Tensor) -> None:
        """Say what the pixel became, (N, 3) in [-1, 1]."""
        here = self.canvas[:, self.row + 2, column + 1]
        here[:, :3] = pixels
        here[:, 3] = 1

    def images(self) -> Tensor:
        """Return what was put, (N, 3, H, W)."""
        return self.canvas[:, 2:, 1:-1, :3].permute(0, 3, 1, 2).contiguous()
