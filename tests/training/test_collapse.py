"""Pictures that show a known failure: the training warns, stops, or goes back and on."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.training.trainer import After, OneLayer, data_of, made
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch
from memegan.errors import CheckpointError, Stopped, TrainingError
from memegan.rng import Numbers
from memegan.tracking.spool import MemoryTracker
from memegan.training.checkpoint import TrainState, Whole, restore
from memegan.training.loop import train
from memegan.training.stopping import Stop
from memegan.variants.base import Plan


class Gray(OneLayer):
    """Shows its inputs, or one gray once it has taken any of the steps in `breaks`."""

    broken: Tensor

    def __init__(self, breaks: set[int]) -> None:
        super().__init__()
        self.breaks = breaks
        self.register_buffer("broken", torch.zeros(()))

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        if numbers.images_seen // len(batch.images["a"]) in self.breaks:
            self.broken.fill_(1)
        return self.descended(batch, optimizers)

    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        return {"fake": batch.images["a"] * (1 - self.broken)}


def plan(**changes: object) -> Plan:
    more = {"checkpoint_every_images": 6, "grid_every_images": 4, "total_images": 40}
    _, run = made("hypergan", {"on_collapse": "rollback", **more, **changes})
    return run


def trained(
    breaks: set[int], path: Path, stop: Stop | None = None, **changes: object
) -> tuple[Whole, MemoryTracker]:
    torch.manual_seed(0)
    run, tracker = plan(**changes), MemoryTracker()
    whole = train(Gray(breaks), data_of(run), run, tracker, path, stop or Stop(math.inf))
    return whole, tracker


def factors(tracker: MemoryTracker) -> dict[int, float]:
    name = "learning_rate_factor"
    return {seen: v[name] for seen, v in tracker.noted_measures if name in v}


def test_it_goes_back_to_the_last_healthy_weights_and_on_at_half_the_rate(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    whole, tracker = trained({8}, path, schedule={"kind": "constant"})
    assert float(whole.variant.state_dict()["broken"]) == 0
    assert restore(path, whole) == TrainState(40, rollbacks=1, healthy_at=40)
    assert [seen for seen, v in tracker.noted_measures if "alarm/flat" in v] == [20]
    rates = factors(tracker)
    assert {rate for seen, rate in rates.items() if seen <= 20} == {1.0}
    assert {rate for seen, rate in rates.items() if seen > 20} == {0.5}
    assert [p.name for p in tmp_path.glob("healthy-*")] == ["healthy-000000040.safetensors"]


def test_what_comes_back_is_all_that_the_healthy_grid_had(tmp_path: Path) -> None:
    """Steps 8 and 9 (17 to 20 images) are undone."""
    path = tmp_path / "state.safetensors"
    with pytest.raises(Stopped):
        trained({8}, path, After(10))
    back, healthy = load_file(path), load_file(tmp_path / "healthy-000000016.safetensors")
    assert back.keys() == healthy.keys()
    assert all(torch.equal(back[name], healthy[name]) for name in healthy)


@pytest.mark.parametrize("breaks", [{8}, {3, 8}, {8, 13}])
def test_stopped_after_any_step_it_ends_with_the_same_bits(
    tmp_path: Path, breaks: set[int]
) -> None:
    straight = trained(breaks, tmp_path / "straight/state")[0].tensors()
    wanted = {name: value.clone() for name, value in straight.items()}
    for steps in range(1, 20):
        path = tmp_path / str(steps) / "state"
        with pytest.raises(Stopped):
            trained(breaks, path, After(steps))
        resumed = trained(breaks, path)[0].tensors()
        assert all(torch.equal(resumed[name], wanted[name]) for name in wanted), steps


def test_a_state_older_than_the_newest_healthy_one_replays_to_the_same_end(tmp_path: Path) -> None:
    """Killed between the two files of a healthy grid: the newer one lies there, unnamed."""
    whole, _ = trained({8}, tmp_path / "straight/state")
    wanted = {name: value.clone() for name, value in whole.tensors().items()}
    path = tmp_path / "killed/state"
    with pytest.raises(Stopped):
        trained({8}, path, After(7))
    (path.parent / "healthy-000000016.safetensors").write_bytes(b"torn")
    resumed = trained({8}, path)[0].tensors()
    assert all(torch.equal(resumed[name], wanted[name]) for name in wanted)


def test_a_failure_that_comes_back_ends_the_training(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="flat: fake is one colour, after 3 rollbacks") as e:
        trained(set(range(8, 20)), tmp_path / "state")
    assert e.value.where == "32 images seen"


def test_one_that_recovers_goes_on_after_its_last_rollback(tmp_path: Path) -> None:
    path = tmp_path / "state"
    changes = {"on_collapse": "recover", "schedule": {"kind": "constant"}}
    whole, tracker = trained(set(range(8, 20)), path, None, **changes)
    assert restore(path, whole) == TrainState(40, rollbacks=3, healthy_at=16)
    rung = [seen for seen, v in tracker.noted_measures if "alarm/flat" in v]
    assert rung == [20, 24, 28, 32, 36, 40]
    assert {rate for seen, rate in factors(tracker).items() if seen > 28} == {0.125}


def test_without_a_healthy_grid_before_it_warns_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "state"
    whole, _ = trained({0}, path)
    assert restore(path, whole) == TrainState(40)


def test_a_healthy_state_that_was_taken_away_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with pytest.raises(Stopped):
        trained({8}, path, After(8))
    (tmp_path / "healthy-000000016.safetensors").unlink()
    with pytest.raises(CheckpointError, match="saved state"):
        trained({8}, path)


def test_how_often_there_is_a_grid_counts_only_where_it_decides() -> None:
    changed = {"grid_every_images": 8}
    assert plan().digest() != plan(**changed).digest()
    warns = {"on_collapse": "warn"}
    assert plan(**warns).digest() == plan(**warns, **changed).digest()
