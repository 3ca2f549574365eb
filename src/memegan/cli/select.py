"""The command `memegan select`."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from memegan.cli.unpack import existing, fresh, section, tell
from memegan.images.params import SelectParams
from memegan.images.select import select as choose
from memegan.images.sheet import write_selection
from memegan.packs import read_place
from memegan.records import KeptRow
from memegan.tables import read_table


def select(
    kept: Annotated[Path, typer.Argument(help="what `memegan dedup` made, or its kept.csv")],
    out: Annotated[Path, typer.Option(help="new or empty folder, for the tables and the page")],
    keep: Annotated[
        Literal["all", "matching"] | None,
        typer.Option(help="all, or what obeys the options below; they imply matching"),
    ] = None,
    domain: Annotated[
        list[str] | None, typer.Option(help="the rules are for this one; others pass")
    ] = None,
    community: Annotated[list[str] | None, typer.Option(help="only this one")] = None,
    min_side_px: Annotated[int | None, typer.Option(help="least short side")] = None,
    aspect: Annotated[
        tuple[float, float] | None, typer.Option(help="least and most width / height")
    ] = None,
    text_share: Annotated[
        tuple[float, float] | None, typer.Option(help="least and most area of text, 0 to 1")
    ] = None,
    clusters: Annotated[int | None, typer.Option(help="clusters of like pictures to make")] = None,
    keep_cluster: Annotated[
        list[int] | None, typer.Option(help="only this one; 0 is the largest")
    ] = None,
    example: Annotated[
        list[str] | None, typer.Option(help="an id, a picture or a folder of pictures")
    ] = None,
    nearest: Annotated[int | None, typer.Option(help="how many, the likest to an example")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="counts as JSON")] = False,
) -> None:
    """Choose which kept pictures go on, and see how alike they are: selected.csv, index.html.

    Look at index.html first: it shows clusters and communities with their scores.

    Example: memegan select clean --out seen --clusters 6, then:
    memegan select clean --out chosen --clusters 6 --keep-cluster 0, then:
    memegan resize clean --selected chosen/selected.csv --out small
    """
    rules = {
        **{"domains": domain, "communities": community, "min_side_px": min_side_px},
        **{"aspect": aspect, "text_share": text_share, "clusters": clusters},
        **{"keep_clusters": keep_cluster, "examples": example, "nearest": nearest},
    }
    given = {name: value for name, value in rules.items() if value}
    p = section(SelectParams, keep=keep or ("matching" if given else "all"), **given)
    rows = kept_rows(kept)
    with fresh(out):
        made = choose(rows, read_place, p, os.cpu_count() or 1)
        write_selection(out, made, read_place)
    tell({"selected": len(made.selected), "left out": len(made.left)}, out, as_json)


def kept_rows(path: Path) -> list[KeptRow]:
    """Read kept.csv, or the one in the folder `path`."""
    return read_table(path / "kept.csv" if existing(path).is_dir() else path, KeptRow)
