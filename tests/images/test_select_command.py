"""`memegan select` and the new options of `memegan resize`, as a person calls them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.images.pictures import encoded
from tests.images.test_text import meme

from memegan.__main__ import main
from memegan.demo.memes import blobface
from memegan.demo.world import draw, scene
from memegan.records import SelectedRow, TextRow
from memegan.tables import read_table

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in a folder with six faces and four scenes, and their kept.csv in `clean`."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["memegan", *words])
        code = main()
        out, err = capsys.readouterr()
        return code, out, err

    Path("pictures").mkdir()
    for n in range(6):
        Path(f"pictures/face{n}.png").write_bytes(encoded(np.asarray(blobface(n, 96))))
    for n in range(4):
        data = encoded(np.asarray(draw(scene(n), "photo", 96)))
        Path(f"pictures/scene{n}.png").write_bytes(data)
    assert command("dedup", "pictures", "--out", "clean")[0] == 0
    return command


def test_rules_imply_matching_and_the_rest_is_counted(run: Run) -> None:
    words = ("select", "clean", "--clusters", "2", "--keep-cluster", "1")
    code, out, _ = run(*words, "--out", "chosen", "--json")
    counts = json.loads(out)["counts"]
    assert code == 0
    assert counts["selected"] + counts["left out"] == 10
    rows = read_table(Path("chosen/selected.csv"), SelectedRow)
    assert {row.cluster for row in rows} == {1}
    assert Path("chosen/index.html").read_text().startswith("<!doctype html>")


def test_an_example_brings_pictures_like_it(run: Run) -> None:
    words = ("select", "clean", "--example", "pictures/scene0.png", "--nearest", "4")
    assert run(*words, "--out", "chosen")[0] == 0
    assert run("resize", "clean", "--selected", "chosen/selected.csv", "--out", "small")[0] == 0
    rows = read_table(Path("chosen/selected.csv"), SelectedRow)
    assert len(rows) == 4
    assert max(row.score for row in rows) == 1.0  # the example itself


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--keep", "all", "--clusters", "2"), "keep: all obeys no rule, but clusters is set"),
        (("--aspect", "2", "1"), "aspect: 2.0 is above 1.0"),
        (("--clusters", "300"), "--clusters 300: input should be less than or equal to 256"),
        (("--community", "no_such"), "no picture is of no_such"),
    ],
)
def test_options_that_make_no_sense_are_told(run: Run, words: tuple[str, ...], told: str) -> None:
    code, out, err = run("select", "clean", "--out", "o", *words)
    assert (code, out) == (2, "")
    assert told in err
    assert not Path("o").exists()


def test_resize_says_how_many_texts_are_lost_and_by_how_much(run: Run) -> None:
    Path("memes").mkdir()
    Path("memes/a.png").write_bytes(encoded(meme(1, "dark", 0.08)))
    Path("memes/b.png").write_bytes(encoded(np.asarray(blobface(1, 96))))
    words = ("resize", "memes", "--fit", "smart", "--light", "linear", "--out")
    code, out, _ = run(*words, "small", "--size-px", "48")
    assert code == 0
    assert out.startswith("2 images, 0 quarantined, 1 with text too small to read\n")
    (row,) = (r for r in read_table(Path("small/text.csv"), TextRow) if r.lines)
    code, out, _ = run(*words, "large", "--size-px", str(row.needs_px))
    assert out.startswith("2 images, 0 quarantined\n")
