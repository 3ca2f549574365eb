"""Fetch what the sources of params.yaml list: python stages/scrape.py."""

import logging
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.demo.community import demo_community
from memegan.fetching.engine import Engine
from memegan.fetching.params import ScrapeParams
from memegan.fetching.scrape import scrape
from memegan.fetching.store import Store
from memegan.params import load_section
from memegan.stage import dvc_root, run_stage
from memegan.takedown import Banned


def main() -> None:
    """Params in; posts, one row a url, and packs out."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    p = load_section(ScrapeParams, "scrape")
    needs_demo = any(source.kind == "demo" for source in p.sources)
    community: AbstractContextManager[dict[str, str]]
    community = demo_community() if needs_demo else nullcontext({})
    with community as hosts, Store(dvc_root() / ".memegan" / "store") as store:
        engine = Engine(p, store, p.snapshot, hosts)
        scrape(p.sources, engine, Banned.load(), p.max_failed, Path("data/raw"))


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
