"""DVC's experiment queue: settings put in, run, and what came of them read from git."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memegan.errors import DataError, MemeganError, ParamsError
from memegan.search.space import Setting, Value

POLL_S = 5.0
WAITS = ("Queued", "Running")  # DVC's words
_TASK = re.compile(r"^\w+\s+(?P<name>search-\S+)\s.*\b(?P<status>[A-Z][a-z]+)\s*$")


@dataclass(frozen=True)
class Tried:
    """A setting and how far it is; scores are those of metrics/eval/RUN.json."""

    name: str
    setting: Setting
    status: str  # Success, Queued, Running, Failed, or missing
    score: Mapping[str, Any] | None = None


def put(run: str, name: str, setting: Setting) -> None:
    """Queue one experiment: train the run with the setting, judge it on validation pictures.

    Raises:
        MemeganError: DVC refuses.
    """
    words = [f"++train.{run}.{key}={quoted(value)}" for key, value in setting.items()]
    words.append("++evaluate.split=val")
    sets = [part for word in words for part in ("-S", word)]
    dvc("exp", "run", "--queue", "-n", name, *sets, f"evaluate@{run}")


def quoted(value: Value) -> str:
    """Write a value so that DVC's `-S` reads it back as it is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    escaped = re.sub(r'(\\*)"', lambda m: m[1] * 2 + '\\"', value)
    escaped = re.sub(r"(\\+)$", lambda m: m[1] * 2, escaped)
    return f'"{escaped}"'


def start(jobs: int) -> None:
    """Start as many workers, which go on by themselves."""
    dvc("queue", "start", "-j", str(jobs))


def wait(names: Sequence[str], told: "Told") -> None:
    """Wait until none of these experiments is queued or runs."""
    while True:
        now = statuses()
        left = [name for name in names if now.get(name) in WAITS]
        told(len(names) - len(left), len(names))
        if not left:
            return
        time.sleep(POLL_S)


def statuses() -> dict[str, str]:
    """Return what DVC's queue says of the experiments of searches, by name."""
    found = (_TASK.match(line) for line in dvc("queue", "status").splitlines())
    return {match["name"]: match["status"] for match in found if match}


def tried(run: str, settings: Mapping[str, Setting], score: str) -> list[Tried]:
    """Return how far each setting is, by its experiment's name; the best first.

    Raises:
        ParamsError: the evaluation has no such score.
    """
    now, refs = statuses(), _refs()
    rows = []
    for name, setting in settings.items():
        if name not in refs:
            rows.append(Tried(name, setting, now.get(name, "missing")))
            continue
        text = git("show", f"{refs[name]}:metrics/eval/{run}.json")
        metrics = json.loads(text)
        if score not in metrics:
            raise ParamsError(
                f"the evaluation has no '{score}'",
                where="--score",
                fix=f"choose one of: {', '.join(metrics)}",
            )
        rows.append(Tried(name, setting, "Success", metrics[score]))
    return sorted(rows, key=_worth)


def _worth(row: Tried) -> tuple[bool, float]:
    if row.score is None:
        return True, 0.0
    value = float(row.score["value"])
    return False, -value if row.score["higher_is_better"] else value


def _refs() -> dict[str, str]:
    """Return the experiments that DVC has kept, by name."""
    text = git("for-each-ref", "--format=%(refname)", "refs/exps")
    return {ref.rpartition("/")[2]: ref for ref in text.splitlines()}


def check_git() -> None:
    """Experiments are commits: refuse a folder without any.

    Raises:
        DataError: no commit is there.
    """
    try:
        git("rev-parse", "--verify", "-q", "HEAD")
    except MemeganError:
        raise DataError(
            "experiments need a git repository with a commit",
            where=".",
            fix="run: git init && git add . && git commit -m start",
        ) from None


class Told:
    """Tells progress on standard error, once for each change."""

    def __init__(self) -> None:
        self.before = -1

    def __call__(self, done: int, of: int) -> None:
        if done != self.before:
            sys.stderr.write(f"{done} of {of} settings tried\n")
        self.before = done


def git(*words: str) -> str:
    """Ask git.

    Raises:
        MemeganError: git refuses, or is not there.
    """
    return _called(["git", *words])


def dvc(*words: str) -> str:
    """Ask DVC; workers that it starts write to nobody.

    Raises:
        MemeganError: DVC refuses.
    """
    return _called([sys.executable, "-m", "dvc", *words])


def _called(words: Sequence[str]) -> str:
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    try:
        done = subprocess.run(words, capture_output=True, encoding="utf-8", env=env, check=False)
    except OSError as error:
        why = str(error)
    else:
        if not done.returncode:
            return done.stdout
        why = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
    what = " ".join(words[words.index("dvc") if "dvc" in words else 0 :][:3])
    raise MemeganError(
        f"{what} failed: {why}", where=".", fix="mend what it says, then run the same command again"
    )
