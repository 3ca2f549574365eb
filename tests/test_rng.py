"""Random numbers are the published ones, and a pure function of where they are drawn."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memegan.rng import Numbers, derived_rng, derived_seed, philox

SEEN = st.integers(0, 2**40)
NAMES = st.text(max_size=8)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([2**32 - 1] * 4, 2**64 - 1, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            0x299F31D0_A4093822,
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_philox_gives_the_papers_vectors(counter: list[int], key: int, words: list[int]) -> None:
    """Salmon et al. 2011, the known answers that come with its code (philox 4x32, 10 rounds)."""
    c0, c1, c2, c3 = (torch.tensor([word]) for word in counter)
    assert [int(word) for word in philox((c0, c1, c2, c3), key)] == words


def plain_philox(counter: list[int], key: int) -> list[int]:
    """The paper's figure 1 in Python's own whole numbers."""
    (c0, c1, c2, c3), (k0, k1), low = counter, (key % 2**32, key >> 32), 2**32 - 1
    for _ in range(10):
        left, right = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = right >> 32 ^ c1 ^ k0, right & low, left >> 32 ^ c3 ^ k1, left & low
        k0, k1 = (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low
    return [c0, c1, c2, c3]


WORD = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(st.lists(st.tuples(*[WORD] * 4), min_size=1, max_size=9), st.integers(0, 2**64 - 1))
def test_philox_in_tensors_is_philox_in_whole_numbers(
    counters: list[tuple[int, int, int, int]], key: int
) -> None:
    c0, c1, c2, c3 = torch.tensor(counters).T
    found = torch.stack(philox((c0, c1, c2, c3), key)).T.tolist()
    assert found == [plain_philox(list(counter), key) for counter in counters]


def test_numbers_are_golden() -> None:
    """What a training saw once it sees for ever: a change here changes all results."""
    numbers = Numbers(7, 4000)
    uniform, normal = numbers.uniform("crop/a", 3).tolist(), numbers.normal("z", 3).tolist()
    assert uniform == pytest.approx([0.17164898, 0.92431360, 0.88446373], abs=1e-8)
    assert normal == pytest.approx([1.495407, 0.436449, -0.082703], abs=1e-6)
    assert derived_seed(7, "step", 4000) == 2511284283541702133


@settings(deadline=None)
@given(st.integers(0, 2**62), SEEN, NAMES, st.integers(0, 12), st.integers(1, 12))
def test_a_number_depends_on_its_place_alone_not_on_how_many_are_drawn_or_when(
    seed: int, seen: int, name: str, few: int, more: int
) -> None:
    numbers = Numbers(seed, seen)
    first = numbers.uniform(name, few)
    numbers.normal("something else", 5)
    torch.rand(3)
    assert torch.equal(Numbers(seed, seen).uniform(name, few + more)[:few], first)
    wide = numbers.normal(name, few, more)
    assert torch.equal(wide.flatten(), numbers.normal(name, few * more))


@settings(deadline=None)
@given(st.integers(0, 2**62), SEEN, NAMES)
def test_another_seed_name_or_place_is_another_stream(seed: int, seen: int, name: str) -> None:
    here = Numbers(seed, seen).uniform(name, 4)
    for other in (
        Numbers(seed + 1, seen).uniform(name, 4),
        Numbers(seed, seen + 1).uniform(name, 4),
        Numbers(seed, seen + 2**32).uniform(name, 4),
        Numbers(seed, seen).uniform(f"{name}.", 4),
    ):
        assert not torch.equal(here, other)


def test_drawing_leaves_torchs_own_state_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    Numbers(1, 2).normal("x", 100)
    derived_rng(1, "y")
    assert torch.equal(torch.get_rng_state(), before)


def test_uniform_numbers_are_uniform() -> None:
    x = Numbers(1, 0).uniform("x", 200_000)
    assert x.dtype == torch.float32
    assert 0 <= float(x.min()) < 1e-4
    assert 1 - 1e-4 < float(x.max()) < 1
    counts = torch.histc(x, 100, 0, 1)
    chi = float(((counts - 2000) ** 2 / 2000).sum())
    assert 55 < chi < 150  # 99 degrees of freedom: 99 +- 14
    assert torch.equal(x * 2**24, (x * 2**24).round())  # 24 bits, exact in float32


def test_normal_numbers_are_normal() -> None:
    x = Numbers(1, 0).normal("x", 200_000).double()
    moments = [float((x**n).mean()) for n in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.06)
    within = [float((x.abs() < n).double().mean()) for n in (1, 2, 3)]
    assert within == pytest.approx([math.erf(n / 2**0.5) for n in (1, 2, 3)], abs=0.004)
    assert bool(torch.isfinite(x).all())


def test_streams_of_neighbouring_steps_and_names_do_not_follow_each_other() -> None:
    streams = [Numbers(1, seen).normal(name, 20_000) for seen in (0, 1, 2) for name in "ab"]
    together = torch.corrcoef(torch.stack(streams))
    assert float((together - torch.eye(6)).abs().max()) < 0.03  # 4 deviations of 1 / sqrt(20,000)
    one = streams[0]
    assert abs(float(torch.corrcoef(torch.stack([one[:-1], one[1:]]))[0, 1])) < 0.03


def test_a_shape_of_nothing_and_a_single_number() -> None:
    assert Numbers(1, 0).uniform("x").shape == ()
    assert Numbers(1, 0).normal("x", 0, 3).shape == (0, 3)


@settings(deadline=None)
@given(st.integers(), st.lists(st.one_of(st.integers(), NAMES), max_size=3))
def test_a_derived_seed_is_one_that_torch_takes(seed: int, place: list[int | str]) -> None:
    found = derived_seed(seed, *place)
    assert 0 <= found < 2**63
    assert torch.Generator().manual_seed(found).initial_seed() == found
    assert found != derived_seed(seed + 1, *place)


def test_a_derived_generator_starts_at_its_place() -> None:
    orders = [torch.randperm(20, generator=derived_rng(7, "order", "a", n)) for n in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])
