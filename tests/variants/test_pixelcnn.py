"""PixelCNN++ as a variant: what it learns in 128 steps, classes, completion, exact resume."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tests.training.trainer import COMMON, After, Params, data_of
from torch import Tensor

from memegan.dataset import Batch, Images
from memegan.errors import ParamsError, Stopped
from memegan.networks.pixelcnn import Shape
from memegan.rng import Numbers
from memegan.tracking.spool import MemoryTracker
from memegan.training.checkpoint import Whole
from memegan.training.loop import Data, train
from memegan.training.stopping import Stop
from memegan.variants.base import find_variant
from memegan.variants.pixelcnn import PixelCNNPlus, PixelCNNRun, SizeParams

TINY: Params = {"filters": 6, "blocks": 1, "mixtures": 2, "dropout": 0.5}
RUN: Params = {
    **{**COMMON, "variant": "pixelcnn", "data": {"a": "meme"}, "crop_px": 16, "load_px": 16},
    **{"network": TINY, "total_images": 10},
}
CLASSES: Params = {"label": "mood", "classes": 3}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def made(changes: Mapping[str, object] = {}) -> tuple[PixelCNNPlus, PixelCNNRun]:
    spec = find_variant("pixelcnn")
    run = spec.run.model_validate({**RUN, **changes})
    variant = spec.make(run)
    assert isinstance(variant, PixelCNNPlus)
    assert isinstance(run, PixelCNNRun)
    return variant, run


def data(run: PixelCNNRun) -> Data:
    noise = data_of(run).train.pixels
    labels = {"a": torch.tensor([0, 2, 1, 0, 2])} if run.label else {}
    images = Images(noise, labels)
    return Data(images, images.first(run.grid_count, run.crop_px))


def go_on(path: Path, changes: Mapping[str, object] = {}, stop: Stop | None = None) -> Whole:
    variant, run = made(changes)
    return train(variant, data(run), run, MemoryTracker(), path, stop or Stop(math.inf))


# What it learns ----------------------------------------------------------------------------------


def bits_after_128_steps(images: Tensor, rate: float, filters: int = 8) -> float:
    """Bits of a value after 128 steps on batches of images, the rate falling to 0."""
    network = {**TINY, "filters": filters, "mixtures": 5, "dropout": 0.0}
    variant, run = made({"network": network, "learning_rate": rate, "batch_size": 2})
    optimizers = variant.optimizers()
    for step in range(128):
        optimizers["pixelcnn"].param_groups[0]["lr"] = rate * (1 - step / 128)
        batch = Batch({"a": images[(2 * step) % len(images) :][:2]})
        variant.step(batch, optimizers, Numbers(run.seed, 2 * step))
    bits = bits_of(variant, Batch({"a": images[-4:]}))
    assert bits.shape == (4,)
    return float(bits.mean())


def bits_of(variant: PixelCNNPlus, batch: Batch) -> Tensor:
    measured = variant.measure(variant.eval().nets(), batch, Numbers(1, 0))["bits_per_dim"]
    assert not measured.higher_is_better
    return measured.values


def test_noise_costs_8_bits_and_black_none_after_128_steps() -> None:
    draws = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (260, 3, 8, 8), generator=draws) / 127.5 - 1
    assert 7.99 < bits_after_128_steps(noise, 2e-3) < 8.4
    assert bits_after_128_steps(torch.full((8, 3, 8, 8), -1.0), 2e-3) < 0.01


@pytest.mark.parametrize("colour", [(37.0, 200.0, 90.0), (128.0, 128.0, 128.0), (255.0, 3.0, 0.0)])
def test_one_colour_costs_what_the_least_scale_costs_after_128_steps(
    colour: tuple[float, float, float],
) -> None:
    """A logistic of scale exp(-7) about an inner level leaves .04 bits to its neighbours."""
    images = (torch.tensor(colour) / 127.5 - 1)[:, None, None].expand(8, 3, 8, 8)
    least = -math.log2(math.tanh(math.exp(7) / 255 / 2))
    assert bits_after_128_steps(images, 2e-3) < least + 0.005


def test_a_step_reports_the_exact_bits_and_sets_the_weights_by_the_first_batch() -> None:
    variant, run = made({"network": {**TINY, "dropout": 0.0}})
    batch = data(run).train.batch(0, 2, run.seed, run.crop_px, run.flip)
    assert not variant.initialised
    losses = variant.step(batch, variant.optimizers(), Numbers(run.seed, 0))
    assert variant.initialised
    other, _ = made({"network": {**TINY, "dropout": 0.0}})
    other.pixelcnn.initialise(batch.images["a"])
    bits = bits_of(other, batch)
    assert losses.keys() == {"bits_per_dim"}
    assert float(losses["bits_per_dim"].detach()) == pytest.approx(float(bits.mean()), rel=1e-5)


def test_the_rate_falls_by_the_papers_share_a_step() -> None:
    variant, run = made({"rate_decay": 0.5})
    optimizers = variant.optimizers()
    assert optimizers["pixelcnn"].param_groups[0]["betas"] == (0.95, 0.9995)
    batch = data(run).train.batch(0, 2, run.seed, run.crop_px, run.flip)
    for seen in (0, 2, 6):
        optimizers["pixelcnn"].param_groups[0]["lr"] = 1.0
        before = [w.detach().clone() for w in variant.parameters()]
        variant.step(batch, optimizers, Numbers(run.seed, seen))
        assert optimizers["pixelcnn"].param_groups[0]["lr"] == 0.5 ** (seen // 2)
        for weight, old in zip(variant.parameters(), before, strict=True):
            weight.detach().copy_(old)


# Classes and completion --------------------------------------------------------------------------


def test_classes_are_learnt_and_shown() -> None:
    variant, run = made(CLASSES)
    batch = data(run).train.batch(0, 3, run.seed, run.crop_px, run.flip)
    assert batch.labels["a"].shape == (3,)
    variant.step(batch, variant.optimizers(), Numbers(run.seed, 0))
    moved = [w for name, w in variant.named_parameters() if "label" in name]
    assert moved
    assert all(w.grad is not None and bool(w.grad.any()) for w in moved)
    variant.eval()
    nets, numbers = variant.nets(), Numbers(run.seed, 0)
    other = Batch(batch.images, {"a": (batch.labels["a"] + 1) % 3})
    assert not torch.equal(
        variant.show(nets, batch, numbers)["fake"], variant.show(nets, other, numbers)["fake"]
    )
    assert bool((bits_of(variant, batch) != bits_of(variant, other)).all())


def test_images_without_labels_are_judged_by_all_classes_and_shown_of_any() -> None:
    variant, run = made(CLASSES)
    batch = Batch(data(run).held_out.images)
    shown = variant.eval().show(variant.nets(), batch, Numbers(run.seed, 0))["fake"]
    assert shown.shape == batch.images["a"].shape
    labelled = [Batch(batch.images, {"a": torch.full((2,), c)}) for c in range(3)]
    with torch.no_grad():  # so that the classes differ
        for name, weight in variant.named_parameters():
            weight.add_(float("label" in name) * torch.randn(weight.shape))
    values = batch.images["a"][0].numel()
    nats = torch.stack([-bits_of(variant, b) * values * math.log(2) for b in labelled]).double()
    wanted = -torch.log(torch.exp(nats - nats.max(0).values).mean(0)) - nats.max(0).values
    assert float(nats.std(0).min()) > 0.1
    assert torch.allclose(bits_of(variant, batch).double(), wanted / values / math.log(2))


def test_more_classes_than_the_run_says_are_refused() -> None:
    variant, run = made({**CLASSES, "classes": 2})
    batch = data(run).train.batch(0, 5, run.seed, run.crop_px, run.flip)
    with pytest.raises(ParamsError, match="class 2, the run says 2 classes"):
        variant.step(batch, variant.optimizers(), Numbers(run.seed, 0))


def test_the_lower_half_is_drawn_and_the_upper_one_kept() -> None:
    variant, run = made()
    batch, numbers = data(run).held_out, Numbers(run.seed, 0)
    done = variant.eval().complete(variant.nets(), batch, numbers, 8)
    assert torch.equal(done[:, :, :8], batch.images["a"][:, :, :8])
    assert not torch.equal(done[:, :, 8:], batch.images["a"][:, :, 8:])
    assert torch.equal(done, variant.complete(variant.nets(), batch, numbers, 8))


def test_pictures_are_of_256_levels_and_differ() -> None:
    variant, run = made()
    batch = Batch({"a": torch.zeros(34, 3, 16, 16)})  # more than are sampled at once
    fake = variant.eval().show(variant.nets(), batch, Numbers(run.seed, 0))["fake"]
    assert fake.shape == (34, 3, 16, 16)
    assert torch.equal((fake * 127.5 + 127.5).round() / 127.5 - 1, fake)
    assert len({picture.numpy().tobytes() for picture in fake}) == 34
    assert not fake.requires_grad


# Params and resume -------------------------------------------------------------------------------


def test_presets_are_widths_and_depths_that_may_be_said_otherwise() -> None:
    assert SizeParams(preset="paper").shape(0) == Shape(160, 5, 10, 0.5, 0)
    assert SizeParams().shape(4) == Shape(64, 3, 10, 0.5, 4)
    assert SizeParams(preset="paper", blocks=2, dropout=0.0).shape(0) == Shape(160, 2, 10, 0.0)
    assert made({"network": {}})[1].schedule.kind == "linear"  # as the run says
    run = PixelCNNRun.model_validate({k: v for k, v in RUN.items() if k != "schedule"})
    assert (run.schedule.kind, run.learning_rate, run.rate_decay) == ("constant", 1e-3, 0.999995)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"crop_px": 18, "load_px": 18}, "multiple of 4"),
        ({"label": "mood"}, "come together"),
        ({"classes": 3}, "come together"),
        ({"ema_rampup": 0.0}, "ema_rampup"),
        ({"network": {"filter": 3}}, "extra"),
    ],
)
def test_what_does_not_fit_is_refused(changes: Params, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        made(changes)


@pytest.mark.parametrize("changes", [{}, CLASSES], ids=["plain", "classes"])
def test_stopped_and_resumed_it_ends_with_the_same_bits(changes: Params, tmp_path: Path) -> None:
    go_on(tmp_path / "straight", changes)
    for steps in (1, 4):
        with pytest.raises(Stopped):
            go_on(tmp_path / f"{steps}", changes, After(steps))
        go_on(tmp_path / f"{steps}", changes)
        assert (tmp_path / f"{steps}").read_bytes() == (tmp_path / "straight").read_bytes()
    end = load_file(tmp_path / "straight")
    assert bool(end["model/initialised"])
    assert all(bool(torch.isfinite(t.float()).all()) for t in end.values())


def test_the_average_forgets_the_weights_from_before_the_first_batch(tmp_path: Path) -> None:
    whole = go_on(tmp_path / "state", {"total_images": 2})
    net = whole.variant.nets()["pixelcnn"].state_dict()
    for name, value in whole.averages["pixelcnn"].state_dict().items():
        assert torch.equal(value, net[name]), name
