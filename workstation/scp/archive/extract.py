"""From a stored object to the texts that the index keeps of it.

Scans the whole encoded data set for damage (see `scan`), then decodes the few wanted elements with pydicom. Knows the
table of attributes, no file, database or network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from workstation.scp.archive.scan import DamagedDataSetError, Scanned, Source, scan
from workstation.scp.query.levels import ATTRIBUTES, VR_OF_TAG, Level, tag_of
from workstation.scp.query.matching import texts_of

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

_CHARACTER_SET, _ZONE = 0x00080005, 0x00080201
_TAGS: dict[str, int] = {keyword: tag_of(keyword) for keywords in ATTRIBUTES.values() for keyword in keywords}
_WANTED = frozenset(_TAGS.values()) | {_CHARACTER_SET, _ZONE}
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
    texts = dict.fromkeys(_TAGS, "")
    head = _decode(scanned)
    for keyword, tag in _TAGS.items():
        if tag in head:
            text = _text_or_none(head, tag)
            texts[keyword] = text[:LONGEST_INDEXED] if keyword in INDEXED else text
    _check(texts, sop_class_uid, sop_instance_uid)
    return texts


def uids_of(data: bytes | Source, transfer_syntax: str) -> tuple[str, str]:
    """Return the SOP Class UID and SOP Instance UID that a data set says; "" for what it does not.

    Raises:
        DamagedDataSetError: it is not whole.
        OSError: the source cannot be read.
    """
    wanted = [_TAGS["SOPClassUID"], _TAGS["SOPInstanceUID"]]
    head = _decode(scan(data, transfer_syntax, frozenset(wanted)))
    sop_class, instance = (_text_or_none(head, tag) if tag in head else "" for tag in wanted)
    return sop_class, instance


def _decode(scanned: Scanned) -> Dataset:
    """Return the wanted elements, without those that are damaged."""
    try:
        return read_dataset(BytesIO(scanned.wanted_bytes), scanned.is_implicit, scanned.is_little_endian)
    except Exception:
        # pydicom answers damaged bytes with almost any exception. One at a time, the others can still be read.
        head = Dataset()
        character_set = scanned.wanted.get(_CHARACTER_SET, b"")
        for tag, encoded in scanned.wanted.items():
            with suppress(Exception):
                one = read_dataset(
                    BytesIO(encoded if tag <= _CHARACTER_SET else character_set + encoded),
                    scanned.is_implicit,
                    scanned.is_little_endian,
                )
                head[tag] = one[tag]
        return head


def _text_or_none(head: Dataset, tag: int) -> str:
    try:
        return _text(head[tag], VR_OF_TAG[tag])
    except Exception:
        # Here, too, almost any exception: pydicom decodes a value when it is looked at.
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
    texts = tuple(text[:LONGEST_VALUE] for text in texts_of(element, vr))
    if vr == "DA":
        # ACR-NEMA wrote 1999.12.31; the index compares dates as texts.
        texts = tuple(_DOTTED_DATE.sub(r"\1\2\3", text) for text in texts)
    text = "\\".join(texts)
    if vr not in UNICODE_VRS:
        text = text.encode("ascii", "replace").decode()
    # A character that pydicom could not decode may be a lone surrogate, which no database takes.
    return text.encode("utf-8", "replace").decode()


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
