"""Tell what works on this machine, and how to mend what does not."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from memegan.tracking.store import uri_without_secret

TOKENS = {  # of the environment; none is needed for the demo and for material that lies here
    "VK_SERVICE_TOKEN": "vk",
    "REDDIT_CLIENT_ID": "reddit",
    "REDDIT_CLIENT_SECRET": "reddit",
    "KAGGLE_API_TOKEN": "kaggle",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> int:
    """Tell what works on this machine, and how to mend what does not.

    Example: memegan doctor
    """
    found = [check() for check in CHECKS]
    if as_json:
        sys.stdout.write(json.dumps([asdict(f) for f in found], indent=2) + "\n")
    else:
        for f in found:
            mend = f"\n        fix: {f.fix}" if f.fix and not f.ok else ""
            sys.stdout.write(f"{'ok  ' if f.ok else 'FAIL'}  {f.name:<8} {f.found}{mend}\n")
    return 0 if all(f.ok for f in found) else 1


def _python() -> Finding:
    ok = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Finding("python", ok, platform.python_version(), "install Python 3.11, 3.12 or 3.13")


def _torch() -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("torch", False, str(error), "run: make setup")
    return Finding("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")


def _gpu() -> Finding:
    try:
        import torch
    except (ImportError, OSError):
        return Finding("gpu", True, "not looked for: no torch")
    if not torch.cuda.is_available():
        return Finding("gpu", True, "none; trainings run on the CPU")
    free, total = torch.cuda.mem_get_info()
    name = torch.cuda.get_device_name()
    return Finding("gpu", True, f"{name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    return Finding("disk", free > 5, f"{free:.0f} GiB free here", "free some; 5 GiB is the least")


def _codecs() -> Finding:
    try:
        import av
    except (ImportError, OSError) as error:
        return Finding("video", False, str(error), "run: make setup")
    wanted = ("h264", "hevc", "vp9", "av1", "mpeg4")
    missing = [name for name in wanted if name not in av.codecs_available]
    there = [name for name in wanted if name not in missing]
    found = f"PyAV {av.__version__} reads {', '.join(there) or 'nothing'}"
    return Finding("video", not missing, found, f"a build of PyAV with {', '.join(missing)}")


def _packages() -> Finding:
    found, missing = [], []
    for name in ("dvc", "mlflow", "opencv-python-headless", "pandas", "pydantic"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    what = ", ".join(found) + (f"; missing: {', '.join(missing)}" if missing else "")
    return Finding("packages", not missing, what, "run: make setup")


def _store() -> Finding:
    uri = uri_without_secret(os.environ.get("MLFLOW_TRACKING_URI", ""))
    return Finding("mlflow", True, uri or "mlflow.db in the project (MLFLOW_TRACKING_URI not set)")


def _program(name: str, fix: str) -> Finding:
    ok = shutil.which(name) is not None
    return Finding(name, ok, "found" if ok else "not found", fix)


def _tokens() -> Finding:
    """Say which are set, never what they are."""
    there = [name for name in TOKENS if os.environ.get(name)]
    lacking = [f"{name} ({kind})" for name, kind in TOKENS.items() if name not in there]
    told = [f"set: {', '.join(there)}"] * bool(there)
    told += [f"not set: {', '.join(lacking)}"] * bool(lacking)
    return Finding("tokens", True, "; ".join(told))


CHECKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _torch,
    _gpu,
    _disk,
    _codecs,
    _packages,
    _store,
    lambda: _program("git", "install git"),
    lambda: _program("dvc", "source .venv/bin/activate, or write .venv/bin/dvc"),
    _tokens,
)
