"""Black bars around a picture: one box for a whole video, exact to the pixel."""

import numpy as np

from memegan.video.read import Box

_LIT = 40  # luma above it is picture; black is 16 in video range
_SHARE = 0.1  # of the frames: less is a flash or noise
_LEAST = 0.5  # of a side: a smaller rest is a small thing on black, no picture between bars
_UNEVEN = 1 / 36  # of a side: bars of a film are alike; darkness on one side is the picture's own


class BarFinder:
    """Sees the luma of every frame, remembers a count for each row and column."""

    def __init__(self) -> None:
        self._rows: np.ndarray | None = None
        self._columns: np.ndarray | None = None
        self._frames = 0

    def see(self, luma: np.ndarray) -> None:
        """Take one frame, (H, W) uint8; frames of another size than the first are left out."""
        if self._rows is None or self._columns is None:
            self._rows, self._columns = (np.zeros(side, np.int64) for side in luma.shape)
        if luma.shape == (len(self._rows), len(self._columns)):
            self._rows += luma.max(axis=1) > _LIT
            self._columns += luma.max(axis=0) > _LIT
            self._frames += 1

    def box(self) -> Box | None:
        """Return where the picture lies, or None where there are no bars."""
        if self._rows is None or self._columns is None:
            return None
        sides = [_bounds(count, self._frames) for count in (self._rows, self._columns)]
        (top, bottom), (left, right) = sides
        whole = (0, len(self._rows), 0, len(self._columns))
        return None if (top, bottom, left, right) == whole else (top, bottom, left, right)


def _bounds(lit: np.ndarray, frames: int) -> tuple[int, int]:
    inside = np.flatnonzero(lit > _SHARE * frames)
    if len(inside) == 0:
        return 0, len(lit)
    first, end = int(inside[0]), int(inside[-1]) + 1
    uneven = abs(first - (len(lit) - end)) > _UNEVEN * len(lit) + 2
    return (0, len(lit)) if uneven or end - first < _LEAST * len(lit) else (first, end)
