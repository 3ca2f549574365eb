"""run_stage: each end has its exit code and one message; digests name what a stage depends on."""

import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memegan.errors import DataError, MemeganError, ParamsError, Stopped
from memegan.stage import code_digest, dvc_root, run_stage, sha256_of, stage_code, write_json
from memegan.tracking.events import EVENTS
from memegan.tracking.mirror import mirrored

Err = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Put signals and logging back as they were."""
    handler, root = signal.getsignal(signal.SIGTERM), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    signal.signal(signal.SIGTERM, handler)
    root.handlers[:] = handlers
    root.setLevel(level)


def raising(error: BaseException) -> Callable[..., None]:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ParamsError("what", where="there", fix="so"), 2),
        (DataError("what", where="there", fix="so"), 1),
        (MemeganError("what", where="there", fix="so"), 1),
    ],
)
def test_what_a_person_can_mend_is_one_message(capsys: Err, error: Exception, code: int) -> None:
    assert run_stage(raising(error), []) == code
    assert capsys.readouterr().err == "error: what\n  where: there\n  fix:   so\n"


@pytest.mark.parametrize(("code", "why"), [(75, "--max-time"), (130, "Ctrl-C"), (143, "SIGTERM")])
def test_a_training_that_was_stopped_says_by_what_and_never_ends_with_0(
    capsys: Err, code: int, why: str
) -> None:
    assert run_stage(raising(Stopped(code, where="12 images seen")), []) == code
    assert capsys.readouterr().err.startswith(f"error: stopped by {why}; the state is saved\n")


def test_our_own_defect_keeps_its_traceback(capsys: Err) -> None:
    assert run_stage(raising(ZeroDivisionError("division by zero")), []) == 70
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_plainly_with_the_file_and_the_mend(capsys: Err, number: int) -> None:
    assert run_stage(raising(OSError(number, "no space", "data/images/packs/000.zip")), []) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "where: data/images/packs/000.zip\n  fix:   free some (`memegan gc`" in told
    assert "Traceback" not in told


def test_another_failure_of_the_system_is_our_defect(capsys: Err) -> None:
    assert run_stage(raising(OSError(errno.EIO, "input/output error", "a")), []) == 70
    assert capsys.readouterr().err.startswith("Traceback")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_spool_on_a_full_disk_ends_the_stage_with_one_message(
    tmp_path: Path, capsys: Err, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMEGAN_TRACKING", "spool")

    def main() -> None:
        with mirrored(tmp_path, {"key": "k"}, {}) as tracker:
            tracker.begin(0)
            (tmp_path / EVENTS).unlink()
            (tmp_path / EVENTS).symlink_to("/dev/full")
            tracker.metrics({"loss": 1.0}, 4)

    assert run_stage(main, []) == 1
    assert capsys.readouterr().err.startswith("error: the disk is full\n")


def test_ctrl_c_is_130_and_one_line(capsys: Err) -> None:
    assert run_stage(raising(KeyboardInterrupt()), []) == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C\n"


def test_arguments_become_what_the_annotations_say(capsys: Err) -> None:
    got: list[object] = []

    def main(name: str, max_time_s: float = 1.5) -> None:
        got.append((name, max_time_s))

    assert (run_stage(main, ["cyclegan"]), run_stage(main, ["cut", "3"])) == (0, 0)
    assert got == [("cyclegan", 1.5), ("cut", 3.0)]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("argv", [[], ["a", "soon"], ["a", "1", "more"]])
def test_wrong_arguments_are_2_and_a_line_that_shows_the_right_ones(
    capsys: Err, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    def main(name: str, max_time_s: float = 1.5) -> None:
        raise AssertionError

    monkeypatch.setattr(sys, "argv", ["stages/train.py"])
    assert run_stage(main, argv) == 2
    assert capsys.readouterr().err == "usage: train.py NAME [MAX_TIME_S]\n"


WAITING = """
import sys, time
from memegan.stage import run_stage

def main() -> None:
    print("ready", flush=True)
    while True:
        time.sleep(0.01)

sys.exit(run_stage(main, []))
"""


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [(signal.SIGTERM, 143, b"stopped by SIGTERM\n"), (signal.SIGINT, 130, b"stopped by Ctrl-C\n")],
)
def test_signals_end_a_stage_with_their_code_and_no_traceback(
    number: int, code: int, text: bytes
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": "src"},
        cwd=Path(__file__).parents[1],
    ) as stage:
        assert stage.stdout is not None
        assert stage.stdout.readline() == b"ready\n"
        stage.send_signal(number)
        _, told = stage.communicate(timeout=60)
    assert (stage.returncode, told) == (code, text)


def test_the_root_is_where_dvc_says_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert dvc_root() == tmp_path.resolve()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "copy"))
    assert dvc_root() == (tmp_path / "copy").resolve()


def test_json_is_sorted_and_the_same_each_time(tmp_path: Path) -> None:
    write_json(tmp_path / "a/one.json", {"b": 1, "a": {"d": 0.1, "c": [1]}})
    write_json(tmp_path / "two.json", {"a": {"c": [1], "d": 0.1}, "b": 1})
    assert (tmp_path / "a/one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert (tmp_path / "two.json").read_text().endswith("}\n")


def test_a_code_digest_changes_with_a_name_and_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = Path("one.py"), Path("two.py")
    one.write_text("a = 1\n")
    two.write_text("b = 1\n")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert code_digest([]) == empty  # FIPS 180-4: the digest of no bytes
    digests = {code_digest([one]), code_digest([one, two]), code_digest([two])}
    two.write_text("b = 2\n")
    digests |= {code_digest([one, two])}
    one.rename("three.py")
    digests |= {code_digest([Path("three.py"), two])}
    assert len(digests) == 5
    Path("none").write_bytes(b"")
    assert sha256_of(Path("none")) == empty


def test_the_code_of_a_stage_is_what_dvc_yaml_lists_for_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("train:\n  one: {variant: cut, section: model}\n")
    Path("dvc.yaml").write_text(
        "stages:\n  train:\n    foreach: ${train}\n    do:\n      cmd: x ${key}\n      deps:\n"
        "      - data/manifest.csv\n      - stages/train.py\n      - src/training\n"
        "      - src/variants/${item.variant}.py\n"
    )
    for name in ("stages/train.py", "src/training/loop.py", "src/training/in/a.py"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    Path("src/training/notes.txt").write_text("")
    assert [path.as_posix() for path in stage_code("train", "one")] == [
        "src/training/in/a.py",
        "src/training/loop.py",
        "src/variants/cut.py",
        "stages/train.py",
    ]
