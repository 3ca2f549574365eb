"""Files by what they hold, put there by whichever process."""

import hashlib
import os
from pathlib import Path


class Files:
    """A folder of files, each under its sha256, in 256 folders by the first two digits."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._root = folder, str(folder)

    def prepare(self) -> None:
        """Make the folders, and remove what a killed process left half written."""
        for number in range(256):
            (self.folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        for part in self.folder.glob("*/*.part"):
            part.unlink(missing_ok=True)  # its process may be about to end

    def path(self, sha256: str) -> Path:
        """Return where a file lies, if it is there."""
        return Path(self._name(sha256))

    def has(self, sha256: str) -> bool:
        """Tell whether a file is there."""
        return os.path.exists(self._name(sha256))  # noqa: PTH110 - a path object costs more

    def size(self, sha256: str) -> int:
        """Return the bytes of a file that is there."""
        return os.path.getsize(self._name(sha256))  # noqa: PTH202 - as above

    def read(self, sha256: str) -> bytes:
        """Return a file that is there."""
        with open(self._name(sha256), "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.read()

    def put(self, data: bytes) -> tuple[str, bool]:
        """Keep a file, written beside and then renamed; return its sha256 and whether it is new."""
        sha256 = hashlib.sha256(data).hexdigest()
        is_new = not self.has(sha256)
        if is_new:
            path = self._name(sha256)
            part = f"{path}.{os.getpid()}.part"
            try:
                with open(part, "wb") as file:  # noqa: PTH123 - as above
                    file.write(data)
                os.replace(part, path)  # noqa: PTH105 - as above
            except OSError:  # the disk is full
                Path(part).unlink(missing_ok=True)
                raise
        return sha256, is_new

    def _name(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}"
