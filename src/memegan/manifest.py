"""From stored images to the manifest: who stays together, and on which side of the split."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

from pydantic import Field

from memegan.errors import DataError
from memegan.params import Section
from memegan.records import DuplicateRow, ImageRow, Row, Split

Key = Literal["template", "gallery", "shot", "video"]
SPLITS: tuple[Split, ...] = get_args(Split)  # train < val < test: a merged group moves up only


class ManifestParams(Section):
    """The `manifest` section."""

    seed: int = Field(description="side of the split is a hash of (seed, group)")
    val_share: float = Field(gt=0, lt=0.5, description="share of groups for validation")
    test_share: float = Field(gt=0, lt=0.5, description="share of groups for the test")
    group_by: tuple[Key, ...] = Field(
        default=("template", "gallery", "shot"), description="what keeps pictures together"
    )
    label: str = Field(default="", description="column of the sources that becomes `label`")
    min_rows: int = Field(default=2, ge=1, description="rows a domain needs on each side")


@dataclass(frozen=True)
class Manifest:
    """The manifest's rows and what the card says about their split."""

    rows: list[Row]
    moved: int  # rows whose side changed when later rows joined their groups
    warnings: list[str]


def split_of(group: str, seed: int, val_share: float, test_share: float) -> Split:
    """Choose the side from the seed and the group's name alone: new images never move old ones.

    Test lies at the low end and val at the high one, so that a larger share takes from train only.
    """
    digest = hashlib.sha256(f"{seed}/{group}".encode()).digest()
    place = int.from_bytes(digest[:6]) / 2**48  # 48 bits: exact in a float, below 1
    return "test" if place < test_share else "val" if place >= 1 - val_share else "train"


def build(
    images: Sequence[ImageRow], duplicates: Iterable[DuplicateRow], p: ManifestParams
) -> Manifest:
    """Group the images and give each group one side.

    The sides are worked out snapshot by snapshot: a group takes the side of its oldest member's
    name, and where later rows join two groups, the later of their sides in train < val < test.
    So no row that was ever tested on is trained on later.

    Raises:
        DataError: a domain has fewer than `min_rows` rows in val or test.
    """
    pairs = [(d.dropped, d.kept) for d in duplicates if "template" in p.group_by]
    groups, sides, moved = _Groups(images), dict[str, Split](), 0
    for snapshot in sorted({image.fetched_at for image in images}):
        known = {i.id for i in images if i.fetched_at <= snapshot}
        groups.join(_links([i for i in images if i.id in known], p.group_by, pairs))
        moved += _settle(groups, known, sides, p)
    if "template" in p.group_by:  # what no pair of stored rows ties: a dropped file did
        groups.join([("template", i.template), ("id", i.id)] for i in images)
        moved += _settle(groups, {i.id for i in images}, sides, p)
    names = groups.names()
    rows = [_row(image, names[image.id], sides[image.id], p.label) for image in images]
    rows.sort(key=lambda row: row.id)
    _require(rows, p)
    return Manifest(rows, moved, [*_far_from_shares(rows, p), *_overgrown(rows, p)])


def leaks(
    rows: Iterable[Row], images: Iterable[ImageRow], duplicates: Iterable[DuplicateRow]
) -> list[str]:
    """Return the ids of test rows that have a partner in train: the same picture or template.

    There is none where `group_by` holds `template`.
    """
    side = {row.id: row.split for row in rows}
    ties = [(i.id, f"template {i.template}") for i in images]
    ties += [(i, f"pair {d.dropped} {d.kept}") for d in duplicates for i in (d.dropped, d.kept)]
    trained = {tie for i, tie in ties if side.get(i) == "train"}
    return sorted({i for i, tie in ties if side.get(i) == "test" and tie in trained})


class _Groups:
    """Union-find over image ids and the keys that tie them."""

    def __init__(self, images: Sequence[ImageRow]) -> None:
        self.age = {i.id: (i.fetched_at, order, i.id) for order, i in enumerate(images)}
        self.parent: dict[tuple[str, str], tuple[str, str]] = {}

    def find(self, node: tuple[str, str]) -> tuple[str, str]:
        root = node
        while (above := self.parent.setdefault(root, root)) != root:
            root = above
        while node != root:
            self.parent[node], node = root, self.parent[node]
        return root

    def join(self, links: Iterable[Sequence[tuple[str, str]]]) -> None:
        for first, *rest in links:
            for other in rest:
                self.parent[self.find(other)] = self.find(first)

    def members(self, known: Iterable[str]) -> Mapping[tuple[str, str], list[str]]:
        """Ids by group, each group's oldest first."""
        found = defaultdict(list)
        for id_ in sorted(known, key=self.age.__getitem__):
            found[self.find(("id", id_))].append(id_)
        return found

    def names(self) -> dict[str, str]:
        """The name of each image's group: its oldest member."""
        return {i: ids[0] for ids in self.members(self.age).values() for i in ids}


def _links(
    images: Iterable[ImageRow], group_by: Sequence[Key], pairs: Iterable[tuple[str, str]]
) -> list[list[tuple[str, str]]]:
    links = []
    known = set()
    for i in images:
        known.add(i.id)
        keys = {
            "template": "",  # the pairs below say when two rows came together
            "gallery": "" if i.video else i.post_id,
            "shot": f"{i.video}/{i.shot}" if i.video else "",
            "video": i.video,
        }
        links += [[(name, keys[name]), ("id", i.id)] for name in group_by if keys[name]]
        links.append([("file", i.origin_sha256), ("id", i.id)])  # frames and parts of one file
    return links + [[("id", a), ("id", b)] for a, b in pairs if a in known and b in known]


def _settle(
    groups: _Groups, known: Iterable[str], sides: dict[str, Split], p: ManifestParams
) -> int:
    """Give every known id its side; return how many ids changed theirs."""
    moved = 0
    for ids in groups.members(known).values():
        before = {sides[i] for i in ids if i in sides}
        fresh = split_of(ids[0], p.seed, p.val_share, p.test_share)
        side = max(before, key=SPLITS.index) if before else fresh
        moved += sum(1 for i in ids if sides.get(i, side) != side)
        sides.update(dict.fromkeys(ids, side))
    return moved


def _row(image: ImageRow, group: str, split: Split, label: str) -> Row:
    values = {f.name: getattr(image, f.name) for f in fields(image) if f.name != "template"}
    known = {**values["extra"], "community": image.community, "source": image.source}
    return Row(**values, group=group, split=split, label=known.get(label, ""))


def _require(rows: Sequence[Row], p: ManifestParams) -> None:
    short = []
    for domain in sorted({row.domain for row in rows}):
        inside = [row for row in rows if row.domain == domain]
        counts = Counter(row.split for row in inside)
        if lacking := [s for s in SPLITS if counts[s] < p.min_rows]:
            largest = Counter(row.group for row in inside).most_common(2)
            named = ", ".join(f"{name} with {count}" for name, count in largest)
            short.append(
                f"domain '{domain}' ({len(inside)} rows) has fewer than {p.min_rows} rows in "
                f"{' and '.join(lacking)}; its largest groups: {named}"
            )
    if short or not rows:
        raise DataError(
            "; ".join(short) or "no image came through",
            where="the split of data/manifest.csv",
            fix=f"choose another manifest.seed, larger shares, a finer manifest.group_by than "
            f"{list(p.group_by)}, a smaller manifest.min_rows, or bring more pictures",
        )


def _far_from_shares(rows: Sequence[Row], p: ManifestParams) -> list[str]:
    wanted: dict[Split, float] = {"val": p.val_share, "test": p.test_share}
    counts = Counter(row.split for row in rows)
    return [
        f"{name} holds {counts[name] / len(rows):.1%} of the rows, {share:.1%} were asked for"
        for name, share in wanted.items()
        if abs(counts[name] / len(rows) - share) > 0.05
    ]


def _overgrown(rows: Sequence[Row], p: ManifestParams) -> list[str]:
    """Tell of groups that hold most of a domain: the other sides of the split see little of it."""
    told = []
    sizes = Counter(row.domain for row in rows)
    for (domain, group), count in sorted(Counter((r.domain, r.group) for r in rows).items()):
        if count > sizes[domain] / 2 and count > p.min_rows:
            told.append(
                f"group {group} holds {count} of the {sizes[domain]} rows of domain '{domain}', "
                f"all on one side; a community that shares one template is split without "
                f"`template` in manifest.group_by (now {', '.join(p.group_by)})"
            )
    return told
