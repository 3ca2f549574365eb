"""The pages that are made from the code: as committed, whole, and true to what is written."""

import ast
import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks._project import project
from docs import build
from PIL import Image

from memegan import __main__ as command_line
from memegan.errors import Stopped
from memegan.metrics.base import Metric
from memegan.packs import member_name, write_series
from memegan.params import SECTIONS
from memegan.records import TABLES, Row
from memegan.report.page import write_leaderboard
from memegan.tables import columns, mistakes, read_table, write_table
from memegan.takedown import TakedownRow
from memegan.training.run import train_run

RECORDS = [*TABLES.values(), TakedownRow]


@pytest.mark.parametrize("name", build.PAGES)
def test_a_page_is_what_the_code_says_else_run_make_docs(name: str) -> None:
    assert (build.ROOT / name).read_text(encoding="utf-8") == build.page(name)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_the_examples_of_a_table_are_a_row_of_it(record: type, tmp_path: Path) -> None:
    row = record(**{c.name: c.example for c in columns(record)})
    write_table(tmp_path / "one.csv", record, [row])
    assert read_table(tmp_path / "one.csv", record) == [row]
    assert mistakes(record, [row]) == []
    assert all(c.doc for c in columns(record))


def test_files_has_a_table_for_each_file_and_a_line_for_each_column() -> None:
    sections = dict(_sections(build.files()))
    for name, record in TABLES.items():
        lines = [line for line in sections[name].splitlines() if line.startswith("| `")]
        assert [line.split("`")[1] for line in lines] == [c.name for c in columns(record)]


def test_every_command_is_told_with_its_options_and_an_example() -> None:
    sections = dict(_sections(build.cli()))
    words = command_line.commands()
    assert list(sections) == [f"memegan {word}" for word in words]
    for word, first in words.items():
        assert first in sections[f"memegan {word}"]
        assert (
            "--help" in sections[f"memegan {word}"]
            or "Example: memegan" in sections[f"memegan {word}"]
        )
    assert "| `--max-time` | number | `inf` |" in sections["memegan train"]


def test_every_section_kind_and_variant_has_its_parameters() -> None:
    page = build.params()
    for name in set(SECTIONS) - {"train"}:
        assert f"\n## {name}\n" in page
    kinds = {p.stem for p in (build.SRC / "sources").glob("*.py")} - {"__init__", "base", "params"}
    assert {line[10:] for line in page.splitlines() if line.startswith("### kind: ")} == kinds
    named = {line[13:] for line in page.splitlines() if line.startswith("### variant: ")}
    assert named == set(build.variant_names())
    assert "| `resize.size_px` | integer | `64` | ≥ 16, ≤ 1024 | stored short side |" in page
    assert page.count("| `total_images` |") == 1  # what all runs say is said once
    assert '| `schedule.kind` | `constant` · `linear` · `cosine` | `"linear"` |' in page


def test_every_parameter_says_what_it_is() -> None:
    assert build.undescribed() == []


def test_every_public_function_and_class_is_listed() -> None:
    page = build.api()
    for path in build.SRC.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name[0] != "_" and path.name[0] != "_":
                assert f"| `{node.name}(" in page, path
    assert "| `derived_seed(seed, *place)` | Return 63 bits that follow" in page


def test_the_codes_are_those_that_the_code_gives() -> None:
    page = build.reasons()
    given = {
        "video/read.py": set(build.VIDEO),
        "video/sample.py": set(build.FRAMES),
        "images/look.py": set(build.QUARANTINE),
    }
    for name, codes in given.items():
        assert set(_codes(build.SRC / name)) == codes, name
        assert all(f"| `{code}` | " in page for code in codes)
    assert {Stopped(code, where="").exit_code for code in (75, 130, 143)} < set(build.EXITS)
    assert {name for name, _ in build.alarm_names()} >= {"flat", "checkerboard", "inverted"}


def test_the_record_of_a_metric_and_the_leaderboard_are_as_told(tmp_path: Path) -> None:
    assert set(Metric(0, 0, 0, 0, 0, 1, True).record()) == set(build.METRIC)
    assert {f.name for f in fields(Metric)} == set(build.METRIC)
    write_leaderboard(tmp_path / "one.csv", [])
    header = next(csv.reader((tmp_path / "one.csv").read_text().splitlines()))
    assert header == list(build.LEADERBOARD)


def test_what_a_training_writes_is_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMEGAN_TRACKING", "spool")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    changes = {"crop_px": 16, "total_images": 8, "batch_size": 4, "log_every_images": 4}
    with project({f"train.hypergan.{name}": value for name, value in changes.items()}) as folder:
        monkeypatch.chdir(folder)
        write_table(folder / "data/manifest.csv", Row, list(_rows()))
        train_run("hypergan", "cpu", math.inf)
        model = json.loads((folder / "models/hypergan/model.json").read_text())
        metrics = json.loads((folder / "metrics/train/hypergan.json").read_text())
        curve = (folder / "plots/train/hypergan.csv").read_text().splitlines()
    losses = {"discriminator", "gan"}
    assert set(model) == set(build.MODEL)
    assert set(metrics) - losses == set(build.TRAIN_METRICS) - {"LOSS"}
    assert set(curve[0].split(",")) - losses == set(build.CURVE) - {"LOSS"}
    assert losses < set(metrics)
    assert losses < set(curve[0].split(","))


def _rows() -> Iterator[Row]:
    """Yield rows of noise, with the examples of the columns for all that training does not read."""
    draw = np.random.default_rng(1)
    members = []
    for _ in range(8):
        file = io.BytesIO()
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), np.uint8)).save(file, "PNG")
        members.append((member_name(file.getvalue(), "png"), file.getvalue()))
    example = {c.name: c.example for c in columns(Row)}
    for n, place in enumerate(write_series(Path("data/images/packs"), "all", members)):
        split = "train" if n < 4 else "val"
        yield Row(**{**example, **vars(place), "id": str(n), "domain": "meme", "split": split})


def _sections(page: str) -> Iterator[tuple[str, str]]:
    for part in page.split("\n## ")[1:]:
        name, _, text = part.partition("\n")
        yield name, text


def _codes(path: Path) -> Iterator[str]:
    """Yield the texts that a file gives as a reason: to `fail` or `Bad`, set or returned."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        given: list[ast.expr | None] = []
        if isinstance(node, ast.Call):
            name = (
                node.func.attr if isinstance(node.func, ast.Attribute) else build._name(node.func)
            )
            given = [node.args[0]] if name in ("fail", "Bad") else []
        elif isinstance(node, ast.FunctionDef) and node.name == "_drop":
            given = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)]
        elif isinstance(node, ast.Assign) and "reason" in ast.unparse(node.targets[0]):
            value = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
            given = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
        yield from (str(n.value) for n in given if isinstance(n, ast.Constant) and n.value)


torch.set_num_threads(1)
