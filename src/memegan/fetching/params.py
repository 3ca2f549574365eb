"""The `scrape` section."""

from pydantic import Field

from memegan.fetching.engine import EngineParams
from memegan.sources.params import AnySource


class ScrapeParams(EngineParams):
    """What to fetch. A new `snapshot` refreshes: only what is new is asked for."""

    snapshot: str = Field(pattern=r"^\d{4}-\d\d-\d\d$", description="names this state of the world")
    sources: tuple[AnySource, ...] = Field(min_length=1)
    max_failed: float = Field(default=0.5, ge=0, le=1, description="share of urls that may fail")
