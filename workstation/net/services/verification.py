"""Verification (PS3.4 Annex A)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ServiceClass


class VerificationServiceClass(ServiceClass):
    """Verification: C-ECHO, whose answer says that the peer is there."""

    section = "PS3.4 Annex A"
    sop_classes = uids.VERIFICATION
    services = ("C-ECHO",)
    statuses = status.VERIFICATION_SERVICE_CLASS_STATUS
