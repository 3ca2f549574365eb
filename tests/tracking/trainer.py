"""python trainer.py FOLDER BEGIN: a training; a step of ten images for each line it reads.

It answers with the images seen; at the end of its input it ends as a training does.
"""

import logging
import sys
from pathlib import Path

from memegan.tracking.mirror import mirrored

folder, begin = Path(sys.argv[1]), int(sys.argv[2])
logging.basicConfig(level=logging.INFO, format="%(message)s")
tags = {"key": folder.name, "stage": "train", "run": "tiny", "variant": "mean", "data": "d" * 64}
params = {"model": {"generator": "unet", "unet": {"width": 4}}, "seed": 7}
with mirrored(folder, tags, params, wait_s=120) as tracker:
    tracker.begin(begin)
    seen = begin
    for line in sys.stdin:
        if line.strip() == "fail":
            raise ValueError("told to")
        seen += 10
        tracker.metrics({"gan": 1 / seen, "cycle": float(seen)}, seen)
        if line.strip() == "grid":
            import torch  # seconds

            tracker.images("grid", torch.full((3, 8, 8), seen, dtype=torch.uint8), seen)
        sys.stdout.write(f"{seen}\n")
        sys.stdout.flush()
