"""Derived states: the path of either side through PS3.8 Table 9-10, read off the bytes that crossed the wire.

A capture has no state machine, and of an association of ours the other side has one that we do not see. What was
received is an event of the table as it is. What was sent tells which request of the local user came before it: a
P-DATA-TF sent is Evt9, an A-ASSOCIATE-AC sent Evt7. Where the table leaves two ways, what was sent next says which was
taken, so such a step waits for it. Bytes that the table does not allow are what happened all the same: the state is
then the one in which they could be sent.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Final, Literal, NamedTuple, TypeAlias

from workstation.net.codec.pdu import PDUType
from workstation.net.engine.fsm import NEXT_STATES, TABLE, Action, Event, State
from workstation.traffic.conversation import Conversation
from workstation.traffic.path import Transition, extend_path
from workstation.traffic.record import Step
from workstation.traffic.rows import PduRow

__all__ = ["DerivedPath", "PathDeriver", "Role", "TimedStep", "derive_path"]

Role: TypeAlias = Literal["requestor", "acceptor"]


class TimedStep(NamedTuple):
    """A step, and when it was taken."""

    time: float
    step: Step


_RECEIVED: Final = {
    PDUType.A_ASSOCIATE_RQ: Event.EVT6,
    PDUType.A_ASSOCIATE_AC: Event.EVT3,
    PDUType.A_ASSOCIATE_RJ: Event.EVT4,
    PDUType.P_DATA_TF: Event.EVT10,
    PDUType.A_RELEASE_RQ: Event.EVT12,
    PDUType.A_RELEASE_RP: Event.EVT13,
    PDUType.A_ABORT: Event.EVT16,
}
_SENT: Final = {
    PDUType.A_ASSOCIATE_AC: Event.EVT7,
    PDUType.A_ASSOCIATE_RJ: Event.EVT8,
    PDUType.P_DATA_TF: Event.EVT9,
    PDUType.A_RELEASE_RQ: Event.EVT11,
    PDUType.A_RELEASE_RP: Event.EVT14,
}
# The state in which a side must have been that sends or receives a PDU, when nothing is known of before.
_IMPLIED: Final = {
    (PDUType.A_ASSOCIATE_RQ, False): State.STA2,
    (PDUType.A_ASSOCIATE_AC, True): State.STA3,
    (PDUType.A_ASSOCIATE_AC, False): State.STA5,
    (PDUType.A_ASSOCIATE_RJ, True): State.STA3,
    (PDUType.A_ASSOCIATE_RJ, False): State.STA5,
    (PDUType.A_RELEASE_RP, True): State.STA8,
    (PDUType.A_RELEASE_RP, False): State.STA7,
}
# What a side does that found fault with a PDU, and says so by A-ABORT.
_FAULTS: Final = frozenset({Action.AA_1, Action.AA_7, Action.AA_8})
_SHORT_PDUS: Final = frozenset({PDUType.A_ASSOCIATE_RJ, PDUType.A_RELEASE_RQ, PDUType.A_RELEASE_RP, PDUType.A_ABORT})
# PS3.8 sections 9.3.4 and 9.3.8: the byte that says who rejects or aborts
_SOURCE: Final = 8
_REJECTED_BY_PROVIDER: Final = 2


def _step(state: State, event: Event, next_state: State | None = None) -> Step:
    action = TABLE[state, event]
    return Step(str(state), str(event), str(action), str(next_state or NEXT_STATES[action][0]))


_STATES: Final = {str(state): state for state in State}
_DATA_SENT: Final = _step(State.STA6, Event.EVT9)
_DATA_RECEIVED: Final = _step(State.STA6, Event.EVT10)


class PathDeriver:
    """Derives the steps of one side, PDU by PDU.

    Each call returns the steps that are certain now, in order; some are of earlier times.

    Args:
        role: The side.
    """

    def __init__(self, role: Role) -> None:
        self.role: Role = role
        self.state = State.STA1
        self._begun = False
        self._lossy = False
        self._opening: float | None = None
        self._waiting: tuple[float, Event] | None = None
        self._steps: list[TimedStep] = []

    def opened(self, time: float) -> list[TimedStep]:
        """The transport connection begins to be opened (requestor), or is indicated (acceptor)."""
        self._begun = True
        if self.state is State.STA1:
            self._take(time, Event.EVT1 if self.role == "requestor" else Event.EVT5)
        return self._taken()

    def connected(self, time: float) -> list[TimedStep]:
        """The transport connection is open (requestor); the first PDU sent says so too."""
        if self.state is State.STA4:
            self._take(time, Event.EVT2)
        return self._taken()

    def gap(self) -> None:
        """Bytes were not seen here: what comes next need not fit what came before."""
        self._lossy = True

    def pdu(self, pdu_type: int, sent: bool, time: float, data: bytes = b"") -> list[TimedStep]:
        """A PDU was sent or received by this side.

        Args:
            pdu_type: its first byte.
            sent: by this side.
            time: when.
            data: its bytes, or the first ten of them.
        """
        if pdu_type == PDUType.P_DATA_TF:
            step = self.data_step(sent)
            if step is not None:
                return [TimedStep(time, step)]
        if not self._begun:
            self._begin(pdu_type, sent, time)
        if sent:
            self._sent(pdu_type, time, data)
        else:
            self._received(pdu_type, time, data)
        return self._taken()

    def data_step(self, sent: bool) -> Step | None:
        """The step that a P-DATA-TF is in data transfer, where there are thousands of them; None elsewhere."""
        if self.state is not State.STA6 or self._waiting is not None:
            return None
        return _DATA_SENT if sent else _DATA_RECEIVED

    def closed(self, time: float, by_this_side: bool = False) -> list[TimedStep]:
        """The transport connection was closed, seen by this side.

        Args:
            time: when.
            by_this_side: whether this side closed first.
        """
        self._resolve()
        if self.state is State.STA2 and by_this_side:
            self._take(time, Event.EVT18)  # nobody else closes a connection on which nothing was said
        else:
            self._take(time, Event.EVT17)
        return self._taken()

    # ------------------------------------------------------------------- what is certain
    def _taken(self) -> list[TimedStep]:
        taken, self._steps = self._steps, []
        return taken

    def _take(self, time: float, event: Event, next_state: State | None = None) -> bool:
        """Take the table's cell; False when it is empty."""
        action = TABLE.get((self.state, event))
        if action is None:
            return False
        step = _step(self.state, event, next_state)
        self._steps.append(TimedStep(time, step))
        self.state = _STATES[step.next_state]
        return True

    def _begin(self, pdu_type: int, sent: bool, time: float) -> None:
        """What is seen begins here: with the first PDU, or in the midst."""
        self._begun = True
        if pdu_type == PDUType.A_ASSOCIATE_RQ and sent == (self.role == "requestor"):
            self._take(time, Event.EVT1 if sent else Event.EVT5)
        else:
            self.state = self._implied(pdu_type, sent)

    @staticmethod
    def _implied(pdu_type: int, sent: bool) -> State:
        try:
            return _IMPLIED.get((PDUType(pdu_type), sent), State.STA6)
        except ValueError:
            return State.STA6

    def _resolve(self, sent: int | None = None, data: bytes = b"") -> bool:
        """Take the step that waited; what was sent next tells how. True when it accounts for the sent PDU too."""
        if self._waiting is None:
            return False
        time, event = self._waiting
        self._waiting = None
        if event is Event.EVT6 and self.state is State.STA2:
            refused = sent == PDUType.A_ASSOCIATE_RJ and data[_SOURCE : _SOURCE + 1] == bytes([_REJECTED_BY_PROVIDER])
            self._take(time, event, State.STA13 if refused else State.STA3)
            return refused
        if event is Event.EVT12 and self.state in (State.STA6, State.STA7):
            if sent == PDUType.A_RELEASE_RQ and self.state is State.STA6:
                return False  # the requests crossed: the caller takes both
            self._take(time, event, self._collided() if self.state is State.STA7 else None)
            return False
        if sent is None or sent == PDUType.A_ABORT:
            self._take(time, event)
            return sent is not None
        return False  # this side went on as if nothing were wrong

    def _collided(self) -> State:
        return State.STA9 if self.role == "requestor" else State.STA10

    def _received(self, pdu_type: int, time: float, data: bytes) -> None:
        self._resolve()
        event = self._event(pdu_type, data)
        action = TABLE.get((self.state, event))
        if self._lossy and (action is None or action in _FAULTS or action is Action.AA_6):
            self._jump(pdu_type, sent=False)
            action = TABLE.get((self.state, event))
        if action in (Action.AE_6, Action.AR_2) or (action in _FAULTS and self.state is not State.STA13):
            self._waiting = (time, event)
        elif action is Action.AR_8:
            self._take(time, event, self._collided())
        else:
            self._take(time, event)

    @staticmethod
    def _event(pdu_type: int, data: bytes) -> Event:
        try:
            known = PDUType(pdu_type)
        except ValueError:
            return Event.EVT19
        if known in _SHORT_PDUS and len(data) >= 6 and data[2:6] != b"\0\0\0\4":
            return Event.EVT19
        return _RECEIVED[known]

    def _sent(self, pdu_type: int, time: float, data: bytes) -> None:
        crossed = self._waiting if self._waiting is not None and self._waiting[1] is Event.EVT12 else None
        if self._resolve(pdu_type, data):
            return
        if pdu_type == PDUType.A_ABORT:
            self._abort(time, data)
            return
        if pdu_type == PDUType.A_ASSOCIATE_RQ:
            self._take(time, Event.EVT2)  # AE-2 sends it; taken already when the connection was seen to open
            return
        try:
            event = _SENT[PDUType(pdu_type)]
        except (KeyError, ValueError):
            return  # no action of the table sends it
        if (self.state, event) not in TABLE:
            self._jump(pdu_type, sent=True)
        self._take(time, event)
        if crossed is not None and pdu_type == PDUType.A_RELEASE_RQ and self.state is State.STA7:
            # It was sent before the other one came, else it could not have been sent.
            self._take(max(time, crossed[0]), Event.EVT12, self._collided())

    def _abort(self, time: float, data: bytes) -> None:
        by_provider = data[_SOURCE : _SOURCE + 1] == b"\2"
        event = Event.EVT19 if by_provider or (self.state, Event.EVT15) not in TABLE else Event.EVT15
        if self.state is not State.STA13:  # there its A-ABORT was sent already
            self._take(time, event)

    def _jump(self, pdu_type: int, sent: bool) -> None:
        self.state = self._implied(pdu_type, sent)
        self._lossy = False


class DerivedPath:
    """The path of one side of a conversation, derived from its PDUs, while it goes on.

    Args:
        conversation: Whose.
        role: The side.

    Attributes:
        path: The transitions so far.
    """

    def __init__(self, conversation: Conversation, role: Role) -> None:
        self.conversation = conversation
        self.role: Role = role
        self.path: list[Transition] = []
        self._deriver = PathDeriver(role)
        self._ours = (conversation.mode or "requestor") == role
        self._row = 1  # number of the first row that may still get PDUs
        self._pdu = 0  # number of the last PDU taken
        self._over = False

    @property
    def state(self) -> str:
        """The state it is in."""
        return str(self._deriver.state)

    def advance(self, limit: int | None = None) -> bool:
        """Take in what is new.

        Args:
            limit: PDUs at most, about.

        Returns:
            Whether there is more to take in.
        """
        pdus, more = self._new(limit)
        for pdu in pdus:
            self._take(pdu)
        conversation = self.conversation
        # Without the last step of the side that was watched its connection was not seen to close.
        if not more and conversation.end_time is not None and conversation.state == "Sta1" and not self._over:
            self._over = True
            if not self._pdu:
                self._open()
            self._add(self._deriver.closed(conversation.end_time))
        return more

    def _new(self, limit: int | None) -> tuple[list[PduRow], bool]:
        rows = self.conversation.rows
        start = max(self.conversation.index_of(self._row), 0)
        found: list[PduRow] = []
        grows: int | None = None
        more = False
        for row in rows[start : None if limit is None else start + limit + 64]:
            if limit is not None and len(found) >= limit:
                more = True
                break
            if grows is None and row.is_dimse and not row.complete and not row.problem:
                grows = row.number
            found += row.pdus[bisect_right(row.pdus, self._pdu, key=attrgetter("number")) :]
            if grows is None:
                self._row = row.number + 1
        else:
            more = limit is not None and start + limit + 64 < len(rows)
        found.sort(key=attrgetter("number"))
        return found, more

    def _take(self, pdu: PduRow) -> None:
        if pdu.number <= self._pdu:
            return  # of two messages
        if not self._pdu and pdu.number == 1 and pdu.pdu_type == PDUType.A_ASSOCIATE_RQ:
            self._open()
        if pdu.lost:
            self._deriver.gap()
        self._pdu = pdu.number
        self._add(self._deriver.pdu(pdu.pdu_type, pdu.sent == self._ours, pdu.time, pdu.data))

    def _open(self) -> None:
        watched = self.conversation.path
        connected = next((taken.time for taken in watched if taken.event in ("Evt2", "Evt5")), None)
        start = self.conversation.start_time
        if self.role == "requestor":
            self._add(self._deriver.opened(start))
            if connected is not None:
                self._add(self._deriver.connected(connected))
        else:
            self._add(self._deriver.opened(start if connected is None else connected))

    def _add(self, steps: list[TimedStep]) -> None:
        for time, step in steps:
            extend_path(self.path, step, time)


def derive_path(conversation: Conversation, role: Role) -> list[Transition]:
    """The path that one side of a conversation took, derived from what crossed the wire.

    Takes about a microsecond for each PDU; `DerivedPath` does it in slices.
    """
    derived = DerivedPath(conversation, role)
    derived.advance()
    return derived.path
