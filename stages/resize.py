"""Store the selected pictures at their size: python stages/resize.py."""

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.threads import share_cores

share_cores()

from memegan.images.params import ResizeParams
from memegan.images.resize import write_images
from memegan.images.text import measure
from memegan.packs import read_place
from memegan.params import load_section
from memegan.records import ImageRow, KeptRow, SelectedRow, TextRow
from memegan.stage import run_stage
from memegan.tables import read_table, write_table


def main() -> None:
    """Selected pictures in; images.csv, packs and text.csv out."""
    p = load_section(ResizeParams, "resize")
    chosen = {row.id for row in read_table(Path("data/select/selected.csv"), SelectedRow)}
    kept = [row for row in read_table(Path("data/dedup/kept.csv"), KeptRow) if row.id in chosen]
    out, workers = Path("data/images"), os.cpu_count() or 1
    rows = write_images(kept, read_place, p, out / "packs", workers)
    write_table(out / "images.csv", ImageRow, rows)
    write_table(out / "text.csv", TextRow, measure(kept, read_place, p, workers))


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
