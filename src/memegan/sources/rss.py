"""Feeds, RSS and Atom: media:content, enclosures, and the pictures in the HTML of their entries."""

import calendar
import io
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from memegan.sources.base import Fetcher, Media, Post, Request, SourceParams, left_out, utc

_NO_MEDIA = (".htm", ".html", ".mp3", ".m4a", ".ogg", ".pdf", ".svg")


class RssSource(SourceParams):
    """All entries of a feed, and of the pages that it names as next (RFC 5005)."""

    needs_terms: ClassVar[bool] = True

    kind: Literal["rss"]
    url: str = Field(pattern="^https?://", description="address of the feed")
    max_pages: int = Field(default=100, ge=1, description="of a feed that names a next page")

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        pages, page = list[str](), self.url
        while page and page not in pages and len(pages) < self.max_pages:
            pages.append(page)
            import feedparser  # loads slowly, and few scrapes have a feed

            # as a file: feedparser would open what looks like a name or a url
            feed = feedparser.parse(
                io.BytesIO(fetch(Request(page))), response_headers={"content-location": page}
            )
            if not feed.get("version"):
                fix = "open the address in a browser and copy the one of the feed itself"
                raise self.refusal(f"there is no feed at {page}", fix)
            for entry in feed.entries:
                yield self._post(entry, page)
            page = urljoin(page, _next(feed))

    def request(self, url: str) -> Request:
        return Request(url)

    def _post(self, entry: Mapping[str, Any], page: str) -> Post:
        link = urljoin(page, entry.get("link", ""))
        found = list(self._media(entry, link))
        thumbnails = (t["url"] for t in entry.get("media_thumbnail", []) if t.get("url"))
        urls = [m for m, why in found if not why] or ([] if found else list(thumbnails)[:1])
        when = entry.get("published_parsed") or entry.get("updated_parsed")
        licences = [n["href"] for n in entry.get("links", []) if n.get("rel") == "license"]
        return Post(
            id=entry.get("id") or link or entry.get("title", ""),
            media=tuple(Media(url) for url in dict.fromkeys(urljoin(link, u) for u in urls)),
            text=entry.get("title", ""),
            posted_at=utc(calendar.timegm(when)) if when else "",
            permalink=link,
            is_adult=entry.get("rating", "") in ("adult", "r", "x"),
            extra={
                **({"licence": licences[0]} if licences else {}),
                **left_out(why for _, why in found if why),
            },
        )

    def _media(self, entry: Mapping[str, Any], link: str) -> Iterator[tuple[str, str]]:
        """Yield (url, why it is left out or ""), each url once, files named as media first."""
        contents = [c for c in entry.get("media_content", []) if c.get("url")]
        defaults = [c for c in contents if c.get("isdefault") == "true"]
        enclosures = [e for e in entry.get("enclosures", []) if e.get("href")]
        pictures = _Pictures()
        for part in (*entry.get("content", []), entry.get("summary_detail", {})):
            pictures.feed(part.get("value", "") if "html" in part.get("type", "") else "")
        seen = set[str]()
        for about in (*(defaults or contents), *enclosures, *pictures.found):
            url = about.get("url") or about.get("href") or about["src"]
            if urljoin(link, url) not in seen:
                seen.add(urljoin(link, url))
                yield url, self._why_not(about, url)

    def _why_not(self, about: Mapping[str, str], url: str) -> str:
        kind = about.get("medium") or about.get("type", "").partition("/")[0]
        suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
        if kind not in ("", "image", "video") or suffix in _NO_MEDIA:
            return kind or suffix[1:]
        if url.startswith("data:"):
            return "picture inside the page"
        size = [
            int(n) if (n := about.get(s) or "0").isdecimal() else 0 for s in ("width", "height")
        ]
        if 1 in size:
            return "tracking pixel"
        return "" if self.is_large(*size) else "too small"


class _Pictures(HTMLParser):
    """Collects the attributes of each <img> that has a src."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value for name, value in attrs if value}
        if tag == "img" and "src" in about:
            self.found.append(about)


def _next(feed: Mapping[str, Any]) -> str:
    links: list[Mapping[str, str]] = feed["feed"].get("links", [])
    return next((n["href"] for n in links if n.get("rel") == "next" and n.get("href")), "")
