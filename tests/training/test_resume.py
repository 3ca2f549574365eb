"""A training that was stopped and goes on ends with the same bits as any other."""

import math
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, save_file
from tests.training.trainer import (
    EVERY,
    RUNS,
    SMALL,
    After,
    Params,
    data_of,
    go_on,
    made,
    stopped_after,
    unstopped,
)
from torch.profiler import ProfilerActivity, profile

from memegan.errors import CheckpointError, Stopped
from memegan.rng import Numbers
from memegan.stage import run_stage
from memegan.tracking.spool import MemoryTracker
from memegan.training.stopping import Stop

STEPS = 10
CONSTANT: Params = {"schedule": {"kind": "constant"}}
Straight = dict[str, tuple[bytes, MemoryTracker]]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Straight:
    """The final state of each run when nothing stops it, and what it noted."""
    return {name: unstopped(name, tmp_path_factory.mktemp(name)) for name in EVERY}


@pytest.mark.parametrize("name", EVERY)
def test_stopped_after_any_step_and_resumed_it_ends_with_the_same_bits(
    name: str, straight: Straight, tmp_path: Path
) -> None:
    for steps in range(1, STEPS, 1 if name in ("resnet", "hypergan") else 4):  # others are slow
        state = tmp_path / f"{steps}.safetensors"
        stopped_after(name, state, steps)
        assert state.read_bytes() != straight[name][0]
        go_on(name, state)
        assert state.read_bytes() == straight[name][0], f"stopped after step {steps}"


@pytest.mark.parametrize("name", EVERY)
def test_stopped_after_every_step_it_ends_with_the_same_bits(
    name: str, straight: Straight, tmp_path: Path
) -> None:
    for _ in range(STEPS):
        stopped_after(name, tmp_path / "state", 1)
    assert (tmp_path / "state").read_bytes() == straight[name][0]


@pytest.mark.parametrize("name", EVERY)
def test_the_state_is_all_of_it_and_all_of_it_moves(
    name: str, straight: Straight, tmp_path: Path
) -> None:
    stopped_after(name, tmp_path / "state", 2)
    (tmp_path / "end").write_bytes(straight[name][0])
    early, end = load_file(tmp_path / "state"), load_file(tmp_path / "end")
    assert early.keys() == end.keys()
    assert {key.split("/")[0] for key in end} == {"model", "average", "optimizer"}
    variant, _ = made(name)
    learnt = {f"model/{key}" for key, _ in variant.named_parameters()}
    slots = {key.rpartition("/")[0] for key in end if key.startswith("optimizer/")}
    assert len(slots) == len(learnt)
    still = {key for key in end if torch.equal(early[key], end[key])}
    # A bias before a norm has no gradient but for rounding; what else does not learn is broken.
    assert {key for key in still & learnt if not key.endswith(".bias")} == set()


@pytest.mark.parametrize("name", EVERY)
def test_goes_on_to_other_bits_where_the_state_of_the_optimizers_is_lost(
    name: str, straight: Straight, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    stopped_after(name, state, 4)
    with safe_open(state, framework="pt") as file:
        header = file.metadata()
    kept = {k: v for k, v in load_file(state).items() if not k.startswith("optimizer/")}
    save_file(kept, state, metadata=header)
    go_on(name, state)
    assert _weights(state.read_bytes()) != _weights(straight[name][0])


@pytest.mark.parametrize("name", EVERY)
def test_goes_on_to_other_bits_where_the_random_numbers_are_lost(
    name: str, straight: Straight, tmp_path: Path
) -> None:
    stopped_after(name, tmp_path / "state", 4)
    go_on(name, tmp_path / "state", {"seed": 8})
    assert _weights((tmp_path / "state").read_bytes()) != _weights(straight[name][0])


def _weights(state: bytes) -> dict[str, bytes]:
    """Return the networks of a state, without what else it holds."""
    found = load(state)
    return {k: v.numpy().tobytes() for k, v in found.items() if k.startswith("model/")}


@pytest.mark.parametrize("changes", [{"seed": 8}, {"batch_size": 3}, {"ema_half_life_images": 7}])
def test_other_params_end_with_other_bits(
    changes: dict[str, object], straight: Straight, tmp_path: Path
) -> None:
    go_on("resnet", tmp_path / "state", changes)
    assert (tmp_path / "state").read_bytes() != straight["resnet"][0]


WIDE: Params = {  # of maps that both threads share
    **{"threads": 2, "batch_size": 4, "total_images": 16, "crop_px": 32, "load_px": 36},
    "network": {"preset": "sngan", "z_size": 8, "generator_width": 16, "discriminator_width": 16},
}


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("two_threads")
def test_with_two_threads_and_classes_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    state, whole = tmp_path / "state", tmp_path / "whole"
    go_on("sngan", whole, WIDE)
    for _ in range(3):
        with suppress(Stopped):
            go_on("sngan", state, WIDE, After(1))
        assert state.read_bytes() != whole.read_bytes()
    go_on("sngan", state, WIDE)
    assert torch.get_num_threads() == 2
    assert state.read_bytes() == whole.read_bytes()


def computed(work: Callable[[], object]) -> set[str]:
    """Return the names of all operations, those of the way back too."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        work()
    return {event.key for event in seen.key_averages()}


UNORDERED = {  # their sums over repeated rows have no order with several threads
    *("aten::index_put_", "aten::index_put", "aten::_index_put_impl_", "aten::index_add_"),
    *("aten::embedding_dense_backward", "aten::scatter_add", "aten::scatter_add_"),
}


def test_no_step_with_classes_adds_up_rows_in_any_order() -> None:
    variant, run = made("sngan")
    batch = data_of(run).train.batch(0, run.batch_size, run.seed, run.crop_px, run.flip)
    optimizers = variant.optimizers()
    names = computed(lambda: variant.step(batch, optimizers, Numbers(run.seed, 0)))
    assert "aten::convolution_backward" in names
    assert names & UNORDERED == set()


def test_a_plain_lookup_adds_up_rows_in_any_order() -> None:
    table, rows = torch.nn.Embedding(3, 2), torch.tensor([0, 0])
    by_layer = computed(lambda: torch.autograd.backward(table(rows).sum()))
    assert "aten::embedding_dense_backward" in by_layer & UNORDERED
    by_index = computed(lambda: torch.autograd.backward(table.weight[rows].sum()))
    assert "aten::_index_put_impl_" in by_index & UNORDERED


def test_how_often_is_noted_and_saved_does_not_change_the_bits(
    straight: Straight, tmp_path: Path
) -> None:
    rarely = {"log_every_images": 50, "checkpoint_every_images": 50, "grid_every_images": 50}
    go_on("hypergan", tmp_path / "state", rarely)
    assert (tmp_path / "state").read_bytes() == straight["hypergan"][0]
    assert made("hypergan", rarely)[1].digest() == made("hypergan")[1].digest()


def test_with_a_constant_rate_a_longer_training_goes_on_from_a_shorter_one(tmp_path: Path) -> None:
    go_on("resnet", tmp_path / "long", CONSTANT | {"total_images": 16})
    go_on("resnet", tmp_path / "grown", CONSTANT | {"total_images": 9})
    go_on("resnet", tmp_path / "grown", CONSTANT | {"total_images": 16})
    assert (tmp_path / "grown").read_bytes() == (tmp_path / "long").read_bytes()
    keys = {made("resnet", CONSTANT | {"total_images": n})[1].digest() for n in (9, 16)}
    assert len(keys) == 1


def test_a_state_from_beyond_the_end_is_a_fresh_start(tmp_path: Path) -> None:
    go_on("resnet", tmp_path / "state", CONSTANT | {"total_images": 16})
    go_on("resnet", tmp_path / "state", CONSTANT | {"total_images": 8})
    go_on("resnet", tmp_path / "short", CONSTANT | {"total_images": 8})
    assert (tmp_path / "state").read_bytes() == (tmp_path / "short").read_bytes()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("resnet", {"model": RUNS["unet"]["model"]}),
        ("resnet", {"discriminator_width": 8}),
        ("resnet", {"pool_size": 6}),
        ("resnet", {"crop_px": 26}),
        ("hypergan", {"crop_px": 32, "load_px": 32}),
    ],
)
def test_a_state_of_other_networks_is_refused_and_kept(
    name: str, changes: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "state.safetensors"
    stopped_after(name, path, 2)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="the saved state is not one of this run"):
        go_on(name, path, changes)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"batch_size": 1},
        {"learning_rate": 1e-4},
        {"lambda_cycle": 9.0},
        {"flip": False},
        {"threads": 2},
        {"where": {"community": "x"}},
        {"total_images": 22},  # the rate falls linearly, so that the end is part of it
        {"model": {"generator": "resnet", "norm": "batch", **SMALL}},
    ],
)
def test_whatever_changes_the_bits_changes_the_key(changes: dict[str, object]) -> None:
    assert made("resnet", changes)[1].digest() != made("resnet")[1].digest()


def test_a_time_limit_takes_one_step_a_call_and_exits_75(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    four, path, handler = {"total_images": 4}, tmp_path / "state", signal.getsignal(signal.SIGTERM)

    def main() -> None:
        go_on("hypergan", path, four, Stop(-1))

    assert run_stage(main, []) == 75
    assert "2 of 4 images seen" in capsys.readouterr().err
    assert run_stage(main, []) == 0  # the last step ends it: there is nothing left to stop
    signal.signal(signal.SIGTERM, handler)
    go_on("hypergan", tmp_path / "straight", four)
    assert path.read_bytes() == (tmp_path / "straight").read_bytes()


def test_the_first_signal_asks_and_the_second_ends_at_once() -> None:
    with Stop(math.inf) as stop:
        assert stop.exit_code() == 0
        signal.raise_signal(signal.SIGINT)
        assert stop.exit_code() == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_stopped_names_what_stopped_it(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="--max-time") as stopped:
        go_on("hypergan", tmp_path / "state", stop=Stop(-1))
    assert stopped.value.exit_code == 75
