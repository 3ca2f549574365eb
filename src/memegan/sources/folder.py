"""A folder of pictures and videos on this machine; each file is a post."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from memegan.errors import SourceError
from memegan.sources.base import Fetcher, Media, Post, Request, SourceParams

_IGNORED = (".csv", ".json", ".md", ".txt")


class FolderSource(SourceParams):
    """All files below `path`, in the order of their names; `sub_folder` is a column of each."""

    kind: Literal["folder"]
    path: Path

    @property
    def is_local(self) -> bool:
        return True

    def posts(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield a post for each file; hidden files and notes beside the pictures are left out."""
        if not self.path.is_dir():
            raise SourceError(
                "there is no such folder",
                where=f"scrape.sources: {self.path}",
                fix="bring it (below data/inputs), or mend the path",
            )
        for file in sorted(self.path.rglob("*"), key=lambda p: p.as_posix()):
            inside = file.relative_to(self.path)
            hidden = any(part.startswith(".") for part in inside.parts)
            if file.is_file() and not hidden and file.suffix.lower() not in _IGNORED:
                yield Post(
                    id=inside.as_posix(),
                    media=(Media(f"file:{quote(file.as_posix())}"),),
                    extra={"sub_folder": inside.parts[0]} if len(inside.parts) > 1 else {},
                )

    def request(self, url: str) -> Request:
        return Request(url)
