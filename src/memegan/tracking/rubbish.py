"""What nothing refers to any more: unfinished work, fetched files, artifacts of lost runs."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from memegan.tracking.deliver import is_waiting
from memegan.tracking.store import SQLITE, place_of, store_uri


@dataclass(frozen=True)
class Rubbish:
    """One file or folder that may go, and why."""

    path: Path
    bytes: int
    why: str


def old_runs(root: Path, wanted: Iterable[str], busy: Iterable[str]) -> Iterator[Rubbish]:
    """Yield the folders of `root`/runs whose key is not wanted; not what runs or waits to be sent.

    Args:
        wanted: keys that params.yaml, a commit or an experiment refers to.
        busy: keys that a living process trains.
    """
    kept, place = {*wanted, *busy}, place_of(root)
    for folder in sorted((root / "runs").glob("*/")):
        if folder.name not in kept and not is_waiting(place, folder):
            yield Rubbish(folder, _size(folder), "no params, commit or experiment has this key")


def lost_files(store: Path, fetches: Path, wanted: Iterable[str]) -> Iterator[Rubbish]:
    """Yield the fetched files that no row of `fetches` names.

    Where there is no list nothing is rubbish, and a file that is newer than the list may belong to
    a scrape that goes on.

    Args:
        store: holds files/AB/SHA256.
        wanted: the sha256 digests in the list.
    """
    if fetches.exists():
        kept, listed_at = set(wanted), fetches.stat().st_mtime
        for path in sorted((store / "files").glob("*/*")):
            about = path.stat()
            if path.name not in kept and about.st_mtime < listed_at:
                yield Rubbish(path, about.st_size, "no row of fetches.csv names it")


def lost_artifacts(root: Path) -> Iterator[Rubbish]:
    """Yield the artifact folders of runs that the project's own database does not hold."""
    database = Path(store_uri(root).removeprefix(SQLITE))
    if not store_uri(root).startswith(SQLITE) or not database.exists():
        return
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
        known = {row[0] for row in opened.execute("SELECT run_uuid FROM runs")}
    for folder in sorted((database.parent / "mlartifacts").glob("*/")):
        if re.fullmatch("[0-9a-f]{32}", folder.name) and folder.name not in known:
            yield Rubbish(folder, _size(folder), "its run is not in the database")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
