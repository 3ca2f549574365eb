"""One run of params.yaml from manifest to model: what the stage and `memegan train` both call."""

import csv
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from memegan.dataset import MANIFEST, Images
from memegan.errors import ParamsError
from memegan.records import Row
from memegan.stage import code_digest, dvc_root, sha256_of, stage_code, write_json
from memegan.tables import read_table
from memegan.tracking.events import Event, read_events
from memegan.tracking.mirror import mirrored
from memegan.training.checkpoint import Whole
from memegan.training.export import export
from memegan.training.lock import locked
from memegan.training.loop import Data, train
from memegan.training.stopping import Stop
from memegan.variants.base import Plan, VariantSpec, load_run

log = logging.getLogger(__name__)


def train_run(
    name: str, device: str = "auto", max_time_s: float = math.inf, fresh: bool = False
) -> Whole:
    """Train `train.<name>` and write its model, samples, curve and metrics.

    Unfinished work lies in ROOT/runs/KEY, where the same call goes on.

    Args:
        device: auto, cpu, or what torch calls a device.
        fresh: forget an unfinished training of the same key.

    Raises:
        Stopped: asked to, before the end.
    """
    spec, run = chosen_run(name)
    torch.set_num_threads(run.threads)
    where = _device(device)
    data, manifest = load_data(run), sha256_of(MANIFEST)
    key = training_key(name, run)
    folder = dvc_root() / "runs" / key
    state = folder / "state.safetensors"
    variant = spec.make(run).to(where)
    log.info("%s", variant.summary())
    model = Path("models") / name
    about = {"images_seen": run.images_at_end, "manifest_sha256": manifest, "memegan_key": key}
    tags = {"key": key, "stage": "train", "run": name, "variant": run.variant, "data": manifest}
    with locked(folder / "lock"), Stop(max_time_s) as stop:
        if fresh:
            state.unlink(missing_ok=True)
        with mirrored(folder, tags, run.model_dump(mode="json")) as tracker:
            moved = Data(data.train.to(where), data.held_out.to(where))
            whole = train(variant, moved, run, tracker, state, stop)
            export(model, whole.averages, run, about)
            kept = {f"model/{path.name}": path for path in sorted(model.iterdir())}
            tracker.artifacts(kept, run.total_images)
    events = read_events(folder / "events.jsonl")
    _samples(Path("samples") / name, folder, events)
    last = _curve(Path("plots/train") / f"{name}.csv", events)
    told = {"images_seen": run.images_at_end, **last, "memegan_key": key}
    write_json(Path("metrics/train") / f"{name}.json", told)
    return whole


def chosen_run(name: str) -> tuple[VariantSpec[Any], Any]:
    """Read `train.<name>`, with what the number of its training images decides; tell that.

    Raises:
        ParamsError: no such run, or mistakes in what it says.
        DataError: the manifest has no images for it.
    """
    spec, run = load_run(name)
    sides = run.choice.rows(read_table(MANIFEST, Row), "train")
    count = min(map(len, sides.values()))
    chosen = run.for_images(count)
    before, after = run.model_dump(), chosen.model_dump()
    told = [f"{field} is {value}" for field, value in after.items() if before[field] != value]
    if told:
        log.info("%s: %d training images, so that %s", name, count, ", ".join(told))
    if count < run.batch_size:
        log.warning(
            "%s: %d training images for batches of %d: they come again within a batch",
            *(name, count, run.batch_size),
        )
    return spec, chosen


def training_key(name: str, run: Plan) -> str:
    """Digest all that decides the weights: parameters, data, and the code the stage depends on."""
    return run.digest("train", name, sha256_of(MANIFEST), code_digest(stage_code("train", name)))


def load_data(run: Plan) -> Data:
    """Read what a run trains on and the first validation images, which it never trains on.

    Raises:
        DataError: the manifest lacks a domain, a column or a second class.
        ParamsError: it has another number of classes than the run says.
    """
    rows = read_table(MANIFEST, Row)
    size = run.load_px or run.crop_px
    held_out = {n: r[: run.grid_count] for n, r in run.choice.rows(rows, "val").items()}
    count = min(len(side) for side in held_out.values())
    few, label = {n: side[:count] for n, side in held_out.items()}, run.label
    classes = run.choice.classes(rows)
    _check_classes(run, classes)
    shown = Images.load(few, size, label, classes)
    train_side = Images.load(run.choice.rows(rows, "train"), size, label, classes)
    return Data(train_side, shown.first(count, run.crop_px))


def _check_classes(run: Plan, found: Sequence[str]) -> None:
    wanted = run.class_count()
    if wanted is not None and wanted != len(found):
        named = ", ".join(found[:12]) + (", ..." if len(found) > 12 else "")
        raise ParamsError(
            f"the column '{run.label}' has {len(found)} classes ({named}), the run says {wanted}",
            where="train.*.classes in params.yaml",
            fix=f"write classes: {len(found)}",
        )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _samples(folder: Path, spool: Path, events: Sequence[Event]) -> None:
    """Copy the grids of the whole training, by images seen."""
    folder.mkdir(parents=True, exist_ok=True)
    for event in events:
        if event["kind"] == "image":
            data = (spool / event["file"]).read_bytes()
            (folder / f"{event['step']:09d}.png").write_bytes(data)


def _curve(path: Path, events: Sequence[Event]) -> dict[str, float]:
    """Write the losses by images seen, and return the last ones."""
    points = [(e["step"], e["values"]) for e in events if e["kind"] == "metrics"]
    names = sorted({name for _, values in points for name in values})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["images_seen", *names])
        for step, values in points:
            cells = (f"{values[n]:.6g}" if n in values else "" for n in names)
            writer.writerow([step, *cells])
    last = points[-1][1] if points else {}
    return {n: float(f"{v:.6g}") for n, v in last.items()}
