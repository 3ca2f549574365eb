"""What each preset learns of the demo's homogeneous community, beside a PCA Gaussian of it.

432 faces that no training saw are the yardstick, in six splits for the kernel distance. A set of 90
is learnt as the number of images decides: changed for the discriminator, with looks for a collapse.
"""

from collections.abc import Mapping
from functools import cache
from statistics import mean
from typing import cast

import numpy as np
import torch
import yaml
from torch import Tensor

from benchmarks._cpu_time import trained
from memegan.benches import Case, Sample
from memegan.cli.preset import recipe
from memegan.dataset import Batch, Images
from memegan.demo.memes import blobface
from memegan.metrics.kid import random_kid
from memegan.metrics.references import nearest_ratio, pca_gaussian
from memegan.metrics.swd import sliced_wasserstein
from memegan.rng import Numbers
from memegan.variants.hypergan import VARIANT, HyperGANRun

SIDE_PX, CPU_S = 32, 300
LEARNT, JUDGED = range(450), range(10_000, 10_432)  # numbers of drawn faces
FEW = 90
SPLITS, AT_ONCE = 6, 48
COMMON: Mapping[str, object] = {
    **{"variant": "hypergan", "section": "train.faces", "data": {"a": "meme"}, "threads": 1},
    **{"crop_px": SIDE_PX, "batch_size": 32, "total_images": 1, "augment": "none"},
    **{"log_every_images": 10**9, "checkpoint_every_images": 10**9, "grid_every_images": 10**9},
    **{"schedule": {"kind": "linear", "decay_from": 0.5}, "ema_half_life_images": 2000},
    **{"precision": "bfloat16", "memory_format": "channels_last", "max_skipped": 1000},
}
DEMO, VARIANTS = (yaml.safe_load(recipe(name))["train"] for name in ("demo", "variants"))
RECIPES: Mapping[str, Mapping[str, object]] = {
    "dcgan": DEMO["hypergan"],
    "sngan": VARIANTS["sngan"],
    "adain": VARIANTS["adain"],
    "wgan-gp": VARIANTS["wgan_gp"],
    "r3gan": VARIANTS["r3gan"],
    "fastgan": VARIANTS["fastgan"],
}
HALVED_R3GAN: str = VARIANTS["r3gan"]["network"]["discriminator"]
SAID = ("batch_size", "network", "loss", "trainer")  # by the recipe; all else is common
RUNS: Mapping[str, Mapping[str, object]] = {
    preset: {name: run[name] for name in SAID if name in run} for preset, run in RECIPES.items()
}
_OF_ALL: Mapping[str, Case] = {
    f"faces, {preset}": {"learns": "faces", "cpu_s": CPU_S, "run": {**COMMON, **said}}
    for preset, said in RUNS.items()
}
FEW_RUNS: Mapping[str, Mapping[str, object]] = {
    "dcgan": RUNS["dcgan"],
    "dcgan, moved alone": {**RUNS["dcgan"], "diffaugment": ["translation"]},
    "adain": RUNS["adain"],
}
_OF_FEW: Mapping[str, Case] = {
    f"{FEW} faces, {name}": {
        **{"learns": "faces", "cpu_s": CPU_S, "images": FEW},
        "run": {
            **{**COMMON, **said, "augment": "auto"},
            **{"grid_every_images": 4000, "checkpoint_every_images": 4000},
        },
    }
    for name, said in FEW_RUNS.items()
}
CASES: Mapping[str, Case] = {**_OF_ALL, **_OF_FEW}


def sample(case: Case, seed: int) -> Sample:
    """Train what a case says from a seed, and judge it."""
    said = cast("Mapping[str, object]", case["run"])
    count = cast("int", case.get("images", len(LEARNT)))
    return learnt(said, seed, cast("float", case["cpu_s"]), count)


def learnt(said: Mapping[str, object], seed: int, cpu_s: float, count: int = len(LEARNT)) -> Sample:
    """Train from a seed for so long; reached is nearer than the PCA Gaussian by both distances."""
    torch.set_num_threads(1)
    run = HyperGANRun.model_validate({**said, "seed": seed}).for_images(count)
    taught = faces(LEARNT[:count])
    done = trained(run, Images({"a": taught}), cpu_s)
    variant, empty = VARIANT.make(run), Batch({"a": torch.zeros(AT_ONCE, 3, SIDE_PX, SIDE_PX)})
    with torch.no_grad():
        made = [
            variant.show(done.averages, empty, Numbers(seed, start))["fake"]
            for start in range(0, len(JUDGED), AT_ONCE)
        ]
    gaussian = pca_gaussian(_whole(taught), len(JUDGED), seed)
    found = {**distances(torch.cat(made)), **distances(gaussian, "pca_")}
    ratio = nearest_ratio(torch.cat(made), _whole(taught), _whole(faces(JUDGED)))
    found["nearest_ratio"] = float(ratio.mean())
    is_nearer = all(found[name] < found[f"pca_{name}"] for name in ("kid", "swd"))
    reached = "reached" if is_nearer else "missed"
    return {"outcome": reached, **{k: round(v, 4) for k, v in found.items()}, **done.cost()}


def distances(images: Tensor, name: str = "") -> dict[str, float]:
    """Return the distances to faces that nothing was learnt from.

    Args:
        images: (432, 3, 32, 32) in [-1, 1].
        name: what their names begin with.
    """
    real = _whole(faces(JUDGED))
    kid = [random_kid(real[n::SPLITS], images[n::SPLITS], 0, 1)[0] for n in range(SPLITS)]
    swd = sliced_wasserstein(real, images, 0, 1).mean
    return {f"{name}kid": mean(kid), f"{name}kid_high": max(kid), f"{name}swd": swd}


@cache
def faces(numbers: range) -> Tensor:
    """Draw faces, (N, 3, 32, 32) uint8."""
    drawn = np.stack([np.array(blobface(number, SIDE_PX)) for number in numbers])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).contiguous()


def _whole(pixels: Tensor) -> Tensor:
    return pixels.float() / 127.5 - 1
