"""The split: stable as pictures come, and nothing that belongs together on two sides."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memegan.errors import DataError
from memegan.manifest import SPLITS, Key, ManifestParams, build, leaks, split_of
from memegan.records import DuplicateRow, ImageRow, Level, Row
from memegan.report.card import card, croissant
from memegan.tables import mistakes, read_table, write_table

P = ManifestParams(seed=1, val_share=0.2, test_share=0.2, min_rows=1)


def image(number: int, **changes: Any) -> ImageRow:  # noqa: ANN401 - fields of any type
    name = f"{number:016x}"
    made = ImageRow(
        id=name,
        pack="data/images/packs/all.tar",
        member=f"{name}.png",
        offset=512,
        bytes=100,
        sha256=name * 4,
        domain="photo",
        width_px=64,
        height_px=64,
        template=name,
        source="demo",
        community="c",
        post_id=f"demo:c:{number}",
        url=f"http://demo.invalid/{number}.png",
        posted_at="",
        fetched_at="2026-11-21",
        licence="CC0-1.0",
        credit="",
        origin_sha256=name * 4,
        video="",
        time_s=None,
        shot=None,
        caption="",
    )
    return replace(made, **changes)


def pair(a: ImageRow, b: ImageRow) -> DuplicateRow:
    return DuplicateRow(a.id, b.id, "template", 0.1, "phash", a.url, a.post_id)


def sides(images: Sequence[ImageRow], pairs: Sequence[DuplicateRow] = ()) -> dict[str, str]:
    return {row.id: row.split for row in build(images, pairs, P).rows}


MANY = [image(n) for n in range(60)]


@given(st.text(min_size=1), st.integers(), st.floats(0, 0.4), st.floats(0, 0.1))
def test_a_larger_share_never_moves_a_group_back(g: str, seed: int, low: float, up: float) -> None:
    if (side := split_of(g, seed, low, low)) != "train":
        assert {split_of(g, seed, low + up, low), split_of(g, seed, low, low + up)} == {side}


@given(st.sets(st.integers(100, 400), min_size=1, max_size=40))
def test_new_pictures_never_move_old_ones(numbers: set[int]) -> None:
    later = [image(n, fetched_at="2026-11-22") for n in sorted(numbers)]
    before, after = sides(MANY), sides([*MANY, *later])
    assert {name: after[name] for name in before} == before


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=12))
def test_what_belongs_together_is_on_one_side(ties: list[tuple[int, int]]) -> None:
    images = [*MANY, *(image(100 + n, post_id=MANY[n].post_id) for n in range(20))]
    pairs = [pair(MANY[max(a, b)], MANY[min(a, b)]) for a, b in ties if a != b]
    made = build(images, pairs, P)
    side = {row.id: row.split for row in made.rows}
    assert all(side[p.dropped] == side[p.kept] for p in pairs)
    assert all(side[MANY[n].id] == side[f"{100 + n:016x}"] for n in range(20))
    assert all(len({r.split for r in made.rows if r.group == g.group}) == 1 for g in made.rows)


TIES = st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=25)
LEVELS: list[Level] = ["same", "template"]


@given(TIES, TIES, st.sampled_from(LEVELS))
def test_no_test_picture_has_a_same_or_template_partner_in_train(
    ties: list[tuple[int, int]], templates: list[tuple[int, int]], level: Level
) -> None:
    images = list(MANY)
    for a, b in templates:
        images[a] = replace(images[a], template=images[b].template)
    pairs = [replace(pair(images[a], images[b]), level=level) for a, b in ties if a != b]
    assert leaks(build(images, pairs, P).rows, images, pairs) == []


def test_without_template_in_group_by_the_leaks_are_named() -> None:
    groups: tuple[Key, ...] = ("gallery",)
    p = P.model_copy(update={"group_by": groups})
    side = {row.id: row.split for row in build(MANY, [], p).rows}
    tested = next(i for i in MANY if side[i.id] == "test")
    trained = next(i for i in MANY if side[i.id] == "train")
    tied = [replace(tested, template=trained.template), *(i for i in MANY if i != tested)]
    assert leaks(build(tied, [], p).rows, tied, []) == [tested.id]
    pairs = [pair(tested, trained)]
    assert leaks(build(MANY, pairs, p).rows, MANY, pairs) == [tested.id]


VIDEO = [image(n, video=f"{n // 6:064x}", shot=n % 6 // 2, time_s=float(n)) for n in range(60)]


@pytest.mark.parametrize(
    ("group_by", "groups"), [(("shot",), 30), (("video",), 10), (("shot", "video"), 10), ((), 60)]
)
def test_frames_stay_together_by_shot_or_by_video(group_by: tuple[Key, ...], groups: int) -> None:
    rows = build(VIDEO, [], P.model_copy(update={"group_by": group_by})).rows
    assert len({row.group for row in rows}) == groups
    together = {(r.video, r.shot if group_by == ("shot",) else 0): r.split for r in rows}
    if group_by:
        keys = [(r.video, r.shot if group_by == ("shot",) else 0) for r in rows]
        assert [together[key] for key in keys] == [row.split for row in rows]


@given(st.integers(0, 59), st.integers(0, 59))
def test_a_later_picture_that_joins_two_groups_takes_the_later_side(a: int, b: int) -> None:
    before = sides(MANY)
    joins = image(200, fetched_at="2026-11-22")
    made = build([*MANY, joins], [pair(joins, MANY[a]), pair(joins, MANY[b])], P)
    side = {row.id: row.split for row in made.rows}
    wanted = max((before[MANY[a].id], before[MANY[b].id]), key=lambda s: SPLITS.index(s))
    assert {side[MANY[a].id], side[MANY[b].id], side[joins.id]} == {wanted}
    assert made.moved == (before[MANY[a].id] != before[MANY[b].id])


def test_a_group_is_named_after_its_oldest_member() -> None:
    young, old = image(300, post_id="p"), image(301, post_id="p", fetched_at="2026-11-20")
    rows = build([*MANY, young, old], [], P).rows
    assert {row.group for row in rows if row.post_id == "p"} == {old.id}


def test_the_last_template_ties_what_no_pair_of_stored_rows_does() -> None:
    tied = [replace(i, template=MANY[0].id) for i in MANY[:10]]
    assert len({sides([*tied, *MANY[10:]])[i.id] for i in tied}) == 1


def test_a_side_without_rows_is_an_error_that_names_the_groups() -> None:
    one = [image(n, post_id="p") for n in range(5)]
    with pytest.raises(DataError, match=r"'photo' \(5 rows\).*0000000000000000 with 5") as caught:
        build(one, [], P)
    assert "finer manifest.group_by than ['template', 'gallery', 'shot']" in caught.value.fix
    with pytest.raises(DataError, match="no image came through"):
        build([], [], P)


def test_labels_and_further_columns_travel(tmp_path: Path) -> None:
    named = [replace(i, extra={"person": f"p{n % 3}"}) for n, i in enumerate(MANY)]
    rows = build(named, [], P.model_copy(update={"label": "person"})).rows
    assert {row.label for row in rows} == {"p0", "p1", "p2"}
    write_table(tmp_path / "m.csv", Row, rows)
    assert read_table(tmp_path / "m.csv", Row) == rows
    assert (tmp_path / "m.csv").read_text().splitlines()[0].endswith(",caption,person")


def test_broken_rules_are_named_with_their_columns() -> None:
    rows = build(MANY, [], P).rows
    assert mistakes(Row, rows) == []
    bad = [replace(rows[0], width_px=0), replace(rows[0], time_s=-1.0), *rows[2:]]
    told = "\n".join(mistakes(Row, bad))
    assert all(name in told for name in ("width_px", "time_s", "id: field_uniqueness"))


@pytest.mark.filterwarnings("default")  # of mlcroissant's own
def test_the_croissant_file_is_valid_and_the_card_counts(tmp_path: Path) -> None:
    import mlcroissant

    rows = build(MANY, [], P).rows
    write_table(tmp_path / "manifest.csv", Row, rows)
    text = croissant(rows, "0" * 64, Path("data/manifest.csv"))
    (tmp_path / "croissant.json").write_text(text)
    data = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert not data.metadata.ctx.issues.errors
    fields = {f["name"] for f in json.loads(text)["recordSet"][0]["field"]}
    assert {"id", "split", "group", "licence"} <= fields
    told = card(rows, P, 3, ["val holds 30%"], [("dedup", "truncated", 2)])
    counts = [sum(r.split == s for r in rows) for s in SPLITS]
    assert f"| photo | {counts[0]} | {counts[1]} | {counts[2]} | 60 |" in told
    assert "| dedup | truncated | 2 |" in told
    assert "Warning: val holds 30%." in told


def test_a_group_that_swallows_a_domain_is_told_with_the_way_out() -> None:
    memes = [image(n, domain="meme", template="t" * 16) for n in range(100, 140)]
    told = build([*MANY, *memes], [], P.model_copy(update={"min_rows": 0})).warnings
    assert [w for w in told if "holds 40 of the 40 rows of domain 'meme'" in w]
    assert "without `template`" in told[-1]
    finer = P.model_copy(update={"group_by": ("gallery",)})
    assert not [w for w in build([*MANY, *memes], [], finer).warnings if "meme" in w]
