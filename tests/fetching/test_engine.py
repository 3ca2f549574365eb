"""Every trouble that a url can have, met on loopback, and its reason code."""

import hashlib
import io
import struct
import zlib

import pytest
from PIL import Image
from tests.fetching.hand import HandClock
from tests.fetching.web import HOST, Answer, Web, ended, gzip_bomb, png

from memegan.errors import SourceError
from memegan.fetching.download import Limits
from memegan.fetching.engine import Engine
from memegan.fetching.params import EngineParams
from memegan.fetching.reasons import REASONS
from memegan.fetching.store import Settled, Store
from memegan.sources.base import Media, Request

LIMITS = Limits(max_mb=0.2, max_s=0.8, stall_s=0.4, min_kb_s=0)
TIGHT = EngineParams(tries=2, limits=LIMITS)
GOOD = png(1)


def ask(web: Web, store: Store, *media: Media, params: EngineParams = TIGHT) -> list[Settled]:
    engine = Engine(params, store, "2026-11-21", web.hosts, HandClock().clock())
    engine.settle((m, Request(m.url)) for m in media)
    return [ended(store, m.url) for m in media]


def huge_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    )


def noise_jpeg() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def placeholder() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (161, 81), (222, 222, 222)).save(file, "PNG", compress_level=1)
    return file.getvalue()


TROUBLES = {
    "404": (Answer(b"no", 404), "gone"),
    "410": (Answer(b"no", 410), "gone"),
    "403": (Answer(b"no", 403), "refused"),
    "204": (Answer(b"", 204), "refused"),
    "429": (Answer(b"no", 429, {"Retry-After": "1"}), "rate_limited"),
    "500": (Answer(b"no", 500), "server_error"),
    "page": (Answer(b"<!doctype html>", headers={"Content-Type": "image/png"}), "not_media"),
    "svg": (Answer(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not_media"),
    "empty": (Answer(b""), "empty"),
    "cut": (Answer(GOOD[:40], length=len(GOOD)), "truncated"),
    "cut_silently": (Answer(noise_jpeg()[:900], length=None), "truncated"),
    "endless": (Answer(GOOD, drip=bytes(4096)), "too_large"),
    "bomb": (Answer(gzip_bomb(10_000_000), headers={"Content-Encoding": "gzip"}), "too_large"),
    "pixels": (Answer(huge_png()), "too_many_pixels"),
    "slow_body": (Answer(GOOD[:9], drip=b"x", drip_s=0.1), "too_slow"),
    "slow_headers": (Answer(drip=b"x", drip_s=0.1, drips_headers=True), "too_slow"),
    "silent": (Answer(GOOD[:9], drip=b"x", drip_s=5), "too_slow"),
    "loop": (Answer(status=302, headers={"Location": "/loop"}), "refused"),
    "to_inside": (Answer(status=302, headers={"Location": "http://127.0.0.1/"}), "blocked_address"),
    "to_ssh": (Answer(status=302, headers={"Location": "http://1.1.1.1:22/"}), "blocked_address"),
    "to_file": (Answer(status=302, headers={"Location": "file:///etc/hosts"}), "blocked_address"),
    "to_nowhere": (Answer(status=302, headers={"Location": "http://[::1"}), "blocked_address"),
    "placeholder": (Answer(placeholder()), "placeholder"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_has_its_reason(trouble: str, web: Web, store: Store) -> None:
    answer, reason = TROUBLES[trouble]
    (end,) = ask(web, store, Media(web.give(f"/{trouble}", answer)))
    assert (end.status, end.reason, end.sha256) == ("failed", reason, "")


def test_reasons_are_few_and_each_is_a_sentence() -> None:
    assert len(REASONS) <= 20
    assert {reason for _, reason in TROUBLES.values()} < set(REASONS)


def test_a_good_file_is_kept_under_its_digest(web: Web, store: Store) -> None:
    url = web.give("/moved", Answer(status=301, headers={"Location": "/good.jpg"}))
    target = web.give("/good.jpg", Answer(GOOD, headers={"ETag": '"7"'}))
    (end,) = ask(web, store, Media(url))
    assert (end.status, end.content_type, end.final_url) == ("ok", "image/png", target)
    assert (end.sha256, end.etag) == (hashlib.sha256(GOOD).hexdigest(), '"7"')
    assert store.read(end.sha256) == GOOD


@pytest.mark.parametrize("first", [Answer(b"", 503), Answer(b"", 429, {"Retry-After": "7"})])
def test_what_passes_is_asked_again_after_the_named_time(
    first: Answer, web: Web, store: Store
) -> None:
    hand = HandClock()
    media = Media(web.give("/x", first, Answer(GOOD)))
    engine = Engine(TIGHT, store, "2026-11-21", web.hosts, hand.clock())
    engine.settle([(media, Request(media.url))])
    end = ended(store, media.url)
    assert (end.status, end.tries) == ("ok", 2)
    assert sum(hand.slept) == (7 if first.status == 429 else 0.5)


def test_a_retry_after_beyond_the_limit_is_not_waited_for(web: Web, store: Store) -> None:
    (end,) = ask(web, store, Media(web.give("/x", Answer(b"", 429, {"Retry-After": "9999"}))))
    assert (end.reason, web.asked["/x"]) == ("rate_limited", 1)


def test_checksums_are_enforced_and_alternates_tried(web: Web, store: Store) -> None:
    wrong, right = web.give("/wrong", Answer(png(2))), web.give("/right", Answer(GOOD))
    md5 = hashlib.md5(GOOD, usedforsecurity=False).hexdigest()
    (end,) = ask(web, store, Media(wrong, md5=md5))
    assert end.reason == "checksum"
    gone = web.give("/gone", Answer(b"", 404))
    (end,) = ask(web, store, Media(gone, alternates=(wrong, right), md5=md5.upper()))
    assert (end.status, end.final_url, end.url) == ("ok", right, gone)


def test_a_checksum_given_later_is_held_against_the_stored_file(web: Web, store: Store) -> None:
    url = web.give("/x", Answer(GOOD))
    assert ask(web, store, Media(url))[0].status == "ok"
    assert ask(web, store, Media(url, sha256="0" * 64))[0].reason == "checksum"


def test_a_list_never_opens_a_local_file(web: Web, store: Store) -> None:
    urls = [__file__, f"file://{__file__}", f"file:{__file__}", "data:image/png;base64,AA", "//x"]
    assert {end.reason for end in ask(web, store, *map(Media, urls))} == {"blocked_address"}


def test_a_token_is_not_taken_to_another_host(web: Web, store: Store) -> None:
    hosts = {**web.hosts, "other.invalid": web.hosts[HOST]}
    url = web.give("/in", Answer(status=302, headers={"Location": "http://other.invalid/out"}))
    web.give("/out", Answer(GOOD))
    engine = Engine(TIGHT, store, "2026-11-21", hosts)
    engine.settle([(Media(url), Request(url, {"Authorization": "secret"}))])
    sent = [(path, h["Authorization"]) for path, h in web.seen_headers if "Authorization" in h]
    assert sent == [("/in", "secret")]


def test_requests_to_one_host_keep_their_distance(web: Web, store: Store) -> None:
    """Named in `allow_private_hosts`, not in `hosts`: only the demo's own host is not spared."""
    hand = HandClock()
    port = web.hosts[HOST].partition(":")[2]
    params = EngineParams(connections=1, requests_per_s=4, allow_private_hosts=("near.invalid",))
    engine = Engine(
        params, store, "2026-11-21", clock=hand.clock(), resolver=lambda h, p: ["127.0.0.1"]
    )
    urls = [f"http://near.invalid:{port}/{n}" for n in range(5)]
    assert engine.settle((Media(url), Request(url)) for url in urls) == {"gone": 5}
    assert hand.now_s == pytest.approx(1.5)  # the site's two files of rules come first


def test_an_api_that_fails_says_where_without_its_token(web: Web, store: Store) -> None:
    engine = Engine(TIGHT, store, "2026-11-21", web.hosts, HandClock().clock())
    with pytest.raises(SourceError, match=f"where: http://{HOST}/api\n") as error:
        engine.page(Request(f"http://{HOST}/api?access_token=secret"))
    assert "secret" not in str(error.value)


LATER = "Sat, 21 Nov 2026 10:00:09 GMT"


def test_a_moment_to_ask_again_is_read_by_the_servers_own_clock(web: Web, store: Store) -> None:
    hand = HandClock()
    said = {"Retry-After": LATER, "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}
    url = web.give("/x", Answer(b"", 503, said, dates=False), Answer(GOOD))
    engine = Engine(TIGHT, store, "2026-11-21", web.hosts, hand.clock())
    engine.settle([(Media(url), Request(url))])
    assert sum(hand.slept) == 9


@pytest.mark.parametrize(("what", "asked"), [("wait", 3), ("skip", 1)])
def test_a_rate_limit_is_waited_out_or_leaves_the_hosts_urls_to_the_next_scrape(
    what: str, asked: int, web: Web, store: Store
) -> None:
    first = web.give("/1", Answer(b"", 429, {"Retry-After": "5"}), Answer(GOOD))
    second = web.give("/2", Answer(png(2)))
    params = EngineParams.model_validate(
        {"connections": 1, "on_rate_limit": what, "limits": LIMITS}
    )
    ends = ask(web, store, Media(first), Media(second), params=params)
    assert web.asked.total() == asked
    assert {end.reason for end in ends} == ({""} if what == "wait" else {"rate_limited"})
    assert {end.reason for end in ask(web, store, Media(first), Media(second))} == {""}


def test_a_rate_limit_may_stop_the_scrape_and_what_came_is_kept(web: Web, store: Store) -> None:
    urls = [web.give("/1", Answer(GOOD)), web.give("/2", Answer(b"", 429, {"Retry-After": "5"}))]
    params = EngineParams(connections=1, on_rate_limit="fail", limits=LIMITS)
    with pytest.raises(SourceError, match=f"ask again in 5 s\n  where: {HOST}"):
        ask(web, store, *map(Media, urls), params=params)
    found = store.settled(urls[0])
    assert found is not None
    assert store.read(found.sha256) == GOOD


def test_a_rate_limit_of_one_host_does_not_hold_up_another(web: Web, store: Store) -> None:
    """One connection, the limited host first: the other's pictures come while it waits."""
    busy, free = (f"http://{name}.invalid:{web.server_port}" for name in ("busy", "free"))
    web.give("/1", Answer(b"", 429, {"Retry-After": "60"}), Answer(GOOD))
    web.give("/2", Answer(png(2)))
    hand, private = HandClock(), ("busy.invalid", "free.invalid")
    params = EngineParams(connections=1, allow_private_hosts=private, limits=LIMITS)
    engine = Engine(
        params, store, "2026-11-21", clock=hand.clock(), resolver=lambda h, p: ["127.0.0.1"]
    )
    asked = ((Media(u), Request(u)) for u in (f"{busy}/1", f"{free}/2"))
    assert engine.settle(asked) == {"ok": 2}
    paths = [path for path, _ in web.seen_headers if path in ("/1", "/2")]
    assert paths == ["/1", "/2", "/1"]


def refreshed(web: Web, store: Store, url: str, snapshot: str) -> Settled:
    params = EngineParams(tries=1, revalidate=True, limits=LIMITS)
    engine = Engine(params, store, snapshot, web.hosts, HandClock().clock())
    engine.settle([(Media(url), Request(url))])
    return ended(store, url)


def test_a_refresh_may_ask_whether_files_changed_and_loses_none(web: Web, store: Store) -> None:
    tag = {"ETag": '"1"'}
    answers = [Answer(GOOD, headers=tag), Answer(status=304, headers=tag), Answer(b"", 404)]
    url = web.give("/x", *answers, Answer(png(2), headers={"ETag": '"2"'}))
    first = refreshed(web, store, url, "2026-11-21")
    for number, snapshot in enumerate(("2026-11-21", "2026-12-01", "2027-01-01"), 1):
        assert refreshed(web, store, url, snapshot) == first  # the same, unchanged, gone
        assert web.asked["/x"] == number
    sent = [headers.get("If-None-Match") for path, headers in web.seen_headers if path == "/x"]
    assert sent == [None, '"1"', '"1"']
    changed = refreshed(web, store, url, "2027-02-01")
    assert (changed.etag, store.read(changed.sha256)) == ('"2"', png(2))
    assert store.read(first.sha256) == GOOD


def test_a_page_that_has_not_changed_comes_from_the_store(web: Web, store: Store) -> None:
    web.give("/feed", Answer(b"posts", headers={"ETag": '"1"'}), Answer(status=304))
    for _ in range(2):
        engine = Engine(TIGHT, store, "2026-11-21", web.hosts, HandClock().clock())
        assert engine.page(Request(f"http://{HOST}/feed?access_token=secret")) == b"posts"
    assert [h.get("If-None-Match") for _, h in web.seen_headers] == [None, '"1"']
    files = store.folder.glob("journal.sqlite*")
    assert not any(b"secret" in file.read_bytes() for file in files)


def test_a_304_that_nobody_asked_for_is_no_answer_to_use(web: Web, store: Store) -> None:
    (end,) = ask(web, store, Media(web.give("/x", Answer(status=304))))
    assert end.reason == "refused"


def test_placeholders_of_further_sites_can_be_named(web: Web, store: Store) -> None:
    md5 = hashlib.md5(GOOD, usedforsecurity=False).hexdigest()
    params = TIGHT.model_copy(update={"placeholders": (md5,)})
    (end,) = ask(web, store, Media(web.give("/x", Answer(GOOD))), params=params)
    assert end.reason == "placeholder"


def test_cookies_are_not_kept(web: Web, store: Store) -> None:
    given = Answer(GOOD, headers={"Set-Cookie": "id=7; Path=/"})
    ask(web, store, *(Media(web.give(f"/{n}", given)) for n in range(9)))
    assert not any("Cookie" in headers for _, headers in web.seen_headers)


def test_older_files_call_connections_threads() -> None:
    assert EngineParams.model_validate({"threads": 3}).connections == 3
