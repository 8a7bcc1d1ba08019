"""The Query/Retrieve information models: levels, their attributes, and the check of an identifier (PS3.4 C.3, C.6).

Tables first; `check_find` and `check_retrieve` interpret them and answer a wrong identifier with the status that the
standard defines and a sentence for its Error Comment. Knows no database, file or network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from workstation.scp.query.matching import AnyOf, MalformedKeyError, Query, Universal, texts_of

# PS3.4 C.4.1.1.4, C.4.2.1.5: Identifier does not match SOP Class.
IDENTIFIER_DOES_NOT_MATCH = 0xA900

QUERY_RETRIEVE_LEVEL = 0x00080052
# In an identifier, but never keys: Specific Character Set, the level, and what the SCP fills in itself.
NOT_KEYS = (0x00080005, QUERY_RETRIEVE_LEVEL, 0x00080054, 0x00080056, 0x00080201)


class Level(Enum):
    """A level of the hierarchy; its value is what Query/Retrieve Level (0008,0052) says."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


class Model(Enum):
    """An information model, by the levels that it has (PS3.4 C.6.1, C.6.2, C.6.3)."""

    PATIENT_ROOT = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE)
    STUDY_ROOT = (Level.STUDY, Level.SERIES, Level.IMAGE)
    PATIENT_STUDY_ONLY = (Level.PATIENT, Level.STUDY)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The model's levels, the highest first."""
        levels: tuple[Level, ...] = self.value
        return levels

    @property
    def title(self) -> str:
        """The model's name in the standard's words."""
        return {"PATIENT_ROOT": "Patient Root", "STUDY_ROOT": "Study Root"}.get(self.name, "Patient/Study Only")


_QUERY_RETRIEVE = "1.2.840.10008.5.1.4.1.2."
# SOP Class UID -> information model, by service.
FIND_MODELS = {
    _QUERY_RETRIEVE + "1.1": Model.PATIENT_ROOT,
    _QUERY_RETRIEVE + "2.1": Model.STUDY_ROOT,
    _QUERY_RETRIEVE + "3.1": Model.PATIENT_STUDY_ONLY,
}
MOVE_MODELS = {
    _QUERY_RETRIEVE + "1.2": Model.PATIENT_ROOT,
    _QUERY_RETRIEVE + "2.2": Model.STUDY_ROOT,
    _QUERY_RETRIEVE + "3.2": Model.PATIENT_STUDY_ONLY,
}
GET_MODELS = {
    _QUERY_RETRIEVE + "1.3": Model.PATIENT_ROOT,
    _QUERY_RETRIEVE + "2.3": Model.STUDY_ROOT,
    _QUERY_RETRIEVE + "3.3": Model.PATIENT_STUDY_ONLY,
}

# The unique key of each level (PS3.4 C.6.1.1).
UNIQUE_KEYS = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}

# What the archive keeps of each object and can match: unique, required, then optional keys. A keyword that the
# standard lists for several levels stands at the level that it describes.
ATTRIBUTES: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: (
        "PatientID",
        "PatientName",
        "IssuerOfPatientID",
        "PatientBirthDate",
        "PatientBirthTime",
        "PatientSex",
        "OtherPatientIDs",
        "OtherPatientNames",
        "EthnicGroup",
        "PatientComments",
        "ResponsiblePerson",
        "PatientSpeciesDescription",
    ),
    Level.STUDY: (
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "StudyID",
        "ReferringPhysicianName",
        "StudyDescription",
        "ProcedureCodeSequence",
        "NameOfPhysiciansReadingStudy",
        "AdmittingDiagnosesDescription",
        "PatientAge",
        "PatientSize",
        "PatientWeight",
        "Occupation",
        "AdditionalPatientHistory",
        "StudyComments",
        "IssuerOfAccessionNumberSequence",
    ),
    Level.SERIES: (
        "SeriesInstanceUID",
        "Modality",
        "SeriesNumber",
        "SeriesDate",
        "SeriesTime",
        "SeriesDescription",
        "BodyPartExamined",
        "Laterality",
        "PatientPosition",
        "ProtocolName",
        "PerformingPhysicianName",
        "OperatorsName",
        "InstitutionName",
        "InstitutionalDepartmentName",
        "StationName",
        "Manufacturer",
        "ManufacturerModelName",
        "FrameOfReferenceUID",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "PerformedProcedureStepID",
        "PerformedProcedureStepDescription",
        "RequestAttributesSequence",
    ),
    Level.IMAGE: (
        "SOPInstanceUID",
        "InstanceNumber",
        "SOPClassUID",
        "ImageType",
        "AcquisitionDate",
        "AcquisitionTime",
        "AcquisitionDateTime",
        "ContentDate",
        "ContentTime",
        "AcquisitionNumber",
        "Rows",
        "Columns",
        "BitsAllocated",
        "NumberOfFrames",
        "PhotometricInterpretation",
        "SliceLocation",
        "ContentLabel",
        "ContentDescription",
        "ConceptNameCodeSequence",
        "CompletionFlag",
        "VerificationFlag",
        "DocumentTitle",
    ),
}

# Attributes that are counted or collected from the levels below when somebody asks.
COMPUTED: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: (
        "NumberOfPatientRelatedStudies",
        "NumberOfPatientRelatedSeries",
        "NumberOfPatientRelatedInstances",
    ),
    Level.STUDY: (
        "ModalitiesInStudy",
        "SOPClassesInStudy",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: ("NumberOfSeriesRelatedInstances",),
    Level.IMAGE: (),
}


def tag_of(keyword: str) -> int:
    """Return the tag of one of the keywords of this module."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


LEVEL_OF_TAG: dict[int, Level] = {
    tag_of(keyword): level
    for table in (ATTRIBUTES, COMPUTED)
    for level, keywords in table.items()
    for keyword in keywords
}
VR_OF_TAG: dict[int, str] = {tag: dictionary_VR(tag) for tag in LEVEL_OF_TAG}


class WrongIdentifierError(Exception):
    """An identifier that cannot be answered: `status` and, as its text, the sentence for the Error Comment."""

    def __init__(self, comment: str, status: int = IDENTIFIER_DOES_NOT_MATCH) -> None:
        super().__init__(comment)
        self.status = status


@dataclass(frozen=True, slots=True)
class FindRequest:
    """A checked C-FIND identifier.

    Attributes:
        levels: the level asked for and those above it that take part, the highest first.
        keys: the compiled keys that the archive supports here, by tag.
        asked: the tags to answer, in order, supported or not.
        answered: those of `asked` that the archive can have a value of.
        unsupported: the others: not matched, answered empty, and the responses say 0xFF01.
    """

    model: Model
    level: Level
    levels: tuple[Level, ...]
    query: Query
    asked: tuple[int, ...]
    answered: tuple[int, ...]
    unsupported: frozenset[int]
    # Elements that we cannot give a value to are returned as they were named in the request.
    requested: Dataset = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RetrieveRequest:
    """A checked C-MOVE or C-GET identifier: unique keys and the values that each may have."""

    level: Level
    uids: dict[Level, frozenset[str]]


def read_level(model: Model, identifier: Dataset) -> Level:
    """Return the Query/Retrieve Level.

    Raises:
        WrongIdentifierError: it is absent or not a level of the model.
    """
    element = identifier.get(QUERY_RETRIEVE_LEVEL)
    text = "\\".join(texts_of(element)) if element is not None else ""
    if not text:
        raise WrongIdentifierError("Query/Retrieve Level (0008,0052) is missing.")
    for level in model.levels:
        if level.value == text.upper():
            return level
    raise WrongIdentifierError(f"{text[:16]!r} is not a level of the {model.title} model.")


def check_find(
    model: Model, identifier: Dataset, *, relational: bool = False, combined_date_time: bool = False
) -> FindRequest:
    """Check a C-FIND identifier and compile its keys.

    Attributes of a level above are matched and returned as if they belonged to the level asked for; those of a level
    below cannot be (one study has many series) and count as unsupported.

    Args:
        model: of the SOP class.
        identifier: the decoded identifier.
        relational: negotiated: unique keys above the level may be absent or any.
        combined_date_time: negotiated: dates and times are compared as one.

    Raises:
        WrongIdentifierError: with the status to answer.
    """
    level = read_level(model, identifier)
    depth = model.levels.index(level)
    levels = model.levels[: depth + 1]
    if model is Model.STUDY_ROOT:
        # Attributes of the patient are attributes of the study here (PS3.4 C.6.2.1).
        levels = (Level.PATIENT, *levels)
    with_keys = Dataset()
    asked: list[int] = []
    unsupported: set[int] = set()
    for tag in sorted(identifier.keys()):
        if tag in NOT_KEYS or tag.element == 0 or tag.group <= 2:
            continue
        asked.append(int(tag))
        if LEVEL_OF_TAG.get(int(tag)) in levels:
            with_keys[tag] = identifier[tag]
        else:
            unsupported.add(int(tag))
    try:
        query = Query(with_keys, combined_date_time=combined_date_time)
    except MalformedKeyError as error:
        raise WrongIdentifierError(str(error)) from error
    if not relational:
        for above in model.levels[:depth]:
            _single(query, above, level)
    answered = tuple(tag for tag in asked if tag not in unsupported)
    return FindRequest(model, level, levels, query, tuple(asked), answered, frozenset(unsupported), identifier)


def _single(query: Query, above: Level, level: Level) -> str:
    """Return the one value of a unique key above the level asked for (PS3.4 C.4.1.2.1)."""
    keyword = UNIQUE_KEYS[above]
    match query.keys.get(tag_of(keyword)):
        case AnyOf(texts) if len(texts) == 1:
            return next(iter(texts))
        case None | Universal():
            raise WrongIdentifierError(f"{keyword} is needed at the {level.value} level.")
        case _:
            raise WrongIdentifierError(f"{keyword} takes one value at the {level.value} level.")


def check_retrieve(model: Model, identifier: Dataset, *, relational: bool = False) -> RetrieveRequest:
    """Check a C-MOVE or C-GET identifier (PS3.4 C.4.2.2.1).

    Other than unique keys may not be in it; many SCUs send their C-FIND keys again, so those are passed over.

    Raises:
        WrongIdentifierError: with the status to answer.
    """
    level = read_level(model, identifier)
    uids: dict[Level, frozenset[str]] = {}
    for place in model.levels[: model.levels.index(level) + 1]:
        keyword = UNIQUE_KEYS[place]
        values = frozenset(value for value in _values(identifier, keyword) if value)
        if not values and (place is level or not relational):
            raise WrongIdentifierError(f"{keyword} is needed to retrieve at the {level.value} level.")
        if any(character in value for value in values for character in "*?"):
            raise WrongIdentifierError(f"{keyword} may not have wild cards in a retrieval.")
        if len(values) > 1 and (place is not level or level is Level.PATIENT):
            raise WrongIdentifierError(f"{keyword} takes one value in a {level.value} retrieval.")
        if values:
            uids[place] = values
    return RetrieveRequest(level, uids)


def _values(identifier: Dataset, keyword: str) -> Iterator[str]:
    element = identifier.get(tag_of(keyword))
    if element is not None and element.VR != "SQ":
        yield from texts_of(element, dictionary_VR(element.tag))
