"""From notification events to records: the only part of the traffic floor that runs in the threads of the associations.

There a notification becomes a `Record` and one append to a deque; the first append after the deque was drained calls
`wake`, once. Everything that costs time (decoding, grouping, text) happens where the records are drained. The recorder
knows nothing of Qt and keeps no association alive.

What waits is bounded: when nobody drains, first the payloads of P-DATA-TF PDUs are cut, then data transfer is only
counted, at last everything but the turning points of associations. A record says what was lost just before it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Final

from workstation.net import events as evt
from workstation.net.codec.dimse import Message
from workstation.traffic.record import KEPT_OF_CUT, NOTIFICATIONS, ConversationFacts, Record, Step

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.service_user import ServiceUser

__all__ = ["Recorder", "facts_of"]

_P_DATA: Final = 4
_DATA_STEPS: Final = frozenset({"DT-1", "DT-2"})


class Recorder:
    """Collects the records of every association that its handlers are bound to.

    Args:
        wake: called from any thread when records wait again; must return at once and not raise.
        max_waiting_bytes: beyond so many undrained bytes, P-DATA-TF payloads are cut to their first bytes.
        max_waiting: beyond so many undrained records, P-DATA-TF PDUs in the midst of a data set are only counted;
            beyond twice as many, all PDUs, messages and primitives.
    """

    def __init__(self, wake: Callable[[], None], max_waiting_bytes: int = 64 << 20, max_waiting: int = 200_000) -> None:
        self._wake = wake
        self._max_waiting_bytes = max_waiting_bytes
        self._max_waiting = max_waiting
        self._queue: deque[Record] = deque()
        self._numbers = count(1)
        self._signalled = False
        self._lock = Lock()  # guards the sums that several threads add to: _given, lost, cut_bytes, _gaps
        self._given = 0
        self._taken = 0  # only the draining thread writes it
        self._gaps: dict[int, int] = {}
        # The first half of a pair that an association reports of each PDU; see _pair_up.
        self._halves: dict[tuple[int, bool], tuple[str, int, float]] = {}
        self.lost = 0
        self.cut_bytes = 0

    def handlers(self) -> list[tuple[evt.NotificationEvent, Callable[[evt.Event], None]]]:
        """A handler for each of the 17 notification events, to pass as `evt_handlers`."""
        return [(getattr(evt, name), self._handler(name)) for name in NOTIFICATIONS]

    @property
    def waiting(self) -> int:
        """How many records have not been drained yet."""
        return len(self._queue)

    def drain(self, deadline: float | None = None, limit: int | None = None) -> list[Record]:
        """Take the waiting records in order, until none is left, `limit` are taken or the deadline has passed.

        After a call that left some (`waiting` tells), the caller comes back by itself: `wake` is only called for the
        first record after the deque was found empty.

        Args:
            deadline: of `time.monotonic()`.
            limit: records at most.
        """
        # Cleared before looking, so that a record appended behind our back wakes again rather than not at all.
        self._signalled = False
        queue = self._queue
        taken: list[Record] = []
        size = 0
        while queue and (limit is None or len(taken) < limit):
            # The clock is read once for a hundred records: reading it costs about what taking one does.
            for _ in range(min(100, len(queue), limit - len(taken) if limit is not None else 100)):
                record = queue.popleft()
                if record.length > KEPT_OF_CUT:
                    size += len(record.data)
                taken.append(record)
            if deadline is not None and time.monotonic() >= deadline:
                break
        self._taken += size
        if queue:
            self._signalled = True
        return taken

    def _append(self, record: Record) -> None:
        self._queue.append(record)
        if not self._signalled:
            # Two threads may both come here; the second wake-up finds nothing and is harmless. A lock would not be.
            self._signalled = True
            self._wake()

    def _is_crowded(self) -> bool:
        return len(self._queue) >= self._max_waiting

    def _is_full(self) -> bool:
        return len(self._queue) >= 2 * self._max_waiting

    def _lose(self) -> None:
        with self._lock:
            self.lost += 1

    def _handler(self, name: str) -> Callable[[evt.Event], None]:
        match name:
            case "EVT_DATA_RECV" | "EVT_DATA_SENT":
                return self._data_handler(name)
            case "EVT_PDU_RECV" | "EVT_PDU_SENT":
                return self._pdu_handler(name)
            case "EVT_FSM_TRANSITION":
                return self._on_transition
            case "EVT_DIMSE_RECV" | "EVT_DIMSE_SENT":
                return self._message_handler(name)
            case "EVT_ACSE_RECV" | "EVT_ACSE_SENT":
                return self._primitive_handler(name)
            case _:
                return self._turning_point_handler(name)

    def _data_handler(self, name: str) -> Callable[[evt.Event], None]:
        sent = name == "EVT_DATA_SENT"

        def on_data(event: evt.Event) -> None:
            data = event.data
            association: int = event.assoc.number
            length = len(data)
            pdu_type = data[0] if length else 0
            self._pair_up((association, sent), "data", pdu_type, event.time)
            lost = 0
            if self._is_full() or (self._is_crowded() and pdu_type == _P_DATA and _is_inner_fragment(data, length)):
                with self._lock:
                    self.lost += 1
                    self._gaps[association] = self._gaps.get(association, 0) + 1
                return
            if length > KEPT_OF_CUT or self._gaps:
                with self._lock:
                    behind = self._given - self._taken > self._max_waiting_bytes
                    if behind and pdu_type == _P_DATA and length > KEPT_OF_CUT:
                        self.cut_bytes += length - KEPT_OF_CUT
                        data = data[:KEPT_OF_CUT]
                    if length > KEPT_OF_CUT:
                        self._given += len(data)
                    if self._gaps:
                        lost = self._gaps.pop(association, 0)
            self._append(
                Record(
                    next(self._numbers),
                    event.time,
                    association,
                    name,
                    data if isinstance(data, bytes) else bytes(data),
                    length,
                    pdu_type,
                    lost,
                )
            )

        return on_data

    def _pdu_handler(self, name: str) -> Callable[[evt.Event], None]:
        sent = name == "EVT_PDU_SENT"

        def on_pdu(event: evt.Event) -> None:
            self._pair_up((event.assoc.number, sent), "pdu", 0, event.time)

        return on_pdu

    def _pair_up(self, side: tuple[int, bool], half: str, pdu_type: int, moment: float) -> None:
        """Make the record of EVT_PDU_* from both notifications of a PDU, whichever comes first.

        The bytes tell the type; asking the event for its PDU would decode it, in the thread that carries it.
        """
        other = self._halves.pop(side, None)
        if other is None or other[0] == half:
            self._halves[side] = (half, pdu_type, moment)
            return
        pdu_type |= other[1]
        if self._is_full() or (self._is_crowded() and pdu_type == _P_DATA):
            self._lose()
            return
        name = "EVT_PDU_SENT" if side[1] else "EVT_PDU_RECV"
        self._append(Record(next(self._numbers), moment, side[0], name, pdu_type=pdu_type))

    def _on_transition(self, event: evt.Event) -> None:
        assoc = event.assoc
        step = Step(str(event.current_state), str(event.fsm_event), str(event.action), str(event.next_state))
        if step.action in _DATA_STEPS and self._is_crowded():
            self._lose()
            return
        facts = facts_of(assoc) if step.state == "Sta1" else None
        self._append(
            Record(
                next(self._numbers),
                event.time,
                assoc.number,
                "EVT_FSM_TRANSITION",
                transition=step,
                facts=facts,
            )
        )

    def _message_handler(self, name: str) -> Callable[[evt.Event], None]:
        def on_message(event: evt.Event) -> None:
            if self._is_full():
                self._lose()
                return
            message: Message = event.message
            length = 0
            if message.data is not None:
                length = len(message.data)
                message = replace(message, data=None)
            self._append(
                Record(
                    next(self._numbers),
                    event.time,
                    event.assoc.number,
                    name,
                    length=length,
                    message=message,
                )
            )

        return on_message

    def _primitive_handler(self, name: str) -> Callable[[evt.Event], None]:
        def on_primitive(event: evt.Event) -> None:
            if self._is_full():
                self._lose()
                return
            note = type(event.primitive).__name__.replace("_", "-")
            self._append(Record(next(self._numbers), event.time, event.assoc.number, name, note=note))

        return on_primitive

    def _turning_point_handler(self, name: str) -> Callable[[evt.Event], None]:
        has_address = name in ("EVT_CONN_OPEN", "EVT_CONN_CLOSE")

        def on_turning_point(event: evt.Event) -> None:
            assoc = event.assoc
            if name == "EVT_CONN_CLOSE":
                with self._lock:
                    self._gaps.pop(assoc.number, None)
                self._halves.pop((assoc.number, False), None)
                self._halves.pop((assoc.number, True), None)
            self._append(
                Record(
                    next(self._numbers),
                    event.time,
                    assoc.number,
                    name,
                    address=_pair(event.address) if has_address else None,
                    facts=facts_of(assoc),
                )
            )

        return on_turning_point


def _is_inner_fragment(data: bytes, length: int) -> bool:
    """Whether a P-DATA-TF PDU is one PDV in the midst of a data set: what the structure of a log can do without."""
    return length > 12 and data[11] & 3 == 0 and int.from_bytes(data[6:10], "big") == length - 10


def _pair(address: tuple[object, ...] | None) -> tuple[str, int] | None:
    """Host and port; an IPv6 address has two more parts that nobody shows."""
    if not address or len(address) < 2:
        return None
    return str(address[0]), int(str(address[1]))


def facts_of(assoc: Association) -> ConversationFacts:
    """Who talks to whom in an association, as far as it is known now."""
    requestor, acceptor = assoc.requestor, assoc.acceptor
    local, remote = (requestor, acceptor) if assoc.mode == "requestor" else (acceptor, requestor)
    address, port = _address_of(remote)
    local_address, local_port = _address_of(local)
    return ConversationFacts(
        str(assoc.mode),
        str(requestor.ae_title),
        str(acceptor.ae_title),
        address,
        port,
        local_address,
        local_port,
        str(assoc.end_reason or ""),
    )


def _address_of(user: ServiceUser) -> tuple[str, int]:
    """A side's address, ("", 0) as long as it has none: the public API raises ValueError then."""
    try:
        return str(user.address), int(user.port)
    except ValueError:
        return "", 0
