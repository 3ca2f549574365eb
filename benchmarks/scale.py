"""A hundred thousand memes through dedup, select, resize and manifest: time and memory.

The pictures are those of benchmarks/_crowd.py, 15 % of them on templates with 100 captions each, a
tenth of all copies. Each stage is a process of its own, as `dvc repro` runs it, with as many
threads as there are cores; memory is the most that it ever had (ru_maxrss), its threads included.
`dedup` sees all but the last hundredth for the first time, `dedup, again` knows them, and `dedup,
more` is the refresh that brings the last hundredth. Of the copies, `missed` is how many are kept
though they show what another kept one shows; `false` counts pictures dropped for another one.
A sample that was stopped goes on with the stage that it was at; its folder is .benchmarks/scale.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import yaml

from benchmarks._crowd import PART, drawn, plan
from memegan.benches import Case, Sample
from memegan.images.ordered import ordered_map
from memegan.packs import member_name, members, write_series
from memegan.records import DuplicateRow, FetchRow, FrameRow, KeptRow, PostRow, VideoRow
from memegan.tables import read_table, write_table

ROOT = Path(__file__).parents[1]
FOLDER = Path(".benchmarks/scale")
MORE = 100  # one picture of so many comes later
STEPS = {  # what is run, and what it makes
    "dedup": "data/dedup",
    "dedup, again": "data/dedup",
    "dedup, more": "data/dedup",
    "select": "data/select",
    "resize": "data/images",
    "manifest": "data/manifest.csv",
}
PARAMS = {
    "dedup": {"min_size_px": 32},
    "select": {"keep": "all"},
    "resize": {"size_px": 64},
    "manifest": {"seed": 0, "val_share": 0.1, "test_share": 0.1},
}
SNAPSHOTS = ("2026-11-21", "2026-11-22")


def measured(folder: Path, count: int) -> Sample:
    """Run what is not done yet, and return all measures."""
    done_file, code = folder / "done.json", _code()
    done = json.loads(done_file.read_text("utf-8")) if done_file.exists() else {}
    if done.get("code") != code:
        done = {"code": code}
        for name in (".memegan", "data/dedup", "data/select", "data/images"):
            shutil.rmtree(folder / name, ignore_errors=True)
    _draw(folder, count)
    old = count - count // MORE
    for step in STEPS:
        if step in done:
            continue
        _bring(folder, old if step in ("dedup", "dedup, again") else count, old)
        done[step] = _run(folder, step)
        if step == "dedup, more":
            done["found"] = _found(folder, count)
        done_file.write_text(json.dumps(done), "utf-8")
    measures = {f"{step} {what}": value for step in STEPS for what, value in done[step].items()}
    return {"outcome": "measured", **measures, **done["found"]}


def _draw(folder: Path, count: int) -> None:
    """Draw what is not there yet: a pack for each part."""
    packs = folder / "data/raw/packs"
    planned = plan(count)
    for part in range(-(-count // PART)):
        some = list(islice(planned, PART))
        if not (packs / f"{part:04d}-0000.tar").exists():
            files = ordered_map(drawn, some, os.cpu_count() or 1)
            named = ((member_name(data, "jpeg"), data) for data in files)
            write_series(packs, f"{part:04d}", named)
            sys.stderr.write(f"scale: {(part + 1) * PART} of {count} pictures drawn\n")


def _bring(folder: Path, count: int, old: int) -> None:
    """Write the tables of a scrape of so many pictures, the first `old` of an earlier snapshot."""
    raw = folder / "data/raw"
    places = chain.from_iterable(map(members, sorted((raw / "packs").glob("*.tar"))))
    posts, fetches = [], []
    for n, (place, planned) in enumerate(zip(places, plan(count), strict=False)):
        url, post = f"http://crowd.invalid/{n}.jpg", f"crowd:memes:{n}"
        about = ("crowd", "memes", "meme", "", "CC0-1.0", "", "", 1)
        posts.append(PostRow(post, *about, planned.caption))
        body = (place.bytes, place.member.partition(".")[0], post, SNAPSHOTS[n >= old])
        where = (f"data/raw/packs/{Path(place.pack).name}", place.member, place.offset)
        fetches.append(FetchRow(url, url, "ok", "", "image/jpeg", *body, *where, ""))
    write_table(raw / "posts.csv", PostRow, posts)
    write_table(raw / "fetches.csv", FetchRow, fetches)
    write_table(folder / "data/frames/frames.csv", FrameRow, [])
    write_table(folder / "data/frames/videos.csv", VideoRow, [])
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS), "utf-8")


def _run(folder: Path, step: str) -> dict[str, float]:
    """Run a stage as DVC does: seconds, those of all cores together, and MB of memory."""
    shutil.rmtree(folder / STEPS[step], ignore_errors=True)
    known = {k: v for k, v in os.environ.items() if not k.startswith("DVC_")}
    stage = str(ROOT / f"stages/{step.partition(',')[0]}.py")
    words = [sys.executable, "-P", str(ROOT / "benchmarks/_used.py"), "used.json"]
    subprocess.run([*words, sys.executable, stage], cwd=folder, env=known, check=True)
    told: dict[str, float] = json.loads((folder / "used.json").read_text("utf-8"))
    if code := told.pop("code"):
        raise RuntimeError(f"{stage} ended with {code:.0f}")
    return told


def _found(folder: Path, count: int) -> dict[str, float]:
    """Hold what dedup decided against what is known."""
    shown = [one.shows for one in plan(count)]
    fetched = read_table(folder / "data/raw/fetches.csv", FetchRow)
    of_post = dict(zip((row.post_id for row in fetched), shown, strict=True))
    of_id = dict(zip((row.sha256[:16] for row in fetched), shown, strict=True))
    kept = [of_id[row.id] for row in read_table(folder / "data/dedup/kept.csv", KeptRow)]
    pairs = read_table(folder / "data/dedup/duplicates.csv", DuplicateRow)
    dropped = [pair for pair in pairs if pair.level != "template"]
    return {
        "pictures": count,
        "copies": count - len(set(shown)),
        "missed": len(kept) - len(set(kept)),
        "false": sum(of_id[pair.kept] != of_post[pair.post_id] for pair in dropped),
        "templates": sum(pair.level == "template" for pair in pairs),
    }


def _code() -> str:
    """Digest all code that is measured."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Scale:
    """Each sample is a whole run, in a folder that goes when it is done."""

    cases: Mapping[str, Case]
    params: Case = field(default_factory=lambda: PARAMS)
    least: int = 1
    target: str = "dedup: 30 min and 1 GB on 2 cores; all: 2 GB"

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what measures a number of pictures."""
        count = int(str(case["pictures"]))

        def sample(number: int) -> Sample:
            folder = FOLDER / f"{count}-{number}"
            taken = measured(folder, count)
            shutil.rmtree(folder)
            return taken

        yield sample

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, object]:
        """Minutes of each stage, and the most memory."""
        last = samples[-1]
        told = ", ".join(
            f"{step} {float(last[f'{step} s']) / 60:.1f} min, {float(last[f'{step} mb']):.0f} MB"
            for step in STEPS
        )
        return {"outcomes": {f"run; {told}": len(samples)}}


BENCH = Scale({"5,000": {"pictures": 5_000}, "100,000": {"pictures": 100_000}})
