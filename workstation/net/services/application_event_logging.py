"""Application Event Logging (PS3.4 Annex P)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class ApplicationEventLoggingServiceClass(ServiceClass):
    """Application Event Logging: notes for a log that another application keeps."""

    section = "PS3.4 Annex P"
    sop_classes = uids.APPLICATION_EVENT_LOGGING
    services = ("N-ACTION",)
    statuses = status.APPLICATION_EVENT_LOGGING_SERVICE_CLASS_STATUS
