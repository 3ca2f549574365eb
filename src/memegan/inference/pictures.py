"""What a trained model makes of real pictures: codes, ways between kinds of them, lower halves."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from memegan.dataset import MANIFEST, Batch, Images, cell, columns_of
from memegan.errors import ParamsError
from memegan.inference.sample import AT_ONCE
from memegan.inference.translate import to_tensor
from memegan.records import Row
from memegan.rng import Numbers
from memegan.training.export import Model
from memegan.variants.base import Latent

_NAMED = 12  # values of a column that an error lists


def squares(model: Model, pictures: Sequence[np.ndarray]) -> Tensor:
    """Return pictures (H, W, 3) uint8 as the model reads them, (N, 3, S, S) in [-1, 1].

    Each is cut square in the middle; smaller by area, larger by cubics.
    """
    return torch.stack([to_tensor(_square(picture, model.run.crop_px)) for picture in pictures])


def encoded(model: Model, latent: Latent, images: Tensor, device: str) -> Tensor:
    """Return the codes of images (N, 3, S, S) in [-1, 1], (N, Z).

    Raises:
        ParamsError: the model cannot read pictures.
    """
    if latent.encode is None:
        raise ParamsError(
            f"the model '{model.name}' ({model.run.variant}) makes pictures and reads none",
            where=f"models/{model.name}",
            fix="name a model of a vaegan run; `memegan walk --through` takes pictures of noise",
        )
    with torch.no_grad():
        parts = [latent.encode(some.to(device)) for some in torch.split(images, AT_ONCE)]
    return torch.cat(parts)


def attribute(model: Model, latent: Latent, rows: Sequence[Row], said: str, device: str) -> Tensor:
    """Return the way in codes to pictures of which a column of the manifest says so, (Z,).

    The mean code of the training pictures that have it, less the mean code of those that do not
    (Larsen et al. 2016, section 4.2).

    Args:
        rows: the manifest.
        said: COLUMN=VALUE.

    Raises:
        ParamsError: it names no column, or a value that no training picture has, or all have.
        DataError: there are no training pictures.
    """
    column, _, value = said.partition("=")
    side = model.run.choice.rows(rows, "train")["a"]
    known = columns_of(side)
    if column not in known or not value:
        raise ParamsError(
            f"'{said}' is no column of the manifest and a value",
            where="--attribute",
            fix=f"write COLUMN=VALUE; columns: {', '.join(known)}",
        )
    values = [cell(row, column) for row in side]
    has = torch.tensor([one == value for one in values])
    if not has.any() or has.all():
        found = sorted(set(values))
        more = ", ..." if len(found) > _NAMED else ""
        raise ParamsError(
            f"{int(has.sum())} of {len(has)} training pictures have {said}: no way leads to them",
            where=f"--attribute, {MANIFEST.as_posix()}",
            fix=f"choose a value that some have: {', '.join(found[:_NAMED])}{more}",
        )
    codes = torch.cat([encoded(model, latent, _read(model, part), device) for part in _parts(side)])
    with_it = has.to(codes.device)
    return codes[with_it].mean(0) - codes[~with_it].mean(0)


def completed(
    model: Model, images: Tensor, given_rows: int, number: int, seed: int, device: str
) -> Tensor:
    """Keep the upper rows of images (N, 3, S, S) in [-1, 1], and draw the rest.

    Args:
        number: of the drawing; each is another one, and follows from the seed alone.

    Raises:
        ParamsError: the model cannot; or it would have nothing to do, or nothing to go by.
    """
    nets = {name: net.to(device) for name, net in model.nets.items()}
    if not 0 < given_rows < images.shape[2]:
        raise ParamsError(
            f"{given_rows} of {images.shape[2]} rows are given: some are to be, not all",
            where="--share",
            fix="name a share between, for example 0.5",
        )
    batch, numbers = Batch({"a": images.to(device)}), Numbers(seed, number, device)
    made = model.variant.complete(nets, batch, numbers, given_rows)
    if made is None:
        raise ParamsError(
            f"the model '{model.name}' ({model.run.variant}) cannot complete pictures",
            where=f"models/{model.name}",
            fix="name a model of a pixelcnn run",
        )
    return made.cpu()


def _parts(rows: Sequence[Row]) -> list[Sequence[Row]]:
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]


def _read(model: Model, rows: Sequence[Row]) -> Tensor:
    images = Images.load({"a": rows}, model.run.load_px or model.run.crop_px)
    return images.first(len(rows), model.run.crop_px).images["a"]


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    cut = np.ascontiguousarray(pixels[top : top + short, left : left + short])
    how = cv2.INTER_AREA if short > side else cv2.INTER_CUBIC
    return cv2.resize(cut, (side, side), interpolation=how)
