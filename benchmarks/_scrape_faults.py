"""Scrapes that are killed at a random moment and run again: the same files, and few asked twice."""

import contextlib
import hashlib
import json
import logging
import multiprocessing
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks._fetch_ours import main
from benchmarks._meme_host import hosting
from memegan.benches import Sample
from memegan.fetching.params import EngineParams

URLS = 400
MAY_BE_LOST = EngineParams().connections + 50  # downloads in hand, and what was not yet journaled


@contextmanager
def scrape_trial() -> Iterator[Callable[[int], Sample]]:
    """Give what kills a scrape of a small host and tells how the next one ended."""
    with TemporaryDirectory() as name, hosting(URLS) as port:
        folder = Path(name)
        urls = "".join(f"http://memes.invalid/t/{number}.jpg\n" for number in range(URLS))
        (folder / "urls.txt").write_text(urls)
        for _ in range(2):  # the host says 429 the first time only
            before, start = _asked(port), time.monotonic()
            if code := _scraped(folder, port):
                raise RuntimeError(f"a scrape that nobody stops ends with {code}")
            longest_s, ideal, whole = time.monotonic() - start, _asked(port) - before, _made(folder)
            shutil.rmtree(folder / "out")
        yield partial(_killed, folder, port, longest_s, ideal, whole)


def _killed(
    folder: Path, port: int, longest_s: float, ideal: int, whole: dict[str, str], number: int
) -> Sample:
    random, after_s, is_killed = Random(number), longest_s, False
    while not is_killed:  # one that ended before is not killed: earlier, then
        shutil.rmtree(folder / "out", ignore_errors=True)
        before = _asked(port)
        after_s *= random.random()
        is_killed = _scraped(folder, port, after_s) == -9
    found = sum(path.is_file() for path in (folder / "out/store/files").glob("*/*"))
    code = _scraped(folder, port)
    again = _asked(port) - before - ideal
    parts = [*folder.rglob("*.part")]
    if code:
        outcome = f"ended with {code}"
    elif _made(folder) != whole or parts:
        outcome = "other files"
    else:
        outcome = "same files" if again <= MAY_BE_LOST else "same files, too many asked twice"
    return {
        "outcome": outcome,
        "killed_after_s": round(after_s, 3),
        "found": f"{found} files",
        "asked_twice": again,
    }


def _scraped(folder: Path, port: int, kill_after_s: float | None = None) -> int | None:
    """Scrape in a process of its own; return its exit code, -9 where it was killed."""
    process = multiprocessing.get_context("fork").Process(target=_work, args=(folder, port))
    process.start()
    process.join(kill_after_s)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def _work(folder: Path, port: int) -> None:
    logging.disable()
    with contextlib.chdir(folder):
        main(folder / "urls.txt", folder / "out", port)


def _made(folder: Path) -> dict[str, str]:
    files = sorted(p for p in (folder / "out/raw").rglob("*") if p.is_file())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _asked(port: int) -> int:
    """Return how often pictures were asked for, the two files of rules left out."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/asked") as answer:
        found: dict[str, int] = json.load(answer)
    return sum(count for path, count in found.items() if path.endswith(".jpg"))
