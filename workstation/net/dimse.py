"""Command sets: bytes to messages and back (PS3.7 section 6.3.1 and Annex E).

Always Implicit VR Little Endian. Tolerant of what peers get wrong without harm: a wrong or absent group length,
elements out of order, odd lengths, padded UIDs, unknown elements, missing ones. Strict about types. Pure;
`dissect_command` shows where each element was, by the same scan and the same readers of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydicom.datadict import dictionary_description

from workstation.net.dimse_elements import ELEMENTS, HEADER, NUMBERS, READERS, US_ELEMENT, Encoder, Value, encoder
from workstation.net.dimse_messages import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_ECHO_RSP,
    C_FIND_RQ,
    C_FIND_RSP,
    C_GET_RQ,
    C_GET_RSP,
    C_MOVE_RQ,
    C_MOVE_RSP,
    C_STORE_RQ,
    C_STORE_RSP,
    MESSAGES,
    N_ACTION_RQ,
    N_ACTION_RSP,
    N_CREATE_RQ,
    N_CREATE_RSP,
    N_DELETE_RQ,
    N_DELETE_RSP,
    N_EVENT_REPORT_RQ,
    N_EVENT_REPORT_RSP,
    N_GET_RQ,
    N_GET_RSP,
    N_SET_RQ,
    N_SET_RSP,
    NO_DATA_SET,
    CommandField,
    Message,
    Priority,
    Request,
    Response,
    UnknownElement,
    response_class,
)
from workstation.net.errors import LocalProtocolError, RemoteProtocolError
from workstation.net.field import Field
from workstation.net.uids import uid_name

__all__ = [
    "C_CANCEL_RQ",
    "C_ECHO_RQ",
    "C_ECHO_RSP",
    "C_FIND_RQ",
    "C_FIND_RSP",
    "C_GET_RQ",
    "C_GET_RSP",
    "C_MOVE_RQ",
    "C_MOVE_RSP",
    "C_STORE_RQ",
    "C_STORE_RSP",
    "ELEMENTS",
    "MESSAGES",
    "NO_DATA_SET",
    "N_ACTION_RQ",
    "N_ACTION_RSP",
    "N_CREATE_RQ",
    "N_CREATE_RSP",
    "N_DELETE_RQ",
    "N_DELETE_RSP",
    "N_EVENT_REPORT_RQ",
    "N_EVENT_REPORT_RSP",
    "N_GET_RQ",
    "N_GET_RSP",
    "N_SET_RQ",
    "N_SET_RSP",
    "CommandField",
    "Message",
    "Priority",
    "Request",
    "Response",
    "UnknownElement",
    "decode_command",
    "dissect_command",
    "encode_command",
    "response_class",
]

_GROUP_LENGTH = NUMBERS["CommandGroupLength"]
_COMMAND_FIELD = NUMBERS["CommandField"]
_DATA_SET_TYPE = NUMBERS["CommandDataSetType"]

# Command Field -> the class, its elements (number, keyword, reader) and the keyword of the message ID it must have.
_READ = {
    int(command_field): (
        message,
        tuple((number, keyword, READERS[ELEMENTS[number][0]]) for keyword, number in message.elements),
        "MessageID" if issubclass(message, Request) else "MessageIDBeingRespondedTo",
    )
    for command_field, message in MESSAGES.items()
}


# -- encoding ----------------------------------------------------------------------------------------------------


def _writers(message: type[Message]) -> tuple[tuple[str, bool, Encoder], ...]:
    """(keyword, whether it must be there, encoder) in ascending order, the codec's own two elements among them."""
    required = {"MessageID", "MessageIDBeingRespondedTo", *message.mandatory}
    command = US_ELEMENT.pack(0, _COMMAND_FIELD, 2, message.command_field)
    with_data = US_ELEMENT.pack(0, _DATA_SET_TYPE, 2, 0x0001)
    without_data = US_ELEMENT.pack(0, _DATA_SET_TYPE, 2, NO_DATA_SET)
    rows = [
        (number, keyword, keyword in required, encoder(keyword, repeats=issubclass(message, Response)))
        for keyword, number in message.elements
    ]
    rows.append((_COMMAND_FIELD, "command_field", True, lambda _: command))
    rows.append((_DATA_SET_TYPE, "has_data_set", True, lambda has: with_data if has else without_data))
    return tuple(row[1:] for row in sorted(rows, key=lambda row: row[0]))


_WRITE = {message: _writers(message) for message in MESSAGES.values()}


def encode_command(message: Message) -> bytes:
    """The command set of a message, group length included.

    Raises:
        LocalProtocolError: A mandatory element is None, or a value is one that the standard does not allow.
    """
    parts = []
    for keyword, required, write in _WRITE[type(message)]:
        value = getattr(message, keyword)
        if value is not None:
            parts.append(write(value))
        elif required:
            raise LocalProtocolError(f"{message.name}: {keyword} is missing")
    if message.unknown:
        _merge_unknown(parts, message.unknown)
    body = b"".join(parts)
    return b"\0\0\0\0\4\0\0\0" + len(body).to_bytes(4, "little") + body


def _merge_unknown(parts: list[bytes], unknown: tuple[UnknownElement, ...]) -> None:
    parts += [HEADER.pack(one.tag >> 16, one.tag & 0xFFFF, len(one.value)) + one.value for one in unknown]
    parts.sort(key=lambda part: HEADER.unpack_from(part)[:2])


# -- decoding ----------------------------------------------------------------------------------------------------


def _scan(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Group, element, offset of the value and length of each element, to the end of the data."""
    unpack_from = HEADER.unpack_from
    offset, end = 0, len(data)
    while offset < end:
        if end - offset < 8:
            raise RemoteProtocolError(f"command set: {end - offset} bytes are left, too few for an element")
        group, number, length = unpack_from(data, offset)
        offset += 8
        if length > end - offset:
            raise RemoteProtocolError(_overrun(group, number, length, data[offset - 4 : offset - 2], end - offset))
        if group:
            raise RemoteProtocolError(f"command set: ({group:04X},{number:04X}) is no command element")
        yield group, number, offset, length
        offset += length


def _overrun(group: int, number: int, length: int, vr: bytes, left: int) -> str:
    if vr.isalpha() and vr.isupper():
        return f"command set: it is in Explicit VR ({vr.decode('ascii')}); it has to be Implicit VR Little Endian"
    return f"command set: ({group:04X},{number:04X}) has a length of {length}, but {left} bytes are left"


def decode_command(data: bytes | bytearray | memoryview, context_id: int = 0) -> Message:
    """The message of a whole command set.

    Raises:
        RemoteProtocolError: It cannot be read, or cannot be told which message it is or which one it answers.
    """
    if not isinstance(data, bytes):
        data = bytes(data)
    found: dict[int, bytes] = {}
    for _, number, offset, length in _scan(data):
        if number in found:
            raise RemoteProtocolError(f"command set: (0000,{number:04X}) is there twice")
        found[number] = data[offset : offset + length]
    found.pop(_GROUP_LENGTH, None)
    command_field = _required(found, _COMMAND_FIELD)
    data_set_type = _required(found, _DATA_SET_TYPE)
    known = _READ.get(command_field)
    if known is None:
        raise RemoteProtocolError(f"command set: Command Field {command_field:04X}H is no message")
    message, elements, message_id = known
    values: dict[str, Any] = {}
    for number, keyword, read in elements:
        raw = found.pop(number, None)
        if raw or (raw is not None and ELEMENTS[number][0] == "AT"):
            values[keyword] = _read(number, read, raw)
    if message_id not in values:
        raise RemoteProtocolError(f"{message.command_field.text}: {message_id} is missing")
    unknown = tuple(UnknownElement(number, raw) for number, raw in found.items()) if found else ()
    return message(context_id=context_id, has_data_set=data_set_type != NO_DATA_SET, unknown=unknown, **values)


def _required(found: dict[int, bytes], number: int) -> int:
    raw = found.pop(number, b"")
    if len(raw) != 2:
        what = f"has {len(raw)} bytes, not 2" if raw else "is missing"
        raise RemoteProtocolError(f"command set: {ELEMENTS[number][2]} {what}")
    return int.from_bytes(raw, "little")


def _read(number: int, read: Callable[[bytes], Value], raw: bytes) -> Value:
    try:
        return read(raw)
    except RemoteProtocolError as error:
        raise RemoteProtocolError(f"command set: {ELEMENTS[number][2]}: {error}") from None


# -- dissection --------------------------------------------------------------------------------------------------


def dissect_command(data: bytes | bytearray | memoryview, offset: int = 0) -> tuple[Field, ...]:
    """The elements of a command set, or of what is left of one; never raises.

    Args:
        data: The command set.
        offset: Where it starts in the buffer that the fields' offsets count from.
    """
    whole = bytes(data)
    fields: list[Field] = []
    done = 0
    try:
        for _, number, start, length in _scan(whole):
            fields.append(_element_field(number, whole[start : start + length], offset + start))
            done = start + length
    except RemoteProtocolError as error:
        rest = len(whole) - done
        fields.append(Field("Not Decoded", None, offset + done, rest, (), f"{rest} bytes", str(error)))
    return tuple(fields)


def _element_field(number: int, raw: bytes, start: int) -> Field:
    value: object = raw
    problem = ""
    if number in ELEMENTS:
        try:
            value = READERS[ELEMENTS[number][0]](raw) if raw else None
        except RemoteProtocolError as error:
            problem = str(error)
    meaning = _meaning(number, value)
    children = (
        Field("Tag", f"(0000,{number:04X})", start - 8, 4),
        Field("Value Length", len(raw), start - 4, 4),
        Field("Value", value, start, len(raw), (), meaning, problem),
    )
    return Field(_description(number), value, start - 8, len(raw) + 8, children, meaning, problem)


def _description(number: int) -> str:
    try:
        return dictionary_description(number)
    except KeyError:
        return "Unknown Element"


def _meaning(number: int, value: object) -> str:
    match ELEMENTS.get(number), value:
        case ("UI", _, _), str(uid):
            return uid_name(uid)
        case (_, _, "CommandField"), int(code):
            return CommandField(code).text if code in _READ else "no message"
        case (_, _, "CommandDataSetType"), int(code):
            return "no data set" if code == NO_DATA_SET else "a data set follows"
        case (_, _, "Priority"), int(code):
            return Priority(code).name.capitalize() if code in set(Priority) else "not defined"
        case (_, _, "Status"), int(code):
            return f"{code:04X}H ({_category(code)})"
        case ("AT", _, _), tuple(tags):
            return ", ".join(_tag_name(tag) for tag in tags)
    return ""


def _tag_name(tag: int) -> str:
    try:
        return dictionary_description(tag)
    except KeyError:
        return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _category(code: int) -> str:
    """PS3.7 Annex C."""
    if code == 0x0000:
        return "Success"
    if code in (0xFF00, 0xFF01):
        return "Pending"
    if code == 0xFE00:
        return "Cancel"
    if code in (0x0001, 0x0107, 0x0116) or code >> 12 == 0xB:
        return "Warning"
    if code >> 12 in (0xA, 0xC) or code >> 8 in (0x01, 0x02):
        return "Failure"
    return "Unknown"
