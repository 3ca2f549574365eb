"""VK on loopback: pages, sizes, galleries, reposts, and each error code as it must be treated."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.sources.service import Asked, fetch, scrape, serving

from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.listing import listing
from memegan.fetching.params import EngineParams
from memegan.fetching.store import Store
from memegan.sources.base import Post, Request
from memegan.sources.vk import TOKEN, Clock, VkApi, VkSource

SECRET = "s3cret-t0ken"
OWNER = -77
LOOPBACK = EngineParams(allow_private_hosts=("localhost",), api_requests_per_s=1000)


def photo(url: str, width: int = 8, height: int = 8) -> dict[str, Any]:
    sizes = [
        {"type": "s", "url": f"{url}?thumb", "width": width // 4, "height": height // 4},
        {"type": "x", "url": url, "width": width, "height": height},
        {"type": "r", "url": f"{url}?crop", "width": width // 2, "height": height},
    ]
    return {"type": "photo", "photo": {"id": 1, "sizes": sizes}}


def item(number: int, *attachments: Mapping[str, Any], **more: object) -> dict[str, Any]:
    about = {"id": number, "owner_id": OWNER, "date": 1_700_000_000 + 86_400 * number}
    return {**about, "text": f"post {number}", "attachments": list(attachments), **more}


def wall(items: list[dict[str, Any]], age_limits: int = 1) -> Callable[[Asked], object]:
    """Answer as VK does, newest first."""
    newest = sorted(items, key=lambda i: -i["id"])

    def answer(asked: Asked) -> object:
        assert asked.path == "/method/wall.get"
        assert asked.query["v"] == "5.199"
        if asked.headers.get("Authorization") != f"Bearer {SECRET}":
            return error(5, "User authorization failed")
        offset, count = int(asked.query["offset"]), int(asked.query["count"])
        groups = [{"id": -OWNER, "age_limits": age_limits}]
        page = {"count": len(items), "items": newest[offset : offset + min(count, 100)]}
        return {"response": {**page, "groups": groups}}

    return answer


def error(code: int, message: str) -> object:
    echoed = [{"key": "access_token", "value": SECRET}]
    return {"error": {"error_code": code, "error_msg": message, "request_params": echoed}}


def source(api: str = "http://a.invalid", **more: object) -> VkSource:
    about = {"kind": "vk", "community": "cats", "domain": "meme", "terms_accepted": True}
    return VkSource.model_validate({**about, "api": api, **more})


def posts_of(items: list[dict[str, Any]], age_limits: int = 1, **more: object) -> list[Post]:
    with serving(wall(items, age_limits)) as vk:
        return list(source(f"{vk.url}/method", **more).posts(fetch))


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, SECRET)


def test_a_whole_scrape_reads_the_wall_and_its_pictures() -> None:
    with serving(lambda asked: wall(items)(asked)) as vk:
        items = [item(n, photo(f"{vk.url}/{n}.png")) for n in range(1, 4)]
        items[2]["attachments"].append(photo(f"{vk.url}/4.png"))
        about = {"kind": "vk", "community": "cats", "terms_accepted": True}
        done = scrape({**about, "api": f"{vk.url}/method"}, **{TOKEN: SECRET})
    assert done.code == 0, done.said
    urls = [row.url.rpartition("/")[2] for row in done.fetches]
    assert urls == ["3.png", "4.png", "2.png", "1.png"]
    assert {row.status for row in done.fetches} == {"ok"}
    assert done.posts[0].permalink == "https://vk.com/wall-77_3"
    assert done.posts[0].posted_at == "2023-11-17T22:13:20Z"
    assert SECRET not in done.said


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_all_pages_are_read_and_each_post_once(count: int) -> None:
    posts = posts_of([item(n) for n in range(count)])
    assert [int(post.id) for post in posts] == list(range(count))[::-1]


def test_a_refresh_reads_no_further_than_what_is_known(tmp_path: Path) -> None:
    items = [item(n) for n in range(1000)]
    pinned = {**item(3), "is_pinned": 1}
    offsets: list[str] = []

    def answer(asked: Asked) -> object:
        offsets.append(asked.query["offset"])
        page: Any = wall(items)(asked)
        if asked.query["offset"] == "0":
            page["response"]["items"].insert(0, pinned)
        return page

    with serving(answer) as vk, Store(tmp_path) as store:
        wanted = source(f"{vk.url}/method")
        first = list(listing(wanted, Engine(LOOPBACK, store, "2026-01-01")))
        assert (len(first), len(offsets)) == (1000, 10)
        offsets.clear()
        items += [item(n) for n in range(1000, 1020)]
        del items[:500]  # gone upstream
        second = list(listing(wanted, Engine(LOOPBACK, store, "2026-01-02")))
    assert offsets == ["0", "100"]
    assert [post.id for post in second[:1000]] == [post.id for post in first]
    assert [int(post.id) for post in second[1000:]] == list(range(1000, 1020))[::-1]


def test_posts_deleted_between_two_pages_hide_no_other() -> None:
    items = [item(n) for n in range(250)]
    deleted: list[int] = []

    def answer(asked: Asked) -> object:
        if asked.query["offset"] != "0" and not deleted:
            deleted.extend([249, 240, 230])  # of those that page one gave
        return wall([i for i in items if i["id"] not in deleted])(asked)

    with serving(answer) as vk:
        posts = list(source(f"{vk.url}/method").posts(fetch))
    assert [int(post.id) for post in posts] == list(range(250))[::-1]


def test_the_largest_picture_is_taken_and_small_ones_are_accounted_for() -> None:
    gif = {"type": "doc", "doc": {"ext": "gif", "url": "http://a/1.gif"}}
    others: list[dict[str, Any]] = [
        {"type": "poll"},
        {"type": "doc", "doc": {"ext": "pdf", "url": "http://a/1.pdf"}},
    ]
    small = photo("http://a/small.png", 40, 400)
    (post,) = posts_of([item(1, photo("http://a/1.png", 600, 400), small, gif, *others)])
    assert [m.url for m in post.media] == ["http://a/1.png", "http://a/small.png", "http://a/1.gif"]
    assert post.extra == {"left_out": "1 doc, 1 poll"}
    found = [item(1, photo("http://a/1.png", 600, 400), small)]
    (post,) = posts_of(found, min_size_px=200, columns={"era": "early"})
    assert [m.url for m in post.media] == ["http://a/1.png"]
    assert post.extra == {"left_out": "1 too small", "era": "early"}


def test_sizes_that_vk_does_not_know_are_compared_by_their_letter() -> None:
    sizes = [{"type": t, "src": f"http://a/{t}", "width": 0, "height": 0} for t in "sxwm"]
    (post,) = posts_of([item(1, {"type": "photo", "photo": {"sizes": sizes}})], min_size_px=99)
    assert [m.url for m in post.media] == ["http://a/w"]
    (post,) = posts_of([item(1, {"type": "photo", "photo": {"sizes": []}})])
    assert (post.media, post.extra) == ((), {"left_out": "1 photo without a url"})


def test_a_repost_brings_the_pictures_of_its_origin_and_says_so() -> None:
    origin = {"id": 5, "owner_id": -9, "text": "first", "attachments": [photo("http://a/5.png")]}
    again = item(1, text="", copy_history=[origin], marked_as_ads=1)
    (post,) = posts_of([again])
    assert [m.url for m in post.media] == ["http://a/5.png"]
    assert (post.text, post.extra) == ("first", {"repost_of": "-9_5", "is_ad": "1"})


def test_posts_of_a_community_for_adults_are_adult() -> None:
    assert [p.is_adult for p in posts_of([item(1)], age_limits=3)] == [True]
    assert [p.is_adult for p in posts_of([item(1)], age_limits=2)] == [False]


def test_a_date_range_asks_for_no_page_before_it() -> None:
    items = [item(n) for n in range(400)]
    items[0]["is_pinned"] = 1
    with serving(wall(items)) as vk:
        chosen = source(f"{vk.url}/method", since="2024-09-01", until="2024-09-03")
        posts = [post.posted_at[:10] for post in chosen.posts(fetch)]
        assert len(vk.asked) == 3
    assert posts == ["2024-09-03", "2024-09-02", "2024-09-01"]


@pytest.mark.parametrize(
    ("community", "who"),
    [
        ("cats", {"domain": "cats"}),
        ("club12cats", {"domain": "club12cats"}),
        ("123", {"owner_id": "-123"}),
        ("-123", {"owner_id": "-123"}),
        ("public123", {"owner_id": "-123"}),
        ("id123", {"owner_id": "123"}),
    ],
)
def test_a_community_is_named_or_numbered(community: str, who: dict[str, str]) -> None:
    with serving(wall([item(1)])) as vk:
        list(source(f"{vk.url}/method", community=community).posts(fetch))
        query = vk.asked[0].query
    assert {k: v for k, v in query.items() if k in ("domain", "owner_id")} == who


class Answers:
    """Errors one after the other, then the wall; and a clock that only notes."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.asked, self.slept, self.now_s = list(codes), 0, list[float](), 1e9
        self.clock = Clock(now=lambda: self.now_s, sleep=self.slept.append)

    def posts(self) -> list[Post]:
        def answer(asked: Asked) -> object:
            self.asked += 1
            if self.codes:
                return error(self.codes.pop(0), f"no, {SECRET} may not")
            return wall([item(1)])(asked)

        with serving(answer) as vk:
            return list(VkApi(source(f"{vk.url}/method"), fetch, self.clock).wall())


@pytest.mark.parametrize("code", [1, 6, 10])
def test_what_may_pass_is_asked_again_ever_more_patiently(code: int) -> None:
    busy = Answers(code, code, code)
    assert len(busy.posts()) == 1
    assert busy.slept == sorted(busy.slept) == [0.5, 1, 2]
    with pytest.raises(SourceError, match=f"error {code}"):
        Answers(*[code] * 5).posts()


@pytest.mark.parametrize("code", [5, 7, 8, 14, 15, 18, 19, 30, 100, 113, 125, 999])
def test_what_cannot_pass_ends_the_listing_at_once_without_the_token(code: int) -> None:
    closed = Answers(code)
    with pytest.raises(SourceError, match=rf"\*\*\* may not \(error {code}\)") as told:
        closed.posts()
    assert closed.asked == 1
    assert SECRET not in str(told.value)
    assert told.value.fix


@pytest.mark.parametrize(("code", "hours"), [(9, 1), (29, 24)])
def test_a_long_stop_is_remembered_by_later_runs_until_it_is_over(code: int, hours: int) -> None:
    first = Answers(code)
    with pytest.raises(SourceError, match=f"{hours}.0 h"):
        first.posts()
    later = Answers()
    later.now_s += hours * 3600 - 1800
    with pytest.raises(SourceError, match=r"for 0\.5 h"):
        later.posts()
    assert later.asked == 0
    later.now_s += 1801
    assert len(later.posts()) == 1


def test_another_token_need_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="long stop"):
        Answers(29).posts()
    monkeypatch.setenv(TOKEN, "another")
    with pytest.raises(SourceError, match="User authorization failed"):
        Answers().posts()


def test_without_a_token_the_variable_and_the_way_out_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(TOKEN)
    with pytest.raises(SourceError, match=r"no VK_SERVICE_TOKEN[^!]*docs/sources/vk\.md"):
        list(source().posts(fetch))


def test_terms_that_nobody_read_are_a_mistake_of_the_parameters() -> None:
    with pytest.raises(ValidationError, match=r"read the terms on docs/sources/vk\.md"):
        source(terms_accepted=False)


@given(st.binary(max_size=60))
def test_an_answer_that_is_no_json_is_told(body: bytes) -> None:
    def odd(request: Request) -> bytes:
        return b"<html>" + body

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TOKEN, SECRET)
        with pytest.raises(SourceError, match="no JSON"):
            list(source().posts(odd))


def test_an_answer_of_another_shape_is_told_as_such() -> None:
    with (
        serving(lambda asked: {"response": {"count": 1}}) as vk,
        pytest.raises(SourceError, match="not as documented: KeyError\\('items'\\)"),
    ):
        list(source(vk.url).posts(fetch))
