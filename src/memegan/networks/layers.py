"""All layers of the language: what may be written of each, and which module it becomes."""

from typing import Literal

from pydantic import Field
from torch import nn

from memegan.networks import modules as m
from memegan.networks.blocks import ShuffledConv
from memegan.networks.layer import (
    Activation,
    Ended,
    Layer,
    Shape,
    ShapeError,
    Site,
    Weighted,
    activation,
    normalisation,
)

Filter = Literal["nearest", "bilinear"]


class Conv(Weighted):
    """Convolution; pads with zeros so that stride 1 keeps the size."""

    takes = ("channels",)
    channels: int = Field(ge=1)
    kernel: int = Field(default=3, ge=1, le=15)
    stride: int = Field(default=1, ge=1)
    groups: int = Field(default=1, ge=1)
    dilation: int = Field(default=1, ge=1)
    pad: bool = Field(default=True, description="`no`: only where the whole kernel fits")

    def build(self, site: Site) -> nn.Module:
        inner = site.maps()[0]
        if inner % self.groups or self.channels % self.groups:
            raise ShapeError(f"{inner} to {self.channels} channels: no {self.groups} groups")
        pad = self.dilation * (self.kernel - 1) // 2 if self.pad else 0
        sizes = (inner, self.channels, self.kernel, self.stride, pad, self.dilation, self.groups)
        return nn.Conv2d(*sizes, bias=self.bias)


class Deconv(Weighted):
    """Transposed convolution, doubles the size."""

    takes = ("channels",)
    channels: int = Field(ge=1)
    kernel: Literal[2, 4, 6] = 4

    def build(self, site: Site) -> nn.Module:
        pad = (self.kernel - 2) // 2
        inner = site.maps()[0]
        return nn.ConvTranspose2d(inner, self.channels, self.kernel, 2, pad, bias=self.bias)


class ResizeConv(Weighted):
    """Enlarge, then a convolution: no checkerboard."""

    takes = ("channels",)
    channels: int = Field(ge=1)
    kernel: Literal[1, 3, 5, 7] = 3
    factor: int = Field(default=2, ge=1, le=8)
    filter: Filter = "nearest"

    def build(self, site: Site) -> nn.Module:
        inner, pad = site.maps()[0], self.kernel // 2
        conv = nn.Conv2d(inner, self.channels, self.kernel, padding=pad, bias=self.bias)
        return nn.Sequential(_upsample(self.factor, self.filter), conv)


class PixelShuffle(Ended):
    """Convolution to 4 times the channels, laid out as twice the size; begins without pattern."""

    takes = ("channels",)
    channels: int = Field(ge=1)

    def build(self, site: Site) -> nn.Module:
        return ShuffledConv(site.maps()[0], self.channels, nn.ZeroPad2d(1))


class Linear(Weighted):
    """Every number of the input to every number of the output; maps are laid flat first."""

    takes = ("features",)
    features: int = Field(ge=1)

    def build(self, site: Site) -> nn.Module:
        linear = nn.Linear(_flat(site.shape), self.features, self.bias)
        return linear if len(site.shape) == 1 else nn.Sequential(nn.Flatten(), linear)


class Maps(Weighted):
    """A vector to maps of `size_px`: `linear`, then `reshape`."""

    takes = ("channels", "size_px")
    channels: int = Field(ge=1)
    size_px: int = Field(default=4, ge=1)

    def build(self, site: Site) -> nn.Module:
        c, s = self.channels, self.size_px
        return nn.Sequential(nn.Linear(site.vector(), c * s * s, self.bias), m.Reshape(c, s, s))


class Basis(Ended):
    """Learned maps of `size_px`, each weighed by the vector that comes (R3GAN)."""

    takes = ("channels", "size_px")
    channels: int = Field(ge=1)
    size_px: int = Field(default=4, ge=1)

    def build(self, site: Site) -> nn.Module:
        return m.Basis(site.vector(), self.channels, self.size_px, self.size_px)


class NormLayer(Ended):
    """A normalisation of its own."""

    takes = ("kind",)
    kind: Literal["batch", "instance", "group", "layer", "pixel"]

    def build(self, site: Site) -> nn.Module:
        return normalisation(self.kind, site.shape)


class ActivationLayer(Layer):
    """An activation of its own."""

    takes = ("kind",)
    kind: Activation

    def build(self, site: Site) -> nn.Module:
        return activation(self.kind, inplace=False)


class Style(Ended):
    """Instance norm by a style: `w` names a vector (HyperGAN's default idea)."""

    takes = ("w",)
    w: str

    def refers(self, classes: int) -> tuple[str, ...]:
        return (self.w,)

    def build(self, site: Site) -> nn.Module:
        (style,) = site.more
        if len(style) != 1:
            raise ShapeError(f"`w` is a vector; '{self.w}' is maps {style}")
        return m.AdaIN(site.maps()[0], style[0])


class Attention(Layer):
    """Each pixel reads all others; begins as if it were not there (SAGAN)."""

    def build(self, site: Site) -> nn.Module:
        return m.Attention(site.maps()[0])


class Blur(Layer):
    """Smooth by (1, 2, 1) / 4 each way."""

    def build(self, site: Site) -> nn.Module:
        return m.Blur(site.maps()[0])


class MinibatchStddev(Layer):
    """One more channel: how much the pictures of the batch differ."""

    def build(self, site: Site) -> nn.Module:
        site.maps()
        return m.MinibatchStddev()


class Noise(Layer):
    """Noise on every pixel, by a learned strength that begins at 0."""

    def build(self, site: Site) -> nn.Module:
        return m.Noise(*site.maps()[1:])


class Dropout(Layer):
    """Set a share of the numbers to 0 while training."""

    takes = ("share",)
    share: float = Field(default=0.5, ge=0, lt=1)

    def build(self, site: Site) -> nn.Module:
        return nn.Dropout(self.share)


class Upsample(Layer):
    """Enlarge."""

    takes = ("filter",)
    filter: Filter = "nearest"
    factor: int = Field(default=2, ge=2, le=8)

    def build(self, site: Site) -> nn.Module:
        site.maps()
        return _upsample(self.factor, self.filter)


class Downsample(Layer):
    """Reduce by the mean of each square."""

    factor: int = Field(default=2, ge=2, le=8)

    def build(self, site: Site) -> nn.Module:
        if min(site.maps()[1:]) < self.factor:
            raise ShapeError(f"{site.shape[1]} px cannot be reduced {self.factor} times")
        return nn.AvgPool2d(self.factor)


class Pool(Layer):
    """Maps to a vector: the mean or the sum of each."""

    takes = ("kind",)
    kind: Literal["mean", "sum"] = "mean"

    def build(self, site: Site) -> nn.Module:
        _, height, width = site.maps()
        if self.kind == "mean":
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(nn.AvgPool2d((height, width), divisor_override=1), nn.Flatten())


class Reshape(Layer):
    """The same numbers as maps."""

    takes = ("channels", "height", "width")
    channels: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)

    def build(self, site: Site) -> nn.Module:
        shape = (self.channels, self.height, self.width)
        if _flat(shape) != _flat(site.shape):
            raise ShapeError(f"{_flat(site.shape)} numbers {site.shape} do not fill {shape}")
        return m.Reshape(*shape)


class Flatten(Layer):
    """Maps to a vector."""

    def build(self, site: Site) -> nn.Module:
        return nn.Flatten()


class Concat(Layer):
    """Join with the named output: channels to channels."""

    takes = ("other",)
    other: str

    def refers(self, classes: int) -> tuple[str, ...]:
        return (self.other,)

    def build(self, site: Site) -> nn.Module:
        if site.more[0][1:] != site.shape[1:]:
            raise ShapeError(f"{site.shape} cannot be joined with '{self.other}' {site.more[0]}")
        return m.Concat()


class Add(Layer):
    """Add the named output, of the same shape."""

    takes = ("other",)
    other: str

    def refers(self, classes: int) -> tuple[str, ...]:
        return (self.other,)

    def build(self, site: Site) -> nn.Module:
        if site.more[0] != site.shape:
            raise ShapeError(f"{site.shape} and '{self.other}' {site.more[0]} have no sum")
        return m.Add()


class Excite(Layer):
    """Weigh channels by smaller, named maps (FastGAN's skip-layer excitation)."""

    takes = ("other",)
    other: str

    def refers(self, classes: int) -> tuple[str, ...]:
        return (self.other,)

    def build(self, site: Site) -> nn.Module:
        return m.Excite(site.maps()[0], site.more[0][0])


class Latent(Layer):
    """The noise that comes in; with classes, a learned vector of the class beside it."""

    size: int = Field(default=0, ge=0, description="of the class's vector; 0: as the noise")

    def refers(self, classes: int) -> tuple[str, ...]:
        return ("label",) if classes else ()

    def build(self, site: Site) -> nn.Module:
        if not site.classes:
            return nn.Identity()
        return m.Latent(site.classes, self.size or site.vector())


class Logit(Layer):
    """What the discriminator says, laid flat first; with classes, also how well they fit."""

    def refers(self, classes: int) -> tuple[str, ...]:
        return ("label",) if classes else ()

    def build(self, site: Site) -> nn.Module:
        inner = _flat(site.shape)
        if site.classes:
            return m.Projection(inner, site.logits, site.classes)
        return nn.Sequential(nn.Flatten(), nn.Linear(inner, site.logits))


KINDS: dict[str, type[Layer]] = {
    **{"conv": Conv, "deconv": Deconv, "resize_conv": ResizeConv, "pixel_shuffle": PixelShuffle},
    **{"linear": Linear, "maps": Maps, "basis": Basis, "reshape": Reshape, "flatten": Flatten},
    **{"norm": NormLayer, "activation": ActivationLayer, "adain": Style, "attention": Attention},
    **{"blur": Blur, "minibatch_stddev": MinibatchStddev, "noise": Noise, "dropout": Dropout},
    **{"upsample": Upsample, "downsample": Downsample, "pool": Pool, "concat": Concat},
    **{"add": Add, "excite": Excite, "latent": Latent, "logit": Logit},
}


def _upsample(factor: int, kind: Filter) -> nn.Module:
    corners = False if kind == "bilinear" else None
    return nn.Upsample(scale_factor=factor, mode=kind, align_corners=corners)


def _flat(shape: Shape) -> int:
    count = 1
    for side in shape:
        count *= side
    return count
