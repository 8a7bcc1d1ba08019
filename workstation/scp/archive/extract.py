"""From a stored object to the texts that the index keeps of it.

Scans the whole encoded data set for damage (see `scan`), then decodes the few wanted elements: plain ones here, all
others with pydicom. Knows the table of attributes, no file, database or network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from workstation.scp.archive.scan import DamagedDataSetError, Scanned, Source, scan
from workstation.scp.query.levels import ATTRIBUTES, VR_OF_TAG, Level, tag_of
from workstation.scp.query.matching import SINGLE_TEXT_VRS, significant, texts_of

# Not part of the hierarchy of patients and studies (PS3.4 GG): stored, never found by a Query/Retrieve.
NON_PATIENT_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.38.1",  # Hanging Protocol
        "1.2.840.10008.5.1.4.39.1",  # Color Palette
        "1.2.840.10008.5.1.4.43.1",  # Generic Implant Template
        "1.2.840.10008.5.1.4.44.1",  # Implant Assembly Template
        "1.2.840.10008.5.1.4.45.1",  # Implant Template Group
        "1.2.840.10008.5.1.4.1.1.200.1",  # CT Defined Procedure Protocol
        "1.2.840.10008.5.1.4.1.1.200.3",  # Protocol Approval
        "1.2.840.10008.5.1.4.1.1.200.7",  # XA Defined Procedure Protocol
        "1.2.840.10008.5.1.4.1.1.201.1",  # Inventory
    }
)

# VRs that Specific Character Set applies to (PS3.5 6.1.2.3); the others are ASCII whatever came.
UNICODE_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
LONGEST_UID = 128
# No VR of the index allows more (LT, PS3.5 6.2); a longer value is found and answered by its beginning.
LONGEST_VALUE = 10_240
# PostgreSQL takes some 2,700 bytes into an index, and a character may have four. Honest values have at most 64.
LONGEST_INDEXED = 512
INDEXED = frozenset({"PatientID", "StudyDate", "AccessionNumber"})

_CHARACTER_SET = 0x00080005
_TAGS: dict[str, int] = {keyword: tag_of(keyword) for keywords in ATTRIBUTES.values() for keyword in keywords}
_KEYWORDS = {tag: keyword for keyword, tag in _TAGS.items()}
_WANTED = frozenset(_TAGS.values()) | {_CHARACTER_SET}
_NOTHING = dict.fromkeys(_TAGS, "")
_DOTTED_DATE = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})")


class UnsuitableObjectError(Exception):
    """An object that cannot be kept: the storage status to answer and, as text, the sentence for its Error Comment."""

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.status = status


DATA_SET_DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000


def extract(data: bytes | Source, transfer_syntax: str, sop_class_uid: str, sop_instance_uid: str) -> dict[str, str]:
    """Return the text of every attribute of the index, by keyword; "" for what the object does not have.

    Several values are joined with a backslash, a sequence is in the DICOM JSON model. A value that cannot be decoded
    counts as none: the object is kept as it came, and only its class, instance, study and series have to be known.

    Args:
        data: the encoded data set, or where it is.
        transfer_syntax: of the presentation context.
        sop_class_uid: of the command; the data set must say the same.
        sop_instance_uid: of the command; the same.

    Raises:
        UnsuitableObjectError: damaged, or not what the command said.
        OSError: the source cannot be read.
    """
    try:
        scanned = scan(data, transfer_syntax, _WANTED)
    except DamagedDataSetError as error:
        raise UnsuitableObjectError(CANNOT_UNDERSTAND, str(error)) from error
    texts = _NOTHING | _texts(scanned)
    for keyword in INDEXED:
        texts[keyword] = texts[keyword][:LONGEST_INDEXED]
    _check(texts, sop_class_uid, sop_instance_uid)
    return texts


def uids_of(data: bytes | Source, transfer_syntax: str) -> tuple[str, str]:
    """Return the SOP Class UID and SOP Instance UID that a data set says; "" for what it does not.

    Raises:
        DamagedDataSetError: it is not whole.
        OSError: the source cannot be read.
    """
    wanted = [_TAGS["SOPClassUID"], _TAGS["SOPInstanceUID"]]
    texts = _texts(scan(data, transfer_syntax, frozenset(wanted)))
    return texts.get("SOPClassUID", ""), texts.get("SOPInstanceUID", "")


# A value of these that looks like this is decoded here, as nearly all do: pydicom takes many times as long to come to
# the same text.
_PLAIN: dict[str, re.Pattern[bytes]] = {
    **dict.fromkeys(("AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM"), re.compile(rb"[ -~]*")),
    "UI": re.compile(rb"[0-9.]*\0?"),
    "IS": re.compile(rb"-?[0-9]{1,9} ?"),
    "DS": re.compile(rb"-?[0-9]{1,15}(?:\.[0-9]{1,15})? ?"),
}
# Character sets whose codes below 128 are those of ASCII and nothing else.
_LIKE_ASCII = frozenset({b"", b"ISO_IR 6", b"ISO_IR 100", b"ISO_IR 101", b"ISO_IR 144", b"ISO_IR 192"})
_SHORT_HEADER = 8
_LONGEST_REMEMBERED, _MOST_REMEMBERED = 1024, 512


@lru_cache(maxsize=8)
def _remembered(character_set: bytes, is_implicit: bool, is_little_endian: bool) -> dict[bytes, str]:
    """The texts of elements that were read, by the encoded element: the objects of a series say most things alike."""
    return {}


def _texts(scanned: Scanned) -> dict[str, str]:
    """Return the text of each wanted element by keyword, as the index keeps it, "" for what nobody can read."""
    how = scanned.wanted.get(_CHARACTER_SET, b""), scanned.is_implicit, scanned.is_little_endian
    remembered = _remembered(*how)
    texts = {}
    for tag, encoded in scanned.wanted.items():
        if tag == _CHARACTER_SET:
            continue
        text = remembered.get(encoded)
        if text is None:
            text = _text_of(tag, encoded, *how)
            if len(encoded) <= _LONGEST_REMEMBERED:
                if len(remembered) >= _MOST_REMEMBERED:
                    remembered.clear()
                remembered[encoded] = text
        texts[_KEYWORDS[tag]] = text
    return texts


def _text_of(tag: int, encoded: bytes, character_set: bytes, is_implicit: bool, is_little_endian: bool) -> str:
    vr = VR_OF_TAG[tag]
    if is_implicit or encoded[4:6] == vr.encode():
        text = _plain(vr, encoded[_SHORT_HEADER:], character_set[_SHORT_HEADER:], is_little_endian)
        if text is not None:
            return text
    return _decoded(tag, encoded, character_set, is_implicit, is_little_endian)


def _plain(vr: str, value: bytes, character_set: bytes, is_little_endian: bool) -> str | None:
    """Return the text of a plain value, None if pydicom has to be asked."""
    if vr == "US" and len(value) == 2:
        return str(int.from_bytes(value, "little" if is_little_endian else "big"))
    if vr not in _PLAIN or not _PLAIN[vr].fullmatch(value):
        return None
    if vr in UNICODE_VRS and character_set.rstrip(b" ") not in _LIKE_ASCII:
        return None
    text = value.decode("ascii")
    texts = [text] if vr in SINGLE_TEXT_VRS else text.split("\\")
    return _as_indexed(vr, [significant(vr, each) for each in texts])


def _decoded(tag: int, encoded: bytes, character_set: bytes, is_implicit: bool, is_little_endian: bool) -> str:
    """Return the text of one element as pydicom decodes it; "" if it cannot."""
    try:
        head = read_dataset(BytesIO(character_set + encoded), is_implicit, is_little_endian)
        return _text(head[tag], VR_OF_TAG[tag])
    except Exception:
        # pydicom answers damaged bytes with almost any exception, some of them when the value is looked at.
        return ""


def _check(texts: Mapping[str, str], sop_class_uid: str, sop_instance_uid: str) -> None:
    for keyword, commanded in (("SOPClassUID", sop_class_uid), ("SOPInstanceUID", sop_instance_uid)):
        if not texts[keyword]:
            raise UnsuitableObjectError(DATA_SET_DOES_NOT_MATCH, f"The data set has no {keyword}.")
        if texts[keyword] != commanded:
            raise UnsuitableObjectError(
                DATA_SET_DOES_NOT_MATCH, f"{keyword} differs between the command and the data set."
            )
    if sop_class_uid in NON_PATIENT_CLASSES:
        return
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        if not texts[keyword]:
            raise UnsuitableObjectError(DATA_SET_DOES_NOT_MATCH, f"The data set has no {keyword}.")
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if len(texts[keyword]) > LONGEST_UID:
            raise UnsuitableObjectError(DATA_SET_DOES_NOT_MATCH, f"{keyword} has more than {LONGEST_UID} characters.")


def _text(element: DataElement, vr: str) -> str:
    if vr == "SQ":
        return items_to_text(element.value) if element.VR == "SQ" else ""
    if element.VR == "SQ":
        return ""
    text = _as_indexed(vr, texts_of(element, vr))
    if vr not in UNICODE_VRS:
        text = text.encode("ascii", "replace").decode()
    # A character that pydicom could not decode may be a lone surrogate, which no database takes.
    return text.encode("utf-8", "replace").decode()


def _as_indexed(vr: str, texts: Sequence[str]) -> str:
    """Return an attribute's values as one text."""
    if not any(texts):
        return ""
    cut = (text[:LONGEST_VALUE] for text in texts)
    if vr == "DA":
        # ACR-NEMA wrote 1999.12.31; the index compares dates as texts.
        cut = (_DOTTED_DATE.sub(r"\1\2\3", text) for text in cut)
    return "\\".join(cut)


def items_to_text(items: list[Dataset]) -> str:
    """Return a sequence's items as text for the index; "" for none.

    Raises:
        Exception: almost any, for items that could not be answered again.
    """
    if not items:
        return ""
    text = json.dumps([item.to_json_dict() for item in items], ensure_ascii=False, separators=(",", ":"))
    # Found out now: later it would be the answers to everybody's queries that fail.
    for item in items_from_text(text):
        buffer = DicomBytesIO()
        buffer.is_implicit_VR = buffer.is_little_endian = True
        write_dataset(buffer, item)
    return text


def items_from_text(text: str) -> list[Dataset]:
    """Return the items that `items_to_text` wrote."""
    return [Dataset.from_json(item) for item in json.loads(text)] if text else []


def attributes_of(texts: Mapping[str, str], level: Level) -> dict[str, str]:
    """Return the attributes of one level."""
    return {keyword: texts[keyword] for keyword in ATTRIBUTES[level]}
