"""A search tries its settings through DVC's queue and lays them out; done again, it tries none."""

import json
import os
from pathlib import Path

import pytest
import yaml
from tests.test_queue import dvc, git
from tests.training import test_run

from memegan.cli.search import search, table
from memegan.errors import DataError, ParamsError
from memegan.search.queue import Tried

project = test_run.project  # two tiny runs on noise
VARY = ["trainer.learning_rate=log:1e-4..1e-2", "network.preset=dcgan,sngan"]
SCORE = {"value": 0.5, "low": 0.4, "high": 0.6, "higher_is_better": False}


def test_a_table_has_the_scores_the_settings_and_what_waits() -> None:
    rows = [
        Tried("search-x-1", {"network.generator": "conv 3\nlogit", "a": 1}, "Success", SCORE),
        Tried("search-x-2", {"network.generator": "conv 4", "a": 2}, "Failed"),
    ]
    lines = table(rows, "kid").splitlines()
    assert lines[0].split() == [
        "experiment",
        "kid",
        "95",
        "%",
        "interval",
        "network.generator",
        "a",
    ]
    assert lines[1].split() == ["search-x-1", "0.5", "0.4", "to", "0.6", "conv", "3", "...", "1"]
    assert lines[2].split() == ["search-x-2", "Failed", "conv", "4", "2"]


def test_a_project_without_a_commit_is_told(project: Path) -> None:
    with pytest.raises(DataError, match="a git repository with a commit"):
        search("hypergan", VARY, count=1)


@pytest.mark.slow
def test_settings_go_through_the_queue_into_one_table(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slow: DVC starts a dozen times, one of them as a worker."""
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_", "GIT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MEMEGAN_TRACKING", "spool")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.com")
    whole = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    stages = {name: whole[name] for name in ("train", "evaluate")}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["evaluate"] = {"resamples": 10}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    Path(".gitignore").write_text("/runs\n/models\n/samples\n/plots/eval\n__pycache__\n")
    git("init", "-q")
    dvc("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "start")

    search("hypergan", VARY, count=2, as_json=True)
    told = json.loads(capsys.readouterr().out)
    rows = told["tried"]
    assert [row["status"] for row in rows] == ["Success", "Success"]
    assert rows[0]["score"]["value"] <= rows[1]["score"]["value"]
    for row in rows:
        (ref,) = git("for-each-ref", "--format=%(refname)", f"refs/exps/**/{row['name']}").split()
        kept = yaml.safe_load(git("show", f"{ref}:params.yaml"))
        run = kept["train"]["hypergan"]
        assert run["trainer"]["learning_rate"] == row["setting"]["trainer.learning_rate"]
        assert run["network"]["preset"] == row["setting"]["network.preset"]
        assert kept["evaluate"]["split"] == "val"
    assert git("status", "--porcelain") == ""

    monkeypatch.setattr("memegan.search.queue.POLL_S", 0.01)
    monkeypatch.setattr("memegan.cli.search.put", lambda *words: pytest.fail("tried again"))
    search("hypergan", VARY, count=2, as_json=True)
    assert json.loads(capsys.readouterr().out) == told
    with pytest.raises(ParamsError, match="the evaluation has no 'kids'"):
        search("hypergan", VARY, count=2, score="kids", show=True)
