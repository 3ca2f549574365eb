"""A zip or tar of pictures on this machine; each member is a post."""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from memegan.errors import SourceError
from memegan.sources.base import Fetcher, Media, Post, Request, SourceParams


class ArchiveSource(SourceParams):
    """All files of an archive (zip, tar, tar.gz, tar.bz2, tar.xz), in its order.

    A member's url holds its number, never its name; the name is the column `member_name`.
    """

    kind: Literal["archive"]
    path: Path

    @property
    def is_local(self) -> bool:
        return True

    def posts(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield a post for each member that is no folder, sound or not."""
        try:
            names = self._names()
        except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise SourceError(
                f"not an archive that can be read: {error}",
                where=f"scrape.sources: {self.path}",
                fix="bring a zip or tar (below data/inputs), or mend the path",
            ) from None
        for number, name in enumerate(names):
            yield Post(
                id=str(number),
                media=(Media(f"file:{quote(self.path.as_posix())}#{number}"),),
                extra={"member_name": name},
            )

    def request(self, url: str) -> Request:
        return Request(url)

    def _names(self) -> list[str]:
        if zipfile.is_zipfile(self.path):
            with zipfile.ZipFile(self.path) as archive:
                return [info.filename for info in archive.infolist() if not info.is_dir()]
        with tarfile.open(self.path) as archive:
            return [info.name for info in archive if not info.isdir()]
