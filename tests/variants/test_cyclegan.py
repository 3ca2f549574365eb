"""CycleGAN: one step is the paper's, the pool is Shrivastava's, the golden numbers hold."""

import copy
import gc
import hashlib
import json
import math
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from tests.training.trainer import RUNS, Params, data_of, made
from tests.variants.resuming import check_resume
from torch import Tensor

from memegan.dataset import Batch
from memegan.errors import ParamsError
from memegan.networks.blocks import count_parameters
from memegan.networks.vgg16 import VGG16Encoder
from memegan.optimizing import GradientError, descend
from memegan.rng import Numbers
from memegan.training.export import export, load_model
from memegan.variants.base import Variant
from memegan.variants.cyclegan import CycleGAN, CycleGANRun, GeneratorParams, Parts, from_pool

SMALL = {"resnet": {"width": 4, "blocks": 1}, "unet": {"width": 2}, "vgg16": {"width": 8}}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def cyclegan(changes: dict[str, object]) -> tuple[CycleGAN, CycleGANRun, list[Batch]]:
    """In double precision, so that a bias without gradient is not moved by rounding."""
    variant, run = made("resnet", changes)
    assert isinstance(variant, CycleGAN)
    assert isinstance(run, CycleGANRun)
    data = data_of(run).train
    batches = [data.batch(seen, 2, run.seed, run.crop_px, run.flip) for seen in (0, 2, 4)]
    doubles = [Batch({name: x.double() for name, x in b.images.items()}) for b in batches]
    return variant.double(), run, doubles


Said = Callable[[Tensor], Tensor]
PAPERS: dict[str, tuple[Said, Said, Said]] = {  # on real and fake images, and the generator's
    "lsgan": (lambda x: (x - 1) ** 2, lambda x: x**2, lambda x: (x - 1) ** 2),
    "vanilla": (
        lambda x: -torch.log(torch.sigmoid(x)),
        lambda x: -torch.log(1 - torch.sigmoid(x)),
        lambda x: -torch.log(torch.sigmoid(x)),
    ),
    "hinge": (lambda x: (1 - x).clamp(min=0), lambda x: (1 + x).clamp(min=0), lambda x: -x),
    "wgan-gp": (lambda x: -x, lambda x: x, lambda x: -x),
}


def plain_step(
    v: CycleGAN, run: CycleGANRun, batch: Batch, adams: list[torch.optim.Adam], step: int
) -> None:
    """Zhu et al. 2017, sections 3 and 4, as it stands there, one picture set after the other."""
    weight = 0.0 if step % run.identity_every else run.lambda_identity * run.identity_every
    real_a, real_b = batch.images["a"], batch.images["b"]
    g, f, d_a, d_b = v.generator_ab, v.generator_ba, v.discriminator_a, v.discriminator_b
    on_real, on_fake, on_made = PAPERS[run.gan_loss]
    fake_b, fake_a = g(real_a), f(real_b)
    gan = on_made(d_b(fake_b)).mean() + on_made(d_a(fake_a)).mean()
    cycle = (f(fake_b) - real_a).abs().mean() + (g(fake_a) - real_b).abs().mean()
    identity = (g(real_b) - real_b).abs().mean() + (f(real_a) - real_a).abs().mean()
    adams[0].zero_grad()
    torch.autograd.backward(gan + run.lambda_cycle * cycle + weight * identity)
    adams[0].step()
    adams[1].zero_grad()
    for judge, real, fake in ((d_a, real_a, fake_a.detach()), (d_b, real_b, fake_b.detach())):
        judged = on_real(judge(real)).mean() / 2 + on_fake(judge(fake)).mean() / 2
        torch.autograd.backward(judged)
    adams[1].step()


def adams_of(v: CycleGAN, rate: float) -> list[torch.optim.Adam]:
    sides = [(v.generator_ab, v.generator_ba), (v.discriminator_a, v.discriminator_b)]
    return [
        torch.optim.Adam([p for net in nets for p in net.parameters()], rate, (0.5, 0.999))
        for nets in sides
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lambda_identity": 0.0},
        {"identity_every": 2},
        {"lambda_cycle": 3.0, "learning_rate": 1e-3},
        {"model": {"generator": "resnet", "norm": "batch", **SMALL}},
        {"model": {"generator": "unet", "norm": "batch", **SMALL}},
        {"model": {"generator": "vgg16", **SMALL}},
        {"gan_loss": "vanilla"},
        {"gan_loss": "hinge", "discriminator": "patch78"},
        {"gan_loss": "wgan-gp", "lambda_penalty": 0.0, "discriminator": "pixel"},
        {"discriminator": "scales"},
    ],
    ids=[
        *("paper", "no identity", "lazy identity", "other weights", "batch norm", "unet", "vgg16"),
        *("vanilla", "hinge", "wasserstein", "scales"),
    ],
)
def test_three_steps_are_the_papers(changes: dict[str, object]) -> None:
    ours, run, batches = cyclegan({"pool_size": 0, **changes})
    plain, _, _ = cyclegan({"pool_size": 0, **changes})
    begun = {name: p.detach().clone() for name, p in ours.named_parameters()}
    optimizers, adams = ours.optimizers(), adams_of(plain, run.learning_rate)
    for n, batch in enumerate(batches):
        ours.step(batch, optimizers, Numbers(run.seed, 2 * n))
        plain_step(plain, run, batch, adams, n)
    for (name, p), q in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert float((p.detach() - q.detach()).abs().max()) < 1e-6, name
        if name.endswith("weight"):
            assert not torch.equal(p, begun[name]), name


def test_the_losses_are_unweighted_and_the_papers() -> None:
    ours, run, batches = cyclegan({"pool_size": 0})
    v, batch = cyclegan({"pool_size": 0})[0], batches[0]
    losses = ours.step(batch, ours.optimizers(), Numbers(run.seed, 0))
    with torch.no_grad():
        a, b = batch.images["a"], batch.images["b"]
        fake_b, fake_a = v.generator_ab(a), v.generator_ba(b)
        same = v.generator_ab(b) - b, v.generator_ba(a) - a
        wanted = {
            "gan_ab": ((v.discriminator_b(fake_b) - 1) ** 2).mean(),
            "gan_ba": ((v.discriminator_a(fake_a) - 1) ** 2).mean(),
            "identity": same[0].abs().mean() + same[1].abs().mean(),
            "cycle": (v.generator_ba(fake_b) - a).abs().mean()
            + (v.generator_ab(fake_a) - b).abs().mean(),
        }
    assert {name: float(losses[name].detach()) for name in wanted} == pytest.approx(
        {name: float(value) for name, value in wanted.items()}, abs=1e-9
    )
    assert losses.keys() == {*wanted, "discriminator_a", "discriminator_b"}


def test_statistics_are_of_the_pictures_that_a_generator_translates() -> None:
    """Else it would run, in use, with statistics of what it was shown besides while it learnt."""
    v, run, batches = cyclegan({"model": {"generator": "resnet", "norm": "batch", **SMALL}})
    plain = copy.deepcopy(v)
    v.step(batches[0], v.optimizers(), Numbers(run.seed, 0))
    plain.generator_ab(batches[0].images["a"])
    plain.generator_ba(batches[0].images["b"])
    for name in ("generator_ab", "generator_ba"):
        ours, wanted = (dict(one.get_submodule(name).named_buffers()) for one in (v, plain))
        assert any("running_var" in key for key in wanted)
        assert all(torch.equal(ours[key], wanted[key]) for key in wanted)


def test_an_identity_loss_that_weighs_nothing_or_is_not_due_is_not_computed() -> None:
    cases: list[tuple[dict[str, object], list[int]]] = [
        ({"lambda_identity": 0.0}, []),
        ({"identity_every": 2}, [0, 2]),
    ]
    for changes, steps in cases:
        v, run, batches = cyclegan(changes)
        optimizers = v.optimizers()
        told = [
            n
            for n, batch in enumerate(batches)
            if "identity" in v.step(batch, optimizers, Numbers(run.seed, 2 * n))
        ]
        assert told == steps


@pytest.mark.parametrize("gan_loss", ["lsgan", "wgan-gp"])
def test_a_batch_in_parts_takes_the_same_steps(gan_loss: str) -> None:
    changes: dict[str, object] = {"gan_loss": gan_loss, "pool_size": 3}
    whole, run, batches = cyclegan(changes)
    parted, _, _ = cyclegan({**changes, "parts": 2})
    whole_adams, parted_adams = whole.optimizers(), parted.optimizers()
    for n, batch in enumerate(batches):
        losses = whole.step(batch, whole_adams, Numbers(run.seed, 2 * n))
        again = parted.step(batch, parted_adams, Numbers(run.seed, 2 * n))
        assert {k: float(v) for k, v in again.items()} == pytest.approx(
            {k: float(v) for k, v in losses.items()}, abs=1e-6
        )
    for (name, p), q in zip(whole.named_parameters(), parted.parameters(), strict=True):
        assert float((p.detach() - q.detach()).abs().max()) < 1e-6, name


class Kept:
    """A tensor that a graph keeps for its way back."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def test_of_a_batch_in_parts_one_graph_lives_at_a_time() -> None:
    weight, kept = torch.tensor([0.0], requires_grad=True), weakref.WeakSet[Kept]()

    def keep(tensor: Tensor) -> Kept:
        box = Kept(tensor)
        kept.add(box)
        return box

    parts = Parts(torch.optim.Adam([weight]), 2)
    for factor in (1.0, 5.0):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda box: box.tensor):
            total = (factor * weight).exp().sum()
        assert len(kept) == 1
        parts.add(total, {"said": total})
        del total
        gc.collect()
        assert len(kept) == 0
    loss = parts.loss()
    torch.autograd.backward(loss)
    assert (float(loss.detach()), float(parts.means()["said"])) == (1, 1)
    assert weight.grad is not None
    assert weight.grad.tolist() == [3]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_part_whose_loss_or_gradient_is_not_finite_moves_nothing(bad: float) -> None:
    weight = torch.tensor([0.0], requires_grad=True)
    optimizer = torch.optim.Adam([weight])
    for value in (weight * bad, weight.abs().sqrt()):  # the root is 0, its slope is none
        parts = Parts(optimizer, 2)
        parts.add(weight.sum(), {})
        parts.add(value.sum(), {})
        with suppress(GradientError):
            descend(optimizer, parts.loss())
        assert weight.tolist() == [0]
    with pytest.raises(GradientError):
        parts.loss()


def test_a_batch_that_does_not_divide_into_its_parts_is_refused() -> None:
    with pytest.raises(ValidationError, match="batch_size is a multiple of parts"):
        made("resnet", {"batch_size": 3, "parts": 2})


def test_the_penalty_is_of_the_slope_of_each_critic_between_real_and_fake() -> None:
    """Gulrajani et al. 2017, eq. 3, with the slope by finite differences."""
    changes: dict[str, object] = {"gan_loss": "wgan-gp", "pool_size": 0, "discriminator": "pixel"}
    ours, run, batches = cyclegan(changes)
    numbers, a, b = Numbers(run.seed, 0), batches[0].images["a"], batches[0].images["b"]
    shares, v = numbers.uniform("mix", 2, len(a), 1, 1, 1).double(), cyclegan(changes)[0]
    losses = ours.step(batches[0], ours.optimizers(), numbers)
    wanted = 0.0
    with torch.no_grad():
        fakes = v.generator_ba(b), v.generator_ab(a)
    judges = v.discriminator_a, v.discriminator_b
    for share, real, fake, judge in zip(shares, (a, b), fakes, judges, strict=True):
        for n in range(len(real)):
            x = (share[n] * real[n] + (1 - share[n]) * fake[n])[None].requires_grad_()
            (slope,) = torch.autograd.grad(judge(x).mean(), x)
            way = slope / slope.norm()
            with torch.no_grad():
                steep = (judge(x + 1e-4 * way).mean() - judge(x - 1e-4 * way).mean()) / 2e-4
            wanted += (float(steep) - 1) ** 2 / len(real)
    assert float(losses["penalty"].detach()) == pytest.approx(wanted, rel=1e-4)
    for now, before in zip(ours.discriminator_a.parameters(), judges[0].parameters(), strict=True):
        assert now.dim() == 1 or not torch.equal(now, before)


@pytest.mark.parametrize("gan_loss", ["lsgan", "vanilla", "hinge", "wgan-gp"])
@pytest.mark.parametrize("discriminator", ["patch70", "patch34", "patch78", "pixel", "scales"])
def test_every_loss_goes_with_every_discriminator(gan_loss: str, discriminator: str) -> None:
    variant, run = made("resnet", {"gan_loss": gan_loss, "discriminator": discriminator})
    data, optimizers = data_of(run).train, variant.optimizers()
    for seen in (0, 2):
        batch = data.batch(seen, 2, run.seed, run.crop_px, run.flip)
        losses = variant.step(batch, optimizers, Numbers(run.seed, seen))
        assert all(bool(torch.isfinite(loss.detach())) for loss in losses.values())
        assert ("penalty" in losses) == (gan_loss == "wgan-gp")


def test_after_a_step_every_network_learns_again() -> None:
    ours, run, batches = cyclegan({})
    ours.step(batches[0], ours.optimizers(), Numbers(run.seed, 0))
    assert all(p.requires_grad for p in ours.parameters())


def test_what_is_shown_goes_both_ways_and_back() -> None:
    ours, run, batches = cyclegan({})
    batch, nets = batches[0], ours.nets()
    shown = ours.show(nets, batch, Numbers(run.seed, 0))
    ab, ba = nets["generator_ab"], nets["generator_ba"]
    assert torch.equal(shown["fake_b"], ab(batch.images["a"]))
    assert torch.equal(shown["cycle_a"], ba(ab(batch.images["a"])))
    assert torch.equal(shown["identity_a"], ba(batch.images["a"]))
    assert torch.equal(shown["fake_a"], ba(batch.images["b"]))
    assert not any(picture.requires_grad for picture in shown.values())


def test_the_defaults_are_the_papers() -> None:
    run = CycleGANRun.model_validate(
        {
            **{"variant": "cyclegan", "section": "model", "data": {"a": "horse", "b": "zebra"}},
            **{"seed": 1, "threads": 1, "total_images": 1, "batch_size": 1, "crop_px": 256},
            "model": {"generator": "resnet", "resnet": {}, "unet": {}},
        }
    )
    variant = CycleGAN(run)
    assert variant.pool_a.shape == (50, 3, 256, 256)
    counts = [count_parameters(net) for net in (*variant.nets().values(), variant.discriminator_a)]
    assert counts == [11_378_179, 11_378_179, 2_764_737]
    assert (run.learning_rate, run.lambda_cycle, run.lambda_identity) == (2e-4, 10, 5)
    assert (run.schedule.kind, run.schedule.decay_from, run.flip) == ("linear", 0.5, True)
    assert [o.param_groups[0]["betas"] for o in variant.optimizers().values()] == [(0.5, 0.999)] * 2


def test_a_crop_that_the_discriminator_cannot_judge_is_refused() -> None:
    _, run = made("resnet")
    with pytest.raises(ValidationError, match="crop_px"):
        type(run).model_validate({**run.model_dump(), "crop_px": 23})
    variant: Variant = CycleGAN(CycleGANRun.model_validate({**run.model_dump(), "crop_px": 24}))
    batch = data_of(run).train.batch(0, 2, 1, 24, True)
    losses = variant.step(batch, variant.optimizers(), Numbers(1, 0))
    assert all(bool(torch.isfinite(loss.detach())) for loss in losses.values())


RESUMED: dict[str, Params] = {
    "vgg16": {"model": {"generator": "vgg16", "norm": "batch", **SMALL}},
    "pixelshuffle": {
        "model": {
            **{"generator": "resnet", "norm": "none", **SMALL},
            "resnet": {
                **{"width": 4, "blocks": 1, "upsample": "pixelshuffle"},
                **{"stem_kernel": 9, "padding": "zeros"},
            },
        }
    },
    "wgan-gp": {"gan_loss": "wgan-gp", "discriminator": "patch78", "parts": 2},
}


@pytest.mark.parametrize("name", RESUMED)
def test_stopped_and_resumed_it_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    check_resume({**RUNS["resnet"], **RESUMED[name], "total_images": 12}, tmp_path)


# Weights of an encoder ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Params that name an encoder; 64 wide, as published."""
    path = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    tensors = {f"features.{k}": v for k, v in VGG16Encoder().features.state_dict().items()}
    save_file(tensors, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"pretrained": True, "weights": str(path), "sha256": digest}


def vgg16_run(changes: Mapping[str, object]) -> dict[str, object]:
    return {"model": {"generator": "vgg16", **SMALL, "vgg16": changes}, "batch_size": 1}


@pytest.fixture(scope="module")
def frozen(pretrained: dict[str, object]) -> tuple[CycleGAN, CycleGANRun]:
    variant, run = made("resnet", vgg16_run(pretrained))
    assert isinstance(variant, CycleGAN)
    assert isinstance(run, CycleGANRun)
    return variant, run


def test_a_frozen_encoder_is_the_file_and_stays_so(
    frozen: tuple[CycleGAN, CycleGANRun], pretrained: dict[str, object]
) -> None:
    variant, run = frozen
    begun = variant.get_parameter("generator_ab.body.ups.0.0.weight").detach().clone()
    batch = data_of(run).train.batch(0, 1, run.seed, run.crop_px, run.flip)
    variant.step(batch, variant.optimizers(), Numbers(run.seed, 0))
    assert not torch.equal(variant.get_parameter("generator_ab.body.ups.0.0.weight"), begun)
    for key, value in load_file(str(pretrained["weights"])).items():
        for net in ("generator_ab", "generator_ba"):
            assert torch.equal(variant.get_parameter(f"{net}.body.encoder.{key}"), value)


def test_an_exported_model_needs_the_file_no_more(
    frozen: tuple[CycleGAN, CycleGANRun], pretrained: dict[str, object], tmp_path: Path
) -> None:
    variant, run = frozen
    export(tmp_path / "model", variant.nets(), run, {"memegan_key": "k"})
    about = json.loads((tmp_path / "model/model.json").read_text())["run"]["model"]["vgg16"]
    shape = {"width": 64, "upsample": "transposed"}
    assert about == {**shape, "pretrained": True, "sha256": pretrained["sha256"]}
    model, image = load_model(tmp_path / "model"), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        wanted = variant.nets()["generator_ab"](image)
        assert torch.equal(model.nets["generator_ab"](image), wanted)
    with pytest.raises(ParamsError, match="pretrained: true, and no weights"):
        model.variant.optimizers()


def test_the_place_of_the_weights_is_no_part_of_the_key_their_digest_is(
    pretrained: dict[str, object],
) -> None:
    runs = [
        CycleGANRun.model_validate({**RUNS["resnet"], **vgg16_run({**pretrained, **other})})
        for other in ({}, {"weights": "elsewhere.pth"}, {"sha256": "0" * 64}, {"pretrained": False})
    ]
    here, elsewhere, another, none = (run.digest() for run in runs)
    assert here == elsewhere
    assert len({here, another, none}) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "missing.pth"}, "the weights cannot be read: No such file"),
        ({"sha256": "0" * 64}, "the file has sha256 [0-9a-f]{64}, not 0{64}"),
    ],
)
def test_weights_that_cannot_be_used_are_one_message_before_the_first_step(
    changes: dict[str, object], message: str, pretrained: dict[str, object]
) -> None:
    with pytest.raises(ParamsError, match=f"{message}.*\n  where: model.vgg16.weights: "):
        made("resnet", vgg16_run({**pretrained, **changes}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"pretrained": True},
        {"pretrained": True, "sha256": "0" * 64, "width": 32},
        {"sha256": "abc"},
        {"width": 12},
    ],
)
def test_an_encoder_that_cannot_be_is_refused_with_the_params(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GeneratorParams.model_validate(
            {"generator": "resnet", "resnet": {}, "unet": {}, "vgg16": wrong}
        )


@pytest.mark.parametrize(
    "missing", [{"resnet": {}}, {"unet": {}}, {"unet": {}, "resnet": {}, "vgg19": {}}]
)
def test_each_generator_has_its_closed_section(missing: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GeneratorParams.model_validate({"generator": "unet", **missing})


# The pool ----------------------------------------------------------------------------------------


def through_pool(pool: Tensor, count: int, batch: int, seed: int) -> list[float]:
    """Show fakes 1, 2, 3 ... to the pool in batches; return what it gives for each."""
    given = []
    for seen in range(0, count, batch):
        fakes = torch.arange(seen + 1.0, seen + batch + 1).reshape(-1, 1, 1, 1)
        given += from_pool(pool, fakes, Numbers(seed, seen), "pool_a").flatten().tolist()
    return given


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 4), st.integers(0, 30), st.integers(0, 10**6))
def test_the_pool_loses_nothing_and_makes_nothing(
    size: int, batch: int, rounds: int, seed: int
) -> None:
    pool, count = torch.zeros(size, 1, 1, 1), batch * rounds
    given = through_pool(pool, count, batch, seed)
    kept = [value for value in pool.flatten().tolist() if value]
    first = min(size, count)
    assert given[:first] == list(range(1, first + 1))  # while it fills, each fake is shown itself
    # A fake shown while the pool filled is in it too; from then on what goes in comes out.
    assert sorted(given + kept) == sorted([*range(1, count + 1), *range(1, first + 1)])
    assert all(shown <= n + 1 for n, shown in enumerate(given))


def test_a_full_pool_swaps_half_of_the_time_with_any_place() -> None:
    pool, count = torch.zeros(50, 1, 1, 1), 5050
    given = through_pool(pool, count, 10, 3)
    old = [n + 1 - shown for n, shown in enumerate(given) if shown != n + 1]
    assert 0.48 < len(old) / 5000 < 0.52  # 50 % +- 3 deviations
    # An image stays 100 fakes on average (50 places, each swapped with probability 1/100).
    assert 85 < sum(old) / len(old) < 115


def test_no_pool_shows_each_fake_itself() -> None:
    fakes = torch.rand(3, 1, 2, 2)
    assert from_pool(torch.zeros(0, 1, 2, 2), fakes, Numbers(1, 0), "pool_a") is fakes


def test_what_came_out_of_the_pool_does_not_change_with_it() -> None:
    pool = torch.zeros(1, 1, 1, 1)
    given = through_pool(pool, 1, 1, 0)
    shown = from_pool(pool, torch.tensor([5.0, 6, 7, 8]).reshape(4, 1, 1, 1), Numbers(0, 1), "x")
    before = shown.clone()
    pool.fill_(99)
    assert torch.equal(shown, before)
    assert given == [1]


def test_the_pools_are_part_of_the_state_and_of_their_own() -> None:
    ours, run, batches = cyclegan({"pool_size": 3})
    for n, batch in enumerate(batches):
        ours.step(batch, ours.optimizers(), Numbers(run.seed, 2 * n))
    state = ours.state_dict()
    assert state["pool_a"].shape == state["pool_b"].shape == (3, 3, 24, 24)
    assert state["pool_a"].abs().sum((1, 2, 3)).all()
    assert not torch.equal(state["pool_a"], state["pool_b"])
