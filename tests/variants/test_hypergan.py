"""HyperGAN: steps are those of plain formulas, DiffAugment is smooth and fair, sizes fit."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
import torch
from benchmarks._modes import OF_27, OF_256, ModeSet
from pydantic import ValidationError
from tests.training.trainer import RUNS, After, data_of, go_on, made
from torch import Tensor
from torch.nn import functional

from memegan.adversarial import NAMES
from memegan.augmenting import adaptive_augment, diff_augment
from memegan.dataset import Batch
from memegan.errors import DataError, Stopped
from memegan.gan_params import TrainerParams
from memegan.losses import ADVERSARIAL
from memegan.networks.presets import PRESETS
from memegan.rng import Numbers
from memegan.variants.hypergan import VARIANT, HyperGAN, HyperGANRun

PLAIN: dict[str, object] = {
    "loss": {"name": "standard"},
    "trainer": {"discriminator_steps": 1},
    "augment": "none",
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def hypergan(changes: dict[str, object]) -> tuple[HyperGAN, HyperGANRun, list[Batch]]:
    """In double precision, so that a bias without gradient is not moved by rounding."""
    variant, run = made("hypergan", {**PLAIN, **changes})
    assert isinstance(variant, HyperGAN)
    assert isinstance(run, HyperGANRun)
    data = data_of(run).train
    batches = [data.batch(seen, 2, run.seed, run.crop_px, run.flip) for seen in (0, 2, 4)]
    doubles = [Batch({name: x.double() for name, x in b.images.items()}) for b in batches]
    return variant.double(), run, doubles


class Doubled(Numbers):
    """The same numbers in double precision."""

    def normal(self, name: str, *shape: int) -> Tensor:
        return super().normal(name, *shape).double()

    def uniform(self, name: str, *shape: int) -> Tensor:
        return super().uniform(name, *shape).double()


def softplus(x: Tensor) -> Tensor:
    return torch.log1p(torch.exp(x))


Formula = Callable[[Tensor], Tensor]
FORMULAS: dict[str, tuple[Formula, Formula, Formula]] = {  # for real, for fake, for the generator
    "standard": (lambda x: softplus(-x), softplus, lambda x: softplus(-x)),
    "least_squares": (lambda x: (x - 1) ** 2, lambda x: x**2, lambda x: (x - 1) ** 2),
    "hinge": (lambda x: (1 - x).clamp_min(0), lambda x: (1 + x).clamp_min(0), lambda x: -x),
    "wasserstein": (lambda x: -x, lambda x: x, lambda x: -x),
}


def test_every_loss_has_its_formula() -> None:
    assert FORMULAS.keys() == ADVERSARIAL.keys()


def squared_slopes(v: HyperGAN, images: Tensor) -> tuple[Tensor, Tensor]:
    """Of each picture: its logit, and the square of the logit's slope."""
    images = images.clone().requires_grad_()
    logits = v.discriminator(images)
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return logits[:, 0], slope.flatten(1).norm(dim=1) ** 2


def plain_penalties(
    v: HyperGAN, run: HyperGANRun, real: Tensor, fake: Tensor, seen: int, share: Tensor
) -> Tensor:
    p, step, paid = run.loss, seen // len(real), torch.zeros((), dtype=torch.float64)
    early = {0: 3.0, 2: 2.0}.get(seen, 1.0) if p.burn_in_images else 1.0
    if step % p.r1_every == 0:
        if p.r1_gamma:
            paid = paid + early * p.r1_every * p.r1_gamma / 2 * squared_slopes(v, real)[1].mean()
        if p.r2_gamma:
            paid = paid + early * p.r1_every * p.r2_gamma / 2 * squared_slopes(v, fake)[1].mean()
    if p.gradient_penalty and step % p.gradient_penalty_every == 0:
        at = share[:, None, None, None] * real + (1 - share[:, None, None, None]) * fake
        steep = (squared_slopes(v, at)[1].sqrt() - 1) ** 2
        paid = paid + p.gradient_penalty * p.gradient_penalty_every * steep.mean()
    if p.roth_gamma:
        for images, sign in ((real, -1), (fake, 1)):
            logits, square = squared_slopes(v, images)
            paid = paid + p.roth_gamma / 2 * (torch.sigmoid(sign * logits) ** 2 * square).mean()
    return paid


def plain_step(
    v: HyperGAN, run: HyperGANRun, batch: Batch, seen: int, adams: list[torch.optim.Adam]
) -> None:
    for_real, for_fake, for_generator = FORMULAS[run.loss.name]
    real, numbers = batch.images["a"], Doubled(run.seed, seen)
    for k in range(run.trainer.discriminator_steps):
        fake = v.generator(numbers.normal(f"z/{k}", len(real), run.network.z_size)).detach()
        loss = for_real(v.discriminator(real)).mean() + for_fake(v.discriminator(fake)).mean()
        loss = loss + plain_penalties(v, run, real, fake, seen, numbers.uniform(f"mix/{k}", 2))
        adams[1].zero_grad()
        torch.autograd.backward(loss)
        adams[1].step()
    fake = v.generator(numbers.normal("z/g", len(real), run.network.z_size))
    adams[0].zero_grad()
    torch.autograd.backward(for_generator(v.discriminator(fake)).mean())
    adams[0].step()


@pytest.mark.parametrize(
    "changes",
    [
        *({"loss": {"name": name}} for name in FORMULAS),
        {"loss": {"name": "hinge", "r1_gamma": 0.5, "r1_every": 2}},
        {"loss": {"r1_gamma": 5.0, "r1_every": 1, "burn_in_images": 4, "burn_in_factor": 3}},
        {"loss": {"name": "hinge", "r2_gamma": 0.7, "r1_every": 2}},
        {"loss": {"r2_gamma": 0.7, "r1_every": 1, "burn_in_images": 4, "burn_in_factor": 3}},
        {"loss": {"roth_gamma": 0.3}},
        {"loss": {"name": "wasserstein", "gradient_penalty": 7.0}},
        {"loss": {"name": "hinge", "gradient_penalty": 0.3, "gradient_penalty_every": 2}},
        {"trainer": {"discriminator_steps": 3, "learning_rate": 1e-3, "beta1": 0.0}},
    ],
    ids=[
        *(*FORMULAS, "r1", "burn-in", "r2", "r2 burn-in", "roth"),
        *("gradient penalty", "lazy gradient penalty", "three discriminator steps"),
    ],
)
def test_three_steps_are_those_of_the_formulas(changes: dict[str, object]) -> None:
    (ours, run, batches), (plain, _, _) = hypergan(changes), hypergan(changes)
    begun = {name: p.detach().clone() for name, p in ours.named_parameters()}
    t = run.trainer
    adams = [
        torch.optim.Adam(net.parameters(), t.learning_rate, (t.beta1, t.beta2))
        for net in (plain.generator, plain.discriminator)
    ]
    optimizers = ours.optimizers()
    for n, batch in enumerate(batches):
        ours.step(batch, optimizers, Doubled(run.seed, 2 * n))
        plain_step(plain, run, batch, 2 * n, adams)
    for (name, p), q in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert float((p.detach() - q.detach()).abs().max()) < 1e-6, name
        if name.endswith("weight"):
            assert not torch.equal(p, begun[name]), name


@pytest.mark.parametrize(
    ("note", "loss"),
    [
        ("r1", {"name": "hinge", "r1_gamma": 0.5, "r1_every": 2}),
        ("r2", {"name": "hinge", "r2_gamma": 0.5, "r1_every": 2}),
        ("gradient_penalty", {"gradient_penalty": 0.5, "gradient_penalty_every": 2}),
    ],
)
def test_the_penalty_is_lazy_and_noted_where_it_is_paid(note: str, loss: dict[str, object]) -> None:
    ours, run, batches = hypergan({"loss": loss})
    optimizers = ours.optimizers()
    paid = [
        note in ours.step(batch, optimizers, Doubled(run.seed, 2 * n))
        for n, batch in enumerate(batches)
    ]
    assert paid == [True, False, True]


def test_what_is_shown_is_always_of_the_same_noise() -> None:
    ours, run, batches = hypergan({})
    numbers = Doubled(run.seed, 0)
    first = ours.show(ours.nets(), batches[0], numbers)["fake"]
    ours.eval()
    assert first.shape == (2, 3, 16, 16)
    again = [ours.show(ours.nets(), batch, numbers)["fake"] for batch in batches]
    assert all(torch.equal(picture, again[0]) for picture in again)


def test_the_discriminator_learns_again_after_a_step() -> None:
    ours, run, batches = hypergan({})
    ours.step(batches[0], ours.optimizers(), Doubled(run.seed, 0))
    assert all(p.requires_grad for p in ours.parameters())


@pytest.mark.parametrize("size", [32, 64, 128])
def test_a_step_at_each_size_is_finite_and_moves_both_sides(size: int) -> None:
    changes = {**PLAIN, "crop_px": size, "load_px": size}
    variant, run = made("hypergan", changes)
    batch = data_of(run).train.batch(0, 2, 1, size, True)
    assert batch.images["a"].shape == (2, 3, size, size)
    begun = {name: p.detach().clone() for name, p in variant.named_parameters()}
    losses = variant.step(batch, variant.optimizers(), Numbers(1, 0))
    assert all(bool(torch.isfinite(loss.detach())) for loss in losses.values())
    moved = {name for name, p in variant.named_parameters() if not torch.equal(p, begun[name])}
    first = {"generator.layers.01_maps.core.0.weight", "discriminator.layers.00_conv.core.weight"}
    assert first <= moved
    shown = variant.show(variant.nets(), batch, Numbers(1, 0))["fake"]
    assert shown.shape == (2, 3, size, size)
    assert float(shown.abs().max()) <= 1


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [32, 50])
def test_every_preset_learns_at_any_size_with_and_without_classes(preset: str, size: int) -> None:
    small = {"preset": preset, "z_size": 8, "generator_width": 8, "discriminator_width": 8}
    for classes in (0, 3):
        label = {"label": "kind" if classes else "", "classes": classes}
        changes = {"crop_px": size, "load_px": size, "network": small, "augment": "none", **label}
        values = {**RUNS["hypergan"], **changes, "loss": {}, "trainer": {}}
        run = VARIANT.run.model_validate(values)
        variant = VARIANT.make(run)
        batch = data_of(run).train.batch(0, 4, 1, size, True)
        batch = Batch(batch.images, {"a": torch.arange(4) % classes} if classes else {})
        begun = {name: p.detach().clone() for name, p in variant.named_parameters()}
        optimizers = variant.optimizers()
        for seen in (0, 4, 8):  # a gain of 0 keeps what lies before it still at first
            losses = variant.step(batch, optimizers, Numbers(1, seen))
            assert all(bool(torch.isfinite(loss.detach())) for loss in losses.values()), losses
        still = [name for name, p in variant.named_parameters() if torch.equal(p, begun[name])]
        assert [
            n for n in still if not n.endswith("bias")
        ] == []  # a last bias cancels out in pairs
        shown = variant.show(variant.nets(), batch, Numbers(1, 0))["fake"]
        assert shown.shape == (4, 3, size, size)


# Losses, hooks, trainers and optimizers by name ---------------------------------------------------


def small(**changes: object) -> HyperGANRun:
    values = {**RUNS["hypergan"], "loss": {}, "trainer": {}, "augment": "none", **changes}
    run: HyperGANRun = VARIANT.run.model_validate(values)
    return run


def steps(run: HyperGANRun, count: int = 3) -> tuple[HyperGAN, dict[str, Tensor]]:
    variant = VARIANT.make(run)
    assert isinstance(variant, HyperGAN)
    optimizers, data = variant.optimizers(), data_of(run).train
    for seen in range(0, count * run.batch_size, run.batch_size):
        batch = data.batch(seen, run.batch_size, run.seed, run.crop_px, run.flip)
        torch.manual_seed(seen)
        losses = variant.step(batch, optimizers, Numbers(run.seed, seen))
    return variant, losses


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_trains_both_sides(name: str) -> None:
    run = small(loss={"name": name})
    fresh = VARIANT.make(run)
    variant, losses = steps(run)
    assert all(bool(torch.isfinite(loss.detach())) for loss in losses.values())
    for net, old in ((variant.generator, fresh), (variant.discriminator, fresh)):
        before = old.state_dict()
        name_of = "generator" if net is variant.generator else "discriminator"
        moved = [not torch.equal(p, before[f"{name_of}.{k}"]) for k, p in net.named_parameters()]
        assert sum(moved) > len(moved) / 2


HOOKS: dict[str, tuple[str, dict[str, object]]] = {  # what is noted: its weight, and a run
    "r2": ("r2_gamma", {"loss": {"r2_gamma": 1.0, "r1_every": 1}}),
    "gradient_penalty": (
        "gradient_penalty",
        {"loss": {"name": "wasserstein", "gradient_penalty": 10.0}},
    ),
    "roth": ("roth_gamma", {"loss": {"roth_gamma": 1.0}}),
    "consistency": ("consistency", {"loss": {"consistency": 1.0}}),
    "reconstruction": (
        "reconstruction",
        {"network": {"preset": "fastgan", "z_size": 8, "generator_width": 4}},
    ),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_noted_and_changes_what_is_learnt(hook: str) -> None:
    weight, changes = HOOKS[hook]
    run = small(**changes)
    without = run.model_copy(update={"loss": run.loss.model_copy(update={weight: 0.0})})
    (ours, losses), (plain, fewer) = steps(run), steps(without)
    assert hook in losses
    assert hook not in fewer
    assert float(losses[hook].detach()) > 0
    same = zip(ours.discriminator.parameters(), plain.discriminator.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in same)


def knowing(sign: float, **changes: object) -> tuple[HyperGAN, HyperGANRun, Batch]:
    """A discriminator that adds up all values, times `sign`; real pictures are white."""
    run = small(network={"discriminator": "logit", "z_size": 8, "generator_width": 4}, **changes)
    variant = VARIANT.make(run)
    assert isinstance(variant, HyperGAN)
    with torch.no_grad():
        for weight in variant.discriminator.parameters():
            weight.fill_(sign if weight.ndim > 1 else 0)
    return variant, run, Batch({"a": torch.ones(2, 3, 16, 16)})


@pytest.mark.parametrize(("sign", "strength"), [(1.0, 0.4), (-1.0, 0.0)])
def test_ada_grows_by_each_batch_while_the_discriminator_is_sure(
    sign: float, strength: float
) -> None:
    variant, run, batch = knowing(sign, augment="ada", ada_images=20)
    optimizers = variant.optimizers()
    for seen in (0, 2, 4, 6):
        variant.step(batch, optimizers, Numbers(run.seed, seen))
    assert float(variant.state_dict()["strength"]) == pytest.approx(strength)


def test_the_strength_of_ada_is_that_of_the_pictures_which_are_judged() -> None:
    run = small(augment="ada")
    real = data_of(run).train.batch(0, 2, 1, 16, False).images["a"]
    for strength in (0.0, 1.0):
        variant, judged = VARIANT.make(run), list[Tensor]()
        assert isinstance(variant, HyperGAN)
        variant.strength.fill_(strength)
        variant.discriminator.register_forward_pre_hook(
            lambda _, given, judged=judged: judged.append(given[0].detach().clone())
        )
        fake = variant.generator(Numbers(1, 0).normal("z/0", 2, 8)).detach()
        variant.step(Batch({"a": real}), variant.optimizers(), Numbers(1, 0))
        for images, seen, name in ((real, judged[0], "real/0"), (fake, judged[1], "fake/0")):
            wanted = adaptive_augment(images, Numbers(1, 0), name, torch.tensor(strength))
            assert torch.allclose(seen, wanted, atol=1e-5)
            assert torch.allclose(seen, images, atol=1e-5) == (strength == 0)


def test_a_simultaneous_step_is_not_an_alternating_one() -> None:
    one, both = (steps(small(trainer={"kind": k}))[0] for k in ("alternating", "simultaneous"))
    pairs = zip(one.parameters(), both.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("kind", "balance", "sign", "learns"),
    [
        ("balanced", 0.9, 1.0, False),
        ("balanced", 0.9, -1.0, True),
        ("balanced", 1.0, 1.0, True),  # it may tell all pairs apart
        ("alternating", 0.9, 1.0, True),
    ],
)
def test_a_balanced_discriminator_rests_while_it_tells_most_pairs_apart(
    kind: str, balance: float, sign: float, learns: bool
) -> None:
    trainer = {"kind": kind, "balance": balance}
    variant, _, batch = knowing(sign, loss={"name": "wasserstein"}, trainer=trainer)
    before = {name: x.clone() for name, x in variant.state_dict().items()}
    variant.step(batch, variant.optimizers(), Numbers(1, 0))
    moved = {
        n.split(".")[0] for n, p in variant.named_parameters() if not torch.equal(p, before[n])
    }
    assert moved == ({"generator", "discriminator"} if learns else {"generator"})


def test_a_simultaneous_step_uses_the_weights_from_before_for_both_sides() -> None:
    run = small(trainer={"kind": "simultaneous", "optimizer": "SGD", "learning_rate": 0.1})
    ours, plain = VARIANT.make(run).double(), VARIANT.make(run).double()
    assert isinstance(plain, HyperGAN)
    batch = data_of(run).train.batch(0, 2, 1, 16, False)
    batch = Batch({"a": batch.images["a"].double()})
    ours.step(batch, ours.optimizers(), Doubled(1, 0))
    fake = plain.generator(Doubled(1, 0).normal("z/g", 2, 8))
    judge = softplus(-plain.discriminator(batch.images["a"])) + softplus(
        plain.discriminator(fake.detach())
    )
    made = softplus(-plain.discriminator(fake)).mean()
    sides = ((plain.discriminator, judge.mean()), (plain.generator, made))
    slopes = [torch.autograd.grad(cost, list(net.parameters())) for net, cost in sides]
    for (net, _), slope in zip(sides, slopes, strict=True):
        for p, change in zip(net.parameters(), slope, strict=True):
            p.data -= 0.1 * change
    for p, q in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-9)


OPTIMIZERS = get_args(TrainerParams.model_fields["optimizer"].annotation)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_resumes_to_the_same_bits(name: str, tmp_path: Path) -> None:
    changes: dict[str, object] = {"trainer": {"optimizer": name}, "total_images": 8}
    if name == "SGD":
        changes["trainer"] = {"optimizer": name, "options": {"momentum": 0.5}}
    straight = go_on("hypergan", tmp_path / "straight", changes)
    with suppress(Stopped):
        go_on("hypergan", tmp_path / "state", changes, After(2))
    resumed = go_on("hypergan", tmp_path / "state", changes)
    wanted, found = straight.tensors(), resumed.tensors()
    assert wanted.keys() == found.keys()
    assert [name for name in wanted if not torch.equal(wanted[name], found[name])] == []


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"network": {"generator": "maps 8\nconv 3"}},
            r"line 2, column 1: the last layer gives \(3, 4, 4\); it is to give",
        ),
        ({"network": {"discriminator": "covn 8"}}, "network.discriminator: line 1, column 1"),
        (
            {"network": {"discriminator": "conv 8\nlogit\nlinear 2"}},
            r"\(2,\); it is to give \(1,\)",
        ),
        ({"network": {"preset": "dcgn"}}, "preset"),
        ({"loss": {"name": "kl", "relativistic": "paired"}}, "relativistic goes with"),
        (
            {"loss": {"relativistic": "paired", "label_smoothing": 0.1}},
            "label_smoothing goes with relativistic: none",
        ),
        (
            {"loss": {"relativistic": "all_pairs"}, "label": "kind", "classes": 2},
            "all_pairs would compare unlike classes",
        ),
        ({"loss": {"alpha": 1.0}}, "alpha is neither 0 nor 1"),
        ({"loss": {"reconstruction": 1.0}}, "needs network.decoder"),
        ({"trainer": {"options": {"momentum": 1.0}}}, "Adam refuses its options"),
        ({"trainer": {"optimizer": "adam"}}, "optimizer"),
        ({"label": "kind"}, "label and classes of a hypergan run come together"),
        ({"network": "dcgan"}, "network"),
        ({"network": 3, "loss": 4}, "network"),
    ],
)
def test_a_mistake_in_a_run_is_told_before_anything_is_trained(
    changes: dict[str, object], what: str
) -> None:
    with pytest.raises(ValidationError, match=what):
        small(**changes)


def test_a_class_that_the_run_does_not_count_is_told() -> None:
    run = small(label="kind", classes=2)
    variant = VARIANT.make(run)
    batch = data_of(run).train.batch(0, 2, 1, 16, False)
    with pytest.raises(DataError, match="class 2, the run says 2 classes"):
        variant.step(
            Batch(batch.images, {"a": torch.tensor([0, 2])}), variant.optimizers(), Numbers(1, 0)
        )


def test_a_preset_fills_what_the_run_leaves_unsaid_and_a_whole_run_is_read_as_it_was() -> None:
    run = small(network={"preset": "wgan-gp"}, trainer={"beta2": 0.5})
    assert (run.loss.name, run.loss.gradient_penalty) == ("wasserstein", 10)
    assert (run.trainer.discriminator_steps, run.trainer.beta2) == (5, 0.5)
    assert VARIANT.run.model_validate(run.model_dump()) == run
    plain = small(network={"preset": "r3gan"}, loss={"r1_gamma": 0.0})
    assert (plain.loss.relativistic, plain.loss.r1_gamma, plain.loss.r2_gamma) == ("paired", 0, 1)


def test_pictures_of_a_class_differ_from_those_of_another() -> None:
    run = small(label="kind", classes=3)
    variant = VARIANT.make(run)
    batch = data_of(run).train.batch(0, 2, 1, 16, False)
    shown = [
        variant.show(variant.nets(), Batch(batch.images, {"a": torch.full((2,), k)}), Numbers(1, 0))
        for k in (0, 1)
    ]
    assert not torch.equal(shown[0]["fake"], shown[1]["fake"])


@pytest.mark.parametrize("known", [OF_27, OF_256], ids=len)
def test_the_known_modes_are_found_again_and_mixtures_are_not(known: ModeSet) -> None:
    pictures, modes = known.pictures(300, 1)
    images = pictures.float() / 127.5 - 1
    assert torch.equal(known.classify(images), modes)
    assert int((known.classify(torch.zeros(4, 3, 32, 32)) >= 0).sum()) == 0
    mixed = (images[:150] + images[150:]) / 2
    assert float((known.classify(mixed) >= 0).float().mean()) < 0.2


# DiffAugment -------------------------------------------------------------------------------------


def test_diffaugment_is_differentiable() -> None:
    images = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: diff_augment(x, Numbers(1, 0), "real/0"), images)


def test_diffaugment_changes_each_image_by_itself_and_each_name_in_its_own_way() -> None:
    image = torch.rand(1, 3, 16, 16).expand(4, -1, -1, -1)
    out = diff_augment(image, Numbers(1, 0), "real/0")
    assert out.shape == image.shape
    assert len({picture.numpy().tobytes() for picture in out}) == 4
    assert torch.equal(out, diff_augment(image, Numbers(1, 0), "real/0"))
    for numbers, name in [(Numbers(1, 0), "fake/0"), (Numbers(1, 2), "real/0")]:
        assert not torch.equal(out, diff_augment(image, numbers, name))


def test_diffaugment_that_only_shifts_leaves_every_colour() -> None:
    image = torch.rand(1, 3, 16, 16).expand(50, -1, -1, -1)
    out = diff_augment(image, Numbers(1, 0), "x", ["translation"])
    moved = [
        functional.pad(image[:1], (2, 2, 2, 2))[0, :, y : y + 16, x : x + 16]
        for y in range(5)
        for x in range(5)
    ]
    known = {picture.numpy().tobytes() for picture in moved}
    assert {picture.contiguous().numpy().tobytes() for picture in out} <= known
    assert not torch.equal(out, image)


def test_diffaugment_cuts_out_a_square_of_half_the_side() -> None:
    image = torch.ones(500, 3, 16, 16)
    gone = diff_augment(image, Numbers(1, 0), "x", ["cutout"])[:, 0] == 0
    rows, columns = gone.any(2).sum(1), gone.any(1).sum(1)
    assert torch.equal(gone.sum((1, 2)), rows * columns)  # one rectangle
    assert int(rows.max()) == int(columns.max()) == 8  # less where it leaves the picture
    assert float(gone.float().mean()) == pytest.approx((7 / 16) ** 2, abs=0.02)


def test_diffaugment_keeps_what_it_is_drawn_to_keep() -> None:
    """Zhao et al. 2020: brightness +-0.5, saturation 0..2, contrast 0.5..1.5, shifts up to 1/8."""
    gray = torch.full((500, 3, 16, 16), 0.25)
    out = diff_augment(gray, Numbers(1, 0), "x")
    inside = out[:, :, 2:-2, 2:-2]  # shifts bring zeros in by 2 px at most
    light = inside.mean((1, 2, 3)) - 0.25
    assert torch.allclose(inside, (light + 0.25)[:, None, None, None].expand_as(inside), atol=1e-6)
    assert -0.5 <= float(light.min()) < -0.49
    assert 0.49 < float(light.max()) <= 0.5
    edges = [out[:, 0, 0, 8], out[:, 0, 1, 8], out[:, 0, -1, 8], out[:, 0, 8, 0], out[:, 0, 8, -1]]
    shares = [float((edge == 0).float().mean()) for edge in edges]
    assert shares == pytest.approx([0.4, 0.2, 0.4, 0.4, 0.4], abs=0.07)
