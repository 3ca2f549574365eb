"""What a benchmark is: two ways timed in turns, or trials that end in a word."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

Case = Mapping[str, object]
Sample = dict[str, float | str]
Side = Callable[..., AbstractContextManager[Callable[[], object]]]
_ONE_CASE: Mapping[str, Case] = {"all": {}}
_RESAMPLES = 1000
_SEED = 0


class Bench(Protocol):
    """What an entry ends in."""

    @property
    def cases(self) -> Mapping[str, Case]: ...
    @property
    def params(self) -> Case: ...
    @property
    def least(self) -> int: ...
    @property
    def target(self) -> str: ...

    def sampler(self, case: Case) -> AbstractContextManager[Callable[[int], Sample]]:
        """Give, for the block, what takes the sample of a number."""

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """Say in numbers what the samples of one case come to."""


class OfRuns(ABC):
    """A bench that can measure a run of params.yaml instead of its own."""

    @abstractmethod
    def of_run(self, name: str) -> Bench:
        """Return the bench of the run of that name."""


@dataclass(frozen=True)
class Ratio:
    """The time of `ours` over the time of `reference`, block by block: below 1 is faster.

    Both are called with a case's values and give, for a `with` block, the function that is timed.
    Which of the two begins changes from pair to pair, so that a machine that slows down or has
    other work costs both the same.
    """

    ours: Side
    reference: Side
    cases: Mapping[str, Case] = field(default_factory=lambda: _ONE_CASE)
    params: Case = field(default_factory=dict)  # what else decides how long it takes
    least: int = 20
    target: str = ""
    clock: Callable[[], float] = time.perf_counter

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what times one pair; each side has run once before."""
        with self.ours(**case) as ours, self.reference(**case) as reference:
            ours()
            reference()

            def pair(number: int) -> Sample:
                sides = [("ours_s", ours), ("reference_s", reference)]
                return {name: self._took(block) for name, block in sides[:: 1 - number % 2 * 2]}

            yield pair

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """Median ratio with its 95 % interval, and the median times."""
        ours, reference = (
            np.array([float(s[name]) for s in samples]) for name in ("ours_s", "reference_s")
        )
        median, low, high = bootstrap_median(ours / reference)
        times = {"ours_s": float(np.median(ours)), "reference_s": float(np.median(reference))}
        found = {"ratio": median, "low": low, "high": high, **times}
        return {name: float(f"{value:.6g}") for name, value in found.items()}

    def _took(self, block: Callable[[], object]) -> float:
        start = self.clock()
        block()
        return round(self.clock() - start, 6)


@dataclass(frozen=True)
class Trials:
    """Trials that end in a word: `trial` is called with a case's values, then with a number."""

    trial: Callable[..., AbstractContextManager[Callable[[int], Sample]]]  # a sample has `outcome`
    cases: Mapping[str, Case] = field(default_factory=lambda: _ONE_CASE)
    params: Case = field(default_factory=dict)
    least: int = 30
    target: str = ""

    def sampler(self, case: Case) -> AbstractContextManager[Callable[[int], Sample]]:
        """Give what makes one trial."""
        return self.trial(**case)

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """How often which word came."""
        return {"outcomes": dict(sorted(Counter(str(s["outcome"]) for s in samples).items()))}


def bootstrap_median(values: np.ndarray) -> tuple[float, float, float]:
    """Return the median and its 95 % percentile interval (Efron 1979), always the same.

    Args:
        values: (N,) finite.
    """
    picks = np.random.default_rng(_SEED).integers(0, len(values), (_RESAMPLES, len(values)))
    low, high = np.percentile(np.median(values[picks], axis=1), [2.5, 97.5])
    return float(np.median(values)), float(low), float(high)
