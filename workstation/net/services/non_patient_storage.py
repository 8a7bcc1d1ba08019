"""Non-Patient Object Storage (PS3.4 Annex GG)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class NonPatientObjectStorageServiceClass(ServiceClass):
    """Non-Patient Object Storage: instances that belong to no patient, sent with C-STORE."""

    section = "PS3.4 Annex GG"
    sop_classes = uids.NON_PATIENT_OBJECT
    services = ("C-STORE",)
    statuses = status.NON_PATIENT_OBJECT_SERVICE_CLASS_STATUS
