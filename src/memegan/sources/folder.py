"""A folder of pictures and videos on this machine; each file is a post."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from memegan.sources.base import Fetcher, LocalParams, Post, Request
from memegan.sources.files.base import folder_posts


class FolderSource(LocalParams):
    """All files below `path`, in the order of their names; `sub_folder` is a column of each."""

    names_files: ClassVar[bool] = True

    kind: Literal["folder"]

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield a post for each file; hidden files and notes beside the pictures are left out."""
        self.check_path()
        yield from folder_posts(self.path, self.url_of)

    def request(self, url: str) -> Request:
        return Request(url, file=self.file(url))
