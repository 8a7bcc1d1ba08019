"""Non-Patient Object Storage (PS3.4 Annex GG)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.storage import StorageServiceClass


class NonPatientObjectStorageServiceClass(StorageServiceClass):
    """Non-Patient Object Storage: instances that belong to no patient, sent with C-STORE."""

    section = "PS3.4 Annex GG"
    sop_classes = uids.NON_PATIENT_OBJECT
    statuses = status.NON_PATIENT_SERVICE_CLASS_STATUS
