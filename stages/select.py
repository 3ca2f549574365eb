"""Choose which kept pictures training may see: python stages/select.py."""

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.threads import share_cores

share_cores()

from memegan.errors import ParamsError
from memegan.images.params import SelectParams
from memegan.images.select import select
from memegan.images.sheet import write_selection
from memegan.packs import read_place
from memegan.params import load_section
from memegan.records import KeptRow
from memegan.stage import run_stage
from memegan.tables import read_table


def main() -> None:
    """Kept pictures in; those that were selected, and why, how alike they are, a page, out."""
    p = load_section(SelectParams, "select")
    if outside := [e for e in p.examples if "/" in e and not e.startswith("data/inputs/")]:
        raise ParamsError(
            f"DVC would not see it change: {', '.join(outside)}",
            where="select.examples",
            fix="copy it to data/inputs, or name ids of data/dedup/kept.csv",
        )
    kept = read_table(Path("data/dedup/kept.csv"), KeptRow)
    made = select(kept, read_place, p, os.cpu_count() or 1)
    write_selection(Path("data/select"), made, read_place)


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
