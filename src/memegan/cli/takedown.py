"""The command `memegan takedown`."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from memegan.cli.lineage import JSON, models_of, read_models
from memegan.errors import ParamsError
from memegan.fetching.store import Store
from memegan.images.candidates import candidates
from memegan.images.memory import forget
from memegan.records import DuplicateRow, FetchRow, KeptRow, Row
from memegan.sources.files.base import ARCHIVES
from memegan.stage import dvc_root, sha256_of
from memegan.tables import read_table, write_table
from memegan.takedown import TAKEDOWN, TakedownRow

MANIFEST = Path("data/manifest.csv")
RAW, FRAMES = Path("data/raw"), Path("data/frames")
DUPLICATES = Path("data/dedup/duplicates.csv")
SHOWN = ("data/card.md", "data/croissant.json", "report/index.html")  # made anew by dvc repro
MADE = ("models/{}", "samples/{}", "metrics/eval/{}.json", "plots/eval/{}")
Kind = Literal["url", "post", "sha256", "phash"]
Name = tuple[Kind, str]  # as in takedown.csv


def takedown(
    values: Annotated[
        list[str],
        typer.Argument(help="urls, post ids (kind:community:id), sha256s, or ids of manifest.csv"),
    ],
    why: Annotated[str, typer.Option(help="for people, kept in the list")] = "asked for",
    as_json: Annotated[bool, typer.Option("--json", help="what is touched, as JSON")] = False,
) -> None:
    """Take something out of all that follows: data/takedown.csv, and what it touches.

    The same picture elsewhere goes with it: other urls of the same bytes, and duplicates that
    were dropped in its favour and would come up in its place. Its files leave the store at once,
    packs and models by the commands that are told.

    Example: memegan takedown http://demo.invalid/media/holiday_photos/12.jpg --why "author's wish"
    """
    rows = read_table(MANIFEST, Row) if MANIFEST.exists() else []
    named = [_named(value, why, rows) for value in values]
    names: set[Name] = {(row.kind, row.compared) for row in named}
    named += [TakedownRow(kind, value, why) for kind, value in sorted(same_pictures(names) - names)]
    before = read_table(TAKEDOWN, TakedownRow) if TAKEDOWN.exists() else []
    known = {(row.kind, row.compared) for row in before}
    new = [row for row in named if (row.kind, row.compared) not in known]
    write_table(TAKEDOWN, TakedownRow, [*before, *new])
    names = {(row.kind, row.compared) for row in named}
    touched = touched_rows(rows, names)
    models = dict(models_of([vars(row) for row in touched], [about for _, about in read_models()]))
    found: JSON = {
        "added": len(new),
        "rows": [row.id for row in touched],
        "removed_from_store": forgotten(names),
        "models": models,
        "made_with_them": made_with(models),
        "then": commands(names, models),
    }
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2, sort_keys=True) + "\n")
        return
    sys.stdout.write(f"{len(new)} new of {len(named)} in {TAKEDOWN.as_posix()}\n")
    sys.stdout.write(f"{found['removed_from_store']} files removed from the store\n")
    for row in touched:
        sys.stdout.write(f"row {row.id} ({row.split}) {row.url}\n")
    for run, splits in models.items():
        counts = ", ".join(f"{count} {split}" for split, count in splits.items())
        sys.stdout.write(f"models/{run} used {counts} of them\n")
    sys.stdout.writelines(f"made with them: {path}\n" for path in found["made_with_them"])
    sys.stdout.write("now run: " + "; then ".join(found["then"]) + "\n")


def same_pictures(names: set[Name]) -> set[Name]:
    """Return further names under which the named pictures are here: bytes, urls, duplicates."""
    if not (RAW / "fetches.csv").exists():
        return set()
    here = list(candidates(RAW, FRAMES)) if (FRAMES / "frames.csv").exists() else []
    digest_of = {one.row.id: one.row.sha256 for one in here}  # several urls may share an id
    chosen = {one.row.id for one in here if names & _names(one.row)}
    pairs = read_table(DUPLICATES, DuplicateRow) if DUPLICATES.exists() else []
    ties = [{pair.dropped, pair.kept} for pair in pairs if pair.level != "template"]
    while grown := {one for tie in ties if tie & chosen for one in tie} - chosen:
        chosen |= grown
    digests = {digest_of[one] for one in chosen if one in digest_of}
    fetched = read_table(RAW / "fetches.csv", FetchRow)
    digests |= {f.sha256 for f in fetched if f.sha256 and names & _fetch_names(f)}
    urls = {f.url for f in fetched if f.sha256 in digests}  # so that they are not even asked for
    found: set[Name] = {("sha256", digest) for digest in digests}
    return found | {("url", url) for url in urls}


def touched_rows(rows: Iterable[Row], names: set[Name]) -> list[Row]:
    """Return the manifest's rows that are named by url, post or digest."""
    return [row for row in rows if names & (_names(row) | {("sha256", row.origin_sha256)})]


def forgotten(names: set[Name]) -> int:
    """Delete the named files from the scrape's store and from brought folders; count them.

    What dedup saw of them is forgotten too.
    """
    root, digests = dvc_root() / ".memegan", {value for kind, value in names if kind == "sha256"}
    removed = 0
    if (root / "store").exists():
        with Store(root / "store") as store:
            removed = sum(map(store.remove, digests))
    forget(root / "dedup", digests)
    for path in sorted((root / "brought").rglob("*")):
        if path.is_file() and path.parent.name != ARCHIVES and sha256_of(path) in digests:
            path.unlink()
            removed += 1
    return removed


def archives_with(names: set[Name]) -> list[str]:
    """List the brought archives that hold a named picture; nothing is cut out of them."""
    root = dvc_root()
    inside = {found[1] for _, v in names if (found := re.search(r"#([0-9a-f]{16})\.\d+$", v))}
    paths = (root / ".memegan" / "brought").glob(f"*/{ARCHIVES}/*")
    return sorted(p.relative_to(root).as_posix() for p in paths if p.name in inside)


def made_with(runs: Iterable[str]) -> list[str]:
    """List the files of these runs, and what describes the data, as far as they are here."""
    paths = [*(text.format(run) for run in runs for text in MADE), *SHOWN]
    return [path for path in paths if Path(path).exists()]


def commands(names: set[Name], runs: Iterable[str]) -> list[str]:
    """List what makes all right again, in order."""
    mine = sorted(v.removeprefix("file:") for k, v in names if k == "url" and v.startswith("file:"))
    return [
        *(f"delete {path}" for path in mine),
        *(f"delete {path} (brought again, it is left unread)" for path in archives_with(names)),
        "dvc repro",
        "dvc gc --workspace --force (packs with it leave the cache; --cloud for the remote)",
        "memegan gc --yes (runs and files that nothing refers to)",
        *(f"look at what models/{run} was served or shown for" for run in runs),
    ]


def _names(row: KeptRow | Row) -> set[Name]:
    found: set[Name] = {("url", row.url), ("post", row.post_id), ("sha256", row.sha256)}
    return found | {("sha256", row.video)}


def _fetch_names(row: FetchRow) -> set[Name]:
    return {("url", row.url), ("url", row.final_url), ("post", row.post_id)}


def _named(value: str, why: str, rows: Sequence[Row]) -> TakedownRow:
    for row in rows:
        if row.id == value:
            return TakedownRow("sha256", row.origin_sha256, why)
    return TakedownRow(_kind(value), value, why)


def _kind(value: str) -> Kind:
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
