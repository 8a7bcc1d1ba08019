"""The records of a pcap file, the form of tcpdump: both byte orders, micro- and nanoseconds, the modified header."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, Literal, NamedTuple

from workstation.traffic.capture.packets import PacketReader, Segment
from workstation.traffic.capture.window import Window, find_next
from workstation.traffic.text import quantity

__all__ = ["PCAP_FORMS", "PcapForm", "PcapReader"]

_USUAL_FRAME: Final = 262_144  # the largest that tcpdump and Wireshark take
_LARGEST_FRAME: Final = 16 << 20
_HEADER: Final = 24
_LARGEST_PART: Final = 1_000_000_000
# Some programs count the padding of the smallest Ethernet frames as captured, but not as length.
_SMALL: Final = 64


class PcapForm(NamedTuple):
    """What the first four bytes of a file say about it."""

    order: str
    nanoseconds: bool
    modified: bool


PCAP_FORMS: Final = {
    bytes.fromhex("a1b2c3d4"): PcapForm(">", False, False),
    bytes.fromhex("d4c3b2a1"): PcapForm("<", False, False),
    bytes.fromhex("a1b23c4d"): PcapForm(">", True, False),
    bytes.fromhex("4d3cb2a1"): PcapForm("<", True, False),
    bytes.fromhex("a1b2cd34"): PcapForm(">", False, True),
    bytes.fromhex("34cdb2a1"): PcapForm("<", False, True),
}


class PcapReader:
    """Reads the records of a pcap file.

    Attributes:
        frames: how many records were read.
        truncated: whether the file ends within one.
        problems: sentences on damage.
    """

    def __init__(self, window: Window, form: PcapForm, packets: PacketReader) -> None:
        self._window = window
        self._form = form
        self._packets = packets
        self._record = Struct(form.order + "IIII")
        self._size = 24 if form.modified else 16
        self._parts = 1_000_000_000 if form.nanoseconds else 1_000_000
        self._longest = _USUAL_FRAME
        self._seconds = 0
        self.frames = 0
        self.truncated = False
        self.problems: list[str] = []

    def batches(self) -> Iterator[list[Segment]]:
        """The segments of a block of the file at a time."""
        window, size = self._window, self._size
        while len(window.data) < _HEADER and not window.ended:
            window.fill(0)
        if len(window.data) < _HEADER:
            self.truncated = True
            self.problems.append("The file ends within its own header.")
            return
        snap, link = Struct(self._form.order + "II").unpack_from(window.data, 16)
        self._longest = min(max(snap, _USUAL_FRAME), _LARGEST_FRAME)
        link &= 0xFFFF  # above it stands the length of the frame check sequence
        at = previous = _HEADER
        while True:
            at, previous, damaged, batch = self._block(at, previous, link)
            yield batch
            if damaged:
                wrong = window.base + at
                # The length of the record before may be what is wrong: look right behind its header.
                start = previous + size if previous < at else at + 1
                found = find_next(window, start, self._candidates, self._follows, 2 * (self._longest + size))
                if found is None:
                    rest = window.base + len(window.data) - wrong
                    self.problems.append(
                        f"The file is damaged at byte {wrong:,}, behind frame {self.frames:,}; "
                        f"the {quantity(rest, 'byte')} from there on cannot be read."
                    )
                    return
                skipped = window.base + found - wrong
                passed = (
                    f"{quantity(skipped, 'byte')} were passed over"
                    if skipped > 0
                    else "the length of that frame is wrong"
                )
                self.problems.append(f"The file is damaged at byte {wrong:,}, behind frame {self.frames:,}: {passed}.")
                at = previous = found
                continue
            if window.ended:
                break
            window.fill(previous)
            at -= previous
            previous = 0
        rest = len(window.data) - at
        if rest:
            self.truncated = True
            self.problems.append(
                f"The file ends within frame {self.frames + 1:,}, of which {quantity(rest, 'byte')} are there."
            )

    def _block(self, at: int, previous: int, link: int) -> tuple[int, int, bool, list[Segment]]:
        """Read the records that are whole in the window, from `at` on."""
        data = self._window.data
        end, size, longest, parts = len(data), self._size, self._longest, self._parts
        unit = 1 / parts
        unpack, decode = self._record.unpack_from, self._packets.segment
        frames, seconds = self.frames, self._seconds
        batch: list[Segment] = []
        damaged = False
        while at + size <= end:
            seconds, part, captured, length = unpack(data, at)
            # Some programs write more than a second as its fraction; that alone is no damage.
            if captured > longest or part > _LARGEST_PART:
                damaged = True
                break
            start = at + size
            stop = start + captured
            if stop > end:
                break
            frames += 1
            cut = length - captured if length > captured else 0
            segment = decode(data, start, stop, cut, link, seconds + part * unit, frames)
            if segment is not None:
                batch.append(segment)
            self._seconds = seconds
            previous = at
            at = stop
        self.frames = frames
        return at, previous, damaged, batch

    # ------------------------------------------------------------------- behind damage
    def _candidates(self, data: bytes, start: int, end: int) -> Iterator[int]:
        """Places whose first four bytes are about the time of the last record: found without looking at each byte."""
        little = self._form.order == "<"
        order: Literal["little", "big"] = "little" if little else "big"
        high = self._seconds >> 16
        back = 2 if little else 0
        wanted = [(value & 0xFFFF).to_bytes(2, order) for value in ((high, high + 1) if high else ())]
        if not wanted:
            yield from range(start, max(min(end, start + 0x10000), start))
            return
        places = [data.find(mark, start + back) for mark in wanted]
        while any(place >= 0 for place in places):
            which = min((place, index) for index, place in enumerate(places) if place >= 0)[1]
            place = places[which] - back
            if place >= end:
                return
            yield place
            places[which] = data.find(wanted[which], places[which] + 1)

    def _follows(self, data: bytes, place: int) -> int:
        if place + self._size > len(data):
            return 0
        seconds, part, captured, length = self._record.unpack_from(data, place)
        if captured > self._longest or part >= self._parts or captured > max(length, _SMALL) or length > _LARGEST_FRAME:
            return 0
        if self._seconds and abs(seconds - self._seconds) > 366 * 86400:
            return 0
        return int(place + self._size + captured)
