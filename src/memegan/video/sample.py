"""Which frames of a video are kept, and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from memegan.video.params import FramesParams
from memegan.video.read import Reading, read, rgb
from memegan.video.shots import Shot, find_shots


@dataclass(frozen=True)
class Sampled:
    """A sampled frame: its pixels where it is kept, its reason where it is not."""

    pts: int
    time: Fraction
    shot: int
    reason: str
    pixels: np.ndarray | None  # (H, W, 3) uint8


@dataclass(frozen=True)
class Sampling:
    """All that one video gave."""

    reading: Reading
    shots: list[Shot]
    times: list[tuple[int, Fraction]]  # (pts, seconds) of every frame
    frames: list[Sampled]


def sample(data: bytes, p: FramesParams) -> Sampling:
    """Sample a video by presentation time: the same times on every machine.

    Two passes: the first sees every frame small and finds shots and bars, the second converts
    only the chosen frames to RGB.
    """
    reading = Reading()
    thumbs, times, keys = [], [], []
    brightest = None
    for frame in read(data, reading):
        thumbs.append(frame.thumb)
        times.append((frame.pts, frame.time))
        keys.append(frame.is_key)
        luma = frame.thumb[..., 0]
        if brightest is None:
            brightest = luma.copy()
        np.maximum(brightest, luma, out=brightest)
    stack = np.stack(thumbs) if thumbs else np.zeros((0, 36, 64, 3), np.uint8)
    seconds = [time for _, time in times]
    shots = find_shots(stack, seconds, p.cut_luma, p.cut_histogram, p.flash_s)
    chosen = _choose(seconds, keys, shots, p)
    frames = _convert(data, times, chosen, shots, stack, p)
    return Sampling(reading, shots, times, frames)


def _choose(
    times: Sequence[Fraction], keys: Sequence[bool], shots: Sequence[Shot], p: FramesParams
) -> list[int]:
    """Return the indices of the sampled frames."""
    match p.sample:
        case "keyframes":
            return [n for n, key in enumerate(keys) if key]
        case "per_shot":
            spots = [
                s.first + (s.last - s.first) * (2 * k + 1) // (2 * p.per_shot)
                for s in shots
                for k in range(p.per_shot)
            ]
            return sorted(set(spots))
    step = Fraction(str(p.every_s)) if p.sample == "every_s" else 1 / Fraction(str(p.fps))
    chosen, wanted = [], Fraction(0)
    for n, time in enumerate(times):
        if time >= wanted:  # the first frame at or after k * step
            chosen.append(n)
            wanted = (time // step + 1) * step
    return chosen


def _convert(
    data: bytes,
    times: Sequence[tuple[int, Fraction]],
    chosen: Sequence[int],
    shots: Sequence[Shot],
    thumbs: np.ndarray,
    p: FramesParams,
) -> list[Sampled]:
    wanted, found = set(chosen), []
    rows = _content_rows(thumbs, p.black_luma) if p.crop_bars else None
    last: np.ndarray | None = None
    shot_of = np.zeros(len(times), np.int64)
    for number, shot in enumerate(shots):
        shot_of[shot.first : shot.last + 1] = number
    for n, frame in enumerate(read(data, Reading())):
        if n not in wanted:
            continue
        thumb = thumbs[n]
        reason = _drop(thumb, last, p)
        pixels = None
        if not reason:
            pixels = _cropped(rgb(frame), rows)
            if p.min_sharpness and _sharpness(pixels) < p.min_sharpness:
                reason, pixels = "blurred", None
            else:
                last = thumb
        found.append(Sampled(frame.pts, frame.time, int(shot_of[n]), reason, pixels))
    return found


def _drop(thumb: np.ndarray, last: np.ndarray | None, p: FramesParams) -> str:
    luma = thumb[..., 0]
    if luma.max() < p.black_luma:
        return "black"
    if luma.min() > p.white_luma:
        return "white"
    if last is not None:
        change = np.abs(luma.astype(np.int16) - last[..., 0].astype(np.int16)).max()
        if change <= p.repeat_luma:
            return "repeat"
    return ""


def _content_rows(thumbs: np.ndarray, black: float) -> tuple[float, float] | None:
    """Return the share of the height where bars end and begin, or None where there are none.

    Flash frames reach into bars in no known player, but may in a file: the 90th percentile over
    time is used, not the maximum.
    """
    if len(thumbs) == 0:
        return None
    bright = np.percentile(thumbs[..., 0], 90, axis=0).max(axis=1)  # (36,)
    lit = np.flatnonzero(bright > black + 16)
    if len(lit) == 0 or (lit[0] == 0 and lit[-1] == len(bright) - 1):
        return None
    return float(lit[0] / len(bright)), float((lit[-1] + 1) / len(bright))


def _cropped(pixels: np.ndarray, rows: tuple[float, float] | None) -> np.ndarray:
    """Cut bars off to the pixel, near where the small planes saw them end."""
    if rows is None:
        return pixels
    height = len(pixels)
    row = pixels.max(axis=(1, 2))
    slack = height // 36 + 1
    top, bottom = round(rows[0] * height), round(rows[1] * height)
    while top > 0 and top > rows[0] * height - slack and row[top - 1] > 40:
        top -= 1
    while top < bottom - 1 and row[top] <= 40 and top < rows[0] * height + slack:
        top += 1
    while bottom < height and bottom < rows[1] * height + slack and row[bottom] > 40:
        bottom += 1
    while bottom > top + 1 and row[bottom - 1] <= 40 and bottom > rows[1] * height - slack:
        bottom -= 1
    return np.ascontiguousarray(pixels[top:bottom])


def _sharpness(pixels: np.ndarray) -> float:
    """Variance of the Laplacian of the gray picture (Pech-Pacheco 2000)."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var())
