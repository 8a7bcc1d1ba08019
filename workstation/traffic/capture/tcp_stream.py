"""The TCP connection that PDUs would have crossed the wire in, packet by packet (RFC 9293, RFC 791, RFC 8200).

We see PDUs, not packets. Capture files hold packets; so each PDU gets the segments that carry it, the connection its
handshake, acknowledgements and end. Only what was seen is written: of a PDU that was cut the first bytes are there and
the rest is missing as in a capture with a snapshot length; PDUs that were not kept are a gap in the sequence numbers.
Pure: times and bytes come in, packets go out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from workstation.traffic.capture.pcapng import Packet

__all__ = ["Endpoint", "TcpStream", "endpoint", "same_family"]

MAX_SEGMENT: Final = 0xF000  # fits one IP packet of 65,535 bytes with its headers, whatever their kind
_FIN, _SYN, _RST, _PUSH, _ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_WINDOW: Final = 0xFFFF
_SYN_OPTIONS: Final = bytes.fromhex("0204f000 01 030308")  # MSS as above, no operation, window scale 8: 16 MiB
_ACKNOWLEDGED_EVERY: Final = 1 << 20  # bytes after which the other side acknowledges by itself
_LARGE: Final = 4096  # bytes, from which on it pays to add them up with numpy
_LARGEST_GAP: Final = 1 << 30  # half of what sequence numbers can tell apart
_TCP_HEADER: Final = struct.Struct(">HHIIBBH")

IpAddress = IPv4Address | IPv6Address


class Endpoint(NamedTuple):
    """One end of a connection."""

    address: IpAddress
    port: int


def endpoint(address: str, port: int) -> Endpoint | None:
    """The end that an address and a port name; None if that is not an IP address that a packet can have."""
    try:
        parsed: IpAddress = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return None if parsed.is_unspecified else Endpoint(parsed, port & 0xFFFF)


def same_family(one: Endpoint, other: Endpoint) -> tuple[Endpoint, Endpoint]:
    """Both ends in IPv6 when only one is."""
    if one.address.version == other.address.version:
        return one, other
    first, second = (
        end if end.address.version == 6 else Endpoint(IPv6Address(f"::ffff:{end.address}"), end.port)
        for end in (one, other)
    )
    return first, second


class TcpStream:
    """One connection.

    Args:
        client: who opened it.
        server: who was asked.
        number: tells its sequence numbers from those of other connections between the same ports.
    """

    def __init__(self, client: Endpoint, server: Endpoint, number: int) -> None:
        self._ends = {True: client, False: server}
        self._make = _ipv4 if client.address.version == 4 else _ipv6
        start = 0x10000000 + number * 0x9E3779B1
        # The next sequence number of each side, and the one up to which the other has acknowledged.
        self._next = {True: start & 0xFFFFFFFF, False: (start + 0x5BD1E995) & 0xFFFFFFFF}
        self._unacknowledged = {True: 0, False: 0}

    def open(self, time: float, comment: str = "") -> Iterator[Packet]:
        """The handshake."""
        yield self._packet(time, True, _SYN, comment=comment, options=_SYN_OPTIONS)
        yield self._packet(time, False, _SYN | _ACK, options=_SYN_OPTIONS)
        yield self._packet(time, True, _ACK)

    def attempt(self, time: float, comment: str) -> Iterator[Packet]:
        """A connection that never came to be: what is known is that somebody asked."""
        yield self._packet(time, True, _SYN, comment=comment, options=_SYN_OPTIONS)

    def data(self, time: float, from_client: bool, data: bytes, length: int, comment: str = "") -> Iterator[Packet]:
        """The segments of a PDU of `length` bytes, of which `data` is there."""
        for offset in range(0, length, MAX_SEGMENT):
            size = min(MAX_SEGMENT, length - offset)
            flags = _ACK | _PUSH if offset + size >= length else _ACK
            piece = data[offset : offset + size] if size < length else data
            yield self._packet(time, from_client, flags, piece, size, comment if offset == 0 else "")
            if self._unacknowledged[from_client] >= _ACKNOWLEDGED_EVERY:
                yield self._packet(time, not from_client, _ACK)

    def skip(self, from_client: bool, count: int) -> None:
        """Bytes that one side sent and nobody kept."""
        self._next[from_client] = (self._next[from_client] + max(1, min(count, _LARGEST_GAP))) & 0xFFFFFFFF

    def close(self, time: float, by_client: bool, *, reset: bool = False, comment: str = "") -> Iterator[Packet]:
        """The end: both sides say their last, or one resets the connection."""
        if reset:
            yield self._packet(time, by_client, _RST | _ACK, comment=comment)
            return
        yield self._packet(time, by_client, _FIN | _ACK, comment=comment)
        yield self._packet(time, not by_client, _FIN | _ACK)
        yield self._packet(time, by_client, _ACK)

    def _packet(
        self,
        time: float,
        from_client: bool,
        flags: int,
        data: bytes = b"",
        length: int = 0,
        comment: str = "",
        options: bytes = b"",
    ) -> Packet:
        source, target = self._ends[from_client], self._ends[not from_client]
        number = self._next[from_client]
        acknowledged = self._next[not from_client] if flags & _ACK else 0
        self._next[from_client] = (number + length + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF
        self._unacknowledged[from_client] += length
        self._unacknowledged[not from_client] = 0
        header = _TCP_HEADER.pack(
            source.port, target.port, number, acknowledged, (20 + len(options)) << 2, flags, _WINDOW
        )
        whole = len(data) == length
        return self._make(time, source, target, header, options, data, length, whole, comment)


def _ipv4(
    time: float,
    source: Endpoint,
    target: Endpoint,
    header: bytes,
    options: bytes,
    data: bytes,
    length: int,
    whole: bool,
    comment: str,
) -> Packet:
    size = 20 + len(options) + length
    addresses = source.address.packed + target.address.packed
    # Version and header length, no service class, length, no identification: Don't Fragment; 64 hops, TCP.
    ip = struct.pack(">BBHHHBB", 0x45, 0, 20 + size, 0, 0x4000, 64, 6)
    ip += _checksum(ip + bytes(2) + addresses) + addresses
    tcp = _tcp(addresses + struct.pack(">BBH", 0, 6, size), header, options, data, whole)
    return Packet(time, ip + tcp, 20 + size, comment)


def _ipv6(
    time: float,
    source: Endpoint,
    target: Endpoint,
    header: bytes,
    options: bytes,
    data: bytes,
    length: int,
    whole: bool,
    comment: str,
) -> Packet:
    size = 20 + len(options) + length
    addresses = source.address.packed + target.address.packed
    # Version, no traffic class or flow label, payload length, next header TCP, 64 hops.
    ip = struct.pack(">IHBB", 0x60000000, size, 6, 64) + addresses
    tcp = _tcp(addresses + struct.pack(">II", size, 6), header, options, data, whole)
    return Packet(time, ip + tcp, 40 + size, comment)


def _tcp(pseudo_header: bytes, header: bytes, options: bytes, data: bytes, whole: bool) -> bytes:
    urgent = bytes(2)
    # Of bytes that are not there no sum can be made; readers do not ask for it in packets that were cut.
    checksum = _checksum(b"".join((pseudo_header, header, bytes(2), urgent, options)), data) if whole else bytes(2)
    return b"".join((header, checksum, urgent, options, data))


def _checksum(header: bytes, data: bytes = b"") -> bytes:
    """The Internet checksum (RFC 1071) of a header of even length and what follows it."""
    # A sum with end-around carry is the remainder by FFFFH; of the two forms of zero a sum of words takes the other.
    total = (int.from_bytes(header, "big") + _sum(data)) % 0xFFFF or 0xFFFF
    return struct.pack(">H", ~total & 0xFFFF)


def _sum(data: bytes) -> int:
    """What the words of the data add up to, modulo FFFFH."""
    if len(data) < _LARGE:
        return int.from_bytes(data + bytes(len(data) % 2), "big")
    # Twenty times as fast as Python's own integers, which would make this the costliest part of a capture.
    import numpy

    words = numpy.frombuffer(data, "<u4", len(data) // 4)
    rest = data[len(words) * 4 :]
    swapped = int(words.sum(dtype=numpy.uint64)) + int.from_bytes(rest, "little")
    swapped %= 0xFFFF
    # The sum of words with their bytes swapped is the sum with its bytes swapped (RFC 1071, 2.B).
    return (swapped & 0xFF) << 8 | swapped >> 8
