"""Recipes for params.yaml: list them, show one, apply one, run one."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from memegan.errors import ParamsError
from memegan.params import PARAMS_FILE, did_you_mean
from memegan.presets.shrink import shrunk

app = typer.Typer(help="Recipes for params.yaml: list them, show one, apply one, run one.")
DATA = "{data}"  # in a recipe: the folder of --data
_Data = Annotated[Path | None, typer.Option(help="folder with the pictures it asks for")]
_Tiny = Annotated[
    bool, typer.Option("--tiny", help="the same stages in a minute, on generated pictures")
]


@app.command("list")
def list_() -> None:
    """List the recipes and what they are for."""
    for name, text in recipes().items():
        sys.stdout.write(f"{name:<12} {text.splitlines()[0].lstrip('# ')}\n")


@app.command()
def show(name: str) -> None:
    """Print one recipe."""
    sys.stdout.write(recipe(name))


@app.command()
def apply(name: str, data: _Data = None, tiny: _Tiny = False) -> None:
    """Write a recipe to params.yaml; a file that is no recipe is kept beside it.

    Example: memegan preset apply horse2zebra --data ~/Downloads/horse2zebra
    """
    _write(name, data, tiny)
    sys.stdout.write(f"params.yaml is the recipe '{name}'; now run: dvc repro\n")


@app.command()
def run(name: str, data: _Data = None, tiny: _Tiny = False) -> int:
    """Apply a recipe and run it: from a folder of pictures to trained, judged models.

    Stopped, it goes on by `dvc repro`, or by the same command.

    Example: memegan preset run horse2zebra --data ~/Downloads/horse2zebra
    """
    _write(name, data, tiny)
    sys.stdout.flush()
    return _repro()


def _repro() -> int:
    """Run `dvc repro` to its end, and return 0, 1 where it failed, or 128 and the signal.

    Ctrl-C reaches DVC through the terminal: it waits while its stage saves, and so does this.
    """
    got: list[int] = []

    def wait_on(number: int, _: object) -> None:
        got.append(number)
        if number == signal.SIGTERM:
            dvc.terminate()

    before = {number: signal.signal(number, wait_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with subprocess.Popen([sys.executable, "-m", "dvc", "repro"]) as dvc:
            failed = dvc.wait() != 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + got[0] if got else int(failed)


def recipes() -> dict[str, str]:
    """Return all recipes by name."""
    files = resources.files("memegan.presets").iterdir()
    return {
        f.name.removesuffix(".yaml"): f.read_text(encoding="utf-8")
        for f in sorted(files, key=lambda f: f.name)
        if f.name.endswith(".yaml")
    }


def _write(name: str, data: Path | None, tiny: bool) -> None:
    text = recipe(name)
    if tiny:
        text = shrunk(text)
    elif DATA in text:
        text = text.replace(DATA, _folder(name, data))
    if PARAMS_FILE.exists() and PARAMS_FILE.read_text(encoding="utf-8") not in {text, *_known()}:
        before = _free_name()
        before.write_bytes(PARAMS_FILE.read_bytes())
        sys.stdout.write(f"the file before is kept as {before}\n")
    PARAMS_FILE.write_text(text, encoding="utf-8", newline="\n")


def _known() -> set[str]:
    """Return all that `apply` writes without a folder: it can be written again."""
    return {text for whole in recipes().values() for text in (whole, shrunk(whole))}


def recipe(name: str) -> str:
    """Return one recipe.

    Raises:
        ParamsError: there is none of that name.
    """
    known = recipes()
    if name not in known:
        raise ParamsError(
            f"no preset '{name}'{did_you_mean(name, known)}",
            where="memegan preset",
            fix=f"choose one of: {', '.join(known)}",
        )
    return known[name]


def _free_name() -> Path:
    """Return a name beside params.yaml that no file has: nothing that was kept is lost."""
    names = (PARAMS_FILE.with_suffix(f".yaml.before{n or ''}") for n in itertools.count())
    return next(path for path in names if not path.exists())


def _folder(name: str, data: Path | None) -> str:
    """Copy the folder below data/inputs, where DVC notices a change."""
    folder = data or Path(os.environ.get("MEMEGAN_REAL_DATA", ""))
    if str(folder) == "." or not folder.is_dir():
        raise ParamsError(
            f"the preset '{name}' needs a folder of pictures",
            where="--data, or the environment's MEMEGAN_REAL_DATA",
            fix="name one that is there; `memegan preset show` says what it is to hold",
        )
    inputs = Path("data/inputs") / name
    shutil.copytree(folder, inputs, dirs_exist_ok=True)
    return inputs.as_posix()
