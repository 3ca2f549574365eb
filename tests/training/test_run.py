"""A run from manifest to model: its files, its key, going on, and loading what was exported."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from tests.training.trainer import RUNS

from memegan.errors import CheckpointError, MemeganError, Stopped
from memegan.media import rgb
from memegan.packs import member_name, write_series
from memegan.records import Row
from memegan.tables import write_table
from memegan.training.export import load_model
from memegan.training.run import chosen_run, load_data, train_run, training_key
from memegan.variants.base import load_run

ROOT = Path(__file__).parents[2]
CELLS: dict[str, Any] = dict.fromkeys(Row.__dataclass_fields__, "") | {
    **{"width_px": 26, "height_px": 26, "time_s": None, "shot": None, "extra": {}},
    **{"source": "demo", "community": "x", "post_id": "1", "url": "u"},
}


def png(seed: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (26, 26, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two tiny runs, five pictures a domain for training and two held out."""
    torch.set_num_threads(1)
    for name in ("DVC_ROOT", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMEGAN_TRACKING", "spool")
    monkeypatch.chdir(tmp_path)
    for name in ("src", "stages"):
        shutil.copytree(ROOT / name, name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    runs = {name: {**RUNS[name], "section": f"train.{name}"} for name in ("resnet", "hypergan")}
    Path("params.yaml").write_text(yaml.safe_dump({"train": runs}))
    domains = [domain for domain in ("photo", "cartoon", "meme") for _ in range(7)]
    files = [png(seed) for seed in range(len(domains))]
    members = [(member_name(data, "png"), data) for data in files]
    places = write_series(Path("data/images/packs"), "p", members)
    rows = []
    for n, (domain, place) in enumerate(zip(domains, places, strict=True)):
        sha = place.member[:64]
        named = {"id": f"{n:016x}", "group": f"{n:016x}", "sha256": sha, "origin_sha256": sha}
        side = {"domain": domain, "split": "val" if n % 7 < 2 else "train"}
        label = {"label": f"class {n % 7}"}
        rows.append(Row(**{**CELLS, **vars(place), **named, **side, **label}))
    write_table(Path("data/manifest.csv"), Row, rows)
    return tmp_path


def files_under(*folders: str) -> dict[str, bytes]:
    paths = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    return {path.as_posix(): path.read_bytes() for path in paths}


def test_a_run_writes_its_model_samples_curve_and_metrics(project: Path) -> None:
    train_run("resnet", "cpu")
    found = files_under("models", "samples", "plots", "metrics")
    assert sorted(found) == [
        "metrics/train/resnet.json",
        "models/resnet/generator_ab.safetensors",
        "models/resnet/generator_ba.safetensors",
        "models/resnet/model.json",
        "plots/train/resnet.csv",
        *(f"samples/resnet/{seen:09d}.png" for seen in (0, 8, 16)),
    ]
    metrics = json.loads(found["metrics/train/resnet.json"])
    _, run = load_run("resnet")
    assert metrics["memegan_key"] == training_key("resnet", run)
    assert metrics["images_seen"] == 20
    lines = found["plots/train/resnet.csv"].decode().splitlines()
    assert lines[0].startswith("images_seen,cycle,discriminator_a,")
    assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(2, 21, 2))


def test_stopped_at_each_step_and_run_again_it_leaves_the_same_files(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_run("hypergan", "cpu")
    outs = ("models", "samples", "plots", "metrics")
    straight = files_under(*outs)
    for folder in (*outs, "runs"):
        shutil.rmtree(folder)
    for _ in range(9):
        with pytest.raises(Stopped):
            train_run("hypergan", "cpu", max_time_s=-1)
        assert not Path("models").exists()
    train_run("hypergan", "cpu")
    assert files_under(*outs) == straight


def test_networks_are_told_when_they_are_trained_and_not_when_they_are_used(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for name, told in (("hypergan", "discriminator\nlayer "), ("resnet", "generator_ab: ")):
        train_run(name, "cpu")
        assert caplog.text.count(told) == 1
        caplog.clear()
        load_model(Path("models") / name)
        assert caplog.text == ""


def test_run_again_after_its_end_it_trains_nothing_and_writes_the_same(project: Path) -> None:
    train_run("hypergan", "cpu")
    outs = ("models", "samples", "plots", "metrics")
    before = files_under(*outs)
    for folder in outs:
        shutil.rmtree(folder)  # as DVC does before it runs a stage
    train_run("hypergan", "cpu", max_time_s=-1)  # time for no further step
    assert files_under(*outs) == before


def test_fresh_forgets_a_state_that_is_broken(project: Path) -> None:
    _, run = chosen_run("hypergan")
    state = project / "runs" / training_key("hypergan", run) / "state.safetensors"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="not one of this run"):
        train_run("hypergan", "cpu")
    train_run("hypergan", "cpu", fresh=True)
    assert Path("models/hypergan/model.json").exists()


def test_the_key_follows_what_decides_the_bits_and_nothing_else(project: Path) -> None:
    def key() -> str:
        return training_key("resnet", load_run("resnet")[1])

    def edited(path: str) -> bool:
        """Whether an edit of this file alone changes the key."""
        before, text = key(), Path(path).read_text()
        Path(path).write_text(text + "\n# edited\n")
        changed = key() != before
        Path(path).write_text(text)
        return changed

    assert edited("data/manifest.csv")
    assert edited("src/memegan/losses.py")
    assert edited("src/memegan/training/loop.py")
    assert edited("src/memegan/variants/cyclegan.py")
    assert not edited("src/memegan/variants/hypergan.py")
    assert not edited("src/memegan/report/page.py")
    before, params = key(), yaml.safe_load(Path("params.yaml").read_text())
    params["train"]["resnet"]["log_every_images"] = 5
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert key() == before
    params["train"]["resnet"]["seed"] = 5
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert key() != before


def test_training_pictures_and_shown_ones_are_different_and_classes_are_alike(
    project: Path,
) -> None:
    run = load_run("hypergan")[1].model_copy(update={"label": "label", "classes": 7})
    data = load_data(run)
    assert data.train.pixels["a"].shape == (5, 3, 26, 26)
    assert data.held_out.images["a"].shape == (2, 3, 16, 16)
    assert data.train.labels["a"].tolist() == [2, 3, 4, 5, 6]
    assert data.held_out.labels["a"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("changes", "told", "fix"),
    [
        ({"label": "label", "classes": 9}, r"7 classes \(class 0, .*the run says 9", "classes: 7"),
        ({"label": "domain", "classes": 2}, "'domain' says 'meme' of all images", "leave label"),
        ({"label": "lable", "classes": 2}, "no column 'lable'; did you mean 'label'", "label"),
        ({"where": {"comunity": "x"}}, "no column 'comunity'; did you mean 'community'", "source"),
        ({"where": {"community": "nobody"}}, "'meme' has 0 train images; 2 is", "matches no row"),
        ({"data": {"a": "mem"}}, "'mem' has 0 train images", "cartoon, meme, photo"),
        ({"load_px": 20, "crop_px": 24}, "load_px 20 is less than crop_px 24", "correct it"),
        ({"load_px": 32, "crop_px": 32}, "of 26 px is smaller than load_px 32", "raise resize"),
        ({"network": {"generator": "convv 3"}}, "line 1, column 1: unknown layer", "correct it"),
        ({"trainer": {"learning_rate": 1e30}}, "not finite in 21 steps", "lower"),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_message(
    changes: dict[str, object], told: str, fix: str, project: Path
) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["train"]["hypergan"] |= {**changes, "total_images": 100}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(MemeganError, match=told) as error:
        train_run("hypergan", "cpu")
    assert fix in error.value.fix
    assert not Path("models").exists()


def test_fewer_images_than_the_batch_come_again_and_that_is_told(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["train"]["hypergan"] |= {"batch_size": 12, "total_images": 24}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    train_run("hypergan", "cpu")
    assert "5 training images for batches of 12: they come again within a batch" in caplog.text
    assert Path("models/hypergan/model.json").exists()


def test_few_images_choose_what_a_run_leaves_to_them(project: Path) -> None:
    said = yaml.safe_load(Path("params.yaml").read_text())
    said["train"]["hypergan"] |= {"augment": "auto", "on_collapse": "auto"}
    Path("params.yaml").write_text(yaml.safe_dump(said))
    _, run = chosen_run("hypergan")
    assert (run.augment, run.on_collapse) == ("diffaugment", "recover")


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16"])
def test_pictures_of_other_kinds_become_rgb_on_white(mode: str) -> None:
    """The data half decodes by `rgb`: gray is as bright in all channels, what is clear is white."""
    file = io.BytesIO()
    image = Image.new("I;16", (20, 16), 200 * 257) if mode == "I;16" else Image.new(mode, (20, 16))
    image.save(file, "PNG")
    pixels = rgb(file.getvalue())
    assert pixels.shape == (16, 20, 3)
    assert np.unique(pixels).tolist() == [{"LA": 255, "RGBA": 255, "I;16": 200}.get(mode, 0)]


def test_a_model_that_is_loaded_is_the_average_that_was_trained(project: Path) -> None:
    whole = train_run("resnet", "cpu")
    model = load_model(Path("models/resnet"))
    assert (model.name, model.task, model.run.seed) == ("resnet", "translate", 7)
    for name, net in whole.averages.items():
        kept, loaded = net.state_dict(), model.nets[name].state_dict()
        assert kept.keys() == loaded.keys()
        assert all(torch.equal(kept[key], loaded[key]) for key in kept)
        assert not model.nets[name].training


def test_a_model_of_another_version_is_refused_with_what_it_lacks(project: Path) -> None:
    train_run("hypergan", "cpu")
    about = Path("models/hypergan/model.json")
    about.write_text(about.read_text().replace('"crop_px"', '"patch_px"'))
    with pytest.raises(CheckpointError, match=r"another version of memegan .*patch_px") as error:
        load_model(about.parent)
    assert "dvc repro train@hypergan" in error.value.fix


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "other", "no json", "torn json"])
def test_a_damaged_model_is_refused_with_the_way_back(project: Path, damage: str) -> None:
    train_run("hypergan", "cpu")
    folder = Path("models/hypergan")
    weights, about = folder / "generator.safetensors", folder / "model.json"
    data = bytearray(weights.read_bytes())
    match damage:
        case "flip":
            data[-1] ^= 1
            weights.write_bytes(data)
        case "cut":
            weights.write_bytes(data[:100])
        case "gone":
            weights.unlink()
        case "other":
            text = about.read_text()
            about.write_text(text.replace('"generator_width": 4', '"generator_width": 8'))
        case "no json":
            about.unlink()
        case "torn json":
            about.write_text(about.read_text()[:50])
    with pytest.raises(CheckpointError, match="the model cannot be loaded") as error:
        load_model(folder)
    assert error.value.where == "models/hypergan"
    assert "dvc checkout models/hypergan" in error.value.fix
