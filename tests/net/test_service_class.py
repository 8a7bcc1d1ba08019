"""Service classes with DIMSE-C services carry their tables."""

from __future__ import annotations

from workstation.net import service_class, status
from workstation.net.service_class import SERVICE_CLASSES, QueryRetrieveServiceClass, ServiceClass


def test_each_has_sop_classes_services_and_the_section_of_the_standard() -> None:
    for cls in SERVICE_CLASSES:
        assert cls.sop_classes
        assert cls.services
        assert all(service.startswith("C-") for service in cls.services)
        assert cls.section.startswith("PS3.4 Annex")
        assert cls.is_valid_status(0x0000)
        assert cls.is_valid_status(0x0110)
        assert not cls.is_valid_status(0x4242)


def test_query_retrieve_has_a_table_for_each_service() -> None:
    for name in ("HangingProtocol", "ColorPalette", "ImplantTemplate", "Inventory"):
        cls = getattr(service_class, f"{name}QueryRetrieveServiceClass")
        assert issubclass(cls, QueryRetrieveServiceClass)
        assert cls.is_valid_status(0xA801, "C-MOVE")
        assert not cls.is_valid_status(0xA801, "C-GET")
        assert not cls.is_valid_status(0xA701, "C-FIND")


def test_worklist_has_no_codes_of_repository_query() -> None:
    cls = service_class.BasicWorklistManagementServiceClass
    assert cls.statuses_of("C-FIND") is status.MODALITY_WORKLIST_SERVICE_CLASS_STATUS
    assert not cls.is_valid_status(0xB001, "C-FIND")


def test_base_is_what_nothing_is_known_of() -> None:
    assert ServiceClass.statuses is status.GENERAL_STATUS
    assert not ServiceClass.sop_classes
