"""The command `memegan ui`."""

import subprocess
import sys
from typing import Annotated

import typer

from memegan.stage import dvc_root
from memegan.tracking.store import open_store, store_uri, uri_without_secret


def ui(port: Annotated[int, typer.Option(help="where it listens on this machine")] = 5000) -> int:
    """Look at the runs in MLflow, on this machine's own page.

    Example: memegan ui --port 5001
    """
    root, uri = dvc_root(), store_uri(dvc_root())
    if uri.startswith(("http://", "https://")):
        sys.stdout.write(f"the runs are at {uri_without_secret(uri)}\n")
        return 0
    open_store(root)
    artifacts = (root / "mlartifacts").as_uri()
    words = ["--backend-store-uri", uri, "--default-artifact-root", artifacts]
    sys.stdout.write(f"http://127.0.0.1:{port} (Ctrl-C ends it)\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port), *words]
    return subprocess.run(command, check=False).returncode
