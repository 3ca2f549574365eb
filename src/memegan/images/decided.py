"""What people decided about pairs of pictures: data/decisions.csv weighs more than any measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from memegan.tables import column, read_table

DECISIONS = Path("data/decisions.csv")


@dataclass(frozen=True)
class DecisionRow:
    """data/decisions.csv: two pictures, and what they are to each other whatever is measured."""

    a: str = column("id of a picture", "9f86d081884c7d65")
    b: str = column("id of another", "9a2feaa0c55ad015")
    verdict: Literal["same", "template", "apart"] = column(
        "one picture; one template, both stay; nothing to do with", "apart"
    )
    reason: str = column("why, for people", "the hat is another")


@dataclass(frozen=True)
class Decided:
    """The same by indices, the smaller first: what dedup asks."""

    apart: frozenset[tuple[int, int]] = frozenset()
    template: frozenset[tuple[int, int]] = frozenset()
    same: frozenset[tuple[int, int]] = frozenset()


def read_decisions(path: Path = DECISIONS) -> list[DecisionRow]:
    """Return the decisions; a missing file holds none.

    Raises:
        DataError: it cannot be read, or a verdict in it is none.
    """
    return read_table(path, DecisionRow) if path.exists() else []


def by_index(decisions: Sequence[DecisionRow], ids: Sequence[str]) -> Decided:
    """Return what is decided about these pictures; pairs of which one is not there are left out."""
    at = {id_: n for n, id_ in enumerate(ids)}
    found: dict[str, set[tuple[int, int]]] = {"apart": set(), "template": set(), "same": set()}
    for row in decisions:
        if row.a in at and row.b in at and row.a != row.b:
            one, other = sorted((at[row.a], at[row.b]))
            found[row.verdict].add((one, other))
    return Decided(**{verdict: frozenset(pairs) for verdict, pairs in found.items()})
