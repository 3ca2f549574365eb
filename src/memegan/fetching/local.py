"""Local media: files and archive members below the project, read with the same distrust.

A folder's file has the url `file:data/inputs/cats/1.jpg`, a member `file:data/inputs/a.zip#3`:
its number in the archive, for its name is somebody else's and never becomes a path.
"""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from memegan.errors import SourceError
from memegan.fetching.download import Limits
from memegan.fetching.reasons import Refused

SCHEME = "file:"
MAX_RATIO = 200  # of unpacked to packed bytes: beyond it a member is a bomb
MAX_MEMBERS = 1_000_000


def url_of(path: Path, member: int | None = None) -> str:
    """Name a local file, or one member of an archive."""
    name = SCHEME + quote(path.as_posix())
    return name if member is None else f"{name}#{member}"


def read_file(url: str, limits: Limits) -> bytes:
    """Read a folder's file.

    Raises:
        Refused: gone, too_large, or unsafe_member for a link.
    """
    path = Path(unquote(url.removeprefix(SCHEME)))
    if path.is_symlink():
        raise Refused("unsafe_member", "a symbolic link")
    if not path.is_file():
        raise Refused("gone", path.as_posix())
    if path.stat().st_size > limits.max_mb * 1e6:
        raise Refused("too_large", f"over {limits.max_mb:g} MB")
    return path.read_bytes()


def archive_of(url: str) -> Path | None:
    """Return the archive that a url's member lies in, or None for a plain file."""
    name, number = url.removeprefix(SCHEME).partition("#")[::2]
    return Path(unquote(name)) if number else None


def read_members(path: Path, limits: Limits) -> Iterator[tuple[str, bytes | Refused]]:
    """Yield (url, bytes or why not) of each file of a zip or tar, in one pass, nothing unpacked.

    Raises:
        SourceError: the archive itself cannot be read.
    """
    reader = _zip if zipfile.is_zipfile(path) else _tar
    try:
        for number, found in enumerate(reader(path, round(limits.max_mb * 1e6))):
            if number >= MAX_MEMBERS:
                raise SourceError(
                    f"more than {MAX_MEMBERS} members", where=str(path), fix="split the archive"
                )
            yield url_of(path, number), found
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        raise SourceError(
            f"the archive cannot be read to its end: {error}",
            where=str(path),
            fix="bring it again; what was read is kept",
        ) from None


def _zip(path: Path, limit: int) -> Iterator[bytes | Refused]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            kind = info.external_attr >> 28
            if kind not in (0, 8):  # 8 is a regular file in Unix's st_mode >> 12
                yield Refused("unsafe_member", "a link or a device")
            elif info.flag_bits & 1:
                yield Refused("unsafe_member", "encrypted")
            elif info.file_size > MAX_RATIO * max(info.compress_size, 1):
                yield Refused(
                    "unsafe_member", f"unpacks {info.file_size // max(info.compress_size, 1)} times"
                )
            else:
                with archive.open(info) as file:
                    yield _limited(file.read(limit + 1), limit)


def _tar(path: Path, limit: int) -> Iterator[bytes | Refused]:
    packed, unpacked = path.stat().st_size, 0
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isdir():
                continue
            file = archive.extractfile(info) if info.isreg() else None
            unpacked += info.size
            if file is None:
                yield Refused("unsafe_member", "a link or a device")
            elif unpacked > MAX_RATIO * packed:
                raise ValueError(f"unpacks more than {MAX_RATIO} times its size")
            else:
                yield _limited(file.read(limit + 1), limit)


def _limited(data: bytes, limit: int) -> bytes | Refused:
    return Refused("too_large", f"over {limit / 1e6:g} MB") if len(data) > limit else data
