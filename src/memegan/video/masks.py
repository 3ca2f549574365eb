"""Rectangles that hide what is not the picture: a channel's logo, subtitles."""

from collections.abc import Sequence

import cv2
import numpy as np

from memegan.video.params import Mask

_REACH_PX = 3  # of what lies around a pixel that is filled in


def covered(height: int, width: int, masks: Sequence[Mask], turns: int = 0) -> np.ndarray:
    """Return (height, width) bool: true where a picture is hidden.

    A side that ends between two pixels hides both.

    Args:
        turns: quarter turns, against the clock, by which the picture is shown; the masks are of
            the picture as shown.
    """
    hidden = np.zeros((width, height) if turns % 2 else (height, width), bool)
    high, wide = hidden.shape
    for mask in masks:
        rows = slice(int(mask.top * high), -int(-mask.bottom * high // 1))
        hidden[rows, int(mask.left * wide) : -int(-mask.right * wide // 1)] = True
    return np.rot90(hidden, -turns)


def filled(pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) uint8, the hidden part made up from what lies around it (Telea 2004)."""
    if not hidden.any():
        return pixels
    return cv2.inpaint(pixels, hidden.astype(np.uint8), _REACH_PX, cv2.INPAINT_TELEA)
