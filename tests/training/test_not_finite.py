"""A step whose loss is not finite leaves no trace; too many in a row end the training."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tests.training.trainer import After, data_of, made
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch
from memegan.errors import Stopped, TrainingError
from memegan.losses import l1
from memegan.optimizing import GradientError, adam, descend, freeze
from memegan.rng import Numbers
from memegan.tracking.spool import MemoryTracker
from memegan.training.checkpoint import Whole
from memegan.training.loop import train
from memegan.training.stopping import Stop
from memegan.variants.base import Plan, Variant


class Colour(Variant):
    """A single colour near to all images, with statistics; steps in `bad` go wrong."""

    memory: Tensor

    def __init__(self, bad: set[int], steep: set[int] | None = None) -> None:
        """In steps of `steep` the loss is finite and its gradient is not."""
        super().__init__()
        self.bad, self.steep = bad, steep or set()
        self.net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
        self.other = nn.Linear(1, 1)
        self.register_buffer("memory", torch.zeros(3))

    def nets(self) -> dict[str, nn.Module]:
        return {"net": self.net}

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": adam([self.net], 0.1, (0.5, 0.999))}

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        images = batch.images["a"]
        wrong = torch.tensor(math.nan if numbers.images_seen // len(images) in self.bad else 1.0)
        made = self.net(images * wrong)
        self.memory += made.detach().mean((0, 2, 3))
        distance = l1(made, images)
        if numbers.images_seen // len(images) in self.steep:
            distance = (distance - distance.detach()).sqrt()  # 0, with slope 1 / 0
        freeze([self.other], True)  # as the other side of a GAN is while one learns
        descend(optimizers["net"], distance)
        freeze([self.other], False)
        return {"distance": distance, "other": distance.detach() * 0}

    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        return {"fake": nets["net"](batch.images["a"]).detach()}


def plan(**changes: object) -> Plan:
    _, run = made("hypergan", {"checkpoint_every_images": 4, "max_skipped": 2, **changes})
    return run


def trained(bad: set[int], path: Path, stop: Stop | None = None, **changes: object) -> Whole:
    torch.manual_seed(0)
    variant, run = Colour(bad), plan(**changes)
    return train(variant, data_of(run), run, MemoryTracker(), path, stop or Stop(math.inf))


def copy_of(whole: Whole) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in whole.tensors().items()}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_moves_nothing(value: float) -> None:
    net = nn.Linear(2, 1)
    optimizer = adam([net], 0.1, (0.5, 0.9))
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    descend(optimizer, net(torch.ones(1, 2)).sum() * value)
    assert all(torch.equal(p, before[name]) for name, p in net.named_parameters())
    assert not optimizer.state_dict()["state"]
    descend(optimizer, net(torch.ones(1, 2)).sum())
    assert not any(torch.equal(p, before[name]) for name, p in net.named_parameters())


def test_a_gradient_that_is_not_finite_moves_nothing_and_says_so() -> None:
    net = nn.Linear(2, 1)
    optimizer = adam([net], 0.1, (0.5, 0.9))
    before = [p.detach().clone() for p in net.parameters()]
    made = net(torch.ones(1, 2)).sum()
    with pytest.raises(GradientError):
        descend(optimizer, (made - made.detach()).sqrt())
    assert all(torch.equal(p, b) for p, b in zip(net.parameters(), before, strict=True))
    assert not optimizer.state_dict()["state"]


def test_a_step_with_a_bad_gradient_is_skipped_like_one_with_a_bad_loss(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = plan()
    ends: list[dict[str, Tensor]] = []
    for bad, steep in (({1, 2, 5}, set[int]()), (set[int](), {1, 2, 5})):
        torch.manual_seed(0)
        path = tmp_path / str(len(ends))
        variant = Colour(bad, steep)
        whole = train(variant, data_of(run), run, MemoryTracker(), path, Stop(math.inf))
        ends.append(copy_of(whole))
        assert all(weight.requires_grad for weight in variant.parameters())
    assert all(torch.equal(ends[0][name], value) for name, value in ends[1].items())
    assert "step skipped at 4 images: not finite: gradient" in caplog.messages


def test_a_bad_step_leaves_no_trace_in_weights_statistics_buffers_averages_and_optimizers(
    tmp_path: Path,
) -> None:
    constant = {"kind": "constant"}
    three = trained(set(), tmp_path / "three", total_images=6, schedule=constant)
    four = trained({3}, tmp_path / "four", total_images=8, schedule=constant)
    before, after = copy_of(three), copy_of(four)
    assert before.keys() == after.keys()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []


def test_a_few_bad_steps_are_skipped_told_and_not_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    variant, run, tracker = Colour({1, 2, 5, 6, 9}), plan(), MemoryTracker()
    with caplog.at_level(logging.WARNING):
        whole = train(variant, data_of(run), run, tracker, tmp_path / "state", Stop(math.inf))
    told = [r.getMessage() for r in caplog.records if "skipped" in r.getMessage()]
    assert told == [
        f"step skipped at {seen} images: not finite: distance, other" for seen in (4, 6, 12, 14, 20)
    ]
    assert all(bool(torch.isfinite(value).all()) for value in whole.tensors().values())
    assert [seen for seen, _ in tracker.noted_metrics] == [2, 8, 10, 16, 18]


def test_too_many_in_a_row_end_it_and_the_last_good_state_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with pytest.raises(Stopped):
        trained({3, 4, 5}, path, After(3))
    kept = path.read_bytes()
    with pytest.raises(TrainingError, match="not finite in 3 steps in a row: distance, other") as e:
        trained({3, 4, 5}, path)
    assert e.value.where == "12 images seen"
    assert e.value.exit_code == 1
    assert path.read_bytes() == kept


def test_resumed_amid_bad_steps_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    bad = {1, 2, 5, 7}
    straight = copy_of(trained(bad, tmp_path / "straight"))
    for steps in range(1, 10):
        path = tmp_path / str(steps)
        with pytest.raises(Stopped):
            trained(bad, path, After(steps))
        resumed = copy_of(trained(bad, path))
        assert all(torch.equal(resumed[name], straight[name]) for name in straight), steps


def test_with_none_allowed_the_first_ends_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="in 1 steps in a row"):
        trained({2}, tmp_path / "state", max_skipped=0)


def test_an_alarm_that_is_to_stop_ends_it(tmp_path: Path) -> None:
    """A hypergan of three steps shows one gray for all noise."""
    variant, run = made("hypergan", {"on_collapse": "stop"})
    with pytest.raises(TrainingError, match="flat: fake is one colour") as e:
        train(variant, data_of(run), run, MemoryTracker(), tmp_path / "state", Stop(math.inf))
    assert e.value.where == "8 images seen"
    warned = MemoryTracker()
    variant, run = made("hypergan")
    train(variant, data_of(run), run, warned, tmp_path / "other", Stop(math.inf))
    assert [seen for seen, v in warned.noted_measures if "alarm/flat" in v] == [8, 16]
