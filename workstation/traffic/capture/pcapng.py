"""A pcapng file, block by block (draft-ietf-opsawg-pcapng): what Wireshark reads, and nothing that it does not need.

One section, one interface of raw IP packets, times in nanoseconds, comments beside packets. Knows what a packet is to
the file (a time, its bytes, how long it was) and nothing of what is in it.
"""

from __future__ import annotations

import platform
import struct
from typing import BinaryIO, Final, NamedTuple

from workstation import __version__

__all__ = ["MAX_CAPTURED", "Packet", "PcapngWriter"]

LINKTYPE_RAW: Final = 101  # the packet begins with its IPv4 or IPv6 header
MAX_CAPTURED: Final = 0x40000  # Wireshark refuses longer packets
_SECTION_HEADER, _INTERFACE, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _HARDWARE_OS, _APPLICATION = 1, 3, 4
_NAME, _DESCRIPTION, _RESOLUTION = 2, 3, 9
_NANOSECONDS: Final = 9
_LONGEST_COMMENT = 4096


class Packet(NamedTuple):
    """One packet; fewer bytes than its length where the rest was not kept."""

    time: float  # seconds since the epoch
    data: bytes
    length: int
    comment: str = ""


class PcapngWriter:
    """Writes to a binary file that is open, and leaves closing it to whoever opened it."""

    def __init__(self, file: BinaryIO, description: str) -> None:
        self._file = file
        self.bytes = 0
        application = f"DICOM Workstation {__version__}"
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)  # byte order, version 1.0, a section of unknown length
        self._block(_SECTION_HEADER, section + _options((_HARDWARE_OS, platform.system()), (_APPLICATION, application)))
        interface = struct.pack("<HHI", LINKTYPE_RAW, 0, MAX_CAPTURED)
        options = _options((_NAME, "dicom"), (_DESCRIPTION, description), (_RESOLUTION, bytes([_NANOSECONDS])))
        self._block(_INTERFACE, interface + options)

    def write(self, packet: Packet) -> None:
        """Add a packet; the order in the file is that of the calls."""
        nanoseconds = max(round(packet.time * 1e9), 0)
        size = len(packet.data)
        header = struct.pack("<IIIII", 0, nanoseconds >> 32, nanoseconds & 0xFFFFFFFF, size, packet.length)
        options = _options((_COMMENT, packet.comment)) if packet.comment else b""
        self._block(_ENHANCED_PACKET, header + packet.data + bytes(-size % 4) + options)

    def _block(self, kind: int, body: bytes) -> None:
        length = struct.pack("<I", 12 + len(body))
        block = b"".join((struct.pack("<I", kind), length, body, length))
        self._file.write(block)
        self.bytes += len(block)


def _options(*options: tuple[int, str | bytes]) -> bytes:
    """Options and their end, each padded to four bytes."""
    parts: list[bytes] = []
    for code, value in options:
        raw = value if isinstance(value, bytes) else _text(value)
        parts.append(struct.pack("<HH", code, len(raw)) + raw + bytes(-len(raw) % 4))
    return b"".join(parts) + bytes(4)


def _text(value: str) -> bytes:
    raw = value.encode("utf-8", "replace")
    # Cut between characters, not within one.
    return raw if len(raw) <= _LONGEST_COMMENT else raw[:_LONGEST_COMMENT].decode("utf-8", "ignore").encode()
