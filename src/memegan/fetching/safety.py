"""Addresses: which may be reached."""

import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
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
class Place:
    """Where a connection leads."""

    address: str
    port: int

    @property
    def connect_to(self) -> str:
        """Say it as libcurl's CONNECT_TO: wherever a url points, connect here."""
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"::{shown}:{self.port}"


@dataclass(frozen=True)
class Door:
    """Knows where connections may lead: to addresses that were checked, and to no other.

    The name is resolved once and all its addresses are checked; the connection is then made to
    one of them, so no second DNS answer can lead elsewhere.
    """

    hosts: Mapping[str, str] = field(default_factory=dict)
    """Where a named host answers instead, for example {"demo.invalid": "127.0.0.1:4711"}."""
    private_hosts: Collection[str] = ()
    """Names that may lead to private addresses and to any port."""
    resolver: Resolver = resolve
    """How names become addresses."""

    def mapped(self, host: str) -> Place | None:
        """Return where a host of `hosts` answers."""
        if host not in self.hosts:
            return None
        address, port = self.hosts[host].rsplit(":", 1)
        return Place(address, int(port))

    def places(self, host: str, port: int) -> list[Place] | Refused:
        """Return where a host may be reached, or why not: blocked_address, no_answer.

        It asks a name server, and may take its time.
        """
        try:
            addresses = list(self.resolver(host, port))
            if host not in self.private_hosts:
                if port < 1024 and port not in _WEB_PORTS:
                    raise Refused("blocked_address", f"port {port}")
                for address in addresses:
                    check(address)
        except (OSError, UnicodeError) as error:
            return Refused("no_answer", f"no address: {error}")
        except Refused as error:
            return error
        return [Place(address, port) for address in addresses]
