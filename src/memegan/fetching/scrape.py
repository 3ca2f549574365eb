"""A whole scrape: posts and media of all sources in, posts.csv, fetches.csv and packs out."""

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.listing import Listed, Listing, listing, media_of, post_id
from memegan.fetching.store import Settled, Store
from memegan.packs import write_series
from memegan.records import FetchRow, ImageRow, KeptRow, PostRow, Row
from memegan.sources.base import Post
from memegan.sources.params import AnySource
from memegan.tables import write_table
from memegan.takedown import Banned

log = logging.getLogger(__name__)
_OURS = frozenset(f.name for record in (PostRow, KeptRow, ImageRow, Row) for f in fields(record))
_SECRET = frozenset({"access_token", "token", "api_key", "apikey", "key", "password", "secret"})


def scrape(
    sources: Sequence[AnySource], engine: Engine, banned: Banned, max_failed: float, out: Path
) -> Counter[str]:
    """Fetch everything that the sources list and write `out`; count the rows by reason.

    Posts and urls are read from the journal in several passes, each as it is used: memory holds
    a digest and a place of each file, and no more.

    Raises:
        SourceError: a source lists nothing, no url of a source gave a file, or more than the
            share `max_failed` of all that were asked did not. `out` tells of each all the same.
    """
    found = [listing(source, engine) for source in sources]

    def media() -> Iterator[Listed]:
        return chain.from_iterable(media_of(posts, posts.source, banned) for posts in found)

    asked = ((m.media, m.source.request(m.media.url)) for m in media() if not m.skipped)
    engine.settle(asked, sum(map(partial(_is_new, engine), media())))

    ends = {source.name: Ends() for source in sources}
    with TemporaryFile("w+", encoding="utf-8") as spool:
        rows = _doubles_marked((m.source.name, _row(m, engine, banned)) for m in media())
        counted = (ends[name].counted(row) for name, row in rows)
        places = _packed(_spooled(counted, spool), engine.store, out / "packs")
        write_table(
            out / "fetches.csv", FetchRow, (_placed(row, places) for row in _unspooled(spool))
        )
    write_table(out / "posts.csv", PostRow, _PostRows(found, banned))
    for name, end in ends.items():
        _check(name, end, 1)
    whole = sum(ends.values(), Ends())
    _check("all sources", whole, max_failed)
    told = ", ".join(f"{n} {k}" for k, n in whole.reasons.most_common())
    log.info("%d urls: %s", whole.reasons.total(), told)
    return whole.reasons


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


def _row(item: Listed, engine: Engine, banned: Banned) -> FetchRow:
    end = (None if item.skipped else engine.store.settled(item.media.url)) or Settled(
        item.media.url, "failed", "gone", snapshot=engine.snapshot
    )
    reason = item.skipped or banned.reason(urls=[end.final_url], sha256=end.sha256)
    row = FetchRow(
        url=public_url(item.media.url),
        final_url="" if item.skipped else public_url(end.final_url),
        status="skipped" if reason else "ok" if end.status == "ok" else "failed",
        reason=reason or end.reason,
        content_type="",
        bytes=0,
        sha256="",
        post_id=item.post_id,
        snapshot=end.snapshot,
        pack="",
        member="",
        offset=0,
        rect=",".join(map(str, item.media.rect or ())),
    )
    if row.status != "ok":
        return row
    size = engine.store.path(end.sha256).stat().st_size
    return replace(
        row,
        content_type=end.content_type,
        bytes=size,
        sha256=end.sha256,
        snapshot=engine.store.first_seen(end.sha256, size, engine.snapshot),
    )


def _spooled(rows: Iterable[FetchRow], spool: IO[str]) -> Iterator[FetchRow]:
    """Pass rows on, and write them for `_unspooled` into a file without a name."""
    for row in rows:
        spool.write(json.dumps(list(vars(row).values())) + "\n")
        yield row


def _unspooled(spool: IO[str]) -> Iterator[FetchRow]:
    spool.seek(0)
    return (FetchRow(*json.loads(line)) for line in spool)


def _doubles_marked(rows: Iterable[tuple[str, FetchRow]]) -> Iterator[tuple[str, FetchRow]]:
    """Say of a file that an earlier row has already that it is a duplicate."""
    seen = set[bytes]()
    for name, row in rows:
        if row.sha256:
            # another part of the same file is another picture
            what = bytes.fromhex(row.sha256) + row.rect.encode()
            if what in seen:
                yield name, replace(row, reason="duplicate")
                continue
            seen.add(what)
        yield name, row


def _packed(rows: Iterable[FetchRow], store: Store, folder: Path) -> dict[bytes, tuple[str, int]]:
    """Write each file once, into the series of the snapshot it first came in.

    Returns:
        by sha256, the pack and where in it the file begins.
    """
    series: dict[str, dict[bytes, str]] = {}
    for row in rows:
        if row.sha256:
            series.setdefault(row.snapshot, {})[bytes.fromhex(row.sha256)] = row.content_type
    places: dict[bytes, tuple[str, int]] = {}
    for snapshot, files in sorted(series.items()):
        for place in write_series(folder, snapshot, _members(files, store)):
            digest = bytes.fromhex(place.member.partition(".")[0])
            places[digest] = (sys.intern(place.pack), place.offset)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.iterdir()) - {Path(pack) for pack, _ in places.values()}:
        stale.unlink()  # of an earlier scrape into the same folder, run without DVC
    return places


def _placed(row: FetchRow, places: Mapping[bytes, tuple[str, int]]) -> FetchRow:
    if not row.sha256:
        return row
    pack, offset = places[bytes.fromhex(row.sha256)]
    return replace(row, pack=pack, member=_member(row.sha256, row.content_type), offset=offset)


def _member(sha256: str, content_type: str) -> str:
    return f"{sha256}.{_EXTENSION[content_type]}"


def _members(files: Mapping[bytes, str], store: Store) -> Iterator[tuple[str, bytes]]:
    for digest, content_type in files.items():
        yield _member(digest.hex(), content_type), store.read(digest.hex())


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
