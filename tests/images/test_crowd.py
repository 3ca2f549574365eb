"""The data half on the pictures of `memegan bench scale`, few of them: known truth, any workers."""

from collections import Counter
from pathlib import Path

import pytest
from benchmarks._crowd import EDITS, TEMPLATES, Planned, drawn, plan
from tests.images.albums import NOTHING_BANNED, album, kept

from memegan.images.dedup import Decisions, dedup
from memegan.images.params import DedupParams, ResizeParams
from memegan.images.resize import write_images
from memegan.manifest import ManifestParams, build
from memegan.records import ImageRow, Row
from memegan.tables import write_table


def some(count: int) -> dict[str, Planned]:
    """Pictures on two templates, and copies of lone ones, in the order of the plan."""
    every = list(plan(1_000))
    copied = {one.shows for one in every if one.edit and one.ground.startswith("own")}
    wanted = ("template 0/3", "template 0/8")
    chosen = [one for one in every if one.ground in wanted or one.shows in copied]
    return {f"{n:03d}": one for n, one in enumerate(chosen[:count])}


PLANNED = some(44)


def made(workers: int, folder: Path) -> Decisions:
    """Run the data half into a folder."""
    found, read = album({name: drawn(one) for name, one in PLANNED.items()})
    decisions = dedup(found, read, DedupParams(), NOTHING_BANNED, workers)
    p = ResizeParams(size_px=32)
    images = write_images(decisions.kept, read, p, folder / "packs", workers)
    write_table(folder / "images.csv", ImageRow, images)
    split = ManifestParams(seed=1, val_share=0.2, test_share=0.2)
    write_table(folder / "manifest.csv", Row, build(images, decisions.duplicates, split).rows)
    return decisions


def test_the_number_of_workers_changes_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        monkeypatch.chdir(folder)
        made(workers, Path())
        files.append({p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert files[0] == files[1]
    assert {"images.csv", "manifest.csv"} < set(files[0])


def test_copies_are_dropped_and_captions_are_not(tmp_path: Path) -> None:
    decisions = made(2, tmp_path)
    shown = [PLANNED[name].shows for name in kept(decisions)]
    dropped = [row for row in decisions.duplicates if row.level != "template"]
    assert all(PLANNED[row.dropped].shows == PLANNED[row.kept].shows for row in dropped)
    assert set(shown) == {one.shows for one in PLANNED.values()}
    assert len(shown) - len(set(shown)) <= 1
    groups = {row.template for row in decisions.kept if PLANNED[row.id].ground == "template 0/3"}
    assert len(groups) == 1


def test_the_plan_has_its_shares_and_more_pictures_begin_with_fewer() -> None:
    every = list(plan(10_000))
    assert every[:2_500] == list(plan(2_500))
    grounds = Counter(one.ground for one in every if one.ground.startswith("template"))
    assert set(grounds.values()) == {100}
    assert len(grounds) == TEMPLATES
    copies = [one for one in every if one.edit]
    assert {one.edit for one in copies} == set(EDITS)
    assert 0.09 < len(copies) / len(every) < 0.1
    shows = {one.shows for one in every if not one.edit}
    assert len(shows) == len(every) - len(copies)
    assert all(one.shows in shows for one in copies)
