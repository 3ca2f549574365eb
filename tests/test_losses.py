"""Losses against their formulas, worked out by hand or with other means."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from memegan.losses import (
    ADVERSARIAL,
    gradient_penalty,
    l1,
    lsgan_fake,
    lsgan_real,
    mixed,
    patch_nce,
    r1_penalty,
    relativistic,
)

LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=8)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator"),
    [  # of the logits (-2, 0, 3)
        (
            "standard",
            -math.log(sigmoid(-2) * 0.5 * sigmoid(3)) / 3,
            -math.log((1 - sigmoid(-2)) * 0.5 * (1 - sigmoid(3))) / 3,
            -math.log(sigmoid(-2) * 0.5 * sigmoid(3)) / 3,
        ),
        ("least_squares", (9 + 1 + 4) / 3, (4 + 0 + 9) / 3, (9 + 1 + 4) / 3),
        ("hinge", (3 + 1 + 0) / 3, (0 + 1 + 4) / 3, -1 / 3),
        ("wasserstein", -1 / 3, 1 / 3, -1 / 3),
    ],
)
def test_golden_losses(name: str, real: float, fake: float, generator: float) -> None:
    logits, loss = torch.tensor([-2.0, 0.0, 3.0]), ADVERSARIAL[name]
    found = [float(part(logits)) for part in (loss.real, loss.fake, loss.generator)]
    assert found == pytest.approx([real, fake, generator], rel=1e-6)


@settings(deadline=None)
@given(st.sampled_from(sorted(ADVERSARIAL)), LOGITS)
def test_a_loss_is_the_mean_whatever_the_shape(name: str, values: list[float]) -> None:
    logits = torch.tensor(values, dtype=torch.float64)
    for part in (ADVERSARIAL[name].real, ADVERSARIAL[name].fake, ADVERSARIAL[name].generator):
        each = sum(float(part(logit)) for logit in logits) / len(logits)
        for shaped in (logits, logits[:, None], logits[None, None, :, None]):
            assert part(shaped).shape == ()
            assert float(part(shaped)) == pytest.approx(each, abs=1e-9)


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_the_discriminator_parts_real_from_fake_and_the_generator_closes_up(name: str) -> None:
    loss, logits = ADVERSARIAL[name], torch.tensor([0.3], requires_grad=True)

    def slope(value: Tensor) -> float:
        (gradient,) = torch.autograd.grad(value, logits)
        return float(gradient)

    assert slope(loss.real(logits)) < 0 < slope(loss.fake(logits))
    assert slope(loss.generator(logits)) < 0


@pytest.mark.parametrize("logit", [-1e4, -100.0, 100.0, 1e4])
@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_large_logits_stay_finite_with_their_slopes(name: str, logit: float) -> None:
    for part in (ADVERSARIAL[name].real, ADVERSARIAL[name].fake, ADVERSARIAL[name].generator):
        x = torch.tensor([logit], requires_grad=True)
        (slope,) = torch.autograd.grad(part(x), x)
        assert math.isfinite(float(part(x.detach())))
        assert math.isfinite(float(slope))


def test_the_best_discriminator_of_the_standard_loss_pays_2_log_2_where_all_is_alike() -> None:
    """Goodfellow et al. 2014, theorem 1: D = 1/2, the value is -log 4."""
    zero, loss = torch.zeros(5), ADVERSARIAL["standard"]
    assert float(loss.real(zero) + loss.fake(zero)) == pytest.approx(math.log(4))


def test_the_best_discriminator_of_least_squares_is_the_share_of_the_real() -> None:
    """Mao et al. 2017, eq. 5 with a = 0, b = 1."""
    logit, share = torch.tensor(0.3, requires_grad=True), 0.3
    (slope,) = torch.autograd.grad(
        share * lsgan_real(logit) + (1 - share) * lsgan_fake(logit), logit
    )
    assert float(slope) == pytest.approx(0, abs=1e-7)


def test_r1_of_a_linear_discriminator_is_half_the_squared_norm_of_its_weights() -> None:
    weights = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(1))
    images = torch.rand(4, 3, 8, 8, requires_grad=True)
    logits = (images * weights).sum((1, 2, 3)).reshape(4, 1) + 5
    wanted = float(weights.square().sum() / 2)
    assert float(r1_penalty(images, logits).detach()) == pytest.approx(wanted, rel=1e-5)


def test_r1_of_a_square_is_twice_the_images_squared_norm() -> None:
    """D(x) = |x|^2 has the gradient 2 x, so that the penalty is the mean of 2 |x|^2."""
    images = torch.rand(4, 3, 5, 5, requires_grad=True)
    penalty = r1_penalty(images, images.square().sum((1, 2, 3)))
    wanted = 2 * images.detach().square().sum((1, 2, 3)).mean()
    assert float(penalty.detach()) == pytest.approx(float(wanted), rel=1e-5)


def test_r1_teaches_the_discriminator() -> None:
    weight = torch.tensor([2.0], requires_grad=True)
    images = torch.ones(2, 1, 3, 3, requires_grad=True)
    penalty = r1_penalty(images, (weight * images).sum((1, 2, 3)))
    (slope,) = torch.autograd.grad(penalty, weight)
    assert float(penalty.detach()) == 0.5 * 9 * 4  # nine pixels, each with the gradient 2
    assert slope.tolist() == [9 * 2]


def test_relativistic_by_hand() -> None:
    """Upper (2, 0), lower (-1, 1): each against the mean of the others, 0 and 1."""
    upper, lower = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 1.0])
    above = -(math.log(sigmoid(2)) + math.log(sigmoid(0))) / 2
    below = -(math.log(1 - sigmoid(-2)) + math.log(1 - sigmoid(0))) / 2
    assert float(relativistic(upper, lower)) == pytest.approx((above + below) / 2, rel=1e-6)
    alike = torch.zeros(3)
    assert float(relativistic(alike, alike)) == pytest.approx(math.log(2))


def test_points_between_real_and_fake_lie_where_the_share_says() -> None:
    real, fake = torch.ones(2, 3, 2, 2, requires_grad=True), torch.zeros(2, 3, 2, 2)
    points = mixed(real, fake, torch.tensor([0.25, 1.0]).reshape(2, 1, 1, 1))
    assert points.is_leaf
    assert points.requires_grad
    assert points.mean((1, 2, 3)).tolist() == [0.25, 1]


def test_the_gradient_penalty_of_a_linear_critic_is_of_the_norm_of_its_weights() -> None:
    """|w| = 5, so that (5 - 1)^2; a map of the same logit says no more than one."""
    images = torch.rand(4, 1, 1, 2, dtype=torch.float64, requires_grad=True)
    logit = (images * torch.tensor([3.0, 4.0])).sum((1, 2, 3)) - 2
    for logits in (logit, logit[:, None, None, None].expand(4, 1, 6, 6)):
        assert float(gradient_penalty(images, logits).detach()) == pytest.approx(16, rel=1e-9)


def test_the_gradient_penalty_of_a_critic_that_says_nothing_is_1_and_has_a_slope() -> None:
    weight = torch.zeros(1, requires_grad=True)
    images = torch.ones(2, 1, 2, 2, requires_grad=True)
    penalty = gradient_penalty(images, (weight * images).sum((1, 2, 3)))
    (slope,) = torch.autograd.grad(penalty, weight)
    assert float(penalty.detach()) == pytest.approx(1, abs=1e-5)
    assert bool(torch.isfinite(slope).all())


def test_the_gradients_of_the_penalties_are_their_finite_differences() -> None:
    weight = torch.rand(4, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    images = torch.rand(3, 2, 5, 5, dtype=torch.float64, requires_grad=True)

    def judged(w: Tensor) -> Tensor:
        return torch.tanh(functional.conv2d(images, w))

    assert torch.autograd.gradcheck(lambda w: gradient_penalty(images, judged(w)), weight)
    assert torch.autograd.gradcheck(lambda w: r1_penalty(images, judged(w)), weight)


def test_patch_nce_of_patches_that_are_all_alike_is_the_log_of_their_number() -> None:
    alike = torch.ones(3, 8, 2) / math.sqrt(2)
    assert float(patch_nce(alike, alike, 0.07)) == pytest.approx(math.log(8), rel=1e-6)


def test_patch_nce_by_hand() -> None:
    """Two patches: the first finds itself, the second stands between both."""
    keys = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    queries = torch.tensor([[[1.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)]]])
    first = -math.log(math.exp(1 / 0.5) / (math.exp(1 / 0.5) + 1))
    wanted = (first + math.log(2)) / 2
    assert float(patch_nce(queries, keys, 0.5)) == pytest.approx(wanted, rel=1e-6)


def test_patches_of_other_images_are_no_negatives() -> None:
    draw = torch.Generator().manual_seed(1)
    q, k = (functional.normalize(torch.randn(3, 5, 4, generator=draw), dim=2) for _ in "qk")
    each = [float(patch_nce(q[n : n + 1], k[n : n + 1], 0.1)) for n in range(3)]
    assert float(patch_nce(q, k, 0.1)) == pytest.approx(sum(each) / 3, rel=1e-6)


def test_the_gradient_of_patch_nce_is_its_finite_difference() -> None:
    draw = torch.Generator().manual_seed(1)
    q, k = (torch.randn(2, 4, 3, generator=draw, dtype=torch.float64) for _ in "qk")
    assert torch.autograd.gradcheck(
        lambda x, y: patch_nce(x, y, 0.07), (q.requires_grad_(), k.requires_grad_())
    )


def test_l1_is_the_mean_of_differences() -> None:
    assert float(l1(torch.tensor([1.0, -1, 3]), torch.tensor([0.0, 1, 3]))) == 1
    x, y = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    assert float(l1(x, y)) == float(l1(y, x)) > 0
    assert float(l1(x, x)) == 0
