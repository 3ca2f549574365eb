"""Bring one spool into MLflow; whatever was brought before adds nothing when it comes again."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock
from PIL import Image

from memegan.tracking.events import EVENTS, Event, read_events, scan
from memegan.tracking.notes import NOTES, read_notes
from memegan.tracking.runs import DELETED, find_or_make
from memegan.tracking.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")
SENT = "sent.json"
BATCH = 500  # a half of what MLflow takes in one call


@dataclass
class Sent:
    """How far a spool has come in one store."""

    attempt: str = ""
    run_id: str = ""
    offset: int = 0
    notes: dict[str, str] = field(default_factory=dict)  # kind -> digest


@dataclass(frozen=True)
class Delivery:
    """What one delivery did: the run it went to, and how many events and notes were new."""

    run_id: str
    events: int
    notes: int


def deliver(store: Store, folder: Path, wait_s: float = 60) -> Delivery:
    """Send what is new in `folder` (ROOT/runs/KEY); one process at a time.

    A run that a user has deleted in MLflow stays deleted.

    Raises:
        Exception: whatever the store raises; what was sent until then is remembered.
    """
    data = (folder / EVENTS).read_bytes() if (folder / EVENTS).exists() else b""
    begin = next((found for _, found in scan(data)), None)
    if begin is None:
        return Delivery("", 0, 0)
    with FileLock(folder / "send.lock", timeout=wait_s):
        sent = _read_sent(folder, store.place)
        if sent.attempt != begin["attempt"] or sent.offset > len(data):
            sent = Sent(begin["attempt"])
        home = find_or_make(store, begin, sent.run_id)
        if home.run_id != sent.run_id:
            sent = Sent(begin["attempt"], home.run_id)
        if home.state == DELETED:
            return Delivery(home.run_id, 0, 0)
        new = list(scan(data, sent.offset)) if home.is_ours else []
        for part in _parts(new, 2 * BATCH):
            _send(store.client, home.run_id, folder, [found for _, found in part], begin)
            sent.offset = part[-1][0]
            _write_sent(folder, store.place, sent)
        notes = [n for n in read_notes(folder) if sent.notes.get(n["kind"]) != n["digest"]]
        for note in notes:
            _send_note(store.client, home.run_id, folder, note)
            sent.notes[note["kind"]] = note["digest"]
            _write_sent(folder, store.place, sent)
        return Delivery(home.run_id, len(new), len(notes))


def is_waiting(place: str, folder: Path) -> bool:
    """Tell, without asking the store `place`, whether `folder` holds what it was not sent."""
    begin = next(iter(read_events(folder / EVENTS)), None)
    if begin is None:
        return False
    sent = _read_sent(folder, place)
    behind = sent.offset < (folder / EVENTS).stat().st_size
    late = any(sent.notes.get(n["kind"]) != n["digest"] for n in read_notes(folder))
    return behind or late or sent.attempt != begin["attempt"]


def _send(
    client: "MlflowClient", run_id: str, folder: Path, events: Sequence[Event], begin: Event
) -> None:
    for found in events:
        if found["kind"] in ("begin", "resume"):
            _send_about(client, run_id, found, begin)
    values = (e for e in events if e["kind"] in ("metrics", "measures"))
    _send_points(client, run_id, values)
    _send_images(client, run_id, folder, [e for e in events if e["kind"] == "image"])
    for found in events:
        if found["kind"] == "artifact":
            _send_file(
                client, run_id, folder, found["file"].removeprefix("artifacts/"), "artifacts"
            )
    if events[-1]["kind"] == "end":
        client.set_terminated(run_id, events[-1]["status"], events[-1]["time_ms"])
        if events[-1]["why"]:
            client.set_tag(run_id, "memegan.why", events[-1]["why"])


def _send_about(client: "MlflowClient", run_id: str, found: Event, begin: Event) -> None:
    """Send parameters at the begin; MLflow forbids to change one, so a resume tags what differs."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag

    params, first = found["about"]["params"], begin["about"]["params"]
    if found["kind"] == "resume":
        other = {n: v for n, v in params.items() if first.get(n) != v}
        tags = [RunTag(f"memegan.resumed.{name}", value) for name, value in other.items()]
        client.log_batch(run_id, tags=tags)
        client.update_run(run_id, "RUNNING")
        return
    for part in _parts(list(params.items()), 100):
        client.log_batch(run_id, params=[Param(name, value) for name, value in part])
    if data := found["about"]["data"]:
        source = json.dumps({"uri": data["name"]})
        dataset = Dataset(data["name"], data["digest"], "local", source)
        tag = InputTag("mlflow.data.context", "training")
        client.log_inputs(run_id, [DatasetInput(dataset, [tag])])


def _send_points(client: "MlflowClient", run_id: str, events: Iterable[Event]) -> None:
    from mlflow.entities import Metric

    points = [
        Metric(name, value, event["time_ms"], event["step"])
        for event in events
        for name, value in event["values"].items()
    ]
    for part in _parts(points, BATCH):
        client.log_batch(run_id, metrics=part)


def _send_images(
    client: "MlflowClient", run_id: str, folder: Path, events: Sequence[Event]
) -> None:
    """Store pictures where the image grid of MLflow's page looks for them, by key and step.

    MLflow's own `log_image` gives each call a random name; the name here follows from the event,
    so that a picture sent again lands on itself.
    """
    if not events:
        return
    with tempfile.TemporaryDirectory() as made:
        for found in events:
            name, step, time_ms = found["name"].replace("/", "~"), found["step"], found["time_ms"]
            mark = hashlib.sha256(f"{run_id} {found['file']} {time_ms}".encode()).hexdigest()
            uuid = "-".join((mark[:8], mark[8:12], mark[12:16], mark[16:20], mark[20:32]))
            stem = f"{name}+step+{step}+timestamp+{time_ms}+{uuid}"
            shutil.copyfile(folder / found["file"], Path(made) / f"{stem}.png")
            with Image.open(folder / found["file"]) as picture:
                picture.thumbnail((256, 256))
                picture.save(Path(made) / f"{stem}+compressed.webp")
        client.log_artifacts(run_id, made, "images")
    client.set_tag(run_id, "mlflow.loggedImages", True)


def _send_note(client: "MlflowClient", run_id: str, folder: Path, note: Mapping[str, Any]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    _send_points(client, run_id, [dict(note)])
    for name in note["files"]:
        _send_file(client, run_id, folder / NOTES, f"{note['kind']}/{name}", "")
    if "records" in note:
        client.log_dict(run_id, note["records"], f"{note['kind']}/metrics.json")
    if data := note.get("dataset"):
        profile = json.dumps(data.get("profile", {}))
        source = json.dumps({"uri": data["name"]})
        dataset = Dataset(data["name"], data["digest"], "local", source, profile=profile)
        tag = InputTag("mlflow.data.context", "evaluation")
        client.log_inputs(run_id, [DatasetInput(dataset, [tag])])


def _send_file(client: "MlflowClient", run_id: str, folder: Path, name: str, under: str) -> None:
    place = Path(name).parent.as_posix()
    client.log_artifact(run_id, str(folder / under / name), None if place == "." else place)


def _all_sent(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / SENT).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}  # then all is sent again, which adds nothing


def _read_sent(folder: Path, place: str) -> Sent:
    return Sent(**_all_sent(folder).get(place, {}))


def _write_sent(folder: Path, place: str, sent: Sent) -> None:
    part = (folder / SENT).with_suffix(".part")
    whole = {**_all_sent(folder), place: asdict(sent)}
    part.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / SENT)


def _parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for first in range(0, len(values), size):
        yield values[first : first + size]


def folders(root: Path) -> list[Path]:
    """List the folders of all spools under `root`/runs."""
    return [path.parent for path in sorted((root / "runs").glob(f"*/{EVENTS}"))]
