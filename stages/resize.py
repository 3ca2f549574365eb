"""Store the selected pictures at their size: python stages/resize.py."""

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.images.params import ResizeParams
from memegan.images.resize import write_images
from memegan.packs import read_place
from memegan.params import load_section
from memegan.records import ImageRow, KeptRow, SelectedRow
from memegan.stage import run_stage
from memegan.tables import read_table, write_table


def main() -> None:
    """Selected pictures in; images.csv and packs out."""
    p = load_section(ResizeParams, "resize")
    chosen = {row.id for row in read_table(Path("data/select/selected.csv"), SelectedRow)}
    kept = [row for row in read_table(Path("data/dedup/kept.csv"), KeptRow) if row.id in chosen]
    out = Path("data/images")
    rows = write_images(kept, read_place, p, out / "packs", os.cpu_count() or 1)
    write_table(out / "images.csv", ImageRow, rows)


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
