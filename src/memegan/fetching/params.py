"""The `scrape` section, and the part of it that a bare list of urls has too."""

from collections import Counter
from typing import Literal

from pydantic import AliasChoices, Field, field_validator

from memegan.fetching.download import Limits
from memegan.fetching.rules import Rules
from memegan.params import Section
from memegan.sources.params import AnySource


class EngineParams(Section):
    """How hard the engine may ask, and what it obeys."""

    connections: int = Field(
        default=32,
        ge=1,
        le=64,
        validation_alias=AliasChoices("connections", "threads"),
        description="downloads at once, 8 of them from one host; `threads` in older files",
    )
    tries: int = Field(default=3, ge=1, description="for answers that may change")
    requests_per_s: float = Field(default=8, gt=0, description="of media, to one host")
    api_requests_per_s: float = Field(default=3, gt=0, description="of lists, to one host")
    on_rate_limit: Literal["wait", "skip", "fail"] = Field(
        default="wait",
        description="at a 429: as long as the host says; leave its other urls to the next "
        "scrape; or stop the scrape",
    )
    max_wait_s: float = Field(
        default=120, ge=0, description="longest Retry-After that is waited for, then skip"
    )
    revalidate: bool = Field(
        default=False, description="in a new snapshot, ask whether known files have changed"
    )
    obey: Rules = Field(default_factory=Rules)
    contact: str = Field(
        default="",
        pattern=r"^[ -~]*$",
        description="address or page by which a site can reach you; part of the User-Agent",
    )
    placeholders: tuple[str, ...] = Field(
        default=(), description="further pictures that stand for removed ones: md5 of the file"
    )
    allow_private_hosts: tuple[str, ...] = Field(
        default=(), description="names that may lead to private addresses"
    )
    limits: Limits = Field(default_factory=Limits)


class ScrapeParams(EngineParams):
    """What to fetch. A new `snapshot` refreshes: only what is new is asked for."""

    snapshot: str = Field(pattern=r"^\d{4}-\d\d-\d\d$", description="names this state of the world")
    sources: tuple[AnySource, ...] = Field(
        min_length=1, description="communities, folders and lists that posts come from"
    )
    max_failed: float = Field(default=0.5, ge=0, le=1, description="share of urls that may fail")

    @field_validator("sources")
    @classmethod
    def _named_once(cls, sources: tuple[AnySource, ...]) -> tuple[AnySource, ...]:
        doubled = [name for name, n in Counter(s.name for s in sources).items() if n > 1]
        if doubled:
            raise ValueError(f"{doubled[0]} is listed twice; give each source its own community")
        return sources
