"""Super-resolution: both stages are the papers', pairs made on the fly, measures BasicSR's."""

import hashlib
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from tests.training.trainer import COMMON, Params, data_of
from tests.variants.resuming import check_resume

from memegan.dataset import Batch
from memegan.errors import ParamsError
from memegan.networks.blocks import count_parameters
from memegan.networks.degrade import bicubic, clean
from memegan.networks.fidelity import inner_pixels, luma, psnr_255
from memegan.networks.vgg16 import VGG16Encoder
from memegan.rng import Numbers
from memegan.training.export import export, load_model
from memegan.variants.superres import VARIANT, SuperRes, SuperResRun

SMALL: Params = {
    **{**COMMON, "variant": "superres", "data": {"a": "photo"}, "crop_px": 32, "load_px": 36},
    "network": {
        "msrresnet": {"width": 4, "blocks": 1},
        "rrdb": {"width": 4, "blocks": 1, "growth": 2},
    },
}
GAN: Params = {"kind": "relativistic", "after_images": 4, "discriminator_width": 4}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def superres(changes: Params) -> tuple[SuperRes, SuperResRun, Batch]:
    run = SuperResRun.model_validate({**SMALL, **changes})
    variant = VARIANT.make(run)
    assert isinstance(variant, SuperRes)
    return variant, run, data_of(run).train.batch(0, 2, run.seed, run.crop_px, run.flip)


def plain_step(v: SuperRes, run: SuperResRun, batch: Batch, seen: int) -> None:
    """Wang et al. 2018 (ESRGAN), section 3.2, or its first stage."""
    truth = batch.images["a"]
    adam_g = torch.optim.Adam(v.generator.parameters(), run.learning_rate, (0.9, 0.99))
    made = v.generator(clean(truth, run.scale))
    if run.gan.kind == "none" or seen < run.gan.after_images:
        torch.autograd.backward((made - truth).abs().mean())
        adam_g.step()
        return
    adam_d = torch.optim.Adam(v.discriminator.parameters(), run.learning_rate, (0.9, 0.99))

    def log_sigmoid(x: torch.Tensor) -> torch.Tensor:
        return torch.log(torch.sigmoid(x)).mean()

    fake, real = v.discriminator(made), v.discriminator(truth).detach()
    if run.gan.kind == "vanilla":
        word = -log_sigmoid(fake)
    else:
        word = -0.5 * (log_sigmoid(fake - real.mean()) + log_sigmoid(-(real - fake.mean())))
    pull = (made - truth).abs().mean()
    torch.autograd.backward(run.gan.lambda_l1 * pull + run.gan.lambda_gan * word)
    adam_g.step()
    adam_d.zero_grad()
    real, fake = v.discriminator(truth), v.discriminator(made.detach())
    if run.gan.kind == "vanilla":
        judged = -log_sigmoid(real) - log_sigmoid(-fake)
    else:
        judged = -0.5 * (log_sigmoid(real - fake.mean()) + log_sigmoid(-(fake - real.mean())))
    torch.autograd.backward(judged)
    adam_d.step()


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, 0),
        ({"network": {**SMALL["network"], "generator": "rrdb"}}, 0),  # type: ignore[dict-item]
        ({"gan": GAN}, 0),
        ({"gan": GAN}, 4),
        ({"gan": {**GAN, "kind": "vanilla", "lambda_l1": 1.0}}, 6),
    ],
    ids=["psnr", "rrdb", "before the gan stage", "relativistic", "vanilla"],
)
def test_a_step_is_the_papers(changes: Params, seen: int, scale: int) -> None:
    ours, run, batch = superres({**changes, "scale": scale})
    plain = superres({**changes, "scale": scale})[0]
    batch = Batch({"a": batch.images["a"].double()})
    ours, plain = ours.double(), plain.double()
    begun = {name: p.detach().clone() for name, p in ours.named_parameters()}
    losses = ours.step(batch, ours.optimizers(), Numbers(run.seed, seen))
    plain_step(plain, run, batch, seen)
    second = run.gan.kind != "none" and seen >= run.gan.after_images
    for (name, p), q in zip(ours.named_parameters(), plain.parameters(), strict=True):
        if name.endswith("weight"):
            assert float((p.detach() - q.detach()).abs().max()) < 1e-6, name
            assert torch.equal(p, begun[name]) != (second or name.startswith("generator")), name
    assert losses.keys() == ({"l1", "gan", "discriminator"} if second else {"l1"})
    assert all(p.requires_grad for p in ours.parameters())


def test_the_defaults_are_the_papers() -> None:
    values = {key: SMALL[key] for key in ("variant", "section", "data", "seed", "threads")}
    plan = {**values, "total_images": 1, "batch_size": 1, "crop_px": 128, "load_px": None}
    run = SuperResRun.model_validate(plan)
    assert count_parameters(SuperRes(run)) == 1_517_571
    assert (run.scale, run.learning_rate, run.gan.kind) == (4, 2e-4, "none")
    assert (run.gan.lambda_l1, run.gan.lambda_gan) == (0.01, 0.005)


@pytest.mark.parametrize("degrade", ["bicubic", "realistic"])
def test_pairs_are_made_on_the_fly_and_follow_from_the_numbers(degrade: str) -> None:
    v, run, batch = superres({"degrade": degrade})
    truth = batch.images["a"]
    small = v.shrunk(truth, Numbers(run.seed, 8))
    assert small.shape == (2, 3, 8, 8)
    assert float(small.abs().max()) <= 1
    assert torch.equal(small, v.shrunk(truth, Numbers(run.seed, 8)))
    again = v.shrunk(truth, Numbers(run.seed, 10))
    assert torch.equal(small, again) == (degrade == "bicubic")
    assert torch.equal(small, clean(truth, 4)) == (degrade == "bicubic")


def test_what_is_shown_and_measured_is_of_the_given_nets() -> None:
    v, run, batch = superres({})
    nets, numbers, truth = v.nets(), Numbers(run.seed, 0), batch.images["a"]
    shown = v.show(nets, batch, numbers)
    small = clean(truth, 4)
    with torch.no_grad():
        assert torch.equal(shown["fake"], nets["generator"](small).clamp(-1, 1))
    assert torch.equal(shown["a"], bicubic(small, 4))
    assert shown["truth"] is truth
    measured = v.measure(nets, batch, numbers)
    assert all(m.higher_is_better and m.values.shape == (2,) for m in measured.values())
    y, wanted = (luma(inner_pixels(shown[name], 4)) for name in ("fake", "truth"))
    assert measured["psnr_y"].values.tolist() == psnr_255(y, wanted).tolist()
    gain = measured["psnr_y"].values - measured["psnr_y_bicubic"].values
    assert measured["psnr_y_gain"].values.tolist() == gain.tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": 2, "degrade": "realistic"},
        {"network": {**SMALL["network"], "generator": "rrdb"}},  # type: ignore[dict-item]
        {"gan": GAN, "degrade": "realistic"},
        {"gan": {**GAN, "kind": "vanilla"}},
    ],
    ids=["x2 realistic", "rrdb", "relativistic", "vanilla"],
)
def test_stopped_and_resumed_it_ends_with_the_same_bits(changes: Params, tmp_path: Path) -> None:
    check_resume({**SMALL, **changes, "total_images": 12}, tmp_path)


def test_it_learns_to_enlarge_better_than_by_interpolation() -> None:
    """Stripes of one width: after a hundred steps they are sharper than bicubic leaves them."""
    v, run, _ = superres({"scale": 2, "learning_rate": 2e-3, "flip": False})
    bright = (torch.arange(32) // 3 % 2 * 1.6 - 0.8).expand(3, 32, 32)
    batch = Batch({"a": torch.stack([bright, bright.mT])})
    optimizers = v.optimizers()
    for seen in range(0, 200, 2):
        v.step(batch, optimizers, Numbers(run.seed, seen))
    gain = v.measure(v.nets(), batch, Numbers(run.seed, 0))["psnr_y_gain"].values
    assert float(gain.min()) > 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": 3},
        {"crop_px": 34},
        {"crop_px": 36, "gan": {"kind": "vanilla"}},
        {"gan": {"lambda_perceptual": 1.0}},
    ],
)
def test_what_cannot_be_is_refused(wrong: Params) -> None:
    with pytest.raises(ValidationError):
        SuperResRun.model_validate({**SMALL, **wrong})


# The perceptual loss -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def perceptual(tmp_path_factory: pytest.TempPathFactory) -> Params:
    path = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    save_file({f"features.{k}": v for k, v in VGG16Encoder().features.state_dict().items()}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    named = {"lambda_perceptual": 1.0, "weights": str(path), "sha256": digest}
    return {"gan": {**GAN, "after_images": 0, **named}}


def test_features_are_compared_and_stay_as_they_are(perceptual: Params, tmp_path: Path) -> None:
    v, run, batch = superres(perceptual)
    assert v.perceptual is not None
    begun = {key: value.clone() for key, value in v.perceptual.state_dict().items()}
    with torch.no_grad():
        truth = batch.images["a"]
        made = v.generator(clean(truth, 4))
        wanted = (v.perceptual(made)[-1] - v.perceptual(truth)[-1]).abs().mean()
    losses = v.step(batch, v.optimizers(), Numbers(run.seed, 0))
    assert float(losses["perceptual"].detach()) == pytest.approx(float(wanted), rel=1e-5)
    assert all(torch.equal(value, begun[key]) for key, value in v.perceptual.state_dict().items())
    export(tmp_path / "model", v.nets(), run, {"memegan_key": "k"})
    model = load_model(tmp_path / "model")  # which needs the weights no more
    with pytest.raises(ParamsError, match="lambda_perceptual, and no weights"):
        model.variant.optimizers()


def test_weights_that_cannot_be_used_are_one_message_before_the_first_step() -> None:
    gan = {**GAN, "lambda_perceptual": 1.0, "weights": "missing.pth", "sha256": "0" * 64}
    with pytest.raises(ParamsError, match=r"cannot be read.*\n  where: train.\*.gan.weights: miss"):
        superres({"gan": gan})
