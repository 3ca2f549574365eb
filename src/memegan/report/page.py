"""The report: one offline page that tells what went in, what came out, and how good it is."""

import base64
import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from pydantic import Field

from memegan.errors import DataError
from memegan.packs import read_place
from memegan.params import Section
from memegan.records import (
    DuplicateRow,
    FetchRow,
    FrameRow,
    KeptRow,
    QuarantineRow,
    Row,
    SelectedRow,
)
from memegan.tables import read_table

JSON = dict[str, Any]


class ReportParams(Section):
    """The `report` section."""

    title: str = Field(default="memegan", description="of the page")
    gallery: int = Field(default=10, ge=0, le=100, description="pictures of each domain")
    grids: int = Field(default=6, ge=1, le=50, description="moments of a training")


@dataclass(frozen=True)
class RunReport:
    """What is known of one run."""

    name: str
    variant: str
    key: str
    images_seen: int
    settings: list[tuple[str, str]]
    metrics: list[tuple[str, JSON]]
    curve: str  # SVG
    grids: list[tuple[int, str]]  # images seen, data url
    test: str  # data url


def build(p: ReportParams, runs: Sequence[str], root: Path = Path()) -> str:
    """Return the page; the same files give the same bytes.

    Raises:
        DataError: something that it tells of is missing.
    """
    rows = read_table(root / "data/manifest.csv", Row)
    told = [_run(name, p, root) for name in runs]
    template = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(resources.files("memegan.report").joinpath("page.html.j2").read_text("utf-8"))
    return template.render(
        title=p.title,
        flow=_flow(root, rows),
        drops=_drops(root),
        split=_split(rows),
        domains=_gallery(rows, p.gallery, root),
        credits=sorted({row.credit for row in rows if row.credit}),
        runs=told,
        leaderboard=comparable(leaderboard(runs, root)),
    )


def leaderboard(runs: Sequence[str], root: Path = Path()) -> list[JSON]:
    """Return one row a run and metric; what may be compared stands together, the best first."""
    found = []
    for name in runs:
        run = _json(root / f"models/{name}/model.json")["run"]
        data = {**run["data"], **run.get("where", {})}
        about = {"run": name, "data": ", ".join(f"{k}: {v}" for k, v in sorted(data.items()))}
        for metric, record in _json(root / f"metrics/eval/{name}.json").items():
            found.append({"metric": metric, **about, **record})
    return sorted(found, key=lambda r: (_alike(r), _worth(r), r["run"]))


def comparable(rows: Sequence[JSON]) -> list[list[JSON]]:
    """Part the rows of a leaderboard: numbers of one metric on the same data, n, size, encoder."""
    return [list(group) for _, group in groupby(rows, _alike)]


def _alike(row: JSON) -> tuple[str | int, ...]:
    names = ("metric", "data", "size_px", "n_real", "n_fake", "encoder", "resizer")
    return tuple(row[name] for name in names)


def _worth(row: JSON) -> float:
    value: float = row["value"]
    return -value if row["higher_is_better"] else value


def write_leaderboard(path: Path, rows: Sequence[JSON]) -> None:
    """Write report/leaderboard.csv."""
    names = [
        *("metric", "run", "value", "low", "high", "floor", "higher_is_better"),
        *("n_real", "n_fake", "size_px", "encoder", "resizer", "seed"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _run(name: str, p: ReportParams, root: Path) -> RunReport:
    about = _json(root / f"models/{name}/model.json")
    trained = _json(root / f"metrics/train/{name}.json")
    judged = _json(root / f"metrics/eval/{name}.json")
    grids = sorted((root / f"samples/{name}").glob("*.png"))
    step = max(1, (len(grids) - 1) // max(p.grids - 1, 1))
    chosen = list(dict.fromkeys([*grids[:-1:step], *grids[-1:]]))[-p.grids :]
    return RunReport(
        name=name,
        variant=about["run"]["variant"],
        key=trained["memegan_key"],
        images_seen=about["images_seen"],
        settings=sorted(_flat(about["run"])),
        metrics=sorted(judged.items()),
        curve=_curve(root / f"plots/train/{name}.csv"),
        grids=[(int(path.stem), _url(path.read_bytes())) for path in chosen],
        test=_url(_bytes(root / f"plots/eval/{name}/test.png")),
    )


def _flow(root: Path, rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Return how many pictures were left after each stage."""
    fetched = read_table(root / "data/raw/fetches.csv", FetchRow)
    frames = read_table(root / "data/frames/frames.csv", FrameRow)
    return [
        ("urls", len(fetched)),
        ("files", sum(row.status == "ok" for row in fetched)),
        ("frames kept", sum(row.status == "kept" for row in frames)),
        ("after dedup", len(read_table(root / "data/dedup/kept.csv", KeptRow))),
        ("selected", len(read_table(root / "data/select/selected.csv", SelectedRow))),
        ("in the manifest", len(rows)),
    ]


def _drops(root: Path) -> list[tuple[str, str, int]]:
    """Return (stage, reason, count) of all that did not come through, largest first."""
    found: Counter[tuple[str, str]] = Counter()
    found.update(
        ("scrape", row.reason)
        for row in read_table(root / "data/raw/fetches.csv", FetchRow)
        if row.status != "ok"
    )
    found.update(
        ("frames", row.reason)
        for row in read_table(root / "data/frames/frames.csv", FrameRow)
        if row.status == "dropped"
    )
    found.update(
        ("dedup", row.reason)
        for row in read_table(root / "data/dedup/quarantine.csv", QuarantineRow)
    )
    found.update(
        ("dedup", row.level)
        for row in read_table(root / "data/dedup/duplicates.csv", DuplicateRow)
        if row.level != "template"
    )
    ordered = sorted(found.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return [(stage, reason, count) for (stage, reason), count in ordered]


def _split(rows: Sequence[Row]) -> list[tuple[str, str, int, int, int]]:
    found = []
    for domain, community in sorted({(row.domain, row.community) for row in rows}):
        counts = Counter(r.split for r in rows if (r.domain, r.community) == (domain, community))
        found.append((domain, community, counts["train"], counts["val"], counts["test"]))
    return found


def _gallery(rows: Sequence[Row], count: int, root: Path) -> list[tuple[str, list[str]]]:
    """Return the first train pictures of each domain as data urls."""
    return [
        (
            domain,
            [
                _url(read_place(row, root))
                for row in [r for r in rows if r.domain == domain and r.split == "train"][:count]
            ],
        )
        for domain in sorted({row.domain for row in rows})
    ]


def _curve(path: Path) -> str:
    """Draw the losses as SVG, the same bytes for the same numbers; "" where there are none."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    points = list(csv.DictReader(io.StringIO(_bytes(path).decode("utf-8"))))
    if not points:
        return ""
    mpl.rcParams["svg.hashsalt"] = "memegan"
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    for name in [n for n in points[0] if n != "images_seen"]:
        known = [(int(row["images_seen"]), float(row[name])) for row in points if row[name]]
        axes.plot([x for x, _ in known], [y for _, y in known], label=name, linewidth=1)
    axes.set_xlabel("images seen")
    axes.set_yscale("symlog", linthresh=0.1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, ncols=3)
    file_ = io.StringIO()
    figure.savefig(file_, format="svg", metadata={"Date": None, "Creator": None}, transparent=False)
    return file_.getvalue()[file_.getvalue().index("<svg") :]


def _flat(values: Mapping[str, Any], at: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{at}{name}.")
        else:
            found.append((f"{at}{name}", str(value)))
    return found


def _url(data: bytes) -> str:
    kind = "png" if data[:4] == b"\x89PNG" else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _json(path: Path) -> JSON:
    try:
        found: JSON = json.loads(_bytes(path))
    except ValueError as error:
        raise DataError(f"it is not JSON: {error}", where=str(path), fix=_MEND) from None
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"it cannot be read: {error.strerror}", where=str(path), fix=_MEND
        ) from None


_MEND = "run: dvc repro (or dvc pull)"
