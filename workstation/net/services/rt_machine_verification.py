"""RT Machine Verification (PS3.4 Annex DD)."""

from __future__ import annotations

from workstation.net import status, uids
from workstation.net.services.base import ALL_N_SERVICES, ServiceClass


class RTMachineVerificationServiceClass(ServiceClass):
    """RT Machine Verification: the settings of a treatment machine, compared with the plan."""

    section = "PS3.4 Annex DD"
    sop_classes = uids.RT_MACHINE_VERIFICATION
    services = ALL_N_SERVICES
    statuses = status.RT_MACHINE_VERIFICATION_SERVICE_CLASS_STATUS
