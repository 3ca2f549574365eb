"""The posts of all sources, from the journal where a snapshot has listed them already."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.store import Store
from memegan.sources.base import Fetcher, Media, Post
from memegan.sources.params import AnySource
from memegan.takedown import Banned

_ABOUT = frozenset(  # what changes no listing
    {"domain", "licence", "credit", "allow_adult", "terms_accepted"}
)
_IN_A_ROW = 100  # known posts, after which a list that begins with the newest has no new ones


@dataclass(frozen=True)
class Listed:
    """One media url of one post, and the reason where it must not be asked for."""

    source: AnySource
    post: Post
    media: Media
    skipped: str

    @property
    def post_id(self) -> str:
        return post_id(self.source, self.post)


def post_id(source: AnySource, post: Post) -> str:
    """Name a post uniquely over all sources."""
    return f"{source.name}:{post.id}"


def source_key(source: AnySource) -> str:
    """Digest what decides which posts a source lists: 16 hex digits."""
    return hashlib.sha256(source.model_dump_json(exclude=set(_ABOUT)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Listing:
    """The posts of a source: in the journal, and read from it one by one, as often as asked."""

    source: AnySource
    store: Store
    snapshot: str

    def __iter__(self) -> Iterator[Post]:
        return map(_restored, self.store.posts(source_key(self.source), self.snapshot))


def listing(source: AnySource, engine: Engine) -> Listing:
    """List a source's posts, once a snapshot; what an earlier snapshot listed stays.

    A refresh of a source that begins with its newest posts is left where only known ones follow.
    What lies on this machine is listed afresh each time.

    Raises:
        SourceError: the source refuses, or lists nothing.
    """
    key, store, snapshot = source_key(source), engine.store, engine.snapshot
    if source.is_local or not store.is_listed(key, snapshot):
        found = first_posts(source, engine.page)
        if source.newest_first:
            found = _until_known(found, partial(store.had_post, key, snapshot))
        values = ((post.id, plain(post)) for post in _some(source, found))
        store.list_posts(key, snapshot, values, afresh=source.is_local)
    return Listing(source, store, snapshot)


def is_short_list(source: AnySource, engine: Engine) -> bool:
    """Tell whether a source lists urls from a file of this machine, and has not done so yet."""
    if not source.is_local or source.names_files:
        return False
    return not engine.store.is_listed(source_key(source), engine.snapshot)


def first_posts(source: AnySource, fetch: Fetcher) -> Iterator[Post]:
    """Yield posts up to the source's limit."""
    for number, post in enumerate(source.posts(fetch)):
        if number == source.limit:
            return
        yield post


def media_of(posts: Iterable[Post], source: AnySource, banned: Banned) -> Iterator[Listed]:
    """Yield the media of posts in their order, each with the reason that forbids it, if any."""
    return (
        Listed(source, post, media, _forbidden(source, post, media, banned))
        for post in posts
        for media in post.media
    )


def _until_known(posts: Iterable[Post], is_known: Callable[[str], bool]) -> Iterator[Post]:
    in_a_row = 0  # a pinned old post among new ones ends nothing
    for post in posts:
        yield post
        in_a_row = in_a_row + 1 if is_known(post.id) else 0
        if in_a_row == _IN_A_ROW:
            return


def _forbidden(source: AnySource, post: Post, media: Media, banned: Banned) -> str:
    if post.is_adult and not source.allow_adult:
        return "adult"
    return banned.reason(urls=(media.url, *media.alternates), post_id=post_id(source, post))


def _some(source: AnySource, posts: Iterable[Post]) -> Iterator[Post]:
    is_empty = True
    for post in posts:
        yield post
        is_empty = False
    if is_empty:
        raise SourceError(
            "the source lists no post",
            where=source.name,
            fix="check its parameters with `memegan sources check`",
        )


def plain(post: Post) -> dict[str, object]:
    """Return a post as the journal keeps it: without what counts as false, the defaults."""
    media: list[dict[str, object]] = [{"url": one.url, **_said(one)} for one in post.media]
    return {"id": post.id, **_said(post), "media": media}


def _said(record: Post | Media) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if value}


def _restored(value: object) -> Post:
    """Make a post from our own journal's JSON."""
    fields = cast("dict[str, Any]", value)
    return Post(**{**fields, "media": tuple(map(_restored_media, fields["media"]))})


def _restored_media(fields: dict[str, Any]) -> Media:
    said: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields.items()
        if value or name == "url"
    }
    return Media(**said)
