"""How two players move: games and formulas with known answers; a batch in parts is the batch."""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
import yaml
from pydantic import ValidationError
from tests.training.trainer import RUNS, data_of, made
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch
from memegan.errors import ParamsError
from memegan.gan_params import AT_ONCE, TrainerParams
from memegan.optimizing import GradientError, descend, descend_together, extragradient
from memegan.rng import Numbers
from memegan.variants.base import load_run
from memegan.variants.hypergan import HyperGAN

RATE = 0.3


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Doubled(Numbers):
    """The same numbers in double precision."""

    def normal(self, name: str, *shape: int) -> Tensor:
        return super().normal(name, *shape).double()


class Number(nn.Module):
    """A player's one number."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor([start], dtype=torch.double))


class Bilinear:
    """x y: one player lowers it by x, the other raises it by y; they are at rest at 0 alone."""

    def __init__(self, **trainer: object) -> None:
        self.players = {"x": Number(1.0), "y": Number(0.5)}
        t = TrainerParams.model_validate({"optimizer": "SGD", "learning_rate": RATE, **trainer})
        self.optimizers: Mapping[str, Optimizer] = {
            name: t.make([player], t.learning_rate) for name, player in self.players.items()
        }

    def losses(self, _: str = "") -> dict[str, Tensor]:
        x, y = (player.x for player in self.players.values())
        return {"x": (x * y.detach()).sum(), "y": -(x.detach() * y).sum()}

    def squares(self) -> float:
        return sum(float(player.x.detach().square()) for player in self.players.values())


def together(game: Bilinear) -> None:
    descend_together(game.optimizers, game.losses())


def by_turns(game: Bilinear) -> None:
    for name in game.optimizers:
        descend(game.optimizers[name], game.losses()[name])


def looking_ahead(game: Bilinear) -> None:
    extragradient(game.optimizers, game.losses)


def factor(step: Callable[[Bilinear], None], steps: int = 40, **trainer: object) -> float:
    """By how much x^2 + y^2 grows in the mean of so many steps."""
    game = Bilinear(**trainer)
    before = game.squares()
    for _ in range(steps):
        step(game)
    return float((game.squares() / before) ** (1 / steps))


def test_plain_steps_leave_the_bilinear_game_and_extragradient_comes_to_rest() -> None:
    """Gidel et al. 2019, proposition 1: 1 + rate^2 against 1 - rate^2 + rate^4, in every step."""
    assert factor(together) == pytest.approx(1 + RATE**2)
    assert factor(looking_ahead) == pytest.approx(1 - RATE**2 + RATE**4)


def test_negative_momentum_brings_turns_to_rest_that_else_circle() -> None:
    """Gidel et al. 2019b, theorem 6; x and y by turns have a product of eigenvalues of 1."""
    assert factor(by_turns, 400) == pytest.approx(1, abs=0.01)
    assert factor(by_turns, 400, options={"momentum": -0.3}) < 0.98
    assert factor(by_turns, 400, options={"momentum": 0.3}) > 1.01


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_adam_of_a_negative_first_moment_is_adams_formula(name: str) -> None:
    """Kingma and Ba 2015, algorithm 1, with beta1 = -.5."""
    t = TrainerParams.model_validate(
        {"optimizer": name, "beta1": -0.5, "beta2": 0.9, "learning_rate": 0.1}
        | ({"options": {"weight_decay": 0.0}} if name == "AdamW" else {})
    )
    player = Number(1.0)
    optimizer = t.make([player], 0.1)
    x, m, v = 1.0, 0.0, 0.0
    for n in range(1, 7):
        g = 2 * x + 1
        descend(optimizer, (player.x**2 + player.x).sum())
        m, v = -0.5 * m + 1.5 * g, 0.9 * v + 0.1 * g * g
        hat = m / (1 - (-0.5) ** n), v / (1 - 0.9**n)
        x -= 0.1 * hat[0] / (math.sqrt(hat[1]) + 1e-8)
        assert float(player.x.detach()) == pytest.approx(x, rel=1e-9)


def test_momentum_of_minus_one_is_refused() -> None:
    for changes in ({"beta1": -1.0}, {"optimizer": "SGD", "options": {"momentum": -1.0}}):
        with pytest.raises(ValidationError, match=r"-1|momentum"):
            TrainerParams.model_validate(changes)


@pytest.mark.parametrize("where", ["look", "step"])
@pytest.mark.parametrize("value", [math.nan, 0.0])
def test_what_is_not_finite_leaves_the_weights_as_they_were(where: str, value: float) -> None:
    game = Bilinear()

    def losses(k: str) -> dict[str, Tensor]:
        found = game.losses()
        bad = (found["y"] - found["y"].detach() + value).sqrt()  # slope of 0: not finite
        return {**found, "y": bad} if k == where else found

    if value == 0:
        with pytest.raises(GradientError):
            extragradient(game.optimizers, losses)
        assert game.squares() == 1.25
        return
    extragradient(game.optimizers, losses)
    assert float(game.players["y"].x.detach()) == (0.5 if where == "step" else 0.5 + RATE * 0.85)


# In a GAN ----------------------------------------------------------------------------------------


def gan(**changes: object) -> tuple[HyperGAN, list[Batch]]:
    network = {"preset": "r3gan", "z_size": 8, "generator_width": 8, "discriminator_width": 8}
    whole = {"network": network, "augment": "none", "batch_size": 5, **changes}
    variant, run = made("hypergan", {"loss": {"r1_gamma": 0.5}, "trainer": {}, **whole})
    data = data_of(run).train
    batches = [data.batch(seen, 5, run.seed, 16, run.flip).images["a"] for seen in (0, 5, 10)]
    assert isinstance(variant, HyperGAN)
    return variant.double(), [Batch({"a": images.double()}) for images in batches]


def trained(**changes: object) -> tuple[list[Tensor], dict[str, float]]:
    variant, batches = gan(**changes)
    optimizers = variant.optimizers()
    for n, batch in enumerate(batches):
        losses = variant.step(batch, optimizers, Doubled(7, 5 * n))
    told = {name: float(loss.detach()) for name, loss in losses.items()}
    return [p.detach() for p in variant.parameters()], told


@pytest.mark.parametrize("parts", [1, 2, 5, 9])
def test_a_batch_in_parts_is_the_batch(parts: int) -> None:
    """No layer of R3GAN looks at other images, and its loss is a mean over pairs."""
    whole, told = trained(trainer={"discriminator_steps": 2})
    t = {"kind": "accumulated", "parts": parts, "discriminator_steps": 2}
    some, told_some = trained(trainer=t)
    assert told_some == pytest.approx(told, rel=1e-9)
    for a, b in zip(whole, some, strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def test_extragradient_trains_both_sides_and_not_as_the_others_do() -> None:
    begun = [p.detach().clone() for p in gan()[0].parameters()]
    simultaneous, _ = trained(trainer={"kind": "simultaneous"})
    ahead, told = trained(trainer={"kind": "extragradient"})
    assert {"gan", "discriminator", "r1"} <= told.keys()
    moved = [not torch.equal(a, b) for a, b in zip(ahead, begun, strict=True)]
    assert sum(moved) > 0.9 * len(moved)
    assert any(not torch.allclose(a, b) for a, b in zip(ahead, simultaneous, strict=True))


@pytest.mark.parametrize("kind", AT_ONCE)
def test_steps_of_one_side_alone_are_refused_where_both_move_at_once(
    kind: str, tmp_path: Path
) -> None:
    """The file says nothing of steps: the five are the preset's."""
    path = tmp_path / "params.yaml"
    run = {**RUNS["hypergan"], "network": {"preset": "wgan-gp"}, "trainer": {"kind": kind}}
    path.write_text(yaml.safe_dump({"train": {"gan": run | {"section": "train.gan"}}}))
    with pytest.raises(ParamsError) as told:
        load_run("gan", path)
    assert re.search(r"line \d+: train\.gan\.trainer: kind: ", told.value.what)
    assert "discriminator_steps: 5 (the run's, or its preset's" in told.value.what
    assert "write discriminator_steps: 1, or kind: alternating" in told.value.what
    run["trainer"] = {"kind": kind, "discriminator_steps": 1}
    path.write_text(yaml.safe_dump({"train": {"gan": run | {"section": "train.gan"}}}))
    assert load_run("gan", path)[1].trainer.discriminator_steps == 1


@pytest.mark.parametrize(
    ("count", "augment", "on_collapse"),
    [
        (90, "diffaugment", "recover"),
        (9_999, "diffaugment", "recover"),
        (10_000, "ada", "warn"),
        (100_000, "none", "warn"),
    ],
)
def test_the_number_of_images_chooses_what_the_run_leaves_open(
    count: int, augment: str, on_collapse: str
) -> None:
    open_ = {"augment": "auto", "on_collapse": "auto"}
    _, run = made("hypergan", open_)
    chosen = {"augment": augment, "on_collapse": on_collapse}
    assert run.for_images(count).model_dump() == {**run.model_dump(), **chosen}
    for name, words in (
        ("augment", ("none", "ada", "diffaugment")),
        ("on_collapse", ("warn", "stop", "rollback", "recover")),
    ):
        for said in words:
            _, run = made("hypergan", {**open_, name: said})
            assert run.for_images(count).model_dump()[name] == said
    _, run = made("resnet")
    assert run.for_images(count) == run
