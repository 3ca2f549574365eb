"""The command `memegan fetch`."""

import json
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Literal

import typer

from memegan.demo.community import demo_community
from memegan.errors import ParamsError
from memegan.fetching.engine import Engine
from memegan.fetching.listing import listing, media_of
from memegan.fetching.params import EngineParams, ScrapeParams
from memegan.fetching.scrape import scrape
from memegan.fetching.seed import seed_store
from memegan.fetching.store import Store
from memegan.params import PARAMS_FILE, load_section
from memegan.sources.base import digest_of
from memegan.sources.params import AnySource
from memegan.sources.urls import UrlsSource
from memegan.stage import dvc_root
from memegan.takedown import Banned

_BARE_SNAPSHOT = "fetched"  # a bare list has no snapshots


def fetch(
    what: Annotated[
        list[str] | None, typer.Argument(help="urls, or one file that lists them (txt, csv, tsv)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for fetches.csv and packs")] = None,
    retry: Annotated[
        Literal["failed"] | None, typer.Option(help="ask again what gave no file before")
    ] = None,
    seed: Annotated[
        Path | None, typer.Option(help="a pulled data/raw: put it into the store, fetch nothing")
    ] = None,
    private: Annotated[
        list[str] | None, typer.Option(help="host that may lie in a private network")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="counts as JSON")] = False,
) -> None:
    """Fetch a list of urls into a folder; in a project without a list, fill the scrape's store.

    What is there already is not asked for again. `memegan unpack` shows what came.

    Example: memegan fetch urls.txt --out pictures
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if what:
        if out is None:
            fix = "add --out DIR"
            raise ParamsError("a list needs a folder", where="memegan fetch", fix=fix)
        counts = _bare(what, out, retry is not None, private or [])
        then = f"in {out.as_posix()}: fetches.csv, posts.csv and packs"
    else:
        counts, then = _project(seed, retry is not None)
    if as_json:
        sys.stdout.write(json.dumps({"counts": counts}, sort_keys=True) + "\n")
        return
    told = ", ".join(f"{n} {k}" for k, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])))
    sys.stdout.write(f"{told}\n{then}\n")


def _bare(what: Sequence[str], out: Path, again: bool, private: Sequence[str]) -> dict[str, int]:
    out.mkdir(parents=True, exist_ok=True)
    path = Path(what[0])
    if len(what) > 1 or not path.is_file():
        path = out / "urls.txt"
        path.write_text("".join(f"{url}\n" for url in what), encoding="utf-8")
    source = UrlsSource(
        kind="urls", community=path.stem, domain="", path=path, sha256=digest_of(path)
    )
    params = EngineParams(allow_private_hosts=tuple(private))
    with Store(out / ".store") as store:
        if again:
            store.forget_failed()
        engine = Engine(params, store, _BARE_SNAPSHOT)
        return dict(scrape([source], engine, Banned.load(), 1.0, out))


def _project(seed: Path | None, again: bool) -> tuple[dict[str, int], str]:
    """Seed or fill the store; data/raw is the stage's to write."""
    p = load_section(ScrapeParams, "scrape", path=PARAMS_FILE)
    with Store(dvc_root() / ".memegan" / "store") as store:
        if seed is not None:
            new = seed_store(store, p.sources, seed)
            return {"seeded": new}, "now run: dvc repro scrape"
        if again:
            store.forget_failed()
        with community(p.sources) as hosts:
            engine, banned = Engine(p, store, p.snapshot, hosts), Banned.load()
            listed = [(s, listing(s, engine)) for s in p.sources]
            media = [m for s, posts in listed for m in media_of(posts, s, banned)]
            skipped = Counter(m.skipped for m in media if m.skipped)
            wanted = ((m.media, m.source.request(m.media.url)) for m in media if not m.skipped)
            ended = engine.settle(wanted)
    return dict(skipped + ended), "to write data/raw: dvc repro --force --single-item scrape"


def community(sources: Sequence[AnySource]) -> AbstractContextManager[dict[str, str]]:
    """Serve the demo where a source reads it."""
    return demo_community() if any(s.kind == "demo" for s in sources) else nullcontext({})
