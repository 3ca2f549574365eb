"""Fill the store from an existing data/raw, for example a pulled one.

DVC deletes a stage's outs before it runs the stage, so this is done before `dvc repro`, by
`make refresh` or `memegan fetch --seed data/raw`: then a refresh on a fresh clone asks only for
what is new, and keeps what is gone upstream.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from memegan.fetching.listing import plain, source_key
from memegan.fetching.store import Settled, Store
from memegan.packs import read_place
from memegan.records import FetchRow, PostRow
from memegan.sources.base import Media, Post
from memegan.sources.params import AnySource
from memegan.tables import read_table


def seed_store(store: Store, sources: Sequence[AnySource], raw: Path) -> int:
    """Put the files, urls and posts of `raw` into the store; return how many files were new.

    Posts are noted for the source of the same kind and community. Local material is left out:
    it is read where it lies.

    Raises:
        DataError: a CSV or pack of `raw` is missing or damaged.
    """
    fetched: dict[str, list[FetchRow]] = {}
    new = 0
    for row in read_table(raw / "fetches.csv", FetchRow):
        fetched.setdefault(row.post_id, []).append(row)
        if row.sha256 and not row.url.startswith("file:"):
            if not store.path(row.sha256).exists():
                new += 1
                store.put(_body(row, raw))
            store.first_seen({row.sha256: row.bytes}, row.snapshot)
        if row.status != "skipped" and store.settled(row.url) is None:
            store.settle(_settled(row))
    posts = read_table(raw / "posts.csv", PostRow)
    for source in (s for s in sources if not s.is_local):
        mine = [p for p in posts if (p.source, p.community) == (source.kind, source.community)]
        for snapshot, some in _by_snapshot(mine, fetched).items():
            store.add_posts(
                source_key(source),
                snapshot,
                [(post.id, plain(post)) for post in (_post(p, fetched) for p in some)],
            )
    return new


def _body(row: FetchRow, raw: Path) -> bytes:
    """Read a member; a pack's name says where it lay when it was written, `raw` where it lies."""
    return read_place(replace(row, pack=(raw / "packs" / Path(row.pack).name).as_posix()))


def _settled(row: FetchRow) -> Settled:
    return Settled(
        row.url,
        row.status,
        row.reason if row.status == "failed" else "",  # kept doubles say that they are
        row.final_url,
        row.content_type,
        row.sha256,
        snapshot=row.snapshot,
    )


def _by_snapshot(
    posts: Sequence[PostRow], fetched: dict[str, list[FetchRow]]
) -> dict[str, list[PostRow]]:
    """Group posts by the earliest snapshot among their media."""
    groups: dict[str, list[PostRow]] = {}
    for post in posts:
        if rows := fetched.get(post.post_id):
            groups.setdefault(min(row.snapshot for row in rows), []).append(post)
    return groups


def _post(row: PostRow, fetched: dict[str, list[FetchRow]]) -> Post:
    rows = fetched[row.post_id]
    return Post(
        id=row.post_id.removeprefix(f"{row.source}:{row.community}:"),
        media=tuple(Media(r.url, rect=_rect(r.rect)) for r in rows),
        text=row.text,
        posted_at=row.posted_at,
        permalink=row.permalink,
        is_adult=any(r.reason == "adult" for r in rows),
        extra=row.extra,
    )


def _rect(text: str) -> tuple[int, int, int, int] | None:
    if not text:
        return None
    x0, y0, x1, y1 = map(int, text.split(","))
    return x0, y0, x1, y1
