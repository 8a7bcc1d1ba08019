"""Instance availability over real sockets: kept as it was told, refused where something is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from answering_kit import Served, served
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE as PeerAE
from pynetdicom.sop_class import InstanceAvailabilityNotification  # type: ignore[attr-defined]

from workstation.net.association import Association
from workstation.scp.answers.availability import AVAILABILITY, NOTIFICATION, Availability

UID = "1.2.826.0.1.3680043.9.2"
SUCCESS = 0x0000


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), Availability) as made:
        yield made


@pytest.fixture
def server(listening: Served) -> Iterator[Served]:
    """The one server of these tests; it forgets what each has left."""
    yield listening
    listening.forget()


@pytest.fixture
def association(server: Served) -> Iterator[Association]:
    with server.associated(NOTIFICATION, calling="PACS") as made:
        yield made


def told(*availabilities: str) -> Dataset:
    instances = []
    for number, availability in enumerate(availabilities):
        instance = Dataset()
        instance.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        instance.ReferencedSOPInstanceUID = f"1.2.3.{number}"
        instance.InstanceAvailability = availability
        instance.RetrieveAETitle = "PACS"
        instances.append(instance)
    series = Dataset()
    series.SeriesInstanceUID = "1.2.3"
    series.ReferencedSOPSequence = Sequence(instances)
    data_set = Dataset()
    data_set.ReferencedPerformedProcedureStepSequence = Sequence()
    data_set.StudyInstanceUID = "1.2"
    data_set.ReferencedSeriesSequence = Sequence([series])
    return data_set


@pytest.mark.parametrize(
    ("availabilities", "state"),
    [(["ONLINE"], "ONLINE"), (["OFFLINE", "OFFLINE"], "OFFLINE"), (["ONLINE", "UNAVAILABLE"], "MIXED")],
)
def test_what_is_told_is_kept(server: Served, association: Association, availabilities: list[str], state: str) -> None:
    status, _ = association.send_n_create(told(*availabilities), NOTIFICATION, UID)
    assert status.Status == SUCCESS
    record = server.ledger.get(AVAILABILITY, UID)
    assert record is not None
    assert (record.state, record.peer, record.facts["instances"]) == (state, "PACS", len(availabilities))
    assert record.data_set == told(*availabilities)
    status, _ = association.send_n_create(told("ONLINE"), NOTIFICATION, UID)
    assert status.Status == 0x0111


def test_without_a_uid_the_server_gives_one(server: Served, association: Association) -> None:
    status, _ = association.send_n_create(told("NEARLINE"), NOTIFICATION)
    assert status.Status == SUCCESS
    assert server.ledger.get(AVAILABILITY, status.AffectedSOPInstanceUID) is not None


def test_what_is_missing_is_named(server: Served, association: Association) -> None:
    without_study = told("ONLINE")
    del without_study.StudyInstanceUID
    status, _ = association.send_n_create(without_study, NOTIFICATION, UID)
    assert (status.Status, status.ErrorComment) == (0x0120, "StudyInstanceUID (0020,000D) is missing.")
    status, _ = association.send_n_create(told(), NOTIFICATION, UID)
    assert status.Status == 0x0121
    nowhere = told("ONLINE")
    del nowhere.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].RetrieveAETitle
    status, _ = association.send_n_create(nowhere, NOTIFICATION, UID)
    assert status.Status == 0x0120
    status, _ = association.send_n_create(told("ONLINE", "SOMEWHERE"), NOTIFICATION, UID)
    assert status.Status == 0x0106
    assert "SOMEWHERE" in status.ErrorComment
    status, _ = association.send_n_create(None, NOTIFICATION, UID)
    assert status.Status == 0x0120
    assert server.ledger.counts() == {}


def test_a_study_of_many_instances(server: Served, association: Association, monkeypatch: pytest.MonkeyPatch) -> None:
    many = told(*["ONLINE"] * 600)
    monkeypatch.setattr("workstation.scp.answers.availability.MOST_ELEMENTS", 600)
    status, _ = association.send_n_create(many, NOTIFICATION, UID)
    assert (status.Status, status.ErrorComment) == (0x0110, "The data set has too many elements.")
    monkeypatch.undo()
    status, _ = association.send_n_create(many, NOTIFICATION, UID)
    assert status.Status == SUCCESS
    record = server.ledger.get(AVAILABILITY, UID)
    assert record is not None
    assert record.facts["instances"] == 600


def test_pynetdicom(server: Served) -> None:
    peer = PeerAE(ae_title="PEER")
    peer.add_requested_context(InstanceAvailabilityNotification)
    association = peer.associate(*server.address)
    assert association.is_established
    status, _ = association.send_n_create(told("ONLINE"), InstanceAvailabilityNotification, UID)
    association.release()
    assert status.Status == SUCCESS
    assert server.ledger.counts() == {AVAILABILITY: 1}
