"""A GAN of all that a mixed community posts against one of what `select` keeps of it.

A sample is one training from a seed. Both arms are hypergan's dcgan at 32 px for as much time of
one core; `all` learns from 2,400 pictures of the demo's mixed community (captioned photos and
faces, cartoons, screenshots, walls of text), `selected` from those of them that are in the largest
of six clusters. Each is judged by the report's metrics against 128 pictures of its own kind that it
has not seen (`own`), and both against those of the selection (`kept`): what who selects wants to
have. `floor` is the distance of as many other real pictures, `score` how alike the pictures are
that it learns from: 1 is alike.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from statistics import median

import numpy as np
import torch
from torch import Tensor

from benchmarks._cpu_time import trained
from memegan.benches import Case, Sample
from memegan.dataset import Batch, Images
from memegan.demo.memes import anything
from memegan.images.clusters import clustered, homogeneity
from memegan.images.describe import describe
from memegan.images.scale import scaled
from memegan.metrics.evaluate import KID, EvaluateParams, judge_sets
from memegan.rng import Numbers
from memegan.variants.hypergan import VARIANT, HyperGANRun

PICTURES, DRAWN_PX, SIDE_PX, CLUSTERS = 3200, 128, 32, 6
HELD_OUT, JUDGED = 4, 128  # every fourth picture is for judging; so many of each kind do
CPU_S = 120
DISTANCES = ("swd", KID)
RUN: dict[str, object] = {
    **{"variant": "hypergan", "section": "train.memes", "data": {"a": "meme"}, "threads": 1},
    **{"crop_px": SIDE_PX, "batch_size": 64, "flip": False, "total_images": 10**9},
    **{"log_every_images": 10**9, "checkpoint_every_images": 10**9, "grid_every_images": 10**9},
    **{"schedule": {"kind": "constant"}, "ema_half_life_images": 5000, "max_skipped": 1000},
    **{"trainer": {"learning_rate": 1e-3}},
    "network": {"preset": "dcgan", "z_size": 64, "generator_width": 16, "discriminator_width": 16},
}


@dataclass(frozen=True)
class Community:
    """Pictures, (N, 3, 32, 32) uint8, which of them the selection keeps, and their looks."""

    pixels: Tensor
    is_kept: np.ndarray  # (N,) bool
    looks: np.ndarray  # (N, D) float32

    def part(self, arm: str, *, held_out: bool) -> np.ndarray:
        """Return the numbers of the pictures that an arm learns from, or is judged by."""
        numbers = np.arange(len(self.pixels))
        wanted = (numbers % HELD_OUT == 0) == held_out
        return np.flatnonzero(wanted & (self.is_kept | (arm == "all")))


@dataclass(frozen=True)
class Selected:
    """Trainings of a fixed time on one core, of all pictures and of the selected ones."""

    cases: Mapping[str, Case]
    params: Case
    least: int
    target: str

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what trains one arm from a seed."""
        yield lambda seed: learnt(str(case["learns_from"]), seed)

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """Medians over the seeds, and the worst of each: the lowest score, the largest distance."""
        words = Counter(str(s["outcome"]) for s in samples)
        names = [name for name in samples[0] if name != "outcome"]
        values = {name: [float(s[name]) for s in samples] for name in names}
        middle = {name: median(found) for name, found in values.items()}
        worst = {n: (max if n.startswith(DISTANCES) else min)(v) for n, v in values.items()}
        return {"outcomes": dict(sorted(words.items())), **middle, "worst": worst}


@cache
def community() -> Community:
    """Draw the community and select the largest cluster of it."""
    drawn = [np.asarray(anything(n, DRAWN_PX).convert("RGB")) for n in range(PICTURES)]
    looks = np.array([describe(one) for one in drawn])
    small = np.stack([scaled(one, SIDE_PX, SIDE_PX, "area") for one in drawn])
    pixels = torch.from_numpy(small).permute(0, 3, 1, 2).contiguous()
    return Community(pixels, clustered(looks, CLUSTERS).numbers == 0, looks)


def learnt(arm: str, seed: int, cpu_s: float = CPU_S) -> Sample:
    """Train on one arm's pictures from a seed, and judge what the averaged generator makes."""
    torch.set_num_threads(1)
    known = community()
    taught = known.part(arm, held_out=False)
    run = HyperGANRun.model_validate({**RUN, "seed": seed})
    done = trained(run, Images({"a": known.pixels[taught]}), cpu_s)
    variant, empty = VARIANT.make(run), torch.zeros(JUDGED, 3, SIDE_PX, SIDE_PX)
    with torch.no_grad():
        fake = variant.show(done.averages, Batch({"a": empty}), Numbers(seed, 0))["fake"]
    found: dict[str, float] = {"score": homogeneity(known.looks[taught])}
    for name, of in (("own", arm), ("kept", "selected")):
        real, more = (_some(known, known.part(of, held_out=held)) for held in (True, False))
        judged = judge_sets(real, fake, more, EvaluateParams(resamples=10))
        for metric in ("swd", KID):
            found[f"{metric} {name}"] = judged[metric].value
            found[f"{metric} {name} floor"] = judged[metric].floor or 0.0
    rounded = {name: round(value, 5) for name, value in found.items()}
    return {"outcome": "trained", **rounded, "pictures": len(taught), **done.cost()}


def _some(known: Community, numbers: np.ndarray) -> Tensor:
    """Return evenly spread ones, (128, 3, 32, 32) in [-1, 1]."""
    picked = numbers[np.arange(JUDGED) * len(numbers) // JUDGED]
    return known.pixels[picked].float() / 127.5 - 1


BENCH = Selected(
    {arm: {"learns_from": arm} for arm in ("all", "selected")},
    {
        **{"pictures": PICTURES, "size_px": SIDE_PX, "clusters": CLUSTERS, "cpu_s": CPU_S},
        **{"threads": 1, "run": RUN},
    },
    least=3,
    target="`selected` has the higher score and the lower distances",
)
