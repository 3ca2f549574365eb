"""The MLflow store: opened once under a lock, so that any number of processes may start at once."""

import hashlib
import logging
import os
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from memegan.errors import MemeganError

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "memegan"
SQLITE = "sqlite:///"
QUIET = {  # the client's own patience is four minutes a call; what the user has set stays
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


class StoreError(MemeganError):
    """The MLflow store does not answer, or not as it should."""


@dataclass(frozen=True)
class Store:
    """An open store and the experiment that all runs are in."""

    client: "MlflowClient"
    place: str
    experiment_id: str


def store_uri(root: Path) -> str:
    """Return MLFLOW_TRACKING_URI, or the project's own database.

    DVC's queue works in copies of the project: a relative SQLite path counts from `root`.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    if not uri.startswith(SQLITE):
        return uri
    return SQLITE + (root.resolve() / uri.removeprefix(SQLITE)).as_posix()


def place_of(root: Path) -> str:
    """Name the store and experiment in a short digest: an address may hold a password."""
    return hashlib.sha256(f"{store_uri(root)} {_experiment()}".encode()).hexdigest()[:12]


def open_store(root: Path) -> Store:
    """Connect, and make database and experiment where they are missing.

    Raises:
        StoreError: MLflow is not installed, or the store does not answer.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    uri = store_uri(root)
    try:
        if not uri.startswith(SQLITE):
            return _connect(uri, place_of(root), None)
        path = Path(uri.removeprefix(SQLITE))
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=120):  # two migrations at once break the tables
            store = _connect(uri, place_of(root), (path.parent / "mlartifacts").as_uri())
            with closing(sqlite3.connect(path)) as database:
                database.execute("PRAGMA journal_mode=wal")  # stays in the file
            return store
    except ImportError:
        what, fix = "MLflow is not installed", "run: make setup (or pip install mlflow)"
    except MemeganError:
        raise
    except Exception as error:  # a store fails in its driver's words: any kind of exception
        what = f"the MLflow store does not answer: {first_line(error)}"
        fix = "start it, or set MLFLOW_TRACKING_URI; then run: memegan sync"
    raise StoreError(what, where=uri_without_secret(uri), fix=fix)


def first_line(error: BaseException) -> str:
    """Say an exception in one line, however many it has, without the secrets of addresses."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"://\S*@", "://", line)[:300]


def uri_without_secret(uri: str) -> str:
    """Leave out what stands before the @ of an address: it may be a password."""
    scheme, mark, rest = uri.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def _experiment() -> str:
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT


def _connect(uri: str, place: str, artifacts: str | None) -> Store:
    from mlflow import MlflowClient  # seconds: never at the top of a module
    from mlflow.exceptions import MlflowException

    for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = MlflowClient(uri)
    name = _experiment()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return Store(client, place, str(client.create_experiment(name, artifacts)))
        except MlflowException:  # another machine was faster
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        raise StoreError(
            f"the experiment '{name}' was deleted",
            where=uri_without_secret(uri),
            fix=f"run: mlflow experiments restore -x {experiment.experiment_id}",
        )
    return Store(client, place, str(experiment.experiment_id))
