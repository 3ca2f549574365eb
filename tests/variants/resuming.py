"""Stop a training of any params twice, go on, and compare with one that nothing stopped."""

import math
from contextlib import suppress
from pathlib import Path

from safetensors.torch import load_file
from tests.training.trainer import After, Params, data_of

from memegan.errors import Stopped
from memegan.tracking.spool import MemoryTracker
from memegan.training.loop import train
from memegan.training.stopping import Stop
from memegan.variants.base import find_variant


def check_resume(values: Params, folder: Path) -> None:
    """Assert equal bits, and that all weights have moved since the first stop."""
    straight, resumed, first = (folder / name for name in ("straight", "resumed", "first"))
    go_on(values, straight, Stop(math.inf))
    for steps in (1, 3):
        with suppress(Stopped):
            go_on(values, resumed, After(steps))
        assert resumed.read_bytes() != straight.read_bytes()
        if not first.exists():
            first.write_bytes(resumed.read_bytes())
    go_on(values, resumed, Stop(math.inf))
    assert resumed.read_bytes() == straight.read_bytes()
    early, end = load_file(first), load_file(straight)
    learnt = [key for key in end if key.startswith("model/") and key.endswith("weight")]
    assert [key for key in learnt if early[key].equal(end[key])] == []


def go_on(values: Params, path: Path, stop: Stop) -> None:
    spec = find_variant(str(values["variant"]))
    run = spec.run.model_validate(values)
    train(spec.make(run), data_of(run), run, MemoryTracker(), path, stop)
