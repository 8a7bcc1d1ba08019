"""Relevant Patient Information Query (PS3.4 Annex Q)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class RelevantPatientInformationQueryServiceClass(ServiceClass):
    """Relevant Patient Information Query: a structured report on one patient, asked for with C-FIND."""

    section = "PS3.4 Annex Q"
    sop_classes = uids.RELEVANT_PATIENT_INFORMATION
    services = ("C-FIND",)
    statuses = status.RELEVANT_PATIENT_SERVICE_CLASS_STATUS
    # one patient, hence one match at most: for more the standard has the failure C100
    most_matches = 1
