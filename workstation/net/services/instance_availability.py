"""Instance Availability Notification (PS3.4 Annex R)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class InstanceAvailabilityNotificationServiceClass(ServiceClass):
    """Instance Availability Notification: which instances of a study can be retrieved, and where."""

    section = "PS3.4 Annex R"
    sop_classes = uids.INSTANCE_AVAILABILITY
    services = ("N-CREATE",)
    statuses = status.INSTANCE_AVAILABILITY_SERVICE_CLASS_STATUS
