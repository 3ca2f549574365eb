"""Pictures that are nearly alike: a hash proposes pairs, the pixels decide.

Every public perceptual hash merges memes that share a template and differ in the caption. Here
a picture is the `same` only when no line-shaped part of it differs; one that differs in a few
lines shares the `template`: it is kept, tied to the other so that the split keeps them together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memegan.images.features import Features, hot, mirrored, near_pairs, phash, worst_line
from memegan.images.params import DedupParams
from memegan.records import Level

Proposal = tuple[int, int, bool]  # the earlier picture, how many bits differ, seen in a mirror


@dataclass(frozen=True)
class Tie:
    """Picture `later` is to picture `earlier` what `level` says; both are indices."""

    later: int
    earlier: int
    level: Level
    distance: float  # same: how full the worst line is; template: share of the picture
    why: str


@dataclass(frozen=True)
class Near:
    """All ties, and for each picture the oldest one that it hangs together with."""

    ties: list[Tie]
    oldest: list[int]


def find_near(features: Sequence[Features], p: DedupParams) -> Near:
    """Compare every picture with the earlier ones that its hash is near to and that stay."""
    parent = list(range(len(features)))
    ties: list[Tie] = []
    dropped: set[int] = set()
    for later, proposals in sorted(_proposals(features, p).items()):
        for earlier, bits, is_flipped in sorted(proposals):
            if earlier in dropped:
                continue
            one = features[earlier].thumb
            marked = hot(mirrored(one) if is_flipped else one, features[later].thumb)
            line, share = worst_line(marked), float(marked.mean())
            a, b = sorted((_root(parent, earlier), _root(parent, later)))
            why = f"phash {bits}/64, {share:.3f} differs, {line:.2f} of a line"
            if later not in dropped and line < p.same_line:
                dropped.add(later)
                ties.append(Tie(later, earlier, "same", line, why))
            elif a != b and share < p.template_share and bits <= p.template_bits:
                ties.append(Tie(later, earlier, "template", share, why))
            else:
                continue
            parent[b] = a  # the oldest is the root
    return Near(ties, [_root(parent, n) for n in range(len(features))])


def _proposals(features: Sequence[Features], p: DedupParams) -> dict[int, list[Proposal]]:
    """Return, for each picture, the earlier ones whose hash is near."""
    hashes = np.asarray([f.phash for f in features], np.uint64)
    found: dict[int, list[Proposal]] = {}
    for i, j, bits in near_pairs(hashes, hashes, max(p.same_bits, p.template_bits)).tolist():
        found.setdefault(j, []).append((i, bits, False))
    if p.mirrored:
        flipped = np.asarray([phash(mirrored(f.thumb)) for f in features], np.uint64)
        for i, j, bits in near_pairs(flipped, hashes, p.same_bits).tolist():
            found.setdefault(j, []).append((i, bits, True))
    return found


def _root(parent: list[int], n: int) -> int:
    while parent[n] != n:
        parent[n] = n = parent[parent[n]]
    return n
