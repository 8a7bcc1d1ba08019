"""SOP classes by name, in all the spellings that scripts use, and private ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom import uid as pydicom_uid
from pydicom.uid import UID

from workstation.net import sop_class, uids
from workstation.net.service_class import (
    NonPatientObjectStorageServiceClass,
    QueryRetrieveServiceClass,
    ServiceClass,
    StorageServiceClass,
    VerificationServiceClass,
)
from workstation.net.service_class_n import UnifiedProcedureStepServiceClass


def test_names_are_uids_that_know_their_service_class() -> None:
    from workstation.net.sop_class import CTImageStorage, Verification

    assert CTImageStorage == "1.2.840.10008.5.1.4.1.1.2" == pydicom_uid.CTImageStorage
    assert isinstance(CTImageStorage, UID)
    assert CTImageStorage.name == "CT Image Storage"
    assert CTImageStorage.service_class is StorageServiceClass
    assert Verification.service_class is VerificationServiceClass


def test_well_known_instances_have_names() -> None:
    for name, uid in uids.INSTANCES.items():
        assert getattr(sop_class, name) == uid
        assert isinstance(getattr(sop_class, name), UID)
        assert uids.uid_name(uid).endswith("SOP Instance")
        assert name in dir(sop_class)


def test_there_are_252_names() -> None:
    # whatever other tests registered
    names = set(sop_class.sop_class_names()) - set(sop_class._keywords.values())
    assert len(names) == 252
    assert set(sop_class.sop_class_names()) <= set(dir(sop_class))
    for name in sop_class.sop_class_names():
        uid = getattr(sop_class, name)
        assert uid.is_valid
        assert uid.name != uid


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("VerificationSOPClass", "Verification"),
        ("StorageCommitmentPushModelSOPClass", "StorageCommitmentPushModel"),
        ("ModalityPerformedProcedureStepSOPClass", "ModalityPerformedProcedureStep"),
        ("BasicGrayscalePrintManagementMetaSOPClass", "BasicGrayscalePrintManagementMeta"),
        ("ModalityWorklistInformationModelFind", "ModalityWorklistInformationFind"),
        ("ColorPaletteQueryRetrieveInformationModelGet", "ColorPaletteInformationModelGet"),
        ("PseudoColorSoftcopyPresentationStageStorage", "PseudoColorSoftcopyPresentationStateStorage"),
        ("RoboticArmRadiationRecordStorage", "RoboticRadiationRecordStorage"),
    ],
)
def test_other_spellings(old: str, new: str) -> None:
    assert getattr(sop_class, old) is getattr(sop_class, new)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="NoSuchStorage"):
        _ = sop_class.NoSuchStorage


def test_unknown_uid_has_the_base_service_class() -> None:
    unknown = sop_class.uid_to_sop_class("1.2.3.4")
    assert isinstance(unknown, sop_class.SOPClass)
    assert unknown.service_class is ServiceClass
    assert unknown.name == "1.2.3.4"
    assert sop_class.uid_to_service_class("1.2.3.4") is ServiceClass
    assert not sop_class.is_known("1.2.3.4")


def test_uids_of_service_classes() -> None:
    assert sop_class.uid_to_service_class("1.2.840.10008.4.2") is StorageServiceClass
    assert sop_class.uid_to_service_class("1.2.840.10008.5.1.4.34.6") is UnifiedProcedureStepServiceClass


def test_media_storage_has_no_service_class() -> None:
    assert sop_class.MediaStorageDirectoryStorage.service_class is ServiceClass
    assert sop_class.is_known(sop_class.MediaStorageDirectoryStorage)


def test_storage() -> None:
    assert sop_class.is_storage(uids.STORAGE["MRImageStorage"])
    assert sop_class.is_storage(sop_class.HangingProtocolStorage)
    assert sop_class.HangingProtocolStorage.service_class is NonPatientObjectStorageServiceClass
    assert not sop_class.is_storage(sop_class.Verification)
    assert not sop_class.is_storage("1.2.3.4")


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("PatientRootQueryRetrieveInformationModelFind", "C-FIND"),
        ("StudyRootQueryRetrieveInformationModelMove", "C-MOVE"),
        ("CompositeInstanceRetrieveWithoutBulkDataGet", "C-GET"),
        ("RepositoryQuery", "C-FIND"),
        ("ModalityWorklistInformationFind", "C-FIND"),
        ("InventoryMove", "C-MOVE"),
        ("CTImageStorage", "C-STORE"),
    ],
)
def test_service_of_a_query_model(name: str, service: str) -> None:
    assert sop_class.dimse_services(getattr(sop_class, name)) == (service,)


@pytest.fixture
def registry() -> Iterator[None]:
    tables = (sop_class._by_name, sop_class._service_classes, sop_class._keywords, sop_class._services)
    before = [dict(table) for table in tables]
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)  # type: ignore[arg-type]


@pytest.mark.usefixtures("registry")
class TestRegister:
    def test_storage(self) -> None:
        sop_class.register_uid("1.2.246.1", "OurStorage", StorageServiceClass)
        assert sop_class.OurStorage == "1.2.246.1"
        assert sop_class.OurStorage.service_class is StorageServiceClass
        assert sop_class.OurStorage.name == "OurStorage"
        assert sop_class.is_storage("1.2.246.1")
        assert sop_class.is_known("1.2.246.1")

    def test_query_needs_its_service(self) -> None:
        with pytest.raises(ValueError, match="dimse_msg_type"):
            sop_class.register_uid("1.2.246.2", "OurFind", QueryRetrieveServiceClass)
        sop_class.register_uid("1.2.246.2", "OurMove", QueryRetrieveServiceClass, "C-MOVE")
        assert sop_class.dimse_services("1.2.246.2") == ("C-MOVE",)

    @pytest.mark.parametrize("keyword", ["not a name", "2nd", "class", ""])
    def test_keyword_that_cannot_be_a_name(self, keyword: str) -> None:
        with pytest.raises(ValueError, match="keyword"):
            sop_class.register_uid("1.2.246.3", keyword, StorageServiceClass)

    @pytest.mark.parametrize("wrong", [StorageServiceClass(), str, None])
    def test_service_class_must_be_a_class(self, wrong: object) -> None:
        with pytest.raises(TypeError, match="service_class"):
            sop_class.register_uid("1.2.246.4", "Ours", wrong)  # type: ignore[arg-type]
