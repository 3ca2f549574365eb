"""HyperGAN: steps are those of plain formulas, DiffAugment is smooth and fair, sizes fit."""

from collections.abc import Callable

import pytest
import torch
from tests.training.trainer import RUNS, data_of, made
from torch import Tensor

from memegan.dataset import Batch
from memegan.losses import ADVERSARIAL
from memegan.networks.presets import PRESETS
from memegan.regularisers import diff_augment
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


def plain_step(
    v: HyperGAN, run: HyperGANRun, batch: Batch, seen: int, adams: list[torch.optim.Adam]
) -> None:
    for_real, for_fake, for_generator = FORMULAS[run.loss.name]
    real, numbers = batch.images["a"], Doubled(run.seed, seen)
    for k in range(run.trainer.discriminator_steps):
        fake = v.generator(numbers.normal(f"z/{k}", len(real), run.network.z_size)).detach()
        loss = for_real(v.discriminator(real)).mean() + for_fake(v.discriminator(fake)).mean()
        if run.loss.r1_gamma and (seen // len(real)) % run.loss.r1_every == 0:
            images = real.clone().requires_grad_()
            (slope,) = torch.autograd.grad(v.discriminator(images).sum(), images, create_graph=True)
            norm = slope.flatten(1).norm(dim=1) ** 2
            loss = loss + run.loss.r1_every * run.loss.r1_gamma / 2 * norm.mean()
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
        {"trainer": {"discriminator_steps": 3, "learning_rate": 1e-3, "beta1": 0.0}},
    ],
    ids=[*FORMULAS, "r1", "three discriminator steps"],
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


def test_the_penalty_is_lazy_and_noted_where_it_is_paid() -> None:
    ours, run, batches = hypergan({"loss": {"name": "hinge", "r1_gamma": 0.5, "r1_every": 2}})
    optimizers = ours.optimizers()
    paid = [
        "r1" in ours.step(batch, optimizers, Doubled(run.seed, 2 * n))
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
