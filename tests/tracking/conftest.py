"""A store for the tests of this folder, and a training that does as it is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TRAINER = Path(__file__).with_name("trainer.py")
SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module", autouse=True)
def no_foreign_settings() -> Iterator[None]:
    """Keep the settings of whoever runs the tests out of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("MLFLOW_", "DVC_", "MEMEGAN_")):
                patch.delenv(name)
        yield


class Trainer:
    """A training in a process of its own, which takes one step for each word."""

    def __init__(self, folder: Path, begin: int = 0, **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(TRAINER), str(folder), str(begin)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SRC), **env},
        )

    def say(self, *words: str) -> list[str]:
        """Say each word and wait for its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        answers = []
        for word in words:
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()
            answers.append(self.process.stdout.readline().strip())
        return answers

    def end(self, timeout_s: float = 150) -> tuple[int, str]:
        """Let it come to its end; return exit status and standard error."""
        _, told = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, told


@pytest.fixture
def trainers() -> Iterator[list[Trainer]]:
    """Start trainings into this list: none outlives its test."""
    started: list[Trainer] = []
    yield started
    for trainer in started:
        trainer.process.kill()
        trainer.process.communicate()
