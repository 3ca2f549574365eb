"""Train one run of params.yaml, as its stage does; goes on where it stopped."""

import math
from typing import Annotated

import typer

from memegan.training.run import train_run


def train(
    run: Annotated[str, typer.Argument(help="an entry of train: in params.yaml")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")] = "auto",
    max_time: Annotated[float, typer.Option(help="minutes; then it saves and exits 75")] = math.inf,
    fresh: Annotated[bool, typer.Option(help="forget an unfinished training")] = False,
) -> None:
    """Train one run of params.yaml, as its stage does; goes on where it stopped.

    Example: memegan train cyclegan --max-time 30
    """
    train_run(run, device, max_time * 60, fresh)
