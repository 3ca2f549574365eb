"""Scrape a list of urls as the stage does: python -m benchmarks._fetch_ours LIST OUT PORT."""

import sys
from pathlib import Path

from memegan.fetching.engine import Engine
from memegan.fetching.params import EngineParams
from memegan.fetching.scrape import scrape
from memegan.fetching.store import Store
from memegan.sources.base import digest_of
from memegan.sources.urls import UrlsSource
from memegan.takedown import Banned


def main(urls: Path, out: Path, port: int) -> None:
    """Fetch with every check, journal, posts.csv, fetches.csv and packs.

    The host stands in for a name, as the demo's does: its rate is not limited, for what is
    measured is the engine and not its patience.
    """
    source = UrlsSource(
        kind="urls", community="memes", domain="meme", path=urls, sha256=digest_of(urls)
    )
    with Store(out / "store") as store:
        engine = Engine(EngineParams(), store, "2026-11-21", {"memes.invalid": f"127.0.0.1:{port}"})
        scrape([source], engine, Banned.load(), 1.0, out / "raw")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
