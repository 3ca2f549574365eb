"""What `select` writes: three tables and a page with the pictures of every group side by side."""

import base64
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from memegan.images.look import Read, whole
from memegan.images.select import Selection
from memegan.records import KeptRow, LeftRow, LikenessRow, SelectedRow
from memegan.tables import write_table

THUMB_PX = 84
TYPICAL, ODD = 24, 8
REFERENCES: tuple[tuple[str, int, float], ...] = (  # measured by `memegan bench select`
    ("drawn landscapes as photos", 120, 0.848),
    ("one cartoon face in many moods", 120, 0.823),
    ("captioned templates, cartoons, text walls, screenshots", 120, 0.742),
)


def write_selection(out: Path, made: Selection, read: Read) -> None:
    """Write selected.csv, left.csv, likeness.csv and index.html into `out`."""
    write_table(out / "selected.csv", SelectedRow, made.selected)
    write_table(out / "left.csv", LeftRow, made.left)
    write_table(out / "likeness.csv", LikenessRow, made.likeness)
    (out / "index.html").write_text(page(made, read), encoding="utf-8", newline="\n")


def page(made: Selection, read: Read) -> str:
    """Return the contact sheet: one HTML page that holds its pictures.

    Of each group the 24 most typical pictures are shown and the 8 least typical ones.
    """
    shown = [
        (
            name,
            [_url(row, read) for row in rows[:TYPICAL]],
            [_url(row, read) for row in rows[TYPICAL:][-ODD:]],
        )
        for name, rows in made.groups.items()
    ]
    own = [(row.kind, row.name, row.pictures, row.score) for row in made.likeness]
    compared = [("reference", name, pictures, score) for name, pictures, score in REFERENCES]
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=StrictUndefined
    )
    return environment.get_template("sheet.html.j2").render(
        selected=len(made.selected),
        kept=len(made.selected) + len(made.left),
        left=sorted(Counter(row.rule for row in made.left).items()),
        scores=_by_score(own) + _by_score(compared),
        groups=shown,
    )


def _by_score(rows: Sequence[tuple[str, str, int, float]]) -> list[tuple[str, str, int, float]]:
    return sorted(rows, key=lambda row: (row[0], -row[3], row[1]))


def _url(row: KeptRow, read: Read) -> str:
    """A small JPEG of the picture, as a data url."""
    pixels = whole(row, read(row), at_least_px=THUMB_PX)
    height, width = pixels.shape[:2]
    size = (max(1, min(3 * THUMB_PX, round(width * THUMB_PX / height))), THUMB_PX)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    made: np.ndarray = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return "data:image/jpeg;base64," + base64.b64encode(made.tobytes()).decode()
