"""Addresses: which may be reached, and sockets that reach no other."""

import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Door:
    """Opens every socket, to an address that was checked at that moment.

    The name is resolved once and all its addresses are checked; the socket then opens to one of
    them, so no second DNS answer can lead elsewhere.
    """

    hosts: Mapping[str, str] = field(default_factory=dict)
    """Where a named host answers instead, for example {"demo.invalid": "127.0.0.1:4711"}."""
    private_hosts: Collection[str] = ()
    """Names that may lead to private addresses and to any port."""
    resolver: Resolver = resolve
    """How names become addresses."""

    def open(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """Connect to a host.

        Raises:
            Refused: blocked_address, no_answer.
        """
        if host in self.hosts:
            address, mapped = self.hosts[host].rsplit(":", 1)
            return _connected([address], int(mapped), timeout_s)
        try:
            addresses = list(self.resolver(host, port))
        except (OSError, UnicodeError) as error:
            raise Refused("no_answer", f"no address: {error}") from None
        if host not in self.private_hosts:
            if port < 1024 and port not in _WEB_PORTS:
                raise Refused("blocked_address", f"port {port}")
            for address in addresses:
                check(address)
        return _connected(addresses, port, timeout_s)


def _connected(addresses: Collection[str], port: int, timeout_s: float) -> socket.socket:
    for address in addresses:
        with suppress(OSError):  # the next address may answer
            return socket.create_connection((address, port), timeout_s)
    raise Refused("no_answer", f"none of {len(addresses)} addresses answers")
