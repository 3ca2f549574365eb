"""Stop a training of any params twice, go on, and compare with one that nothing stopped."""

from contextlib import suppress
from pathlib import Path

from safetensors.torch import load_file
from tests.training.trainer import After, Params, go_on

from memegan.errors import Stopped


def check_resume(changes: Params, folder: Path) -> None:
    """Assert equal bits, and that all that learns has moved since the first stop."""
    straight, resumed, first = (folder / name for name in ("straight", "resumed", "first"))
    go_on("resnet", straight, changes)
    for steps in (1, 3):
        with suppress(Stopped):
            go_on("resnet", resumed, changes, stop=After(steps))
        assert resumed.read_bytes() != straight.read_bytes()
        if not first.exists():
            first.write_bytes(resumed.read_bytes())
    go_on("resnet", resumed, changes)
    assert resumed.read_bytes() == straight.read_bytes()
    early, end = load_file(first), load_file(straight)
    still = [
        key
        for key in end
        if key.startswith("model/") and key.endswith("weight") and early[key].equal(end[key])
    ]
    assert still == []
