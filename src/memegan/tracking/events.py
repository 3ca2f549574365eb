"""The lines of a spool: one JSON object an event, appended at the time it happened."""

import io
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

EVENTS = "events.jsonl"
Event = dict[str, Any]  # time_ms, kind, step, and what the kind brings


def now_ms() -> int:
    """Milliseconds since 1970, the clock of MLflow."""
    return time.time_ns() // 10**6


def event(kind: str, step: int, more: Mapping[str, object], time_ms: int | None = None) -> Event:
    """Make one event; `step` counts images seen."""
    return {"time_ms": now_ms() if time_ms is None else time_ms, "kind": kind, "step": step, **more}


def read_events(path: Path) -> list[Event]:
    """Read all whole lines; a missing file has none."""
    return [found for _, found in scan(path.read_bytes())] if path.exists() else []


def scan(data: bytes, start: int = 0) -> Iterator[tuple[int, Event]]:
    """Yield (byte after it, event) for each whole line of `data` from byte `start`.

    A line that a kill has torn is not there yet; one that a disk has damaged is passed over.
    """
    for line in io.BytesIO(data[start:]):
        start += len(line)
        if line.endswith(b"\n") and (found := _parsed(line)) is not None:
            yield start, found


def append(path: Path, *events: Event) -> None:
    """Add whole lines at the end."""
    with path.open("ab") as file:
        file.write(b"".join(map(_line, events)))


def rewrite(path: Path, events: Iterable[Event]) -> None:
    """Write beside, then rename: a kill leaves the old lines or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(b"".join(map(_line, events)))
    part.replace(path)


def _parsed(line: bytes) -> Event | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "kind" in found else None


def _line(found: Event) -> bytes:
    return json.dumps(found).encode() + b"\n"
