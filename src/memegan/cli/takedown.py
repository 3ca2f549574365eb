"""The command `memegan takedown`."""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from memegan.errors import ParamsError
from memegan.params import PARAMS_FILE, raw_section
from memegan.records import Row
from memegan.tables import read_table, write_table
from memegan.takedown import TAKEDOWN, TakedownRow

MANIFEST = Path("data/manifest.csv")


def takedown(
    values: Annotated[
        list[str],
        typer.Argument(help="urls, post ids (kind:community:id), sha256s, or ids of manifest.csv"),
    ],
    why: Annotated[str, typer.Option(help="for people, kept in the list")] = "asked for",
    as_json: Annotated[bool, typer.Option("--json", help="what is touched, as JSON")] = False,
) -> None:
    """Take something out of all that follows: data/takedown.csv, and what it touches.

    Example: memegan takedown http://demo.invalid/media/holiday_photos/12.jpg --why "author's wish"
    """
    rows = read_table(MANIFEST, Row) if MANIFEST.exists() else []
    named = [_named(value, why, rows) for value in values]
    before = read_table(TAKEDOWN, TakedownRow) if TAKEDOWN.exists() else []
    known = {(row.kind, row.value) for row in before}
    new = [row for row in named if (row.kind, row.value) not in known]
    write_table(TAKEDOWN, TakedownRow, [*before, *new])
    touched = touched_rows(rows, named)
    models = touched_models(touched)
    then = ["dvc repro", *(f"look at what models/{run} was served or shown for" for run in models)]
    if as_json:
        found = {"added": len(new), "rows": [row.id for row in touched], "models": models}
        sys.stdout.write(json.dumps(found | {"then": then}, indent=2, sort_keys=True) + "\n")
        return
    sys.stdout.write(f"{len(new)} new of {len(named)} in {TAKEDOWN.as_posix()}\n")
    for row in touched:
        sys.stdout.write(f"row {row.id} ({row.split}) {row.url}\n")
    for run, count in models.items():
        sys.stdout.write(f"models/{run} was trained on {count} of them\n")
    sys.stdout.write("now run: " + "; then ".join(then) + "\n")


def touched_rows(rows: Iterable[Row], named: Iterable[TakedownRow]) -> list[Row]:
    """Return the manifest's rows that are named by url, post or digest."""
    wanted = {(row.kind, row.value) for row in named}
    return [
        row
        for row in rows
        if wanted
        & {
            ("url", row.url),
            ("post", row.post_id),
            ("sha256", row.sha256),
            ("sha256", row.origin_sha256),
            ("sha256", row.video),
        }
    ]


def touched_models(rows: Iterable[Row]) -> Mapping[str, int]:
    """Count, for each run with a model, the training rows whose domain it reads."""
    domains = [row.domain for row in rows if row.split == "train"]
    counts = {}
    for run in raw_section("train", path=PARAMS_FILE):
        data = raw_section("train", run, "data", path=PARAMS_FILE)
        count = sum(domain in data.values() for domain in domains)
        if count and Path("models", run).exists():
            counts[run] = count
    return counts


def _named(value: str, why: str, rows: Iterable[Row]) -> TakedownRow:
    for row in rows:
        if row.id == value:
            return TakedownRow("sha256", row.origin_sha256, why)
    return TakedownRow(_kind(value), value, why)


def _kind(value: str) -> Literal["url", "post", "sha256", "phash"]:
    if re.fullmatch("[0-9a-f]{64}", value):
        return "sha256"
    if re.fullmatch("[0-9a-f]{16}", value):
        return "phash"
    if "://" in value or value.startswith("file:"):
        return "url"
    if value.count(":") >= 2:
        return "post"
    raise ParamsError(
        f"'{value}' is no url, post id, digest or id of the manifest",
        where="memegan takedown",
        fix="copy it from data/raw/fetches.csv or data/manifest.csv",
    )
