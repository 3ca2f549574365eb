"""Batches from packs against torchvision's ImageFolder and DataLoader on the same files, unpacked.

Ours reads the packs once and keeps the pictures as uint8; the reference, as most trainings have
it, decodes them anew in each epoch. A block is two epochs of one domain, flipped at random, as
float32 in [-1, 1]; the first two hold the reading of the packs.
"""

import atexit
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks._project import make_data, project
from memegan.benches import Ratio
from memegan.dataset import MANIFEST, Choice, Images
from memegan.packs import read_place
from memegan.records import Row
from memegan.tables import read_table

SIZE_PX, BATCH, EPOCHS, POSTS = 64, 16, 2, 500
SOURCE = {"kind": "demo", "community": "holiday_photos", "domain": "photo", "limit": POSTS}


@contextmanager
def ours(read_packs: bool, workers: int) -> Iterator[Callable[[], object]]:
    """Give what makes the batches; it has no use for workers."""
    folder, rows = _made()

    def load() -> Images:
        return Images.load({"a": rows}, SIZE_PX, root=folder)

    kept = load()

    def block() -> None:
        images = load() if read_packs else kept
        for step in range(EPOCHS * (len(rows) // BATCH)):
            images.batch(step * BATCH, BATCH, 1, SIZE_PX, flip=True)

    yield block


@contextmanager
def reference(read_packs: bool, workers: int) -> Iterator[Callable[[], object]]:
    """Give what makes as many batches from a folder of PNG, by worker processes where told."""
    folder, rows = _made()
    half = [0.5] * 3
    flipped = [transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    pictures = ImageFolder(
        _unpacked(folder, rows), transforms.Compose([*flipped, transforms.Normalize(half, half)])
    )
    loader = DataLoader(
        pictures, BATCH, True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )

    def block() -> None:
        for _ in range(EPOCHS):
            for _ in loader:
                pass

    yield block


@cache
def _made() -> tuple[Path, list[Row]]:
    """Let the stages make a data set of the demo; its folder goes when the process ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    changes = {"scrape.sources": [SOURCE], "resize.size_px": SIZE_PX}
    folder = stack.enter_context(project(changes))
    make_data(folder)
    rows = read_table(folder / MANIFEST, Row)
    return folder, Choice({"a": "photo"}).rows(rows, "train")["a"]


def _unpacked(folder: Path, rows: list[Row]) -> Path:
    home = folder / "unpacked"
    (home / "photo").mkdir(parents=True, exist_ok=True)
    for row in rows:
        (home / "photo" / f"{row.id}.png").write_bytes(read_place(row, folder))
    return home


BENCH = Ratio(
    ours,
    reference,
    cases={
        "first epochs": {"read_packs": True, "workers": 0},
        "later epochs": {"read_packs": False, "workers": 0},
        "later epochs, 2 workers": {"read_packs": False, "workers": 2},
    },
    params={"size_px": SIZE_PX, "batch_size": BATCH, "epochs": EPOCHS, "posts": POSTS},
)
