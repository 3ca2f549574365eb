"""What is asked of a process that checks bodies, and what it answers."""

import hashlib
from dataclasses import dataclass
from typing import Protocol


class Meant(Protocol):
    """What a source says of a file: the checksums it gives, "" for none."""

    @property
    def md5(self) -> str: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True)
class Job:
    """One body to check: where it lies, and the checksums that a source gives."""

    path: str
    offset: int
    size: int
    md5: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Answer:
    """What a body is: its type and digest, or a reason; or why it could not be stored."""

    content_type: str = ""
    sha256: str = ""
    reason: str = ""
    errno: int = 0  # the disk is full, for example
    detail: str = ""
    is_new: bool = False  # no such file was there


def has_checksums(media: Meant, data: bytes) -> bool:
    """Tell whether a body is the one that the source's md5 or sha256 means; True without them."""
    given = (("md5", media.md5), ("sha256", media.sha256))
    return all(
        hashlib.new(name, data, usedforsecurity=False).hexdigest() == wanted.lower()
        for name, wanted in given
        if wanted
    )
