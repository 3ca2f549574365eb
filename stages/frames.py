"""Take frames out of all videos, by presentation time: python stages/frames.py."""

import sys
from itertools import chain
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.params import load_section
from memegan.stage import run_stage
from memegan.video.frames import fetched_videos, local_videos, write_frames
from memegan.video.params import FramesParams


def main() -> None:
    """Fetched and local videos in; frames, shots, videos and packs out."""
    p = load_section(FramesParams, "frames")
    write_frames(chain(fetched_videos(Path("data/raw")), local_videos(p)), p, Path("data/frames"))


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
