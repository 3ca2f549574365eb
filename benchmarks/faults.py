"""Trainings and scrapes killed (kill -9) at a random moment and run again: is the end the same?

A trial begins afresh, is killed once, goes on by the same call, and is compared with one that
nobody stopped, byte for byte: of a training its state, model, samples, curve and metrics, of a
scrape its tables and packs, and how many urls were asked for twice.
"""

import contextlib
import hashlib
import logging
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from random import Random

import torch

from benchmarks._project import make_data, project
from benchmarks._scrape_faults import URLS, scrape_trial
from memegan.benches import Sample, Trials
from memegan.optimizing import adam
from memegan.training.run import train_run

EVERY = {f"train.{run}.checkpoint_every_images": 8 for run in ("cyclegan", "hypergan")}
OURS = ("models", "samples", "plots/train", "metrics/train")


def trial(run: str) -> AbstractContextManager[Callable[[int], Sample]]:
    """Give what kills a training, or the scrape, and tells how it ended."""
    return scrape_trial() if run == "scrape" else training_trial(run)


@contextmanager
def training_trial(run: str) -> Iterator[Callable[[int], Sample]]:
    """Give what kills a training of the tiny recipe and tells how it ended."""
    torch.set_num_threads(1)  # else the processes forked below would wait for threads they lack
    adam([torch.nn.Linear(1, 1)], 0.1, (0.5, 0.9))  # loads the rest of torch, once for all
    with project(EVERY) as folder:
        make_data(folder)
        start = time.monotonic()
        if code := _trained(folder, run):
            raise RuntimeError(f"a training that nobody stops ends with {code}")
        longest_s, whole = time.monotonic() - start, _digests(folder)
        yield partial(_killed, folder, run, longest_s, whole)


def _killed(folder: Path, run: str, longest_s: float, whole: dict[str, str], number: int) -> Sample:
    random, after_s, is_killed = Random(number), longest_s, False
    while not is_killed:  # one that ended before is not killed: earlier, then
        for name in ("runs", *OURS):
            shutil.rmtree(folder / name, ignore_errors=True)
        after_s *= random.random()
        is_killed = _trained(folder, run, after_s) == -9
    saved = any(folder.glob("runs/*/state.safetensors"))
    code = _trained(folder, run)
    if code:
        outcome = f"ended with {code}"
    else:
        outcome = "same bits" if _digests(folder) == whole else "other bits"
    return {
        "outcome": outcome,
        "killed_after_s": round(after_s, 3),
        "found": "a checkpoint" if saved else "nothing",
    }


def _trained(folder: Path, run: str, kill_after_s: float | None = None) -> int | None:
    """Train in a process of its own; return its exit code, -9 where it was killed."""
    process = multiprocessing.get_context("fork").Process(target=_work, args=(folder, run))
    process.start()
    process.join(kill_after_s)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def _work(folder: Path, run: str) -> None:
    os.chdir(folder)
    os.environ.pop("DVC_ROOT", None)
    os.environ["MEMEGAN_TRACKING"] = "spool"
    logging.disable()
    with Path(os.devnull).open("w") as silence, contextlib.redirect_stderr(silence):
        train_run(run, "cpu")


def _digests(folder: Path) -> dict[str, str]:
    states = folder.glob("runs/*/state.safetensors")
    files = (p for name in OURS for p in (folder / name).rglob("*") if p.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted([*states, *files])
    }


BENCH = Trials(
    trial,
    cases={run: {"run": run} for run in ("scrape", "cyclegan", "hypergan")},
    params={"recipe": "tiny", "urls": URLS, **EVERY},
    target="all same bits, or files",
)
