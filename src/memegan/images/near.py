"""Pictures that are nearly alike: descriptions propose pairs, the pixels decide.

Every public perceptual hash merges memes that share a template and differ in the caption. Here
a picture is the `same` only when no line-shaped part of it differs and nothing on it has another
colour; one that differs in a few lines or in a colour shares the `template`: it is kept, tied to
the other so that the split keeps them together.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from memegan.images.decided import Decided
from memegan.images.judge import Seen, judged, level_of
from memegan.images.ordered import ordered_map
from memegan.images.params import DedupParams
from memegan.images.progress import Progress
from memegan.images.same import Difference
from memegan.images.views import WAYS, Match, proposals
from memegan.records import Level

NOTHING_DECIDED = Decided()
Pair = tuple[int, int]  # of indices, the earlier picture first


class Groups:
    """Union-find over indices, named by their smallest."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def of(self, n: int) -> int:
        """Return the smallest index that `n` hangs together with."""
        while (above := self._above.get(n, n)) != n:
            self._above[n] = self._above.get(above, above)
            n = above
        return n

    def join(self, a: int, b: int) -> bool:
        """Tie two together; return whether they were apart."""
        a, b = sorted((self.of(a), self.of(b)))
        self._above[b] = a
        return a != b


@dataclass(frozen=True)
class Tie:
    """Picture `later` is to picture `earlier` what `level` says; both are indices."""

    later: int
    earlier: int
    level: Level
    distance: float  # same: how different the worst line is; template: share that differs
    why: str


@dataclass(frozen=True)
class Near:
    """All ties, and for each picture the oldest one that it hangs together with."""

    ties: list[Tie]
    oldest: list[int]


class Known:
    """Ties of the first pictures, from a run that began with the same ones; here of none."""

    count = 0  # pictures whose ties are known

    def ties(self) -> Iterator[Tie]:
        """Yield what is known, in the order of the later pictures."""
        yield from ()

    def learn(self, later: int, ties: Sequence[Tie]) -> None:
        """Take what was found about a picture; each is told, one after another."""


NOTHING_KNOWN = Known()


def find_near(
    seen: Seen,
    p: DedupParams,
    workers: int = 1,
    decided: Decided = NOTHING_DECIDED,
    known: Known = NOTHING_KNOWN,
) -> Near:
    """Compare every picture with the earlier ones that are like it and stand for their copies.

    What a picture is depends on earlier ones alone: pictures that come later change nothing of it.
    Workers look ahead at pairs, one thread decides: the same whatever their number.
    """
    standing = _Standing(seen, p, decided)
    for tie in known.ties():
        standing.take(tie)
    count, told = len(seen.shelf), {later for _, later in decided.same | decided.template}
    views = seen.shelf.views
    found = proposals(views, p.alike, WAYS if p.mirrored else 1, workers, known.count)
    worth = (
        (later, some) for later, some in enumerate(found, known.count) if some or later in told
    )
    progress = Progress("pictures compared", count)
    at = known.count
    for later, some, looked in ordered_map(standing.looked, worth, workers):
        for alone in range(at, later):
            known.learn(alone, ())
        known.learn(later, standing.decide(later, some, looked))
        at = later + 1
        progress.tell(at, (at / count) ** 2)
    for alone in range(at, count):
        known.learn(alone, ())
    ties = sorted(standing.ties, key=lambda tie: (tie.later, tie.earlier))
    groups = Groups()
    for tie in ties:
        groups.join(tie.later, tie.earlier)
    return Near(ties, [groups.of(n) for n in range(count)])


class _Standing:
    """What is decided so far: which pictures are copies, what hangs together."""

    def __init__(self, seen: Seen, p: DedupParams, decided: Decided) -> None:
        self.ties: list[Tie] = []
        self._seen, self._p = seen, p
        self._settled = decided.apart | decided.template | decided.same
        self._copies: set[int] = set()
        self._groups = Groups()
        self._told: dict[int, list[tuple[int, Level]]] = {}
        levels: tuple[tuple[Level, frozenset[Pair]], ...]
        levels = (("same", decided.same), ("template", decided.template))
        for level, pairs in levels:
            for earlier, later in sorted(pairs):
                self._told.setdefault(later, []).append((earlier, level))

    def take(self, tie: Tie) -> None:
        """Make a tie count for what follows."""
        self.ties.append(tie)
        if tie.level == "same":
            self._copies.add(tie.later)
        else:
            self._groups.join(tie.earlier, tie.later)

    def looked(
        self, asked: tuple[int, list[Match]]
    ) -> tuple[int, list[Match], dict[Pair, Difference]]:
        """Look at the pairs of a picture till it is the same as another: ahead, in any thread.

        Whom it looks at may depend on how far the deciding is, what it sees does not.
        """
        later, some = asked
        found: dict[Pair, Difference] = {}
        for match in some:
            pair = _pair(match)
            if pair[0] not in self._copies and pair not in self._settled:
                found[pair] = judged(self._seen, match, self._p)
                if level_of(found[pair], self._p) == "same":
                    break
        return later, some, found

    def decide(
        self, later: int, some: Sequence[Match], looked: Mapping[Pair, Difference]
    ) -> list[Tie]:
        """Return the ties of a picture: to the one that it is a copy of, or to each group."""
        related = []
        for tie in itertools.chain(self._by_people(later), self._compared(later, some, looked)):
            if tie.level == "same":
                self.take(tie)
                return [tie]
            related.append(tie)
        made = []
        for tie in related:
            if self._groups.of(tie.earlier) != self._groups.of(later):
                self.take(tie)
                made.append(tie)
        return made

    def _by_people(self, later: int) -> Iterator[Tie]:
        """Yield what people said about a picture."""
        for earlier, level in self._told.get(later, ()):
            if earlier not in self._copies:
                yield Tie(later, earlier, level, 0.0, "decided")

    def _compared(
        self, later: int, some: Sequence[Match], looked: Mapping[Pair, Difference]
    ) -> Iterator[Tie]:
        """Yield what a picture is to the earlier ones that stand for their copies.

        Once it is tied to a group of pictures, the others of the group may only be the same.
        """
        joined = set[int]()
        for match in some:
            pair = _pair(match)
            if pair[0] in self._copies or pair in self._settled:
                continue
            found = looked[pair] if pair in looked else judged(self._seen, match, self._p)
            level, group = level_of(found, self._p), self._groups.of(pair[0])
            if level == "same":
                yield Tie(later, pair[0], "same", found.line, _why(match, found))
            elif level == "template" and group not in joined:
                joined.add(group)
                yield Tie(later, pair[0], "template", found.share, _why(match, found))


def _why(match: Match, found: Difference) -> str:
    turned = {0: "", 1: "mirrored, "}.get(match.way, "turned, ")
    framed = "framed, " if match.whole_inner or match.part_inner else ""
    colour = f"colour {found.colour:.1f}, " if found.colour else ""
    return (
        f"{turned}{framed}{'cut, ' if match.cut else ''}alike {match.alike:.2f}, "
        f"line {found.line:.2f}, {colour}{found.share:.3f} differs"
    )


def _pair(match: Match) -> Pair:
    return min(match.whole, match.part), max(match.whole, match.part)
