"""Train a recipe of the package hypergan, and save samples; in that package's environment.

Arguments: the recipe, a folder, CPU seconds, a seed, how many samples. Into the folder come
samples.npy, (N, 3, S, S) float32 in [-1, 1] and N = 0 where a loss or a gradient is not finite, and
cost.json. The time begins with the first step: imports, decoding of the pictures and construction
are not counted.
"""

import json
import sys
import time
from pathlib import Path

import hypergan as hg  # type: ignore[import-not-found] # not in our environment
import numpy as np
import torch
from hypergan.single_execution import SingleProcessExecution  # type: ignore[import-not-found]


def main(recipe: str, folder: Path, cpu_s: float, seed: int, count: int) -> None:
    """Train until the time is up; the step that was begun is finished."""
    torch.set_num_threads(1)
    model = hg.override(hg.load(recipe), {"train.seed": seed, "sampling.count": 1})
    config = hg.resolve(model)
    execution = SingleProcessExecution(config)
    execution.start()
    start_s, steps, made = time.process_time(), 0, np.empty((0, 3, 64, 64), np.float32)
    try:
        while time.process_time() - start_s < cpu_s:
            execution.update()
            steps += 1
        spent_s = time.process_time() - start_s
        made = samples(execution.inference(folder, {}).bundle_path, seed, count)
    except ValueError as error:
        if "finite" not in str(error):  # it has no class of its own
            raise
        spent_s = time.process_time() - start_s
    execution.shutdown()
    np.save(folder / "samples.npy", made)
    cost = {"steps": steps, "images": steps * config["training"]["batch_size"], "cpu_s": spent_s}
    (folder / "cost.json").write_text(json.dumps(cost), encoding="utf-8")


def samples(bundle: Path, seed: int, count: int) -> np.ndarray:
    """Draw as the package's `sample` does, without its JSON of 100 MB."""
    _, _, graph, prior, _ = hg.load_inference(bundle)
    with torch.inference_mode():
        latent, _ = prior.sample(count, generator=torch.Generator().manual_seed(seed))
        made: np.ndarray = graph.generate(latent, {}, prior=prior)["generated"].numpy()
    return made


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
