"""Tell it all on one offline page: python stages/report.py."""

import json
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.params import PARAMS_FILE, load_section, raw_section
from memegan.report.page import ReportParams, build, leaderboard, write_leaderboard
from memegan.stage import dvc_root, run_stage
from memegan.tracking.mirror import mirroring
from memegan.tracking.notes import note_report


def main() -> None:
    """Data, metrics, curves and pictures in; page and leaderboard out."""
    p = load_section(ReportParams, "report")
    runs = list(raw_section("train", path=PARAMS_FILE))
    page = Path("report/index.html")
    write_leaderboard(page.with_name("leaderboard.csv"), leaderboard(runs))
    page.write_text(build(p, runs), encoding="utf-8", newline="\n")
    spools = [dvc_root() / "runs" / key_of(run) for run in runs]
    with mirroring(*spools):  # what the evaluations have noted goes along
        for spool in spools:
            note_report(spool, page)


def key_of(run: str) -> str:
    """Return the key of the training that metrics/train tells of."""
    text = Path("metrics/train", f"{run}.json").read_text(encoding="utf-8")
    return str(json.loads(text)["memegan_key"])


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
