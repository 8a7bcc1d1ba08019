"""Capture files made byte by byte: TCP conversations as frames of many link layers, in pcap and pcapng of all kinds."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from workstation.net.codec.pdu import A_RELEASE_RP, A_RELEASE_RQ, P_DATA_TF, PDV, encode_pdu
from workstation.traffic.capture.reading import CaptureReport, read_capture
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.rows import PduRow

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
NULL, ETHERNET, RAW, LOOP, COOKED, IPV4, IPV6, COOKED_2 = 0, 1, 101, 108, 113, 228, 229, 276
START = 1_700_000_000.0
SERVER_PORT = 11112


class Frame(NamedTuple):
    """What a capture has of a frame."""

    time: float
    data: bytes
    length: int  # on the wire


@dataclass(slots=True)
class Talk:
    """One TCP connection, the client's side at True; a millisecond passes with each segment.

    Attributes:
        packets: IP packets with their times, to be changed, lost or shuffled by a test.
    """

    client: tuple[str, int] = ("10.0.0.1", 40001)
    server: tuple[str, int] = ("10.0.0.2", SERVER_PORT)
    time: float = START
    sequences: dict[bool, int] = field(default_factory=lambda: {True: 0xFFFF_FF00, False: 5000})
    packets: list[tuple[float, bytes]] = field(default_factory=list)

    def packet(self, client: bool, flags: int = ACK, data: bytes = b"", *, at: int | None = None) -> bytes:
        """The next packet of a side; `at`: a sequence number that is not the next one."""
        mine = self.sequences[client] if at is None else at
        theirs = self.sequences[not client] if flags & ACK else 0
        if at is None:
            self.sequences[client] = (mine + len(data) + bool(flags & (SYN | FIN))) & 0xFFFF_FFFF
        ends = (self.client, self.server) if client else (self.server, self.client)
        tcp = struct.pack(
            ">HHIIBBHHH", ends[0][1], ends[1][1], mine & 0xFFFF_FFFF, theirs & 0xFFFF_FFFF, 5 << 4, flags, 65535, 0, 0
        )
        return ip(ends[0][0], ends[1][0], tcp + data)

    def say(self, client: bool, flags: int = ACK, data: bytes = b"", *, at: int | None = None) -> None:
        """Send the next packet."""
        self.time += 0.001
        self.packets.append((self.time, self.packet(client, flags, data, at=at)))

    def connect(self) -> None:
        self.say(True, SYN)
        self.say(False, SYN | ACK)
        self.say(True)

    def send(self, client: bool, data: bytes, segment: int = 1460) -> None:
        """Send bytes, and have them acknowledged."""
        for start in range(0, len(data), segment):
            self.say(client, PSH | ACK, data[start : start + segment])
            self.say(not client)

    def close(self) -> None:
        self.say(True, FIN | ACK)
        self.say(False, FIN | ACK)
        self.say(True)


def ip(source: str, target: str, payload: bytes, protocol: int = 6) -> bytes:
    """A packet of the version that the addresses are of."""
    if ":" in source:
        header = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
        return header + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target) + payload
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol, 0)
    return header + socket.inet_aton(source) + socket.inet_aton(target) + payload


def framed(packet: bytes, link: int = ETHERNET, vlans: int = 0) -> bytes:
    """A frame around a packet."""
    six = packet[0] >> 4 == 6
    kind = struct.pack(">H", 0x86DD if six else 0x0800)
    for number in range(vlans):
        kind = struct.pack(">HH", (0x8100, 0x88A8)[number % 2], 7 + number) + kind
    match link:
        case 1:
            frame = bytes(12) + kind + packet
            return frame.ljust(60, b"\xee")  # padded as Ethernet is
        case 0:
            return struct.pack("<I", 30 if six else 2) + packet
        case 108:
            return struct.pack(">I", 24 if six else 2) + packet
        case 113:
            return bytes(14) + kind + packet
        case 276:
            return kind[:2] + bytes(18) + kind[2:] + packet
        case _:
            return packet


def frames_of(
    talks: Talk | Sequence[Talk], link: int = ETHERNET, *, vlans: int = 0, snap: int | None = None
) -> list[Frame]:
    """The frames of connections in the order of time."""
    every = [talks] if isinstance(talks, Talk) else talks
    packets = sorted((packet for talk in every for packet in talk.packets), key=lambda one: one[0])
    whole = [(time, framed(packet, link, vlans)) for time, packet in packets]
    return [Frame(time, data[:snap], len(data)) for time, data in whole]


def pcap(
    frames: Iterable[Frame], link: int = ETHERNET, *, order: str = "<", nano: bool = False, modified: bool = False
) -> bytes:
    magic = 0xA1B2CD34 if modified else 0xA1B23C4D if nano else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    unit = 1_000_000_000 if nano else 1_000_000
    for time, data, length in frames:
        seconds, part = divmod(round(time * unit), unit)
        parts.append(struct.pack(order + "IIII", seconds, part, len(data), length))
        if modified:
            parts.append(bytes(8))
        parts.append(data)
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(
    link: int = ETHERNET, order: str = "<", resolution: int | None = None, offset: int | None = None
) -> bytes:
    options = b""
    if resolution is not None:
        options += struct.pack(order + "HHB3x", 9, 1, resolution)
    if offset is not None:
        options += struct.pack(order + "HHq", 14, 8, offset)
    if options:
        options += bytes(4)
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def enhanced(frame: Frame, order: str = "<", number: int = 0, units: float = 1e6, offset: int = 0) -> bytes:
    ticks = round((frame.time - offset) * units)
    head = struct.pack(order + "5I", number, ticks >> 32, ticks & 0xFFFF_FFFF, len(frame.data), frame.length)
    return block(6, head + frame.data, order)


def pcapng(frames: Iterable[Frame], link: int = ETHERNET, order: str = "<") -> bytes:
    blocks = [section(order), interface(link, order)]
    return b"".join([*blocks, *(enhanced(frame, order) for frame in frames)])


def p_data(data: bytes, *, command: bool = False, last: bool = True, context: int = 1) -> bytes:
    return encode_pdu(P_DATA_TF((PDV(context, command, last, data),)))


RELEASE_RQ, RELEASE_RP = encode_pdu(A_RELEASE_RQ()), encode_pdu(A_RELEASE_RP())


def read(path: Path, data: bytes) -> tuple[TrafficLog, CaptureReport]:
    """What a capture of these bytes comes to."""
    file = path / "file.pcap"
    file.write_bytes(data)
    log = TrafficLog(source=file.name)
    return log, read_capture(file, log)


def pdus_of(conversation: Conversation) -> list[PduRow]:
    """Its PDUs in the order in which they crossed the wire."""
    found = {pdu.number: pdu for row in conversation.rows for pdu in row.pdus}
    return [found[number] for number in sorted(found)]


def bytes_of(conversation: Conversation) -> list[tuple[bool, bytes]]:
    """Its PDUs, by whether the requestor sent them."""
    return [(pdu.sent, pdu.data) for pdu in pdus_of(conversation)]
