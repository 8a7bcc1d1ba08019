"""PDUs out of the bytes of one direction (PS3.8 section 9.3.1), also when some are missing.

In step, each PDU says where the next one begins. Behind a hole, or when the bytes are no PDU, the next place that
looks like the beginning of one is searched for. A PDU with a hole within comes out as what there is of it up to the
hole, with its true length: bytes are never made up, and those behind a hole are not moved to where they do not belong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, NamedTuple

from workstation.traffic.capture.tcp import Budget

__all__ = ["FoundPdu", "Framer", "begins_association", "may_be_header"]

HEADER: Final = 6
_HEADER: Final = Struct(">BxI")
_P_DATA: Final = Struct(">BxIIBB")
# What a P-DATA-TF may claim. Some peers set no limit, so it is far above what is usual.
_LONGEST_DATA: Final = 128 << 20
_LONGEST_ASSOCIATE: Final = 1 << 20
_LONGEST_OTHER: Final = 64 << 10
# While searching: what is held to see whether another PDU follows the one that may have been found.
_SEARCHED: Final = 256 << 10
_GARBAGE_KEPT: Final = 64 << 10

# What to look for, and how far behind the beginning of a PDU it stands: found without Python looking at each byte;
# `_looks_right` looks at each place found. A P-DATA-TF of 16 MiB and more is not found again behind a hole, nor are
# the two that begin an association when their reserved bytes are not zero.
_MARKS: Final = (
    (b"\x04\x00\x00", 0),  # P-DATA-TF
    (b"\x00\x00\x00\x00\x04\x00", 1),  # the four that are ten bytes long
    (b"\x00\x01\x00\x00", 6),  # protocol version of A-ASSOCIATE-RQ and -AC
)
_LONGEST_PATTERN: Final = 12
_TITLES: Final = re.compile(rb"[\x20-\x7e]{32}")


class FoundPdu(NamedTuple):
    """A PDU, or bytes in the place of one."""

    time: float  # of its last byte
    pdu_type: int
    length: int  # on the wire, header included
    data: bytes  # all of it, or what was captured before the first hole
    missing: int  # bytes that were not captured, between the PDU before and this one
    passed_over: int  # bytes that were, and belong to no PDU that could be read
    cut: bool  # whether bytes within it are missing


def may_be_header(data: bytes | bytearray, at: int = 0) -> bool:
    """Whether six bytes may be the header of a PDU."""
    pdu_type, length = _HEADER.unpack_from(data, at)
    if pdu_type == 4:
        return bool(length <= _LONGEST_DATA)
    if pdu_type in (1, 2):
        return bool(length <= _LONGEST_ASSOCIATE)
    # A type that does not exist may be a PDU all the same; with no length it is more likely zeros.
    return bool((0 if 3 <= pdu_type <= 7 else 1) <= length <= _LONGEST_OTHER)


def begins_association(data: bytes | bytearray) -> bool:
    """Whether bytes begin as an A-ASSOCIATE-RQ does; ten of them tell."""
    return data[:2] == b"\x01\x00" and may_be_header(data) and data[6:8] in (b"\x00\x01", b"") and len(data) >= HEADER


class Framer:
    """Puts PDUs together.

    Args:
        emit: is given each PDU; may be replaced.
        budget: shared with all others; when it is exhausted only the beginning of a large PDU is kept.
        in_step: whether the first byte begins a PDU.

    Attributes:
        passed: bytes passed over so far, while searching.
    """

    def __init__(self, emit: Callable[[FoundPdu], None], budget: Budget, *, in_step: bool = True) -> None:
        self.emit = emit
        self._budget = budget
        self._buffer = bytearray()  # of the PDU under way, or of what is searched
        self._expected = 0  # length of the PDU under way; 0 before its header is whole
        self._filled = 0  # of it, holes included
        self._cut = False  # whether there was a hole in it
        self._searching = not in_step
        self._looked = 0  # where in the buffer to search on
        self._garbage: bytearray | None = None  # what stands in the place of a PDU, and was captured
        self._garbage_length = 0
        self._missing = 0
        self._passed_over = 0
        self.passed = 0

    @property
    def searching(self) -> bool:
        """Whether the next PDU is being looked for."""
        return self._searching

    @property
    def under_way(self) -> int:
        """Bytes of a PDU that is not complete."""
        return 0 if self._searching else (self._filled or len(self._buffer))

    # ------------------------------------------------------------------- bytes
    def feed(self, time: float, data: bytes) -> None:
        """Take bytes."""
        while data:
            data = self._search(time, data) if self._searching else self._read(time, data)

    def _read(self, time: float, data: bytes) -> bytes:
        """Read PDUs one behind the other; what is left when they are no PDUs any more."""
        at, end = 0, len(data)
        while at < end:
            if self._expected:
                at = self._fill(time, data, at, end)
                continue
            if self._buffer:
                take = HEADER - len(self._buffer)
                self._buffer += data[at : at + take]
                at += take
                if len(self._buffer) < HEADER:
                    return b""
                header: bytes | bytearray = self._buffer
                place = 0
            elif end - at < HEADER:
                self._hold(data[at:])
                return b""
            else:
                header, place = data, at
            pdu_type, length = _HEADER.unpack_from(header, place)
            if (pdu_type != 4 or length > _LONGEST_DATA) and not may_be_header(header, place):
                rest = bytes(self._buffer) + data[at:]
                self._empty()
                self._lose_step()
                return rest
            whole = HEADER + length
            if header is data and whole <= end - at:
                piece = data[at : at + whole]
                at += whole
                if self._missing or self._passed_over:
                    self._found(FoundPdu(time, pdu_type, whole, piece, self._missing, self._passed_over, False))
                else:
                    self.emit(FoundPdu(time, pdu_type, whole, piece, 0, 0, False))
                continue
            self._expected = whole
            self._filled = len(self._buffer)
            if self._filled == whole:
                self._complete(time)
        return b""

    def _fill(self, time: float, data: bytes, at: int, end: int) -> int:
        take = min(self._expected - self._filled, end - at)
        if not self._cut:
            if self._budget.exhausted and len(self._buffer) > _GARBAGE_KEPT:
                self._cut = True
            else:
                self._hold(data[at : at + take])
        self._filled += take
        if self._filled == self._expected:
            self._complete(time)
        return at + take

    def _hold(self, data: bytes) -> None:
        self._buffer += data
        self._budget.held += len(data)

    def _empty(self) -> None:
        self._budget.held = max(self._budget.held - len(self._buffer), 0)
        self._buffer.clear()

    def _complete(self, time: float) -> None:
        data = bytes(self._buffer)
        whole, cut = self._expected, self._cut
        self._empty()
        self._expected = self._filled = 0
        self._cut = False
        self._found(FoundPdu(time, data[0], whole, data, self._missing, self._passed_over, cut))

    def _found(self, pdu: FoundPdu) -> None:
        self._missing = self._passed_over = 0
        self.emit(pdu)

    # ------------------------------------------------------------------- holes
    def hole(self, time: float, length: int) -> None:
        """Bytes are missing here."""
        if self._searching:
            self._pass_over(len(self._buffer))
            self._end_garbage(time)
            self._missing += length
            self._looked = 0
            return
        if self._expected:
            self._cut = True
            room = self._expected - self._filled
            self._filled += min(room, length)
            length -= room
            if length >= 0:
                self._complete(time)
            if length <= 0:
                return
        elif self._buffer:
            self._passed_over += len(self._buffer)
            self._empty()
        self._missing += length
        self._searching = True
        self._looked = 0

    def end(self, time: float) -> FoundPdu | None:
        """Nothing more comes: what there is of a last PDU, or what could not be read, as a PDU never given out."""
        if self._searching:
            self._pass_over(len(self._buffer))
            self._end_garbage(time)
        elif self._expected:
            data = bytes(self._buffer)
            whole = self._expected
            self._empty()
            self._expected = self._filled = 0
            left = FoundPdu(time, data[0], whole, data, self._missing, self._passed_over, True)
            self._missing = self._passed_over = 0
            return left
        elif self._buffer:
            self._passed_over += len(self._buffer)
            self._empty()
        if self._missing or self._passed_over:
            return FoundPdu(time, 0, 0, b"", self._missing, self._passed_over, False)
        return None

    # ------------------------------------------------------------------- searching
    def _lose_step(self) -> None:
        self._searching = True
        self._garbage = bytearray()
        self._garbage_length = 0
        self._looked = 1  # it does not begin a PDU, however much it looks like one

    def _search(self, time: float, data: bytes) -> bytes:
        """Look for the beginning of a PDU; what is left from there on."""
        self._hold(data)
        buffer = self._buffer
        for place in _candidates(buffer, self._looked):
            right = _looks_right(buffer, place)
            if right is None:
                # More has to be seen; what lies before it is of no use.
                self._pass_over(place)
                self._looked = 0
                return b""
            if right:
                rest = bytes(buffer[place:])
                self._pass_over(place)
                self._end_garbage(time)
                self._empty()
                self._searching = False
                return rest
        self._pass_over(max(len(buffer) - _LONGEST_PATTERN + 1, 0))
        self._looked = 1 if self._garbage is not None and not self._garbage_length else 0
        return b""

    def _pass_over(self, count: int) -> None:
        """Let the first bytes of what is searched go."""
        if not count:
            return
        if self._garbage is not None:
            self._garbage += self._buffer[: min(count, _GARBAGE_KEPT - len(self._garbage))]
            self._garbage_length += count
        else:
            self._passed_over += count
        self.passed += count
        del self._buffer[:count]
        self._budget.held = max(self._budget.held - count, 0)

    def _end_garbage(self, time: float) -> None:
        """What stood in the place of a PDU ends here."""
        if self._garbage is None:
            return
        garbage, length = bytes(self._garbage), self._garbage_length
        self._garbage = None
        self._garbage_length = 0
        if length:
            cut = length > len(garbage)
            self._found(FoundPdu(time, garbage[0], length, garbage, self._missing, self._passed_over, cut))


def _candidates(buffer: bytearray, start: int) -> Iterator[int]:
    """Places from `start` on where a PDU may begin, ascending."""
    places = [buffer.find(mark, start + back) for mark, back in _MARKS]
    while True:
        best, which = -1, 0
        for number, (_, back) in enumerate(_MARKS):
            if places[number] >= 0 and (best < 0 or places[number] - back < best):
                best, which = places[number] - back, number
        if best < 0:
            return
        yield best
        places[which] = buffer.find(_MARKS[which][0], places[which] + 1)


def _looks_right(buffer: bytearray, place: int) -> bool | None:
    """Whether a PDU begins at a place that the pattern found; None when more bytes are needed to tell."""
    seen = len(buffer) - place
    pdu_type = buffer[place]
    if seen < (_P_DATA.size if pdu_type == 4 else 10):
        return None if 1 <= pdu_type <= 7 and not buffer[place + 1 : place + 2].strip(b"\0") else False
    length = int.from_bytes(buffer[place + 2 : place + 6], "big")
    behind = place + HEADER + length
    if buffer[place + 1]:
        return False
    if pdu_type == 4:
        _, _, item, context, control = _P_DATA.unpack_from(buffer, place)
        if item < 2 or item + 4 > length or not context & 1 or control > 3:
            return False
        sure = item + 4 == length
    elif pdu_type in (1, 2):
        if not 68 <= length <= _LONGEST_ASSOCIATE or buffer[place + 6 : place + 10] != b"\0\1\0\0":
            return False
        if seen < 42:
            return None
        return _TITLES.match(buffer, place + 10) is not None
    elif length != 4:
        return False
    elif pdu_type in (3, 7):
        low, middle, high = buffer[place + 7 : place + 10]
        if pdu_type == 3:
            sure = low in (1, 2) and middle in (1, 2, 3) and high <= 10
        else:
            sure = low == 0 and middle in (0, 2) and high <= 6
    else:
        sure = pdu_type in (5, 6) and not any(buffer[place + 6 : place + 10])
    if not sure and pdu_type != 4:
        return False
    if behind + HEADER <= len(buffer):
        return 1 <= buffer[behind] <= 7 and may_be_header(buffer, behind)
    if sure:
        return True
    return None if seen < min(HEADER + length, _SEARCHED) + HEADER else False
