"""The memory of a step: tensors counted by hand, straight lines, settings that fit."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from tests.training.trainer import RUNS, made
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.cli.plan import plan
from memegan.dataset import Batch
from memegan.errors import ParamsError
from memegan.optimizing import adam, descend
from memegan.rng import Numbers
from memegan.training.memory import Need, Peak, measured, step_bytes
from memegan.variants.base import Plan, Variant, VariantSpec, find_variant

COUNT = 1000 * 256
SIGMOIDS = 8


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("depth", [4, 8])
def test_what_a_chain_holds_for_its_backward_pass_is_counted(depth: int) -> None:
    """Each sigmoid holds its output; backwards, two slopes are alive at a time."""
    x = torch.zeros(COUNT, requires_grad=True)
    with Peak([x]) as peak:
        y = x
        for _ in range(depth):
            y = torch.sigmoid(y)
        total = y.sum()
        assert peak.bytes == pytest.approx(4 * COUNT * (1 + depth), rel=1e-3)
        torch.autograd.backward(total)
    assert peak.most == pytest.approx(4 * COUNT * (3 + depth), rel=1e-3)
    assert peak.bytes == pytest.approx(4 * COUNT * 3, rel=1e-3)  # x, its slope and y


def test_views_and_steps_in_place_hold_nothing_more() -> None:
    with Peak() as peak:
        x = torch.zeros(100, 100)
        x.view(-1)[:50].add_(1).reshape(5, 10).relu_()
        assert peak.bytes == peak.most == 40_000
        del x
        assert (peak.bytes, peak.most) == (0, 40_000)


class Chain(Variant):
    """A sum through sigmoids, with a weight that is far larger than what an image takes."""

    def __init__(self, run: Plan) -> None:
        super().__init__()
        self.net = nn.ParameterDict({"weight": nn.Parameter(torch.zeros(1_000_000))})

    def nets(self) -> dict[str, nn.Module]:
        return {"net": self.net}

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": adam([self.net], 0.1, (0.5, 0.9))}

    def step(
        self, batch: Batch, optimizers: Mapping[str, Optimizer], numbers: Numbers
    ) -> dict[str, Tensor]:
        x = batch.images["a"] + self.net["weight"][0]
        for _ in range(SIGMOIDS):
            x = torch.sigmoid(x)
        descend(optimizers["net"], x.mean())
        return {}

    def show(
        self, nets: Mapping[str, nn.Module], batch: Batch, numbers: Numbers
    ) -> dict[str, Tensor]:
        return {}


def test_a_step_holds_weight_average_moments_and_what_each_image_takes() -> None:
    _, run = made("hypergan", {"crop_px": 1024, "load_px": 1024})
    need = measured(VariantSpec("generate", type(run), Chain), run)
    image = 3 * 1024 * 1024 * 4
    assert need.image_bytes == pytest.approx(image * (SIGMOIDS + 3), rel=0.1)
    assert need.fixed_bytes == pytest.approx(4_000_000 * 4, rel=0.5)  # weight, average, two moments
    found, _ = step_bytes(VariantSpec("generate", type(run), Chain), run, 3)
    assert need.at(3) == pytest.approx(found, rel=0.02)


@pytest.mark.parametrize("name", RUNS)
def test_the_line_foretells_a_larger_batch(name: str) -> None:
    _, run = made(name)
    spec = find_variant(run.variant)
    need = measured(spec, run)
    found, _ = step_bytes(spec, run, 24)
    assert need.at(24) == pytest.approx(found, rel=0.1)
    weights = sum(p.nbytes for p in spec.make(run).parameters())
    assert need.at(1) > 3 * weights  # the weights and the optimizers' two moments


def test_the_largest_batch_that_fits() -> None:
    need = Need(100, 10, 0.1, 2)
    assert [need.most_images(room) for room in (119, 120, 129, 130, 200)] == [0, 2, 2, 3, 10]


RECIPE = """\
train:
  large:
    variant: vaegan
    section: train.large
    data: {a: face}
    seed: 7
    threads: 1
    total_images: 100
    batch_size: 64
    crop_px: 64
    network: {encoder_width: 4, decoder_width: 4, discriminator_width: 4}
"""


def test_the_command_names_settings_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(RECIPE, encoding="utf-8")
    plan("3GiB", as_json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run"], row["batch_size"], row["fits"]) == ("large", 64, True)
    assert row["settings"].startswith("batch_size: ")
    room = row["fixed_mib"] + 10 * row["image_mib"]
    plan(f"{room / 0.9 + 512:.0f}MiB", as_json=True)
    (less,) = json.loads(capsys.readouterr().out)
    assert not less["fits"]
    assert less["settings"] in ("batch_size: 9", "batch_size: 10")
    room = row["fixed_mib"] + 0.6 * row["image_mib"]
    plan(f"{room / 0.9 + 512:.2f}MiB")
    told = capsys.readouterr().out
    assert "crop_px: 32, batch_size: " in told
    assert "not on a GPU" in told
    plan("512MiB")
    assert "none: choose smaller widths" in capsys.readouterr().out
    for gpu, wrong in (("3", "no size"), ("many GiB", "no size")):
        with pytest.raises(ParamsError, match=wrong):
            plan(gpu)
    with pytest.raises(ParamsError, match="no run 'larg'; did you mean 'large'"):
        plan(run=["larg"])
