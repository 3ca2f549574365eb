"""The command `memegan sync`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from memegan.stage import dvc_root
from memegan.tracking.store import store_uri, uri_without_secret
from memegan.tracking.sync import sync as bring


def sync(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> int:
    """Send the tracking records that wait to MLflow; after a pull, rebuild them first.

    Example: memegan sync
    """
    done = bring(dvc_root())
    if as_json:
        sys.stdout.write(json.dumps(asdict(done), indent=2) + "\n")
        return 1 if done.failed else 0
    where = uri_without_secret(store_uri(dvc_root()))
    lines = [
        f"{len(done.runs)} runs in {where}: {done.events} new events, {done.notes} new notes",
        *(f"  {key}: rebuilt from tracked outputs" for key in done.restored),
        *(f"  {key}: in the experiments {names}" for key, names in done.experiments.items()),
        *(f"  {key}: not sent: {why}" for key, why in done.failed.items()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if done.failed else 0
