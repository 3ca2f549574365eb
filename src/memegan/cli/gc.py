"""The command `memegan gc`."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from memegan.dataset import MANIFEST
from memegan.errors import DataError, TrainingError
from memegan.params import PARAMS_FILE, raw_section
from memegan.records import FetchRow
from memegan.stage import dvc_root
from memegan.tables import iter_table
from memegan.tracking.experiments import all_revisions, keys_in
from memegan.tracking.rubbish import lost_artifacts, lost_files, old_runs
from memegan.training.lock import locked
from memegan.training.run import chosen_run, training_key

FETCHES = Path("data/raw/fetches.csv")


def gc(
    yes: Annotated[bool, typer.Option("--yes", help="delete; else it is only shown")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show, or with --yes delete, what nothing refers to: old runs, fetched files, artifacts.

    What a commit, an experiment or params.yaml refers to stays, and what MLflow was not sent yet.
    Example: memegan gc --yes
    """
    root = dvc_root()
    found = [
        *old_runs(root, wanted_keys(root), _busy(root)),
        *lost_files(root / ".memegan/store", root / FETCHES, _fetched(root / FETCHES)),
        *lost_artifacts(root),
    ]
    if yes:
        for thing in found:
            _delete(thing.path)
    told = [
        {"path": t.path.relative_to(root).as_posix(), "bytes": t.bytes, "why": t.why} for t in found
    ]
    if as_json:
        sys.stdout.write(json.dumps({"deleted": yes, "found": told}, indent=2) + "\n")
        return
    for one in told:
        sys.stdout.write(f"{one['path']}  {one['bytes']} bytes: {one['why']}\n")
    total = sum(thing.bytes for thing in found) / 2**20
    done = "deleted" if yes or not found else "shown only; memegan gc --yes deletes"
    sys.stdout.write(f"{len(found)} things, {total:.1f} MiB {done}\n")


def wanted_keys(root: Path) -> set[str]:
    """Collect the training keys of params.yaml, of the working tree, and of all refs of git.

    Raises:
        ParamsError: params.yaml cannot be read, so that nothing can be told.
    """
    keys = {key for found in keys_in(root, all_revisions(root)).values() for key in found}
    for path in (root / "metrics/train").glob("*.json"):
        keys.add(str(json.loads(path.read_text(encoding="utf-8")).get("memegan_key")))
    if MANIFEST.exists():
        for name in raw_section("train", path=PARAMS_FILE):
            with suppress(DataError):  # without its images it has never begun
                keys.add(training_key(name, chosen_run(name)[1]))
    return keys


def _busy(root: Path) -> Iterator[str]:
    for path in (root / "runs").glob("*/lock"):
        try:
            with locked(path):
                pass
        except TrainingError:
            yield path.parent.name


def _fetched(path: Path) -> set[str]:
    return {row.sha256 for row in iter_table(path, FetchRow)} if path.exists() else set()


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
