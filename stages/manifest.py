"""List what training may see, each group on one side: python stages/manifest.py."""

import sys
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")  # DVC's copies run their own

from memegan.errors import DataError
from memegan.manifest import ManifestParams, build, leaks
from memegan.params import load_section
from memegan.records import (
    DuplicateRow,
    ImageRow,
    LeftRow,
    LikenessRow,
    QuarantineRow,
    Row,
    TextRow,
)
from memegan.report.card import card, croissant
from memegan.stage import run_stage, sha256_of
from memegan.tables import mistakes, read_table, write_table
from memegan.takedown import Banned

OUT = Path("data/manifest.csv")


def main() -> None:
    """Stored images in; manifest, card and Croissant description out."""
    p = load_section(ManifestParams, "manifest")
    images = read_table(Path("data/images/images.csv"), ImageRow)
    duplicates = read_table(Path("data/dedup/duplicates.csv"), DuplicateRow)
    quarantine = read_table(Path("data/dedup/quarantine.csv"), QuarantineRow)
    banned = Banned.load()
    allowed = [
        i
        for i in images
        if not banned.reason(urls=[i.url], post_id=i.post_id, sha256=i.origin_sha256)
    ]
    made = build(allowed, duplicates, p)
    if broken := mistakes(Row, made.rows):
        raise DataError("; ".join(broken), where=str(OUT), fix="run: dvc repro -f resize")
    write_table(OUT, Row, made.rows)
    leaked = leaks(made.rows, allowed, duplicates)
    told = [f"{len(leaked)} test rows have a partner in train: group_by lacks template"]
    drops = Counter(("dedup", q.reason) for q in quarantine)
    drops += Counter(("dedup", d.level) for d in duplicates if d.level != "template")
    left = read_table(Path("data/select/left.csv"), LeftRow)
    drops += Counter(("select", row.rule) for row in left)
    drops += Counter({("manifest", "takedown"): len(images) - len(allowed)})
    listed = [(stage, reason, count) for (stage, reason), count in sorted(drops.items())]
    warnings = [*made.warnings, *(told if leaked else [])]
    likeness = read_table(Path("data/select/likeness.csv"), LikenessRow)
    texts = read_table(Path("data/images/text.csv"), TextRow)
    text = card(made.rows, p, made.moved, warnings, listed, likeness, texts)
    OUT.with_name("card.md").write_text(text, encoding="utf-8", newline="\n")
    about = croissant(made.rows, sha256_of(OUT), OUT)
    OUT.with_name("croissant.json").write_text(about, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(run_stage(main, sys.argv[1:]))
