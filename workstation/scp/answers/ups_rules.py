"""The rules of the Unified Procedure Step: its states, and what its attributes must be (PS3.4 CC.1.1, CC.2.5, CC.2.6).

Pure: data sets and states go in, what is to be done or a `RefusedError` comes out.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, StrEnum, auto

from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.net import uids
from workstation.scp.query.answer import UTF_8, empty_element, status_of

PUSH, WATCH, PULL, EVENT, QUERY = (
    uids.UNIFIED_PROCEDURE_STEP[f"UnifiedProcedureStep{name}"] for name in ("Push", "Watch", "Pull", "Event", "Query")
)
GLOBAL = uids.INSTANCES["UPSGlobalSubscriptionInstance"]
FILTERED_GLOBAL = uids.INSTANCES["UPSFilteredGlobalSubscriptionInstance"]

SUCCESS = 0x0000
# PS3.7 Annex C.
NO_SUCH_ATTRIBUTE, INVALID_VALUE, PROCESSING_FAILURE = 0x0105, 0x0106, 0x0110
DUPLICATE_INSTANCE, INVALID_ARGUMENT, MISSING_ATTRIBUTE, MISSING_VALUE = 0x0111, 0x0115, 0x0120, 0x0121
NO_SUCH_SOP_CLASS, NO_SUCH_ACTION, MISTYPED_ARGUMENT = 0x0118, 0x0123, 0x0212
# PS3.4 CC.2.
ATTRIBUTES_NOT_SUPPORTED, CREATED_WITH_MODIFICATIONS = 0x0001, 0xB300
ALREADY_CANCELED, ALREADY_COMPLETED = 0xB304, 0xB306
NO_LONGER_UPDATED, WRONG_TRANSACTION, ALREADY_IN_PROGRESS, ONLY_BY_CREATION = 0xC300, 0xC301, 0xC302, 0xC303
NOT_FINAL, NO_SUCH_UPS, UNKNOWN_RECEIVER, NOT_SCHEDULED, NOT_IN_PROGRESS = 0xC304, 0xC307, 0xC308, 0xC309, 0xC310
COMPLETED_ALREADY, NOBODY_TO_CONTACT, NOT_FOR_THIS_INSTANCE = 0xC311, 0xC312, 0xC314


class RefusedError(Exception):
    """A request is answered with this status, which is a warning or a failure, and changes nothing.

    Attributes:
        tags: of the attributes that are at fault.
    """

    def __init__(self, status: int, comment: str = "", tags: tuple[int, ...] = ()) -> None:
        super().__init__(comment)
        self.status = status
        self.comment = comment
        self.tags = tags

    def to_status(self, *, names_attributes: bool) -> Dataset:
        """Return the status to answer; only some responses have a place for the attributes at fault."""
        status = status_of(self.status, self.comment)
        if self.tags and names_attributes:
            status.AttributeIdentifierList = list(self.tags)
        return status


# states


class State(StrEnum):
    """Procedure Step State (0074,1000)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


FINAL = (State.COMPLETED, State.CANCELED)


class Request(Enum):
    """The rows of Table CC.1.1-2: what is asked, and whether with the correct Transaction UID."""

    CREATE = auto()
    START = auto()
    START_UNLOCKED = auto()
    SCHEDULE = auto()
    COMPLETE = auto()
    COMPLETE_UNLOCKED = auto()
    REQUEST_CANCEL = auto()
    CANCEL = auto()
    CANCEL_UNLOCKED = auto()


class Step(Enum):
    """The cells of Table CC.1.1-2 that are no error."""

    CREATE = auto()
    # Record the Transaction UID, report the change to IN PROGRESS.
    START = auto()
    # If the requirements of the final state are met: report the change.
    COMPLETE = auto()
    CANCEL = auto()
    # Report the change to IN PROGRESS, then the one to CANCELED.
    CANCEL_AT_ONCE = auto()
    # Report that an application entity requested a cancel.
    ASK_PERFORMER = auto()


Cell = Step | int

_S = Step
# PS3.4 Table CC.1.1-2; columns: no such instance, SCHEDULED, IN PROGRESS, COMPLETED, CANCELED.
TRANSITIONS: dict[Request, tuple[Cell, Cell, Cell, Cell, Cell]] = {
    Request.CREATE: (_S.CREATE, 0x0111, 0x0111, 0x0111, 0x0111),
    Request.START: (0xC307, _S.START, 0xC302, 0xC300, 0xC300),
    Request.START_UNLOCKED: (0xC307, 0xC301, 0xC301, 0xC301, 0xC301),
    Request.SCHEDULE: (0xC307, 0xC303, 0xC303, 0xC303, 0xC303),
    Request.COMPLETE: (0xC307, 0xC310, _S.COMPLETE, 0xB306, 0xC300),
    Request.COMPLETE_UNLOCKED: (0xC307, 0xC301, 0xC301, 0xC301, 0xC301),
    Request.REQUEST_CANCEL: (0xC307, _S.CANCEL_AT_ONCE, _S.ASK_PERFORMER, 0xC311, 0xB304),
    Request.CANCEL: (0xC307, 0xC310, _S.CANCEL, 0xC300, 0xB304),
    Request.CANCEL_UNLOCKED: (0xC307, 0xC301, 0xC301, 0xC301, 0xC301),
}
_COLUMNS = (None, State.SCHEDULED, State.IN_PROGRESS, State.COMPLETED, State.CANCELED)

_CHANGES = {
    State.SCHEDULED: (Request.SCHEDULE, Request.SCHEDULE),
    State.IN_PROGRESS: (Request.START, Request.START_UNLOCKED),
    State.COMPLETED: (Request.COMPLETE, Request.COMPLETE_UNLOCKED),
    State.CANCELED: (Request.CANCEL, Request.CANCEL_UNLOCKED),
}


def decide(request: Request, state: State | None) -> Step:
    """Return what is to be done.

    Raises:
        RefusedError: the cell is a status.
    """
    cell = TRANSITIONS[request][_COLUMNS.index(state)]
    if isinstance(cell, Step):
        return cell
    raise RefusedError(cell, f"It is {state}." if state is not None else "There is no such UPS.")


def change_of_state(wanted: State, state: State | None, transaction: str, lock: str) -> Step:
    """Return what an N-ACTION "Change UPS State" does.

    Args:
        wanted: the state asked for.
        state: the present one.
        transaction: the Transaction UID that came with it, or "".
        lock: the one that locks the instance, "" before it is IN PROGRESS.

    Raises:
        RefusedError: it does nothing.
    """
    is_correct = bool(transaction) and (transaction == lock or not lock)
    correct, incorrect = _CHANGES[wanted]
    return decide(correct if is_correct else incorrect, state)


def check_setting(state: State, transaction: str, lock: str) -> None:
    """Check whether attributes may be set now (CC.2.6.2, CC.2.6.3).

    Raises:
        RefusedError: they may not.
    """
    if state in FINAL:
        raise RefusedError(NO_LONGER_UPDATED, f"It is {state}.")
    if state is State.IN_PROGRESS and transaction != lock:
        raise RefusedError(WRONG_TRANSACTION, "It is locked with another Transaction UID.")
    if state is State.SCHEDULED and transaction:
        raise RefusedError(NOT_IN_PROGRESS, "A Transaction UID is for a UPS that is IN PROGRESS.")


# attributes: Table CC.2.5-3, those that are required of everybody

_VALUES = {
    "ScheduledProcedureStepPriority": ("HIGH", "MEDIUM", "LOW"),
    "InputReadinessState": ("INCOMPLETE", "UNAVAILABLE", "READY"),
}
# Type 1 at creation.
_REQUIRED = (
    "ProcedureStepState",
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "ScheduledProcedureStepStartDateTime",
    "InputReadinessState",
)
# Type 2 at creation. Many leave some out, and nothing hangs on it: they are made empty.
_EMPTY_IF_ABSENT = (
    "ScheduledProcessingParametersSequence",
    "ScheduledStationNameCodeSequence",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "ScheduledWorkitemCodeSequence",
    "CommentsOnTheScheduledProcedureStep",
    "InputInformationSequence",
    "StudyInstanceUID",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence",
    "ReferencedRequestSequence",
)
# Present and empty at creation: the performer fills them.
_PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"
_PROGRESS = "ProcedureStepProgressInformationSequence"
_MODIFIED = "ScheduledProcedureStepModificationDateTime"
_TEXT_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
# What the SCP says and nobody sets.
_OURS = ("SOPClassUID", "SOPInstanceUID", _MODIFIED)
_NOT_TO_BE_SET = ("SOPClassUID", "SOPInstanceUID", "ReplacedProcedureStepSequence")

DEFAULT_WORKLIST = "Unassigned"

# Final state code P: required for COMPLETED; True: must have a value, or items.
_FOR_COMPLETED = {
    "PerformedStationNameCodeSequence": True,
    "PerformedProcedureStepStartDateTime": True,
    "PerformedWorkitemCodeSequence": True,
    "PerformedProcedureStepEndDateTime": True,
    # May have no items if nothing came out of it.
    "OutputInformationSequence": False,
}
# PS3.16 CID 9300.
UNSPECIFIED_REASON = ("110513", "DCM", "Discontinued for unspecified reason")


def created(asked: Dataset, uid: str, now: datetime) -> tuple[Dataset, int]:
    """Return the UPS that a creation makes, and the status to answer.

    Raises:
        RefusedError: it makes none.
    """
    made = asked
    check_kinds(made)
    _require(made, _REQUIRED)
    if made.ProcedureStepState != State.SCHEDULED:
        raise RefusedError(NOT_SCHEDULED, "A UPS is created SCHEDULED.", _tags("ProcedureStepState"))
    _check_values(made)
    if made.get("TransactionUID"):
        raise RefusedError(INVALID_VALUE, "A new UPS has no Transaction UID.", _tags("TransactionUID"))
    made.pop("TransactionUID", None)
    for keyword in (_PERFORMED, _PROGRESS):
        if made.get(keyword):
            raise RefusedError(INVALID_VALUE, f"The {keyword} of a new UPS is empty.", _tags(keyword))
    is_modified = any(made.get(keyword) not in (None, "", PUSH, uid) for keyword in _OURS)
    for keyword in (*_EMPTY_IF_ABSENT, _PERFORMED, _PROGRESS):
        if keyword not in made:
            (tag,) = _tags(keyword)
            made[tag] = empty_element(tag, dictionary_VR(tag))
    if not made.get("WorklistLabel"):
        made.WorklistLabel = DEFAULT_WORKLIST
    made.SOPClassUID = PUSH
    made.SOPInstanceUID = uid
    made.ScheduledProcedureStepModificationDateTime = moment(now)
    name_character_set(made)
    return made, CREATED_WITH_MODIFICATIONS if is_modified else SUCCESS


def check_modification(modification: Dataset, state: State) -> None:
    """Check the attributes of an N-SET.

    Raises:
        RefusedError: one may not be set, or not so.
    """
    check_kinds(modification)
    if "ProcedureStepState" in modification:
        if modification.ProcedureStepState == State.SCHEDULED and state is not State.SCHEDULED:
            raise RefusedError(
                ONLY_BY_CREATION, "A UPS is SCHEDULED by its creation only.", _tags("ProcedureStepState")
            )
        raise RefusedError(
            INVALID_VALUE, "The state is changed by N-ACTION, not by N-SET.", _tags("ProcedureStepState")
        )
    forbidden = tuple(keyword for keyword in _NOT_TO_BE_SET if keyword in modification)
    if forbidden:
        raise RefusedError(NO_SUCH_ATTRIBUTE, f"{forbidden[0]} cannot be set.", _tags(*forbidden))
    _require(modification, [keyword for keyword in (*_REQUIRED, "WorklistLabel") if keyword in modification])
    _check_values(modification)


def modified(ups: Dataset, modification: Dataset, now: datetime) -> Dataset:
    """Return the UPS with the attributes that a checked N-SET has."""
    result = Dataset()
    result.update(ups)
    for element in modification:
        if element.keyword not in ("TransactionUID", "SpecificCharacterSet", _MODIFIED) and element.tag.element != 0:
            result[element.tag] = element
    result.ScheduledProcedureStepModificationDateTime = moment(now)
    name_character_set(result)
    return result


def check_completed(ups: Dataset) -> None:
    """Check the requirements of the final state COMPLETED (CC.2.5.1.1).

    Raises:
        RefusedError: they are not met.
    """
    item = first_item(ups, _PERFORMED)
    missing = tuple(
        keyword
        for keyword, needs_value in _FOR_COMPLETED.items()
        if keyword not in item or (needs_value and not item.get(keyword))
    )
    if missing:
        raise RefusedError(NOT_FINAL, f"The performed procedure lacks {missing[0]}.", _tags(*missing))


def canceled(ups: Dataset, now: datetime, request: Dataset | None = None) -> Dataset:
    """Return the UPS with what the final state CANCELED requires, and what the request for it says of the reason.

    The standard has the SCP fill in the date; with no reason given "unspecified" is said, so that a UPS can be
    canceled without an N-SET (CC.2.5.1.3.2).
    """
    result = Dataset()
    result.update(ups)
    progress = Dataset()
    progress.update(first_item(ups, _PROGRESS))
    if request is not None:
        for keyword in ("ReasonForCancellation", "ProcedureStepDiscontinuationReasonCodeSequence"):
            if request.get(keyword):
                progress[keyword] = request[keyword]
        contact = Dataset()
        for keyword in ("ContactURI", "ContactDisplayName"):
            if request.get(keyword):
                contact[keyword] = request[keyword]
        if contact:
            progress.ProcedureStepCommunicationsURISequence = Sequence([contact])
    if not progress.get("ProcedureStepCancellationDateTime"):
        progress.ProcedureStepCancellationDateTime = moment(now)
    if not progress.get("ProcedureStepDiscontinuationReasonCodeSequence"):
        reason = Dataset()
        reason.CodeValue, reason.CodingSchemeDesignator, reason.CodeMeaning = UNSPECIFIED_REASON
        progress.ProcedureStepDiscontinuationReasonCodeSequence = Sequence([reason])
    result.ProcedureStepProgressInformationSequence = Sequence([progress])
    name_character_set(result)
    return result


def check_kinds(data_set: Dataset, status: int = INVALID_VALUE) -> None:
    """Check that there are sequences, texts and binary values where the standard has such.

    The VRs of one kind are not told apart: some attributes have changed theirs over the years.

    Raises:
        RefusedError: with that status, at the first that is of another kind.
    """
    for element in data_set.iterall():
        if element.tag.is_private or not dictionary_has_tag(element.tag):
            continue
        expected = dictionary_VR(element.tag).split(" ")[0]
        if _kind(element.VR) != _kind(expected):
            comment = f"{element.keyword} is of VR {element.VR}, not {expected}."
            raise RefusedError(status, comment, (int(element.tag),))


def _kind(vr: str) -> str:
    return "SQ" if vr == "SQ" else "text" if vr in _TEXT_VRS else "binary"


def first_item(data_set: Dataset, keyword: str) -> Dataset:
    """Return the first item of a sequence; an empty one if there is none, or something else in its place."""
    items = data_set.get(keyword)
    item: Dataset = items[0] if isinstance(items, Sequence) and items else Dataset()
    return item


def name_character_set(data_set: Dataset) -> None:
    """Name the character set that the data set's texts need."""
    if all(_is_ascii(element.value) for element in data_set.iterall() if element.VR != "SQ"):
        data_set.pop("SpecificCharacterSet", None)
    else:
        data_set.SpecificCharacterSet = UTF_8


def moment(now: datetime) -> str:
    """Return a DT value."""
    return now.strftime("%Y%m%d%H%M%S.%f")


def _is_ascii(value: object) -> bool:
    return isinstance(value, bytes) or str(value).isascii()


def _require(data_set: Dataset, keywords: tuple[str, ...] | list[str]) -> None:
    missing = tuple(keyword for keyword in keywords if keyword not in data_set)
    if missing:
        raise RefusedError(MISSING_ATTRIBUTE, f"{missing[0]} is missing.", _tags(*missing))
    empty = tuple(keyword for keyword in keywords if data_set.get(keyword) in (None, ""))
    if empty:
        raise RefusedError(MISSING_VALUE, f"{empty[0]} has no value.", _tags(*empty))


def _check_values(data_set: Dataset) -> None:
    for keyword, values in _VALUES.items():
        if keyword in data_set and data_set.get(keyword) not in values:
            raise RefusedError(INVALID_VALUE, f"{keyword} is one of {', '.join(values)}.", _tags(keyword))


def _tags(*keywords: str) -> tuple[int, ...]:
    tags = (tag_for_keyword(keyword) for keyword in keywords)
    return tuple(tag for tag in tags if tag is not None)
