"""A whole scrape: posts and media of all sources in, posts.csv, fetches.csv and packs out."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.store import Settled, Store
from memegan.packs import Place, write_series
from memegan.records import FetchRow, PostRow
from memegan.sources.base import Media, Post, SourceParams
from memegan.sources.params import AnySource
from memegan.tables import write_table
from memegan.takedown import Banned

log = logging.getLogger(__name__)
Row = tuple[AnySource, Post, Media]


def scrape(
    sources: Sequence[AnySource], engine: Engine, banned: Banned, max_failed: float, out: Path
) -> None:
    """Fetch everything that the sources list and write data/raw, one row for every url.

    Raises:
        SourceError: a source lists nothing, or a larger share than `max_failed` of the urls that
            were tried gave no file. The store keeps what came.
    """
    listed = [(source, post) for source in sources for post in _listing(source, engine)]
    media = [(source, post, item) for source, post in listed for item in post.media]
    skipped = {id(row): _skip(row, banned) for row in media}
    wanted = [
        (m, source.request(m.url))
        for row in media
        if not skipped[id(row)]
        for source, _, m in [row]
    ]
    done = engine.settle(wanted)
    rows = [_row(row, done, skipped[id(row)], engine, banned) for row in media]
    tried = [row for row in rows if row.status != "skipped"]
    failed = sum(row.status == "failed" for row in tried)
    if failed > max_failed * len(tried):
        raise SourceError(
            f"{failed} of {len(tried)} urls gave no file, more than scrape.max_failed allows",
            where="scrape",
            fix="look at the reasons with `memegan fetch --list failed`, then run it again: what "
            "came is kept; or raise scrape.max_failed",
        )
    rows = _packed(rows, engine.store, out / "packs")
    write_table(out / "fetches.csv", FetchRow, rows)
    write_table(out / "posts.csv", PostRow, [_post_row(source, post) for source, post in listed])
    log.info("%d posts, %d urls, %d files", len(listed), len(rows), len(tried) - failed)


def _listing(source: AnySource, engine: Engine) -> list[Post]:
    """List a source's posts, once a snapshot; what an earlier snapshot listed stays."""
    key = hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]
    store, snapshot = engine.store, engine.snapshot
    if source.is_local or not store.is_listed(key, snapshot):
        found = []
        for post in source.posts(engine.page):
            found.append(post)
            if source.limit is not None and len(found) >= source.limit:
                break
        if not found:
            raise SourceError(
                "the source lists no post",
                where=f"{source.kind}:{source.community}",
                fix="check its parameters with `memegan sources check`",
            )
        if source.is_local:
            return found
        store.list_posts(key, snapshot, [(post.id, asdict(post)) for post in found])
    return [_restored(value) for value in store.posts(key, snapshot)]


def _restored(value: object) -> Post:
    assert isinstance(value, dict)  # our own journal
    media = tuple(
        Media(**{**m, "alternates": tuple(m["alternates"]), "rect": tuple(m["rect"] or ()) or None})
        for m in value["media"]
    )
    return Post(**{**value, "media": media})


def _skip(row: Row, banned: Banned) -> str:
    source, post, media = row
    if post.is_adult and not source.allow_adult:
        return "adult"
    return banned.reason(urls=[media.url], post_id=_post_id(source, post))


def _row(
    row: Row, done: Mapping[str, Settled], skipped: str, engine: Engine, banned: Banned
) -> FetchRow:
    source, post, media = row
    end = done.get(media.url) or Settled(media.url, "failed", "gone")
    reason = skipped or banned.reason(urls=[end.final_url], sha256=end.sha256)
    size, snapshot = 0, engine.snapshot
    if end.status == "ok" and not reason:
        size = engine.store.path(end.sha256).stat().st_size
        snapshot = engine.store.first_seen(end.sha256, size, engine.snapshot)
    ok = end.status == "ok" and not reason
    return FetchRow(
        url=media.url,
        final_url="" if skipped else end.final_url,
        status="ok" if ok else "skipped" if reason else "failed",
        reason=reason or end.reason,
        content_type=end.content_type if ok else "",
        bytes=size,
        sha256=end.sha256 if ok else "",
        post_id=_post_id(source, post),
        snapshot=snapshot,
        pack="",
        member="",
        offset=0,
        rect=",".join(map(str, media.rect or ())),
    )


def _packed(rows: Sequence[FetchRow], store: Store, folder: Path) -> list[FetchRow]:
    """Write each file once, into the series of the snapshot it first came in."""
    places: dict[str, Place] = {}
    for snapshot in sorted({row.snapshot for row in rows if row.sha256}):
        files = dict.fromkeys(
            (row.sha256, row.content_type)
            for row in rows
            if row.sha256 and row.snapshot == snapshot
        )

        def members(files: Mapping[tuple[str, str], None] = files) -> Iterator[tuple[str, bytes]]:
            for sha256, kind in files:
                yield f"{sha256}.{_EXTENSION[kind]}", store.path(sha256).read_bytes()

        made = write_series(folder, snapshot, members())
        places |= {place.member.split(".")[0]: place for place in made}
    folder.mkdir(parents=True, exist_ok=True)
    return [_at(row, places) for row in rows]


def _at(row: FetchRow, places: Mapping[str, Place]) -> FetchRow:
    if not row.sha256:
        return row
    place = places[row.sha256]
    return FetchRow(
        **{**vars(row), "pack": place.pack, "member": place.member, "offset": place.offset}
    )


def _post_row(source: SourceParams, post: Post) -> PostRow:
    return PostRow(
        post_id=_post_id(source, post),
        source=source.kind,
        community=source.community,
        domain=source.domain,
        posted_at=post.posted_at,
        licence=source.licence,
        credit=source.credit,
        permalink=post.permalink,
        media=len(post.media),
        text=post.text,
        extra=dict(post.extra),
    )


def _post_id(source: SourceParams, post: Post) -> str:
    return f"{source.kind}:{source.community}:{post.id}"


_EXTENSION = {
    **{f"image/{name}": name for name in ("png", "gif", "webp", "bmp", "avif")},
    **{"image/jpeg": "jpg", "image/tiff": "tif", "video/quicktime": "mov"},
    **{"video/mp4": "mp4", "video/x-msvideo": "avi", "video/webm": "webm"},
}
