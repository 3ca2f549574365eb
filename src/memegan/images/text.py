"""How much of a picture is text, and how high its letters are: found by their shapes alone.

No letters are read. Strokes that are lighter or darker than what is around them are cut out;
parts that are alike in height and stand side by side are a line of text.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from memegan.errors import DataError
from memegan.images.look import Read, whole
from memegan.images.ordered import ordered_map
from memegan.images.params import ResizeParams
from memegan.images.progress import told
from memegan.images.resize import stored_height
from memegan.media import BadMedia
from memegan.records import KeptRow, TextRow

WORK_PX = 480  # long side at which letters are looked for
_LEAST_PX = 5  # height of a letter there; lower ones cannot be told from noise
_MOST = 0.3  # of the picture's height
_CONTRAST = 40  # gray levels between a stroke and its ground
_STROKE_PX = 25  # wider strokes are none
_LETTERS = 4  # that make a line
READABLE_PX = 8  # of a letter: below it, no filter keeps a text readable (docs/resize.md)
_UNEVEN = 0.12  # of a letter's height: how far from one base line letters may stand


@dataclass(frozen=True)
class Text:
    """What was found: shares of the picture, 0..1; all 0 where there is no line."""

    lines: int
    area: float  # of the boxes around the lines
    height: float  # of the median letter, as a share of the picture's height


@dataclass(frozen=True)
class _Line:
    box: tuple[int, int, int, int]  # left, top, right, bottom
    heights: np.ndarray


def find_text(pixels: np.ndarray) -> Text:
    """Find the lines of text in (H, W, 3) uint8.

    The height is that of a median letter (of capitals where there are mostly capitals). Letters
    below 1 % or above 30 % of the picture's height, slanted and handwritten ones are often missed.
    """
    gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    share = min(1.0, WORK_PX / max(gray.shape))
    if share < 1:
        size = (max(1, round(gray.shape[1] * share)), max(1, round(gray.shape[0] * share)))
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    height, width = gray.shape
    found = [line for mask in _strokes(gray) for line in _lines(_parts(mask, height))]
    kept = _without_doubles(found)
    if not kept:
        return Text(0, 0.0, 0.0)
    covered = np.zeros((height, width), bool)
    for line in kept:
        left, top, right, bottom = line.box
        covered[top:bottom, left:right] = True
    letters = np.concatenate([line.heights for line in kept])
    return Text(len(kept), float(covered.mean()), float(np.median(letters)) / height)


def measure(rows: Sequence[KeptRow], read: Read, p: ResizeParams, workers: int) -> list[TextRow]:
    """Return the rows of text.csv, sorted by id: how high letters are at the stored size.

    Raises:
        DataError: a file that dedup could read cannot be read now.
    """

    def work(row: KeptRow) -> TextRow:
        longest = max(row.width_px, row.height_px, 1)
        short = math.ceil(WORK_PX / 2 * min(row.width_px, row.height_px) / longest)
        try:
            pixels = whole(row, read(row), at_least_px=max(1, short))
        except (BadMedia, ValueError) as error:
            raise DataError(
                f"a kept picture cannot be read: {error}",
                where=f"{row.pack} at {row.offset}",
                fix="run: dvc checkout, or dvc repro -f scrape",
            ) from error
        found = find_text(pixels)
        text_px = found.height * stored_height(pixels.shape[1], pixels.shape[0], p)
        needs = math.ceil(p.size_px * READABLE_PX / text_px) if text_px else 0
        share = round(found.area, 4)
        return TextRow(row.id, found.lines, share, round(text_px, 2), needs)

    ordered = sorted(rows, key=lambda row: row.id)
    measured = ordered_map(work, ordered, workers)
    return list(told(measured, "pictures searched for text", len(ordered)))


def _strokes(gray: np.ndarray) -> list[np.ndarray]:
    """Masks of strokes lighter and darker than their ground, and of white and black ones.

    Between two outlined letters a bit of the ground is closed in and looks like a stroke; it is
    seldom as white as they are.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (_STROKE_PX, _STROKE_PX))
    masks = []
    for kind, pure in ((cv2.MORPH_TOPHAT, gray >= 235), (cv2.MORPH_BLACKHAT, gray <= 20)):
        stands_out = cv2.morphologyEx(gray, kind, kernel)
        level = max(_CONTRAST, cv2.threshold(stands_out, 0, 1, cv2.THRESH_OTSU)[0])
        mask = stands_out > level
        masks += [mask.astype(np.uint8), (mask & pure).astype(np.uint8)]
    return masks


def _parts(mask: np.ndarray, height: int) -> np.ndarray:
    """Boxes of what may be letters, (N, 4) int: left, top, width, height."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    wide, high, area = stats[1:, 2:].T
    fill = area / np.maximum(1, wide * high)
    fits = (high >= _LEAST_PX) & (high <= _MOST * height) & (wide <= 1.8 * high)
    fits &= (wide >= 0.08 * high) & (fill >= 0.15) & ((fill <= 0.9) | (wide < 0.5 * high))
    boxes: np.ndarray = stats[1:][fits][:, :4]
    return boxes


def _lines(boxes: np.ndarray) -> list[_Line]:
    """Join neighbours of like height on one base; keep what is as long as a word."""
    if len(boxes) < _LETTERS:
        return []
    left, top, wide, high = boxes.T.astype(np.float64)
    right, bottom = left + wide, top + high
    taller = np.maximum(high[:, None], high[None])
    shorter = np.minimum(high[:, None], high[None])
    overlap = np.minimum(bottom[:, None], bottom[None]) - np.maximum(top[:, None], top[None])
    gap = np.maximum(left[:, None], left[None]) - np.minimum(right[:, None], right[None])
    joined = (overlap >= 0.6 * shorter) & (taller <= 1.7 * shorter)
    joined &= (gap <= 0.9 * taller) & (gap >= -0.2 * taller)
    numbers = _components(joined)
    found, counts = np.unique(numbers, return_counts=True)
    lines = []
    for number in found[counts >= _LETTERS]:
        chosen = numbers == number
        box = (left[chosen].min(), top[chosen].min(), right[chosen].max(), bottom[chosen].max())
        typical = float(np.median(high[chosen]))
        is_line = box[2] - box[0] >= 2 * typical and box[3] - box[1] <= 2.2 * typical
        if is_line and _spread(bottom[chosen]) <= _UNEVEN * typical:
            lines.append(_Line((int(box[0]), int(box[1]), int(box[2]), int(box[3])), high[chosen]))
    return lines


def _spread(values: np.ndarray) -> float:
    """Median distance from the median: descenders and a stray part do not count."""
    return float(np.median(np.abs(values - np.median(values))))


def _components(joined: np.ndarray) -> np.ndarray:
    """Number the connected parts of a symmetric (N, N) bool matrix by their least member."""
    numbers = np.arange(len(joined))
    while True:
        lower = np.where(joined, numbers[None], len(joined)).min(1)
        lower = np.minimum(lower, numbers)
        if np.array_equal(lower, numbers):
            return numbers
        numbers = lower


def _without_doubles(found: list[_Line]) -> list[_Line]:
    """Of lines found in several masks (an outlined letter is light and dark), keep the fullest."""
    kept: list[_Line] = []
    for line in sorted(found, key=lambda one: (-(one.heights**2).sum(), one.box)):
        if not any(_shared(line.box, other.box) > 0.3 for other in kept):
            kept.append(line)
    return kept


def _shared(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    """Area that two boxes share, of the smaller one's."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    least = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return max(0, wide) * max(0, high) / max(1, least)
