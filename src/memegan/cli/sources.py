"""The command `memegan sources`."""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml

from memegan.cli.fetch import community
from memegan.errors import SourceError
from memegan.fetching.engine import Engine
from memegan.fetching.listing import listing, media_of
from memegan.fetching.params import ScrapeParams
from memegan.fetching.store import Store
from memegan.params import PARAMS_FILE, load_section
from memegan.sources.base import LocalParams, digest_of
from memegan.sources.params import AnySource
from memegan.stage import dvc_root
from memegan.takedown import Banned

_PAGE = 100


def sources(
    action: Annotated[Literal["check"], typer.Argument(help="what to do with the sources")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list everything; count what a scrape would ask for")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="write digests of paths outside data/inputs")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list")] = False,
) -> None:
    """Try each source of params.yaml without downloading: its first page, or all with --dry-run.

    Tokens are tried by asking with them. What cannot be listed is told with its line.

    Example: memegan sources check --dry-run
    """
    p = load_section(ScrapeParams, "scrape")
    if write:
        write_digests(PARAMS_FILE, p)
        p = load_section(ScrapeParams, "scrape")
    with community(p.sources) as hosts, Store(dvc_root() / ".memegan" / "store") as store:
        engine, banned = Engine(p, store, p.snapshot, hosts), Banned.load()
        found = [_tried(source, engine, banned, dry_run) for source in p.sources]
    lines = [node.start_mark.line + 1 for node in _nodes(PARAMS_FILE.read_text(encoding="utf-8"))]
    for one, line in zip(found, lines, strict=True):
        if "error" in one:
            one["line"] = line
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2, sort_keys=True) + "\n")
    else:
        sys.stdout.write("".join(f"{_told(one)}\n" for one in found))
    if any("error" in one for one in found):
        raise typer.Exit(1)


def write_digests(path: Path, p: ScrapeParams) -> None:
    """Write `sha256` into params.yaml for each source outside data/inputs; the rest stays."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    nodes = _nodes(text)
    # from the last to the first, so that an inserted line moves none that is still to come
    for node, source in reversed(list(zip(nodes, p.sources, strict=True))):
        if not isinstance(source, LocalParams) or not source.is_local or source.is_inside:
            continue
        if source.path.exists():
            old, at = _child(node, "sha256"), _child(node, "path").start_mark
            new = f"{' ' * node.start_mark.column}sha256: {digest_of(source.path)}\n"
            if old is None:
                lines.insert(at.line + 1, new)
            else:
                lines[old.start_mark.line] = new
    path.write_text("".join(lines), encoding="utf-8")


def _nodes(text: str) -> list[Any]:
    """List the sources of params.yaml as YAML's nodes, which know their lines."""
    nodes: list[Any] = _child(_child(yaml.compose(text), "scrape"), "sources").value
    return nodes


def _child(node: Any, key: str) -> Any:  # noqa: ANN401 - YAML's nodes: load_section proved them
    return next((value for name, value in node.value if name.value == key), None)


def _tried(
    source: AnySource, engine: Engine, banned: Banned, everything: bool
) -> dict[str, object]:
    about: dict[str, object] = {"source": source.name}
    try:
        if everything and not source.brings_files:
            posts = list(listing(source, engine))
        else:
            most = None if everything else _PAGE + 1
            posts = list(islice(source.preview(engine.page), most))[: source.limit]
        in_all = source.count(engine.page)
    except SourceError as error:
        return about | {"error": str(error)}
    if not posts:
        return about | {"error": "it lists no post; look at its parameters"}
    media = list(media_of(posts[: None if everything else _PAGE], source, banned))
    more = not everything and len(posts) > _PAGE
    about |= {"posts_and_more" if more else "posts": _PAGE if more else len(posts)}
    about |= {} if in_all is None else {"in_all": in_all}
    about |= {"media": len(media), **Counter(m.skipped for m in media if m.skipped)}
    if everything and not source.brings_files:
        asked = {m.media for m in media if not m.skipped}
        new = sum(source.request(m.url).file is None and not engine.standing(m) for m in asked)
        about |= {"to_ask_for": new}
    return about


def _told(one: Mapping[str, object]) -> str:
    if "error" in one:
        return f"{PARAMS_FILE} line {one['line']}: {one['source']}: {one['error']}"
    told = [f"{n} {word.replace('_', ' ')}" for word, n in one.items() if word != "source"]
    return f"{one['source']}: {', '.join(told)}"
