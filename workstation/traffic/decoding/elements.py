"""Data-set elements with their byte spans, as PS3.5 section 7 encodes them.

This is a dissector, not a decoder of data sets: it walks the headers, shortens the values, never raises and never
recurses, and tells what it could not read where it could not read it. It reads through a `Source`, since parts of a
data set may be on their way or let go, and a large one should not be joined to look at its headers. It knows neither
PDUs nor Qt.
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from workstation.net.codec.field import Field
from workstation.net.uids import uid_name
from workstation.traffic.text import element_name, hex_bytes, printable, quantity

__all__ = [
    "BY_CHARACTER_SET",
    "MAX_DEPTH",
    "NUMBER_FORMATS",
    "SHORT_FORM",
    "TEXT",
    "BytesSource",
    "Encoding",
    "Source",
    "decode_text",
    "dictionary_vr",
    "dissect_elements",
    "encoding_of",
    "python_encodings",
]

MAX_DEPTH = 64
# A tenth of a second's worth; behind them a person searches rather than scrolls.
MAX_ELEMENTS = 3_000
_TEXT_BYTES = 1024
# Bytes of text that is not ASCII, to be decoded in one data set; an escape sequence takes as long as many of them, and
# somebody waits for the window.
_MOST_DECODED = 64 << 10
_ESCAPE_WORTH = 64
_NUMBERS = 16
_UNDEFINED = 0xFFFFFFFF
_NO_BOUND = 1 << 62

_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_PIXEL_DATA = (0x7FE0, 0x0010)
_CHARACTER_SET = (0x0008, 0x0005)
# PS3.5 Table 7.1-1: two reserved bytes and a length of four. A VR not known here has this form too (section 6.2).
SHORT_FORM: Final = frozenset(
    {
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "SL",
        "SS",
        "ST",
        "TM",
        "UI",
        "UL",
        "US",
    }
)
NUMBER_FORMATS: Final = {
    "US": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "FL": "f",
    "FD": "d",
    "UV": "Q",
    "SV": "q",
}
TEXT: Final = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
BY_CHARACTER_SET: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})


class Encoding(NamedTuple):
    """What a transfer syntax says of the bytes."""

    implicit: bool
    little_endian: bool
    deflated: bool = False
    encapsulated: bool = False


def encoding_of(transfer_syntax: str) -> Encoding | None:
    """The encoding of a transfer syntax (PS3.5 annex A); None for one that the standard does not define.

    Private transfer syntaxes are free to do anything, so they are not guessed.
    """
    match transfer_syntax:
        case "1.2.840.10008.1.2":
            return Encoding(True, True)
        case "1.2.840.10008.1.2.1":
            return Encoding(False, True)
        case "1.2.840.10008.1.2.2":
            return Encoding(False, False)
        case "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.4.95" | "1.2.840.10008.1.2.4.205":
            return Encoding(False, True, deflated=True)
    # 1.2.840.10008.1.2.6 were MIME and XML, which are no data sets.
    if transfer_syntax.startswith("1.2.840.10008.1.2.") and not transfer_syntax.startswith("1.2.840.10008.1.2.6."):
        return Encoding(False, True, encapsulated=True)
    return None


class Source(Protocol):
    """Where the bytes of a data set come from.

    Attributes:
        length: of the data set as far as it is known.
        open_ended: whether there is or will be more than that.
        missing: why bytes may be absent, "not kept".
    """

    length: int
    open_ended: bool
    missing: str

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`; fewer where the rest is absent."""


class BytesSource:
    """A data set that is there as a whole."""

    open_ended = False
    missing = "not kept"

    def __init__(self, data: bytes) -> None:
        self.length = len(data)
        self._data = data

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`."""
        return self._data[offset : offset + count]


@dataclass(slots=True)
class _Frame:
    """A container that is being read: the data set, a sequence, an item, or encapsulated fragments."""

    kind: str  # "elements" | "items" | "fragments"
    name: str
    offset: int
    end: int | None  # None: until its delimiter
    bound: int  # no content of it can lie beyond
    implicit: bool
    encodings: tuple[str, ...]
    meaning: str = ""
    problem: str = ""
    fields: list[Field] = field(default_factory=list)


class _Stop(Exception):  # noqa: N818 - not an error: the walk ends here
    """Nothing behind this point can be told apart; `why` says so."""

    def __init__(self, why: str, *, problem: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.problem = problem


def dissect_elements(source: Source, encoding: Encoding, max_elements: int = MAX_ELEMENTS) -> tuple[Field, ...]:
    """The elements of an encoded data set, offsets counted from its first byte.

    Args:
        source: the data set.
        encoding: how it is encoded; a deflated one has to be inflated first.
        max_elements: after so many the rest is one field.
    """
    return _Walk(source, encoding, max_elements).run()


class _Walk:
    def __init__(self, source: Source, encoding: Encoding, max_elements: int) -> None:
        self._source = source
        self._total = source.length
        self._left = max_elements
        self._decodable = _MOST_DECODED
        order = "<" if encoding.little_endian else ">"
        self._order = order
        self._tag = struct.Struct(order + "HH")
        self._long = struct.Struct(order + "I")
        self._short = struct.Struct(order + "H")
        self._position = 0
        bound = _NO_BOUND if source.open_ended else self._total
        self._stack = [_Frame("elements", "", 0, bound, bound, encoding.implicit, ("iso8859",))]

    def run(self) -> tuple[Field, ...]:
        root = self._stack[0]
        rest: Field | None = None
        try:
            while self._stack:
                self._step()
        except _Stop as stop:
            here = self._position
            left = max(self._total - here, 0)
            if left or self._source.open_ended:
                rest = Field(
                    "Rest of the data set",
                    quantity(left, "byte") if left else None,
                    here,
                    left,
                    meaning="" if stop.problem else stop.why,
                    problem=stop.why if stop.problem else "",
                )
            while len(self._stack) > 1:
                self._close(here)
        return (*root.fields, rest) if rest is not None else tuple(root.fields)

    # ------------------------------------------------------------------- containers
    def _close(self, position: int) -> None:
        frame = self._stack.pop()
        if not self._stack:
            return
        noun = {"elements": "element", "items": "item", "fragments": "fragment"}[frame.kind]
        self._stack[-1].fields.append(
            Field(
                frame.name,
                quantity(len(frame.fields), noun),
                frame.offset,
                position - frame.offset,
                tuple(frame.fields),
                frame.meaning,
                frame.problem,
            )
        )

    def _push(self, frame: _Frame) -> None:
        if len(self._stack) > MAX_DEPTH:
            raise _Stop(f"Nested deeper than {MAX_DEPTH}; not decoded")
        self._stack.append(frame)

    def _step(self) -> None:
        frame = self._stack[-1]
        if frame.end is not None and self._position >= frame.end:
            self._close(self._position)
            return
        if frame.end is None and self._position >= frame.bound:
            frame.problem = frame.problem or "Its delimiter is missing"
            self._close(self._position)
            return
        if frame.bound - self._position < 8:
            start, self._position = self._position, frame.bound
            count = frame.bound - start
            shown = hex_bytes(self._source.read(start, count))
            frame.fields.append(Field("Bytes", shown, start, count, problem="Too few for an element"))
            return
        head = self._source.read(self._position, 8)
        if len(head) < 8:
            raise _Stop(self._source.missing, problem=False)
        self._left -= 1
        if self._left < 0:
            raise _Stop("Many more elements; not listed", problem=False)
        tag: tuple[int, int] = self._tag.unpack_from(head)
        if frame.kind == "elements":
            self._element(frame, tag, head)
        else:
            self._item(frame, tag, self._long.unpack_from(head, 4)[0])

    def _item(self, frame: _Frame, tag: tuple[int, int], length: int) -> None:
        start = self._position
        if tag == _SEQUENCE_END and frame.end is None:
            self._position += 8
            self._close(self._position)
            return
        if tag != _ITEM:
            raise _Stop(f"({tag[0]:04X},{tag[1]:04X}) where an item of {frame.name} should begin")
        self._position += 8
        count = len(frame.fields)
        if frame.kind == "fragments":
            name = "Basic Offset Table" if count == 0 else f"Fragment {count}"
            if length == _UNDEFINED:
                raise _Stop(f"{name} has no length")
            stop, problem = self._bounded(frame, length)
            value = quantity(length // 4, "offset") if count == 0 else quantity(length, "byte")
            frame.fields.append(Field(name, value, start, stop - start, problem=problem))
            self._position = stop
            return
        end: int | None = None
        problem = ""
        if length != _UNDEFINED:
            end, problem = self._bounded(frame, length)
        bound = frame.bound if end is None else end
        self._push(
            _Frame("elements", f"Item {count + 1}", start, end, bound, frame.implicit, frame.encodings, "", problem)
        )

    # ------------------------------------------------------------------- elements
    def _element(self, frame: _Frame, tag: tuple[int, int], head: bytes) -> None:
        start = self._position
        if tag == _ITEM_END and frame.end is None:
            self._position += 8
            self._close(self._position)
            return
        vr, length, header = self._header(frame, tag, head)
        self._position += header
        name = f"({tag[0]:04X},{tag[1]:04X}) {element_name(*tag)}".rstrip()
        if length == _UNDEFINED:
            kind = "fragments" if tag == _PIXEL_DATA and vr != "SQ" else "items"
            # PS3.5 section 6.2.2: UN of undefined length is a sequence in Implicit VR Little Endian.
            implicit = frame.implicit or vr == "UN"
            meaning = "encapsulated" if kind == "fragments" else "undefined length"
            self._push(_Frame(kind, name, start, None, frame.bound, implicit, frame.encodings, f"{vr}, {meaning}"))
            return
        end, problem = self._bounded(frame, length)
        if vr == "SQ":
            self._push(_Frame("items", name, start, end, end, frame.implicit, frame.encodings, vr, problem))
            return
        value, meaning = self._value(frame, tag, vr, end)
        frame.fields.append(Field(name, value, start, end - start, (), meaning, problem))
        self._position = end

    def _header(self, frame: _Frame, tag: tuple[int, int], head: bytes) -> tuple[str, int, int]:
        """VR, length, and how many bytes the header takes."""
        length: int
        if frame.implicit or tag[0] == 0xFFFE:
            (length,) = self._long.unpack_from(head, 4)
            return dictionary_vr(tag), length, 8
        raw = head[4:6]
        if not (raw.isalpha() and raw.isupper()):
            # A length in its place is what Implicit VR has, the usual mistake.
            (length,) = self._long.unpack_from(head, 4)
            guess = ", as in Implicit VR" if self._position == 0 and length <= frame.bound - 8 else ""
            raise _Stop(f"({tag[0]:04X},{tag[1]:04X}) has no VR: {hex_bytes(raw)} in its place{guess}")
        vr = raw.decode("ascii")
        if vr in SHORT_FORM:
            (length,) = self._short.unpack_from(head, 6)
            return vr, length, 8
        if frame.bound - self._position < 12:
            raise _Stop(f"({tag[0]:04X},{tag[1]:04X}): the data set ends within its header")
        more = self._source.read(self._position + 8, 4)
        if len(more) < 4:
            raise _Stop(self._source.missing, problem=False)
        (length,) = self._long.unpack(more)
        return vr, length, 12

    def _bounded(self, frame: _Frame, length: int) -> tuple[int, str]:
        """Where a value of this length ends, and what is wrong with that."""
        end = self._position + length
        if end <= frame.bound:
            return end, ""
        left = max(frame.bound - self._position, 0)
        return self._position + left, f"Its length {length:,} runs past the end ({left:,} bytes left)"

    # ------------------------------------------------------------------- values
    def _value(self, frame: _Frame, tag: tuple[int, int], vr: str, end: int) -> tuple[object, str]:
        """A value as it is shown, and what it means."""
        start = self._position
        length = end - start
        if length == 0:
            return "", vr
        number = NUMBER_FORMATS.get(vr)
        if vr not in TEXT and vr != "AT" and number is None and length > _TEXT_BYTES:
            return quantity(length, "byte"), vr
        kept = self._source.read(start, min(length, _TEXT_BYTES))
        if not kept:
            return quantity(length, "byte"), f"{vr}, {self._source.missing}"
        if vr == "UI":
            uid = kept.rstrip(b"\0 ").decode("latin-1")
            name = "" if "\\" in uid else uid_name(uid)
            return printable(uid), f"{vr}, {name}" if name else vr
        if vr in TEXT:
            if tag == _CHARACTER_SET:
                frame.encodings = python_encodings(kept.decode("latin-1"))
            text = self._text(kept, frame.encodings) if vr in BY_CHARACTER_SET else kept.decode("latin-1")
            return printable(text.rstrip("\0 ") + ("…" if length > len(kept) else "")), vr
        if vr == "AT" and length % 4 == 0:
            pairs = [self._tag.unpack_from(kept, at) for at in range(0, min(len(kept) - 3, 4 * _NUMBERS), 4)]
            return "\\".join(f"({group:04X},{element:04X})" for group, element in pairs) or "", vr
        if number is not None:
            return self._numbers(kept, number, length), vr
        return hex_bytes(kept) if length <= 16 else quantity(length, "byte"), vr

    def _text(self, raw: bytes, encodings: tuple[str, ...]) -> str:
        """A text in its character set; in Latin-1, which shows every byte, when there is too much of it."""
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii")
        self._decodable -= len(raw) + _ESCAPE_WORTH * raw.count(b"\x1b")
        return decode_text(raw, encodings) if self._decodable >= 0 else raw.decode("latin-1")

    def _numbers(self, kept: bytes, form: str, length: int) -> object:
        size = struct.calcsize("=" + form)
        count = min(len(kept) // size, _NUMBERS)
        numbers = struct.unpack_from(f"{self._order}{count}{form}", kept)
        if length == size and count == 1:
            return numbers[0]
        text = "\\".join(f"{number:g}" if isinstance(number, float) else str(number) for number in numbers)
        return text + " …" if length > count * size else text


def dictionary_vr(tag: tuple[int, int]) -> str:
    """The VR of an element that does not say it itself."""
    from pydicom.datadict import dictionary_VR

    group, element = tag
    if element == 0:
        return "UL"
    if group % 2:
        return "LO" if 0x10 <= element <= 0xFF else "UN"
    try:
        vr = dictionary_VR((group << 16) | element)
    except KeyError:
        return "UN"
    # "US or SS", "OB or OW": the first is right for showing, but pixel data in Implicit VR are OW (PS3.5 A.1).
    return "OW" if vr == "OB or OW" else vr[:2]


def python_encodings(value: str) -> tuple[str, ...]:
    """The codecs for a Specific Character Set; Latin-1 shows every byte of one that is not known."""
    from pydicom.charset import convert_encodings

    terms = [term.strip("\0 ") for term in value.split("\\")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return tuple(convert_encodings(terms))
        except (LookupError, ValueError):
            return ("iso8859",)


def decode_text(raw: bytes, encodings: tuple[str, ...]) -> str:
    """A text in its character set; in Latin-1, which shows every byte, when it is not in it."""
    from pydicom.charset import decode_bytes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return decode_bytes(raw, encodings, {0x5C, 0x5E, 0x3D, 0x0A, 0x0D, 0x0C, 0x09})
        except (LookupError, ValueError):
            return raw.decode("latin-1")
