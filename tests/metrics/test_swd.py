"""The sliced distance: a true distance at each scale, and each scale sees its own faults."""

import pytest
import torch
from tests.metrics.pictures import noisy, scenes, soft
from torch import Tensor

from memegan.metrics.swd import sliced_wasserstein

SIDES = [64, 32, 16]


def distances(real: Tensor, fake: Tensor, seed: int = 0) -> list[float]:
    """The distance at 64, 32 and 16 px."""
    value = sliced_wasserstein(real, fake, seed, 1).value
    assert list(value) == SIDES
    return list(value.values())


def test_equal_sets_are_at_distance_0_on_every_level_in_any_order_and_number() -> None:
    photos = scenes(0, 12)
    turned = photos[torch.randperm(12, generator=torch.Generator().manual_seed(1))]
    twice = torch.cat([photos, turned])
    for other in (photos, turned, twice):
        assert distances(photos, other) == pytest.approx([0, 0, 0], abs=1e-5)


def test_the_order_of_either_set_does_not_matter() -> None:
    real, fake = scenes(0, 12), scenes(100, 12)
    expected = distances(real, fake)
    assert distances(real.flip(0), fake) == pytest.approx(expected, rel=1e-4)
    assert distances(real, fake.flip(0)) == pytest.approx(expected, rel=1e-4)
    assert min(expected) > 0.01


def test_a_shift_of_colour_is_a_distance_of_its_own_size_and_seen_on_the_last_level_alone() -> None:
    """A distribution moved by d is at distance d in one dimension, so twice as far by 2 d."""
    photos = scenes(0, 12)
    once, twice = (distances(photos, photos + d) for d in (0.1, 0.2))
    assert once[:2] == pytest.approx([0, 0], abs=1e-4)
    assert twice[2] == pytest.approx(2 * once[2], rel=1e-3)
    assert once[2] > 0.05


def test_flat_grays_a_deviation_apart_are_as_far_as_a_random_direction_sums_to() -> None:
    """A unit vector of n numbers sums to a normal number of deviation 1: sqrt(2 / pi) on average.

    64 directions leave 0.6 / 8 of noise to that.
    """
    grays = torch.linspace(-0.5, 0.5, 8)[:, None, None, None].expand(8, 3, 16, 16)
    moved = grays + grays[:, 0, 0, 0].std()
    found = [sliced_wasserstein(grays, moved, seed, 1).mean for seed in range(10)]
    assert sum(found) / 10 == pytest.approx((2 / torch.pi) ** 0.5, abs=0.08)


def test_small_pictures_have_one_level_and_the_mean_is_over_levels() -> None:
    real, fake = scenes(0, 6, size_px=16), scenes(100, 6, size_px=16)
    small = sliced_wasserstein(real, fake, 0, 1)
    assert list(small.value) == [16]
    large = sliced_wasserstein(scenes(0, 6), scenes(100, 6), 0, 1)
    assert large.mean == pytest.approx(sum(large.value.values()) / 3)


@pytest.mark.parametrize("seed", [0, 1])
def test_blur_is_farther_the_stronger_it_is_and_the_finest_level_sees_it_first(seed: int) -> None:
    real, fake = scenes(0, 24), scenes(100, 24)
    none, little, more, most = (distances(real, soft(fake, s), seed) for s in (0, 0.6, 1.2, 3.0))
    for level in (0, 1):
        assert none[level] < little[level] < more[level] < most[level]
    assert little[0] > 3 * none[0]
    assert little[2] == pytest.approx(none[2], rel=0.1)


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_is_farther_the_stronger_it_is_and_spares_the_last_level(seed: int) -> None:
    real, fake = scenes(0, 24), scenes(100, 24)
    none, little, more, most = (distances(real, noisy(fake, s), seed) for s in (0, 0.05, 0.2, 0.6))
    assert none[0] < little[0] < more[0] < most[0]
    assert none[1] < more[1] < most[1]
    assert little[2] == pytest.approx(none[2], rel=0.1)


def test_a_wrong_colour_is_farther_the_stronger_it_is() -> None:
    real, fake = scenes(0, 24), scenes(100, 24)
    found = [distances(real, fake + d)[2] for d in (0.0, 0.2, 0.4, 0.8)]
    assert found == sorted(found)
    assert found[3] > 3 * found[0]


def test_a_seed_gives_the_same_numbers_and_another_nearly_so() -> None:
    real, fake = scenes(0, 24), scenes(100, 24, "cartoon")
    one, again = (sliced_wasserstein(real, fake, 3, 20) for _ in range(2))
    other = sliced_wasserstein(real, fake, 4, 20)
    assert one.value == again.value
    assert torch.equal(one.resampled_mean, again.resampled_mean)
    assert one.resampled_mean.shape == (20,)
    assert other.value != one.value
    assert other.mean == pytest.approx(one.mean, rel=0.1)


def test_resamples_of_fewer_pictures_lie_farther_apart() -> None:
    def spread(count: int) -> float:
        found = sliced_wasserstein(scenes(0, count), scenes(100, count), 0, 100)
        return float(found.resampled_mean.std())

    assert spread(6) > 1.5 * spread(48)
