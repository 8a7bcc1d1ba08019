"""Data sets of plain elements to and from bytes, in a fraction of pydicom's time (PS3.5 section 7, little endian).

Identifiers are small and many, and to pydicom each is a file to be parsed or written. What is plain is done here in
one pass: elements of defined length are cut out as pydicom's own raw elements, decoded when they are looked at;
values of the usual types are written as pydicom writes them, to the byte. For everything else the answer is None, and
pydicom does it, with its own tolerance and its own errors. A test holds both against pydicom.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from pydicom import config
from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset, FileDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, STANDARD_VR, PersonName

_CHARACTER_SET: Final = 0x00080005
_CHARACTER_SET_TAG: Final = BaseTag(_CHARACTER_SET)
_ITEMS: Final = 0xFFFE
_UNDEFINED: Final = 0xFFFFFFFF
_FIRST: Final = 0x00030000  # what comes before belongs to the command set and the file meta information

# Specific Character Set, and what pydicom calls the encoding; others are pydicom's.
_ENCODINGS: Final = {"ISO_IR 6": default_encoding, "ISO_IR 100": "latin_1", "ISO_IR 192": "UTF8"}
_CODECS: Final = {default_encoding: "latin-1", "latin_1": "latin-1", "UTF8": "utf-8"}  # the same by Python's short ways
_WRITTEN: Final = {f"{name:<{len(name) + len(name) % 2}}".encode(): name for name in _ENCODINGS}

_LONG: Final = frozenset(str(vr) for vr in EXPLICIT_VR_LENGTH_32)
_VRS: Final = {str(vr).encode(): str(vr) for vr in STANDARD_VR}
_MOST_KNOWN: Final = 4096

# What an element's first bytes mean: its tag, its VR, and whether its length has four bytes although VRs are explicit.
# Peers could fill them with anything, so they do not grow for ever.
_Meaning = tuple[BaseTag, str | None, bool]
_EXPLICIT_CHARACTER_SET: Final[_Meaning] = (_CHARACTER_SET_TAG, "CS", False)
_IMPLICIT_CHARACTER_SET: Final[_Meaning] = (_CHARACTER_SET_TAG, None, False)
_explicit: dict[bytes, _Meaning] = {b"\x08\0\x05\0CS": _EXPLICIT_CHARACTER_SET}
_implicit: dict[bytes, _Meaning] = {b"\x08\0\x05\0": _IMPLICIT_CHARACTER_SET}

# Elements in bytes, each as what its head means and where its value starts and ends; and Specific Character Set.
_Spans = list[tuple[_Meaning, int, int]]
_Scanned = tuple[_Spans, bytes | None]


# -- data sets made ------------------------------------------------------------------------------------------------


def _attributes() -> tuple[dict[str, Any], list[str]]:
    """What a new data set has, and which of it, beside the elements, every one has for itself."""
    attributes = vars(Dataset())
    return attributes, [name for name, value in attributes.items() if isinstance(value, dict) and name != "_dict"]


_BLANKS: dict[bool, tuple[dict[str, Any], list[str]]] = {}  # by pydicom's switch of what a data set has


def _blank(elements: dict[BaseTag, Any]) -> dict[str, Any]:
    """The attributes of a new data set with these elements."""
    blank = _BLANKS.get(config._use_future)
    if blank is None:
        blank = _BLANKS[config._use_future] = _attributes()
    attributes = blank[0].copy()
    attributes["_dict"] = elements
    for name in blank[1]:
        attributes[name] = attributes[name].copy()
    return attributes


def data_set_of(elements: dict[BaseTag, Any]) -> Dataset:
    """A data set with these elements, as `Dataset(elements)`: its attributes are set at once and not one by one."""
    data_set = object.__new__(Dataset)
    object.__setattr__(data_set, "__dict__", _blank(elements))
    return data_set


def element_of(tag: BaseTag, vr: str, value: Any, validation_mode: int) -> DataElement:
    """An element whose value has pydicom's type for it, as `DataElement(..., already_converted=True)` makes it."""
    element = object.__new__(DataElement)
    element.__dict__ = {
        "tag": tag,
        "VR": vr,
        "validation_mode": validation_mode,
        "_value": value,
        "file_tell": None,
        "is_undefined_length": False,
        "private_creator": None,
    }
    return element


def twin_of(element: DataElement) -> DataElement:
    """Another element with the same value, which is one that cannot be changed."""
    twin = object.__new__(DataElement)
    twin.__dict__ = element.__dict__.copy()
    return twin


# -- decoding ------------------------------------------------------------------------------------------------------


def decode(data: bytes, *, is_implicit_vr: bool) -> Dataset | None:
    """The data set that is encoded in `data`, little endian, or None if it is for pydicom.

    Its elements are found now and made when somebody looks at one: nothing that could fail is left for later but what
    pydicom leaves for later as well.
    """
    if len(data) < 8 or config.debugging:
        return None
    # whether the first VR is one: pydicom's test of which of both encodings it really is
    if (0x40 < data[4] < 0x5B and 0x40 < data[5] < 0x5B) == is_implicit_vr:
        return None
    scanned = _scan_implicit(data) if is_implicit_vr else _scan_explicit(data)
    if scanned is None:
        return None
    spans, character_set = scanned
    encoding: Any = default_encoding
    if character_set is not None:
        name = _WRITTEN.get(character_set)
        if name is None:
            return None
        encoding = [_ENCODINGS[name]]
    data_set = object.__new__(_Undecoded)
    object.__setattr__(data_set, "_undecoded", (data, spans, is_implicit_vr, encoding))
    return data_set


class _Undecoded(Dataset):
    """A data set at which nobody has looked; the first look makes it a `Dataset`, and nothing tells that it was not."""

    def __getattribute__(self, name: str) -> Any:
        # whatever pydicom or anybody asks of it: `_dict` is not there yet, and `__class__` is not to be this one
        _look(self)
        return getattr(self, name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # copies and pickles are those of a Dataset
        _look(self)
        return self.__reduce_ex__(protocol)


_Undecoded.__name__, _Undecoded.__qualname__, _Undecoded.__module__ = "Dataset", "Dataset", Dataset.__module__
_looking = threading.Lock()  # two threads may look at once


def _look(data_set: Dataset) -> None:
    with _looking:
        if type(data_set) is not _Undecoded:
            return
        state = object.__getattribute__(data_set, "__dict__")
        data, spans, is_implicit_vr, encoding = state["_undecoded"]
        attributes = _blank(_elements(data, spans, is_implicit_vr))
        # as set_original_encoding, without its way by pydicom's attributes
        attributes.update(_read_implicit=is_implicit_vr, _read_little=True, _read_charset=encoding)
        del state["_undecoded"]
        state.update(attributes | state)  # what somebody set without looking stays
        object.__setattr__(data_set, "__class__", Dataset)


def _elements(data: bytes, spans: _Spans, is_implicit_vr: bool) -> dict[BaseTag, Any]:
    """What pydicom's reading of `data` would give."""
    elements: dict[BaseTag, Any] = {}
    make = tuple.__new__
    empty = config.use_none_as_empty_text_VR_value
    for (tag, vr, _), start, end in spans:
        value = data[start:end] if end > start else _empty(vr, empty)
        raw = (tag, vr, end - start, value, start, is_implicit_vr, True, True, False)
        elements[tag] = make(RawDataElement, raw)
    return elements


@lru_cache(maxsize=64)
def _empty(vr: str | None, _: bool) -> Any:
    """A raw value of no length; the second argument is the switch of pydicom's that it depends on."""
    return empty_value_for_VR(vr, raw=True)


def _scan_explicit(data: bytes) -> _Scanned | None:
    spans: _Spans = []
    character_set = None
    known = _explicit
    position, size = 0, len(data)
    while position < size:
        start = position + 8
        if start > size:
            return None
        head = data[position : position + 6]
        meaning = known.get(head) or _learn(known, head, _VRS.get(head[4:]))
        if meaning is None:
            return None
        if meaning[2]:
            start += 4
            length = int.from_bytes(data[start - 4 : start], "little")
        else:
            length = data[position + 6] | data[position + 7] << 8
        position = start + length
        if position > size:  # cut short, or of undefined length
            return None
        if meaning is _EXPLICIT_CHARACTER_SET:
            character_set = data[start:position]
        spans.append((meaning, start, position))
    return spans, character_set


def _scan_implicit(data: bytes) -> _Scanned | None:
    spans: _Spans = []
    character_set = None
    known = _implicit
    position, size = 0, len(data)
    while position < size:
        start = position + 8
        if start > size:
            return None
        head = data[position : position + 4]
        meaning = known.get(head) or _learn(known, head, None)
        if meaning is None:
            return None
        position = start + int.from_bytes(data[position + 4 : start], "little")
        if position > size:
            return None
        if meaning is _IMPLICIT_CHARACTER_SET:
            character_set = data[start:position]
        spans.append((meaning, start, position))
    return spans, character_set


def _learn(known: dict[bytes, _Meaning], head: bytes, vr: str | None) -> _Meaning | None:
    """What `head` means, from now on; None if that is not plain."""
    group = head[0] | head[1] << 8
    tag = BaseTag(group << 16 | head[2] | head[3] << 8)
    if group == _ITEMS or tag == _CHARACTER_SET or (vr is None and len(head) > 4):
        return None
    meaning = (tag, vr, vr in _LONG)
    if len(known) < _MOST_KNOWN:
        known[head] = meaning
    return meaning


# -- encoding ------------------------------------------------------------------------------------------------------

_SHORT_HEAD: Final = Struct("<HH2sH").pack
_LONG_HEAD: Final = Struct("<HH2sxxI").pack
_IMPLICIT_HEAD: Final = Struct("<HHI").pack

_VR_BYTES: Final = {vr: raw for raw, vr in _VRS.items()}


class _UnusualError(Exception):
    """Something is not plain."""


def encode(data_set: Dataset, *, is_implicit_vr: bool) -> bytes | None:
    """`data_set` encoded, little endian, or None if it is for pydicom, which may fail."""
    try:
        return _encoded(data_set, default_encoding, is_implicit_vr)
    except (_UnusualError, UnicodeError, struct.error, TypeError, RecursionError):
        return None


def _encoded(data_set: Dataset, encoding: str, is_implicit_vr: bool) -> bytes:
    """A data set, or an item, whose texts are in `encoding` unless it says otherwise."""
    # by plain numbers: pydicom's tags compare in Python, slowly
    elements: dict[int, Any] = {int(tag): element for tag, element in data_set.items()}
    if type(data_set) is not Dataset and type(data_set) is not FileDataset:
        raise _UnusualError
    if _CHARACTER_SET in elements:
        element = elements[_CHARACTER_SET] = data_set[_CHARACTER_SET_TAG]
        if element.value not in _ENCODINGS:
            raise _UnusualError
        encoding = _ENCODINGS[element.value]
    raw_fits: bool | None = None
    parts = []
    for number in sorted(elements):
        element = elements[number]
        group, low = number >> 16, number & 0xFFFF
        if not low and group > 6:
            continue  # a retired group length
        vr: Any = element.VR
        if number < _FIRST or (vr not in _VR_BYTES and not (vr is None and is_implicit_vr)):
            raise _UnusualError
        if type(element) is RawDataElement:
            if raw_fits is None:
                raw_fits = _raw_fits(data_set, is_implicit_vr)
            if not raw_fits or type(element.value) is not bytes or element.length == _UNDEFINED:
                raise _UnusualError
            value = element.value
        elif type(element) is DataElement and not element.is_undefined_length:
            value = _value(vr, element.value, encoding, is_implicit_vr)
        else:
            raise _UnusualError
        length = len(value)
        if is_implicit_vr:
            parts.append(_IMPLICIT_HEAD(group, low, length))
        elif vr in _LONG:
            parts.append(_LONG_HEAD(group, low, _VR_BYTES[vr], length))
        else:
            parts.append(_SHORT_HEAD(group, low, _VR_BYTES[vr], length))  # raises if it is too long for the VR
        parts.append(value)
    return b"".join(parts)


def _raw_fits(data_set: Dataset, is_implicit_vr: bool) -> bool:
    """Whether what has not been decoded can leave as it is: then it is in this encoding and character set."""
    in_this: bool = data_set.original_encoding == (is_implicit_vr, True)
    return in_this and data_set.original_character_set == data_set._character_set


def _value(vr: str, value: Any, encoding: str, is_implicit_vr: bool) -> bytes:
    if vr == "SQ":
        if type(value) is not Sequence:
            raise _UnusualError
        return b"".join([_item(item, encoding, is_implicit_vr) for item in value])
    if value is None or (type(value) is str and not value):
        return b""
    write = _WRITERS.get(vr)
    if write is None:
        raise _UnusualError
    written = write(value, encoding)
    if len(written) % 2:
        return written + (b"\0" if vr in _PADDED_WITH_NUL else b" ")
    return written


def _string(value: Any, _: str) -> bytes:
    return _text(value, default_encoding)


def _text(value: Any, encoding: str) -> bytes:
    kind = type(value)
    if kind is str or kind is UID:
        encoded: bytes = value.encode(_CODECS[encoding])
        return encoded
    if kind is MultiValue:
        return "\\".join(value).encode(_CODECS[encoding])
    raise _UnusualError


def _person_name(value: Any, encoding: str) -> bytes:
    if type(value) is MultiValue:
        return b"\\".join([_person_name(name, encoding) for name in value])
    if type(value) is not PersonName:
        raise _UnusualError
    if value.original_string is None and value.encodings is None:
        return "=".join(value.components).rstrip("=").encode(_CODECS[encoding])
    return value.encode([encoding])


def _number_string(value: Any, encoding: str) -> bytes:
    """As it was given, if it was a text."""
    if type(value) is MultiValue:
        return b"\\".join([_number_string(number, encoding) for number in value])
    if not isinstance(value, _NUMBER_TYPES):
        raise _UnusualError
    given: str | None = getattr(value, "original_string", None)
    return (str(value) if given is None else given).encode("latin-1")


def _number(letter: str) -> Callable[[Any, str], bytes]:
    pack = Struct("<" + letter).pack
    kinds = (int, float) if letter in "fd" else (int,)

    def write(value: Any, _: str) -> bytes:
        if type(value) not in kinds:
            raise _UnusualError
        return pack(value)

    return write


def _bytes(value: Any, _: str) -> bytes:
    if type(value) is not bytes:
        raise _UnusualError
    return value


_NUMBER_TYPES: Final = (int, float, Decimal, str)
_PADDED_WITH_NUL: Final = frozenset({"UI", "OB", "OD", "OF", "OL", "OV", "OW"})
_WRITERS: Final[dict[str, Callable[[Any, str], bytes]]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UI", "UR"), _string),
    **dict.fromkeys(("LO", "LT", "SH", "ST", "UC", "UT"), _text),
    **dict.fromkeys(("DS", "IS"), _number_string),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW"), _bytes),
    "PN": _person_name,
    "US": _number("H"),
    "SS": _number("h"),
    "UL": _number("L"),
    "SL": _number("l"),
    "UV": _number("Q"),
    "SV": _number("q"),
    "FL": _number("f"),
    "FD": _number("d"),
}


def _item(item: Any, encoding: str, is_implicit_vr: bool) -> bytes:
    if getattr(item, "is_undefined_length_sequence_item", False):
        raise _UnusualError
    encoded = _encoded(item, encoding, is_implicit_vr)
    return _IMPLICIT_HEAD(_ITEMS, 0xE000, len(encoded)) + encoded
