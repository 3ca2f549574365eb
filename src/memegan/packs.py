"""Packs: uncompressed tar files of many pictures, addressed by offset, the same bytes each time.

DVC pays by the number of files in each push, pull and checkout, so thousands of pictures lie in
a few packs. Any `tar` lists and unpacks them; we read a member by its offset alone.
"""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import BinaryIO, Protocol

from memegan.errors import DataError

PACK_BYTES = 50_000_000  # 10-50 MB: few files, and one changed picture re-sends only so much
_BLOCK = 512
_DIGITS = 64  # of a sha256
_EMPTY = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)


@dataclass(frozen=True)
class Place:
    """Where a member's bytes lie; `pack` is relative to the project, with forward slashes."""

    pack: str
    member: str
    offset: int
    bytes: int


class Placed(Protocol):
    """Any row with the four columns of a place."""

    @property
    def pack(self) -> str: ...
    @property
    def member(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def bytes(self) -> int: ...


def member_name(data: bytes, extension: str) -> str:
    """Name a member by what it holds, for example '9f86...0a08.png'."""
    return f"{hashlib.sha256(data).hexdigest()}.{extension}"


def write_series(
    folder: Path, series: str, members: Iterable[tuple[str, bytes]], limit_bytes: int = PACK_BYTES
) -> list[Place]:
    """Write members in their order into the packs of a `Series`."""
    with Series(folder, series, limit_bytes) as packs:
        return [packs.add(name, data) for name, data in members]


class Series:
    """Packs `series`-0000.tar, -0001.tar, ... of members in their order.

    A pack ends before it would pass `limit_bytes`; a larger member has one of its own. They get
    their names when the block ends without an error; else none is left.
    """

    def __init__(self, folder: Path, series: str, limit_bytes: int = PACK_BYTES) -> None:
        self.folder, self.series, self.limit_bytes = folder, series, limit_bytes
        self._open = ExitStack()
        self._pack: _Pack | None = None
        self._count = self._used = 0

    def __enter__(self) -> "Series":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def add(self, member: str, data: bytes) -> Place:
        """Write one member."""
        if self._pack is None or self._used + len(data) > self.limit_bytes:
            if self._pack is not None:
                self._pack.end()
            path = self.folder / f"{self.series}-{self._count:04d}.tar"
            self._pack = self._open.enter_context(_Pack(path))
            self._count, self._used = self._count + 1, 0
        self._used += len(data)
        return self._pack.add(member, data)

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, e, at)


class HashedPacks:
    """Packs by the first hex digits of the members' names, so a new picture rewrites one pack.

    Members are collected in a temporary file (memory holds only their names) and sorted when the
    block ends; the order in which they were added does not change a byte.
    """

    def __init__(self, folder: Path, limit_bytes: int = PACK_BYTES) -> None:
        self.folder, self.limit_bytes = folder, limit_bytes
        self.places: dict[str, Place] = {}
        self._found: dict[str, tuple[int, int]] = {}
        self._end = 0

    def __enter__(self) -> "HashedPacks":
        self._spool: BinaryIO = TemporaryFile()  # closed in __exit__
        return self

    def add(self, member: str, data: bytes) -> None:
        """Take one member; a name that is there already holds the same bytes."""
        if member not in self._found:
            self._found[member] = (self._end, len(data))
            self._spool.write(data)
            self._end += len(data)

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._write()
        finally:
            self._spool.close()

    def _write(self) -> None:
        digits = 0
        while self._end / 16**digits > self.limit_bytes:
            digits += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        shards: dict[str, list[str]] = {}
        for member in sorted(self._found):
            shards.setdefault(member[:digits] or "all", []).append(member)
        for shard, members in shards.items():
            with _Pack(self.folder / f"{shard}.tar") as pack:
                for member in members:
                    offset, size = self._found[member]
                    self._spool.seek(offset)
                    self.places[member] = pack.add(member, self._spool.read(size))


def read_place(place: Placed, root: Path = Path()) -> bytes:
    """Return the bytes of one member; safe to call from several threads.

    Raises:
        DataError: there is no such pack, it ends before the member does, or what lies there is
            not what a member named by its sha256 holds.
    """
    try:
        with (root / place.pack).open("rb") as file:
            file.seek(place.offset)
            data = file.read(place.bytes)
    except OSError as error:
        raise DataError(
            f"the pack cannot be read: {error.strerror}",
            where=place.pack,
            fix="run: dvc checkout, dvc pull, or dvc repro",
        ) from None
    digest = place.member.partition(".")[0]
    if len(data) != place.bytes:
        what = f"the pack ends inside {place.member}"
    elif len(digest) == _DIGITS and hashlib.sha256(data).hexdigest() != digest:
        what = f"other bytes lie at {place.offset} than those of {place.member}"
    else:
        return data
    raise DataError(what, where=place.pack, fix="remove it, then run: dvc checkout (or dvc repro)")


def members(pack: Path) -> Iterator[Place]:
    """List what a pack holds, in its order."""
    with tarfile.open(pack, "r:") as tar:
        for info in tar:
            yield Place(pack.as_posix(), info.name, info.offset_data, info.size)


def _header(member: str, size: int) -> bytes:
    """Return what TarInfo makes of a name and a size, in a tenth of its time for short names."""
    name = member.encode()
    if len(name) > 100 or not member.isascii() or size >= 8**11:
        info = tarfile.TarInfo(member)
        info.size = size
        return info.tobuf(tarfile.USTAR_FORMAT)
    head = bytearray(_EMPTY)
    head[: len(name)] = name
    head[124:135] = b"%011o" % size
    head[148:155] = b"%06o\0" % (sum(head) - sum(head[148:156]) + 8 * ord(" "))
    return bytes(head)


class _Pack:
    """One tar file, written beside its name, which it gets if the block ends without an error."""

    def __init__(self, path: Path) -> None:
        self.path, self.part = path, path.with_name(path.name + ".part")

    def __enter__(self) -> "_Pack":
        self.file = self.part.open("wb", buffering=0)
        self._end = 0
        return self

    def add(self, member: str, data: bytes) -> Place:
        """Write a header without times or owners, the data, and the padding."""
        head, padding = _header(member, len(data)), bytes(-len(data) % _BLOCK)
        offset = self._end + len(head)
        self._put(b"".join((head, data, padding)))
        return Place(self.path.as_posix(), member, offset, len(data))

    def end(self) -> None:
        """Take no more: write the end of the file, and close it."""
        if not self.file.closed:
            self._put(bytes(2 * _BLOCK))
            self.file.close()

    def _put(self, data: bytes) -> None:
        """Write all of it: a disk that fills takes a part, and refuses the next."""
        left = memoryview(data)
        while left:
            left = left[self.file.write(left) :]
        self._end += len(data)

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is None:
            self.end()
            self.part.replace(self.path)
        else:
            self.file.close()
            self.part.unlink()
