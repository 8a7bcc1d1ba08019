"""Command sets: bytes to messages and back (PS3.7 section 6.3.1 and Annex E).

Always Implicit VR Little Endian. Tolerant of what peers get wrong without harm: a wrong or absent group length,
elements out of order, odd lengths, padded UIDs, unknown elements, missing ones. Strict about types. Pure;
`dissect_command` shows where each element was, by the same scan and the same readers of values.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from workstation.net.codec.dimse_base import (
    MESSAGE_IDS,
    NO_DATA_SET,
    CommandField,
    Message,
    Priority,
    Request,
    Response,
    UnknownElement,
)
from workstation.net.codec.dimse_elements import ELEMENTS, HEADER, NUMBERS, READERS, US_ELEMENT, Encoder, encoder
from workstation.net.codec.dimse_messages import (
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
    response_class,
)
from workstation.net.codec.field import Field
from workstation.net.errors import LocalProtocolError, RemoteProtocolError
from workstation.net.status import status_text
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
    "NamedPattern",
    "Pattern",
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
_LENGTH = HEADER.pack(0, _GROUP_LENGTH, 4)  # of Command Group Length, without its value
_AFTER_LENGTH = len(_LENGTH) + 4
_COMMAND_FIELD = NUMBERS["CommandField"]
_DATA_SET_TYPE = NUMBERS["CommandDataSetType"]

_KNOWN = {number: (keyword, READERS[vr]) for number, (vr, _, keyword) in ELEMENTS.items()}
_KNOWN[_GROUP_LENGTH] = ("CommandGroupLength", lambda keyword, raw: None)  # wrong often enough not to be read

# Command Field -> the class, the keywords of its elements and that of the message ID it must have.
_CLASSES = {
    int(command_field): (
        message,
        frozenset(dict(message.elements)),
        "MessageID" if issubclass(message, Request) else "MessageIDBeingRespondedTo",
    )
    for command_field, message in MESSAGES.items()
}


# -- encoding ----------------------------------------------------------------------------------------------------


def _writers(message: type[Message]) -> tuple[tuple[str, bool, Encoder], ...]:
    """(keyword, whether it must be there, encoder) in ascending order, the codec's own two elements among them."""
    required = MESSAGE_IDS.union(message.mandatory)
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
    return _LENGTH + len(body).to_bytes(4, "little") + body


def _merge_unknown(parts: list[bytes], unknown: tuple[UnknownElement, ...]) -> None:
    parts += [HEADER.pack(one.tag >> 16, one.tag & 0xFFFF, len(one.value)) + one.value for one in unknown]
    parts.sort(key=lambda part: HEADER.unpack_from(part)[:2])


# -- decoding ----------------------------------------------------------------------------------------------------


def _scan(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Element number, offset of the value and the value of each element, to the end of the data."""
    unpack_from = HEADER.unpack_from
    offset, end = 0, len(data)
    while offset < end:
        start = offset + 8
        if start > end:
            raise RemoteProtocolError(f"command set: {end - offset} bytes are left, too few for an element")
        group, number, length = unpack_from(data, offset)
        offset = start + length
        if offset > end:
            raise RemoteProtocolError(_overrun(group, number, length, data[start - 4 : start - 2], end - start))
        if group:
            raise RemoteProtocolError(f"command set: ({group:04X},{number:04X}) is no command element")
        yield number, start, data[start:offset]


def _overrun(group: int, number: int, length: int, vr: bytes, left: int) -> str:
    if vr.isalpha() and vr.isupper():
        return f"command set: it is in Explicit VR ({vr.decode('ascii')}); it has to be Implicit VR Little Endian"
    return f"command set: ({group:04X},{number:04X}) has a length of {length}, but {left} bytes are left"


def decode_command(data: bytes | bytearray | memoryview, context_id: int = 0) -> Message:
    """The message of a whole command set.

    Raises:
        RemoteProtocolError: It cannot be read, or cannot be told which message it is or which one it answers.
    """
    whole = bytes(data)
    if len(whole) > _SMALL:
        return _decode(whole, context_id)
    at = whole.find(_MESSAGE_ID)
    if at < 0:
        at = whole.find(_ANSWERED_ID)
        if at < 0:
            return _decode(whole, context_id)
    at += HEADER.size
    number = int.from_bytes(whole[at : at + 2], "little")
    named = whole.find(_INSTANCE, at) + HEADER.size
    if named < at:
        pattern = _pattern(whole[:at], whole[at + 2 :], context_id)
        return _decode(whole, context_id) if pattern is None else pattern.message(number)
    after = named + int.from_bytes(whole[named - 4 : named], "little")
    like = _named_pattern(whole[:at], whole[at + 2 : named], whole[after:], context_id) if after <= len(whole) else None
    if like is None:
        return _decode(whole, context_id)
    uid = READERS["UI"]("AffectedSOPInstanceUID", whole[named:after])
    return like.with_values(**{_CLASSES[like.command_field][2]: number, "AffectedSOPInstanceUID": uid})


def _decode(data: bytes, context_id: int) -> Message:
    values: dict[str, Any] = {}
    unknown: list[UnknownElement] = []
    for number, _, raw in _scan(data):
        known = _KNOWN.get(number)
        if known is None:
            unknown.append(UnknownElement(number, raw))
            continue
        keyword, read = known
        if keyword in values:
            raise RemoteProtocolError(f"command set: {keyword} is there twice")
        values[keyword] = read(keyword, raw)
    command_field = values.pop("CommandField", None)
    if command_field is None:
        raise RemoteProtocolError("command set: CommandField is missing")
    data_set_type = values.pop("CommandDataSetType", None)
    if data_set_type is None:
        raise RemoteProtocolError("command set: CommandDataSetType is missing")
    values.pop("CommandGroupLength", None)
    if command_field not in _CLASSES:
        raise RemoteProtocolError(f"command set: Command Field {command_field:04X}H is no message")
    message, allowed, message_id = _CLASSES[command_field]
    if values.get(message_id) is None:
        raise RemoteProtocolError(f"{message.command_field.text}: {message_id} is missing")
    if not values.keys() <= allowed:
        strays = {NUMBERS[keyword] for keyword in values.keys() - allowed}
        values = {keyword: value for keyword, value in values.items() if keyword in allowed}
        unknown += [UnknownElement(number, raw) for number, _, raw in _scan(data) if number in strays]
    values["context_id"] = context_id
    values["has_data_set"] = data_set_type != NO_DATA_SET
    values["unknown"] = tuple(unknown)
    return message.of_checked(values)


# -- one after the other -----------------------------------------------------------------------------------------

# The command sets of ten thousand responses, or of a thousand echoes, are the same bytes but for their Message ID.
_SMALL = 256
_MESSAGE_ID = HEADER.pack(0, NUMBERS["MessageID"], 2)
_ANSWERED_ID = HEADER.pack(0, NUMBERS["MessageIDBeingRespondedTo"], 2)
_INSTANCE = HEADER.pack(0, NUMBERS["AffectedSOPInstanceUID"], 0)[:4]


class Pattern:
    """Messages that are like one another but for the Message ID, and their command sets.

    Args:
        message: One of them.
        before: The bytes of their command sets before the Message ID's value.
        after: The bytes after it.
    """

    __slots__ = ("_after", "_before", "_keyword", "_latest")

    def __init__(self, message: Message, before: bytes, after: bytes) -> None:
        self._keyword = _CLASSES[message.command_field][2]
        self._latest = message
        self._before = before
        self._after = after

    @classmethod
    def of(cls, message: Message) -> Pattern:
        """Those that are like this one.

        Raises:
            LocalProtocolError: As `encode_command`.
        """
        whole = encode_command(message)
        number = NUMBERS[_CLASSES[message.command_field][2]]
        at = next(start for one, start, _ in _scan(whole) if one == number)
        return cls(message, whole[:at], whole[at + 2 :])

    def message(self, number: int) -> Message:
        """The one with this Message ID, 0 to 65535."""
        latest = self._latest  # often asked for again
        if getattr(latest, self._keyword) != number:
            self._latest = latest = latest.with_values(**{self._keyword: number})
        return latest

    def command(self, number: int) -> bytes:
        """Its command set."""
        return self._before + number.to_bytes(2, "little") + self._after


class NamedPattern:
    """Messages that are like one another but for the Message ID and the Affected SOP Instance UID, as `Pattern`.

    Args:
        message: One of them.

    Raises:
        LocalProtocolError: As `encode_command`.
    """

    __slots__ = ("_after", "_before", "_between", "_keyword", "_message", "_size", "_write")

    def __init__(self, message: Message) -> None:
        self._keyword = _CLASSES[message.command_field][2]
        self._message = message
        self._write = next(write for keyword, _, write in _WRITE[type(message)] if keyword == "AffectedSOPInstanceUID")
        whole = encode_command(message)
        places = {number: (start, start + len(raw)) for number, start, raw in _scan(whole)}
        at, end = places[NUMBERS[self._keyword]]
        named, after = places[NUMBERS["AffectedSOPInstanceUID"]]
        self._before = whole[_AFTER_LENGTH:at]
        self._between = whole[end : named - HEADER.size]
        self._after = whole[after:]
        self._size = len(self._before) + 2 + len(self._between) + len(self._after)

    def message(self, number: int, instance_uid: str) -> Message:
        """The one with this Message ID, 0 to 65535, that names this instance."""
        return self._message.with_values(**{self._keyword: number, "AffectedSOPInstanceUID": instance_uid})

    def command(self, number: int, instance_uid: str) -> bytes:
        """Its command set.

        Raises:
            LocalProtocolError: As `encode_command`.
        """
        named = self._write(instance_uid)
        return b"".join(
            (
                _LENGTH,
                (self._size + len(named)).to_bytes(4, "little"),
                self._before,
                number.to_bytes(2, "little"),
                self._between,
                named,
                self._after,
            )
        )


@lru_cache(maxsize=64)
def _pattern(before: bytes, after: bytes, context_id: int) -> Pattern | None:
    """The messages with these bytes before and after the Message ID.

    None if the ID is somewhere else, or if the bytes cannot be decoded: what is wrong is then said of the whole.
    """
    message = _made_of(before + b"\0\0" + after, context_id, (len(before),))
    return None if message is None else Pattern(message, before, after)


@lru_cache(maxsize=64)
def _named_pattern(before: bytes, between: bytes, after: bytes, context_id: int) -> Message | None:
    """As `_pattern`, of messages that name an instance: `between` ends where its UID begins, and `after` follows it.

    The objects of a series are stored with command sets that differ in these two.
    """
    uid = b"1" * int.from_bytes(between[-4:], "little")
    named = len(before) + 2 + len(between)
    message = _made_of(before + b"\0\0" + between + uid + after, context_id, (len(before), named))
    return None if getattr(message, "AffectedSOPInstanceUID", None) is None else message


def _made_of(whole: bytes, context_id: int, places: tuple[int, ...]) -> Message | None:
    """The message of a command set in which the Message ID, and the UID of an instance, have these places, or None."""
    try:
        message = _decode(whole, context_id)
    except RemoteProtocolError:
        return None
    numbers = (NUMBERS[_CLASSES[message.command_field][2]], NUMBERS["AffectedSOPInstanceUID"])
    found = {(number, start) for number, start, _ in _scan(whole)}
    return message if found.issuperset(zip(numbers, places, strict=False)) else None


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
        for number, start, raw in _scan(whole):
            fields.append(_element_field(number, raw, offset + start))
            done = start + len(raw)
    except RemoteProtocolError as error:
        rest = len(whole) - done
        fields.append(Field("Not Decoded", None, offset + done, rest, (), f"{rest} bytes", str(error)))
    return tuple(fields)


def _element_field(number: int, raw: bytes, start: int) -> Field:
    value: object = raw
    problem = ""
    if number in ELEMENTS:
        try:
            vr, _, keyword = ELEMENTS[number]
            value = READERS[vr](keyword, raw)
        except RemoteProtocolError as error:
            problem = str(error)
    meaning = _meaning(number, value)
    children = (
        Field("Tag", f"(0000,{number:04X})", start - 8, 4),
        Field("Value Length", len(raw), start - 4, 4),
        Field("Value", value, start, len(raw), (), meaning, problem),
    )
    return Field(_description(number), value, start - 8, len(raw) + 8, children, meaning, problem)


@lru_cache(maxsize=256)
def _description(number: int) -> str:
    from pydicom.datadict import dictionary_description

    try:
        return dictionary_description(number)
    except KeyError:
        return "Unknown Element"


def _meaning(number: int, value: object) -> str:
    match ELEMENTS.get(number), value:
        case ("UI", _, _), str(uid):
            return uid_name(uid)
        case (_, _, "CommandField"), int(code):
            return CommandField(code).text if code in _CLASSES else "no message"
        case (_, _, "CommandDataSetType"), int(code):
            return "no data set" if code == NO_DATA_SET else "a data set follows"
        case (_, _, "Priority"), int(code):
            return Priority(code).name.capitalize() if code in set(Priority) else "not defined"
        case (_, _, "Status"), int(code):
            return status_text(code)
        case ("AT", _, _), tuple(tags):
            return ", ".join(_tag_name(tag) for tag in tags)
    return ""


def _tag_name(tag: int) -> str:
    from pydicom.datadict import dictionary_description

    try:
        return dictionary_description(tag)
    except KeyError:
        return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
