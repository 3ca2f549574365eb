"""Processes that check and store bodies, beside the one that asks for them."""

import heapq
import json
import logging
import math
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from memegan.errors import SourceError
from memegan.fetching.files import Files
from memegan.fetching.jobs import Answer, Job
from memegan.fetching.loop import Loop, Promise

log = logging.getLogger(__name__)
_AT_ONCE = 3  # bodies in a checker's hands: it need not wait for the next one
_MOST, _MOST_BYTES = 4000, 256_000_000  # bodies on disk, beyond which nothing is asked for
_DEATHS = 6  # in a row: three bodies in a row are not that bad, something else is wrong
_SRC = Path(__file__).parents[2]


@dataclass(order=True)
class _Waiting:
    """One body, and who waits for its answer."""

    place: int
    job: Job = field(compare=False)
    promise: Promise[Answer] = field(compare=False)
    deaths: int = field(default=0, compare=False)


class Checkers:
    """A few processes that check bodies; these wait on disk for the first that is free.

    What has the lowest place comes first: rows are written in the order of places.

    A checker that dies is replaced, and its bodies are checked again: nothing is lost. A body at
    which two of them died is "truncated": it breaks the decoder.
    """

    def __init__(self, files: Files, placeholders: Collection[str] = (), count: int = 2) -> None:
        self.count = count
        self._words = [str(files.folder.resolve()), json.dumps(list(placeholders))]
        self._line: list[_Waiting] = []  # a heap
        self._all: list[_Checker] = []
        self.jobs = self.bytes = 0  # under way
        self._deaths = 0  # since the last answer

    def __enter__(self) -> "Checkers":
        """Start the processes: that takes a moment, in which others may go on."""
        self._all += [_Checker(self._words) for _ in range(self.count)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        for checker in self._all:
            checker.close()
        self._all.clear()

    def __len__(self) -> int:
        return self.jobs

    def pids(self) -> list[int]:
        """Return the numbers of the processes."""
        return [checker.process.pid for checker in self._all]

    @property
    def has_room(self) -> bool:
        """Tell whether little enough waits on disk."""
        return self.jobs < _MOST and self.bytes < _MOST_BYTES

    async def check(self, loop: Loop, place: int, job: Job) -> Answer:
        """Return what a body is; if it is good, it is stored then."""
        waiting = _Waiting(place, job, Promise(loop))
        self.jobs, self.bytes = self.jobs + 1, self.bytes + job.size
        heapq.heappush(self._line, waiting)
        self._hand_out()
        answer = await waiting.promise
        self.jobs, self.bytes = self.jobs - 1, self.bytes - job.size
        return answer

    def sockets(self) -> tuple[Iterable[int], Iterable[int], float]:
        """Return where answers come from (a `Waiter`)."""
        return [checker.line.fileno() for checker in self._all], [], math.inf

    def work(self) -> None:
        """Take answers, and hand out what waits (a `Waiter`)."""
        for place, checker in enumerate(self._all):
            try:
                for answer in checker.answers():
                    self._deaths = 0
                    checker.jobs.popleft().promise.keep(answer)
            except OSError:  # it has hung up
                self._all[place] = self._replaced(checker)
        self._hand_out()

    def _hand_out(self) -> None:
        while self._line:
            checker = min(self._all, key=lambda c: len(c.jobs))
            if len(checker.jobs) >= _AT_ONCE:
                return
            checker.take(heapq.heappop(self._line))

    def _replaced(self, checker: "_Checker") -> "_Checker":
        """Take the jobs back of one that died, and start another.

        Raises:
            SourceError: it never answered anything, or others died as well.
        """
        checker.line.close()
        code = checker.process.wait()
        self._deaths += 1
        if self._deaths > _DEATHS or (code > 0 and not checker.has_answered):
            raise SourceError(
                f"a process that checks pictures ended with {code}",
                where="memegan.fetching.checker",
                fix="see what it said above; the same command goes on where this one ended",
            )
        log.warning("a process that checks pictures ended with %d; another goes on", code)
        if checker.jobs and checker.jobs[0].deaths:
            broken = checker.jobs.popleft()
            broken.promise.keep(Answer(reason="truncated", detail="it breaks the decoder"))
        if checker.jobs:
            checker.jobs[0].deaths += 1
        for waiting in checker.jobs:
            heapq.heappush(self._line, waiting)
        return _Checker(self._words)


class _Checker:
    """One process and the socket to it."""

    def __init__(self, words: list[str]) -> None:
        self.line, its = socket.socketpair()
        self.line.setblocking(False)
        known = {**os.environ, "PYTHONPATH": str(_SRC), "OMP_NUM_THREADS": "1"}
        is_windows = sys.platform == "win32"  # where no socket is a standard input
        with its:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "memegan.fetching.checker", *words],
                stdin=subprocess.PIPE if is_windows else its.fileno(),
                stdout=subprocess.DEVNULL,
                env=known,
                process_group=0,  # Ctrl-C is for us alone
            )
            if sys.platform == "win32" and self.process.stdin is not None:
                with self.process.stdin as pipe:
                    pipe.write(its.share(self.process.pid))
        self.jobs = deque[_Waiting]()
        self.has_answered = False
        self._heard = b""

    def take(self, waiting: _Waiting) -> None:
        """Hand it a body."""
        self.jobs.append(waiting)
        with suppress(OSError):  # it has died, which is seen where its answers are read
            self.line.send(json.dumps(list(vars(waiting.job).values())).encode() + b"\n")

    def answers(self) -> list[Answer]:
        """Return what it has answered.

        Raises:
            OSError: it has died.
        """
        try:
            heard = self.line.recv(65_536)
        except BlockingIOError:
            return []
        if not heard:
            raise ConnectionResetError("its end")
        *lines, self._heard = (self._heard + heard).split(b"\n")
        self.has_answered = True
        return [Answer(*json.loads(line)) for line in lines]

    def close(self) -> None:
        """End it, whatever it does: the journal knows nothing of that yet."""
        self.line.close()
        self.process.kill()
        self.process.wait()
