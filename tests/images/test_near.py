"""The measures under dedup: hashes, near pairs, where two pictures differ, a map in order."""

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.images.pictures import drawn

from memegan.images.features import (
    THUMB_PX,
    Features,
    hot,
    mirrored,
    near_pairs,
    phash,
    thumbnail,
    worst_line,
)
from memegan.images.near import find_near
from memegan.images.ordered import ordered_map
from memegan.images.params import DedupParams

HASHES = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 15), max_size=20)


@given(HASHES, HASHES, st.integers(0, 64), st.integers(1, 1 << 12))
def test_near_pairs_are_those_of_a_plain_search_whatever_the_block(
    one: list[int], other: list[int], radius: int, block_bytes: int
) -> None:
    earlier, later = np.asarray(one, np.uint64), np.asarray(other, np.uint64)
    plain = [
        [i, j, bits]
        for i, a in enumerate(one)
        for j, b in enumerate(other)
        if j > i and (bits := (a ^ b).bit_count()) <= radius
    ]
    assert near_pairs(earlier, later, radius, block_bytes).tolist() == plain


def test_a_hash_holds_the_signs_of_the_low_frequencies() -> None:
    """Zauner 2010, section 3.2.1, with the sum over cosines written out."""
    gray = thumbnail(drawn(1))[:, :, None].repeat(3, 2)[..., 0]
    small = gray.reshape(32, 3, 32, 3).mean((1, 3)).round()
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


@given(st.integers(0, 50), st.floats(0.6, 1.5), st.floats(-20, 20))
def test_gain_and_bias_are_no_difference(seed: int, gain: float, bias: float) -> None:
    thumb = (thumbnail(drawn(seed)) // 2 + 30).astype(np.uint8)
    other = (thumb * gain + bias).round().clip(0, 255).astype(np.uint8)
    assert hot(thumb, other).sum() == 0


def test_a_line_of_text_fills_a_line_and_noise_fills_none() -> None:
    thumb = np.full((THUMB_PX, THUMB_PX), 128, np.uint8)
    lined, noisy = thumb.copy(), thumb.copy()
    lined[80:90, 20:68] = 255
    assert worst_line(hot(thumb, lined)) == pytest.approx(1, abs=0.03)
    assert hot(thumb, lined).mean() == pytest.approx(10 * 48 / 96**2, rel=0.3)
    noisy += np.random.default_rng(1).integers(0, 40, thumb.shape, np.uint8)
    assert worst_line(hot(thumb, noisy)) == 0


def test_a_mirror_of_a_mirror_is_the_picture() -> None:
    thumb = thumbnail(drawn(1))
    assert np.array_equal(mirrored(mirrored(thumb)), thumb)
    assert np.array_equal(mirrored(thumb), thumbnail(drawn(1)[:, ::-1].copy()))


def features(gray: np.ndarray) -> Features:
    return Features(phash(gray), gray, "", THUMB_PX, THUMB_PX)


def test_a_chain_of_templates_hangs_together_with_its_oldest() -> None:
    """Each differs from the one before in a line; the fourth is too far from the first."""
    chain = [thumbnail(drawn(2))]
    for n in range(3):
        thumb = chain[-1].copy()
        thumb[8 + 30 * n : 18 + 30 * n, 20:56] ^= 0x80
        chain.append(thumb)
    near = find_near([features(t) for t in chain], DedupParams(template_bits=32, same_bits=32))
    assert near.oldest == [0, 0, 0, 0]
    assert [(tie.later, tie.earlier, tie.level) for tie in near.ties] == [
        (1, 0, "template"),
        (2, 0, "template"),
        (3, 1, "template"),
    ]


def test_a_dropped_picture_speaks_for_no_other() -> None:
    """The second is the first's copy; the third is compared with the first, never with it."""
    base = features(thumbnail(drawn(3)))
    near = find_near([base, base, base], DedupParams())
    assert [(tie.later, tie.earlier, tie.level) for tie in near.ties] == [
        (1, 0, "same"),
        (2, 0, "same"),
    ]


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
