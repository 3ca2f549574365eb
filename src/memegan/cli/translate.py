"""Pictures, folders and videos through trained translators."""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from memegan.errors import DataError, ParamsError
from memegan.inference.film import KINDS, changed
from memegan.inference.tiles import Net, Tiling
from memegan.inference.translate import Film, Translator, net_of, side_by_side, write_png
from memegan.media import BadMedia, rgb, sniff
from memegan.sources.base import is_note
from memegan.training.export import Model, load_model
from memegan.training.grids import labelled

MODELS = Path("models")
log = logging.getLogger(__name__)
Told = dict[str, object]


def translate(
    what: Annotated[list[Path], typer.Argument(help="pictures, videos, folders of them")],
    out: Annotated[Path, typer.Option(help="folder for what is made")] = Path("translated"),
    model: Annotated[
        list[Path] | None, typer.Option(help="folder of a model; may be given again")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="each translator below models/, side by side, named")
    ] = False,
    direction: Annotated[str, typer.Option(help="ab or ba")] = "ab",
    size_px: Annotated[
        int, typer.Option(min=0, help="bring the short side to this first; 0: as it is")
    ] = 0,
    tile_px: Annotated[
        int, typer.Option(min=0, help="a multiple of 64: less needs less memory; 0: whole")
    ] = 512,
    overlap_px: Annotated[int, typer.Option(min=0, help="of tiles; a multiple of 64")] = 128,
    steady: Annotated[
        float, typer.Option(min=0, max=0.95, help="share of the past in still places of a video")
    ] = 0.6,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Send pictures, folders and videos through trained translators.

    A picture becomes OUT/NAME.png, a video OUT/NAME with its sound and times; what cannot be
    read is named at the end and the rest is done. With several models a picture shows the input
    and what each made of it; a video becomes one file a model.

    Example: memegan translate cat.jpg --model models/cyclegan
    """
    tiling = Tiling(tile_px, overlap_px)
    translators = [
        Translator(loaded.name, loaded.about, net, tiling, size_px)
        for loaded, net in _nets(model or [], all_, direction, device)
    ]
    out.mkdir(parents=True, exist_ok=True)
    done: list[Told] = []
    bad: list[str] = []
    for file, name in files_in(what):
        try:
            for told in _one(file, out / name, translators, steady):
                done.append(told)
                log.info("%s", "  ".join(f"{k} {v}" for k, v in told.items()))
        except (BadMedia, DataError, OSError) as error:
            bad.append(f"{file.as_posix()}: {str(error).partition(chr(10))[0]}")
    if as_json:
        sys.stdout.write(json.dumps({"made": done, "unreadable": bad}, indent=2) + "\n")
    refused(bad, len(done), out)


def readable(what: Sequence[Path]) -> tuple[list[tuple[Path, np.ndarray]], list[str]]:
    """Read pictures and folders of them.

    Returns:
        (its path below the output folder without a suffix, (H, W, 3) uint8) of each picture, and a
        line for each file that cannot be read.

    Raises:
        ParamsError: a file is not there.
        DataError: not one can be read.
    """
    found, bad = [], []
    for file, name in files_in(what):
        try:
            found.append((name, rgb(file.read_bytes())))
        except (BadMedia, OSError) as error:
            bad.append(f"{file.as_posix()}: {str(error).partition(chr(10))[0]}")
    if not found:
        raise DataError(
            "\n  - ".join(("there is no picture that can be read", *bad)),
            where=", ".join(path.as_posix() for path in what),
            fix="name some; png, jpeg, webp, gif, bmp, tiff, avif",
        )
    return found, bad


def refused(bad: Sequence[str], made: int, out: Path) -> None:
    """Tell which files could not be read, when all others are made.

    Raises:
        DataError: there are some.
    """
    if bad:
        raise DataError(
            "\n  - ".join((f"{len(bad)} files cannot be read, {made} were made", *bad)),
            where=out.as_posix(),
            fix="take them out, or mend them; what was made stays",
        )


def device_of(name: str) -> str:
    """Turn `auto` into the device that is there."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _nets(
    models: Sequence[Path], all_: bool, direction: str, device: str
) -> list[tuple[Model, Net]]:
    """Load what is asked for; with `--all` what does not translate in this direction is passed."""
    folders = list(models)
    if all_:
        folders += sorted(path.parent for path in MODELS.glob("*/model.json"))
    if not folders:
        raise ParamsError(
            "no model is named",
            where="--model",
            fix="name the folder of one, for example --model models/cyclegan, or --all",
        )
    name = device_of(device)
    found = []
    for folder in dict.fromkeys(folders):
        loaded = load_model(folder)
        try:
            found.append((loaded, net_of(loaded, direction, name)))
        except ParamsError:
            if folder in models:
                raise
    if not found:
        raise ParamsError(
            f"no model translates {direction}", where=MODELS.as_posix(), fix="run: dvc repro train"
        )
    return found


def files_in(what: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield (file, where it goes below the output folder, without its suffix)."""
    for path in what:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            for file in (p for p in inside if not is_note(p.relative_to(path))):
                yield file, file.relative_to(path).with_suffix("")
        elif path.exists():
            yield path, Path(path.stem)
        else:
            raise ParamsError(
                "there is no such file or folder", where=path.as_posix(), fix="name one that is"
            )


def _one(
    file: Path, target: Path, translators: Sequence[Translator], share: float
) -> Iterator[Told]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with file.open("rb") as opened:
        kind = sniff(opened.read(32))
    if kind.startswith("video/"):
        for translator in translators:
            yield _video(file, target, translator, share, len(translators) > 1)
        return
    pixels = rgb(file.read_bytes())
    made = {translator.name: translator(pixels) for translator in translators}
    path = target.with_name(f"{target.name}.png")
    about = "; ".join(translator.about for translator in translators)
    if len(made) == 1:
        (only,) = made.values()
    else:
        fitted = translators[0].fitted(pixels)
        only = labelled(side_by_side(fitted, made)).permute(1, 2, 0).numpy()
    write_png(path, only, about)
    yield {"file": path.as_posix(), "models": ", ".join(made)}


def _video(file: Path, target: Path, translator: Translator, share: float, several: bool) -> Told:
    kind = file.suffix.lower() if file.suffix.lower() in KINDS else ".mp4"
    more = f"-{translator.name}" if several else ""
    path = target.with_name(f"{target.name}{more}{kind}")
    film = Film(translator, share)
    reading = changed(file, path, film, translator.about)
    told: Told = {"file": path.as_posix(), "models": translator.name, "frames": reading.frames}
    told |= {"flicker": round(film.shown.value(), 3), "unsteadied": round(film.plain.value(), 3)}
    return told | ({"damage": f"{reading.reason}: {reading.detail}"} if reading.reason else {})
