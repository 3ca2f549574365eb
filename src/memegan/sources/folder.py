"""A folder of pictures and videos on this machine; each file is a post."""

from collections.abc import Iterator
from typing import Literal

from memegan.sources.base import Fetcher, LocalParams, Media, Post, Request, is_note


class FolderSource(LocalParams):
    """All files below `path`, in the order of their names; `sub_folder` is a column of each."""

    kind: Literal["folder"]

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield a post for each file; hidden files and notes beside the pictures are left out."""
        self.check_path()
        for file in sorted(self.path.rglob("*"), key=lambda p: p.as_posix()):
            inside = file.relative_to(self.path)
            if file.is_file() and not is_note(inside):
                yield Post(
                    id=inside.as_posix(),
                    media=(Media(self.url(inside.as_posix())),),
                    extra={"sub_folder": inside.parts[0]} if len(inside.parts) > 1 else {},
                )

    def request(self, url: str) -> Request:
        return Request(url, file=self.file(url))
