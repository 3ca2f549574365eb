"""The demo at a glance, one picture: python -m memegan.demo.sheet docs/img/world.webp"""

import sys
from pathlib import Path

from PIL import Image

from memegan.demo.memes import anything, blobface
from memegan.demo.palettes import PALETTES
from memegan.demo.world import Scene, draw, scene

COLUMNS, CELL_PX, GAP_PX = 7, 128, 4


def sheet() -> Image.Image:
    """Lay out scenes in both styles, a column a palette, then faces and memes."""
    rows: list[list[Image.Image]] = []
    for turn in range(2):
        scenes = [_of_palette(palette.name, turn) for palette in PALETTES]
        rows += [[draw(one, style, CELL_PX) for one in scenes] for style in ("photo", "cartoon")]
    rows.append([blobface(number, CELL_PX) for number in range(COLUMNS)])
    rows.append([anything(number, CELL_PX) for number in range(COLUMNS)])
    step = CELL_PX + GAP_PX
    page = Image.new("RGB", (COLUMNS * step + GAP_PX, len(rows) * step + GAP_PX), (255, 255, 255))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            page.paste(picture, (GAP_PX + x * step, GAP_PX + y * step))
    return page


def _of_palette(name: str, turn: int) -> Scene:
    """Return the scene that is the `turn`-th of its palette."""
    found = (one for number in range(1_000) if (one := scene(number)).palette.name == name)
    for _ in range(turn):
        next(found)
    return next(found)


if __name__ == "__main__":
    sheet().save(Path(sys.argv[1]), quality=82, method=6)
