"""The command `memegan watch`."""

import base64
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Annotated

import typer

from memegan.errors import DataError
from memegan.params import PARAMS_FILE, did_you_mean, raw_section
from memegan.stage import dvc_root
from memegan.tracking.events import EVENTS, read_events, scan

Point = tuple[int, float]  # images seen, value
PREVIEW = "preview.html"
WIDE, HIGH, MOST = 300, 80, 600  # of a chart in px, and the points it draws at most


@dataclass(frozen=True)
class View:
    """What a spool tells of a training at one moment."""

    run: str
    folder: Path
    images_seen: int
    total_images: str
    state: str  # running, or how it ended
    losses: Mapping[str, Sequence[Point]]
    measures: Mapping[str, float]
    grid: Path | None
    grid_at: int


def watch(
    run: Annotated[str, typer.Argument(help="an entry of train: in params.yaml")],
    once: Annotated[bool, typer.Option("--once", help="what is there now, then end")] = False,
    every_s: Annotated[float, typer.Option(help="seconds between two looks", min=0.1)] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object a line")] = False,
) -> None:
    """Show the newest grid and losses of a training, in a page that renews itself, until it ends.

    Example: memegan watch cyclegan
    """
    is_known = PARAMS_FILE.exists() and run in raw_section("train", path=PARAMS_FILE)
    known, told = -1, False
    while True:
        folder = newest(dvc_root(), run, must_exist=once or not is_known)
        size = (folder / EVENTS).stat().st_size if folder else -1
        if folder and size != known:
            known, now = size, view(folder)
            part = (folder / PREVIEW).with_suffix(".part")
            part.write_text(page(now, every_s), encoding="utf-8")
            part.replace(folder / PREVIEW)
            _say(json.dumps(_record(now)) if as_json else _line(now, show_page=not told))
            told = True
            if now.state != "running":
                return
        if once:
            return
        if folder is None and not told:
            sys.stderr.write(f"waiting for a training of '{run}' (Ctrl-C ends it)\n")
            told = True
        time.sleep(every_s)


def newest(root: Path, run: str, must_exist: bool) -> Path | None:
    """Return the spool of `run` in `root`/runs that was written last, DVC's queue included.

    Raises:
        DataError: there is none, and it must exist.
    """
    found: dict[str, list[Path]] = {}
    for path in (root / "runs").glob(f"*/{EVENTS}"):
        with path.open("rb") as file:
            begin = next((event for _, event in scan(file.readline())), None)
        if begin:
            found.setdefault(begin["about"]["tags"].get("memegan.run", ""), []).append(path)
    if run in found:
        return max(found[run], key=lambda path: path.stat().st_mtime).parent
    if must_exist:
        raise DataError(
            f"no training of '{run}' has begun{did_you_mean(run, found)}",
            where=str(root / "runs"),
            fix=f"run: dvc repro train@{run} (trainings that are there: {', '.join(found) or '-'})",
        )
    return None


def view(folder: Path) -> View:
    """Read a spool."""
    events = read_events(folder / EVENTS)
    about = events[0]["about"]
    losses: dict[str, list[Point]] = {}
    measures: dict[str, float] = {}
    pictures = []
    for event in events:
        if event["kind"] == "metrics":
            for name, value in event["values"].items():
                losses.setdefault(name, []).append((event["step"], value))
        elif event["kind"] == "measures":
            measures |= event["values"]
        elif event["kind"] == "image" and (folder / event["file"]).exists():
            pictures.append((event["step"], folder / event["file"]))
    grid_at, grid = max(pictures, default=(0, None))
    return View(
        run=about["tags"]["memegan.run"],
        folder=folder,
        images_seen=max(event["step"] for event in events),
        total_images=about["params"].get("total_images", "?"),
        state=events[-1]["status"].lower() if events[-1]["kind"] == "end" else "running",
        losses={name: sorted(points) for name, points in sorted(losses.items())},
        measures=measures,
        grid=grid,
        grid_at=grid_at,
    )


def page(now: View, every_s: float) -> str:
    """Write the page: one file, no script, nothing from elsewhere."""
    again = f'<meta http-equiv="refresh" content="{max(1, round(every_s))}">'
    rate = now.measures.get("images_per_s")
    pace = f", {rate:.3g} images a second" if rate else ""
    charts = "".join(
        f"<figure>{chart(points)}<figcaption>{escape(name)} <b>{points[-1][1]:.4g}</b>"
        "</figcaption></figure>"
        for name, points in now.losses.items()
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">{again if now.state == "running" else ""}
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(now.run)} {now.images_seen}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 68rem;
  padding: 0 1rem; }}
img {{ max-width: 100%; image-rendering: pixelated; }}
section {{ display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; }} figure {{ margin: 0; }}
polyline {{ fill: none; stroke: #6a3df0; stroke-width: 1.5; }}
</style></head><body>
<h1>{escape(now.run)}</h1>
<p>{now.images_seen} of {escape(now.total_images)} images seen{pace}; {escape(now.state)}.</p>
{_picture(now)}
<section>{charts}</section>
</body></html>
"""


def chart(points: Sequence[Point]) -> str:
    """Draw finite points as one SVG line, lowest value at the bottom."""
    step = max(1, math.ceil(len(points) / MOST))
    known = [(x, y) for x, y in [*points[:-1:step], *points[-1:]] if math.isfinite(y)]
    if not known:
        return f'<svg width="{WIDE}" height="{HIGH}"></svg>'
    (left, right), ys = (known[0][0], known[-1][0]), [y for _, y in known]
    low, high = min(ys), max(ys)
    half = high / 2 - low / 2  # a half: the whole may be too large for a float

    def place(x: int, y: float) -> str:
        across = (x - left) / (right - left) if right > left else 0.5
        up = (y / 2 - low / 2) / half if half else 0.5
        return f"{across * WIDE:.1f},{2 + (1 - up) * (HIGH - 4):.1f}"

    line = " ".join(place(x, y) for x, y in known)
    title = f"<title>{left} to {right} images: {low:.4g} to {high:.4g}</title>"
    return f'<svg width="{WIDE}" height="{HIGH}">{title}<polyline points="{line}"/></svg>'


def _picture(now: View) -> str:
    if now.grid is None:
        return "<p>No grid yet.</p>"
    data = base64.b64encode(now.grid.read_bytes()).decode()
    return f'<p>At {now.grid_at} images:<br><img alt="grid" src="data:image/png;base64,{data}"></p>'


def _line(now: View, show_page: bool) -> str:
    last = ", ".join(f"{name} {value:.4g}" for name, value in _last(now))
    where = f"  {now.folder / PREVIEW}" if show_page else ""
    return f"{now.run} {now.images_seen} of {now.total_images}, {now.state}: {last}{where}"


def _record(now: View) -> dict[str, object]:
    return {
        "run": now.run,
        "key": now.folder.name,
        "state": now.state,
        "images_seen": now.images_seen,
        "losses": {name: value if math.isfinite(value) else None for name, value in _last(now)},
        "measures": dict(now.measures),
        "page": str(now.folder / PREVIEW),
    }


def _last(now: View) -> Iterator[tuple[str, float]]:
    for name, points in now.losses.items():
        yield name, points[-1][1]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
