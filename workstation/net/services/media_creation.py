"""Media Creation Management (PS3.4 Annex S)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class MediaCreationManagementServiceClass(ServiceClass):
    """Media Creation Management: requests to write instances on media."""

    section = "PS3.4 Annex S"
    sop_classes = uids.MEDIA_CREATION_MANAGEMENT
    services = ("N-CREATE", "N-GET", "N-ACTION")
    statuses = status.MEDIA_CREATION_MANAGEMENT_SERVICE_CLASS_STATUS
