"""The data card: its counts add up, and a community's name cannot break its tables."""

import re
from dataclasses import replace

from tests.report.project import example

from memegan.images import text
from memegan.manifest import ManifestParams
from memegan.records import LikenessRow, Row, TextRow
from memegan.report.card import READABLE_PX, card

P = ManifestParams(seed=3, val_share=0.1, test_share=0.1)


def rows(**values: object) -> list[Row]:
    """Four of a domain: two, one and one on the sides of the split."""
    like = example(Row, **values)
    sides = ("train", "train", "val", "test")
    return [replace(like, id=f"{n:016d}", split=side) for n, side in enumerate(sides)]  # type: ignore[arg-type]


def tables(text: str) -> list[list[str]]:
    """Cells of all table lines but the rulers."""
    lines = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_rows_are_counted_by_domain_source_and_reason() -> None:
    all_rows = rows(domain="photo", community="one") + rows(domain="cartoon", community="two")
    found = tables(card(all_rows, P, 2, ["too few"], [("scrape", "gone", 7)]))
    assert ["photo", "2", "1", "1", "1"] in found
    assert ["demo", "two", "cartoon", "CC0-1.0", "4"] in found
    assert ["scrape", "gone", "7"] in found


def test_size_seed_moves_and_warnings_are_told() -> None:
    made = replace(rows()[0], width_px=32, height_px=48)
    text = card([*rows(), made], P, 2, ["the test side is small"], [])
    assert "5 pictures of 32x48 to 64x64 px." in text
    assert "seed 3." in text
    assert "2 rows changed their side" in text
    assert "Warning: the test side is small." in text


def test_names_from_outside_stay_in_their_cell() -> None:
    hostile = "a|b\n\n# big\n<script>x</script> [click](javascript:x) `code`"
    text = card(rows(community=hostile, credit=hostile), P, 0, [], [])
    assert all(len(cells) in (3, 5) for cells in tables(text))
    assert "\n# big" not in text
    assert not re.search(r"(?<!\\)<script|(?<!\\)\[click(?<!\\)\]|(?<!\\)`code", text)
    (credit,) = [line for line in text.splitlines() if line.startswith("- ")]
    assert "big" in credit


def test_credits_are_named_once_each_and_only_where_there_are_some() -> None:
    text = card(rows(credit="Ann") + rows(credit="Ben"), P, 0, [], [])
    assert re.findall(r"^- (.*)$", text, re.MULTILINE) == ["Ann", "Ben"]
    assert "## Credits" not in card(rows(credit=""), P, 0, [], [])


def test_likeness_is_told_by_group() -> None:
    found = [LikenessRow("selected", "a|b", 7, 0.9), LikenessRow("community", "c", 9, 0.7)]
    told = tables(card(rows(), P, 0, [], [], found))
    assert told.index(["community", "c", "9", "0.700"]) < told.index(
        ["selected", r"a\|b", "7", "0.900"]
    )


def test_text_that_cannot_be_read_is_a_warning_with_the_size_that_keeps_it() -> None:
    heights = ((4.0, 128), (6.0, 86), (9.0, 57), (0.0, 0))
    made = rows(domain="meme")
    texts = [
        TextRow(row.id, 1, 0.1 if px else 0.0, px, needs)
        for row, (px, needs) in zip(made, heights, strict=True)
    ]
    told = card(made, P, 0, [], [], (), texts)
    assert ["meme", "3", "2", "6.0", "128"] in tables(told)
    assert "Warning: in 2 of 3 pictures with text in domain 'meme'" in told
    assert "`resize.size_px: 128`" in told
    readable = [replace(one, text_px=8.0, needs_px=64) for one in texts]
    assert "Warning" not in card(made, P, 0, [], [], (), readable)
    many = [replace(row, id=f"m{n}", domain="meme") for n, row in enumerate(10 * rows())]
    assert "Warning" not in card([*made, *many], P, 0, [], [], (), texts)
    assert "## Text" not in card(made, P, 0, [], [], (), texts[3:])
    assert READABLE_PX == text.READABLE_PX
