"""Where an end of an association is: IPv4 or IPv6 address and TCP port."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import Any

# what sockets know besides addresses and names
_SPECIAL = {"": "0.0.0.0", "<broadcast>": "255.255.255.255"}


class AddressInformation:
    """An IP address and a TCP port; a host name is resolved when it is set.

    Args:
        addr: IPv4 or IPv6 address or host name; "" is any address.
        port: TCP port, 0 to 65535.
        flowinfo: IPv6 flow information.
        scope_id: IPv6 scope.
    """

    def __init__(self, addr: str, port: int, flowinfo: int = 0, scope_id: int = 0) -> None:
        self.port = port
        self.flowinfo = flowinfo
        self.scope_id = scope_id
        self._address = ""
        self.address = addr

    @property
    def address(self) -> str:
        """The IP address as text."""
        return self._address

    @address.setter
    def address(self, addr: str) -> None:
        addr = _SPECIAL.get(addr, addr)
        if _ip(addr) is not None:
            self._address = addr
            return
        found = socket.getaddrinfo(addr, self.port, type=socket.SOCK_STREAM)
        # a name with both families: IPv4 first, as most DICOM listeners bind to it only
        found.sort(key=lambda entry: entry[0] != socket.AF_INET)
        self._address = str(found[0][4][0])

    @property
    def address_family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if self.is_ipv6 else socket.AF_INET

    @property
    def as_tuple(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """What a socket takes."""
        if self.is_ipv6:
            return self._address, self.port, self.flowinfo, self.scope_id
        return self._address, self.port

    @property
    def is_ipv4(self) -> bool:
        """Whether it is an IPv4 address."""
        return not self.is_ipv6

    @property
    def is_ipv6(self) -> bool:
        """Whether it is an IPv6 address."""
        found = _ip(self._address)
        return found is not None and found.version == 6

    @classmethod
    def from_tuple(cls, address: tuple[str, int] | tuple[str, int, int, int]) -> AddressInformation:
        """From what a socket gives."""
        return cls(*address)

    @classmethod
    def from_addr_port(cls, addr: str | tuple[str, int, int], port: int) -> AddressInformation:
        """From the two first arguments of `AE.associate`."""
        if isinstance(addr, tuple):
            host, flowinfo, scope_id = addr
            return cls(host, port, flowinfo, scope_id)
        return cls(addr, port)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AddressInformation):
            return NotImplemented
        return self.as_tuple == other.as_tuple

    def __hash__(self) -> int:
        return hash(self.as_tuple)

    def __str__(self) -> str:
        return f"[{self._address}]:{self.port}" if self.is_ipv6 else f"{self._address}:{self.port}"

    def __repr__(self) -> str:
        return f"AddressInformation{self.as_tuple!r}"


@lru_cache(maxsize=256)
def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None


def from_socket(address: Any) -> AddressInformation:
    """From `getpeername()`; an IPv4 peer of a dual-stack socket is given as IPv4."""
    host, port = str(address[0]), int(address[1])
    found = _ip(host)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return AddressInformation(str(found.ipv4_mapped), port)
    return AddressInformation(host, port, *[int(part) for part in address[2:4]])
