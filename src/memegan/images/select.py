"""Which kept pictures training may see: a sample that is alike enough to be learned.

A GAN that is shown everything at once draws mush. The rules narrow a domain down: by community,
size, aspect, area of text, by clusters of like pictures, or by likeness to a few examples.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from memegan.errors import DataError, ParamsError
from memegan.images.clusters import clustered, homogeneity
from memegan.images.describe import SIDE_PX, describe
from memegan.images.look import Read, whole
from memegan.images.ordered import ordered_map
from memegan.images.params import SelectParams
from memegan.images.progress import told
from memegan.images.text import find_text
from memegan.media import BadMedia, rgb, sniff
from memegan.params import did_you_mean
from memegan.records import KeptRow, LeftRow, LikenessRow, Rule, SelectedRow

_TEXT_PX = 160  # rgb gives twice this short side: enough to find letters that anyone can read


@dataclass
class Selection:
    """Who goes on, who does not, how alike they are; rows in the order of kept.csv."""

    selected: list[SelectedRow] = field(default_factory=list)
    left: list[LeftRow] = field(default_factory=list)
    likeness: list[LikenessRow] = field(default_factory=list)
    groups: dict[str, list[KeptRow]] = field(default_factory=dict)  # the most typical first


@dataclass
class _Seen:
    """The pictures that no rule has left out yet."""

    rows: list[KeptRow]
    looks: np.ndarray  # (N, D) float32
    left: list[LeftRow] = field(default_factory=list)

    def keep(self, rule: Rule, fits: np.ndarray) -> None:
        """Go on with the rows that fit, (N,) bool; the others are left by this rule."""
        self.left += [LeftRow(r.id, rule) for r, ok in zip(self.rows, fits, strict=True) if not ok]
        self.rows = [row for row, ok in zip(self.rows, fits, strict=True) if ok]
        self.looks = self.looks[fits]


def select(kept: Sequence[KeptRow], read: Read, p: SelectParams, workers: int) -> Selection:
    """Choose pictures by the rules, and measure how alike all of them and the chosen ones are.

    Raises:
        DataError: a picture cannot be read, or no picture of a domain fulfils the rules.
        ParamsError: a domain, a community or an example is not there.
    """
    rows = list(kept)
    _known(rows, p)
    looks = described(rows, read, workers)
    is_asked = np.array([p.keep == "matching" and _in(r.domain, p.domains) for r in rows], bool)
    seen = _Seen([r for r, asked in zip(rows, is_asked, strict=True) if asked], looks[is_asked])
    _by_facts(seen, p)
    if p.text_share is not None:
        low, high = p.text_share
        areas = np.array(list(ordered_map(lambda r: _text_area(r, read), seen.rows, workers)))
        seen.keep("text_share", (areas >= low) & (areas <= high))
    made = Selection()
    chosen = _by_looks(seen, read, p, made)
    chosen += [_passed(r, p) for r, asked in zip(rows, is_asked, strict=True) if not asked]
    place = {row.id: n for n, row in enumerate(rows)}
    made.selected = sorted(chosen, key=lambda row: place[row.id])
    made.left = sorted(seen.left, key=lambda row: place[row.id])
    _measure(made, rows, looks)
    _require(rows, made)
    return made


def described(rows: Sequence[KeptRow], read: Read, workers: int) -> np.ndarray:
    """Describe each picture, (N, D) float32 in the order of the rows.

    Raises:
        DataError: a file that dedup could read cannot be read now.
    """
    looks = ordered_map(lambda row: describe(_pixels(row, read, SIDE_PX)), rows, workers)
    width = len(describe(np.zeros((2, 2, 3), np.uint8)))
    shown = told(looks, "pictures described", len(rows))
    return np.array(list(shown), np.float32).reshape(len(rows), width)


def _by_facts(seen: _Seen, p: SelectParams) -> None:
    """Leave out by what the table says."""
    if p.communities:
        seen.keep("communities", np.array([_in(r.community, p.communities) for r in seen.rows]))
    if p.min_side_px:
        short = np.array([min(r.width_px, r.height_px) for r in seen.rows])
        seen.keep("min_side_px", short >= p.min_side_px)
    if p.aspect is not None:
        low, high = p.aspect
        aspect = np.array([r.width_px / r.height_px for r in seen.rows])
        seen.keep("aspect", (aspect >= low) & (aspect <= high))


def _by_looks(seen: _Seen, read: Read, p: SelectParams, made: Selection) -> list[SelectedRow]:
    """Leave out by clusters and examples; return the rows of those that go on."""
    cluster: dict[str, int] = {}
    score: dict[str, float] = dict.fromkeys((r.id for r in seen.rows), 1.0)
    if p.clusters and seen.rows:
        found = clustered(seen.looks, p.clusters)
        for n in range(len(found.centres)):
            inside = np.flatnonzero(found.numbers == n)
            ordered = inside[np.argsort(-found.likeness[inside], kind="stable")]
            made.groups[f"cluster {n}"] = [seen.rows[i] for i in ordered]
            made.likeness.append(_likeness("cluster", str(n), seen.looks[inside]))
        for row, n, near in zip(seen.rows, found.numbers, found.likeness, strict=True):
            cluster[row.id], score[row.id] = int(n), float(near)
        if p.keep_clusters:
            seen.keep("keep_clusters", np.isin(found.numbers, p.keep_clusters))
    if p.examples and seen.rows:
        near = (seen.looks @ _examples(p.examples, seen, read).T).max(1)
        first = np.argsort(-near, kind="stable")[: p.nearest]
        score |= {row.id: float(n) for row, n in zip(seen.rows, near, strict=True)}
        seen.keep("nearest", np.isin(np.arange(len(near)), first))
    rules = p.model_dump(exclude={"keep", "domains", "clusters"}, exclude_defaults=True)
    why = ", ".join(rules) or "matching"
    return [
        SelectedRow(row.id, cluster.get(row.id, -1), round(score[row.id], 4), why)
        for row in seen.rows
    ]


def _examples(named: Sequence[str], seen: _Seen, read: Read) -> np.ndarray:
    """Describe the examples, (E, D): kept pictures by id, files, and the pictures of folders."""
    place = {row.id: n for n, row in enumerate(seen.rows)}
    found = []
    for name in named:
        if name in place:
            found.append(seen.looks[place[name]])
            continue
        path = Path(name)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        data = [file.read_bytes() for file in files if file.is_file()]
        pictures = [one for one in data if sniff(one).startswith("image/")]
        if not pictures:
            raise ParamsError(
                f"example '{name}' is no picture that the other rules keep, no file and no folder "
                f"of pictures{did_you_mean(name, place)}",
                where="select.examples",
                fix="name ids of data/dedup/kept.csv, or files and folders in data/inputs",
            )
        found += [describe(_decoded(one, name)) for one in pictures]
    return np.array(found)


def _decoded(data: bytes, name: str) -> np.ndarray:
    try:
        return rgb(data, at_least_px=SIDE_PX)
    except BadMedia as error:
        fix = "name another picture"
        raise DataError(f"an example cannot be read: {error}", where=name, fix=fix) from error


def _measure(made: Selection, rows: Sequence[KeptRow], looks: np.ndarray) -> None:
    """Add the likeness of domains, communities and what was selected of each domain."""
    chosen = {row.id for row in made.selected}
    groups: dict[tuple[str, str], list[int]] = {}
    for n, row in enumerate(rows):
        groups.setdefault(("domain", row.domain), []).append(n)
        groups.setdefault(("community", row.community), []).append(n)
        if row.id in chosen:
            groups.setdefault(("selected", row.domain), []).append(n)
    clusters = made.likeness
    made.likeness = [
        _likeness(kind, name, looks[groups[kind, name]]) for kind, name in sorted(groups)
    ]
    made.likeness += clusters
    shown: Mapping[str, list[KeptRow]] = {
        f"{kind} {name}": _typical([rows[i] for i in inside], looks[inside])
        for (kind, name), inside in sorted(groups.items())
        if kind == "community" or (kind == "selected" and made.left)
    }
    made.groups = {**shown, **made.groups}


def _likeness(kind: str, name: str, looks: np.ndarray) -> LikenessRow:
    score = min(1.0, max(0.0, homogeneity(looks)))
    return LikenessRow(kind, name, len(looks), round(score, 4))  # type: ignore[arg-type] # a literal


def _typical(rows: Sequence[KeptRow], looks: np.ndarray) -> list[KeptRow]:
    """Order pictures by their likeness to the mean of all."""
    near = looks.astype(np.float64) @ looks.astype(np.float64).mean(0)
    return [rows[i] for i in np.argsort(-near, kind="stable")]


def _passed(row: KeptRow, p: SelectParams) -> SelectedRow:
    why = "all" if p.keep == "all" else "another domain"
    return SelectedRow(id=row.id, cluster=-1, score=1.0, why=why)


def _text_area(row: KeptRow, read: Read) -> float:
    return find_text(_pixels(row, read, _TEXT_PX)).area


def _pixels(row: KeptRow, read: Read, at_least_px: int) -> np.ndarray:
    try:
        return whole(row, read(row), at_least_px=at_least_px)
    except (BadMedia, ValueError) as error:
        raise DataError(
            f"a kept picture cannot be read: {error}",
            where=f"{row.pack} at {row.offset}",
            fix="run: dvc checkout, or dvc repro -f scrape",
        ) from error


def _in(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or name in wanted


def _known(rows: Sequence[KeptRow], p: SelectParams) -> None:
    for what, wanted, known in (
        ("domains", p.domains, {row.domain for row in rows}),
        ("communities", p.communities, {row.community for row in rows}),
    ):
        if unknown := [name for name in wanted if name not in known]:
            raise ParamsError(
                f"no picture is of {', '.join(unknown)}{did_you_mean(unknown[0], known)}",
                where=f"select.{what}",
                fix=f"choose from {', '.join(sorted(known))}",
            )


def _require(rows: Sequence[KeptRow], made: Selection) -> None:
    """Stop where a domain has lost all its pictures.

    Raises:
        DataError: it names the domains and the rules.
    """
    chosen = {row.id for row in made.selected}
    lost = {r.domain for r in rows} - {r.domain for r in rows if r.id in chosen}
    if lost:
        rules = Counter(row.rule for row in made.left)
        told = ", ".join(f"{count} by {rule}" for rule, count in sorted(rules.items()))
        raise DataError(
            f"no picture of {', '.join(sorted(lost))} fulfils the rules; left out: {told}",
            where="select",
            fix="loosen them, or name the domains that they are for in select.domains",
        )
