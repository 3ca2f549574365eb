"""Decide which pictures go on: python stages/dedup.py."""

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.threads import share_cores

share_cores()

from memegan.images.animation import with_frames
from memegan.images.candidates import candidates
from memegan.images.decided import read_decisions
from memegan.images.dedup import dedup
from memegan.images.memory import remembering
from memegan.images.params import DedupParams
from memegan.packs import read_place
from memegan.params import load_section
from memegan.records import DuplicateRow, KeptRow, QuarantineRow
from memegan.stage import dvc_root, run_stage
from memegan.tables import write_table
from memegan.takedown import Banned


def main() -> None:
    """Fetched pictures and frames in; decisions alone out."""
    p = load_section(DedupParams, "dedup")
    workers, told = os.cpu_count() or 1, read_decisions()
    found = candidates(Path("data/raw"), Path("data/frames"))
    found = with_frames(found, read_place, p, workers)
    with remembering(dvc_root() / ".memegan/dedup") as memory:
        made = dedup(found, read_place, p, Banned.load(), workers, told, memory)
    out = Path("data/dedup")
    write_table(out / "kept.csv", KeptRow, made.kept)
    write_table(out / "duplicates.csv", DuplicateRow, made.duplicates)
    write_table(out / "quarantine.csv", QuarantineRow, made.quarantine)


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
