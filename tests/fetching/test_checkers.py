"""Processes that check bodies: what they say, and what is left when one dies."""

import hashlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fetching.web import Answer as Reply
from tests.fetching.web import Web, ended, png

from memegan.errors import SourceError
from memegan.fetching.checkers import Checkers
from memegan.fetching.coming import Body, Came, Coming
from memegan.fetching.engine import Engine
from memegan.fetching.files import Files
from memegan.fetching.jobs import Answer, Job
from memegan.fetching.loop import Loop
from memegan.fetching.params import EngineParams
from memegan.fetching.store import Store
from memegan.fetching.turns import Clock
from memegan.sources.base import Media, Request


def answers(
    folder: Path, bodies: list[bytes], meanwhile: Callable[[Checkers], None] = lambda c: None
) -> list[Answer]:
    """Let one process check bodies; return its answers in the order of the bodies."""
    files, coming = Files(folder / "files"), Coming(folder / "coming")
    files.prepare()
    coming.prepare()
    found: dict[int, Answer] = {}

    async def check(number: int, came: Came) -> None:
        found[number] = await checkers.check(loop, number, Job(*vars(came.piece).values()))

    with Checkers(files, count=1) as checkers, Loop(Clock()) as loop:
        loop.waiters.append(checkers)
        for number, data in enumerate(bodies):
            came = coming.put(f"http://x/{number}", Body(data, ""), tries=1)
            loop.start(check(number, came), lambda none: None)
        while len(found) < len(bodies):
            loop.step(0.001)  # no checker has started by then: who is killed has answered nothing
            meanwhile(checkers)
    coming.clear()
    return [found[number] for number in range(len(bodies))]


def test_each_body_has_its_answer_and_a_good_one_is_stored(tmp_path: Path) -> None:
    found = answers(tmp_path, [png(1), b"<!doctype html>", png(2), b"", png(1)])
    digest = hashlib.sha256(png(1)).hexdigest()
    assert found[0] == Answer("image/png", digest, is_new=True)
    assert found[4] == Answer("image/png", digest, is_new=False)
    assert Files(tmp_path / "files").path(digest).read_bytes() == png(1)
    assert [answer.reason for answer in found] == ["", "not_media", "", "empty", ""]


def test_a_checker_that_is_killed_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    killed = set[int]()

    def kill_once(checkers: Checkers) -> None:
        if not killed:
            killed.update(checkers.pids())
            os.kill(max(killed), signal.SIGKILL)

    found = answers(tmp_path, [png(number) for number in range(20)], kill_once)
    assert [answer.content_type for answer in found] == ["image/png"] * 20
    assert len(killed) == 1


def test_a_body_at_which_two_checkers_die_is_damaged_and_the_others_are_not(tmp_path: Path) -> None:
    killed = set[int]()

    def kill_twice(checkers: Checkers) -> None:
        for pid in set(checkers.pids()) - killed:
            if len(killed) < 2:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)

    found = answers(tmp_path, [png(number) for number in range(5)], kill_twice)
    assert [answer.reason for answer in found] == ["truncated", "", "", "", ""]


def test_checkers_that_cannot_start_stop_the_scrape_and_say_so(
    web: Web, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    url = web.give("/x", Reply(png(1)))
    engine = Engine(EngineParams(), store, "2026-11-21", web.hosts)
    with pytest.raises(SourceError, match="a process that checks pictures ended with 1"):
        engine.settle([(Media(url), Request(url))])


def test_urls_that_drip_hold_up_nobody(web: Web, store: Store) -> None:
    """All but one of the connections wait in the middle of a body for the last url's answer."""
    over, params = threading.Event(), EngineParams(connections=8)
    good = [png(number) for number in range(40)]
    drips = [Reply(data[:30], rest=data[30:], pause=over) for data in good[:7]]
    answers = [*drips, *map(Reply, good[7:-1]), Reply(good[-1], ends_pause=over)]
    urls = [web.give(f"/{number}", answer) for number, answer in enumerate(answers)]
    engine = Engine(params, store, "2026-11-21", web.hosts)
    assert engine.settle((Media(url), Request(url)) for url in urls) == {"ok": 40}
    assert [store.read(ended(store, url).sha256) for url in urls] == good
