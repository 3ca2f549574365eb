"""The real emoji, 64 px: to learn from, and a tenth of the families to be judged by.

The environment's MEMEGAN_REAL_DATA names a folder with emoji/*/*.png and emoji/labels.csv, columns
`file` and `name`.
"""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from memegan.errors import DataError

SIDE_PX, HELD_OUT = 64, 10


@dataclass(frozen=True)
class Emoji:
    """Pictures, (N, 3, 64, 64) uint8: to learn from, and to be judged by."""

    taught: Tensor
    held_out: Tensor


def emoji() -> Emoji:
    """Decode all emoji, put them on white, and hold out every tenth family.

    Raises:
        DataError: they are not there.
    """
    folder = Path(os.environ.get("MEMEGAN_REAL_DATA", ""), "emoji")
    files = sorted(folder.glob("*/*.png"), key=lambda path: path.name)
    if "MEMEGAN_REAL_DATA" not in os.environ or not files:
        raise DataError(
            "no emoji",
            where=f"MEMEGAN_REAL_DATA: {folder}",
            fix="name the folder that holds emoji/*/*.png and emoji/labels.csv, by the environment",
        )
    family = families(folder / "labels.csv")
    held = set(sorted(set(family.values()))[::HELD_OUT])
    sides: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for path in files:
        sides[family[path.relative_to(folder).as_posix()] in held].append(on_white(path))
    taught, held_out = (
        torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2).contiguous() for side in sides.values()
    )
    return Emoji(taught, held_out)


def families(labels: Path) -> dict[str, str]:
    """Return the family of each file: its name up to the first underscore.

    A figure in all its skin tones, professions and hair is one: they differ in few pixels.
    """
    with labels.open(newline="", encoding="utf-8") as file:
        return {row["file"]: row["name"].partition("_")[0] for row in csv.DictReader(file)}


def on_white(path: Path) -> np.ndarray:
    """Return a picture without transparency, (64, 64, 3) uint8."""
    with Image.open(path) as image:
        whole = image.convert("RGBA")
    paper = Image.new("RGBA", whole.size, "white")
    paper.alpha_composite(whole)
    return np.asarray(paper.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX))
