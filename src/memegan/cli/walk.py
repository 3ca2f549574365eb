"""A film through what a generator can make."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from memegan.errors import DataError, ParamsError
from memegan.inference.animate import animate, check_kind
from memegan.inference.sample import truncated
from memegan.inference.translate import to_pixels
from memegan.inference.walk import directions, drawn, encoded, frames, latent_of, path, swing
from memegan.media import BadMedia, rgb
from memegan.training.export import Model, load_model
from memegan.variants.base import Latent

log = logging.getLogger(__name__)


def walk(
    model: Annotated[Path, typer.Argument(help="folder of a model, for example models/hypergan")],
    out: Annotated[Path, typer.Option(help="the film: .mp4, .gif or .webp")] = Path("walk.mp4"),
    through: Annotated[
        str, typer.Option(help="pictures by their number in `memegan sample`, in order")
    ] = "0,1,2,3",
    seed: Annotated[int, typer.Option(min=0, help="that of `memegan sample`")] = 0,
    between: Annotated[
        list[Path] | None, typer.Option(help="a picture to pass instead; give it twice or more")
    ] = None,
    direction: Annotated[
        int, typer.Option(min=0, help="move along this one, 1: the strongest; 0: go through")
    ] = 0,
    reach: Annotated[float, typer.Option(min=0, help="how far along it, in deviations")] = 3.0,
    steps: Annotated[int, typer.Option(min=1, max=1000, help="frames from one to the next")] = 24,
    fps: Annotated[int, typer.Option(min=1, max=60, help="frames a second")] = 24,
    loop: Annotated[bool, typer.Option(help="the first frame follows the last")] = True,
    truncation: Annotated[
        float, typer.Option(min=0, max=10, help="noise within +- this; 0: all")
    ] = 0.0,
    label: Annotated[int, typer.Option(min=0, help="class, where the model has some")] = 0,
    zoom: Annotated[int, typer.Option(min=1, max=16, help="each pixel becomes so many")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Make a film that goes from picture to picture, or along a direction of the generator.

    Between pictures it takes the great circle of their codes. Directions are found in the first
    layer's weights, without data (SeFa); the pictures then move side by side. The same words give
    the same film.

    Example: memegan walk models/hypergan --through 3,0,7 --out walk.gif
    """
    check_kind(out)
    loaded = load_model(model)
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    latent = latent_of(loaded, name)
    if label and label >= latent.classes:
        raise ParamsError(
            f"the model has {latent.classes} classes, counted from 0",
            where="--label",
            fix="name one of them, or leave it out",
        )
    if between:
        codes = encoded(loaded, latent, [_read(file) for file in between], name)
    else:
        codes = drawn(latent, seed, _numbers(through), name)
        codes = truncated(codes, truncation) if truncation else codes
    if direction:
        way = _way(latent, direction, loaded).to(codes)
        film = _rows(latent, swing(codes, way, reach, steps, loop), label)
    else:
        if len(codes) < 2:
            raise ParamsError(
                "one picture is no way", where="--through, --between", fix="name two or more"
            )
        film = list(frames(latent, path(codes, steps, loop), label))
    pixels = [np.kron(to_pixels(one), np.ones((zoom, zoom, 1), np.uint8)) for one in film]
    animate(out, pixels, fps, loaded.about)
    if as_json:
        told = {"file": out.as_posix(), "frames": len(pixels), "fps": fps, "model": loaded.key}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        log.info("%d frames in %s", len(pixels), out.as_posix())


def _way(latent: Latent, number: int, model: Model) -> Tensor:
    if latent.weights is None:
        raise ParamsError(
            "no linear layer reads the noise: its weights have no directions",
            where=f"the generator's text in models/{model.name}/model.json",
            fix="leave --direction out",
        )
    found = directions(latent.weights)
    if number > len(found.ways):
        raise ParamsError(
            f"there are {len(found.ways)} directions, no {number}",
            where="--direction",
            fix="name one of them; 1 is the strongest",
        )
    share = 100 * float(found.shares[number - 1])
    log.info("direction %d of %d: %.1f %% of the first layer", number, len(found.ways), share)
    return found.ways[number - 1]


def _rows(latent: Latent, codes: Tensor, label: int) -> list[Tensor]:
    """Make a frame of the pictures of (F, K, Z) codes, side by side: F of (3, H, K W)."""
    count = codes.shape[1]
    made = list(frames(latent, codes.flatten(0, 1), label))
    return [torch.cat(made[n : n + count], 2) for n in range(0, len(made), count)]


def _numbers(text: str) -> list[int]:
    try:
        found = [int(word) for word in text.split(",")]
        if min(found) >= 0:
            return found
    except ValueError:
        pass
    raise ParamsError(
        f"'{text}' is no list of numbers from 0 on",
        where="--through",
        fix="write them with commas, for example 3,0,7",
    )


def _read(file: Path) -> np.ndarray:
    try:
        return rgb(file.read_bytes())
    except (BadMedia, OSError) as error:
        raise DataError(
            f"the picture cannot be read: {error}", where=file.as_posix(), fix="name another"
        ) from None
