"""Emoji at 64 px, the demo's GAN against the package hypergan 2.0.0a1 and its dcgan, on one core.

A sample is one training of each from a seed, for as many CPU seconds, on the same pictures: the
files of $MEMEGAN_REAL_DATA/emoji on white. A tenth of the families (a figure in all its
guises) is held out, and 432 samples of each are judged against it by the report's distances;
`floor` is what as many training pictures come to.

Ours is the demo's recipe, in bfloat16: 0.19 s a step and not 0.41. Theirs is float32, it has no
key for another, and made for CUDA: `dcgan` is its template as it comes, 64 wide with batches of
64; `narrow` is the same with ours' width and batch, of which many more steps fit into the time.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import torch
import yaml
from PIL import Image
from torch import Tensor

from benchmarks._cpu_time import trained
from benchmarks._emoji import HELD_OUT, SIDE_PX, Emoji, emoji
from benchmarks._environments import programs
from memegan.benches import Case, Sample
from memegan.cli.preset import recipe
from memegan.dataset import Batch, Images
from memegan.metrics.kid import random_kid
from memegan.metrics.swd import sliced_wasserstein
from memegan.rng import Numbers
from memegan.variants.hypergan import VARIANT, HyperGANRun

JUDGED, AT_ONCE = 432, 48
CPU_S = 300
PINS = (  # what decides its recipe, then what both sides have
    "hypergan[train,image]==2.0.0a1",
    *("particlegan==0.9.4", "hndl==0.10.0", "foldlitedb==0.1.2"),
    *(f"{name}=={version(name)}" for name in ("torch", "numpy", "pillow")),
)
RUN: dict[str, object] = {
    **yaml.safe_load(recipe("demo"))["train"]["hypergan"],
    **{"data": {"a": "emoji"}, "threads": 1, "total_images": 1, "max_skipped": 1000},
    **{"precision": "bfloat16", "memory_format": "channels_last"},
    **{"log_every_images": 10**9, "checkpoint_every_images": 10**9, "grid_every_images": 10**9},
}
TEMPLATE_WIDTH, TEMPLATE_BATCH = 64, 64


@dataclass(frozen=True)
class Rival:
    """Trainings of both sides in a fixed time of one core, from the same seeds."""

    cases: Mapping[str, Case]
    params: Case
    least: int
    target: str

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what trains both sides from a seed."""
        pictures = emoji()
        with TemporaryDirectory() as folder:
            write(pictures.taught, Path(folder, "emoji"))
            yield lambda seed: learnt(case, pictures, Path(folder), seed)

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """Medians over the seeds, and the largest of each distance."""
        words = Counter(str(s["outcome"]) for s in samples)
        names = dict.fromkeys(name for s in samples for name in s if name != "outcome")
        values = {name: [float(s[name]) for s in samples if name in s] for name in names}
        middle = {name: median(found) for name, found in values.items()}
        worst = {name: max(values[name]) for name in names if name.endswith(("_kid", "_swd"))}
        return {"outcomes": dict(sorted(words.items())), **middle, "worst": worst}


def write(pictures: Tensor, folder: Path) -> None:
    """Write PNG files: what is read from them is the same bits."""
    folder.mkdir()
    for number, pixels in enumerate(pictures.permute(0, 2, 3, 1).numpy()):
        Image.fromarray(pixels).save(folder / f"{number:04}.png")


def learnt(case: Case, pictures: Emoji, folder: Path, seed: int, cpu_s: float = CPU_S) -> Sample:
    """Train both from a seed and judge what they make; nearer is lower in both distances."""
    torch.set_num_threads(1)
    made = {"ours": ours(pictures.taught, seed, cpu_s), "theirs": theirs(case, folder, seed, cpu_s)}
    places = torch.arange(JUDGED) * len(pictures.taught) // JUDGED
    sets = {side: fakes for side, (fakes, _) in made.items() if len(fakes)}
    sets["floor"] = _signed(pictures.taught[places])
    real, found = _signed(pictures.held_out), {}
    for side, fakes in sets.items():
        found[f"{side}_kid"] = round(random_kid(real, fakes, 0, 1)[0], 5)
        found[f"{side}_swd"] = round(sliced_wasserstein(real, fakes, 0, 1).mean, 5)
    cost = {f"{side}_{key}": value for side, (_, of) in made.items() for key, value in of.items()}
    return {"outcome": outcome(found), **found, **cost}


def outcome(found: Mapping[str, float]) -> str:
    """Say which side is nearer to the held-out pictures."""
    if "theirs_kid" not in found:
        return "theirs not finite"
    nearer = [found[f"ours_{name}"] < found[f"theirs_{name}"] for name in ("kid", "swd")]
    return "ours nearer" if all(nearer) else "mixed" if any(nearer) else "theirs nearer"


def ours(taught: Tensor, seed: int, cpu_s: float) -> tuple[Tensor, dict[str, float]]:
    """Return samples of the averaged generator, (432, 3, 64, 64) in [-1, 1], and its cost."""
    run = HyperGANRun.model_validate({**RUN, "seed": seed})
    done = trained(run, Images({"a": taught}), cpu_s)
    variant, empty = VARIANT.make(run), Batch({"a": torch.zeros(AT_ONCE, 3, SIDE_PX, SIDE_PX)})
    with torch.no_grad():
        made = [
            variant.show(done.averages, empty, Numbers(seed, start))["fake"]
            for start in range(0, JUDGED, AT_ONCE)
        ]
    cost = {"steps": done.images // run.batch_size, "images": done.images}
    return torch.cat(made), {**cost, "cpu_s": round(done.cpu_s, 1)}


def theirs(case: Case, folder: Path, seed: int, cpu_s: float) -> tuple[Tensor, dict[str, float]]:
    """Return samples of the package's generator, (432, 3, 64, 64) in [-1, 1], and its cost.

    None where its training came to numbers that are not finite.
    """
    known, plan = programs("hypergan", PINS, sys.executable), folder / "dcgan.toml"
    template = ["new", str(plan), "--template", "dcgan", "--dataset", str(folder / "emoji")]
    plan.unlink(missing_ok=True)
    _call([str(known / "hypergan"), *template, "--device", "cpu"], folder)
    width, batch = (cast("int", case[name]) for name in ("width", "batch_size"))
    plan.write_text(narrowed(plan.read_text("utf-8"), width, batch), encoding="utf-8")
    driver = str(Path(__file__).with_name("_rival_theirs.py"))
    words = [str(plan), str(folder), str(cpu_s), str(seed), str(JUDGED)]
    _call([str(known / "python"), "-I", driver, *words], folder)
    cost = json.loads((folder / "cost.json").read_text("utf-8"))
    made = torch.from_numpy(np.load(folder / "samples.npy"))
    return made, {**cost, "cpu_s": round(cost["cpu_s"], 1)}


def narrowed(template: str, width: int, batch_size: int) -> str:
    """Return the template with all hidden channels in proportion, and with another batch."""

    def scaled(found: re.Match[str]) -> str:
        channels = int(found[1])
        return (
            f"conv({channels if channels < TEMPLATE_WIDTH else channels * width // TEMPLATE_WIDTH}"
        )

    text = re.sub(r"conv\((\d+)", scaled, template)
    return text.replace(f"batch_size = {TEMPLATE_BATCH}", f"batch_size = {batch_size}")


def _call(words: Sequence[str], folder: Path) -> None:
    """Run a program of theirs on one thread, with all its notes in the folder.

    Raises:
        RuntimeError: it fails.
    """
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    known = {**os.environ, **threads, "HYPERGAN_HOME": str(folder / "home")}
    done = subprocess.run(words, cwd=folder, env=known, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words} failed:\n{done.stderr[-2000:]}")


def _signed(pixels: Tensor) -> Tensor:
    return pixels.float() / 127.5 - 1


BENCH = Rival(
    {
        "dcgan": {"width": TEMPLATE_WIDTH, "batch_size": TEMPLATE_BATCH},
        "narrow": {"width": 16, "batch_size": 16},
    },
    {
        "cpu_s": CPU_S,
        "threads": 1,
        "held_out": f"1/{HELD_OUT}",
        "samples": JUDGED,
        "run": RUN,
        "theirs": list(PINS),
    },
    least=3,
    target="ours is nearer in both distances",
)
