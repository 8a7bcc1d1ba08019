"""A data set as a tree that is read where somebody looks: one level at a time, values when they are asked for.

`elements` dissects a whole data set for the bytes pane; this is for looking into objects of any size. A level is a walk
over headers, sequences of known length are stepped over, and of each value only the first bytes are read. Never raises
for what the bytes hold, never recurses, and says what it could not read. It reads through a `Source`, in any thread;
it knows no messages, no files and no Qt.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import RLock
from typing import Final

from workstation.net.uids import uid_name
from workstation.traffic.decoding.elements import (
    BY_CHARACTER_SET,
    MAX_DEPTH,
    NUMBER_FORMATS,
    SHORT_FORM,
    TEXT,
    BytesSource,
    Encoding,
    Source,
    decode_text,
    dictionary_vr,
    encoding_of,
    python_encodings,
)
from workstation.traffic.text import element_name, hex_bytes, printable, quantity

__all__ = [
    "DataSetTree",
    "Element",
    "find_elements",
    "json_text",
    "line_of",
    "meaning_of",
    "path_text",
    "tree_of",
    "value_text",
]

# Elements or items of one level; behind them a person searches rather than scrolls.
MAX_LEVEL: Final = 200_000
# Headers looked at to find the end of one sequence of undefined length.
_MAX_STEPS: Final = 2_000_000
# Of a value that is shown in a line.
HEAD: Final = 256
MAX_TEXT: Final = 1 << 20
MAX_INFLATED: Final = 256 << 20
_BLOCK: Final = 16 << 10
_UNDEFINED: Final = 0xFFFFFFFF
_NUMBERS: Final = 16

_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_CHARACTER_SET: Final = (0x0008, 0x0005)
_PIXEL_DATA: Final = (0x7FE0, 0x0010)
_DEFAULT: Final = ("iso8859",)


@dataclass(slots=True, eq=False)
class Element:
    """An element, an item, a fragment, or a remark on what cannot be read.

    Attributes:
        kind: "element", "item", "fragment" or "rest".
        tag: group and element.
        vr: "" where there is none.
        read_as: the VR that the dictionary knows for what was sent as UN.
        length: of its value as it is encoded, None for undefined.
        offset: of its first byte in the data set.
        value_offset: of its value.
        end: of its value; a delimiter, if there is one, follows.
        name: from the dictionary, or of a private creator's.
        creator: the private creator of its block.
        head: the first bytes of its value; empty for what has others below it.
        problem: what is wrong with it.
        level: how its value is read when there are others below it: "items", "elements", "fragments" or "".
        implicit: whether what is below it is in Implicit VR.
        encodings: its character sets, by Python's names.
        number: of an item, a fragment, from 1.
    """

    kind: str
    tag: tuple[int, int]
    vr: str
    length: int | None
    offset: int
    value_offset: int
    end: int
    name: str
    creator: str = ""
    head: bytes = b""
    problem: str = ""
    level: str = ""
    implicit: bool = False
    encodings: tuple[str, ...] = _DEFAULT
    number: int = 0
    little_endian: bool = True
    missing: str = ""
    read_as: str = ""
    children: list[Element] | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes of its value."""
        return self.end - self.value_offset

    @property
    def tag_text(self) -> str:
        """The tag as (0010,0020); of an item its number."""
        if self.kind == "element":
            return f"({self.tag[0]:04X},{self.tag[1]:04X})"
        return "" if self.kind == "rest" else self.name

    @property
    def has_below(self) -> bool:
        """Whether others stand below it."""
        return bool(self.level) and self.end > self.value_offset


class DataSetTree:
    """A data set, read level by level.

    Args:
        source: its bytes; already inflated if it came deflated.
        encoding: how they are encoded.
    """

    def __init__(self, source: Source, encoding: Encoding) -> None:
        self._source = source
        self._encoding = encoding
        order = "<" if encoding.little_endian else ">"
        self._order = order
        self._tag = struct.Struct(order + "HH")
        self._long = struct.Struct(order + "I")
        self._short = struct.Struct(order + "H")
        self._lock = RLock()  # guards the block and what is found: a search runs beside a person who opens sequences
        self._block = b""
        self._block_at = 0
        self._top: list[Element] | None = None

    @property
    def source(self) -> Source:
        """Its bytes."""
        return self._source

    # ------------------------------------------------------------------- levels
    def top(self) -> list[Element]:
        """The outermost elements; kept."""
        with self._lock:
            if self._top is None:
                bound, implicit = self._source.length, self._encoding.implicit
                self._top = self._elements(0, bound, None, implicit, _DEFAULT, is_top=True)
            return self._top

    def below(self, element: Element) -> list[Element]:
        """What stands below an element or item; kept with it."""
        with self._lock:
            if element.children is None:
                match element.level:
                    case "elements":
                        start, end = element.value_offset, element.end
                        found = self._elements(start, end, element.tag, element.implicit, element.encodings)
                    case "items" | "fragments":
                        found = self._items(element)
                    case _:
                        found = []
                element.children = found
            return element.children

    def walk(self, depth: int = MAX_DEPTH) -> Iterator[tuple[tuple[Element, ...], Element]]:
        """Every element with those around it, in the order of the bytes."""
        stack: list[tuple[tuple[Element, ...], Iterator[Element]]] = [((), iter(self.top()))]
        while stack:
            around, rest = stack[-1]
            element = next(rest, None)
            if element is None:
                stack.pop()
                continue
            yield around, element
            if element.level and len(stack) < depth:
                stack.append(((*around, element), iter(self.below(element))))

    def _read(self, offset: int, count: int) -> bytes:
        """A few bytes, from a block read at once."""
        start = offset - self._block_at
        if start >= 0 and start + count <= len(self._block):
            return self._block[start : start + count]
        self._block, self._block_at = self._source.read(offset, max(count, _BLOCK)), offset
        return self._block[:count]

    def _elements(
        self,
        start: int,
        bound: int,
        around: tuple[int, int] | None,
        implicit: bool,
        encodings: tuple[str, ...],
        *,
        is_top: bool = False,
    ) -> list[Element]:
        found: list[Element] = []
        creators: dict[tuple[int, int], str] = {}
        position = start
        while position < bound:
            if bound - position < 8:
                found.append(self._rest(position, bound, "Too few bytes for an element"))
                break
            head = self._read(position, 8)
            if len(head) < 8:
                found.append(self._rest(position, bound, self._source.missing, is_problem=False))
                break
            tag: tuple[int, int] = self._tag.unpack_from(head)
            if tag == _ITEM_END and around == _ITEM:
                break
            header = self._header(tag, head, position, bound, implicit)
            if isinstance(header, str):
                found.append(self._rest(position, bound, header, is_problem=header != self._source.missing))
                break
            if len(found) >= MAX_LEVEL:
                found.append(self._rest(position, bound, "Many more elements; not listed", is_problem=False))
                break
            vr, length, size = header
            creator = creators.get((tag[0], tag[1] >> 8), "") if tag[0] % 2 and tag[1] > 0xFF else ""
            if creator and vr == "UN" and implicit:
                vr = _private_vr(tag, creator)
            element = Element(
                "element",
                tag,
                vr,
                None if length == _UNDEFINED else length,
                position,
                position + size,
                position,
                _name_of(tag, creator),
                creator,
                encodings=encodings,
                little_endian=self._encoding.little_endian,
                # PS3.5 section 6.2.2: UN of undefined length is a sequence in Implicit VR Little Endian.
                implicit=implicit or (vr == "UN" and length == _UNDEFINED),
            )
            if vr == "UN" and not implicit:
                # PS3.5 section 6.2.2, note 4: such a value is in Implicit VR Little Endian.
                known = dictionary_vr(tag) if not creator else _private_vr(tag, creator)
                element.read_as, element.little_endian = known, True
                element.implicit = True
            position = self._measure(element, length, bound)
            if not element.level:
                self._take_head(element)
                if tag == _CHARACTER_SET:
                    encodings = python_encodings(element.head.decode("latin-1"))
                elif tag[0] % 2 and 0x10 <= tag[1] <= 0xFF:
                    creators[tag[0], tag[1]] = element.head.decode("latin-1").strip("\0 ")
            found.append(element)
        else:
            if is_top and self._source.open_ended:
                found.append(self._rest(position, position, self._source.missing, is_problem=False))
        return found

    def _measure(self, element: Element, length: int, bound: int) -> int:
        """Find where an element's value ends and what is in it; returns where the next one begins."""
        start = element.value_offset
        if length == _UNDEFINED:
            fragments = element.tag == _PIXEL_DATA and element.vr != "SQ"
            element.level = "fragments" if fragments else "items"
            element.end, following, complete = self._skip(start, bound, element.level, element.implicit)
            if not complete:
                element.problem = "Its end is missing"
            return following
        element.end = min(start + length, bound)
        if start + length > bound and not self._source.open_ended:
            left = max(bound - start, 0)
            element.problem = f"Its length {length:,} runs past the end ({left:,} bytes left)"
        elif start + length > bound:
            element.problem = f"Its end is {self._source.missing}"
        if "SQ" in (element.vr, element.read_as):
            element.level = "items"
        return element.end

    def _take_head(self, element: Element) -> None:
        wanted = min(element.size, HEAD)
        element.head = self._read(element.value_offset, wanted) if wanted else b""
        if len(element.head) < wanted:
            element.missing = self._source.missing

    def _items(self, sequence: Element) -> list[Element]:
        found: list[Element] = []
        position, bound = sequence.value_offset, sequence.end
        fragments = sequence.level == "fragments"
        while position < bound:
            head = self._read(position, 8)
            if bound - position < 8 or len(head) < 8:
                why = self._source.missing if len(head) < 8 else "Too few bytes for an item"
                found.append(self._rest(position, bound, why, is_problem=len(head) == 8))
                break
            tag: tuple[int, int] = self._tag.unpack_from(head)
            length: int = self._long.unpack_from(head, 4)[0]
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM:
                place = f"({tag[0]:04X},{tag[1]:04X}) where an item should begin"
                found.append(self._rest(position, bound, place))
                break
            if len(found) >= MAX_LEVEL:
                found.append(self._rest(position, bound, "Many more items; not listed", is_problem=False))
                break
            number = len(found) + 1
            if fragments:
                name = "Offset Table" if number == 1 else f"Fragment {number - 1}"
            else:
                name = f"Item {number}"
            item = Element(
                "fragment" if fragments else "item",
                _ITEM,
                "",
                None if length == _UNDEFINED else length,
                position,
                position + 8,
                position + 8,
                name,
                level="" if fragments else "elements",
                implicit=sequence.implicit,
                encodings=sequence.encodings,
                number=number,
                little_endian=self._encoding.little_endian,
            )
            if length == _UNDEFINED and not fragments:
                item.end, position, complete = self._skip(position + 8, bound, "elements", sequence.implicit)
                item.problem = "" if complete else "Its end is missing"
            else:
                item.end = position = min(position + 8 + length, bound)
                if item.size < length:
                    item.problem = f"Its length {length:,} runs past the end"
            if fragments:
                self._take_head(item)
            found.append(item)
        return found

    def _rest(self, position: int, bound: int, why: str, *, is_problem: bool = True) -> Element:
        rest = Element("rest", (0, 0), "", bound - position, position, position, bound, "Rest of the data set")
        if is_problem:
            rest.problem = why
        else:
            rest.missing = why
        return rest

    # ------------------------------------------------------------------- headers
    def _header(
        self, tag: tuple[int, int], head: bytes, position: int, bound: int, implicit: bool
    ) -> tuple[str, int, int] | str:
        """VR, length and size of a header, or why it cannot be read."""
        if implicit or tag[0] == 0xFFFE:
            return dictionary_vr(tag), self._long.unpack_from(head, 4)[0], 8
        raw = head[4:6]
        if not (raw.isalpha() and raw.isupper()):
            return f"({tag[0]:04X},{tag[1]:04X}) has no VR: {hex_bytes(raw)} in its place"
        vr = raw.decode("ascii")
        if vr in SHORT_FORM:
            return vr, self._short.unpack_from(head, 6)[0], 8
        if bound - position < 12:
            return f"({tag[0]:04X},{tag[1]:04X}): the data set ends within its header"
        more = self._read(position + 8, 4)
        if len(more) < 4:
            return self._source.missing
        return vr, self._long.unpack(more)[0], 12

    def _skip(self, position: int, bound: int, level: str, implicit: bool) -> tuple[int, int, bool]:
        """Where something of undefined length ends, where the next begins, and whether its delimiter is there."""
        stack: list[tuple[str, bool]] = [(level, implicit)]
        for _ in range(_MAX_STEPS):
            head = self._read(position, 8)
            if bound - position < 8 or len(head) < 8:
                break
            level, implicit = stack[-1]
            tag: tuple[int, int] = self._tag.unpack_from(head)
            if tag == (_ITEM_END if level == "elements" else _SEQUENCE_END):
                stack.pop()
                if not stack:
                    return position, position + 8, True
                position += 8
                continue
            if level == "elements":
                header = self._header(tag, head, position, bound, implicit)
                if isinstance(header, str):
                    break
                vr, length, size = header
                inner = "fragments" if tag == _PIXEL_DATA and vr != "SQ" else "items"
                inner_implicit = implicit or vr == "UN"
            elif tag == _ITEM:
                length, size = self._long.unpack_from(head, 4)[0], 8
                inner, inner_implicit = "elements", implicit
                if level == "fragments" and length == _UNDEFINED:
                    break
            else:
                break
            position += size
            if length != _UNDEFINED:
                position += length
            elif len(stack) >= MAX_DEPTH:
                break
            else:
                stack.append((inner, inner_implicit))
        return bound, bound, False

    # ------------------------------------------------------------------- values
    def raw(self, element: Element, limit: int) -> bytes:
        """The first bytes of a value."""
        return self._source.read(element.value_offset, min(element.size, limit))

    def encoded(self, element: Element, limit: int = 64 << 20) -> bytes | None:
        """An element with its header, as it is encoded; None when it is larger or not here as a whole."""
        end = element.end + (8 if element.length is None else 0)
        count = end - element.offset
        if count > limit:
            return None
        found = self._source.read(element.offset, count)
        return found if len(found) == count else None

    @property
    def encoding(self) -> Encoding:
        """How it is encoded."""
        return self._encoding

    def full_text(self, element: Element, limit: int = MAX_TEXT) -> str:
        """A value for reading: a text with its lines, all numbers, or a dump of bytes."""
        raw = self.raw(element, limit)
        more = element.size - len(raw)
        text = value_text(element, raw, everything=True)
        if more > 0:
            text += f"\n… {quantity(more, 'more byte')} not shown" if len(raw) == limit else f"\n… {element.missing}"
        return text


def tree_of(source: Source, transfer_syntax: str) -> DataSetTree:
    """The tree of a data set in a transfer syntax; inflates a deflated one.

    Raises:
        ValueError: A sentence: the transfer syntax is not known, or it cannot be inflated.
    """
    encoding = encoding_of(transfer_syntax)
    if encoding is None:
        name = printable(transfer_syntax, 64)
        if not name:
            raise ValueError("The transfer syntax is not known, so its elements cannot be told apart.")
        raise ValueError(f"{name} is not a transfer syntax of the standard: its elements cannot be told apart.")
    if encoding.deflated:
        source = BytesSource(_inflated(source))
    return DataSetTree(source, _as_it_looks(source.read(0, 8), encoding))


def _as_it_looks(start: bytes, encoding: Encoding) -> Encoding:
    """The encoding, or the other one of Explicit and Implicit VR if the first element can only be that."""
    if len(start) < 8 or not encoding.little_endian:
        return encoding
    has_vr = start[4:6].isalpha() and start[4:6].isupper()
    short = int.from_bytes(start[4:8], "little") < 1 << 16
    if has_vr is encoding.implicit and (has_vr or short):
        return encoding._replace(implicit=not encoding.implicit)
    return encoding


def _inflated(source: Source) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    found: list[bytes] = []
    offset = size = 0
    try:
        while (piece := source.read(offset, 1 << 20)) and size < MAX_INFLATED:
            offset += len(piece)
            found.append(inflater.decompress(piece, MAX_INFLATED - size))
            size += len(found[-1])
    except zlib.error as error:
        if not size:
            raise ValueError(f"The data set is deflated and cannot be inflated: {error}.") from error
    return b"".join(found)


# --------------------------------------------------------------------------- names and values
def _name_of(tag: tuple[int, int], creator: str) -> str:
    if not creator:
        return element_name(*tag)
    from pydicom.datadict import private_dictionary_description

    try:
        name = private_dictionary_description((tag[0] << 16) | tag[1], creator)
    except KeyError:
        return "Private Data Element"
    return str(name).strip("[]")


def _private_vr(tag: tuple[int, int], creator: str) -> str:
    from pydicom.datadict import private_dictionary_VR

    try:
        vr = private_dictionary_VR((tag[0] << 16) | tag[1], creator)
    except KeyError:
        return "UN"
    # A sequence would have to be right to be read; the dictionary of a vendor may be of another version.
    return vr[:2] if vr[:2] != "SQ" else "UN"


def value_text(element: Element, raw: bytes, *, everything: bool = False) -> str:
    """A value, or as much of it as `raw` has, in a line; with `everything` in all of its lines."""
    vr, size = element.read_as or element.vr, element.size
    if not size:
        return ""
    if not raw:
        return f"{quantity(size, 'byte')}, {element.missing}" if element.missing else quantity(size, "byte")
    limit = len(raw) if everything else HEAD
    more = "…" if size > len(raw) and not everything else ""
    if vr in TEXT:
        text = decode_text(raw, element.encodings) if vr in BY_CHARACTER_SET else raw.decode("latin-1")
        text = text.rstrip("\0 ")
        if everything:
            return "\n".join(printable(line, len(line) + 1) for line in text.splitlines())
        return printable(text + more, limit)
    numbers = _numbers(element, raw, len(raw) if everything else _NUMBERS)
    if numbers is not None:
        # One line each is how a person compares them.
        shown = ("\n" if everything else "\\").join(numbers)
        return shown + " …" if not everything and _count(element) > len(numbers) else shown
    if everything:
        return _dump(raw)
    return hex_bytes(raw) if size <= 16 else quantity(size, "byte")


def _count(element: Element) -> int:
    """How many numbers a value holds."""
    form = NUMBER_FORMATS.get(element.read_as or element.vr)
    width = 4 if form is None else struct.calcsize("=" + form)
    return element.size // width


def _numbers(element: Element, raw: bytes, limit: int) -> list[str] | None:
    order = "<" if element.little_endian else ">"
    vr = element.read_as or element.vr
    if vr == "AT":
        count = min(len(raw) // 4, limit)
        flat = struct.unpack_from(f"{order}{2 * count}H", raw)
        return [f"({group:04X},{number:04X})" for group, number in zip(flat[::2], flat[1::2], strict=True)]
    form = NUMBER_FORMATS.get(vr)
    if form is None:
        return None
    count = min(len(raw) // struct.calcsize("=" + form), limit)
    numbers = struct.unpack_from(f"{order}{count}{form}", raw)
    return [f"{number:.10g}" if isinstance(number, float) else str(number) for number in numbers]


def _dump(raw: bytes) -> str:
    lines = []
    for at in range(0, len(raw), 16):
        piece = raw[at : at + 16]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in piece)
        lines.append(f"{at:06x}  {piece.hex(' '):<47}  {letters}")
    return "\n".join(lines)


def meaning_of(element: Element) -> str:
    """What a value stands for: a UID's name."""
    if "UI" not in (element.vr, element.read_as) or len(element.head) > 66:
        return ""
    uid = element.head.rstrip(b"\0 ").decode("latin-1")
    return uid_name(uid) if "\\" not in uid else ""


def line_of(element: Element) -> str:
    """What a list shows of an element's value."""
    match element.kind:
        case "rest":
            size = quantity(element.size, "byte") if element.size else ""
            return ", ".join(filter(None, (element.problem or element.missing, size)))
        case "item":
            return ""
    if element.level:
        noun = "fragment" if element.level == "fragments" else "item"
        if element.children is not None:
            count = len(element.children) - (element.level == "fragments")
            return quantity(max(count, 0), noun)
        return f"{noun}s" if element.has_below else f"no {noun}"
    text = value_text(element, element.head)
    meaning = meaning_of(element)
    return f"{text} = {meaning}" if meaning else text


def path_text(way: tuple[Element, ...]) -> str:
    """The way to an element as DCMTK writes it: (0040,0275)[0].(0040,0007)."""
    text = ""
    for element in way:
        if element.kind == "element":
            text += f".{element.tag_text}" if text else element.tag_text
        else:
            text += f"[{max(element.number - 1, 0)}]"
    return text


def json_text(tree: DataSetTree, element: Element) -> str:
    """An element in the DICOM JSON model (PS3.18 annex F), binary values of more than 1 KiB by their size.

    Raises:
        ValueError: A sentence on why it cannot be.
    """
    import io
    import json
    import warnings

    from pydicom.filereader import read_dataset

    encoded = tree.encoded(element)
    if encoded is None or element.problem or element.kind == "rest":
        raise ValueError("It is too large, or not all of it is here.")
    if element.kind == "item":
        encoded = encoded[8 : len(encoded) - (8 if element.length is None else 0)]
    elif element.kind == "fragment":
        raise ValueError("A fragment has no JSON of its own.")
    implicit = element.implicit if element.vr != "UN" else tree.encoding.implicit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read_dataset(
                io.BytesIO(encoded),
                implicit,
                tree.encoding.little_endian,
                parent_encoding=list(element.encodings),
            )
            shown = found.to_json_dict(
                bulk_data_threshold=1024,
                bulk_data_element_handler=lambda bulk: f"{len(bulk.value)} bytes",
                suppress_invalid_tags=True,
            )
        except Exception as error:
            # pydicom raises nearly anything for a damaged value
            raise ValueError(f"It cannot be decoded: {printable(str(error))}.") from error
    return json.dumps(shown, ensure_ascii=False, indent=2)


# --------------------------------------------------------------------------- search
def find_elements(tree: DataSetTree, words: str) -> Iterator[tuple[Element, ...] | None]:
    """The ways to the elements whose tag, keyword, name or shown value has the words; None now and then in between."""
    wanted = words.casefold().strip()
    digits = "".join(character for character in wanted if character not in "(), ")
    as_tag = digits if len(digits) >= 4 and all(character in "0123456789abcdef" for character in digits) else ""
    for count, (around, element) in enumerate(tree.walk()):
        if count % 64 == 0:
            yield None
        if element.kind == "element" and as_tag and as_tag in f"{element.tag[0]:04x}{element.tag[1]:04x}":
            yield (*around, element)
            continue
        name = element.name.casefold()
        keyword = name.replace(" ", "").replace("'s", "s") if element.kind == "element" else ""
        if wanted in name or wanted in keyword or (element.head and wanted in line_of(element).casefold()):
            yield (*around, element)
