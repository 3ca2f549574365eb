"""What was fetched, outside DVC's outs: files by content, and a journal of every url.

DVC removes a stage's outs before it runs the stage; this store is why nothing is fetched twice,
and why a refresh keeps what is gone upstream. A kill at any moment leaves whole files and a
journal that knows only whole files.

Each step of a statement costs: what is written and read by the thousand goes through SQLite as
JSON, many rows a step.
"""

import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from memegan.errors import SourceError
from memegan.fetching.coming import Coming
from memegan.fetching.files import Files

log = logging.getLogger(__name__)
_NOTES = 8  # a transaction: a kill forgets no more, and their urls are asked for again
_RECENT = 500  # ends that are remembered: they are soon asked for again, to be packed
_NEW = 4000  # as many bodies as may wait to be packed
_PAGE = 100  # posts
_SCHEMA = """
CREATE TABLE IF NOT EXISTS urls (
  url TEXT PRIMARY KEY, status TEXT, reason TEXT, final_url TEXT, content_type TEXT,
  sha256 TEXT, etag TEXT, last_modified TEXT, tries INTEGER, snapshot TEXT, fetched_at TEXT);
CREATE TABLE IF NOT EXISTS files (sha256 TEXT PRIMARY KEY, bytes INTEGER, snapshot TEXT);
CREATE TABLE IF NOT EXISTS posts (
  source TEXT, post_id TEXT, number INTEGER, snapshot TEXT, post TEXT,
  PRIMARY KEY (source, post_id));
CREATE INDEX IF NOT EXISTS posts_in_order ON posts (source, snapshot, number);
CREATE TABLE IF NOT EXISTS listed (source TEXT, snapshot TEXT, PRIMARY KEY (source, snapshot));
CREATE TABLE IF NOT EXISTS checks (url TEXT PRIMARY KEY, snapshot TEXT);
CREATE TABLE IF NOT EXISTS pages (
  key TEXT PRIMARY KEY, data BLOB, etag TEXT, last_modified TEXT);
"""
_INSERT_URLS = f"""INSERT OR REPLACE INTO urls SELECT
  {", ".join(f"json_extract(value, '$[{column}]')" for column in range(11))} FROM json_each(?)"""
_READ_POSTS = """SELECT json_group_array(json_array(snapshot, number, rowid, json(post))) FROM (
  SELECT snapshot, number, rowid, post FROM posts
  WHERE source = ? AND (snapshot, number, rowid) > (?, ?, ?) AND snapshot <= ?
  ORDER BY snapshot, number, rowid LIMIT ?)"""


@dataclass(frozen=True)
class Settled:
    """How a url ended the last time it was asked."""

    url: str
    status: str  # ok or failed
    reason: str = ""
    final_url: str = ""
    content_type: str = ""
    sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    tries: int = 1
    snapshot: str = ""
    fetched_at: str = ""  # UTC; for people, never written to a tracked file


@dataclass(frozen=True)
class Page:
    """A page of a list or feed, and what its server calls this state of it."""

    data: bytes
    etag: str
    last_modified: str


class Store:
    """One process at a time, and one thread; only `files` may be filled by others of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files, self.coming = Files(folder / "files"), Coming(folder / "coming")
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder)
        self.files.prepare()
        self.coming.prepare()
        self._db = sqlite3.connect(folder / "journal.sqlite")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._notes: list[Settled] = []  # not written yet
        self._recent: dict[str, Settled] = {}
        self._new = set[str]()  # files that this scrape wrote, and has not read yet

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            self._write_notes()
        finally:
            self.coming.close()
            self._db.close()
            self._lock.close()

    def path(self, sha256: str) -> Path:
        """Return where a file lies, if it is there."""
        return self.files.path(sha256)

    def put(self, data: bytes) -> str:
        """Keep a file by its content; return its sha256."""
        return self.files.put(data)[0]

    def note_new(self, sha256: str) -> None:
        """Note that a checker has just written a file: its next reader need not doubt it."""
        if len(self._new) == _NEW:
            self._new.clear()  # they are proved by their digests, as others are
        self._new.add(sha256)

    def read(self, sha256: str) -> bytes:
        """Return a file; proved by its digest, unless this scrape has just written it.

        Raises:
            SourceError: it is damaged (a lost disk block); it is removed, and so asked for again.
        """
        data = self.files.read(sha256)
        if sha256 in self._new:
            self._new.remove(sha256)
        elif hashlib.sha256(data).hexdigest() != sha256:
            self.path(sha256).unlink()
            raise SourceError(
                "a stored file is damaged",
                where=f"{self.folder.name}/{sha256}",
                fix="run the same command again: it is fetched afresh",
            )
        return data

    def remove(self, sha256: str) -> int:
        """Delete a file and what the journal says of its urls; return how many there were."""
        self.coming.clear()  # what nobody has looked at may be the same
        self._new.discard(sha256)
        path, found = self.path(sha256), 0
        if path.exists():
            path.unlink()
            found = 1
        self._write_notes()
        self._recent.clear()
        with self._db:
            self._db.execute("DELETE FROM urls WHERE sha256 = ?", (sha256,))
        return found

    def first_seen(self, sizes: Mapping[str, int], snapshot: str) -> dict[str, str]:
        """Return the snapshots in which files first came, noting it of those that come now.

        Args:
            sizes: by sha256, in bytes.
        """
        named = json.dumps(sizes)
        insert = "INSERT OR IGNORE INTO files SELECT key, value, ? FROM json_each(?)"
        self._db.execute(insert, (snapshot, named))
        query = """SELECT json_group_object(sha256, snapshot) FROM files
            WHERE sha256 IN (SELECT key FROM json_each(?))"""
        found: dict[str, str] = json.loads(self._db.execute(query, (named,)).fetchone()[0])
        return found

    def settled(self, url: str) -> Settled | None:
        """Return how a url ended, unless its file has been lost since."""
        if found := self._recent.get(url):
            return found
        row = self._db.execute("SELECT * FROM urls WHERE url = ?", (url,)).fetchone()
        found = Settled(*row) if row else None
        return None if found and found.sha256 and not self.files.has(found.sha256) else found

    def settle(self, result: Settled) -> None:
        """Note how a url ended."""
        self._recent[result.url] = result
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        self._notes.append(result)
        if len(self._notes) == _NOTES:
            self._write_notes()

    def _write_notes(self) -> None:
        rows = json.dumps([list(vars(note).values()) for note in self._notes])
        self._db.execute(_INSERT_URLS, (rows,))
        self._db.commit()
        self._notes.clear()

    def note_checked(self, url: str, snapshot: str) -> None:
        """Note the snapshot in which a url was last asked for."""
        self._db.execute("INSERT OR REPLACE INTO checks VALUES (?, ?)", (url, snapshot))

    def checked(self, url: str) -> str:
        """Return the snapshot in which a url was last asked for, or ""."""
        row = self._db.execute("SELECT snapshot FROM checks WHERE url = ?", (url,)).fetchone()
        return str(row[0]) if row else ""

    def page(self, url: str) -> Page | None:
        """Return a page as it was kept."""
        query = "SELECT data, etag, last_modified FROM pages WHERE key = ?"
        row = self._db.execute(query, (_key(url),)).fetchone()
        return Page(*row) if row else None

    def keep_page(self, url: str, data: bytes, etag: str, last_modified: str) -> None:
        """Keep a page of which its server can tell whether it has changed; its url may hold a
        token, and is kept as a digest."""
        if etag or last_modified:
            values = (_key(url), data, etag, last_modified)
            self._db.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?)", values)

    def forget_failed(self, reasons: Collection[str] = ()) -> int:
        """Forget urls that gave no file (of some reasons only); return how many."""
        some = f" AND reason IN ({','.join('?' * len(reasons))})" if reasons else ""
        query = f"DELETE FROM urls WHERE status = 'failed'{some}"
        self._write_notes()
        self._recent.clear()
        with self._db:
            return self._db.execute(query, tuple(reasons)).rowcount

    def is_listed(self, source: str, snapshot: str) -> bool:
        """Tell whether a source's posts were listed to their end in a snapshot."""
        query = "SELECT 1 FROM listed WHERE source = ? AND snapshot = ?"
        return self._db.execute(query, (source, snapshot)).fetchone() is not None

    def list_posts(
        self, source: str, snapshot: str, posts: Iterable[tuple[str, object]], afresh: bool = False
    ) -> None:
        """Note a whole listing of (post id, JSON value), or nothing of it where it breaks off.

        Posts of earlier listings stay, but for `afresh`.
        """
        self._write_notes()
        with self._db:
            if afresh:
                self._db.execute("DELETE FROM posts WHERE source = ?", (source,))
            self.add_posts(source, snapshot, posts)
            self._db.execute("INSERT OR IGNORE INTO listed VALUES (?, ?)", (source, snapshot))

    def add_posts(self, source: str, snapshot: str, posts: Iterable[tuple[str, object]]) -> None:
        """Note posts that are not noted yet, in their order."""
        self._db.executemany(
            "INSERT OR IGNORE INTO posts VALUES (?, ?, ?, ?, ?)",
            (
                (source, post_id, number, snapshot, json.dumps(post))
                for number, (post_id, post) in enumerate(posts)
            ),
        )

    def had_post(self, source: str, snapshot: str, post_id: str) -> bool:
        """Tell whether a snapshot before this one listed a post."""
        query = "SELECT 1 FROM posts WHERE source = ? AND post_id = ? AND snapshot < ?"
        return self._db.execute(query, (source, post_id, snapshot)).fetchone() is not None

    def posts(self, source: str, snapshot: str) -> Iterator[object]:
        """Yield all posts listed up to a snapshot, the oldest listing first."""
        last: tuple[str, int, int] = ("", -1, -1)
        while True:
            found = self._db.execute(_READ_POSTS, (source, *last, snapshot, _PAGE)).fetchone()
            page = sorted(json.loads(found[0]), key=lambda row: row[:3])
            for row in page:
                last = tuple(row[:3])
                yield row[3]
            if len(page) < _PAGE:
                return


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _locked(folder: Path) -> sqlite3.Connection:
    """Take the store's lock, waiting for whoever has it; the system frees it after a kill."""
    lock = sqlite3.connect(folder / "lock.sqlite", isolation_level=None, timeout=0)
    for waited in range(10**9):
        try:
            lock.execute("BEGIN EXCLUSIVE")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                lock.close()
                raise
            if waited == 0:
                log.info("another scrape has the store; waiting for its end")
            time.sleep(0.2)
    return lock
