"""What must not be used: data/takedown.csv (asked to be removed) and data/blocklist.csv."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from memegan.tables import column, read_table

TAKEDOWN = Path("data/takedown.csv")
BLOCKLIST = Path("data/blocklist.csv")
Reason = Literal["", "takedown", "blocklisted"]
_DIGITS = {"sha256": 64, "phash": 16}


@dataclass(frozen=True)
class TakedownRow:
    """data/takedown.csv and data/blocklist.csv: one thing that must not be used."""

    kind: Literal["url", "post", "sha256", "phash"] = column("what `value` is", "url")
    value: str = column(
        "url, post_id, 64 hex digits, or 16 hex digits", "http://demo.invalid/x.png"
    )
    reason: str = column("why, for people", "asked by the author")

    def __post_init__(self) -> None:
        digits = _DIGITS.get(self.kind, 0)
        if digits and not re.fullmatch(f"[0-9a-f]{{{digits}}}", self.compared):
            raise ValueError(f"'{self.value}' is no {self.kind}: it needs {digits} hex digits")

    @property
    def compared(self) -> str:
        """What files are compared with; a digest in capitals is the same digest."""
        value = self.value.strip()
        return value.lower() if self.kind in _DIGITS else value


@dataclass(frozen=True)
class Banned:
    """Both lists; `reason` answers for one file."""

    takedown: frozenset[tuple[str, str]]
    blocklist: frozenset[tuple[str, str]]

    @classmethod
    def load(cls, root: Path = Path()) -> "Banned":
        """Read both lists below `root`; a missing file is an empty list.

        Raises:
            DataError: a list cannot be read, or a digest in it is none.
        """
        return cls(_read(root / TAKEDOWN), _read(root / BLOCKLIST))

    def reason(self, *, urls: Iterable[str] = (), post_id: str = "", sha256: str = "") -> Reason:
        """Return the reason code for a file that either list names, else an empty text."""
        names = {("url", url) for url in urls} | {("post", post_id), ("sha256", sha256)}
        if names & self.takedown:
            return "takedown"
        return "blocklisted" if names & self.blocklist else ""

    def hashes(self) -> dict[int, Reason]:
        """Return the 64-bit perceptual hashes that must not be used, with their reasons."""
        found: dict[int, Reason] = {
            int(v, 16): "blocklisted" for k, v in self.blocklist if k == "phash"
        }
        return found | {int(v, 16): "takedown" for k, v in self.takedown if k == "phash"}


def _read(path: Path) -> frozenset[tuple[str, str]]:
    rows = read_table(path, TakedownRow) if path.exists() else []
    return frozenset((row.kind, row.compared) for row in rows)
