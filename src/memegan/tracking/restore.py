"""Rebuild the spool of a training from what is tracked: after `dvc pull` in another clone."""

import csv
import json
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memegan.tracking.events import EVENTS, Event, event, now_ms, rewrite
from memegan.tracking.mirror import flat
from memegan.tracking.notes import NOTES, note_eval
from memegan.tracking.runs import RESTORED


def restore(root: Path) -> list[Path]:
    """Make the spools and evaluation notes that are missing, of the runs in `root`/metrics/train.

    A run is complete when its model was pulled (model.json holds its parameters); one whose
    model is missing or belongs to another key is left out. The times are those of the restoring.

    Returns:
        the folders that were made.
    """
    made = []
    for path in sorted((root / "metrics/train").glob("*.json")):
        run, key = path.stem, str(_json(path).get("memegan_key", ""))
        model = _json(root / "models" / run / "model.json")
        if re.fullmatch("[0-9a-f]+", key) and model.get("memegan_key") == key:
            folder = root / "runs" / key
            if not (folder / EVENTS).exists():
                rewrite(folder / EVENTS, list(_events(root, run, model, folder)))
                made.append(folder)
            judged = root / "metrics/eval" / f"{run}.json"
            if judged.exists() and not (folder / NOTES / "eval.json").exists():
                note_eval(folder, _json(judged), int(model["images_seen"]))
    return made


def _events(root: Path, run: str, model: dict[str, Any], folder: Path) -> Iterator[Event]:
    at, plan, seen = now_ms(), model["run"], int(model["images_seen"])
    data = str(model.get("manifest_sha256", ""))
    tags = {
        "memegan.key": model["memegan_key"],
        "memegan.stage": "train",
        "memegan.run": run,
        "memegan.variant": plan["variant"],
        "memegan.data": data,
        RESTORED: "from tracked outputs",
    }
    about = {
        "tags": tags,
        "params": dict(flat(plan)),
        "data": {"name": "data/manifest.csv", "digest": data[:36]} if data else None,
    }
    yield event("begin", 0, {"attempt": uuid.uuid4().hex, "about": about}, at)
    for step, values in _curve(root / "plots/train" / f"{run}.csv"):
        yield event("metrics", step, {"values": values}, at)
    for picture in sorted((root / "samples" / run).glob("*.png")):
        file = f"grid/{picture.name}"
        _copy(picture, folder / file)
        yield event("image", int(picture.stem), {"name": "grid", "file": file}, at)
    for source in sorted((root / "models" / run).iterdir()):
        file = f"artifacts/model/{source.name}"
        _copy(source, folder / file)
        yield event("artifact", seen, {"file": file, "sha256": ""}, at)
    yield event("end", seen, {"status": "FINISHED", "why": ""}, at)


def _curve(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                step = int(row.pop("images_seen"))
                yield step, {name: float(text) for name, text in row.items() if text}


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
