"""The line of what is asked for, and how far from its beginning everything has ended."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

from memegan.sources.base import Media, Request

Asked = tuple[Media, Request]


class Line:
    """What is asked, each url once: which of it is under way, and how much before that has ended.

    Of what has ended only digests of 12 bytes are remembered, and how many urls ended with which
    reason, "ok" for those with a file (`counts`).
    """

    def __init__(self, asked: Iterable[Asked]) -> None:
        self._asked = asked
        self.counts = Counter[str]()
        self._seen = set[bytes]()
        self._taken = 0
        self._under_way: dict[str, int] = {}  # url: its place in the line, in that order

    def __iter__(self) -> Iterator[Asked]:
        for place, (media, request) in enumerate(self._asked):
            self._taken = place + 1
            digest = hashlib.blake2b(media.url.encode(), digest_size=12).digest()
            if digest not in self._seen:
                self._seen.add(digest)
                self._under_way[media.url] = place
                yield media, request

    def has_ended(self, url: str, reason: str) -> None:
        """A url is under way no more."""
        del self._under_way[url]
        self.counts[reason or "ok"] += 1

    @property
    def ended(self) -> int:
        """How many, from the first on, have ended."""
        return next(iter(self._under_way.values()), self._taken)
