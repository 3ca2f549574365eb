"""Connections that only ever reach addresses that were checked, and that can be hung up."""

import ipaddress
import math
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
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


class SafeSession(requests.Session):
    """A session whose every connection goes to an address checked at that moment.

    The name is resolved once a connection and all its addresses are checked; the socket then
    opens to a checked address, so no second DNS answer can lead elsewhere. TLS still proves the
    name. Proxies, .netrc and certificates named by the environment are not used.

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
        super().__init__()
        self.hosts, self.private_hosts, self.resolver = hosts or {}, private_hosts, resolver
        self.trust_env = False
        self.headers.update({"User-Agent": agent, "Accept-Encoding": "identity"})
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # nobody follows us
        self.ends = math.inf  # on the monotonic clock; who watches calls `hang_up` after it
        self.is_hung_up = False
        self._lines: dict[int, socket.socket] = {}  # a second handle of each open socket
        for scheme in ("http://", "https://"):
            self.mount(scheme, _adapter(self))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Leave redirects alone: they are followed by hand, and a malformed one breaks requests."""

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


def _adapter(session: SafeSession) -> HTTPAdapter:
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

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests'
            self.poolmanager = PoolManager(*args[:1], maxsize=kwargs.get("maxsize", 10))
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    return Adapter()
