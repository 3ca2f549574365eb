"""Tables: rows go through a file and come back; what does not fit is named with its line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memegan.errors import DataError
from memegan.records import TABLES
from memegan.tables import column, columns, iter_table, mistakes, read_table, write_table


@dataclass(frozen=True)
class Sheet:
    """One column of each kind."""

    name: str = column("a text", "x", unique=True)
    count: int = column("a number", 1, low=0, high=9)
    share: float = column("a share", 0.5, low=0)
    is_new: bool = column("a fact", True)
    side: Literal["a", "b"] = column("a choice", "a")
    time_s: float | None = column("a time, or none", 1.0, unit="s")
    shot: int | None = column("a number, or none", 0)
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plain:
    """One column, and no room for others."""

    name: str = column("a text", "x")


UNICODE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))
NINE_DIGITS = st.floats(allow_nan=False).map(lambda value: float(f"{value:.9g}"))
NAMES = st.text("abcxyz_ ,\"'", min_size=1, max_size=5)
SHEETS = st.builds(
    Sheet,
    name=UNICODE,
    count=st.integers(),
    share=NINE_DIGITS,
    is_new=st.booleans(),
    side=st.sampled_from(["a", "b"]),
    time_s=st.none() | NINE_DIGITS,
    shot=st.none() | st.integers(),
    extra=st.dictionaries(NAMES, UNICODE.filter(bool), max_size=3),
)
ROW = Sheet("x", 1, 0.5, True, "a", None, 2)


@given(st.lists(SHEETS, max_size=5))
def test_any_rows_come_back_and_a_second_writing_gives_the_same_bytes(rows: list[Sheet]) -> None:
    with TemporaryDirectory() as name:
        path = Path(name, "sheet.csv")
        write_table(path, Sheet, rows)
        assert read_table(path, Sheet) == rows
        once = path.read_bytes()
        write_table(path, Sheet, read_table(path, Sheet))
        assert path.read_bytes() == once
        assert b"\r" not in once


@given(st.text(st.characters() | st.sampled_from("\r\n\ud800")))
def test_line_breaks_become_one_kind_and_what_is_no_unicode_a_question_mark(text: str) -> None:
    with TemporaryDirectory() as name:
        path = Path(name, "plain.csv")
        write_table(path, Plain, [Plain(text)])
        wanted = text.replace("\r\n", "\n").replace("\r", "\n")
        wanted = "".join("?" if "\ud800" <= c <= "\udfff" else c for c in wanted)
        assert [row.name for row in read_table(path, Plain)] == [wanted]


def test_a_table_is_plain_text_in_the_order_of_its_record(tmp_path: Path) -> None:
    more = Sheet(
        'say "no", ok', 2, 1 / 3, False, "b", 0.1, None, {"z": "2", "b": "1", "count": "9"}
    )
    write_table(tmp_path / "sheet.csv", Sheet, [ROW, more])
    assert (tmp_path / "sheet.csv").read_text() == (
        "name,count,share,is_new,side,time_s,shot,b,z\n"
        "x,1,0.5,1,a,,2,,\n"
        '"say ""no"", ok",2,0.333333333,0,b,0.1,,1,2\n'
    )


def test_columns_may_come_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text(
        "shot,time_s,side,who,is_new,share,count,name\n2,,a,me,1,0.5,1,x\n"
    )
    (row,) = read_table(tmp_path / "sheet.csv", Sheet)
    assert row == Sheet("x", 1, 0.5, True, "a", None, 2, {"who": "me"})


def test_a_caption_may_be_long(tmp_path: Path) -> None:
    write_table(tmp_path / "plain.csv", Plain, [Plain("ab\n" * 100_000)])
    assert len(read_table(tmp_path / "plain.csv", Plain)[0].name) == 300_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"lacks \['name'\] and has unknown \[\]"),
        ("nam\nx\n", r"lacks \['name'\] and has unknown \['nam'\]"),
        ("name,more\nx,y\n", r"lacks \[\] and has unknown \['more'\]"),
    ],
)
def test_a_header_that_is_not_the_records_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "plain.csv").write_text(text)
    with pytest.raises(DataError, match=rf"{told}(.|\n)*where: .*plain\.csv"):
        read_table(tmp_path / "plain.csv", Plain)


def test_a_table_that_is_not_there_is_told_with_the_way_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no plain\.csv(.|\n)*dvc repro"):
        read_table(tmp_path / "plain.csv", Plain)


GOOD = ["x", "1", "0.5", "1", "a", "", "2"]


@pytest.mark.parametrize(
    ("at", "cell"),
    [(1, "one"), (1, ""), (1, "1.5"), (2, "half"), (3, "yes"), (4, "c"), (5, "soon"), (6, "1.5")],
)
def test_a_bad_cell_is_told_with_file_line_and_column(tmp_path: Path, at: int, cell: str) -> None:
    names = [c.name for c in columns(Sheet)]
    cells = [*GOOD[:at], cell, *GOOD[at + 1 :]]
    path = tmp_path / "sheet.csv"
    path.write_text("\n".join(",".join(line) for line in (names, GOOD, cells, GOOD)) + "\n")
    with pytest.raises(DataError, match=rf"{names[at]}(.|\n)*sheet\.csv, line 3\n"):
        read_table(path, Sheet)


def test_the_line_of_a_bad_row_is_counted_over_line_breaks_in_cells(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    write_table(path, Sheet, [ROW, Sheet("a\nb\nc", 1, 0.5, True, "a", None, 2)])
    path.write_text(path.read_text() + "x,1\n")
    with pytest.raises(DataError, match=r"2 cells where the header has 7(.|\n)*csv, line 6\n"):
        read_table(path, Sheet)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_bytes(b"name\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"not UTF-8(.|\n)*plain\.csv"):
        read_table(tmp_path / "plain.csv", Plain)


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_bytes("\ufeffname\r\nÄ\r\n\r\n".encode())
    assert read_table(tmp_path / "plain.csv", Plain) == [Plain("Ä")]


def test_rows_are_read_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text(
        ",".join(c.name for c in columns(Sheet)) + "\n" + ",".join(GOOD) + "\nbad\n"
    )
    rows = iter_table(tmp_path / "sheet.csv", Sheet)
    assert next(rows) == ROW
    with pytest.raises(DataError, match="line 3"):
        next(rows)


def test_a_failure_leaves_the_old_table_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    write_table(path, Plain, [Plain("old")])
    old = path.read_bytes()

    def broken() -> Iterator[Plain]:
        yield Plain("new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_table(path, Plain, broken())
    with pytest.raises(AttributeError):
        write_table(path, Plain, [Plain("new"), ROW.extra])
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["plain.csv"]


def test_every_broken_rule_is_one_line() -> None:
    assert mistakes(Sheet, [ROW]) == []
    bad = [ROW, Sheet("x", 10, -1.0, True, "a", None, 2), Sheet("y", -1, -2.0, True, "a", 1.0, 2)]
    told = mistakes(Sheet, bad)
    assert [line.split(" is broken by ")[1] for line in told] == [
        "1 rows, first -1",
        "1 rows, first 10",
        "2 rows, first 'x'",
        "2 rows, first -1.0",
    ]
    assert [line.split(":")[0] for line in told] == ["count", "count", "name", "share"]


@pytest.mark.parametrize(("path", "record"), TABLES.items(), ids=TABLES)
def test_the_examples_of_every_table_are_rows_of_it(
    tmp_path: Path, path: str, record: type
) -> None:
    row = record(**{c.name: c.example for c in columns(record)})
    write_table(tmp_path / path, record, [row])
    assert read_table(tmp_path / path, record) == [row]
    assert mistakes(record, [row]) == []
    assert all(c.doc and "\n" not in c.doc for c in columns(record))
