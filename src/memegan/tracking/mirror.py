"""Track a training on disk, and let a process of its own mirror it to MLflow meanwhile.

A process and not a thread: importing MLflow takes seconds of Python's lock, a store may hang, and
a change to the sender must not make trained models stale. It ends with the training, however that
ends, and what it could not send waits for `memegan sync`.
"""

import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from memegan.errors import Stopped
from memegan.tracking.spool import Spool

SENDER = "memegan.tracking.sender"
SWITCH = "MEMEGAN_TRACKING"  # "spool" writes the spool alone: for a node without a network
log = logging.getLogger(__name__)


@contextmanager
def mirrored(
    folder: Path, tags: Mapping[str, str], params: Mapping[str, object], wait_s: float = 60
) -> Iterator[Spool]:
    """Track into `folder` (ROOT/runs/KEY), mirrored to MLFLOW_TRACKING_URI or ROOT/mlflow.db.

    Args:
        tags: key, stage, run, variant, data (a digest); they become `memegan.<name>`.
        params: as nested as they are; they become flat, dotted parameters.
        wait_s: how long a store may take for what is left at the end.
    """
    spool = Spool(folder, {"tags": _tags(tags), "params": dict(flat(params)), "data": _data(tags)})
    with mirroring(folder, wait_s=wait_s):
        try:
            yield spool
        except (Stopped, KeyboardInterrupt, SystemExit) as stop:
            spool.end("KILLED", str(stop).partition("\n")[0])
            raise
        except BaseException as error:
            spool.end("FAILED", f"{type(error).__name__}: {error}".partition("\n")[0])
            raise
        spool.end("FINISHED")


@contextmanager
def mirroring(*folders: Path, wait_s: float = 60) -> Iterator[None]:
    """Send what is noted in the folders during the block, and the rest at its end."""
    sender = _start(folders)
    try:
        yield
    finally:
        if sender is not None:
            _finish(sender, wait_s)


def flat(values: Mapping[str, object], at: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted name, text) for every leaf; a text stays as it is, all else is JSON."""
    for name, value in values.items():
        match value:
            case dict():
                yield from flat(value, f"{at}{name}.")
            case str():
                yield f"{at}{name}", value
            case _:
                yield f"{at}{name}", json.dumps(value)


def _start(folders: tuple[Path, ...]) -> subprocess.Popen[bytes] | None:
    if os.environ.get(SWITCH) == "spool" or not _is_installed("mlflow"):
        log.info("records wait in %s; memegan sync sends them", ", ".join(map(str, folders)))
        return None
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", SENDER, *(str(folder.resolve()) for folder in folders)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C is for the training, which then ends its sender
    )


def _finish(sender: subprocess.Popen[bytes], wait_s: float) -> None:
    try:
        sender.communicate(b"end\n", timeout=wait_s)  # a pipe that ends otherwise ends it at once
    except subprocess.TimeoutExpired:
        log.warning("MLflow is slow, nothing is lost: memegan sync sends the rest")
    finally:
        sender.kill()
        sender.wait()


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def _tags(given: Mapping[str, str]) -> dict[str, str]:
    """Name the tags, and add what the surroundings know: the commit, DVC's experiment."""
    tags = {f"memegan.{name}": value for name, value in given.items()}
    for tag, name in (("dvc.exp", "DVC_EXP_NAME"), ("dvc.baseline", "DVC_EXP_BASELINE_REV")):
        if value := os.environ.get(name):
            tags[tag] = value
    if git := shutil.which("git"):
        asked = [git, "rev-parse", "--verify", "-q", "HEAD"]  # says nothing where there is none
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            tags["mlflow.source.git.commit"] = answer.stdout.strip()
    return tags


def _data(tags: Mapping[str, str]) -> dict[str, str] | None:
    """Describe the data set by the manifest's digest, as long as MLflow keeps (36 characters)."""
    digest = tags.get("data")
    return {"name": "data/manifest.csv", "digest": digest[:36]} if digest else None
