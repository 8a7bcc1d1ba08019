"""The bridge: notifications of real threads come out as Qt signals in the GUI thread."""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QObject, QThread, QTimer, Signal
from pytestqt.qtbot import QtBot

from workstation.net import events as evt
from workstation.net.codec.dimse import C_ECHO_RQ
from workstation.net.codec.pdu import A_RELEASE_RQ, P_DATA_TF, PDV, encode_pdu
from workstation.net.pdu_primitives import A_RELEASE
from workstation.traffic.record import NOTIFICATIONS, Record
from workstation.ui import bridge as module
from workstation.ui.bridge import Bridge, signal_name

RELEASE = encode_pdu(A_RELEASE_RQ())
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "EVT_CONN_OPEN": {"address": ("127.0.0.1", 104)},
    "EVT_CONN_CLOSE": {"address": ("127.0.0.1", 104)},
    "EVT_DATA_RECV": {"data": RELEASE},
    "EVT_DATA_SENT": {"data": RELEASE},
    "EVT_PDU_RECV": {"pdu": A_RELEASE_RQ()},
    "EVT_PDU_SENT": {"pdu": A_RELEASE_RQ()},
    "EVT_DIMSE_RECV": {"message": C_ECHO_RQ(MessageID=1, AffectedSOPClassUID="1.2.840.10008.1.1")},
    "EVT_DIMSE_SENT": {"message": C_ECHO_RQ(MessageID=1, AffectedSOPClassUID="1.2.840.10008.1.1")},
    "EVT_ACSE_RECV": {"primitive": A_RELEASE()},
    "EVT_ACSE_SENT": {"primitive": A_RELEASE()},
    "EVT_FSM_TRANSITION": {"current_state": "Sta6", "fsm_event": "Evt11", "action": "AR-1", "next_state": "Sta7"},
}


class User:
    ae_title = "AE"
    address = "127.0.0.1"
    port = 104


class Assoc:
    mode = "requestor"
    requestor = acceptor = User()
    end_reason = ""

    def __init__(self, number: int = 1) -> None:
        self.number = number


class Listener(QObject):
    """Takes every signal of a bridge and remembers in which thread."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.records: list[Record] = []
        self.by_signal: dict[str, list[Record]] = {}
        self.batches: list[int] = []
        self.threads: set[QThread] = set()
        bridge.batch.connect(self._on_batch)
        for name in NOTIFICATIONS:
            getattr(bridge, signal_name(name)).connect(
                lambda records, name=name: self.by_signal.setdefault(name, []).extend(records)
            )

    def _on_batch(self, records: tuple[Record, ...]) -> None:
        self.threads.add(QThread.currentThread())
        self.batches.append(len(records))
        self.records.extend(records)


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[Bridge]:
    bridge = Bridge()
    yield bridge
    bridge.close()
    bridge.deleteLater()


def notify(bridge: Bridge, assoc: Assoc, name: str) -> None:
    for event, handler in bridge.recorder.handlers():
        if event.name == name:
            handler(evt.Event(assoc, event, ATTRIBUTES.get(name)))  # type: ignore[arg-type]


def run(function: Any, *args: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=args, name="association")
    thread.start()
    return thread


def test_there_is_a_signal_for_each_of_the_17_events() -> None:
    names = [signal_name(event.name) for event in evt.NOTIFICATION_EVENTS]
    assert len(names) == 17
    assert all(isinstance(getattr(Bridge, name), Signal) for name in names)


def test_every_signal_comes_from_a_thread_to_the_gui_thread(qtbot: QtBot, bridge: Bridge) -> None:
    listener = Listener(bridge)
    with qtbot.waitSignal(bridge.batch):
        thread = run(lambda: [notify(bridge, Assoc(), name) for name in NOTIFICATIONS])
    thread.join()
    qtbot.waitUntil(lambda: len(listener.records) == 17)
    assert set(listener.by_signal) == set(NOTIFICATIONS)
    assert all(len(records) == 1 for records in listener.by_signal.values())
    assert [record.number for record in listener.records] == list(range(1, 18))
    assert listener.threads == {bridge.thread()}
    assert bridge.records == 17
    assert bridge.waiting == 0


def test_no_viewer_runs_within_the_notification_even_in_the_gui_thread(qtbot: QtBot, bridge: Bridge) -> None:
    listener = Listener(bridge)
    notify(bridge, Assoc(), "EVT_ACCEPTED")
    assert listener.records == []
    qtbot.waitUntil(lambda: len(listener.records) == 1)


def test_a_burst_comes_in_few_batches_and_whole(qtbot: QtBot, bridge: Bridge) -> None:
    listener = Listener(bridge)

    def carry(number: int) -> None:
        assoc = Assoc(number)
        handler = {event.name: handler for event, handler in bridge.recorder.handlers()}["EVT_DATA_SENT"]
        for _ in range(3000):
            handler(evt.Event(assoc, evt.EVT_DATA_SENT, {"data": RELEASE}))  # type: ignore[arg-type]

    threads = [run(carry, number) for number in range(1, 5)]
    qtbot.waitUntil(lambda: len(listener.records) == 12_000, timeout=20_000)
    for thread in threads:
        thread.join()
    for number in range(1, 5):
        numbers = [record.number for record in listener.records if record.association == number]
        assert len(numbers) == 3000
        assert numbers == sorted(numbers)
    assert max(listener.batches) <= module.BATCH
    assert len(listener.batches) < 3000
    assert bridge.batches == len(listener.batches)


def test_slow_viewers_do_not_stop_the_event_loop(qtbot: QtBot, bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    bridge.batch.connect(lambda _: time.sleep(0.005))
    ticks: list[int] = []
    timer = QTimer()
    timer.setInterval(0)
    timer.timeout.connect(lambda: ticks.append(bridge.waiting))
    for _ in range(500):
        notify(bridge, Assoc(), "EVT_ACCEPTED")
    timer.start()
    qtbot.waitUntil(lambda: bridge.waiting == 0, timeout=10_000)
    timer.stop()
    # 50 batches of 5 ms, 8 ms at a time: the loop turned many times while records still waited.
    assert sum(1 for waiting in ticks if waiting) >= 10
    assert bridge.longest_drain < 0.25


def test_paused_messages_pass_unseen_but_beginnings_and_ends_do_not(qtbot: QtBot, bridge: Bridge) -> None:
    listener = Listener(bridge)
    handlers = {event.name: (event, handler) for event, handler in bridge.recorder.handlers()}
    p_data = encode_pdu(P_DATA_TF((PDV(1, True, True, b"12"),)))

    def carry(data: bytes) -> None:
        for name, attrs in (("EVT_DATA_SENT", {"data": data}), ("EVT_PDU_SENT", {"pdu": None})):
            event, handler = handlers[name]
            handler(evt.Event(Assoc(), event, attrs))  # type: ignore[arg-type]

    bridge.set_paused(True)
    notify(bridge, Assoc(), "EVT_CONN_OPEN")
    notify(bridge, Assoc(), "EVT_DIMSE_SENT")
    for _ in range(3):
        carry(p_data)
    notify(bridge, Assoc(), "EVT_ESTABLISHED")
    qtbot.waitUntil(lambda: bridge.waiting == 0)
    assert [record.event for record in listener.records] == ["EVT_CONN_OPEN", "EVT_ESTABLISHED"]
    assert bridge.passed == 7
    bridge.set_paused(False)
    carry(p_data)
    carry(RELEASE)
    qtbot.waitUntil(lambda: len(listener.records) == 6)
    shown = [record for record in listener.records if record.event == "EVT_DATA_SENT"]
    assert [record.lost for record in shown] == [3, 0]
    # The end of an association is seen in its bytes too.
    bridge.set_paused(True)
    carry(RELEASE)
    qtbot.waitUntil(lambda: len(listener.records) == 8)


def test_close_shows_the_rest_and_then_nothing(qtbot: QtBot) -> None:
    bridge = Bridge()
    listener = Listener(bridge)
    for _ in range(1000):
        notify(bridge, Assoc(), "EVT_ACCEPTED")
    bridge.close()
    assert len(listener.records) == 1000
    thread = run(notify, bridge, Assoc(), "EVT_ACCEPTED")
    thread.join()
    qtbot.wait(50)
    assert len(listener.records) == 1000


def test_an_association_may_outlive_the_bridge(qtbot: QtBot) -> None:
    bridge = Bridge()
    with qtbot.waitSignal(bridge.destroyed):
        bridge.deleteLater()
    notify(bridge, Assoc(), "EVT_ACCEPTED")


def test_emitting_loses_no_references(qtbot: QtBot, bridge: Bridge) -> None:
    # PySide6 6.12.0 under Python 3.11 drops a reference to True with each emit, until the process aborts.
    before = sys.getrefcount(True)
    for _ in range(100):
        bridge.batch.emit(())
        bridge._woken.emit()
    assert sys.getrefcount(True) > before - 50


def test_batches_shrink_while_taking_them_in_is_slow_and_grow_again(bridge: Bridge, qtbot: QtBot) -> None:
    listener = Listener(bridge)
    slow = True

    def take_in(records: tuple[Record, ...]) -> None:
        end = time.monotonic() + len(records) * 1e-4 * slow
        while time.monotonic() < end:
            pass

    bridge.batch.connect(take_in)

    def feed(count: int) -> None:
        want = len(listener.records) + count
        for _ in range(count):
            notify(bridge, Assoc(), "EVT_ACCEPTED")
        qtbot.waitUntil(lambda: len(listener.records) == want, timeout=10_000)

    feed(3000)
    assert listener.batches[0] == module.BATCH
    assert min(listener.batches) < 100
    slow = False
    feed(6000)
    assert max(listener.batches[-10:]) == module.BATCH


def test_a_bridge_that_nobody_has_goes_at_once_and_not_when_the_collector_comes(qtbot) -> None:
    bridge = Bridge()
    gone = weakref.ref(bridge)
    recorder = bridge.recorder
    del bridge
    assert gone() is None
    recorder._wake()  # by a thread that has not heard of it yet
