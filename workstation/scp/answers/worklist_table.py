"""The table of worklist items: its columns, what a cell shows, and what may be typed into one. Pure.

For a table editor: `WORKLIST_COLUMNS`, `get_cell`, `set_cell`. What an item is and how it is kept stands in
`worklist_items`, files are read by `worklist_files`, samples made by `worklist_samples`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.scp.query.levels import tag_of
from workstation.scp.query.matching import SINGLE_TEXT_VRS, texts_of
from workstation.scp.query.moments import parse_moment

STEPS = "ScheduledProcedureStepSequence"
# Defined terms of Scheduled Procedure Step Status (PS3.3 C.4.10).
STATUSES = ("SCHEDULED", "ARRIVED", "READY", "STARTED", "DEPARTED", "COMPLETED", "DISCONTINUED")


class CellError(ValueError):
    """A text that a cell cannot hold. Its text is a sentence for the person who typed it."""


@dataclass(frozen=True, slots=True)
class WorklistColumn:
    """One column of the table of worklist items.

    Attributes:
        path: Keywords from the data set down to the attribute; of sequences the first item is meant.
        label: For people.
        vr: Of the attribute.
        choices: The usual values; others are allowed.
        hint: What may be typed, for a tooltip; "" if that is clear.
    """

    path: tuple[str, ...]
    label: str
    vr: str
    choices: tuple[str, ...] = ()
    hint: str = ""

    @property
    def keyword(self) -> str:
        """The attribute's keyword."""
        return self.path[-1]


_DATE_HINT, _TIME_HINT = "2026-07-05 or 20260705", "14:30 or 143000"
_NAME_HINT = "Family^Given^Middle^Prefix^Suffix"


def _column(label: str, *path: str, choices: tuple[str, ...] = (), hint: str | None = None) -> WorklistColumn:
    vr = dictionary_VR(path[-1])
    known = {"DA": _DATE_HINT, "TM": _TIME_HINT, "PN": _NAME_HINT}
    return WorklistColumn(path, label, vr, choices, known.get(vr, "") if hint is None else hint)


# The most looked at first; all can be matched and returned.
WORKLIST_COLUMNS: tuple[WorklistColumn, ...] = (
    _column("Patient's name", "PatientName"),
    _column("Patient ID", "PatientID"),
    _column("Date", STEPS, "ScheduledProcedureStepStartDate"),
    _column("Time", STEPS, "ScheduledProcedureStepStartTime"),
    _column(
        "Modality",
        STEPS,
        "Modality",
        choices=("CR", "CT", "DX", "ES", "IO", "MG", "MR", "NM", "OP", "PT", "RF", "RTIMAGE", "US", "XA", "ECG", "OT"),
    ),
    _column("Station AE title", STEPS, "ScheduledStationAETitle", hint="Several are separated by a backslash"),
    _column("Step", STEPS, "ScheduledProcedureStepDescription"),
    _column("Status", STEPS, "ScheduledProcedureStepStatus", choices=STATUSES),
    _column("Accession number", "AccessionNumber"),
    _column("Requested procedure", "RequestedProcedureDescription"),
    _column("Birth date", "PatientBirthDate"),
    _column("Sex", "PatientSex", choices=("F", "M", "O")),
    _column("Performing physician", STEPS, "ScheduledPerformingPhysicianName"),
    _column("Referring physician", "ReferringPhysicianName"),
    _column("Requesting physician", "RequestingPhysician"),
    _column("Station name", STEPS, "ScheduledStationName", hint="Several are separated by a backslash"),
    _column("Location", STEPS, "ScheduledProcedureStepLocation"),
    _column("Step ID", STEPS, "ScheduledProcedureStepID"),
    _column("Requested procedure ID", "RequestedProcedureID"),
    _column("Priority", "RequestedProcedurePriority", choices=("STAT", "HIGH", "ROUTINE", "MEDIUM", "LOW")),
    _column("Weight (kg)", "PatientWeight"),
    _column("Size (m)", "PatientSize"),
    _column("Pregnancy", "PregnancyStatus", choices=("1", "2", "3", "4"), hint="1 no, 2 possibly, 3 yes, 4 unknown"),
    _column("Allergies", "Allergies"),
    _column("Medical alerts", "MedicalAlerts"),
    _column("Special needs", "SpecialNeeds"),
    _column("Pre-medication", STEPS, "PreMedication"),
    _column("Contrast agent", STEPS, "RequestedContrastAgent"),
    _column("Patient's location", "CurrentPatientLocation"),
    _column("Admission ID", "AdmissionID"),
    _column("Study Instance UID", "StudyInstanceUID"),
)
COLUMN_OF = {column.keyword: column for column in WORKLIST_COLUMNS}


def get_cell(data_set: Dataset, column: WorklistColumn) -> str:
    """Return what the cell shows: dates as 2026-07-05, times as 14:30, several values with a backslash between."""
    place: Dataset | None = data_set
    for keyword in column.path[:-1]:
        place = first_item(place, keyword)
        if place is None:
            return ""
    element = place.get(tag_of(column.keyword)) if place is not None else None
    if element is None or element.VR == "SQ":
        return ""
    return "\\".join(_shown(column.vr, text) for text in texts_of(element, column.vr))


def set_cell(data_set: Dataset, column: WorklistColumn, text: str) -> None:
    """Put what a person typed into the data set; "" makes the attribute empty.

    Sequences on the way are made. A character that the item's character set does not have makes that UTF-8.

    Raises:
        CellError: The attribute cannot have this value; the data set is unchanged.
    """
    values = [_checked(column, part.strip()) for part in _parts(column.vr, text.strip())]
    place = data_set
    for keyword in column.path[:-1]:
        item = first_item(place, keyword)
        if item is None:
            item = Dataset()
            setattr(place, keyword, Sequence([item]))
        place = item
    tag = tag_of(column.keyword)
    value: Any = values[0] if len(values) == 1 else values
    if column.vr == "US":
        value = int(value) if value else None
    place[tag] = DataElement(tag, column.vr, value, validation_mode=config.IGNORE)
    if not text.isascii() and not _has_room(str(data_set.get("SpecificCharacterSet", "") or ""), text):
        data_set.SpecificCharacterSet = "ISO_IR 192"


def first_item(place: Dataset | None, keyword: str) -> Dataset | None:
    """Return the first item of a sequence, or None."""
    element = place.get(tag_of(keyword)) if place is not None else None
    if element is None or element.VR != "SQ" or not element.value:
        return None
    item: Dataset = element.value[0]
    return item


def _has_room(character_set: str, text: str) -> bool:
    # Only what people use without code extensions; with them, and for all others, UTF-8 is simpler.
    codec = {"ISO_IR 192": "utf-8", "ISO_IR 100": "latin-1", "ISO_IR 144": "iso8859-5", "GB18030": "gb18030"}
    try:
        text.encode(codec[character_set])
    except (KeyError, UnicodeEncodeError):
        return False
    return True


def _parts(vr: str, text: str) -> list[str]:
    return [text] if vr in SINGLE_TEXT_VRS else text.split("\\")


def _shown(vr: str, text: str) -> str:
    if vr == "DA" and re.fullmatch(r"\d{8}", text):
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if vr == "TM" and (found := re.fullmatch(r"(\d\d)(\d\d)(?:(\d\d)(\.\d+)?)?", text)):
        hour, minute, second, fraction = found.groups()
        seconds = "" if not second or (second == "00" and not fraction) else f":{second}{fraction or ''}"
        return f"{hour}:{minute}{seconds}"
    return text


# VR -> (longest value in characters, the rule in words)
_LONGEST = {"AE": 16, "CS": 16, "SH": 16, "LO": 64, "UI": 64, "DS": 16, "ST": 1024, "LT": 10240}
_CODE = re.compile(r"[A-Z0-9_ ]*")
_UID = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def _checked(column: WorklistColumn, text: str) -> str:
    """Return the value as the standard writes it (PS3.5 6.2)."""
    vr, label = column.vr, column.label
    if not text:
        return ""
    if any(ord(character) < 32 and not (vr in ("ST", "LT") and character in "\r\n\t\f") for character in text):
        raise CellError(f"{label}: control characters, such as a new line, are not allowed.")
    match vr:
        case "DA":
            return _date(label, text)
        case "TM":
            return _time(label, text)
        case "CS":
            text = text.upper()
            if not _CODE.fullmatch(text):
                raise CellError(f"{label}: only capital letters, digits, spaces and underscores are allowed.")
        case "AE":
            if not text.isascii():
                raise CellError(f"{label}: an AE title has only ASCII characters.")
        case "UI":
            if not _UID.fullmatch(text):
                raise CellError(f"{label}: a UID is numbers with dots between, such as 1.2.840.113619.2.1.")
        case "DS":
            text = text.replace(",", ".")
            if not _DECIMAL.fullmatch(text):
                raise CellError(f"{label}: {text[:20]!r} is not a number.")
        case "US":
            if not (text.isascii() and text.isdigit() and int(text) < 2**16):
                raise CellError(f"{label}: a whole number from 0 to 65535 is needed.")
        case "PN":
            _check_name(label, text)
    longest = _LONGEST.get(vr)
    if longest is not None and len(text) > longest:
        raise CellError(f"{label}: {len(text)} characters are too many, {longest} are allowed.")
    return text


def _date(label: str, text: str) -> str:
    digits = text.replace("-", "").replace(".", "") if re.fullmatch(r"\d{4}([-.])\d\d\1\d\d", text) else text
    if not re.fullmatch(r"[0-9]{8}", digits) or parse_moment("DA", digits) is None:
        raise CellError(f"{label}: {text[:20]!r} is not a date; write {_DATE_HINT}.")
    return digits


def _time(label: str, text: str) -> str:
    digits = text.replace(":", "")
    if not text.isascii() or parse_moment("TM", text) is None:
        raise CellError(f"{label}: {text[:20]!r} is not a time; write {_TIME_HINT}.")
    return digits


def _check_name(label: str, text: str) -> None:
    groups = text.split("=")
    if len(groups) > 3:
        raise CellError(f"{label}: a name has at most three groups (=): Latin, ideographic and phonetic.")
    for group in groups:
        if group.count("^") > 4:
            raise CellError(f"{label}: a name has at most five components (^): {_NAME_HINT}.")
        if len(group) > 64:
            raise CellError(f"{label}: {len(group)} characters are too many, 64 are allowed.")
