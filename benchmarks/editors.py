"""Screenshots of real editors: how many of them `dedup` sets aside as such, and of other pictures.

A sample is one screenshot: the editor, in a window as large as the screen, shows a drawing of the
demo's world; four samples in turn are of one shot: as PNG, as JPEG of quality 90 and 60, and at
half the size. The case `pictures` takes the files of the folder that MEMEGAN_REAL_DATA names, an
eighth a sample: none is such a screenshot. Wants Xvfb, openbox, xdotool, ImageMagick's import and
the editors.
"""

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from memegan.benches import Sample, Trials
from memegan.cli.dedup import found_in
from memegan.demo.world import draw, scene
from memegan.errors import ParamsError
from memegan.images.dedup import dedup
from memegan.images.params import DedupParams
from memegan.packs import read_place
from memegan.takedown import Banned

SCREENS = ("1280x800", "1920x1080", "1366x768", "1024x768")
EDITORS = {  # the command, and seconds till it shows the picture
    **{"geany": ("geany", 6), "gimp": ("gimp -n -s", 25), "gthumb": ("gthumb", 8)},
    **{"kolourpaint": ("kolourpaint", 8), "krita": ("krita --nosplash", 28)},
    **{"mypaint": ("mypaint", 10), "photoflare": ("photoflare", 8)},
    **{"rawtherapee": ("rawtherapee", 16), "shotcut": ("shotcut", 14), "xpaint": ("xpaint", 5)},
}
ENCODINGS: dict[str, tuple[str, float, int]] = {  # suffix, scale, quality
    **{"PNG": (".png", 1.0, 0), "JPEG 90": (".jpg", 1.0, 90), "JPEG 60": (".jpg", 1.0, 60)},
    "half": (".jpg", 0.5, 85),
}
LEAST = 2 * len(ENCODINGS)
TOOLS = ("Xvfb", "openbox", "xdotool", "import")
PARAMS, NOBODY = DedupParams(max_quarantined=1), Banned(frozenset(), frozenset())
_FIRST_DISPLAY = 400
_MAXIMIZED = """<openbox_config xmlns="http://openbox.org/3.4/rc"><applications>
<application class="*" type="normal"><maximized>yes</maximized></application>
</applications></openbox_config>"""


@contextmanager
def trial(editor: str) -> Iterator[Callable[[int], Sample]]:
    """Give what judges the screenshot of a number.

    Raises:
        ParamsError: a program is missing, or the folder of real files.
    """
    logging.getLogger(dedup.__module__).setLevel(logging.WARNING)  # counts of one picture each
    if editor == "pictures":
        files = _pictures()
        yield lambda number: {"outcome": _counted(files[number % LEAST :: LEAST])}
        return
    command, wait_s = EDITORS[editor]
    if missing := [tool for tool in (*TOOLS, command.split()[0]) if not shutil.which(tool)]:
        raise ParamsError(
            f"{', '.join(missing)} cannot be found",
            where="benchmarks/editors.py",
            fix="install it, or name other editors by --case",
        )

    @cache
    def shot(number: int) -> np.ndarray:
        return _shot(command, wait_s, number)

    def judged(number: int) -> Sample:
        name, (suffix, scale, quality) = list(ENCODINGS.items())[number % len(ENCODINGS)]
        taken = shot(number // len(ENCODINGS))
        pixels = cv2.resize(taken, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        option = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
        data = bytes(cv2.imencode(suffix, pixels, option)[1])
        return {"outcome": f"{name} {_judged(suffix, data)}"}

    yield judged


def _counted(files: Sequence[Path]) -> str:
    verdicts = [_judged(file.suffix, file.read_bytes()) for file in files]
    return f"{verdicts.count('told')} of {len(files)} told"


def _judged(suffix: str, data: bytes) -> str:
    with TemporaryDirectory() as folder:
        (Path(folder) / f"picture{suffix}").write_bytes(data)
        made = dedup(list(found_in(Path(folder))), read_place, PARAMS, NOBODY, workers=1)
    return "told" if [row.reason for row in made.quarantine] == ["editor"] else "kept"


def _shot(command: str, wait_s: int, number: int) -> np.ndarray:
    """Show a drawing (or this file) in an editor, and return the whole screen, (H, W, 3) BGR."""
    size, display = SCREENS[number % len(SCREENS)], f":{_FIRST_DISPLAY + number}"
    with TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        shown = Path(__file__) if command == "geany" else home / "picture.png"
        if shown.suffix == ".png":
            draw(scene(number), ("photo", "cartoon")[number % 2], 512).save(shown)
        (home / "rc.xml").write_text(_MAXIMIZED, encoding="utf-8")
        home.chmod(0o700)
        told = {"DISPLAY": display, "HOME": folder, "XDG_RUNTIME_DIR": folder}
        environment = {**os.environ, **told, "QT_QPA_PLATFORM": "xcb"}

        def begin(*words: str, wait_s: float) -> None:
            silence = subprocess.DEVNULL
            process = subprocess.Popen(words, env=environment, stdout=silence, stderr=silence)
            stack.callback(process.wait)
            stack.callback(process.kill)
            time.sleep(wait_s)

        begin("Xvfb", display, "-screen", "0", f"{size}x24", wait_s=1)
        begin("openbox", "--config-file", str(home / "rc.xml"), wait_s=1)
        begin(*command.split(), str(shown), wait_s=wait_s)
        large = "xdotool search --onlyvisible --class . windowmove %@ 0 0 windowsize %@ 100% 100%"
        subprocess.run(large.split(), env=environment, check=False, timeout=20)
        time.sleep(2)
        subprocess.run(["import", "-window", "root", home / "s.png"], env=environment, check=True)
        taken = cv2.imread(str(home / "s.png"))
    return np.asarray(taken)


def _pictures() -> list[Path]:
    """Return the files that are no screenshots, in order.

    Raises:
        ParamsError: no folder is named.
    """
    folders = ("memes", "neardup", "translation", "superres", "emoji")
    root = Path(os.environ.get("MEMEGAN_REAL_DATA", "none"))
    files = [path for name in folders for path in sorted((root / name).rglob("*.*"))]
    found = [path for path in files if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp")]
    if not found:
        raise ParamsError(
            "no folder of real pictures", where="MEMEGAN_REAL_DATA", fix="name one, or use --case"
        )
    return found


BENCH = Trials(
    trial,
    cases={name: {"editor": name} for name in (*EDITORS, "pictures")},
    params={"screens": SCREENS, "encodings": ENCODINGS},
    least=LEAST,
    target="every editor's told, no picture told",
)
