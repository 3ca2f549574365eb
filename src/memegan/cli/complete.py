"""The lower parts of pictures, drawn anew."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from memegan.cli.translate import device_of, readable, refused
from memegan.inference.pictures import completed, squares
from memegan.inference.sample import named_rows
from memegan.inference.translate import to_pixels, write_png
from memegan.training.export import load_model

log = logging.getLogger(__name__)


def complete(
    what: Annotated[list[Path], typer.Argument(help="pictures, folders of them")],
    model: Annotated[Path, typer.Option(help="folder of a pixelcnn's model")],
    out: Annotated[Path, typer.Option(help="folder for what is made")] = Path("completed"),
    share: Annotated[
        float, typer.Option(min=0, max=1, help="of each picture, from above, that is kept")
    ] = 0.5,
    count: Annotated[int, typer.Option(min=1, max=16, help="drawings of each")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="another seed, other drawings")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Keep the upper part of pictures and draw the rest: OUT/NAME-0.png, all in OUT/grid.png.

    Each is cut square in the middle. The same seed gives the same drawings; a larger count begins
    with them.

    Example: memegan complete cat.jpg --model models/pixelcnn --count 4
    """
    loaded, name = load_model(model), device_of(device)
    pictures, bad = readable(what)
    images = squares(loaded, [pixels for _, pixels in pictures])
    given_rows = round(share * images.shape[2])
    given = images.clone()
    given[:, :, given_rows:] = 0
    rows = {"input": list(images), "given": list(given)}
    files = []
    for number in range(count):
        drawn = list(completed(loaded, images, given_rows, number, seed, name))
        rows[f"drawing {number}:"] = drawn
        for (place, _), image in zip(pictures, drawn, strict=True):
            files.append((out / place).with_name(f"{place.name}-{number}.png"))
            write_png(files[-1], to_pixels(image), loaded.about)
    write_png(out / "grid.png", named_rows(rows).permute(1, 2, 0).numpy(), loaded.about)
    if as_json:
        told = {
            "made": [path.as_posix() for path in files],
            "grid": (out / "grid.png").as_posix(),
            "model": loaded.key,
        }
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        log.info("%d drawings of %d pictures in %s", len(files), len(pictures), out.as_posix())
    refused(bad, len(pictures), out)
