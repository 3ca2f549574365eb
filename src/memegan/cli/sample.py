"""Pictures from a trained generator."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from memegan.cli.translate import device_of
from memegan.dataset import MANIFEST, Images
from memegan.errors import ParamsError
from memegan.inference.sample import nearest, samples, sheet
from memegan.inference.translate import to_pixels, write_png
from memegan.records import Row
from memegan.tables import read_table
from memegan.training.export import load_model
from memegan.variants.base import Plan

log = logging.getLogger(__name__)


def sample(
    model: Annotated[Path, typer.Argument(help="folder of a model, for example models/hypergan")],
    out: Annotated[Path, typer.Option(help="folder for what is made")] = Path("sampled"),
    count: Annotated[int, typer.Option(min=1, help="how many pictures")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="another seed, other pictures")] = 0,
    truncation: Annotated[
        float, typer.Option(min=0, max=10, help="noise within +- this: safer, more alike; 0: all")
    ] = 0.0,
    label: Annotated[
        int | None,
        typer.Option(min=0, help="class, from 0: the column's values, as text, in order"),
    ] = None,
    beside: Annotated[
        bool, typer.Option("--nearest", help="show the training picture next to each")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Make pictures from noise: OUT/000000.png and so on, and all of them in OUT/grid.png.

    The same seed gives the same pictures; a larger count begins with them.

    Example: memegan sample models/hypergan --count 64 --nearest
    """
    loaded = load_model(model)
    name = device_of(device)
    made = list(samples(loaded, count, seed, name, truncation, label))
    found = _training_pictures(loaded.run) if beside else None
    if found is not None:
        found = found[nearest(made, found)]
    files = []
    for number, image in enumerate(made):
        files.append((out / f"{number:06d}.png").as_posix())
        write_png(Path(files[-1]), to_pixels(image), loaded.about)
    whole = sheet(made, found).permute(1, 2, 0).numpy()
    write_png(out / "grid.png", whole, loaded.about)
    if as_json:
        told = {"made": files, "grid": (out / "grid.png").as_posix(), "model": loaded.key}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        log.info("%d pictures in %s, all of them in grid.png", len(made), out.as_posix())


def manifest(option: str) -> list[Row]:
    """Read the project's manifest, which an option needs.

    Raises:
        ParamsError: there is none.
    """
    if not MANIFEST.exists():
        raise ParamsError(
            "the training pictures are not here",
            where=MANIFEST.as_posix(),
            fix=f"run it in the project, after dvc pull or dvc repro; or leave {option} out",
        )
    return read_table(MANIFEST, Row)


def _training_pictures(run: Plan) -> Tensor:
    """Read all that the model was trained on, (N, 3, S, S) in [-1, 1]."""
    sides = run.choice.rows(manifest("--nearest"), "train")
    images = Images.load(sides, run.load_px or run.crop_px)
    return images.first(len(sides["a"]), run.crop_px).images["a"]
