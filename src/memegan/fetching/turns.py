"""Who is asked when: each host at its own pace, and a url that must wait holds up no other."""

import heapq
import itertools
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

AT_ONCE = 8  # connections to one host


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

    def left(self, host: str) -> float:
        """Return in how many seconds a host may be asked; 0 takes that turn."""
        if host in self.free:
            return 0.0
        now = self.clock.now()
        left = self.next.get(host, now) - now
        if left > 0:
            return left
        self.next[host] = now + max(self.every_s, self.slower.get(host, 0.0))
        return 0.0

    def hold(self, host: str, pause_s: float) -> None:
        """Let nobody ask a host that said how long to wait."""
        self.next[host] = max(self.next.get(host, 0.0), self.clock.now() + pause_s)


class OfHost(Protocol):
    """What waits for its turn."""

    @property
    def host(self) -> str: ...


T = TypeVar("T", bound=OfHost)


class Turns(Generic[T]):
    """A queue that gives the next thing whose host may be asked now.

    Things of one host come in their order; hosts whose turn is now take turns among themselves.
    No host has more than `AT_ONCE` of its things in hand, but for those without a pace.
    """

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._lines: dict[str, deque[T]] = {}  # of hosts with something to ask
        self._round: deque[str] = deque()  # the same hosts, in the order in which they are seen
        self._later: list[tuple[float, int, T]] = []
        self._order = itertools.count()
        self._in_hand = Counter[str]()  # by host
        self._open = 0  # things that have not ended: in line, later, or in somebody's hands

    def __len__(self) -> int:
        return self._open

    def add(self, thing: T) -> None:
        """Put something new at its host's end."""
        self._open += 1
        self._line(thing.host).append(thing)

    def enter(self) -> None:
        """Count something that is in somebody's hands already."""
        self._open += 1

    def again(self, thing: T, pause_s: float) -> None:
        """Give back what was put down: it comes again after a pause."""
        moment = self.pace.clock.now() + pause_s
        heapq.heappush(self._later, (moment, next(self._order), thing))

    def put_down(self, host: str) -> None:
        """Something of a host that was taken is asked for no more."""
        self._in_hand[host] -= 1
        if not self._in_hand[host]:
            del self._in_hand[host]

    def ended(self) -> None:
        """Something that was taken has ended."""
        self._open -= 1

    def take(self) -> T | float:
        """Return something whose turn it is, or in how many seconds there may be something."""
        now, soonest = self.pace.clock.now(), math.inf
        while self._later and self._later[0][0] <= now:
            thing = heapq.heappop(self._later)[2]
            self._line(thing.host).appendleft(thing)
        if self._later:
            soonest = self._later[0][0] - now
        for _ in range(len(self._round)):
            host = self._round[0]
            self._round.rotate(-1)
            if self._in_hand[host] >= AT_ONCE and host not in self.pace.free:
                continue
            left = self.pace.left(host)
            if left == 0:
                self._in_hand[host] += 1
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
