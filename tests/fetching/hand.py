"""Time that a test moves."""

from dataclasses import dataclass, field

from memegan.fetching.turns import Clock


@dataclass
class HandClock:
    """Time that passes only where somebody sleeps."""

    now_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept.append(seconds)
