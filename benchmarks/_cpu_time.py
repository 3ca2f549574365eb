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
from memegan.tracking.spool import MemoryTracker
from memegan.training import checkpoint
from memegan.training.checkpoint import Whole
from memegan.training.ema import averages_of
from memegan.training.loop import Data, train
from memegan.training.stopping import Stop
from memegan.variants.base import Plan, find_variant

_WHOLE = 0.25  # of the time the rate of learning is not yet lowered: no schedule here falls sooner
_ENDLESS = 10**9  # images
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

    How many that are is known after a quarter of the time, with the rate of learning still whole;
    so the schedule ends with the time.
    """
    clock, data = CpuTime(_WHOLE * cpu_s), Data(pixels, pixels.first(run.grid_count, run.crop_px))
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state.safetensors"
        run = run.model_copy(update={"total_images": _ENDLESS})
        images, averages = _trained(run, data, state, clock)
        clock.seconds = cpu_s
        if (left_s := cpu_s - clock.spent_s()) > 0:
            each_s = clock.spent_s() / images
            more = max(1, int(_MARGIN * left_s / each_s / run.batch_size))
            total = images + more * run.batch_size
            run = run.model_copy(update={"total_images": total})
            images, averages = _trained(run, data, state, clock)
    return Trained(averages, run.total_images, images, clock.spent_s())


def _trained(
    run: Plan, data: Data, state: Path, clock: CpuTime
) -> tuple[int, Mapping[str, nn.Module]]:
    """Go on to the plan's end or until the time is up; return images seen, and the averages."""
    spec = find_variant(run.variant)
    with suppress(Stopped):
        train(spec.make(run), data, run, MemoryTracker(), state, clock)
    variant = spec.make(run)
    whole = Whole(variant, averages_of(variant.nets()), variant.optimizers())
    return checkpoint.restore(state, whole).images_seen, whole.averages
