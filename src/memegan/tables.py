"""CSV files whose rows are frozen dataclasses: one definition reads, writes, checks, documents."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from memegan.errors import DataError

T = TypeVar("T")
EXTRA = "extra"  # a record with this field (a dict of texts) keeps columns that it does not name
csv.field_size_limit(1 << 24)  # a long caption is no reason to stop


def column(
    doc: str,
    example: object,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    unique: bool = False,
    default: object = MISSING,
) -> Any:  # noqa: ANN401 - as dataclasses.field: the annotation beside it is the type
    """Declare one column: what it means, its unit and range, and an example."""
    about = Column("", str, doc, example, unit, low, high, unique)
    if default is MISSING:
        return field(metadata={"column": about})
    return field(default=default, metadata={"column": about})


@dataclass(frozen=True)
class Column:
    """What a column promises; docs/files.md and the schema check are made from it."""

    name: str
    kind: Any  # the annotation: str, int, float, bool, Literal[...] or one of them | None
    doc: str
    example: object
    unit: str
    low: float | None
    high: float | None
    unique: bool

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a Literal, else nothing."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def optional(self) -> bool:
        """True where an empty cell means: does not apply."""
        return type(None) in get_args(self.kind)

    @property
    def base(self) -> type:
        """The Python type of a cell that is not empty."""
        if self.choices:
            return str
        inner = [t for t in get_args(self.kind) if t is not type(None)]
        kind: type = inner[0] if inner else self.kind
        return kind


def columns(record: type) -> tuple[Column, ...]:
    """List the columns of a record in their order; `extra` is none of them."""
    hints = get_type_hints(record)
    found = []
    for f in _fields(record):
        if f.name != EXTRA:
            about: Column = f.metadata["column"]
            found.append(Column(f.name, hints[f.name], *list(vars(about).values())[2:]))
    return tuple(found)


def write_table(path: Path, record: type[T], rows: Iterable[T]) -> None:
    """Write rows in their order, beside `path`, then rename; lines end in \\n everywhere.

    Columns that only some rows have (`extra`) follow the declared ones, sorted by name; one that
    is called like a declared column is left out. What is no Unicode becomes a question mark, and
    every line break within a cell \\n: the one kind that CSV quotes.

    Rows are written as they come; of a record with `extra` they are read twice, and held in memory
    if they can be read only once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [c.name for c in columns(record)]
    more = list[str]()
    if any(f.name == EXTRA for f in _fields(record)):
        rows = list(rows) if iter(rows) is rows else rows
        more = sorted({name for row in rows for name in _extra(row)} - set(names))
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", newline="", encoding="utf-8", errors="replace") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*names, *more])
            for row in rows:
                extra = _extra(row)
                values = (*(getattr(row, n) for n in names), *(extra.get(n, "") for n in more))
                writer.writerow([_text(value) for value in values])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_table(path: Path, record: type[T]) -> list[T]:
    """Read all rows back.

    Raises:
        DataError: as `iter_table`.
    """
    return list(iter_table(path, record))


def iter_table(path: Path, record: type[T]) -> Iterator[T]:
    """Yield the rows of a file one by one; empty lines and a byte order mark say nothing.

    Raises:
        DataError: there is no file, its header lacks a declared column (or has one too many
            and the record keeps no `extra`), or a cell is not of its column's type.
    """
    if not path.exists():
        raise DataError(
            f"there is no {path.name}", where=str(path), fix="run: dvc repro (or dvc pull)"
        )
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        try:
            header = next(lines, [])
            read = _row_reader(path, record, header)
            yield from (read(cells) for cells in lines if cells)
        except (ValueError, csv.Error) as error:
            what = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else "a bad line"
            raise DataError(
                f"{what}: {error}",
                where=f"{path}, line {lines.line_num}",
                fix="mend the line, or run the stage that writes the file again",
            ) from None


def mistakes(record: type[T], rows: Iterable[T]) -> list[str]:
    """Check rows against ranges, choices and uniqueness with pandera; one line a broken rule.

    Returns:
        for example ["width_px: greater_than_or_equal_to(1) is broken by 2 rows, first 0"].
    """
    import pandas as pd  # seconds to import: only the stages that check pay for it
    import pandera.pandas as pa

    def schema(c: Column) -> pa.Column:
        checks = [pa.Check.ge(c.low)] if c.low is not None else []
        checks += [pa.Check.le(c.high)] if c.high is not None else []
        checks += [pa.Check.isin(c.choices)] if c.choices else []
        return pa.Column(None, checks, nullable=c.optional, unique=c.unique)

    rows = list(rows)
    names = [c.name for c in columns(record)]
    frame = pd.DataFrame({n: [getattr(row, n) for row in rows] for n in names})
    try:
        pa.DataFrameSchema({c.name: schema(c) for c in columns(record)}).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        broken = error.failure_cases.groupby(["column", "check"], sort=True)["failure_case"]
        return [
            f"{name}: {check} is broken by {len(cases)} rows, first {cases.iloc[0]!r}"
            for (name, check), cases in broken
        ]
    return []


def _fields(record: type) -> tuple[Field[Any], ...]:
    return fields(record)  # every record is a dataclass


def _extra(row: object) -> Mapping[str, str]:
    extra: Mapping[str, str] = getattr(row, EXTRA, {})
    return extra


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.9g}"
    return str(value)


def _row_reader(path: Path, record: type[T], header: list[str]) -> Callable[[list[str]], T]:
    """Return what makes a record of a line's cells; it raises ValueError for cells that do not fit.

    Raises:
        DataError: the header is not the record's.
    """
    wanted = columns(record)
    keeps_extra = any(f.name == EXTRA for f in _fields(record))
    missing = [c.name for c in wanted if c.name not in header]
    unknown = [name for name in header if name not in {c.name for c in wanted}]
    if missing or (unknown and not keeps_extra):
        raise DataError(
            f"the header lacks {missing} and has unknown {unknown}",
            where=str(path),
            fix="run the stage that writes it again",
        )
    readers = [(c.name, header.index(c.name), _reader(c)) for c in wanted]
    more = [(name, header.index(name)) for name in unknown]

    def read(cells: list[str]) -> T:
        if len(cells) != len(header):
            raise ValueError(f"{len(cells)} cells where the header has {len(header)}")
        values: dict[str, Any] = {name: make(cells[at]) for name, at, make in readers}
        if keeps_extra:
            values[EXTRA] = {name: cells[at] for name, at in more if cells[at]}
        return record(**values)

    return read


def _reader(c: Column) -> Callable[[str], Any]:
    """Return what turns a cell into a value, or raises ValueError with the column's name."""
    if c.base is str and not c.choices:
        return str

    def read(text: str) -> Any:  # noqa: ANN401 - the column's annotation is the type
        if c.optional and not text:
            return None
        if c.choices or c.base is bool:
            known: dict[str, Any] = {choice: choice for choice in c.choices}
            known = known or {"0": False, "1": True}
            if text not in known:
                raise ValueError(f"{c.name}: '{text:.60}' is not one of {', '.join(known)}")
            return known[text]
        try:
            return c.base(text)
        except ValueError:
            raise ValueError(f"{c.name}: '{text:.60}' is no {c.base.__name__}") from None

    return read
