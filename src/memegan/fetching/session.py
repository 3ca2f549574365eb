"""HTTP by libcurl, whose work holds up no other thread, on sockets that we open and can shut."""

import math
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Protocol

import certifi
import pycurl
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from memegan import __version__
from memegan.fetching.reasons import Refused
from memegan.fetching.safety import Door

AGENT = f"memegan/{__version__} (builds image datasets)"
_PORTS = {"http": 80, "https": 443}
_NOWHERE = "192.0.2.1"  # RFC 5737: libcurl resolves no name; where a line leads is ours to say
_SETTINGS = {
    **{pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1, pycurl.CAINFO: certifi.where()},
    **{pycurl.PROXY: "", pycurl.NOPROXY: "*"},
    **{pycurl.FOLLOWLOCATION: 0, pycurl.NOSIGNAL: 1, pycurl.CONNECT_TO: [f"::{_NOWHERE}:"]},
    # what is packed all the same is unpacked as it comes, and measured then
    pycurl.ACCEPT_ENCODING: "identity",
}
_MEANING = {
    **{pycurl.E_URL_MALFORMAT: "blocked_address", pycurl.E_UNSUPPORTED_PROTOCOL: "blocked_address"},
    **{pycurl.E_OPERATION_TIMEDOUT: "too_slow", pycurl.E_PARTIAL_FILE: "truncated"},
}


class Taker(Protocol):
    """Takes an answer as it comes; what it raises ends the call."""

    def head(self, status: int, headers: HTTPHeaderDict) -> None:
        """Take status and headers."""

    def body(self, chunk: bytes) -> None:
        """Take a part of the body, unpacked."""


class SafeSession:
    """Keeps connections, each opened by the door; one thread at a time calls `get`.

    TLS proves the host's name. Proxies, .netrc and certificates named by the environment are not
    used; no cookie is kept and no redirect followed. `hang_up` and `listen` may be called from
    another thread.

    Args:
        door: where connections may lead.
        agent: what we call ourselves; never a browser's name.
    """

    def __init__(self, door: Door, agent: str = AGENT) -> None:
        self.door = door
        self._curl = pycurl.Curl()
        for option, value in _SETTINGS.items():
            self._curl.setopt(option, value)
        self._curl.setopt(pycurl.USERAGENT, agent)
        self._curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        self._curl.setopt(pycurl.SOCKOPTFUNCTION, self._opened)
        self._curl.setopt(pycurl.CLOSESOCKETFUNCTION, self._closed)
        self._curl.setopt(pycurl.HEADERFUNCTION, self._header)
        self._curl.setopt(pycurl.WRITEFUNCTION, self._body)
        self._lines: dict[int, socket.socket] = {}  # by libcurl's number, a handle of our own
        self._new: socket.socket | None = None
        self._call: _Call | None = None
        self._is_closed = False

    def __enter__(self) -> "SafeSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up and close all connections."""
        self._is_closed = True
        self.hang_up()
        with suppress(pycurl.error):  # another thread is still at it, and ends now
            self._curl.close()

    def get(
        self, url: str, headers: Mapping[str, str], taker: Taker, stall_s: float, max_s: float
    ) -> None:
        """Ask for a url, and give its answer to `taker` as it comes.

        Args:
            headers: Latin-1.
            stall_s: longest time without a connection, and longest silence if somebody calls
                `listen` now and then.
            max_s: for all of it.

        Raises:
            Refused: blocked_address, too_slow, truncated, no_answer; or what the taker raises.
        """
        call = self._call = _Call(url, taker, stall_s)
        said = [f"{name}: {value}".encode("latin-1") for name, value in headers.items()]
        self._curl.setopt(pycurl.URL, call.url)
        self._curl.unsetopt(pycurl.HTTPHEADER)  # an empty list would leave those of the last call
        self._curl.setopt(pycurl.HTTPHEADER, said)
        self._curl.setopt(pycurl.CONNECTTIMEOUT_MS, math.ceil(stall_s * 1000))
        self._curl.setopt(pycurl.TIMEOUT_MS, max(1, math.ceil(max_s * 1000)))
        broken = None
        try:
            self._curl.perform()
        except pycurl.error as error:
            broken = _MEANING.get(int(error.args[0]), "no_answer"), str(error.args[-1])
        finally:
            self._call = None
        if call.raised is not None:
            try:
                raise call.raised
            finally:
                call.raised = None  # an error that its own frame holds keeps the body until a gc
        if call.is_silent:  # we hung up, which may look like the end of a body
            raise Refused("too_slow", f"silent for {stall_s:g} s")
        if broken is not None:
            raise Refused(*broken)
        if not call.has_head:
            raise Refused("no_answer", "it ends in the headers")

    def listen(self) -> None:
        """Hang up if nothing has been heard for too long."""
        call = self._call
        if call is not None and time.monotonic() - call.heard > call.stall_s:
            call.is_silent = True
            self.hang_up()

    def hang_up(self) -> None:
        """End what is under way, in whatever state."""
        for line in list(self._lines.values()):
            with suppress(OSError):  # it ended by itself
                line.shutdown(socket.SHUT_RDWR)

    def _open(self, _purpose: int, _address: object) -> socket.socket | int:
        call = self._call
        assert call is not None, "libcurl opens lines during a call only"
        if call.is_silent or self._is_closed:
            return pycurl.SOCKET_BAD  # it asks again where an old line broke off
        call.heard = math.inf
        try:
            self._new = self.door.open(call.host, call.port, call.stall_s)
        except BaseException as error:
            call.raised = error
            return pycurl.SOCKET_BAD
        call.heard = time.monotonic()
        return self._new

    def _opened(self, number: int, _purpose: int) -> int:
        assert self._new is not None, "libcurl asks about the line that was just opened"
        self._lines[number], self._new = self._new, None
        return pycurl.SOCKOPT_ALREADY_CONNECTED

    def _closed(self, number: int) -> int:
        self._lines.pop(number).close()
        os.close(number)
        return 0

    def _header(self, line: bytes) -> int | None:
        return None if self._call is None else self._call.header(line)

    def _body(self, chunk: bytes) -> int | None:
        return None if self._call is None else self._call.body(chunk)


class _Call:
    """One url on its way. What is raised while libcurl calls us is kept until it returns."""

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
        self.heard, self.is_silent = time.monotonic(), False
        self.raised: BaseException | None = None
        self._status, self._headers, self.has_head = 0, HTTPHeaderDict(), False

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
