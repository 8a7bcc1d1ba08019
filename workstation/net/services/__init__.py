"""The service classes of PS3.4: one small module for each, tables all of them.

`SERVICE_CLASSES` has them in the order of the standard's annexes.
"""

from __future__ import annotations

from typing import Final

from workstation.net.services.application_event_logging import ApplicationEventLoggingServiceClass
from workstation.net.services.base import ServiceClass
from workstation.net.services.color_palette import ColorPaletteQueryRetrieveServiceClass
from workstation.net.services.defined_procedure_protocol import DefinedProcedureProtocolQueryRetrieveServiceClass
from workstation.net.services.display_system import DisplaySystemManagementServiceClass
from workstation.net.services.hanging_protocol import HangingProtocolQueryRetrieveServiceClass
from workstation.net.services.implant_template import ImplantTemplateQueryRetrieveServiceClass
from workstation.net.services.instance_availability import InstanceAvailabilityNotificationServiceClass
from workstation.net.services.inventory import InventoryQueryRetrieveServiceClass
from workstation.net.services.media_creation import MediaCreationManagementServiceClass
from workstation.net.services.non_patient_storage import NonPatientObjectStorageServiceClass
from workstation.net.services.print_management import PrintManagementServiceClass
from workstation.net.services.procedure_step import ProcedureStepServiceClass
from workstation.net.services.protocol_approval import ProtocolApprovalQueryRetrieveServiceClass
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass
from workstation.net.services.relevant_patient import RelevantPatientInformationQueryServiceClass
from workstation.net.services.rt_machine_verification import RTMachineVerificationServiceClass
from workstation.net.services.storage import StorageServiceClass
from workstation.net.services.storage_commitment import StorageCommitmentServiceClass
from workstation.net.services.storage_management import StorageManagementServiceClass
from workstation.net.services.substance_administration import SubstanceAdministrationQueryServiceClass
from workstation.net.services.unified_procedure_step import UnifiedProcedureStepServiceClass
from workstation.net.services.verification import VerificationServiceClass
from workstation.net.services.worklist import BasicWorklistManagementServiceClass

SERVICE_CLASSES: Final[tuple[type[ServiceClass], ...]] = (
    VerificationServiceClass,
    StorageServiceClass,
    QueryRetrieveServiceClass,
    ProcedureStepServiceClass,
    PrintManagementServiceClass,
    StorageCommitmentServiceClass,
    BasicWorklistManagementServiceClass,
    ApplicationEventLoggingServiceClass,
    RelevantPatientInformationQueryServiceClass,
    InstanceAvailabilityNotificationServiceClass,
    MediaCreationManagementServiceClass,
    HangingProtocolQueryRetrieveServiceClass,
    SubstanceAdministrationQueryServiceClass,
    ColorPaletteQueryRetrieveServiceClass,
    ImplantTemplateQueryRetrieveServiceClass,
    UnifiedProcedureStepServiceClass,
    RTMachineVerificationServiceClass,
    DisplaySystemManagementServiceClass,
    NonPatientObjectStorageServiceClass,
    DefinedProcedureProtocolQueryRetrieveServiceClass,
    ProtocolApprovalQueryRetrieveServiceClass,
    InventoryQueryRetrieveServiceClass,
    StorageManagementServiceClass,
)
