"""Storage Commitment (PS3.4 Annex J)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class StorageCommitmentServiceClass(ServiceClass):
    """Storage Commitment: who keeps an instance: asked with N-ACTION, answered with N-EVENT-REPORT."""

    section = "PS3.4 Annex J"
    sop_classes = uids.STORAGE_COMMITMENT
    services = ("N-ACTION", "N-EVENT-REPORT")
    statuses = status.STORAGE_COMMITMENT_SERVICE_CLASS_STATUS
