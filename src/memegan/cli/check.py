"""Read the whole of params.yaml and tell all mistakes at once."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from memegan.errors import ParamsError
from memegan.fetching.params import ScrapeParams
from memegan.images.params import DedupParams, ResizeParams, SelectParams
from memegan.manifest import ManifestParams
from memegan.metrics.evaluate import EvaluateParams
from memegan.params import PARAMS_FILE, Section, load_section, raw_section
from memegan.report.page import ReportParams
from memegan.variants.base import Plan, load_run
from memegan.video.params import FramesParams

SECTIONS: dict[str, type[Section]] = {
    "scrape": ScrapeParams,
    "frames": FramesParams,
    "dedup": DedupParams,
    "select": SelectParams,
    "resize": ResizeParams,
    "manifest": ManifestParams,
    "evaluate": EvaluateParams,
    "report": ReportParams,
}


def check(
    path: Annotated[Path, typer.Argument(help="the file to read")] = PARAMS_FILE,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Read the whole of params.yaml and tell all mistakes at once.

    Example: memegan check
    """
    found = mistakes(path)
    if as_json:
        sys.stdout.write(json.dumps({"mistakes": found}) + "\n")
    if found:
        what = found[0] if len(found) == 1 else "\n  - ".join((f"{len(found)} mistakes", *found))
        raise ParamsError(what, where=str(path), fix="correct it; git diff shows what changed")
    if not as_json:
        sys.stdout.write(f"{path}: no mistake\n")


def mistakes(path: Path) -> list[str]:
    """Return every mistake of the file, section by section and between sections."""
    found: list[str] = []
    sections: dict[str, Section] = {}
    for name, model in SECTIONS.items():
        try:
            sections[name] = load_section(model, name, path=path)
        except ParamsError as error:
            found += _lines(error)
    runs: dict[str, Plan] = {}
    for name in raw_section("train", path=path):
        try:
            runs[name] = load_run(name, path)[1]
        except ParamsError as error:
            found += _lines(error)
    return list(dict.fromkeys(found + _between(sections, runs)))


def _between(sections: dict[str, Section], runs: dict[str, Plan]) -> list[str]:
    """Tell what one section asks of another and does not get."""
    found = []
    resize, scrape, frames = (sections.get(n) for n in ("resize", "scrape", "frames"))
    if isinstance(resize, ResizeParams):
        found += [
            f"train.{name}.load_px: {run.load_px or run.crop_px} is more than resize.size_px "
            f"{resize.size_px}"
            for name, run in runs.items()
            if (run.load_px or run.crop_px) > resize.size_px
        ]
    found += [
        f"train.{name}.crop_px: {run.crop_px} is more than load_px {run.load_px}"
        for name, run in runs.items()
        if run.load_px and run.crop_px > run.load_px
    ]
    if isinstance(scrape, ScrapeParams) and isinstance(frames, FramesParams):
        known = {s.domain for s in scrape.sources} | {v.domain for v in frames.inputs}
        found += [
            f"train.{name}.data.{side}: no source has the domain '{domain}'; they have "
            f"{', '.join(sorted(known))}"
            for name, run in runs.items()
            for side, domain in dict(run.data).items()
            if domain not in known
        ]
    owners = [name for name, run in runs.items() if run.section == "model"]
    if len(owners) > 1:
        found.append(f"train: {' and '.join(owners)} both own the section 'model'")
    return found


def _lines(error: ParamsError) -> list[str]:
    head, *rest = error.what.split("\n  - ")
    return rest or [head]
