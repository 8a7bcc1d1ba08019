"""A bounded scan of an encoded data set: finds the elements that the index wants, and whether it is whole (PS3.5 7).

Iterative, over bytes or a file, nothing kept but the wanted values: an object of any size, nested any way, costs no
recursion and no memory. Decodes no value: `wanted_bytes` are handed to pydicom as a small data set.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
# The whole data set is one deflate stream (PS3.5 A.5, A.4.7, A.4.13).
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})

MAXIMUM_DEPTH = 64
# No attribute of the index is longer; a longer value is not indexed, the object is stored all the same.
MAXIMUM_VALUE = 256 * 1024
# Some senders pad the end of a data set with zeros.
MAXIMUM_PADDING = 512
# What the index needs of a deflated data set stands before its pixels; no more than this is inflated.
MAXIMUM_INFLATED = 16 * 1024 * 1024
# Each element costs time whatever its size. The largest multi-frame objects have some millions; of what a deflated
# data set inflates to, in which elements cost their sender next to nothing, fewer are looked at.
MAXIMUM_ELEMENTS = 10_000_000
MAXIMUM_INFLATED_ELEMENTS = 200_000

_STRETCH = 64 * 1024
_UNDEFINED = 0xFFFFFFFF
# Tag, VR and two-byte length; a four-byte length (PS3.5 7.1.2).
_LITTLE = struct.Struct("<HH2sH").unpack_from, struct.Struct("<L").unpack_from
_BIG = struct.Struct(">HH2sH").unpack_from, struct.Struct(">L").unpack_from
_LONGEST_HEADER = 12
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
# VRs of Explicit VR with a two-byte reserved field and a four-byte length (PS3.5 7.1.2).
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT_VRS = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS"}
    | {b"ST", b"TM", b"UI", b"UL", b"US"}
)


class DamagedDataSetError(Exception):
    """The bytes are not a whole data set. The text is a sentence for the Error Comment."""


class Source(Protocol):
    """Where the encoded data set is.

    Attributes:
        size: of the data set in bytes.
        head: its first bytes, any number of them: what is looked at without `read`.
    """

    size: int
    head: bytes

    def read(self, place: int, length: int) -> bytes:
        """Return the bytes from `place` on; there are that many."""


class Memory:
    """A source in memory."""

    def __init__(self, data: bytes) -> None:
        self.head = data
        self.size = len(data)

    def read(self, place: int, length: int) -> bytes:
        """Return the bytes from `place` on."""
        return self.head[place : place + length]


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan found.

    Attributes:
        wanted: by tag, the wanted elements as they were encoded; of several with one tag the last.
        is_implicit: and
        is_little_endian: how to read them.
        is_whole: False if only the beginning of what a deflated data set inflates to was looked at.
    """

    wanted: dict[int, bytes]
    is_implicit: bool
    is_little_endian: bool
    is_whole: bool = True

    @property
    def wanted_bytes(self) -> bytes:
        """The wanted elements in order: itself a data set."""
        return b"".join(self.wanted.values())


def scan(
    data: bytes | Source,
    transfer_syntax: str,
    wanted: Container[int],
    *,
    most_elements: int = MAXIMUM_ELEMENTS,
    most_inflated: int = MAXIMUM_INFLATED,
) -> Scanned:
    """Walk over a whole encoded data set.

    Args:
        data: the data set as received, without preamble and file meta information, or where it is.
        transfer_syntax: its UID; unknown ones are read as Explicit VR Little Endian, as the standard's new ones are.
        wanted: tags of the top level to collect.
        most_elements: more, those in sequences counted as well, are too many.
        most_inflated: bytes of a deflated data set that are looked at.

    Raises:
        DamagedDataSetError: it ends too early, nests too deep, has too many elements or is not encoded as the
            transfer syntax says.
        OSError: the source cannot be read.
    """
    source = Memory(data) if isinstance(data, bytes) else data
    whole = True
    if transfer_syntax in DEFLATED:
        inflated, whole = _inflate(source, most_inflated)
        source = Memory(inflated)
        most_elements = min(most_elements, MAXIMUM_INFLATED_ELEMENTS)
    is_implicit = transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
    is_little_endian = transfer_syntax != EXPLICIT_VR_BIG_ENDIAN
    walk = _Walk(source, is_implicit, is_little_endian, wanted, most_elements)
    try:
        walk.run()
    except _BeyondEndError as error:
        if whole:
            raise DamagedDataSetError(str(error)) from error
    except _TooManyError as error:
        if transfer_syntax not in DEFLATED:
            raise DamagedDataSetError(f"The data set has more than {most_elements} elements.") from error
        whole = False
    return Scanned(walk.found, is_implicit, is_little_endian, whole)


def _inflate(source: Source, limit: int) -> tuple[bytes, bool]:
    """Return the beginning of what the stream inflates to, and whether that is all of it."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = bytearray()
    place = 0
    while place < source.size and not inflater.eof and len(inflated) < limit:
        stretch = source.read(place, min(_STRETCH, source.size - place))
        place += len(stretch)
        try:
            inflated += inflater.decompress(stretch, limit - len(inflated))
        except zlib.error as error:
            raise DamagedDataSetError("The deflated data set cannot be inflated.") from error
    if inflater.eof:
        return bytes(inflated), True
    if len(inflated) < limit:
        raise DamagedDataSetError("The deflated data set ends before its stream does.")
    return bytes(inflated), False


class _BeyondEndError(Exception):
    """The data ends inside an element."""


class _TooManyError(Exception):
    """There are more elements than anybody looks at."""


class _Walk:
    """One pass over the elements, with its own stack of open sequences and items."""

    def __init__(
        self, source: Source, is_implicit: bool, is_little_endian: bool, wanted: Container[int], most_elements: int
    ) -> None:
        self._left = most_elements
        self._read = source.read
        self._end = source.size
        self._head = source.head
        # Up to here a whole header is in the head.
        self._near = len(source.head) - _LONGEST_HEADER
        self._implicit = is_implicit
        self._header_of, self._length_of = _LITTLE if is_little_endian else _BIG
        self._wanted = wanted
        self.found: dict[int, bytes] = {}

    def run(self) -> None:
        place = 0
        padding = self._end - MAXIMUM_PADDING
        while (place := self._plain(place)) < self._end:
            start = place
            if place >= padding and not any(self._read(place, self._end - place)):
                return
            tag, vr, length, place = self._header(place, self._implicit)
            if tag >> 16 == 0xFFFE:
                raise DamagedDataSetError(f"An item delimiter stands outside a sequence, at byte {start}.")
            if length == _UNDEFINED:
                place = self._sequence(place, tag, vr)
            else:
                self._check(tag, place, length)
                if vr == b"SQ" and tag in self._wanted:
                    self._items(place, place + length, self._implicit)
                place += length
            if tag in self._wanted and place - start <= MAXIMUM_VALUE:
                self.found[tag] = self._read(start, place - start)

    def _plain(self, place: int) -> int:
        """Walk over short plain elements, as nearly all are; return where something else is.

        As `run` would, in a third of the time: nothing is called.
        """
        head, wanted, found, implicit = self._head, self._wanted, self.found, self._implicit
        header_of, length_of = self._header_of, self._length_of
        near = min(self._near, self._end - MAXIMUM_PADDING - 1)
        seen = 0
        while place <= near and seen < self._left:
            group, element, vr, length = header_of(head, place)
            if implicit:
                (length,) = length_of(head, place + 4)
            elif vr not in _SHORT_VRS:
                break
            following = place + 8 + length
            if group == 0xFFFE or following > len(head):
                break
            tag = group << 16 | element
            if tag in wanted and following - place <= MAXIMUM_VALUE:
                found[tag] = head[place:following]
            place = following
            seen += 1
        self._left -= seen
        return place

    def _check(self, tag: int, place: int, length: int) -> None:
        if place + length > self._end:
            raise _BeyondEndError(f"The data set ends inside {_shown(tag)}: {place + length - self._end} bytes lack.")

    def _header(self, place: int, implicit: bool) -> tuple[int, bytes, int, int]:
        """Return tag, VR (empty if implicit), length and where the value begins."""
        self._left -= 1
        if self._left < 0:
            raise _TooManyError
        if place <= self._near:
            header, at = self._head, place
        else:
            header, at = self._read(place, min(_LONGEST_HEADER, self._end - place)), 0
            if len(header) < 8:
                raise _BeyondEndError(f"The data set ends inside an element's header, at byte {place}.")
        group, element, vr, length = self._header_of(header, at)
        tag = group << 16 | element
        if implicit or group == 0xFFFE:
            return tag, b"", self._length_of(header, at + 4)[0], place + 8
        if vr in _SHORT_VRS:
            return tag, vr, length, place + 8
        if vr not in _LONG_VRS and not (vr.isalpha() and vr.isupper()):
            raise DamagedDataSetError(f"{_shown(tag)} at byte {place} has no VR: not the transfer syntax agreed.")
        if place + _LONGEST_HEADER > self._end:
            raise _BeyondEndError(f"The data set ends inside the header of {_shown(tag)}.")
        return tag, vr, self._length_of(header, at + 8)[0], place + _LONGEST_HEADER

    def _sequence(self, place: int, tag: int, vr: bytes) -> int:
        """Walk over a value of undefined length and return where it ends."""
        # UN of undefined length is Implicit VR inside, whatever the transfer syntax (PS3.5 6.2.2).
        return self._items(place, None, self._implicit or vr == b"UN", fragments=vr in (b"OB", b"OW"))

    def _items(self, place: int, end: int | None, implicit: bool, *, fragments: bool = False) -> int:
        """Walk over the items from `place` to `end`, or to the sequence's delimiter; return where that is.

        The stack holds what is open around the place: (its end if it said so, Implicit VR, an item, of fragments).
        """
        stack: list[tuple[int | None, bool, bool, bool]] = [(end, implicit, False, fragments)]
        while stack:
            limit, implicit, in_item, fragments = stack[-1]
            if limit is not None and place >= limit:
                if place > limit:
                    raise DamagedDataSetError(f"An element at byte {place} is longer than the item around it.")
                stack.pop()
                continue
            start = place
            tag, vr, length, place = self._header(place, implicit)
            if not in_item:
                if tag == _SEQUENCE_END and limit is None:
                    stack.pop()
                elif tag != _ITEM:
                    raise DamagedDataSetError(f"A sequence has {_shown(tag)} at byte {start} in place of an item.")
                elif fragments or length == 0:
                    self._check(tag, place, length)
                    place += length
                else:
                    if length != _UNDEFINED:
                        self._check(tag, place, length)
                    stack.append((None if length == _UNDEFINED else place + length, implicit, True, False))
            elif tag == _ITEM_END and limit is None:
                stack.pop()
            elif length == _UNDEFINED or vr == b"SQ":
                if length != _UNDEFINED:
                    self._check(tag, place, length)
                if len(stack) >= 2 * MAXIMUM_DEPTH:
                    raise DamagedDataSetError(f"Sequences are nested deeper than {MAXIMUM_DEPTH} levels.")
                inner = implicit or (vr == b"UN" and length == _UNDEFINED)
                pixels = vr in (b"OB", b"OW")
                stack.append((None if length == _UNDEFINED else place + length, inner, False, pixels))
            else:
                self._check(tag, place, length)
                place += length
        return place


def _shown(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
