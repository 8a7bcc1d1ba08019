"""The service classes of PS3.4 with DIMSE-N services: which SOP classes and status codes each of them has.

Tables only. How a request is answered is in `services`; the classes with DIMSE-C services are in `service_class`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from workstation.net import status, uids
from workstation.net.service_class import ServiceClass
from workstation.net.status import StatusTable

_ALL_N_SERVICES = ("N-EVENT-REPORT", "N-GET", "N-SET", "N-ACTION", "N-CREATE", "N-DELETE")


class ProcedureStepServiceClass(ServiceClass):
    """PS3.4 Annex F: Modality Performed Procedure Step."""

    section = "PS3.4 Annex F"
    sop_classes = uids.PROCEDURE_STEP
    services = ("N-CREATE", "N-SET", "N-GET", "N-EVENT-REPORT")
    statuses = status.PROCEDURE_STEP_STATUS


class PrintManagementServiceClass(ServiceClass):
    """PS3.4 Annex H."""

    section = "PS3.4 Annex H"
    sop_classes = uids.PRINT_MANAGEMENT
    services = _ALL_N_SERVICES
    statuses = status.PRINT_JOB_MANAGEMENT_SERVICE_CLASS_STATUS


class StorageCommitmentServiceClass(ServiceClass):
    """PS3.4 Annex J."""

    section = "PS3.4 Annex J"
    sop_classes = uids.STORAGE_COMMITMENT
    services = ("N-ACTION", "N-EVENT-REPORT")
    statuses = status.STORAGE_COMMITMENT_SERVICE_CLASS_STATUS


class ApplicationEventLoggingServiceClass(ServiceClass):
    """PS3.4 Annex P."""

    section = "PS3.4 Annex P"
    sop_classes = uids.APPLICATION_EVENT_LOGGING
    services = ("N-ACTION",)
    statuses = status.APPLICATION_EVENT_LOGGING_SERVICE_CLASS_STATUS


class InstanceAvailabilityNotificationServiceClass(ServiceClass):
    """PS3.4 Annex R."""

    section = "PS3.4 Annex R"
    sop_classes = uids.INSTANCE_AVAILABILITY
    services = ("N-CREATE",)
    statuses = status.INSTANCE_AVAILABILITY_SERVICE_CLASS_STATUS


class MediaCreationManagementServiceClass(ServiceClass):
    """PS3.4 Annex S."""

    section = "PS3.4 Annex S"
    sop_classes = uids.MEDIA_CREATION_MANAGEMENT
    services = ("N-CREATE", "N-GET", "N-ACTION")
    statuses = status.MEDIA_CREATION_MANAGEMENT_SERVICE_CLASS_STATUS


class UnifiedProcedureStepServiceClass(ServiceClass):
    """PS3.4 Annex CC."""

    section = "PS3.4 Annex CC"
    sop_classes = uids.UNIFIED_PROCEDURE_STEP
    services = ("C-FIND", "N-CREATE", "N-SET", "N-GET", "N-ACTION", "N-EVENT-REPORT")
    statuses: ClassVar[StatusTable] = status.UNIFIED_PROCEDURE_STEP_SERVICE_CLASS_STATUS


class RTMachineVerificationServiceClass(ServiceClass):
    """PS3.4 Annex DD."""

    section = "PS3.4 Annex DD"
    sop_classes: ClassVar[Mapping[str, str]] = uids.RT_MACHINE_VERIFICATION
    services = _ALL_N_SERVICES
    statuses = status.RT_MACHINE_VERIFICATION_SERVICE_CLASS_STATUS


class DisplaySystemManagementServiceClass(ServiceClass):
    """PS3.4 Annex EE."""

    section = "PS3.4 Annex EE"
    sop_classes = uids.DISPLAY_SYSTEM
    services = ("N-GET",)
    statuses = status.DISPLAY_SYSTEM_SERVICE_CLASS_STATUS


class StorageManagementServiceClass(ServiceClass):
    """PS3.4 Annex KK."""

    section = "PS3.4 Annex KK"
    sop_classes = uids.STORAGE_MANAGEMENT
    services = ("N-ACTION", "N-GET", "N-EVENT-REPORT")
    statuses = status.STORAGE_MANAGEMENT_SERVICE_CLASS_STATUS


SERVICE_CLASSES_N: tuple[type[ServiceClass], ...] = (
    ProcedureStepServiceClass,
    PrintManagementServiceClass,
    StorageCommitmentServiceClass,
    ApplicationEventLoggingServiceClass,
    InstanceAvailabilityNotificationServiceClass,
    MediaCreationManagementServiceClass,
    UnifiedProcedureStepServiceClass,
    RTMachineVerificationServiceClass,
    DisplaySystemManagementServiceClass,
    StorageManagementServiceClass,
)
