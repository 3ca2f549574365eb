"""What is said about a training after it: its evaluation, its report. One note a kind."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memegan.tracking.events import now_ms

NOTES = "notes"
SHOWN = ("value", "low", "high", "floor")  # what of an evaluation's record becomes a metric


def note_eval(
    folder: Path,
    records: Mapping[str, Mapping[str, object]],
    images_seen: int = 0,
    files: Mapping[str, Path] | None = None,
    dataset: Mapping[str, object] | None = None,
) -> None:
    """Note the evaluation of the training that `folder` (ROOT/runs/KEY) belongs to.

    An evaluation that says what the last one said changes nothing; another one takes its place.

    Args:
        records: as metrics/eval/RUN.json holds them: {metric: {value, low, high, floor, ...}}.
        images_seen: what the model was trained on, the place of the points on the x axis.
        files: grids and bars, by the name they are to have under eval/.
        dataset: name, digest (at most 36 characters) and profile of what it was judged on.
    """
    values = {
        f"eval/{metric}" if part == "value" else f"eval/{metric}/{part}": number
        for metric, record in records.items()
        for part, number in record.items()
        if part in SHOWN and isinstance(number, int | float)
    }
    body = {"step": images_seen, "values": values, "records": records, "dataset": dataset}
    note(folder, "eval", body, files or {})


def note_report(folder: Path, page: Path) -> None:
    """Note the report that tells of this training."""
    note(folder, "report", {"step": 0, "values": {}}, {page.name: page})


def note(folder: Path, kind: str, body: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Write the note of a kind, with copies of its files; the same note keeps its time."""
    home = folder / NOTES
    digests = {n: hashlib.sha256(path.read_bytes()).hexdigest() for n, path in files.items()}
    whole = {"kind": kind, **body, "files": digests}
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    if any(n["kind"] == kind and n["digest"] == digest for n in read_notes(folder)):
        return
    for name, source in files.items():
        target = home / kind / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    home.mkdir(parents=True, exist_ok=True)
    part = home / f"{kind}.part"
    text = json.dumps({**whole, "digest": digest, "time_ms": now_ms()}, indent=2)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(home / f"{kind}.json")


def read_notes(folder: Path) -> list[dict[str, Any]]:
    """Read the notes of a training, by kind."""
    paths = sorted((folder / NOTES).glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]
