"""The upper layer of one association (PS3.8 section 9) as a pure engine.

Bytes, local requests and the time go in; bytes to send, indications and one deadline come out. The engine owns no
socket, thread, clock or logger: whoever drives it (`connection`) holds the lock, reads and writes, and calls
`tick` when `deadline` has passed.

A late local request (a cell that Table 9-10 leaves empty) raises `LocalProtocolError` and changes nothing; a PDU of
the peer's never raises: it becomes Evt19 and, through the table, an A-ABORT that says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    MAXIMUM_P_DATA_LENGTH,
    PDU,
    AbortSource,
    PDUType,
    check_header,
    decode_pdu,
    encode_pdu,
    p_data_header,
    parse_header,
)
from workstation.net.engine.fsm import NEXT_STATES, TABLE, Action, Event, State
from workstation.net.errors import AbortReason, LocalProtocolError, RemoteProtocolError

HEADER = 6
LARGEST_FRAGMENT = 256 * 1024  # what one P-DATA-TF carries at most when the peer sets no or a huge limit
FLUSH = 0.5  # seconds that our last PDU has to leave before we cut a peer that speaks no PDUs or reads nothing
LINGER = 30.0  # seconds that a peer has to close the transport connection when no ARTIM is set
SMALL = 8192  # bytes of room for what comes when nothing has come
BLOCK = 256 * 1024  # bytes of room once a PDU does not fit into that
AHEAD = 1 << 20  # bytes of room made for a PDU before it arrives; beyond that, room grows with what has arrived


# --------------------------------------------------------------------------- what comes out
class Stepped(NamedTuple):
    """The state machine took a transition."""

    state: State
    event: Event
    action: Action
    next_state: State


class Received(NamedTuple):
    """A whole PDU arrived; `data` is only valid until more is read."""

    pdu_type: int
    data: memoryview


class Sent(NamedTuple):
    """A PDU was handed to the transport, as the pieces that make it up: bytes, or views of single bytes."""

    pdu_type: int
    pieces: tuple[bytes | memoryview, ...]


class SentData(NamedTuple):
    """P-DATA-TF PDUs in a row were handed to the transport, and nobody observes each; of each its pieces, as `Sent`."""

    pdus: list[tuple[bytes, memoryview]]


@dataclass(frozen=True, slots=True)
class AssociateIndication:
    """The peer asks for an association (AE-6)."""

    request: A_ASSOCIATE_RQ


@dataclass(frozen=True, slots=True)
class AssociateConfirmation:
    """The peer's answer to our request (AE-3, AE-4)."""

    answer: A_ASSOCIATE_AC | A_ASSOCIATE_RJ


class DataIndication(NamedTuple):
    """The bodies of P-DATA-TF PDUs in a row (DT-2, AR-6), one if somebody observes each; valid until more is read."""

    bodies: list[memoryview]


@dataclass(frozen=True, slots=True)
class ReleaseIndication:
    """The peer asks for release (AR-2, AR-8)."""

    collision: bool


@dataclass(frozen=True, slots=True)
class ReleaseConfirmation:
    """The peer agreed to our release (AR-3, AR-10)."""


@dataclass(frozen=True, slots=True)
class AbortIndication:
    """The association ended at once (AA-3, AA-4, AA-8, or a deadline of ours).

    Attributes:
        pdu: The A-ABORT that was received, if one was.
        why: One sentence.
        provider: Whether the service provider, not the peer's user, ended it.
    """

    pdu: A_ABORT_RQ | None
    why: str
    provider: bool


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the transport connection now."""


Output: TypeAlias = (
    Stepped
    | Received
    | Sent
    | SentData
    | AssociateIndication
    | AssociateConfirmation
    | DataIndication
    | ReleaseIndication
    | ReleaseConfirmation
    | AbortIndication
    | Disconnect
)


@dataclass(slots=True)
class Limits:
    """Times in seconds (None: no limit) and sizes in bytes that one association keeps.

    Attributes:
        artim: ARTIM (PS3.8 section 9.1.5), and the wait for an A-ASSOCIATE or A-RELEASE answer.
        request: How long a peer may take from connecting to its whole A-ASSOCIATE-RQ.
        network: Silence after which an established association ends.
        pdu: How long one PDU may take to arrive.
        grace: When a PDU has taken this long, it must arrive at `progress` bytes a second or more.
        progress: See `grace`.
        maximum_length: What we advertise: the largest P-DATA-TF length we take; 0 is no limit.
    """

    artim: float | None = 30.0
    request: float | None = 15.0
    network: float | None = 60.0
    pdu: float = 60.0
    grace: float = 10.0
    progress: int = 1000
    maximum_length: int = 16382


_PDU_EVENTS = {
    PDUType.A_ASSOCIATE_RQ: Event.EVT6,
    PDUType.A_ASSOCIATE_AC: Event.EVT3,
    PDUType.A_ASSOCIATE_RJ: Event.EVT4,
    PDUType.P_DATA_TF: Event.EVT10,
    PDUType.A_RELEASE_RQ: Event.EVT12,
    PDUType.A_RELEASE_RP: Event.EVT13,
    PDUType.A_ABORT: Event.EVT16,
}
_STARTS_ARTIM = {Action.AE_5, Action.AE_8, Action.AR_4, Action.AA_1, Action.AA_8}
_STOPS_ARTIM = {Action.AE_6, Action.AA_2, Action.AA_5, Action.AR_5}
_CLOSES = {Action.AE_4, Action.AR_3, Action.AA_2, Action.AA_3, Action.AA_4, Action.AA_5, Action.AR_5}
_SENDING_STATES = {State.STA6, State.STA8}
_DATA_STATES = {State.STA6, State.STA7, State.STA8}


def _transfers(event: Event, actions: set[Action]) -> dict[State, Stepped]:
    """The transitions that only pass data on: they lead back to their own state, and nothing else comes of them."""
    return {
        state: Stepped(state, event, action, state)
        for (state, one), action in TABLE.items()
        if one is event and action in actions and NEXT_STATES[action] == (state,)
    }


_P_DATA = int(PDUType.P_DATA_TF)
_SENDS_DATA = _transfers(Event.EVT9, {Action.DT_1, Action.AR_7})
_TAKES_DATA = _transfers(Event.EVT10, {Action.DT_2, Action.AR_6})


@dataclass(slots=True)
class _Clock:
    """The points in time that matter now; None is never."""

    artim: float | None = None
    answer: float | None = None
    network: float | None = None
    pdu_since: float | None = None


class UpperLayer:
    """One end of one association.

    Args:
        requestor: Whether we ask for the association (PS3.8: association-requestor).
        limits: The times and sizes to keep; may be changed while it runs.

    Attributes:
        observed: Whether anybody wants to know of each PDU with data that it was received, and of the transition that
            it made; without, less comes out: `Sent` or `SentData` of what leaves, `DataIndication` of what arrives.
        busy: Operations under way: the peer's silence is then no fault. The exchange counts them, under its own lock.
        quiet_since: When the last operation ended.
        largest_fragment: The largest even fragment that the peer's Maximum Length allows (PS3.8 section D.1).
    """

    def __init__(self, *, requestor: bool, limits: Limits) -> None:
        self.requestor = requestor
        self.limits = limits
        self.state = State.STA1
        self.observed = True
        self.busy = 0
        self.quiet_since = 0.0
        self.peer_maximum_length = 0
        self._clock = _Clock()
        self._outputs: list[Output] = []
        self._request = b""
        self._buffer = bytearray(SMALL)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self._garbage = False

    # ------------------------------------------------------------------- outputs
    def take(self) -> list[Output]:
        """Hand over what has come out since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    @property
    def deadline(self) -> float | None:
        """The time at which `tick` wants to be called, or None."""
        clock = self._clock
        first = clock.network
        if clock.artim is not None and (first is None or clock.artim < first):
            first = clock.artim
        if clock.answer is not None and (first is None or clock.answer < first):
            first = clock.answer
        if clock.pdu_since is not None:
            arrival = self._pdu_deadline(clock.pdu_since)
            if first is None or arrival < first:
                first = arrival
        return first

    def _pdu_deadline(self, since: float) -> float:
        """When the PDU that is arriving is too late or too slow."""
        slowest = since + self.limits.grace + (self._end - self._start) / self.limits.progress
        return min(since + self.limits.pdu, slowest)

    # ------------------------------------------------------------------- local requests
    def associate(self, request: A_ASSOCIATE_RQ) -> None:
        """Evt1: the user asks for an association; what cannot be encoded is refused before anything is opened."""
        self._require(Event.EVT1)
        self._request = encode_pdu(request)
        self._step(Event.EVT1, 0.0)

    def connected(self, now: float) -> None:
        """Evt2: the transport connection that AE-1 asked for is open."""
        self._require(Event.EVT2)
        self._step(Event.EVT2, now)

    def connection_accepted(self, now: float) -> None:
        """Evt5: a peer opened the transport connection."""
        self._require(Event.EVT5)
        self._step(Event.EVT5, now)
        if self.limits.request is not None:
            limit = now + self.limits.request
            self._clock.artim = limit if self._clock.artim is None else min(limit, self._clock.artim)

    def accept(self, answer: A_ASSOCIATE_AC, now: float) -> None:
        """Evt7: the user accepts the association."""
        self._require(Event.EVT7)
        self._step(Event.EVT7, now, answer)

    def reject(self, answer: A_ASSOCIATE_RJ, now: float) -> None:
        """Evt8: the user rejects the association."""
        self._require(Event.EVT8)
        self._step(Event.EVT8, now, answer)

    def release(self, now: float) -> None:
        """Evt11: the user asks for release."""
        self._require(Event.EVT11)
        self._step(Event.EVT11, now)

    def respond_release(self, now: float) -> None:
        """Evt14: the user agrees to the peer's release."""
        self._require(Event.EVT14)
        self._step(Event.EVT14, now)

    def abort(self, now: float, source: int = AbortSource.SERVICE_USER, reason: int = 0) -> None:
        """Evt15: the user aborts; a source other than the user is for those who misbehave on purpose."""
        self._require(Event.EVT15)
        self._step(Event.EVT15, now, A_ABORT_RQ(source=source, reason=reason))

    @property
    def can_send_data(self) -> bool:
        """Whether a P-DATA request is allowed in this state."""
        return self.state in _SENDING_STATES

    def send_data(self, context_id: int, data: memoryview, *, command: bool, last: bool, now: float) -> None:
        """Evt9 for as many P-DATA-TF as `data` needs; comes out as `Sent`.

        Args:
            context_id: The Presentation Context ID of the message.
            data: A stretch of the command set or data set.
            command: Whether it is of the command set.
            last: Whether it ends the command set or data set.
            now: The time.
        """
        step = _SENDS_DATA.get(self.state)
        if step is None:
            raise self._refusal(Event.EVT9)
        out = self._outputs
        largest, rest = self.largest_fragment, len(data)
        if rest > largest:
            whole = p_data_header(context_id, command, False, largest)
            cut = rest - 1 - (rest - 1) % largest
            pdus = [(whole, data[start : start + largest]) for start in range(0, cut, largest)]
            if self.observed:
                for pieces in pdus:
                    out += (step, Sent(_P_DATA, pieces))
            else:
                out.append(SentData(pdus))
            data = data[cut:]
            rest -= cut
        if self.observed:
            out.append(step)
        out.append(Sent(_P_DATA, (p_data_header(context_id, command, last, rest), data)))

    @property
    def peer_maximum_length(self) -> int:
        """The Maximum Length that the peer has negotiated (PS3.8 section D.1); 0 is no limit."""
        return self._peer_maximum_length

    @peer_maximum_length.setter
    def peer_maximum_length(self, value: int) -> None:
        self._peer_maximum_length = value
        room = LARGEST_FRAGMENT if value == 0 else min(value - 6, LARGEST_FRAGMENT)
        self.largest_fragment = max(2, room - room % 2)

    def _require(self, event: Event) -> None:
        if (self.state, event) not in TABLE:
            raise self._refusal(event)

    def _refusal(self, event: Event) -> LocalProtocolError:
        return LocalProtocolError(
            f"{event.meaning} is not possible in {self.state} ({self.state.meaning}), PS3.8 Table 9-10"
        )

    # ------------------------------------------------------------------- from the wire
    def buffer(self) -> memoryview:
        """Where the next bytes of the peer belong; never empty."""
        if self._start == self._end:
            self._start = self._end = 0
            return self._view[:]
        wanted = self._wanted()
        if self._start and len(self._buffer) - self._start < wanted:
            # the unread rest moves to the front; the slices must not be held by anybody now
            self._view[: self._end - self._start] = self._view[self._start : self._end]
            self._end -= self._start
            self._start = 0
        if len(self._buffer) < wanted:
            bigger = bytearray(wanted)
            bigger[: self._end] = self._view[: self._end]
            self._buffer, self._view = bigger, memoryview(bigger)
        elif self._end == len(self._buffer):
            self._view[: self._end - self._start] = self._view[self._start : self._end]
            self._end -= self._start
            self._start = 0
        return self._view[self._end :]

    def _wanted(self) -> int:
        """How large the buffer must be for the PDU that is arriving.

        Once data flow it holds several PDUs, so that one read takes a block of them.
        """
        have = self._end - self._start
        if have >= HEADER and not self._garbage:
            _, length = parse_header(self._view, self._start)
            if self.state in _DATA_STATES:
                if HEADER + length <= SMALL:
                    return SMALL
                if HEADER + length < AHEAD:
                    return min(max(4 * (HEADER + length), BLOCK), AHEAD)
                return min(HEADER + length, max(AHEAD, 2 * have))
            # nobody has proved to be a DICOM peer yet: room grows with what has really arrived
            return max(SMALL, min(HEADER + length, 2 * have))
        return SMALL

    @property
    def is_streaming(self) -> bool:
        """Whether there is the room that only a stream of PDUs needs."""
        return len(self._buffer) > SMALL

    def relax(self) -> None:
        """Nothing has come for a while: give the room back that only a stream of PDUs needs."""
        if self._start == self._end and self.is_streaming:
            self._buffer = bytearray(SMALL)
            self._view = memoryview(self._buffer)
            self._start = self._end = 0

    def receive(self, count: int, now: float) -> None:
        """`count` bytes were put into `buffer()`; a count of 0 changes nothing."""
        if count == 0:
            return
        first = start = self._start
        end = self._end = self._end + count
        limits = self.limits
        if self._clock.network is not None:
            self._clock.network = None if limits.network is None else now + limits.network
        out, view = self._outputs, self._view
        longest = limits.maximum_length or MAXIMUM_P_DATA_LENGTH
        row: list[memoryview] | None = None  # the bodies since something else came out
        while end - start >= HEADER and not self._garbage and self.state is not State.STA1:
            pdu_type, length = parse_header(view, start)
            body = start + HEADER
            after = body + length
            if pdu_type == _P_DATA and HEADER <= length <= longest and self.state in _TAKES_DATA:
                if after > end:
                    break
                if self.observed:
                    step = _TAKES_DATA[self.state]
                    out += (Received(pdu_type, view[start:after]), step, DataIndication([view[body:after]]))
                elif row is not None:
                    row.append(view[body:after])
                else:
                    row = [view[body:after]]
                    out.append(DataIndication(row))
                self._start = start = after
                continue
            try:
                check_header(pdu_type, length, limits.maximum_length)
            except RemoteProtocolError as error:
                # what follows cannot be trusted to be PDUs: say so once, read no further
                self._garbage = True
                self._invalid(error, view[start:end], now)
                break
            if after > end:
                break
            self._receive_pdu(pdu_type, view[start:after], now)
            row = None
            self._start = start = after
        if self._garbage or self.state is State.STA1:
            self._start = start = self._end = end = 0
        if start == end:
            self._clock.pdu_since = None
        elif self._clock.pdu_since is None or start != first:
            self._clock.pdu_since = now

    def _receive_pdu(self, pdu_type: int, data: memoryview, now: float) -> None:
        event = _PDU_EVENTS[PDUType(pdu_type)]
        if (self.state, event) not in TABLE:
            return  # Sta1 and Sta4 have no transport connection that a PDU could come from
        self._outputs.append(Received(pdu_type, data))
        if event is Event.EVT10:
            self._step(event, now)  # where no data is due
            return
        try:
            pdu = decode_pdu(data)
        except RemoteProtocolError as error:
            self._invalid(error, None, now)
            return
        self._step(event, now, pdu)

    def _invalid(self, error: RemoteProtocolError, data: memoryview | None, now: float) -> None:
        if data is not None:
            self._outputs.append(Received(data[0], data))
        if (self.state, Event.EVT19) in TABLE:
            self._step(Event.EVT19, now, error=error)

    def invalid_pdu(self, error: RemoteProtocolError, now: float) -> None:
        """Evt19 from above: what a P-DATA-TF carried breaks the rules (PS3.8 section 9.3.1)."""
        self._invalid(error, None, now)

    def disconnected(self, now: float, why: str = "") -> None:
        """Evt17: the transport connection is closed, by the peer or by a fault."""
        self._garbage = True
        self._clock.pdu_since = None
        if (self.state, Event.EVT17) in TABLE:
            self._step(Event.EVT17, now, why=why)

    # ------------------------------------------------------------------- the clock
    def watch_network(self, now: float) -> None:
        """(Re)start the idle clock, after a change of limits."""
        if self.state in _SENDING_STATES:
            self._clock.network = self._after(self.limits.network, now)

    def tick(self, now: float) -> str | None:
        """Act on what is due.

        Returns:
            "network" when the idle time is over: what to do then is the association's choice.
        """
        clock = self._clock
        if clock.artim is not None and now >= clock.artim:
            clock.artim = None
            if (self.state, Event.EVT18) in TABLE:
                self._step(Event.EVT18, now)
        elif clock.answer is not None and now >= clock.answer:
            clock.answer = None
            waited = "A-ASSOCIATE-AC or -RJ" if self.state is State.STA5 else "A-RELEASE-RP"
            self._fail(f"The peer sent no {waited} within the ACSE timeout", now)
        elif clock.pdu_since is not None and now >= self._pdu_deadline(clock.pdu_since):
            seconds, clock.pdu_since = now - clock.pdu_since, None
            message = f"A PDU arrived too slowly: {self._end - self._start} bytes in {seconds:.0f} s"
            self._garbage = True
            self._start = self._end = 0
            self._invalid(RemoteProtocolError(message, AbortReason.NOT_SPECIFIED), None, now)
        elif clock.network is not None and now >= clock.network:
            limit = self.limits.network or 0.0
            if self.busy:
                # looked at again later, so that nobody has to be woken at the end of each operation
                clock.network = now + max(limit, 0.05)
            elif self.quiet_since + limit > now:
                clock.network = self.quiet_since + limit
            else:
                clock.network = None
                return "network"
        return None

    def hasten(self, now: float) -> None:
        """In Sta13: do not give the peer the whole of ARTIM to close the transport connection."""
        if self.state is State.STA13:
            soon = now + FLUSH
            self._clock.artim = soon if self._clock.artim is None else min(soon, self._clock.artim)

    def _fail(self, why: str, now: float) -> None:
        """A deadline of ours passed: abort as the service user and tell ourselves why."""
        if (self.state, Event.EVT15) in TABLE:
            self.abort(now)
        self._outputs.append(AbortIndication(None, why, provider=True))

    @staticmethod
    def _after(seconds: float | None, now: float) -> float | None:
        return None if seconds is None else now + seconds

    # ------------------------------------------------------------------- the machine
    def _step(
        self,
        event: Event,
        now: float,
        pdu: PDU | None = None,
        *,
        error: RemoteProtocolError | None = None,
        why: str = "",
    ) -> None:
        state = self.state
        action = TABLE[state, event]
        out = self._outputs
        stepped = len(out)
        next_state = self._act(action, now, pdu, error, why)
        out.insert(stepped, Stepped(state, event, action, next_state))
        self.state = next_state
        if action in _STARTS_ARTIM or (action is Action.AE_6 and next_state is State.STA13):
            self._clock.artim = now + (LINGER if self.limits.artim is None else self.limits.artim)
            self._clock.answer = self._clock.network = None
        elif action in _STOPS_ARTIM:
            self._clock.artim = None
        if action in _CLOSES:
            self._clock = _Clock()
            out.append(Disconnect())
        elif self._garbage:
            self.hasten(now)

    def _send(self, pdu: PDU, pdu_type: PDUType) -> None:
        self._outputs.append(Sent(pdu_type, (encode_pdu(pdu),)))

    def _act(
        self,
        action: Action,
        now: float,
        pdu: PDU | None,
        error: RemoteProtocolError | None,
        why: str,
    ) -> State:
        """Do what PS3.8 Tables 9-6 to 9-9 say, and name the next state."""
        out = self._outputs
        clock = self._clock
        match action:
            case Action.AE_2:
                out.append(Sent(PDUType.A_ASSOCIATE_RQ, (self._request,)))
                clock.answer = self._after(self.limits.artim, now)
            case Action.AE_3 | Action.AE_4:
                assert isinstance(pdu, A_ASSOCIATE_AC | A_ASSOCIATE_RJ)
                clock.answer = None
                if action is Action.AE_3:
                    clock.network = self._after(self.limits.network, now)
                out.append(AssociateConfirmation(pdu))
            case Action.AE_6:
                assert isinstance(pdu, A_ASSOCIATE_RQ)
                if not pdu.protocol_version & 1:
                    # PS3.8 section 9.3.2: only bit 0 is tested
                    self._send(A_ASSOCIATE_RJ(result=1, source=2, reason=2), PDUType.A_ASSOCIATE_RJ)
                    return State.STA13
                out.append(AssociateIndication(pdu))
                return State.STA3
            case Action.AE_7:
                assert isinstance(pdu, A_ASSOCIATE_AC)
                self._send(pdu, PDUType.A_ASSOCIATE_AC)
                clock.network = self._after(self.limits.network, now)
            case Action.AE_8:
                assert isinstance(pdu, A_ASSOCIATE_RJ)
                self._send(pdu, PDUType.A_ASSOCIATE_RJ)
            case Action.AR_1:
                self._send(A_RELEASE_RQ(), PDUType.A_RELEASE_RQ)
                clock.network = None
                clock.answer = self._after(self.limits.artim, now)
            case Action.AR_2:
                out.append(ReleaseIndication(collision=False))
            case Action.AR_3 | Action.AR_10:
                clock.answer = None
                out.append(ReleaseConfirmation())
            case Action.AR_4 | Action.AR_9:
                self._send(A_RELEASE_RP(), PDUType.A_RELEASE_RP)
            case Action.AR_8:
                out.append(ReleaseIndication(collision=True))
                return State.STA9 if self.requestor else State.STA10
            case Action.AA_1:
                if isinstance(pdu, A_ABORT_RQ):
                    self._send(pdu, PDUType.A_ABORT)
                elif error is None:
                    self._send(A_ABORT_RQ(source=AbortSource.SERVICE_USER, reason=0), PDUType.A_ABORT)
                else:
                    # Evt19 in Sta2: the provider found the fault, so it says which
                    self._send(A_ABORT_RQ(source=AbortSource.SERVICE_PROVIDER, reason=error.reason), PDUType.A_ABORT)
                    out.append(AbortIndication(None, str(error), provider=True))
            case Action.AA_3:
                assert isinstance(pdu, A_ABORT_RQ)
                by_user = pdu.source == AbortSource.SERVICE_USER
                out.append(AbortIndication(pdu, "", provider=not by_user))
            case Action.AA_4:
                text = why or "The transport connection was closed without A-RELEASE or A-ABORT"
                out.append(AbortIndication(None, text, provider=True))
            case Action.AA_7 | Action.AA_8:
                reason = AbortReason.UNEXPECTED_PDU if error is None else error.reason
                self._send(A_ABORT_RQ(source=AbortSource.SERVICE_PROVIDER, reason=reason), PDUType.A_ABORT)
                if action is Action.AA_8:
                    text = str(error) if error is not None else f"The peer sent a PDU that {self.state} does not allow"
                    out.append(AbortIndication(None, text, provider=True))
            case Action.AE_1 | Action.AE_5 | Action.AA_2 | Action.AA_5 | Action.AA_6 | Action.AR_5:
                pass  # the transport's part, done by whoever drives the engine, or nothing to do
        return NEXT_STATES[action][0]
