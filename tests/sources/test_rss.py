"""Feeds on loopback: media:content, enclosures, pictures in HTML, pages, and what is no feed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.sources.service import Asked, Reply, fetch, scrape, serving

from memegan.errors import SourceError
from memegan.sources.base import Post, Request
from memegan.sources.rss import RssSource

RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:atom="http://www.w3.org/2005/Atom">
<channel><title>cats</title><link>http://a.example/</link>{next}{items}</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>cats</title>
<entry><id>tag:1</id><title>one</title><updated>2025-11-21T12:00:00+02:00</updated>
<link href="/posts/1"/><link rel="license" href="http://l.example/by"/>
<content type="html">&lt;img src="1.png"&gt;</content></entry></feed>"""


def item(inside: str, guid: str = "1") -> str:
    return f"<item><guid isPermaLink='false'>{guid}</guid><title>t{guid}</title>{inside}</item>"


def source(url: str = "http://a.example/feed", **more: object) -> RssSource:
    about = {"kind": "rss", "community": "cats", "domain": "meme", "terms_accepted": True}
    return RssSource.model_validate({**about, "url": url, **more})


def posts(text: str, **more: object) -> list[Post]:
    def answer(request: Request) -> bytes:
        return text.encode()

    return list(source("http://a.example/feed", **more).posts(answer))


def one(inside: str, **more: object) -> Post:
    (post,) = posts(RSS.format(next="", items=item(inside)), **more)
    return post


def urls(post: Post) -> list[str]:
    return [media.url for media in post.media]


def test_a_whole_scrape_follows_the_feed_and_its_next_pages() -> None:
    def answer(asked: Asked) -> object:
        page = int(asked.query.get("page", "1"))
        more = f'<atom:link rel="next" href="/feed?page={page + 1}"/>' if page < 3 else ""
        picture = f'<enclosure url="/{page}.png" type="image/png" length="9"/>'
        return Reply(RSS.format(next=more, items=item(picture, str(page))).encode())

    with serving(answer) as web:
        about = {"kind": "rss", "community": "cats", "terms_accepted": True}
        done = scrape({**about, "url": f"{web.url}/feed"})
    assert done.code == 0, done.said
    assert [row.url.rpartition("/")[2] for row in done.fetches] == ["1.png", "2.png", "3.png"]
    assert [post.text for post in done.posts] == ["t1", "t2", "t3"]


def test_a_feed_that_names_itself_as_next_ends() -> None:
    again = '<atom:link rel="next" href="http://a.example/feed"/>'
    assert len(posts(RSS.format(next=again, items=item("")))) == 1


def test_media_content_enclosures_and_html_are_read_each_url_once() -> None:
    post = one(
        '<link>http://a.example/post/</link><media:content url="http://a.example/1.jpg" '
        'medium="image"/><enclosure url="http://a.example/2.png" type="image/png"/>'
        '<description>&lt;img src="3.png"&gt; &lt;img src="/1.jpg"&gt;</description>'
        '<content:encoded><![CDATA[<p><img src="http://b.example/4.gif" width="90"></p>]]>'
        "</content:encoded><media:thumbnail url='http://a.example/t.jpg'/>"
    )
    base = "http://a.example"
    html = ["http://b.example/4.gif", f"{base}/3.png"]  # relative to the feed
    assert sorted(urls(post)) == sorted([f"{base}/1.jpg", f"{base}/2.png", *html])
    assert urls(post)[:2] == [f"{base}/1.jpg", f"{base}/2.png"]


def test_the_default_of_several_renditions_is_taken() -> None:
    post = one(
        '<media:group><media:content url="http://a/s.jpg" medium="image"/>'
        '<media:content url="http://a/l.jpg" medium="image" isDefault="true"/></media:group>'
    )
    assert urls(post) == ["http://a/l.jpg"]


def test_a_thumbnail_stands_in_only_where_nothing_else_is() -> None:
    assert urls(one('<media:thumbnail url="http://a/t.jpg"/>')) == ["http://a/t.jpg"]
    sound = '<enclosure url="http://a/1.mp3" type="audio/mpeg"/>'
    assert urls(one(f'{sound}<media:thumbnail url="http://a/t.jpg"/>')) == []


def test_what_is_no_picture_or_too_small_is_accounted_for() -> None:
    post = one(
        '<enclosure url="http://a/1.mp3" type="audio/mpeg"/>'
        '<media:content url="http://a/s.jpg" width="75" height="900"/>'
        '<media:content url="http://a/v.mp4" type="video/mp4"/>'
        '<description>&lt;img src="http://a/p" width="1" height="1"&gt;</description>',
        min_size_px=100,
    )
    assert urls(post) == ["http://a/v.mp4"]
    assert post.extra == {"left_out": "1 audio, 1 too small, 1 tracking pixel"}


def test_atom_gives_times_in_utc_full_addresses_and_licences() -> None:
    (post,) = posts(ATOM)
    assert (post.id, post.posted_at) == ("tag:1", "2025-11-21T10:00:00Z")
    assert urls(post) == ["http://a.example/posts/1.png"] or urls(post) == [
        "http://a.example/1.png"
    ]
    assert post.permalink == "http://a.example/posts/1"
    assert post.extra == {"licence": "http://l.example/by"}
    assert posts(ATOM, since="2025-11-22") == []


def test_posts_rated_for_adults_are_marked() -> None:
    assert one("<media:rating>adult</media:rating>").is_adult
    assert not one("<media:rating>nonadult</media:rating>").is_adult


@pytest.mark.parametrize("body", ["", "<html><body>no", "pyproject.toml", '{"error": 1}'])
def test_what_is_no_feed_is_told(body: str) -> None:
    with pytest.raises(SourceError, match=r"there is no feed at http://a\.example/feed"):
        posts(body)


@given(st.text())
def test_no_text_of_a_feed_breaks_it(text: str) -> None:
    inside = text.replace("]]>", "").encode("utf-8", "ignore").decode()
    for post in posts(
        RSS.format(next="", items=item(f"<description><![CDATA[{inside}]]></description>"))
    ):
        assert all(isinstance(url, str) for url in urls(post))


def test_only_web_addresses_are_feeds() -> None:
    with pytest.raises(ValidationError, match="url"):
        source("file:///etc/hosts")


def test_the_service_on_loopback_answers_as_its_tests_believe() -> None:
    with serving(lambda asked: Reply(ATOM.encode())) as web:
        assert len(list(source(f"{web.url}/feed").posts(fetch))) == 1
