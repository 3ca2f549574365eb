"""Averages and learning rates are closed forms of the images seen."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.trainer import EVERY, Params, data_of, made
from torch import Tensor, nn

from memegan.rng import Numbers
from memegan.training.ema import averages_of, follow, half_life_at, reestimate
from memegan.training.schedules import rate_factor
from memegan.variants.base import Schedule


def constant(value: float) -> nn.Sequential:
    """A network whose weights and statistics are all one number."""
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.fill_(value)
    return net


@pytest.mark.parametrize(("batch", "half_life"), [(1, 10), (4, 10), (32, 500), (7, 3)])
def test_after_a_half_life_half_of_the_old_is_left(batch: int, half_life: int) -> None:
    net = {"generator": constant(1)}
    averages = averages_of({"generator": constant(0)})
    steps = 20
    for _ in range(steps):
        follow(averages, net, batch, half_life)
    wanted = 1 - 0.5 ** (steps * batch / half_life)
    for name, value in averages["generator"].state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, torch.tensor(wanted), atol=1e-5), name
        else:
            assert int(value) == 1, name  # counters are copied


def test_a_half_life_of_0_copies() -> None:
    net, averages = {"g": constant(1)}, averages_of({"g": constant(0)})
    follow(averages, net, 1, 0)
    pairs = zip(averages["g"].state_dict().values(), net["g"].state_dict().values(), strict=True)
    assert all(torch.equal(old, new) for old, new in pairs)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**5), st.floats(0.001, 1))
def test_the_half_life_grows_with_the_images_up_to_its_own(
    seen: int, half_life: int, rampup: float
) -> None:
    assert half_life_at(seen, half_life, rampup) == min(half_life, rampup * seen)
    assert half_life_at(seen, half_life, 0) == half_life


def test_averages_are_copies_that_learn_nothing_and_run_as_in_use() -> None:
    net = constant(1)
    average = averages_of({"g": net})["g"]
    assert not average.training
    assert not any(p.requires_grad for p in average.parameters())
    with torch.no_grad():
        net.get_parameter("0.weight").fill_(5)
    assert float(average.state_dict()["0.weight"].max()) == 1
    assert net.training


def test_the_first_weights_are_forgotten_by_the_ramp() -> None:
    """With a ramp of 0.05 the first weights weigh less than 1e-5 after 1000 images of batch 2."""
    averages, kept = averages_of({"g": constant(1)}), {"g": constant(0)}
    for seen in range(0, 1000, 2):
        follow(averages, kept, 2, half_life_at(seen, 500, 0.05))
    assert float(averages["g"].state_dict()["0.weight"].abs().max()) < 1e-5
    slow = averages_of({"g": constant(1)})
    for _ in range(0, 1000, 2):
        follow(slow, kept, 2, 500)
    assert float(slow["g"].state_dict()["0.weight"][0, 0]) == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize("name", ["estimated", "hypergan", "sngan", "cut", "vaegan"])
def test_estimated_statistics_are_the_means_of_what_the_averages_see(name: str) -> None:
    """The first norm of each net, by hand; the weights stay as they are."""
    torch.set_num_threads(1)
    more: Params = {"network": {"width": 4, "blocks": 2, "norm": "batch"}} if name == "cut" else {}
    variant, run = made(name, {"ema_statistics": "estimated", **more})
    averages, images = averages_of(variant.nets()), data_of(run).train
    norms = {
        place: norm
        for place, net in averages.items()
        for norm in [next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d))]
    }
    seen: dict[str, list[Tensor]] = {place: [] for place in norms}

    def noted(place: str, x: Tensor) -> None:
        seen[place].append(x)

    hooks = [
        norm.register_forward_pre_hook(lambda _, x, place=place: noted(place, x[0]))
        for place, norm in norms.items()
    ]
    weights = {p: v.clone() for n in averages.values() for p, v in n.named_parameters()}
    reestimate(averages, variant, images, run)
    for hook in hooks:
        hook.remove()
    for place, norm in norms.items():
        batches = seen[place]
        assert len(batches) * run.batch_size >= 512
        means = torch.stack([x.mean((0, 2, 3)) for x in batches]).mean(0)
        spreads = torch.stack([x.transpose(0, 1).flatten(1).var(1) for x in batches]).mean(0)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert torch.allclose(norm.running_mean, means, atol=1e-5), place
        assert torch.allclose(norm.running_var, spreads, rtol=1e-4), place
        assert not norm.training
        assert norm.momentum == 0.1
    after = {p: v for n in averages.values() for p, v in n.named_parameters()}
    assert all(torch.equal(weights[p], v) for p, v in after.items())


@pytest.mark.parametrize("name", EVERY)
def test_every_variant_with_batch_norm_says_how_its_nets_are_used(name: str) -> None:
    """All norms have counted batches; a variant that does not say raises NotImplementedError."""
    torch.set_num_threads(1)
    variant, run = made(name, {"ema_statistics": "estimated"})
    averages = averages_of(variant.nets())
    reestimate(averages, variant, data_of(run).train, run)
    layers = [layer for net in averages.values() for layer in net.modules()]
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    batches = [int(norm.state_dict()["num_batches_tracked"]) for norm in norms]
    assert all(count * run.batch_size >= 512 for count in batches)
    assert norms or name in {"resnet", "cut", "superres", "r3gan", "pixelcnn"}


def test_averaged_statistics_are_left_alone() -> None:
    variant, run = made("estimated", {"ema_statistics": "averaged"})
    averages = averages_of(variant.nets())
    before = {k: v.clone() for n in averages.values() for k, v in n.state_dict().items()}
    reestimate(averages, variant, data_of(run).train, run)
    after = {k: v for n in averages.values() for k, v in n.state_dict().items()}
    assert all(torch.equal(before[k], v) for k, v in after.items())


@pytest.mark.parametrize(
    ("seen", "factor"), [(0, 1), (99, 1), (100, 1), (101, 0.99), (150, 0.5), (175, 0.25), (200, 0)]
)
def test_the_papers_rate_is_constant_for_half_then_falls_in_a_line(
    seen: int, factor: float
) -> None:
    """Zhu et al. 2017, section 4: 100 epochs, then 100 epochs down to zero."""
    assert rate_factor(Schedule(), seen, 200) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("kind", "decay_from", "seen", "factor"),
    [
        ("constant", 0.0, 1000, 1),
        ("linear", 0.0, 25, 0.75),
        ("linear", 1.0, 100, 1),
        ("cosine", 0.0, 0, 1),
        ("cosine", 0.0, 25, 0.5 + 0.5 * 2**-0.5),
        ("cosine", 0.0, 50, 0.5),
        ("cosine", 0.5, 75, 0.5),
        ("cosine", 0.0, 100, 0),
        ("linear", 0.5, 300, 0),
    ],
)
def test_golden_rates(kind: str, decay_from: float, seen: int, factor: float) -> None:
    schedule = Schedule.model_validate({"kind": kind, "decay_from": decay_from})
    assert rate_factor(schedule, seen, 100) == pytest.approx(factor, abs=1e-12)


def test_the_warm_up_rises_in_a_line_and_multiplies() -> None:
    schedule = Schedule(warmup_images=40, decay_from=0.1)
    factors = [rate_factor(schedule, seen, 100) for seen in (0, 10, 40, 55)]
    assert factors == pytest.approx([0, 0.25 * 1, 1 * (1 - 30 / 90), 0.5])


@settings(deadline=None)
@given(
    st.sampled_from(["constant", "linear", "cosine"]),
    *(st.floats(0, 1), st.integers(0, 50), st.integers(1, 1000)),
)
def test_without_warm_up_a_rate_never_rises_and_stays_in_0_to_1(
    kind: str, decay_from: float, step: int, total: int
) -> None:
    schedule = Schedule.model_validate({"kind": kind, "decay_from": decay_from})
    factors = [rate_factor(schedule, seen, total) for seen in range(0, total + 1, step + 1)]
    assert all(0 <= later <= earlier <= 1 for earlier, later in pairwise(factors))


def test_a_rate_of_0_moves_nothing_and_the_factor_is_what_moves() -> None:
    torch.set_num_threads(1)
    variant, run = made("hypergan", {"trainer": {"learning_rate": 1e-3}})
    batch = data_of(run).train.batch(0, 2, 1, run.crop_px, True)
    optimizers = variant.optimizers()
    for optimizer in optimizers.values():
        optimizer.param_groups[0]["lr"] = 0.0
    before = {name: p.detach().clone() for name, p in variant.named_parameters()}
    variant.step(batch, optimizers, Numbers(1, 0))
    assert all(torch.equal(p, before[name]) for name, p in variant.named_parameters())
