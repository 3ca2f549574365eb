"""Who is asked when: each host at its own pace, and a url that must wait holds up no other."""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

_SLICE_S = 1.0  # longest sleep at a time: something else may come meanwhile


@dataclass(frozen=True)
class Clock:
    """Time as the engine sees it; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Pace:
    """The moments at which each host may be asked, `every_s` apart."""

    every_s: float
    clock: Clock
    free: Collection[str] = ()  # hosts that may be asked at any moment
    slower: dict[str, float] = field(default_factory=dict)  # host: what its robots.txt asks for
    next: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def left(self, host: str) -> float:
        """Return in how many seconds a host may be asked; 0 takes that turn."""
        if host in self.free:
            return 0.0
        with self.lock:
            now = self.clock.now()
            left = self.next.get(host, now) - now
            if left > 0:
                return left
            self.next[host] = now + max(self.every_s, self.slower.get(host, 0.0))
            return 0.0

    def hold(self, host: str, pause_s: float) -> None:
        """Let nobody ask a host that said how long to wait."""
        with self.lock:
            self.next[host] = max(self.next.get(host, 0.0), self.clock.now() + pause_s)

    def wait(self, host: str) -> None:
        """Sleep until a host's turn, and take it."""
        while left := self.left(host):
            self.clock.sleep(left)


class OfHost(Protocol):
    """What waits for its turn."""

    @property
    def host(self) -> str: ...


T = TypeVar("T", bound=OfHost)


class Turns(Generic[T]):
    """A queue that gives the next thing whose host may be asked now.

    Things of one host come in their order; hosts whose turn is now take turns among themselves.
    """

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._changed = threading.Condition()
        self._lines: dict[str, deque[T]] = {}  # of hosts with something to ask
        self._round: deque[str] = deque()  # the same hosts, in the order in which they are seen
        self._later: list[tuple[float, int, T]] = []
        self._order = itertools.count()
        self._open = 0  # things that have not ended: in line, later, or in somebody's hands
        self._is_over = False

    def __len__(self) -> int:
        return self._open

    def add(self, thing: T) -> None:
        """Put something new at its host's end."""
        with self._changed:
            self._open += 1
            self._line(thing.host).append(thing)
            self._changed.notify()

    def again(self, thing: T, pause_s: float) -> None:
        """Give back what was taken: it comes again after a pause."""
        with self._changed:
            moment = self.pace.clock.now() + pause_s
            heapq.heappush(self._later, (moment, next(self._order), thing))
            self._changed.notify()

    def ended(self) -> None:
        """Something that was taken has ended."""
        with self._changed:
            self._open -= 1

    def close(self) -> None:
        """Give nothing any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def take(self) -> T | None:
        """Wait for something whose turn it is; None after `close`."""
        while True:
            with self._changed:
                while not (self._is_over or self._lines or self._later):
                    self._changed.wait()
                if self._is_over:
                    return None
                left = self._next_s()
                if isinstance(left, float):
                    pause_s = min(left, _SLICE_S)
                else:
                    return left
            self.pace.clock.sleep(pause_s)

    def _next_s(self) -> T | float:
        """Return the next thing, or in how many seconds there may be one."""
        now, soonest = self.pace.clock.now(), float("inf")
        while self._later and self._later[0][0] <= now:
            thing = heapq.heappop(self._later)[2]
            self._line(thing.host).appendleft(thing)
        if self._later:
            soonest = self._later[0][0] - now
        for _ in range(len(self._round)):
            host = self._round[0]
            self._round.rotate(-1)
            left = self.pace.left(host)
            if left == 0:
                return self._first(host)
            soonest = min(soonest, left)
        return soonest

    def _first(self, host: str) -> T:
        line = self._lines[host]
        thing = line.popleft()
        if not line:
            del self._lines[host]
            self._round.remove(host)
        return thing

    def _line(self, host: str) -> deque[T]:
        if host not in self._lines:
            self._lines[host] = deque()
            self._round.append(host)
        return self._lines[host]
