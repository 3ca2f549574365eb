"""PixelCNN++ sampled pixel by pixel with what is known kept, against a whole pass for each pixel.

Ours draws whole pictures of 32 x 32; the reference draws the first 8 of their 1024 pixels, each
by a pass over the whole picture, with the same network and the same numbers. So whole pictures
by passes take 128 times as long as the reference's block, and ours is 128 / ratio times faster.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache

import torch
from torch import Tensor

from memegan.benches import Ratio
from memegan.networks.mixtures import Noise, draw
from memegan.networks.pixelcnn import PixelCNN, Shape
from memegan.networks.pixelcnn_sample import sample

SIDE, PASSES, THREADS = 32, 8, 2
NET = Shape(28, 3, 10, 0.5)  # 1,051,320 weights


@contextmanager
def ours(batch: int) -> Iterator[Callable[[], object]]:
    """Give what draws whole pictures."""
    made, uniform = _made(), _uniform(batch)
    with _threads():
        yield lambda: sample(made, uniform)


@contextmanager
def reference(batch: int) -> Iterator[Callable[[], object]]:
    """Give what draws 8 pixels by passes."""
    made, uniform = _made(), _uniform(batch)

    @torch.inference_mode()
    def block() -> None:
        images = torch.zeros(batch, 3, SIDE, SIDE)
        for column in range(PASSES):
            numbers = made(images)[:, :, 0, column]
            images[:, :, 0, column] = draw(numbers, Noise.of(uniform[:, 0, column]))

    with _threads():
        yield block


@cache
def _made() -> PixelCNN:
    """Make a network; what it has learnt does not change how long it takes."""
    torch.manual_seed(0)
    made = PixelCNN(NET)
    made.initialise(torch.rand(8, 3, SIDE, SIDE) * 2 - 1)
    return made.eval().requires_grad_(False)


def _uniform(batch: int) -> Tensor:
    return torch.rand(batch, SIDE, SIDE, 13, generator=torch.Generator().manual_seed(1))


@contextmanager
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


BENCH = Ratio(
    ours,
    reference,
    cases={f"batch {batch}": {"batch": batch} for batch in (1, 16)},
    params={"side_px": SIDE, "passes": PASSES, "threads": THREADS, "net": asdict(NET)},
    target="batch 16: 150 times faster, batch 1: 30 times; that is 128 / ratio, as the reference "
    "draws 8 of 1,024 pixels",
)
