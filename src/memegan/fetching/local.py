"""Local media: files and archive members, read with the same distrust as what the web gives."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from memegan.errors import SourceError
from memegan.fetching.download import Limits
from memegan.fetching.reasons import Refused
from memegan.sources.base import MAX_RATIO

_UNREADABLE = (OSError, EOFError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def read_file(path: Path, limits: Limits) -> bytes:
    """Read a folder's file.

    Raises:
        Refused: gone, too_large, or unsafe_member for a link.
    """
    if path.is_symlink():
        raise Refused("unsafe_member", "a symbolic link")
    if not path.is_file():
        raise Refused("gone", path.name)
    if path.stat().st_size > limits.max_mb * 1e6:
        raise Refused("too_large", f"over {limits.max_mb:g} MB")
    return path.read_bytes()


def read_members(path: Path, limits: Limits) -> Iterator[bytes | Refused]:
    """Yield the bytes, or why there are none, of each member of a zip or tar that is no folder.

    One pass, one member in memory, nothing unpacked to disk.

    Raises:
        SourceError: the archive itself cannot be read.
    """
    with path.open("rb") as file:
        reader = _zip if file.read(2) == b"PK" else _tar
    try:
        yield from reader(path, round(limits.max_mb * 1e6))
    except (*_UNREADABLE, tarfile.TarError) as error:
        raise SourceError(
            f"the archive cannot be read to its end: {error}", where=path.name, fix="bring it again"
        ) from None


def _zip(path: Path, limit: int) -> Iterator[bytes | Refused]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            ratio = info.file_size // max(info.compress_size, 1)
            if info.external_attr >> 28 not in (0, 8):  # Unix's st_mode >> 12: 8 is a plain file
                yield Refused("unsafe_member", "a link or a device")
            elif _climbs(info.filename) or info.flag_bits & 1:
                yield Refused("unsafe_member", "its name climbs out, or it is encrypted")
            elif ratio > MAX_RATIO:
                yield Refused("unsafe_member", f"unpacks {ratio} times")
            else:
                with archive.open(info) as file:
                    yield _limited(file.read, limit)


def _tar(path: Path, limit: int) -> Iterator[bytes | Refused]:
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isdir():
                continue
            file = archive.extractfile(info) if info.isreg() else None
            if file is None or _climbs(info.name):
                yield Refused("unsafe_member", "a link or a device, or its name climbs out")
            else:
                yield _limited(file.read, limit)


def _climbs(name: str) -> bool:
    """Tell whether a name would lead out of its folder (nothing is ever written by it)."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or name[1:2] == ":"


def _limited(read: Callable[[int], bytes], limit: int) -> bytes | Refused:
    try:
        data = read(limit + 1)
    except _UNREADABLE as error:
        return Refused("truncated", str(error))
    return Refused("too_large", f"over {limit / 1e6:g} MB") if len(data) > limit else data
