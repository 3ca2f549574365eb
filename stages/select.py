"""Choose which kept pictures training may see: python stages/select.py."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.images.params import SelectParams
from memegan.images.select import select
from memegan.params import load_section
from memegan.records import KeptRow, SelectedRow
from memegan.stage import run_stage
from memegan.tables import read_table, write_table


def main() -> None:
    """Kept pictures in; those that were selected, and why, out."""
    p = load_section(SelectParams, "select")
    kept = read_table(Path("data/dedup/kept.csv"), KeptRow)
    write_table(Path("data/select/selected.csv"), SelectedRow, select(kept, p))


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
