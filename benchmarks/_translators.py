"""What translators learn from unpaired pictures of the demo's world, judged by its hidden pairs.

The world draws every scene as a photo and as a cartoon: training sees photos of some scenes and
cartoons of others, and is judged by the cartoons of photos of a third kind.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._cpu_time import trained
from memegan.benches import Case, Sample
from memegan.dataset import Images
from memegan.demo.world import Style, draw, scene
from memegan.metrics.base import RESAMPLES, bootstrap_mean
from memegan.metrics.paired import affine_colour, apply_colour, psnr, ssim
from memegan.variants.base import Plan, find_variant

SIDE_PX = 64
SCENES = {"a": range(1500), "b": range(10_000, 11_500), "test": range(20_000, 20_200)}
COMMON: Mapping[str, object] = {
    **{"section": "model", "data": {"a": "photo", "b": "cartoon"}, "threads": 1},
    **{"precision": "bfloat16", "memory_format": "channels_last"},
    **{"crop_px": SIDE_PX, "total_images": 1, "log_every_images": 10**9},
    **{"checkpoint_every_images": 10**9, "grid_every_images": 10**9},
}
_ADVERSARIAL: Mapping[str, object] = {
    **{"batch_size": 4, "learning_rate": 2e-3},
    **{"discriminator": "scales", "discriminator_width": 24},
    "schedule": {"kind": "linear", "decay_from": 0.3},
}
_RESNET = {"width": 16, "blocks": 3, "upsample": "resize", "stem_kernel": 3}
_CYCLEGAN = {
    **{"variant": "cyclegan", "lambda_cycle": 2.0, "lambda_identity": 5.0, "identity_every": 2},
    **{"ema_half_life_images": 1500, "ema_rampup": 0.1},
}
_MODEL = {"norm": "batch", "resnet": _RESNET, "unet": {"width": 6}, "vgg16": {"width": 16}}
_CUT = {
    **{"variant": "cut", "network": {**_RESNET, "norm": "batch"}},
    **{"patches": 24, "head_size": 64, "ema_half_life_images": 2000, "ema_rampup": 0.2},
}
SAID: Mapping[str, Mapping[str, object]] = {
    **{
        name: {**_CYCLEGAN, "model": {"generator": name, **_MODEL}}
        for name in ("resnet", "unet", "vgg16")
    },
    **{"cut": _CUT, "fastcut": {**_CUT, "recipe": "fastcut", "lambda_nce": 2.0}},
}
RUNS = {name: {**COMMON, **_ADVERSARIAL, **said} for name, said in SAID.items()}
CPU_S = 450
LEAST_DB = {"resnet": 2.5}
CASES: Mapping[str, Case] = {
    name: {
        "learns": "translation",
        "cpu_s": CPU_S,
        "least_db": LEAST_DB.get(name, 1.0),
        "run": said,
    }
    for name, said in RUNS.items()
}


def sample(case: Case, seed: int) -> Sample:
    """Train what a case says from a seed, and judge it."""
    said = cast("Mapping[str, object]", case["run"])
    return learnt(said, seed, cast("float", case["cpu_s"]), cast("float", case["least_db"]))


def run_of(said: Mapping[str, object], seed: int) -> Plan:
    """Return the run that a case says."""
    run: Plan = find_variant(str(said["variant"])).run.model_validate({**said, "seed": seed})
    return run


def learnt(said: Mapping[str, object], seed: int, cpu_s: float, least_db: float) -> Sample:
    """Train from a seed for so long, and judge the averaged generator by the hidden pairs.

    Reached is: the lower end of the gain's 95 % interval over the scenes is `least_db` above the
    best of the three references, and SSIM above the best of theirs.
    """
    torch.set_num_threads(1)
    pixels = Images({"a": drawn("a", "photo"), "b": drawn("b", "cartoon")})
    done = trained(run_of(said, seed), pixels, cpu_s)
    photos, truth = pairs()
    made = translated(done.averages["generator_ab"], photos)
    return {**judged(made, truth, least_db), **done.cost()}


def judged(made: Tensor, truth: Tensor, least_db: float) -> Sample:
    """Compare translations with the truth, and with the best of the references."""
    known, said = yardsticks(), dict[str, float]()
    for name, metric in (("psnr", psnr), ("ssim", ssim)):
        plain = {of: metric(images, truth) for of, images in known.items()}
        best, ours = max(plain.values(), key=lambda each: float(each.mean())), metric(made, truth)
        said |= {f"{name}_{of}": float(each.mean()) for of, each in plain.items()}
        for what, each in ((name, ours), (f"{name}_gain", ours - best)):
            mean, low, high = bootstrap_mean(each.double().numpy(), 0, RESAMPLES)
            said |= {what: mean, f"{what}_low": low, f"{what}_high": high}
    reached = said["psnr_gain_low"] >= least_db and said["ssim_gain_low"] > 0
    rounded = {name: round(value, 4) for name, value in said.items()}
    return {"outcome": "reached" if reached else "missed", **rounded}


@torch.no_grad()
def translated(net: nn.Module, photos: Tensor) -> Tensor:
    """Translate (N, 3, H, W) in [-1, 1], some at a time."""
    return torch.cat([net(photos[n : n + 50]) for n in range(0, len(photos), 50)])


@cache
def drawn(name: str, style: Style) -> Tensor:
    """Draw the scenes of a set, (N, 3, 64, 64) uint8."""
    pictures = (np.array(draw(scene(n), style, SIDE_PX)) for n in SCENES[name])
    return torch.from_numpy(np.stack(list(pictures))).permute(0, 3, 1, 2).contiguous()


def pairs() -> tuple[Tensor, Tensor]:
    """Return the test photos and their cartoons, (200, 3, 64, 64) in [-1, 1]."""
    photos, cartoons = drawn("test", "photo"), drawn("test", "cartoon")
    return photos.float() / 127.5 - 1, cartoons.float() / 127.5 - 1


@cache
def yardsticks() -> dict[str, Tensor]:
    """Return the three references: the test photos untouched, recoloured by colour transfer, which
    knows no pairs, and by the affine map that is best for the hidden pairs themselves."""
    photos, truth = pairs()
    sides: Sequence[tuple[str, Style]] = (("a", "photo"), ("b", "cartoon"))
    known = [drawn(name, style).float() / 127.5 - 1 for name, style in sides]
    return {
        "input": photos,
        "colour_transfer": apply_colour(colour_transfer(*known), photos),
        "affine": apply_colour(affine_colour(photos, truth), photos),
    }


def colour_transfer(source: Tensor, target: Tensor) -> Tensor:
    """Return the 3x4 map that gives source colours the target's mean and covariance.

    The least displacement that does: the closed form of Monge and Kantorovich (Pitie and Kokaram
    2007, eq. 8). The pictures need not be pairs.

    Args:
        source, target: (N, 3, H, W), any number of each.
    """
    (x, here), (y, there) = (_moments(images) for images in (source, target))
    root, inverse = _power(here, 0.5), _power(here, -0.5)
    turn = inverse @ _power(root @ there @ root, 0.5) @ inverse
    return torch.cat([turn, (y - turn @ x)[:, None]], 1).float()


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    flat = images.transpose(0, 1).flatten(1).double()
    return flat.mean(1), torch.cov(flat)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Raise a symmetric positive matrix to a power."""
    values, vectors = torch.linalg.eigh(matrix)
    found: Tensor = vectors @ torch.diag(values.clamp_min(1e-9) ** exponent) @ vectors.T
    return found
