"""What a source gives: posts, and how their media are requested. Fetching is done elsewhere."""

import hashlib
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, ClassVar, Protocol
from urllib.parse import quote, unquote

from pydantic import Field, field_validator

from memegan.errors import SourceError
from memegan.params import Section

INPUTS = Path("data/inputs")  # below it DVC notices every change
MAX_RATIO = 200  # of unpacked to packed bytes: beyond it an archive is a bomb
_NOTES = (".csv", ".json", ".md", ".tsv", ".txt")
_DAY = r"^(\d{4}-\d\d-\d\d)?$"


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

    needs_terms: ClassVar[bool] = False  # a service's: they are on the kind's page
    brings_files: ClassVar[bool] = False  # `request` may bring a file before it answers
    names_files: ClassVar[bool] = False  # each `request` names a file of this machine
    newest_first: ClassVar[bool] = False  # in that order posts are listed, save a few pinned ones

    kind: str
    community: str = Field(min_length=1, description="who publishes it, one word")
    domain: str = Field(description="what it shows, free text; runs choose by it")
    licence: str = Field(default="", description="of the pictures, as the source states it")
    credit: str = Field(default="", description="name to print where the licence asks for it")
    limit: int | None = Field(
        default=None, ge=1, description="posts at most that one snapshot lists"
    )
    allow_adult: bool = Field(default=False, description="take posts that are marked adult too")
    terms_accepted: bool = Field(
        default=False,
        validate_default=True,
        description="you have read the terms on the kind's page in docs/sources",
    )
    since: str = Field(default="", pattern=_DAY, description="first day of posts, UTC")
    until: str = Field(default="", pattern=_DAY, description="last day of posts, UTC")
    min_size_px: int = Field(
        default=0, ge=0, description="least short side of a picture, where the source states sizes"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="further columns of the manifest, the same in each row"
    )

    @classmethod
    def page(cls) -> str:
        """Name the kind's page of the docs."""
        return f"docs/sources/{cls.__module__.rpartition('.')[2]}.md"

    @field_validator("terms_accepted")
    @classmethod
    def _has_read_terms(cls, is_accepted: bool) -> bool:
        if cls.needs_terms and not is_accepted:
            raise ValueError(f"read the terms on {cls.page()}, then set it to true")
        return is_accepted

    @property
    def name(self) -> str:
        """How posts and messages call the source; unique in a scrape."""
        return f"{self.kind}:{self.community}"

    @property
    def is_local(self) -> bool:
        """True where posts are read from this machine, afresh each time."""
        return False

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield all posts in the source's own order; this is what a kind writes.

        Raises:
            SourceError: the source refuses, or what it says cannot be read.
        """
        raise NotImplementedError(self.kind)

    def posts(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield the listed posts that are wanted, as `chosen` says."""
        return self.chosen(self.listed(fetch))

    def preview(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield posts as far as they are known without a download."""
        return self.posts(fetch)

    def count(self, fetch: Fetcher) -> int | None:
        """Return how many posts the source says that it has, where it says so."""
        return None

    def chosen(self, posts: Iterable[Post]) -> Iterator[Post]:
        """Yield those of the date range (a post without a date is in none), with our columns.

        Raises:
            SourceError: an answer has another shape than its documents say.
        """
        try:
            yield from filter(None, map(self._chosen, posts))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # whatever foreign data can do to plain reading
            fix = "look at its answer: the service or its export may have changed"
            raise self.refusal(f"an answer is not as documented: {error!r}", fix) from error

    def _chosen(self, post: Post) -> Post | None:
        day = post.posted_at[:10]
        if not self.since <= day <= (self.until or "9999") or (self.until and not day):
            return None
        if not all(isinstance(media.url, str) for media in post.media):
            raise TypeError(f"a url of post {post.id} is no text")
        extra = {name: str(value) for name, value in {**post.extra, **self.columns}.items()}
        return replace(post, id=str(post.id), text=str(post.text or ""), extra=extra)

    def is_large(self, width_px: int, height_px: int) -> bool:
        """Tell whether a stated size is enough; 0 means that it is not stated."""
        return not 0 < min(width_px, height_px) < self.min_size_px

    def refusal(self, what: str, fix: str) -> SourceError:
        """Make the error that tells what this source cannot do, and how to mend it."""
        return SourceError(what, where=f"scrape.sources: {self.name}", fix=fix)

    def run(self, *command: str, where: Path | None = None) -> str:
        """Return what a program says on its standard output.

        Raises:
            SourceError: it is not installed, or fails; its last words are told.
        """
        if shutil.which(command[0]) is None:
            fix = f"{self.page()} says how to install it"
            raise self.refusal(f"there is no program {Path(command[0]).name}", fix)
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=where)
        if ended.returncode:
            told = ended.stderr.strip().splitlines()[-3:]
            fix = "run it by hand to see more: " + " ".join(command)
            raise self.refusal(f"{Path(command[0]).name} failed: {' '.join(told)}", fix)
        return ended.stdout

    def read_json(self, body: bytes) -> Any:  # noqa: ANN401 - JSON
        """Return what a page says.

        Raises:
            SourceError: it is no JSON.
        """
        try:
            return json.loads(body)
        except ValueError as error:
            shown = body[:60].decode(errors="replace")
            fix = "try again later; the service may be down or ask for a login"
            raise self.refusal(f"its answer is no JSON ({error}): {shown}", fix) from None

    def secret(self, variable: str) -> str:
        """Return a token from the environment, the only place where one may lie.

        Raises:
            SourceError: it is not set.
        """
        value = os.environ.get(variable, "").strip()
        if not value:
            fix = f"set it as {self.page()} says; without it use `dvc pull scrape` or the demo"
            raise self.refusal(f"the environment has no {variable}", fix)
        return value


class LocalParams(SourceParams):
    """A source that lies on this machine, below data/inputs or, with its digest, elsewhere."""

    path: Path = Field(description="file or folder on this machine, best below data/inputs")
    sha256: str = Field(
        default="",
        pattern="^([0-9a-f]{64})?$",
        description="its digest where it lies elsewhere: `memegan sources check --write`",
    )

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

    def url_of(self, inside: str = "", member: int | None = None) -> str:
        """Name the file itself, one inside, or a member; never a path of this machine.

        For example file:data/inputs/cats/1.jpg, and from elsewhere file:COMMUNITY/1.jpg.
        """
        base = self.path.as_posix() if self.is_inside else self.community
        name = f"file:{quote('/'.join(filter(None, (base, inside))))}"
        return name if member is None else f"{name}#{member}"

    def holds(self, inside: str) -> bool:
        """Tell whether a name from outside stays below the path, links followed."""
        try:
            return (self.path / inside).resolve().is_relative_to(self.path.resolve())
        except (OSError, ValueError, RuntimeError):  # too long, a zero byte, links in a circle
            return False

    def file(self, url: str) -> Path:
        """Return the file inside that `url` named."""
        return self.path / unquote(url.removeprefix(self.url_of()).lstrip("/"))


class Source(Protocol):
    """What a `SourceParams` of some kind does: list posts and say how media are requested."""

    def listed(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield posts, page by page; raise SourceError when it refuses."""

    def request(self, url: str) -> Request:
        """Say how one of a post's media is asked for; the url itself is what files keep."""


def utc(unix_s: float) -> str:
    """Write seconds since 1970 as posts say times; "" for 0."""
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%dT%H:%M:%SZ}" if unix_s else ""


def left_out(reasons: Iterable[str]) -> dict[str, str]:
    """Return the column that accounts for what a post held and we do not ask for.

    For example {"left_out": "1 poll, 2 too small"}.
    """
    told = ", ".join(f"{n} {reason}" for reason, n in sorted(Counter(reasons).items()))
    return {"left_out": told} if told else {}


def project_root() -> Path:
    """Return where unfinished work lies; DVC's queue runs stages in copies of the project."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


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
