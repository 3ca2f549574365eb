"""The spool: what is on disk after kills, resumes and fresh starts. No MLflow here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from memegan.errors import Stopped
from memegan.tracking.events import append, event, read_events
from memegan.tracking.mirror import SWITCH, flat, mirrored
from memegan.tracking.notes import note_eval, read_notes
from memegan.tracking.spool import Spool

SRC = Path(__file__).parents[2] / "src"
RECORDS = {"swd": {"value": 1.5, "low": 1.0, "high": 2.0, "encoder": "none", "seed": 3}}


def spool(folder: Path) -> Spool:
    return Spool(folder, {"tags": {"memegan.key": folder.name}, "params": {}, "data": None})


def steps(folder: Path, kind: str = "metrics") -> list[int]:
    return [e["step"] for e in read_events(folder / "events.jsonl") if e["kind"] == kind]


@given(kills=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=4))
def test_a_training_killed_anywhere_and_resumed_notes_each_step_once(
    kills: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, saved = tmp_path_factory.mktemp("spool"), 0
    for more, lost in [*kills, (9, 0)]:  # it comes `more` steps on, its checkpoint lies behind
        tracker = spool(folder)
        tracker.begin(saved)
        for seen in range(saved + 1, min(saved + more, 9) + 1):
            tracker.metrics({"gan": seen}, seen)
        saved = max(saved, min(saved + more, 9) - lost)
        if saved == 0:
            saved = 0  # no checkpoint yet: the next one starts afresh
    assert sorted(steps(folder)) == list(range(1, max(steps(folder)) + 1))
    times = [e["time_ms"] for e in read_events(folder / "events.jsonl")]
    assert times == sorted(times)


@given(cut=st.integers(1, 40))
def test_a_torn_last_line_is_dropped_and_noted_again(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    tracker = spool(folder)
    tracker.begin(0)
    tracker.metrics({"gan": 1.0}, 10)
    tracker.metrics({"gan": 2.0}, 20)
    tracker.path.write_bytes(tracker.path.read_bytes()[:-cut])
    again = spool(folder)
    again.begin(10)
    again.metrics({"gan": 2.0}, 20)
    assert steps(folder) == [10, 20]


def test_a_damaged_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append(path, event("metrics", 1, {}))
    with path.open("ab") as file:
        file.write(b"\x00\xff{not json\n17\n")
    append(path, event("metrics", 2, {}))
    assert [e["step"] for e in read_events(path)] == [1, 2]


def test_two_calls_at_one_step_lose_nothing(tmp_path: Path) -> None:
    tracker = spool(tmp_path)
    tracker.begin(0)
    tracker.measures({"images_per_s": 3.0}, 10)
    tracker.measures({"images_per_s": 4.0, "alarm/gray": 1.0}, 10)
    values = [e["values"] for e in read_events(tracker.path) if e["kind"] == "measures"]
    assert values == [{"images_per_s": 3.0}, {"alarm/gray": 1.0}]


def test_a_fresh_start_forgets_points_and_judgements_and_is_another_attempt(tmp_path: Path) -> None:
    first = spool(tmp_path)
    first.begin(0)
    first.metrics({"gan": 1.0}, 10)
    note_eval(tmp_path, RECORDS)
    before = read_events(first.path)[0]["attempt"]
    spool(tmp_path).begin(0)
    (begin,) = read_events(first.path)
    assert begin["attempt"] != before
    assert read_notes(tmp_path) == []


def test_a_picture_lies_beside_the_spool_as_it_was(tmp_path: Path) -> None:
    tracker = spool(tmp_path)
    tracker.begin(0)
    picture = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    tracker.images("grid", picture, 10)
    with Image.open(tmp_path / "grid/000000010.png") as found:
        assert found.getpixel((1, 0)) == (1, 17, 33)


def test_a_finished_training_that_is_run_again_notes_nothing(tmp_path: Path) -> None:
    tracker = spool(tmp_path)
    tracker.begin(0)
    tracker.metrics({"gan": 1.0}, 10)
    tracker.end("FINISHED")
    before = tracker.path.read_bytes()
    again = spool(tmp_path)
    again.begin(10)
    again.end("FINISHED")
    assert tracker.path.read_bytes() == before


@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        (Stopped(143, where="9 images"), "KILLED", "stopped by SIGTERM; the state is saved"),
        (KeyboardInterrupt(), "KILLED", ""),
        (ValueError("no\nand more"), "FAILED", "ValueError: no"),
    ],
)
def test_the_spool_says_how_a_training_ended(
    error: BaseException, status: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, "spool")

    def train() -> None:
        with mirrored(tmp_path / "aa", {"key": "aa"}, {}) as tracker:
            tracker.begin(0)
            raise error

    with pytest.raises(type(error)):
        train()
    last = read_events(tmp_path / "aa/events.jsonl")[-1]
    assert (last["kind"], last["status"], last["why"]) == ("end", status, why)


def test_the_same_evaluation_keeps_its_time_and_another_takes_its_place(tmp_path: Path) -> None:
    note_eval(tmp_path, RECORDS, 80)
    (first,) = read_notes(tmp_path)
    assert first["values"] == {"eval/swd": 1.5, "eval/swd/low": 1.0, "eval/swd/high": 2.0}
    note_eval(tmp_path, RECORDS, 80)
    assert read_notes(tmp_path) == [first]
    note_eval(tmp_path, {"swd": {"value": 1.25}}, 80)
    (other,) = read_notes(tmp_path)
    assert other["values"] == {"eval/swd": 1.25}
    assert other["digest"] != first["digest"]


def test_params_become_flat_and_dotted() -> None:
    nested = {"model": {"unet": {"width": 4}}, "name": "a b", "sizes": [1, 2], "label": None}
    assert dict(flat(nested)) == {
        "model.unet.width": "4",
        "name": "a b",
        "sizes": "[1, 2]",
        "label": "null",
    }


def test_training_tracks_without_mlflow_and_says_so_once(tmp_path: Path) -> None:
    program = f"""
import logging, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("mlflow", "dvc"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
logging.basicConfig(level=logging.INFO)
from pathlib import Path
from memegan.tracking.mirror import mirrored
with mirrored(Path({str(tmp_path / "aa")!r}), {{"key": "aa"}}, {{}}) as tracker:
    tracker.begin(0)
    tracker.metrics({{"gan": 1.0}}, 10)
"""
    env = {**os.environ, "PYTHONPATH": str(SRC)}
    env.pop(SWITCH, None)
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stderr.splitlines() if "memegan sync" in line]) == 1
    assert [e["kind"] for e in read_events(tmp_path / "aa/events.jsonl")] == [
        "begin",
        "metrics",
        "end",
    ]
