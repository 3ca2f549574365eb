"""Which square of a picture to keep: the one where most is drawn."""

import cv2
import numpy as np

_SMALL_PX = 96  # short side at which detail is looked for
_MIDDLE = 0.25  # how much less a square at the edge counts than the middle one


def square_of_most_detail(pixels: np.ndarray) -> tuple[int, int]:
    """Return top and left of the square, as wide as the short side, that holds the most detail.

    Detail is the strength of edges in light and colour, so letters and faces draw the square and
    sky does not; of squares that hold nearly as much, the one nearer to the middle is taken.

    Args:
        pixels: (H, W, 3) uint8.
    """
    height, width = pixels.shape[:2]
    share = min(1.0, _SMALL_PX / min(height, width))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    across, down = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    detail = np.sqrt((across**2 + down**2).sum(-1))  # a root: one hard edge is not everything
    along = detail.sum(0 if width >= height else 1, dtype=np.float64)
    side, room = min(size), max(size) - min(size)
    inside = np.concatenate([[0.0], np.cumsum(along)])
    held = inside[side:] - inside[: room + 1]
    off = np.abs(np.arange(room + 1) - room / 2) / max(1.0, room / 2)
    best = int(np.argmax(held * (1 - _MIDDLE * off)))
    if not room or held.max() <= 0:
        best = room // 2
    free = abs(width - height)
    start = round(best * free / room) if room else free // 2
    return (0, start) if width >= height else (start, 0)
