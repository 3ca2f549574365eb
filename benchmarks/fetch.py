"""A scrape of 3,000 memes, 6 % of them in trouble, against img2dataset 1.47 in its raw mode.

Ours decodes every picture to its end, takes sha256, keeps a journal and writes packs; img2dataset
stores what comes (`disable_all_reencoding`: its fastest). Both are new processes each time, their
start counts. A fault is classified rightly where a picture is not lost, and trouble is not stored.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil  # type: ignore[import-untyped] # brings no types

from benchmarks._environments import programs
from benchmarks._meme_host import SHARES, hosting, troubles
from memegan.benches import Case, Sample, bootstrap_median
from memegan.records import FetchRow
from memegan.tables import read_table

ROOT = Path(__file__).parents[1]
PINNED = "img2dataset==1.47.0"
URLS = 3000
RAW = {  # of many settings tried, the fastest on two cores
    **{"processes_count": 2, "thread_count": 64, "number_sample_per_shard": 500},
    **{"resize_mode": "no", "disable_all_reencoding": True, "extract_exif": False},
    **{"output_format": "webdataset", "input_format": "txt", "timeout": 10},
}
ENDS = {  # trouble: how a url must end
    **{"": "ok", "moved": "ok", "slow": "ok", "busy": "ok"},
    **{"gone": "gone", "cut": "truncated", "cut_silently": "truncated", "page": "not_media"},
}
STATUS = """
import glob, json, sys, pyarrow.parquet
tables = map(pyarrow.parquet.read_table, glob.glob(sys.argv[1] + "/*.parquet"))
rows = [row for t in tables for row in t.select(["url", "status", "error_message"]).to_pylist()]
print(json.dumps(rows))
"""


Side = Callable[[str, int, Path], "tuple[Took, float]"]


@dataclass(frozen=True)
class Took:
    """What a process and its children cost."""

    wall_s: float
    cpu_s: float
    peak_mb: float  # resident, all of them together


def run(words: Sequence[str], folder: Path) -> Took:
    """Run a command to its end; its memory is looked at twenty times a second.

    Raises:
        RuntimeError: it fails.
    """
    known = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_ALBUMENTATIONS_UPDATE": "1"}
    known.pop("PYTHONDONTWRITEBYTECODE", None)  # both are compiled, as what pip installs
    start, peak = time.perf_counter(), 0
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(words, cwd=ROOT, env=known, stdout=said, stderr=said)
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak = max(peak, resident(process.pid))
            time.sleep(0.05)
    took, (_, status, usage) = time.perf_counter() - start, ended
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} failed:\n{(folder / 'said.txt').read_text()[-2000:]}")
    return Took(round(took, 3), round(usage.ru_utime + usage.ru_stime, 3), round(peak / 1e6, 1))


def resident(pid: int) -> int:
    """Add up the resident bytes of a process and all below it."""
    total = 0
    try:
        above = psutil.Process(pid)
        for process in [above, *above.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # it ended while we looked
    return total


def ours(trial: str, port: int, folder: Path) -> tuple[Took, float]:
    """Scrape in a new process; return its cost and the share that ended as it must."""
    urls = folder / "ours.txt"
    urls.write_text(_listed(f"http://memes.invalid/{trial}"))
    out = folder / trial
    words = ["-m", "benchmarks._fetch_ours", str(urls), str(out), str(port)]
    took = run([sys.executable, *words], folder)
    ends = {row.url: row.reason or "ok" for row in read_table(out / "raw/fetches.csv", FetchRow)}
    return took, _right([ends[url] for url in urls.read_text().split()], ENDS.__getitem__)


def img2dataset(trial: str, port: int, folder: Path) -> tuple[Took, float]:
    """Download in a new process; return its cost and the share stored, or not, as it must be."""
    urls = folder / "reference.txt"
    urls.write_text(_listed(f"http://127.0.0.1:{port}/{trial}"))
    out = folder / trial
    reference = programs("img2dataset", [PINNED], "3.11")  # it wants old libraries
    options = [f"--{name}={value}" for name, value in RAW.items()]
    places = [f"--url_list={urls}", f"--output_folder={out}"]
    took = run([str(reference / "img2dataset"), *places, *options], folder)
    words = [str(reference / "python"), "-c", STATUS, str(out)]
    rows = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    ends = {row["url"]: row["status"] == "success" for row in rows}
    return took, _right([ends[url] for url in urls.read_text().split()], lambda t: ENDS[t] == "ok")


def _listed(base: str) -> str:
    return "".join(f"{base}/{number}.jpg\n" for number in range(URLS))


def _right(ends: Sequence[object], wanted: Callable[[str], object]) -> float:
    """Return the share of the urls in trouble that ended as wanted."""
    pairs = [(end, wanted(t)) for end, t in zip(ends, troubles(URLS), strict=True) if t]
    return sum(end == want for end, want in pairs) / len(pairs)


@dataclass(frozen=True)
class Fetches:
    """Pairs of downloads; beside their times, what they cost and what they made of the faults."""

    params: Case
    target: str
    least: int = 20
    cases: dict[str, Case] = field(default_factory=lambda: {"raw": {}})

    @contextmanager
    def sampler(self, case: Case) -> Iterator[Callable[[int], Sample]]:
        """Give what makes one pair; each side has run before, and they take turns in beginning."""
        sides = [("ours", ours), ("reference", img2dataset)]
        with hosting(URLS) as port, TemporaryDirectory() as kept:

            def asked(name: str, side: Side, trial: str) -> tuple[Took, float]:
                folder = Path(kept, trial)
                folder.mkdir()
                found = side(trial, port, folder)
                # the store stays to the end: ext4 slows down who makes files where thousands
                # were removed in the last minutes, and 5 GB is less than all of it
                for done in (folder / trial).iterdir() if name == "ours" else [folder]:
                    if done.name != "store":
                        shutil.rmtree(done)
                return found

            for name, side in sides:
                asked(name, side, f"{name}-first")

            def pair(number: int) -> Sample:
                sample: Sample = {}
                for name, side in sides[:: 1 - number % 2 * 2]:
                    took, right = asked(name, side, f"{name}{number}")
                    sample |= {f"{name}_s": took.wall_s, f"{name}_cpu_s": took.cpu_s}
                    sample |= {f"{name}_mb": took.peak_mb, f"{name}_right": round(right, 4)}
                return sample

            yield pair

    def summary(self, samples: Sequence[Sample]) -> dict[str, object]:
        """Median ratio of the times with its 95 % interval, and what each side costs."""
        columns = {name: np.array([float(s[name]) for s in samples]) for name in samples[0]}
        median, low, high = bootstrap_median(columns["ours_s"] / columns["reference_s"])
        found: dict[str, float] = {"ratio": median, "low": low, "high": high}
        for side in ("ours", "reference"):
            found[f"{side}_s"] = float(np.median(columns[f"{side}_s"]))
            found[f"{side}_images_per_s"] = URLS / found[f"{side}_s"]
            cpu_s = float(np.median(columns[f"{side}_cpu_s"]))
            found[f"{side}_cpu_s_per_1000"] = cpu_s / URLS * 1000
            found[f"{side}_peak_mb"] = float(np.max(columns[f"{side}_mb"]))
            found[f"{side}_faults_right"] = float(np.min(columns[f"{side}_right"]))
        return {name: float(f"{value:.4g}") for name, value in found.items()}


BENCH = Fetches(
    params={"urls": URLS, "shares": SHARES, "reference": PINNED, **RAW},
    target="at most 1/2.2, 260 MB, 3 CPU s per 1,000, all faults right",
)
