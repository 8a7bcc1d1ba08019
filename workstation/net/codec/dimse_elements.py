"""The elements of command sets and how their values are written (PS3.7 Annex E, PS3.5 section 6.2).

Command sets are a few elements of six VRs in Implicit VR Little Endian, so they have a codec of their own:
general data sets are pydicom's, which takes half a second to load and is asked for only when values of its types
are made. Knows elements, not messages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Any, TypeAlias

from workstation.net.codec.wire_text import ae_title_of, encode_ae_title, encode_uid, text_of, uid_of
from workstation.net.errors import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from pydicom.tag import BaseTag
    from pydicom.uid import UID

# Element number in group 0000: (VR, VM, keyword).
ELEMENTS: dict[int, tuple[str, str, str]] = {
    0x0000: ("UL", "1", "CommandGroupLength"),
    0x0002: ("UI", "1", "AffectedSOPClassUID"),
    0x0003: ("UI", "1", "RequestedSOPClassUID"),
    0x0100: ("US", "1", "CommandField"),
    0x0110: ("US", "1", "MessageID"),
    0x0120: ("US", "1", "MessageIDBeingRespondedTo"),
    0x0600: ("AE", "1", "MoveDestination"),
    0x0700: ("US", "1", "Priority"),
    0x0800: ("US", "1", "CommandDataSetType"),
    0x0900: ("US", "1", "Status"),
    0x0901: ("AT", "1-n", "OffendingElement"),
    0x0902: ("LO", "1", "ErrorComment"),
    0x0903: ("US", "1", "ErrorID"),
    0x1000: ("UI", "1", "AffectedSOPInstanceUID"),
    0x1001: ("UI", "1", "RequestedSOPInstanceUID"),
    0x1002: ("US", "1", "EventTypeID"),
    0x1005: ("AT", "1-n", "AttributeIdentifierList"),
    0x1008: ("US", "1", "ActionTypeID"),
    0x1020: ("US", "1", "NumberOfRemainingSuboperations"),
    0x1021: ("US", "1", "NumberOfCompletedSuboperations"),
    0x1022: ("US", "1", "NumberOfFailedSuboperations"),
    0x1023: ("US", "1", "NumberOfWarningSuboperations"),
    0x1030: ("AE", "1", "MoveOriginatorApplicationEntityTitle"),
    0x1031: ("US", "1", "MoveOriginatorMessageID"),
}

NUMBERS: dict[str, int] = {keyword: number for number, (_, _, keyword) in ELEMENTS.items()}

Value: TypeAlias = int | str | tuple[int, ...]
Encoder: TypeAlias = Callable[[Any], bytes]

HEADER = Struct("<HHI")
US_ELEMENT = Struct("<HHIH")
_TAG = Struct("<HH")
ERROR_COMMENT_LENGTH = 64


# -- values read -------------------------------------------------------------------------------------------------


# An element without a value is as good as absent, so it reads as None; only a list of tags may be empty.


def _read_us(keyword: str, raw: bytes) -> int | None:
    if len(raw) == 2:
        return raw[0] | raw[1] << 8
    if raw:
        raise RemoteProtocolError(f"command set: {keyword} has {len(raw)} bytes, not 2")
    return None


def _read_ul(keyword: str, raw: bytes) -> int | None:
    if len(raw) == 4:
        return int.from_bytes(raw, "little")
    if raw:
        raise RemoteProtocolError(f"command set: {keyword} has {len(raw)} bytes, not 4")
    return None


def _read_at(keyword: str, raw: bytes) -> tuple[BaseTag, ...]:
    if len(raw) % 4:
        raise RemoteProtocolError(f"command set: {keyword} has {len(raw)} bytes, not a multiple of 4")
    from pydicom.tag import BaseTag

    return tuple(BaseTag(group << 16 | number) for group, number in _TAG.iter_unpack(raw))


@cache
def _uid_type() -> type[UID]:
    from pydicom.uid import UID

    return UID


def _read_ui(keyword: str, raw: bytes) -> UID | None:
    # past UID's own constructor, which judges and is slow: what a peer sent is taken as it is
    return str.__new__(_uid_type(), uid_of(raw)) or None


def _read_ae(keyword: str, raw: bytes) -> str | None:
    return ae_title_of(raw) or None


def _read_lo(keyword: str, raw: bytes) -> str | None:
    return text_of(raw).rstrip("\0 ") or None


READERS: dict[str, Callable[[str, bytes], Value | None]] = {
    "UI": _read_ui,
    "US": _read_us,
    "UL": _read_ul,
    "AE": _read_ae,
    "LO": _read_lo,
    "AT": _read_at,
}


# -- values checked when a message is made, whoever makes it -----------------------------------------------------


def check_value(keyword: str, value: Any) -> None:
    """Raises TypeError or ValueError unless `value` can be the value of an element."""
    vr = ELEMENTS[NUMBERS[keyword]][0]
    if vr == "US":
        if not isinstance(value, int):
            raise TypeError(f"{keyword} is {type(value).__name__}, not int")
        if not 0 <= value <= 0xFFFF:
            raise ValueError(f"{keyword} is {value}, not 0 to 65535")
    elif vr == "AT":
        if not isinstance(value, tuple) or not all(isinstance(tag, int) for tag in value):
            raise TypeError(f"{keyword} must be a tuple of tags")
        if not all(0 <= tag <= 0xFFFFFFFF for tag in value):
            raise ValueError(f"{keyword} has a tag that is not 0 to FFFFFFFFH")
    elif not isinstance(value, str):
        raise TypeError(f"{keyword} is {type(value).__name__}, not str")


# -- elements written --------------------------------------------------------------------------------------------


def element(number: int, value: bytes, pad: bytes = b"\0") -> bytes:
    """An element of group 0000 with its value padded to even length."""
    if len(value) & 1:
        value += pad
    return HEADER.pack(0, number, len(value)) + value


def encoder(keyword: str, *, repeats: bool) -> Encoder:
    """What writes the element `keyword`.

    Args:
        keyword: Of an element in `ELEMENTS`.
        repeats: The value repeats what the peer said, as a response does: a UID that should never have been
            sent goes back as it came, since no answer at all helps nobody.
    """
    number = NUMBERS[keyword]
    vr = ELEMENTS[number][0]
    if vr == "US":
        pack_us = US_ELEMENT.pack
        return lambda value: pack_us(0, number, 2, value)
    if vr == "UI":
        if repeats:
            return lambda value: element(number, value.encode("latin-1", "replace"))
        return lambda value: element(number, encode_uid(keyword, value))
    if vr == "AE":
        return lambda value: element(number, encode_ae_title(keyword, value), b" ")
    if vr == "LO":
        return lambda value: element(number, _comment(value), b" ")
    if vr == "AT":
        return lambda value: element(number, b"".join(map(_tag, value)))
    raise LocalProtocolError(f"{keyword} is written by the codec alone")


def _comment(text: str) -> bytes:
    # The text of somebody's exception as a rule. Cut and cleaned: an answer matters more than its comment.
    cleaned = "".join(character if character.isprintable() else " " for character in text)
    return cleaned.encode("ascii", "replace").replace(b"\\", b"/")[:ERROR_COMMENT_LENGTH]


def _tag(tag: int) -> bytes:
    return _TAG.pack(tag >> 16, tag & 0xFFFF)
