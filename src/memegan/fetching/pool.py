"""Urls worked off, many at once: tries, alternates, pauses, and what each url came to."""

import logging
import math
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

from memegan.errors import SourceError
from memegan.fetching.checkers import Checkers
from memegan.fetching.coming import Came
from memegan.fetching.loop import Loop, Routine
from memegan.fetching.reasons import TRANSIENT, Refused
from memegan.fetching.store import Settled
from memegan.fetching.turns import Turns
from memegan.sources.base import Media, Request

log = logging.getLogger(__name__)
_TOLD_EVERY_S = 5.0
End = Settled | float  # how a url ended, or after which pause it is asked for again
_AHEAD = 500  # urls that wait for their turn: a list of any length is read as it is worked off


class Task:
    """One media url on its way: which of its places is asked, how often it was, what came."""

    place = 0  # among all tasks

    def __init__(self, media: Media, request: Request, known: Settled | None = None) -> None:
        self.media, self.request = media, request
        self.known = known  # the file that we have of it
        self.tries, self.here = 0, 0  # of all places, and of this one
        self.refused: list[str] = []  # reasons: an error would keep its frame, and so the body
        self._places = iter((request.url, *media.alternates))
        self._next_place()

    def give_up_place(self, error: Refused) -> bool:
        """Go on to the next alternate; False where there is none."""
        self.refused.append(error.reason)
        return self._next_place()

    @property
    def reason(self) -> str:
        """Why there is no file: what will not pass counts more than what may."""
        return min(self.refused, key=TRANSIENT.__contains__)

    def _next_place(self) -> bool:
        url = next(self._places, None)
        if url is None:
            return False
        self.url, self.host, self.here = url, host_of(url), 0
        return True


def host_of(url: str) -> str:
    """Return the host of a url, "" where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass
class Pool:
    """Works off tasks, many at once: each is asked for in its host's turn, and checked beside that.

    Nothing is asked for while too much waits to be checked.
    """

    loop: Loop
    turns: Turns[Task]
    ask: Callable[[Task], Routine[Came | End]]
    check: Callable[[Task, Came], Routine[End]]
    left: Callable[[Task], Came | None]  # what an earlier scrape has left
    checkers: Checkers
    connections: int
    total: int | None = None  # of tasks, where it is known: then the time left is told

    def run(self, tasks: Iterator[Task | None]) -> Iterator[Settled]:
        """Yield results as they come; bodies are stored before, so none waits in memory.

        Args:
            tasks: None where reading on would take a moment, in which others could go on.
        """
        self._asking, self._ended, self._places = 0, deque[Settled](), count()
        told = _Progress(self.total, self.turns.pace.clock.now)
        while self._fill(tasks) or len(self.turns):
            try:
                self.loop.step(self._start())
            except SourceError:
                # what has come is kept; another connection may hear the same meanwhile
                with suppress(SourceError):
                    while len(self.checkers):
                        self.loop.step()
                yield from self._ended
                raise
            while self._ended:
                result = self._ended.popleft()
                self.turns.ended()
                told.count(result)
                yield result
        told.last()

    def _fill(self, tasks: Iterator[Task | None]) -> bool:
        """Read ahead; tell whether there may be more."""
        while len(self.turns) - len(self.checkers) < _AHEAD:
            try:
                task = next(tasks)
            except StopIteration:
                return False
            if task is None:
                if len(self.turns):
                    return True
                continue
            task.place = next(self._places)
            if came := self.left(task):
                self.turns.enter()
                self.loop.start(self._look(task, came), self._ended.extend)
            else:
                self.turns.add(task)
        return True

    def _start(self) -> float:
        """Begin what can be begun; return in how many seconds there may be more."""
        while self._asking < self.connections and self.checkers.has_room:
            task = self.turns.take()
            if isinstance(task, float):
                return task
            self._asking += 1
            self.loop.start(self._work(task), self._ended.extend)
        return math.inf

    async def _work(self, task: Task) -> tuple[Settled, ...]:
        host = task.host
        found = await self.ask(task)
        self._asking -= 1
        self.turns.put_down(host)
        if isinstance(found, Came):
            return await self._look(task, found)
        return self._sorted(task, found)

    async def _look(self, task: Task, came: Came) -> tuple[Settled, ...]:
        return self._sorted(task, await self.check(task, came))

    def _sorted(self, task: Task, end: End) -> tuple[Settled, ...]:
        """Return how a url ended, or nothing: then it is asked for again."""
        if isinstance(end, Settled):
            return (end,)
        self.turns.again(task, end)
        return ()


@dataclass
class _Progress:
    """Tells every few seconds how far it is: count, rate, time left, and kinds of failures."""

    total: int | None
    now: Callable[[], float]
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.started = self.told = self.now()

    def count(self, result: Settled) -> None:
        self.counts[result.reason or "ok"] += 1
        if self.now() - self.told >= _TOLD_EVERY_S:
            self.tell()

    def tell(self) -> None:
        self.told = self.now()
        count = self.counts.total()
        rate = count / max(self.told - self.started, 1e-3)
        of, left = "", ""
        if self.total is not None:
            of, left = f" of {self.total}", f", {(self.total - count) / rate:.0f} s left"
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.counts.most_common())
        log.info("%d%s urls, %.1f/s%s: %s", count, of, rate, left, kinds)

    def last(self) -> None:
        if self.counts:
            self.tell()
