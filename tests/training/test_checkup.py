"""Samples beside training pictures: real ones ring nothing; collapse and copies do, and go back."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.training.trainer import After, OneLayer, made
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from memegan.dataset import Batch, Images
from memegan.errors import Stopped, TrainingError
from memegan.rng import Numbers
from memegan.tracking.spool import MemoryTracker
from memegan.training.alarms import compare
from memegan.training.checkpoint import Whole, restore
from memegan.training.checkup import SAMPLES
from memegan.training.health import Health, Likes
from memegan.training.loop import Data, train
from memegan.training.stopping import Stop
from memegan.variants.base import Latent, Plan

BEST = Health(0.9, 0.9, 0.0, 0.0)


def pictures(seed: int, count: int, side: int = 24) -> Tensor:
    """Smooth noise, another picture for each number: (count, 3, S, S) in [-1, 1]."""
    draw = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 3, 6, 6, generator=draw) * 2 - 1
    return functional.interpolate(small, (side, side), mode="bilinear")


def stored(images: Tensor) -> Tensor:
    return ((images + 1) * 127.5).round().byte()


TRAIN = pictures(1, 90)


@pytest.fixture(scope="module")
def likes() -> Likes:
    torch.set_num_threads(1)
    return Likes(stored(TRAIN))


def names(health: Health, best: Health = BEST) -> list[str]:
    return [alarm.name for alarm in compare("fake", health, best, is_of_noise=True)]


def test_other_pictures_of_the_same_kind_are_healthy(likes: Likes) -> None:
    for seed in range(2, 12):
        health = likes.health(pictures(seed, SAMPLES))
        assert health.diversity == pytest.approx(1, abs=0.1)
        assert health.coverage > 0.6
        assert (health.twins, health.copies) == (0, 0)
        assert names(health) == []


@pytest.mark.parametrize("turned", [False, True])
def test_training_pictures_are_copies_under_noise_and_mirrored(likes: Likes, turned: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    own = TRAIN[:SAMPLES] + 0.2 * torch.randn(TRAIN[:SAMPLES].shape, generator=draw)
    health = likes.health(own.flip(3) if turned else own)
    assert health.copies == 1
    assert health.coverage > 0.9
    assert names(health) == ["memorised"]


def test_half_of_copies_ring_and_a_third_does_not(likes: Likes) -> None:
    other = pictures(3, SAMPLES)
    for share, rings in ((SAMPLES // 3, []), (SAMPLES // 2, ["memorised"])):
        health = likes.health(torch.cat([TRAIN[:share], other[share:]]))
        assert health.copies == pytest.approx(share / SAMPLES)
        assert names(health) == rings


def test_few_pictures_again_and_again_are_twins_that_cover_little(likes: Likes) -> None:
    faint = 0.02 * pictures(4, SAMPLES)
    three = likes.health(pictures(5, 3).repeat(11, 1, 1, 1)[:SAMPLES] + faint)
    assert three.twins == 1
    assert three.coverage == pytest.approx(3 / SAMPLES, rel=0.5)
    assert names(three) == ["less_covered", "twins"]
    one = likes.health(pictures(5, 1) + faint)
    assert one.diversity < 0.05
    assert names(one) == ["less_diverse", "less_covered", "twins"]


def test_the_young_ring_nothing(likes: Likes) -> None:
    """All alike and never otherwise: it has not parted yet."""
    one = likes.health(pictures(5, 1) + 0.02 * pictures(4, SAMPLES))
    assert names(one, Health(0.2, 0.2, 0, 0)) == []
    gray = likes.health(0.1 * pictures(6, SAMPLES))
    assert gray.copies == 0
    assert names(gray, Health(0.1, 0.1, 0, 0)) == []


def test_what_follows_from_other_pictures_is_asked_for_copies_alone(likes: Likes) -> None:
    one = likes.health(pictures(5, 1).repeat(SAMPLES, 1, 1, 1))
    assert compare("fake_b", one, BEST, is_of_noise=False) == []
    copied = likes.health(TRAIN[:8])
    (alarm,) = compare("fake_b", copied, BEST, is_of_noise=False)
    assert alarm.name == "memorised"
    assert "100% of fake_b" in alarm.what


def test_a_set_of_copies_itself_and_one_of_two_pictures_are_measured() -> None:
    for few in (TRAIN[:1].repeat(5, 1, 1, 1), TRAIN[:2]):
        found = asdict(Likes(stored(few)).health(pictures(2, 8)))
        assert all(math.isfinite(value) for value in found.values())


# In a training -----------------------------------------------------------------------------------


class Modes(OneLayer):
    """Makes a picture of each code; from step `breaks` on few of them, or the training pictures."""

    steps: Tensor

    def __init__(self, breaks: int, broken: str) -> None:
        super().__init__()
        self.breaks, self.broken = breaks, broken
        self.register_buffer("steps", torch.zeros(()))

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        self.steps += 1
        return self.descended(batch, optimizers)

    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        return {"fake": pictures(7, len(batch.images["a"]))}

    def latent(self, nets: Mapping[str, nn.Module]) -> Latent:
        def decode(codes: Tensor, label: Tensor | None) -> Tensor:
            if self.steps <= self.breaks:
                return pictures(8, len(codes))
            if self.broken == "copies":
                return TRAIN[: len(codes)]
            return pictures(8, 3).repeat(len(codes), 1, 1, 1)[: len(codes)]

        return Latent(lambda numbers, count: numbers.normal("z", count, 2), decode, None)


def run(**changes: object) -> Plan:
    more = {"grid_every_images": 8, "checkpoint_every_images": 12, "total_images": 48}
    schedule = {"schedule": {"kind": "constant"}, "load_px": 24, "crop_px": 24}
    return made("hypergan", {"batch_size": 4, **more, **schedule, **changes})[1]


def trained(
    broken: str, path: Path, stop: Stop | None = None, **changes: object
) -> tuple[Whole, MemoryTracker]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    plan, tracker, images = run(**changes), MemoryTracker(), Images({"a": stored(TRAIN)})
    data = Data(images, images.first(2, 24))
    stop = stop or Stop(math.inf)
    return train(Modes(6, broken), data, plan, tracker, path, stop), tracker


def rung(tracker: MemoryTracker) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for seen, values in tracker.noted_measures:
        for name in (n for n in values if n.startswith("alarm/")):
            found.setdefault(seen, set()).add(name.removeprefix("alarm/"))
    return found


@pytest.mark.parametrize(
    ("broken", "alarms"), [("few", {"less_covered", "twins"}), ("copies", {"memorised"})]
)
def test_a_training_that_collapses_goes_back_to_its_last_good_state(
    broken: str, alarms: set[str], tmp_path: Path
) -> None:
    path = tmp_path / "state"
    whole, tracker = trained(broken, path, on_collapse="recover")
    state = restore(path, whole)
    assert (state.rollbacks, state.healthy_at) == (3, 24)
    assert (state.most_diverse > 800, state.most_covered > 500) == (True, True)
    assert rung(tracker) == {32: alarms, 40: alarms, 48: alarms}
    back = load_file(tmp_path / "healthy-000000024.safetensors")
    assert float(back["model/steps"]) == 6
    seen = {n for _, values in tracker.noted_measures for n in values if n.startswith("health/")}
    assert seen == {f"health/fake_{name}" for name in asdict(BEST)}


def test_it_warns_or_stops_where_it_is_told_to(tmp_path: Path) -> None:
    whole, tracker = trained("copies", tmp_path / "warn", on_collapse="warn")
    assert float(whole.variant.state_dict()["steps"]) == 12
    assert sorted(rung(tracker)) == [32, 40, 48]
    with pytest.raises(TrainingError, match="memorised: 100% of fake are training") as error:
        trained("copies", tmp_path / "stop", on_collapse="stop")
    assert error.value.where == "32 images seen"
    assert "diffaugment" in error.value.fix


@pytest.mark.parametrize("broken", ["few", "copies"])
def test_stopped_after_any_step_it_ends_with_the_same_bits(broken: str, tmp_path: Path) -> None:
    trained(broken, tmp_path / "straight", on_collapse="recover")
    for steps in range(1, 12):
        path = tmp_path / str(steps) / "state"
        with pytest.raises(Stopped):
            trained(broken, path, After(steps), on_collapse="recover")
        trained(broken, path, on_collapse="recover")
        assert path.read_bytes() == (tmp_path / "straight").read_bytes(), steps
