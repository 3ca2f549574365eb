"""The page of pairs: what it shows, what it makes safe, what comes back from it."""

import re
from html.parser import HTMLParser
from pathlib import Path

from tests.images.pictures import drawn, encoded

from memegan.cli.dedup import dedup
from memegan.images.decided import by_index, read_decisions
from memegan.images.review import review_page
from memegan.records import DuplicateRow, KeptRow
from memegan.tables import read_table


def row(dropped: str, kept: str, level: str, url: str = "http://a/1.png") -> DuplicateRow:
    return DuplicateRow(dropped, kept, level, 0.1, "line 0.10", url, "p:1")  # type: ignore[arg-type]  # a test's text


ROWS = [row("b", "a", "same"), row("c", "a", "exact"), row("d", "a", "template")]


def test_pairs_to_look_at_are_shown_and_equal_files_are_not() -> None:
    page = review_page(ROWS, lambda id_: drawn(ord(id_)))
    assert re.findall(r"<legend>(.*?)</legend>", page) == ["1: same, 0.1", "2: template, 0.1"]
    assert page.count("data:image/jpeg;base64,") == 4
    assert 'data-pair="a,d" value="apart"' in page


def test_the_page_asks_no_other_machine_and_what_a_site_wrote_is_text() -> None:
    page = review_page([row("b", "a", "same", '"><script>alert(1)</script>')], lambda id_: None)
    assert page.count("<script>") == 1

    class Sources(HTMLParser):
        found: list[str] = []  # noqa: RUF012 - one parser, one page

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [value or "" for name, value in attrs if name in ("src", "href")]

    parser = Sources()
    parser.feed(page)
    assert parser.found == ["#"]
    assert "not there any more" in page


def test_the_lines_that_the_page_makes_are_a_decisions_file(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text("a,b,verdict,reason\na,d,apart,looked at\na,b,same,looked at\n")
    decided = by_index(read_decisions(path), ["d", "a", "b"])
    assert (decided.apart, decided.same) == (frozenset({(0, 1)}), frozenset({(1, 2)}))
    assert read_decisions(tmp_path / "none.csv") == []


def test_what_was_decided_on_the_page_is_obeyed_by_the_command(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, kind in (("a.png", "PNG"), ("b.webp", "WEBP")):
        (photos / name).write_bytes(encoded(drawn(1), kind))
    dedup([photos], tmp_path / "found", review=True)
    page = (tmp_path / "found/review.html").read_text(encoding="utf-8")
    (pair,) = set(re.findall(r'data-pair="(\w+,\w+)"', page))
    decisions = tmp_path / "decisions.csv"
    decisions.write_text(f"a,b,verdict,reason\n{pair},apart,looked at\n")
    dedup([photos], tmp_path / "again", decisions=decisions)
    kept = [read_table(tmp_path / name / "kept.csv", KeptRow) for name in ("found", "again")]
    assert [len(rows) for rows in kept] == [1, 2]
