"""How well a VAE-GAN gives emoji back that it has not seen, beside what needs no training."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from benchmarks._cpu_time import trained
from benchmarks._emoji import SIDE_PX, emoji
from memegan.benches import Case, Sample
from memegan.dataset import Batch, Images
from memegan.metrics.paired import psnr, ssim
from memegan.rng import Numbers
from memegan.variants.vaegan import VARIANT, VAEGANRun

CPU_S = 300
LEAST_DB, LEAST_SSIM = 17.0, 0.56
RUN: Mapping[str, object] = {
    **{"variant": "vaegan", "section": "train.emoji", "data": {"a": "emoji"}, "threads": 1},
    **{"crop_px": SIDE_PX, "batch_size": 16, "total_images": 1, "max_skipped": 1000},
    **{"log_every_images": 10**9, "checkpoint_every_images": 10**9, "grid_every_images": 10**9},
    **{"network": {"encoder_width": 32, "decoder_width": 32, "discriminator_width": 32}},
    **{"precision": "bfloat16", "memory_format": "channels_last", "learning_rate": 1e-3},
    "lambda_pixel": 1.0,
    "schedule": {"kind": "linear", "decay_from": 0.5},
}
CASES: Mapping[str, Case] = {"vaegan": {"learns": "reconstruction", "cpu_s": CPU_S, "run": RUN}}


def sample(case: Case, seed: int) -> Sample:
    """Train what a case says from a seed, and judge it."""
    said = cast("Mapping[str, object]", case["run"])
    return learnt(said, seed, cast("float", case["cpu_s"]))


def learnt(said: Mapping[str, object], seed: int, cpu_s: float) -> Sample:
    """Train from a seed for so long, and give the held-out emoji back."""
    torch.set_num_threads(1)
    known = emoji()
    run = VAEGANRun.model_validate({**said, "seed": seed})
    done = trained(run, Images({"a": known.taught}), cpu_s)
    real, taught = (pixels.float() / 127.5 - 1 for pixels in (known.held_out, known.taught))
    again = VARIANT.make(run).show(done.averages, Batch({"a": real}), Numbers(seed, 0))
    nearest = taught[torch.cdist(real.flatten(1), taught.flatten(1)).argmin(1)]
    found = {
        **fidelity(again["reconstruction"], real),
        **fidelity(nearest, real, "_nearest"),
        **fidelity(taught.mean(0, keepdim=True).expand_as(real), real, "_mean"),
    }
    is_reached = found["psnr"] >= LEAST_DB and found["ssim"] >= LEAST_SSIM
    rounded = {name: round(value, 4) for name, value in found.items()}
    return {"outcome": "reached" if is_reached else "missed", **rounded, **done.cost()}


def fidelity(images: Tensor, real: Tensor, of: str = "") -> dict[str, float]:
    """Return mean PSNR in dB and SSIM of images (N, 3, S, S) in [-1, 1]."""
    return {
        f"psnr{of}": float(psnr(images, real).mean()),
        f"ssim{of}": float(ssim(images, real).mean()),
    }
