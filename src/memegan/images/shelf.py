"""Thumbnails by the thousand: on disk while they are not looked at, so that memory stays flat."""

from tempfile import TemporaryFile
from threading import Lock
from types import TracebackType

import numpy as np

from memegan.images.features import CHROMA_PX, THUMB_PX, Small
from memegan.images.views import views

_GRAY = THUMB_PX * THUMB_PX
_BYTES = _GRAY + 2 * CHROMA_PX * CHROMA_PX


class Shelf:
    """What was seen of pictures, in the order of `add`; several threads may read at once."""

    def __init__(self) -> None:
        self.views: list[np.ndarray] = []
        self.frame_text: list[float] = []
        self._places: list[tuple[int, int]] = []  # whole and inner; the same where no frame is
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
        whole = inner = self._write(seen.thumb, seen.chroma)
        if seen.inner is not None and seen.inner_chroma is not None:
            inner = self._write(seen.inner, seen.inner_chroma)
        self._places.append((whole, inner))

    def thumb(self, picture: int, inner: bool) -> np.ndarray:
        """Return what is seen of a picture, or of what lies in its frame, (128, 128) uint8."""
        data = self._read(self._places[picture][inner] * _BYTES, _GRAY)
        return np.frombuffer(data, np.uint8).reshape(THUMB_PX, THUMB_PX)

    def chroma(self, picture: int, inner: bool) -> np.ndarray:
        """Return its colours, likewise, (2, 32, 32) uint8 Cr and Cb."""
        data = self._read(self._places[picture][inner] * _BYTES + _GRAY, _BYTES - _GRAY)
        return np.frombuffer(data, np.uint8).reshape(2, CHROMA_PX, CHROMA_PX)

    def _read(self, start: int, count: int) -> bytes:
        with self._lock:
            self._file.seek(start)
            return self._file.read(count)

    def _write(self, thumb: np.ndarray, chroma: np.ndarray) -> int:
        self._file.seek(0, 2)
        self._file.write(thumb.tobytes() + chroma.tobytes())
        self._end += 1
        return self._end - 1
