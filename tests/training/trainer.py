"""Trainings for the tests: tiny runs on pictures from a seed, here or in a process of their own."""

import math
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from memegan.dataset import Batch, Images
from memegan.errors import Stopped
from memegan.losses import l1
from memegan.optimizing import adam, descend
from memegan.stage import run_stage
from memegan.tracking.mirror import mirrored
from memegan.tracking.spool import MemoryTracker, Tracker
from memegan.training.checkpoint import Whole
from memegan.training.lock import locked
from memegan.training.loop import Data, train
from memegan.training.stopping import Stop
from memegan.variants.base import Plan, Variant, find_variant

Params = dict[str, object]

COMMON: Params = {
    **{"section": "x", "seed": 7, "threads": 1, "total_images": 20, "batch_size": 2},
    **{"load_px": 26, "log_every_images": 2, "checkpoint_every_images": 6, "grid_count": 2},
    **{"grid_every_images": 8, "ema_half_life_images": 6, "ema_rampup": 0.5},
    **{"schedule": {"decay_from": 0.4}},
}
CYCLEGAN: Params = {
    **{"variant": "cyclegan", "data": {"a": "photo", "b": "cartoon"}, "crop_px": 24},
    **{"discriminator_width": 4, "pool_size": 5},
}
SMALL: Params = {"resnet": {"width": 4, "blocks": 1}, "unet": {"width": 2}}
RUNS: dict[str, Params] = {
    "resnet": {**COMMON, **CYCLEGAN, "model": {"generator": "resnet", **SMALL}},
    "unet": {**COMMON, **CYCLEGAN, "model": {"generator": "unet", "norm": "batch", **SMALL}},
    "hypergan": {
        **{**COMMON, "variant": "hypergan", "data": {"a": "meme"}, "crop_px": 16},
        "network": {"z_size": 8, "generator_width": 4, "discriminator_width": 4},
        "loss": {"name": "hinge", "r1_gamma": 0.1, "r1_every": 2},
        "trainer": {"discriminator_steps": 2},
        "augment": "diffaugment",
    },
}

_NOISE: Params = {**COMMON, "variant": "hypergan", "data": {"a": "meme"}, "crop_px": 16}
_NARROW: Params = {"z_size": 8, "generator_width": 8, "discriminator_width": 8}
_CODES: Params = {"encoder_width": 4, "decoder_width": 4, "discriminator_width": 4}
_SMALL_NETS: Params = {"msrresnet": {"width": 4, "blocks": 1}}
EVERY: dict[
    str, Params
] = {  # each variant, and each way of a hypergan that keeps a state of its own
    **RUNS,
    "estimated": {
        **{**COMMON, **CYCLEGAN, "ema_statistics": "estimated"},
        "model": {"generator": "resnet", "norm": "batch", **SMALL},
    },
    "cut": {
        **{**COMMON, "variant": "cut", "data": {"a": "photo", "b": "cartoon"}, "crop_px": 24},
        **{"network": {"width": 4, "blocks": 2}, "discriminator_width": 4},
        **{"patches": 9, "head_size": 8},
    },
    "superres": {
        **{**COMMON, "variant": "superres", "data": {"a": "photo"}, "crop_px": 32, "load_px": 36},
        **{"scale": 2, "network": _SMALL_NETS, "degrade": "realistic"},
        "gan": {"kind": "relativistic", "discriminator_width": 4},
    },
    "r3gan": {**_NOISE, "network": {"preset": "r3gan", **_NARROW}, "augment": "none"},
    "fastgan": {**_NOISE, "network": {"preset": "fastgan", **_NARROW}},
    "sngan": {**_NOISE, "network": {"preset": "sngan", **_NARROW}, "label": "mood", "classes": 3},
    "ada": {**_NOISE, "network": {"preset": "dcgan", **_NARROW}, "augment": "ada", "ada_images": 9},
    "vaegan": {**_NOISE, "variant": "vaegan", "network": {"z_size": 6, **_CODES}},
    "pixelcnn": {
        **{**_NOISE, "variant": "pixelcnn", "label": "mood", "classes": 3},
        "network": {"filters": 4, "blocks": 1, "mixtures": 2},
    },
}


def made(name: str, changes: Mapping[str, object] = {}) -> tuple[Variant, Plan]:
    """Return a fresh variant and its run, with other params where told."""
    values = {**EVERY[name], **changes}
    spec = find_variant(str(values["variant"]))
    run = spec.run.model_validate(values)
    return spec.make(run), run


def data_of(run: Plan) -> Data:
    """Return noise: domains of different length, held-out pictures beside them; 3 classes."""
    draw = torch.Generator().manual_seed(1)
    side = run.load_px or run.crop_px
    pixels = {
        name: torch.randint(0, 256, (5 + 2 * n, 3, side, side), generator=draw, dtype=torch.uint8)
        for n, name in enumerate(dict(run.data))
    }
    labels = {name: torch.arange(len(p)) % 3 for name, p in pixels.items() if run.label}
    images = Images(pixels, labels)
    return Data(images, images.first(run.grid_count, run.crop_px))


class After(Stop):
    """Time is up after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(math.inf)
        self.left = steps

    def exit_code(self) -> int:
        self.left -= 1
        return 0 if self.left else 75


def go_on(
    name: str,
    state: Path,
    changes: Mapping[str, object] = {},
    stop: Stop | None = None,
    tracker: Tracker | None = None,
) -> Whole:
    """Train from `state`, or from the beginning, to the end."""
    variant, run = made(name, changes)
    keep = tracker or MemoryTracker()
    return train(variant, data_of(run), run, keep, state, stop or Stop(math.inf))


class OneLayer(Variant):
    """Learns to give its input back, by one layer; what it shows is for others to say."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Conv2d(3, 3, 1)

    def nets(self) -> dict[str, nn.Module]:
        return {"net": self.net}

    def optimizers(self) -> dict[str, Optimizer]:
        return {"net": adam([self.net], 0.01, (0.5, 0.999))}

    def descended(self, batch: Batch, optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
        """Take a step."""
        distance = l1(self.net(batch.images["a"]), batch.images["a"])
        descend(optimizers["net"], distance)
        return {"distance": distance}


def unstopped(name: str, folder: Path) -> tuple[bytes, MemoryTracker]:
    """Train when nothing stops it; return the final state and what was noted."""
    path, tracker = folder / "unstopped.safetensors", MemoryTracker()
    go_on(name, path, tracker=tracker)
    return path.read_bytes(), tracker


def stopped_after(name: str, state: Path, steps: int) -> None:
    """Train so many steps further and save."""
    with suppress(Stopped):
        go_on(name, state, stop=After(steps))


class ByWord(Stop):
    """Tell the end of each step and wait for a word; where nobody answers any more, go on."""

    def __init__(self, line: Connection) -> None:
        super().__init__(math.inf)
        self.line = line

    def exit_code(self) -> int:
        with suppress(EOFError, OSError):
            self.line.send("step")
            self.line.recv()
        return super().exit_code()


@dataclass(frozen=True)
class Order:
    """What a process is to do."""

    name: str
    folder: Path
    told: Path  # its standard error
    file_limit_bytes: int = 0  # of any file it writes, as on a full disk; 0: none


def work(order: Order, line: Connection) -> None:
    """Be a training stage: lock, spool, state, exit code."""
    with order.told.open("wb") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    torch.set_num_threads(1)
    if order.file_limit_bytes:
        import resource  # Windows has none

        resource.setrlimit(resource.RLIMIT_FSIZE, (order.file_limit_bytes,) * 2)

    def main() -> None:
        tags, state = {"key": order.folder.name}, order.folder / "state.safetensors"
        with (
            locked(order.folder / "lock"),
            ByWord(line) as stop,
            mirrored(order.folder, tags, {}) as tracker,
        ):
            go_on(order.name, state, stop=stop, tracker=tracker)

    sys.exit(run_stage(main, []))


# Loaded once in the process that all others are forked from; optimizers load most of torch.
adam([torch.nn.Linear(1, 1)], 0.1, (0.5, 0.9))
