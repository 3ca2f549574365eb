"""The data card and its Croissant description: what is in the manifest and what was left out."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from memegan.manifest import SPLITS, ManifestParams
from memegan.records import LikenessRow, Row, TextRow
from memegan.tables import columns

READABLE_PX = 8  # height of a letter, as in images/text.py
_TEXT_SHARE = 0.01  # of a picture: less is often a pattern that only looks like letters
_MANY = 0.1  # of a domain's pictures: fewer are no reason for another size
_KEPT = 0.9  # share of the captions that the advised size keeps


def card(
    rows: Sequence[Row],
    p: ManifestParams,
    moved: int,
    warnings: Sequence[str],
    drops: Sequence[tuple[str, str, int]],
    likeness: Sequence[LikenessRow] = (),
    texts: Iterable[TextRow] = (),
) -> str:
    """Return data/card.md: counts, split, licences, likeness, text, what was dropped and why.

    Args:
        drops: (stage, reason, count) of everything that did not come through.
        texts: of all stored pictures; those that are not in `rows` say nothing.
    """
    sizes = sorted({(row.width_px, row.height_px) for row in rows})
    lines = [
        "# Data card",
        "",
        f"{len(rows)} pictures of {sizes[0][0]}x{sizes[0][1]} to {sizes[-1][0]}x{sizes[-1][1]} px.",
        f"{len({row.group for row in rows})} groups by {', '.join(p.group_by)}, seed {p.seed}.",
        f"{moved} rows changed their side when later rows joined their groups.",
        *(f"\nWarning: {warning}." for warning in warnings),
        "",
        "## Rows by domain and split",
        "",
        *_table(
            ("domain", *SPLITS, "groups"),
            (
                (
                    domain,
                    *(sum(r.split == s for r in rows if r.domain == domain) for s in SPLITS),
                    len({r.group for r in rows if r.domain == domain}),
                )
                for domain in sorted({row.domain for row in rows})
            ),
        ),
        "",
        "## Where they come from",
        "",
        *_table(
            ("source", "community", "domain", "licence", "rows"),
            (
                (*key, count)
                for key, count in sorted(
                    Counter((r.source, r.community, r.domain, r.licence) for r in rows).items()
                )
            ),
        ),
        "",
        *_alike(likeness),
        *_readable(rows, texts),
        "## What was left out",
        "",
        *_table(("stage", "reason", "count"), drops),
    ]
    if credits := sorted({row.credit for row in rows if row.credit}):
        lines += ["", "## Credits", "", *(f"- {_cell(credit)}" for credit in credits)]
    lines += [
        "",
        "## Rights",
        "",
        "Pictures of communities belong to their authors; this set is for training on the machine "
        "that made it and is not for redistribution unless the licence column allows it. To have "
        "something removed: `memegan takedown URL`, then `dvc repro`.",
    ]
    return "\n".join(lines) + "\n"


def _alike(likeness: Sequence[LikenessRow]) -> list[str]:
    """How alike the pictures of each group are; nothing where it was not measured."""
    if not likeness:
        return []
    found = sorted(likeness, key=lambda row: (row.kind, row.name))
    return [
        "## How alike the pictures are",
        "",
        "Mean likeness of two of them in colour, texture and shape; 1 is alike. A GAN learns a",
        "set with a high score sooner. Contact sheet, with sets to compare: select/index.html.",
        "",
        *_table(
            ("kind", "name", "pictures", "score"),
            ((row.kind, row.name, row.pictures, f"{row.score:.3f}") for row in found),
        ),
        "",
    ]


def _readable(rows: Sequence[Row], texts: Iterable[TextRow]) -> list[str]:
    """Whose letters are too low to be read, and the size that would keep them."""
    domain = {row.id: row.domain for row in rows}
    held = [t for t in texts if t.id in domain and t.text_px and t.text_share >= _TEXT_SHARE]
    if not held:
        return []
    lines, warnings = [], []
    for name in sorted({domain[text.id] for text in held}):
        inside = [text for text in held if domain[text.id] == name]
        low = sum(text.text_px < READABLE_PX for text in inside)
        needs = sorted(text.needs_px for text in inside)[math.ceil(_KEPT * len(inside)) - 1]
        middle = sorted(text.text_px for text in inside)[len(inside) // 2]
        lines.append((name, len(inside), low, f"{middle:.1f}", needs))
        if low >= _MANY * sum(row.domain == name for row in rows):
            warnings.append(
                f"\nWarning: in {low} of {len(inside)} pictures with text in domain "
                f"'{_cell(name)}' letters are lower than {READABLE_PX} px: they cannot be read, "
                f"nor learned. `resize.size_px: {needs}` would keep {_KEPT:.0%} of these texts."
            )
    head = ("domain", "with text", f"letters below {READABLE_PX} px", "median px", "size to keep")
    return ["## Text", "", *_table(head, lines), *warnings, ""]


def croissant(rows: Sequence[Row], manifest_sha256: str, manifest: Path) -> str:
    """Return data/croissant.json: the manifest as a Croissant 1.1 record set (ML Commons)."""
    kinds = {int: "sc:Integer", float: "sc:Float", str: "sc:Text", bool: "sc:Boolean"}
    extra = sorted({name for row in rows for name in row.extra})
    fields = [(c.name, kinds[c.base], c.doc) for c in columns(Row)]
    fields += [(name, "sc:Text", "column of a source") for name in extra]
    about = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "memegan",
        "description": f"{len(rows)} pictures with their origin, group and side of the split.",
        "license": sorted({row.licence for row in rows if row.licence}) or ["unknown"],
        "url": "https://memegan.invalid/dataset",
        "version": "1.0.0",
        "datePublished": max(row.fetched_at for row in rows),
        "creator": {"@type": "sc:Organization", "name": "whoever ran this pipeline"},
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "manifest",
                "name": manifest.name,
                "contentUrl": manifest.name,
                "encodingFormat": "text/csv",
                "sha256": manifest_sha256,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "images",
                "name": "images",
                "key": {"@id": "images/id"},
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"images/{name}",
                        "name": name,
                        "description": doc,
                        "dataType": kind,
                        "source": {"fileObject": {"@id": "manifest"}, "extract": {"column": name}},
                    }
                    for name, kind, doc in fields
                ],
            }
        ],
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(_cell(str(cell)) for cell in line)} |" for line in lines]


def _cell(text: str) -> str:
    """Keep what came from outside in its cell: no line break, no further cell, no tag, no link."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`|<>\[\]])", r"\\\1", flat)


_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
