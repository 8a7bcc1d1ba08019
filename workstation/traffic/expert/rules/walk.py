"""The headers of a data set's elements, one after the other, as fast as they can be read (PS3.5 section 7).

Unlike `decoding.elements` it makes no tree and no texts: rules look at thousands of data sets. It never raises: what
cannot be read ends the walk with a `Fault`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from workstation.traffic.decoding.elements import Encoding, Source

__all__ = ["ITEM", "PIXEL_DATA", "UNDEFINED", "Element", "Fault", "walk"]

UNDEFINED: Final = 0xFFFFFFFF
PIXEL_DATA: Final = 0x7FE00010
ITEM: Final = 0xFFFEE000
_ITEM_END, _SEQUENCE_END = 0xFFFEE00D, 0xFFFEE0DD
_MAX_DEPTH: Final = 64
_SHORT_FORM: Final = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG_FORM: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())


class Element(NamedTuple):
    """The header of an element; items of encapsulated pixel data come as elements of tag `ITEM`."""

    tag: int
    vr: str
    depth: int
    start: int  # of the header
    value: int  # where the value begins
    length: int  # of the value, or UNDEFINED


class Fault(NamedTuple):
    """Where and why the rest cannot be read."""

    offset: int
    why: str


class _Open(NamedTuple):
    kind: str  # "sequence" | "item" | "fragments"
    end: int | None
    implicit: bool


def walk(source: Source, encoding: Encoding) -> Iterator[Element | Fault]:
    """The elements of a data set, those of items after the sequence that holds them.

    Ends without a word where bytes are not there that once were.
    """
    order = "<" if encoding.little_endian else ">"
    tag_of, short_of, long_of = struct.Struct(order + "HH"), struct.Struct(order + "H"), struct.Struct(order + "I")
    total, position = source.length, 0
    implicit = encoding.implicit
    stack: list[_Open] = []
    while True:
        while stack and stack[-1].end is not None and position >= stack[-1].end:
            closed = stack.pop()
            if closed.end is not None and position > closed.end:
                yield Fault(position, f"the contents of a {closed.kind} run past its length")
                return
        if position >= total:
            if stack and not source.open_ended:
                yield Fault(total, f"the end of a {stack[-1].kind} is missing")
            return
        head = source.read(position, 12)
        if len(head) < 8:
            if total - position < 8 and not source.open_ended:
                yield Fault(position, f"{total - position} bytes are left, too few for an element")
            return
        group, number = tag_of.unpack_from(head)
        tag = group << 16 | number
        start = position
        if group == 0xFFFE:
            length = long_of.unpack_from(head, 4)[0]
            position += 8
            if not stack:
                yield Fault(start, f"({group:04X},{number:04X}) outside a sequence")
                return
            top = stack[-1]
            if tag == ITEM and top.kind == "fragments":
                yield Element(ITEM, "", len(stack), start, position, length)
                position += length
            elif tag == ITEM and top.kind == "sequence":
                if len(stack) >= _MAX_DEPTH:
                    return
                stack.append(_Open("item", None if length == UNDEFINED else position + length, top.implicit))
            elif (tag == _ITEM_END and top.kind == "item") or (tag == _SEQUENCE_END and top.kind != "item"):
                stack.pop()
            else:
                yield Fault(start, f"({group:04X},{number:04X}) where it does not belong")
                return
            continue
        if stack and stack[-1].kind != "item":
            yield Fault(start, f"({group:04X},{number:04X}) where an item should begin")
            return
        if stack[-1].implicit if stack else implicit:
            vr = _dictionary_vr(tag)
            length = long_of.unpack_from(head, 4)[0]
            position += 8
        else:
            code = head[4:6]
            if code in _SHORT_FORM:
                length = short_of.unpack_from(head, 6)[0]
                position += 8
            elif code in _LONG_FORM:
                if len(head) < 12:
                    if total - position < 12 and not source.open_ended:
                        yield Fault(start, f"({group:04X},{number:04X}): the data set ends within its header")
                    return
                length = long_of.unpack_from(head, 8)[0]
                position += 12
            else:
                yield Fault(start, f"({group:04X},{number:04X}) has no VR but the bytes {code.hex(' ')}")
                return
            vr = code.decode("ascii")
        if length != UNDEFINED:
            bound = next((each.end for each in reversed(stack) if each.end is not None), total)
            if position + length > bound and not (bound == total and source.open_ended):
                yield Fault(
                    start,
                    f"the length {length:,} of ({group:04X},{number:04X}) runs past the end "
                    f"({max(bound - position, 0):,} bytes left)",
                )
                return
        yield Element(tag, vr, len(stack), start, position, length)
        below = stack[-1].implicit if stack else implicit
        if length == UNDEFINED:
            # PS3.5 section 6.2.2: UN of undefined length is a sequence in Implicit VR Little Endian.
            kind = "fragments" if tag == PIXEL_DATA and vr != "SQ" else "sequence"
            stack.append(_Open(kind, None, below or vr == "UN"))
        elif vr == "SQ":
            stack.append(_Open("sequence", position + length, below))
        else:
            position += length
        if len(stack) > _MAX_DEPTH:
            return


@lru_cache(maxsize=8192)
def _dictionary_vr(tag: int) -> str:
    from pydicom.datadict import dictionary_VR

    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"
