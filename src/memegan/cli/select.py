"""The command `memegan select`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from memegan.cli.unpack import existing, fresh, section, tell
from memegan.images.params import SelectParams
from memegan.images.select import select as choose
from memegan.records import KeptRow, SelectedRow
from memegan.tables import read_table, write_table


def select(
    kept: Annotated[Path, typer.Argument(help="what `memegan dedup` made, or its kept.csv")],
    out: Annotated[Path, typer.Option(help="new or empty folder, for selected.csv")],
    keep: Annotated[Literal["all"], typer.Option(help="the rule")] = "all",
    as_json: Annotated[bool, typer.Option("--json", help="counts as JSON")] = False,
) -> None:
    """Choose which kept pictures go on, and say why: selected.csv.

    Example: memegan select clean --out chosen, then:
    memegan resize clean --selected chosen/selected.csv --out small
    """
    p = section(SelectParams, keep=keep)
    rows = kept_rows(kept)
    with fresh(out):
        chosen = choose(rows, p)
        write_table(out / "selected.csv", SelectedRow, chosen)
    tell({"selected": len(chosen), "left out": len(rows) - len(chosen)}, out, as_json)


def kept_rows(path: Path) -> list[KeptRow]:
    """Read kept.csv, or the one in the folder `path`."""
    return read_table(path / "kept.csv" if existing(path).is_dir() else path, KeptRow)
