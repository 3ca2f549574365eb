"""Where a training notes its numbers and pictures: the protocol, the spool, one in memory."""

import hashlib
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from PIL import Image

from memegan.tracking.events import EVENTS, Event, append, event, read_events, rewrite
from memegan.tracking.notes import NOTES

if TYPE_CHECKING:
    from torch import Tensor  # seconds to import, and `memegan sync` needs no training

Status = Literal["FINISHED", "FAILED", "KILLED"]  # MLflow's words


class Tracker(Protocol):
    """A few calls; the x axis is always images seen."""

    def begin(self, images_seen: int) -> None:
        """Start afresh at 0, go on otherwise."""

    def metrics(self, values: Mapping[str, float], images_seen: int) -> None:
        """Note numbers at a moment of the training."""

    def measures(self, values: Mapping[str, float], images_seen: int) -> None:
        """Note numbers that another run need not repeat: speed, alarms. Not in tracked files."""

    def images(self, name: str, picture: "Tensor", images_seen: int) -> None:
        """Note a picture (3, H, W) uint8."""


@dataclass
class MemoryTracker:
    """Keeps everything in lists: the tracker of the tests and of a notebook."""

    noted_metrics: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    noted_measures: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    noted_images: list[tuple[int, str, "Tensor"]] = field(default_factory=list)

    def begin(self, images_seen: int) -> None:
        """Nothing to do."""

    def metrics(self, values: Mapping[str, float], images_seen: int) -> None:
        self.noted_metrics.append((images_seen, dict(values)))

    def measures(self, values: Mapping[str, float], images_seen: int) -> None:
        self.noted_measures.append((images_seen, dict(values)))

    def images(self, name: str, picture: "Tensor", images_seen: int) -> None:
        self.noted_images.append((images_seen, name, picture))


class Spool:
    """The Tracker that writes to disk; what is noted already at a step is not repeated.

    So a training that was killed after its last checkpoint draws no point twice when it resumes.
    """

    def __init__(self, folder: Path, about: Mapping[str, object]) -> None:
        """Spool into `folder`; `about` holds tags, params and the data set, as JSON values."""
        self.folder, self.path, self.about = folder, folder / EVENTS, dict(about)
        self.noted: set[tuple[str, int, str]] = set()
        self.last_step, self.is_finished = 0, False

    def begin(self, images_seen: int) -> None:
        """Truncate at 0; otherwise keep the whole lines and note that the training goes on."""
        events = read_events(self.path) if images_seen else []
        if not events:
            shutil.rmtree(self.folder / NOTES, ignore_errors=True)  # they judge an earlier model
            first = event("begin", 0, {"attempt": uuid.uuid4().hex, "about": self.about})
            rewrite(self.path, [first])
            return
        rewrite(self.path, events)
        self.noted = {(e["kind"], e["step"], name) for e in events for name in _names(e)}
        self.last_step = max(e["step"] for e in events)
        self.is_finished = events[-1]["kind"] == "end" and events[-1]["status"] == "FINISHED"
        if not self.is_finished or images_seen > self.last_step:
            self.is_finished = False
            self._append("resume", images_seen, {"about": self.about})

    def metrics(self, values: Mapping[str, float], images_seen: int) -> None:
        self._values("metrics", values, images_seen)

    def measures(self, values: Mapping[str, float], images_seen: int) -> None:
        self._values("measures", values, images_seen)

    def images(self, name: str, picture: "Tensor", images_seen: int) -> None:
        """Write the picture as PNG and note where it lies."""
        file = f"{name}/{images_seen:09d}.png"
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.ascontiguousarray(picture.permute(1, 2, 0).cpu().numpy())
        Image.fromarray(pixels).save(path)
        self._once("image", images_seen, file, {"name": name, "file": file})

    def artifacts(self, files: Mapping[str, Path], images_seen: int) -> None:
        """Keep copies of files under their names (for example model/model.json)."""
        for name, source in files.items():
            path = self.folder / "artifacts" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            more = {"file": f"artifacts/{name}", "sha256": digest}
            self._once("artifact", images_seen, f"{name} {digest}", more)

    def end(self, status: Status, why: str = "") -> None:
        """Note how the training ended; nothing where it never began, or had ended before."""
        if self.path.exists() and not self.is_finished:
            self._append("end", self.last_step, {"status": status, "why": why})

    def _values(self, kind: str, values: Mapping[str, float], step: int) -> None:
        new = {n: float(v) for n, v in values.items() if (kind, step, n) not in self.noted}
        if new:
            self.noted |= {(kind, step, name) for name in new}
            self._append(kind, step, {"values": new})

    def _once(self, kind: str, step: int, name: str, more: Mapping[str, object]) -> None:
        if (kind, step, name) not in self.noted:
            self.noted.add((kind, step, name))
            self._append(kind, step, more)

    def _append(self, kind: str, step: int, more: Mapping[str, object]) -> None:
        self.last_step = max(self.last_step, step)
        append(self.path, event(kind, step, more))


def _names(noted: Event) -> list[str]:
    match noted["kind"]:
        case "metrics" | "measures":
            return list(noted["values"])
        case "image":
            return [noted["file"]]
        case "artifact":
            return [f"{noted['file'].removeprefix('artifacts/')} {noted['sha256']}"]
    return []
