"""PixelCNN++ (Salimans et al. 2017): what each pixel may be, given those before it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from memegan.networks.causal import (
    CausalConv,
    Stream,
    concat_elu,
    initialised_by_data,
    pointwise,
    stream_conv,
    upsample,
)
from memegan.networks.mixtures import NUMBERS, Mixture, start_of

LEVELS = 3  # resolutions; sides are multiples of 4
_QUIET = 0.1  # deviation of what ends a block, and of the last layer, before anything is learnt


@dataclass(frozen=True)
class Shape:
    """Width and depth; the paper's for CIFAR-10 (section 3 and its code's defaults)."""

    filters: int = 160
    blocks: int = 5
    mixtures: int = 10
    dropout: float = 0.5
    classes: int = 0


class GatedBlock(nn.Module):
    """x + a sigmoid(b): two causal convolutions, what stands beside, and the class, inform a, b.

    `side_channels` are those of the other stream and the skip, 0 for none.
    """

    def __init__(self, stream: Stream, shape: Shape, side_channels: int = 0) -> None:
        super().__init__()
        f = shape.filters
        self.first = stream_conv(stream, 2 * f, f)
        self.side = pointwise(2 * side_channels, f) if side_channels else None
        self.dropout = nn.Dropout(shape.dropout)
        self.second = stream_conv(stream, 2 * f, 2 * f)
        self.label = nn.Linear(shape.classes, 2 * f, bias=False) if shape.classes else None

    def forward(self, x: Tensor, side: Tensor | None = None, label: Tensor | None = None) -> Tensor:
        """Map (N, F, H, W), beside it (N, S, H, W) and one-hot (N, classes), to (N, F, H, W)."""
        hidden: Tensor = self.first(concat_elu(x))
        if self.side is not None and side is not None:
            hidden = hidden + self.side(concat_elu(side))
        both = self.second(self.dropout(concat_elu(hidden)))
        if self.label is not None and label is not None:
            both = both + self.label(label)[:, :, None, None]
        change, gate = both.chunk(2, 1)
        out: Tensor = x + change * torch.sigmoid(gate)
        return out


class Streams(nn.Module):
    """The same step for both streams: to half or to double the resolution."""

    def __init__(self, vertical: nn.Module, horizontal: nn.Module) -> None:
        super().__init__()
        self.vertical, self.horizontal = vertical, horizontal

    def forward(self, u: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Map the vertical and the horizontal stream, each (N, F, H, W)."""
        return self.vertical(u), self.horizontal(h)


class Scale(nn.Module):
    """The blocks of one resolution, there and back; and the ways from it and to it again."""

    def __init__(self, shape: Shape, *, is_last: bool) -> None:
        super().__init__()
        f, back = shape.filters, shape.blocks + (not is_last)
        self.vertical = blocks("vertical", shape, shape.blocks)
        self.horizontal = blocks("horizontal", shape, shape.blocks, f)
        self.vertical_back = blocks("vertical", shape, back, f)
        self.horizontal_back = blocks("horizontal", shape, back, 2 * f)
        self.shrink: Streams | None = None
        self.grow: Streams | None = None
        if not is_last:
            halves = (stream_conv("vertical", f, f, 2), stream_conv("horizontal", f, f, 2))
            self.shrink = Streams(*halves)
            self.grow = Streams(upsample("vertical", f), upsample("horizontal", f))


def blocks(stream: Stream, shape: Shape, count: int, side_channels: int = 0) -> nn.ModuleList:
    """Make so many blocks."""
    return nn.ModuleList(GatedBlock(stream, shape, side_channels) for _ in range(count))


class PixelCNN(nn.Module):
    """Two causal streams over three resolutions with long skips, and a mixture for each pixel.

    With the defaults it has 53,659,080 parameters. It differs from the paper's code in two things:
    what is moved at the border is the input, not the first layer's output; and the first mixtures
    are those of the first batch.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, f = shape, shape.filters
        self.above = CausalConv((4, f), (2, 3), down=1)
        self.above_row = CausalConv((4, f), (1, 3), down=1)
        self.left = CausalConv((4, f), (2, 1), right=1)
        self.scales = nn.ModuleList(Scale(shape, is_last=n == LEVELS - 1) for n in range(LEVELS))
        self.head = pointwise(f, NUMBERS * shape.mixtures)

    def levels(self) -> list[Scale]:
        """Return the resolutions, the finest first."""
        return [scale for scale in self.scales if isinstance(scale, Scale)]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images (N, 3, H, W) in [-1, 1] to the mixtures' raw numbers (N, 10 K, H, W).

        Those of a pixel follow from the pixels above it and on its left.

        Args:
            labels: (N,) int64 where the net has classes.
        """
        x = with_ones(images)
        label = self.one_hot(labels, images)
        u, h = self.above(x), self.above_row(x) + self.left(x)
        skips = [(u, h)]
        for scale in self.levels():
            for down, right in zip(scale.vertical, scale.horizontal, strict=True):
                u = down(u, label=label)
                h = right(h, u, label)
                skips.append((u, h))
            if scale.shrink is not None:
                u, h = scale.shrink(u, h)
                skips.append((u, h))
        u, h = skips.pop()
        for scale in reversed(self.levels()):
            if scale.grow is not None:
                u, h = scale.grow(u, h)
            for down, right in zip(scale.vertical_back, scale.horizontal_back, strict=True):
                skip_u, skip_h = skips.pop()
                u = down(u, skip_u, label)
                h = right(h, torch.cat((u, skip_h), 1), label)
        out: Tensor = self.head(functional.elu(h))
        return out

    def one_hot(self, labels: Tensor | None, like: Tensor) -> Tensor | None:
        """Turn labels (N,) into (N, classes); None where the net has no classes."""
        if not self.shape.classes or labels is None:
            return None
        return functional.one_hot(labels, self.shape.classes).to(like)

    def log_likelihood(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the log probability (N, H, W) of each pixel, in nats.

        Args:
            images: (N, 3, H, W) in [-1, 1], of 256 levels.
        """
        mixture = Mixture.of(self(images, labels).permute(0, 2, 3, 1))
        return mixture.log_likelihood(images.permute(0, 2, 3, 1))

    def initialise(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Set gains and biases by a batch, without dropout.

        The first mixtures say of each pixel what the batch has: its mean and deviation, by colour.
        The last layer adds no more than the deviation to that: else the border, where alone a
        picture of one colour differs, would begin with an error to unlearn.
        """
        training = self.training
        deviation, mean = torch.std_mean(images, (0, 2, 3), correction=0)
        scale = {m.second.conv: _QUIET for m in self.modules() if isinstance(m, GatedBlock)}
        scale[self.head] = min(_QUIET, float(deviation.mean()))
        with initialised_by_data(self.eval(), lambda layer: scale.get(layer, 1.0)):
            self(images, labels)
            start = start_of(mean, deviation, self.shape.mixtures)
            self.head.get_parameter("bias").add_(start)
        self.train(training)


def with_ones(images: Tensor) -> Tensor:
    """Add a channel of ones, by which a convolution tells the border from gray."""
    return torch.cat((images, torch.ones_like(images[:, :1])), 1)
