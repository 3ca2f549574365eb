"""A map over many items in threads whose results come in the order of the items."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def ordered_map(work: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    """Map in threads, in the order of the items, with a bounded number under way.

    Decoding and resizing let go of the interpreter, so threads are enough.
    """
    if workers <= 1:
        yield from map(work, items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        running = deque(pool.submit(work, item) for item in islice(waiting, 4 * workers))
        while running:
            yield running.popleft().result()
            running.extend(pool.submit(work, item) for item in islice(waiting, 1))
