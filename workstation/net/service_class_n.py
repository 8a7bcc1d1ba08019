"""The documented names of the service classes with DIMSE-N services; each has a module in `services`."""

from __future__ import annotations

from workstation.net.services.application_event_logging import ApplicationEventLoggingServiceClass
from workstation.net.services.display_system import DisplaySystemManagementServiceClass
from workstation.net.services.instance_availability import InstanceAvailabilityNotificationServiceClass
from workstation.net.services.media_creation import MediaCreationManagementServiceClass
from workstation.net.services.print_management import PrintManagementServiceClass
from workstation.net.services.procedure_step import ProcedureStepServiceClass
from workstation.net.services.rt_machine_verification import RTMachineVerificationServiceClass
from workstation.net.services.storage_commitment import StorageCommitmentServiceClass
from workstation.net.services.storage_management import StorageManagementServiceClass
from workstation.net.services.unified_procedure_step import UnifiedProcedureStepServiceClass

__all__ = [
    "ApplicationEventLoggingServiceClass",
    "DisplaySystemManagementServiceClass",
    "InstanceAvailabilityNotificationServiceClass",
    "MediaCreationManagementServiceClass",
    "PrintManagementServiceClass",
    "ProcedureStepServiceClass",
    "RTMachineVerificationServiceClass",
    "StorageCommitmentServiceClass",
    "StorageManagementServiceClass",
    "UnifiedProcedureStepServiceClass",
]
