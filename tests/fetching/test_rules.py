"""What sites ask of programs, and that it is obeyed before a picture is asked for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fetching.hand import HandClock
from tests.fetching.web import HOST, Answer, Web, ended, png
from urllib3 import HTTPHeaderDict

from memegan.fetching.engine import Engine
from memegan.fetching.loop import Loop
from memegan.fetching.params import EngineParams
from memegan.fetching.reasons import Refused
from memegan.fetching.rules import Rules, Sites, check_headers
from memegan.fetching.store import Store
from memegan.sources.base import Media, Request

ALL = Rules()


def reasons(web: Web, store: Store, *paths: str, obey: Rules = ALL) -> list[str]:
    """Ask for pictures; return how each url ended, "ok" for a picture."""
    for path in paths:
        if path not in web.answers:
            web.give(path, Answer(png(1)))
    params = EngineParams(tries=2, obey=obey, contact="someone@example.org")
    engine = Engine(params, store, "2026-11-21", web.hosts, HandClock().clock())
    media = [Media(f"http://{HOST}{path}") for path in paths]
    engine.settle((m, Request(m.url)) for m in media)
    return [ended(store, m.url).reason or "ok" for m in media]


def test_robots_txt_is_obeyed_and_asked_for_once(web: Web, store: Store) -> None:
    web.give("/robots.txt", Answer(b"User-agent: *\nDisallow: /private/\n"))
    paths = [f"/{n}.png" for n in range(6)]
    assert reasons(web, store, "/private/1.png", *paths) == ["forbidden"] + ["ok"] * 6
    assert "/private/1.png" not in web.asked
    assert set(web.asked_rules.values()) == {1}


def test_what_is_said_to_us_by_name_counts_more_than_what_is_said_to_all(
    web: Web, store: Store
) -> None:
    text = b"User-agent: *\nDisallow: /\n\nUser-agent: memegan\nAllow: /\nDisallow: /no/\n"
    web.give("/robots.txt", Answer(text))
    assert reasons(web, store, "/1.png", "/no/1.png") == ["ok", "forbidden"]


def test_a_redirect_leads_nowhere_that_robots_txt_forbids(web: Web, store: Store) -> None:
    web.give("/robots.txt", Answer(b"User-agent: *\nDisallow: /private/\n"))
    web.give("/in.png", Answer(status=302, headers={"Location": "/private/1.png"}))
    assert reasons(web, store, "/in.png") == ["forbidden"]
    assert "/private/1.png" not in web.asked


def test_rules_that_cannot_be_read_now_forbid_all_until_the_next_scrape(
    web: Web, store: Store
) -> None:
    web.give("/robots.txt", Answer(b"", 503), Answer(b"", 503), Answer(b"", 404))
    assert reasons(web, store, "/1.png", "/2.png") == ["server_error"] * 2
    assert not web.asked
    assert reasons(web, store, "/1.png", "/2.png") == ["ok"] * 2


def test_a_crawl_delay_is_kept(web: Web, store: Store) -> None:
    web.give("/robots.txt", Answer(b"User-agent: *\nCrawl-delay: 20\n"))
    hand, near = HandClock(), f"http://near.invalid:{web.server_port}"
    params = EngineParams(connections=1, allow_private_hosts=("near.invalid",))
    engine = Engine(
        params, store, "2026-11-21", clock=hand.clock(), resolver=lambda h, p: ["127.0.0.1"]
    )
    engine.settle((Media(f"{near}/{n}"), Request(f"{near}/{n}")) for n in range(3))
    assert hand.now_s >= 2 * 20


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X-Robots-Tag": "noai"}, "forbidden"),
        ({"X-Robots-Tag": "noindex, NoImageAI"}, "forbidden"),
        ({"X-Robots-Tag": "memegan: noai"}, "forbidden"),
        ({"X-Robots-Tag": "otherbot: noai"}, "ok"),
        ({"X-Robots-Tag": "noindex, nofollow"}, "ok"),
        ({"X-Robots-Tag": "unavailable_after: 25 Jun 2050 15:00:00 PST, noai"}, "forbidden"),
        ({"TDM-Reservation": "1"}, "forbidden"),
        ({"TDM-Reservation": "0"}, "ok"),
    ],
)
def test_headers_that_reserve_a_picture_are_obeyed(
    headers: dict[str, str], reason: str, web: Web, store: Store
) -> None:
    web.give("/1.png", Answer(png(1), headers=headers))
    assert reasons(web, store, "/1.png") == [reason]
    nothing = Rules(robots=False, noai=False, tdm=False)
    web.give("/1.png", Answer(png(1), headers=headers))
    store.forget_failed()
    assert reasons(web, store, "/1.png", obey=nothing) == ["ok"]


def test_a_site_may_reserve_its_pictures_in_one_file(web: Web, store: Store) -> None:
    listed = [
        {"location": "/art/*", "tdm-reservation": 1, "tdm-policy": "http://site.invalid/p"},
        {"location": "/art/free/*", "tdm-reservation": 0},
    ]
    web.give("/.well-known/tdmrep.json", Answer(json.dumps(listed).encode()))
    found = reasons(web, store, "/art/1.png", "/art/free/1.png", "/1.png")
    assert found == ["forbidden", "ok", "ok"]


def test_we_say_who_we_are_and_how_to_reach_us(web: Web, store: Store) -> None:
    reasons(web, store, "/1.png")
    agents = {headers["User-Agent"] for _, headers in web.seen_headers}
    (agent,) = agents
    assert agent.startswith("memegan/")
    assert "someone@example.org" in agent
    assert "Mozilla" not in agent


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.text(max_size=60))
def test_whatever_a_site_says_is_an_answer(text: bytes, line: str) -> None:
    sites, found = Sites(ALL, lambda host, delay_s: None), set[str]()

    async def fetch(url: str) -> bytes:
        return text

    try:
        with Loop(HandClock().clock()) as loop:
            loop.run(sites.check(loop, "http://site.invalid/1.png", fetch))
        check_headers(ALL, HTTPHeaderDict({"X-Robots-Tag": line, "TDM-Reservation": line}))
    except Refused as error:
        found.add(error.reason)
    assert found <= {"forbidden"}
