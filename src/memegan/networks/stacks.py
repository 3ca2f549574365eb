"""Lines that hold a block: a residual sum, and a stack that repeats itself up to any size."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from pydantic import Field
from torch import nn

from memegan.networks.dsl import Line, Number, Place, Value
from memegan.networks.layer import Activation, Layer, Norm, Shape
from memegan.networks.modules import Crop, Shortcut

SMALLEST = 4  # px; a stack begins, or ends, at 4 to 7


def halves(size_px: int) -> list[int]:
    """Return the sides from `size_px` down to 4..7, each half of the one before, rounded up."""
    sides = [size_px]
    while sides[-1] >= 2 * SMALLEST:
        sides.append(-(-sides[-1] // 2))
    return sides


class Fitted(Protocol):
    """The layers so far, and how to add more."""

    nodes: list[Any]  # what they are, a block need not know

    @property
    def shape(self) -> Shape: ...
    def lay(self, lines: Sequence[Line], variables: Mapping[str, Number]) -> None: ...
    def add(
        self,
        layer: Layer | None,
        make: Callable[[], nn.Module],
        kind: str,
        reads: tuple[int, ...],
        place: Place,
    ) -> None: ...


class Block(Layer):
    """A line with lines inside."""

    def lay(self, fitted: Fitted, line: Line, variables: Mapping[str, Number]) -> None:
        """Add the layers of the block.

        Raises:
            DslError: it cannot follow what comes before it, or gives what it must not.
        """
        raise NotImplementedError


class StackBlock(Block):
    """Repeat the block, each time at half or twice the size, from what comes to the other end.

    Inside, `$channels` are this stage's: up, they halve towards `width` at the end; down, they
    double from `width`; never above `max`. `$stage` counts from 1, `$side` is its size in px.
    """

    takes = ("direction",)
    direction: Literal["up", "down"]
    to: int = Field(default=0, ge=0, description="side of the last stage; 0: $size up, 4 to 7 down")
    leave: int = Field(default=0, ge=0, description="stages before the end that are left out")
    width: int = Field(ge=1, description="channels at the large end")
    max: int = Field(default=512, ge=1, description="most channels")

    def sides(self, start: int, size: int) -> list[int]:
        """Return the sides that the stages bring the maps to; `size` is the images'.

        Raises:
            ValueError: doubling from `start` does not lead there.
        """
        if self.direction == "down":
            sides = [start]
            while sides[-1] >= 2 * (self.to or SMALLEST):
                sides.append(sides[-1] // 2)
            return sides[1 : len(sides) - self.leave]
        chain = halves(self.to or size)
        if start not in chain:
            at = ", ".join(str(side) for side in reversed(chain))
            raise ValueError(f"maps of {start} px do not lead to {chain[0]} px; these do: {at}")
        return chain[self.leave : chain.index(start)][::-1]

    def lay(self, fitted: Fitted, line: Line, variables: Mapping[str, Number]) -> None:
        """Add the block's layers once for each stage."""
        if line.block is None:
            line.place.fail("it repeats a block: resizable_stack up { deconv $channels }")
        shape = fitted.shape
        if len(shape) != 3 or shape[1] != shape[2]:
            line.place.fail(f"resizable_stack reads square maps, not {shape}")
        try:
            sides = self.sides(shape[1], int(variables.get("size", SMALLEST)))
        except ValueError as error:
            line.place.fail(str(error))
        for stage, side in enumerate(sides, 1):
            fitted.lay(line.block, {**variables, **self.variables(stage, len(sides), side)})
            _fit(fitted, side, line.place)

    def variables(self, stage: int, stages: int, side: int) -> dict[str, Number]:
        """Return what the block may use in a stage, counted from 1."""
        doublings = stages - stage if self.direction == "up" else stage - 1
        channels = min(self.width * 2**doublings, self.max)
        return {"channels": channels, "stage": stage, "side": side}


class ResidualBlock(Block):
    """Add what the block gives to what came in (He et al. 2016).

    Without a block it is Miyato et al. 2018's: twice norm, activation and convolution, with the
    size doubled or halved inside where `resize` says so.
    """

    takes = ("channels",)
    channels: int = Field(default=0, ge=0)
    resize: Literal["none", "up", "down"] = "none"
    norm: Norm = "none"
    activation: Activation = "relu"
    kernel: int = Field(default=3, ge=1)

    def lay(self, fitted: Fitted, line: Line, variables: Mapping[str, Number]) -> None:
        """Add the block's layers, then the sum with what came in."""
        start, before = len(fitted.nodes), fitted.shape
        if len(before) != 3:
            line.place.fail(f"residual reads maps (C, H, W), not a vector of {before[0]}")
        if line.block is None and not self.channels:
            line.place.fail("say the channels (residual 64), or give it a block")
        inside = {**variables, "channels": self.channels} if self.channels else variables
        fitted.lay(self.body(line.place) if line.block is None else line.block, inside)
        after = fitted.shape
        if len(after) != 3:
            line.place.fail(f"the block gives a vector of {after[0]}: nothing to add maps to")
        inner, outer, factor = before[0], after[0], after[1] / before[1]
        reads = (len(fitted.nodes), start)
        fitted.add(None, lambda: Shortcut(inner, outer, factor), "sum", reads, line.place)

    def body(self, place: Place) -> tuple[Line, ...]:
        """Return the lines of the block that is meant where none is written."""

        def line(kind: str, *arguments: str, **options: str) -> Line:
            return Line(
                kind,
                place,
                tuple(Value(place, (word,)) for word in arguments),
                {name: Value(place, (word,)) for name, word in options.items()},
            )

        of_weights = self.norm in ("spectral", "weight")
        ends = {"norm": self.norm} if of_weights else {}
        before = [line("norm", self.norm)] if self.norm != "none" and not of_weights else []
        before.append(line("activation", self.activation))
        conv = line("conv", str(self.channels), kernel=str(self.kernel), **ends)
        up = [line("upsample")] if self.resize == "up" else []
        down = [line("downsample")] if self.resize == "down" else []
        return (*before, *up, conv, *before, conv, *down)


def _fit(fitted: Fitted, side: int, place: Place) -> None:
    """Hold a stage to its side; the doubling of an odd side gives one pixel too much."""
    shape = fitted.shape
    if len(shape) != 3 or shape[1] not in (side, side + 1):
        place.fail(f"a stage gives {shape}; it is to bring the maps to {side} px")
    if shape[1] > side:
        fitted.add(None, lambda: Crop(side, side), "crop", (len(fitted.nodes),), place)


class RepeatBlock(Block):
    """The same lines so many times."""

    takes = ("times",)
    times: int = Field(ge=0, le=64)

    def lay(self, fitted: Fitted, line: Line, variables: Mapping[str, Number]) -> None:
        """Add the block's layers so many times."""
        if line.block is None:
            line.place.fail("it repeats a block: repeat 2 { conv 64 }")
        for _ in range(self.times):
            fitted.lay(line.block, variables)


BLOCKS: dict[str, type[Block]] = {
    "resizable_stack": StackBlock,
    "residual": ResidualBlock,
    "repeat": RepeatBlock,
}
