"""Rules on data sets: do they parse as negotiated, are their elements well-formed, do their UIDs and keys fit (PS3.5).

A data set is walked header by header; of the values only short ones are read. The first ones of an association are
looked at as a whole, later ones only at their beginning.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from workstation.net.codec.dimse import Message
from workstation.net.uids import QUERY_RETRIEVE
from workstation.traffic.decoding.elements import BytesSource, Encoding, Source, encoding_of
from workstation.traffic.decoding.objects import Stretches
from workstation.traffic.expert.rules.negotiation import UID_FORM
from workstation.traffic.expert.rules.note import Severity
from workstation.traffic.expert.rules.scene import Findings, Scene, named
from workstation.traffic.expert.rules.walk import ITEM, PIXEL_DATA, UNDEFINED, Element, Fault, walk
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import element_name, hex_bytes, printable

__all__ = ["data_set_rules"]

_THOROUGH: Final = 200  # data sets of an association
_BEGINNING: Final = 40  # elements of those after them
_MOST: Final = 20_000
_BREATH: Final = 100
_INFLATED: Final = 256 << 10
_VALUE: Final = 1024  # longer ones are not read
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"

_SIZES: Final = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "AT": 4, "FD": 8, "SV": 8, "UV": 8}
_TEXT: Final = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UT"))
_BY_CHARACTER_SET: Final = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
# PS3.5 Table 6.2-1: the longest value, in bytes; those that a character set can make longer are left out.
_LONGEST: Final = {"AE": 16, "AS": 4, "CS": 16, "DS": 16, "IS": 12, "TM": 16}
_CODE: Final = re.compile(rb"[A-Z0-9 _]*\Z")
_DATE: Final = re.compile(rb"([0-9]{8}|[0-9]{4}\.[0-9]{2}\.[0-9]{2}|)\Z")

_CHARACTER_SET: Final = 0x00080005
_SOP_CLASS, _SOP_INSTANCE, _LEVEL = 0x00080016, 0x00080018, 0x00080052
_ROWS, _COLUMNS, _SAMPLES, _FRAMES, _BITS, _PHOTOMETRIC = (
    0x00280010,
    0x00280011,
    0x00280002,
    0x00280008,
    0x00280100,
    0x00280004,
)
_UNIQUE_KEYS: Final = {"PATIENT": 0x00100020, "STUDY": 0x0020000D, "SERIES": 0x0020000E, "IMAGE": _SOP_INSTANCE}
_WANTED: Final = frozenset(
    (
        _CHARACTER_SET,
        _SOP_CLASS,
        _LEVEL,
        _ROWS,
        _COLUMNS,
        _SAMPLES,
        _FRAMES,
        _BITS,
        _PHOTOMETRIC,
        *_UNIQUE_KEYS.values(),
    )
)


def _levels() -> dict[str, tuple[str, ...]]:
    """The levels of each information model (PS3.4 C.6, Y.6, Z.6)."""
    levels: dict[str, tuple[str, ...]] = {}
    for keyword, uid in QUERY_RETRIEVE.items():
        if keyword.startswith("PatientRoot"):
            levels[uid] = ("PATIENT", "STUDY", "SERIES", "IMAGE")
        elif keyword.startswith("StudyRoot"):
            levels[uid] = ("STUDY", "SERIES", "IMAGE")
        elif keyword.startswith("PatientStudyOnly"):
            levels[uid] = ("PATIENT", "STUDY")
        elif keyword.startswith("CompositeInstanceRoot"):
            levels[uid] = ("STUDY", "SERIES", "IMAGE", "FRAME")
    return levels


_LEVELS: Final = _levels()


@dataclass(slots=True)
class _Seen:
    """What a walk found."""

    values: dict[int, bytes] = field(default_factory=dict)
    faults: dict[str, tuple[Element, str]] = field(default_factory=dict)
    fault: Fault | None = None
    count: int = 0
    private: Element | None = None
    pixels: Element | None = None
    finished: bool = False


class _Beginning(BytesSource):
    """The beginning of something longer."""

    open_ended = True


def data_set_rules(scene: Scene, row: MessageRow, message: Message) -> Findings:
    """All rules on the data set of a message."""
    scene.data_sets += 1
    encoding = encoding_of(row.transfer_syntax)
    if encoding is None or not row.complete:
        return
    source: Source = Stretches(row)
    yield None
    place_known = True
    if encoding.deflated:
        head = source.read(0, _INFLATED)
        try:
            inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head, _INFLATED)
        except zlib.error as error:
            yield scene.note(
                Severity.ERROR,
                "deflate",
                "A data set cannot be inflated",
                f"the data set of {row.name} was agreed on as deflated, but cannot be inflated: {error}",
                row=row,
                key=scene.sender(row.sent),
                evidence=hex_bytes(head),
                clause="PS3.5 A.5",
                place=(row.command_size, min(16, row.data_size)),
            )
            return
        source, place_known = _Beginning(inflated), False
    if source.read(128, 4) == b"DICM" and not any(source.read(0, 16)):
        yield scene.note(
            Severity.ERROR,
            "file-sent",
            "A file was sent instead of its data set",
            f"the data set of {row.name} begins with the preamble of a DICOM file; preamble and File Meta Information "
            "do not belong on the wire",
            row=row,
            key=scene.sender(row.sent),
            clause="PS3.10 7.1",
            remedy="The sender has to send what comes behind the File Meta Information.",
            place=(row.command_size, 132),
        )
        return
    stored = row.name == "C-STORE-RQ"
    limit = _MOST if scene.data_sets <= _THOROUGH else _BEGINNING
    seen = _Seen()
    yield from _look(source, encoding, seen, limit, stored)
    base = row.command_size if place_known else None
    yield from _syntax(scene, row, source, seen, base)
    yield from _form(scene, row, seen, base)
    if stored:
        yield from _stored(scene, row, message, encoding, seen, base)
    elif row.name in ("C-FIND-RQ", "C-MOVE-RQ", "C-GET-RQ"):
        yield from _identifier(scene, row, seen, base)


def _look(source: Source, encoding: Encoding, seen: _Seen, limit: int, stored: bool) -> Iterator[None]:
    """Walk the data set and note what is odd; yields to let others work."""
    last = -1
    declared = False
    for item in walk(source, encoding):
        if isinstance(item, Fault):
            seen.fault = item
            return
        seen.count += 1
        if seen.count % _BREATH == 0:
            yield None
        if seen.count > limit:
            return
        tag, vr, depth, _, _, length = item
        if depth == 0:
            if tag <= last:
                seen.faults.setdefault("order", (item, f"({last >> 16:04X},{last & 0xFFFF:04X})"))
            last = tag
            if tag == PIXEL_DATA:
                seen.pixels = item
            if tag >> 16 <= 2:
                seen.faults.setdefault("meta", (item, ""))
        if tag >> 16 & 1 and seen.private is None:
            seen.private = item
        if length == UNDEFINED or vr == "SQ":
            continue
        if length & 1:
            seen.faults.setdefault("odd", (item, ""))
        size = _SIZES.get(vr)
        if size is not None:
            if length % size:
                seen.faults.setdefault("size", (item, f"{vr} has {size} bytes a value"))
            elif depth == 0 and tag in _WANTED:
                seen.values[tag] = source.read(item.value, min(length, 8))
            continue
        if tag == ITEM or not 0 < length <= _VALUE or (vr not in _TEXT and vr != "UI"):
            if depth == 0 and tag in _WANTED:
                seen.values[tag] = b""
            continue
        raw = source.read(item.value, length)
        if len(raw) < length:
            return  # let go meanwhile
        if depth == 0 and tag in _WANTED:
            seen.values[tag] = raw
        if tag == _CHARACTER_SET:
            declared = bool(raw.strip(b" \0"))
        _text(item, raw, seen, stored)
        if vr in _BY_CHARACTER_SET and not declared and not raw.isascii():
            seen.faults.setdefault("characters", (item, hex_bytes(raw)))
    seen.finished = True


def _text(item: Element, raw: bytes, seen: _Seen, stored: bool) -> None:
    """The form of a text or UID."""
    vr = item.vr
    if vr == "UI":
        uid = raw.rstrip(b"\0")
        if uid.endswith(b" "):
            seen.faults.setdefault("uid-space", (item, printable(raw, 80)))
        for each in uid.strip(b" ").split(b"\\"):
            if each and each != b"*" and not UID_FORM.match(each.strip(b" \0").decode("latin-1")):
                seen.faults.setdefault("uid-form", (item, printable(each, 80)))
        return
    if raw.endswith(b"\0"):
        seen.faults.setdefault("nul", (item, printable(raw, 80)))
        raw = raw.rstrip(b"\0")
    if not stored:
        return  # a key may hold ranges and wildcards
    longest = _LONGEST.get(vr)
    for value in raw.split(b"\\"):
        value = value.strip(b" ")
        if longest is not None and len(value) > longest:
            seen.faults.setdefault(f"long {vr}", (item, printable(value, 80)))
        elif vr == "CS" and not _CODE.match(value):
            seen.faults.setdefault("code", (item, printable(value, 40)))
        elif vr == "DA" and not _DATE.match(value):
            seen.faults.setdefault("date", (item, printable(value, 40)))


# --------------------------------------------------------------------------- transfer syntax
_OTHERS: Final = (
    ("Implicit VR Little Endian", Encoding(True, True)),
    ("Explicit VR Little Endian", Encoding(False, True)),
    ("Explicit VR Big Endian", Encoding(False, False)),
)


def _reads_as(source: Source, encoding: Encoding) -> bool:
    """Whether the beginning of a data set makes sense in an encoding."""
    last, count = 0, 0
    for item in walk(source, encoding):
        if isinstance(item, Fault):
            return False
        if item.depth == 0:
            if item.tag <= last or (count == 0 and not 0x0002 <= item.tag >> 16 <= 0x0040):
                return False
            last = item.tag
        count += 1
        if count >= 12:
            break
    return count >= 2


def _syntax(scene: Scene, row: MessageRow, source: Source, seen: _Seen, base: int | None) -> Findings:
    """Whether the data set is encoded as negotiated."""
    fault = seen.fault
    who = scene.sender(row.sent)
    agreed = named(row.transfer_syntax)
    if fault is not None:
        looks = next((name for name, other in _OTHERS if name != agreed and _reads_as(source, other)), "")
        place = (base + fault.offset, max(min(16, source.length - fault.offset), 1)) if base is not None else None
        yield scene.note(
            Severity.ERROR,
            "syntax-broken",
            f"A data set is not in {agreed}" if looks else "A data set cannot be read",
            f"the data set of {row.name} was agreed on as {agreed} but cannot be read so"
            + (f": it is {looks}" if looks else ""),
            row=row,
            key=f"{who} {looks}",
            evidence=f"{fault.why}, at byte {fault.offset:,}",
            clause="PS3.5 Annex A, PS3.8 9.3.3.2",
            remedy="The sender encodes in another transfer syntax than negotiated: convert the object or offer its own."
            if looks
            else "Compare the bytes there with the tag, VR and length that should stand there.",
            place=place,
        )
    meta = seen.faults.get("meta")
    if meta is not None:
        yield scene.note(
            Severity.ERROR,
            "meta-sent",
            "File Meta Information or a command within a data set",
            f"the data set of {row.name} has elements of group {meta[0].tag >> 16:04X}, which do not belong in one",
            row=row,
            key=who,
            clause="PS3.5 7.1, PS3.10 7.1",
            place=_place(base, meta[0]),
        )
    encoding, pixels = encoding_of(row.transfer_syntax), seen.pixels
    if pixels is None or encoding is None:
        return
    if encoding.encapsulated and pixels.length != UNDEFINED:
        yield scene.note(
            Severity.ERROR,
            "pixels-native",
            "Pixels are not compressed, though agreed on",
            f"Pixel Data has a length of {pixels.length:,} bytes, but in {agreed} it consists of fragments",
            row=row,
            key=who,
            clause="PS3.5 A.4",
            remedy="The sender labels native pixels as compressed: send them in Explicit VR Little Endian.",
            place=_place(base, pixels),
        )
    elif not encoding.encapsulated and not encoding.deflated and pixels.length == UNDEFINED:
        yield scene.note(
            Severity.ERROR,
            "pixels-compressed",
            "Pixels are compressed, though agreed on as native",
            f"Pixel Data consists of fragments, which {agreed} does not have",
            row=row,
            key=who,
            clause="PS3.5 A.4, 8.2",
            remedy="The sender has to offer the transfer syntax of the object, or to decompress it.",
            place=_place(base, pixels),
        )


# --------------------------------------------------------------------------- form
_FORMS: Final[dict[str, tuple[Severity, str, str, str, str]]] = {
    # what: severity, title, sentence, clause, remedy
    "odd": (
        Severity.WARNING,
        "An element has an odd length",
        "has an odd number of bytes; every value is padded to an even one",
        "PS3.5 7.1.1",
        "Readers that count on even lengths fail from here on.",
    ),
    "order": (
        Severity.WARNING,
        "Elements are out of order",
        "stands behind {evidence}; tags ascend",
        "PS3.5 7.1",
        "Some readers stop looking for an element when they are past its place.",
    ),
    "size": (
        Severity.WARNING,
        "A number has a wrong length",
        "has a length that its VR cannot have: {evidence}",
        "PS3.5 6.2",
        "",
    ),
    "uid-space": (
        Severity.WARNING,
        "A UID is padded with a space",
        "is padded with a space; UIDs are padded with one NUL",
        "PS3.5 9.1",
        "A peer that compares the bytes takes it for another UID.",
    ),
    "uid-form": (
        Severity.WARNING,
        "A UID is not well-formed",
        "breaks the rules of UIDs: numbers without leading zeros, parted by full stops, at most 64 characters",
        "PS3.5 9.1",
        "",
    ),
    "nul": (
        Severity.REMARK,
        "A text is padded with NUL",
        "is padded with NUL; texts are padded with a space",
        "PS3.5 6.2",
        "Some systems show it as a box, or do not find the value.",
    ),
    "characters": (
        Severity.WARNING,
        "Text without a character set",
        "has characters beyond ASCII, but no Specific Character Set says how to read them",
        "PS3.5 6.1.2.3, PS3.3 C.12.1.1.2",
        "Names will be shown wrongly elsewhere: fill in Specific Character Set (0008,0005), such as ISO_IR 192.",
    ),
    "code": (
        Severity.REMARK,
        "A code string has characters that are not allowed",
        "may have capitals, digits, spaces and underscores only",
        "PS3.5 6.2, VR CS",
        "",
    ),
    "date": (Severity.REMARK, "A date is not YYYYMMDD", "is not of the form YYYYMMDD", "PS3.5 6.2, VR DA", ""),
}


def _form(scene: Scene, row: MessageRow, seen: _Seen, base: int | None) -> Findings:
    who = scene.sender(row.sent)
    for what, (element, evidence) in seen.faults.items():
        name = _name(element.tag)
        if what.startswith("long "):
            vr = what[5:]
            yield scene.note(
                Severity.REMARK,
                "value-long",
                f"A value is too long for {vr}",
                f"a value of {name} is longer than the {_LONGEST[vr]} bytes that {vr} allows",
                row=row,
                key=f"{who} {vr}",
                evidence=evidence,
                clause=f"PS3.5 6.2, VR {vr}",
                place=_place(base, element),
            )
            continue
        form = _FORMS.get(what)
        if form is None:
            continue
        severity, title, sentence, clause, remedy = form
        yield scene.note(
            severity,
            f"element-{what}",
            title,
            f"{name} in the data set of {row.name} {sentence.format(evidence=evidence)}",
            row=row,
            key=who,
            evidence=evidence if what not in ("order", "size") else "",
            clause=clause,
            remedy=remedy,
            place=_place(base, element),
        )


# --------------------------------------------------------------------------- objects
def _stored(
    scene: Scene, row: MessageRow, message: Message, encoding: Encoding, seen: _Seen, base: int | None
) -> Findings:
    who = scene.sender(row.sent)
    for tag, keyword in ((_SOP_CLASS, "AffectedSOPClassUID"), (_SOP_INSTANCE, "AffectedSOPInstanceUID")):
        raw = seen.values.get(tag)
        said = str(getattr(message, keyword, None) or "")
        if raw is None or not said:
            continue
        found = raw.rstrip(b"\0 ").decode("latin-1")
        if found != said:
            what = "SOP class" if tag == _SOP_CLASS else "SOP instance"
            yield scene.note(
                Severity.ERROR,
                "store-differs",
                f"The object is of another {what} than the command says",
                f"C-STORE-RQ names one {what}, the object that comes with it another",
                row=row,
                key=f"{who} {what}",
                evidence=f"command {printable(said, 64)}, data set {printable(found, 64) or 'empty'}",
                clause="PS3.4 B.2.1, PS3.7 9.1.1",
                remedy="The receiver answers with 0xA900 or files it under a UID that nobody will ask for.",
                place=(base, row.data_size) if base is not None else None,
            )
    if row.context_id not in scene.syntaxes_remarked:
        context = scene.conversation.contexts.get(row.context_id)
        if context is not None and row.transfer_syntax == _IMPLICIT and _EXPLICIT in context.proposed and seen.private:
            scene.syntaxes_remarked.add(row.context_id)
            yield scene.note(
                Severity.REMARK,
                "implicit-chosen",
                "Implicit VR was chosen though Explicit VR was offered",
                f"{scene.acceptor} chose Implicit VR Little Endian for {named(context.abstract_syntax)} though "
                "Explicit VR was offered: the VRs of private elements are lost",
                row=row,
                key=context.abstract_syntax,
                evidence=f"{_name(seen.private.tag)} and others in the first object",
                clause="PS3.5 6.2.2, Annex A",
                remedy="Let the acceptor prefer Explicit VR Little Endian, or offer it in a context of its own.",
                place=_place(base, seen.private),
            )
    yield from _pixel_length(scene, row, encoding, seen, base)


def _pixel_length(scene: Scene, row: MessageRow, encoding: Encoding, seen: _Seen, base: int | None) -> Findings:
    pixels = seen.pixels
    if pixels is None or pixels.length == UNDEFINED or encoding.encapsulated:
        return
    order = "little" if encoding.little_endian else "big"
    numbers = [
        int.from_bytes(seen.values[tag][:2], order) if tag in seen.values else 0  # type: ignore[arg-type]
        for tag in (_ROWS, _COLUMNS, _SAMPLES, _BITS)
    ]
    frames = seen.values.get(_FRAMES, b"1").strip(b" \0") or b"1"
    photometric = seen.values.get(_PHOTOMETRIC, b"").strip(b" \0")
    if (
        not all(numbers)
        or not frames.isdigit()
        or len(frames) > 6
        or photometric.startswith((b"YBR_PARTIAL", b"YBR_FULL_"))
    ):
        return
    rows, columns, samples, bits = numbers
    expected = (rows * columns * samples * bits * int(frames) + 7) // 8
    if pixels.length in (expected, expected + expected % 2):
        return
    less = pixels.length < expected
    yield scene.note(
        Severity.WARNING if less else Severity.REMARK,
        "pixels-length",
        f"Pixel Data is {'shorter' if less else 'longer'} than the image",
        f"Pixel Data has {pixels.length:,} bytes, but the image needs {expected:,}",
        row=row,
        key=f"{scene.sender(row.sent)} {less}",
        evidence=f"{rows} rows × {columns} columns × {samples} samples × {bits} bits × {frames.decode()} frames",
        clause="PS3.3 C.7.6.3, PS3.5 8.1.1",
        remedy="The end of the image is missing or something else is behind it." if less else "",
        place=_place(base, pixels),
    )


# --------------------------------------------------------------------------- identifiers
def _identifier(scene: Scene, row: MessageRow, seen: _Seen, base: int | None) -> Findings:
    """Level and unique keys of Query/Retrieve (PS3.4 C.4.1.1.3, C.4.2.1.4)."""
    levels = _LEVELS.get(row.sop_class_uid)
    if levels is None or seen.fault is not None or not seen.finished:
        return
    who = scene.sender(row.sent)
    model = named(row.sop_class_uid)
    raw = seen.values.get(_LEVEL)
    if raw is None or not raw.strip(b" \0"):
        yield scene.note(
            Severity.ERROR,
            "level-absent",
            f"{row.name} without a Query/Retrieve Level",
            f"the identifier of {row.name} {'has no' if raw is None else 'has an empty'} Query/Retrieve Level "
            "(0008,0052), which has to say what is asked for",
            row=row,
            key=who,
            clause="PS3.4 C.4.1.1.3.1",
            remedy=f"Add it: {', '.join(levels)}. Many systems answer 0xA900 without it, some with no match.",
            place=(base, row.data_size) if base is not None else None,
        )
        return
    level = raw.strip(b" \0").decode("latin-1")
    if level not in levels:
        known = level.upper() in levels
        yield scene.note(
            Severity.ERROR,
            "level-unknown",
            f"A Query/Retrieve Level that {'is not in capitals' if known else 'the model does not have'}",
            f"the level {printable(level, 32)} of {row.name} is not one of {model}: {', '.join(levels)}",
            row=row,
            key=f"{who} {level}",
            clause="PS3.4 C.3, C.6",
            remedy="Write it in capitals."
            if known
            else "Ask with the Patient Root model for patients, or at a level that the model has.",
        )
        return
    if level not in _UNIQUE_KEYS:
        return
    relational = scene.relational(row.sop_class_uid)
    above = [each for each in levels[: levels.index(level)] if each in _UNIQUE_KEYS]
    for each in above if not relational else ():
        tag = _UNIQUE_KEYS[each]
        value = seen.values.get(tag, b"").strip(b" \0")
        single = value and not any(sign in value for sign in b"\\*?")
        if single:
            continue
        how = "is not given" if not value else "is not a single value"
        yield scene.note(
            Severity.WARNING,
            "key-above",
            f"The unique key above {level} {how}",
            f"{row.name} asks at the level {level}, but {_name(tag)}, the unique key of {each} above it, {how}; "
            "without relational queries negotiated that is not allowed",
            row=row,
            key=f"{who} {row.name} {level} {each} {how}",
            evidence=f"{_name(tag)}: {printable(value, 64) or 'no value'}",
            clause="PS3.4 C.4.1.3.1" if row.name == "C-FIND-RQ" else "PS3.4 C.4.2.2.1",
            remedy="Ask level by level, and take the unique keys of the levels above from the answers. Some systems "
            "answer 0xA900, some with nothing, some with everything.",
        )
    if row.name == "C-FIND-RQ":
        return
    tag = _UNIQUE_KEYS[level]
    value = seen.values.get(tag, b"").strip(b" \0")
    if not value or b"*" in value or b"?" in value:
        yield scene.note(
            Severity.ERROR,
            "retrieve-key",
            f"{row.name} without the unique key of its level",
            f"{row.name} at the level {level} needs {_name(tag)} with a value; wildcards are not allowed, nor is an "
            "empty one",
            row=row,
            key=f"{who} {level}",
            evidence=f"{_name(tag)}: {printable(value, 64) or 'no value'}",
            clause="PS3.4 C.4.2.2.1" if row.name == "C-MOVE-RQ" else "PS3.4 C.4.3.2.1",
            remedy="Query first, then retrieve with the UID from the answer.",
        )


def _place(base: int | None, element: Element) -> tuple[int, int] | None:
    if base is None:
        return None
    header = element.value - element.start
    length = header if element.length == UNDEFINED else header + min(element.length, _VALUE)
    return base + element.start, length


def _name(tag: int) -> str:
    name = element_name(tag >> 16, tag & 0xFFFF)
    return f"{name} ({tag >> 16:04X},{tag & 0xFFFF:04X})" if name else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
