"""Losses of GANs: each is its paper's formula, and its optimum is the number that is known."""

import math
from collections.abc import Callable
from itertools import product
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from memegan.adversarial import (
    BASES,
    NAMES,
    RELATIVISTIC,
    Adversarial,
    Judged,
    Numbers,
    Relativistic,
    by_name,
)
from memegan.divergences import Divergence, divergences

Two = Callable[[Tensor, Tensor], Tensor]
P = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
Q = torch.tensor([0.4, 0.1, 0.25, 0.25], dtype=torch.float64)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def softplus(x: Tensor) -> Tensor:
    return torch.log1p(torch.exp(x))


def up(x: Tensor) -> Tensor:
    return softplus(-x)


def weigh(r: Tensor, f: Tensor) -> Tensor:
    return torch.exp(f) / torch.exp(f).mean()


FAR = torch.tensor([0.5, 0.25, 1.0, 2.0, 0.75], dtype=torch.float64)[:, None]
FORMULAS: dict[str, tuple[Two, Two]] = {  # written out from the papers: both sides
    "standard": (lambda r, f: (up(r) + softplus(f)).mean(), lambda r, f: up(f).mean()),
    "logistic": (lambda r, f: (up(r) + softplus(f)).mean(), lambda r, f: up(f).mean()),
    "minimax": (
        lambda r, f: -(torch.sigmoid(r).log() + (1 - torch.sigmoid(f)).log()).mean(),
        lambda r, f: (1 - torch.sigmoid(f)).log().mean(),
    ),
    "least_squares": (
        lambda r, f: ((r - 1) ** 2 + f**2).mean(),
        lambda r, f: ((f - 1) ** 2).mean(),
    ),
    "hinge": (
        lambda r, f: ((1 - r).clamp_min(0) + (1 + f).clamp_min(0)).mean(),
        lambda r, f: -f.mean(),
    ),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
    "wasserstein_kl": (
        lambda r, f: f.exp().mean().log() - r.mean(),
        lambda r, f: -(weigh(r, f) * f).mean(),
    ),
    "softmax": (
        lambda r, f: torch.cat([r, f]).exp().sum().log() - r.mean(),
        lambda r, f: torch.cat([r, f]).exp().sum().log() - torch.cat([r, f]).mean(),
    ),
    "qp": (
        lambda r, f: (-(r - f) + (r - f) ** 2 / (2 * 10 * FAR)).mean(),
        lambda r, f: (r - f).mean(),
    ),
}


def logits(count: int = 5, each: int = 1) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(3)
    real, fake = torch.randn(2, count, each, generator=draw, dtype=torch.float64)
    return real, fake


def test_every_name_has_a_test_of_its_formula() -> None:
    assert set(NAMES) == {*FORMULAS, *divergences(), "realness"}
    assert set(get_args(Relativistic)) == {"none", *RELATIVISTIC}


@pytest.mark.parametrize("name", FORMULAS)
def test_both_sides_pay_what_the_paper_says(name: str) -> None:
    real, fake = logits()
    loss, (judge, make) = by_name(name), FORMULAS[name]
    judged = Judged(real, fake, FAR[:, 0])
    assert float(loss.discriminator(judged)) == pytest.approx(float(judge(real, fake)), abs=1e-12)
    assert float(loss.generator(judged)) == pytest.approx(float(make(real, fake)), abs=1e-12)


@pytest.mark.parametrize("name", BASES)
def test_relativistic_losses_are_the_papers(name: str) -> None:
    """Jolicoeur-Martineau 2019, eq. 5-6 and 9-10; least squares with the targets 1 and -1."""
    one: dict[str, Callable[[Tensor], Tensor]] = {
        "standard": lambda x: -torch.sigmoid(x).log(),
        "logistic": lambda x: -torch.sigmoid(x).log(),
        "least_squares": lambda x: (x - 1) ** 2,
        "hinge": lambda x: (1 - x).clamp_min(0),
        "wasserstein": lambda x: -x,
    }
    (real, fake), f = logits(), one[name]
    pair = by_name(name, "paired")
    assert torch.allclose(pair.discriminator(Judged(real, fake)), f(real - fake).mean())
    assert torch.allclose(pair.generator(Judged(real, fake)), f(fake - real).mean())
    every = by_name(name, "all_pairs")
    wanted = torch.stack([f(a - b) for a in real for b in fake]).mean()
    assert torch.allclose(every.discriminator(Judged(real, fake)), wanted)
    wanted = torch.stack([f(b - a) for a in real for b in fake]).mean()
    assert torch.allclose(every.generator(Judged(real, fake)), wanted)
    mean = by_name(name, "average")
    wanted = f(real - fake.mean()).mean() + f(real.mean() - fake).mean()
    assert torch.allclose(mean.discriminator(Judged(real, fake)), wanted)
    wanted = f(fake - real.mean()).mean() + f(fake.mean() - real).mean()
    assert torch.allclose(mean.generator(Judged(real, fake)), wanted)


def test_the_pairing_of_r3gan_cares_for_differences_alone() -> None:
    real, fake = logits()
    loss = by_name("standard", "paired")
    moved = Judged(real + 5, fake + 5)
    assert torch.allclose(loss.discriminator(Judged(real, fake)), loss.discriminator(moved))


def test_all_pairs_estimate_what_pairs_do_and_vary_less() -> None:
    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(4000, 8, 1, generator=rng).double() + by for by in (0.5, -0.5))
    one, every = (
        torch.stack([pay(Judged(*batch)) for batch in zip(real, fake, strict=True)])
        for pay in (by_name("standard", k).discriminator for k in ("paired", "all_pairs"))
    )
    error = (one - every).std() / len(one) ** 0.5
    assert abs(float((one - every).mean())) < 4 * float(error)
    assert every.var() < one.var()


@given(st.floats(0, 0.9), st.floats(-5, 5))
def test_label_smoothing_is_cross_entropy_with_a_softer_label(share: float, logit: float) -> None:
    x = torch.tensor([[logit]], dtype=torch.float64)
    loss = by_name("standard", "none", Numbers(label_smoothing=share))
    wanted = (1 - share) * up(x) + share * softplus(x) + softplus(x)
    assert float(loss.discriminator(Judged(x, x))) == pytest.approx(float(wanted), abs=1e-9)


# Slopes ------------------------------------------------------------------------------------------

Pair = tuple[Tensor, Tensor]
N = 5
UP, DOWN = (
    torch.softmax(-2 * (torch.linspace(-1, 1, 10) - middle) ** 2, 0).double()
    for middle in (0.5, -0.5)
)
SLOPES: dict[str, tuple[Callable[[Tensor, Tensor], Pair], Callable[[Tensor, Tensor], Pair]]] = {
    "standard": (
        lambda r, f: (-torch.sigmoid(-r) / N, torch.sigmoid(f) / N),
        lambda r, f: (0 * r, -torch.sigmoid(-f) / N),
    ),
    "minimax": (
        lambda r, f: (-torch.sigmoid(-r) / N, torch.sigmoid(f) / N),
        lambda r, f: (0 * r, -torch.sigmoid(f) / N),
    ),
    "least_squares": (
        lambda r, f: (2 * (r - 1) / N, 2 * f / N),
        lambda r, f: (0 * r, 2 * (f - 1) / N),
    ),
    "hinge": (
        lambda r, f: (-(r < 1).double() / N, (f > -1).double() / N),
        lambda r, f: (0 * r, 0 * f - 1 / N),
    ),
    "wasserstein": (
        lambda r, f: (0 * r - 1 / N, 0 * f + 1 / N),
        lambda r, f: (0 * r, 0 * f - 1 / N),
    ),
    "wasserstein_kl": (  # the weights are held: their own slope is nowhere
        lambda r, f: (0 * r - 1 / N, f.exp() / f.exp().sum()),
        lambda r, f: (0 * r, -f.exp() / f.exp().sum()),
    ),
    "softmax": (
        lambda r, f: (
            r.exp() / (r.exp().sum() + f.exp().sum()) - 1 / N,
            f.exp() / (r.exp().sum() + f.exp().sum()),
        ),
        lambda r, f: (
            r.exp() / (r.exp().sum() + f.exp().sum()) - 1 / (2 * N),
            f.exp() / (r.exp().sum() + f.exp().sum()) - 1 / (2 * N),
        ),
    ),
    "qp": (
        lambda r, f: (((r - f) / (10 * FAR) - 1) / N, -((r - f) / (10 * FAR) - 1) / N),
        lambda r, f: (0 * r + 1 / N, 0 * f - 1 / N),
    ),
    "realness": (
        lambda r, f: ((torch.softmax(r, 1) - UP) / N, (torch.softmax(f, 1) - DOWN) / N),
        lambda r, f: (0 * r, (DOWN - UP).expand_as(f) / N),
    ),
}


def slopes_of(pay: Callable[[Judged], Tensor], real: Tensor, fake: Tensor) -> Pair:
    sides = real.clone().requires_grad_(), fake.clone().requires_grad_()
    found = torch.autograd.grad(pay(Judged(*sides, FAR[:, 0])), sides, allow_unused=True)
    of_real, of_fake = (0 * side if x is None else x for x, side in zip(found, sides, strict=True))
    return of_real.detach(), of_fake.detach()


def near(found: Pair, wanted: Pair) -> bool:
    return all(torch.allclose(a, b, atol=1e-7) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("name", SLOPES)
def test_the_slopes_of_both_sides_are_those_by_hand(name: str) -> None:
    loss, (judge, make) = by_name(name), SLOPES[name]
    real, fake = logits(N, loss.logits)
    assert near(slopes_of(loss.discriminator, real, fake), judge(real, fake))
    assert near(slopes_of(loss.generator, real, fake), make(real, fake))


@pytest.mark.parametrize("name", BASES)
def test_the_slopes_of_relativistic_losses_are_those_by_hand(name: str) -> None:
    one: dict[str, Callable[[Tensor], Tensor]] = {  # of what a real image alone costs
        "standard": lambda x: -torch.sigmoid(-x),
        "logistic": lambda x: -torch.sigmoid(-x),
        "least_squares": lambda x: 2 * (x - 1),
        "hinge": lambda x: -(x < 1).double(),
        "wasserstein": lambda x: 0 * x - 1,
    }
    d = one[name]

    def paired(up: Tensor, down: Tensor) -> Pair:
        return d(up - down) / N, -d(up - down) / N

    def all_pairs(up: Tensor, down: Tensor) -> Pair:
        each = d(up - down.T) / N**2
        return each.sum(1, keepdim=True), -each.sum(0)[:, None]

    def average(up: Tensor, down: Tensor) -> Pair:
        above, below = d(up - down.mean()) / N, d(up.mean() - down) / N
        return above + below.mean(), -below - above.mean()

    real, fake = logits(N)
    for kind in (paired, all_pairs, average):
        loss = by_name(name, kind.__name__)
        assert near(slopes_of(loss.discriminator, real, fake), kind(real, fake))
        assert near(slopes_of(loss.generator, real, fake), kind(fake, real)[::-1])


# Optima ------------------------------------------------------------------------------------------


def best(cost: Callable[[Tensor], Tensor], count: int, steps: int = 400) -> tuple[Tensor, float]:
    """Return the logits of least cost, and that cost."""
    x = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    mover = torch.optim.LBFGS(
        [x], max_iter=steps, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def closure() -> float:
        mover.zero_grad()
        value = cost(x)
        value.backward()  # type: ignore[no-untyped-call] # torch's own
        return float(value.detach())

    mover.step(closure)  # type: ignore[no-untyped-call] # torch's own
    return x.detach(), float(cost(x).detach())


def expected(loss: Adversarial, v: Tensor) -> Tensor:
    """Return the discriminator's cost where point k is real with P[k] and fake with Q[k].

    A batch in which each point lies as often as it is likely.
    """
    of_real, of_fake = (20 * P).round().long(), (20 * Q).round().long()
    real, fake = v.repeat_interleave(of_real), v.repeat_interleave(of_fake)
    return loss.discriminator(Judged(real[:, None], fake[:, None]))


@pytest.mark.parametrize("name", divergences())
def test_the_best_discriminator_of_an_f_gan_says_the_divergence(name: str) -> None:
    """Nowozin et al. 2016, eq. 4: -cost is D_f(P, Q) = sum q f(p / q), and T = f'(p / q)."""
    d: Divergence = divergences()[name]
    v, cost = best(lambda x: expected(by_name(name), x), 4)
    known = float((Q * d.f(P / Q)).sum())
    assert -cost == pytest.approx(known, abs=2e-5)
    ratio = (P / Q).requires_grad_()
    torch.autograd.backward(d.f(ratio).sum())
    assert ratio.grad is not None
    assert torch.allclose(d.activation(v), ratio.grad, atol=2e-3)


def test_the_divergences_are_the_textbook_ones() -> None:
    kl = float((P * (P / Q).log()).sum())
    reverse = float((Q * (Q / P).log()).sum())
    half = (P + Q) / 2
    js = float((P * (P / half).log() + Q * (Q / half).log()).sum())
    known = {
        **{
            "kl": kl,
            "reverse_kl": reverse,
            "jeffrey": kl + reverse,
            "js": js,
            "js_weighted": js / 2,
        },
        "gan": js - 2 * math.log(2),
        "pearson": float(((P - Q) ** 2 / Q).sum()),
        "neyman": float(((P - Q) ** 2 / P).sum()),
        "squared_hellinger": float(((P.sqrt() - Q.sqrt()) ** 2).sum()),
        "alpha": float(((P - Q) ** 2 / Q).sum()) / 2,
        "total_variation": float((P - Q).abs().sum()) / 2,
    }
    found = {name: float((Q * d.f(P / Q)).sum()) for name, d in divergences().items()}
    assert found == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize(("alpha", "weight"), [(0.5, 0.2), (-1.0, 0.7), (3.0, 0.9)])
def test_alpha_and_weight_have_their_optimum_too(alpha: float, weight: float) -> None:
    for name in ("alpha", "js_weighted"):
        loss = by_name(name, "none", Numbers(alpha=alpha, js_weight=weight))
        _, cost = best(lambda x, loss=loss: expected(loss, x), 4)  # type: ignore[misc] # bound now
        d = divergences(alpha, weight)[name]
        assert -cost == pytest.approx(float((Q * d.f(P / Q)).sum()), abs=1e-5)


@given(st.sampled_from(sorted(divergences())), st.floats(-2, 2), st.floats(0.05, 8))
def test_a_conjugate_is_never_below_its_tangents(name: str, logit: float, ratio: float) -> None:
    """Fenchel and Young: t u <= f(u) + f*(t), for every t that the activation can give."""
    d = divergences()[name]
    u = torch.tensor(ratio, dtype=torch.float64)
    t = d.activation(torch.tensor(logit, dtype=torch.float64))
    assert float(t * u) <= float(d.f(u) + d.conjugate(t)) + 1e-9


@pytest.mark.parametrize("name", divergences())
def test_the_gradient_of_a_conjugate_is_right(name: str) -> None:
    d = divergences()[name]
    logit = torch.linspace(-1.5, 1.5, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: d.conjugate(d.activation(v)), logit)


@pytest.mark.parametrize("name", divergences())
def test_what_a_fake_costs_is_the_conjugate_of_its_activation(name: str) -> None:
    d = divergences(weight=0.3)[name]
    v = torch.linspace(-5, 5, 41, dtype=torch.float64)
    assert torch.allclose(d.of_fake(v), d.conjugate(d.activation(v)), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["reverse_kl", "js", "js_weighted", "gan", "squared_hellinger"])
def test_a_fake_that_is_judged_surely_has_a_finite_cost(name: str, dtype: torch.dtype) -> None:
    v = torch.tensor([-30.0, 30.0], dtype=dtype, requires_grad=True)
    cost = divergences()[name].of_fake(v)
    (slope,) = torch.autograd.grad(cost.sum(), v)
    assert bool(torch.isfinite(cost).all() & torch.isfinite(slope).all())
    assert float(slope[1]) > 0.4  # as sure it is of a fake, as much it learns


def test_jeffreys_conjugate_is_finite_far_out() -> None:
    t = torch.tensor([-300.0, -20.0, 0.0, 20.0, 60.0], dtype=torch.float64)
    found = divergences()["jeffrey"].conjugate(t)
    assert bool(torch.isfinite(found).all())
    assert float(found[2]) == pytest.approx(0, abs=1e-12)  # u = 1: W(e) = 1


def test_the_best_standard_discriminator_knows_the_ratio() -> None:
    """Goodfellow et al. 2014, proposition 1 and theorem 1."""
    v, cost = best(lambda x: expected(by_name("standard"), x), 4)
    assert torch.allclose(torch.sigmoid(v), P / (P + Q), atol=1e-4)
    half = (P + Q) / 2
    js = float((P * (P / half).log() + Q * (Q / half).log()).sum())
    assert cost == pytest.approx(2 * math.log(2) - js, abs=1e-6)


def test_the_best_least_squares_discriminator_is_the_share_of_real() -> None:
    v, _ = best(lambda x: expected(by_name("least_squares"), x), 4)
    assert torch.allclose(v, P / (P + Q), atol=1e-6)


def test_hinge_pays_two_less_twice_the_total_variation() -> None:
    """Lim and Ye 2017, lemma: the best discriminator is the sign of p - q."""
    sure = torch.where(P > Q, 1.0, -1.0).double()
    cost = expected(by_name("hinge"), sure)
    assert float(cost) == pytest.approx(2 - float((P - Q).abs().sum()))
    for other in (0.5 * sure, 2 * sure, torch.zeros(4, dtype=torch.float64)):
        assert float(expected(by_name("hinge"), other)) >= float(cost)


def all_of_both(v: Tensor) -> Judged:
    """Each real point with each fake one, as often as the pair is likely."""
    real, fake = (v.repeat_interleave((20 * share).round().long()) for share in (P, Q))
    return Judged(real.repeat_interleave(20)[:, None], fake.repeat(20)[:, None])


@pytest.mark.parametrize("relativistic", ["paired", "all_pairs"])
def test_the_best_pairing_discriminator_knows_the_ratio_but_for_a_constant(
    relativistic: str,
) -> None:
    """A pair and its mirror image are p q' and p' q likely: what is paid is log 2 less their JS."""
    loss = by_name("standard", relativistic)
    is_paired = relativistic == "paired"
    v, cost = best(
        lambda x: loss.discriminator(all_of_both(x)) if is_paired else expected(loss, x), 4
    )
    ratio = (P / Q).log()
    assert torch.allclose(v - v.mean(), ratio - ratio.mean(), atol=1e-3)
    pair = P[:, None] * Q
    js = float((pair * (2 * pair / (pair + pair.T)).log()).sum())
    assert cost == pytest.approx(math.log(2) - js, abs=1e-6)


def test_the_best_averaging_discriminator_is_where_its_slope_is_0() -> None:
    """For each point: p (sigmoid(m_q - v) + b) = q (sigmoid(v - m_p) + a)."""
    v, _ = best(lambda x: expected(by_name("standard", "average"), x), 4)
    of_real, of_fake = torch.sigmoid((Q * v).sum() - v), torch.sigmoid(v - (P * v).sum())
    a, b = (P * of_real).sum(), (Q * of_fake).sum()
    assert torch.allclose((of_fake + a) / (of_real + b), P / Q, atol=1e-4)
    assert float(v[0]) == float(v.min())  # the least likely to be real


@pytest.mark.parametrize(
    ("relativistic", "times"), [("none", 1), ("paired", 1), ("all_pairs", 1), ("average", 2)]
)
def test_the_best_critic_of_slope_1_pays_the_wasserstein_distance(
    relativistic: str, times: int
) -> None:
    """Points 1, 0, 2, 3 in a row: the cost is linear, so some row of slopes +-1 is the best."""
    row, loss = torch.tensor([1, 0, 2, 3]), by_name("wasserstein", relativistic)
    costs = {}
    for slopes in product([-1.0, -0.5, 0.0, 1.0], repeat=3):
        v = torch.zeros(4, dtype=torch.float64)
        v[row[1:]] = torch.tensor(slopes, dtype=torch.float64).cumsum(0)
        costs[slopes] = float(expected(loss, v))
    distance = float((P[row].cumsum(0) - Q[row].cumsum(0)).abs().sum())
    assert distance == pytest.approx(0.1 + 0.2 + 0.15)
    assert min(costs.values()) == pytest.approx(-times * distance)
    assert min(costs, key=lambda slopes: costs[slopes]) == (-1.0, 1.0, 1.0)


def test_wasserstein_with_kl_finds_kl() -> None:
    v, cost = best(lambda x: expected(by_name("wasserstein_kl"), x), 4)
    assert -cost == pytest.approx(float((P * (P / Q).log()).sum()), abs=1e-6)
    assert torch.allclose(v - v.mean(), (P / Q).log() - (P / Q).log().mean(), atol=1e-3)


def test_a_softmax_discriminator_gives_real_images_all() -> None:
    loss = by_name("softmax")
    real, fake = torch.full((4, 1), 30.0), torch.full((4, 1), -30.0)
    assert float(loss.discriminator(Judged(real, fake))) == pytest.approx(math.log(4))
    same = torch.zeros(4, 1)
    assert float(loss.generator(Judged(same, same))) == pytest.approx(math.log(8))
    assert float(loss.generator(Judged(real, fake))) > math.log(8)


def test_qp_has_its_best_gap_at_lambda_times_the_distance() -> None:
    """Su 2018: -x + x^2 / (2 lambda d) is least, -lambda d / 2, at x = lambda d."""
    loss, far = by_name("qp", "none", Numbers(qp_strength=3.0)), torch.tensor([0.2, 0.6]).double()
    zero = torch.zeros(2, 1, dtype=torch.float64)
    v, cost = best(lambda x: loss.discriminator(Judged(x[:, None], zero, far)), 2)
    assert torch.allclose(v, 3 * far, atol=1e-6)
    assert cost == pytest.approx(float(-3 * far.mean() / 2))


def test_realness_is_least_at_its_anchors_and_is_a_kl() -> None:
    loss = by_name("realness", "none", Numbers(outcomes=6))
    assert loss.logits == 6
    at = torch.linspace(-1, 1, 6)
    real = torch.softmax(-2 * (at - 0.5) ** 2, 0).log()[None]
    fake = torch.softmax(-2 * (at + 0.5) ** 2, 0).log()[None]
    assert float(loss.discriminator(Judged(real, fake))) == pytest.approx(0, abs=1e-6)
    apart = float((real.exp() * (real - fake)).sum())
    assert float(loss.generator(Judged(real, fake))) == pytest.approx(apart, abs=1e-6)
    assert float(loss.generator(Judged(real, real))) == pytest.approx(-apart, abs=1e-6)
    other, _ = logits(3, 6)
    assert float(loss.discriminator(Judged(other, other))) > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_is_drawn_to_what_looks_real(name: str) -> None:
    """A small step down its loss raises the logits of fakes, or moves them to the real anchor."""
    loss = by_name(name)
    real, fake = (x.float() for x in logits(4, loss.logits))
    fake.requires_grad_()
    loss.generator(Judged(real, fake, torch.ones(4))).backward()  # type: ignore[no-untyped-call]
    assert fake.grad is not None
    push = -fake.grad
    if name == "realness":
        assert float((push @ torch.linspace(-1, 1, loss.logits)).min()) > 0
    elif name == "softmax":
        assert float((push * (fake.detach() - fake.detach().mean())).sum()) < 0  # to the same
    else:
        assert float(push.sum()) > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_a_finite_scalar_for_logits_far_out(name: str) -> None:
    loss = by_name(name)
    for size in (1e-3, 10.0):
        real, fake = (size * x.float() for x in logits(4, loss.logits))
        judged = Judged(real, fake, torch.ones(4))
        for value in (loss.discriminator(judged), loss.generator(judged)):
            assert value.shape == ()
            assert bool(torch.isfinite(value))


@pytest.mark.parametrize(
    ("name", "relativistic"),
    [
        *((name, "none") for name in NAMES),
        *(("standard", "paired"), ("logistic", "all_pairs"), ("hinge", "average")),
    ],
)
def test_ada_asks_nothing_that_the_loss_does_not_feel(name: str, relativistic: str) -> None:
    loss = by_name(name, relativistic)
    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(64, loss.logits, generator=rng).double() for _ in range(2))
    cost, moved = (
        loss.discriminator(Judged(real + by, fake + by, torch.ones(64))) for by in (0.0, 3.0)
    )
    sure, still = (loss.surely_real(Judged(real + by, fake + by)) for by in (0.0, 3.0))
    assert sure.shape == (64, 1)
    if torch.isclose(cost, moved):  # then no logit has a meaning, only their differences have
        assert torch.allclose(sure, still, atol=1e-5)
    towards = torch.linspace(-1, 1, loss.logits).double() if loss.logits > 1 else torch.ones(1)
    apart = Judged(real + 9 * towards, fake - 9 * towards)
    assert bool((loss.surely_real(apart) > 0).all())
    assert bool((loss.surely_real(Judged(apart.fake, apart.real)) < 0).all())


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_the_undecided_logit_of_a_divergence_is_that_of_equal_densities(alpha: float) -> None:
    """Nowozin et al. 2016, table 6: the threshold is T = f'(1)."""
    for name, d in divergences(alpha, 0.3).items():
        u = torch.ones((), dtype=torch.float64, requires_grad=True)
        if name != "total_variation":  # |u - 1| has no slope there
            (slope,) = torch.autograd.grad(d.f(u), u)
            at = d.activation(torch.tensor(d.undecided, dtype=torch.float64))
            assert float(at) == pytest.approx(float(slope), abs=1e-9), name


def test_the_undecided_logit_of_smoothed_labels_costs_least_at_equal_densities() -> None:
    loss, logits = by_name("standard", n=Numbers(label_smoothing=0.2)), torch.linspace(-2, 2, 4001)
    costs = [float(loss.discriminator(Judged(x[None, None], x[None, None]))) for x in logits]
    best = logits[costs.index(min(costs))]
    assert float(loss.surely_real(Judged(best, best))) == pytest.approx(0, abs=2e-3)
