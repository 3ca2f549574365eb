"""Exported translators and enlargers over pictures and videos."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from memegan.errors import ParamsError
from memegan.inference.steady import Flicker, Steady
from memegan.inference.tiles import Net, Tiling, tiled
from memegan.training.export import Model

Pixels = np.ndarray  # (H, W, 3) uint8


@dataclass(frozen=True)
class Translator:
    """One direction of a model, ready to be called."""

    name: str
    about: str  # what files say of themselves
    net: Net
    tiling: Tiling
    size_px: int  # short side that pictures are brought to first; 0: as they are

    def __call__(self, pixels: Pixels) -> Pixels:
        """Translate one picture of any size."""
        return to_pixels(self.tensor(to_tensor(self.fitted(pixels))))

    def tensor(self, image: Tensor) -> Tensor:
        """Translate (3, H, W) in [-1, 1]."""
        return tiled(self.net, image, self.tiling).clamp(-1, 1)

    def fitted(self, pixels: Pixels) -> Pixels:
        """Bring the short side to `size_px`, by area when it gets smaller."""
        height, width = pixels.shape[:2]
        if not self.size_px or min(height, width) == self.size_px:
            return pixels
        share = self.size_px / min(height, width)
        size = max(round(width * share), 1), max(round(height * share), 1)
        how = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
        return cv2.resize(pixels, size, interpolation=how)


def net_of(model: Model, direction: str, device: str = "cpu") -> Net:
    """Return what translates in this direction, `ab` or `ba`, or enlarges, on a device.

    Raises:
        ParamsError: the model does not translate, or not in this direction.
    """
    wanted = "generator" if model.task == "enlarge" else f"generator_{direction}"
    if model.task == "generate" or wanted not in model.nets:
        ways = [n.removeprefix("generator_") for n in model.nets if n.startswith("generator_")]
        can = f"it goes {' and '.join(ways)}" if ways else f"it is made to {model.task}"
        raise ParamsError(
            f"the model '{model.name}' does not translate {direction}: {can}",
            where=f"models/{model.name}",
            fix="choose another --direction, or the model of a translator",
        )
    net = model.nets[wanted].to(device)
    return lambda image: net(image.to(device))


class Film:
    """A `Translator` over the frames of one video, steadied; measures flicker on the way."""

    def __init__(self, translator: Translator, share: float) -> None:
        """Steady by `share`, 0 (off) .. 0.95."""
        self.translator, self.steady = translator, Steady(share)
        self.plain, self.shown = Flicker(), Flicker()

    def __call__(self, pixels: Pixels) -> Pixels:
        """Translate the next frame."""
        source = to_tensor(self.translator.fitted(pixels))
        made = self.translator.tensor(source)
        out = self.steady(source, made)
        self.plain.see(source, made)
        self.shown.see(source, out)
        return to_pixels(out)


def side_by_side(pixels: Pixels, made: dict[str, Pixels]) -> dict[str, Tensor]:
    """Bring the input and what each model made of it to the largest size, as rows of one."""
    height = max(one.shape[0] for one in (pixels, *made.values()))
    width = max(one.shape[1] for one in (pixels, *made.values()))
    rows = {"input": pixels, **made}
    return {
        name: to_tensor(cv2.resize(one, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))[
            None
        ]
        for name, one in rows.items()
    }


def to_tensor(pixels: Pixels) -> Tensor:
    """Return (3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float() / 127.5 - 1


def to_pixels(image: Tensor) -> Pixels:
    """Return (H, W, 3) uint8 of (3, H, W) in [-1, 1]."""
    values = ((image + 1) * 127.5).round().clamp(0, 255).byte()
    return np.ascontiguousarray(values.permute(1, 2, 0).cpu().numpy())


def write_png(path: Path, pixels: Pixels, about: str) -> None:
    """Write beside, then rename; the file says that it was generated, and by what."""
    notes = PngInfo()
    notes.add_text("Comment", about)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    Image.fromarray(pixels).save(part, "PNG", pnginfo=notes)
    part.replace(path)
