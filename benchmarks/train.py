"""CycleGAN in our training loop against the paper's step, written out plainly (Zhu et al. 2017).

Same networks, widths, batches, losses and rounding. A block is 12 steps: ours with all that the
loop does besides (order, crops, flips, averages, a grid of one picture and a checkpoint, both more
often than in use); the reference has its batches ready and does nothing but learn. `--run RUN`
measures a run of params.yaml with each of the three generators instead of `RUN`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.nn import functional

from memegan.benches import Case, OfRuns, Ratio, Sample, Side
from memegan.dataset import Batch, Images
from memegan.errors import ParamsError
from memegan.tracking.spool import MemoryTracker
from memegan.training.loop import Data, train
from memegan.training.memory import Peak
from memegan.training.stopping import Stop
from memegan.variants.base import load_run
from memegan.variants.cyclegan import VARIANT, CycleGAN, CycleGANRun

STEPS = 12
GENERATORS = ("resnet", "unet", "vgg16")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DEVICE_NAME = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "cpu"
RUN = CycleGANRun.model_validate(
    {
        **{"variant": "cyclegan", "section": "model", "data": {"a": "photo", "b": "cartoon"}},
        **{"seed": 7, "threads": 1, "batch_size": 2, "total_images": 1, "crop_px": 64},
        "discriminator_width": 24,
        "model": {
            **{"generator": "resnet", "unet": {"width": 6, "upsample": "resize"}},
            "resnet": {"width": 16, "blocks": 3, "upsample": "resize"},
            "vgg16": {"width": 16, "upsample": "resize"},
        },
    }
)
_MIB = 2**20


def of_generator(run: CycleGANRun, generator: str, threads: int) -> CycleGANRun:
    """Return the run as both sides train it, without what the plain step has no word for."""
    model = run.model.model_copy(update={"generator": generator})
    more = {"model": model, "threads": threads, "total_images": STEPS * run.batch_size}
    constant = run.schedule.model_copy(update={"kind": "constant", "warmup_images": 0})
    same = {"schedule": constant, "identity_every": 1, "parts": 1, "grid_count": 1}
    same |= {"ema_statistics": "averaged", "on_collapse": "warn"}
    return run.model_copy(update={**more, **same})


@dataclass(frozen=True)
class Steps(Ratio, OfRuns):
    """The ratio of both times; images/s and the most memory of each side besides."""

    run: CycleGANRun = field(default_factory=lambda: RUN)

    def of_run(self, name: str) -> "Steps":
        """Return the bench of a run of params.yaml, with each generator, on its own threads.

        Raises:
            ParamsError: it is no CycleGAN, or has another loss than the paper's.
        """
        _, run = load_run(name)
        if not isinstance(run, CycleGANRun) or run.gan_loss != "lsgan":
            raise ParamsError(
                f"'{name}' is no cyclegan with lsgan: no plain step is there to compare it with",
                where="memegan bench train --run",
                fix="name a run whose variant is cyclegan, with gan_loss lsgan",
            )
        return bench_of(run, {g: {"generator": g, "threads": run.threads} for g in GENERATORS})

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what times one pair, after the tensors of one block of each side were counted."""
        peaks: Sample = {}
        for name, side in (("ours_peak_mib", self.ours), ("reference_peak_mib", self.reference)):
            with side(**case) as block:
                peaks[name] = round(peak_bytes(block) / _MIB, 1)
        with super().sampler(case) as pair:
            yield lambda number: {**pair(number), **peaks}

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """Median ratio with its interval, images/s at the median times, peaks."""
        images, more = STEPS * self.run.batch_size, dict[str, object]()
        for name in ("ours", "reference"):
            took_s = median(float(s[f"{name}_s"]) for s in samples)
            more[f"{name}_images_per_s"] = float(f"{images / took_s:.4g}")
            more[f"{name}_peak_mib"] = samples[-1][f"{name}_peak_mib"]
        return {**super().summary(samples), **more}


def peak_bytes(block: Callable[[], object]) -> int:
    """Return the most bytes that tensors of a block took at once, beyond those before it."""
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        block()
        return int(torch.cuda.max_memory_allocated() - before)
    peak = Peak()
    with peak:
        block()
    return peak.most


def sides(run: CycleGANRun) -> tuple[Side, Side]:
    """Return what gives either side's blocks for a generator and a number of threads."""

    @contextmanager
    def ours(generator: str, threads: int) -> Iterator[Callable[[], object]]:
        """Give what trains a fresh variant for a block."""
        r = of_generator(run, generator, threads)
        images = _images(r)
        data = Data(images, images.first(r.grid_count, r.crop_px))
        with _threads(threads), TemporaryDirectory() as folder:
            state = Path(folder) / "state.safetensors"

            def block() -> None:
                state.unlink(missing_ok=True)
                variant = VARIANT.make(r).to(DEVICE)
                train(variant, data, r, MemoryTracker(), state, Stop(math.inf))

            yield block

    @contextmanager
    def reference(generator: str, threads: int) -> Iterator[Callable[[], object]]:
        """Give what trains the paper's way for a block, with a fresh variant's networks."""
        r = of_generator(run, generator, threads)
        images, n = _images(r), r.batch_size
        batches = [images.batch(n * k, n, r.seed, r.crop_px, r.flip) for k in range(STEPS)]
        with _threads(threads):

            def block() -> None:
                plain = Plain(VARIANT.make(r).to(DEVICE), r)
                for batch in batches:
                    with r.rounding(DEVICE.type):
                        plain.step(batch)

            yield block

    return ours, reference


class Plain:
    """The paper's training step, one network call at a time (sections 3.2, 4 and appendix 7)."""

    def __init__(self, nets: nn.Module, run: CycleGANRun) -> None:
        assert isinstance(nets, CycleGAN)
        self.run, self.nets = run, nets
        self.pool_a, self.pool_b = Pool(run.pool_size), Pool(run.pool_size)
        judges = chain(nets.discriminator_a.parameters(), nets.discriminator_b.parameters())
        makers = chain(nets.generator_ab.parameters(), nets.generator_ba.parameters())
        self.generators = torch.optim.Adam(makers, run.learning_rate, (0.5, 0.999))
        self.discriminators = torch.optim.Adam(judges, run.learning_rate, (0.5, 0.999))

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the generators by eq. 3 with identity, then the discriminators by eq. 1."""
        p, n, a, b = self.run, self.nets, batch.images["a"], batch.images["b"]
        for judge in (n.discriminator_a, n.discriminator_b):
            judge.requires_grad_(False)
        self.generators.zero_grad()
        fake_b, fake_a = n.generator_ab(a), n.generator_ba(b)
        cycle_a, cycle_b = n.generator_ba(fake_b), n.generator_ab(fake_a)
        gan_ab = _towards(n.discriminator_b(fake_b), 1)
        gan_ba = _towards(n.discriminator_a(fake_a), 1)
        cycle = functional.l1_loss(cycle_a, a) + functional.l1_loss(cycle_b, b)
        total = gan_ab + gan_ba + p.lambda_cycle * cycle
        told = {"gan_ab": gan_ab, "gan_ba": gan_ba, "cycle": cycle}
        if p.lambda_identity:
            told["identity"] = functional.l1_loss(n.generator_ab(b), b)
            told["identity"] = told["identity"] + functional.l1_loss(n.generator_ba(a), a)
            total = total + p.lambda_identity * told["identity"]
        total.backward()  # type: ignore[no-untyped-call] # torch's own
        self.generators.step()

        for judge in (n.discriminator_a, n.discriminator_b):
            judge.requires_grad_(True)
        self.discriminators.zero_grad()
        judged_a = self._judged(n.discriminator_a, a, self.pool_a.swapped(fake_a.detach()))
        judged_b = self._judged(n.discriminator_b, b, self.pool_b.swapped(fake_b.detach()))
        self.discriminators.step()
        judged = {"discriminator_a": judged_a, "discriminator_b": judged_b}
        return {name: loss.item() for name, loss in told.items()} | judged

    def _judged(self, judge: nn.Module, real: Tensor, fake: Tensor) -> float:
        loss = 0.5 * (_towards(judge(real), 1) + _towards(judge(fake), 0))
        loss.backward()  # type: ignore[no-untyped-call] # torch's own
        return loss.item()


class Pool:
    """Past fakes; half of the time one of them is shown (Shrivastava et al. 2017)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: list[Tensor] = []
        self.random = Random(1)

    def swapped(self, fakes: Tensor) -> Tensor:
        """Return for each fake itself, or a past one whose place it takes."""
        if not self.size:
            return fakes
        shown = []
        for fake in fakes:
            if len(self.kept) < self.size:
                self.kept.append(fake)
                shown.append(fake)
            elif self.random.random() < 0.5:
                place = self.random.randrange(self.size)
                shown.append(self.kept[place])
                self.kept[place] = fake
            else:
                shown.append(fake)
        return torch.stack(shown)


def _towards(logits: Tensor, value: int) -> Tensor:
    return functional.mse_loss(logits, torch.full_like(logits, value))


def _images(run: CycleGANRun) -> Images:
    """Return noise: what a step costs does not depend on what it sees."""
    side = run.load_px or run.crop_px
    draw, shape = torch.Generator().manual_seed(1), (16, 3, side, side)
    made = {n: torch.randint(256, shape, generator=draw, dtype=torch.uint8) for n in "ab"}
    return Images(made).to(DEVICE)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def bench_of(run: CycleGANRun, cases: Mapping[str, Case]) -> Steps:
    """Return the bench of a run."""
    params = {"steps": STEPS, "device": DEVICE_NAME, "run": run.model_dump(mode="json")}
    return Steps(*sides(run), cases=cases, params=params, run=run)


BENCH = bench_of(
    RUN,
    {
        f"{generator}, threads: {threads}": {"generator": generator, "threads": threads}
        for generator in GENERATORS
        for threads in (1, 2)
    },
)
