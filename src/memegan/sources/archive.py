"""A zip or tar of pictures on this machine; each member is a post."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from memegan.sources.base import Fetcher, LocalParams, Post, Request
from memegan.sources.files.base import archive_posts


class ArchiveSource(LocalParams):
    """All files of an archive (zip, tar, tar.gz, tar.bz2, tar.xz), in its order.

    A member's url holds its number, never its name: the name is somebody else's, and only the
    column `member_name`.
    """

    names_files: ClassVar[bool] = True

    kind: Literal["archive"]

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield a post for each member that is neither a folder nor a note, sound or not."""
        self.check_path()
        yield from archive_posts(self.path, lambda number: self.url_of(member=number))

    def request(self, url: str) -> Request:
        return Request(url, file=self.path, member=int(url.rpartition("#")[2]))
