"""What a line of the language is: its site, what every layer may say, and how it may end."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from memegan.networks import modules as m

Shape = tuple[int, ...]  # of one image: (C, H, W), or (F,)
Activation = Literal["none", "relu", "lrelu", "elu", "gelu", "silu", "tanh", "sigmoid", "glu"]
Norm = Literal["none", "batch", "instance", "group", "layer", "pixel", "spectral", "weight"]


class ShapeError(ValueError):
    """The layer cannot follow what comes before it."""


@dataclass(frozen=True)
class Site:
    """What a layer is built for: its inputs' shapes and the sizes of the whole network."""

    shape: Shape
    more: tuple[Shape, ...] = ()  # of what it refers to
    classes: int = 0
    logits: int = 1

    @property
    def channels(self) -> int:
        return self.shape[0]

    def maps(self) -> tuple[int, int, int]:
        """Return the input as (C, H, W).

        Raises:
            ShapeError: it is a vector.
        """
        if len(self.shape) != 3:
            raise ShapeError(
                f"reads maps (C, H, W), but a vector of {self.shape[0]} comes; "
                "put `maps` or `reshape` before it"
            )
        return self.shape[0], self.shape[1], self.shape[2]

    def vector(self) -> int:
        """Return the length of the input.

        Raises:
            ShapeError: it is maps.
        """
        if len(self.shape) != 1:
            raise ShapeError(
                f"reads a vector, but maps {self.shape} come; put `flatten` or `pool` before it"
            )
        return self.shape[0]


class Layer(BaseModel):
    """What every layer may say."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    takes: ClassVar[tuple[str, ...]] = ()  # what may be written without a name, in this order

    name: str = Field(default="", description="what later lines may call its output")
    source: str = Field(
        default="", alias="from", description="reads this instead of the line above"
    )

    def refers(self, classes: int) -> tuple[str, ...]:
        """Return the names of what its module reads besides."""
        return ()

    def build(self, site: Site) -> nn.Module:
        """Make the module.

        Raises:
            ShapeError: it cannot follow what comes before it.
        """
        raise NotImplementedError


class Ended(Layer):
    """A layer that may be followed by a normalisation and an activation on the same line."""

    norm: Norm = Field(default="none", description="after it; spectral and weight: of its weights")
    activation: Activation = Field(default="none", description="last of the line")


class Weighted(Ended):
    """A layer of weights."""

    bias: bool = Field(default=True, description="`no` where a normalisation follows")
    gain: float = Field(default=1.0, ge=0, description="times the initial weights")


def ended(layer: Layer, site: Site) -> nn.Module:
    """Build a line: its layer, then the normalisation and activation that it ends in."""
    core = layer.build(site)
    if not isinstance(layer, Ended):
        return core
    after: list[nn.Module] = []
    if layer.norm not in ("none", "spectral", "weight"):
        after.append(normalisation(layer.norm, _gives(layer, site)))
    if layer.activation != "none":
        after.append(activation(layer.activation, inplace=True))
    return m.Step(core, after) if after else core


def _gives(layer: Layer, site: Site) -> Shape:
    """Return the shape of what a layer gives, by building it without memory."""
    with torch.device("meta"), torch.no_grad():
        given = [torch.zeros(2, *shape) for shape in (site.shape, *site.more)]
        return tuple(layer.build(site).eval()(*given).shape[1:])


def normalisation(kind: Norm, shape: Shape) -> nn.Module:
    """Return a layer that normalises what has this shape."""
    channels, is_maps = shape[0], len(shape) == 3
    match kind:
        case "batch":
            return nn.BatchNorm2d(channels) if is_maps else nn.BatchNorm1d(channels)
        case "instance" if is_maps:
            return nn.InstanceNorm2d(channels, affine=True)
        case "group" if is_maps:
            groups = next(g for g in (32, 16, 8, 4, 2, 1) if channels % g == 0 and g < channels + 1)
            return nn.GroupNorm(groups, channels)
        case "layer":
            return nn.GroupNorm(1, channels) if is_maps else nn.LayerNorm(channels)
        case "pixel":
            return m.PixelNorm()
    raise ShapeError(f"norm {kind} reads maps (C, H, W), but a vector of {channels} comes")


def activation(kind: Activation, inplace: bool) -> nn.Module:
    """Return a layer without weights; leaky ReLU has slope .2, GLU halves the channels."""
    match kind:
        case "relu":
            return nn.ReLU(inplace)
        case "lrelu":
            return nn.LeakyReLU(0.2, inplace)
        case "elu":
            return nn.ELU(inplace=inplace)
        case "gelu":
            return nn.GELU()
        case "silu":
            return nn.SiLU(inplace)
        case "tanh":
            return nn.Tanh()
        case "sigmoid":
            return nn.Sigmoid()
        case "glu":
            return nn.GLU(1)
        case "none":
            return nn.Identity()
