"""One url on its way: its answer as it comes, and why it ended early."""

import time
from collections.abc import Callable
from typing import Protocol

import pycurl
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from memegan.fetching.loop import Promise
from memegan.fetching.reasons import Refused

_PORTS = {"http": 80, "https": 443}
_MALFORMED = (pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL)
_MEANING = {
    **{pycurl.E_URL_MALFORMAT: "blocked_address", pycurl.E_UNSUPPORTED_PROTOCOL: "blocked_address"},
    **{pycurl.E_OPERATION_TIMEDOUT: "too_slow", pycurl.E_PARTIAL_FILE: "truncated"},
}


class Taker(Protocol):
    """Takes an answer as it comes; what it raises ends the transfer."""

    def head(self, status: int, headers: HTTPHeaderDict) -> None:
        """Take status and headers."""

    def body(self, chunk: bytes) -> None:
        """Take a part of the body, unpacked."""


class Call:
    """One url on its way. What is raised while libcurl calls us is kept until it returns."""

    promise: Promise[None]

    def __init__(self, url: str, taker: Taker, stall_s: float) -> None:
        try:
            parts = parse_url(url)
        except LocationParseError:
            raise Refused("blocked_address", url[:40]) from None
        if parts.scheme not in _PORTS or not parts.host:
            raise Refused("blocked_address", url[:40])
        self.url = parts._replace(auth=None, fragment=None).url
        self.host, self.port = parts.host.strip("[]"), parts.port or _PORTS[parts.scheme]
        self.taker, self.stall_s = taker, stall_s
        self.begin()

    def begin(self) -> None:
        """Begin, or begin again at another address."""
        self.began = self.heard = time.monotonic()
        self.is_silent = self.has_reached_nobody = self.has_head = False
        self.raised: BaseException | None = None
        self.broken: tuple[int, str] | None = None
        self._status, self._headers = 0, HTTPHeaderDict()

    def check(self) -> None:
        """Raise what ended the call too early, if anything did."""
        if self.raised is not None:
            try:
                raise self.raised
            finally:
                self.raised = None  # an error that its own frame holds keeps the body until a gc
        if self.is_silent:
            raise Refused("too_slow", f"silent for {self.stall_s:g} s")
        if self.has_reached_nobody and self.broken and self.broken[0] not in _MALFORMED:
            raise Refused("no_answer", self.broken[1])
        if self.broken is not None:
            raise Refused(_MEANING.get(self.broken[0], "no_answer"), self.broken[1])
        if not self.has_head:
            raise Refused("no_answer", "it ends in the headers")

    def header(self, line: bytes) -> int | None:
        """Take one line of the head; those of 1xx answers and trailers say nothing to us."""
        self.heard = time.monotonic()
        text = line.decode("latin-1").strip()
        name, colon, value = text.partition(":")
        if self.has_head:
            return None
        if text.startswith("HTTP/"):
            self._status, self._headers = int(text.split()[1]), HTTPHeaderDict()
        elif colon:
            self._headers.add(name.strip(), value.strip())
        elif not text and self._status >= 200:
            self.has_head = True
            return self._kept(lambda: self.taker.head(self._status, self._headers))
        return None

    def body(self, chunk: bytes) -> int | None:
        """Take a part of the body."""
        self.heard = time.monotonic()
        return self._kept(lambda: self.taker.body(chunk))

    def _kept(self, take: Callable[[], None]) -> int | None:
        try:
            take()
        except BaseException as error:
            self.raised = error
            return -1  # ends the call
        return None
