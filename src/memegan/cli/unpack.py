"""The command `memegan unpack`, and what all commands on bare files share."""

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from memegan.errors import ParamsError
from memegan.packs import read_place
from memegan.params import Section, did_you_mean
from memegan.tables import column, read_table, write_table

S = TypeVar("S", bound=Section)
_SHOWN = 8  # values of a column, or files, in a message


@dataclass(frozen=True)
class PlaceRow:
    """Any table whose rows say where their bytes lie; the other columns come along."""

    pack: str = column("pack file", "data/images/packs/9.tar")
    member: str = column("member of the pack", "9f86.png")
    offset: int = column("where it starts in the pack", 512, unit="byte", low=0)
    bytes: int = column("its size", 9213, unit="byte", low=0)
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def cells(self) -> Mapping[str, str]:
        """All texts of the row by their columns."""
        return self.extra | {"pack": self.pack, "member": self.member}


@dataclass(frozen=True)
class FileRow:
    """files.csv: a file that was written, with the other columns of its row."""

    file: str = column("name below the folder", "cartoon/9f86.png")
    extra: dict[str, str] = field(default_factory=dict)


def unpack(
    table: Annotated[Path, typer.Argument(help="a CSV with columns pack, member, offset, bytes")],
    out: Annotated[Path, typer.Option(help="new or empty folder, for the files and files.csv")],
    where: Annotated[
        list[str] | None, typer.Option(help="only rows with COLUMN=VALUE; more than once: all hold")
    ] = None,
    by: Annotated[str | None, typer.Option(help="column whose values become sub-folders")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="counts as JSON")] = False,
) -> None:
    """Write the pictures of a table as plain files, to look at or to use elsewhere.

    Example: memegan unpack data/manifest.csv --out pictures --where domain=cartoon --by split
    """
    rows = [row for row in read_table(existing(table), PlaceRow) if row.pack]
    for condition in where or ():
        rows = _chosen(rows, condition, table)
    if by is not None:
        _check_column(rows, by, table)
    with fresh(out):
        made = []
        for row in rows:
            name = PurePosixPath(plain(row.cells.get(by, "")) if by else "", plain(row.member))
            write_file(out / name, read_place(_found(row, table)))
            made.append(FileRow(name.as_posix(), row.extra))
        write_table(out / "files.csv", FileRow, made)
    tell({"files": len({row.file for row in made}), "rows": len(made)}, out, as_json)


def existing(path: Path) -> Path:
    """Return `path`.

    Raises:
        ParamsError: there is nothing.
    """
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ParamsError(
            f"there is no file or folder '{path.as_posix()}'{did_you_mean(path.name, beside)}",
            where="the command line",
            fix="correct the path",
        )
    return path


@contextmanager
def fresh(out: Path) -> Iterator[None]:
    """Make an empty folder for a result; when the work is stopped, nothing half-done stays.

    Raises:
        ParamsError: it is a file, or it holds something already.
    """
    if out.exists() and not (out.is_dir() and next(out.iterdir(), None) is None):
        raise ParamsError(
            f"'{out.as_posix()}' is not an empty folder",
            where="--out",
            fix="name another one, or remove it first",
        )
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:  # Ctrl-C as well
        shutil.rmtree(out)
        raise


def section(model: type[S], **options: object) -> S:
    """Read options as a section of params.yaml is read; None leaves the default.

    Raises:
        ParamsError: names each option that is out of its range.
    """
    try:
        return model.model_validate({k: v for k, v in options.items() if v is not None})
    except ValidationError as error:
        told = [
            f"--{str(e['loc'][0]).replace('_', '-')} {e['input']}: {e['msg'].lower()}"
            if e["loc"]
            else e["msg"].removeprefix("Value error, ")  # about several options at once
            for e in error.errors()
        ]
        raise ParamsError(
            "; ".join(told), where="the command line", fix="add --help to see what fits"
        ) from None


def tell(counts: Mapping[str, int], out: Path, as_json: bool) -> None:
    """Say how much of what lies where, for people or for programs."""
    if as_json:
        sys.stdout.write(json.dumps({"counts": counts, "out": out.as_posix()}) + "\n")
        return
    names = sorted(path.name for path in out.iterdir())
    held = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    sys.stdout.write(f"{told}\nin {out.as_posix()}: {held}{more}\n")


def write_file(path: Path, data: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def plain(text: str) -> str:
    """Return a name for a file or folder that every system takes and that leads nowhere else."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._")[:100] or "none"


def _found(row: PlaceRow, table: Path) -> PlaceRow:
    """Look for the pack beside the table too: the folder may have been moved."""
    beside = table.parent / "packs" / PurePosixPath(row.pack).name
    moved = not Path(row.pack).exists() and beside.exists()
    return replace(row, pack=beside.as_posix()) if moved else row


def _chosen(rows: Sequence[PlaceRow], condition: str, table: Path) -> list[PlaceRow]:
    """Return the rows that fulfil COLUMN=VALUE; an empty cell is an empty value."""
    name, _, value = condition.partition("=")
    _check_column(rows, name, table)
    chosen = [row for row in rows if row.cells.get(name, "") == value]
    if not chosen:
        values = sorted({row.cells.get(name) or "(empty)" for row in rows})
        raise ParamsError(
            f"no row has {condition}{did_you_mean(value, values)}",
            where=table.as_posix(),
            fix=f"{name} is {', '.join(values[:_SHOWN])}{', ...' * (len(values) > _SHOWN)}",
        )
    return chosen


def _check_column(rows: Sequence[PlaceRow], name: str, table: Path) -> None:
    known = sorted({column for row in rows for column in row.cells})
    if name not in known:
        raise ParamsError(
            f"no column '{name}' is filled in{did_you_mean(name, known)}",
            where=table.as_posix(),
            fix=f"its columns are {', '.join(known)}",
        )
