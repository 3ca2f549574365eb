"""The kernel distance against sums written out; it has no bias and orders what is worse."""

import math

import pytest
import torch
from tests.metrics.pictures import noisy, scenes, soft
from torch import Tensor

from memegan.metrics.kid import counts, kernel_distance, random_features, random_kid


def features(seed: int, count: int, shift: float = 0.0) -> Tensor:
    """Normal numbers, (count, 6)."""
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + shift


def by_hand(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate, pair by pair (Binkowski et al. 2018, eq. 4)."""
    a, b = (((z - x.mean(0)) / x.std(0)).tanh().tolist() for z in (x, y))

    def kernel(p: list[float], q: list[float]) -> float:
        return float((sum(u * v for u, v in zip(p, q, strict=True)) / len(p) + 1) ** 3)

    n, m = len(a), len(b)
    xx = sum(kernel(a[i], a[j]) for i in range(n) for j in range(n) if i != j)
    yy = sum(kernel(b[i], b[j]) for i in range(m) for j in range(m) if i != j)
    xy = sum(kernel(p, q) for p in a for q in b)
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def distance(x: Tensor, y: Tensor) -> float:
    """Each picture counts once."""
    return float(kernel_distance(x, y, torch.ones(1, len(x)), torch.ones(1, len(y))))


@pytest.mark.parametrize(("n", "m", "shift"), [(2, 2, 0.0), (5, 9, 0.5), (12, 7, -2.0)])
def test_the_distance_is_the_sum_over_all_pairs(n: int, m: int, shift: float) -> None:
    x, y = features(1, n), features(2, m, shift)
    assert distance(x, y) == pytest.approx(by_hand(x, y), rel=1e-4, abs=1e-4)


def test_sets_of_one_distribution_are_at_0_on_average_and_often_below() -> None:
    """An estimate that keeps the pairs of a picture with itself would be above 0 every time."""
    found = torch.tensor([distance(features(s, 60), features(1000 + s, 60)) for s in range(300)])
    error = float(found.std()) / 300**0.5
    assert abs(float(found.mean())) < 4 * error
    assert 0.3 < float((found < 0).float().mean()) < 0.8


def test_units_of_the_features_do_not_count() -> None:
    x, y = features(1, 10), features(2, 10, 0.5)
    unit = torch.tensor([1.0, 10.0, 0.1, 3.0, 5.0, 100.0])
    assert distance(x * unit + 7, y * unit + 7) == pytest.approx(distance(x, y), rel=1e-2)


def test_a_picture_that_is_drawn_twice_makes_no_pair_with_itself() -> None:
    """x = (-1, 1) with mean 0: a deviation of sqrt(2) drawn once each, sqrt(4 / 3) drawn twice."""
    x, y = torch.tensor([[-1.0], [1.0]]), torch.zeros(2, 1)
    for often, deviation in ((1.0, 2.0**0.5), (2.0, (4 / 3) ** 0.5)):
        u = math.tanh(1 / deviation)
        expected = (1 - u * u) ** 3 + 1 - 2 * ((1 + 0) ** 3)
        found = kernel_distance(x, y, torch.full((1, 2), often), torch.ones(1, 2))
        assert float(found) == pytest.approx(expected, abs=1e-6)


def test_a_picture_left_out_is_a_picture_that_is_not_there() -> None:
    x, y = features(1, 6), features(2, 5, 1.0)
    of_x, of_y = torch.tensor([[1.0, 1, 0, 1, 1, 0]]), torch.tensor([[0.0, 1, 1, 1, 1]])
    expected = distance(x[of_x[0] > 0], y[of_y[0] > 0])
    assert float(kernel_distance(x, y, of_x, of_y)) == pytest.approx(expected, rel=1e-4)


def test_a_resample_holds_as_many_pictures_as_the_set() -> None:
    drawn = counts(500, 7, torch.Generator().manual_seed(0))
    assert (drawn.sum(1) == 7).all()
    assert drawn.mean(0).numpy() == pytest.approx(1, abs=0.2)
    assert float((drawn == 0).float().mean()) == pytest.approx((6 / 7) ** 7, abs=0.02)


def test_features_are_one_network_a_number_and_leave_other_random_numbers_alone() -> None:
    photos = scenes(0, 4)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, again, other = (random_features(photos, n) for n in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(one, again)
    assert one.shape == (4, 480)
    assert float((one - other).abs().max()) > 0.1


def test_a_seed_gives_the_same_resamples_and_the_distance_has_none() -> None:
    real, fake = scenes(0, 16), scenes(100, 16)
    value, resampled = random_kid(real, fake, 0, 40)
    again, same = random_kid(real, fake, 0, 40)
    other, drawn = random_kid(real, fake, 1, 40)
    assert value == again == other
    assert torch.equal(resampled, same)
    assert not torch.equal(resampled, drawn)


@pytest.mark.parametrize(
    "worse",
    [
        [soft(scenes(100, 32), s) for s in (0.0, 1.5, 4.0)],
        [noisy(scenes(100, 32), s) for s in (0.0, 0.15, 0.4)],
        [scenes(100, 32)[:n].repeat(32 // n, 1, 1, 1) for n in (32, 4, 1)],
    ],
    ids=["blur", "noise", "dropped modes"],
)
def test_worse_pictures_are_farther(worse: list[Tensor]) -> None:
    found = [random_kid(scenes(0, 32), fake, 0, 1)[0] for fake in worse]
    assert found[0] < found[1] < found[2]
