"""Reddit on loopback: its API by praw, its feed, saved listings; all shapes that a post has."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.sources.service import Asked, Reply, fetch, no_network, scrape, serving

from memegan.errors import SourceError
from memegan.sources.base import Post
from memegan.sources.reddit import CLIENT_ID, CLIENT_SECRET, USER, RedditSource

KEYS = {CLIENT_ID: "an-id", CLIENT_SECRET: "a-s3cret", USER: "ada"}
SAVED = Path("data/inputs/cats.json")


def submission(number: int, **more: object) -> dict[str, Any]:
    about = {"id": f"a{number}", "title": f"t{number}", "created_utc": 1_763_719_200.0 + number}
    return {**about, "permalink": f"/r/cats/comments/a{number}/", "over_18": False, **more}


def listing(*submissions: Mapping[str, Any], after: str | None = None) -> dict[str, Any]:
    children = [{"kind": "t3", "data": one} for one in submissions]
    return {"kind": "Listing", "data": {"children": children, "after": after}}


def source(by: str = "saved", **more: object) -> RedditSource:
    about = {"kind": "reddit", "community": "cats", "domain": "meme", "terms_accepted": True}
    path = {"path": SAVED} if by == "saved" else {}
    return RedditSource.model_validate({**about, "by": by, **path, **more})


def saved(*submissions: Mapping[str, Any], **more: object) -> list[Post]:
    SAVED.parent.mkdir(parents=True, exist_ok=True)
    SAVED.write_text(json.dumps(listing(*submissions)), encoding="utf-8")
    return list(source("saved", **more).posts(no_network))


def one(**about: object) -> Post:
    (post,) = saved(submission(1, **about))
    return post


def urls(post: Post) -> list[str]:
    return [media.url for media in post.media]


def api(asked: Asked) -> object:
    """Answer as Reddit does to somebody with keys: three posts on two pages."""
    if asked.path == "/api/v1/access_token":
        return {"access_token": "t0ken", "token_type": "bearer", "expires_in": 3600, "scope": "*"}
    assert asked.headers["Authorization"] == "bearer t0ken"
    base = f"http://{asked.headers['Host']}"
    known = [submission(n, url=f"{base}/{n}.png") for n in (1, 2, 3)]
    page = listing(known[2]) if "after" in asked.query else listing(*known[:2], after="t3_a2")
    limits = {"X-Ratelimit-Used": "1", "X-Ratelimit-Remaining": "99", "X-Ratelimit-Reset": "60"}
    return Reply(json.dumps(page).encode(), headers=limits)


def test_a_whole_scrape_by_keys_reads_all_pages() -> None:
    with serving(api) as reddit:
        about = {"kind": "reddit", "community": "cats", "by": "keys", "terms_accepted": True}
        done = scrape({**about, "api": reddit.url, "site": reddit.url}, **KEYS)
        pages = [asked for asked in reddit.asked if asked.path == "/r/cats/new"]
    assert done.code == 0, done.said
    assert [row.url.rpartition("/")[2] for row in done.fetches] == ["1.png", "2.png", "3.png"]
    assert pages[0].query == {"limit": "100", "raw_json": "1", "t": "all"}
    assert "memegan" in pages[0].headers["User-Agent"]
    assert "by /u/ada" in pages[0].headers["User-Agent"]
    assert KEYS[CLIENT_SECRET] not in done.said


@pytest.mark.parametrize(("status", "said"), [(403, "403"), (404, "404")])
def test_a_refusal_names_the_ways_without_keys(
    status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)

    def answer(asked: Asked) -> object:
        return api(asked) if asked.path.startswith("/api") else Reply(b"{}", status)

    with (
        serving(answer) as reddit,
        pytest.raises(SourceError, match=rf"{said}[^!]*by: rss") as told,
    ):
        list(source("keys", api=reddit.url, site=reddit.url).posts(fetch))
    assert KEYS[CLIENT_SECRET] not in str(told.value)


def test_without_keys_the_variable_is_named() -> None:
    with pytest.raises(SourceError, match=f"no {CLIENT_SECRET}"):
        list(source("keys").posts(fetch))


def test_without_praw_the_other_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "praw", None)
    with pytest.raises(SourceError, match=r"praw is not installed[^!]*by: rss"):
        list(source("keys").posts(no_network))


ENTRY = """<entry><id>t3_{name}</id><title>{name}</title>
<updated>2025-11-21T10:00:00+00:00</updated>
<link href="https://www.reddit.com/r/cats/comments/{name}/"/><content type="html">&lt;a href="x"&gt;
&lt;img src="https://b.thumbs.invalid/t.jpg"&gt;&lt;/a&gt; &lt;span&gt;&lt;a href="{url}"&gt;[link]
&lt;/a&gt;&lt;/span&gt; &lt;a href="y"&gt;[comments]&lt;/a&gt;</content></entry>"""


def feed(asked: Asked) -> object:
    assert asked.path == "/r/cats/new/.rss"
    base = f"http://{asked.headers['Host']}"
    first, second = [(f"a{n}", f"{base}/{n}.png") for n in (1, 2)], [("a3", f"{base}/gallery/3")]
    entries = {"": first, "t3_a2": second}.get(asked.query.get("after", ""), [])
    inside = "".join(ENTRY.format(name=name, url=url) for name, url in entries)
    return Reply(f'<feed xmlns="http://www.w3.org/2005/Atom">{inside}</feed>'.encode())


def test_a_whole_scrape_of_the_feed_takes_the_link_and_not_the_thumbnail() -> None:
    with serving(feed) as reddit:
        about = {"kind": "reddit", "community": "cats", "by": "rss", "terms_accepted": True}
        done = scrape({**about, "site": reddit.url, "pause_s": 0})
        assert all("memegan" in asked.headers["User-Agent"] for asked in reddit.asked)
    assert done.code == 0, done.said
    assert [row.url.rpartition("/")[2] for row in done.fetches] == ["1.png", "2.png"]
    assert done.posts[2].extra["left_out"] == "1 gallery without pictures"
    assert done.posts[0].permalink == "https://www.reddit.com/r/cats/comments/a1/"
    assert done.posts[0].posted_at == "2025-11-21T10:00:00Z"


def test_a_whole_scrape_of_a_saved_listing_needs_nothing_but_its_pictures() -> None:
    with serving(lambda asked: Reply(b"", 404)) as host:
        SAVED.parent.mkdir(parents=True)
        SAVED.write_text(json.dumps(listing(submission(1, url=f"{host.url}/1.png"))))
        about = {"kind": "reddit", "community": "cats", "by": "saved", "terms_accepted": True}
        done = scrape({**about, "path": SAVED.as_posix()})
    assert done.code == 0, done.said
    assert [(row.post_id, row.status) for row in done.fetches] == [("reddit:cats:a1", "ok")]


def test_saved_listings_may_be_a_folder_a_list_or_one_post_a_line() -> None:
    folder = SAVED.parent / "pages"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text(json.dumps(listing(submission(1), submission(2))))
    comments = {"kind": "Listing", "data": {"children": [{"kind": "t1", "data": {"id": "c"}}]}}
    (folder / "2.json").write_text(json.dumps([listing(submission(2)), comments]))
    (folder / "3.jsonl").write_text("\n".join(json.dumps(submission(n)) for n in (3, 4)))
    posts = source(path=folder).posts(no_network)
    assert [post.id for post in posts] == ["a1", "a2", "a3", "a4"]


def picture(number: int, **more: object) -> dict[str, Any]:
    preview = f"https://preview.redd.it/p{number}.jpg?width=9&amp;s=x"
    return {"status": "valid", "e": "Image", "s": {"u": preview, "x": 900, "y": 600}, **more}


def test_a_gallery_comes_in_its_order_from_where_the_files_are() -> None:
    known = {"m1": picture(1), "m2": picture(2), "m3": picture(3, status="failed")}
    items = [{"media_id": name} for name in ("m2", "m1", "m3")]
    post = one(is_gallery=True, gallery_data={"items": items}, media_metadata=known)
    assert urls(post) == ["https://i.redd.it/p2.jpg", "https://i.redd.it/p1.jpg"]
    assert post.media[0].alternates == ("https://preview.redd.it/p2.jpg?width=9&s=x",)
    assert post.extra == {"left_out": "1 picture of a gallery"}


@pytest.mark.parametrize(
    ("about", "urls_expected", "why"),
    [
        ({"url": "https://i.redd.it/1.jpg"}, ["https://i.redd.it/1.jpg"], ""),
        ({"url": "https://i.imgur.invalid/1.gifv"}, ["https://i.imgur.invalid/1.mp4"], ""),
        ({"url": "https://a.invalid/1.png?a=1&amp;b=2"}, ["https://a.invalid/1.png?a=1&b=2"], ""),
        ({"url": "https://news.invalid/article"}, [], "1 link"),
        ({"url": "https://www.reddit.com/r/cats/comments/a1/", "is_self": True}, [], ""),
        ({"is_gallery": True, "gallery_data": None}, [], "1 gallery without pictures"),
        ({"is_gallery": True, "gallery_data": {"items": [1]}}, [], "1 gallery without pictures"),
        ({"is_video": True, "media": None}, [], "1 video"),
        ({"url": "https://i.redd.it/1.jpg", "removed_by_category": "moderator"}, [], "1 removed"),
    ],
)
def test_each_shape_of_a_post(about: dict[str, Any], urls_expected: list[str], why: str) -> None:
    post = one(**about)
    assert (urls(post), post.extra.get("left_out", "")) == (urls_expected, why)


def test_a_video_is_taken_without_its_query() -> None:
    video = {"fallback_url": "https://v.redd.it/x/DASH_720.mp4?source=fallback", "width": 720}
    post = one(is_video=True, secure_media={"reddit_video": {**video, "height": 720}})
    assert urls(post) == ["https://v.redd.it/x/DASH_720.mp4"]


def test_a_crosspost_brings_its_origins_media_and_marks() -> None:
    origin = submission(9, url="https://i.redd.it/9.png", over_18=True)
    post = one(url="https://www.reddit.com/r/dogs/comments/a9/", crosspost_parent_list=[origin])
    assert (urls(post), post.is_adult) == (["https://i.redd.it/9.png"], True)
    assert post.extra == {"crosspost_of": "a9"}


def test_stated_sizes_flairs_and_dates_are_used() -> None:
    preview = {"images": [{"source": {"url": "x", "width": 90, "height": 900}}]}
    about = {"url": "https://i.redd.it/1.png", "preview": preview, "link_flair_text": "art"}
    (post,) = saved(submission(1, **about), min_size_px=100)
    assert (post.media, post.extra) == ((), {"flair": "art", "left_out": "1 too small"})
    assert post.posted_at == "2025-11-21T10:00:01Z"


def test_saved_needs_a_path_and_the_name_has_no_slash() -> None:
    with pytest.raises(ValidationError, match="needs a path"):
        source(path=Path())
    with pytest.raises(ValidationError, match="community"):
        source(community="r/cats")
