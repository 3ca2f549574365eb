"""Who goes on: everything by default, else those that fulfil every rule."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.images.albums import album
from tests.images.pictures import encoded
from tests.images.test_text import meme

from memegan.demo.memes import blobface
from memegan.demo.world import draw, scene
from memegan.errors import DataError, ParamsError
from memegan.images.clusters import homogeneity
from memegan.images.describe import describe
from memegan.images.look import Read
from memegan.images.params import SelectParams
from memegan.images.select import Selection, select
from memegan.images.sheet import REFERENCES, page, write_selection
from memegan.records import KeptRow, LeftRow, LikenessRow, SelectedRow
from memegan.tables import mistakes, read_table

FACES, SCENES = 9, 5


def mixed(folder: str = "") -> tuple[list[KeptRow], Read]:
    """Faces (f0 to f8) and scenes (s0 to s4) of one community, and a wide picture with text."""
    files = {f"f{n}": encoded(np.asarray(blobface(n, 96))) for n in range(FACES)}
    files |= {f"s{n}": encoded(np.asarray(draw(scene(n), "photo", 96))) for n in range(SCENES)}
    files["wide"] = encoded(meme(1, "dark", 0.12))
    found, read = album(files)
    sizes = {"wide": (480, 320)}
    rows = []
    for one in found:
        width, height = sizes.get(one.row.id, (96, 96))
        rows.append(replace(one.row, width_px=width, height_px=height, template=one.row.id))
    return rows, read


def chosen(workers: int = 1, **rules: Any) -> Selection:  # noqa: ANN401 - values of any type
    rows, read = mixed()
    return select(rows, read, SelectParams(keep="matching", **rules), workers)


def ids(made: Selection) -> set[str]:
    return {row.id for row in made.selected}


def test_all_pass_by_default_in_their_order_and_are_measured() -> None:
    rows, read = mixed()
    made = select(rows, read, SelectParams(), 1)
    assert made.selected == [SelectedRow(row.id, -1, 1.0, "all") for row in rows]
    assert made.left == []
    assert {(r.kind, r.pictures) for r in made.likeness} == {
        ("community", 15),
        ("domain", 15),
        ("selected", 15),
    }


def test_clusters_narrow_a_mixed_domain_down_and_its_score_rises() -> None:
    made = chosen(clusters=3, keep_clusters=[0])
    assert len(made.selected) >= 3
    assert len({name[0] for name in ids(made)}) == 1  # faces or scenes alone
    scores = {(row.kind, row.name): row.score for row in made.likeness}
    (domain,) = [score for (kind, _), score in scores.items() if kind == "domain"]
    (after,) = [score for (kind, _), score in scores.items() if kind == "selected"]
    assert after > domain + 0.03
    assert after == scores["cluster", "0"]
    assert {row.rule for row in made.left} == {"keep_clusters"}
    assert {(row.cluster, row.why) for row in made.selected} == {(0, "keep_clusters")}


def test_clusters_alone_leave_nothing_out_but_number_everything() -> None:
    made = chosen(clusters=2)
    assert (len(made.selected), made.left) == (15, [])
    assert {row.cluster for row in made.selected} == {0, 1}
    assert sum(row.pictures for row in made.likeness if row.kind == "cluster") == 15


def test_the_nearest_to_an_example_are_the_likest_ones(tmp_path: Path) -> None:
    assert ids(chosen(examples=["s0"], nearest=SCENES)) == {f"s{n}" for n in range(SCENES)}
    path = tmp_path / "one" / "face.png"
    path.parent.mkdir()
    path.write_bytes(encoded(np.asarray(blobface(77, 96))))
    for name in (path, path.parent):
        made = chosen(examples=[str(name)], nearest=4)
        assert len(made.selected) == 4
        assert all(row.id.startswith("f") for row in made.selected)


def test_sizes_aspects_and_text_leave_out_with_their_names() -> None:
    by = {row.rule: row.id for row in chosen(aspect=(0.5, 1.2)).left}
    assert by == {"aspect": "wide"}
    assert ids(chosen(min_side_px=100)) == {"wide"}
    assert ids(chosen(text_share=(0.02, 1.0))) == {"wide"}
    assert "wide" not in ids(chosen(text_share=(0.0, 0.02)))
    first = {row.id: row.rule for row in chosen(min_side_px=100, aspect=(0.5, 2), clusters=1).left}
    assert set(first.values()) == {"min_side_px"}  # the first rule against it


def test_rules_for_some_domains_let_the_others_pass() -> None:
    rows, read = mixed()
    rows = [replace(r, domain="faces" if r.id[0] == "f" else "rest") for r in rows]
    p = SelectParams(keep="matching", domains=("rest",), min_side_px=100)
    made = select(rows, read, p, 1)
    assert ids(made) == {"wide", *(f"f{n}" for n in range(FACES))}
    assert {row.why for row in made.selected} == {"another domain", "min_side_px"}


def test_workers_change_no_row_and_no_byte_of_the_page(tmp_path: Path) -> None:
    _, read = mixed()
    for name, workers in (("one", 1), ("four", 4)):
        made = chosen(workers, clusters=3, keep_clusters=[0, 1], examples=["f1"], nearest=7)
        write_selection(tmp_path / name, made, read)
    one, four = (
        {p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "four")
    )
    assert one == four
    assert set(one) == {"index.html", "left.csv", "likeness.csv", "selected.csv"}


def test_what_is_written_keeps_its_schema_and_counts_every_picture(tmp_path: Path) -> None:
    _, read = mixed()
    write_selection(tmp_path, chosen(clusters=3, keep_clusters=[0]), read)
    selected = read_table(tmp_path / "selected.csv", SelectedRow)
    left = read_table(tmp_path / "left.csv", LeftRow)
    assert len({row.id for row in selected} | {row.id for row in left}) == 15
    assert mistakes(SelectedRow, selected) == mistakes(LeftRow, left) == []
    assert mistakes(LikenessRow, read_table(tmp_path / "likeness.csv", LikenessRow)) == []


def test_the_page_needs_no_network_shows_every_group_and_keeps_names_harmless() -> None:
    rows, read = mixed()
    rows = [replace(row, community="<script>x</script>") for row in rows]
    made = select(rows, read, SelectParams(keep="matching", clusters=2, keep_clusters=(0,)), 1)
    text = page(made, read)
    assert "<script>" not in text
    assert "http" not in text
    assert text.count("data:image/jpeg;base64,") == sum(len(g) for g in made.groups.values())
    for name in ("cluster 0", "cluster 1", "community", "selected"):
        assert f"<h2>{name}" in text
    assert "by keep_clusters" in text


def test_the_sets_to_compare_with_score_what_is_measured_now() -> None:
    """Against the demo's worlds: a change of the descriptor must be measured again."""
    sets = {
        "drawn landscapes as photos": [draw(scene(n), "photo", 128) for n in range(24)],
        "one cartoon face in many moods": [blobface(n, 128) for n in range(24)],
    }
    told = {name: score for name, _, score in REFERENCES}
    for name, pictures in sets.items():
        looks = np.array([describe(np.asarray(p.convert("RGB"))) for p in pictures])
        assert homogeneity(looks) == pytest.approx(told[name], abs=0.04)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"clusters": 3}, "keep: all obeys no rule, but clusters is set"),
        (
            {"keep": "matching", "clusters": 2, "keep_clusters": [2]},
            "numbers are 0 to clusters - 1",
        ),
        ({"keep": "matching", "aspect": [2, 1]}, "aspect: 2.0 is above 1.0"),
        ({"keep": "matching", "examples": ["x"]}, "examples and nearest are set together"),
    ],
)
def test_rules_that_make_no_sense_are_told(rules: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        SelectParams.model_validate(rules)


def test_names_that_are_not_there_and_a_domain_without_pictures_stop() -> None:
    with pytest.raises(ParamsError, match=r"no picture is of no_such"):
        chosen(communities=["no_such"])
    with pytest.raises(ParamsError, match=r"example 'f11' is no picture(.|\n)*did you mean 'f1'"):
        chosen(examples=["f11"], nearest=2)
    with pytest.raises(DataError, match=r"fulfils the rules; left out: 15 by min_side_px"):
        chosen(min_side_px=5000)


def test_a_picture_that_is_damaged_now_stops_with_its_place() -> None:
    rows, _ = mixed()
    with pytest.raises(DataError, match=r"a kept picture cannot be read(.|\n)*dvc checkout"):
        select(rows, lambda row: b"\x89PNG\r\n\x1a\n", SelectParams(), 1)
