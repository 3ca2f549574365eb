"""Recipes that translate, tiny; `.ci/run` runs those that generate, by the command."""

import json
import math

import pytest
import yaml
from benchmarks._project import called, make_data, project

from memegan.cli.preset import recipe
from memegan.presets.shrink import shrunk


@pytest.mark.slow
@pytest.mark.timeout(900)  # eight stages, each a process of its own
@pytest.mark.parametrize("name", ["monet", "cartoon", "horse2zebra", "cage", "superres"])
def test_a_tiny_recipe_runs_from_the_posts_to_the_report(name: str) -> None:
    with project({}) as folder:
        (folder / "params.yaml").write_text(shrunk(recipe(name)), encoding="utf-8")
        make_data(folder)
        runs = yaml.safe_load(recipe(name))["train"]
        for run in runs:
            called(folder, "stages/train.py", run)
            told = json.loads((folder / f"metrics/train/{run}.json").read_text())
            assert told["images_seen"] == 64
            called(folder, "stages/evaluate.py", run)
            judged = json.loads((folder / f"metrics/eval/{run}.json").read_text())
            assert judged
            assert all(math.isfinite(metric["value"]) for metric in judged.values())
        called(folder, "stages/report.py")
        assert (folder / "report/index.html").exists()
