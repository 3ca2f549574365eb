"""What was fetched, outside DVC's outs: files by content, and a journal of every url.

DVC removes a stage's outs before it runs the stage; this store is why nothing is fetched twice,
and why a refresh keeps what is gone upstream. A kill at any moment leaves whole files and a
journal that knows only whole files.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS urls (
  url TEXT PRIMARY KEY, status TEXT, reason TEXT, final_url TEXT, content_type TEXT,
  sha256 TEXT, etag TEXT, last_modified TEXT, tries INTEGER, snapshot TEXT);
CREATE TABLE IF NOT EXISTS files (sha256 TEXT PRIMARY KEY, bytes INTEGER, snapshot TEXT);
CREATE TABLE IF NOT EXISTS posts (
  source TEXT, post_id TEXT, number INTEGER, snapshot TEXT, post TEXT,
  PRIMARY KEY (source, post_id));
CREATE TABLE IF NOT EXISTS listed (source TEXT, snapshot TEXT, PRIMARY KEY (source, snapshot));
"""


@dataclass(frozen=True)
class Settled:
    """How a url ended the last time it was asked."""

    url: str
    status: str
    reason: str = ""
    final_url: str = ""
    content_type: str = ""
    sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    tries: int = 1
    snapshot: str = ""


class Store:
    """One writer; files may be written by several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "journal.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def path(self, sha256: str) -> Path:
        return self.folder / "files" / sha256[:2] / sha256

    def put(self, data: bytes) -> str:
        """Keep a file by its content; written beside, then renamed. Return its sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{sha256}.{os.getpid()}-{id(data)}.part")
            part.write_bytes(data)
            part.replace(path)
        return sha256

    def first_seen(self, sha256: str, size: int, snapshot: str) -> str:
        """Return the snapshot in which a file first came, noting it if that is now."""
        self._db.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?)", (sha256, size, snapshot))
        row = self._db.execute("SELECT snapshot FROM files WHERE sha256 = ?", (sha256,)).fetchone()
        return str(row[0])

    def settled(self, url: str) -> Settled | None:
        """Return how a url ended, if its file (when it had one) is still whole here."""
        row = self._db.execute("SELECT * FROM urls WHERE url = ?", (url,)).fetchone()
        found = Settled(*row) if row else None
        return None if found and found.sha256 and not self.path(found.sha256).exists() else found

    def settle(self, *results: Settled) -> None:
        """Note how urls ended."""
        marks = ",".join("?" * 10)
        with self._db:
            self._db.executemany(
                f"INSERT OR REPLACE INTO urls VALUES ({marks})",
                [tuple(vars(result).values()) for result in results],
            )

    def is_listed(self, source: str, snapshot: str) -> bool:
        """Tell whether a source's posts were listed to their end in a snapshot."""
        row = self._db.execute(
            "SELECT 1 FROM listed WHERE source = ? AND snapshot = ?", (source, snapshot)
        )
        return row.fetchone() is not None

    def list_posts(self, source: str, snapshot: str, posts: Iterable[tuple[str, object]]) -> None:
        """Note a whole listing of (post id, JSON value); posts of earlier ones stay."""
        with self._db:
            self._db.execute("BEGIN")
            for number, (post_id, post) in enumerate(posts):
                self._db.execute(
                    "INSERT OR IGNORE INTO posts VALUES (?, ?, ?, ?, ?)",
                    (source, post_id, number, snapshot, json.dumps(post)),
                )
            self._db.execute("INSERT OR IGNORE INTO listed VALUES (?, ?)", (source, snapshot))

    def posts(self, source: str, snapshot: str) -> list[object]:
        """Return all posts listed up to a snapshot, the oldest listing first."""
        rows = self._db.execute(
            "SELECT post FROM posts WHERE source = ? AND snapshot <= ? ORDER BY snapshot, number",
            (source, snapshot),
        )
        return [json.loads(row[0]) for row in rows]
