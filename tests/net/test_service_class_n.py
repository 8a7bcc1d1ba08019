"""Service classes with DIMSE-N services carry their tables."""

from __future__ import annotations

from workstation.net import service_class_n as n
from workstation.net.service_class import SERVICE_CLASSES, ServiceClass


def test_each_has_sop_classes_services_and_the_section_of_the_standard() -> None:
    for cls in n.SERVICE_CLASSES_N:
        assert issubclass(cls, ServiceClass)
        assert cls.sop_classes
        assert cls.section.startswith("PS3.4 Annex")
        assert any(service.startswith("N-") for service in cls.services)
        assert cls.is_valid_status(0x0000)


def test_their_services_are_those_of_the_standard() -> None:
    services = {cls.__name__.removesuffix("ServiceClass"): set(cls.services) for cls in n.SERVICE_CLASSES_N}
    assert services["StorageCommitment"] == {"N-ACTION", "N-EVENT-REPORT"}
    assert services["DisplaySystemManagement"] == {"N-GET"}
    assert "C-FIND" in services["UnifiedProcedureStep"]
    assert len(services["PrintManagement"]) == 6


def test_warnings_of_their_own() -> None:
    assert n.PrintManagementServiceClass.is_valid_status(0xB60A)
    assert n.ProcedureStepServiceClass.is_valid_status(0x0001)
    assert not n.StorageCommitmentServiceClass.is_valid_status(0x0001)


def test_no_sop_class_belongs_to_two_service_classes() -> None:
    every = [uid for cls in (*SERVICE_CLASSES, *n.SERVICE_CLASSES_N) for uid in cls.sop_classes.values()]
    # All 252 but Media Storage Directory, which has no network service.
    assert len(every) == len(set(every)) == 251
