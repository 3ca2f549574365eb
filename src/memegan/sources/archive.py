"""A zip or tar of pictures on this machine; each member is a post."""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal

from memegan.errors import SourceError
from memegan.sources.base import (
    MAX_MEMBERS,
    MAX_RATIO,
    Fetcher,
    LocalParams,
    Media,
    Post,
    Request,
    is_note,
)


class ArchiveSource(LocalParams):
    """All files of an archive (zip, tar, tar.gz, tar.bz2, tar.xz), in its order.

    A member's url holds its number, never its name: the name is somebody else's, and only the
    column `member_name`.
    """

    kind: Literal["archive"]

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield a post for each member that is neither a folder nor a note, sound or not."""
        self.check_path()
        packed, unpacked, number = self.path.stat().st_size, 0, -1
        try:
            for number, (name, size) in enumerate(self._members()):
                unpacked += size
                if number >= MAX_MEMBERS or unpacked > MAX_RATIO * packed:
                    raise self._error(f"over {MAX_MEMBERS} members or {MAX_RATIO} times its size")
                inside = PurePosixPath(name)
                if not is_note(PurePosixPath(*[p for p in inside.parts if p != ".."])):
                    folder = {"sub_folder": inside.parts[0]} if len(inside.parts) > 1 else {}
                    yield Post(
                        id=str(number),
                        media=(Media(self.url(member=number)),),
                        extra={"member_name": name, **folder},
                    )
        except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise self._error(f"it cannot be read: {error}") from None

    def request(self, url: str) -> Request:
        return Request(url, file=self.path, member=int(url.rpartition("#")[2]))

    def _members(self) -> Iterator[tuple[str, int]]:
        """Yield (name, unpacked bytes); a zip's single bombs are refused one by one later."""
        with self.path.open("rb") as file:
            if file.read(2) == b"PK":
                with zipfile.ZipFile(file) as archive:
                    for info in archive.infolist():
                        if not info.is_dir():
                            is_bomb = info.file_size > MAX_RATIO * max(info.compress_size, 1)
                            yield info.filename, 0 if is_bomb else info.file_size
                return
        with tarfile.open(self.path) as tar:
            for member in tar:
                if not member.isdir():
                    yield member.name, member.size

    def _error(self, what: str) -> SourceError:
        fix = "bring a sound zip or tar, or unpack it yourself and use kind: folder"
        return SourceError(what, where=f"scrape.sources: {self.name}: {self.path}", fix=fix)
