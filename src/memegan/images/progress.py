"""How far long work is, told every few seconds."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Progress:
    """Tells how many of a number of things are done, and how long the rest takes."""

    def __init__(
        self,
        what: str,
        total: int,
        every_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._every_s, self._clock = what, total, every_s, clock
        self._start = self._told = clock()
        self._first: float | None = None

    def tell(self, done: int, share: float | None = None) -> None:
        """Tell, if it is time.

        Args:
            done: how many, of the total.
            share: of the work, 0..1; where it is not given, that of the number.
        """
        now = self._clock()
        share = done / max(self._total, 1) if share is None else share
        if self._first is None:  # what was there when it began took no time
            self._first = share
        if now - self._told < self._every_s or share <= self._first:
            return
        self._told = now
        left = (now - self._start) * (1 - share) / (share - self._first)
        minutes, seconds = divmod(round(left), 60)
        log.info("%d of %d %s, %d min %d s left", done, self._total, self._what, minutes, seconds)


def told(
    items: Iterable[T], what: str, total: int, clock: Callable[[], float] = time.monotonic
) -> Iterator[T]:
    """Yield the items, and tell how far they are each time that it is time."""
    progress = Progress(what, total, clock=clock)
    for n, item in enumerate(items, 1):
        yield item
        progress.tell(n)
