"""The demo as a source: paged, patient, and told what is wrong."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from memegan.demo.community import COMMUNITIES, HOST, demo_community
from memegan.errors import SourceError
from memegan.sources.base import Fetcher, Post, Request
from memegan.sources.demo import DemoSource


def over(address: str, asked: list[str]) -> Fetcher:
    """Return a fetcher that asks `address` whatever the url's host."""

    def fetch(request: Request) -> bytes:
        parts = urlsplit(request.url)
        assert parts.netloc == HOST
        asked.append(request.url)
        connection = http.client.HTTPConnection(address, timeout=20)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            return connection.getresponse().read()
        finally:
            connection.close()

    return fetch


def source(community: str) -> DemoSource:
    return DemoSource(kind="demo", community=community, domain="any")


def posts_of(community: str) -> tuple[list[Post], list[str]]:
    asked: list[str] = []
    with demo_community() as hosts:
        return list(source(community).posts(over(hosts[HOST], asked))), asked


@pytest.mark.parametrize("community", COMMUNITIES)
def test_all_posts_of_a_community_are_read_once(community: str) -> None:
    posts, _ = posts_of(community)
    assert [post.id for post in posts] == [str(n + 1) for n in range(COMMUNITIES[community].posts)]
    assert all(post.media for post in posts)
    assert len({post.permalink for post in posts}) == len(posts)
    assert [post.posted_at for post in posts] == sorted(post.posted_at for post in posts)
    assert posts[0].posted_at == "2023-11-14T22:13:20Z"


def test_a_page_that_was_asked_for_too_fast_is_asked_for_again() -> None:
    _, asked = posts_of("everything_memes")
    assert ["offset=100&" in url for url in asked] == [False, True, True]


def test_galleries_and_reposts_bring_their_media_and_the_largest_size() -> None:
    posts, _ = posts_of("everything_memes")
    base = f"http://{HOST}/media/everything_memes"
    assert [media.url for media in posts[4].media] == [f"{base}/4.jpg", f"{base}/5.jpg"]
    assert not any("thumb" in media.url for post in posts for media in post.media)
    assert posts[24].media[0].url == f"{base}/24.jpg"
    assert [post.id for post in posts if post.is_adult] == ["61", "122", "183"]


def test_an_unknown_community_is_told_with_a_way_out() -> None:
    asked: list[str] = []
    with demo_community() as hosts, pytest.raises(SourceError, match="demo-community"):
        list(source("nobody").posts(over(hosts[HOST], asked)))
    assert len(asked) == 1


def test_a_community_that_is_always_busy_is_given_up() -> None:
    asked: list[str] = []

    def busy(request: Request) -> bytes:
        asked.append(request.url)
        return json.dumps({"error": {"error_code": 6, "error_msg": "too fast"}}).encode()

    with pytest.raises(SourceError, match="too fast"):
        list(source("holiday_photos").posts(busy))
    assert 1 < len(asked) <= 10


def test_a_url_is_asked_for_as_it_is() -> None:
    url = f"http://{HOST}/media/holiday_photos/1.jpg"
    assert source("holiday_photos").request(url) == Request(url)
