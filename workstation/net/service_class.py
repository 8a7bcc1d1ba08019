"""The documented names of the service classes with DIMSE-C services; each has a module in `services`."""

from __future__ import annotations

from workstation.net.services.base import ServiceClass
from workstation.net.services.color_palette import ColorPaletteQueryRetrieveServiceClass
from workstation.net.services.defined_procedure_protocol import DefinedProcedureProtocolQueryRetrieveServiceClass
from workstation.net.services.hanging_protocol import HangingProtocolQueryRetrieveServiceClass
from workstation.net.services.implant_template import ImplantTemplateQueryRetrieveServiceClass
from workstation.net.services.inventory import InventoryQueryRetrieveServiceClass
from workstation.net.services.non_patient_storage import NonPatientObjectStorageServiceClass
from workstation.net.services.protocol_approval import ProtocolApprovalQueryRetrieveServiceClass
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass
from workstation.net.services.relevant_patient import RelevantPatientInformationQueryServiceClass
from workstation.net.services.storage import StorageServiceClass
from workstation.net.services.substance_administration import SubstanceAdministrationQueryServiceClass
from workstation.net.services.verification import VerificationServiceClass
from workstation.net.services.worklist import BasicWorklistManagementServiceClass

__all__ = [
    "BasicWorklistManagementServiceClass",
    "ColorPaletteQueryRetrieveServiceClass",
    "DefinedProcedureProtocolQueryRetrieveServiceClass",
    "HangingProtocolQueryRetrieveServiceClass",
    "ImplantTemplateQueryRetrieveServiceClass",
    "InventoryQueryRetrieveServiceClass",
    "NonPatientObjectStorageServiceClass",
    "ProtocolApprovalQueryRetrieveServiceClass",
    "QueryRetrieveServiceClass",
    "RelevantPatientInformationQueryServiceClass",
    "ServiceClass",
    "StorageServiceClass",
    "SubstanceAdministrationQueryServiceClass",
    "VerificationServiceClass",
]
