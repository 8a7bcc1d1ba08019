"""From texts to data sets: the identifier of a C-FIND response, and statuses with an Error Comment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.scp.archive.extract import UNICODE_VRS, items_from_text
from workstation.scp.query.levels import QUERY_RETRIEVE_LEVEL, VR_OF_TAG, FindRequest
from workstation.scp.query.matching import SINGLE_TEXT_VRS, dictionary_vr

CHARACTER_SET = 0x00080005
UTF_8 = "ISO_IR 192"
# What fits into the VR (PS3.5 6.2): an answer with more could not be encoded.
_INTEGERS = {
    "US": range(2**16),
    "SS": range(-(2**15), 2**15),
    "UL": range(2**32),
    "SL": range(-(2**31), 2**31),
    "UV": range(2**64),
    "SV": range(-(2**63), 2**63),
}
# Error Comment (0000,0902) is an LO.
LONGEST_COMMENT = 64


def status_of(code: int, comment: str = "") -> Dataset:
    """Return a status with its Error Comment, cut to what the element can hold."""
    status = Dataset()
    status.Status = code
    if comment:
        if len(comment) > LONGEST_COMMENT:
            comment = comment[: LONGEST_COMMENT - 3] + "..."
        # A command set has no character set but ASCII, and a backslash would make two values.
        status.ErrorComment = comment.encode("ascii", "replace").decode().replace("\\", "/")
    return status


def build_answer(request: FindRequest, texts: Mapping[int, str]) -> Dataset:
    """Return the identifier of one match: every element asked for, with its value or none."""
    answer = Dataset()
    is_ascii = True
    for tag in request.asked:
        if tag in request.answered:
            text = texts[tag]
            is_ascii = is_ascii and text.isascii()
            answer[tag] = text_element(tag, text)
        else:
            answer[tag] = absent_element(request, tag)
    answer[QUERY_RETRIEVE_LEVEL] = level_element(request)
    if not is_ascii:
        answer[CHARACTER_SET] = made_element(CHARACTER_SET, "CS", UTF_8)
    return answer


def level_element(request: FindRequest) -> DataElement:
    """Return the Query/Retrieve Level of the answers."""
    return made_element(QUERY_RETRIEVE_LEVEL, "CS", request.level.value)


def absent_element(request: FindRequest, tag: int) -> DataElement:
    """Return what is asked for and not supported."""
    return empty_element(tag, dictionary_vr(request.requested[tag]))


def text_element(tag: int, text: str) -> DataElement:
    """Return the element of an attribute of the archive's, by its text."""
    vr = VR_OF_TAG[tag]
    if not text:
        return empty_element(tag, vr)
    try:
        if vr == "SQ":
            return made_element(tag, vr, Sequence(items_from_text(text)))
        values: list[Any] = [text] if vr in SINGLE_TEXT_VRS else text.split("\\")
        if vr in _INTEGERS:
            values = [int(value) for value in values]
            if not all(value in _INTEGERS[vr] for value in values):
                return empty_element(tag, vr)
        return made_element(tag, vr, values[0] if len(values) == 1 else values)
    except (ValueError, TypeError, OverflowError):
        # What was stored is no value of the VR (a word as Instance Number): the peer is told that it is unknown.
        return empty_element(tag, vr)


def empty_element(tag: int, vr: str) -> DataElement:
    """Return an element without a value: what is asked for and not known."""
    if vr == "SQ":
        return made_element(tag, vr, Sequence())
    return made_element(
        tag, vr, "" if vr in UNICODE_VRS or vr in ("AE", "AS", "CS", "DA", "DT", "TM", "UI", "UR") else None
    )


def made_element(tag: int, vr: str, value: Any) -> DataElement:
    """Return an element, its value unchecked."""
    # What a peer stored goes out as it came in, conformant or not.
    return DataElement(tag, vr, value, validation_mode=config.IGNORE)
