"""What a source gives: posts, and how their media are requested. Fetching is done elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import Field

from memegan.params import Section


@dataclass(frozen=True)
class Media:
    """One picture or video of a post."""

    url: str  # http(s), or file:<path below the project> for local material
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
    """What to ask the network for."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


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
    def is_local(self) -> bool:
        """True where posts are read from this machine, afresh each time."""
        return False


class Source(Protocol):
    """What a `SourceParams` of some kind does: list posts and say how media are requested."""

    def posts(self, fetch: Fetcher) -> Iterator[Post]:
        """Yield posts, oldest first, page by page; raise SourceError when it refuses."""

    def request(self, url: str) -> Request:
        """Say how one of a post's media is asked for; the url itself is what files keep."""
