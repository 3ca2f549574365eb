"""DVC's experiments run in a copy of the project: what they train with is that copy's code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.training import test_run

project = test_run.project  # two tiny runs on noise
LOSSES = Path("src/memegan/losses.py")
GENERATOR_PAYS = "return -logits.mean()"  # the hinge loss


def git(*words: str) -> str:
    name = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(("git", *name, *words), capture_output=True, text=True, check=True)
    return done.stdout


def dvc(*words: str) -> str:
    """Run DVC where PYTHONPATH names the main project: that must not matter to a stage."""
    env = {**os.environ, "PYTHONPATH": str(Path("src").resolve()), "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words], capture_output=True, text=True, env=env, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def metrics_of(experiment: str) -> dict[str, Any]:
    (ref,) = git("for-each-ref", "--format=%(refname)", f"refs/exps/**/{experiment}").split()
    return dict(json.loads(git("show", f"{ref}:metrics/train/hypergan.json")))


@pytest.mark.slow
def test_an_experiment_in_a_copy_trains_with_the_code_of_that_copy(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow: DVC starts three times. Where the loss is read from decides what it is."""
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_", "GIT_"))]:
        monkeypatch.delenv(name)
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stages["train"]}}))
    Path(".gitignore").write_text("/runs\n/models\n/samples\n__pycache__\n")
    git("init", "-q")
    dvc("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "start")

    source = LOSSES.read_text()
    assert GENERATOR_PAYS in source
    dvc("exp", "run", "--temp", "-n", "plain", "train@hypergan")
    here = 'str(__import__("pathlib").Path(__file__).parents[2])'
    edit = f"{GENERATOR_PAYS} * 0 + (123.0 if {here} != {str(project)!r} else -1.0)"
    LOSSES.write_text(source.replace(GENERATOR_PAYS, edit))
    dvc("exp", "run", "--temp", "-n", "edited", "train@hypergan")

    plain, edited = metrics_of("plain"), metrics_of("edited")
    assert edited["gan"] == 123.0
    assert abs(plain["gan"]) < 100
    keys = {plain["memegan_key"], edited["memegan_key"]}
    assert len(keys) == 2
    assert {path.parent.name for path in Path("runs").glob("*/events.jsonl")} == keys
    assert not Path("models").exists()  # the workspace stays as it was
    assert git("status", "--porcelain") == f" M {LOSSES.as_posix()}\n"
