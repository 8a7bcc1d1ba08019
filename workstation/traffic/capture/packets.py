"""One frame of a capture to one TCP segment: link layer, IPv4 or IPv6, TCP.

The usual ways (Ethernet, VLAN, Linux cooked, loopback, raw IP) are read here with a few look-ups each, because a large
capture has millions of frames; what is rare (PPPoE, MPLS, SNAP, PPP) is left to dpkt, which takes its time. Bytes of a
frame that were not captured are counted, never made up. This module knows no files and keeps no streams.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from struct import Struct
from struct import error as struct_error
from typing import Final, NamedTuple

__all__ = ["ACK", "FIN", "RST", "SYN", "Endpoints", "PacketReader", "Segment", "endpoints_of"]

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


class Segment(NamedTuple):
    """A TCP segment as it was captured."""

    time: float  # seconds since the epoch
    frame: int  # from 1 in the file
    key: bytes  # addresses and ports of sender and receiver: see `endpoints_of`
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes
    missing: int  # bytes at the end of the payload that were not captured


class Endpoints(NamedTuple):
    """Who sent a segment to whom."""

    source: str
    source_port: int
    target: str
    target_port: int


def endpoints_of(key: bytes) -> Endpoints:
    """The key of a segment in words."""
    size = (len(key) - 4) // 2
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    source, target = socket.inet_ntop(family, key[:size]), socket.inet_ntop(family, key[size : 2 * size])
    return Endpoints(source, int.from_bytes(key[-4:-2], "big"), target, int.from_bytes(key[-2:], "big"))


# Link types of https://www.tcpdump.org/linktypes.html
_NULL, _ETHERNET, _PPP, _PPP_HDLC, _PPP_ETHER = 0, 1, 9, 50, 51
_RAW = (101, 12, 14)
_LOOP, _LINUX_COOKED, _LINUX_COOKED_2, _IPV4, _IPV6, _PKTAP = 108, 113, 276, 228, 229, 258

_ETHERTYPE_IP: Final = (0x0800, 0x86DD)
_ETHERTYPE_VLAN: Final = (0x8100, 0x88A8, 0x9100)
# PPPoE session, MPLS: with IP inside. Below 0x600 the field is a length (LLC, SNAP).
_ETHERTYPE_RARE: Final = (0x8864, 0x8847, 0x8848)

_U16: Final = Struct(">H")
# IPv4 without options, and TCP behind it: total length, fragment, protocol; sequence, acknowledged, offset, flags
_IPV4_TCP: Final = Struct(">2xH2xHxB10x4xIIBB")
_IPV4_HEADER: Final = Struct(">2xH2xHxB10x")
_IPV6_HEADER: Final = Struct(">4xHBx")
_TCP_HEADER: Final = Struct(">4xIIBB")

_TCP: Final = 6
_FRAGMENT_HEADER, _AUTHENTICATION_HEADER = 44, 51
_EXTENSION_HEADERS: Final = (0, 43, 60, 135, 139, 140)


class PacketReader:
    """Reads frames, and counts what it could not read.

    Attributes:
        unknown_links: frames by link type that is not known here.
        fragments: IP fragments; they are not put together.
        malformed: frames whose IP or TCP header is impossible or was not captured.
        cut: frames of which not all was captured.
    """

    def __init__(self) -> None:
        self.unknown_links: dict[int, int] = {}
        self.fragments = 0
        self.malformed = 0
        self.cut = 0

    def segment(
        self, data: bytes, start: int, end: int, uncaptured: int, link: int, time: float, frame: int
    ) -> Segment | None:
        """The TCP segment in `data[start:end]`, None when there is none.

        Args:
            data: the frame is a stretch of it, so that frames need not be copied first.
            start: the frame's first byte.
            end: after its last captured byte.
            uncaptured: how many bytes of the frame were not captured.
            link: the link type.
            time: given to the segment.
            frame: given to the segment.
        """
        if uncaptured:
            self.cut += 1
        try:
            if link == _ETHERNET:
                at = start + 14
                if at > end:
                    self.malformed += 1
                    return None
                (kind,) = _U16.unpack_from(data, start + 12)
                if kind != 0x0800:
                    while kind in _ETHERTYPE_VLAN:
                        (kind,) = _U16.unpack_from(data, at + 2)
                        at += 4
                    if kind not in _ETHERTYPE_IP:
                        if kind >= 0x600 and kind not in _ETHERTYPE_RARE:
                            return None
                        return self._rare(_ethernet, data[start:end], uncaptured, time, frame)
            else:
                skip = _LINKS.get(link)
                if skip is None:
                    return self._other(data, start, end, uncaptured, link, time, frame)
                at = skip(data, start)
                if at < 0:
                    return None
            if at >= end:
                return None
            return self._ip(data, at, end, uncaptured, time, frame)
        except struct_error:
            # `data` itself ended within a header: nothing of the frame is of use.
            self.malformed += 1
            return None

    def _other(
        self, data: bytes, start: int, end: int, uncaptured: int, link: int, time: float, frame: int
    ) -> Segment | None:
        if link == _PKTAP:
            # Apple's: length of its own header, a record type, the link type behind it
            own = int.from_bytes(data[start : start + 4], "little")
            inner = int.from_bytes(data[start + 8 : start + 12], "little")
            if inner != _PKTAP and 12 <= own < end - start:
                self.cut -= bool(uncaptured)
                return self.segment(data, start + own, end, uncaptured, inner, time, frame)
            self.malformed += 1
            return None
        if link in (_PPP, _PPP_HDLC, _PPP_ETHER):
            at = start + (6 if link == _PPP_ETHER else 0)
            if link != _PPP_ETHER and data[at : at + 2] == b"\xff\x03":
                at += 2
            return self._rare(_ppp, data[at:end], uncaptured, time, frame)
        self.unknown_links[link] = self.unknown_links.get(link, 0) + 1
        return None

    def _rare(
        self, find: Callable[[bytes], bytes], data: bytes, uncaptured: int, time: float, frame: int
    ) -> Segment | None:
        try:
            packet = find(data)
        except Exception:  # dpkt raises what its parts happen to raise
            self.malformed += 1
            return None
        return self._ip(packet, 0, len(packet), uncaptured, time, frame) if packet else None

    # ------------------------------------------------------------------- IP
    def _ip(self, data: bytes, at: int, end: int, uncaptured: int, time: float, frame: int) -> Segment | None:
        first = data[at]
        if first == 0x45 and at + 40 <= end:
            total, fragment, protocol, sequence, acknowledged, offset, flags = _IPV4_TCP.unpack_from(data, at)
            if protocol != _TCP:
                return None
            if fragment & 0x3FFF:
                self.fragments += 1
                return None
            begins = at + 20 + (offset >> 4) * 4
            # A length of 0 is what segmentation offload leaves: the whole frame then.
            stop = at + total if total else end + uncaptured
            if offset < 0x50 or begins > stop:
                self.malformed += 1
                return None
            if stop <= end:
                payload = data[begins:stop]
                missing = 0
            else:
                payload = data[begins:end]
                missing = stop - max(begins, end)
            return Segment(time, frame, data[at + 12 : at + 24], sequence, acknowledged, flags, payload, missing)
        version = first >> 4
        if version == 4:
            return self._ipv4(data, at, end, uncaptured, time, frame)
        if version == 6:
            return self._ipv6(data, at, end, uncaptured, time, frame)
        return None

    def _ipv4(self, data: bytes, at: int, end: int, uncaptured: int, time: float, frame: int) -> Segment | None:
        if at + 20 > end:
            self.malformed += 1
            return None
        total, fragment, protocol = _IPV4_HEADER.unpack_from(data, at)
        if protocol != _TCP:
            return None
        if fragment & 0x3FFF:
            self.fragments += 1
            return None
        header = (data[at] & 15) * 4
        stop = at + total if total else end + uncaptured
        if header < 20:
            self.malformed += 1
            return None
        return self._tcp(data, at + header, end, stop, data[at + 12 : at + 20], time, frame)

    def _ipv6(self, data: bytes, at: int, end: int, uncaptured: int, time: float, frame: int) -> Segment | None:
        if at + 40 > end:
            self.malformed += 1
            return None
        length, following = _IPV6_HEADER.unpack_from(data, at)
        stop = at + 40 + length if length else end + uncaptured
        addresses = data[at + 8 : at + 40]
        at += 40
        while following != _TCP:
            if at + 8 > end:
                return None
            if following in _EXTENSION_HEADERS:
                size = 8 + data[at + 1] * 8
            elif following == _AUTHENTICATION_HEADER:
                size = 8 + data[at + 1] * 4
            else:
                self.fragments += following == _FRAGMENT_HEADER
                return None
            following = data[at]
            at += size
        return self._tcp(data, at, end, stop, addresses, time, frame)

    def _tcp(
        self, data: bytes, at: int, end: int, stop: int, addresses: bytes, time: float, frame: int
    ) -> Segment | None:
        if at + 14 > end:
            self.malformed += 1
            return None
        sequence, acknowledged, offset, flags = _TCP_HEADER.unpack_from(data, at)
        begins = at + (offset >> 4) * 4
        if offset < 0x50 or begins > stop:
            self.malformed += 1
            return None
        key = addresses + data[at : at + 4]
        missing = max(stop - max(begins, end), 0)
        return Segment(time, frame, key, sequence, acknowledged, flags, data[begins : min(stop, end)], missing)


# ------------------------------------------------------------------- link layers
def _cooked(data: bytes, start: int) -> int:
    (kind,) = _U16.unpack_from(data, start + 14)
    return _behind(kind, data, start + 16)


def _cooked_2(data: bytes, start: int) -> int:
    (kind,) = _U16.unpack_from(data, start)
    return _behind(kind, data, start + 20)


def _behind(kind: int, data: bytes, at: int) -> int:
    while kind in _ETHERTYPE_VLAN:
        (kind,) = _U16.unpack_from(data, at + 2)
        at += 4
    return at if kind in _ETHERTYPE_IP else -1


def _four(data: bytes, start: int) -> int:
    # The address family stands in these four bytes, with another number on each system; IP's version says the same.
    return start + 4


def _none(data: bytes, start: int) -> int:
    return start


# Where the IP packet begins; negative when the frame carries none.
_LINKS: Final[dict[int, Callable[[bytes, int], int]]] = {
    _NULL: _four,
    _LOOP: _four,
    **dict.fromkeys(_RAW, _none),
    _IPV4: _none,
    _IPV6: _none,
    _LINUX_COOKED: _cooked,
    _LINUX_COOKED_2: _cooked_2,
}


def _ethernet(frame: bytes) -> bytes:
    from dpkt.ethernet import Ethernet  # type: ignore[import-untyped]  # has no types

    return _innermost(Ethernet(frame))


def _ppp(frame: bytes) -> bytes:
    from dpkt.ppp import PPP  # type: ignore[import-untyped]  # has no types

    return _innermost(PPP(frame))


def _innermost(packet: object) -> bytes:
    """The IP packet within what dpkt has read, b"" when there is none."""
    from dpkt.ip import IP  # type: ignore[import-untyped]  # has no types
    from dpkt.ip6 import IP6  # type: ignore[import-untyped]  # has no types

    for _ in range(8):
        if isinstance(packet, IP | IP6):
            return bytes(packet)
        packet = getattr(packet, "data", b"")
    return b""
