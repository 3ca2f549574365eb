"""`mlflow server` on loopback, which can be stopped and started again; and what a store holds."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests
from mlflow.entities import Run
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from memegan.tracking.store import Store


class Server:
    """A server over a database in `folder`, always on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        store = ["--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}"]
        files = ["--artifacts-destination", str(self.folder / "files")]
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *store, *files, *place],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )
        patient = Retry(total=None, connect=400, backoff_factor=0.3, backoff_max=0.3)
        with requests.Session() as session:
            session.mount(self.uri, HTTPAdapter(max_retries=patient))
            session.get(f"{self.uri}/health", timeout=60).raise_for_status()

    def stop(self) -> None:
        """Kill it with all its processes."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def eventually(holds: Callable[[], bool], within_s: float = 120) -> None:
    """Wait until it holds.

    Raises:
        TimeoutError: it never did.
    """
    last, pause = time.monotonic() + within_s, threading.Event()
    while not holds():
        if time.monotonic() > last:
            raise TimeoutError(f"not within {within_s:g} s")
        pause.wait(0.1)


def runs(store: Store) -> list[Run]:
    """List the runs of the store."""
    return list(store.client.search_runs([store.experiment_id]))


def only_run(store: Store, key: str) -> Run:
    """Return the one run of a key."""
    (found,) = store.client.search_runs([store.experiment_id], f"tags.`memegan.key` = '{key}'")
    return found


def points(store: Store, run: Run, name: str) -> list[tuple[int, float]]:
    """List (step, value) of all points of a metric, those that are there twice too."""
    history = store.client.get_metric_history(run.info.run_id, name)
    return sorted((point.step, point.value) for point in history)


def files(store: Store, run: Run, under: str | None = None) -> list[str]:
    """List the files of a run."""
    found = []
    for file in store.client.list_artifacts(run.info.run_id, under):
        found += files(store, run, file.path) if file.is_dir else [file.path]
    return sorted(found)
