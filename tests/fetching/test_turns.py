import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.fetching.hand import HandClock

from memegan.fetching.turns import AT_ONCE, Pace, Turns

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
        if isinstance(thing, float):
            hand.clock().sleep(thing)
            continue
        turns.put_down(thing.host)
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
    assert [turns.take(), turns.take()] == [Thing("b", 3), EVERY_S]
    hand.now_s = EVERY_S
    assert turns.take() == Thing("b", 4)
    assert turns.take() == 60 - EVERY_S
    hand.now_s = 60
    assert turns.take() == Thing("a", 0)


def test_a_host_has_few_connections_at_once_and_one_without_a_pace_as_many_as_there_are() -> None:
    turns = Turns[Thing](Pace(0, HandClock().clock(), free=("free",)))
    for number in range(AT_ONCE + 1):
        turns.add(Thing("a", number))
        turns.add(Thing("free", number))
    taken = [turns.take() for _ in range(2 * AT_ONCE + 1)]
    assert [t.number for t in taken if isinstance(t, Thing) and t.host == "a"] == [*range(AT_ONCE)]
    assert turns.take() == math.inf
    turns.put_down("a")
    assert turns.take() == Thing("a", AT_ONCE)
