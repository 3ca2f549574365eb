"""What either list names is not used; the takedown weighs more than the blocklist."""

from pathlib import Path

import pytest

from memegan.errors import DataError
from memegan.tables import write_table
from memegan.takedown import BLOCKLIST, TAKEDOWN, Banned, TakedownRow

URL, POST, SHA = "http://demo.invalid/1.png", "demo:cats:1", "ab" * 32


def banned(root: Path, takedown: list[TakedownRow], blocklist: list[TakedownRow]) -> Banned:
    write_table(root / TAKEDOWN, TakedownRow, takedown)
    write_table(root / BLOCKLIST, TakedownRow, blocklist)
    return Banned.load(root)


def test_without_lists_everything_may_be_used(tmp_path: Path) -> None:
    none = Banned.load(tmp_path)
    assert none.reason(urls=[URL], post_id=POST, sha256=SHA) == ""
    assert none.hashes() == {}


def test_a_file_is_named_by_any_of_its_urls_its_post_or_its_digest(tmp_path: Path) -> None:
    rows = [TakedownRow("url", URL, ""), TakedownRow("post", POST, "")]
    lists = banned(tmp_path, rows, [TakedownRow("sha256", SHA, "")])
    assert lists.reason(urls=["http://demo.invalid/2.png", URL]) == "takedown"
    assert lists.reason(post_id=POST) == "takedown"
    assert lists.reason(sha256=SHA) == "blocklisted"
    assert lists.reason(urls=[URL], sha256=SHA) == "takedown"


def test_a_value_counts_for_its_own_kind_alone(tmp_path: Path) -> None:
    lists = banned(tmp_path, [TakedownRow("url", POST, "")], [TakedownRow("post", SHA, "")])
    assert lists.reason(urls=[URL], post_id=POST, sha256=SHA) == ""


def test_hashes_are_numbers_and_the_takedown_comes_first(tmp_path: Path) -> None:
    one, two = "00000000000000ff", "8000000000000001"
    lists = banned(
        tmp_path,
        [TakedownRow("phash", two, ""), TakedownRow("sha256", SHA, "")],
        [TakedownRow("phash", one, ""), TakedownRow("phash", two, "")],
    )
    assert lists.hashes() == {255: "blocklisted", 2**63 + 1: "takedown"}


@pytest.mark.parametrize(
    ("kind", "value"), [("phash", "xyz"), ("phash", ""), ("phash", "ab" * 32), ("sha256", "ab")]
)
def test_a_hash_that_is_none_is_told_and_never_skipped(
    tmp_path: Path, kind: str, value: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / TAKEDOWN).write_text(f"kind,value,reason\nurl,{URL},\n{kind},{value},\n")
    with pytest.raises(DataError, match=rf"'{value}' is no {kind}(.|\n)*takedown\.csv"):
        Banned.load(tmp_path)


def test_letter_case_and_spaces_of_a_hash_do_not_matter(tmp_path: Path) -> None:
    lists = banned(
        tmp_path,
        [TakedownRow("sha256", f" {SHA.upper()}", "")],
        [TakedownRow("phash", "00000000000000FF ", "")],
    )
    assert lists.reason(sha256=SHA) == "takedown"
    assert lists.hashes() == {255: "blocklisted"}


def test_a_kind_that_nobody_knows_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / BLOCKLIST).write_text(f"kind,value,reason\nlink,{URL},\n")
    with pytest.raises(DataError, match=r"'link' is not one of url, post(.|\n)*csv, line 2"):
        Banned.load(tmp_path)
