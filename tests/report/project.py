"""A finished project in small: every file that the report reads, with hostile words in it."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from memegan.packs import member_name, write_series
from memegan.records import (
    DuplicateRow,
    FetchRow,
    FrameRow,
    KeptRow,
    QuarantineRow,
    Row,
    SelectedRow,
)
from memegan.tables import columns, write_table

T = TypeVar("T")
HOSTILE = '"><script src=http://evil.example/x.js></script><img src=x onerror=alert(1)>'
DATA = {"a": "photo", "b": "cartoon"}


def picture(number: int) -> bytes:
    """A PNG of noise."""
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def example(record: type[T], **values: object) -> T:
    """A row with the examples of its columns, but for the values given."""
    made: dict[str, Any] = {c.name: c.example for c in columns(record)}
    return record(**(made | values))


def metric(value: float, **values: object) -> dict[str, object]:
    """A record of metrics/eval/RUN.json."""
    plain = {"value": value, "low": value - 0.1, "high": value + 0.1, "floor": 0.05}
    counts = {"n_real": 40, "n_fake": 40, "size_px": 16, "encoder": "", "resizer": "area"}
    return {**plain, **counts, "seed": 0, "higher_is_better": False, **values}


def data(root: Path) -> None:
    """Write what the data stages leave."""
    files = [picture(n) for n in range(4)]
    places = write_series(
        root / "data/images/packs", "all", [(member_name(f, "png"), f) for f in files]
    )
    like = example(Row, community=HOSTILE, caption=HOSTILE, credit=f"by {HOSTILE}")
    rows = [
        replace(
            like,
            id=f"{n:016d}",
            pack=f"data/images/packs/{Path(place.pack).name}",
            member=place.member,
            offset=place.offset,
            bytes=place.bytes,
            sha256=hashlib.sha256(files[n]).hexdigest(),
            domain="photo" if n % 2 else "cartoon",
            split="train" if n < 3 else "test",
        )
        for n, place in enumerate(places)
    ]
    write_table(root / "data/manifest.csv", Row, rows)
    lost = example(FetchRow, status="failed", reason="gone")
    fetched = [example(FetchRow, reason=""), lost, lost]
    write_table(root / "data/raw/fetches.csv", FetchRow, fetched)
    frames = [example(FrameRow, status="dropped", reason="blurred"), example(FrameRow, reason="")]
    write_table(root / "data/frames/frames.csv", FrameRow, frames)
    write_table(root / "data/dedup/kept.csv", KeptRow, [example(KeptRow)] * 5)
    pairs = [example(DuplicateRow), example(DuplicateRow, level="template")]
    write_table(root / "data/dedup/duplicates.csv", DuplicateRow, pairs)
    write_table(root / "data/dedup/quarantine.csv", QuarantineRow, [example(QuarantineRow)])
    write_table(root / "data/select/selected.csv", SelectedRow, [example(SelectedRow)] * 4)


def run(root: Path, name: str, metrics: dict[str, Any], trained_on: dict[str, str] = DATA) -> None:
    """Write what training and evaluation leave of one run."""
    about = {"variant": "cyclegan", "data": trained_on, "where": {}, "seed": 7, "note": HOSTILE}
    texts = {
        f"models/{name}/model.json": json.dumps({"run": about, "images_seen": 800}),
        f"metrics/train/{name}.json": json.dumps({"memegan_key": "0123456789abcdef"}),
        f"metrics/eval/{name}.json": json.dumps(metrics),
        f"plots/train/{name}.csv": "images_seen,gan,cycle\n100,1.0,0.5\n200,0.8,\n300,0.7,0.2\n",
    }
    for file, text in texts.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")
    for folder in (f"samples/{name}", f"plots/eval/{name}"):
        (root / folder).mkdir(parents=True)
    for seen in range(0, 900, 100):
        (root / f"samples/{name}/{seen:09d}.png").write_bytes(picture(seen))
    (root / f"plots/eval/{name}/test.png").write_bytes(picture(1))


def project(root: Path) -> list[str]:
    """Write all of it; return the names of the runs."""
    data(root)
    run(root, "first", {"swd": metric(0.5), "psnr_truth": metric(20, higher_is_better=True)})
    run(root, "second", {"swd": metric(0.3), "psnr_truth": metric(24, higher_is_better=True)})
    return ["first", "second"]
