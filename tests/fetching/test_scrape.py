"""Whole scrapes of a small community on loopback: repeated, refreshed, killed, seeded."""

import gc
import json
import shutil
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.fetching.web import Answer, Web, png, serving

from memegan.errors import ParamsError, SourceError
from memegan.fetching.coming import Body
from memegan.fetching.engine import Engine
from memegan.fetching.listing import Listing, plain, source_key
from memegan.fetching.params import EngineParams, ScrapeParams
from memegan.fetching.scrape import public_url, scrape
from memegan.fetching.seed import seed_store
from memegan.fetching.store import Store
from memegan.packs import read_place
from memegan.params import load_section
from memegan.records import FetchRow, PostRow
from memegan.sources.base import Media, Post, digest_of
from memegan.sources.urls import UrlsSource
from memegan.tables import read_table
from memegan.takedown import Banned

NONE = Banned(frozenset(), frozenset())
FIRST, SECOND = "2026-11-21", "2026-12-01"
SOURCE = {"kind": "demo", "community": "cats", "domain": "cat"}


def publish(web: Web, numbers: list[int]) -> None:
    """Let the community hold these posts: the VK-like API and the pictures; 3 is gone."""
    items = []
    for number in numbers:
        url = f"http://demo.invalid/{number}.png"
        web.give(f"/{number}.png", Answer(png(number)) if number != 3 else Answer(b"no", 404))
        sizes = [{"type": "x", "url": url, "width": 8, "height": 8}]
        items.append(
            {
                "id": number,
                "date": 1_700_000_000 + number,
                "text": f"cat, {number}",
                "marked_as_adult": number == 5,
                "attachments": [{"type": "photo", "photo": {"sizes": sizes}}],
            }
        )
    page = json.dumps({"response": {"count": len(items), "items": items}}).encode()
    web.give("/method/wall.get", Answer(page))


@contextmanager
def community(numbers: list[int]) -> Iterator[Web]:
    with serving() as web:
        publish(web, numbers)
        yield web


def run(
    web: Web, folder: Path, snapshot: str = FIRST, banned: Banned = NONE, connections: int = 4
) -> dict[str, bytes]:
    """Scrape into a fresh data/raw below `folder`, as DVC has it; return all files' bytes."""
    raw = Path("data/raw")
    shutil.rmtree(raw, ignore_errors=True)
    p = ScrapeParams.model_validate(
        {"snapshot": snapshot, "sources": [SOURCE], "connections": connections, "tries": 1}
    )
    hosts = {"demo.invalid": f"127.0.0.1:{web.server_port}"}
    with Store(folder / "store") as store:
        scrape(p.sources, Engine(p, store, snapshot, hosts), banned, p.max_failed, raw)
    return {file.relative_to(raw).as_posix(): file.read_bytes() for file in raw.rglob("*.*")}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows() -> dict[str, FetchRow]:
    found = read_table(Path("data/raw/fetches.csv"), FetchRow)
    return {row.url.rpartition("/")[2].removesuffix(".png"): row for row in found}


def test_every_url_is_one_row_and_every_file_is_found_by_its_place(tmp_path: Path) -> None:
    with community([1, 2, 3, 4, 5]) as web:
        run(web, tmp_path)
    table = rows()
    assert {n: r.reason for n, r in table.items() if r.reason} == {"3": "gone", "5": "adult"}
    assert [r.post_id for r in table.values()] == [f"demo:cats:{n}" for n in range(1, 6)]
    for number in (1, 2, 4):
        assert read_place(table[str(number)]) == png(number)
    assert len(read_table(Path("data/raw/posts.csv"), PostRow)) == 5


def test_the_number_of_connections_changes_no_byte(tmp_path: Path) -> None:
    with community(list(range(30))) as web:
        assert run(web, tmp_path / "a", connections=1) == run(web, tmp_path / "b", connections=8)


def test_a_second_scrape_and_a_takedown_ask_the_network_for_nothing(tmp_path: Path) -> None:
    with community([1, 2, 3, 4]) as web:
        first = run(web, tmp_path)
        asked = web.asked.copy()
        assert run(web, tmp_path) == first
        named = {("post", "demo:cats:1"), ("url", "http://demo.invalid/2.png")}
        second = run(web, tmp_path, banned=Banned(frozenset(named), frozenset()))
        assert web.asked == asked
    assert [row.reason for row in rows().values()] == ["takedown", "takedown", "gone", ""]
    assert png(1) in first["packs/2026-11-21-0000.tar"]
    assert png(1) not in second["packs/2026-11-21-0000.tar"]


def test_a_refresh_asks_for_what_is_new_and_keeps_what_is_gone(tmp_path: Path) -> None:
    with community([1, 2, 3]) as web:
        first = run(web, tmp_path)
        publish(web, [2, 3, 4])
        web.give("/1.png", Answer(b"no", 404))
        web.asked.clear()
        second = run(web, tmp_path, SECOND)
        assert web.asked == {"/method/wall.get": 1, "/4.png": 1}
    assert {n: (r.status, r.snapshot) for n, r in rows().items()} == {
        "1": ("ok", FIRST),
        "2": ("ok", FIRST),
        "3": ("failed", FIRST),
        "4": ("ok", SECOND),
    }
    assert second["packs/2026-11-21-0000.tar"] == first["packs/2026-11-21-0000.tar"]
    assert read_place(rows()["1"]) == png(1)


def test_what_may_pass_is_asked_again_by_the_next_scrape(tmp_path: Path) -> None:
    with community([1, 2]) as web:
        web.give("/2.png", Answer(b"", 503), Answer(png(2)))
        run(web, tmp_path)
        assert rows()["2"].reason == "server_error"
        run(web, tmp_path)
        assert rows()["2"].reason == ""
        assert web.asked["/1.png"] == 1


def test_a_pulled_data_raw_seeds_the_store_of_a_fresh_clone(tmp_path: Path) -> None:
    with community([1, 2, 3, 5]) as web:
        first = run(web, tmp_path / "here")
        publish(web, [5])
        web.asked.clear()
        shutil.copytree("data/raw", "pulled")
        with Store(tmp_path / "clone/store") as store:
            sources = ScrapeParams.model_validate({"snapshot": FIRST, "sources": [SOURCE]}).sources
            assert seed_store(store, sources, Path("pulled")) == 2
            assert seed_store(store, sources, Path("pulled")) == 0
        assert run(web, tmp_path / "clone") == first
        assert web.asked == {"/method/wall.get": 1}


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [{src!r}, {root!r}]
from tests.fetching.test_scrape import run
from memegan.stage import run_stage
class Elsewhere: server_port = {port}
def main() -> None: run(Elsewhere, Path("killed"))
sys.exit(run_stage(main, []))
"""


def started(web: Web, folder: Path, free: int) -> "subprocess.Popen[bytes]":
    """Start a scrape in a process of its own; return when requests after `free` hang."""
    root = Path(__file__).parents[2]
    web.asked.clear()
    web.free, web.gate = free, threading.Event()
    code = KILLED.format(src=str(root / "src"), root=str(root), port=web.server_port)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=folder)
    assert web.is_full.wait(60)
    return process


def freed(web: Web) -> None:
    """Answer at once again."""
    assert web.gate is not None
    web.gate.set()
    web.gate = None


@pytest.mark.parametrize("free", [1, 9, 25])
def test_after_kill_9_nothing_is_lost_or_doubled(free: int, tmp_path: Path) -> None:
    with community(list(range(10, 40))) as web:
        whole = run(web, tmp_path / "straight")
        process = started(web, tmp_path, free)
        process.kill()
        process.wait()
        freed(web)
        assert run(web, tmp_path / "killed") == whole
        pictures = web.asked.total() - web.asked["/method/wall.get"]
        # at most what 4 connections had in hand, and what the journal had not committed
    assert pictures <= 30 + 4 + 8
    assert list((tmp_path / "killed/store").rglob("*.part")) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_while_servers_are_silent_and_keeps_what_came(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with community(list(range(10, 40))) as web:
        process = started(web, tmp_path, 20)
        process.send_signal(number)
        assert process.wait(8) == code  # the server would have stayed silent for longer
        freed(web)
        run(web, tmp_path / "killed")
        assert max(web.asked.values()) <= 2
        assert sum(count == 1 for path, count in web.asked.items() if path[1].isdigit()) >= 20


def test_a_source_without_any_file_stops_the_scrape_and_says_why(tmp_path: Path) -> None:
    with (
        community([3]) as web,
        pytest.raises(SourceError, match=r"1 of 1 urls gave no file: 1 gone\n  where: demo:cats"),
    ):
        run(web, tmp_path)
    assert rows()["3"].reason == "gone"


def test_without_an_answer_the_way_out_is_named(tmp_path: Path) -> None:
    with community([1]) as web:
        pass  # it has closed
    with pytest.raises(SourceError, match="dvc pull scrape"):
        run(web, tmp_path)


def test_a_damaged_file_of_the_store_is_noticed_and_fetched_afresh(tmp_path: Path) -> None:
    with community([1, 2]) as web:
        first = run(web, tmp_path)
        digest = rows()["1"].sha256
        (tmp_path / "store/files" / digest[:2] / digest).write_bytes(b"rot")
        with pytest.raises(SourceError, match="damaged"):
            run(web, tmp_path)
        assert run(web, tmp_path) == first


def test_what_lies_here_is_read_without_another_process(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = project / "data/inputs/cats"
    pictures.mkdir(parents=True)
    (pictures / "1.png").write_bytes(png(1))

    def refuse(*words: object, **more: object) -> None:
        raise AssertionError(f"nothing is to be started: {words} {more}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    p = ScrapeParams.model_validate(
        {"snapshot": FIRST, "sources": [{**SOURCE, "kind": "folder", "path": "data/inputs/cats"}]}
    )
    with Store(project / "store") as store:
        found = scrape(p.sources, Engine(p, store, FIRST), NONE, p.max_failed, Path("data/raw"))
    assert found == {"ok": 1}
    assert [read_place(row) for row in read_table(Path("data/raw/fetches.csv"), FetchRow)] == [
        png(1)
    ]


def test_the_journal_gives_posts_back_as_they_were_and_reads_older_ones(tmp_path: Path) -> None:
    medias = (Media(""), Media("u", ("v", "w"), "m", "s", (1, 2, 3, 4)))
    posts = [Post("", medias, "t", extra={"a": ""}), Post("2", (), is_adult=True)]
    source = UrlsSource(kind="urls", community="c", domain="d", path=Path("data/inputs/u.txt"))
    with Store(tmp_path / "store") as store:
        both = [(post.id, value) for post in posts for value in (plain(post), asdict(post))]
        numbered = [(f"{name}{n}", value) for n, (name, value) in enumerate(both)]
        store.list_posts(source_key(source), FIRST, numbered)
        again = list(Listing(source, store, FIRST))
    assert again == [posts[0], posts[0], posts[1], posts[1]]


def test_two_sources_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    text = f"scrape:\n  snapshot: '{FIRST}'\n  sources:\n"
    source = "  - {kind: demo, community: cats, domain: cat}\n"
    Path("params.yaml").write_text(text + 2 * source)
    with pytest.raises(ParamsError, match="demo:cats is listed twice"):
        load_section(ScrapeParams, "scrape")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a.example/x?size=9&v=1", "http://a.example/x?size=9&v=1"),
        ("http://me:pass@a.example:8080/x", "http://a.example:8080/x"),
        ("http://a.example/x?v=1&access_token=s", "http://a.example/x?v=1"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_files_show_no_password_and_no_token(url: str, shown: str) -> None:
    assert public_url(url) == shown


def test_memory_stays_flat_in_the_number_of_urls(project: Path) -> None:
    """Nothing is downloaded: private addresses are refused before a connection is made."""

    fast = EngineParams(requests_per_s=1e6)

    def peak_bytes(urls: int) -> int:
        listed = project / f"{urls}.txt"
        listed.write_text("".join(f"http://10.0.0.1/{'path/' * 9}{n}.jpg\n" for n in range(urls)))
        source = UrlsSource(
            kind="urls", community="c", domain="d", path=listed, sha256=digest_of(listed)
        )
        gc.disable()  # nothing may wait for it: when it comes depends on the rest of the program
        tracemalloc.start()
        try:
            with Store(project / "store") as store, pytest.raises(SourceError, match="blocked"):
                scrape([source], Engine(fast, store, FIRST), NONE, 1.0, Path("data/raw"))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            gc.enable()

    few = peak_bytes(1000)
    assert (peak_bytes(4000) - few) / 3000 < 400  # bytes a url, half of them our own list of urls


def test_what_came_but_was_not_checked_before_a_kill_is_not_asked_for_again(tmp_path: Path) -> None:
    with community(list(range(10, 40))) as web:
        whole = run(web, tmp_path / "straight")
        with Store(tmp_path / "killed/store") as store:
            for number in range(10, 20):
                url = f"http://demo.invalid/{number}.png"
                store.coming.put(url, Body(png(number), url), tries=1)
        web.asked.clear()
        assert run(web, tmp_path / "killed") == whole
        assert not any(web.asked[f"/{number}.png"] for number in range(10, 20))
    assert list((tmp_path / "killed/store/coming").iterdir()) == []


def test_a_body_that_a_failing_machine_has_damaged_is_asked_for_again(tmp_path: Path) -> None:
    with community([1, 2]) as web:
        whole = run(web, tmp_path / "straight")
        url = "http://demo.invalid/1.png"
        with Store(tmp_path / "store") as store:
            store.coming.put(url, Body(bytes(len(png(1))), url), tries=1)
            store.coming.put("http://demo.invalid/2.png", Body(png(2), url), tries=1)
        (torn,) = (tmp_path / "store/coming").iterdir()
        torn.write_bytes(torn.read_bytes()[:-1])
        web.asked.clear()
        assert run(web, tmp_path) == whole
        assert (web.asked["/1.png"], web.asked["/2.png"]) == (1, 1)
