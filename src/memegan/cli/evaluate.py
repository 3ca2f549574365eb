"""The command `memegan evaluate`."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from memegan.errors import DataError, ParamsError
from memegan.images.ordered import ordered_map
from memegan.images.params import ResizeParams
from memegan.images.resize import fit
from memegan.media import BadMedia, rgb
from memegan.metrics.base import RESAMPLES, Metric, records
from memegan.metrics.evaluate import EvaluateParams, judge_sets
from memegan.rng import derived_rng
from memegan.sources.base import is_note

LEAST = 8  # pictures a side; intervals of fewer say nothing
Bad = tuple[str, str]  # file, why it cannot be read


def evaluate(
    real: Annotated[Path, typer.Option(help="folder of real pictures")],
    fake: Annotated[Path, typer.Option(help="folder of made pictures")],
    size_px: Annotated[
        int, typer.Option(min=16, max=1024, help="side to which all are cut; a multiple of 4")
    ] = 64,
    n_max: Annotated[int, typer.Option(min=LEAST, help="pictures of each side at most")] = 256,
    seed: Annotated[int, typer.Option(help="of choice, patches and resamples")] = 0,
    resamples: Annotated[int, typer.Option(min=10, help="for the intervals")] = RESAMPLES,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Measure how far made pictures are from real ones: the metrics on any two folders.

    Both sides are cut to the same number of pictures; where real ones are left over, they give
    the floor: what real pictures score. Compare numbers only of the same number and size.

    Example: memegan evaluate --real data/photos --fake samples/mine --size-px 64
    """
    if size_px % 4:
        raise ParamsError(
            f"{size_px} is no multiple of 4", where="--size-px", fix=f"try {size_px - size_px % 4}"
        )
    sides = {"real": real, "fake": fake}
    files = {name: _shuffled(_files(folder, name), seed) for name, folder in sides.items()}
    bad: list[Bad] = []
    fakes = _read(files["fake"], n_max, size_px, bad)
    reals = _read(files["real"], 2 * n_max, size_px, bad)
    for name, images in (("real", reals), ("fake", fakes)):
        if len(images) < LEAST:
            raise DataError(
                f"{len(images)} pictures that can be read, {LEAST} is the least{_named(bad)}",
                where=f"--{name} {sides[name]}",
                fix="name a folder with more pictures; png, jpeg, webp, gif, bmp, tiff, avif",
            )
    count = min(len(reals), len(fakes), n_max)
    p = EvaluateParams(n_max=n_max, seed=seed, resamples=resamples)
    metrics = judge_sets(
        torch.stack(reals[:count]), torch.stack(fakes[:count]), _stack(reals[count:]), p
    )
    if as_json:
        found = {"metrics": records(metrics), "unreadable": [{"file": f, "why": w} for f, w in bad]}
        sys.stdout.write(json.dumps(found, indent=2, sort_keys=True) + "\n")
        return
    sys.stdout.write(_table(metrics))
    if bad:
        sys.stdout.write(f"left out{_named(bad)}\n")


def _files(folder: Path, name: str) -> list[Path]:
    """Return all files below a folder but hidden ones and notes, by name."""
    if not folder.is_dir():
        raise ParamsError(
            "there is no such folder", where=f"--{name} {folder}", fix="name one that is there"
        )
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    found = [path for path in found if not is_note(path.relative_to(folder))]
    if not found:
        raise DataError(
            "the folder is empty", where=f"--{name} {folder}", fix="name a folder with pictures"
        )
    return found


def _shuffled(files: Sequence[Path], seed: int) -> list[Path]:
    """Bring into an order that no name decides: the first of it are a fair choice."""
    order = torch.randperm(len(files), generator=derived_rng(seed, "evaluate"))
    return [files[at] for at in order.tolist()]


def _read(files: Sequence[Path], count: int, size_px: int, bad: list[Bad]) -> list[Tensor]:
    """Read until there are `count` pictures, each (3, S, S) in [-1, 1]; `bad` gets the rest."""
    cut = ResizeParams(size_px=size_px, fit="crop", filter="area")

    def one(file: Path) -> Tensor | Bad:
        try:
            pixels = fit(rgb(file.read_bytes(), at_least_px=size_px), cut)
        except (BadMedia, OSError) as error:
            return file.as_posix(), str(error)
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 127.5 - 1

    found: list[Tensor] = []
    for image in ordered_map(one, files, 4):
        if isinstance(image, Tensor):
            found.append(image)
        else:
            bad.append(image)
        if len(found) == count:
            break
    return found


def _stack(images: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(images)) if images else torch.empty(0)


def _named(bad: Sequence[Bad]) -> str:
    """Count the unreadable files and name the first of them."""
    if not bad:
        return ""
    lines = [f"{file}: {why}" for file, why in bad[:5]] + ["..."] * (len(bad) > 5)
    return f"; {len(bad)} unreadable:\n  - " + "\n  - ".join(lines)


def _table(metrics: Mapping[str, Metric]) -> str:
    """Return the metrics for people, one a line."""
    wide = max(map(len, metrics))
    one = next(iter(metrics.values()))
    lines = [f"{one.n_fake} pictures of each side at {one.size_px} px; lower is better for all"]
    for name, m in metrics.items():
        floor = "" if m.floor is None else f"   real scores {m.floor:.4g}"
        lines.append(f"{name:<{wide}}  {m.value:.4g} ({m.low:.4g} to {m.high:.4g}){floor}")
    return "\n".join(lines) + "\n"
