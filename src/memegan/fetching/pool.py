"""Threads that download: tries, alternates, pauses, and what each url came to."""

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from memegan.fetching.reasons import TRANSIENT, Refused
from memegan.fetching.session import SafeSession
from memegan.fetching.store import Settled
from memegan.fetching.turns import Turns
from memegan.sources.base import Media, Request

log = logging.getLogger(__name__)
_TOLD_EVERY_S = 5.0
_AHEAD = 500  # urls in the queue: however long a list is, it is read as it is worked off


class Task:
    """One media url on its way: which of its places is asked, how often it was, what came."""

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


Ended = queue.SimpleQueue[Settled | BaseException]
Attempt = Callable[[SafeSession, Task], Settled | float]  # how it ended, or after which pause again


def host_of(url: str) -> str:
    """Return the host of a url, "" where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass
class Pool:
    """Works off tasks in threads.

    The threads are daemons: an interrupted program ends at once, whatever they wait for.
    """

    turns: Turns[Task]
    attempt: Attempt
    total: int | None = None  # of tasks, where it is known: then the time left is told

    def run(self, tasks: Iterable[Task], sessions: list[SafeSession]) -> Iterator[Settled]:
        """Yield results as they come; bodies are stored before, so none waits in memory."""
        ended: Ended = queue.SimpleQueue()
        for session in sessions:
            threading.Thread(target=self._work, args=[session, ended], daemon=True).start()
        told = _Progress(self.total, self.turns.pace.clock.now)
        coming = iter(tasks)
        try:
            while self._fill(coming) or len(self.turns):
                result = _next(ended)
                self.turns.ended()
                told.count(result)
                yield result
        finally:
            self.turns.close()
        told.last()

    def _fill(self, coming: Iterator[Task]) -> bool:
        """Read ahead; tell whether there is something to wait for."""
        while len(self.turns) < _AHEAD and (task := next(coming, None)):
            self.turns.add(task)
        return len(self.turns) > 0

    def _work(self, session: SafeSession, ended: Ended) -> None:
        while (task := self.turns.take()) is not None:
            try:
                result = self.attempt(session, task)
            except BaseException as error:  # a defect is raised where results are read
                ended.put(error)
                return
            if isinstance(result, Settled):
                ended.put(result)
            else:
                self.turns.again(task, result)


@contextmanager
def listened_to(sessions: list[SafeSession], every_s: float) -> Iterator[None]:
    """Hang up, for the block, those sessions that have fallen silent, and all at its end."""
    over = threading.Event()

    def listen() -> None:
        while not over.wait(every_s):
            for session in sessions:
                session.listen()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield
    finally:
        over.set()
        for session in sessions:
            session.close()


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


def _next(ended: Ended) -> Settled:
    """Wait for a result in short turns, so that Ctrl-C is heard on every system."""
    while True:
        try:
            result = ended.get(timeout=0.5)
        except queue.Empty:
            continue
        if isinstance(result, BaseException):
            raise result
        return result
