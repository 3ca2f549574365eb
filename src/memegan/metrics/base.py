"""What a measured number is, and how sure it is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

RESAMPLES = 1000


@dataclass(frozen=True)
class Metric:
    """One number with its 95 % interval and all that it must be compared under.

    `floor` is what real images score against other real images, where that is meaningful.
    """

    value: float
    low: float
    high: float
    n_real: int
    n_fake: int
    size_px: int
    higher_is_better: bool
    floor: float | None = None
    encoder: str = ""
    resizer: str = "area"
    seed: int = 0

    def record(self) -> dict[str, object]:
        """Return it for JSON, rounded so that two equal runs give equal bytes."""
        return {k: _rounded(v) for k, v in asdict(self).items()}


def records(metrics: Mapping[str, Metric]) -> dict[str, dict[str, object]]:
    """Return all of a run's metrics for metrics/eval/RUN.json."""
    return {name: metric.record() for name, metric in sorted(metrics.items())}


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles of resampled values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_mean(values: np.ndarray, seed: int, resamples: int) -> tuple[float, float, float]:
    """Return the mean of one value an image, and its percentile interval (Efron 1979).

    Args:
        values: (N,) finite.
    """
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(values), (resamples, len(values)))
    return float(values.mean()), *interval(values[picks].mean(1))


def _rounded(value: object) -> object:
    return float(f"{value:.6g}") if isinstance(value, float) else value
