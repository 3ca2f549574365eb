"""The command `memegan lineage`."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from memegan.errors import DataError
from memegan.params import did_you_mean
from memegan.records import TABLES
from memegan.stage import dvc_root, sha256_of
from memegan.tables import iter_table

JSON = dict[str, Any]
POSTS, FETCHES = "data/raw/posts.csv", "data/raw/fetches.csv"
VIDEOS, FRAMES = "data/frames/videos.csv", "data/frames/frames.csv"
KEPT, DUPLICATES = "data/dedup/kept.csv", "data/dedup/duplicates.csv"
QUARANTINE, IMAGES, MANIFEST = (
    "data/dedup/quarantine.csv",
    "data/images/images.csv",
    "data/manifest.csv",
)
NAMED_BY = {  # in the order of the pipeline: the columns by which a person may name a row
    POSTS: ("post_id", "permalink"),
    FETCHES: ("url", "final_url", "sha256", "post_id"),
    VIDEOS: ("video", "name", "post_id"),
    FRAMES: ("sha256", "video"),
    KEPT: ("id", "sha256", "url", "post_id", "video"),
    DUPLICATES: ("dropped", "kept", "url", "post_id"),
    QUARANTINE: ("file", "sha256", "post_id"),
    IMAGES: ("id", "sha256", "origin_sha256", "url", "post_id", "video"),
    MANIFEST: ("id", "sha256", "origin_sha256", "url", "post_id", "video"),
}
SHOWN = {  # what of a row is told; --json has all of it
    POSTS: ("post_id", "posted_at", "licence", "credit", "permalink", "text"),
    FETCHES: ("url", "status", "reason", "snapshot", "sha256"),
    VIDEOS: ("name", "status", "reason", "video"),
    FRAMES: ("video", "time_s", "shot", "status", "reason"),
    KEPT: ("id", "sha256"),
    DUPLICATES: ("dropped", "kept", "level", "why"),
    QUARANTINE: ("file", "reason", "detail"),
    IMAGES: ("id", "width_px", "height_px", "sha256"),
    MANIFEST: ("id", "domain", "split", "group", "label"),
}
# what a run has made: its model, generated pictures, curves and metrics
_OF_RUN = (
    r"^(?:\./)?(?:models|samples|(?:plots|metrics)/(?:train|eval))/([^/]+?)(?:\.\w+)?(?:/.*)?$"
)
USES = {"train": "training", "val": "validation", "test": "the test"}


def lineage(
    what: Annotated[
        str,
        typer.Argument(
            help="a run, its key, a url, post id, sha256, id of a row, or a file, generated or not"
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="all columns, for programs")] = False,
) -> None:
    """Tell where a picture, file, post or model came from, and what it went into.

    Example: memegan lineage demo:holiday_photos:12
    """
    models = dict(read_models())
    run = run_named(what, models)
    if run:
        found = lineage_of_model(models[run], list(rows_of(MANIFEST)))
        text = _model_text(found)
    else:
        trail = trail_of(_digest_of_file(what))
        if not any(trail.values()):
            raise DataError(
                f"nothing here is called '{what}'{did_you_mean(what, models)}",
                where="data/*/*.csv, data/manifest.csv and models/",
                fix="copy a url, post id, sha256 or id out of one of them; dvc pull brings them",
            )
        used = dict(models_of(trail[MANIFEST], models.values()))
        found = {"what": what, "rows": trail, "models": used}
        text = _trail_text(trail, used)
    sys.stdout.write(json.dumps(found, indent=2, sort_keys=True) + "\n" if as_json else text)


def trail_of(name: str) -> dict[str, list[JSON]]:
    """Return, by table, the rows that are `name`, those it came from and those made of it."""
    tables = {path: list(rows_of(path)) for path in NAMED_BY}
    chosen: dict[str, set[int]] = {path: set() for path in NAMED_BY}

    def add(path: str, column: str, wanted: set[str]) -> None:
        found = enumerate(row[column] for row in tables[path])
        chosen[path] |= {n for n, value in found if value and value in wanted}

    def cells(column: str, *paths: str) -> set[str]:
        return {tables[path][n][column] for path in paths for n in chosen[path]}

    add(POSTS, "permalink", {name})
    names = {name} | cells("post_id", POSTS)
    for path, columns in NAMED_BY.items():
        for column in columns:
            add(path, column, names)
    ids = cells("id", KEPT, IMAGES, MANIFEST) | cells("dropped", DUPLICATES)
    for path in (KEPT, IMAGES, MANIFEST):
        add(path, "id", ids)
    for column in ("dropped", "kept"):
        add(DUPLICATES, column, ids)
    add(FETCHES, "url", cells("url", KEPT, IMAGES, MANIFEST))
    add(FRAMES, "sha256", cells("sha256", KEPT) | cells("origin_sha256", IMAGES, MANIFEST))
    add(VIDEOS, "video", cells("video", FRAMES, KEPT, IMAGES, MANIFEST))
    add(POSTS, "post_id", cells("post_id", FETCHES, VIDEOS, KEPT, QUARANTINE, MANIFEST))
    return {path: [tables[path][n] for n in sorted(found)] for path, found in chosen.items()}


def rows_of(path: str) -> Iterator[JSON]:
    """Yield the rows of a table as dicts; one that is not there has none."""
    if Path(path).exists():
        rows: Iterator[object] = iter_table(Path(path), TABLES[path])
        yield from map(vars, rows)


def read_models() -> Iterator[tuple[str, JSON]]:
    """Yield (run, model.json) of the models that are here."""
    for path in sorted(Path("models").glob("*/model.json")):
        yield path.parent.name, {**json.loads(path.read_text("utf-8")), "name": path.parent.name}


def run_named(what: str, models: Mapping[str, JSON]) -> str:
    """Return the run that `what` names by its name, key, or a file of its, or an empty text."""
    name = re.sub(_OF_RUN, r"\1", what)
    return next((n for n, about in models.items() if name in (n, about["memegan_key"])), "")


def lineage_of_model(about: JSON, rows: list[JSON]) -> JSON:
    """Return what a model was trained on, and what was made with it."""
    name, run = about["name"], about["run"]
    table = Path(MANIFEST)
    here = sha256_of(table) if table.exists() else ""
    sides = {}
    for side, domain in run["data"].items():
        chosen = [row for row in rows if row["domain"] == domain and _matches(row, run)]
        origins = Counter(f"{r['source']}:{r['community']} {r['licence']}".strip() for r in chosen)
        splits = Counter(row["split"] for row in chosen)
        sides[side] = {"domain": domain, "rows": dict(splits), "from": dict(origins)}
    into = ("metrics/eval/{}.json", "plots/eval/{}", "samples/{}", "report/index.html")
    spool = dvc_root() / "runs" / about["memegan_key"]
    return {
        "run": name,
        "key": about["memegan_key"],
        "variant": run["variant"],
        "images_seen": about["images_seen"],
        "manifest_sha256": about["manifest_sha256"],
        "is_of_this_manifest": about["manifest_sha256"] == here,
        "data": sides,
        "into": [p for p in (text.format(name) for text in into) if Path(p).exists()],
        "mlflow": sorted(sent["run_id"] for sent in _json(spool / "sent.json").values()),
    }


def models_of(rows: Iterable[JSON], models: Iterable[JSON]) -> Iterator[tuple[str, JSON]]:
    """Yield (run, how many of these rows it has on each side of the split)."""
    rows = list(rows)
    for about in models:
        run = about["run"]
        of_it = [r for r in rows if r["domain"] in run["data"].values() and _matches(r, run)]
        if of_it:
            yield about["name"], dict(Counter(row["split"] for row in of_it))


def _matches(row: JSON, run: JSON) -> bool:
    known = {**row["extra"], **row}
    return all(known.get(column) == value for column, value in run.get("where", {}).items())


def _digest_of_file(what: str) -> str:
    path = Path(what)
    if path.is_file():
        return sha256_of(path)
    return what.lower() if re.fullmatch("[0-9A-F]{16}|[0-9A-F]{64}", what) else what


def _json(path: Path) -> JSON:
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def _trail_text(trail: Mapping[str, list[JSON]], used: Mapping[str, JSON]) -> str:
    lines: list[str] = []
    for path, rows in trail.items():
        lines += [path] * bool(rows)
        for row in rows[:20]:
            known = ((name, row[name]) for name in SHOWN[path])
            lines.append("  " + "  ".join(f"{name}={value}" for name, value in known if value))
        lines += [f"  and {len(rows) - 20} more"] * (len(rows) > 20)
    for run, splits in used.items():
        told = (f"{splits[side]} for {use}" for side, use in USES.items() if side in splits)
        lines.append(f"models/{run}\n  {', '.join(told)}")
    return "\n".join(lines) + "\n"


def _model_text(found: JSON) -> str:
    here = "the one here" if found["is_of_this_manifest"] else "another one than the one here"
    lines = [
        f"models/{found['run']}: {found['variant']}, {found['images_seen']} images seen, "
        f"key {found['key']}",
        f"manifest {found['manifest_sha256'][:16]} ({here})",
    ]
    for side, about in found["data"].items():
        counts = ", ".join(f"{n} {split}" for split, n in sorted(about["rows"].items()))
        lines.append(f"  {side} = {about['domain']}: {counts}")
        lines += [f"    {count} from {origin}" for origin, count in about["from"].items()]
    lines += [f"into {path}" for path in found["into"]]
    lines += [f"MLflow run {run_id}" for run_id in found["mlflow"]]
    return "\n".join(lines) + "\n"
