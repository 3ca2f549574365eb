"""The command `memegan bench`: one thing done in two ways and timed in turns, or tried and counted.

An entry is a file benchmarks/NAME.py whose docstring says what is compared with what, and whose
last line is `BENCH = Ratio(...)` or `BENCH = Trials(...)`.
"""

import ast
import hashlib
import importlib
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from memegan.benches import Bench, Case, OfRuns
from memegan.errors import DataError, ParamsError
from memegan.params import did_you_mean

ENTRIES = Path("benchmarks")
RESULTS = Path("docs/benchmarks")


def bench(
    name: Annotated[str, typer.Argument(help="a benchmark; `list` lists them")],
    pairs: Annotated[
        int | None, typer.Option(help="pairs, or trials, of each case; 20 or 30 at least")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="instead of docs/benchmarks/NAME.json, or NAME-RUN.json")
    ] = None,
    case: Annotated[str, typer.Option(help="only cases of this name; * stands for anything")] = "*",
    at_most: Annotated[
        int | None, typer.Option(min=1, help="samples to take before it ends; all that lack")
    ] = None,
    run: Annotated[
        str, typer.Option(help="a run of params.yaml, where the benchmark takes one (train)")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Measure ours against a reference in alternating blocks; go on where it stopped.

    The result is written after every pair. Other code, params or another machine begin afresh;
    cases that are not asked for keep their samples, and what they were measured with.

    Example: memegan bench data --pairs 40
    """
    if name == "list":
        known = entries(ENTRIES)
        lines = "".join(f"{word:<8} {line}\n" for word, line in known.items())
        sys.stdout.write(json.dumps(known, indent=2) + "\n" if as_json else lines)
        return
    path = out or RESULTS / (f"{name}-{run}.json" if run else f"{name}.json")
    made = load_entry(name, ENTRIES, run)
    found = measure(name, made, pairs, path, asked=Asked(case, at_most, run))
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if as_json else told(found))


def entries(folder: Path) -> dict[str, str]:
    """Return the entries and the first lines of their docstrings, read without importing them."""
    return {
        path.stem: (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
        for path in sorted(folder.glob("*.py"))
        if not path.stem.startswith("_")
    }


def load_entry(name: str, folder: Path, run: str = "") -> Bench:
    """Import benchmarks/NAME.py and return its BENCH, or what it makes of a run.

    Raises:
        ParamsError: there is no such entry, or it takes no run.
    """
    known = entries(folder)
    if name not in known:
        raise ParamsError(
            f"no benchmark '{name}'{did_you_mean(name, known)}",
            where=folder.as_posix(),
            fix=f"choose one of: {', '.join(known)}" if known else "run from the repository root",
        )
    sys.path.insert(0, str(folder.resolve().parent))
    made: Bench = importlib.import_module(f"{folder.name}.{name}").BENCH
    if not run:
        return made
    if not isinstance(made, OfRuns):
        raise ParamsError(
            f"the benchmark '{name}' takes no run",
            where="memegan bench --run",
            fix="leave --run out",
        )
    return made.of_run(run)


@dataclass(frozen=True)
class Asked:
    """Which cases of an entry, and how many samples of them, one call is to take; of which run."""

    case: str = "*"
    at_most: int | None = None
    run: str = ""

    def of(self, cases: Mapping[str, Case]) -> dict[str, Case]:
        """Return the cases that are asked for.

        Raises:
            ParamsError: there is none of that name.
        """
        found = {label: case for label, case in cases.items() if fnmatchcase(label, self.case)}
        if found:
            return found
        raise ParamsError(
            f"no case '{self.case}'{did_you_mean(self.case, cases)}",
            where="memegan bench --case",
            fix=f"choose one of: {', '.join(cases)}",
        )


def measure(
    name: str,
    made: Bench,
    pairs: int | None,
    out: Path,
    folder: Path = ENTRIES,
    asked: Asked = Asked(),
) -> dict[str, Any]:
    """Take the samples that `out` lacks, write it after each, and return what it holds.

    Raises:
        ParamsError: fewer samples are asked for than make a result, or no such case.
        DataError: `out` is there and is no result.
    """
    chosen = asked.of(made.cases)
    wanted = made.least if pairs is None else pairs
    if wanted < made.least:
        raise ParamsError(
            f"{wanted} pairs make no result",
            where=f"memegan bench {name} --pairs",
            fix=f"ask for {made.least} or more; it can be stopped and goes on",
        )
    about = _about(name, made, folder, asked.run)
    kept = _kept(out, about, list(chosen))
    left = math.inf if asked.at_most is None else asked.at_most
    for label, case in chosen.items():
        taken = list(kept.get(label, {}).get("samples", ()))
        if len(taken) >= wanted or not left:
            continue
        with made.sampler(case) as sample:
            while len(taken) < wanted and left:
                taken.append(sample(len(taken)))
                left -= 1
                kept[label] = {**made.summary(taken), "samples": list(taken)}
                _write(out, _result(about, made, kept))
                words = json.dumps(taken[-1])
                sys.stderr.write(f"{name}, {label}, {len(taken)} of {wanted}: {words}\n")
    return _result(about, made, kept)


def told(result: Mapping[str, Any]) -> str:
    """Say a result in a line for each case."""
    lines = []
    for label, case in result["cases"].items():
        if "ratio" in case:
            what = f"{case['ratio']:.3f} times the reference ({case['low']:.3f}-{case['high']:.3f})"
            what += paces(case)
        else:
            what = ", ".join(f"{count} {word}" for word, count in case["outcomes"].items())
        lines.append(f"{result['name']}, {label}: {what}, {len(case['samples'])} samples\n")
    return "".join(lines)


def paces(case: Mapping[str, Any]) -> str:
    """Say images/s and the most memory of both sides, where a case has them."""
    if "ours_peak_mib" not in case:
        return ""
    ours, plain = (
        f"{case[f'{side}_images_per_s']:.3g} images/s, {case[f'{side}_peak_mib']:.0f} MiB"
        for side in ("ours", "reference")
    )
    return f"; {ours} (reference {plain})"


def _about(name: str, made: Bench, folder: Path, run: str) -> dict[str, object]:
    """Collect all that must be the same for samples to belong together."""
    entry = folder / f"{name}.py"
    return {
        "name": f"{name}-{run}" if run else name,
        "what": entries(folder).get(name, ""),
        "command": f"memegan bench {name}" + (f" --run {run}" if run else ""),
        "target": made.target,
        "commit": _commit(),
        "code": _digest(entry),
        "params": dict(made.params),
        "case_params": {label: dict(case) for label, case in made.cases.items()},
        "cpu": _cpu(),
        "threads": made.params.get("threads") or _threads(),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _threads() -> int:
    """Return what a bench that does not say so takes."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def _commit() -> str:
    """Return git's commit, marked where code beside it was changed; empty outside of git."""

    def git(*words: str) -> str:
        asked = ["git", "--no-optional-locks", *words]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    code = ["src", "stages", "benchmarks"]
    return git("rev-parse", "HEAD") + (" and changes" if git("status", "-s", "--", *code) else "")


def _digest(entry: Path) -> str:
    """Name the code by what it holds: 16 hex digits."""
    root = Path(__file__).parents[1]
    files = [(p.relative_to(root).as_posix(), p) for p in sorted(root.rglob("*.py"))]
    shared = [(p.name, p) for p in sorted(entry.parent.glob("_*.py"))]
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {name}\n"
        for name, path in [*files, *shared, (entry.name, entry)]
        if path.exists()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _kept(out: Path, about: Mapping[str, Any], asked: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the cases that `out` holds; of those asked for, only what was measured as now.

    A case that was measured otherwise says in `about` what was different.
    """
    if not out.exists():
        return {}
    try:
        before = json.loads(out.read_text(encoding="utf-8"))
        cases = {label: (case, list(case["samples"])) for label, case in before["cases"].items()}
        said = {label: {**before, **case.get("about", {})} for label, (case, _) in cases.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fix = "remove it, or name another file by --out"
        raise DataError(f"no result of a benchmark: {error}", where=str(out), fix=fix) from None
    kept: dict[str, dict[str, Any]] = {}
    others: set[str] = set()
    for label, (case, _) in cases.items():
        was, now = _said_of(label, said[label]), _said_of(label, about)
        other = {key: was.get(key) for key, value in now.items() if was.get(key) != value}
        if label in asked and other:
            others |= other.keys()
            continue
        plain = {key: value for key, value in case.items() if key != "about"}
        kept[label] = {**plain, "about": other} if other else plain
    if others:
        words = ", ".join(key for key in about if key in others)
        sys.stderr.write(f"{out} differs in {words}: it begins afresh\n")
    return kept


def _said_of(label: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was said of other cases."""
    params = about.get("case_params", {})
    return {**about, "case_params": {key: params[key] for key in params if key == label}}


def _result(
    about: Mapping[str, object], made: Bench, kept: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    order = [*made.cases, *(label for label in kept if label not in made.cases)]
    return {**about, "cases": {label: kept[label] for label in order if label in kept}}


def _write(path: Path, values: Mapping[str, object]) -> None:
    """Write beside `path`, then rename: a killed run leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
