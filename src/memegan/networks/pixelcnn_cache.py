"""What a pixel of PixelCNN++ needs to know of those before it, kept from pixel to pixel.

The vertical stream of a row needs only the rows above: it is computed a row at a time. So is what
the horizontal stream takes from the row above and from the vertical stream. What is left for a
pixel are small matrix products with its left neighbour and itself. A coarser level moves on at
every second row and column only. The numbers are those of `PixelCNN.forward` but for rounding.

Features lie as (N, W, C): the channels of neighbours are one stretch of memory, so that a view of
it is what a convolution multiplies, and all views are made once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from memegan.networks.causal import CausalConv, concat_elu
from memegan.networks.pixelcnn import GatedBlock, Scale, Streams


@dataclass(frozen=True)
class Place:
    """What all features of a level share: (N, W, F), one-hot labels, and a tensor of their kind."""

    count: int
    width: int
    filters: int
    label: Tensor | None
    like: Tensor


@dataclass(frozen=True)
class Taps:
    """A causal convolution as matrices, (columns C, C') for each row, and its bias (C',)."""

    rows: list[Tensor]
    bias: Tensor

    @classmethod
    def of(cls, layer: nn.Module) -> "Taps":
        """Read a `CausalConv`."""
        assert isinstance(layer, CausalConv)
        kernel, bias = layer.conv.weight, layer.conv.bias
        assert isinstance(kernel, Tensor)
        assert isinstance(bias, Tensor)
        rows = kernel.permute(2, 3, 1, 0).flatten(1, 2)  # rows, columns and C, C'
        return cls([row.contiguous() for row in rows], bias)


def windows(row: Tensor, columns: int, stride: int = 1) -> Tensor:
    """View (N, W, C) as all its stretches of `columns` neighbours, (N, W', columns C)."""
    count, width, channels = row.shape
    size = (count, (width - columns) // stride + 1, columns * channels)
    return row.as_strided(size, (row.stride(0), stride * row.stride(1), 1))


class Row:
    """Features of the row so far and of the row above, each with a zero column on the left."""

    def __init__(self, place: Place, channels: int) -> None:
        self.now = place.like.new_zeros(place.count, place.width + 1, channels)
        self.above = torch.zeros_like(self.now)
        self.at = [self.now[:, c + 1] for c in range(place.width)]
        self.pair = [self.now[:, c : c + 2].view(place.count, -1) for c in range(place.width)]

    def turn(self) -> None:
        """Go to the next row."""
        self.above.copy_(self.now)


class DoubledRow(Row):
    """A row of concat_elu(x), made from x (N, F) a pixel at a time."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, 2 * place.filters)
        self.halves = [at.view(place.count, 2, place.filters) for at in self.at]
        self.sign = place.like.new_tensor([[1.0], [-1.0]])

    def put(self, column: int, x: Tensor) -> None:
        torch.mul(x[:, None], self.sign, out=self.halves[column])
        functional.elu_(self.at[column])


class Node:
    """A horizontal feature map: x of this pixel or, where another level reads it, of the row."""

    def __init__(self, place: Place, *, keeps_row: bool = False) -> None:
        self.doubled = DoubledRow(place)
        self.raw = Row(place, place.filters)
        alone = place.like.new_zeros(place.count, place.filters)
        self.x = self.raw.at if keeps_row else [alone] * place.width

    def close(self, column: int) -> None:
        """Make concat_elu(x) once x is there."""
        self.doubled.put(column, self.x[column])

    def turn(self) -> None:
        """Go to the next row."""
        self.doubled.turn()
        self.raw.turn()


class RowConv:
    """A vertical convolution, 2x3, that is given one row after the other."""

    def __init__(self, layer: nn.Module, place: Place, stride: int = 1) -> None:
        taps = Taps.of(layer)
        self.weight, self.bias, self.stride = torch.cat(taps.rows), taps.bias, stride
        channels = len(self.weight) // 6
        self.above = place.like.new_zeros(place.count, place.width + 2, channels)

    def __call__(self, row: Tensor) -> Tensor:
        """Map (N, W, C) to (N, W / stride, C')."""
        above = self.above
        self.keep(row)
        both = torch.cat([windows(x, 3, self.stride) for x in (above, self.above)], 2)
        return both @ self.weight + self.bias

    def keep(self, row: Tensor) -> None:
        """Take a row that is only looked back at."""
        self.above = functional.pad(row, (0, 0, 1, 1))


class RowBlock:
    """A gated block of the vertical stream, a row at a time."""

    def __init__(self, block: GatedBlock, place: Place) -> None:
        self.first, self.second = RowConv(block.first, place), RowConv(block.second, place)
        (self.side, self.side_bias), self.label = side_of(block, place), label_of(block, place)

    def __call__(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """Map (N, W, F), and beside it (N, W, F), to (N, W, F)."""
        hidden = self.first(concat_elu(x, 2))
        if skip is not None:
            hidden = hidden + concat_elu(skip, 2) @ self.side[0] + self.side_bias
        change, gate = (self.second(concat_elu(hidden, 2)) + self.label).chunk(2, 2)
        return x + change * torch.sigmoid(gate)


class PixelBlock:
    """A gated block of the horizontal stream, a pixel at a time."""

    def __init__(
        self, block: GatedBlock, ends: tuple[Node, Node], skip: Node | None, place: Place
    ) -> None:
        (self.source, self.target), self.skip = ends, skip
        self.first, self.second = Taps.of(block.first), Taps.of(block.second)
        (self.side, self.side_bias), self.label = side_of(block, place), label_of(block, place)
        self.begin_first: tuple[Tensor, ...] = ()
        self.begin_second: tuple[Tensor, ...] = ()
        self.hidden = DoubledRow(place)
        self.x = place.like.new_zeros(place.count, place.filters)
        self.both = place.like.new_zeros(place.count, 2 * place.filters)
        self.change, self.gate = self.both.chunk(2, 1)

    def start_row(self, u: Tensor) -> None:
        """Take what the row above and the vertical stream (N, W, F) say, for all columns."""
        self.hidden.turn()
        above = windows(self.source.doubled.above, 2) @ self.first.rows[0]
        beside = concat_elu(u, 2) @ self.side[0] + self.side_bias
        self.begin_first = (above + beside + self.first.bias).unbind(1)
        above = windows(self.hidden.above, 2) @ self.second.rows[0]
        self.begin_second = (above + self.second.bias + self.label).unbind(1)

    def pixel(self, column: int) -> None:
        """Move on by one pixel: from the source's x to the target's."""
        pair, source = self.source.doubled.pair[column], self.source.x[column]
        torch.addmm(self.begin_first[column], pair, self.first.rows[1], out=self.x)
        if self.skip is not None:
            self.x.addmm_(self.skip.doubled.at[column], self.side[1])
        self.hidden.put(column, self.x)
        begin, pair = self.begin_second[column], self.hidden.pair[column]
        torch.addmm(begin, pair, self.second.rows[1], out=self.both)
        self.gate.sigmoid_()
        torch.addcmul(source, self.change, self.gate, out=self.target.x[column])
        self.target.close(column)


class Level:
    """One resolution and, within it, the coarser ones."""

    def __init__(self, scales: list[Scale], place: Place) -> None:
        scale, is_last = scales[0], len(scales) == 1
        last, back = len(scale.horizontal), len(scale.horizontal_back)
        self.nodes = [Node(place, keeps_row=n == last) for n in range(last + 1)]
        made = [Node(place, keeps_row=n == back - 1) for n in range(back)]
        self.back_nodes = [self.nodes[-1] if is_last else Node(place), *made]
        self.vertical = [RowBlock(b, place) for b in gated(scale.vertical)]
        self.vertical_back = [RowBlock(b, place) for b in gated(scale.vertical_back)]
        self.horizontal = [
            PixelBlock(block, ends, None, place)
            for block, ends in zip(gated(scale.horizontal), pairwise(self.nodes), strict=True)
        ]
        backs, skips = (
            gated(scale.horizontal_back),
            self.nodes[-2::-1] if is_last else self.nodes[::-1],
        )
        self.horizontal_back = [
            PixelBlock(block, ends, skip, place)
            for block, ends, skip in zip(backs, pairwise(self.back_nodes), skips, strict=True)
        ]
        self.way = None if is_last else Way(scales, place)

    def start_row(self, row: int, u: Tensor) -> Tensor:
        """Take the vertical stream's first features (N, W, F) of a row; return its last."""
        for node in {*self.nodes, *self.back_nodes}:
            node.turn()
        skips = [u]
        for down, right in zip(self.vertical, self.horizontal, strict=True):
            u = down(u)
            right.start_row(u)
            skips.append(u)
        u = self.way.start_row(row, u, self.nodes[-1]) if self.way else skips.pop()
        for down, right in zip(self.vertical_back, self.horizontal_back, strict=True):
            u = down(u, skips.pop())
            right.start_row(u)
        return u

    def pixel(self, row: int, column: int) -> None:
        """Move on by one pixel: from the first node's x to the last back node's."""
        for block in self.horizontal:
            block.pixel(column)
        if self.way:
            self.way.pixel(row, column, self.nodes[-1], self.back_nodes[0])
        for block in self.horizontal_back:
            block.pixel(column)


class Way:
    """To half the resolution and back."""

    def __init__(self, scales: list[Scale], place: Place) -> None:
        shrink, grow = scales[0].shrink, scales[0].grow
        assert isinstance(shrink, Streams)
        assert isinstance(grow, Streams)
        half = Place(place.count, place.width // 2, place.filters, place.label, place.like)
        self.coarser = Level(scales[1:], half)
        self.shrink_u = RowConv(shrink.vertical, place, 2)
        self.shrink_h = Taps.of(shrink.horizontal)
        self.grow_u, self.grow_h = cells(grow.vertical), cells(grow.horizontal)
        self.bias_u, self.bias_h = (layer.get_parameter("bias") for layer in grow.children())
        self.u = place.like.new_zeros(())
        self.begin: tuple[Tensor, ...] = ()

    def start_row(self, row: int, u: Tensor, node: Node) -> Tensor:
        """Give the vertical stream (N, W, F) as it comes back; odd rows use what even ones made."""
        if row % 2:
            self.shrink_u.keep(u)
        else:
            self.u = self.coarser.start_row(row // 2, self.shrink_u(u))
            above = windows(node.raw.above, 2, 2) @ self.shrink_h.rows[0]
            self.begin = (above + self.shrink_h.bias).unbind(1)
        left, middle, right = self.grow_u[row % 2]  # of a coarse column: fine ones 2j-1, 2j, 2j+1
        even, odd = self.u @ middle, self.u @ right
        odd[:, :-1] += self.u[:, 1:] @ left
        return torch.stack((even, odd), 2).flatten(1, 2) + self.bias_u

    def pixel(self, row: int, column: int, source: Node, target: Node) -> None:
        """Fill the target's x from the coarse pixel, which moves on at even places."""
        half, coarser = column // 2, self.coarser
        if not row % 2 and not column % 2:
            first, pair = coarser.nodes[0], source.raw.pair[column]
            torch.addmm(self.begin[half], pair, self.shrink_h.rows[1], out=first.x[half])
            first.close(half)
            coarser.pixel(row // 2, half)
        weight, coarse = self.grow_h[row % 2][column % 2], coarser.back_nodes[-1].x[half]
        torch.addmm(self.bias_h, coarse, weight, out=target.x[column])
        target.close(column)


def gated(blocks: Iterable[nn.Module]) -> list[GatedBlock]:
    """Return the blocks of a list by their type."""
    return [block for block in blocks if isinstance(block, GatedBlock)]


def side_of(block: GatedBlock, place: Place) -> tuple[list[Tensor], Tensor]:
    """Return the weights (2F, F) of each part that stands beside a block, and their bias (F,)."""
    f = place.filters
    if block.side is None:
        return [], place.like.new_zeros(f)
    parts = block.side.weight.view(f, 2, -1, f).unbind(2)  # out, sign, part, channel
    return [part.reshape(f, 2 * f).t().contiguous() for part in parts], block.side.get_parameter(
        "bias"
    )


def label_of(block: GatedBlock, place: Place) -> Tensor:
    """Return what the class adds to all pixels, (N, 1, 2F); without classes 0."""
    if block.label is None or place.label is None:
        return place.like.new_zeros(1, 1, 2 * place.filters)
    added: Tensor = block.label(place.label)
    return added[:, None]


def cells(layer: nn.Module) -> list[list[Tensor]]:
    """Return a transposed convolution's matrices (C, C'), by row and column."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return [[cell.contiguous() for cell in row.unbind(2)] for row in weight.unbind(2)]
