"""Data sets as text that a person edits, and back.

One element a line, a keyword and its value; items of a sequence stand below it, each behind a dash; three dashes
separate data sets:

    PatientName = Doe^Jane
    ScheduledProcedureStepSequence =
      - Modality = CT
        ScheduledStationAETitle = CT1
      - Modality = MR
    0009,0010 LO = ACME
    ---
    PatientName = Roe^Richard

Several values of an element are separated by backslashes. Bytes are written in hexadecimal digits, line breaks within a
text as ␊ and ␍. An element that the dictionary does not know is named by its tag and its VR. DICOM JSON (PS3.18 F) is
understood as well. Pure; reading raises ValueError with a sentence that names the line, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

LONGEST = 1024 * 1024
MOST_LINES = 20_000
DEEPEST = 16
SEPARATOR = "---"

_BYTES = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_WHOLE = {
    "US": (0, 2**16 - 1),
    "SS": (-(2**15), 2**15 - 1),
    "UL": (0, 2**32 - 1),
    "SL": (-(2**31), 2**31 - 1),
    "UV": (0, 2**64 - 1),
    "SV": (-(2**63), 2**63 - 1),
}
_REAL = frozenset(("FL", "FD"))
# One value, in which a backslash is a character (PS3.5 6.2).
_TEXT = frozenset(("LT", "ST", "UT", "UR"))
_TEXTS = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"))
VRS = _BYTES | _WHOLE.keys() | _REAL | _TEXT | _TEXTS | {"AT", "SQ"}

_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)?")
_SHOWN = {"\n": "␊", "\r": "␍", "\f": "␌"}
_HIDDEN = {shown: hidden for hidden, shown in _SHOWN.items()}
_CHARSET = 0x00080005


# --- writing


def to_text(data_sets: Iterable[Dataset]) -> str:
    """The data sets as text.

    Raises:
        ValueError: They are too much for a person, or hold what cannot be decoded; with a sentence.
    """
    lines: list[str] = []
    size = 0
    for number, data_set in enumerate(data_sets):
        if number:
            lines.append(SEPARATOR)
        try:
            for line in _lines(data_set, 0):
                lines.append(line)
                size += len(line) + 1
                if size > LONGEST or len(lines) > MOST_LINES:
                    raise _TooMuchError
        except _TooMuchError:
            raise ValueError(f"That is more than {LONGEST:,} characters or {MOST_LINES:,} lines.") from None
        except Exception as error:
            # Whatever pydicom raises for what a peer or a handler made.
            raise ValueError(f"A data set cannot be shown: {type(error).__name__}: {error}") from error
    return "".join(f"{line}\n" for line in lines)


class _TooMuchError(Exception):
    """More than a person edits."""


def _lines(data_set: Dataset, depth: int) -> Iterator[str]:
    indent = "    " * depth
    for element in data_set:
        name = keyword_for_tag(element.tag)
        if not name or _vr_of(int(element.tag)) != element.VR:
            name = f"{name or f'{element.tag.group:04X},{element.tag.elem:04X}'} {element.VR}"
        if element.VR != "SQ":
            value = _value_text(element)
            yield f"{indent}{name} = {value}" if value else f"{indent}{name} ="
            continue
        yield f"{indent}{name} ="
        if depth >= DEEPEST:
            raise ValueError(f"it has more than {DEEPEST} levels")
        for item in element.value:
            lead = f"{indent}  - "
            is_empty = True
            for line in _lines(item, depth + 1):
                yield f"{lead}{line[len(lead) :]}" if is_empty else line
                is_empty = False
            if is_empty:
                yield lead.rstrip()


def _value_text(element: DataElement) -> str:
    value = element.value
    if value is None:
        return ""
    if element.VR in _BYTES:
        raw = value if isinstance(value, bytes) else bytes(value)
        if len(raw) * 3 > LONGEST:
            raise _TooMuchError
        return raw.hex(" ")
    several = not isinstance(value, str | bytes) and hasattr(value, "__iter__") and element.VR != "PN"
    if element.VR == "PN" and type(value).__name__ == "MultiValue":
        several = True
    values = list(value) if several else [value]
    if element.VR == "AT":
        return "\\".join(f"{int(tag) >> 16:04X},{int(tag) & 0xFFFF:04X}" for tag in values)
    text = "\\".join("" if one is None else str(one) for one in values)
    return "".join(_SHOWN.get(character, character) for character in text)


# --- reading


@dataclass(frozen=True, slots=True)
class _Row:
    """One line: at which indentation, of how many new items, which element, which value."""

    number: int
    indent: int
    dashes: tuple[int, ...]
    """Where the dashes of new items stand."""
    tag: int | None
    vr: str
    value: str


def from_text(text: str, *, most: int | None = None) -> list[Dataset]:
    """The data sets that a text describes.

    Args:
        text: As `to_text` writes it, or DICOM JSON: an object, or a list of them.
        most: How many there may be.

    Raises:
        ValueError: It is none; with a sentence that names the line.
    """
    if len(text) > LONGEST:
        raise ValueError(f"That is more than {LONGEST:,} characters.")
    found = _from_json(text) if text.lstrip()[:1] in ("{", "[") else _from_lines(text)
    if most is not None and len(found) > most:
        raise ValueError(f"These are {len(found)} data sets, and the answer can carry {most or 'none'}.")
    for data_set in found:
        _say_charset(data_set)
    return found


def _from_json(text: str) -> list[Dataset]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"Line {error.lineno}: this is no JSON: {error.msg}.") from error
    except RecursionError:
        raise ValueError("This JSON has too many levels.") from None
    try:
        return [Dataset.from_json(one) for one in (given if isinstance(given, list) else [given])]
    except Exception as error:
        raise ValueError(f"This is no DICOM JSON: {type(error).__name__}: {error}") from error


def _from_lines(text: str) -> list[Dataset]:
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        raise ValueError(f"These are more than {MOST_LINES:,} lines.")
    groups: list[list[_Row]] = [[]]
    for number, line in enumerate(lines, 1):
        if line.strip() == SEPARATOR:
            groups.append([])
        elif line.strip():
            groups[-1].append(_row(number, line.rstrip()))
    if not any(groups):
        return []
    return [_Builder(rows).build() for rows in groups]


def _row(number: int, line: str) -> _Row:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        raise ValueError(f"Line {number}: indent with spaces, not with tabs.")
    body = line.lstrip(" ")
    place = len(line) - len(body)
    dashes = []
    while body == "-" or body.startswith("- "):
        dashes.append(place)
        rest = body[1:].lstrip(" ")
        place += len(body) - len(rest)
        body = rest
    if not body:
        return _Row(number, place, tuple(dashes), None, "", "")
    name, equals, value = body.partition("=")
    name, vr = name.strip(), ""
    if len(parts := name.rsplit(" ", 1)) == 2 and parts[1].isupper() and len(parts[1]) == 2:
        name, vr = parts[0].strip(), parts[1]
    tag = _tag(number, name)
    if not equals:
        raise ValueError(f"Line {number}: {name} has no value: write {name} = and the value, or nothing after it.")
    known = _vr_of(tag)
    vr = vr or known
    if not vr:
        raise ValueError(f"Line {number}: the dictionary does not know {name}: write its VR behind it, as {name} LO =.")
    if vr not in VRS:
        raise ValueError(f"Line {number}: there is no VR {vr}.")
    return _Row(number, place, tuple(dashes), tag, vr, value.removeprefix(" "))


def _tag(number: int, name: str) -> int:
    found = _TAG.fullmatch(name)
    tag = int(found[1] + found[2], 16) if found else tag_for_keyword(name)
    if tag is None:
        shown = name if len(name) <= 64 else f"{name[:63]}…"
        raise ValueError(f"Line {number}: {shown!r} is no keyword of an element, and no tag like 0010,0020.")
    if tag >> 16 in (0x0000, 0x0002, 0xFFFE):
        raise ValueError(f"Line {number}: {name} does not belong into a data set.")
    return int(tag)


def _vr_of(tag: int) -> str:
    """The VR that an element has without saying so; "" if the dictionary does not know it."""
    try:
        vr = dictionary_VR(Tag(tag))
    except KeyError:
        return ""
    # Those that depend on others, such as "US or SS".
    return vr[:2]


class _Builder:
    """Makes one data set of its rows."""

    def __init__(self, rows: list[_Row]) -> None:
        self._rows = rows
        self._at = 0

    def build(self) -> Dataset:
        if not self._rows:
            return Dataset()
        first = self._rows[0]
        made = self._data_set(first.indent, 0)
        if self._at < len(self._rows):
            row = self._rows[self._at]
            raise ValueError(f"Line {row.number}: it stands neither below a sequence nor beside the elements above.")
        return made

    def _data_set(self, indent: int, depth: int) -> Dataset:
        """Elements at one indentation, until one stands further left."""
        made = Dataset()
        while self._at < len(self._rows):
            row = self._rows[self._at]
            if row.indent != indent or row.dashes:
                break
            self._at += 1
            assert row.tag is not None
            if row.tag in made:
                raise ValueError(f"Line {row.number}: {_name(row.tag)} is there twice.")
            value = self._items(row, indent, depth) if row.vr == "SQ" else _value(row)
            # What a person writes goes out as it is, conformant or not.
            made[row.tag] = DataElement(Tag(row.tag), row.vr, value, validation_mode=config.IGNORE)
        return made

    def _items(self, owner: _Row, indent: int, depth: int) -> Sequence:
        if owner.value.strip():
            raise ValueError(f"Line {owner.number}: {_name(owner.tag or 0)} is a sequence: its items stand below it.")
        if depth >= DEEPEST:
            raise ValueError(f"Line {owner.number}: there are more than {DEEPEST} levels.")
        items: list[Dataset] = []
        dash = None
        while self._at < len(self._rows):
            row = self._rows[self._at]
            if not row.dashes or row.dashes[0] <= indent or (dash is not None and row.dashes[0] != dash):
                break
            if len(row.dashes) > 1:
                raise ValueError(f"Line {row.number}: an item begins with an element, not with an item.")
            dash = row.dashes[0]
            if row.tag is None:
                self._at += 1
                items.append(Dataset())
                continue
            self._rows[self._at] = _Row(row.number, row.indent, (), row.tag, row.vr, row.value)
            items.append(self._data_set(row.indent, depth + 1))
        return Sequence(items)


def _value(row: _Row) -> Any:
    text = row.value.strip(" ") if row.vr not in _TEXT else row.value
    name = _name(row.tag or 0)
    if row.vr in _BYTES:
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise ValueError(f"Line {row.number}: write the bytes of {name} as hexadecimal digits.") from None
    if not text:
        return "" if row.vr in _TEXT | _TEXTS else None
    if row.vr in _TEXT:
        return _unshown(text)
    values: list[Any] = text.split("\\")
    if row.vr in _WHOLE:
        low, high = _WHOLE[row.vr]
        values = [_whole(row, name, one, low, high) for one in values]
    elif row.vr in _REAL:
        values = [_real(row, name, one) for one in values]
    elif row.vr == "AT":
        values = [Tag(_tag(row.number, one.strip())) for one in values]
    else:
        values = [_unshown(one) for one in values]
        _check_numbers(row, name, values)
    return values[0] if len(values) == 1 else values


def _check_numbers(row: _Row, name: str, values: list[str]) -> None:
    """IS and DS are kept by pydicom as numbers, and nothing else can be sent."""
    for value in values:
        if not value:
            continue
        try:
            if row.vr == "IS":
                int(value)
            elif row.vr == "DS":
                float(value)
        except ValueError:
            kind = "whole number" if row.vr == "IS" else "number"
            raise ValueError(f"Line {row.number}: {name} is {value!r}, which is no {kind}.") from None


def _whole(row: _Row, name: str, text: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"Line {row.number}: {name} is {text!r}, which is no whole number.") from None
    if not low <= value <= high:
        raise ValueError(f"Line {row.number}: {name} is {value}: a {row.vr} is from {low} to {high}.")
    return value


def _real(row: _Row, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"Line {row.number}: {name} is {text!r}, which is no number.") from None


def _unshown(text: str) -> str:
    return "".join(_HIDDEN.get(character, character) for character in text)


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or f"{tag >> 16:04X},{tag & 0xFFFF:04X}"


def _say_charset(data_set: Dataset) -> None:
    """Texts beyond ASCII need a Specific Character Set; if the person gave none, it is UTF-8."""
    if _CHARSET in data_set:
        return
    is_ascii = all(str(element.value).isascii() for element in data_set.iterall() if element.VR in _TEXT | _TEXTS)
    if not is_ascii:
        data_set[_CHARSET] = DataElement(Tag(_CHARSET), "CS", "ISO_IR 192")
