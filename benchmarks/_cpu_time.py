"""Trainings that last so many seconds of this process's processors, on one thread."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from memegan.dataset import Images
from memegan.errors import Stopped
from memegan.rng import Numbers
from memegan.tracking.spool import MemoryTracker
from memegan.training import checkpoint
from memegan.training.checkpoint import Whole
from memegan.training.ema import averages_of
from memegan.training.loop import Data, train
from memegan.training.stopping import Stop
from memegan.variants.base import Plan, find_variant

_FIRST = 2  # steps that are slower than the rest
_TIMED = 12
_MARGIN = 0.98  # a schedule that ends before the time is not cut


class CpuTime(Stop):
    """Time is up after so many seconds of this process's processors."""

    def __init__(self, seconds: float) -> None:
        super().__init__(float("inf"))
        self.seconds, self.start_s = seconds, time.process_time()

    def spent_s(self) -> float:
        """Seconds since it began."""
        return time.process_time() - self.start_s

    def exit_code(self) -> int:
        """Return 75 when the time is up."""
        return 75 if self.spent_s() > self.seconds else super().exit_code()


@dataclass(frozen=True)
class Trained:
    """The averaged networks of a training, and what it cost."""

    averages: Mapping[str, nn.Module]
    planned: int  # images
    images: int
    cpu_s: float

    def cost(self) -> dict[str, float]:
        """Return what a sample says of it."""
        return {"planned": self.planned, "images": self.images, "cpu_s": round(self.cpu_s, 1)}


def trained(run: Plan, pixels: Images, cpu_s: float) -> Trained:
    """Train for so long: planned for as many images as fit, and cut where they do not.

    How many that are is measured first, in the same time, so that the schedule ends with it.
    """
    spec, clock = find_variant(run.variant), CpuTime(cpu_s)
    run = _planned(run, pixels, clock)
    data = Data(pixels, pixels.first(run.grid_count, run.crop_px))
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state.safetensors"
        with suppress(Stopped):
            train(spec.make(run), data, run, MemoryTracker(), state, clock)
        spent_s, variant = clock.spent_s(), spec.make(run)
        whole = Whole(variant, averages_of(variant.nets()), variant.optimizers())
        images = checkpoint.restore(state, whole).images_seen
    return Trained(whole.averages, run.total_images, images, spent_s)


def _planned(run: Plan, pixels: Images, clock: CpuTime) -> Plan:
    """Return the run with as many images as fit into what is left, by the cost of a few steps."""
    variant, n = find_variant(run.variant).make(run), run.batch_size
    optimizers, start_s = variant.optimizers(), 0.0
    for step in range(_FIRST + _TIMED):
        if step == _FIRST:
            start_s = clock.spent_s()
        batch = pixels.batch(n * step, n, run.seed, run.crop_px, run.flip)
        with run.rounding("cpu"):
            variant.step(batch, optimizers, Numbers(run.seed, n * step))
    each_s = (clock.spent_s() - start_s) / _TIMED
    steps = int(_MARGIN * (clock.seconds - clock.spent_s()) / each_s)
    return run.model_copy(update={"total_images": max(1, steps) * n})
