"""A trained model as files: one safetensors a network, and model.json; and back."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from memegan.errors import CheckpointError
from memegan.variants.base import Plan, Task, Variant, VariantSpec, find_variant


@dataclass(frozen=True)
class Model:
    """A loaded model: its averaged networks, ready to use."""

    name: str
    key: str
    task: Task
    run: Plan
    variant: Variant
    nets: dict[str, nn.Module]


def export(
    folder: Path, nets: Mapping[str, nn.Module], plan: Plan, about: Mapping[str, object]
) -> None:
    """Write `folder`/NET.safetensors for each network and model.json beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for name, net in nets.items():
        path = folder / f"{name}.safetensors"
        save_file({k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}, path)
        digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    text = json.dumps(
        {"run": plan.model_dump(mode="json"), "nets": digests, **about}, indent=2, sort_keys=True
    )
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")


def load_model(folder: Path) -> Model:
    """Read an exported model; its hashes are checked, nothing in it is run.

    Raises:
        CheckpointError: a file is missing, damaged, or not what model.json says.
    """
    try:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        spec: VariantSpec[Any] = find_variant(about["run"]["variant"])
        run = spec.run.model_validate(about["run"])
        variant = spec.make(run).eval()
        nets = variant.nets()
        for name, net in nets.items():
            path = folder / f"{name}.safetensors"
            if hashlib.sha256(path.read_bytes()).hexdigest() != about["nets"][name]:
                raise ValueError(f"{path.name} is not the file that model.json names")
            net.load_state_dict(load_file(path))
            net.requires_grad_(False)
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"the model cannot be loaded: {error}",
            where=str(folder),
            fix=f"run: dvc checkout {folder.as_posix()}, or dvc repro train@{folder.name}",
        ) from None
    return Model(folder.name, about["memegan_key"], spec.task, run, variant, nets)
