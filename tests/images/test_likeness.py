"""Descriptors, clusters and the score: bounds, known cases, and the same on every run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.images.pictures import drawn

from memegan.demo.memes import blobface
from memegan.demo.world import draw, scene
from memegan.images.clusters import clustered, homogeneity
from memegan.images.describe import describe

PICTURES = arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70), st.just(3)))
FACES = [np.asarray(blobface(n, 96)) for n in range(14)]
SCENES = [np.asarray(draw(scene(n), "photo", 96)) for n in range(10)]


def unit(*vectors: list[float]) -> np.ndarray:
    out = np.array(vectors, np.float32)
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))


@given(PICTURES)
def test_every_picture_is_a_vector_of_length_one_with_no_negative_part(picture: np.ndarray) -> None:
    made = describe(picture)
    assert made.shape == (231,)
    assert made.min() >= 0
    assert np.linalg.norm(made) == pytest.approx(1, abs=1e-5)


def test_a_scaled_or_noisy_copy_is_nearer_than_any_other_picture() -> None:
    first = drawn(1, 320, 240)
    noisy = first + np.random.default_rng(0).normal(0, 4, first.shape)
    copies = [drawn(1, 160, 120), noisy.clip(0, 255).astype(np.uint8)]
    own = min(float(describe(first) @ describe(copy)) for copy in copies)
    others = max(float(describe(first) @ describe(drawn(n, 320, 240))) for n in range(2, 12))
    assert own > others + 0.02


def test_the_score_is_the_mean_likeness_of_two_different_pictures() -> None:
    assert homogeneity(unit([1, 0], [1, 0], [1, 0])) == pytest.approx(1)
    assert homogeneity(np.eye(5, dtype=np.float32)) == pytest.approx(0)
    looks = np.array([describe(picture) for picture in (*FACES[:4], *SCENES[:3])])
    pairs = [a @ b for n, a in enumerate(looks) for b in looks[:n]]
    assert homogeneity(looks) == pytest.approx(np.mean(pairs), abs=1e-5)
    assert homogeneity(looks[:1]) == 1


def test_a_mixed_set_scores_below_each_of_its_kinds() -> None:
    faces, scenes = (np.array([describe(p) for p in kind]) for kind in (FACES, SCENES))
    mixed = homogeneity(np.concatenate([faces, scenes]))
    assert mixed < min(homogeneity(faces), homogeneity(scenes)) - 0.03


def test_clusters_find_the_kinds_and_the_largest_is_number_0() -> None:
    looks = np.array([describe(p) for p in (*SCENES, *FACES)])
    found = clustered(looks, 2)
    assert found.numbers.tolist() == [1] * len(SCENES) + [0] * len(FACES)
    assert found.likeness.min() > 0.8


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_every_cluster_is_used_sorted_by_size_and_the_same_again(
    pictures: int, count: int, seed: int
) -> None:
    looks = unit(*np.random.default_rng(seed).random((pictures, 6)).tolist())
    found = clustered(looks, count)
    sizes = np.bincount(found.numbers)
    assert len(sizes) == len(found.centres) <= min(count, pictures)
    assert sizes.min() > 0
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)
    nearest = (looks @ found.centres.T).max(1)
    assert np.allclose(nearest, found.likeness, atol=1e-6)  # each is in the cluster it is likest to
    assert np.array_equal(clustered(looks, count).numbers, found.numbers)
