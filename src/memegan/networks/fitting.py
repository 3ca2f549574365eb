"""Fit the lines of a text to each other, every shape known before a weight is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from torch import nn

from memegan.networks.blocks import count_parameters
from memegan.networks.dsl import DslError, Line, Number, Place, close_to, parse
from memegan.networks.layer import Layer, Shape, ShapeError, Site, ended
from memegan.networks.layers import KINDS
from memegan.networks.stacks import BLOCKS

L = TypeVar("L", bound=Layer)
INPUT, LABEL = "input", "label"


@dataclass(frozen=True)
class Frame:
    """What a text is read for: what comes in, and what its variables stand for."""

    shape: Shape
    variables: Mapping[str, Number] = field(default_factory=dict)
    classes: int = 0
    logits: int = 1


@dataclass(frozen=True)
class Node:
    """One layer in its place: what it reads (0 is the input, -1 the label) and what it gives."""

    layer: Layer | None  # none: a line of a block made it
    make: Callable[[], nn.Module]
    kind: str
    reads: tuple[int, ...]
    shape: Shape
    parameters: int
    place: Place


@dataclass(frozen=True)
class Blueprint:
    """A network whose shapes fit, without weights."""

    nodes: tuple[Node, ...]
    names: Mapping[str, int]
    frame: Frame

    @property
    def shape(self) -> Shape:
        """What it gives for one image."""
        return self.nodes[-1].shape if self.nodes else self.frame.shape

    def shape_of(self, name: str) -> Shape:
        """Return the shape of a named output.

        Raises:
            DslError: no line has that name.
        """
        if name not in self.names:
            raise DslError(f"no layer has name={name}{close_to(name, self.names)}")
        at = self.names[name]
        return self.nodes[at - 1].shape if at else self.frame.shape

    def table(self) -> str:
        """Return shapes and parameters, a layer a line."""
        rows = [("layer", "shape", "parameters"), (INPUT, _told(self.frame.shape), "0")]
        rows += [(n.kind, _told(n.shape), f"{n.parameters:,}") for n in self.nodes]
        rows += [("all", _told(self.shape), f"{sum(n.parameters for n in self.nodes):,}")]
        wide = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = (f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:>{wide[2]}}" for a, b, c in rows)
        return "\n".join(lines) + "\n"


def blueprint(text: str, frame: Frame) -> Blueprint:
    """Read a text and fit its layers to each other on the meta device: no memory, no numbers.

    Raises:
        DslError: says where, what is wrong and what is close.
    """
    fitting = Fitting(frame, Place(text, 1, 1))
    fitting.lay(parse(text), frame.variables)
    if not fitting.nodes:
        Place(text, 1, 1).fail("a network has a layer at least")
    names = {name: at for name, at in fitting.names.items() if at >= 0}
    return Blueprint(tuple(fitting.nodes), names, frame)


class Fitting:
    """Nodes one after another, each built once on the meta device to learn what it gives."""

    def __init__(self, frame: Frame, place: Place) -> None:
        self.frame = frame
        self.nodes: list[Node] = []
        self.names: dict[str, int] = {INPUT: 0, **({LABEL: -1} if frame.classes else {})}
        self._named_by: dict[str, Place] = {}

    @property
    def shape(self) -> Shape:
        return self.shape_at(len(self.nodes))

    def shape_at(self, index: int) -> Shape:
        if index < 0:
            return ()
        return self.nodes[index - 1].shape if index else self.frame.shape

    def lay(self, lines: Sequence[Line], variables: Mapping[str, Number]) -> None:
        """Add the layers of these lines."""
        for line in lines:
            if line.kind in BLOCKS:
                block = read(BLOCKS[line.kind], line, variables)
                if block.source:
                    line.options["from"].place.fail(
                        "a block reads the line above; put `from` inside"
                    )
                block.lay(self, line, variables)
                self._name(block.name, line)
            else:
                self._layer(line, variables)

    def _layer(self, line: Line, variables: Mapping[str, Number]) -> None:
        if line.kind not in KINDS:
            known = close_to(line.kind, [*KINDS, *BLOCKS])
            line.place.fail(f"unknown layer '{line.kind}'{known}")
        if line.block is not None:
            line.place.fail(f"'{line.kind}' takes no block; {' and '.join(BLOCKS)} do")
        layer = read(KINDS[line.kind], line, variables)
        reads = [self._named(layer.source, line) if layer.source else len(self.nodes)]
        reads += [self._named(name, line) for name in layer.refers(self.frame.classes)]
        first, *more = (self.shape_at(at) for at in reads)
        site = Site(first, tuple(more), self.frame.classes, self.frame.logits)
        self.add(layer, lambda: ended(layer, site), line.kind, tuple(reads), line.place)
        self._name(layer.name, line)

    def _name(self, name: str, line: Line) -> None:
        """Remember a line's name; of a line that a block repeats, the latest has it."""
        if name in self.names and self._named_by.get(name) != line.place:
            line.options["name"].place.fail(f"the name '{name}' is taken")
        if name:
            self.names[name], self._named_by[name] = len(self.nodes), line.place

    def _named(self, name: str, line: Line) -> int:
        if name not in self.names:
            line.place.fail(f"no layer above has name={name}{close_to(name, self.names)}")
        return self.names[name]

    def add(
        self,
        layer: Layer | None,
        make: Callable[[], nn.Module],
        kind: str,
        reads: tuple[int, ...],
        place: Place,
    ) -> None:
        """Build it on the meta device, note what it gives, and keep how it is built."""
        try:
            with torch.device("meta"):
                module = make().eval()
                given = [
                    torch.zeros(2, dtype=torch.long)
                    if at < 0
                    else torch.zeros(2, *self.shape_at(at))
                    for at in reads
                ]
                with torch.no_grad():
                    shape = tuple(module(*given).shape[1:])
        except (ShapeError, RuntimeError, ValueError) as error:
            why = str(error).partition("\n")[0]
            shapes = ", ".join(_told(self.shape_at(at)) for at in reads if at >= 0)
            place.fail(why if isinstance(error, ShapeError) else f"{why} (it reads {shapes})")
        if 0 in shape:
            place.fail(f"nothing is left: it reads {_told(self.shape_at(reads[0]))}")
        count = count_parameters(module)
        self.nodes.append(Node(layer, make, kind, reads, shape, count, place))


def read(kind: type[L], line: Line, variables: Mapping[str, Number]) -> L:
    """Check what a line says against what its layer may say.

    Raises:
        DslError: an unknown option, a wrong value, or a missing one.
    """
    options = {field.alias or name: name for name, field in kind.model_fields.items()}
    if len(line.arguments) > len(kind.takes):
        extra = line.arguments[len(kind.takes)]
        takes = " ".join(kind.takes) or "nothing without a name"
        extra.place.fail(f"'{line.kind}' takes {takes}; more is written NAME=VALUE")
    given = dict(zip(kind.takes, line.arguments, strict=False))
    for name, value in line.options.items():
        if name not in options:
            value.place.fail(f"'{line.kind}' has no option '{name}'{close_to(name, options)}")
        if name in given:
            value.place.fail(f"'{name}' is said twice")
        given[name] = value
    values = {name: value.of(variables) for name, value in given.items()}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        name = str(detail["loc"][0]) if detail["loc"] else ""
        place = given[name].place if name in given else line.place
        place.fail(_mistake(detail, line.kind, name, kind))


def _mistake(detail: ErrorDetails, layer: str, name: str, kind: type[Layer]) -> str:
    match detail["type"]:
        case "missing":
            shown = f"{layer} {' '.join(k.upper() for k in kind.takes)}"
            return f"'{layer}' needs {name}; write {shown}"
        case "literal_error":
            known = [
                w.strip("' ") for w in detail["ctx"]["expected"].replace(" or ", ",").split(",")
            ]
            word = str(detail["input"])
            expected = f"{name} is one of {', '.join(known)}; not '{word}'"
            near = close_to(word, known)
            return expected + (near if near.startswith("; did") else "")
    what = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{name}: expected {what}, not {detail['input']}"


def _told(shape: Shape) -> str:
    return "x".join(str(side) for side in shape)
