"""Which frames of a video are kept, and why the others are not."""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO

import cv2
import numpy as np

from memegan.video.bars import BarFinder
from memegan.video.credits import text_share
from memegan.video.interlaced import deinterlaced
from memegan.video.masks import covered
from memegan.video.params import FramesParams
from memegan.video.read import ROUGH, Box, Frame, Reading, read, thumb
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
    is_interlaced: bool = False


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
            found.is_interlaced |= bool(frame.raw.interlaced_frame)
    (found.shots, found.mixed), found.box = finder.finish(), bars.box()
    return found


def sample(open_video: Open, seen: Survey, p: FramesParams) -> Iterator[Sampled]:
    """Yield the sampled frames, one at a time: the same times on every machine.

    Only what is kept is converted to RGB; the reading ends with the last frame that is wanted.
    """
    wanted = set(choose(seen.times, seen.keys, seen.shots, p))
    shot_of = {n: k for k, s in enumerate(seen.shots) for n in range(s.first, s.last + 1)}
    filters = _Filters(p, {n for a, b in seen.mixed for n in range(a, b + 1)})
    with open_video() as file:
        frames = read(file, Reading())
        for n, frame in enumerate(deinterlaced(frames) if seen.is_interlaced else frames):
            if n in wanted:
                reason, pixels = filters.judge(n, frame, seen.box)
                yield Sampled(frame.pts, frame.time, shot_of[n], reason, pixels)
                wanted.remove(n)
            if not wanted:
                return


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
    step = p.every_s if p.sample == "every_s" else 1 / p.fps
    chosen, wanted = [], Fraction(0)
    for n, time in enumerate(times):
        if time >= wanted:
            chosen.append(n)
            wanted = (time // step + 1) * step
    return chosen


class _Filters:
    """Judges the sampled frames of one video in their order; remembers the last one kept.

    What costs least comes first: small luma, then the whole luma plane, then RGB.

    Args:
        mixed: numbers of the frames within fades and dissolves.
    """

    def __init__(self, p: FramesParams, mixed: Container[int]) -> None:
        self.p, self.mixed = p, mixed
        self._last: np.ndarray | None = None

    def judge(self, n: int, frame: Frame, box: Box | None) -> tuple[str, np.ndarray | None]:
        """Return ('', pixels) of a frame that is kept, else (reason, None)."""
        luma = self._seen(frame)
        reason, pixels = self._drop(n, luma, frame), None
        if not reason:
            pixels = frame.rgb(box, self._hidden(frame))
            if self.p.min_sharpness and _sharpness(pixels) < self.p.min_sharpness:
                reason, pixels = "blurred", None
        if not reason:
            self._last = luma
        return reason, pixels

    def _drop(self, n: int, luma: np.ndarray, frame: Frame) -> str:
        """Return why a frame is left out, from its small luma and that of the last one kept."""
        if luma.max() < self.p.black_luma:
            return "black"
        if luma.min() > self.p.white_luma:
            return "white"
        if self._last is not None and np.abs(luma - self._last).max() <= self.p.repeat_luma:
            return "repeat"
        if n in self.mixed and not self.p.keep_fades:
            return "fade"
        if self.p.max_text < 1 and text_share(frame.planes()[0]) > self.p.max_text:
            return "credits"
        return ""

    def _seen(self, frame: Frame) -> np.ndarray:
        """Return the small luma of what no mask hides, (N,) int16: never empty."""
        luma = thumb(frame.planes())[..., 0].astype(np.int16)
        height, width = luma.shape
        shown = ~covered(height, width, self.p.masks, frame.turns)
        return luma[shown] if shown.any() else luma.ravel()

    def _hidden(self, frame: Frame) -> np.ndarray | None:
        if not self.p.masks:
            return None
        return covered(frame.raw.height, frame.raw.width, self.p.masks, frame.turns)


def _sharpness(pixels: np.ndarray) -> float:
    """Variance of the Laplacian of the gray picture (Pech-Pacheco et al. 2000)."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var())
