"""Modality Performed Procedure Step (PS3.4 Annex F)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class ProcedureStepServiceClass(ServiceClass):
    """Modality Performed Procedure Step: what a modality did, told while it does it."""

    section = "PS3.4 Annex F"
    sop_classes = uids.PROCEDURE_STEP
    services_of: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ModalityPerformedProcedureStep": ("N-CREATE", "N-SET"),
        "ModalityPerformedProcedureStepRetrieve": ("N-GET",),
        "ModalityPerformedProcedureStepNotification": ("N-EVENT-REPORT",),
    }
    statuses = status.PROCEDURE_STEP_STATUS
