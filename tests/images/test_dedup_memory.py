"""What dedup remembers: it saves work and changes nothing, and what is gone is forgotten."""

import logging
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.images.albums import NOTHING_BANNED, album, kept
from tests.images.pictures import captioned, drawn, encoded

from memegan.errors import DataError
from memegan.images.decided import DecisionRow
from memegan.images.dedup import Decisions, dedup
from memegan.images.memory import FORGETFUL, Memory, forget, remembering
from memegan.images.params import DedupParams
from memegan.records import KeptRow
from memegan.takedown import Banned


def pictures() -> dict[str, bytes]:
    """Four pictures, each with a copy and another caption, by name."""
    files = {}
    for seed in (1, 3, 4, 6):
        base = drawn(seed, 240, 180)
        files[f"{seed}"] = encoded(captioned(base, "me on monday"))
        files[f"{seed} copy"] = encoded(captioned(base, "me on monday"), "JPEG", quality=70)
        files[f"{seed} other"] = encoded(captioned(base, "the end of it"))
    framed = drawn(9, 240, 180)
    framed[:40] = framed[-40:] = 0
    return files | {"framed": encoded(framed)}


FILES = pictures()
LAX = DedupParams(max_quarantined=1)


def run(
    files: Mapping[str, bytes],
    memory: Memory = FORGETFUL,
    p: DedupParams = LAX,
    told: list[DecisionRow] | None = None,
    banned: Banned = NOTHING_BANNED,
) -> tuple[Decisions, list[str]]:
    """Decide; return what was decided, and which files were read for it."""
    found, read = album(files)
    asked: list[str] = []

    def noted(row: KeptRow) -> bytes:
        asked.append(row.id)
        return read(row)

    return dedup(found, noted, p, banned, 1, told or [], memory), asked


def test_what_was_seen_is_not_read_again_and_the_same_is_decided(tmp_path: Path) -> None:
    with remembering(tmp_path) as memory:
        first, asked = run(FILES, memory)
    assert set(asked) == set(FILES)
    with remembering(tmp_path) as memory:
        again, asked = run(FILES, memory)
    assert asked == []
    assert again == first == run(FILES)[0]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(st.sampled_from(sorted(FILES)), unique=True, min_size=1), min_size=2, max_size=4
    )
)
def test_whatever_was_there_before_the_same_is_decided(
    tmp_path_factory: pytest.TempPathFactory, runs: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("memory")
    for names in runs:
        files = {name: FILES[name] for name in names}
        with remembering(folder) as memory:
            assert run(files, memory)[0] == run(files)[0]


def test_other_limits_and_decisions_are_obeyed(tmp_path: Path) -> None:
    verdict = [DecisionRow("1", "1 copy", "apart", "")]
    for p, told in ((LAX, []), (LAX, verdict), (LAX.model_copy(update={"same_line": 0.001}), [])):
        with remembering(tmp_path) as memory:
            assert run(FILES, memory, p, told)[0] == run(FILES, FORGETFUL, p, told)[0]
    assert "1 copy" in kept(run(FILES, FORGETFUL, LAX, verdict)[0])


def test_what_comes_later_changes_nothing_of_what_was_decided_about_earlier_ones() -> None:
    """New pictures against old ones: ties among the old ones and names of their groups stay."""
    names = list(FILES)
    old = run({name: FILES[name] for name in names[:7]})[0]
    new = run(FILES)[0]
    among = [row for row in new.duplicates if {row.dropped, row.kept} <= set(names[:7])]
    assert among == old.duplicates
    groups = {row.id: row.template for row in new.kept}
    assert {row.id: groups[row.id] for row in old.kept} == {r.id: r.template for r in old.kept}


def test_a_larger_copy_that_comes_later_stays_under_the_name_of_the_old_group() -> None:
    small = drawn(1, 120, 90)
    large = drawn(1, 240, 180)
    old = run({"small": encoded(small)})[0]
    new = run({"small": encoded(small), "large": encoded(large)})[0]
    assert (kept(old), kept(new)) == (["small"], ["large"])
    assert new.kept[0].template == old.kept[0].template == "small"
    assert [(row.dropped, row.kept) for row in new.duplicates] == [("small", "large")]


def looks(folder: Path) -> set[str]:
    (path,) = folder.glob("*.sqlite")
    with sqlite3.connect(path) as db:
        return {sha256 for (sha256,) in db.execute("SELECT sha256 FROM looks")}


def digests(*names: str) -> set[str]:
    found, _ = album({name: FILES[name] for name in names})
    return {one.row.sha256 for one in found}


def test_what_a_run_does_not_need_or_must_not_use_is_forgotten(tmp_path: Path) -> None:
    with remembering(tmp_path) as memory:
        run(FILES, memory)
    assert looks(tmp_path) == digests(*FILES)
    (banned,) = digests("3")
    takedown = Banned(takedown=frozenset({("sha256", banned)}), blocklist=frozenset())
    with remembering(tmp_path) as memory:
        run({name: FILES[name] for name in ("1", "3", "4")}, memory, banned=takedown)
    assert looks(tmp_path) == digests("1", "4")
    assert forget(tmp_path, digests("4", "6")) == 1
    assert looks(tmp_path) == digests("1")


def test_a_run_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    found, read = album(FILES)
    left = iter(range(5))

    def failing(row: KeptRow) -> bytes:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return read(row)

    with pytest.raises(KeyboardInterrupt), remembering(tmp_path) as memory:
        dedup(found, failing, LAX, NOTHING_BANNED, 1, [], memory)
    assert looks(tmp_path) == digests(*list(FILES)[:5])
    with remembering(tmp_path) as memory:
        assert run(FILES, memory)[0] == run(FILES)[0]
    assert looks(tmp_path) == digests(*FILES)


def damage(path: Path) -> None:
    path.write_bytes(b"no database" * 100)


def other_code(path: Path) -> None:
    path.rename(path.with_name("0000.sqlite"))


@pytest.mark.parametrize("change", [damage, other_code])
def test_what_cannot_be_used_is_begun_afresh(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    with remembering(tmp_path) as memory:
        run(FILES, memory)
    (path,) = tmp_path.glob("*.sqlite")
    change(path)
    with remembering(tmp_path) as memory:
        made, asked = run(FILES, memory)
    assert set(asked) == set(FILES)
    assert made == run(FILES)[0]
    assert list(tmp_path.glob("*.sqlite")) == [path]


def test_two_runs_at_once_do_not_wait_for_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with remembering(tmp_path) as memory, caplog.at_level(logging.WARNING):
        with remembering(tmp_path) as other:
            assert other is FORGETFUL
            assert run(FILES, other)[0] == run(FILES, memory)[0]
        with pytest.raises(DataError, match="wait till the dedup"):
            forget(tmp_path, digests("1"))
    assert "nothing is remembered" in caplog.text
