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

from memegan.cli.sample import manifest
from memegan.cli.translate import device_of, readable, refused
from memegan.errors import ParamsError
from memegan.inference.animate import animate, check_kind
from memegan.inference.pictures import attribute, encoded, squares
from memegan.inference.sample import check_label, truncated
from memegan.inference.translate import to_pixels
from memegan.inference.walk import directions, drawn, frames, latent_of, path, swing
from memegan.training.export import Model, load_model
from memegan.variants.base import Latent

log = logging.getLogger(__name__)


def walk(
    model: Annotated[Path, typer.Argument(help="folder of a model, for example models/hypergan")],
    out: Annotated[Path, typer.Option(help="the film: .mp4, .gif, .webp; .png: a strip")] = Path(
        "walk.mp4"
    ),
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
    attribute_: Annotated[
        str,
        typer.Option(
            "--attribute", help="COLUMN=VALUE of the manifest: move to and from such pictures"
        ),
    ] = "",
    reach: Annotated[
        float | None, typer.Option(min=0, help="how far: 3 deviations, or 1.5 times the attribute")
    ] = None,
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
    layer's weights, without data (SeFa); an attribute in the codes of the training pictures, by a
    column of the manifest. The pictures then move side by side. A .png shows all frames at once.
    The same words give the same film.

    Example: memegan walk models/hypergan --through 3,0,7 --out walk.gif
    """
    check_kind(out)
    loaded = load_model(model)
    name = device_of(device)
    latent = latent_of(loaded, name)
    if label:
        check_label(label, latent.classes)
    if direction and attribute_:
        raise ParamsError(
            "both are ways to move along", where="--direction, --attribute", fix="leave one out"
        )
    if between:
        pictures, bad = readable(between)
        refused(bad, 0, out)
        codes = encoded(loaded, latent, squares(loaded, [p for _, p in pictures]), name)
    else:
        codes = drawn(latent, seed, _numbers(through), name)
        codes = truncated(codes, truncation) if truncation else codes
    if attribute_:
        way = attribute(loaded, latent, manifest("--attribute"), attribute_, name)
        moves = swing(codes, way, 1.5 if reach is None else reach, steps, loop)
        film = _rows(latent, moves, label)
    elif direction:
        way = _way(latent, direction, loaded).to(codes)
        moves = swing(codes, way, 3.0 if reach is None else reach, steps, loop)
        film = _rows(latent, moves, label)
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
