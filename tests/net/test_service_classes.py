"""The service classes carry the standard's tables, one module each."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from workstation.net import service_class, service_class_n, services, status, uids
from workstation.net.operations.common import EVENTS
from workstation.net.services import SERVICE_CLASSES
from workstation.net.services.base import ServiceClass
from workstation.net.services.print_management import PrintManagementServiceClass
from workstation.net.services.procedure_step import ProcedureStepServiceClass
from workstation.net.services.query_retrieve import QueryRetrieveServiceClass
from workstation.net.services.storage_commitment import StorageCommitmentServiceClass
from workstation.net.services.unified_procedure_step import UnifiedProcedureStepServiceClass
from workstation.net.services.worklist import BasicWorklistManagementServiceClass
from workstation.net.sop_class import dimse_services, uid_to_service_class

EVERY_SERVICE = {kind.__name__.removesuffix("_RQ").replace("_", "-") for kind in EVENTS}


def test_each_has_a_module_of_its_own_and_is_listed() -> None:
    found = {
        value
        for module in pkgutil.iter_modules(services.__path__)
        for value in vars(importlib.import_module(f"{services.__name__}.{module.name}")).values()
        if isinstance(value, type) and issubclass(value, ServiceClass) and value is not ServiceClass
    }
    assert found == set(SERVICE_CLASSES)
    assert len({cls.__module__ for cls in SERVICE_CLASSES}) == len(SERVICE_CLASSES) == 23


@pytest.mark.parametrize("cls", SERVICE_CLASSES, ids=lambda cls: cls.__name__)
def test_each_has_sop_classes_services_statuses_and_the_section_of_the_standard(cls: type[ServiceClass]) -> None:
    assert cls.sop_classes
    assert cls.services
    assert set(cls.services) <= EVERY_SERVICE
    assert set(cls.services_of) in (set(), set(cls.sop_classes))
    assert cls.section.startswith("PS3.4 Annex")
    assert cls.is_valid_status(0x0000)
    assert cls.is_valid_status(0x0110)
    assert not cls.is_valid_status(0x4242)


def test_no_sop_class_belongs_to_two_service_classes() -> None:
    every = [uid for cls in SERVICE_CLASSES for uid in cls.sop_classes.values()]
    # All 252 but Media Storage Directory, which has no network service.
    assert len(every) == len(set(every)) == 251


def test_documented_modules_have_them_all() -> None:
    documented = {
        value
        for module in (service_class, service_class_n)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceClass)
    }
    assert documented == {ServiceClass, *SERVICE_CLASSES}
    assert set(service_class.__all__) | set(service_class_n.__all__) == {cls.__name__ for cls in documented}


def test_query_retrieve_has_a_table_for_each_service() -> None:
    for name in ("HangingProtocol", "ColorPalette", "ImplantTemplate", "Inventory"):
        cls = getattr(service_class, f"{name}QueryRetrieveServiceClass")
        assert issubclass(cls, QueryRetrieveServiceClass)
        assert cls.is_valid_status(0xA801, "C-MOVE")
        assert not cls.is_valid_status(0xA801, "C-GET")
        assert not cls.is_valid_status(0xA701, "C-FIND")


def test_worklist_has_no_codes_of_repository_query() -> None:
    cls = BasicWorklistManagementServiceClass
    assert cls.statuses_of("C-FIND") is status.MODALITY_WORKLIST_SERVICE_CLASS_STATUS
    assert not cls.is_valid_status(0xB001, "C-FIND")


def test_warnings_of_their_own() -> None:
    assert PrintManagementServiceClass.is_valid_status(0xB60A)
    assert ProcedureStepServiceClass.is_valid_status(0x0001)
    assert not StorageCommitmentServiceClass.is_valid_status(0x0001)


def test_services_of_each_sop_class() -> None:
    steps, work = uids.PROCEDURE_STEP, uids.UNIFIED_PROCEDURE_STEP
    assert dimse_services(steps["ModalityPerformedProcedureStep"]) == ("N-CREATE", "N-SET")
    assert dimse_services(work["UnifiedProcedureStepQuery"]) == ("C-FIND",)
    assert dimse_services(uids.QUERY_RETRIEVE["StudyRootQueryRetrieveInformationModelMove"]) == ("C-MOVE",)
    assert dimse_services(uids.STORAGE["CTImageStorage"]) == ("C-STORE",)
    assert set(dimse_services("1.2.3.4")) == EVERY_SERVICE
    assert set(PrintManagementServiceClass.services) == {name for name in EVERY_SERVICE if name.startswith("N-")}


def test_push_requests_may_travel_in_other_contexts() -> None:
    push = uids.UNIFIED_PROCEDURE_STEP["UnifiedProcedureStepPush"]
    others = UnifiedProcedureStepServiceClass.carriers[push]
    assert {push, *others} == set(uids.UNIFIED_PROCEDURE_STEP.values())


def test_base_is_what_nothing_is_known_of() -> None:
    assert uid_to_service_class("1.2.3.4.5") is ServiceClass
    assert ServiceClass.statuses is status.GENERAL_STATUS
    assert not ServiceClass.sop_classes
