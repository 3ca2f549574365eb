"""VGG16 (Simonyan and Zisserman 2015) as an encoder, and the generator on top of it."""

import hashlib
import io
import pickle
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from memegan.networks.blocks import Norm, Padded, Upsample, doubling, init_normal, norm_layer

# Mean and deviation of ImageNet's pixels in [0, 1]: what published weights were trained with.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BLOCKS = (2, 2, 3, 3, 3)  # convolutions between the poolings (configuration D)
_TIMES = (1, 2, 4, 8, 8)  # channels of each block, in widths
_HEAD = (16, 8)  # channels before the colours, at width 64 and below: fewer could not mix them


class VGG16Encoder(nn.Module):
    """The 13 convolutions, and what comes out at each of the five scales.

    With width=64 it is the published network without its dense layers: 14,714,688 weights, named
    as torchvision names them (`features.0.weight` ...). It normalises its input by itself. Norms
    between convolution and ReLU are for one that learns from nothing; with batch norm it is
    torchvision's vgg16_bn.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int = 64, norm: Norm = "none") -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inner = 3
        for count, times in zip(_BLOCKS, _TIMES, strict=True):
            for _ in range(count):
                layers += [nn.Conv2d(inner, times * width, 3, padding=1)]
                layers += [] if norm == "none" else [norm_layer(norm, times * width)]
                layers += [nn.ReLU(inplace=True)]
                inner = times * width
            layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers[:-1])
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)
        for layer in self.features:
            if isinstance(
                layer, nn.Conv2d
            ):  # thirteen ReLUs without a norm: He et al. 2015, eq. 10
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) in [-1, 1] to the last activation of each block.

        Returns:
            (N, k, H, W), (N, 2k, H/2, W/2), then 4k, 8k and 8k channels at H/4, H/8 and H/16.
        """
        x, found = ((x + 1) / 2 - self.mean) / self.deviation, []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                found.append(x)
            x = layer(x)
        return [*found, x]


class VGG16Generator(nn.Module):
    """A VGG16 encoder, frozen where its weights are given, and a decoder with a skip at each scale.

    The decoder is the Monet project's: a 3x3 convolution, ReLU, norm, and a doubling (a transposed
    4x4 convolution, unless `upsample` says otherwise) with ReLU at each scale, then a head of 3x3
    convolutions. Two defects of it are mended: the skip at full resolution is used, and the encoder
    sees its input as it was trained to. H and W must divide by 16.
    """

    def __init__(
        self,
        width: int = 64,
        norm: Norm = "instance",
        encoder_norm: Norm = "none",
        upsample: Upsample = "transposed",
    ) -> None:
        super().__init__()
        k = width
        self.encoder = VGG16Encoder(k, encoder_norm)

        def up(inner: int, middle: int, outer: int) -> nn.Sequential:
            return nn.Sequential(
                *(nn.Conv2d(inner, middle, 3, padding=1), nn.ReLU(inplace=True)),
                norm_layer(norm, middle),
                *(*doubling(upsample, middle, outer, 4), nn.ReLU(inplace=True)),
            )

        self.ups = nn.ModuleList(
            [
                up(8 * k, 4 * k, 2 * k),
                up(2 * k + 8 * k, 4 * k, 2 * k),
                up(2 * k + 4 * k, 2 * k, k),
                up(k + 2 * k, k, k // 2),
            ]
        )
        head: list[nn.Module] = []
        first, last = (max(narrow, k * narrow // 64) for narrow in _HEAD)
        for inner, outer in pairwise([k // 2 + k, first, last]):
            head += [nn.Conv2d(inner, outer, 3, padding=1), nn.ReLU(inplace=True)]
        self.head = nn.Sequential(*head, nn.Conv2d(last, 3, 3, padding=1), nn.Tanh())
        init_normal(self.ups)
        init_normal(self.head)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to the same shape."""
        *skips, x = self.encoder(x)
        for up in self.ups:
            x = torch.cat([up(x), skips.pop()], 1)
        out: Tensor = self.head(x)
        return out


def vgg16_generator(
    width: int = 64,
    norm: Norm = "instance",
    frozen: bool = False,
    upsample: Upsample = "transposed",
) -> nn.Module:
    """Return a `VGG16Generator` that takes any H and W.

    With width=64 and batch norm it learns 4,437,267 weights besides the encoder's 14,714,688.

    Args:
        width: channels of the first block, a multiple of 8.
        frozen: the encoder's weights do not learn, and are the published network's; else it has
            norms as well, without which thirteen layers learn slowly from nothing.
    """
    net = VGG16Generator(width, norm, "none" if frozen else norm, upsample)
    net.encoder.requires_grad_(not frozen)
    return Padded(net, 16)


def read_vgg16(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read the weights of VGG16's convolutions from safetensors or torchvision's file.

    Nothing in the file is run: a state dict is loaded with `weights_only`.

    Returns:
        the 26 tensors of `VGG16Encoder.features`, by their names there.

    Raises:
        ValueError: no such file, another file than `sha256` says, or other tensors in it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"the weights cannot be read: {error.strerror}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        raise ValueError(f"the file has sha256 {found}, not {sha256}")
    try:
        tensors = load(data) if path.suffix == ".safetensors" else _state_dict(data)
    except (SafetensorError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"these are no weights: {reason}") from None
    with torch.device("meta"):  # shapes alone
        wanted = VGG16Encoder().features.state_dict()
    mine = {key.removeprefix("features."): value for key, value in tensors.items()}
    for key, like in wanted.items():
        if key not in mine or mine[key].shape != like.shape:
            shape = tuple(mine[key].shape) if key in mine else "missing"
            raise ValueError(f"not VGG16: features.{key} is {shape}, not {tuple(like.shape)}")
    return {key: mine[key].float() for key in wanted}


def _state_dict(data: bytes) -> dict[str, Tensor]:
    found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ValueError("not a state dict")
    return found
