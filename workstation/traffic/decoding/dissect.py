"""A PDU or a message as a tree of fields, and which byte belongs to which field.

The tree goes down through PDU items or PDVs, the command set, and the elements of the data set. A field of a message
that lies across fragments appears in each PDU with the part that is there. Bytes are never invented: what was let go or
has not arrived is said. It knows the rows of a conversation, not how they are shown.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import NamedTuple

from workstation.net.codec.dimse import dissect_command
from workstation.net.codec.field import Field
from workstation.net.codec.pdu import PDUType, dissect_pdu
from workstation.net.uids import uid_name
from workstation.traffic.assembly import MAX_PDVS
from workstation.traffic.decoding.elements import MAX_ELEMENTS, BytesSource, dissect_elements, encoding_of
from workstation.traffic.rows import Fragment, MessageRow, PduRow
from workstation.traffic.text import printable, quantity

__all__ = ["Dissection", "Segment", "dissect"]

# What the bytes pane gets of one message; a PDU is always shown whole.
MAX_BYTES = 16 << 20
MAX_INFLATED = 4 << 20
_VALUE = "Presentation Data Value"
_SECRETS = frozenset({"Primary Field", "Secondary Field", "Server Response"})
# Header of a User Identity Sub-Item, and where the items of an A-ASSOCIATE PDU begin (PS3.8 section 9.3.2).
_IDENTITY = re.compile(rb"[\x58\x59]\x00..", re.DOTALL)
_ITEMS = 74


class Segment(NamedTuple):
    """Where a stretch of the dissected bytes crossed the wire."""

    start: int  # in the dissected bytes
    length: int
    pdu: int  # number of the PDU in its conversation
    offset: int  # in that PDU
    is_command: bool


@dataclass(frozen=True, slots=True)
class Dissection:
    """Bytes, the fields in them and where they came from.

    Attributes:
        data: what can be shown; a prefix when not everything is kept, and with asterisks for passcodes.
        length: how many bytes there are in all; more than `data` has when some are not kept.
        fields: the outermost fields, offsets counted from the first of `data`.
        segments: in order; for a PDU one, itself.
    """

    data: bytes
    length: int
    fields: tuple[Field, ...]
    segments: tuple[Segment, ...]

    def path_at(self, offset: int) -> tuple[int, ...]:
        """The way to the innermost field that holds a byte: an index at each depth."""
        path: list[int] = []
        fields = self.fields
        while True:
            for index, field in enumerate(fields):
                if field.offset <= offset < field.offset + field.length:
                    path.append(index)
                    fields = field.children
                    break
            else:
                return tuple(path)

    def field(self, path: tuple[int, ...]) -> Field | None:
        """The field at the end of a path."""
        found: Field | None = None
        fields = self.fields
        for index in path:
            found = fields[index]
            fields = found.children
        return found

    def field_at(self, offset: int) -> Field | None:
        """The innermost field that holds a byte."""
        return self.field(self.path_at(offset))

    def locate(self, offset: int) -> tuple[int, int] | None:
        """Number of the PDU that carried a byte, and its offset there."""
        index = bisect_right(self.segments, offset, key=lambda segment: segment.start) - 1
        if index < 0:
            return None
        segment = self.segments[index]
        within = offset - segment.start
        return (segment.pdu, segment.offset + within) if within < segment.length else None


def dissect(row: PduRow | MessageRow, max_elements: int = MAX_ELEMENTS) -> Dissection:
    """The fields of a PDU, or of a message over all of its PDUs.

    Args:
        row: the PDU or message.
        max_elements: of a message's data set, after which the rest is one field.
    """
    if isinstance(row, PduRow):
        return _dissect_pdu(row)
    if not row.is_dimse:
        return _dissect_pdu(row.pdus[0])
    return _dissect_message(row, max_elements)


class _Part:
    """The command set or the data set of a message, read from its fragments without joining them."""

    def __init__(self, row: MessageRow, *, command: bool) -> None:
        self.fragments: list[Fragment] = []
        self.starts: list[int] = []
        self.length = 0
        self.open_ended = not (row.command_complete if command else row.complete)
        self.missing = "not arrived yet" if self.open_ended and not row.problem else "not kept"
        for fragment in row.fragments(command=command):
            # Unknown bytes are lost before this PDU: what comes behind cannot be placed.
            if fragment.pdu.lost and fragment.pdu is not row.pdus[0]:
                self.open_ended = True
                break
            self.fragments.append(fragment)
            self.starts.append(self.length)
            self.length += fragment.length
        if row.omitted and not command:
            self.open_ended = True

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`, up to the first that is not kept."""
        index = bisect_right(self.starts, offset) - 1
        read = b""
        while 0 <= index < len(self.fragments) and len(read) < count:
            fragment = self.fragments[index]
            within = offset + len(read) - self.starts[index]
            wanted = min(count - len(read), fragment.length - within)
            if wanted <= 0:
                break
            start = fragment.offset + within
            # Bounded by the fragment: behind it lies the next PDV of the same PDU.
            piece = fragment.pdu.data[start : start + wanted]
            read = read + piece if read else piece
            if len(piece) < wanted:
                break
            index += 1
        return read

    def prefix(self, limit: int) -> bytes:
        """Its first bytes, joined, as far as they are kept."""
        pieces: list[bytes] = []
        for fragment in self.fragments:
            piece = fragment.pdu.data[fragment.offset : fragment.offset + min(fragment.length, limit)]
            pieces.append(piece)
            limit -= len(piece)
            if len(piece) < fragment.length or limit <= 0:
                break
        return b"".join(pieces)

    def pdu_at(self, offset: int) -> int:
        """The number of the PDU that carried a byte."""
        index = max(min(bisect_right(self.starts, offset), len(self.starts)) - 1, 0)
        return self.fragments[index].pdu.number

    def segments(self, base: int) -> list[Segment]:
        """Where its stretches lie, `base` bytes before it."""
        return [
            Segment(base + start, fragment.length, fragment.pdu.number, fragment.offset, fragment.is_command)
            for start, fragment in zip(self.starts, self.fragments, strict=True)
        ]


# --------------------------------------------------------------------------- messages
def _dissect_message(row: MessageRow, max_elements: int) -> Dissection:
    command, data_set = _Part(row, command=True), _Part(row, command=False)
    fields: list[Field] = []
    if command.length:
        children = _command_fields(command)
        fields.append(
            Field("Command Set", quantity(command.length, "byte"), 0, command.length, children, row.name, row.problem)
        )
    if data_set.length:
        children, meaning, problem = _data_set_fields(data_set, row.transfer_syntax, max_elements)
        shifted = tuple(_shift(child, command.length) for child in children)
        size = quantity(data_set.length, "byte")
        fields.append(Field("Data Set", size, command.length, data_set.length, shifted, meaning, problem))
    data = command.prefix(MAX_BYTES)
    if len(data) == command.length:
        data += data_set.prefix(MAX_BYTES - len(data))
    segments = (*command.segments(0), *data_set.segments(command.length))
    return Dissection(data, command.length + data_set.length, tuple(fields), segments)


def _command_fields(part: _Part) -> tuple[Field, ...]:
    data = part.prefix(part.length)
    if len(data) < part.length or part.open_ended:
        rest = part.length - len(data)
        return (
            Field("Command fragments", quantity(len(data), "byte"), 0, len(data), meaning="its end is not here"),
            *((Field("Rest", quantity(rest, "byte"), len(data), rest, meaning=part.missing),) if rest else ()),
        )
    return tuple(_with_tag(field) for field in dissect_command(data))


def _with_tag(field: Field) -> Field:
    """A command element named as the elements of the data set are."""
    if not field.children:
        return field
    value = field.value if not isinstance(field.value, str | bytes) else printable(field.value)
    return replace(field, name=f"{field.children[0].value} {field.name}", value=value)


def _data_set_fields(
    part: _Part, transfer_syntax: str, max_elements: int = MAX_ELEMENTS
) -> tuple[tuple[Field, ...], str, str]:
    """The elements, what to call their encoding, and why they cannot be read."""
    name = uid_name(transfer_syntax) or printable(transfer_syntax, 64)
    encoding = encoding_of(transfer_syntax)
    if not transfer_syntax:
        return (), "", "The transfer syntax of its context is not known"
    if encoding is None:
        return (), f"{name}: not a transfer syntax of the standard, not decoded", ""
    if not encoding.deflated:
        return dissect_elements(part, encoding, max_elements), name, ""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(part.prefix(MAX_BYTES), MAX_INFLATED)
    except zlib.error as error:
        return (), name, f"Cannot be inflated: {error}"
    fields = dissect_elements(BytesSource(inflated), encoding, max_elements)
    # The elements are real but no byte on the wire is theirs alone.
    meaning = f"{name}; inflated, so its elements have no bytes of their own"
    return tuple(_unplaced(field) for field in fields), meaning, ""


def _shift(field: Field, by: int) -> Field:
    # Depth is bounded by the dissectors.
    children = tuple(_shift(child, by) for child in field.children)
    return Field(field.name, field.value, field.offset + by, field.length, children, field.meaning, field.problem)


def _unplaced(field: Field) -> Field:
    children = tuple(_unplaced(child) for child in field.children)
    return Field(field.name, field.value, 0, 0, children, field.meaning, field.problem)


# --------------------------------------------------------------------------- PDUs
def _dissect_pdu(pdu: PduRow) -> Dissection:
    # The decoder wants a whole PDU; zeros stand for what was let go, and only their length is used of them.
    whole = pdu.data.ljust(pdu.length, b"\0") if pdu.cut else pdu.data
    end = _end_of_listed(pdu)
    root = dissect_pdu(whole) if end is None else _first_pdvs(whole, end)
    if pdu.pdu_type == PDUType.P_DATA_TF:
        inside = _fragments_of(pdu)
        root = replace(root, children=tuple(_with_contents(child, inside) for child in root.children))
    if pdu.cut:
        kept = f"Only the first {len(pdu.data):,} of {quantity(pdu.length, 'byte')} are kept"
        root = replace(root, problem=kept)
    data = pdu.data
    if pdu.pdu_type in (PDUType.A_ASSOCIATE_RQ, PDUType.A_ASSOCIATE_AC):
        data = _masked(data, root)
        for start, end in _suspects(pdu.data, root):
            data = data[:start] + b"*" * (min(end, len(data)) - start) + data[end:]
            root = _hidden(root, start, end)
    return Dissection(data, pdu.length, (root,), (Segment(0, pdu.length, pdu.number, 0, False),))


def _end_of_listed(pdu: PduRow) -> int | None:
    """Where the PDVs end that are listed; None if all are."""
    numbers = pdu.pdvs
    if len(numbers) < 4 * MAX_PDVS:
        return None
    end = numbers[-2] + numbers[-1]
    return end if end < pdu.length else None


def _first_pdvs(data: bytes, end: int) -> Field:
    """A P-DATA-TF of more PDVs than anybody reads, as the first of them and the rest."""
    root = dissect_pdu(data[:2] + (end - 6).to_bytes(4, "big") + data[6:end])
    left = len(data) - end
    rest = Field("Rest of the PDU", quantity(left, "byte"), end, left, meaning="not listed")
    children = tuple(
        replace(child, value=len(data) - 6) if child.value == end - 6 and child.offset == 2 else child
        for child in root.children
    )
    problem = f"More than {MAX_PDVS} PDVs in one PDU"
    return replace(root, length=len(data), children=(*children, rest), problem=problem)


def _masked(data: bytes, root: Field) -> bytes:
    """The bytes with passcodes and tickets (PS3.7 section D.3.3.7) as asterisks, where the decoder hid them too."""
    secrets: list[Field] = []
    fields = [root]
    while fields:
        field = fields.pop()
        fields += field.children
        if field.name in _SECRETS and str(field.value).startswith("hidden"):
            secrets.append(field)
    if not secrets:
        return data
    masked = bytearray(data)
    for field in secrets:
        masked[field.offset : field.offset + field.length] = b"*" * field.length
    return bytes(masked)


def _suspects(data: bytes, root: Field) -> list[tuple[int, int]]:
    """Where a passcode may stand that the decoder did not find, because lengths lie or the item is in a wrong place.

    What follows the header of a User Identity Sub-Item, in an unknown item or anywhere once something is wrong: rather
    hide too much of a broken request than show what somebody typed in.
    """
    unknown: list[Field] = []
    fields = [root]
    while fields:
        field = fields.pop()
        if field.problem:
            found = _IDENTITY.search(data, _ITEMS)
            return [(found.end(), len(data))] if found is not None else []
        if field.name.startswith("Unknown"):
            unknown.append(field)
        fields += field.children
    searched = ((field, _IDENTITY.search(data, field.offset, field.offset + field.length)) for field in unknown)
    return [(found.end(), field.offset + field.length) for field, found in searched if found is not None]


def _hidden(field: Field, start: int, end: int) -> Field:
    """A field without the values that stand in a stretch, numbers aside."""
    if field.offset >= end or field.offset + field.length <= start:
        return field
    children = tuple(_hidden(child, start, end) for child in field.children)
    value = field.value
    if not isinstance(value, int) and (value is not None or not children):
        value = "hidden" if children else f"hidden ({quantity(field.length, 'byte')})"
    return replace(field, value=value, children=children)


def _fragments_of(pdu: PduRow) -> dict[int, tuple[tuple[Field, ...], str]]:
    """What each fragment of a PDU holds of its message, by the fragment's offset in the PDU."""
    inside: dict[int, tuple[tuple[Field, ...], str]] = {}
    if pdu.message is None:
        return inside
    for row in (pdu.message, *pdu.others):
        for command in (True, False):
            part = _Part(row, command=command)
            mine = [(start, f) for start, f in zip(part.starts, part.fragments, strict=True) if f.pdu is pdu]
            if not mine:
                continue
            if command:
                fields, meaning, problem = _command_fields(part), f"Command Set of {row.name}", ""
            else:
                fields, meaning, problem = _data_set_fields(part, row.transfer_syntax)
                meaning = ", ".join(filter(None, (f"Data Set of {row.name}", meaning, problem)))
            for start, fragment in mine:
                place = f"{meaning}, bytes {start:,} to {start + fragment.length:,} of {part.length:,}"
                clipped = _clip(fields, part, start, fragment)
                inside[fragment.offset] = clipped, place if fragment.length < part.length else meaning
    return inside


def _with_contents(item: Field, inside: dict[int, tuple[tuple[Field, ...], str]]) -> Field:
    """A PDV item with what its fragment holds under its value."""
    children = list(item.children)
    for index, child in enumerate(children):
        if child.name == _VALUE and child.offset in inside:
            fields, meaning = inside[child.offset]
            value = quantity(child.length, "byte")
            children[index] = replace(child, value=value, meaning=meaning, children=fields)
    return replace(item, children=tuple(children)) if item.children else item


def _clip(fields: tuple[Field, ...], part: _Part, start: int, fragment: Fragment) -> tuple[Field, ...]:
    """The part of the fields that lies in one fragment, offsets counted in its PDU."""
    end = start + fragment.length
    clipped: list[Field] = []
    for field in fields:
        last = field.offset + field.length
        if field.offset >= end or (last <= start and not (field.length == 0 and field.offset >= start)):
            continue
        notes = [field.meaning] if field.meaning else []
        if field.offset < start:
            notes.append(f"began in PDU {part.pdu_at(field.offset)}")
        if last > end:
            following = part.pdu_at(min(last, part.length) - 1)
            notes.append(f"ends in PDU {following}" if last <= part.length else "its end is not here")
        first = max(field.offset, start)
        clipped.append(
            Field(
                field.name,
                field.value,
                fragment.offset + first - start,
                min(last, end) - first,
                _clip(field.children, part, start, fragment),
                ", ".join(notes),
                field.problem,
            )
        )
    return tuple(clipped)
