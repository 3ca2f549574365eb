"""A training whose process is killed, or refused a disk, ends with the same bits as any other."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
import torch
from tests.training.trainer import EVERY, Order, go_on, stopped_after, unstopped, work

from memegan.tracking.events import read_events
from memegan.training.lock import locked

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Training:
    """A training in a process of its own, which takes one step for each word."""

    def __init__(self, name: str, folder: Path, file_limit_bytes: int = 0) -> None:
        self.told = folder.with_name(f"told-{os.urandom(4).hex()}")
        order = Order(name, folder, self.told, file_limit_bytes)
        fresh = multiprocessing.get_context("forkserver")
        self.line, theirs = fresh.Pipe()
        self.process = fresh.Process(target=work, args=(order, theirs))
        self.process.start()
        theirs.close()

    def after_step(self, count: int) -> None:
        """Let it come to the end of its next `count`th step, where it waits, not yet saved."""
        for step in range(count):
            if step:
                self.line.send("go on")
            assert self.line.recv() == "step"

    def end(self) -> tuple[int | None, str]:
        """Let it go on by itself; return exit code and what it told."""
        self.line.close()
        self.process.join(120)
        return self.process.exitcode, self.told.read_text()


Start = Callable[..., Training]


@pytest.fixture(scope="module", autouse=True)
def forked() -> Iterator[None]:
    """Fork all processes from one that has loaded torch; no store, no foreign settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("MLFLOW_", "DVC_", "MEMEGAN_")):
                patch.delenv(name)
        patch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")
        patch.setenv("MEMEGAN_TRACKING", "spool")
        multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.training.trainer"])
        yield


@pytest.fixture
def start() -> Iterator[Start]:
    """Start trainings: none outlives its test."""
    begun: list[Training] = []

    def begin(name: str, folder: Path, file_limit_bytes: int = 0) -> Training:
        begun.append(Training(name, folder, file_limit_bytes))
        return begun[-1]

    yield begin
    for training in begun:
        training.process.kill()
        training.process.join()


@pytest.mark.parametrize("name", EVERY)
def test_killed_three_times_and_run_again_it_ends_with_the_same_bits_and_no_double_points(
    name: str, tmp_path: Path, start: Start
) -> None:
    folder, moments = tmp_path / name, Random(name)
    for _ in range(3):
        training = start(name, folder)
        training.after_step(moments.randint(2, 3))
        if moments.random() < 0.5:
            training.line.send("go on")  # and die somewhere in saving or in the next step
        training.process.kill()
        training.process.join()
        assert training.process.exitcode == -signal.SIGKILL
    assert start(name, folder).end()[0] == 0
    state, tracker = unstopped(name, tmp_path)
    assert (folder / "state.safetensors").read_bytes() == state
    events = read_events(folder / "events.jsonl")
    points = [(e["step"], e["values"]) for e in events if e["kind"] == "metrics"]
    assert points == tracker.noted_metrics
    grids = [e["step"] for e in events if e["kind"] == "image"]
    assert grids == [seen for seen, _, _ in tracker.noted_images]


@pytest.mark.parametrize(
    ("number", "code", "why"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")]
)
def test_a_signal_ends_it_after_this_step_with_its_state_saved(
    number: int, code: int, why: str, tmp_path: Path, start: Start
) -> None:
    training = start("resnet", tmp_path / "run")
    training.after_step(4)
    assert training.process.pid is not None
    os.kill(training.process.pid, number)
    ended, told = training.end()
    assert ended == code
    assert f"error: stopped by {why}; the state is saved\n  where: 8 of 20 images seen\n" in told
    assert "Traceback" not in told
    last = read_events(tmp_path / "run" / "events.jsonl")[-1]
    assert (last["kind"], last["status"], last["step"]) == ("end", "KILLED", 8)
    go_on("resnet", tmp_path / "run" / "state.safetensors")
    assert (tmp_path / "run" / "state.safetensors").read_bytes() == unstopped("resnet", tmp_path)[0]


def test_a_second_process_in_the_same_folder_is_refused_and_the_first_goes_on(
    tmp_path: Path, start: Start
) -> None:
    first = start("resnet", tmp_path / "run")
    first.after_step(2)
    code, told = start("resnet", tmp_path / "run").end()
    assert code == 1
    assert "error: another process trains this very run\n" in told
    assert "Traceback" not in told
    assert first.end()[0] == 0
    assert (tmp_path / "run" / "state.safetensors").read_bytes() == unstopped("resnet", tmp_path)[0]
    with locked(tmp_path / "run" / "lock"):
        pass  # the lock of a process that is gone is free


def test_a_full_disk_is_told_and_the_old_state_is_intact(tmp_path: Path, start: Start) -> None:
    state = tmp_path / "run" / "state.safetensors"
    stopped_after("resnet", state, 3)
    before = state.read_bytes()
    code, told = start("resnet", tmp_path / "run", len(before) // 2).end()
    assert code == 1
    assert "error: the state cannot be written: " in told
    assert "memegan gc" in told
    assert "Traceback" not in told
    assert state.read_bytes() == before
    assert not list(state.parent.glob("*.part"))
    assert start("resnet", tmp_path / "run").end()[0] == 0
    assert state.read_bytes() == unstopped("resnet", tmp_path)[0]
