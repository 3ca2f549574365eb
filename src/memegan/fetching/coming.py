"""Bodies that have come and wait on disk to be checked: asking goes on while that takes its time.

They take no memory there, and a killed scrape has not asked for them in vain.
"""

import errno
import json
import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

_MOST_BYTES = 64_000_000  # of a file, before the next one is begun


@dataclass(frozen=True)
class Body:
    """What a url gave."""

    data: bytes
    final_url: str
    etag: str = ""
    last_modified: str = ""
    is_unchanged: bool = False  # 304: what we have is what there is


@dataclass(frozen=True)
class Piece:
    """Where a body lies."""

    path: str
    offset: int
    size: int


@dataclass(frozen=True)
class Came:
    """A body that lies there, and what is known of it."""

    piece: Piece
    final_url: str
    etag: str = ""
    last_modified: str = ""
    tries: int = 1
    was_left: bool = False  # by an earlier scrape


class Coming:
    """A folder of a few files with many bodies each, every one behind a line that tells of it.

    A file goes when all its bodies have been checked. Those that an earlier scrape has left are
    given by `take`, and go with `clear`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()  # other processes read there
        self._file: BinaryIO | None = None
        self._used = self._number = 0
        self._waiting: dict[str, int] = {}  # bodies, by path
        self._old: list[Path] = []
        self._left: dict[bytes, Came] = {}  # by a digest of the url

    def prepare(self) -> None:
        """Make the folder; look at what an earlier scrape has left."""
        self.folder.mkdir(exist_ok=True)
        self._old = sorted(self.folder.iterdir())
        for path in self._old:
            self._number = max(self._number, int(path.stem) + 1)
            self._look(path)

    def put(self, url: str, body: Body, tries: int) -> Came:
        """Keep a body until `done`.

        Raises:
            OSError: the disk is full.
        """
        known = (body.final_url, body.etag, body.last_modified, tries)
        line = json.dumps([url, len(body.data), *known]).encode() + b"\n"
        file = self._room()
        piece = Piece(file.name, self._used + len(line), len(body.data))
        if file.write(line + body.data) < len(line) + len(body.data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
        self._used = piece.offset + piece.size
        self._waiting[file.name] += 1
        return Came(piece, *known)

    def done(self, piece: Piece) -> None:
        """Forget a body: it is known how its url ended."""
        if piece.path not in self._waiting:
            return  # of an earlier scrape, it goes with the others
        self._waiting[piece.path] -= 1
        if self._waiting[piece.path]:
            return
        if self._file is not None and self._file.name == piece.path:
            self._file.truncate(self._file.seek(0))
            self._used = 0
        else:
            del self._waiting[piece.path]
            Path(piece.path).unlink()

    def take(self, url: str) -> Came | None:
        """Return what an earlier scrape has left of a url; once."""
        return self._left.pop(_digest(url), None) if self._left else None

    def clear(self) -> None:
        """Remove what an earlier scrape has left, and what was not waited for."""
        self.close()
        for path in (*self._old, *map(Path, self._waiting)):
            path.unlink(missing_ok=True)
        self._left.clear()
        self._old.clear()
        self._waiting.clear()

    def close(self) -> None:
        """Write no more; what waits stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _room(self) -> BinaryIO:
        if self._file is None or self._used > _MOST_BYTES:
            self.close()
            path = self.folder / f"{self._number:06d}.bodies"
            self._file, self._used = path.open("wb", buffering=0), 0
            self._number += 1
            self._waiting[self._file.name] = 0
        return self._file

    def _look(self, path: Path) -> None:
        """Note the whole bodies of a file; its end may be torn."""
        length = path.stat().st_size
        with path.open("rb") as file:
            while line := file.readline():
                try:
                    url, size, final_url, etag, last_modified, tries = json.loads(line)
                except (ValueError, TypeError):
                    return
                piece = Piece(str(path), file.tell(), size)
                if piece.offset + size > length:
                    return
                came = Came(piece, final_url, etag, last_modified, tries, was_left=True)
                self._left[_digest(url)] = came
                file.seek(piece.offset + size)


def _digest(url: str) -> bytes:
    return blake2b(url.encode(), digest_size=12).digest()
