"""Performed procedure steps over real sockets: begin, go on, end; each rule broken once; the worklist follows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from answering_kit import Served, served
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE as PeerAE
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,  # type: ignore[attr-defined]
    ModalityPerformedProcedureStepRetrieve,  # type: ignore[attr-defined]
)

from workstation.net.association import Association
from workstation.scp.answers.attributes import named
from workstation.scp.answers.procedure_step import CREATED, NEVER_SET, PROCEDURE_STEP, RETRIEVE, STEP, ProcedureSteps
from workstation.scp.answers.worklist import FIND, Worklist
from workstation.scp.answers.worklist_items import WORKLIST, add_items, key_of
from workstation.scp.answers.worklist_samples import sample_worklist
from workstation.scp.ledger import Record

UID = "1.2.826.0.1.3680043.9.1"
SUCCESS = 0x0000


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served"), Worklist, ProcedureSteps) as made:
        yield made


@pytest.fixture
def server(listening: Served) -> Iterator[Served]:
    """The one server of these tests; it forgets what each has left."""
    yield listening
    listening.forget()


@pytest.fixture
def association(server: Served) -> Iterator[Association]:
    with server.associated(STEP, RETRIEVE, FIND, calling="CT1") as made:
        yield made


def begun(item: Dataset | None = None, **values: Any) -> Dataset:
    """What a modality sends when it begins; `item` is what it read from the worklist."""
    scheduled = Dataset()
    scheduled.StudyInstanceUID = "1.2.3"
    for keyword in ("AccessionNumber", "RequestedProcedureID", "RequestedProcedureDescription"):
        setattr(scheduled, keyword, "")
    scheduled.ScheduledProcedureStepID = scheduled.ScheduledProcedureStepDescription = ""
    scheduled.ReferencedStudySequence = scheduled.ScheduledProtocolCodeSequence = Sequence()
    if item is not None:
        scheduled.StudyInstanceUID = item.StudyInstanceUID
        scheduled.ScheduledProcedureStepID = item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 100"
    data_set.ScheduledStepAttributesSequence = Sequence([scheduled])
    data_set.PatientName = "Müller^Jürgen"
    data_set.PatientID = "P1"
    data_set.PatientBirthDate = data_set.PatientSex = ""
    data_set.ReferencedPatientSequence = Sequence()
    data_set.PerformedProcedureStepID = "PPS1"
    data_set.PerformedStationAETitle = "CT1"
    data_set.PerformedStationName = data_set.PerformedLocation = ""
    data_set.PerformedProcedureStepStartDate = "20260705"
    data_set.PerformedProcedureStepStartTime = "0830"
    data_set.PerformedProcedureStepStatus = "IN PROGRESS"
    data_set.PerformedProcedureStepDescription = data_set.PerformedProcedureTypeDescription = ""
    data_set.ProcedureCodeSequence = data_set.PerformedProtocolCodeSequence = Sequence()
    data_set.PerformedProcedureStepEndDate = data_set.PerformedProcedureStepEndTime = ""
    data_set.Modality = "CT"
    data_set.StudyID = ""
    data_set.PerformedSeriesSequence = Sequence()
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


def ended(status: str = "COMPLETED", **values: Any) -> Dataset:
    """What a modality sends when it ends."""
    series = Dataset()
    series.PerformingPhysicianName = series.OperatorsName = series.SeriesDescription = series.RetrieveAETitle = ""
    series.ProtocolName = "Abdomen"
    series.SeriesInstanceUID = "1.2.3.4"
    series.ReferencedImageSequence = series.ReferencedNonImageCompositeSOPInstanceSequence = Sequence()
    data_set = Dataset()
    data_set.PerformedProcedureStepStatus = status
    data_set.PerformedProcedureStepEndDate = "20260705"
    data_set.PerformedProcedureStepEndTime = "0855"
    data_set.PerformedSeriesSequence = Sequence([series])
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


def without(data_set: Dataset, *keywords: str) -> Dataset:
    for keyword in keywords:
        del data_set[keyword]
    return data_set


def create(association: Association, data_set: Dataset | None, uid: str | None = UID) -> Dataset:
    status, _ = association.send_n_create(data_set, STEP, uid)
    return status


def change(association: Association, data_set: Dataset, uid: str = UID) -> Dataset:
    status, _ = association.send_n_set(data_set, STEP, uid)
    return status


def kept(server: Served, uid: str = UID) -> Record:
    record = server.ledger.get(PROCEDURE_STEP, uid)
    assert record is not None
    return record


# the way through


@pytest.mark.parametrize("final", ["COMPLETED", "DISCONTINUED"])
def test_a_step_begins_goes_on_and_ends(server: Served, association: Association, final: str) -> None:
    assert create(association, begun()).Status == SUCCESS
    record = kept(server)
    assert (record.state, record.peer, record.facts) == ("IN PROGRESS", "CT1", {"remarks": []})
    assert record.data_set.PatientName == "Müller^Jürgen"
    assert change(association, keys(PerformedProcedureStepDescription="Scout")).Status == SUCCESS
    assert kept(server).state == "IN PROGRESS"
    assert change(association, ended(final)).Status == SUCCESS
    record = kept(server)
    assert (record.state, record.facts) == (final, {"remarks": []})
    assert record.data_set.PerformedProcedureStepDescription == "Scout"
    assert record.data_set.PerformedSeriesSequence[0].ProtocolName == "Abdomen"
    assert record.data_set.PatientName == "Müller^Jürgen"


def keys(**values: Any) -> Dataset:
    data_set = Dataset()
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


def test_it_survives_a_restart(tmp_path: Path) -> None:
    with served(tmp_path, ProcedureSteps) as server, server.associated(STEP) as association:
        assert create(association, begun()).Status == SUCCESS
    with served(tmp_path, ProcedureSteps) as server, server.associated(STEP) as association:
        assert create(association, begun()).Status == 0x0111
        assert change(association, ended()).Status == SUCCESS
        assert kept(server).state == "COMPLETED"


def test_without_a_uid_the_server_gives_one(server: Served, association: Association) -> None:
    status = create(association, begun(), None)
    assert status.Status == SUCCESS
    assert kept(server, status.AffectedSOPInstanceUID).state == "IN PROGRESS"


# the rules


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED", "in progress", "SCHEDULED"])
def test_a_new_step_is_in_progress(server: Served, association: Association, status: str) -> None:
    answer = create(association, begun(PerformedProcedureStepStatus=status))
    assert answer.Status == 0x0106
    assert "IN PROGRESS" in answer.ErrorComment
    assert server.ledger.get(PROCEDURE_STEP, UID) is None


def test_a_uid_is_used_once(server: Served, association: Association) -> None:
    assert create(association, begun()).Status == SUCCESS
    assert create(association, begun(PatientID="P2")).Status == 0x0111
    assert kept(server).data_set.PatientID == "P1"


def test_a_step_that_nobody_began(association: Association) -> None:
    assert change(association, ended()).Status == 0x0112
    status, _ = association.send_n_get([], RETRIEVE, UID)
    assert status.Status == 0x0112


@pytest.mark.parametrize("keyword", [row.keyword for row in CREATED if row.type == 1])
def test_attributes_of_type_1_are_there_and_have_a_value(
    server: Served, association: Association, keyword: str
) -> None:
    missing = create(association, without(begun(), keyword))
    assert missing.Status == 0x0120
    empty = begun()
    setattr(empty, keyword, Sequence() if keyword.endswith("Sequence") else "")
    assert create(association, empty).Status == 0x0121
    assert server.ledger.get(PROCEDURE_STEP, UID) is None
    if keyword == "Modality":
        assert missing.ErrorComment == "Modality (0008,0060) is missing."


def test_those_in_sequences_too(association: Association) -> None:
    data_set = begun()
    del data_set.ScheduledStepAttributesSequence[0].StudyInstanceUID
    assert create(association, data_set).Status == 0x0120
    assert create(association, begun(PerformedSeriesSequence=[keys(ProtocolName="A")])).Status == 0x0120


def test_a_request_without_attributes(association: Association) -> None:
    assert create(association, None).Status == 0x0120


def test_attributes_of_type_2_become_remarks(server: Served, association: Association) -> None:
    data_set = without(begun(), "PatientSex", "StudyID")
    del data_set.ScheduledStepAttributesSequence[0].AccessionNumber
    assert create(association, data_set).Status == SUCCESS
    assert change(association, keys(PerformedProcedureStepDescription="x", Allergies="none")).Status == SUCCESS
    assert kept(server).facts["remarks"] == [
        "AccessionNumber is missing (type 2).",
        "PatientSex is missing (type 2).",
        "StudyID is missing (type 2).",
        "Allergies was set, but not created.",
    ]


@pytest.mark.parametrize("uid", ["1.2.x", "1..2", "1.2.03"])
def test_a_uid_that_is_none(association: Association, uid: str) -> None:
    assert create(association, begun(), uid).Status == 0x0117


@pytest.mark.parametrize("status", ["DONE", "", "SCHEDULED"])
def test_other_states_are_none(server: Served, association: Association, status: str) -> None:
    assert create(association, begun()).Status == SUCCESS
    assert change(association, ended(status)).Status == 0x0106
    assert kept(server).state == "IN PROGRESS"
    assert not kept(server).data_set.PerformedSeriesSequence


@pytest.mark.parametrize("final", ["COMPLETED", "DISCONTINUED"])
@pytest.mark.parametrize(
    "missing", ["PerformedProcedureStepEndDate", "PerformedProcedureStepEndTime", "PerformedSeriesSequence"]
)
def test_the_end_needs_its_time_and_a_series(
    server: Served, association: Association, final: str, missing: str
) -> None:
    assert create(association, begun()).Status == SUCCESS
    answer = change(association, without(ended(final), missing))
    assert answer.Status == 0x0121
    assert answer.ErrorComment == f"{named(missing)} has no value."
    assert kept(server).state == "IN PROGRESS"
    assert change(association, ended(final)).Status == SUCCESS


def test_a_series_needs_its_uid_and_protocol(association: Association) -> None:
    assert create(association, begun()).Status == SUCCESS
    data_set = ended()
    del data_set.PerformedSeriesSequence[0].ProtocolName
    assert change(association, data_set).Status == 0x0121


@pytest.mark.parametrize("final", ["COMPLETED", "DISCONTINUED"])
def test_a_step_that_is_over_may_no_longer_be_updated(server: Served, association: Association, final: str) -> None:
    create(association, begun())
    assert change(association, ended(final)).Status == SUCCESS
    before = kept(server)
    for modification in (ended(final), ended("IN PROGRESS"), keys(PerformedProcedureStepDescription="later")):
        answer = change(association, modification)
        assert (answer.Status, answer.ErrorID) == (0x0110, 0xA710)
        assert answer.ErrorComment == "Performed Procedure Step Object may no longer be updated"
    assert kept(server) == before


@pytest.mark.parametrize("keyword", NEVER_SET)
def test_what_identifies_a_step_is_not_set_again(server: Served, association: Association, keyword: str) -> None:
    create(association, begun())
    other: Any = "20260101" if keyword.endswith("Date") else "1111" if keyword.endswith("Time") else "OTHER"
    if keyword.endswith("Sequence"):
        other = Sequence([keys(StudyInstanceUID="9.9")])
    assert change(association, keys(**{keyword: other})).Status == 0x0105
    # to say the same again does no harm
    if keyword in begun():
        assert (
            change(association, keys(SpecificCharacterSet="ISO_IR 100", **{keyword: begun()[keyword].value})).Status
            == SUCCESS
        )
    assert kept(server).data_set == begun()


def test_each_request_may_have_a_character_set_of_its_own(server: Served, association: Association) -> None:
    create(association, begun())
    greek = keys(SpecificCharacterSet="ISO_IR 126", PerformedProcedureStepDescription="Κεφαλή")
    assert change(association, greek).Status == SUCCESS
    data_set = kept(server).data_set
    assert (data_set.PatientName, data_set.PerformedProcedureStepDescription) == ("Müller^Jürgen", "Κεφαλή")
    status, answer = association.send_n_get([], RETRIEVE, UID)
    assert status.Status == SUCCESS
    assert answer is not None
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert (answer.PatientName, answer.PerformedProcedureStepDescription) == ("Müller^Jürgen", "Κεφαλή")


def test_one_of_many_ends_wins(server: Served) -> None:
    with server.associated(STEP) as association:
        create(association, begun())

    def end(number: int) -> int:
        with server.associated(STEP) as association:
            return int(change(association, ended(("COMPLETED", "DISCONTINUED")[number % 2])).Status)

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(end, range(8)))
    assert sorted(statuses) == [SUCCESS] + [0x0110] * 7


def test_other_classes_and_services_are_refused(association: Association) -> None:
    status, _ = association.send_n_create(begun(), FIND, UID, meta_uid=STEP)
    assert status.Status == 0x0118
    status, _ = association.send_n_get([], STEP, UID)
    assert status.Status == 0x0211


def test_damaged_attributes_are_refused_in_words(server: Served, association: Association) -> None:
    deep = begun()
    place = deep
    for _ in range(60):
        place.ReferencedPatientSequence = Sequence([Dataset()])
        place = place.ReferencedPatientSequence[0]
    answer = create(association, deep)
    assert answer.Status == 0x0110
    assert answer.ErrorComment
    assert create(association, begun()).Status == SUCCESS


# retrieval


def test_what_was_told_can_be_asked_for(association: Association) -> None:
    create(association, begun())
    status, whole = association.send_n_get([], RETRIEVE, UID)
    assert status.Status == SUCCESS
    assert whole == begun()
    status, some = association.send_n_get(["PatientID", "StudyID", "PerformedProcedureStepStatus"], RETRIEVE, UID)
    assert status.Status == SUCCESS
    assert some is not None
    assert [element.keyword for element in some][-3:] == ["PatientID", "StudyID", "PerformedProcedureStepStatus"]
    status, some = association.send_n_get(["PatientID", "Rows"], RETRIEVE, UID)
    assert status.Status == 0x0107
    assert status.AttributeIdentifierList == 0x00280010
    assert some is not None
    assert some.PatientID == "P1"


# the worklist


def status_of_step(association: Association, item: Dataset) -> list[str]:
    identifier = keys(StudyInstanceUID=item.StudyInstanceUID)
    identifier.ScheduledProcedureStepSequence = Sequence([keys(ScheduledProcedureStepStatus="")])
    return [
        match.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus
        for _, match in association.send_c_find(identifier, FIND)
        if match is not None
    ]


@pytest.mark.parametrize("final", ["COMPLETED", "DISCONTINUED"])
def test_the_worklist_follows(server: Served, association: Association, final: str) -> None:
    items = sample_worklist(date(2026, 7, 5))
    add_items(server.ledger, items)
    item = items[3]
    heard: list[tuple[str, str]] = []
    server.ledger.listen(lambda kind, uid: heard.append((kind, uid)))
    assert status_of_step(association, item) == ["SCHEDULED"]
    create(association, begun(item))
    assert status_of_step(association, item) == ["STARTED"]
    change(association, ended(final))
    assert status_of_step(association, item) == [final]
    assert heard == [(PROCEDURE_STEP, UID), (WORKLIST, key_of(item))] * 2
    record = server.ledger.get(WORKLIST, key_of(item))
    assert record is not None
    assert record.state == final
    others = [record.state for record in server.ledger.records(WORKLIST) if record.uid != key_of(item)]
    assert set(others) == {"SCHEDULED", "ARRIVED"}


def test_a_step_that_was_never_scheduled_is_kept_all_the_same(server: Served, association: Association) -> None:
    add_items(server.ledger, sample_worklist(date(2026, 7, 5)))
    stranger = sample_worklist(date(2020, 1, 1))[0]
    assert create(association, begun(stranger)).Status == SUCCESS
    assert {record.state for record in server.ledger.records(WORKLIST)} == {"SCHEDULED", "ARRIVED"}


# a peer


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_pynetdicom(server: Served, syntax: str) -> None:
    peer = PeerAE(ae_title="PEER")
    peer.add_requested_context(ModalityPerformedProcedureStep, syntax)
    peer.add_requested_context(ModalityPerformedProcedureStepRetrieve, syntax)
    association = peer.associate(*server.address)
    assert association.is_established
    status, _ = association.send_n_create(begun(), ModalityPerformedProcedureStep, UID)
    assert status.Status == SUCCESS
    status, _ = association.send_n_set(ended(), ModalityPerformedProcedureStep, UID)
    assert status.Status == SUCCESS
    status, _ = association.send_n_set(ended(), ModalityPerformedProcedureStep, UID)
    assert (status.Status, status.ErrorID) == (0x0110, 0xA710)
    status, told = association.send_n_get([0x00400252], ModalityPerformedProcedureStepRetrieve, UID)
    association.release()
    assert status.Status == SUCCESS
    assert told is not None
    assert told.PerformedProcedureStepStatus == "COMPLETED"
    assert kept(server).peer == "PEER"
