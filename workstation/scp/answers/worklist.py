"""Modality Worklist: C-FIND over the items that the ledger keeps (PS3.4 K).

Which attributes can be matched is a table; all of Table K.6-1 that devices ask for. Steps that are over, COMPLETED or
DISCONTINUED, are no longer on the worklist, unless the request speaks of the Scheduled Procedure Step Status: whoever
asks for it, sees all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydicom.dataset import Dataset
from sqlalchemy.exc import SQLAlchemyError

from workstation.net import events, uids
from workstation.net.events import Event, InterventionEvent
from workstation.net.presentation import PresentationContext, build_context
from workstation.scp.answers.contexts import UNCOMPRESSED
from workstation.scp.answers.reading import UnreadableDataSetError, read_data_set
from workstation.scp.answers.searching import Searching
from workstation.scp.answers.worklist_items import WORKLIST
from workstation.scp.query.answer import status_of
from workstation.scp.query.levels import WrongIdentifierError
from workstation.scp.query.whole import Keywords, attributes_tree, check_whole
from workstation.scp.surroundings import Handler, Surroundings

LOGGER = logging.getLogger(__name__)

FIND = uids.BASIC_WORKLIST_MANAGEMENT["ModalityWorklistInformationFind"]

CANCEL = 0xFE00
OUT_OF_RESOURCES, UNABLE_TO_PROCESS = 0xA700, 0xC000

# Off the worklist, if nobody asks for the status.
OVER = frozenset({"COMPLETED", "DISCONTINUED"})

_REFERENCE: Keywords = {"ReferencedSOPClassUID": None, "ReferencedSOPInstanceUID": None}
# PS3.4 Table K.6-1; None: with all that may be in it.
_KEYWORDS: Keywords = {
    # Scheduled Procedure Step
    "ScheduledProcedureStepSequence": {
        "ScheduledStationAETitle": None,
        "ScheduledProcedureStepStartDate": None,
        "ScheduledProcedureStepStartTime": None,
        "ScheduledProcedureStepEndDate": None,
        "ScheduledProcedureStepEndTime": None,
        "Modality": None,
        "ScheduledPerformingPhysicianName": None,
        "ScheduledPerformingPhysicianIdentificationSequence": None,
        "ScheduledProcedureStepDescription": None,
        "ScheduledStationName": None,
        "ScheduledProcedureStepLocation": None,
        "ReferencedDefinedProtocolSequence": None,
        "ReferencedPerformedProtocolSequence": None,
        "ScheduledProtocolCodeSequence": None,
        "PreMedication": None,
        "ScheduledProcedureStepID": None,
        "RequestedContrastAgent": None,
        "ScheduledProcedureStepStatus": None,
        "ScheduledSpecimenSequence": None,
        "CommentsOnTheScheduledProcedureStep": None,
        "AnatomicalOrientationType": None,
    },
    "BarcodeValue": None,
    # Requested Procedure
    "RequestedProcedureID": None,
    "RequestedProcedureDescription": None,
    "RequestedProcedureCodeSequence": None,
    "StudyInstanceUID": None,
    "StudyDate": None,
    "StudyTime": None,
    "ReferencedStudySequence": _REFERENCE,
    "RequestedProcedurePriority": None,
    "PatientTransportArrangements": None,
    "ReasonForTheRequestedProcedure": None,
    "RequestedProcedureComments": None,
    "ReasonForRequestedProcedureCodeSequence": None,
    "RequestedProcedureLocation": None,
    "ConfidentialityCode": None,
    "NamesOfIntendedRecipientsOfResults": None,
    # Imaging Service Request
    "AccessionNumber": None,
    "IssuerOfAccessionNumberSequence": None,
    "RequestingPhysician": None,
    "RequestingPhysicianIdentificationSequence": None,
    "ReferringPhysicianName": None,
    "ReferringPhysicianIdentificationSequence": None,
    "RequestingService": None,
    "RequestingServiceCodeSequence": None,
    "IssueDateOfImagingServiceRequest": None,
    "IssueTimeOfImagingServiceRequest": None,
    "ImagingServiceRequestComments": None,
    "PlacerOrderNumberImagingServiceRequest": None,
    "FillerOrderNumberImagingServiceRequest": None,
    "OrderPlacerIdentifierSequence": None,
    "OrderFillerIdentifierSequence": None,
    "OrderEnteredBy": None,
    "OrderEntererLocation": None,
    "OrderCallbackPhoneNumber": None,
    # Visit
    "InstitutionName": None,
    "InstitutionAddress": None,
    "InstitutionalDepartmentName": None,
    "AdmissionID": None,
    "IssuerOfAdmissionIDSequence": None,
    "CurrentPatientLocation": None,
    "PatientInstitutionResidence": None,
    "VisitStatusID": None,
    "VisitComments": None,
    "AdmittingDate": None,
    "AdmittingDiagnosesDescription": None,
    "AdmittingDiagnosesCodeSequence": None,
    # Patient
    "ReferencedPatientSequence": _REFERENCE,
    "PatientName": None,
    "PatientID": None,
    "IssuerOfPatientID": None,
    "IssuerOfPatientIDQualifiersSequence": None,
    "TypeOfPatientID": None,
    "OtherPatientIDs": None,
    "OtherPatientIDsSequence": None,
    "OtherPatientNames": None,
    "PatientBirthDate": None,
    "PatientBirthTime": None,
    "PatientSex": None,
    "PatientAge": None,
    "PatientSize": None,
    "PatientWeight": None,
    "PatientPrimaryLanguageCodeSequence": None,
    "ConfidentialityConstraintOnPatientDataDescription": None,
    "EthnicGroup": None,
    "Occupation": None,
    "PatientComments": None,
    "PatientState": None,
    "PregnancyStatus": None,
    "LastMenstrualDate": None,
    "MedicalAlerts": None,
    "Allergies": None,
    "SpecialNeeds": None,
    "SmokingStatus": None,
    "AdditionalPatientHistory": None,
    "PertinentDocumentsSequence": None,
    "PatientSpeciesDescription": None,
    "PatientSpeciesCodeSequence": None,
    "PatientBreedDescription": None,
    "PatientBreedCodeSequence": None,
    "PatientSexNeutered": None,
    "ResponsiblePerson": None,
    "ResponsiblePersonRole": None,
    "ResponsibleOrganization": None,
}
ATTRIBUTES = attributes_tree(_KEYWORDS)

# SOP Class Extended Negotiation (PS3.4 K.5.1.1): reserved, reserved, fuzzy names, time zone.
ABILITIES = {FIND: b"\1\1\0\0"}


class Worklist:
    """The built-in answers of the Modality Worklist."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._later = surroundings.later
        self._searching = Searching(surroundings.ledger, WORKLIST, ATTRIBUTES)

    def contexts(self) -> Iterable[PresentationContext]:
        """What it serves."""
        return [build_context(FIND, list(UNCOMPRESSED))]

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """Who answers."""
        return {(events.EVT_C_FIND, FIND): self.find}

    def resume(self) -> None:
        """Read the items, so that the first query is quick."""
        self._searching.warm(self._later)

    def find(self, event: Event) -> Iterator[tuple[Any, Dataset | None]]:
        """Answer a C-FIND with one response for each Scheduled Procedure Step that matches."""
        try:
            # A range of dates with one of times means the time between (PS3.4 K.6.1.2.2), negotiated or not.
            request = check_whole(read_data_set(event), ATTRIBUTES, combined_date_time=True)
        except UnreadableDataSetError as error:
            yield status_of(UNABLE_TO_PROCESS, str(error)), None
            return
        except WrongIdentifierError as error:
            yield status_of(error.status, str(error)), None
            return
        sees_all = request.asks("ScheduledProcedureStepSequence", "ScheduledProcedureStepStatus")
        try:
            for _, item in self._searching.find(
                request, is_over=event.over.is_set, is_wanted=lambda state: sees_all or state not in OVER
            ):
                if event.over.is_set():
                    break
                yield request.pending, request.answer(item)
        except SQLAlchemyError as error:
            LOGGER.warning("The worklist cannot be read: %s", error)
            yield status_of(UNABLE_TO_PROCESS, "The worklist cannot be read."), None
            return
        if event.is_cancelled:
            yield CANCEL, None
