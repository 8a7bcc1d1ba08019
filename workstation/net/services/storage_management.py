"""Storage Management (PS3.4 Annex KK)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class StorageManagementServiceClass(ServiceClass):
    """Storage Management: inventories made on request."""

    section = "PS3.4 Annex KK"
    sop_classes = uids.STORAGE_MANAGEMENT
    services = ("N-ACTION", "N-GET", "N-EVENT-REPORT")
    statuses = status.STORAGE_MANAGEMENT_SERVICE_CLASS_STATUS
