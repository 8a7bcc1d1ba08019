"""Where the threads of the associations meet Qt, and nowhere else.

The notification handlers (`Recorder`) append records to a deque in whatever thread they are called; the first append
after empty posts one queued signal. The GUI thread drains the deque within a time budget and emits, for each batch,
one Qt signal per kind of event and then the whole batch in order. Viewers connect to these signals and never see a
thread. The bridge decides nothing and keeps no traffic.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal, SignalInstance, Slot

from workstation.traffic.record import NOTIFICATIONS, Record
from workstation.traffic.recorder import Recorder
from workstation.ui.parts.slices import Turns
from workstation.ui.parts.undisturbed import undisturbed

__all__ = ["Bridge", "signal_name"]

BUDGET: Final = 0.008
# Records that one emission carries at most: at the cost of folding and showing one, about a budget's worth. Beside busy
# threads the same work takes longer, waiting for the lock counts as well: then it is fewer, down to the least.
BATCH: Final = 400
LEAST: Final = 25
# Milliseconds from one drain to the next while traffic runs: as often as a person can follow a list, and views like few
# large batches. What comes after a pause is shown at once.
INTERVAL: Final = 50

# PDU type of P-DATA-TF.
_P_DATA: Final = 4


def signal_name(event: str) -> str:
    """The signal of a notification event: "data_recv" for "EVT_DATA_RECV"."""
    return event.removeprefix("EVT_").lower()


class Bridge(QObject):
    """The one object whose signals tell the window what happens on the network.

    Each of the 17 carries a tuple of `Record`, those of its event in one batch; `batch` carries them all in order and
    comes last. Create it in the GUI thread; all of its signals are emitted there.
    """

    aborted = Signal(object)
    accepted = Signal(object)
    acse_recv = Signal(object)
    acse_sent = Signal(object)
    conn_close = Signal(object)
    conn_open = Signal(object)
    data_recv = Signal(object)
    data_sent = Signal(object)
    dimse_recv = Signal(object)
    dimse_sent = Signal(object)
    established = Signal(object)
    fsm_transition = Signal(object)
    pdu_recv = Signal(object)
    pdu_sent = Signal(object)
    rejected = Signal(object)
    released = Signal(object)
    requested = Signal(object)
    batch = Signal(object)

    _woken = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bridge")
        # Not in a circle: the garbage collector may run in any thread, and Qt's objects go in their own.
        wake = weakref.WeakMethod(self._wake)
        self.recorder = Recorder(lambda: None if (alive := wake()) is None else alive())
        self.records = 0
        self.batches = 0
        self.longest_drain = 0.0  # seconds
        self.passed = 0  # records that nobody wanted to see
        self._paused = False
        self._unseen: dict[int, int] = {}  # association -> PDUs that passed unseen
        self._closed = False
        self._asked = False
        self._batch_size = BATCH
        self._last_drain = 0.0
        self._signals: dict[str, SignalInstance] = {name: getattr(self, signal_name(name)) for name in NOTIFICATIONS}
        # Queued whatever the thread: the append that wakes us must not run the viewers, not even in the GUI thread.
        self._woken.connect(self._on_woken, Qt.ConnectionType.QueuedConnection)
        # A timer rather than one more queued signal: posted events are handled before input and painting, so a
        # drain that posts the next one would hold both up for as long as traffic keeps coming.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        # In a turn of its own: batches and pictures do not add up to one long absence.
        self._timer.timeout.connect(self._take_turn)

    @property
    def waiting(self) -> int:
        """Records that no viewer has seen yet."""
        return self.recorder.waiting

    @property
    def lost(self) -> int:
        """Notifications that could only be counted, because the window was too far behind."""
        return self.recorder.lost

    def set_paused(self, paused: bool) -> None:
        """Let messages and their bytes pass unseen; beginnings and ends are told all the same.

        Without those, an association that ends meanwhile would look alive for ever.
        """
        self._paused = paused

    def close(self) -> None:
        """Show what still waits and hear nothing more; associations may outlive the window."""
        self._closed = True
        self._timer.stop()
        while self.recorder.waiting:
            self._emit(self.recorder.drain(limit=BATCH))

    def _wake(self) -> None:
        """Called by the recorder in any thread."""
        # The C++ object may be gone between the test and the emit when the program ends; nobody listens then.
        with contextlib.suppress(RuntimeError):
            if not self._closed:
                self._woken.emit()

    @Slot()
    def _on_woken(self) -> None:
        if self._closed or self._asked or self._timer.isActive():
            return
        since = (time.monotonic() - self._last_drain) * 1000
        if since >= INTERVAL:
            self._drain()
        else:
            self._timer.start(INTERVAL - int(since))

    @Slot()
    def _take_turn(self) -> None:
        self._asked = True
        Turns.of_all().add(self, next_one=True)

    @property
    def busy(self) -> bool:
        """Whether it waits for its turn."""
        return self._asked and not self._closed

    @property
    def urgent(self) -> bool:
        """Whether a person waits for them."""
        return False

    def go_on(self) -> None:
        """It is its turn: show what waits, as far as the budget goes."""
        self._asked = False
        self._drain()

    def _drain(self) -> None:
        start = time.monotonic()
        deadline = start + BUDGET
        with undisturbed:
            before = start
            while records := self.recorder.drain(deadline, min(self._batch_size, BATCH)):
                self._emit(records)
                now = time.monotonic()
                self._adapt(len(records), now - before)
                if now >= deadline:
                    break
                before = now
        self._last_drain = time.monotonic()
        self.longest_drain = max(self.longest_drain, self._last_drain - start)
        if self.recorder.waiting and not self._closed:
            self._timer.start(0)

    def _adapt(self, count: int, seconds: float) -> None:
        """Choose the size of the next batch by how long the last one took."""
        if seconds > BUDGET:
            self._batch_size = max(LEAST, min(self._batch_size, count) // 2)
        elif seconds < BUDGET / 3 and count == self._batch_size:
            self._batch_size = min(BATCH, 2 * self._batch_size)

    def _emit(self, records: list[Record]) -> None:
        if self._paused or self._unseen:
            seen = [record for record in map(self._sift, records) if record is not None]
            self.passed += len(records) - len(seen)
            if not seen:
                return
            records = seen
        self.records += len(records)
        self.batches += 1
        by_event: dict[str, list[Record]] = {}
        for record in records:
            by_event.setdefault(record.event, []).append(record)
        for event, some in by_event.items():
            undisturbed.emit(self._signals[event], tuple(some))
        undisturbed.emit(self.batch, tuple(records))

    def _sift(self, record: Record) -> Record | None:
        """The record when it is shown; the first bytes shown again say how many PDUs were not."""
        association = record.association
        match record.event:
            case "EVT_DATA_RECV" | "EVT_DATA_SENT":
                if self._paused and record.pdu_type == _P_DATA:
                    self._unseen[association] = self._unseen.get(association, 0) + 1 + record.lost
                    return None
                return record._replace(lost=record.lost + self._unseen.pop(association, 0))
            case "EVT_PDU_RECV" | "EVT_PDU_SENT":
                return None if self._paused and record.pdu_type == _P_DATA else record
            case "EVT_DIMSE_RECV" | "EVT_DIMSE_SENT":
                return None if self._paused else record
            case "EVT_CONN_CLOSE":
                self._unseen.pop(association, None)
        return record
