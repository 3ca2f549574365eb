"""Halved products and another layout: the same training but for rounding, and exact resume."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.training.trainer import RUNS, data_of, go_on, made
from tests.variants.resuming import check_resume
from torch import Tensor, nn

from memegan.rng import Numbers

HALF = {"precision": "bfloat16"}
LAST = {"memory_format": "channels_last"}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("changes", [HALF, LAST, HALF | LAST], ids=["half", "last", "both"])
@pytest.mark.parametrize("name", ["resnet", "hypergan"])
def test_resumed_it_ends_with_the_same_bits(
    name: str, changes: dict[str, str], tmp_path: Path
) -> None:
    check_resume({**RUNS[name], **changes}, tmp_path)


@pytest.mark.parametrize("changes", [HALF, LAST], ids=["half", "last"])
def test_a_step_is_the_one_of_float32_but_for_rounding(changes: dict[str, str]) -> None:
    (plain, want), (losses, slope), (_, other) = _step({}), _step(changes), _step({}, batch=1)
    for name, loss in plain.items():
        assert losses[name] == pytest.approx(loss, rel=0.02)
    assert not slope.equal(want)
    assert float((slope - want).norm()) < 0.75 * float((other - want).norm())  # another batch's


def test_products_are_bfloat16_and_all_that_is_kept_is_float32(tmp_path: Path) -> None:
    state = tmp_path / "state"
    go_on("resnet", state, HALF)
    assert {value.dtype for value in load_file(state).values()} <= {torch.float32, torch.int64}
    _, run = made("resnet", HALF)
    conv, x = nn.Conv2d(3, 4, 3), torch.ones(1, 3, 8, 8)
    with run.rounding("cpu"):
        assert conv(x).dtype == torch.bfloat16
    _, run = made("resnet")
    with run.rounding("cpu"):
        assert conv(x).dtype == torch.float32


def test_a_weight_that_moved_within_a_step_counts_as_it_is_now() -> None:
    _, run = made("resnet", HALF)
    layer, x = nn.Linear(4, 1, bias=False), torch.ones(1, 4)
    with run.rounding("cpu"):
        before = float(layer(x).detach())
        with torch.no_grad():
            layer.weight += 1
        after = float(layer(x).detach())
    assert math.isclose(after - before, 4, abs_tol=0.1)


def test_channels_last_lays_out_the_weights_and_what_was_saved_of_them(tmp_path: Path) -> None:
    for _ in range(2):  # afresh, then from the state
        whole = go_on("resnet", tmp_path / "state", LAST)
        optimizer = whole.optimizers["generators"]
        for weight, slots in optimizer.state.items():
            assert slots["exp_avg"].stride() == weight.stride()
        assert any(not weight.is_contiguous() for weight in optimizer.state)


def _step(changes: dict[str, str], batch: int = 0) -> tuple[dict[str, float], Tensor]:
    """Take a first step; return its losses, and the slopes of all weights as one vector."""
    variant, run = made("resnet", changes)
    n, seen = run.batch_size, batch * run.batch_size
    images = data_of(run).train.batch(seen, n, run.seed, run.crop_px, run.flip)
    with run.rounding("cpu"):
        losses = variant.step(images, variant.optimizers(), Numbers(run.seed, 0))
    slopes = [weight.grad.flatten() for weight in variant.parameters() if weight.grad is not None]
    return {name: float(loss.detach()) for name, loss in losses.items()}, torch.cat(slopes)
