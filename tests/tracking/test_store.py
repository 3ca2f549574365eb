"""The project's own database: made by many at once, in copies of the project, and from outputs."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image
from tests.tracking.conftest import Trainer
from tests.tracking.server import files, only_run, points, runs
from tests.training import test_run

from memegan.stage import write_json
from memegan.tracking.events import append, event, read_events
from memegan.tracking.mirror import SWITCH, mirrored
from memegan.tracking.notes import note_eval
from memegan.tracking.store import StoreError, open_store
from memegan.tracking.sync import sync
from memegan.training.run import train_run

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own
project = test_run.project  # two tiny runs on noise


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables and nothing in them: seconds to make, so made once."""
    path = tmp_path_factory.mktemp("tables") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def root(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a project whose trainings send nothing by themselves."""
    shutil.copy(tables, tmp_path / "mlflow.db")
    monkeypatch.setenv(SWITCH, "spool")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(folder: Path, steps: int = 2, begin: int = 0) -> None:
    """Note a training of so many steps."""
    tags = {"key": folder.name, "stage": "train", "run": "tiny", "variant": "mean"}
    with mirrored(folder, tags, {"model": {"generator": "unet"}, "seed": 7}) as tracker:
        tracker.begin(begin)
        for seen in range(begin + 10, begin + 10 * steps + 1, 10):
            tracker.metrics({"gan": 1 / seen}, seen)
            tracker.images("grid", torch.full((3, 8, 8), seen, dtype=torch.uint8), seen)


def test_four_trainings_at_once_make_one_fresh_database_and_nobody_loses_a_point(
    tmp_path: Path, trainers: list[Trainer]
) -> None:
    keys = [f"aa0{n}" for n in range(4)]
    trainers += [Trainer(tmp_path / "runs" / key) for key in keys]
    for trainer in trainers:
        trainer.say("step", "step", "step")
    ended = [trainer.end() for trainer in trainers]
    assert ended == [(0, "")] * 4
    store = open_store(tmp_path)
    assert len(runs(store)) == 4
    for key in keys:
        run = only_run(store, key)
        assert run.info.status == "FINISHED"
        assert points(store, run, "cycle") == [(10, 10.0), (20, 20.0), (30, 30.0)]
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_grid_of_a_queued_run_opens_when_its_copy_of_the_project_is_gone(
    project: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy has settings of its own: a relative address still means the main project."""
    shutil.copy(tables, tmp_path / "mlflow.db")
    copy = tmp_path / ".dvc/tmp/exps/one"
    copy.mkdir(parents=True)
    for name in ("src", "stages", "data", "dvc.yaml", "params.yaml"):
        shutil.move(name, copy / name)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("DVC_EXP_NAME", "gen-2")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)  # as `mlflow run` sets it
    monkeypatch.delenv(SWITCH)
    train_run("hypergan", "cpu")
    shown = (copy / "samples/hypergan/000000016.png").read_bytes()
    key = json.loads(Path("metrics/train/hypergan.json").read_text())["memegan_key"]
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(copy)
    store = open_store(tmp_path)
    run = only_run(store, key)
    assert run.info.status == "FINISHED"
    assert run.data.tags["dvc.exp"] == "gen-2"
    assert run.info.run_name == "train-hypergan dcgan gen-2"
    (grid,) = [n for n in files(store, run, "images") if "+step+16+" in n and n.endswith(".png")]
    assert run.info.artifact_uri.startswith((tmp_path / "mlartifacts").as_uri())
    found = Path(store.client.download_artifacts(run.info.run_id, grid))
    assert found.read_bytes() == shown
    with Image.open(found) as picture:
        picture.load()
    assert "model/model.json" in files(store, run, "model")


def test_a_run_that_was_pulled_is_rebuilt_in_an_empty_store_and_adds_nothing_to_a_full_one(
    project: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `dvc pull` and the run cache bring are the tracked outputs; the spool stays at home."""
    for name in ("first.db", "second.db"):
        shutil.copy(tables, tmp_path / name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///first.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "first")
    train_run("hypergan", "cpu")
    sync(tmp_path)
    key = json.loads(Path("metrics/train/hypergan.json").read_text())["memegan_key"]
    shutil.rmtree("runs")
    write_json(Path("metrics/eval/hypergan.json"), {"swd": {"value": 1.5, "high": 2.0}})
    first = open_store(tmp_path)
    known = only_run(first, key)
    losses = Path("plots/train/hypergan.csv").read_text().splitlines()[0].split(",")[1:]
    before = {name: points(first, known, name) for name in losses}
    again = sync(tmp_path)
    assert (again.restored, again.runs) == ([key], {key: known.info.run_id})
    assert len(runs(first)) == 1
    assert {name: points(first, known, name) for name in losses} == before
    assert points(first, known, "eval/swd") == [(20, 1.5)]

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///second.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "second")
    shutil.rmtree("runs")
    sync(tmp_path)
    assert sync(tmp_path).events == 0
    second = open_store(tmp_path)
    (rebuilt,) = runs(second)
    known = only_run(first, key)
    assert rebuilt.data.params == known.data.params
    assert rebuilt.info.status == "FINISHED"
    assert max(len(found) for found in before.values()) == 10
    for name in losses:
        np.testing.assert_allclose(points(second, rebuilt, name), before[name], rtol=1e-5)
    assert points(second, rebuilt, "eval/swd") == [(20, 1.5)]
    assert files(second, rebuilt, "model") == files(first, known, "model")
    assert len(files(second, rebuilt, "images")) == len(files(first, known, "images")) == 6


def test_a_training_from_the_start_is_a_run_of_its_own_and_takes_the_key_over(root: Path) -> None:
    trained(root / "runs/aa", 2)
    sync(root)
    trained(root / "runs/aa", 3)
    sync(root)
    store = open_store(root)
    assert len(runs(store)) == 2
    assert [step for step, _ in points(store, only_run(store, "aa"), "gan")] == [10, 20, 30]
    (former,) = (r for r in runs(store) if "memegan.former_key" in r.data.tags)
    assert [step for step, _ in points(store, former, "gan")] == [10, 20]


def test_a_run_that_was_deleted_by_hand_stays_deleted(root: Path) -> None:
    trained(root / "runs/aa")
    store = open_store(root)
    store.client.delete_run(sync(root).runs["aa"])
    trained(root / "runs/aa", 1, begin=20)
    note_eval(root / "runs/aa", {"swd": {"value": 1.5}})
    assert sync(root).failed == {}
    assert runs(store) == []


def test_a_spool_that_the_store_refuses_does_not_hold_up_the_others(root: Path) -> None:
    for key in ("aa", "bb", "cc"):
        trained(root / "runs" / key)
    bad = {"values": {"a name with a %": 1.0}}
    append(root / "runs/bb/events.jsonl", event("metrics", 30, bad))
    done = sync(root)
    assert set(done.runs) == {"aa", "cc"}
    assert "Invalid value" in done.failed["bb"]


def test_a_picture_that_is_lost_from_the_spool_is_told_by_its_run(root: Path) -> None:
    trained(root / "runs/aa")
    (root / "runs/aa/grid/000000010.png").unlink()
    assert "000000010.png" in sync(root).failed["aa"]


def test_losses_that_are_no_numbers_arrive_as_such(root: Path) -> None:
    trained(root / "runs/aa", 1)
    for step, value in ((20, float("nan")), (30, float("inf"))):
        append(root / "runs/aa/events.jsonl", event("metrics", step, {"values": {"gan": value}}))
    assert sync(root).failed == {}
    store = open_store(root)
    ten, nan, inf = (value for _, value in points(store, only_run(store, "aa"), "gan"))
    assert (ten, nan != nan, inf > 1e300) == (0.1, True, True)


def test_a_deleted_experiment_is_told_with_the_way_back(root: Path) -> None:
    store = open_store(root)
    store.client.delete_experiment(store.experiment_id)
    with pytest.raises(StoreError, match="was deleted") as error:
        sync(root)
    assert error.value.fix == f"run: mlflow experiments restore -x {store.experiment_id}"


def test_a_database_that_is_none_is_told_and_nothing_is_lost(root: Path) -> None:
    trained(root / "runs/aa")
    (root / "mlflow.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="does not answer"):
        sync(root)
    assert len(read_events(root / "runs/aa/events.jsonl")) == 6


def test_a_new_store_gets_all_that_an_old_one_had(
    root: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(root / "runs/aa")
    sync(root)
    shutil.copy(tables, root / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert sync(root).events == 6
    store = open_store(root)
    assert len(points(store, only_run(store, "aa"), "gan")) == 2
