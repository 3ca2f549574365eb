"""Posts from files: folders, archives, and material that a program or download brings whole."""

import hashlib
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar
from urllib.parse import quote, unquote

from memegan.errors import SourceError
from memegan.sources.base import (
    MAX_RATIO,
    Fetcher,
    Media,
    Post,
    Request,
    SourceParams,
    digest_of,
    is_note,
    project_root,
)

MAX_MEMBERS = 1_000_000  # of an archive
FILES, ARCHIVES = "files", "archives"  # folders of what is brought


class BroughtParams(SourceParams):
    """Material that comes whole: a folder, an archive or one file, kept in .memegan/brought.

    A new snapshot brings it again. Files and archives that are gone upstream stay.
    """

    brings_files: ClassVar[bool] = True

    @property
    def origin(self) -> str:
        """Where it comes from, as urls in our files begin."""
        raise NotImplementedError(self.kind)

    @property
    def revision(self) -> str:
        """Which state of it is meant; "" for the newest. Each has a home of its own."""
        return ""

    @property
    def home(self) -> Path:
        """Where it is kept."""
        about = f"{self.name} {self.origin} {self.revision}"
        digest = hashlib.sha256(about.encode()).hexdigest()[:16]
        return project_root() / ".memegan" / "brought" / f"{self.kind}-{digest}"

    def bring(self, target: Path, fetch: Fetcher | None) -> None:
        """Write a folder or file at `target`; this is what a kind writes.

        Raises:
            SourceError: it cannot be brought.
        """
        raise NotImplementedError(self.kind)

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        self._brought(fetch)
        yield from folder_posts(self.home / FILES, lambda name: f"{self.origin}/{quote(name)}")
        for archive in sorted((self.home / ARCHIVES).glob("*")):
            yield from self._members(archive)

    def request(self, url: str) -> Request:
        name, _, member = url.removeprefix(self.origin).partition("#")
        if member:
            archive, _, number = member.partition(".")
            return Request(url, file=self._there(ARCHIVES, archive), member=int(number))
        return Request(url, file=self._there(FILES, unquote(name.lstrip("/"))))

    def _members(self, archive: Path) -> Iterator[Post]:
        def url(number: int) -> str:
            return f"{self.origin}#{archive.name}.{number}"

        for post in archive_posts(archive, url):
            yield replace(post, id=f"{archive.name}.{post.id}")

    def _there(self, *inside: str) -> Path:
        path = self.home.joinpath(*inside)
        if not path.exists():  # a fresh clone, or somebody tidied up
            self._brought(None)
        return path

    def _brought(self, fetch: Fetcher | None) -> None:
        """Bring it beside, then move it file by file: a kill loses nothing that was there."""
        for folder in (FILES, ARCHIVES):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        for stale in self.home.glob("part-*"):  # of a killed process
            shutil.rmtree(stale)
        with tempfile.TemporaryDirectory(dir=self.home, prefix="part-") as part:
            new = Path(part, "new")
            self.bring(new, fetch)
            if new.is_file() and (zipfile.is_zipfile(new) or tarfile.is_tarfile(new)):
                new.replace(self.home / ARCHIVES / digest_of(new)[:16])
            elif new.is_file():
                new.replace(self.home / FILES / PurePosixPath(self.origin).name)
            for file in [p for p in new.rglob("*") if p.is_file() and not p.is_symlink()]:
                goal = self.home / FILES / file.relative_to(new)
                goal.parent.mkdir(parents=True, exist_ok=True)
                file.replace(goal)


def folder_posts(folder: Path, url: Callable[[str], str]) -> Iterator[Post]:
    """Yield a post for each file below, by name; hidden files and notes are left out."""
    for file in sorted(folder.rglob("*"), key=lambda p: p.as_posix()):
        inside = file.relative_to(folder)
        if file.is_file() and not is_note(inside):
            yield Post(
                id=inside.as_posix(),
                media=(Media(url(inside.as_posix())),),
                extra={"sub_folder": inside.parts[0]} if len(inside.parts) > 1 else {},
            )


def archive_posts(path: Path, url: Callable[[int], str]) -> Iterator[Post]:
    """Yield a post for each member that is neither a folder nor a note, sound or not.

    A member's url holds its number, never its name: the name is somebody else's, and only the
    column `member_name`.

    Raises:
        SourceError: it is no archive, damaged, or a bomb.
    """
    fix = "bring a sound zip or tar, or unpack it yourself and use kind: folder"
    packed, unpacked = path.stat().st_size, 0
    try:
        for number, (name, size) in enumerate(_members(path)):
            unpacked += size
            if number >= MAX_MEMBERS or unpacked > MAX_RATIO * packed:
                what = f"over {MAX_MEMBERS} members or {MAX_RATIO} times its size"
                raise SourceError(what, where=path.name, fix=fix)
            inside = PurePosixPath(name)
            if not is_note(PurePosixPath(*[p for p in inside.parts if p != ".."])):
                folder = {"sub_folder": inside.parts[0]} if len(inside.parts) > 1 else {}
                yield Post(
                    id=str(number),
                    media=(Media(url(number)),),
                    extra={"member_name": name, **folder},
                )
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise SourceError(f"it cannot be read: {error}", where=path.name, fix=fix) from None


def _members(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (name, unpacked bytes); a zip's single bombs are refused one by one later."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        is_bomb = info.file_size > MAX_RATIO * max(info.compress_size, 1)
                        yield info.filename, 0 if is_bomb else info.file_size
            return
    with tarfile.open(path) as tar:
        for member in tar:
            if not member.isdir():
                yield member.name, member.size
