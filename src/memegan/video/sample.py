"""Which frames of a video are kept, and why the others are not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO

import cv2
import numpy as np

from memegan.video.bars import BarFinder
from memegan.video.params import FramesParams
from memegan.video.read import ROUGH, Box, Reading, read, thumb
from memegan.video.shots import Shot, ShotFinder

_BARS_EVERY = 4  # frames: bars stand still
Open = Callable[[], BinaryIO]


@dataclass(frozen=True)
class Sampled:
    """A sampled frame: its pixels where it is kept, its reason where it is not."""

    pts: int
    time: Fraction
    shot: int
    reason: str
    pixels: np.ndarray | None  # (H, W, 3) uint8


@dataclass
class Survey:
    """What one pass over a video tells: a few numbers a frame, no pictures."""

    reading: Reading = field(default_factory=Reading)
    pts: list[int] = field(default_factory=list)
    times: list[Fraction] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)
    mixed: list[tuple[int, int]] = field(default_factory=list)  # first and last frame of each
    box: Box | None = None


def survey(open_video: Open, p: FramesParams) -> Survey:
    """Read a video once, small: its times, shots and bars, and whether it is whole."""
    found, bars = Survey(), BarFinder()
    finder = ShotFinder(p.cut_luma, p.flash_s, p.same_scene)
    with open_video() as file:
        for frame in read(file, found.reading, ROUGH):
            planes = frame.planes()
            finder.see(thumb(planes), frame.time)
            if p.crop_bars and len(found.pts) % _BARS_EVERY == 0:
                bars.see(planes[0])
            found.pts.append(frame.pts)
            found.times.append(frame.time)
            found.keys.append(frame.is_key)
    (found.shots, found.mixed), found.box = finder.finish(), bars.box()
    return found


def sample(open_video: Open, seen: Survey, p: FramesParams) -> Iterator[Sampled]:
    """Yield the sampled frames, one at a time: the same times on every machine.

    Only what is kept is converted to RGB; the reading ends with the last frame that is wanted.
    """
    wanted = choose(seen.times, seen.keys, seen.shots, p)
    shot_of = {n: k for k, s in enumerate(seen.shots) for n in range(s.first, s.last + 1)}
    left, last = set(wanted), None
    with open_video() as file:
        for n, frame in enumerate(read(file, Reading())):
            if not left:
                return
            if n not in left:
                continue
            left.remove(n)
            luma = thumb(frame.planes())[..., 0].astype(np.int16)
            reason, pixels = _drop(luma, last, p), None
            if not reason:
                pixels = frame.rgb(seen.box)
                if p.min_sharpness and _sharpness(pixels) < p.min_sharpness:
                    reason, pixels = "blurred", None
                else:
                    last = luma
            yield Sampled(frame.pts, frame.time, shot_of[n], reason, pixels)


def choose(
    times: Sequence[Fraction], keys: Sequence[bool], shots: Sequence[Shot], p: FramesParams
) -> list[int]:
    """Return the indices of the sampled frames, ascending.

    For `per_shot` these are the middles of so many equal parts; a shorter shot gives all it has.
    For `every_s` and `fps` these are the first frames at or after 0, 1, 2, ... steps; a step in
    which there is no frame gives none.
    """
    match p.sample:
        case "keyframes":
            return [n for n, key in enumerate(keys) if key]
        case "per_shot":
            spots = {
                s.first + ((s.last - s.first + 1) * (2 * k + 1) - 1) // (2 * p.per_shot)
                for s in shots
                for k in range(p.per_shot)
            }
            return sorted(spots)
    step = Fraction(str(p.every_s)) if p.sample == "every_s" else 1 / Fraction(str(p.fps))
    chosen, wanted = [], Fraction(0)
    for n, time in enumerate(times):
        if time >= wanted:
            chosen.append(n)
            wanted = (time // step + 1) * step
    return chosen


def _drop(luma: np.ndarray, last: np.ndarray | None, p: FramesParams) -> str:
    """Return why a frame is left out, from its (36, 64) luma and that of the last one kept."""
    if luma.max() < p.black_luma:
        return "black"
    if luma.min() > p.white_luma:
        return "white"
    if last is not None and np.abs(luma - last).max() <= p.repeat_luma:
        return "repeat"
    return ""


def _sharpness(pixels: np.ndarray) -> float:
    """Variance of the Laplacian of the gray picture (Pech-Pacheco et al. 2000)."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var())
