"""Which kept pictures training may see."""

from collections.abc import Sequence

from memegan.images.params import SelectParams
from memegan.records import KeptRow, SelectedRow


def select(kept: Sequence[KeptRow], p: SelectParams) -> list[SelectedRow]:
    """Return a row for each picture that goes on, with the rule that let it in."""
    return [SelectedRow(id=row.id, cluster=-1, score=1.0, why=p.keep) for row in kept]
