"""One download by itself, as the engine makes many."""

from collections.abc import Iterator
from contextlib import contextmanager

from memegan.fetching.coming import Body
from memegan.fetching.download import Limits, download
from memegan.fetching.loop import Loop
from memegan.fetching.safety import Door
from memegan.fetching.transfers import Transfers
from memegan.fetching.turns import Clock
from memegan.sources.base import Request


@contextmanager
def transferring(door: Door) -> Iterator[Transfers]:
    """Give transfers through a door, in a loop of their own."""
    with Loop(Clock()) as loop, Transfers(loop, door) as web:
        yield web


def downloaded(web: Transfers, request: Request, limits: Limits) -> Body:
    """Download to the end; raise Refused as the engine sees it."""
    return web.loop.run(download(web, request, limits))
