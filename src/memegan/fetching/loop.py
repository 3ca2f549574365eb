"""One thread that waits for everything at once: transfers, checks, names, pauses."""

import heapq
import itertools
import math
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from memegan.fetching.turns import Clock

T = TypeVar("T")
Routine = Coroutine["Promise[Any]", None, T]  # of any promises: each knows its own type
_SLICE_S = 1.0  # longest sleep at a time
_LOOK_S = 0.25  # how often somebody's time limits are looked at
_GUESS_S = 0.05  # where a waiter names neither a socket nor a time


class Promise(Generic[T]):
    """A value that comes later, for all who `await` it."""

    def __init__(self, loop: "Loop") -> None:
        self._loop, self._waiting = loop, list[Callable[[], None]]()
        self._value: T
        self.is_kept = False

    def keep(self, value: T) -> None:
        """Let all who wait go on, soon."""
        self._value, self.is_kept = value, True
        self._loop.ready.extend(self._waiting)
        self._waiting.clear()

    def then(self, go_on: Callable[[], None]) -> None:
        """Call this when the value is there."""
        self._waiting.append(go_on)

    def __await__(self) -> Generator["Promise[Any]", None, T]:
        if not self.is_kept:
            yield self
        return self._value


class Waiter(Protocol):
    """Something that goes on by itself and is heard of through sockets."""

    def __len__(self) -> int:
        """Count what is under way."""

    def sockets(self) -> tuple[Iterable[int], Iterable[int], float]:
        """Return what to read from, what to write to, and in how many seconds to look again."""

    def work(self) -> None:
        """Do what can be done now, and keep promises; never wait."""


class Loop:
    """Runs coroutines that await promises, in the thread that calls `step`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ready = deque[Callable[[], None]]()
        self.waiters: list[Waiter] = []
        self._pauses: list[tuple[float, int, Promise[None]]] = []
        self._order = itertools.count()
        self._open = set[Routine[Any]]()
        self._threads = _Threads()
        self.waiters.append(self._threads)

    def __enter__(self) -> "Loop":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        for routine in list(self._open):
            routine.close()
        self._threads.close()

    def start(self, routine: Routine[T], ended: Callable[[T], None]) -> None:
        """Run a coroutine; what it raises comes out of `step`."""
        self._open.add(routine)
        self.ready.append(partial(self._send, routine, ended))

    def run(self, routine: Routine[T]) -> T:
        """Run a coroutine to its end, and the others meanwhile."""
        found: list[T] = []
        self.start(routine, found.append)
        while not found:
            self.step()
        return found[0]

    def pause(self, seconds: float) -> Promise[None]:
        """Promise to be back after some time."""
        promise = Promise[None](self)
        heapq.heappush(self._pauses, (self.clock.now() + seconds, next(self._order), promise))
        return promise

    def in_thread(self, work: Callable[[], T]) -> Promise[T]:
        """Do in a thread what may block; `work` raises nothing but defects."""
        promise = Promise[T](self)
        self._threads.start(work, promise)
        return promise

    def step(self, longest_s: float = math.inf) -> None:
        """Do what can be done now; where that is nothing, wait for the first that happens."""
        self._go_on()
        under_way = False
        for waiter in self.waiters:
            if len(waiter):
                under_way = True
                waiter.work()
        if self.ready:
            return self._go_on()
        left = self._left_s(longest_s)
        if not under_way:
            if self._open or left < math.inf:
                assert left < math.inf, "somebody waits for what nobody will do"
                self.clock.sleep(min(left, _SLICE_S))
            return None
        reads, writes = list[int](), list[int]()
        for waiter in self.waiters:
            if len(waiter):
                some_reads, some_writes, soon_s = waiter.sockets()
                reads += some_reads
                writes += some_writes
                left = min(left, soon_s)
        select.select(reads, writes, [], max(0.0, min(left, _LOOK_S)))
        return None

    def _send(self, routine: Routine[T], ended: Callable[[T], None]) -> None:
        """Let a coroutine go on to its next promise, or to its end."""
        try:
            promise = routine.send(None)
        except StopIteration as end:
            self._open.discard(routine)
            ended(end.value)
        except BaseException:
            self._open.discard(routine)
            raise
        else:
            promise.then(partial(self._send, routine, ended))

    def _go_on(self) -> None:
        now = self.clock.now() if self._pauses else 0.0
        while self._pauses and self._pauses[0][0] <= now:
            heapq.heappop(self._pauses)[2].keep(None)
        while self.ready:
            self.ready.popleft()()

    def _left_s(self, longest_s: float) -> float:
        if not self._pauses:
            return longest_s
        return min(longest_s, max(0.0, self._pauses[0][0] - self.clock.now()))


class _Threads:
    """Threads for what may block. Daemons: an interrupted program does not wait for them."""

    def __init__(self) -> None:
        self._done: SimpleQueue[tuple[Promise[Any], object, BaseException | None]] = SimpleQueue()
        self._count = 0
        self._bell: tuple[socket.socket, socket.socket] | None = None

    def __len__(self) -> int:
        return self._count

    def start(self, work: Callable[[], object], promise: Promise[Any]) -> None:
        if self._bell is None:
            self._bell = socket.socketpair()
        rings = self._bell[1]

        def run() -> None:
            try:
                self._done.put((promise, work(), None))
            except BaseException as error:
                self._done.put((promise, None, error))
            with suppress(OSError):  # nobody listens any more
                rings.send(b"!")

        self._count += 1
        threading.Thread(target=run, daemon=True).start()

    def sockets(self) -> tuple[Iterable[int], Iterable[int], float]:
        assert self._bell is not None, "it is there before the first thread"
        return [self._bell[0].fileno()], [], math.inf

    def work(self) -> None:
        while not self._done.empty():
            promise, value, error = self._done.get()
            self._count -= 1
            assert self._bell is not None, "as above"
            self._bell[0].recv(1)
            if error is not None:
                raise error
            promise.keep(value)

    def close(self) -> None:
        for end in self._bell or ():
            end.close()
