"""CycleGAN in our training loop against the paper's step, written out plainly (Zhu et al. 2017).

Same networks, widths, batches and losses. A block is 12 steps: ours with all that the loop does
besides (order, crops, flips, averages, a grid of one picture and a checkpoint, both more often
than in use); the reference has its batches ready and does nothing but learn.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.nn import functional

from memegan.cli.bench import Ratio
from memegan.dataset import Batch, Images
from memegan.tracking.spool import MemoryTracker
from memegan.training.loop import Data, train
from memegan.training.stopping import Stop
from memegan.variants.cyclegan import VARIANT, CycleGAN, CycleGANRun

STEPS = 12
RUN = CycleGANRun.model_validate(
    {
        **{"variant": "cyclegan", "section": "model", "data": {"a": "photo", "b": "cartoon"}},
        **{"seed": 7, "threads": 1, "batch_size": 2, "total_images": 2 * STEPS, "crop_px": 64},
        **{"discriminator_width": 24, "grid_count": 1, "schedule": {"kind": "constant"}},
        "model": {
            **{"generator": "resnet", "unet": {}},
            "resnet": {"width": 16, "blocks": 3, "upsample": "resize"},
        },
    }
)


@contextmanager
def ours(threads: int) -> Iterator[Callable[[], object]]:
    """Give what trains a fresh variant for a block."""
    images = _images()
    data = Data(images, images.first(RUN.grid_count, RUN.crop_px))
    with _threads(threads), TemporaryDirectory() as folder:
        state = Path(folder) / "state.safetensors"

        def block() -> None:
            state.unlink(missing_ok=True)
            train(VARIANT.make(RUN), data, RUN, MemoryTracker(), state, Stop(math.inf))

        yield block


@contextmanager
def reference(threads: int) -> Iterator[Callable[[], object]]:
    """Give what trains the paper's way for a block, with a fresh variant's networks."""
    images, n = _images(), RUN.batch_size
    batches = [images.batch(n * k, n, RUN.seed, RUN.crop_px, RUN.flip) for k in range(STEPS)]
    with _threads(threads):

        def block() -> None:
            plain = Plain(CycleGAN(RUN))
            for batch in batches:
                plain.step(batch)

        yield block


class Plain:
    """The paper's training step, one network call at a time (sections 3.2, 4 and appendix 7)."""

    def __init__(self, nets: CycleGAN) -> None:
        self.nets, self.pool_a, self.pool_b = nets, Pool(), Pool()
        judges = chain(nets.discriminator_a.parameters(), nets.discriminator_b.parameters())
        makers = chain(nets.generator_ab.parameters(), nets.generator_ba.parameters())
        self.generators = torch.optim.Adam(makers, RUN.learning_rate, (0.5, 0.999))
        self.discriminators = torch.optim.Adam(judges, RUN.learning_rate, (0.5, 0.999))

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the generators by eq. 3 with identity, then the discriminators by eq. 1."""
        n, a, b = self.nets, batch.images["a"], batch.images["b"]
        for judge in (n.discriminator_a, n.discriminator_b):
            judge.requires_grad_(False)
        self.generators.zero_grad()
        fake_b, fake_a = n.generator_ab(a), n.generator_ba(b)
        cycle_a, cycle_b = n.generator_ba(fake_b), n.generator_ab(fake_a)
        gan_ab = _towards(n.discriminator_b(fake_b), 1)
        gan_ba = _towards(n.discriminator_a(fake_a), 1)
        cycle = functional.l1_loss(cycle_a, a) + functional.l1_loss(cycle_b, b)
        identity = functional.l1_loss(n.generator_ab(b), b)
        identity = identity + functional.l1_loss(n.generator_ba(a), a)
        total = gan_ab + gan_ba + RUN.lambda_cycle * cycle + RUN.lambda_identity * identity
        total.backward()  # type: ignore[no-untyped-call] # torch's own
        self.generators.step()

        for judge in (n.discriminator_a, n.discriminator_b):
            judge.requires_grad_(True)
        self.discriminators.zero_grad()
        judged_a = self._judged(n.discriminator_a, a, self.pool_a.swapped(fake_a.detach()))
        judged_b = self._judged(n.discriminator_b, b, self.pool_b.swapped(fake_b.detach()))
        self.discriminators.step()
        return {
            **{"gan_ab": gan_ab.item(), "gan_ba": gan_ba.item(), "cycle": cycle.item()},
            **{"identity": identity.item(), "discriminator_a": judged_a},
            "discriminator_b": judged_b,
        }

    def _judged(self, judge: nn.Module, real: Tensor, fake: Tensor) -> float:
        loss = 0.5 * (_towards(judge(real), 1) + _towards(judge(fake), 0))
        loss.backward()  # type: ignore[no-untyped-call] # torch's own
        return loss.item()


class Pool:
    """Fifty past fakes; half of the time one of them is shown (Shrivastava et al. 2017)."""

    def __init__(self) -> None:
        self.kept: list[Tensor] = []
        self.random = Random(1)

    def swapped(self, fakes: Tensor) -> Tensor:
        """Return for each fake itself, or a past one whose place it takes."""
        shown = []
        for fake in fakes:
            if len(self.kept) < RUN.pool_size:
                self.kept.append(fake)
                shown.append(fake)
            elif self.random.random() < 0.5:
                place = self.random.randrange(RUN.pool_size)
                shown.append(self.kept[place])
                self.kept[place] = fake
            else:
                shown.append(fake)
        return torch.stack(shown)


def _towards(logits: Tensor, value: int) -> Tensor:
    return functional.mse_loss(logits, torch.full_like(logits, value))


def _images() -> Images:
    """Return noise: what a step costs does not depend on what it sees."""
    draw, shape = torch.Generator().manual_seed(1), (16, 3, RUN.crop_px, RUN.crop_px)
    return Images({n: torch.randint(256, shape, generator=draw, dtype=torch.uint8) for n in "ab"})


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


BENCH = Ratio(
    ours,
    reference,
    cases={"1 thread": {"threads": 1}, "2 threads": {"threads": 2}},
    params={"steps": STEPS, "run": RUN.model_dump(mode="json")},
)
