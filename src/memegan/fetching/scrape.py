"""A whole scrape: posts and media of all sources in, posts.csv, fetches.csv and packs out."""

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.line import Asked, Line
from memegan.fetching.listing import Listed, Listing, is_short_list, listing, media_of, post_id
from memegan.fetching.store import Settled
from memegan.packs import Series
from memegan.records import FetchRow, ImageRow, KeptRow, PostRow, Row
from memegan.sources.base import Post
from memegan.sources.params import AnySource
from memegan.tables import write_table
from memegan.takedown import Banned

log = logging.getLogger(__name__)
_ROWS = 64  # made at once
_OURS = frozenset(f.name for record in (PostRow, KeptRow, ImageRow, Row) for f in fields(record))
_SECRET = frozenset({"access_token", "token", "api_key", "apikey", "key", "password", "secret"})


def scrape(
    sources: Sequence[AnySource], engine: Engine, banned: Banned, max_failed: float, out: Path
) -> Counter[str]:
    """Fetch everything that the sources list and write `out`; count the rows by reason.

    Posts and urls are read from the journal in several passes, each as it is used: memory holds
    a digest and a place of each file, and no more. Packs are written while urls are asked for.

    Raises:
        SourceError: a source lists nothing, no url of a source gave a file, or more than the
            share `max_failed` of all that were asked did not. `out` tells of each all the same.
    """
    # a short list is read while the processes start that check what comes
    soon = any(is_short_list(source, engine) for source in sources)
    with engine.ready() if soon else nullcontext():
        found = [listing(source, engine) for source in sources]
        ends = _fetch(found, engine, banned, out)
    for name, end in ends.items():
        _check(name, end, 1)
    whole = sum(ends.values(), Ends())
    _check("all sources", whole, max_failed)
    told = ", ".join(f"{n} {k}" for k, n in whole.reasons.most_common())
    log.info("%d urls: %s", whole.reasons.total(), told)
    return whole.reasons


def _fetch(
    found: Sequence[Listing], engine: Engine, banned: Banned, out: Path
) -> Mapping[str, "Ends"]:
    """Fetch what is listed, and write `out`; return by source how its urls ended."""

    def media() -> Iterator[Listed]:
        return chain.from_iterable(media_of(posts, posts.source, banned) for posts in found)

    def asked() -> Iterator[Asked]:
        for item in media():
            if not item.skipped:
                yield item.media, item.source.request(item.media.url)
        # while the last of them come, and are checked
        write_table(out / "posts.csv", PostRow, _PostRows(found, banned))

    ends = {posts.source.name: Ends() for posts in found}
    new = sum(map(partial(_is_new, engine), media()))
    settling = closing(engine.settling(Line(asked()), new))  # transfers end first, come what may
    with Rows(media(), engine, banned, out / "packs") as rows, settling as ended:
        counted = (ends[name].counted(row) for name, row in rows.made(ended))
        write_table(out / "fetches.csv", FetchRow, counted)
    return ends


@dataclass(frozen=True)
class _PostRows:
    """The rows of posts.csv, to be read as often as asked."""

    listings: Sequence[Listing]
    banned: Banned

    def __iter__(self) -> Iterator[PostRow]:
        for posts in self.listings:
            for post in posts:
                yield _post_row(posts.source, post, self.banned)


@dataclass(frozen=True)
class Ends:
    """How urls ended: rows by reason, and of those that were asked, how many failed and why."""

    reasons: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)  # by status
    failed: Counter[str] = field(default_factory=Counter)  # by reason

    def counted(self, row: FetchRow) -> FetchRow:
        """Count a row, and return it."""
        self.reasons[row.reason or "ok"] += 1
        if row.status != "skipped":
            self.tried[row.status] += 1
        if row.status == "failed":
            self.failed[row.reason] += 1
        return row

    def __add__(self, other: "Ends") -> "Ends":
        return Ends(
            self.reasons + other.reasons, self.tried + other.tried, self.failed + other.failed
        )


def public_url(url: str) -> str:
    """Return a url as files may show it: no user and password, no token among its parameters."""
    if "?" not in url and "@" not in url:
        return url
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return url  # no url at all, and never asked for
    kept = [(name, value) for name, value in query if name.lower() not in _SECRET]
    place = parts.netloc.rpartition("@")[2]
    if (place, len(kept)) == (parts.netloc, len(query)):
        return url
    return urlunsplit(parts._replace(netloc=place, query=urlencode(kept)))


def _check(where: str, ends: Ends, max_failed: float) -> None:
    """Stop where too many urls gave nothing; at 1.0 only where all of them did."""
    tried, failed = ends.tried.total(), ends.failed.total()
    if not tried or (failed < tried if max_failed == 1 else failed <= max_failed * tried):
        return
    offline = set(ends.failed) <= {"no_answer", "too_slow"}
    mend = "use `dvc pull scrape` or the demo" if offline else "look at fetches.csv"
    raise SourceError(
        f"{failed} of {tried} urls gave no file: "
        + ", ".join(f"{n} {reason}" for reason, n in ends.failed.most_common()),
        where=where,
        fix=f"{mend}, or raise scrape.max_failed; `memegan fetch --retry failed` asks them again",
    )


def _is_new(engine: Engine, item: Listed) -> bool:
    """Tell whether a url is to be fetched, as far as that is known without asking for it."""
    if item.skipped or item.source.brings_files:
        return False
    is_here = item.source.request(item.media.url).file is not None
    return not is_here and engine.store.settled(item.media.url) is None


class Rows:
    """The rows of fetches.csv with the packs of their files, in the order of `items`.

    They are made as urls end, while others are still asked for. A file is packed once, in the
    series of the snapshot in which it first came.
    """

    def __init__(
        self, items: Iterator[Listed], engine: Engine, banned: Banned, folder: Path
    ) -> None:
        self.engine, self.banned, self.folder = engine, banned, folder
        self._items, self._next = items, next(items, None)
        self._asked = 0  # of the items that are ready, or rows by now
        self._ready: list[Listed] = []
        self._series: dict[str, Series] = {}
        self._places: dict[bytes, tuple[str, int]] = {}  # by sha256: pack, offset
        self._seen = set[bytes]()  # files, or parts of them
        self._open = ExitStack()

    def __enter__(self) -> "Rows":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, e, at)
        if kind is None and self.folder.exists():
            for stale in set(self.folder.iterdir()) - {Path(p) for p, _ in self._places.values()}:
                stale.unlink()  # of an earlier scrape into the same folder, run without DVC

    def made(self, ended: Iterable[int]) -> Iterator[tuple[str, FetchRow]]:
        """Yield the rows, each with the name of its source; a few at once, and then urls go on.

        Args:
            ended: now and then, how many of the urls that are asked for have ended from the first.
        """
        for count in ended:
            yield from self._some_up_to(count)
        while self._next or self._ready:
            yield from self._some_up_to(sys.maxsize) or self._make()

    def _some_up_to(self, ended: int) -> list[tuple[str, FetchRow]]:
        """Make rows, if `_ROWS` of them can be, of what has ended."""
        while (item := self._next) and (item.skipped or self._asked < ended):
            self._asked += not item.skipped
            self._ready.append(item)
            self._next = next(self._items, None)
            if len(self._ready) == _ROWS:
                return self._make()
        return []

    def _make(self) -> list[tuple[str, FetchRow]]:
        """Make the rows of what is ready."""
        store, ends = self.engine.store, [self._end(item) for item in self._ready]
        sizes = {end.sha256: store.files.size(end.sha256) for end in ends if end.sha256}
        first, made = store.first_seen(sizes, self.engine.snapshot), []
        for item, end in zip(self._ready, ends, strict=True):
            row = _row(item, end, self.banned)
            if row.sha256:
                row = self._placed(row, sizes[row.sha256], first[row.sha256])
            made.append((item.source.name, row))
        self._ready.clear()
        return made

    def _end(self, item: Listed) -> Settled:
        """Return how the url of an item ended; "gone" if it was never asked for."""
        url = item.media.url
        found = None if item.skipped else self.engine.store.settled(url)
        return found or Settled(url, "failed", "gone", snapshot=self.engine.snapshot)

    def _placed(self, row: FetchRow, size: int, snapshot: str) -> FetchRow:
        """Say where a row's file lies; and that it is a duplicate if an earlier row has it."""
        digest, member = bytes.fromhex(row.sha256), _member(row.sha256, row.content_type)
        if digest not in self._places:
            place = self._of(snapshot).add(member, self.engine.store.read(row.sha256))
            self._places[digest] = (sys.intern(place.pack), place.offset)
        pack, offset = self._places[digest]
        what = digest + row.rect.encode()  # another part of the same file is another picture
        reason = "duplicate" if what in self._seen else row.reason
        self._seen.add(what)
        return replace(
            row,
            reason=reason,
            bytes=size,
            snapshot=snapshot,
            pack=pack,
            member=member,
            offset=offset,
        )

    def _of(self, snapshot: str) -> Series:
        if snapshot not in self._series:
            self._series[snapshot] = self._open.enter_context(Series(self.folder, snapshot))
        return self._series[snapshot]


def _row(item: Listed, end: Settled, banned: Banned) -> FetchRow:
    """Tell of one url; a file's size and first snapshot are filled in later."""
    reason = item.skipped or banned.reason(urls=[end.final_url], sha256=end.sha256)
    is_ok = not reason and end.status == "ok"
    return FetchRow(
        url=public_url(item.media.url),
        final_url="" if item.skipped else public_url(end.final_url),
        status="skipped" if reason else "ok" if is_ok else "failed",
        reason=reason or end.reason,
        content_type=end.content_type if is_ok else "",
        bytes=0,
        sha256=end.sha256 if is_ok else "",
        post_id=item.post_id,
        snapshot=end.snapshot,
        pack="",
        member="",
        offset=0,
        rect=",".join(map(str, item.media.rect or ())),
    )


def _member(sha256: str, content_type: str) -> str:
    return f"{sha256}.{_EXTENSION[content_type]}"


def _post_row(source: AnySource, post: Post, banned: Banned) -> PostRow:
    name = post_id(source, post)
    if banned.reason(post_id=name):  # its words and its author's name go with it
        post = replace(post, text="", permalink="", extra=dict.fromkeys(post.extra, ""))
    return PostRow(
        post_id=name,
        source=source.kind,
        community=source.community,
        domain=source.domain,
        posted_at=post.posted_at,
        licence=source.licence,
        credit=source.credit,
        permalink=public_url(post.permalink),
        media=len(post.media),
        text=post.text,
        extra={f"{k}_given" if k in _OURS else k: v for k, v in post.extra.items()},
    )


_EXTENSION = {
    **{f"image/{name}": name for name in ("png", "gif", "webp", "bmp", "avif")},
    **{"image/jpeg": "jpg", "image/tiff": "tif", "image/x-portable-pixmap": "ppm"},
    **{"video/quicktime": "mov"},
    **{"video/mp4": "mp4", "video/x-msvideo": "avi", "video/webm": "webm"},
}
