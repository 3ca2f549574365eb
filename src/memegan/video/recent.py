"""The last seconds of a video as thumbs, so that a pass needs no more memory for a longer one."""

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from memegan.video.likeness import is_blank

_SPARE = 64  # frames let go at once


@dataclass
class Recent:
    """Thumbs, (36, 64, 3) uint8 of Y, U, V, and times of the last frames, by frame number.

    Args:
        kept_s: what is younger is there.
        kept: so many of the last frames are there however long they are shown.
    """

    kept_s: float
    kept: int = 16
    count: int = 0  # of all frames seen
    first: int = 0  # the oldest frame that is still there
    _thumbs: list[np.ndarray] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _blank: list[bool] = field(default_factory=list)

    def add(self, thumb: np.ndarray, time_s: float) -> None:
        """Take the next frame."""
        self._blank.append(is_blank(thumb))
        self._thumbs.append(thumb)
        self._times.append(time_s)
        self.count += 1
        old = len(self._times) - self.kept - _SPARE
        if old >= 0 and self._times[old + _SPARE] < time_s - self.kept_s:
            del self._times[:_SPARE], self._thumbs[:_SPARE], self._blank[:_SPARE]
            self.first += _SPARE

    def thumb(self, n: int) -> np.ndarray:
        return self._thumbs[n - self.first]

    def is_blank(self, n: int) -> bool:
        return self._blank[n - self.first]

    def time_s(self, n: int) -> float:
        return self._times[n - self.first]

    def since(self, n: int, span_s: float) -> int:
        """Return the oldest frame that is there and at most `span_s` older than frame `n`."""
        oldest = self._times[n - self.first] - span_s
        return self.first + bisect_left(self._times, oldest, hi=n - self.first)
