"""What the enlarger learns from photographs, judged by other photographs beside bicubic.

The environment's MEMEGAN_REAL_DATA names a folder with translation/trainA, to learn from, and
with superres/*, to be judged by; a third of what is learnt from are photos of the demo's world.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from benchmarks._cpu_time import trained
from memegan.benches import Case, Sample
from memegan.dataset import Batch, Images
from memegan.demo.world import draw, scene
from memegan.errors import DataError
from memegan.metrics.base import RESAMPLES, bootstrap_mean
from memegan.networks.fidelity import inner_pixels, luma, psnr_255
from memegan.rng import Numbers
from memegan.variants.superres import VARIANT, SuperResRun

SIDE_PX = 240
DEMO_SCENES = range(85)
LEAST_DB = 0.5
COMMON: Mapping[str, object] = {
    **{"variant": "superres", "section": "train.superres", "data": {"a": "photo"}, "threads": 1},
    **{"batch_size": 8, "learning_rate": 1e-3, "schedule": {"kind": "linear", "decay_from": 0.3}},
    **{"load_px": SIDE_PX, "total_images": 1, "log_every_images": 10**9},
    **{"checkpoint_every_images": 10**9, "grid_every_images": 10**9},
}
RUNS = {
    2: {"crop_px": 64, "network": {"msrresnet": {"width": 16, "blocks": 4}}},
    4: {"crop_px": 128, "network": {"msrresnet": {"width": 24, "blocks": 4}}},
}
CPU_S = {2: 60, 4: 120}
CASES: Mapping[str, Case] = {
    f"superres x{scale}": {
        "learns": "enlargement",
        "cpu_s": CPU_S[scale],
        "run": {**COMMON, "scale": scale, **said},
    }
    for scale, said in RUNS.items()
}


def sample(case: Case, seed: int) -> Sample:
    """Train what a case says from a seed, and judge it."""
    said = cast("Mapping[str, object]", case["run"])
    return learnt(said, seed, cast("float", case["cpu_s"]))


def learnt(said: Mapping[str, object], seed: int, cpu_s: float) -> Sample:
    """Train from a seed for so long, and enlarge the pictures of each folder.

    Reached is: on each folder the mean gain in Y over bicubic is LEAST_DB or more. The interval is
    over its few pictures.
    """
    torch.set_num_threads(1)
    run = SuperResRun.model_validate({**said, "seed": seed})
    done = trained(run, Images({"a": photographs()}), cpu_s)
    found: dict[str, float] = {}
    variant, gained = VARIANT.make(run), []
    for folder in sorted(path for path in _real("superres").iterdir() if path.is_dir()):
        gains, psnrs = [], []
        for truth in _pictures(folder, run.scale):
            shown = variant.show(done.averages, Batch({"a": truth}), Numbers(0, 0))
            plain, made, real = (
                luma(inner_pixels(shown[side], run.scale)) for side in ("a", "fake", "truth")
            )
            psnrs.append(float(psnr_255(made, real)))
            gains.append(psnrs[-1] - float(psnr_255(plain, real)))
        mean, low, _ = bootstrap_mean(np.array(gains), 0, RESAMPLES)
        name = folder.name
        found |= {f"{name}_gain": mean, f"{name}_low": low, f"{name}_psnr_y": float(np.mean(psnrs))}
        gained.append(mean)
    reached = "reached" if min(gained) >= LEAST_DB else "missed"
    return {"outcome": reached, **{k: round(v, 4) for k, v in found.items()}, **done.cost()}


@cache
def photographs() -> Tensor:
    """Return what is learnt from, (N, 3, 240, 240) uint8: never a picture of the test."""
    files = sorted(_real("translation/trainA").glob("*.jpg"))
    real = [_square(Image.open(path).convert("RGB")) for path in files]
    drawn = [draw(scene(n), "photo", SIDE_PX) for n in DEMO_SCENES]
    pixels = np.stack([np.asarray(image) for image in (*real, *drawn)])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def _square(image: Image.Image) -> Image.Image:
    """Cut the middle out and reduce it by area: what a JPEG did to its pixels goes."""
    return ImageOps.fit(image, (SIDE_PX, SIDE_PX), Image.Resampling.BOX)


def _pictures(folder: Path, scale: int) -> Iterator[Tensor]:
    """Yield (1, 3, H, W) in [-1, 1], cut to sides that divide by the scale."""
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
        height, width = (side - side % scale for side in pixels.shape[2:])
        yield pixels[:, :, :height, :width].float() / 127.5 - 1


def _real(name: str) -> Path:
    folder = Path(os.environ.get("MEMEGAN_REAL_DATA", ""), name)
    if folder.is_dir() and "MEMEGAN_REAL_DATA" in os.environ:
        return folder
    raise DataError(
        "no photographs",
        where=f"MEMEGAN_REAL_DATA: {folder}",
        fix="name the folder that holds translation/trainA and superres, by the environment",
    )
