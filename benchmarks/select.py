"""How alike sets of pictures are, and what selecting the largest cluster of a mixed set brings.

A sample is a set of 120 pictures of the demo's worlds at 128 px; its number says which. Of the
known sets the score is measured: they are the references of the contact sheet. Of the mixed
community the largest of six clusters is selected: its score, that of as many pictures drawn at
random, and the purity of all six clusters: the share of pictures whose kind (captioned photo,
captioned face, cartoon, screenshot, text wall) is the most frequent one of their cluster.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image

from memegan.benches import Case, Sample
from memegan.demo.memes import _rng, anything, blobface
from memegan.demo.world import draw, scene
from memegan.images.clusters import clustered, homogeneity
from memegan.images.describe import describe

PICTURES, SIDE_PX, CLUSTERS = 120, 128, 6
SETS: Mapping[str, Callable[[int], Image.Image]] = {
    "photos": lambda n: draw(scene(n), "photo", SIDE_PX),
    "faces": lambda n: blobface(n, SIDE_PX),
    "mixed": lambda n: anything(n, SIDE_PX),
}


@dataclass(frozen=True)
class Select:
    """Sets by name; the mixed one is selected from."""

    cases: Mapping[str, Case]
    params: Case
    least: int
    target: str

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what measures one set."""
        kind = str(case["pictures"])
        yield selected if case["select"] else lambda number: measured(kind, number)

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """Mean scores, and how often the selection's was higher."""
        names = [name for name in samples[0] if name != "outcome"]
        means = {n: float(f"{np.mean([float(s[n]) for s in samples]):.4g}") for n in names}
        outcomes = Counter(str(s["outcome"]) for s in samples)
        return {"outcomes": dict(sorted(outcomes.items())), **means}


def looks(kind: str, number: int) -> np.ndarray:
    """Describe a set, (120, D)."""
    first = number * PICTURES
    drawn = (SETS[kind](n) for n in range(first, first + PICTURES))
    return np.array([describe(np.asarray(picture.convert("RGB"))) for picture in drawn])


def measured(kind: str, number: int) -> Sample:
    """The score of a set."""
    return {"outcome": "measured", "score": round(homogeneity(looks(kind, number)), 4)}


def selected(number: int) -> Sample:
    """The score of a mixed set before and after."""
    found = looks("mixed", number)
    numbers = clustered(found, CLUSTERS).numbers
    largest = found[numbers == 0]
    drawn = np.random.default_rng(number).choice(PICTURES, len(largest), replace=False)
    first = number * PICTURES
    kinds = [_rng("anything", n).randrange(5) for n in range(first, first + PICTURES)]
    groups = (np.array(kinds)[numbers == n] for n in np.unique(numbers))
    pure = sum(Counter(group.tolist()).most_common(1)[0][1] for group in groups)
    before, after = homogeneity(found), homogeneity(largest)
    return {
        "outcome": "score rises" if after > before else "score does not rise",
        "before": round(before, 4),
        "after": round(after, 4),
        "random": round(homogeneity(found[drawn]), 4),
        "pictures": len(largest),
        "purity": round(pure / PICTURES, 4),
    }


BENCH = Select(
    {
        **{f"{name}, score": {"pictures": name, "select": False} for name in SETS},
        "mixed, selected": {"pictures": "mixed", "select": True},
    },
    {"pictures": PICTURES, "size_px": SIDE_PX, "clusters": CLUSTERS},
    least=10,
    target="the selection's score is higher",
)
