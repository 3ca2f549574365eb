"""What a source gives: posts, and how their media are requested. Fetching is done elsewhere."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Protocol
from urllib.parse import quote, unquote

from pydantic import Field

from memegan.errors import SourceError
from memegan.params import Section

INPUTS = Path("data/inputs")  # below it DVC notices every change
MAX_MEMBERS = 1_000_000  # of an archive
MAX_RATIO = 200  # of unpacked to packed bytes: beyond it an archive is a bomb
_NOTES = (".csv", ".json", ".md", ".tsv", ".txt")


@dataclass(frozen=True)
class Media:
    """One picture or video of a post."""

    url: str  # what files and the journal call it; `Source.request` says how it is got
    alternates: tuple[str, ...] = ()  # other places of the same file, tried in order
    md5: str = ""  # enforced where given
    sha256: str = ""  # enforced where given
    rect: tuple[int, int, int, int] | None = None  # part that counts: x0, y0, x1, y1 in pixels


@dataclass(frozen=True)
class Post:
    """One community post, before any download."""

    id: str  # unique inside its community
    media: tuple[Media, ...]  # a gallery has several
    text: str = ""
    posted_at: str = ""  # UTC, ISO 8601, as the source says
    permalink: str = ""
    is_adult: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)  # becomes columns of the manifest


@dataclass(frozen=True)
class Request:
    """What to ask the network for; or, with `file`, which file of this machine to read.

    Only a source says `file`: a url from a list or a page, whatever its scheme, never opens one.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    member: int | None = None  # of the archive `file`, counted from 0 over all that are no folders


class Fetcher(Protocol):
    """How a source asks its API for a page: polite, limited, retried and safe, as all requests."""

    def __call__(self, request: Request) -> bytes:
        """Return the body; raise SourceError when there is none."""


class SourceParams(Section):
    """What every kind of source says about itself."""

    kind: str
    community: str = Field(min_length=1)
    domain: str
    licence: str = ""
    credit: str = ""
    limit: int | None = Field(default=None, ge=1)  # posts at most
    allow_adult: bool = False

    @property
    def name(self) -> str:
        """How posts and messages call the source; unique in a scrape."""
        return f"{self.kind}:{self.community}"

    @property
    def is_local(self) -> bool:
        """True where posts are read from this machine, afresh each time."""
        return False


class LocalParams(SourceParams):
    """A source that lies on this machine, below data/inputs or, with its digest, elsewhere."""

    path: Path
    sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")

    @property
    def is_local(self) -> bool:
        return True

    @property
    def is_inside(self) -> bool:
        """True below data/inputs."""
        return self.path.parts[:2] == INPUTS.parts and ".." not in self.path.parts

    def check_path(self) -> None:
        """Make sure that it is there, and that a change of it was noticed.

        Raises:
            SourceError: it is missing, has no digest though DVC does not watch it, or changed.
        """
        where = f"scrape.sources: {self.name}: {self.path}"
        if not self.path.exists():
            fix = "bring it (below data/inputs), or mend the path"
            raise SourceError("there is no such file or folder", where=where, fix=fix)
        if (self.sha256 or not self.is_inside) and self.sha256 != digest_of(self.path):
            what = "it has changed" if self.sha256 else "outside data/inputs it needs its sha256"
            fix = "run: memegan sources check --write"
            raise SourceError(what, where=where, fix=fix)

    def url(self, inside: str = "", member: int | None = None) -> str:
        """Name the file itself, one inside, or a member; never a path of this machine.

        For example file:data/inputs/cats/1.jpg, and from elsewhere file:COMMUNITY/1.jpg.
        """
        base = self.path.as_posix() if self.is_inside else self.community
        name = f"file:{quote('/'.join(filter(None, (base, inside))))}"
        return name if member is None else f"{name}#{member}"

    def file(self, url: str) -> Path:
        """Return the file inside that `url` named."""
        return self.path / unquote(url.removeprefix(self.url()).lstrip("/"))


class Source(Protocol):
    """What a `SourceParams` of some kind does: list posts and say how media are requested."""

    def posts(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield posts, oldest first, page by page; raise SourceError when it refuses."""

    def request(self, url: str) -> Request:
        """Say how one of a post's media is asked for; the url itself is what files keep."""


def is_note(name: PurePath) -> bool:
    """Tell whether a file is hidden, or a note that lies beside pictures."""
    return any(p.startswith((".", "__MACOSX")) for p in name.parts) or name.suffix.lower() in _NOTES


def digest_of(path: Path) -> str:
    """Digest a file, or the names and contents of all files of a folder: 64 hex digits."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
    lines = (f"{digest_of(p)} {p.relative_to(path).as_posix()}\n" for p in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
