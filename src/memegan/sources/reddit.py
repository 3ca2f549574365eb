"""A subreddit: by API keys that somebody has (praw), by its RSS, or from saved listings."""

import calendar
import io
import json
import platform
import time
from collections.abc import Iterator, Mapping
from html import unescape
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from pydantic import Field, model_validator

from memegan import __version__
from memegan.sources.base import Fetcher, LocalParams, Media, Post, Request, left_out, utc

CLIENT_ID, CLIENT_SECRET, USER = "REDDIT_CLIENT_ID", "REDDIT_CLIENT_SECRET", "REDDIT_USERNAME"
_PAGE = 100  # as many as Reddit gives at once
_MEDIA = (".avif", ".gif", ".jpeg", ".jpg", ".mp4", ".png", ".webm", ".webp")
_SITE = "https://www.reddit.com"
_SAVED = (".json", ".jsonl")


class RedditSource(LocalParams):
    """Pictures, galleries, crossposts and videos of a subreddit.

    With `by: keys` Reddit's API by praw, whose limits it keeps; with `by: rss` the public feed,
    the newest posts without marks for adults; with `by: saved` listings on this machine.
    """

    needs_terms: ClassVar[bool] = True

    kind: Literal["reddit"]
    community: str = Field(pattern=r"^\w+$", description="the subreddit, without r/")
    by: Literal["keys", "rss", "saved"] = Field(
        description="keys: Reddit's API; rss: the public feed; saved: listings on this machine"
    )
    path: Path = Field(default=Path(), description="a .json or .jsonl file, or a folder of them")
    sort: Literal["new", "hot", "top"] = Field(default="new", description="top is of all time")
    pause_s: float = Field(default=6.0, ge=0, description="between two pages of the feed")
    api: str = Field(default="https://oauth.reddit.com", description="another address of it")
    site: str = Field(default=_SITE, description="another address of the feed and of logging in")

    @model_validator(mode="after")
    def _has_path(self) -> "RedditSource":
        if self.is_local and self.path == Path():
            raise ValueError("`by: saved` needs a path")
        return self

    @property
    def is_local(self) -> bool:
        return self.by == "saved"

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        if self.by == "rss":
            yield from self._feed(fetch)
            return
        seen = set[str]()
        for about in self._saved() if self.by == "saved" else self._asked():
            if about["id"] not in seen:
                seen.add(about["id"])
                yield self._post(about)

    def request(self, url: str) -> Request:
        return Request(url, {"User-Agent": _user_agent("dataset builder")})

    def _asked(self) -> Iterator[Mapping[str, Any]]:
        """Yield submissions page by page; about 1,000 are all that Reddit gives."""
        try:
            import praw
            from prawcore.exceptions import PrawcoreException
        except ImportError:
            fix = "install it (memegan[reddit]), or use `by: rss` or `by: saved`"
            raise self.refusal("praw is not installed", fix) from None
        secret = self.secret(CLIENT_SECRET)
        reddit = praw.Reddit(
            client_id=self.secret(CLIENT_ID),
            client_secret=secret,
            user_agent=_user_agent(f"by /u/{self.secret(USER)}"),
            oauth_url=self.api,
            reddit_url=self.site,
            check_for_updates=False,
        )
        query: dict[str, str | int] = {"limit": _PAGE, "raw_json": 1, "t": "all"}
        path = f"r/{self.community}/{self.sort}"
        while True:
            try:
                listing = reddit.request(method="GET", path=path, params=query)
            except PrawcoreException as error:
                told = f"{type(error).__name__}: {error}".replace(secret, "***")
                fix = "check keys and subreddit; `by: rss` and `by: saved` need no keys"
                raise self.refusal(f"Reddit refuses: {told}", fix) from None
            yield from (child["data"] for child in listing["data"]["children"])
            if not listing["data"].get("after"):
                return
            query["after"] = listing["data"]["after"]

    def _saved(self) -> Iterator[Mapping[str, Any]]:
        """Yield submissions of saved listings, of lists of them, or one a line."""
        self.check_path()
        files = sorted(p for p in self.path.rglob("*") if p.suffix.lower() in _SAVED)
        for file in files if self.path.is_dir() else [self.path]:
            text = file.read_text(encoding="utf-8-sig")
            try:
                found = [json.loads(text)]
            except ValueError:  # not one value: one a line
                found = [self.read_json(line.encode()) for line in text.splitlines() if line]
            for value in found:
                yield from _submissions(value)

    def _feed(self, fetch: Fetcher) -> Iterator[Post]:
        import feedparser  # loads slowly, and few scrapes have a feed

        seen, after = set[str](), ""
        while True:
            more = {"after": after} if after else {}
            query = urlencode({"limit": _PAGE, "t": "all", **more})
            address = f"{self.site}/r/{self.community}/{self.sort}/.rss?{query}"
            feed = feedparser.parse(io.BytesIO(fetch(self.request(address))))
            if not feed.get("version"):
                fix = "check the name; a private subreddit needs `by: keys` or `by: saved`"
                raise self.refusal(f"there is no feed at {address}", fix)
            new = [entry for entry in feed.entries if entry["id"] not in seen]
            if not new:
                return
            seen.update(entry["id"] for entry in new)
            yield from (self._from_entry(entry) for entry in new)
            after = feed.entries[-1]["id"]
            time.sleep(self.pause_s)

    def _from_entry(self, entry: Mapping[str, Any]) -> Post:
        """Read a feed's entry: the picture itself is behind "[link]", the rest are thumbnails."""
        links = _Links()
        links.feed(entry["content"][0]["value"])
        about = {
            "id": entry["id"].removeprefix("t3_"),
            "title": entry.get("title", ""),
            "permalink": urlsplit(entry.get("link", "")).path,
            "url": links.found.get("[link]", ""),
            "created_utc": calendar.timegm(
                entry.get("published_parsed") or entry["updated_parsed"]
            ),
        }
        return self._post(about)

    def _post(self, about: Mapping[str, Any]) -> Post:
        origin = (about.get("crosspost_parent_list") or [about])[-1]
        is_removed = bool(about.get("removed_by_category") or origin.get("removed_by_category"))
        found = [] if is_removed else [self._checked(m) for m in _media(origin)]
        parent = {"crosspost_of": origin["id"]} if origin is not about else {}
        flair = about.get("link_flair_text")
        return Post(
            id=about["id"],
            media=tuple(dict.fromkeys(m for m in found if isinstance(m, Media))),
            text=about.get("title", ""),
            posted_at=utc(about["created_utc"]),
            permalink=f"{_SITE}{about['permalink']}",
            is_adult=bool(about.get("over_18") or origin.get("over_18")),
            extra={
                **parent,
                **({"flair": flair} if flair else {}),
                **left_out(["removed"] if is_removed else [m for m in found if isinstance(m, str)]),
            },
        )

    def _checked(self, found: tuple[str, int, int] | str) -> Media | str:
        if isinstance(found, str):
            return found
        url, width_px, height_px = found
        if not self.is_large(width_px, height_px):
            return "too small"
        parts = urlsplit(url)
        if parts.hostname == "preview.redd.it":  # the file itself is beside it
            full = urlunsplit(parts._replace(netloc="i.redd.it", query=""))
            return Media(full, alternates=(url,))
        return Media(url.removesuffix(".gifv") + ".mp4" if url.endswith(".gifv") else url)


def _media(about: Mapping[str, Any]) -> Iterator[tuple[str, int, int] | str]:
    """Yield (url, width, height) of each picture or video, or the word for what is left out."""
    url = unescape(about.get("url_overridden_by_dest") or about.get("url") or "")
    if about.get("is_gallery") or "/gallery/" in url:
        yield from _gallery(about)
    elif about.get("is_video"):
        video = (about.get("secure_media") or about.get("media") or {}).get("reddit_video", {})
        address = video.get("fallback_url", "").partition("?")[0]
        yield (address, video.get("width", 0), video.get("height", 0)) if address else "video"
    elif PurePosixPath(urlsplit(url).path).suffix.lower() in (*_MEDIA, ".gifv"):
        sizes = [i["source"] for i in (about.get("preview") or {}).get("images", [])]
        size = sizes[0] if len(sizes) == 1 else {}
        yield url, size.get("width", 0), size.get("height", 0)
    elif url and not about.get("is_self") and "/comments/" not in url:
        yield "link"


def _gallery(about: Mapping[str, Any]) -> Iterator[tuple[str, int, int] | str]:
    items = (about.get("gallery_data") or {}).get("items", [])
    known = about.get("media_metadata") or {}
    if not items or not known:
        yield "gallery without pictures"
    for item in items if known else []:
        one = known.get(item["media_id"], {})
        best = one.get("s", {})
        url = best.get("u") or best.get("gif") or best.get("mp4")
        if one.get("status") != "valid" or not url:
            yield "picture of a gallery"
        else:
            yield unescape(url), best.get("x", 0), best.get("y", 0)


def _submissions(value: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    """Find submissions in a Listing, a list, one of its children, or a bare submission."""
    if isinstance(value, list):
        for inner in value:
            yield from _submissions(inner)
    elif value.get("kind") == "Listing":
        yield from _submissions(value["data"]["children"])
    elif value.get("kind") == "t3":
        yield value["data"]
    elif "kind" not in value:
        yield value


def _user_agent(who: str) -> str:
    """Name ourselves as Reddit asks: platform, program, version, who."""
    return f"{platform.system().lower()}:memegan:{__version__} ({who})"


class _Links(HTMLParser):
    """Collects where each link's text leads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._href = dict(attrs).get("href") or ""

    def handle_data(self, data: str) -> None:
        if self._href:
            self.found.setdefault(data.strip(), self._href)
