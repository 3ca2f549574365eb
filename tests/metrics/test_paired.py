"""PSNR, SSIM and the colour map against closed forms and sums written out."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.metrics.pictures import noisy, scenes, soft
from torch import Tensor

from memegan.metrics.paired import affine_colour, apply_colour, psnr, ssim

Measure = Callable[[Tensor, Tensor], Tensor]
Worse = Callable[[Tensor, float], Tensor]
SHADES = st.floats(0, 1)


def flat(shade: float, size_px: int = 16) -> Tensor:
    """One picture of a single gray, given in [0, 1]."""
    return torch.full((1, 3, size_px, size_px), 2 * shade - 1, dtype=torch.float64)


def gray(pixels: np.ndarray) -> Tensor:
    """A picture whose luma is `pixels`, given in [0, 1]."""
    return torch.from_numpy(2 * pixels - 1).expand(1, 3, *pixels.shape)


@given(SHADES, st.floats(-1, 1).filter(lambda d: abs(d) > 1e-3))
def test_a_constant_offset_of_d_gives_20_log10_of_1_over_d(shade: float, d: float) -> None:
    found = psnr(flat(shade) + 2 * d, flat(shade))
    assert float(found) == pytest.approx(20 * math.log10(1 / abs(d)), abs=1e-6)


def test_half_of_the_pixels_wrong_by_a_tenth_is_23_dot_01_db() -> None:
    """Mean squared error 0.005: 10 log10(1 / 0.005)."""
    wrong = flat(0.5)
    wrong[:, :, :, ::2] += 2 * 0.1
    assert float(psnr(wrong, flat(0.5))) == pytest.approx(23.0103, abs=1e-4)


def test_equal_pictures_have_100_db_and_a_similarity_of_1() -> None:
    photos = scenes(0, 3)
    assert psnr(photos, photos).tolist() == [100.0] * 3
    assert ssim(photos, photos).numpy() == pytest.approx(1, abs=1e-12)


@given(SHADES, SHADES)
def test_the_similarity_of_two_flat_grays_is_that_of_their_means(x: float, y: float) -> None:
    """Wang et al. 2004, eq. 6: without contrast eq. 13 is the luminance term alone."""
    expected = (2 * x * y + 1e-4) / (x * x + y * y + 1e-4)
    assert float(ssim(flat(x), flat(y))) == pytest.approx(expected, abs=1e-6)


def test_the_similarity_of_one_window_is_equation_13_summed_by_hand() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random((11, 11)), rng.random((11, 11))
    places = [(i - 5) ** 2 + (j - 5) ** 2 for i in range(11) for j in range(11)]
    bell = [math.exp(-place / (2 * 1.5**2)) for place in places]
    weights = [value / sum(bell) for value in bell]
    xs, ys = x.ravel().tolist(), y.ravel().tolist()

    def weighted(values: list[float]) -> float:
        return sum(w * v for w, v in zip(weights, values, strict=True))

    mx, my = weighted(xs), weighted(ys)
    vx, vy = weighted([(v - mx) ** 2 for v in xs]), weighted([(v - my) ** 2 for v in ys])
    cov = weighted([(v - mx) * (u - my) for v, u in zip(xs, ys, strict=True)])
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert float(ssim(gray(x), gray(y))) == pytest.approx(expected, abs=1e-9)


def test_a_negative_is_less_similar_than_nothing_at_all() -> None:
    photos = scenes(0, 4)
    assert (ssim(-photos, photos) < ssim(torch.zeros_like(photos), photos)).all()


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_the_order_of_two_pictures_does_not_matter(measure: Measure) -> None:
    photos, cartoons = scenes(0, 4), scenes(0, 4, "cartoon")
    assert measure(photos, cartoons).numpy() == pytest.approx(measure(cartoons, photos).numpy())


@pytest.mark.parametrize("measure", [psnr, ssim])
@pytest.mark.parametrize(("worse", "levels"), [(noisy, (0.05, 0.2, 0.6)), (soft, (0.6, 1.2, 3.0))])
def test_every_picture_scores_less_the_worse_it_is(
    measure: Measure, worse: Worse, levels: tuple[float, ...]
) -> None:
    photos = scenes(0, 6)
    found = [measure(worse(photos, level), photos) for level in levels]
    assert (found[0] > found[1]).all()
    assert (found[1] > found[2]).all()


MAP = torch.tensor([[0.5, 0.2, 0.0, 0.1], [-0.1, 0.6, 0.1, -0.2], [0.0, 0.3, 0.4, 0.05]])


def test_a_colour_map_is_found_again_from_pictures_that_it_made() -> None:
    photos = scenes(0, 4)
    assert affine_colour(photos, apply_colour(MAP, photos)).numpy() == pytest.approx(
        MAP.numpy(), abs=1e-4
    )


def test_a_colour_map_is_one_row_an_output_channel_and_stays_in_range() -> None:
    red = torch.tensor([1.0, -1.0, -1.0])[None, :, None, None].expand(1, 3, 2, 2)
    assert apply_colour(MAP, red)[0, :, 0, 0].tolist() == pytest.approx([0.4, -1.0, -0.65])


def test_no_colour_map_is_nearer_to_the_target_than_the_one_that_is_fitted() -> None:
    photos, cartoons = scenes(0, 6), scenes(0, 6, "cartoon")
    best = affine_colour(photos, cartoons)

    def error(matrix: Tensor) -> float:
        mapped = torch.einsum("oc,nchw->nohw", matrix[:, :3], photos) + matrix[:, 3, None, None]
        return float((mapped - cartoons).square().mean())

    rng = torch.Generator().manual_seed(0)
    others = [best + 0.02 * torch.randn(3, 4, generator=rng) for _ in range(20)]
    assert error(best) < min(map(error, others))
