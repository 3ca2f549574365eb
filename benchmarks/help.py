"""`memegan --help`, a new process each time, against `python -c pass`: what a word costs."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memegan.benches import Ratio

STARTS = 5  # a block: one start alone is as short as what else the machine does


@contextmanager
def ours() -> Iterator[Callable[[], object]]:
    """Give what asks for help."""
    yield lambda: _started("-m", "memegan", "--help")


@contextmanager
def reference() -> Iterator[Callable[[], object]]:
    """Give what starts Python and does nothing."""
    yield lambda: _started("-c", "pass")


def _started(*words: str) -> None:
    for _ in range(STARTS):
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


BENCH = Ratio(ours, reference, params={"starts": STARTS})
