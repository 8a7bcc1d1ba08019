"""Storage commitment over real sockets: our own and pynetdicom's clients and receivers, damage, restarts."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynetdicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from reporting_site import TITLE, Received, Site
from scp_objects import CT, files_of, make_object, store
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from workstation.net import AE, build_role, evt
from workstation.net.association import Association
from workstation.net.part10 import read_head
from workstation.scp.answers.commitment import STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE, Commitment
from workstation.scp.archive.schema import INSTANCE
from workstation.scp.archive.verify import verify

MR = "1.2.840.10008.5.1.4.1.1.4"
PRIVATE = "1.2.840.99999.1"
PAUSE = 0.05


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(**options: Any) -> Site:
        options = {"grace": 0.0, "pauses": (PAUSE,) * 3, **options}
        site = Site(tmp_path, lambda surroundings: [Commitment(surroundings, **options)])
        site.open()
        made.append(site)
        return site

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


@pytest.fixture
def receiver(site: Site) -> Iterator[Received]:
    """One that takes reports on associations that the SCP opens."""
    with Receiver(site, "SCU") as received:
        yield received


class Receiver:
    """pynetdicom as the SCU that takes reports on associations that the SCP opens."""

    def __init__(self, site: Site, title: str, port: int = 0, status: int = 0x0000) -> None:
        self.site, self.title, self.port = site, title, port
        self.received = Received(status)

    def __enter__(self) -> Received:
        ae = pynetdicom.AE(ae_title=self.title)
        ae.add_supported_context(STORAGE_COMMITMENT, scu_role=False, scp_role=True)
        self.server = ae.start_server(
            ("127.0.0.1", self.port),
            block=False,
            evt_handlers=[(pynetdicom.evt.EVT_N_EVENT_REPORT, self.received.handle)],
        )
        assert self.server is not None
        self.ae = ae
        self.site.destinations[self.title] = ("127.0.0.1", self.server.server_address[1])
        return self.received

    def __exit__(self, *_: object) -> None:
        self.ae.shutdown()


def request(*objects: tuple[str, str], transaction: str = "") -> Dataset:
    information = Dataset()
    information.TransactionUID = transaction or generate_uid()
    information.ReferencedSOPSequence = [Dataset() for _ in objects]
    for item, (sop_class, sop_instance) in zip(information.ReferencedSOPSequence, objects, strict=True):
        item.ReferencedSOPClassUID = sop_class
        item.ReferencedSOPInstanceUID = sop_instance
    return information


def ask(association: Association, information: Dataset | None, **options: Any) -> Any:
    options = {"action_type": 1, "class_uid": STORAGE_COMMITMENT, "instance_uid": WELL_KNOWN_INSTANCE, **options}
    return association.send_n_action(information, **options)[0].Status


def committed(information: Dataset) -> list[str]:
    return [item.ReferencedSOPInstanceUID for item in information.get("ReferencedSOPSequence", [])]


def failed(information: Dataset) -> dict[str, int]:
    return {item.ReferencedSOPInstanceUID: item.FailureReason for item in information.get("FailedSOPSequence", [])}


def fill(site: Site, *numbers: int) -> list[tuple[str, str]]:
    for number in numbers:
        assert store(site.archive, make_object(number)).status == 0
    return [(CT, str(make_object(number).SOPInstanceUID)) for number in numbers]


def in_state(site: Site, uid: str, state: str) -> Callable[[], Any]:
    def look() -> Any:
        record = site.ledger.get("commitment", uid)
        return record if record is not None and record.state == state else None

    return look


# what is committed


def test_stored_objects_are_committed_on_a_new_association_when_the_peer_released(
    site: Site, receiver: Received
) -> None:
    objects = fill(site, 1, 2)
    asked = request(*objects)
    with site.associated(STORAGE_COMMITMENT) as association:
        association.network_timeout = 5
        # A peer that takes no reports where it asked.
        site.services[0].same_association = False
        assert ask(association, asked) == 0x0000
    event_type, instance, information = receiver.next()
    assert (event_type, instance) == (1, WELL_KNOWN_INSTANCE)
    assert information.TransactionUID == asked.TransactionUID
    assert information.RetrieveAETitle == TITLE
    assert committed(information) == [uid for _, uid in objects]
    assert [item.ReferencedSOPClassUID for item in information.ReferencedSOPSequence] == [CT, CT]
    assert "FailedSOPSequence" not in information
    record = site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))
    assert record.peer == "SCU"
    assert record.facts["delivered"] == "new association"
    assert (record.facts["objects"], record.facts["committed"], record.facts["failed"]) == (2, 2, 0)


def test_the_result_comes_on_the_association_of_the_request_while_that_is_open(site: Site) -> None:
    received = Received()
    asked = request(*fill(site, 1))
    with site.associated(STORAGE_COMMITMENT, evt_handlers=[(evt.EVT_N_EVENT_REPORT, received.handle)]) as association:
        assert ask(association, asked) == 0x0000
        assert received.next()[0] == 1
        record = site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))
    assert record.facts["delivered"] == "same association"
    assert site.asked == []


def test_pynetdicom_is_told_on_its_own_association_after_its_response(site: Site) -> None:
    received = Received()
    asked = request(*fill(site, 1), (CT, "1.2.3.404"))
    ae = pynetdicom.AE(ae_title="PYNETDICOM")
    ae.add_requested_context(STORAGE_COMMITMENT)
    association = ae.associate(*site.address, evt_handlers=[(pynetdicom.evt.EVT_N_EVENT_REPORT, received.handle)])
    assert association.is_established
    status, _ = association.send_n_action(asked, 1, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE)
    assert status.Status == 0x0000
    event_type, _, information = received.next()
    assert event_type == 2
    assert failed(information) == {"1.2.3.404": 0x0112}
    site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))
    association.release()


def test_each_reason_for_a_failure(site: Site, receiver: Received) -> None:
    good, damaged, short, missing, other = fill(site, 1, 2, 3, 4, 5)
    place = {uid: site.archive.index.known(uid) for _, uid in (damaged, short, missing)}
    paths = {uid: site.archive.folder / found.file for uid, found in place.items() if found is not None}
    content = bytearray(paths[damaged[1]].read_bytes())
    content[-1] ^= 1
    paths[damaged[1]].write_bytes(content)
    paths[short[1]].write_bytes(paths[short[1]].read_bytes()[:-2])
    paths[missing[1]].unlink()
    asked = request(good, damaged, short, missing, (MR, other[1]), (CT, "1.2.3.404"), (PRIVATE, "1.2.3.405"), good)
    with site.associated(STORAGE_COMMITMENT) as association:
        assert ask(association, asked) == 0x0000
        association.release()
    event_type, _, information = receiver.next()
    assert event_type == 2
    assert committed(information) == [good[1]]
    assert failed(information) == {
        damaged[1]: 0x0110,
        short[1]: 0x0110,
        missing[1]: 0x0110,
        other[1]: 0x0119,
        "1.2.3.404": 0x0112,
        "1.2.3.405": 0x0122,
    }
    record = site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))
    assert record.facts["problems"][missing[1]] == "Its file is missing."
    assert "other bytes" in record.facts["problems"][damaged[1]]
    assert (record.facts["committed"], record.facts["failed"]) == (1, 6)


def test_a_transaction_uid_is_used_once(site: Site, receiver: Received) -> None:
    asked = request(*fill(site, 1))
    for expected in ({}, {"1.2.0.0.1": 0x0131}, {"1.2.0.0.1": 0x0131}):
        with site.associated(STORAGE_COMMITMENT) as association:
            assert ask(association, asked) == 0x0000
            association.release()
        event_type, _, information = receiver.next()
        assert information.TransactionUID == asked.TransactionUID
        assert (event_type, failed(information)) == (2 if expected else 1, expected)
    assert site.ledger.counts() == {"commitment": 3}


def test_an_object_that_is_sent_again_meanwhile_is_the_one_that_counts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is read, then the object is replaced, then the old file is looked for."""
    fill(site, 1)
    old = files_of(site.archive)[0]
    index, known = site.archive.index, site.archive.index.known
    calls = []

    def known_then_replaced(uid: str) -> Any:
        found = known(uid)
        calls.append(uid)
        if len(calls) == 1:
            assert store(site.archive, make_object(1, InstanceNumber=77)).status == 0
            assert not old.exists()
        return found

    monkeypatch.setattr(index, "known", known_then_replaced)
    assert verify(site.archive, CT, str(make_object(1).SOPInstanceUID)).reason == 0


def test_an_object_with_a_checksum_of_earlier_versions_is_compared(site: Site) -> None:
    fill(site, 1)
    uid = str(make_object(1).SOPInstanceUID)
    (path,) = files_of(site.archive)
    data = path.read_bytes()[read_head(path).offset :]
    with site.archive.index._transaction() as connection:
        connection.execute(update(INSTANCE).values(checksum=f"{zlib.crc32(data):08x}"))
    assert verify(site.archive, CT, uid).reason == 0
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert "other bytes" in verify(site.archive, CT, uid).sentence


# requests that are none


@pytest.mark.parametrize(
    ("change", "options", "status"),
    [
        ({}, {"action_type": 2}, 0x0123),
        ({}, {"instance_uid": "1.2.3"}, 0x0112),
        ({"TransactionUID": None}, {}, 0x0115),
        ({"TransactionUID": ["1.2", "1.3"]}, {}, 0x0115),
        ({"ReferencedSOPSequence": []}, {}, 0x0115),
        ({"ReferencedSOPSequence": [Dataset()]}, {}, 0x0115),
    ],
)
def test_what_is_no_request_is_refused_and_not_kept(
    site: Site, change: dict[str, Any], options: dict[str, Any], status: int
) -> None:
    information = request((CT, "1.2.3"))
    for keyword, value in change.items():
        setattr(information, keyword, value)
    with site.associated(STORAGE_COMMITMENT) as association:
        assert ask(association, information, **options) == status
        assert ask(association, None) == 0x0115
    assert site.ledger.counts() == {}


# delivery


def test_many_objects_do_not_hold_up_a_transaction_with_few(site: Site, receiver: Received) -> None:
    few, many = request(*fill(site, 1)), request(*((CT, f"1.2.9.{number}") for number in range(900)))
    with site.associated(STORAGE_COMMITMENT) as association:
        assert ask(association, many) == 0x0000
        assert ask(association, few) == 0x0000
        association.release()
    told = [receiver.next()[2].TransactionUID for _ in range(2)]
    assert told == [few.TransactionUID, many.TransactionUID]


def test_delivery_is_tried_again_until_the_peer_is_there(site: Site, free_port: int) -> None:
    asked = request(*fill(site, 1))
    site.destinations["SCU"] = ("127.0.0.1", free_port)
    with site.associated(STORAGE_COMMITMENT) as association:
        assert ask(association, asked) == 0x0000
        association.release()

    def attempted() -> Any:
        record = site.ledger.get("commitment", asked.TransactionUID)
        return record if record is not None and record.facts["attempts"] else None

    assert site.wait_for(attempted).facts["reason"]
    with Receiver(site, "SCU", free_port) as received:
        assert received.next()[0] == 1
        site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))


def test_after_the_last_attempt_it_failed_and_a_person_may_try_again(site: Site) -> None:
    asked = request(*fill(site, 1))
    with site.associated(STORAGE_COMMITMENT, calling="STRANGER") as association:
        site.services[0].same_association = False
        assert ask(association, asked) == 0x0000
    record = site.wait_for(in_state(site, asked.TransactionUID, "FAILED"))
    assert record.facts["attempts"] == 4
    assert record.facts["reason"] == "Nobody knows the address of STRANGER."
    with Receiver(site, "STRANGER") as received:
        site.services[0].deliver_again(record.uid)
        assert received.next()[0] == 1
        site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))


def test_a_peer_that_refuses_the_report_is_told_again(site: Site) -> None:
    asked = request(*fill(site, 1))
    with Receiver(site, "SCU", status=0x0110) as received:
        with site.associated(STORAGE_COMMITMENT) as association:
            assert ask(association, asked) == 0x0000
            association.release()
        received.next()
        received.next()
        received.status = 0x0000
        site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))


def test_when_the_peer_does_not_take_it_where_it_asked_a_new_association_follows(
    site: Site, receiver: Received
) -> None:
    asked = request(*fill(site, 1))
    refusing = Received(0x0211)
    with site.associated(STORAGE_COMMITMENT, evt_handlers=[(evt.EVT_N_EVENT_REPORT, refusing.handle)]) as association:
        assert ask(association, asked) == 0x0000
        refusing.next()
        assert receiver.next()[0] == 1
    assert site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED")).facts["delivered"] == "new association"


def test_roles_are_proposed_as_the_standard_has_them(site: Site) -> None:
    """Our own receiver sees what was proposed: SCP, and not SCU (PS3.4 J.3.3)."""
    received, proposed = Received(), []
    ae = AE(ae_title="SCU")
    ae.add_supported_context(STORAGE_COMMITMENT, scu_role=False, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_N_EVENT_REPORT, received.handle),
            (evt.EVT_ESTABLISHED, lambda event: proposed.append(event.assoc.requestor.role_selection)),
        ],
    )
    assert server is not None
    try:
        site.destinations["SCU"] = ("127.0.0.1", server.server_address[1])
        with site.associated(STORAGE_COMMITMENT) as association:
            assert ask(association, request(*fill(site, 1))) == 0x0000
            association.release()
        assert received.next()[0] == 1
    finally:
        server.shutdown()
        ae.shutdown()
    (roles,) = proposed
    assert (roles[STORAGE_COMMITMENT].scu_role, roles[STORAGE_COMMITMENT].scp_role) == (False, True)


# restarts


def test_an_undelivered_result_is_delivered_after_a_restart(site: Site) -> None:
    asked = request(*fill(site, 1))
    with site.associated(STORAGE_COMMITMENT) as association:
        assert ask(association, asked) == 0x0000
        association.release()

    def attempted() -> Any:
        record = site.ledger.get("commitment", asked.TransactionUID)
        return record is not None and record.facts["attempts"]

    site.wait_for(attempted)
    site.close()
    with Receiver(site, "SCU") as received:
        site.open()
        event_type, _, information = received.next()
        assert (event_type, information.TransactionUID) == (1, asked.TransactionUID)
        assert committed(information) == ["1.2.0.0.1"]
        site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))
        site.close()
        site.open()
        site.close()
        assert received.is_empty
        site.open()


def test_what_was_not_yet_looked_at_is_looked_at_after_a_restart(site: Site) -> None:
    objects = fill(site, 1)
    asked = request(*objects, (CT, "1.2.3.404"))
    # As a crash right after the answer leaves it.
    site.ledger.add("commitment", asked.TransactionUID, asked, state="PENDING", peer="SCU", facts={"ae_title": TITLE})
    other = request(*objects)
    site.ledger.add("commitment", other.TransactionUID, other, state="PENDING", peer="SCU", facts={"ae_title": "OTHER"})
    site.close()
    with Receiver(site, "SCU") as received:
        site.open()
        event_type, _, information = received.next()
        assert (event_type, committed(information), failed(information)) == (2, ["1.2.0.0.1"], {"1.2.3.404": 0x0112})
        site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))
    # Of another server on the same ledger.
    record = site.ledger.get("commitment", other.TransactionUID)
    assert record is not None
    assert record.state == "PENDING"


def test_two_servers_on_one_ledger_deliver_once(site: Site, receiver: Received) -> None:
    asked = request(*fill(site, 1))
    site.ledger.add("commitment", asked.TransactionUID, asked, state="PENDING", peer="SCU", facts={"ae_title": TITLE})
    second = Commitment(site.surroundings, pauses=(PAUSE,))
    site.services[0].resume()
    second.resume()
    assert receiver.next()[0] == 1
    site.wait_for(in_state(site, asked.TransactionUID, "DELIVERED"))
    second.stop()
    site.services[0].stop()
    assert receiver.is_empty


# the other way round


def test_reports_of_others_are_taken_and_kept(site: Site) -> None:
    information = request((CT, "1.2.3"))
    with site.associated(
        STORAGE_COMMITMENT, calling="PACS", ext_neg=[build_role(STORAGE_COMMITMENT, scp_role=True)]
    ) as association:
        for event_type, state in ((2, "FAILURES EXIST"), (1, "COMMITTED")):
            status, _ = association.send_n_event_report(
                information, event_type, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE
            )
            assert status.Status == 0x0000
            record = site.ledger.get("commitment-report", information.TransactionUID)
            assert record is not None
            assert (record.state, record.peer) == (state, "PACS")


def test_a_stopped_service_leaves_no_thread(site: Site) -> None:
    with site.associated(STORAGE_COMMITMENT) as association:
        assert ask(association, request(*((CT, f"1.2.9.{number}") for number in range(600)))) == 0x0000
    site.services[0].stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "workstation-commitment"]


# a ledger that cannot be used


class Failing:
    """Methods of a ledger that fail as one of a locked database does, a number of times each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, site: Site, times: int, *names: str) -> None:
        self.left = dict.fromkeys(names, times)
        for name in names:
            monkeypatch.setattr(site.ledger, name, self._around(name, getattr(site.ledger, name)))

    def _around(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*args: Any, **options: Any) -> Any:
            if self.left[name]:
                self.left[name] -= 1
                raise OperationalError("UPDATE ledger", {}, Exception("database is locked"))
            return method(*args, **options)

        return failing


def test_a_request_that_cannot_be_kept_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    Failing(monkeypatch, site, 1, "add")
    with site.associated(STORAGE_COMMITMENT) as association:
        assert ask(association, request((CT, "1.2.3"), transaction="1.2.99")) == 0x0110
    assert site.ledger.get("commitment", "1.2.99") is None


def test_a_result_waits_for_a_ledger_that_is_locked(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = make_site(database_pause=0.02)
    with Receiver(site, "SCU") as received:
        failing = Failing(monkeypatch, site, 2, "change", "get")
        with site.associated(STORAGE_COMMITMENT, calling="SCU") as association:
            assert ask(association, request((CT, "1.2.3"), transaction="1.2.99")) == 0
        assert failed(received.next()[2]) == {"1.2.3": 0x0112}
        site.wait_for(in_state(site, "1.2.99", "DELIVERED"))
    assert failing.left == {"change": 0, "get": 0}
    assert "Traceback" not in caplog.text


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_no_text_of_a_peer_stands_in_the_log_as_it_is(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "workstation")
    evil = "\x1b]0;title\x07\nforged"
    information = request((CT, "1.2.3"), transaction=evil)
    with site.associated(STORAGE_COMMITMENT) as association:
        for _ in range(2):
            assert ask(association, information) == 0
    assert "was used before" in caplog.text
    assert all(sign not in record.getMessage() for record in caplog.records for sign in ("\x1b", "\x07", "\nforged"))
