"""Tell it all on one offline page: python stages/report.py."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.params import PARAMS_FILE, load_section, raw_section
from memegan.report.page import ReportParams, build, leaderboard, write_leaderboard
from memegan.stage import run_stage


def main() -> None:
    """Data, metrics, curves and pictures in; page and leaderboard out."""
    p = load_section(ReportParams, "report")
    runs = list(raw_section("train", path=PARAMS_FILE))
    out = Path("report")
    write_leaderboard(out / "leaderboard.csv", leaderboard(runs))
    (out / "index.html").write_text(build(p, runs), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
