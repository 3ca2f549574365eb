"""Connections that only ever reach addresses that were checked."""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from memegan.fetching.reasons import Refused

Resolver = Callable[[str, int], Iterable[str]]


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for all addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def check(address: str) -> None:
    """Refuse an address that is not a public one.

    Raises:
        Refused: blocked_address, for loopback, private, link-local, multicast and reserved
            addresses, and for IPv4 ones dressed as IPv6.
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    if not inner.is_global or inner.is_multicast:
        raise Refused("blocked_address", address)


def safe_session(
    hosts: Mapping[str, str], allow_private: bool = False, resolver: Resolver = resolve
) -> requests.Session:
    """Make a session whose every connection goes to an address checked at that moment.

    The name is resolved once a connection and all its addresses are checked; the socket then
    opens to a checked address, so no second DNS answer can lead elsewhere. Proxies and .netrc of
    the environment are not used.

    Args:
        hosts: where a named host answers instead, for example {"demo.invalid": "127.0.0.1:4711"};
            only such a host may lie on this machine.
        allow_private: let addresses of a private network through.
    """

    def connect(connection: HTTPConnection) -> socket.socket:
        host, port = connection.host, connection.port or 80
        if host in hosts:
            address, mapped = hosts[host].rsplit(":", 1)
            return socket.create_connection((address, int(mapped)), connection.timeout)
        try:
            addresses = list(resolver(host, port))
        except OSError as error:
            raise NewConnectionError(connection, f"no address: {error}") from None
        for address in addresses:
            if not allow_private:
                check(address)
        for address in addresses:
            try:
                return socket.create_connection((address, port), connection.timeout)
            except OSError:  # the next address may answer
                continue
        raise NewConnectionError(connection, f"none of {len(addresses)} addresses answers")

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests'
            self.poolmanager = PoolManager(*args[:1], maxsize=kwargs.get("maxsize", 10))
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter())
    return session
