"""What display filters look at that is no attribute of a row: elements, instance UIDs, text and bytes.

Reads from the kept bytes of a message, as few of them as it can; never raises, whatever a peer sent.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from workstation.net.codec.dimse import Message, dissect_command
from workstation.net.uids import uid_name
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.elements import SHORT_FORM, BytesSource, Encoding, dissect_elements, encoding_of
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import printable

__all__ = ["bytes_found", "element", "needles_of", "remarks", "shown_text", "sop_instance", "texts_of_bytes"]

# Of a data set, where elements are looked for: what stands before the pixels.
_SEARCHED: Final = 256 << 10
# Of a message, where bytes are looked for: somebody waits for the window.
_LOOKED_THROUGH: Final = 16 << 20
_MATCHED_TEXT: Final = 16 << 10
_MAX_ELEMENTS: Final = 20_000
_MAX_FOUND: Final = 64
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM_TAGS: Final = (0xE000, 0xE00D, 0xE0DD)
_PIXELS: Final = 0x7FE0
_CHARACTER_SET: Final = 0x00080005
# A person types in one writing, a peer sent in another.
_ENCODINGS: Final = ("utf-8", "latin-1", "iso8859-2", "iso8859-5", "iso8859-7", "gb18030", "euc_kr", "shift_jis")


def remarks(conversation: Conversation) -> str:
    """The sentences on what a capture lacks, as one text."""
    return "\n".join(getattr(conversation, "remarks", ()))


def sop_instance(row: MessageRow) -> str:
    """Affected or Requested SOP Instance UID, "" when the message has none."""
    message = row.message
    return _instance_of(message) if message is not None else ""


def _instance_of(message: Message) -> str:
    uid = getattr(message, "AffectedSOPInstanceUID", None) or getattr(message, "RequestedSOPInstanceUID", None)
    return str(uid or "")


def shown_text(row: MessageRow) -> str:
    """What a list shows of a row, and its UIDs, as one text."""
    parts = (row.name, row.status_text, row.detail, row.problem, row.error_comment, row.sop_class_uid)
    return "\n".join(part for part in parts if part)


# --- elements -------------------------------------------------------------------------------------------------------


def element(row: MessageRow, tag: int) -> tuple[str, ...]:
    """The values of an element at any depth, as they are shown; () when the message has none of it.

    Of an element with several values each is given, and then all of them with backslashes between. Of a UID the name
    in the standard is given as well.
    """
    if tag >> 16 == 0:
        return _command_element(row, tag)
    encoding = encoding_of(row.transfer_syntax)
    if encoding is None or not row.data_size:
        return ()
    data = _beginning(row, _SEARCHED)
    if encoding.deflated:
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _SEARCHED)
        except zlib.error:
            return ()
    order = "<" if encoding.little_endian else ">"
    # Most messages do not have it; this says so without a walk.
    if struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF) not in data:
        return ()
    values: list[str] = []
    plain = Encoding(encoding.implicit, encoding.little_endian)
    for character_set, found in _walk(data, plain, tag):
        if not found:
            values.append("")  # a sequence: it is there
            continue
        for each in dissect_elements(BytesSource(character_set + found), plain)[bool(character_set) :]:
            if not each.children:
                values += _values(str(each.value), each.meaning)
    return tuple(values)


def _values(text: str, meaning: str) -> list[str]:
    values = [text.strip()]
    if "\\" in text:
        values += [part.strip() for part in text.split("\\")]
    if meaning.startswith("UI"):
        values += filter(None, (uid_name(uid) for uid in tuple(values)))
    return values


def _command_element(row: MessageRow, tag: int) -> tuple[str, ...]:
    from pydicom.datadict import keyword_for_tag

    message = row.message
    value = getattr(message, keyword_for_tag(tag), None) if message is not None else None
    if value is None:
        return _bare_command_element(row, tag)
    if isinstance(value, int):
        return (str(int(value)),)
    if isinstance(value, tuple | list):
        return tuple(printable(str(each)) for each in value)
    return tuple(_values(printable(str(value)), "UI"))


def _bare_command_element(row: MessageRow, tag: int) -> tuple[str, ...]:
    """An element of the command set that the decoded message does not have as its own."""
    shown = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    for field in dissect_command(row.command_set() or b""):
        if field.children and field.children[0].value == shown:
            value = field.value.hex(" ") if isinstance(field.value, bytes) else printable(str(field.value))
            return (value, printable(field.meaning)) if field.meaning else (value,)
    return ()


def _walk(data: bytes, encoding: Encoding, tag: int) -> Iterator[tuple[bytes, bytes]]:
    """The element wherever it stands, each with the Specific Character Set in force; empty bytes for a sequence.

    Sequences and items are walked through as if their headers were elements, which needs no memory of depth.
    """
    order = "<" if encoding.little_endian else ">"
    header, long = struct.Struct(f"{order}HH"), struct.Struct(f"{order}I")
    short = struct.Struct(f"{order}H")
    item = header.pack(0xFFFE, 0xE000)
    character_set = b""
    position = found = 0
    for _ in range(_MAX_ELEMENTS):
        if position + 8 > len(data) or found == _MAX_FOUND:
            return
        group, number = header.unpack_from(data, position)
        start, here = position, group << 16 | number
        if group == 0xFFFE:
            if number not in _ITEM_TAGS:
                return
            position += 8
            continue
        vr = b""
        if encoding.implicit:
            (length,) = long.unpack_from(data, position + 4)
            position += 8
        else:
            vr = data[position + 4 : position + 6]
            if vr.decode("latin-1") in SHORT_FORM:
                (length,) = short.unpack_from(data, position + 6)
                position += 8
            else:
                if position + 12 > len(data):
                    return
                (length,) = long.unpack_from(data, position + 8)
                position += 12
        is_sequence = length == _UNDEFINED or vr == b"SQ" or (not vr and data[position : position + 4] == item)
        if here == tag:
            found += 1
            yield character_set, b"" if is_sequence else data[start : position + length]
        if group >= _PIXELS or (length == _UNDEFINED and vr == b"UN"):
            return
        if not is_sequence:
            position += length
            if here == _CHARACTER_SET:
                character_set = data[start:position]


def _beginning(row: MessageRow, limit: int) -> bytes:
    """The first bytes of its data set, up to the first that is not kept."""
    pieces: list[bytes] = []
    for fragment in row.fragments(command=False):
        if fragment.pdu.lost and fragment.pdu is not row.pdus[0]:
            break
        piece = fragment.pdu.data[fragment.offset : fragment.offset + min(fragment.length, limit)]
        pieces.append(piece)
        limit -= len(piece)
        if len(piece) < fragment.length or limit <= 0:
            break
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


# --- bytes ----------------------------------------------------------------------------------------------------------


def needles_of(text: str) -> tuple[bytes, ...]:
    """A text as the bytes that it may have on the wire, letters of ASCII small."""
    if text.isascii():
        return (text.lower().encode("ascii"),)
    found: dict[bytes, None] = {}
    for written in (text, text.lower(), text.upper()):
        for encoding in _ENCODINGS:
            try:
                found[written.encode(encoding).lower()] = None
            except UnicodeError:
                continue
    return tuple(found)


def bytes_found(row: MessageRow, needles: tuple[bytes, ...], *, any_case: bool) -> bool:
    """Whether any of these bytes stand in what is kept of its PDUs, or across two fragments of it.

    Args:
        row: the message; of a very large one its first 16 MiB.
        needles: what to look for, letters of ASCII small when `any_case`.
        any_case: letters of ASCII may be large in the PDUs.
    """
    any_case = any_case and any(needle != needle.upper() for needle in needles)
    left = _LOOKED_THROUGH
    for pdu in row.pdus:
        data = pdu.data.lower() if any_case else pdu.data
        for needle in needles:
            if needle in data:
                return True
        left -= len(data)
        if left <= 0:
            break
    return len(row.pdus) > 1 and _in_a_seam(row, needles, any_case)


def _in_a_seam(row: MessageRow, needles: tuple[bytes, ...], any_case: bool) -> bool:
    reach = max(map(len, needles), default=1) - 1
    if reach <= 0:
        return False
    for command in (True, False):
        before = b""
        for fragment in row.fragments(command=command):
            end = fragment.offset + fragment.length
            data = fragment.pdu.data
            if before:
                seam = before + data[fragment.offset : min(fragment.offset + reach, end)]
                seam = seam.lower() if any_case else seam
                if any(needle in seam for needle in needles):
                    return True
            # Fragments shorter than what is looked for: the seam reaches further back.
            kept = data[max(fragment.offset, end - reach) : end] if len(data) >= end else b""
            before = (before + kept)[-reach:] if fragment.length < reach else kept
    return False


def texts_of_bytes(row: MessageRow, *, latin: bool) -> Iterator[str]:
    """The beginning of its kept bytes as text, for patterns.

    Args:
        row: the message.
        latin: read them as Latin-1 as well. Without, each byte that is not UTF-8 is one strange character, which is
            enough for a pattern of plain letters and points.
    """
    pieces: list[bytes] = []
    left = _MATCHED_TEXT
    for pdu in row.pdus:
        stretches = [(f.offset, f.offset + f.length) for f in pdu.fragments(row.number)] or [(0, len(pdu.data))]
        for start, end in stretches:
            piece = pdu.data[start : min(end, start + left)]
            pieces.append(piece)
            left -= len(piece)
        if left <= 0:
            break
    data = b"".join(pieces)
    yield data.decode("utf-8", "replace")
    if latin and not data.isascii():
        yield data.decode("latin-1")
