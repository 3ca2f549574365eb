"""Time that a test moves."""

import threading
from dataclasses import dataclass, field

from memegan.fetching.turns import Clock


@dataclass
class HandClock:
    """Time that passes only where somebody sleeps."""

    now_s: float = 0.0
    slept: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, self._sleep)

    def _sleep(self, seconds: float) -> None:
        with self.lock:
            self.now_s += seconds
            self.slept.append(seconds)
