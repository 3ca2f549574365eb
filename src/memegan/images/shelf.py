"""Thumbnails by the thousand: on disk while they are not looked at, so that memory stays flat."""

from tempfile import TemporaryFile
from threading import Lock
from types import TracebackType

import numpy as np

from memegan.images.features import THUMB_PX, Small
from memegan.images.views import views

_BYTES = THUMB_PX * THUMB_PX


class Shelf:
    """What was seen of pictures, in the order of `add`; several threads may read at once."""

    def __init__(self) -> None:
        self.views: list[np.ndarray] = []
        self.frame_text: list[float] = []
        self._places: list[tuple[int, int]] = []  # of thumb and inner; the same where no frame is
        self._end = 0
        self._lock = Lock()

    def __enter__(self) -> "Shelf":
        self._file = TemporaryFile()  # closed in __exit__
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.views)

    def add(self, seen: Small) -> None:
        """Take the next picture."""
        self.views.append(views(seen.thumb, seen.inner))
        self.frame_text.append(seen.frame_text)
        thumb = self._write(seen.thumb)
        self._places.append((thumb, thumb if seen.inner is None else self._write(seen.inner)))

    def thumb(self, picture: int, inner: bool) -> np.ndarray:
        """Return what is seen of a picture, or of what lies in its frame, (128, 128) uint8."""
        with self._lock:
            self._file.seek(_BYTES * self._places[picture][inner])
            data = self._file.read(_BYTES)
        return np.frombuffer(data, np.uint8).reshape(THUMB_PX, THUMB_PX)

    def _write(self, thumb: np.ndarray) -> int:
        self._file.seek(0, 2)
        self._file.write(thumb.tobytes())
        self._end += 1
        return self._end - 1
