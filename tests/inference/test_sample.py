"""Pictures from noise follow from the seed; the nearest training picture is found."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.trainer import data_of, made
from torch import Tensor

from memegan.cli.sample import sample
from memegan.errors import ParamsError
from memegan.inference.sample import AT_ONCE, nearest, samples, sheet
from memegan.packs import member_name, write_series
from memegan.records import Row
from memegan.tables import columns, write_table
from memegan.tracking.spool import MemoryTracker
from memegan.training.export import Model, export, load_model
from memegan.training.grids import png
from memegan.training.loop import train
from memegan.training.stopping import Stop

ABOUT = {"memegan_key": "0123456789abcdef", "images_seen": 20}


@pytest.fixture
def generator(tmp_path: Path) -> Model:
    variant, plan = made("hypergan")
    export(tmp_path / "noise", variant.eval().nets(), plan, ABOUT)
    return load_model(tmp_path / "noise")


def test_more_pictures_begin_with_the_same_ones(generator: Model) -> None:
    few = torch.stack(list(samples(generator, 3, 5)))
    many = torch.stack(list(samples(generator, AT_ONCE + 4, 5)))
    assert many.shape == (AT_ONCE + 4, 3, 16, 16)
    assert torch.equal(few, many[:3])
    assert len(torch.unique(many.flatten(1), dim=0)) == len(many)
    assert not torch.equal(few, torch.stack(list(samples(generator, 3, 6))))


@pytest.mark.parametrize(("kind", "truncation"), [("sngan", 0), ("sngan", 0.5), ("pixelcnn", 0)])
def test_a_class_is_that_of_all_and_the_noise_stays(
    tmp_path: Path, kind: str, truncation: float
) -> None:
    variant, plan = made(kind)
    export(tmp_path / kind, variant.eval().nets(), plan, ABOUT)
    model = load_model(tmp_path / kind)

    def stacked(label: int | None) -> Tensor:
        return torch.stack(list(samples(model, AT_ONCE, 5, "cpu", truncation, label)))

    by_class = torch.stack([stacked(label) for label in range(3)], 1)
    same = (by_class == stacked(None)[:, None]).flatten(2).all(2)
    assert same.sum(1).tolist() == [1] * AT_ONCE  # of any class: each is one of the three
    assert bool(same.any(0).all())
    with pytest.raises(ParamsError, match="has 3 classes, counted from 0"):
        stacked(3)


def test_a_class_of_a_model_without_classes_is_refused(generator: Model) -> None:
    with pytest.raises(ParamsError, match="has no classes"):
        next(samples(generator, 1, 0, label=0))


def test_a_copy_is_found_under_noise_and_mirrored() -> None:
    draw = torch.Generator().manual_seed(0)
    real = torch.rand(20, 3, 32, 32, generator=draw) * 2 - 1
    copies = (real[[7, 0, 19]] + 0.2 * torch.randn(3, 3, 32, 32, generator=draw)).clamp(-1, 1)
    assert nearest(list(copies), real).tolist() == [7, 0, 19]
    assert nearest(list(copies.flip(3)), real).tolist() == [7, 0, 19]


def test_a_sheet_shows_every_picture_and_fills_up_with_white() -> None:
    pictures = [torch.full((3, 4, 4), -1.0)] * 10
    whole = sheet(pictures)
    assert whole.shape == (3, 8, 32)
    assert int((whole == 0).sum()) == 10 * 3 * 16
    assert bool((whole[:, 4:, 8:] == 255).all())
    assert sheet(pictures[:3]).shape == (3, 4, 12)
    both = sheet(pictures, torch.zeros(10, 3, 4, 4))
    assert both.shape[1] == 16


def test_the_command_writes_each_picture_and_all_of_them(
    generator: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sample(Path("noise"), Path("out"), count=3)
    assert sorted(p.name for p in Path("out").iterdir()) == [
        *("000000.png", "000001.png", "000002.png", "grid.png")
    ]
    first = Path("out/000002.png").read_bytes()
    sample(Path("noise"), Path("out"), count=5)
    assert Path("out/000002.png").read_bytes() == first
    assert generator.about.encode() in first
    with pytest.raises(ParamsError, match="training pictures are not here"):
        sample(Path("noise"), Path("out"), beside=True)


def test_beside_each_picture_stands_the_training_picture_next_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training pictures: a noisy copy of each picture made, one of them mirrored, and others."""
    monkeypatch.chdir(tmp_path)
    network = {"z_size": 8, "generator_width": 4, "discriminator_width": 4, "init": "he"}
    variant, plan = made("hypergan", {"load_px": 16, "total_images": 4, "network": network})
    train(variant, data_of(plan), plan, MemoryTracker(), Path("state"), Stop(math.inf))
    export(Path("noise"), variant.eval().nets(), plan, ABOUT)
    sample(Path("noise"), Path("plain"), count=3)
    copies = [read_png(f"plain/00000{n}.png") for n in range(3)]
    rng = np.random.default_rng(0)
    noisy = [(c + rng.integers(-3, 4, c.shape)).clip(0, 255).astype(np.uint8) for c in copies]
    noisy[1] = noisy[1][:, ::-1]
    others = [rng.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(4)]
    stored = [others[0], noisy[2], others[1], noisy[0], noisy[1], others[2], *copies, others[3]]
    sides = ["train"] * 6 + ["val"] * 3 + ["test"]  # a model never saw the copies themselves
    files = [png(torch.from_numpy(p.copy()).permute(2, 0, 1)) for p in stored]
    places = write_series(Path("packs"), "all", [(member_name(f, "png"), f) for f in files])
    example = {c.name: c.example for c in columns(Row)} | {"domain": "meme"}
    rows = [
        Row(**{**example, **vars(place), "id": str(n), "split": side})
        for n, (place, side) in enumerate(zip(places, sides, strict=True))
    ]
    write_table(Path("data/manifest.csv"), Row, rows)
    sample(Path("noise"), Path("out"), count=3, beside=True)
    grid = read_png("out/grid.png")[:, -3 * 16 :]  # the rows' names lie on the left
    assert grid.shape == (32, 48, 3)
    assert np.array_equal(grid[:16], np.concatenate(copies, 1))
    assert np.array_equal(grid[16:], np.concatenate(noisy, 1))


def read_png(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_translator_is_no_generator(tmp_path: Path) -> None:
    variant, plan = made("resnet")
    export(tmp_path / "one", variant.eval().nets(), plan, ABOUT)
    with pytest.raises(ParamsError, match="made to translate"):
        next(samples(load_model(tmp_path / "one"), 1, 0))
