"""Modality Performed Procedure Step: N-CREATE, N-SET and the retrieval by N-GET (PS3.4 F.7, F.8).

The steps are kept in the ledger, kind "procedure-step", state that of Performed Procedure Step Status. What a step was
scheduled as changes with it: the worklist's item becomes STARTED, then COMPLETED or DISCONTINUED.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from sqlalchemy.exc import SQLAlchemyError

from workstation.net import events, uids
from workstation.net.events import Event, InterventionEvent
from workstation.net.presentation import PresentationContext, build_context
from workstation.scp.answers.attributes import (
    ATTRIBUTE_LIST_ERROR,
    DUPLICATE_INSTANCE,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE_VALUE,
    NO_SUCH_ATTRIBUTE,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    SUCCESS,
    Answer,
    RefusedError,
    Required,
    check_class,
    check_required,
    instance_of,
    named,
    refusing,
    text_of,
)
from workstation.scp.answers.contexts import UNCOMPRESSED
from workstation.scp.answers.reading import read_data_set
from workstation.scp.answers.worklist_items import WORKLIST
from workstation.scp.answers.worklist_table import STEPS
from workstation.scp.ledger import DuplicateRecordError, Ledger, Record, UnknownRecordError
from workstation.scp.query.answer import empty_element, status_of
from workstation.scp.query.levels import tag_of
from workstation.scp.query.whole import choose_character_set
from workstation.scp.surroundings import Handler, Surroundings

LOGGER = logging.getLogger(__name__)

# The kind of its records in the ledger.
PROCEDURE_STEP = "procedure-step"

STEP = uids.PROCEDURE_STEP["ModalityPerformedProcedureStep"]
RETRIEVE = uids.PROCEDURE_STEP["ModalityPerformedProcedureStepRetrieve"]

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
FINAL = (COMPLETED, DISCONTINUED)
# PS3.4 Table F.7.2-2: the specific Error ID of "Performed Procedure Step Object may no longer be updated".
MAY_NO_LONGER_BE_UPDATED = 0xA710
# What becomes of the scheduled step.
SCHEDULED_STATUS = {IN_PROGRESS: "STARTED", COMPLETED: COMPLETED, DISCONTINUED: DISCONTINUED}

_STATUS = "PerformedProcedureStepStatus"
_CHARACTER_SET = 0x00080005

_SERIES = (
    Required("PerformingPhysicianName", 2),
    Required("ProtocolName", 1),
    Required("OperatorsName", 2),
    Required("SeriesInstanceUID", 1),
    Required("SeriesDescription", 2),
    Required("RetrieveAETitle", 2),
    Required("ReferencedImageSequence", 2),
    Required("ReferencedNonImageCompositeSOPInstanceSequence", 2),
)
# PS3.4 Table F.7.2-1: the column of N-CREATE,
CREATED = (
    Required(
        "ScheduledStepAttributesSequence",
        1,
        (
            Required("StudyInstanceUID", 1),
            Required("ReferencedStudySequence", 2),
            Required("AccessionNumber", 2),
            Required("RequestedProcedureID", 2),
            Required("RequestedProcedureDescription", 2),
            Required("ScheduledProcedureStepID", 2),
            Required("ScheduledProcedureStepDescription", 2),
            Required("ScheduledProtocolCodeSequence", 2),
        ),
    ),
    Required("PatientName", 2),
    Required("PatientID", 2),
    Required("PatientBirthDate", 2),
    Required("PatientSex", 2),
    Required("ReferencedPatientSequence", 2),
    Required("PerformedProcedureStepID", 1),
    Required("PerformedStationAETitle", 1),
    Required("PerformedStationName", 2),
    Required("PerformedLocation", 2),
    Required("PerformedProcedureStepStartDate", 1),
    Required("PerformedProcedureStepStartTime", 1),
    Required(_STATUS, 1),
    Required("PerformedProcedureStepDescription", 2),
    Required("PerformedProcedureTypeDescription", 2),
    Required("ProcedureCodeSequence", 2),
    Required("PerformedProcedureStepEndDate", 2),
    Required("PerformedProcedureStepEndTime", 2),
    Required("Modality", 1),
    Required("StudyID", 2),
    Required("PerformedProtocolCodeSequence", 2),
    Required("PerformedSeriesSequence", 2, _SERIES),
)
# that of N-SET where it says "not allowed",
NEVER_SET = (
    "ScheduledStepAttributesSequence",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "ReferencedPatientSequence",
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformedStationName",
    "PerformedLocation",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "Modality",
    "StudyID",
)
# and that of the final state. A step without a picture has a series all the same (its note 2).
FINISHED = (
    Required("PerformedProcedureStepEndDate", 1),
    Required("PerformedProcedureStepEndTime", 1),
    Required("PerformedSeriesSequence", 1, _SERIES),
)


class ProcedureSteps:
    """The built-in answers of the Modality Performed Procedure Step and of its retrieval."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._ledger = surroundings.ledger

    def contexts(self) -> Iterable[PresentationContext]:
        """What it serves."""
        return [build_context(uid, list(UNCOMPRESSED)) for uid in (STEP, RETRIEVE)]

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """Who answers."""
        return {
            (events.EVT_N_CREATE, STEP): refusing(self.create),
            (events.EVT_N_SET, STEP): refusing(self.set),
            (events.EVT_N_GET, RETRIEVE): refusing(self.get),
        }

    def resume(self) -> None:
        """Nothing was interrupted."""

    def create(self, event: Event) -> Answer:
        """Answer an N-CREATE: the step begins."""
        check_class(event.request.AffectedSOPClassUID, STEP)
        named_uid = event.request.AffectedSOPInstanceUID
        uid = instance_of(named_uid) if named_uid else f"2.25.{uuid.uuid4().int}"
        data_set = read_data_set(event)
        remarks = check_required(data_set, CREATED)
        status = text_of(data_set, _STATUS)
        if status != IN_PROGRESS:
            raise RefusedError(INVALID_ATTRIBUTE_VALUE, f"A new step is {IN_PROGRESS}, not {status[:20]!r}.")
        try:
            record = self._ledger.add(
                PROCEDURE_STEP,
                uid,
                data_set,
                state=status,
                peer=str(event.assoc.requestor.ae_title),
                facts={"remarks": remarks},
            )
        except DuplicateRecordError as error:
            raise RefusedError(DUPLICATE_INSTANCE, "There is a step of this SOP Instance UID already.") from error
        self._follow(record)
        answer = status_of(SUCCESS)
        if not named_uid:
            answer.AffectedSOPInstanceUID = uid
        return answer, None

    def set(self, event: Event) -> Answer:
        """Answer an N-SET: the step goes on, or is over."""
        check_class(event.request.RequestedSOPClassUID, STEP)
        uid = instance_of(event.request.RequestedSOPInstanceUID)
        modifications = read_data_set(event)
        try:
            record = self._ledger.change(PROCEDURE_STEP, uid, lambda record: _modified(record, modifications))
        except UnknownRecordError as error:
            raise RefusedError(NO_SUCH_INSTANCE, "There is no step of this SOP Instance UID.") from error
        self._follow(record)
        return SUCCESS, None

    def get(self, event: Event) -> Answer:
        """Answer an N-GET of the retrieval: the attributes asked for, or all."""
        check_class(event.request.RequestedSOPClassUID, RETRIEVE, STEP)
        record = self._ledger.get(PROCEDURE_STEP, instance_of(event.request.RequestedSOPInstanceUID))
        if record is None:
            raise RefusedError(NO_SUCH_INSTANCE, "There is no step of this SOP Instance UID.")
        tags = [int(tag) for tag in event.attribute_identifiers if tag != _CHARACTER_SET]
        answer = Dataset()
        unknown = []
        for tag in tags or [int(element.tag) for element in record.data_set]:
            if tag in record.data_set:
                answer[tag] = record.data_set[tag]
            elif tag in _KNOWN:
                answer[tag] = empty_element(tag, dictionary_VR(tag))
            else:
                unknown.append(tag)
        choose_character_set(answer, record.data_set)
        if not unknown:
            return SUCCESS, answer
        status = status_of(ATTRIBUTE_LIST_ERROR, "The step has not all of the attributes.")
        status.AttributeIdentifierList = unknown
        return status, answer

    def _follow(self, record: Record) -> None:
        """Make the worklist say what became of the scheduled steps."""
        status = SCHEDULED_STATUS[record.state]
        for key in _scheduled(record.data_set):
            try:
                set_step_status(self._ledger, key, status)
            except UnknownRecordError:
                LOGGER.info("A step was performed that is not on the worklist: %s", key)
            except SQLAlchemyError as error:
                # The step itself is kept, and that is what the peer asked for.
                LOGGER.warning("The worklist cannot be changed: %s", error)


_KNOWN = frozenset(tag_of(row.keyword) for row in CREATED)


def _modified(record: Record, modifications: Dataset) -> Record:
    """Return the record as an N-SET makes it.

    Raises:
        RefusedError: It may not.
    """
    if record.state != IN_PROGRESS:
        raise RefusedError(
            PROCESSING_FAILURE,
            "Performed Procedure Step Object may no longer be updated",
            MAY_NO_LONGER_BE_UPDATED,
        )
    data_set = record.data_set
    remarks = []
    for keyword in NEVER_SET:
        if keyword in modifications and modifications[keyword] != data_set.get(tag_of(keyword)):
            raise RefusedError(NO_SUCH_ATTRIBUTE, f"{named(keyword)} may not be set.")
    for element in modifications:
        # The texts of both are characters by now, whatever they came in (PS3.4 F.7.2.2.3).
        if element.tag == _CHARACTER_SET or element.tag.element == 0:
            continue
        if element.tag not in data_set:
            remarks.append(f"{element.keyword or element.tag} was set, but not created.")
        data_set[element.tag] = element
    status = text_of(data_set, _STATUS)
    if status not in SCHEDULED_STATUS:
        raise RefusedError(INVALID_ATTRIBUTE_VALUE, f"{status[:20]!r} is no status of a performed procedure step.")
    if status in FINAL:
        # N-SET has no 0x0120 (PS3.7 10.1.3.1.9).
        remarks.extend(check_required(data_set, FINISHED, status=MISSING_ATTRIBUTE_VALUE))
    choose_character_set(data_set, data_set, modifications)
    known = record.facts.get("remarks")
    known = known if isinstance(known, list) else []
    facts = {**record.facts, "remarks": list(dict.fromkeys([*known, *remarks]))}
    return replace(record, state=status, data_set=data_set, facts=facts)


def _scheduled(data_set: Dataset) -> Iterator[str]:
    """The worklist items that a performed step was scheduled as; none if it was not."""
    for item in data_set.get("ScheduledStepAttributesSequence") or ():
        study, step = text_of(item, "StudyInstanceUID"), text_of(item, "ScheduledProcedureStepID")
        if study and step:
            yield f"{study}/{step}"


def set_step_status(ledger: Ledger, uid: str, status: str) -> None:
    """Give a worklist item another Scheduled Procedure Step Status.

    Raises:
        UnknownRecordError: There is no such item.
    """

    def changed(record: Record) -> Record:
        for step in record.data_set.get(STEPS) or ():
            step.ScheduledProcedureStepStatus = status
        return replace(record, state=status)

    ledger.change(WORKLIST, uid, changed)
