"""Storage (PS3.4 Annex B)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class StorageServiceClass(ServiceClass):
    """Storage: composite instances of patients, sent with C-STORE."""

    section = "PS3.4 Annex B"
    sop_classes = uids.STORAGE
    services = ("C-STORE",)
    statuses = status.STORAGE_SERVICE_CLASS_STATUS
