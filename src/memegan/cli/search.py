"""Random search over parameters of a run, through DVC's experiment queue."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from memegan.params import PARAMS_FILE, raw_section
from memegan.search.queue import WAITS, Told, Tried, check_git, put, start, statuses, tried, wait
from memegan.search.space import drawn, name_of, spaces
from memegan.variants.base import load_run

_SCORES = {"generate": "kid_random3", "translate": "swd_b", "enlarge": "psnr_y"}


def search(
    run: Annotated[str, typer.Argument(help="an entry of train: in params.yaml")],
    vary: Annotated[
        list[str],
        typer.Option(
            help="NAME=low..high, NAME=log:low..high, NAME=a,b,c; a text with <a|b>, @file"
        ),
    ],
    count: Annotated[int, typer.Option(min=1, max=1000, help="settings to try")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="another seed, other settings")] = 0,
    score: Annotated[
        str, typer.Option(help="metric of metrics/eval/RUN.json; empty: its task's first")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="experiments at a time")] = 1,
    show: Annotated[
        bool, typer.Option("--show", help="the table as it is; nothing is queued or started")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Try settings of a run that are drawn at random: each is an experiment of DVC's queue.

    Settings that the run refuses, such as networks whose shapes do not fit, are drawn again before
    anything is queued. Scores are of validation pictures, so that test pictures stay unseen. The
    same words draw the same settings: what was tried is not tried again, more of them begin with
    the same ones, and after a stop the same command goes on. `dvc exp apply NAME` takes one over.

    Example: memegan search hypergan --vary trainer.learning_rate=log:1e-4..1e-3
    """
    spec, _ = load_run(run)
    settings = drawn(spec, raw_section("train", run, path=PARAMS_FILE), spaces(vary), count, seed)
    named = {name_of(run, setting): setting for setting in settings}
    check_git()
    wanted = score or _SCORES[spec.task]
    if not show:
        before = {row.name: row.status for row in tried(run, named, wanted)}
        for name, status in before.items():
            if status in ("missing", "Failed"):
                put(run, name, named[name])
        now = statuses()
        if any(now.get(name) in WAITS for name in named):
            start(jobs)
            wait(list(named), Told())
    rows = tried(run, named, wanted)
    if as_json:
        told = {"run": run, "score": wanted, "tried": [asdict(row) for row in rows]}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        sys.stdout.write(table(rows, wanted))


def table(rows: Sequence[Tried], score: str) -> str:
    """Lay out what was tried, the best first; a text is told by its first line."""
    names = list(rows[0].setting)
    head = ["experiment", score, "95 % interval", *names]
    lines = [head] + [
        [
            row.name,
            row.status if row.score is None else f"{row.score['value']:.4g}",
            "" if row.score is None else f"{row.score['low']:.4g} to {row.score['high']:.4g}",
            *(_short(row.setting[name]) for name in names),
        ]
        for row in rows
    ]
    wide = [max(len(line[n]) for line in lines) for n in range(len(head))]
    return "".join(
        "  ".join(f"{cell:<{w}}" for cell, w in zip(line, wide, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _short(value: object) -> str:
    first, *more = str(value).strip().splitlines() or [""]
    return f"{first[:40]} ..." if more or len(first) > 40 else first
