"""What fits a GPU: the memory of each run, measured here."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer
from pydantic import ValidationError

from memegan.cli.preset import recipe
from memegan.errors import ParamsError
from memegan.params import PARAMS_FILE, did_you_mean, raw_section
from memegan.training.memory import Need, measured
from memegan.variants.base import Plan, VariantSpec, load_run

RESERVED_BYTES = 0.5 * 2**30  # CUDA's context and the libraries' workspaces
USED_SHARE = 0.9  # of the rest: freed blocks do not fit each other whole
SHARES = (1.0, 0.75, 0.5, 0.375, 0.25)  # of crop_px, in this order, until a batch fits
_UNITS = {"GiB": 2**30, "GB": 10**9, "MiB": 2**20, "MB": 10**6}
_MIB = 2**20
_ENOUGH = 512  # images a batch; nobody wants more


@dataclass(frozen=True)
class Row:
    """What one run needs, and what of it fits."""

    run: str
    batch_size: int
    crop_px: int
    fixed_mib: int
    image_mib: float
    step_mib: int  # at the run's own batch size
    step_s: float  # of the smallest batch, on this processor
    fits: bool
    settings: str  # that fit


def plan(
    gpu: Annotated[str, typer.Option(help="its memory: 3GiB, 8GB, 512MiB")] = "3GiB",
    run: Annotated[list[str] | None, typer.Option(help="this one alone; may be repeated")] = None,
    preset: Annotated[str, typer.Option(help="of this recipe, not of params.yaml")] = "",
    threads: Annotated[int, typer.Option(min=1, help="for the measuring")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Measure what a step of each run takes, and name the settings that fit a GPU.

    Steps of one image, two and so on are taken here, on the processor, and every tensor is counted
    while it lives; a GPU's own overhead is allowed for by .5 GiB and a tenth, not measured. A
    large net takes minutes. Where not one image fits, crop_px gets smaller.

    Example: memegan plan --gpu 3GiB
    """
    room = (_bytes(gpu) - RESERVED_BYTES) * USED_SHARE
    torch.set_num_threads(threads)
    rows = []
    with TemporaryDirectory() as folder:
        path = PARAMS_FILE
        if preset:
            path = Path(folder) / "params.yaml"
            path.write_text(recipe(preset), encoding="utf-8")
        known = list(raw_section("train", path=path))
        for name in run or known:
            if name not in known:
                raise ParamsError(
                    f"no run '{name}'{did_you_mean(name, known)}",
                    where=f"train in {path.name}",
                    fix=f"choose one of: {', '.join(known)}",
                )
            rows.append(_row(name, *load_run(name, path), room))
            if not as_json:
                sys.stderr.write(f"{name}: measured\n")
    if as_json:
        sys.stdout.write(json.dumps([vars(row) for row in rows], indent=2) + "\n")
    else:
        sys.stdout.write(table(rows, gpu, room))


def table(rows: list[Row], gpu: str, room_bytes: float) -> str:
    """Lay out what was found, a line for each run."""
    head = ("run", "batch", "px", "MiB fixed", "MiB an image", "MiB a step", "fits", "settings")
    lines = [head] + [
        (
            *(row.run, str(row.batch_size), str(row.crop_px), str(row.fixed_mib)),
            *(f"{row.image_mib:.1f}", str(row.step_mib), "yes" if row.fits else "no"),
            row.settings,
        )
        for row in rows
    ]
    wide = [max(len(line[n]) for line in lines) for n in range(len(head))]
    text = "".join(
        "  ".join(f"{cell:<{w}}" for cell, w in zip(line, wide, strict=True)).rstrip() + "\n"
        for line in lines
    )
    return (
        f"{text}\nOf {gpu}, {room_bytes / _MIB:.0f} MiB are planned with: .5 GiB and a tenth are "
        "left to CUDA.\nMeasured on this processor, not on a GPU.\n"
    )


def _row(name: str, spec: VariantSpec[Any], run: Plan, room: float) -> Row:
    own = measured(spec, run)
    return Row(
        *(name, run.batch_size, run.crop_px, round(own.fixed_bytes / _MIB)),
        round(own.image_bytes / _MIB, 2),
        round(own.at(run.batch_size) / _MIB),
        round(own.step_s, 3),
        own.at(run.batch_size) <= room,
        _settings(spec, run, own, room),
    )


def _settings(spec: VariantSpec[Any], run: Plan, own: Need, room: float) -> str:
    """Name the largest batch that fits, of pictures as large as can be."""
    for some in _smaller(spec, run):
        need = own if some.crop_px == run.crop_px else measured(spec, some)
        if most := need.most_images(room):
            words = "" if some.crop_px == run.crop_px else f"crop_px: {some.crop_px}"
            words += f", load_px: {some.load_px}" if words and some.load_px else ""
            many = f"{_ENOUGH} or more" if most > _ENOUGH else str(most)
            return f"{words}, batch_size: {many}".removeprefix(", ")
    return "none: choose smaller widths, or another network"


def _smaller(spec: VariantSpec[Any], run: Plan) -> Iterator[Plan]:
    """Yield the run, then with smaller pictures, as far as its variant takes them."""
    for share in SHARES:
        crop = int(run.crop_px * share) // 4 * 4
        load = run.load_px and max(crop, int(run.load_px * share))
        try:
            yield spec.run.model_validate({**run.model_dump(), "crop_px": crop, "load_px": load})
        except ValidationError:
            continue


def _bytes(text: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(GiB|GB|MiB|MB)", text.strip())
    if found is None:
        raise ParamsError(
            f"'{text}' is no size of a memory", where="--gpu", fix="write it as 3GiB or 512MiB"
        )
    return float(found[1]) * _UNITS[found[2]]
