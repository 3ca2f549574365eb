"""Data that DVC can reach: a url of any of its stores, or a file or folder of a DVC repository."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from memegan.sources.base import Fetcher, Media, Post
from memegan.sources.files.base import BroughtParams


class DvcSource(BroughtParams):
    """What `dvc get` (with `path`) or `dvc get-url` brings: a folder, an archive or one file."""

    kind: Literal["dvc"]
    url: str = Field(min_length=1, description="repository, or with no path any url DVC reads")
    path: str = Field(default="", description="file or folder in the repository")
    rev: str = Field(default="", description="commit, branch or tag of the repository")

    @property
    def origin(self) -> str:
        return "/".join(filter(None, (self.url.rstrip("/"), self.path.strip("/"))))

    @property
    def revision(self) -> str:
        return self.rev

    def bring(self, target: Path, fetch: Fetcher | None) -> None:
        from dvc.repo import Repo  # a second to import

        with self._told():
            if self.path:
                Repo.get(self.url, self.path, out=str(target), rev=self.rev or None)
            else:
                Repo.get_url(self.url, out=str(target))

    def preview(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield a post for each file that DVC lists; what an archive holds is not known before."""
        from dvc.repo import Repo

        with self._told():
            if self.path:
                found = Repo.ls(self.url, self.path, rev=self.rev or None, recursive=True)
            else:
                found = Repo.ls_url(self.url, recursive=True)
        names = [str(one["path"]) for one in found if not one["isdir"]]
        if len(names) == 1 and PurePosixPath(names[0]).name == PurePosixPath(self.origin).name:
            return self.chosen([Post(id=self.origin, media=(Media(self.origin),))])
        urls = {name: f"{self.origin}/{quote(name)}" for name in names}
        return self.chosen(Post(id=name, media=(Media(url),)) for name, url in urls.items())

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what DVC says as our own error."""
        from dvc.exceptions import DvcException
        from dvc.scm import SCMError

        try:
            yield
        except (DvcException, SCMError, OSError) as error:
            fix = "try `dvc get` or `dvc get-url` by hand; check url, path, rev and access"
            raise self.refusal(f"DVC refuses: {error}", fix) from None
