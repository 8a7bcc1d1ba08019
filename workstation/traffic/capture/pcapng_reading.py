"""The blocks of a pcapng file: sections of either byte order, several interfaces, times of any resolution.

Blocks that carry no packets are passed over, but for the counts of packets that the capturing program missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from workstation.traffic.capture.packets import PacketReader, Segment
from workstation.traffic.capture.window import Window, find_next
from workstation.traffic.text import quantity

__all__ = ["PcapngReader"]

_SECTION, _INTERFACE, _PACKET, _SIMPLE_PACKET, _STATISTICS, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 5, 6
_MAGIC: Final = {bytes.fromhex("1a2b3c4d"): ">", bytes.fromhex("4d3c2b1a"): "<"}
_SECTION_MARK: Final = bytes.fromhex("0a0d0d0a")
_LARGEST_BLOCK: Final = 16 << 20
_REACH: Final = 300_000
_INTERFACES: Final = 4096
_RESOLUTION, _OFFSET, _DROPPED = 9, 14, 5
# What a clock can say: from 1970 until the year 3000, beyond which some systems know no calendar. 64 bits of any unit
# from any beginning can say far more.
_LATEST: Final = 32_503_680_000.0


class _Interface(NamedTuple):
    link: int
    snap: int
    unit: float  # seconds
    offset: int  # seconds


_ETHERNET: Final = _Interface(1, 0, 1e-6, 0)


class _Numbers:
    """How numbers are read in a section."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.block = Struct(order + "II")
        self.number = Struct(order + "I")
        self.enhanced = Struct(order + "5I")
        self.packet = Struct(order + "2H4I")
        self.interface = Struct(order + "H2xI")
        self.option = Struct(order + "HH")
        self.long = Struct(order + "Q")
        self.mark = re.compile(
            re.escape(self.number.pack(_ENHANCED_PACKET)) + b"|" + re.escape(_SECTION_MARK), re.DOTALL
        )


class PcapngReader:
    """Reads the blocks of a pcapng file.

    Attributes:
        frames: how many packets were read.
        truncated: whether the file ends within a block.
        problems: sentences on damage.
    """

    def __init__(self, window: Window, packets: PacketReader) -> None:
        self._window = window
        self._packets = packets
        self._numbers = _Numbers("<")
        self._interfaces: list[_Interface] = []
        self._dropped: dict[int, int] = {}
        self._dropped_before = 0
        self._time = 0.0
        self._unknown_interface = 0
        self._impossible_times = 0
        self.frames = 0
        self.truncated = False
        self.problems: list[str] = []

    def batches(self) -> Iterator[list[Segment]]:
        """The segments of a block of the file at a time."""
        window = self._window
        at = previous = 0
        while True:
            at, previous, damaged, batch = self._blocks(at, previous)
            yield batch
            if damaged:
                wrong = window.base + at
                # The length of the block before fits its end, so it is not what is wrong.
                found = find_next(window, at + 1, self._candidates, self._follows, 2 * _REACH)
                if found is None:
                    rest = window.base + len(window.data) - wrong
                    self.problems.append(
                        f"The file is damaged at byte {wrong:,}, behind frame {self.frames:,}; "
                        f"the {quantity(rest, 'byte')} from there on cannot be read."
                    )
                    break
                passed = window.base + found - wrong
                self.problems.append(
                    f"The file is damaged at byte {wrong:,}, behind frame {self.frames:,}: "
                    f"{quantity(passed, 'byte')} were passed over."
                )
                at = previous = found
                continue
            if window.ended:
                if at < len(window.data):
                    self.truncated = True
                    left = quantity(len(window.data) - at, "byte")
                    self.problems.append(
                        f"The file ends within a block, behind frame {self.frames:,}; {left} are left."
                    )
                break
            window.fill(at)
            at = previous = 0
        if self._unknown_interface:
            frames = quantity(self._unknown_interface, "frame")
            self.problems.append(f"Read as Ethernet, because the file does not describe their interface: {frames}.")
        if self._impossible_times:
            frames = quantity(self._impossible_times, "frame")
            self.problems.append(f"Of no time between 1970 and 3000, so told as when the one before came: {frames}.")
        dropped = self._dropped_before + sum(self._dropped.values())
        if dropped:
            self.problems.append(f"The capturing program says that it missed {quantity(dropped, 'frame')}.")

    def _blocks(self, at: int, previous: int) -> tuple[int, int, bool, list[Segment]]:
        """Read the blocks that are whole in the window, from `at` on."""
        data = self._window.data
        end = len(data)
        batch: list[Segment] = []
        while at + 12 <= end:
            numbers = self._numbers
            kind, length = numbers.block.unpack_from(data, at)
            if kind == _SECTION:
                order = _MAGIC.get(data[at + 8 : at + 12])
                if order is None:
                    return at, previous, True, batch
                if order != numbers.order:
                    numbers = _Numbers(order)
                (length,) = numbers.number.unpack_from(data, at + 4)
            if length < 12 or length % 4 or length > _LARGEST_BLOCK:
                return at, previous, True, batch
            stop = at + length
            if stop > end:
                # What claims more than there is may be damage as well as the end of the file.
                damaged = self._window.ended and self._has_more(at)
                return at, previous, damaged, batch
            if numbers.number.unpack_from(data, stop - 4)[0] != length:
                return at, previous, True, batch
            if kind == _ENHANCED_PACKET and length >= 32:
                interface, high, low, captured, whole = numbers.enhanced.unpack_from(data, at + 8)
                self._frame(batch, at + 28, stop - 4, captured, whole, interface, high << 32 | low)
            elif kind == _SECTION:
                self._numbers = numbers
                self._begin_section()
            else:
                self._other_block(kind, at, stop, batch)
            previous, at = at, stop
        return at, previous, False, batch

    def _has_more(self, at: int) -> bool:
        data = self._window.data
        return any(self._follows(data, place) for place in self._candidates(data, at + 1, len(data)))

    def _begin_section(self) -> None:
        self._interfaces = []
        self._dropped_before += sum(self._dropped.values())
        self._dropped = {}

    def _frame(
        self, batch: list[Segment], start: int, end: int, captured: int, whole: int, interface: int, units: int | None
    ) -> None:
        self.frames += 1
        if interface < len(self._interfaces):
            described = self._interfaces[interface]
        else:
            described = _ETHERNET
            self._unknown_interface += 1
        if units is not None:
            time = described.offset + units * described.unit
            if 0.0 <= time < _LATEST:
                self._time = time
            else:
                self._impossible_times += 1
        # A block says twice how long its packet is; what the block has room for counts.
        stop = min(start + captured, end)
        segment = self._packets.segment(
            self._window.data, start, stop, max(whole - captured, 0), described.link, self._time, self.frames
        )
        if segment is not None:
            batch.append(segment)

    def _other_block(self, kind: int, at: int, stop: int, batch: list[Segment]) -> None:
        data, numbers = self._window.data, self._numbers
        if kind == _INTERFACE and stop - at >= 20:
            link, snap = numbers.interface.unpack_from(data, at + 8)
            if len(self._interfaces) < _INTERFACES:
                self._interfaces.append(self._interface(link, snap, self._options(at + 16, stop - 4)))
        elif kind == _SIMPLE_PACKET and stop - at >= 16:
            (whole,) = numbers.number.unpack_from(data, at + 8)
            captured = min(whole, stop - at - 16)
            if self._interfaces and self._interfaces[0].snap:
                captured = min(captured, self._interfaces[0].snap)
            self._frame(batch, at + 12, stop - 4, captured, whole, 0, None)
        elif kind == _PACKET and stop - at >= 32:
            interface, _, high, low, captured, whole = numbers.packet.unpack_from(data, at + 8)
            self._frame(batch, at + 28, stop - 4, captured, whole, interface, high << 32 | low)
        elif kind == _STATISTICS and stop - at >= 24:
            (interface,) = numbers.number.unpack_from(data, at + 8)
            for code, value in self._options(at + 20, stop - 4):
                if code == _DROPPED and len(value) == 8 and interface < _INTERFACES:
                    self._dropped[interface] = numbers.long.unpack(value)[0]

    def _interface(self, link: int, snap: int, options: list[tuple[int, bytes]]) -> _Interface:
        unit, offset = 1e-6, 0
        for code, value in options:
            if code == _RESOLUTION and len(value) == 1:
                exponent = value[0] & 0x7F
                unit = 2.0**-exponent if value[0] & 0x80 else 10.0**-exponent
            elif code == _OFFSET and len(value) == 8:
                offset = Struct(self._numbers.order + "q").unpack(value)[0]
        return _Interface(link, snap, unit, offset)

    def _options(self, at: int, end: int) -> list[tuple[int, bytes]]:
        data = self._window.data
        found: list[tuple[int, bytes]] = []
        while at + 4 <= end and len(found) < 64:
            code, length = self._numbers.option.unpack_from(data, at)
            if code == 0 or at + 4 + length > end:
                break
            found.append((code, data[at + 4 : at + 4 + length]))
            at += 4 + (length + 3) // 4 * 4
        return found

    # ------------------------------------------------------------------- behind damage
    def _candidates(self, data: bytes, start: int, end: int) -> Iterator[int]:
        for match in self._numbers.mark.finditer(data, start, max(end, start)):
            yield match.start()

    def _follows(self, data: bytes, place: int) -> int:
        if place + 12 > len(data):
            return 0
        numbers = self._numbers
        kind, length = numbers.block.unpack_from(data, place)
        if kind == _SECTION:
            order = _MAGIC.get(data[place + 8 : place + 12])
            if order is None:
                return 0
            length = int.from_bytes(data[place + 4 : place + 8], "little" if order == "<" else "big")
            numbers = _Numbers(order)
        stop = place + length
        if length < 12 or length % 4 or length > _REACH or stop > len(data):
            return 0
        return int(stop) if numbers.number.unpack_from(data, stop - 4)[0] == length else 0
