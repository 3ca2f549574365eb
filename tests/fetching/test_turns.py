from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.fetching.hand import HandClock

from memegan.fetching.turns import Pace, Turns

EVERY_S = 0.25


@dataclass(frozen=True)
class Thing:
    host: str
    number: int


def taken(hosts: list[str], again: set[int], pause_s: float, hand: HandClock) -> list[Thing]:
    """Work off one thing after another; those in `again` are given back once. Return the takes."""
    turns = Turns[Thing](Pace(EVERY_S, hand.clock(), free=("free",)))
    for number, host in enumerate(hosts):
        turns.add(Thing(host, number))
    found, moments, left = list[Thing](), defaultdict[str, list[float]](list), set(again)
    while len(turns):
        thing = turns.take()
        assert thing is not None
        found.append(thing)
        moments[thing.host].append(hand.now_s)
        if thing.number in left:
            left.remove(thing.number)
            turns.again(thing, pause_s)
        else:
            turns.ended()
    for host, when in moments.items():
        gaps = [b - a for a, b in pairwise(when)]
        assert host == "free" or all(gap >= EVERY_S - 1e-9 for gap in gaps)
    return found


@given(
    st.lists(st.sampled_from(["a", "b", "free"]), max_size=12),
    st.sets(st.integers(0, 11)),
    st.floats(0, 5),
)
def test_nothing_is_lost_or_doubled_and_each_host_keeps_its_distance(
    hosts: list[str], again: set[int], pause_s: float
) -> None:
    found = taken(hosts, again, pause_s, HandClock())
    counts = [sum(thing.number == n for thing in found) for n in range(len(hosts))]
    assert counts == [1 + (n in again) for n in range(len(hosts))]


@given(st.lists(st.sampled_from(["a", "b"]), max_size=12))
def test_what_is_asked_once_comes_in_its_hosts_order(hosts: list[str]) -> None:
    found = taken(hosts, set(), 0, HandClock())
    for host in ("a", "b"):
        numbers = [thing.number for thing in found if thing.host == host]
        assert numbers == sorted(numbers)


def test_a_host_that_must_wait_holds_up_no_other() -> None:
    hand = HandClock()
    pace = Pace(EVERY_S, hand.clock())
    turns = Turns[Thing](pace)
    for number, host in enumerate("aaabb"):
        turns.add(Thing(host, number))
    pace.hold("a", 60)
    assert [getattr(turns.take(), "number", None) for _ in range(2)] == [3, 4]
    assert hand.now_s == EVERY_S
    assert getattr(turns.take(), "number", None) == 0
    assert hand.now_s == 60


def test_a_closed_queue_gives_nothing() -> None:
    turns = Turns[Thing](Pace(EVERY_S, HandClock().clock()))
    turns.add(Thing("a", 0))
    turns.close()
    assert turns.take() is None
