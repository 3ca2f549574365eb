"""HTTP by libcurl: many transfers at once in one thread, to addresses that were checked."""

import math
import socket
import time
from collections.abc import Iterable, Mapping
from types import TracebackType

import certifi
import pycurl

from memegan import __version__
from memegan.fetching.call import Call, Taker
from memegan.fetching.loop import Loop, Promise
from memegan.fetching.reasons import Refused
from memegan.fetching.safety import Door, Place
from memegan.fetching.signals import Signals

AGENT = f"memegan/{__version__} (builds image datasets)"
_NAMES_S = 60.0  # as long a name's addresses are believed: libcurl's own measure
_SETTINGS = {
    **{pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1, pycurl.CAINFO: certifi.where()},
    **{pycurl.PROXY: "", pycurl.NOPROXY: "*", pycurl.FOLLOWLOCATION: 0, pycurl.NOSIGNAL: 1},
    pycurl.BUFFERSIZE: 131_072,
    # what is packed all the same is unpacked as it comes, and measured then
    pycurl.ACCEPT_ENCODING: "identity",
}


class Transfers:
    """Keeps connections, each to an address that the door gave.

    libcurl resolves no name: it is told the address of each transfer, and asks us for a socket
    (`OPENSOCKETFUNCTION`), which it gets for that address alone. TLS proves the host's name.
    Proxies, .netrc and certificates named by the environment are not used; no cookie is kept and
    no redirect followed.

    Args:
        door: where connections may lead.
        agent: what we call ourselves; never a browser's name.
    """

    def __init__(self, loop: Loop, door: Door, agent: str = AGENT, connections: int = 1) -> None:
        self.loop, self.door, self.agent = loop, door, agent
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._idle: list[_Line] = []
        self._busy: dict[pycurl.Curl, _Line] = {}
        self._names: dict[tuple[str, int], tuple[float, Promise[list[Place] | Refused]]] = {}
        self._looked, self._signals = time.monotonic(), Signals()
        loop.waiters.append(self)

    def __enter__(self) -> "Transfers":
        self._signals.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self._signals.__exit__(kind, e, at)
        for line in self._busy.values():
            self._multi.remove_handle(line.curl)
        for line in (*self._idle, *self._busy.values()):
            line.curl.close()
        self._multi.close()
        self._idle.clear()
        self._busy.clear()

    def __len__(self) -> int:
        return len(self._busy)

    async def get(
        self, url: str, headers: Mapping[str, str], taker: Taker, stall_s: float, max_s: float
    ) -> None:
        """Ask for a url, and give its answer to `taker` as it comes.

        Args:
            headers: Latin-1.
            stall_s: longest time without a connection, and longest silence.
            max_s: for all of it.

        Raises:
            Refused: blocked_address, too_slow, truncated, no_answer; or what the taker raises.
        """
        ends, call = time.monotonic() + max_s, Call(url, taker, stall_s)
        places = await self._places(call.host, call.port)
        for number, place in enumerate(places, 1):
            await self._ask(call, place, headers, max(0.001, ends - time.monotonic()))
            if call.has_reached_nobody and number < len(places) and time.monotonic() < ends:
                continue  # the next address may answer
            return call.check()
        raise Refused("no_answer", f"none of {len(places)} addresses answers")

    async def _places(self, host: str, port: int) -> list[Place]:
        """Return the addresses of a host; a name server is asked in a thread."""
        if place := self.door.mapped(host):
            return [place]
        now = time.monotonic()
        since, promise = self._names.get((host, port), (-math.inf, None))
        if promise is None or now - since > _NAMES_S:
            promise = self.loop.in_thread(lambda: self.door.places(host, port))
            self._names = {k: v for k, v in self._names.items() if now - v[0] <= _NAMES_S}
            self._names[host, port] = now, promise
        found = await promise
        if isinstance(found, Refused):
            raise Refused(found.reason, str(found))
        return found

    def _ask(
        self, call: Call, place: Place, headers: Mapping[str, str], max_s: float
    ) -> Promise[None]:
        line = self._idle.pop() if self._idle else _Line(self.agent)
        call.promise = Promise(self.loop)
        line.begin(call, place, headers, max_s)
        self._busy[line.curl] = line
        self._multi.add_handle(line.curl)
        return call.promise

    def sockets(self) -> tuple[Iterable[int], Iterable[int], float]:
        """Return what libcurl waits for (a `Waiter`)."""
        reads, writes, _ = self._multi.fdset()
        soon_ms = self._multi.timeout()
        if not (reads or writes) and soon_ms < 0:
            soon_ms = 50
        return reads, writes, math.inf if soon_ms < 0 else soon_ms / 1000

    def work(self) -> None:
        """Send and receive what can be (a `Waiter`)."""
        with self._signals.held():
            self._multi.perform()
        more = 1
        while more:
            more, good, bad = self._multi.info_read()
            for curl in good:
                self._end(curl, None)
            for curl, code, text in bad:
                self._end(curl, (code, text))
        if time.monotonic() - self._looked > 0.25:
            self._look()

    def _look(self) -> None:
        """Hang up where nothing has been heard for too long."""
        self._looked = time.monotonic()
        for curl, line in list(self._busy.items()):
            if line.is_silent(self._looked):
                line.call.is_silent = True
                self._end(curl, None)

    def _end(self, curl: pycurl.Curl, broken: tuple[int, str] | None) -> None:
        line = self._busy.pop(curl)
        self._multi.remove_handle(curl)
        call = line.end(broken)
        self._idle.append(line)
        call.promise.keep(None)


class _Line:
    """One handle of libcurl, for one call after another."""

    def __init__(self, agent: str) -> None:
        self.curl = pycurl.Curl()
        self._call: Call | None = None
        for option, value in _SETTINGS.items():
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.USERAGENT, agent)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        self.curl.setopt(pycurl.SOCKOPTFUNCTION, self._opened)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._header)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._body)
        self._new: socket.socket | None = None

    @property
    def call(self) -> Call:
        assert self._call is not None, "libcurl calls us during a call only"
        return self._call

    def begin(self, call: Call, place: Place, headers: Mapping[str, str], max_s: float) -> None:
        self._call, self._place, self._is_new = call, place, False
        said = [f"{name}: {value}".encode("latin-1") for name, value in headers.items()]
        set_to = self.curl.setopt
        set_to(pycurl.URL, call.url)
        self.curl.unsetopt(pycurl.HTTPHEADER)  # an empty list would leave those of the last call
        set_to(pycurl.HTTPHEADER, said)
        set_to(pycurl.CONNECT_TO, [place.connect_to])
        set_to(pycurl.CONNECTTIMEOUT_MS, math.ceil(call.stall_s * 1000))
        set_to(pycurl.TIMEOUT_MS, math.ceil(max_s * 1000))
        call.begin()

    def end(self, broken: tuple[int, str] | None) -> Call:
        call = self.call
        call.broken = broken
        call.has_reached_nobody = broken is not None and (
            call.raised is None and self._connected_s() is None
        )
        self._call = None
        self._close_new()
        return call

    def is_silent(self, now: float) -> bool:
        call = self.call
        if now - call.heard <= call.stall_s:
            return False
        took_s = self._connected_s()  # until then, libcurl keeps the time
        return took_s is not None and now - max(call.heard, call.began + took_s) > call.stall_s

    def _connected_s(self) -> float | None:
        """Return how long connecting took, 0.0 for a kept connection, None while it lasts."""
        took_s: float = self.curl.getinfo(pycurl.CONNECT_TIME)
        return took_s or (None if self._is_new else 0.0)

    def _open(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> object:
        family, kind, protocol, where = address
        if where[0] != self._place.address:
            self.call.raised = Refused("blocked_address", where[0])
            return pycurl.SOCKET_BAD
        self._close_new()
        self._new, self._is_new = socket.socket(family, kind, protocol), True
        return self._new  # libcurl takes a copy of the handle

    def _opened(self, _number: int, _purpose: int) -> int:
        self._close_new()
        return pycurl.SOCKOPT_OK

    def _close_new(self) -> None:
        if self._new is not None:
            self._new.close()
            self._new = None

    def _header(self, line: bytes) -> int | None:
        return self.call.header(line)

    def _body(self, chunk: bytes) -> int | None:
        return self.call.body(chunk)
