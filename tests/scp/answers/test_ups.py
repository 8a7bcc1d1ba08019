"""Unified procedure steps over real sockets: our own and pynetdicom's clients and receivers, restarts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pynetdicom
import pytest
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import generate_uid
from reporting_site import TITLE, Received, Site

from workstation.net import AE, evt
from workstation.net.association import Association
from workstation.scp.answers.ups import UnifiedProcedureSteps
from workstation.scp.answers.ups_rules import EVENT, FILTERED_GLOBAL, GLOBAL, PULL, PUSH, QUERY, WATCH

WORK = (PUSH, PULL, WATCH)
STATES = ("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, lambda surroundings: [UnifiedProcedureSteps(surroundings, pauses=(0.05, 0.05))])
    made.open()
    yield made
    made.close()


@pytest.fixture
def client(site: Site) -> Iterator[Association]:
    with site.associated(*WORK, QUERY) as association:
        yield association


@contextmanager
def receiver(site: Site, title: str = "WATCHER", port: int = 0, status: int = 0x0000) -> Iterator[Received]:
    """pynetdicom as the receiver of event reports on associations that the SCP opens."""
    received = Received(status)
    ae = pynetdicom.AE(ae_title=title)
    ae.add_supported_context(EVENT, scu_role=False, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(pynetdicom.evt.EVT_N_EVENT_REPORT, received.handle)]
    )
    assert server is not None
    site.destinations[title] = ("127.0.0.1", server.server_address[1])
    try:
        yield received
    finally:
        ae.shutdown()


def code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "99TEST", meaning
    return item


def workitem(**values: object) -> Dataset:
    item = Dataset()
    item.ProcedureStepState = "SCHEDULED"
    item.ScheduledProcedureStepPriority = "MEDIUM"
    item.ProcedureStepLabel = "Segment liver"
    item.WorklistLabel = "Processing"
    item.ScheduledProcedureStepStartDateTime = "20261121090000"
    item.InputReadinessState = "READY"
    item.PatientName = "Doe^Jane"
    item.PatientID = "P1"
    for keyword, value in values.items():
        if value is None:
            delattr(item, keyword)
        else:
            setattr(item, keyword, value)
    return item


def create(client: Any, uid: str = "", **values: object) -> str:
    uid = uid or generate_uid()
    status, _ = client.send_n_create(workitem(**values), PUSH, uid)
    assert status.Status == 0x0000, status
    return uid


def act(client: Any, uid: str, action: int, **values: object) -> int:
    information = Dataset()
    for keyword, value in values.items():
        setattr(information, keyword, value)
    status, _ = client.send_n_action(information, action, PUSH, uid)
    code: int = status.Status
    return code


def change(client: Any, uid: str, state: str, transaction: str = "") -> int:
    values = {"TransactionUID": transaction} if transaction else {}
    return act(client, uid, 1, ProcedureStepState=state, **values)


def subscribe(client: Any, uid: str, title: str = "WATCHER", lock: str = "FALSE", **keys: object) -> int:
    return act(client, uid, 3, ReceivingAE=title, DeletionLock=lock, **keys)


def set_attributes(client: Any, uid: str, transaction: str = "", **values: Any) -> int:
    modification = Dataset()
    if transaction:
        modification.TransactionUID = transaction
    for keyword, value in values.items():
        setattr(modification, keyword, value)
    status, _ = client.send_n_set(modification, PUSH, uid)
    code: int = status.Status
    return code


def performed() -> Dataset:
    item = Dataset()
    item.PerformedStationNameCodeSequence = [code("S1", "Station 1")]
    item.PerformedProcedureStepStartDateTime = "20261121090100"
    item.PerformedProcedureStepEndDateTime = "20261121090200"
    item.PerformedWorkitemCodeSequence = [code("W1", "Segmentation")]
    item.OutputInformationSequence = []
    return item


def bring(client: Any, state: str) -> tuple[str, str]:
    """Make a UPS that is in a state; return its UID and the Transaction UID."""
    uid, transaction = create(client), generate_uid()
    if state != "SCHEDULED":
        assert change(client, uid, "IN PROGRESS", transaction) == 0x0000
    if state == "COMPLETED":
        performed_sequence = {"UnifiedProcedureStepPerformedProcedureSequence": [performed()]}
        assert set_attributes(client, uid, transaction, **performed_sequence) == 0x0000
    if state in STATES[2:]:
        assert change(client, uid, state, transaction) == 0x0000
    return uid, transaction


def get(client: Any, uid: str, *keywords: str) -> Dataset:
    status, data_set = client.send_n_get([Tag(keyword) for keyword in keywords] or None, PUSH, uid)
    assert status.Status == 0x0000
    assert isinstance(data_set, Dataset)
    return data_set


def find(client: Any, model: str = PULL, **keys: Any) -> list[Dataset]:
    identifier = Dataset()
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    responses = list(client.send_c_find(identifier, model))
    assert responses[-1][0].Status == 0x0000
    return [found for status, found in responses if status.Status in (0xFF00, 0xFF01)]


# states


# PS3.4 Table CC.1.1-2 for the states that an instance can be in; 0 is done.
TABLE = {
    ("create", True): (0x0111, 0x0111, 0x0111, 0x0111),
    ("IN PROGRESS", True): (0, 0xC302, 0xC300, 0xC300),
    ("IN PROGRESS", False): (0xC301, 0xC301, 0xC301, 0xC301),
    ("SCHEDULED", True): (0xC303, 0xC303, 0xC303, 0xC303),
    ("COMPLETED", True): (0xC310, 0xC304, 0xB306, 0xC300),
    ("COMPLETED", False): (0xC301, 0xC301, 0xC301, 0xC301),
    ("CANCELED", True): (0xC310, 0, 0xC300, 0xB304),
    ("CANCELED", False): (0xC301, 0xC301, 0xC301, 0xC301),
    ("request cancel", True): (0, 0xC312, 0xC311, 0xB304),
    # PS3.4 CC.2.6.2: without a Transaction UID while SCHEDULED.
    ("set", True): (0xC310, 0, 0xC300, 0xC300),
    ("set", False): (0, 0xC301, 0xC300, 0xC300),
}


@pytest.mark.parametrize("state", STATES)
def test_each_request_in_each_state(client: Association, state: str) -> None:
    for (asked, is_correct), expected in TABLE.items():
        uid, transaction = bring(client, state)
        if not is_correct:
            transaction = "" if state == "SCHEDULED" else generate_uid()
        if asked == "create":
            status = client.send_n_create(workitem(), PUSH, uid)[0].Status
        elif asked == "request cancel":
            status = act(client, uid, 2)
        elif asked == "set":
            status = set_attributes(client, uid, transaction, ProcedureStepLabel="New")
        else:
            status = change(client, uid, asked, transaction)
        assert status == expected[STATES.index(state)], (asked, is_correct)
        now = get(client, uid, "ProcedureStepState").ProcedureStepState
        assert now == (state if status else {"request cancel": "CANCELED", "set": state}.get(asked, asked))


def test_what_is_not_there_is_c307(client: Association) -> None:
    for state in STATES:
        assert change(client, "1.2.3", state, "1.2.4") == 0xC307
    assert act(client, "1.2.3", 2) == 0xC307
    assert set_attributes(client, "1.2.3", ProcedureStepLabel="New") == 0xC307
    assert client.send_n_get(None, PUSH, "1.2.3")[0].Status == 0xC307


def test_a_step_is_completed_when_its_results_are_there(client: Association, site: Site) -> None:
    uid, transaction = bring(client, "IN PROGRESS")
    results = performed()
    for keyword in [element.keyword for element in results]:
        lacking = performed()
        delattr(lacking, keyword)
        values = {"UnifiedProcedureStepPerformedProcedureSequence": [lacking]}
        assert set_attributes(client, uid, transaction, **values) == 0x0000
        assert change(client, uid, "COMPLETED", transaction) == 0xC304
    assert set_attributes(client, uid, transaction, UnifiedProcedureStepPerformedProcedureSequence=[results]) == 0x0000
    assert change(client, uid, "COMPLETED", transaction) == 0x0000
    record = site.ledger.get("ups", uid)
    assert record is not None
    assert (record.state, record.data_set.ProcedureStepState) == ("COMPLETED", "COMPLETED")


def test_a_canceled_step_says_when_and_why(client: Association) -> None:
    uid, _ = bring(client, "CANCELED")
    (progress,) = get(client, uid, "ProcedureStepProgressInformationSequence").ProcedureStepProgressInformationSequence
    assert progress.ProcedureStepCancellationDateTime
    assert progress.ProcedureStepDiscontinuationReasonCodeSequence[0].CodeValue == "110513"
    uid = create(client)
    reason = {"ReasonForCancellation": "Déjà vu", "ContactURI": "tel:+1", "ContactDisplayName": "Jo"}
    assert act(client, uid, 2, SpecificCharacterSet="ISO_IR 100", **reason) == 0x0000
    (progress,) = get(client, uid).ProcedureStepProgressInformationSequence
    assert progress.ReasonForCancellation == "Déjà vu"
    assert progress.ProcedureStepCommunicationsURISequence[0].ContactURI == "tel:+1"


def test_of_performers_that_claim_a_step_at_once_one_gets_it(site: Site, client: Association) -> None:
    uid = create(client)
    statuses: list[int] = []
    barrier = threading.Barrier(4)

    def claim() -> None:
        with site.associated(PULL) as association:
            barrier.wait()
            statuses.append(change(association, uid, "IN PROGRESS", generate_uid()))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The others' Transaction UID is not the correct one.
    assert sorted(statuses) == [0x0000, 0xC301, 0xC301, 0xC301]


def test_the_lock_is_never_told(client: Association, site: Site) -> None:
    uid, transaction = bring(client, "IN PROGRESS")
    assert "TransactionUID" not in get(client, uid)
    status, data_set = client.send_n_get([0x00081195, 0x00741000], PUSH, uid)
    assert status.Status == 0x0001
    assert data_set is not None
    assert [element.keyword for element in data_set] == ["ProcedureStepState"]
    for key in ("", transaction):
        (found,) = find(client, TransactionUID=key, SOPInstanceUID=uid)
        assert "TransactionUID" not in found
    site.close()
    site.open()
    with site.associated(PULL) as again:
        assert change(again, uid, "CANCELED", generate_uid()) == 0xC301
        assert change(again, uid, "CANCELED", transaction) == 0x0000


# creation and setting


def test_a_created_step_is_kept_as_it_came_with_what_is_ours(client: Association, site: Site) -> None:
    made = workitem(PatientName="Müller^Änne", SpecificCharacterSet="ISO_IR 100", WorklistLabel="")
    made.ScheduledWorkitemCodeSequence = [code("W1", "Segmentation")]
    status, answer = client.send_n_create(made, PUSH, "1.2.3.4")
    assert status.Status == 0x0000
    assert answer is not None
    assert answer.WorklistLabel == "Unassigned"
    kept = get(client, "1.2.3.4")
    assert (kept.PatientName, kept.SpecificCharacterSet) == ("Müller^Änne", "ISO_IR 192")
    assert (kept.SOPClassUID, kept.SOPInstanceUID) == (PUSH, "1.2.3.4")
    assert kept.ScheduledWorkitemCodeSequence[0].CodeValue == "W1"
    assert kept.ScheduledProcedureStepModificationDateTime
    for keyword in ("UnifiedProcedureStepPerformedProcedureSequence", "StudyInstanceUID", "InputInformationSequence"):
        assert keyword in kept
        assert not kept.get(keyword)
    record = site.ledger.get("ups", "1.2.3.4")
    assert record is not None
    assert (record.state, record.peer) == ("SCHEDULED", "SCU")


def test_a_step_without_a_uid_gets_one(client: Association) -> None:
    status, _ = client.send_n_create(workitem(), PUSH)
    assert status.Status == 0x0000
    assert get(client, status.AffectedSOPInstanceUID).ProcedureStepLabel == "Segment liver"


def test_what_the_scp_says_is_not_the_scus(client: Association) -> None:
    made = workitem(ScheduledProcedureStepModificationDateTime="19990101")
    assert client.send_n_create(made, PUSH, "1.2.3.4")[0].Status == 0xB300
    assert not get(client, "1.2.3.4").ScheduledProcedureStepModificationDateTime.startswith("1999")


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"ProcedureStepState": None}, 0x0120),
        ({"ProcedureStepState": "IN PROGRESS"}, 0xC309),
        ({"ProcedureStepState": ""}, 0x0121),
        ({"ProcedureStepLabel": None}, 0x0120),
        ({"ScheduledProcedureStepPriority": "URGENT"}, 0x0106),
        ({"InputReadinessState": ""}, 0x0121),
        ({"InputReadinessState": "MAYBE"}, 0x0106),
        ({"ScheduledProcedureStepStartDateTime": None}, 0x0120),
        ({"TransactionUID": "1.2.3"}, 0x0106),
        ({"UnifiedProcedureStepPerformedProcedureSequence": [Dataset()]}, 0x0106),
    ],
)
def test_what_is_no_step_is_not_created(
    client: Association, site: Site, values: dict[str, object], status: int
) -> None:
    assert client.send_n_create(workitem(**values), PUSH, "1.2.3.4")[0].Status == status
    assert site.ledger.counts() == {}


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"ProcedureStepState": "COMPLETED"}, 0x0106),
        ({"ProcedureStepState": "SCHEDULED"}, 0xC303),
        ({"SOPInstanceUID": "1.2.3"}, 0x0105),
        ({"ProcedureStepLabel": ""}, 0x0121),
        ({"InputReadinessState": "MAYBE"}, 0x0106),
    ],
)
def test_what_cannot_be_set_changes_nothing(client: Association, values: dict[str, object], status: int) -> None:
    uid, transaction = bring(client, "IN PROGRESS")
    before = get(client, uid)
    assert set_attributes(client, uid, transaction, CommentsOnTheScheduledProcedureStep="No", **values) == status
    assert get(client, uid) == before


def test_attributes_are_set_as_a_whole(client: Association) -> None:
    uid = create(client, PatientName="Müller^Änne", SpecificCharacterSet="ISO_IR 100")
    values = {"SpecificCharacterSet": "ISO_IR 13", "CommentsOnTheScheduledProcedureStep": "ｱｲｳ"}
    assert set_attributes(client, uid, ProcedureStepLabel="New", **values) == 0x0000
    after = get(client, uid)
    assert (after.ProcedureStepLabel, after.PatientName) == ("New", "Müller^Änne")
    assert after.CommentsOnTheScheduledProcedureStep == "ｱｲｳ"


# queries


def test_steps_are_found_by_their_attributes(client: Association) -> None:
    first = create(client, ScheduledWorkitemCodeSequence=[code("W1", "One")])
    second = create(
        client,
        PatientName="Roe^Richard",
        ScheduledProcedureStepStartDateTime="20261122090000",
        ScheduledWorkitemCodeSequence=[code("W2", "Two")],
    )
    third, _ = bring(client, "IN PROGRESS")

    def uids(**keys: Any) -> list[str]:
        return [found.SOPInstanceUID for found in find(client, SOPInstanceUID="", **keys)]

    item = Dataset()
    item.CodeValue = "W2"
    assert uids() == [first, second, third]
    assert uids(ProcedureStepState="SCHEDULED") == [first, second]
    assert uids(ProcedureStepState="IN PROGRESS") == [third]
    assert uids(ProcedureStepState="COMPLETED") == []
    assert uids(PatientName="ROE*") == [second]
    assert uids(ScheduledProcedureStepStartDateTime="20261122-20261123") == [second]
    assert uids(ScheduledWorkitemCodeSequence=[item]) == [second]
    assert uids(ProcedureStepLabel="Segment*", PatientID="P1") == [first, second, third]
    for model in (WATCH, QUERY):
        assert len(find(client, model, ProcedureStepState="SCHEDULED")) == 2
    (found,) = find(client, PatientName="Roe*", ScheduledWorkitemCodeSequence=[], PatientSex="")
    assert found.ScheduledWorkitemCodeSequence[0].CodeMeaning == "Two"
    assert found.PatientSex == ""


def test_no_keys_no_matches(client: Association) -> None:
    create(client)
    assert find(client, SpecificCharacterSet="ISO_IR 100") == []


def test_a_query_can_be_canceled(client: Association) -> None:
    for _ in range(30):
        create(client)
    identifier = Dataset()
    identifier.SOPInstanceUID = ""
    responses = client.send_c_find(identifier, PULL, msg_id=7)
    assert next(responses)[0].Status == 0xFF00
    client.send_c_cancel(7, query_model=PULL)
    final = [status.Status for status, _ in responses][-1]
    # It may have been through before the cancel arrived.
    assert final in (0xFE00, 0x0000)


# requests that are none


def test_actions_that_make_no_sense(client: Association, site: Site) -> None:
    uid = create(client)
    assert act(client, uid, 9) == 0x0123
    assert act(client, uid, 1) == 0x0115
    assert act(client, uid, 1, ProcedureStepState="DONE") == 0x0115
    assert change(client, GLOBAL, "IN PROGRESS", "1.2.3") == 0xC314
    site.destinations["WATCHER"] = ("127.0.0.1", 1)
    assert act(client, uid, 3, DeletionLock="FALSE") == 0x0115
    assert act(client, uid, 3, ReceivingAE="WATCHER") == 0x0115
    assert act(client, uid, 5, ReceivingAE="WATCHER") == 0xC314
    assert subscribe(client, "1.2.3") == 0xC307
    assert subscribe(client, uid, "STRANGER") == 0xC308
    assert subscribe(client, FILTERED_GLOBAL) == 0x0115
    assert site.ledger.counts() == {"ups": 1}


def test_odd_values_are_answered_and_no_handler_fails(
    client: Association, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A sequence where a text belongs, a text where a sequence belongs, several values where one belongs."""
    with receiver(site):
        for keyword in [element.keyword for element in workitem()] + [
            "TransactionUID",
            "ProcedureStepProgressInformationSequence",
            "UnifiedProcedureStepPerformedProcedureSequence",
            "ScheduledHumanPerformersSequence",
            "ScheduledStationNameCodeSequence",
            "ReceivingAE",
            "DeletionLock",
            "ReasonForCancellation",
        ]:
            uid, transaction = bring(client, "IN PROGRESS")
            assert subscribe(client, uid) == 0x0000
            for vr, value in (("SQ", [Dataset()]), ("LO", ["x", "y"]), ("OB", b"\xff\0")):
                element = DataElement(Tag(keyword), vr, value, validation_mode=IGNORE)
                item, odd = workitem(), Dataset()
                item.pop(element.tag, None)
                item[element.tag] = odd[element.tag] = element
                assert "Status" in client.send_n_create(item, PUSH, generate_uid())[0]
                assert list(client.send_c_find(odd, PULL))[-1][0].Status is not None
                if "TransactionUID" not in odd:
                    odd.TransactionUID = transaction
                assert "Status" in client.send_n_set(odd, PUSH, uid)[0]
                for action in (3, 4, 2):
                    assert "Status" in client.send_n_action(odd, action, PUSH, uid)[0]
                if "ProcedureStepState" not in odd:
                    odd.ProcedureStepState = "COMPLETED"
                assert "Status" in client.send_n_action(odd, 1, PUSH, uid)[0]
    # a report may be on its way to a receiver that is gone by now: that is heard of, and no failure of a handler
    of_reports = {"workstation.net.default_logging", "workstation.net.requests"}
    failures = [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")]
    assert not [record for record in failures if record.name not in of_reports]


# events


def test_a_subscriber_hears_of_a_step_from_now_to_its_end(client: Association, site: Site) -> None:
    uid, other, transaction = create(client), create(client), generate_uid()
    with receiver(site) as told:
        assert subscribe(client, uid) == 0x0000
        event_type, instance, information = told.next()
        assert (event_type, instance) == (1, uid)
        assert (information.ProcedureStepState, information.InputReadinessState) == ("SCHEDULED", "READY")

        assert set_attributes(client, uid, InputReadinessState="INCOMPLETE") == 0x0000
        assert told.next()[2].InputReadinessState == "INCOMPLETE"

        assert set_attributes(client, uid, ScheduledStationNameCodeSequence=[code("S1", "Station")]) == 0x0000
        event_type, _, information = told.next()
        assert event_type == 5
        assert information.ScheduledStationNameCodeSequence[0].CodeValue == "S1"

        assert change(client, uid, "IN PROGRESS", transaction) == 0x0000
        assert told.next()[2].ProcedureStepState == "IN PROGRESS"

        progress = Dataset()
        progress.ProcedureStepProgress = "50"
        progress.ProcedureStepProgressDescription = "Halb fertig: schön"
        values = {"ProcedureStepProgressInformationSequence": [progress], "SpecificCharacterSet": "ISO_IR 192"}
        assert set_attributes(client, uid, transaction, **values) == 0x0000
        event_type, _, information = told.next()
        assert event_type == 3
        (item,) = information.ProcedureStepProgressInformationSequence
        assert (item.ProcedureStepProgress, item.ProcedureStepProgressDescription) == (50, "Halb fertig: schön")

        assert act(client, uid, 2, ReasonForCancellation="Wrong patient") == 0x0000
        event_type, _, information = told.next()
        assert event_type == 2
        assert (information.RequestingAE, information.ReasonForCancellation) == ("SCU", "Wrong patient")

        assert change(client, other, "IN PROGRESS", generate_uid()) == 0x0000
        assert change(client, uid, "CANCELED", transaction) == 0x0000
        event_type, instance, information = told.next()
        assert (event_type, instance, information.ProcedureStepState) == (1, uid, "CANCELED")
        assert information.ProcedureStepDiscontinuationReasonCodeSequence[0].CodeValue == "110513"
        assert told.is_empty


def test_a_cancel_before_the_start_goes_through_in_progress(client: Association, site: Site) -> None:
    uid = create(client)
    with receiver(site) as told:
        assert subscribe(client, uid) == 0x0000
        assert act(client, uid, 2, ReasonForCancellation="No") == 0x0000
        assert [told.next()[2].ProcedureStepState for _ in range(3)] == ["SCHEDULED", "IN PROGRESS", "CANCELED"]


def test_a_global_subscription_with_lock_tells_of_all_that_is_and_will_be(client: Association, site: Site) -> None:
    known, subscribed = create(client), create(client)
    with receiver(site) as told:
        assert subscribe(client, subscribed) == 0x0000
        assert told.next()[1] == subscribed
        assert subscribe(client, GLOBAL, lock="TRUE") == 0x0000
        # Of the one that it was subscribed to nothing is new.
        assert told.next()[1] == known
        new = create(client, ScheduledStationNameCodeSequence=[code("S1", "Station")])
        assert [told.next()[:2] for _ in range(2)] == [(1, new), (5, new)]

        # Suspended: nothing of new ones, still of those.
        assert act(client, GLOBAL, 5, ReceivingAE="WATCHER") == 0x0000
        later = create(client)
        assert change(client, later, "IN PROGRESS", "1.2.3") == 0x0000
        assert change(client, new, "IN PROGRESS", "1.2.3") == 0x0000
        assert told.next()[1] == new

        # Unsubscribed from one, then from all.
        assert act(client, new, 4, ReceivingAE="WATCHER") == 0x0000
        assert change(client, new, "CANCELED", "1.2.3") == 0x0000
        assert change(client, known, "IN PROGRESS", "1.2.3") == 0x0000
        assert told.next()[1] == known
        record = site.ledger.get("ups-subscription", "WATCHER")
        assert record is not None
        assert record.facts["instances"] == {known: True, subscribed: False}
        assert act(client, GLOBAL, 4, ReceivingAE="WATCHER") == 0x0000
        assert change(client, known, "CANCELED", "1.2.3") == 0x0000
        assert site.ledger.counts() == {"ups": 4}
        assert subscribe(client, later) == 0x0000
        assert told.next()[1] == later


def test_a_global_subscription_without_lock_tells_of_changes_only(client: Association, site: Site) -> None:
    known = create(client)
    with receiver(site) as told:
        assert subscribe(client, GLOBAL) == 0x0000
        assert change(client, known, "IN PROGRESS", "1.2.3") == 0x0000
        assert told.next()[2].ProcedureStepState == "IN PROGRESS"


def test_a_filtered_subscription_tells_of_what_matches(client: Association, site: Site) -> None:
    create(client, PatientID="P2")
    match = create(client, PatientID="P3")
    with receiver(site) as told:
        assert subscribe(client, FILTERED_GLOBAL, lock="TRUE", PatientID="P3") == 0x0000
        assert told.next()[1] == match
        create(client, PatientID="P2")
        new = create(client, PatientID="P3")
        assert told.next()[1] == new
        record = site.ledger.get("ups-subscription", "WATCHER")
        assert record is not None
        assert (record.state, record.data_set.PatientID) == ("FILTERED", "P3")


def test_reports_come_on_an_association_that_the_subscriber_opened_itself(site: Site) -> None:
    """pynetdicom as watcher and receiver on one association, whose address nobody knows."""
    told = Received()
    ae = pynetdicom.AE(ae_title="BOTH")
    for uid in (PUSH, WATCH, EVENT):
        ae.add_requested_context(uid)
    association = ae.associate(*site.address, evt_handlers=[(pynetdicom.evt.EVT_N_EVENT_REPORT, told.handle)])
    assert association.is_established
    try:
        uid = create(association)
        information = Dataset()
        information.ReceivingAE, information.DeletionLock = "BOTH", "FALSE"
        status, _ = association.send_n_action(information, 3, PUSH, uid)
        assert status.Status == 0x0000
        assert told.next()[:2] == (1, uid)
        with site.associated(PULL) as performer:
            assert change(performer, uid, "IN PROGRESS", "1.2.3") == 0x0000
        assert told.next()[2].ProcedureStepState == "IN PROGRESS"
        assert site.asked == []
    finally:
        association.release()


def test_pynetdicom_pushes_pulls_and_queries(site: Site) -> None:
    def associated(title: str, *sop_classes: str) -> Any:
        ae = pynetdicom.AE(ae_title=title)
        for uid in sop_classes:
            ae.add_requested_context(uid)
        association = ae.associate(*site.address, ae_title=TITLE)
        assert association.is_established
        return association

    pusher, puller, looker = associated("PUSHER", PUSH), associated("PULLER", PULL), associated("LOOKER", QUERY)
    try:
        uid, transaction = create(pusher), generate_uid()
        assert pusher.send_n_create(workitem(), PUSH, uid)[0].Status == 0x0111
        (found,) = find(puller, ProcedureStepState="SCHEDULED", SOPInstanceUID="", PatientName="")
        assert (found.SOPInstanceUID, found.PatientName) == (uid, "Doe^Jane")
        assert change(puller, uid, "IN PROGRESS", transaction) == 0x0000
        results: dict[str, Any] = {"UnifiedProcedureStepPerformedProcedureSequence": [performed()]}
        assert set_attributes(puller, uid, **results) == 0xC301
        assert set_attributes(puller, uid, transaction, **results) == 0x0000
        assert act(pusher, uid, 2, ReasonForCancellation="Wrong patient") == 0xC312
        assert change(puller, uid, "COMPLETED", transaction) == 0x0000
        assert act(pusher, uid, 2, ReasonForCancellation="Wrong patient") == 0xC311
        (kept,) = get(pusher, uid).UnifiedProcedureStepPerformedProcedureSequence
        assert kept.PerformedWorkitemCodeSequence[0].CodeValue == "W1"
        (found,) = find(looker, QUERY, ProcedureStepState="COMPLETED", SOPInstanceUID="")
        assert found.SOPInstanceUID == uid
    finally:
        for association in (pusher, puller, looker):
            association.release()


def test_a_stopped_service_goes_on_when_it_resumes(client: Association, site: Site) -> None:
    uid = create(client)
    with receiver(site) as told:
        assert subscribe(client, uid) == 0x0000
        assert told.next()[0] == 1
        site.services[0].stop()
        assert change(client, uid, "IN PROGRESS", "1.2.3") == 0x0000
        site.services[0].resume()
        assert change(client, uid, "CANCELED", "1.2.3") == 0x0000
        # The answer to the first change may have been on its way still: then that is told as well.
        heard = [told.next()]
        while heard[-1][2].get("ProcedureStepState") != "CANCELED":
            heard.append(told.next())
        assert 4 in [event_type for event_type, _, _ in heard]
        assert len(heard) <= 3


def test_our_own_receiver_and_its_roles(client: Association, site: Site) -> None:
    told, proposed = Received(), []
    ae = AE(ae_title="OURS")
    ae.add_supported_context(EVENT, scu_role=False, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_N_EVENT_REPORT, told.handle),
            (evt.EVT_ESTABLISHED, lambda event: proposed.append(event.assoc.requestor.role_selection)),
        ],
    )
    assert server is not None
    try:
        site.destinations["OURS"] = ("127.0.0.1", server.server_address[1])
        uid = create(client)
        assert subscribe(client, uid, "OURS") == 0x0000
        assert told.next()[:2] == (1, uid)
        assert (proposed[0][EVENT].scu_role, proposed[0][EVENT].scp_role) == (False, True)
    finally:
        server.shutdown()
        ae.shutdown()


def test_a_subscriber_that_is_not_there_holds_up_nobody(client: Association, site: Site, free_port: int) -> None:
    uid = create(client)
    site.destinations["GONE"] = ("127.0.0.1", free_port)
    with receiver(site) as told:
        assert subscribe(client, uid, "GONE") == 0x0000
        assert subscribe(client, uid) == 0x0000
        assert told.next()[1] == uid
        assert change(client, uid, "IN PROGRESS", "1.2.3") == 0x0000
        assert told.next()[2].ProcedureStepState == "IN PROGRESS"
    # It is there before the last attempt, and told of all that waited, in order.
    with receiver(site, "LATE", status=0x0110) as late:
        assert subscribe(client, uid, "LATE") == 0x0000
        late.next()
        late.status = 0x0000
        assert late.next()[2].ProcedureStepState == "IN PROGRESS"
        assert change(client, uid, "CANCELED", "1.2.3") == 0x0000
        assert late.next()[2].ProcedureStepState == "CANCELED"


# restarts


def test_steps_and_subscriptions_survive_a_restart(client: Association, site: Site) -> None:
    uid = create(client)
    with receiver(site) as told:
        assert subscribe(client, GLOBAL) == 0x0000
        client.release()
        site.close()
        site.open()
        event_type, instance, information = told.next()
        assert (event_type, instance) == (4, GLOBAL)
        assert information.SCPStatus == "RESTARTED"
        assert information.SubscriptionListStatus == information.UnifiedProcedureStepListStatus == "WARM START"
        with site.associated(*WORK) as again:
            assert get(again, uid).PatientName == "Doe^Jane"
            assert change(again, uid, "IN PROGRESS", "1.2.3") == 0x0000
            assert told.next()[2].ProcedureStepState == "IN PROGRESS"
            new = create(again)
            assert told.next()[1] == new


# many


def test_ten_associations_work_at_once(site: Site) -> None:
    failures: list[object] = []

    def work(number: int) -> None:
        try:
            with site.associated(*WORK, calling=f"SCU{number}") as association:
                for _ in range(3):
                    bring(association, "COMPLETED")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(site.ledger.records("ups", state="COMPLETED"))) == 30
