"""What dedup saw and decided, kept by content: the next run looks only at what is new.

It lies outside DVC's outs, which DVC removes before it runs a stage. It changes no result, only the
time: what it holds follows from bytes, parameters and code alone.
"""

import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
import simplejpeg

from memegan.errors import DataError
from memegan.images.decided import Decided
from memegan.images.features import CHROMA_PX, THUMB_PX, Features, Small
from memegan.images.near import NOTHING_KNOWN, Known, Tie
from memegan.images.params import DedupParams
from memegan.records import KeptRow

log = logging.getLogger(__name__)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS looks (key TEXT PRIMARY KEY, sha256 TEXT, about TEXT, images BLOB);
CREATE TABLE IF NOT EXISTS ties (beginning TEXT PRIMARY KEY, found TEXT);
CREATE TEMP TABLE used (name TEXT PRIMARY KEY);
"""
_EVERY_S = 2.0  # a kill forgets no more
_SEARCH = {  # of the parameters; the others decide what is looked at, not what it is alike to
    *("alike", "same_line", "fine_line", "same_colour", "template_share", "same_likeness"),
    *("template_likeness", "frame_text", "mirrored"),
}
_LIBRARIES = (np.__version__, cv2.__version__, PIL.__version__, simplejpeg.__version__)
_NUMBERS = ("frame_text", "inner_share", "contrast")  # of a Small


class Memory:
    """Remembers nothing."""

    def recall(self, row: KeptRow) -> Features | None:
        """Return what was seen of a picture; None if it was not."""
        return None

    def keep(self, row: KeptRow, seen: Features) -> None:
        """Remember what was seen."""

    def known(self, ids: Sequence[str], p: DedupParams, decided: Decided) -> Known:
        """Return what was decided about the first of these pictures."""
        return NOTHING_KNOWN


FORGETFUL = Memory()


@contextmanager
def remembering(folder: Path) -> Iterator[Memory]:
    """Give what was remembered in a folder; nothing, where another run uses it at this moment.

    What a run that ended well did not need is forgotten, and what another code remembered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_code()}.sqlite"
    for other in folder.glob("*.sqlite"):
        if other != path:
            with suppress(OSError):  # in use, on Windows
                other.unlink()
    try:
        db = _opened(path)
    except sqlite3.OperationalError as error:
        log.warning("%s: %s; nothing is remembered of this run", path, error)
        yield FORGETFUL
        return
    except sqlite3.DatabaseError:
        log.warning("%s is damaged: it begins afresh", path)
        path.unlink()
        db = _opened(path)
    with closing(db):
        memory = Remembered(db)
        try:
            yield memory
        except sqlite3.DatabaseError as error:
            fix = "remove it, then run the same again: it holds nothing else"
            raise DataError(f"it cannot be used: {error}", where=str(path), fix=fix) from error
        except BaseException:  # Ctrl-C as well: what was seen so far is worth keeping
            db.commit()
            raise
        memory.tidy()


def forget(folder: Path, digests: Collection[str]) -> int:
    """Forget pictures by the sha256 of their files; return how many were known.

    Raises:
        DataError: a dedup is running.
    """
    known = 0
    for path in sorted(folder.glob("*.sqlite")):
        try:
            with closing(_opened(path)) as db:
                for digest in digests:
                    known += db.execute("DELETE FROM looks WHERE sha256 = ?", (digest,)).rowcount
                db.commit()
        except sqlite3.OperationalError as error:
            fix = "wait till the dedup that uses it has ended, then run the same again"
            raise DataError(f"it cannot be changed: {error}", where=str(path), fix=fix) from None
    return known


def _opened(path: Path) -> sqlite3.Connection:
    """Return a connection that has the file for itself.

    Raises:
        OperationalError: somebody else has it, or it cannot be written.
        DatabaseError: it is no such file.
    """
    db = sqlite3.connect(path, timeout=0)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA secure_delete = ON")  # what is taken down leaves no trace
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
        db.execute("BEGIN EXCLUSIVE")
        db.commit()
    except sqlite3.Error:
        db.close()
        raise
    return db


class Remembered(Memory):
    """A database of its own that remembers."""

    def __init__(self, db: sqlite3.Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._db, self._clock, self._saved = db, clock, clock()

    def recall(self, row: KeptRow) -> Features | None:
        """Return what was seen of the same bytes, of the same part of them."""
        asked = "SELECT about, images FROM looks WHERE key = ?"
        found = self._db.execute(asked, (_key(row),)).fetchone()
        return _unpacked(json.loads(found[0]), found[1]) if found else None

    def keep(self, row: KeptRow, seen: Features) -> None:
        """Remember what was seen, or go on doing so: what no run asks to keep is forgotten."""
        asked = "SELECT 1 FROM looks WHERE key = ?"
        if not self._db.execute(asked, (_key(row),)).fetchone():
            about, images = _packed(seen)
            values = (_key(row), row.sha256, json.dumps(about), images)
            self._db.execute("INSERT INTO looks VALUES (?, ?, ?, ?)", values)
        self._use(_key(row))

    def known(self, ids: Sequence[str], p: DedupParams, decided: Decided) -> Known:
        """Return what was decided about the first of these pictures."""
        return _KnownTies(self, ids, p, decided)

    def ties(self, beginning: str) -> list[Tie] | None:
        """Return the ties of a picture after a beginning of pictures that it ends."""
        asked = "SELECT found FROM ties WHERE beginning = ?"
        found = self._db.execute(asked, (beginning,)).fetchone()
        if found is None:
            return None
        self._use(beginning)
        return [Tie(*one) for one in json.loads(found[0])]

    def learn(self, beginning: str, ties: Sequence[Tie]) -> None:
        """Remember the ties of a picture."""
        found = json.dumps([list(asdict(tie).values()) for tie in ties])
        self._db.execute("INSERT OR REPLACE INTO ties VALUES (?, ?)", (beginning, found))
        self._use(beginning)

    def tidy(self) -> None:
        """Forget what was not used."""
        self._db.execute("DELETE FROM looks WHERE key NOT IN (SELECT name FROM used)")
        self._db.execute("DELETE FROM ties WHERE beginning NOT IN (SELECT name FROM used)")
        self._db.commit()

    def _use(self, name: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO used VALUES (?)", (name,))
        if self._clock() - self._saved > _EVERY_S:
            self._db.commit()
            self._saved = self._clock()


class _KnownTies(Known):
    """Ties after beginnings: digests of all pictures till one, of the limits and decisions."""

    def __init__(
        self, memory: Remembered, ids: Sequence[str], p: DedupParams, decided: Decided
    ) -> None:
        self._memory = memory
        self._beginnings = list(_beginnings(ids, p, decided))
        self._ties: list[Tie] = []
        self.count = 0
        for beginning in self._beginnings:
            found = memory.ties(beginning)
            if found is None:
                break
            self._ties += found
            self.count += 1

    def ties(self) -> Iterator[Tie]:
        """Yield what is known, in the order of the later pictures."""
        yield from self._ties

    def learn(self, later: int, ties: Sequence[Tie]) -> None:
        """Remember what was found about a picture."""
        self._memory.learn(self._beginnings[later], ties)


def _beginnings(ids: Sequence[str], p: DedupParams, decided: Decided) -> Iterator[str]:
    told: dict[int, list[str]] = {}
    for verdict, pairs in sorted(asdict(decided).items()):
        for one, other in sorted(pairs):
            told.setdefault(other, []).append(f"{verdict} {ids[one]}")
    digest = hashlib.sha256(p.model_dump_json(include=_SEARCH).encode()).digest()
    for n, id_ in enumerate(ids):
        digest = hashlib.sha256(digest + " ".join([id_, *told.get(n, ())]).encode()).digest()
        yield digest.hex()


def _key(row: KeptRow) -> str:
    return f"{row.sha256} {row.rect}"


def _packed(seen: Features) -> tuple[dict[str, Any], bytes]:
    """Return the numbers, and the images as bytes one after another."""
    small = seen.small
    images = (small.thumb, small.chroma, small.inner, small.inner_chroma)
    about = {f.name: getattr(seen, f.name) for f in fields(Features) if f.name != "small"}
    numbers = {name: getattr(small, name) for name in _NUMBERS}
    return about | {"small": numbers}, b"".join(one.tobytes() for one in images if one is not None)


def _unpacked(about: dict[str, Any], images: bytes) -> Features:
    gray = THUMB_PX * THUMB_PX
    shown = [
        (view[:gray].reshape(THUMB_PX, THUMB_PX), view[gray:].reshape(2, CHROMA_PX, CHROMA_PX))
        for view in np.frombuffer(images, np.uint8).reshape(-1, gray + 2 * CHROMA_PX**2)
    ]
    inner, inner_chroma = shown[1] if len(shown) > 1 else (None, None)
    small = Small(*shown[0], inner, inner_chroma, **about["small"])
    return Features(**about | {"small": small})


def _code() -> str:
    """Name the code that sees and decides, and the libraries that decode: 16 hex digits."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parent / "media.py"]
    digest = hashlib.sha256(" ".join(_LIBRARIES).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
