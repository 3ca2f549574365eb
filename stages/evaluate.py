"""Judge one trained run on rows that it never saw: python stages/evaluate.py RUN."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

import numpy as np
import torch

from memegan.dataset import MANIFEST, Images
from memegan.demo.community import counterpart
from memegan.metrics.base import records
from memegan.metrics.evaluate import JUDGES, Case, EvaluateParams, test_images, truths
from memegan.params import load_section
from memegan.records import Row
from memegan.stage import dvc_root, run_stage, write_json
from memegan.tables import read_table
from memegan.tracking.notes import note_eval
from memegan.training.export import load_model
from memegan.training.grids import labelled, png


def main(name: str) -> None:
    """Model and rows that it never saw in; metrics and pictures out."""
    p = load_section(EvaluateParams, "evaluate")
    model = load_model(Path("models") / name)
    torch.set_num_threads(model.run.threads)
    run, rows = model.run, read_table(MANIFEST, Row)
    sides = {"train": run.choice.rows(rows, "train"), "test": run.choice.rows(rows, p.split)}
    size, crop = run.load_px or run.crop_px, run.crop_px
    tensors = {s: test_images(Images.load(r, size), p, crop) for s, r in sides.items()}
    urls = {s: [row.url for row in r["a"][: p.n_max]] for s, r in sides.items()}
    hidden = {s: truths(u, crop, demo_truth) for s, u in urls.items()}
    pairs = None if hidden["train"] is None else (tensors["train"]["a"], hidden["train"])
    case = Case(model.variant, model.nets, tensors["test"], tensors["train"], hidden["test"], pairs)
    judged = JUDGES[model.task](case, p)
    metrics = records(judged.metrics)
    write_json(Path("metrics/eval") / f"{name}.json", metrics)
    out = Path("plots/eval") / name
    out.mkdir(parents=True, exist_ok=True)
    shown = {title: images[:10] for title, images in judged.shown.items()}
    (out / "test.png").write_bytes(png(labelled(shown)))
    home = dvc_root() / "runs" / model.key
    note_eval(home, metrics, run.total_images, {"test.png": out / "test.png"})


def demo_truth(url: str, size_px: int) -> torch.Tensor | None:
    """Return the hidden cartoon of a photo of the demo, in [-1, 1]; None for any other url."""
    image = counterpart(url, size_px)
    if image is None:
        return None
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 127.5 - 1


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
