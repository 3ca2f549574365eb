"""Fetch what the sources of params.yaml list: python stages/scrape.py."""

import sys
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
    p = load_section(ScrapeParams, "scrape")
    store = Store(dvc_root() / ".memegan" / "store")
    with demo_community() as hosts:  # answers only if a source asks for the demo
        engine = Engine(p, store, p.snapshot, hosts)
        scrape(p.sources, engine, Banned.load(), p.max_failed, Path("data/raw"))
    store.close()


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
