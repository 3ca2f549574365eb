"""The demo's episodes: small VP9 files with known cuts. python -m memegan.demo.videos FOLDER

They are committed beside this file; `cuts.csv` lists the first frame of each shot, its time and
what begins it. Encoders differ between builds, so the files are the truth and this is how they
were made.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from memegan.demo.world import draw, scene, shifted

WIDTH, HEIGHT, BAR, FPS = 240, 180, 22, 12


@dataclass(frozen=True)
class Take:
    """One shot: a scene that pans by `pan` of its width, or stands still."""

    scene: int
    frames: int
    pan: float = 0.0
    begins: str = "cut"
    flash_at: int | None = None  # two white frames, which are no cut


EPISODES: dict[str, tuple[bool, tuple[Take, ...]]] = {  # name -> (letterboxed, takes)
    "0": (
        False,
        (
            Take(70_001, 30, 0.10, "start"),
            Take(70_002, 24, 0.0, flash_at=10),
            Take(70_003, 30, -0.12),
            Take(70_004, 26, 0.08, "fade"),
            Take(70_005, 36, 0.0),
            Take(70_006, 20, 0.15, flash_at=12),
        ),
    ),
    "1": (
        True,
        (
            Take(70_011, 30, 0.0, "start"),
            Take(70_012, 30, 0.1),
            Take(70_013, 24, -0.1, flash_at=8),
            Take(70_014, 30, 0.0, "fade"),
        ),
    ),
    "2": (
        False,
        (
            Take(70_021, 28, 0.1, "start"),
            Take(70_022, 28, 0.0, flash_at=14),
            Take(70_023, 28, 0.1),
            Take(70_024, 24, -0.1),
        ),
    ),
}
VARIABLE = {"2"}  # episodes whose frames are shown for unequal times


def frames(takes: tuple[Take, ...], letterbox: bool) -> Iterator[np.ndarray]:
    """Yield frames (HEIGHT, WIDTH, 3) uint8; each drawing is held for two, as cartoons are."""
    for take in takes:
        base = scene(take.scene)
        picture = np.empty(0)
        for n in range(take.frames):
            if n % 2 == 0:
                moved = shifted(base, take.pan * n / take.frames)
                image = draw(moved, "cartoon", WIDTH).crop((0, 0, WIDTH, HEIGHT))
                picture = np.asarray(image).copy()
            shown = picture.copy()
            if take.begins == "fade":
                shown = (shown * min(1.0, n / 8)).astype(np.uint8)
            if take.flash_at is not None and take.flash_at <= n < take.flash_at + 2:
                shown[:] = 255
            if letterbox:
                shown[:BAR] = shown[-BAR:] = 0
            yield shown


def time_ms(frame: int, is_variable: bool) -> int:
    """Return when a frame is shown; a variable episode holds every fifth three times as long."""
    held = frame + (2 * (frame // 5) if is_variable else 0)
    return held * round(1000 / FPS)


def encode(path: Path, pictures: Iterator[np.ndarray], is_variable: bool) -> None:
    """Write a WebM (VP9), the frames shown at `time_ms`."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "30", "b": "0", "row-mt": "0"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time_ms(number, is_variable), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main(folder: Path) -> None:
    """Write all episodes and cuts.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "cuts.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["video", "frame", "time_s", "begins"])
        for name, (letterbox, takes) in EPISODES.items():
            encode(folder / f"{name}.webm", frames(takes, letterbox), name in VARIABLE)
            at = 0
            for take in takes:
                time_s = time_ms(at, name in VARIABLE) / 1000
                table.writerow([f"{name}.webm", at, time_s, take.begins])
                at += take.frames


if __name__ == "__main__":
    main(Path(sys.argv[1]))
