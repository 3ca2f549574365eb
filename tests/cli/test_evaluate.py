"""memegan evaluate: the metrics on any two folders, and what is wrong with a folder."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from tests.images.pictures import encoded

from memegan.cli.evaluate import evaluate
from memegan.demo.world import draw, scene
from memegan.errors import DataError, ParamsError
from memegan.metrics.base import records
from memegan.metrics.evaluate import EvaluateParams, judge_sets

Out = pytest.CaptureFixture[str]


def picture(number: int, side: int = 48) -> np.ndarray:
    return np.asarray(draw(scene(number), "photo", side))


def folder(path: Path, numbers: Sequence[int], blur_px: float = 0.0) -> Path:
    """Write scenes as PNGs."""
    path.mkdir(parents=True)
    for number in numbers:
        pixels = picture(number)
        if blur_px:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur_px))
        (path / f"{number}.png").write_bytes(encoded(pixels))
    return path


def found(capsys: Out, real: Path, fake: Path, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    evaluate(real, fake, size_px=32, resamples=10, as_json=True, **options)
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_numbers_are_those_of_the_evaluate_stage(tmp_path: Path, capsys: Out) -> None:
    """All pictures are taken, so the order in which they are chosen does not count."""
    real, fake = folder(tmp_path / "a", range(10)), folder(tmp_path / "b", range(20, 30))
    got = found(capsys, real, fake)

    def stacked(numbers: Sequence[int]) -> torch.Tensor:
        small = [cv2.resize(picture(n), (32, 32), interpolation=cv2.INTER_AREA) for n in numbers]
        return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 127.5 - 1

    p = EvaluateParams(resamples=10)
    expected = records(judge_sets(stacked(range(10)), stacked(range(20, 30)), torch.empty(0), p))
    assert set(got["metrics"]) == set(expected)
    for name, record in expected.items():
        assert got["metrics"][name]["value"] == pytest.approx(record["value"], rel=1e-3)
        assert got["metrics"][name] | {"value": 0, "low": 0, "high": 0} == record | {
            "value": 0,
            "low": 0,
            "high": 0,
        }
    assert got["unreadable"] == []


def test_worse_pictures_score_worse_and_real_ones_left_over_give_the_floor(
    tmp_path: Path, capsys: Out
) -> None:
    real, good = folder(tmp_path / "a", range(60)), folder(tmp_path / "b", range(100, 130))
    soft = folder(tmp_path / "c", range(100, 130), blur_px=3.0)
    first, second = (found(capsys, real, fake)["metrics"]["swd"] for fake in (good, soft))
    assert first["n_real"] == first["n_fake"] == 30
    assert first["floor"] is not None
    assert second["value"] > 2 * first["value"]
    assert second["value"] > 2 * first["floor"]


def test_n_max_bounds_both_sides_and_the_seed_chooses(tmp_path: Path, capsys: Out) -> None:
    real, fake = folder(tmp_path / "a", range(20)), folder(tmp_path / "b", range(100, 120))
    one, again = (found(capsys, real, fake, n_max=8)["metrics"] for _ in range(2))
    other = found(capsys, real, fake, n_max=8, seed=1)["metrics"]
    assert one == again
    assert one["swd"]["n_fake"] == one["swd"]["n_real"] == 8
    assert other["swd"]["value"] != one["swd"]["value"]
    assert one["swd"]["floor"] is not None


def test_pictures_of_any_kind_and_size_in_folders_are_read(tmp_path: Path, capsys: Out) -> None:
    real = folder(tmp_path / "a/deep", range(6)).parent
    for kind, side in (("JPEG", 90), ("WEBP", 20), ("GIF", 40)):
        (real / f"more.{kind}").write_bytes(encoded(picture(50, side), kind))
    (real / "README.md").write_text("where they are from")
    (real / ".hidden.png").write_bytes(b"")
    got = found(capsys, real, real)
    assert got["unreadable"] == []
    assert got["metrics"]["swd"]["n_real"] == 9
    assert got["metrics"]["swd"]["value"] == pytest.approx(0, abs=1e-4)


def test_unreadable_files_are_counted_and_named_and_the_rest_is_judged(
    tmp_path: Path, capsys: Out
) -> None:
    real, fake = folder(tmp_path / "a", range(8)), folder(tmp_path / "b", range(20, 28))
    (real / "cut.png").write_bytes(encoded(picture(1))[:200])
    (fake / "page.png").write_text("<!doctype html>")
    got = found(capsys, real, fake)
    assert sorted(Path(bad["file"]).name for bad in got["unreadable"]) == ["cut.png", "page.png"]
    assert got["metrics"]["swd"]["n_real"] == 8
    evaluate(real, fake, size_px=32, resamples=10)
    told = capsys.readouterr().out
    assert told.startswith("8 pictures of each side at 32 px; lower is better for all\n")
    assert "2 unreadable" in told
    assert "page.png: starts with b'<!doctype ht'" in told


def test_no_folder_and_an_odd_size_are_wrong_arguments(tmp_path: Path) -> None:
    real = folder(tmp_path / "a", range(2))
    with pytest.raises(ParamsError, match=r"no such folder\n  where: --fake .*nowhere"):
        evaluate(real, tmp_path / "nowhere")
    with pytest.raises(ParamsError, match=r"66 is no multiple of 4\n(.|\n)*try 64"):
        evaluate(real, real, size_px=66)


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").write_text("none yet")
    with pytest.raises(DataError, match=r"the folder is empty\n  where: --real"):
        evaluate(tmp_path / "empty", tmp_path)


def test_too_few_pictures_say_how_many_can_be_read_and_name_those_that_cannot(
    tmp_path: Path,
) -> None:
    real, fake = folder(tmp_path / "a", range(8)), folder(tmp_path / "b", range(5))
    for number in range(7):
        (fake / f"bad{number}.png").write_bytes(b"no picture")
    with pytest.raises(
        DataError, match=r"^5 pictures that can be read, 8 is the least; 7 unread"
    ) as e:
        evaluate(real, fake, size_px=32)
    told = str(e.value)
    assert told.count("bad") == 5  # the first of them
    assert "- ...\n  where: --fake" in told


def test_the_command_has_help_with_an_example_and_exit_codes(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "memegan", "evaluate", *words],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
            cwd=tmp_path,
        )

    helped = run("--help")
    assert helped.returncode == 0
    assert "Example: memegan evaluate --real" in helped.stdout
    wrong = run("--real", "none", "--fake", "none")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)
    assert wrong.stderr.startswith("error: there is no such folder")
    (tmp_path / "empty").mkdir()
    assert run("--real", "empty", "--fake", "empty").returncode == 1
