"""Groups of pictures that look alike: k-means, the same on every run, and how alike they are."""

from dataclasses import dataclass

import numpy as np

_STARTS = 5
_ROUNDS = 100


@dataclass(frozen=True)
class Clusters:
    """Which cluster each picture is in, 0 the largest, and how like its centre it is, 0..1."""

    numbers: np.ndarray  # (N,) int
    centres: np.ndarray  # (k, D) float64 of length 1
    likeness: np.ndarray  # (N,) float64


def homogeneity(descriptors: np.ndarray) -> float:
    """Return the mean likeness of two different pictures, 0..1; 1.0 for a single one.

    Args:
        descriptors: (N, D), each of length 1.
    """
    count = len(descriptors)
    if count < 2:
        return 1.0
    total = descriptors.astype(np.float64).sum(0)
    return float((total @ total - count) / (count * (count - 1)))


def clustered(descriptors: np.ndarray, count: int, seed: int = 0) -> Clusters:
    """Divide pictures into at most `count` clusters of like ones.

    Lloyd's rounds from k-means++ (Arthur and Vassilvitskii 2007), the best of five starts, on
    vectors of length 1 (spherical k-means, Dhillon and Modha 2001). Numbers follow the sizes, ties
    the first member.

    Args:
        descriptors: (N, D), each of length 1; N > 0.
    """
    points = descriptors.astype(np.float64)
    rng = np.random.default_rng(seed)
    found = [
        _settled(points, _spread_out(points, min(count, len(points)), rng)) for _ in range(_STARTS)
    ]
    numbers, centres = max(found, key=lambda one: _held(points, *one))
    used, first, sizes = np.unique(numbers, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    place = np.zeros(len(centres), int)
    place[used[order]] = np.arange(len(used))
    numbers, centres = place[numbers], centres[used[order]]
    return Clusters(numbers, centres, (points * centres[numbers]).sum(1))


def _spread_out(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Choose `count` points, each likelier the farther it is from those before it."""
    chosen = [int(rng.integers(len(points)))]
    far = 1 - points @ points[chosen[0]]
    while len(chosen) < count:
        weight = far.clip(0) + 1e-12
        chosen.append(int(rng.choice(len(points), p=weight / weight.sum())))
        far = np.minimum(far, 1 - points @ points[chosen[-1]])
    return points[chosen]


def _settled(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.full(len(points), -1)
    for _ in range(_ROUNDS):
        nearest = (points @ centres.T).argmax(1)
        if np.array_equal(nearest, numbers):
            break
        numbers = nearest
        for n in np.unique(numbers):
            total = points[numbers == n].sum(0)
            centres[n] = total / np.linalg.norm(total)
    return numbers, centres


def _held(points: np.ndarray, numbers: np.ndarray, centres: np.ndarray) -> float:
    """How well the centres stand for their points: the sum of likenesses, what k-means raises."""
    return float((points * centres[numbers]).sum())
