"""The service classes of PS3.4 with DIMSE-C services: which SOP classes and status codes each of them has.

Tables only. How a request is answered is in `services`; the classes with DIMSE-N services are in `service_class_n`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from workstation.net import status, uids
from workstation.net.status import StatusTable


class ServiceClass:
    """What every service class has, and the one of SOP classes that no service class is known for.

    Attributes:
        section: Where the standard defines it.
        sop_classes: Its SOP classes, {keyword: UID}.
        services: Its DIMSE services, as the standard spells them ("C-FIND").
        statuses: {code: (category, meaning)}; services with tables of their own are in `service_statuses`.
        service_statuses: {DIMSE service: table}.
    """

    section: ClassVar[str] = ""
    sop_classes: ClassVar[Mapping[str, str]] = {}
    services: ClassVar[tuple[str, ...]] = ()
    statuses: ClassVar[StatusTable] = status.GENERAL_STATUS
    service_statuses: ClassVar[Mapping[str, StatusTable]] = {}

    @classmethod
    def statuses_of(cls, service: str) -> StatusTable:
        """Return the status table of one DIMSE service ("C-MOVE") of this service class."""
        return cls.service_statuses.get(service, cls.statuses)

    @classmethod
    def is_valid_status(cls, code: int, service: str = "") -> bool:
        """Return whether the service class defines `code`."""
        return code in cls.statuses_of(service)


class VerificationServiceClass(ServiceClass):
    """PS3.4 Annex A."""

    section = "PS3.4 Annex A"
    sop_classes = uids.VERIFICATION
    services = ("C-ECHO",)
    statuses = status.VERIFICATION_SERVICE_CLASS_STATUS


class StorageServiceClass(ServiceClass):
    """PS3.4 Annex B."""

    section = "PS3.4 Annex B"
    sop_classes = uids.STORAGE
    services = ("C-STORE",)
    statuses = status.STORAGE_SERVICE_CLASS_STATUS


class QueryRetrieveServiceClass(ServiceClass):
    """PS3.4 Annex C, and Annexes Y and Z (Composite Instance Retrieve)."""

    section = "PS3.4 Annex C"
    sop_classes: ClassVar[Mapping[str, str]] = uids.QUERY_RETRIEVE
    services: ClassVar[tuple[str, ...]] = ("C-FIND", "C-GET", "C-MOVE")
    statuses = status.QR_FIND_SERVICE_CLASS_STATUS
    service_statuses: ClassVar[Mapping[str, StatusTable]] = {
        "C-FIND": status.QR_FIND_SERVICE_CLASS_STATUS,
        "C-GET": status.QR_GET_SERVICE_CLASS_STATUS,
        "C-MOVE": status.QR_MOVE_SERVICE_CLASS_STATUS,
    }


class BasicWorklistManagementServiceClass(QueryRetrieveServiceClass):
    """PS3.4 Annex K."""

    section = "PS3.4 Annex K"
    sop_classes = uids.BASIC_WORKLIST_MANAGEMENT
    services = ("C-FIND",)
    statuses = status.MODALITY_WORKLIST_SERVICE_CLASS_STATUS
    service_statuses: ClassVar[Mapping[str, StatusTable]] = {}


class RelevantPatientInformationQueryServiceClass(ServiceClass):
    """PS3.4 Annex Q. One match at most."""

    section = "PS3.4 Annex Q"
    sop_classes = uids.RELEVANT_PATIENT_INFORMATION
    services = ("C-FIND",)
    statuses = status.RELEVANT_PATIENT_SERVICE_CLASS_STATUS


class HangingProtocolQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """PS3.4 Annex U."""

    section = "PS3.4 Annex U"
    sop_classes = uids.HANGING_PROTOCOL


class SubstanceAdministrationQueryServiceClass(QueryRetrieveServiceClass):
    """PS3.4 Annex V."""

    section = "PS3.4 Annex V"
    sop_classes = uids.SUBSTANCE_ADMINISTRATION
    services = ("C-FIND",)
    statuses = status.SUBSTANCE_ADMINISTRATION_SERVICE_CLASS_STATUS
    service_statuses: ClassVar[Mapping[str, StatusTable]] = {}


class ColorPaletteQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """PS3.4 Annex X."""

    section = "PS3.4 Annex X"
    sop_classes = uids.COLOR_PALETTE


class ImplantTemplateQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """PS3.4 Annex BB."""

    section = "PS3.4 Annex BB"
    sop_classes = uids.IMPLANT_TEMPLATE


class NonPatientObjectStorageServiceClass(ServiceClass):
    """PS3.4 Annex GG."""

    section = "PS3.4 Annex GG"
    sop_classes = uids.NON_PATIENT_OBJECT
    services = ("C-STORE",)
    statuses = status.NON_PATIENT_OBJECT_SERVICE_CLASS_STATUS


class DefinedProcedureProtocolQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """PS3.4 Annex HH."""

    section = "PS3.4 Annex HH"
    sop_classes = uids.DEFINED_PROCEDURE_PROTOCOL


class ProtocolApprovalQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """PS3.4 Annex II."""

    section = "PS3.4 Annex II"
    sop_classes = uids.PROTOCOL_APPROVAL


class InventoryQueryRetrieveServiceClass(QueryRetrieveServiceClass):
    """PS3.4 Annex JJ."""

    section = "PS3.4 Annex JJ"
    sop_classes = uids.INVENTORY


SERVICE_CLASSES: tuple[type[ServiceClass], ...] = (
    VerificationServiceClass,
    StorageServiceClass,
    QueryRetrieveServiceClass,
    BasicWorklistManagementServiceClass,
    RelevantPatientInformationQueryServiceClass,
    HangingProtocolQueryRetrieveServiceClass,
    SubstanceAdministrationQueryServiceClass,
    ColorPaletteQueryRetrieveServiceClass,
    ImplantTemplateQueryRetrieveServiceClass,
    NonPatientObjectStorageServiceClass,
    DefinedProcedureProtocolQueryRetrieveServiceClass,
    ProtocolApprovalQueryRetrieveServiceClass,
    InventoryQueryRetrieveServiceClass,
)
