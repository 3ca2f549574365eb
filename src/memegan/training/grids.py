"""Pictures of a training over time: the same inputs each time, one row a name."""

import io
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_GUTTER_PX = 80  # more where a name is longer
_ORDER = ("a", "fake_b", "cycle_a", "identity_b", "b", "fake_a", "cycle_b", "identity_a", "fake")


def grid(images: Mapping[str, Tensor], columns: int = 8) -> Tensor:
    """Lay what `Variant.show` gave out as one (3, H', W') uint8 picture.

    Each name is a row, inputs above what became of them, then what only one variant shows; a single
    name is wrapped instead.
    """
    if len(images) == 1:
        (only,) = images.values()
        wide = min(columns, len(only))
        return picture({str(n): only[n : n + wide] for n in range(0, len(only) - wide + 1, wide)})
    return labelled({name: images[name] for name in (*_ORDER, *images) if name in images})


def picture(rows: Mapping[str, Tensor]) -> Tensor:
    """Lay rows of images (N, 3, H, W) in [-1, 1], as many each, out as (3, H', W') uint8."""
    lines = [torch.cat(list(row), dim=2) for row in rows.values()]
    whole = torch.cat(lines, dim=1)
    return ((whole.detach().cpu() + 1) * 127.5).round().clamp(0, 255).byte()


def labelled(rows: Mapping[str, Tensor]) -> Tensor:
    """Lay rows out as `picture` does, with the name of each row on its left."""
    whole = picture(rows)
    sides = [row.shape[2] for row in rows.values()]
    font, top = ImageFont.load_default_imagefont(), 0
    wide = max(_GUTTER_PX, *(8 + round(font.getlength(name)) for name in rows))
    gutter = Image.new("L", (wide, whole.shape[1]), 255)
    draw = ImageDraw.Draw(gutter)
    for name, side in zip(rows, sides, strict=True):
        draw.text((4, top + (side - 11) // 2), name, 0, font)
        top += side
    names = torch.from_numpy(np.asarray(gutter).copy())
    return torch.cat([names.expand(3, -1, -1), whole], dim=2)


def png(picture: Tensor) -> bytes:
    """Encode (3, H, W) uint8; the same picture gives the same bytes."""
    file = io.BytesIO()
    pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
    Image.fromarray(pixels).save(file, "PNG", compress_level=6)
    return file.getvalue()
