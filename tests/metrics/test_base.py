"""Intervals hold what they promise; a record says all that a number must be compared under."""

import json

import numpy as np
import pytest

from memegan.metrics.base import Metric, bootstrap_mean, interval, records


def test_an_interval_is_the_middle_95_percent() -> None:
    assert interval(np.arange(1001.0)) == pytest.approx((25, 975))


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_the_interval_holds_the_true_mean_about_95_times_of_100(draw: str) -> None:
    """400 sets of 40; percentile intervals of so few are a little narrow (Efron 1979)."""
    rng = np.random.default_rng(3)
    sets = rng.normal(1, 2, (400, 40)) if draw == "normal" else rng.exponential(1, (400, 40))
    ends = [bootstrap_mean(values, 0, 1000)[1:] for values in sets]
    covered = np.mean([low <= 1 <= high for low, high in ends])
    assert 0.88 < covered < 0.98


def test_the_interval_of_many_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(5, 2, 2000)
    mean, low, high = bootstrap_mean(values, 0, 1000)
    reach = 1.96 * values.std() / 2000**0.5
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - reach, mean + reach), abs=0.15 * reach)


def test_the_seed_fixes_the_interval_and_only_that() -> None:
    values = np.random.default_rng(1).random(30)
    assert bootstrap_mean(values, 7, 1000) == bootstrap_mean(values, 7, 1000)
    assert bootstrap_mean(values, 7, 1000)[0] == bootstrap_mean(values, 8, 1000)[0]
    assert bootstrap_mean(values, 7, 1000)[1:] != bootstrap_mean(values, 8, 1000)[1:]


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert bootstrap_mean(np.full(9, 0.25), 0, 1000) == (0.25, 0.25, 0.25)


def test_records_hold_each_field_of_the_protocol_sorted_and_rounded() -> None:
    plain = Metric(1 / 3, 0.1, 0.5, 40, 50, 64, higher_is_better=False)
    full = Metric(2.0, 1.0, 3.0, 4, 5, 32, True, 0.5, "random conv x3", "area", 7)
    found = records({"swd": plain, "kid": full})
    assert list(found) == ["kid", "swd"]
    assert found["kid"] == {
        "value": 2.0,
        "low": 1.0,
        "high": 3.0,
        "floor": 0.5,
        "n_real": 4,
        "n_fake": 5,
        "size_px": 32,
        "encoder": "random conv x3",
        "resizer": "area",
        "seed": 7,
        "higher_is_better": True,
    }
    assert found["swd"]["value"] == 0.333333
    assert found["swd"]["floor"] is None
    assert json.loads(json.dumps(found)) == found
