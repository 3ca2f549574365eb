"""A recipe for one's own pictures, in its tiny form, from the demo's posts to the report."""

import json
import math

import yaml
from benchmarks._project import called, make_data, project

from memegan.cli.preset import recipe
from memegan.presets.shrink import shrunk


def goes_through(name: str) -> None:
    """Run every stage of a recipe; what each leaves is held to what it promises."""
    with project({}) as folder:
        (folder / "params.yaml").write_text(shrunk(recipe(name)), encoding="utf-8")
        make_data(folder)
        runs = yaml.safe_load(recipe(name))["train"]
        for run in runs:
            called(folder, "stages/train.py", run)
            told = json.loads((folder / f"metrics/train/{run}.json").read_text())
            assert told["images_seen"] == 64
            model = json.loads((folder / f"models/{run}/model.json").read_text())
            if "augment" in model["run"]:
                assert model["run"]["augment"] == "diffaugment"  # chosen by N: there are few
            called(folder, "stages/evaluate.py", run)
            judged = json.loads((folder / f"metrics/eval/{run}.json").read_text())
            assert judged
            assert all(math.isfinite(metric["value"]) for metric in judged.values())
        called(folder, "stages/report.py")
        assert (folder / "report/index.html").exists()
