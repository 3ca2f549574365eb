"""The recipe `real-demo` on real pictures and a real video, as far as a tiny model goes."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from memegan.cli.preset import apply
from memegan.params import raw_section
from memegan.records import Row
from memegan.tables import read_table

REAL = os.environ.get("MEMEGAN_REAL_DATA", "")
FOLDERS = (*(f"translation/{name}" for name in ("trainA", "testA", "trainB", "testB")), "emoji")
ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not REAL, reason="MEMEGAN_REAL_DATA names no folder of real files")


def some_of_it(folder: Path) -> None:
    """Copy a few files of each kind."""
    for name in FOLDERS:
        pictures = sorted(p for p in Path(REAL, name).rglob("*") if p.suffix in (".jpg", ".png"))
        for picture in pictures[:24]:
            path = folder / picture.relative_to(REAL)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, path)
    (folder / "videos").mkdir()
    shutil.copy(Path(REAL, "videos/big_buck_bunny_0_30.webm"), folder / "videos")


def made_tiny(path: Path) -> None:
    """Leave sources and stages as they are; take width, size and time from the networks."""
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params["resize"]["size_px"] = 32
    params["manifest"] |= {"val_share": 0.2, "test_share": 0.2}
    params["model"]["resnet"] |= {"width": 4, "blocks": 1}
    params["train"]["emoji"]["network"] |= {"generator_width": 4, "discriminator_width": 4}
    # in so few steps a generator leaves gray only in large ones
    params["train"]["emoji"] |= {"batch_size": 4, "trainer": {"learning_rate": 0.01}}
    params["train"]["superres_gan"]["gan"] |= {"after_images": 16, "discriminator_width": 4}
    for run in params["train"].values():
        run |= {"crop_px": 32, "load_px": 32, "total_images": 32, "threads": 1}
        run |= {"log_every_images": 16, "grid_every_images": 16, "checkpoint_every_images": 16}
        run |= {"discriminator_width": 4} if "discriminator_width" in run else {}
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def test_real_pictures_and_a_real_video_become_trained_and_judged_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_of_it(tmp_path / "given")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    for name in ("src", "stages"):
        shutil.copytree(ROOT / name, name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "data/takedown.csv", "data/blocklist.csv", "data/decisions.csv"):
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, name)
    apply("real-demo", data=tmp_path / "given")
    made_tiny(Path("params.yaml"))
    monkeypatch.setenv("MEMEGAN_TRACKING", "spool")

    names = raw_section("train", path=Path("params.yaml"))
    runs = [(stage, name) for stage in ("train", "evaluate") for name in names]
    data = ("scrape", "frames", "dedup", "select", "resize", "manifest")
    for stage, *words in (*((name,) for name in data), *runs, ("report",)):
        subprocess.run([sys.executable, f"stages/{stage}.py", *words], check=True)

    rows = read_table(Path("data/manifest.csv"), Row)
    assert {row.domain for row in rows} == {"photo", "clipart", "emoji", "film"}
    assert {row.split for row in rows} == {"train", "val", "test"}
    for name in names:
        judged = json.loads(Path(f"metrics/eval/{name}.json").read_text(encoding="utf-8"))
        assert judged
        assert all(math.isfinite(metric["value"]) for metric in judged.values())
        last = Image.open(max(Path("samples", name).glob("*.png")))
        assert last.convert("RGB").getcolors(1) is None  # more than one colour
    page = Path("report/index.html").read_text(encoding="utf-8")
    assert "memegan on real pictures" in page
    assert "Blender Foundation" in Path("data/card.md").read_text(encoding="utf-8")
