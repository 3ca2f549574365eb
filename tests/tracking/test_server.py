"""A real MLflow server: stopped and started again, silent, killed in the middle of a training."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tracking.conftest import Trainer
from tests.tracking.server import Server, eventually, files, only_run, points, runs

from memegan.tracking.deliver import is_waiting
from memegan.tracking.events import read_events
from memegan.tracking.notes import note_eval
from memegan.tracking.store import Store, open_store, place_of
from memegan.tracking.sync import sync

FOUR = [(seen, float(seen)) for seen in (10, 20, 30, 40)]
TOLD = "nothing is lost (memegan sync)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests of this file: it takes seconds to start."""
    made = Server(tmp_path_factory.mktemp("server"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def store(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)  # nothing of another test's
    return open_store(tmp_path)


def test_a_server_that_is_down_for_a_while_gets_everything_once(
    server: Server, store: Store, tmp_path: Path, trainers: list[Trainer]
) -> None:
    folder = tmp_path / "runs/aa01"
    trainer = Trainer(folder)
    trainers.append(trainer)
    trainer.say("step", "grid")
    eventually(lambda: len(runs(store)) == 1)
    server.stop()
    assert trainer.say("step", "grid") == ["30", "40"]
    status, told = trainer.end()
    assert status == 0
    assert told.count(TOLD) == 1
    assert is_waiting(place_of(tmp_path), folder)
    server.start()
    assert sync(tmp_path).failed == {}
    run = only_run(store, "aa01")
    assert run.info.status == "FINISHED"
    assert points(store, run, "cycle") == FOUR
    grids = [name for name in files(store, run, "images") if name.endswith(".png")]
    assert len(grids) == 2
    again = sync(tmp_path)
    assert (again.events, again.notes, again.runs) == (0, 0, {"aa01": run.info.run_id})


def test_all_that_is_sent_a_second_time_adds_nothing(
    store: Store, tmp_path: Path, trainers: list[Trainer]
) -> None:
    folder = tmp_path / "runs/ab01"
    trainers.append(Trainer(folder, MEMEGAN_TRACKING="spool"))
    trainers[0].say("step", "grid")
    assert trainers[0].end()[0] == 0
    page = tmp_path / "test.png"
    page.write_bytes(b"any")
    note_eval(folder, {"swd": {"value": 1.5, "low": 1.0}}, 20, {page.name: page})
    sync(tmp_path)
    run = only_run(store, "ab01")
    before = (files(store, run), points(store, run, "gan"), points(store, run, "eval/swd"))
    assert before[0] == sorted(["eval/metrics.json", "eval/test.png", *files(store, run, "images")])
    (folder / "sent.json").unlink()  # nobody knows what was sent
    assert sync(tmp_path).events == len(read_events(folder / "events.jsonl"))
    assert len(runs(store)) == 1
    assert (files(store, run), points(store, run, "gan"), points(store, run, "eval/swd")) == before


def test_a_training_killed_and_resumed_is_one_run_and_its_evaluation_comes_into_it(
    store: Store, tmp_path: Path, trainers: list[Trainer]
) -> None:
    folder = tmp_path / "runs/ac01"
    killed = Trainer(folder)
    trainers.append(killed)
    killed.say("step", "step", "step")
    eventually(lambda: len(runs(store)) == 1)
    killed.process.send_signal(signal.SIGKILL)
    killed.process.wait()
    assert only_run(store, "ac01").info.status == "RUNNING"
    resumed = Trainer(folder, 20, MEMEGAN_TRACKING="spool")  # its checkpoint lay behind
    trainers.append(resumed)
    assert resumed.say("step", "step") == ["30", "40"]
    assert resumed.end()[0] == 0
    note_eval(folder, {"swd": {"value": 0.5, "low": 0.25}}, 40)
    assert sync(tmp_path).failed == {}
    assert len(runs(store)) == 1
    run = only_run(store, "ac01")
    assert run.info.status == "FINISHED"
    assert points(store, run, "cycle") == FOUR
    assert points(store, run, "eval/swd") == [(40, 0.5)]
    assert run.data.metrics["eval/swd/low"] == 0.25


def test_a_server_that_never_answers_neither_stops_nor_slows_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainers: list[Trainer]
) -> None:
    """Each step is answered while the server still holds the sender's first request."""
    folder = tmp_path / "runs/ad01"
    with socket.create_server(("127.0.0.1", 0)) as hole:
        uri = f"http://127.0.0.1:{hole.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        hole.settimeout(120)
        trainer = Trainer(folder)
        trainers.append(trainer)
        trainer.say("step")
        held, _ = hole.accept()
        with held:
            assert trainer.say("step", "step", "step") == ["20", "30", "40"]
            status, told = trainer.end()
        assert status == 0
        assert told.count(TOLD) == 1
        steps = [e["step"] for e in read_events(folder / "events.jsonl") if e["kind"] == "metrics"]
        assert steps == [10, 20, 30, 40]
        assert is_waiting(place_of(tmp_path), folder)


def test_a_password_in_the_address_is_never_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainers: list[Trainer]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret-word@127.0.0.1:{port}")
    trainer = Trainer(tmp_path / "runs/ae01")
    trainers.append(trainer)
    trainer.say("step")
    status, told = trainer.end()
    assert status == 0
    assert TOLD in told
    assert "secret-word" not in told
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if b"secret-word" in path.read_bytes()]
