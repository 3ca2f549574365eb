"""A whole scrape: posts and media of all sources in, posts.csv, fetches.csv and packs out."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.listing import Listed, listing, media_of, post_id
from memegan.fetching.store import Settled, Store
from memegan.packs import Place, write_series
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
) -> list[FetchRow]:
    """Fetch everything that the sources list and write `out`; return one row for every url.

    Raises:
        SourceError: a source lists nothing, no url of a source gave a file, or more than the
            share `max_failed` of all that were asked did not. `out` tells of each all the same.
    """
    posts = [(source, listing(source, engine)) for source in sources]
    media = [item for source, found in posts for item in media_of(source, found, banned)]
    done = engine.settle((m.media, m.source.request(m.media.url)) for m in media if not m.skipped)
    rows = _doubles_marked([_row(item, done, engine, banned) for item in media])
    rows = _packed(rows, engine.store, out / "packs")
    write_table(out / "fetches.csv", FetchRow, rows)
    write_table(
        out / "posts.csv",
        PostRow,
        [_post_row(source, post, banned) for source, found in posts for post in found],
    )
    for source in sources:
        _check(source.name, [r for m, r in zip(media, rows, strict=True) if m.source is source], 1)
    _check("all sources", rows, max_failed)
    counts = Counter(row.reason or "ok" for row in rows)
    log.info("%d urls: %s", len(rows), ", ".join(f"{n} {k}" for k, n in counts.most_common()))
    return rows


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


def _check(where: str, rows: Sequence[FetchRow], max_failed: float) -> None:
    """Stop where too many urls gave nothing; at 1.0 only where all of them did."""
    tried = [row for row in rows if row.status != "skipped"]
    reasons = Counter(row.reason for row in tried if row.status == "failed")
    failed = reasons.total()
    if not tried or (failed < len(tried) if max_failed == 1 else failed <= max_failed * len(tried)):
        return
    offline = set(reasons) <= {"no_answer", "too_slow"}
    mend = "use `dvc pull scrape` or the demo" if offline else "look at fetches.csv"
    raise SourceError(
        f"{failed} of {len(tried)} urls gave no file: "
        + ", ".join(f"{n} {reason}" for reason, n in reasons.most_common()),
        where=where,
        fix=f"{mend}, or raise scrape.max_failed; `memegan fetch --retry failed` asks them again",
    )


def _row(item: Listed, done: Mapping[str, Settled], engine: Engine, banned: Banned) -> FetchRow:
    end = done.get(item.media.url) or Settled(
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


def _doubles_marked(rows: Sequence[FetchRow]) -> list[FetchRow]:
    """Say of a file that an earlier row has already that it is a duplicate."""
    seen = set[tuple[str, str]]()
    marked = []
    for row in rows:
        what = (row.sha256, row.rect)  # another part of the same file is another picture
        is_double = bool(row.sha256) and what in seen
        marked.append(replace(row, reason="duplicate") if is_double else row)
        seen.add(what)
    return marked


def _packed(rows: Sequence[FetchRow], store: Store, folder: Path) -> list[FetchRow]:
    """Write each file once, into the series of the snapshot it first came in."""
    places: dict[str, Place] = {}
    for snapshot in sorted({row.snapshot for row in rows if row.sha256}):
        files = {r.sha256: r.content_type for r in rows if r.sha256 and r.snapshot == snapshot}
        made = write_series(folder, snapshot, _members(files, store))
        places |= {place.member.partition(".")[0]: place for place in made}
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.iterdir()) - {Path(place.pack) for place in places.values()}:
        stale.unlink()  # of an earlier scrape into the same folder, run without DVC
    return [
        replace(row, pack=place.pack, member=place.member, offset=place.offset)
        if (place := places.get(row.sha256))
        else row
        for row in rows
    ]


def _members(files: Mapping[str, str], store: Store) -> Iterator[tuple[str, bytes]]:
    for sha256, content_type in files.items():
        yield f"{sha256}.{_EXTENSION[content_type]}", store.read(sha256)


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
