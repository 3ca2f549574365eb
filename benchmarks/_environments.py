"""Environments of their own for packages that ours is measured against."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def programs(name: str, pins: Sequence[str], python: str) -> Path:
    """Return the folder of an environment's programs; it is made where it is missing or other.

    Args:
        name: its folder below .memegan/bench.
        pins: what is installed into it.
        python: its version, or the path of one.

    Raises:
        RuntimeError: the pins cannot be installed, for example without a network.
    """
    folder = ROOT / ".memegan" / "bench" / name
    installed, wanted = folder / "pins.txt", "".join(f"{pin}\n" for pin in pins)
    if not installed.exists() or installed.read_text("utf-8") != wanted:
        uv, own = str(Path(sys.executable).with_name("uv")), str(folder / "bin" / "python")
        for words in (
            ["venv", "--clear", "--python", python, str(folder)],
            ["pip", "install", "--compile-bytecode", "--python", own, *pins],
        ):
            done = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{pins} cannot be installed:\n{done.stderr[-1000:]}")
        installed.write_text(wanted, encoding="utf-8")
    return folder / "bin"
