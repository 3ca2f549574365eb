"""VAE-GAN as a variant: each net pays for its own terms; codes, ways between them, resume."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tests.training.trainer import COMMON, After, Params, data_of
from torch import Tensor

from memegan.dataset import Batch
from memegan.errors import Stopped
from memegan.networks.blocks import count_parameters
from memegan.rng import Numbers
from memegan.tracking.spool import MemoryTracker
from memegan.training.checkpoint import Whole
from memegan.training.loop import train
from memegan.training.stopping import Stop
from memegan.variants.base import find_variant
from memegan.variants.vaegan import VAEGAN, VAEGANRun

TINY: Params = {"z_size": 6, "encoder_width": 4, "decoder_width": 4, "discriminator_width": 4}
RUN: Params = {
    **{**COMMON, "variant": "vaegan", "data": {"a": "meme"}, "crop_px": 16, "load_px": 20},
    **{"network": TINY, "kl": {"warmup_images": 6, "free_nats": 0.1}},
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def made(changes: Mapping[str, object] = {}) -> tuple[VAEGAN, VAEGANRun]:
    spec = find_variant("vaegan")
    run = spec.run.model_validate({**RUN, **changes})
    variant = spec.make(run)
    assert isinstance(variant, VAEGAN)
    assert isinstance(run, VAEGANRun)
    return variant, run


def batch_of(run: VAEGANRun, count: int = 4) -> Batch:
    return data_of(run).train.batch(0, count, run.seed, run.crop_px, run.flip)


def go_on(path: Path, changes: Mapping[str, object] = {}, stop: Stop | None = None) -> Whole:
    variant, run = made(changes)
    return train(variant, data_of(run), run, MemoryTracker(), path, stop or Stop(math.inf))


# A step ------------------------------------------------------------------------------------------


class Doubled(Numbers):
    """The same numbers in double precision."""

    def normal(self, name: str, *shape: int) -> Tensor:
        return super().normal(name, *shape).double()


def plain_slopes(v: VAEGAN, run: VAEGANRun, batch: Batch, seen: int) -> dict[str, list[Tensor]]:
    """Larsen et al. 2016, algorithm 1, with the whole graph for each of the three nets."""
    real, numbers = batch.images["a"], Doubled(run.seed, seen)
    size = (len(real), run.network.z_size)
    code = v.encoder(real)
    noise = numbers.normal("z/code", *size)
    z = code.mean + torch.exp(0.5 * code.log_variance) * noise
    again, other = v.decoder(torch.cat((z, numbers.normal("z/prior", *size)))).chunk(2)
    judged = [v.discriminator(x) for x in (real, again, other)]
    soft = torch.nn.functional.softplus
    fakes = (soft(judged[1][0]).mean() + soft(judged[2][0]).mean()) / 2
    discriminator = soft(-judged[0][0]).mean() + fakes
    if run.r1_gamma:  # Mescheder et al. 2018, eq. 9; in each r1_every-th step, as if in all
        held = real.clone().requires_grad_()
        logits = v.discriminator(held)[0].sum()
        (slope,) = torch.autograd.grad(logits, held, create_graph=True)
        r1 = slope.flatten(1).norm(dim=1).square().mean()
        discriminator = discriminator + run.r1_every * run.r1_gamma / 2 * r1
    stage = run.feature_stage - 1
    feature = 0.5 * ((judged[1][1][stage] - judged[0][1][stage].detach()) ** 2).mean()
    bits = v.decoder.bits(again, real).mean()
    like = run.lambda_feature * feature + run.lambda_pixel * bits
    gan = (soft(-judged[1][0]).mean() + soft(-judged[2][0]).mean()) / 2
    variance = torch.exp(code.log_variance)
    kl = 0.5 * (code.mean**2 + variance - 1 - code.log_variance)
    warm = min(1, seen / run.kl.warmup_images)
    paid = kl.mean(0).clamp_min(run.kl.free_nats).sum() / (3 * 16 * 16)
    encoder = like + run.kl.weight * warm * paid
    decoder = run.gamma * like + run.lambda_gan * gan
    losses = {"discriminator": discriminator, "encoder": encoder, "decoder": decoder}
    return {
        name: list(
            torch.autograd.grad(
                loss, list(v.get_submodule(name).parameters()), retain_graph=True, allow_unused=True
            )
        )
        for name, loss in losses.items()
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lambda_pixel": 0.5, "gamma": 3.0, "lambda_gan": 0.7},
        {"feature_stage": 1},
        {"r1_gamma": 0.7, "r1_every": 3},
    ],
    ids=["features", "pixels and gamma", "finest features", "R1"],
)
def test_each_net_pays_for_its_own_terms(changes: Params) -> None:
    """No rate, so that all three slopes are at the same weights, and free of rounding."""
    variant, run = made({**changes, "learning_rate": 1e-30})
    batch, variant = batch_of(run), variant.double()
    seen = 6 if run.r1_gamma else 3  # R1 is due in the fourth step of two images
    doubles = Batch({"a": batch.images["a"].double()})
    wanted = plain_slopes(variant, run, doubles, seen)
    variant.step(doubles, variant.optimizers(), Doubled(run.seed, seen))
    for name, slopes in wanted.items():
        for (key, weight), slope in zip(
            variant.get_submodule(name).named_parameters(), slopes, strict=True
        ):
            if slope is None or key == "log_scale":
                continue
            assert weight.grad is not None, key
            assert torch.allclose(weight.grad, slope, rtol=1e-6, atol=1e-12), f"{name} {key}"


def test_losses_have_names_and_are_unweighted() -> None:
    weighted = {"lambda_feature": 9.0, "lambda_gan": 9.0, "gamma": 9.0, "kl": {"weight": 9.0}}
    found = []
    for changes in ({}, weighted):
        variant, run = made(changes)
        losses = variant.step(batch_of(run), variant.optimizers(), Numbers(run.seed, 0))
        assert list(losses) == ["discriminator", "feature", "bits", "gan", "kl"]
        found.append({name: float(loss.detach()) for name, loss in losses.items()})
    assert found[0] == found[1]
    assert all(math.isfinite(value) for value in found[0].values())


def test_r1_is_due_every_few_steps() -> None:
    variant, run = made({"r1_gamma": 1.0, "r1_every": 3})
    batch, optimizers = batch_of(run), variant.optimizers()
    seen = [step * run.batch_size for step in range(5)]
    losses = [variant.step(batch, optimizers, Numbers(run.seed, at)) for at in seen]
    assert ["r1" in each for each in losses] == [True, False, False, True, False]


def test_after_a_step_all_nets_learn_and_all_have_moved() -> None:
    variant, run = made()
    before = {name: p.detach().clone() for name, p in variant.named_parameters()}
    variant.step(batch_of(run), variant.optimizers(), Numbers(run.seed, 4))
    assert all(p.requires_grad for p in variant.parameters())
    still = {name for name, p in variant.named_parameters() if torch.equal(p, before[name])}
    assert {name for name in still if not name.endswith("0.bias")} == set()


def test_the_kl_costs_nothing_at_first_and_rises() -> None:
    """With a huge weight the codes of the first step do not shrink; later ones do."""
    slopes = []
    for seen in (0, 3, 6, 60):
        variant, run = made({"kl": {"weight": 1e6, "warmup_images": 6}})
        variant.step(batch_of(run), variant.optimizers(), Numbers(run.seed, seen))
        grad = variant.encoder.code.weight.grad
        assert grad is not None
        slopes.append(float(grad.norm()))
    assert slopes[0] < slopes[1] / 100
    assert slopes[2] / slopes[1] == pytest.approx(2, rel=0.01)
    assert slopes[3] == pytest.approx(slopes[2], rel=0.01)


# Codes -------------------------------------------------------------------------------------------


def in_use() -> tuple[VAEGAN, Batch, Numbers]:
    variant, run = made()
    variant.step(batch_of(run), variant.optimizers(), Numbers(run.seed, 4))
    return variant.eval(), batch_of(run), Numbers(run.seed, 0)


def test_what_is_shown_are_images_their_likes_and_others_from_noise() -> None:
    variant, batch, numbers = in_use()
    shown = variant.show(variant.nets(), batch, numbers)
    assert torch.equal(shown["a"], batch.images["a"])
    wanted = variant.decoder(variant.encoder(batch.images["a"]).mean)
    assert torch.equal(shown["reconstruction"], wanted)
    assert len({x.numpy().tobytes() for x in (*shown["fake"], *shown["reconstruction"])}) == 8
    assert not any(x.requires_grad for x in shown.values())


def test_the_bound_is_bits_of_pixels_and_of_the_code() -> None:
    variant, batch, numbers = in_use()
    measured = variant.measure(variant.nets(), batch, numbers)
    code = variant.encoder(batch.images["a"])
    z = code.draw(numbers.normal("z/elbo", 4, 6))
    kl = code.kl().sum(1)
    bits = variant.decoder.bits(variant.decoder(z), batch.images["a"])
    wanted = bits + kl / (3 * 16 * 16 * math.log(2))
    assert torch.allclose(measured["elbo_bits_per_dim"].values, wanted)
    assert torch.allclose(measured["kl_nats"].values, kl)
    assert bool((measured["elbo_bits_per_dim"].values >= bits).all())
    error = (variant.reconstruct(variant.nets(), batch) - batch.images["a"]).square()
    psnr = 10 * torch.log10(4 / error.mean((1, 2, 3)))
    assert torch.allclose(measured["reconstruction_psnr"].values, psnr)
    better = {name: m.higher_is_better for name, m in measured.items()}
    assert better == {"reconstruction_psnr": True, "elbo_bits_per_dim": False, "kl_nats": False}


def test_it_learns_to_give_images_back() -> None:
    """Eight pictures of one colour each: the error after 100 steps is a third of the first."""
    changes = {"lambda_pixel": 1.0, "learning_rate": 5e-3, "kl": {"weight": 0.1}}
    variant, run = made(changes)
    images = (torch.rand(8, 3, 1, 1, generator=torch.Generator().manual_seed(2)) * 2 - 1).expand(
        8, 3, 16, 16
    )
    batch, optimizers, errors = Batch({"a": images}), variant.optimizers(), []
    for step in range(100):
        variant.step(batch, optimizers, Numbers(run.seed, 8 * step))
        if step in (0, 99):
            made_again = variant.eval().reconstruct(variant.nets(), batch)
            errors.append(float((made_again - images).square().mean()))
            variant.train()
    assert errors[1] < errors[0] / 3


# Params and resume -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"crop_px": 24, "load_px": None}, "power of two"),
        ({"crop_px": 512, "load_px": None}, "power of two"),
        ({"feature_stage": 3}, "2 stages at crop_px 16"),
        ({"kl": {"wait": 3}}, "extra"),
        ({"gamma": -1}, "greater than or equal"),
    ],
)
def test_what_does_not_fit_is_refused(changes: Params, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        made(changes)


def test_at_64_px_the_defaults_are_11_million_weights() -> None:
    variant, _ = made({"crop_px": 64, "load_px": 64, "network": {}})
    assert count_parameters(variant) == 11_436_677 <= 26_000_000


@pytest.mark.parametrize("changes", [{}, {"lambda_pixel": 1.0}], ids=["features", "pixels"])
def test_stopped_and_resumed_it_ends_with_the_same_bits(changes: Params, tmp_path: Path) -> None:
    whole = go_on(tmp_path / "straight", changes)
    for steps in (1, 5, 9):
        with pytest.raises(Stopped):
            go_on(tmp_path / f"{steps}", changes, After(steps))
        go_on(tmp_path / f"{steps}", changes)
        assert (tmp_path / f"{steps}").read_bytes() == (tmp_path / "straight").read_bytes()
    assert set(whole.averages) == {"encoder", "decoder"}
    end = load_file(tmp_path / "straight")
    assert all(bool(torch.isfinite(t.float()).all()) for t in end.values())
