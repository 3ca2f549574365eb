"""A small project in a folder of its own: this code, a recipe's params, the demo's pictures."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

ROOT = Path(__file__).parents[1]
DATA_STAGES = ("scrape", "frames", "dedup", "select", "resize", "manifest")


@contextmanager
def project(changes: Mapping[str, object]) -> Iterator[Path]:
    """Give a folder with the recipe `tiny`, changed by dotted names; it is gone afterwards."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("src", "stages"):
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        for part in (
            "dvc.yaml",
            "data/takedown.csv",
            "data/blocklist.csv",
            "data/decisions.csv",
            "data/inputs/README.md",
        ):
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / part, folder / part)
        params = yaml.safe_load((ROOT / "src/memegan/presets/tiny.yaml").read_text("utf-8"))
        for name, value in changes.items():
            *above, last = name.split(".")
            reduce(lambda section, key: section[key], above, params)[last] = value
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
        yield folder


def make_data(folder: Path) -> None:
    """Run the stages that make the data, without DVC."""
    for stage in DATA_STAGES:
        called(folder, f"stages/{stage}.py")


def called(folder: Path, *words: str) -> str:
    """Run Python with these words in the project, its code and no other's; return what it says."""
    known = {k: v for k, v in os.environ.items() if not k.startswith("DVC_")}
    known |= {"PYTHONPATH": str(folder / "src"), "MEMEGAN_TRACKING": "spool"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=known, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout
