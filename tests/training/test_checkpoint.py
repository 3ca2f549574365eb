"""A state is taken over whole or not at all: whatever else lies there is told, never used."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tests.training.trainer import go_on, made, stopped_after
from torch import Tensor

from memegan.errors import CheckpointError
from memegan.stage import run_stage
from memegan.training.checkpoint import TrainState, Whole, resume, save
from memegan.training.ema import averages_of

Tensors = dict[str, Tensor]
STEP = "optimizer/generator/0/step"
SLOT = "optimizer/generator/0/exp_avg"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a hypergan after 3 steps; how far it is stands in its header."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("good") / "state.safetensors"
    stopped_after("hypergan", path, 3)
    return path


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[Path], str]]:
    """Run a stage that goes on from a file; return the one message that it ends with."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(path: Path) -> str:
        def main() -> None:
            go_on("hypergan", path)

        assert run_stage(main, []) == 1
        told = capsys.readouterr().err
        assert told.startswith("error: the saved state is not one of this run: ")
        assert "Traceback" not in told
        assert f"  where: {path}\n  fix:   run again with --fresh" in told
        return told

    yield run
    signal.signal(signal.SIGTERM, handler)


Refused = Callable[[Path], str]


def test_the_header_says_how_far_it_is(good: Path) -> None:
    with safe_open(good, framework="pt") as file:
        state = TrainState(**json.loads(file.metadata()["state"]))
        assert state == TrainState(6)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.999])
def test_a_torn_state_is_refused(
    good: Path, tmp_path: Path, share: float, refused: Refused
) -> None:
    data = good.read_bytes()
    (tmp_path / "torn").write_bytes(data[: int(share * len(data))])
    refused(tmp_path / "torn")


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 8, b"\xff" * 1000, b"\x02" + b"\0" * 7 + b"{}", b"\x02" + b"\0" * 7 + b"[]"],
    ids=["a header of 2**64 bytes", "the same and more", "no header", "a header that is a list"],
)
def test_bytes_that_are_no_state_are_refused(data: bytes, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "state").write_bytes(data)
    refused(tmp_path / "state")


def test_a_pickle_is_refused_and_not_run(tmp_path: Path, refused: Refused) -> None:
    torch.save({"images_seen": 6}, tmp_path / "state")
    refused(tmp_path / "state")


def test_a_folder_in_its_place_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "state").mkdir()
    refused(tmp_path / "state")


@pytest.mark.parametrize(
    "header",
    [
        None,
        {},
        {"state": ""},
        {"state": "[" * 100_000},
        {"state": "[]"},
        {"state": '"6"'},
        {"state": '{"images_seen": "6"}'},
        {"state": '{"images_seen": -2}'},
        {"state": '{"images_seen": 6.5}'},
        {"state": '{"images_seen": NaN}'},
        {"state": '{"images_seen": true}'},
        {"state": '{"images_seen": 6, "more": 1}'},
    ],
)
def test_a_header_that_does_not_say_how_far_it_is_is_refused(
    header: dict[str, str] | None, good: Path, tmp_path: Path, refused: Refused
) -> None:
    save_file(load_file(good), tmp_path / "state", metadata=header)
    refused(tmp_path / "state")


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def with_(name: str, value: Tensor) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: value}


@pytest.mark.parametrize(
    "change",
    [
        without("model/generator.layers.01_maps.core.0.weight"),
        without("average/generator/layers.01_maps.core.0.weight"),
        without(SLOT),
        without(STEP),
        with_("model/other", torch.zeros(1)),
        with_("average/other/weight", torch.zeros(1)),
        with_("optimizer/other/0/step", torch.zeros(())),
        with_("optimizer/generator/999/step", torch.zeros(())),
        with_("optimizer/generator/-1/step", torch.zeros(())),
        with_("optimizer/generator/x/step", torch.zeros(())),
        with_("optimizer/generator/0", torch.zeros(())),
        with_("optimizer/generator/0/other", torch.zeros(())),
        with_("stranger", torch.zeros(1)),
        with_("model/generator.layers.01_maps.core.0.weight", torch.zeros(3, 3)),
        with_(SLOT, torch.zeros(3)),
        with_(STEP, torch.zeros(3)),
        lambda _: {},
    ],
)
def test_tensors_that_are_not_all_of_this_run_are_refused(
    change: Callable[[Tensors], Tensors], good: Path, tmp_path: Path, refused: Refused
) -> None:
    saved = load_file(good)
    broken = change(saved)
    assert broken.keys() != saved.keys() or any(broken[k] is not saved[k] for k in saved)
    save_file(broken, tmp_path / "state", {"state": '{"images_seen": 6}'})
    refused(tmp_path / "state")


def test_what_was_saved_comes_back_and_equal_states_are_equal_files(
    good: Path, tmp_path: Path
) -> None:
    variant, run = made("hypergan")
    whole = Whole(variant, averages_of(variant.nets()), variant.optimizers())
    state = resume(good, whole, run)
    assert state == TrainState(6)
    save(tmp_path / "new" / "again.safetensors", state, whole)
    assert (tmp_path / "new" / "again.safetensors").read_bytes() == good.read_bytes()


def test_a_state_without_a_step_of_its_optimizers_comes_back_too(tmp_path: Path) -> None:
    variant, run = made("hypergan")
    whole = Whole(variant, averages_of(variant.nets()), variant.optimizers())
    save(tmp_path / "state", TrainState(2), whole)
    assert resume(tmp_path / "state", whole, run) == TrainState(2)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    variant, _ = made("hypergan")
    with pytest.raises(CheckpointError, match="the state cannot be written"):
        save(tmp_path / "file" / "state", TrainState(), Whole(variant, {}, {}))


@pytest.mark.parametrize(
    ("images", "every", "batch", "crosses"),
    [(10, 10, 2, True), (11, 10, 2, True), (12, 10, 2, False), (7, 3, 8, True), (9, 10, 4, False)],
)
def test_a_batch_crosses_a_multiple_that_it_reaches_or_passes(
    images: int, every: int, batch: int, crosses: bool
) -> None:
    assert TrainState(images).crosses(every, batch) is crosses
