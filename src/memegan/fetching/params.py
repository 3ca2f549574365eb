"""The `scrape` section."""

from collections import Counter

from pydantic import Field, field_validator

from memegan.fetching.engine import EngineParams
from memegan.sources.params import AnySource


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
