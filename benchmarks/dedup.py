"""Copies found and captions kept, against pHash and dHash at their best radius, on labelled sets.

A sample is one family of benchmarks/_copies.py: a meme, thirteen copies, three siblings that have
other words, or a thing in another colour. Thresholds are fitted on every other family, for the best
F1, and scored on the rest: ours by the difference of a line, the hashes (64 bits, all of the
picture; Zauner 2010, and the signs of 8x8 horizontal steps) by their radius; `as it is` is ours at
the limits of the code. `false` counts pairs of different memes that ours takes for
the same, of all pairs of bases. Seconds are those that one core worked: `features` for decoding
and describing, `pair` for proposing and comparing two pictures.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks._copies import EDITS, SIBLINGS, Made, family, pictures, rng_of
from memegan.benches import Case, Sample
from memegan.images.features import THUMB_PX, Small, fine_copy, phash, small_copies
from memegan.images.judge import Seen, judged, level_of
from memegan.images.params import DedupParams
from memegan.images.shelf import Shelf
from memegan.images.views import WAYS, proposals, views
from memegan.media import rgb

DRAWN = 170
KINDS = (*EDITS, *SIBLINGS)
FAR = 9.0  # a line's difference where nothing was found to compare


def dhash(gray: np.ndarray) -> int:
    """Return 64 bits: whether each of 8x8 area means is above its left neighbour."""
    small = cv2.resize(gray, (9, 8), interpolation=cv2.INTER_AREA).astype(int)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes())


HASHES: Mapping[str, Callable[[np.ndarray], int]] = {"phash": phash, "dhash": dhash}


@cache
def _pictures() -> list[Image.Image | Path]:
    """Real and drawn ones, mixed: the first hundred are like all."""
    found = pictures(DRAWN)
    rng_of("order").shuffle(found)
    return found


def measured(number: int, before: list[Small]) -> Sample:
    """Compare a base with its copies and siblings, and with the bases before it."""
    p = DedupParams()
    made = list(family(number, _pictures()[number]))
    start = time.thread_time()
    smalls = [small_copies(rgb(one.data, THUMB_PX)) for one in made]
    described = [views(small.thumb, small.inner) for small in smalls]
    taken: Sample = {"features_s": round((time.thread_time() - start) / len(made), 6)}
    assert len(described) == len(made)
    start = time.thread_time()
    for n, kind in enumerate(KINDS, 1):
        taken[kind] = compared([made[0], made[n]], [smalls[0], smalls[n]], p)
    taken["pair_s"] = round((time.thread_time() - start) / len(KINDS), 6)
    for name, hash_of in HASHES.items():
        base = hash_of(smalls[0].thumb)
        for n, kind in enumerate(KINDS, 1):
            taken[f"{name} {kind}"] = (base ^ hash_of(smalls[n].thumb)).bit_count()
        others = [(base ^ hash_of(other.thumb)).bit_count() for other in before]
        taken[f"{name} others"] = " ".join(map(str, others))
    false = sum(compared(None, [other, smalls[0]], p) < p.same_line for other in before)
    before.append(smalls[0])
    return {"outcome": "measured", **taken, "false": false, "others": len(before) - 1}


def compared(made: Sequence[Made] | None, smalls: Sequence[Small], p: DedupParams) -> float:
    """Return how different the worst line of two pictures is; FAR if they are not proposed.

    Args:
        made: their files, for a second look; without them small letters are not looked at.
    """
    with Shelf() as shelf:
        for small in smalls:
            shelf.add(small)

        def fine(picture: int, inner: bool) -> np.ndarray | None:
            return fine_copy(rgb(made[picture].data, THUMB_PX), inner) if made else None

        loose = widened(p)
        for match in itertools.chain(*proposals(shelf.views, p.alike, WAYS)):
            found = judged(Seen(shelf, fine), match, loose)
            return found.line if level_of(found, loose) == "same" else FAR
    return FAR


def widened(p: DedupParams) -> DedupParams:
    """Return the params with limits so wide that all pairs are looked at twice, in proportion."""
    wide = 1.9
    return p.model_copy(update={"same_line": wide * p.same_line, "fine_line": wide * p.fine_line})


@dataclass(frozen=True)
class Families:
    """Families measured one after another; thresholds from the even ones, scores from the odd."""

    cases: Mapping[str, Case] = field(default_factory=lambda: {"families": {}})
    params: Case = field(default_factory=dict)
    least: int = 60
    target: str = "F1 0.95; siblings 0.05, 0.10 for one line; crop 10 % 0.8; 450 features/s"

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what measures a family; OpenCV with one thread."""
        assert not case
        cv2.setNumThreads(1)
        before: list[Small] = []

        def sample(number: int) -> Sample:
            while len(before) < number:  # it goes on where it stopped
                base = next(iter(family(len(before), _pictures()[len(before)])))
                before.append(small_copies(rgb(base.data, THUMB_PX)))
            return measured(number, before)

        yield sample

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """F1, precision, recall by edit and siblings merged, of ours and of each hash."""
        if len(samples) < 2:
            return {"outcomes": {"measured": len(samples)}}
        ways = {"ours": "", **{name: f"{name} " for name in HASHES}}
        scores = {name: _scored(samples, prefix) for name, prefix in ways.items()}
        per_s = 1 / float(np.median([float(one["features_s"]) for one in samples]))
        words = ", ".join(f"{name} {score['f1']:.3f}" for name, score in scores.items())
        return {
            "outcomes": {f"families; F1 of {words}": len(samples)},
            **scores,
            "as it is": _score(samples, "", DedupParams().same_line),
            "false": sum(int(one["false"]) for one in samples),
            "pairs of bases": sum(int(one["others"]) for one in samples),
            "features_per_s": round(per_s, 1),
            "pair_ms": round(1e3 * float(np.median([float(s["pair_s"]) for s in samples])), 2),
        }


def _scored(samples: Sequence[Sample], prefix: str) -> dict[str, float]:
    fitted, scored = samples[::2], samples[1::2]
    values = sorted({float(one[prefix + kind]) for one in fitted for kind in KINDS})
    limit = max(values, key=lambda value: _f1(fitted, prefix, value))
    return _score(scored, prefix, limit)


def _score(samples: Sequence[Sample], prefix: str, limit: float) -> dict[str, float]:
    shares = {
        kind: float(np.mean([float(one[prefix + kind]) <= limit for one in samples]))
        for kind in KINDS
    }
    found = {"limit": limit, "f1": _f1(samples, prefix, limit), **shares}
    return {name: round(value, 4) for name, value in found.items()}


def _f1(samples: Sequence[Sample], prefix: str, limit: float) -> float:
    """Copies are to be found; siblings and, for hashes, other bases are not."""

    def under(kinds: Sequence[str]) -> int:
        return sum(float(one[prefix + kind]) <= limit for one in samples for kind in kinds)

    hits, false = under(EDITS), under(SIBLINGS)
    if prefix:
        others = (int(bits) for one in samples for bits in str(one[f"{prefix}others"]).split())
        false += sum(bits <= limit for bits in others)
    else:
        false += sum(int(one["false"]) for one in samples)
    return 2 * hits / (hits + false + len(EDITS) * len(samples))


BENCH = Families(params={"drawn": DRAWN, "kinds": list(KINDS)})
