"""The measures under dedup: hashes, views, where two pictures differ, what hangs together."""

import itertools
import threading
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.images.pictures import captioned, drawn

from memegan.images.decided import Decided
from memegan.images.features import (
    CHROMA_PX,
    THUMB_PX,
    Small,
    fine_copy,
    inner_box,
    phash,
    shown_share,
    small_copies,
    thumbnail,
)
from memegan.images.judge import Seen, glance, level_of
from memegan.images.near import NOTHING_DECIDED, Groups, Near, find_near
from memegan.images.ordered import ordered_map
from memegan.images.params import DedupParams
from memegan.images.same import aligned, difference, half, placed, twice
from memegan.images.shelf import Shelf
from memegan.images.views import CUTS, SCALE, laid, laid_description, proposals, views

IDENTITY = placed(CUTS[0])
GRAY = np.full((2, CHROMA_PX, CHROMA_PX), 128, np.uint8)


def test_a_hash_holds_the_signs_of_the_low_frequencies() -> None:
    """Zauner 2010, section 3.2.1, with the sum over cosines written out."""
    gray = thumbnail(drawn(1))[:, :, None].repeat(3, 2)[..., 0]
    small = gray.reshape(32, 4, 32, 4).mean((1, 3)).round()
    waves = np.cos(np.arange(8)[:, None] * (2 * np.arange(32) + 1) * np.pi / 64)
    waves[0] /= np.sqrt(2)
    low = (waves @ small @ waves.T).ravel()
    bits = "".join("1" if value > np.median(low[1:]) else "0" for value in low)
    assert (phash(gray) ^ int(bits, 2)).bit_count() <= 1  # one coefficient lies at the median


@given(st.integers(0, 50), st.integers(-20, 20))
def test_a_hash_does_not_see_brightness(seed: int, more: int) -> None:
    gray = thumbnail(drawn(seed)).clip(30, 220)
    shifted = (gray.astype(int) + more).astype(np.uint8)
    assert (phash(gray) ^ phash(shifted)).bit_count() <= 2


def test_a_frame_of_one_colour_is_seen_and_what_lies_in_it_is_the_picture() -> None:
    inside = drawn(3, 200, 150)
    framed = cv2.copyMakeBorder(inside, 60, 40, 20, 30, cv2.BORDER_CONSTANT, value=(9, 9, 9))
    box = inner_box(cv2.cvtColor(framed, cv2.COLOR_RGB2GRAY))
    assert box == (20, 60, 220, 210)
    assert inner_box(cv2.cvtColor(inside, cv2.COLOR_RGB2GRAY)) is None
    small = small_copies(framed)
    assert small.inner is not None
    assert np.abs(small.inner.astype(int) - thumbnail(inside)).max() <= 1
    assert small.inner_share == pytest.approx(200 * 150 / (250 * 250))


def test_the_text_of_a_frame_is_told_from_an_empty_frame() -> None:
    inside = drawn(3, 200, 150)
    framed = cv2.copyMakeBorder(inside, 80, 40, 0, 0, cv2.BORDER_CONSTANT, value=(255,) * 3)
    written = framed.copy()
    cv2.putText(written, "WHEN THE", (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 3)
    assert small_copies(framed).frame_text < 0.02
    assert small_copies(written).frame_text > 0.5


@given(st.integers(0, 255), st.integers(0, 40))
def test_what_is_shown_is_what_is_not_of_the_corners_colour(level: int, side: int) -> None:
    thumb = np.full((THUMB_PX, THUMB_PX), level, np.uint8)
    thumb[10 : 10 + side, 10 : 10 + side] = (level + 128) % 256
    assert shown_share(thumb) == pytest.approx((side / THUMB_PX) ** 2)


@given(st.integers(0, 50), st.integers(0, 7))
def test_frequencies_of_a_picture_laid_down_follow_from_those_of_the_picture(
    seed: int, way: int
) -> None:
    thumb = thumbnail(drawn(seed))
    whole = views(thumb, None)[:1].astype(int)
    turned = views(laid(thumb, way), None)[:1].astype(int)
    assert np.abs(laid_description(whole, way) - turned).max() <= 1
    assert np.sqrt((whole**2).sum()) == pytest.approx(SCALE, rel=0.01)


def test_a_picture_without_anything_on_it_is_like_none() -> None:
    empty = np.full((THUMB_PX, THUMB_PX), 77, np.uint8)
    assert not views(empty, None).any()
    assert list(proposals([views(empty, None)] * 2, 0.1, 8)) == [[], []]


def test_matches_are_those_of_a_plain_search() -> None:
    """All views against whole ones, whole ones in all ways, with the best of each pair."""
    pictures = [drawn(seed // 2, 160, 120) for seed in range(6)]
    pictures[1], pictures[3] = pictures[1][:, ::-1], np.rot90(pictures[3])
    described = [views(thumbnail(np.ascontiguousarray(one)), None) for one in pictures]
    plain: dict[tuple[int, int], float] = {}
    for i, j in itertools.permutations(range(6), 2):
        ways = [laid_description(described[i][:1], way)[0].astype(float) for way in range(8)]
        cuts = described[j].astype(float)
        best = max(float(dot) for dot in (*(ways[0] @ cuts.T), *(way @ cuts[0] for way in ways)))
        pair = (max(i, j), min(i, j))
        plain[pair] = max(plain.get(pair, 0), best / SCALE**2)
    every = itertools.chain(*proposals(described, 0.4, 8))
    found = {(max(m.whole, m.part), min(m.whole, m.part)): m.alike for m in every}
    assert found == pytest.approx({pair: a for pair, a in plain.items() if a >= 0.4})
    assert {(1, 0), (3, 2), (5, 4)} <= set(found)


def test_what_is_proposed_depends_on_no_block_and_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [drawn(seed // 3, 160, 120) for seed in range(12)]
    described = [views(thumbnail(one[: 110 + n, n:]), None) for n, one in enumerate(pictures)]
    every = list(proposals(described, 0.4, 8))
    for name, size in (("_PICTURES", 5), ("_ROWS", 3), ("_TILE", 7)):
        monkeypatch.setattr(f"memegan.images.views.{name}", size)
    assert list(proposals(described, 0.4, 8)) == every
    assert list(proposals(described, 0.4, 8, workers=3)) == every
    assert list(proposals(described, 0.4, 8, start=7)) == every[7:]
    assert all(max(m.whole, m.part) == n for n, some in enumerate(every) for m in some)


@given(st.integers(0, 50), st.floats(0.7, 1.4), st.floats(-20, 20))
def test_gain_and_bias_are_no_difference(seed: int, gain: float, bias: float) -> None:
    thumb = (thumbnail(drawn(seed)) // 2 + 50).astype(np.uint8)
    other = (thumb * gain + bias).round().clip(0, 255).astype(np.uint8)
    found = difference(thumb, other, IDENTITY)
    assert (found.line < 0.01, found.share) == (True, 0)


def test_letters_differ_by_about_one_and_noise_and_a_light_leak_do_not() -> None:
    first, other = (thumbnail(captioned(drawn(2, 320, 240), t)) for t in ("WORD ONE", "IT IS A"))
    assert difference(first, other, IDENTITY).line > 0.3
    noise = np.random.default_rng(1).normal(0, 8, first.shape)
    leak = np.linspace(0, 60, THUMB_PX)[None, :]
    changed = (first * 0.7 + noise + leak).clip(0, 255).astype(np.uint8)
    assert difference((first * 0.7).astype(np.uint8), changed, IDENTITY).line < 0.1


def test_a_cut_picture_is_laid_where_it_was_cut_from() -> None:
    picture = drawn(5, 400, 400)
    whole, part = thumbnail(picture), thumbnail(picture[30:390, 20:380])
    warp = aligned(part, whole, placed(CUTS[1]), placed(CUTS[1]))
    assert warp is not None
    scale = 0.9
    shift = np.array([20, 30]) * THUMB_PX / 400 + 0.5 * scale - 0.5
    assert warp == pytest.approx(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), abs=0.15)
    assert difference(part, whole, warp).line < 0.05 < difference(part, whole, IDENTITY).line
    fine = [fine_copy(one, inner=False) for one in (picture[30:390, 20:380], picture)]
    assert fine[0] is not None
    assert fine[1] is not None
    assert difference(fine[0], fine[1], twice(warp)).line < 0.1


def test_alignments_one_after_another_bend_a_picture_no_further_than_one() -> None:
    """Two steps to .8 of its size, each within the limit: a thing of another shape, not a copy."""
    picture = drawn(5, 400, 400)
    whole, part = thumbnail(picture), thumbnail(picture[40:360, 40:360])
    halfway = placed((0.06, 0.06, 0.88))
    assert aligned(part, whole, halfway, halfway) == pytest.approx(placed((0.1, 0.1, 0.8)), abs=0.3)
    assert aligned(part, whole, halfway, IDENTITY) is None


def test_a_picture_of_few_pixels_has_no_fine_copy() -> None:
    assert fine_copy(drawn(1, 300, 210), inner=False) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_groups_are_named_by_their_smallest(pairs: list[tuple[int, int]]) -> None:
    groups, plain = Groups(), {n: {n} for n in range(31)}
    for a, b in pairs:
        assert groups.join(a, b) == (b not in plain[a])
        both = plain[a] | plain[b]
        plain.update(dict.fromkeys(both, both))
    assert [groups.of(n) for n in range(31)] == [min(plain[n]) for n in range(31)]


def near(thumbs: Sequence[np.ndarray], decided: Decided = NOTHING_DECIDED, **p: object) -> Near:
    with Shelf() as shelf:
        for thumb in thumbs:
            shelf.add(Small(thumb, GRAY, None, None, 0.0, 1.0, 50.0))
        return find_near(Seen(shelf), DedupParams.model_validate(p), 1, decided)


def lines(near: Near) -> Iterator[tuple[int, int, str]]:
    return ((tie.later, tie.earlier, tie.level) for tie in near.ties)


def chained() -> list[np.ndarray]:
    """Pictures of which each differs in a line from the one before."""
    chain = [thumbnail(drawn(2))]
    for n in range(3):
        thumb = chain[-1].copy()
        thumb[8 + 38 * n : 22 + 38 * n, 20:76] ^= 0x80
        chain.append(thumb)
    return chain


def test_a_chain_of_templates_hangs_together_with_its_oldest() -> None:
    found = near(chained(), template_share=0.15, alike=0.5)
    assert found.oldest == [0, 0, 0, 0]
    assert list(lines(found)) == [(1, 0, "template"), (2, 1, "template"), (3, 2, "template")]


def test_a_dropped_picture_speaks_for_no_other() -> None:
    """The second is the first's copy; the third is compared with the first, never with it."""
    base = thumbnail(drawn(3))
    assert list(lines(near([base, base, base]))) == [(1, 0, "same"), (2, 0, "same")]


def test_what_people_decided_weighs_more_than_what_is_measured() -> None:
    base, other = thumbnail(drawn(3)), thumbnail(drawn(44))
    thumbs = [base, base, other]
    assert list(lines(near(thumbs))) == [(1, 0, "same")]
    assert list(lines(near(thumbs, Decided(apart=frozenset({(0, 1)}))))) == []
    told = Decided(template=frozenset({(0, 1)}), same=frozenset({(1, 2)}))
    assert list(lines(near(thumbs, told))) == [(1, 0, "template"), (2, 1, "same")]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 30))
def test_thumbnails_come_back_from_the_shelf_as_they_were_put(seed: int) -> None:
    inside = drawn(seed, 200, 150)
    framed = cv2.copyMakeBorder(inside, 60, 40, 20, 30, cv2.BORDER_CONSTANT, value=(9, 9, 9))
    smalls = [small_copies(one) for one in (inside, framed)]
    with Shelf() as shelf:
        for small in smalls:
            shelf.add(small)
        for n, small in enumerate(smalls):
            assert np.array_equal(shelf.thumb(n, inner=False), small.thumb)
            inner = small.thumb if small.inner is None else small.inner
            assert np.array_equal(shelf.thumb(n, inner=True), inner)
            colours = small.chroma if small.inner_chroma is None else small.inner_chroma
            assert np.array_equal(shelf.chroma(n, inner=True), colours)
            assert np.array_equal(shelf.chroma(n, inner=False), small.chroma)


@given(st.lists(st.integers(), max_size=60), st.integers(0, 6))
def test_a_map_gives_its_results_in_the_order_of_the_items(items: list[int], workers: int) -> None:
    assert list(ordered_map(lambda n: n * n, items, workers)) == [n * n for n in items]


def test_a_map_takes_few_items_ahead_of_what_is_asked_for() -> None:
    taken = itertools.count()
    results = ordered_map(lambda n: n, iter(lambda: next(taken), None), 2)
    assert [next(results) for _ in range(5)] == list(range(5))
    assert next(taken) <= 5 + 4 * 2


def test_a_failure_in_a_thread_reaches_the_caller_and_the_others_end() -> None:
    before = threading.active_count()
    results = ordered_map(lambda n: 1 // (3 - n), range(100), 3)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


def test_two_scenes_of_one_make_up_are_no_copies_of_each_other() -> None:
    """Low contrast and soft hills: line by line they hardly differ, all in all they do."""
    rows = np.linspace(90, 140, 128, dtype=np.float32)[:, None]
    waves = np.sin(np.linspace(0, 6, 128, dtype=np.float32))[None]
    one, other = (rows + 14 * sign * waves * (rows > 110) for sign in (1, -1))
    found = difference(one.astype(np.uint8), other.astype(np.uint8), placed(CUTS[0]))
    assert found.line < DedupParams().same_line
    assert found.likeness < DedupParams().same_likeness
    assert level_of(found, DedupParams()) != "same"


def test_a_glance_at_half_the_size_finds_the_place() -> None:
    base = thumbnail(drawn(5))
    moved = np.roll(base, (3, 2), (0, 1))
    rough, near_by = glance(base, moved, placed(CUTS[0]))
    assert rough.likeness > 0.95
    assert rough.line < DedupParams().same_line
    assert half(twice(near_by)) == pytest.approx(near_by, abs=1e-4)
