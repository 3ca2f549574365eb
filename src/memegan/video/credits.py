"""How much of a picture is lines of text: rolling credits have much, scenes have little."""

import cv2
import numpy as np

_HIGH_PX = 360  # pictures are looked at no higher than this
_EDGE = 70  # luma step of a stroke's side, 0..255
_LINE = (0.014, 0.1)  # least and greatest height of a line, of the picture's
_LONG = 2.5  # times as long as high
_INK = (0.25, 0.9)  # share of a line that is sides of strokes
_STROKES = 0.8  # light and dark changes for each height of a line along it, at least


def text_share(luma: np.ndarray) -> float:
    """Return the share of the picture, 0..1, that the boxes around its lines of text cover.

    A line is a long, low run of close strokes with steep sides: gradients, closed sideways.
    Measured on generated credits 0.12 to 0.4, on real and drawn scenes 0.02 at most.

    Args:
        luma: (H, W) uint8.
    """
    height, width = luma.shape
    if height > _HIGH_PX:
        size = (max(1, width * _HIGH_PX // height), _HIGH_PX)
        luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        height, width = luma.shape
    square = np.ones((3, 3), np.uint8)
    edges = (cv2.morphologyEx(luma, cv2.MORPH_GRADIENT, square) > _EDGE).astype(np.uint8)
    gap = np.ones((1, max(3, height // 24)), np.uint8)
    runs = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, gap)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(runs, connectivity=4)
    lines = [box for box in boxes[1:].tolist() if _is_line(box, edges, luma, height)]
    return float(sum(wide * high for _, _, wide, high, _ in lines) / (width * height))


def _is_line(box: list[int], edges: np.ndarray, luma: np.ndarray, height: int) -> bool:
    x, y, wide, high, _ = box
    if not _LINE[0] * height <= high <= _LINE[1] * height or wide < _LONG * high:
        return False
    part = luma[y : y + high, x : x + wide]
    ink = float(edges[y : y + high, x : x + wide].mean())
    if not _INK[0] <= ink <= _INK[1]:
        return False
    light = (
        part[high // 4 : max(high // 4 + 1, 3 * high // 4)]
        > (int(part.min()) + int(part.max())) / 2
    )
    strokes = float(np.abs(np.diff(light.astype(np.int8), axis=1)).sum(axis=1).mean())
    return strokes >= _STROKES * wide / high
