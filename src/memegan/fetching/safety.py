"""Connections that only ever reach addresses that were checked, and that can be hung up."""

import ipaddress
import math
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType

import certifi
from urllib3 import BaseHTTPResponse, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from memegan import __version__
from memegan.fetching.reasons import Refused

Resolver = Callable[[str, int], Iterable[str]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_WEB_PORTS = (80, 443)


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for all addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def check(address: str) -> None:
    """Refuse an address that is not a public one.

    Raises:
        Refused: blocked_address, for loopback, private, link-local, multicast and reserved
            addresses, and for such IPv4 ones that are dressed as IPv6.
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or (_last_32_bits(ip) if ip in _NAT64 else ip)
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        raise Refused("blocked_address", address)


def _last_32_bits(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)


class SafeSession:
    """A session whose every connection goes to an address checked at that moment.

    The name is resolved once a connection and all its addresses are checked; the socket then
    opens to a checked address, so no second DNS answer can lead elsewhere. TLS still proves the
    name. Proxies, .netrc and certificates named by the environment are not used; no cookie and
    no redirect is followed.

    Args:
        hosts: where a named host answers instead, for example {"demo.invalid": "127.0.0.1:4711"}.
        private_hosts: names that may lead to private addresses and to any port.
        resolver: how names become addresses.
        agent: what we call ourselves; never a browser's name.
    """

    def __init__(
        self,
        hosts: Mapping[str, str] | None = None,
        private_hosts: Collection[str] = (),
        resolver: Resolver = resolve,
        agent: str = f"memegan/{__version__} (builds image datasets)",
    ) -> None:
        self.hosts, self.private_hosts, self.resolver = hosts or {}, private_hosts, resolver
        self.headers = {"User-Agent": agent, "Accept-Encoding": "identity", "Accept": "*/*"}
        self.ends = math.inf  # on the monotonic clock; who watches calls `hang_up` after it
        self.is_hung_up = False
        self._lines: dict[int, socket.socket] = {}  # a second handle of each open socket
        self._pools = _pools(self)

    def __enter__(self) -> "SafeSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._pools.clear()

    @contextmanager
    def get(
        self, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> Iterator[BaseHTTPResponse]:
        """Ask for a url; the body is read in the block, else its connection is closed.

        Raises:
            Refused: blocked_address.
            urllib3.exceptions.HTTPError: no connection, or it broke off.
        """
        answer = self._pools.urlopen(
            "GET",
            url,
            headers={**self.headers, **headers},
            timeout=timeout_s,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            yield answer
        finally:
            answer.close()  # one that was read to its end has given its connection back before

    def hang_up(self) -> None:
        """End what is under way, in whatever state; may be called from another thread."""
        self.is_hung_up = True
        for line in list(self._lines.values()):
            with suppress(OSError):  # it ended by itself
                line.shutdown(socket.SHUT_RDWR)

    def connect(self, connection: HTTPConnection) -> socket.socket:
        """Open a socket for a connection."""
        host, port = connection.host, connection.port or 80
        line = self._open(connection, host, port)
        self._lines[id(connection)] = line.dup()
        return line

    def forget(self, connection: HTTPConnection) -> None:
        """A connection was closed."""
        if line := self._lines.pop(id(connection), None):
            line.close()

    def _open(self, connection: HTTPConnection, host: str, port: int) -> socket.socket:
        if host in self.hosts:
            address, mapped = self.hosts[host].rsplit(":", 1)
            return socket.create_connection((address, int(mapped)), connection.timeout)
        try:
            addresses = list(self.resolver(host, port))
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(connection, f"no address: {error}") from None
        if host not in self.private_hosts:
            if port < 1024 and port not in _WEB_PORTS:
                raise Refused("blocked_address", f"port {port}")
            for address in addresses:
                check(address)
        for address in addresses:
            with suppress(OSError):  # the next address may answer
                return socket.create_connection((address, port), connection.timeout)
        raise NewConnectionError(connection, f"none of {len(addresses)} addresses answers")


def _pools(session: SafeSession) -> PoolManager:
    """Make urllib3 open its sockets by the session."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return session.connect(self)

        def close(self) -> None:
            super().close()
            session.forget(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return session.connect(self)

        def close(self) -> None:
            super().close()
            session.forget(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    pools = PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=certifi.where())
    pools.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return pools
