"""Yardsticks are what they are called: the same mean and spread, the same sum, a known ratio."""

import pytest
import torch
from tests.metrics.pictures import scenes

from memegan.metrics.references import blurred, nearest_ratio, pca_gaussian


def test_a_pca_gaussian_has_the_mean_and_the_covariance_of_its_pictures() -> None:
    rng = torch.Generator().manual_seed(0)
    mix = torch.randn(12, 12, generator=rng) * 0.03
    real = (torch.randn(40, 12, generator=rng) @ mix).reshape(40, 3, 2, 2)
    drawn = pca_gaussian(real, 20_000, 0).flatten(1)
    real = real.flatten(1)
    assert drawn.mean(0).numpy() == pytest.approx(real.mean(0).numpy(), abs=0.005)
    assert torch.cov(drawn.T).numpy() == pytest.approx(torch.cov(real.T).numpy(), abs=0.001)


def test_a_pca_gaussian_stays_in_the_span_of_its_pictures_and_in_range() -> None:
    photos = scenes(0, 4, size_px=16)
    drawn = pca_gaussian(photos * 0.1, 6, 0).flatten(1)
    assert int(torch.linalg.matrix_rank(drawn - drawn.mean(0), rtol=1e-4)) == 3
    assert float(pca_gaussian(photos * 5, 6, 0).abs().max()) == 1


def test_blur_keeps_flat_pictures_and_spreads_a_point_as_a_bell() -> None:
    flat = torch.full((1, 3, 16, 16), 0.3)
    assert blurred(flat).numpy() == pytest.approx(0.3, abs=1e-6)
    point = torch.zeros(1, 3, 33, 33)
    point[..., 16, 16] = 1
    spread = blurred(point, 2.0)[0, 0]
    places = torch.arange(33) - 16.0
    assert float(spread.sum()) == pytest.approx(1, abs=1e-5)
    assert float((spread.sum(0) * places.square()).sum()) == pytest.approx(4, rel=0.05)
    assert torch.allclose(spread, spread.T)


def test_repeated_training_pictures_have_a_ratio_of_0_and_new_ones_about_1() -> None:
    train, held_out, new = scenes(0, 60), scenes(100, 60), scenes(200, 60)
    assert nearest_ratio(train[:9], train, held_out).numpy() == pytest.approx(0, abs=1e-3)
    assert float(nearest_ratio(new, train, held_out).median()) == pytest.approx(1, abs=0.15)


def test_the_ratio_is_of_two_distances_that_are_known() -> None:
    fake, near, far = (torch.full((1, 3, 16, 16), shade) for shade in (0.0, 0.1, -0.4))
    assert float(nearest_ratio(fake, near, far)) == pytest.approx(0.25, abs=1e-6)


def test_both_sides_of_the_ratio_are_cut_to_the_same_number() -> None:
    """Else a larger training set were nearer by its number alone."""
    fake, far, near = (torch.full((1, 3, 16, 16), shade) for shade in (0.0, 0.5, 0.1))
    assert float(nearest_ratio(fake, torch.cat([far, near]), near)) == pytest.approx(5, abs=1e-4)
