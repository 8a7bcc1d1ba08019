"""Notifications become records, in order and within bounds, from several threads."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from traffic_wire import ECHO_RQ, REQUEST, Wire, store_rq

from workstation.net import events as evt
from workstation.net.codec.dimse import encode_command
from workstation.net.codec.pdu import P_DATA_TF, PDV, encode_pdu
from workstation.net.pdu_primitives import A_RELEASE
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import KEPT_OF_CUT, NOTIFICATIONS, Record
from workstation.traffic.recorder import Recorder


class User:
    def __init__(self, ae_title: str, address: tuple[str, int] | None) -> None:
        self.ae_title = ae_title
        self._address = address

    @property
    def address(self) -> str:
        if self._address is None:
            raise ValueError("no address known")
        return self._address[0]

    @property
    def port(self) -> int:
        if self._address is None:
            raise ValueError("no address known")
        return self._address[1]


class Assoc:
    """What a recorder looks at of an association."""

    def __init__(self, number: int = 1, mode: str = "requestor") -> None:
        self.number = number
        self.mode = mode
        self.requestor = User("MODALITY", ("127.0.0.1", 4711) if mode == "acceptor" else None)
        self.acceptor = User("PACS", ("10.1.2.3", 104))
        self.end_reason = ""


class Bench:
    """A recorder and a way to send it notifications."""

    def __init__(self, **bounds: int) -> None:
        self.woken = 0
        self.recorder = Recorder(self._wake, **bounds)
        self._handlers: dict[str, Callable[[Any], None]] = {
            event.name: handler for event, handler in self.recorder.handlers()
        }

    def _wake(self) -> None:
        self.woken += 1

    def notify(self, assoc: Assoc, name: str, **attrs: Any) -> None:
        self._handlers[name](evt.Event(assoc, getattr(evt, name), attrs))  # type: ignore[arg-type]


def p_data(length: int, *, last: bool = False) -> bytes:
    return encode_pdu(P_DATA_TF((PDV(3, False, last, bytes(length)),)))


ATTRIBUTES: dict[str, dict[str, Any]] = {
    "EVT_CONN_OPEN": {"address": ("10.1.2.3", 104)},
    "EVT_CONN_CLOSE": {"address": ("10.1.2.3", 104)},
    "EVT_DATA_RECV": {"data": encode_pdu(REQUEST)},
    "EVT_DATA_SENT": {"data": encode_pdu(REQUEST)},
    "EVT_PDU_RECV": {"pdu": REQUEST},
    "EVT_PDU_SENT": {"pdu": REQUEST},
    "EVT_DIMSE_RECV": {"message": ECHO_RQ},
    "EVT_DIMSE_SENT": {"message": ECHO_RQ},
    "EVT_ACSE_RECV": {"primitive": A_RELEASE()},
    "EVT_ACSE_SENT": {"primitive": A_RELEASE()},
    "EVT_FSM_TRANSITION": {"current_state": "Sta6", "fsm_event": "Evt11", "action": "AR-1", "next_state": "Sta7"},
}


def test_all_seventeen_are_recorded() -> None:
    bench = Bench()
    assert [event.name for event, _ in bench.recorder.handlers()] == [e.name for e in evt.NOTIFICATION_EVENTS]
    assoc = Assoc()
    for name in NOTIFICATIONS:
        bench.notify(assoc, name, **ATTRIBUTES.get(name, {}))
    records = bench.recorder.drain()
    assert {record.event for record in records} == set(NOTIFICATIONS)
    assert [record.number for record in records] == list(range(1, 18))
    assert {record.association for record in records} == {1}
    by_name = {record.event: record for record in records}
    assert by_name["EVT_DATA_RECV"].data == encode_pdu(REQUEST)
    assert by_name["EVT_DATA_RECV"].length == len(encode_pdu(REQUEST))
    assert by_name["EVT_PDU_RECV"].pdu_type == by_name["EVT_PDU_SENT"].pdu_type == 1
    assert by_name["EVT_CONN_OPEN"].address == ("10.1.2.3", 104)
    assert by_name["EVT_ACSE_SENT"].note == "A-RELEASE"
    transition = by_name["EVT_FSM_TRANSITION"].transition
    assert transition is not None
    assert transition.action == "AR-1"


@pytest.mark.parametrize("order", [("EVT_PDU_SENT", "EVT_DATA_SENT"), ("EVT_DATA_SENT", "EVT_PDU_SENT")])
def test_the_pdu_s_type_comes_from_its_bytes_whichever_is_told_first(order: tuple[str, str]) -> None:
    def never() -> None:
        raise AssertionError("the PDU was decoded in the association's thread")

    bench = Bench()
    for data in (p_data(10), encode_pdu(REQUEST), p_data(20)):
        for name in order:
            bench.notify(Assoc(), name, **({"data": data} if "DATA" in name else {"pdu": never}))
    records = bench.recorder.drain()
    assert [record.pdu_type for record in records if record.event == "EVT_PDU_SENT"] == [4, 1, 4]
    assert len(records) == 6


def test_a_record_keeps_no_data_set_and_no_association() -> None:
    bench = Bench()
    assoc = Assoc()
    message = store_rq()
    message = type(message)(
        context_id=3,
        MessageID=1,
        AffectedSOPClassUID="1.2",
        AffectedSOPInstanceUID="1.2.3",
        Priority=0,
        data=memoryview(bytearray(5000)),
    )
    bench.notify(assoc, "EVT_DIMSE_RECV", message=message)
    bench.notify(assoc, "EVT_CONN_OPEN", address=("10.1.2.3", 104))
    records = bench.recorder.drain()
    assert records[0].message is not None
    assert records[0].message.data is None
    assert records[0].message.has_data_set
    assert records[0].length == 5000
    alive = weakref.ref(assoc)
    del assoc
    assert alive() is None


def test_facts_of_both_sides() -> None:
    bench = Bench()
    bench.notify(Assoc(1), "EVT_CONN_OPEN", address=("10.1.2.3", 104))
    assoc = Assoc(2, "acceptor")
    assoc.end_reason = "The peer released the association"
    bench.notify(assoc, "EVT_RELEASED")
    ours, theirs = (record.facts for record in bench.recorder.drain())
    assert ours is not None
    assert theirs is not None
    assert (ours.mode, ours.calling, ours.called, ours.address, ours.port) == (
        "requestor",
        "MODALITY",
        "PACS",
        "10.1.2.3",
        104,
    )
    assert (ours.local_address, ours.local_port) == ("", 0)
    assert (theirs.address, theirs.port, theirs.local_port) == ("127.0.0.1", 4711, 104)
    assert theirs.end_reason == "The peer released the association"


def test_one_wake_up_until_drained() -> None:
    bench = Bench()
    for _ in range(10):
        bench.notify(Assoc(), "EVT_ACCEPTED")
    assert bench.woken == 1
    assert len(bench.recorder.drain(limit=4)) == 4
    bench.notify(Assoc(), "EVT_ACCEPTED")
    assert bench.woken == 1  # some were left, so who drains comes back by itself
    assert len(bench.recorder.drain()) == 7
    bench.notify(Assoc(), "EVT_ACCEPTED")
    assert bench.woken == 2


def test_a_deadline_ends_the_drain() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.notify(Assoc(), "EVT_ACCEPTED")
    assert len(bench.recorder.drain(deadline=time.monotonic())) == 100
    assert bench.recorder.waiting == 900


def test_a_reader_that_stands_still_costs_payloads_then_rows() -> None:
    bench = Bench(max_waiting_bytes=5_000, max_waiting=40)
    assoc = Assoc()
    command = encode_pdu(P_DATA_TF((PDV(3, True, True, encode_command(store_rq())),)))
    bench.notify(assoc, "EVT_DATA_SENT", data=command)
    for _ in range(100):
        bench.notify(assoc, "EVT_PDU_SENT", pdu=None)
        bench.notify(assoc, "EVT_DATA_SENT", data=p_data(1000))
    bench.notify(assoc, "EVT_DATA_SENT", data=p_data(1000, last=True))
    recorder = bench.recorder
    records = recorder.drain()
    kept = [record for record in records if record.event == "EVT_DATA_SENT"]
    assert len(records) < 60
    assert sum(len(record.data) for record in kept) < 20_000
    assert recorder.lost > 100
    assert recorder.cut_bytes > 0
    assert any(len(record.data) == KEPT_OF_CUT and record.length == 1012 for record in kept)
    assert sum(record.lost for record in kept) + len(kept) == 102
    log = TrafficLog()
    log.add(records)
    row = log.conversations[0].rows[0]
    assert row.name == "C-STORE-RQ"
    assert row.complete
    # Drained, there is room again.
    bench.notify(assoc, "EVT_DATA_SENT", data=p_data(1000))
    (record,) = recorder.drain()
    assert len(record.data) == 1012


def test_when_full_only_the_turning_points_are_kept() -> None:
    bench = Bench(max_waiting=10)
    assoc = Assoc()
    for _ in range(100):
        bench.notify(assoc, "EVT_PDU_SENT", pdu=None)
        bench.notify(assoc, "EVT_DATA_SENT", data=encode_pdu(REQUEST))
        bench.notify(assoc, "EVT_DIMSE_SENT", message=ECHO_RQ)
        bench.notify(assoc, "EVT_ACSE_SENT", primitive=A_RELEASE())
    assert bench.recorder.waiting == 20
    assert bench.recorder.lost == 380
    bench.notify(assoc, "EVT_CONN_CLOSE", address=("10.1.2.3", 104))
    assert bench.recorder.drain()[-1].event == "EVT_CONN_CLOSE"
    assert bench.recorder.waiting == 0


def test_threads_lose_nothing_and_stay_in_order() -> None:
    woken = threading.Event()
    recorder = Recorder(woken.set)
    handlers = {event.name: handler for event, handler in recorder.handlers()}
    data = p_data(600)

    def carry(number: int) -> None:
        assoc = Assoc(number)
        for index in range(500):
            event = evt.Event(assoc, evt.EVT_DATA_SENT, {"data": data + bytes([index % 256])})  # type: ignore[arg-type]
            handlers["EVT_DATA_SENT"](event)

    threads = [threading.Thread(target=carry, args=(number,), name=f"carrier {number}") for number in range(1, 5)]
    for thread in threads:
        thread.start()
    records: list[Record] = []
    while len(records) < 2000:
        assert woken.wait(10)
        woken.clear()
        records += recorder.drain()
    for thread in threads:
        thread.join()
    for number in range(1, 5):
        mine = [record for record in records if record.association == number]
        assert [record.data[-1] for record in mine] == [index % 256 for index in range(500)]
        assert [record.number for record in mine] == sorted(record.number for record in mine)
    assert len({record.number for record in records}) == 2000
    assert recorder.waiting == 0


def test_the_wire_helper_and_the_recorder_agree() -> None:
    bench = Bench()
    wire = Wire()
    made = wire.pdu(REQUEST, sent=True)
    bench.notify(Assoc(), "EVT_DATA_SENT", data=made.data)
    (record,) = bench.recorder.drain()
    assert record[3:7] == made[3:7]
