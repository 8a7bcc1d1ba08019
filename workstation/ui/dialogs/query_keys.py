"""What a query asks for: the usual keys of each level, what may be typed in them, and the identifier made of them.

Follows PS3.4 C.6 (keys by level) and C.2.2.2 (matching) as far as a form can check them before anything is sent.
A check answers with a sentence or with nothing; it never forbids what only some servers refuse.
Must not know Qt, peers or jobs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache

from pydicom._dicom_dict import DicomDictionary  # the names and types, which no public function lists
from pydicom.datadict import (
    dictionary_description,
    dictionary_VR,
    keyword_for_tag,
    tag_for_keyword,
)
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag


class Root(StrEnum):
    """The information model of a query (PS3.4 C.6.1 and C.6.2)."""

    PATIENT = "patient"
    STUDY = "study"


class Level(StrEnum):
    """Query/Retrieve Level (0008,0052), top down."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"

    @property
    def below(self) -> Level | None:
        """The level that a person drills down to from here."""
        order = list(Level)
        index = order.index(self) + 1
        return order[index] if index < len(order) else None


LEVEL_NAMES = {
    Level.PATIENT: "Patients",
    Level.STUDY: "Studies",
    Level.SERIES: "Series",
    Level.IMAGE: "Images",
}

UNIQUE_KEYS = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}

# In the order of the form. Patient keys belong to the study level in the Study Root model only; they are asked for
# at the study level of Patient Root as well, where a server may leave them empty (they are what a person looks for).
MATCH_KEYS: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    Level.STUDY: (
        "PatientName",
        "PatientID",
        "StudyDate",
        "AccessionNumber",
        "ModalitiesInStudy",
        "StudyDescription",
        "ReferringPhysicianName",
        "StudyID",
        "StudyInstanceUID",
    ),
    Level.SERIES: ("Modality", "SeriesNumber", "SeriesDescription", "BodyPartExamined", "SeriesInstanceUID"),
    Level.IMAGE: ("InstanceNumber", "SOPClassUID", "SOPInstanceUID"),
}

# Asked for with an empty value, for the table; nobody matches on them.
RETURN_KEYS: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: ("NumberOfPatientRelatedStudies", "NumberOfPatientRelatedInstances"),
    Level.STUDY: (
        "StudyTime",
        "PatientBirthDate",
        "PatientSex",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
        # What a C-GET has to offer contexts for.
        "SOPClassesInStudy",
    ),
    Level.SERIES: ("SeriesDate", "SeriesTime", "NumberOfSeriesRelatedInstances"),
    Level.IMAGE: ("NumberOfFrames", "Rows", "Columns"),
}

# PS3.5 6.2: the longest value, in characters (of one component group for PN).
LONGEST = {
    "AE": 16,
    "CS": 16,
    "SH": 16,
    "LO": 64,
    "PN": 64,
    "ST": 1024,
    "LT": 10240,
    "IS": 12,
    "DS": 16,
    "AS": 4,
}

WILD_CARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
UNMATCHABLE_VRS = frozenset({"SQ", "OB", "OW", "OD", "OF", "OL", "OV", "UN"})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of the dictionary, as the form and its search name it."""

    keyword: str
    name: str
    tag: str
    vr: str

    @property
    def entry(self) -> str:
        """The line in the search: its name first, because that is what people type."""
        return f"{self.name}  {self.tag} {self.vr}"


@cache
def attribute(keyword: str) -> Attribute:
    """The dictionary's entry for a keyword; KeyError-free for the keywords of this module."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(f"{keyword} is not a keyword of the DICOM dictionary")
    number = Tag(tag)
    vr = dictionary_VR(tag).split(" or ")[0]
    return Attribute(keyword, dictionary_description(tag), f"({number.group:04X},{number.element:04X})", vr)


@cache
def searchable_attributes() -> tuple[Attribute, ...]:
    """Every attribute that a key of a form can hold, by name; retired ones too, since old archives hold them."""
    found = []
    for tag in DicomDictionary:
        keyword = keyword_for_tag(tag)
        if keyword and tag >> 16 not in (0x0000, 0x0002, 0x0004, 0xFFFE):
            entry = attribute(keyword)
            if entry.vr not in UNMATCHABLE_VRS and keyword not in (
                "QueryRetrieveLevel",
                "SpecificCharacterSet",
            ):
                found.append(entry)
    return tuple(sorted(found, key=lambda entry: entry.name.casefold()))


# --- what may be typed ------------------------------------------------------------------------------------------


def normalise(vr: str, text: str) -> str:
    """The value to send for what a person typed: ISO dates, colons and list commas become DICOM's forms."""
    text = text.strip()
    match vr:
        case "DA":
            text = re.sub(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})", _compact_date, text)
            return re.sub(r"\s*(?:-|–|\.\.|\bto\b)\s*", "-", text)
        case "TM":
            return re.sub(r"\s*(?:-|–|\.\.|\bto\b)\s*", "-", text).replace(":", "")
        case "UI":
            return "\\".join(part for part in re.split(r"[\\,;\s]+", text) if part)
        case "CS":
            return "\\".join(part.strip() for part in re.split(r"[\\,;]", text.upper())) if text else ""
        case _:
            return text


def _compact_date(found: re.Match[str]) -> str:
    year, month, day = found.groups()
    return f"{year}{int(month):02d}{int(day):02d}"


def check_key(vr: str, text: str) -> str:
    """What is wrong with a key as typed, in a sentence; empty when nothing is."""
    value = normalise(vr, text)
    if not value:
        return ""
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        return "Control characters cannot be part of a key."
    if vr not in WILD_CARD_VRS and vr != "AS" and ("*" in value or "?" in value):
        return f"No wild cards here: * and ? do not work in values of type {vr}."
    match vr:
        case "DA":
            return _check_range(
                value, _check_date, "2026-01-31, or a range like 20260101-20260131, 20260101-, -20260131"
            )
        case "TM":
            return _check_range(value, _check_time, "14:30, or a range like 0800-1200")
        case "UI":
            return _check_uids(value)
        case "IS":
            return "" if re.fullmatch(r"[+-]?\d{1,11}", value) else "A whole number, like 3."
        case "DS":
            return "" if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value) else "A number, like 2.5."
        case "AS":
            return "" if re.fullmatch(r"\d{3}[DWMY]", value) else "Three digits and D, W, M or Y, like 045Y."
        case "US" | "UL" | "UV":
            return "" if value.isdigit() else "A whole number, not negative."
        case "SS" | "SL" | "SV":
            return "" if re.fullmatch(r"[+-]?\d+", value) else "A whole number."
        case "FL" | "FD":
            return "" if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value) else "A number, like 2.5."
        case "CS":
            if not re.fullmatch(r"[A-Z0-9_ *?\\]*", value):
                return "Only capital letters, digits, blank and underscore."
    return _check_length(vr, value)


def _check_length(vr: str, value: str) -> str:
    longest = LONGEST.get(vr)
    if longest is None:
        return ""
    parts = value.split("=") if vr == "PN" else value.split("\\")
    size = max(len(part) for part in parts)
    return f"At most {longest} characters; this has {size}." if size > longest else ""


def _check_range(value: str, check_one: Callable[[str], str], example: str) -> str:
    first, dash, last = value.partition("-")
    if dash and not first and not last:
        return f"A range needs at least one end: {example}."
    problem = (check_one(first) if first else "") or (check_one(last) if last else "")
    if problem:
        return problem if problem.endswith(".") else f"Write {example}."
    if dash and first and last and first > last:
        return "The range ends before it begins."
    return ""


def _check_date(value: str) -> str:
    if not re.fullmatch(r"\d{8}", value):
        return "form"
    try:
        date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return f"There is no date {value[:4]}-{value[4:6]}-{value[6:]}."
    return ""


def _check_time(value: str) -> str:
    found = re.fullmatch(r"(\d\d)(?:(\d\d)(?:(\d\d)(?:\.\d{1,6})?)?)?", value)
    if not found:
        return "form"
    hour, minute, second = (int(part or 0) for part in found.groups())
    return "" if hour < 24 and minute < 60 and second <= 60 else f"There is no time of day {value}."


def _check_uids(value: str) -> str:
    for uid in value.split("\\"):
        if len(uid) > 64:
            return f"A UID has at most 64 characters; this has {len(uid)}."
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)*", uid):
            return "A UID is made of digits and dots, like 1.2.840.10008.1.1."
    return ""


def hint(keyword: str) -> str:
    """An example for a field's placeholder, where the form of the value is not plain from its name."""
    match attribute(keyword).vr:
        case "PN":
            return "Doe^J*"
        case "DA":
            return "any date"
        case "TM":
            return "0800-1200"
        case "AS":
            return "045Y"
        case _:
            return ""


def date_presets(today: date) -> tuple[tuple[str, str], ...]:
    """The ranges that people ask for, as (name, key value); the empty value means any date."""
    monday = today - timedelta(days=today.weekday())

    def since(first: date) -> str:
        return f"{first:%Y%m%d}-{today:%Y%m%d}"

    return (
        ("Any date", ""),
        ("Today", f"{today:%Y%m%d}"),
        ("Yesterday", f"{today - timedelta(days=1):%Y%m%d}"),
        ("This week", since(monday)),
        ("Last 7 days", since(today - timedelta(days=6))),
        ("Last 30 days", since(today - timedelta(days=29))),
        ("This year", since(today.replace(month=1, day=1))),
    )


# --- the identifier ---------------------------------------------------------------------------------------------


def keys_above(root: Root, level: Level) -> tuple[str, ...]:
    """The unique keys of the levels above, which a hierarchical query must carry (PS3.4 C.4.1.2.1)."""
    order = list(Level)
    levels = order[0 if root is Root.PATIENT else 1 : order.index(level)]
    return tuple(UNIQUE_KEYS[above] for above in levels)


def levels_of(root: Root) -> tuple[Level, ...]:
    """The levels of a model: Study Root has no patient level."""
    return tuple(Level) if root is Root.PATIENT else tuple(Level)[1:]


def build_identifier(
    level: Level,
    matches: Mapping[str, str],
    asked: Iterable[str] = (),
    above: Mapping[str, str] | None = None,
) -> Dataset:
    """The identifier of a C-FIND: typed keys, universal keys, and the unique keys of the levels above.

    Args:
        level: the Query/Retrieve Level.
        matches: keyword to text as typed; empty text asks for the value back.
        asked: further keywords to ask for.
        above: keyword to value of the levels above; these win over what was typed.
    """
    values = dict.fromkeys(asked, "") | dict(matches) | dict(above or {})
    values[UNIQUE_KEYS[level]] = values.get(UNIQUE_KEYS[level], "")
    identifier = Dataset()
    for keyword, text in values.items():
        entry = attribute(keyword)
        value = normalise(entry.vr, text)
        tag = tag_for_keyword(keyword)
        assert tag is not None
        identifier.add(DataElement(tag, entry.vr, _typed(entry.vr, value)))
    identifier.QueryRetrieveLevel = str(level)
    if not all(text.isascii() for text in values.values()):
        # The keys are read by the peer in this repertoire (PS3.4 C.2.2.2); UTF-8 holds every name.
        identifier.SpecificCharacterSet = "ISO_IR 192"
    return identifier


def _typed(vr: str, value: str) -> object:
    if not value:
        return None if vr in ("US", "UL", "UV", "SS", "SL", "SV", "FL", "FD", "IS", "DS") else ""
    if vr in ("US", "UL", "UV", "SS", "SL", "SV"):
        return int(value)
    if vr in ("FL", "FD"):
        return float(value)
    return value


def is_empty_query(matches: Mapping[str, str], above: Mapping[str, str]) -> bool:
    """Whether the query would match everything the peer has: no key, or nothing but wild cards."""
    return not any(above.values()) and all(not text.strip().strip("*") for text in matches.values())
