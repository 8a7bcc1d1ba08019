"""Display System Management (PS3.4 Annex EE)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class DisplaySystemManagementServiceClass(ServiceClass):
    """Display System Management: displays and their quality control."""

    section = "PS3.4 Annex EE"
    sop_classes = uids.DISPLAY_SYSTEM
    services = ("N-GET",)
    statuses = status.DISPLAY_SYSTEM_SERVICE_CLASS_STATUS
