"""The engine without a network: two of them back to back, the time injected, what happens written as a trace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDV,
    AnsweredContext,
    ImplementationClassUID,
    MaximumLength,
    PDUType,
    ProposedContext,
    decode_pdu,
    encode_pdu,
)
from workstation.net.engine.fsm import TABLE, Event, State
from workstation.net.engine.upper_layer import (
    FLUSH,
    LINGER,
    AbortIndication,
    AssociateConfirmation,
    AssociateIndication,
    DataIndication,
    Disconnect,
    Limits,
    Output,
    Received,
    ReleaseConfirmation,
    ReleaseIndication,
    Sent,
    SentData,
    Stepped,
    UpperLayer,
)
from workstation.net.errors import LocalProtocolError

ITEMS = (MaximumLength(value=16382), ImplementationClassUID(uid="1.2.3"))
REQUEST = A_ASSOCIATE_RQ(
    called_ae_title="B",
    calling_ae_title="A",
    presentation_contexts=(
        ProposedContext(context_id=1, abstract_syntax="1.2.840.10008.1.1", transfer_syntaxes=("1.2.840.10008.1.2",)),
    ),
    user_information=ITEMS,
)
ACCEPT = A_ASSOCIATE_AC(
    called_ae_title="B",
    calling_ae_title="A",
    presentation_contexts=(AnsweredContext(context_id=1, result=0, transfer_syntax="1.2.840.10008.1.2"),),
    user_information=ITEMS,
)
REJECT = A_ASSOCIATE_RJ(result=1, source=1, reason=7)
DATA = P_DATA_TF(pdvs=(PDV(context_id=1, is_command=True, is_last=True, data=b"abcd"),))
LIMITS = {"artim": 30.0, "request": 15.0, "network": 60.0}


class End:
    """One engine, its outputs collected as they come."""

    def __init__(self, *, requestor: bool, now: float = 100.0) -> None:
        self.engine = UpperLayer(requestor=requestor, limits=Limits(**LIMITS))
        self.outputs: list[Output] = []
        self.unsent = b""
        self.now = now

    def settle(self) -> None:
        for output in self.engine.take():
            if isinstance(output, Sent):
                self.unsent += b"".join(output.pieces)
            if isinstance(output, Received | DataIndication):
                continue  # views that do not outlive the next read
            self.outputs.append(output)

    def hear(self, data: bytes, step: int = 0) -> None:
        step = step or max(1, len(data))
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            while piece:
                room = self.engine.buffer()
                count = min(len(room), len(piece))
                room[:count] = piece[:count]
                room.release()
                self.engine.receive(count, self.now)
                self.settle()
                piece = piece[count:]

    def tell(self, other: End, step: int = 0) -> None:
        self.settle()
        data, self.unsent = self.unsent, b""
        other.hear(data, step)

    def tick(self, seconds: float) -> str | None:
        self.now += seconds
        result = self.engine.tick(self.now)
        self.settle()
        return result

    @property
    def trace(self) -> list[str]:
        return [f"{o.state}+{o.event} {o.action} {o.next_state}" for o in self.outputs if isinstance(o, Stepped)]

    def got(self, kind: type[Output]) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, kind)]

    def sent_pdus(self) -> list[object]:
        return [decode_pdu(b"".join(o.pieces)) for o in self.outputs if isinstance(o, Sent)]


def acceptor() -> End:
    end = End(requestor=False)
    end.engine.connection_accepted(end.now)
    end.settle()
    return end


def requestor() -> End:
    end = End(requestor=True)
    end.engine.associate(REQUEST)
    end.engine.connected(end.now)
    end.settle()
    return end


def established(step: int = 0) -> tuple[End, End]:
    a, b = requestor(), acceptor()
    a.tell(b, step)
    assert b.got(AssociateIndication) == [AssociateIndication(REQUEST)]
    b.engine.accept(ACCEPT, b.now)
    b.tell(a, step)
    assert a.got(AssociateConfirmation) == [AssociateConfirmation(ACCEPT)]
    assert a.engine.state is b.engine.state is State.STA6
    return a, b


@pytest.mark.parametrize("step", [0, 1, 5])
def test_association_data_release(step: int) -> None:
    a, b = established(step)
    a.engine.send_data(1, memoryview(b"abcd"), command=True, last=True, now=a.now)
    a.tell(b, step)
    a.engine.release(a.now)
    a.tell(b, step)
    assert b.got(ReleaseIndication) == [ReleaseIndication(collision=False)]
    b.engine.respond_release(b.now)
    b.tell(a, step)
    assert a.trace == [
        "Sta1+Evt1 AE-1 Sta4",
        "Sta4+Evt2 AE-2 Sta5",
        "Sta5+Evt3 AE-3 Sta6",
        "Sta6+Evt9 DT-1 Sta6",
        "Sta6+Evt11 AR-1 Sta7",
        "Sta7+Evt13 AR-3 Sta1",
    ]
    assert b.trace == [
        "Sta1+Evt5 AE-5 Sta2",
        "Sta2+Evt6 AE-6 Sta3",
        "Sta3+Evt7 AE-7 Sta6",
        "Sta6+Evt10 DT-2 Sta6",
        "Sta6+Evt12 AR-2 Sta8",
        "Sta8+Evt14 AR-4 Sta13",
    ]
    assert a.got(ReleaseConfirmation)
    assert isinstance(a.outputs[-1], Disconnect)
    b.engine.disconnected(b.now)
    b.settle()
    assert b.trace[-1] == "Sta13+Evt17 AR-5 Sta1"
    assert b.engine.deadline is None


def test_release_collision() -> None:
    a, b = established()
    a.engine.release(a.now)
    b.engine.release(b.now)
    a.settle()
    b.settle()
    first, a.unsent = a.unsent, b""
    b.tell(a)
    b.hear(first)
    assert a.engine.state is State.STA9
    assert b.engine.state is State.STA10
    a.engine.respond_release(a.now)
    a.tell(b)
    assert (a.engine.state, b.engine.state) == (State.STA11, State.STA12)
    b.engine.respond_release(b.now)
    b.tell(a)
    assert (a.engine.state, b.engine.state) == (State.STA1, State.STA13)


def test_rejection() -> None:
    a, b = requestor(), acceptor()
    a.tell(b)
    b.engine.reject(REJECT, b.now)
    b.tell(a)
    assert a.trace[-1] == "Sta5+Evt4 AE-4 Sta1"
    assert a.got(AssociateConfirmation) == [AssociateConfirmation(REJECT)]
    assert b.trace[-1] == "Sta3+Evt8 AE-8 Sta13"


def test_only_bit_0_of_the_protocol_version_counts() -> None:
    other = bytearray(encode_pdu(REQUEST))
    other[6:8] = b"\x00\x03"
    b = acceptor()
    b.hear(bytes(other))
    assert b.engine.state is State.STA3
    other[6:8] = b"\x00\x02"
    b = acceptor()
    b.hear(bytes(other))
    assert b.sent_pdus() == [A_ASSOCIATE_RJ(result=1, source=2, reason=2)]
    assert b.trace[-1] == "Sta2+Evt6 AE-6 Sta13"
    b.tick(30.1)
    assert b.trace[-1] == "Sta13+Evt18 AA-2 Sta1"


def test_abort_of_the_user_and_of_the_provider() -> None:
    a, b = established()
    a.engine.abort(a.now)
    a.tell(b)
    assert a.sent_pdus()[-1] == A_ABORT_RQ(source=0, reason=0)
    assert b.got(AbortIndication) == [AbortIndication(A_ABORT_RQ(source=0, reason=0), "", provider=False)]
    assert b.trace[-1] == "Sta6+Evt16 AA-3 Sta1"
    a, b = established()
    b.hear(encode_pdu(REQUEST))
    assert b.sent_pdus()[-1] == A_ABORT_RQ(source=2, reason=2)
    assert b.trace[-1] == "Sta6+Evt6 AA-8 Sta13"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 1),
        (b"\x05\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00", 6),
        (b"\x01\x00\x7f\xff\xff\xff" + b"\x00" * 60, 6),
        (b"\x04\x00\x7f\xff\xff\xff" + b"\x00" * 60, 6),
        (b"\x07\x00\x00\x10\x00\x00" + b"\x00" * 60, 6),
    ],
)
@pytest.mark.parametrize("where", ["before", "after"])
def test_what_is_no_pdu_is_answered_once_and_cut(data: bytes, reason: int, where: str) -> None:
    end = acceptor() if where == "before" else established()[1]
    end.hear(data + data)
    assert end.sent_pdus()[-1] == A_ABORT_RQ(source=2, reason=reason)
    assert end.engine.state is State.STA13
    steps = len(end.trace)
    end.hear(data * 1000)
    assert len(end.trace) == steps
    end.tick(0.6)
    assert end.engine.state is State.STA1
    assert isinstance(end.outputs[-1], Disconnect)


def test_a_length_that_is_claimed_costs_no_memory_before_it_arrives() -> None:
    end = acceptor()
    end.hear(b"\x01\x00\x00\x0f\xff\xff" + bytes(1000))
    assert len(end.engine.buffer()) < 16384
    assert end.engine.state is State.STA2


def test_artim_cuts_a_silent_peer_and_one_that_trickles() -> None:
    end = acceptor()
    assert end.engine.deadline == 115.0
    end.tick(15.0)
    assert end.trace[-1] == "Sta2+Evt18 AA-2 Sta1"
    end = acceptor()
    request = encode_pdu(REQUEST)
    for index in range(20):
        if end.engine.state is State.STA1:
            break
        end.now += 2.0
        end.hear(request[index : index + 1])
        end.tick(0.0)
    assert end.engine.state is State.STA1
    assert end.now <= 116.0


def test_a_pdu_that_trickles_is_cut_after_the_grace() -> None:
    _, b = established()
    data = encode_pdu(DATA)
    for index in range(len(data) - 1):
        b.now += 2.0
        b.hear(data[index : index + 1])
        b.tick(0.0)
        if b.engine.state is not State.STA6:
            break
    assert b.engine.state is State.STA13
    assert b.now - 100.0 <= 14.0
    assert "too slowly" in str(b.got(AbortIndication)[0])


def test_no_answer_to_the_request_or_to_the_release() -> None:
    a = requestor()
    a.tick(30.0)
    assert a.engine.state is State.STA13
    assert "-AC or -RJ within the ACSE timeout" in str(a.got(AbortIndication)[0])
    _, b = established()
    b.engine.release(b.now)
    b.hear(encode_pdu(A_RELEASE_RQ()))
    assert b.engine.state is State.STA10
    b.tick(30.0)
    assert "A-RELEASE-RP within the ACSE timeout" in str(b.got(AbortIndication)[0])
    a, _ = established()
    a.engine.release(a.now)
    a.settle()
    a.tick(30.0)
    assert a.engine.state is State.STA13
    assert a.sent_pdus()[-1] == A_ABORT_RQ(source=0, reason=0)


def test_idleness_is_the_associations_choice_and_not_counted_while_busy() -> None:
    _, b = established()
    assert b.engine.deadline == 160.0
    b.engine.busy = 1
    assert b.tick(60.0) is None
    assert b.engine.deadline == 220.0  # looked at again, although nobody tells the engine that it is busy no longer
    b.engine.busy = 0
    b.engine.quiet_since = 200.0
    assert b.tick(60.0) is None
    assert b.engine.deadline == 260.0  # the idle time begins with the end of the operation
    assert b.tick(40.0) == "network"
    assert b.engine.state is State.STA6


def test_without_artim_a_peer_still_has_to_close_the_connection() -> None:
    end = End(requestor=False)
    end.engine.limits.artim = end.engine.limits.request = None
    end.engine.connection_accepted(end.now)
    end.hear(encode_pdu(REQUEST))
    end.engine.reject(REJECT, end.now)
    assert end.engine.state is State.STA13
    assert end.engine.deadline is not None
    end.tick(LINGER)
    assert end.trace[-1] == "Sta13+Evt18 AA-2 Sta1"


def test_a_peer_that_goes_on_after_an_abort_gains_no_time() -> None:
    _, b = established()
    b.hear(encode_pdu(REQUEST))
    assert b.trace[-1] == "Sta6+Evt6 AA-8 Sta13"
    for _ in range(2):
        b.tick(10.0)
        b.hear(encode_pdu(REQUEST))
        assert b.trace[-1] == "Sta13+Evt6 AA-7 Sta13"
    b.tick(10.0)
    assert b.trace[-1] == "Sta13+Evt18 AA-2 Sta1"


def test_an_abort_that_cannot_leave_does_not_wait_for_artim() -> None:
    _, b = established()
    b.engine.hasten(b.now)
    assert b.engine.deadline == 160.0  # no abort was said
    b.engine.abort(b.now)
    b.engine.hasten(b.now)
    assert b.engine.deadline == 100.0 + FLUSH


def test_the_longest_pdu_that_may_be_claimed_costs_little_before_it_arrives() -> None:
    _, b = established()
    b.engine.limits.maximum_length = 0
    b.hear(b"\x04\x00\x01\x00\x00\x00" + bytes(1000))
    assert len(b.engine.buffer()) <= 1 << 20
    assert b.engine.state is State.STA6
    b.hear(bytes((1 << 24) - 1000), 65536)
    assert b.trace[-1] == "Sta6+Evt10 DT-2 Sta6"


def test_there_is_room_to_read_after_a_pdu_was_given_up() -> None:
    end = acceptor()
    end.hear(b"\x01\x00\x00\x0f\xff\xff" + bytes(8192 - 6))
    end.tick(15.0)
    assert end.engine.state is State.STA1
    end = established()[1]
    end.engine.limits.maximum_length = 8192
    end.hear(b"\x04\x00\x00\x00\x20\x00" + bytes(8000))
    end.tick(61.0)
    assert end.engine.state is State.STA13
    assert len(end.engine.buffer()) > 0
    end.hear(bytes(100_000))
    assert end.engine.state is State.STA13


def test_what_cannot_be_sent_is_refused_before_a_connection_is_opened() -> None:
    end = End(requestor=True)
    with pytest.raises(LocalProtocolError, match="AE title"):
        end.engine.associate(replace(REQUEST, called_ae_title="B\\C"))
    assert end.engine.state is State.STA1


def test_fragments_are_even_and_fit_the_peers_maximum_length() -> None:
    a, _ = established()
    for limit, largest in ((16382, 16376), (8, 2), (7, 2), (9, 2), (0, 256 * 1024), (1 << 31, 256 * 1024)):
        a.engine.peer_maximum_length = limit
        assert a.engine.largest_fragment == largest
    a.engine.peer_maximum_length = 20
    a.settle()
    a.outputs.clear()
    a.engine.send_data(1, memoryview(bytes(range(40))), command=False, last=True, now=a.now)
    a.settle()
    pdus = a.sent_pdus()
    assert [len(p.pdvs[0].data) for p in pdus] == [14, 14, 12]
    assert [p.pdvs[0].is_last for p in pdus] == [False, False, True]
    assert b"".join(bytes(p.pdvs[0].data) for p in pdus) == bytes(range(40))


def test_data_that_nobody_observes_leave_as_the_same_pdus() -> None:
    data = memoryview(bytes(range(250)))
    for limit in (8, 20, 106, 255, 256, 257, 0):
        a, _ = established()
        a.engine.peer_maximum_length = limit
        for observed in (True, False):
            a.engine.observed = observed
            for last in (True, False):
                a.engine.send_data(1, data, command=False, last=last, now=a.now)
            pieces = [p for o in a.engine.take() if not isinstance(o, Stepped) for p in _pieces(o)]
            if observed:
                expected = pieces
        assert [bytes(piece) for piece in pieces] == [bytes(piece) for piece in expected]
        assert len(pieces) == 4 * -(-250 // a.engine.largest_fragment)


def _pieces(output: Output) -> list[bytes | memoryview]:
    assert isinstance(output, Sent | SentData)
    return list(output.pieces) if isinstance(output, Sent) else [piece for pdu in output.pdus for piece in pdu]


LOCAL = {
    Event.EVT1: lambda e: e.associate(REQUEST),
    Event.EVT2: lambda e: e.connected(1.0),
    Event.EVT5: lambda e: e.connection_accepted(1.0),
    Event.EVT7: lambda e: e.accept(ACCEPT, 1.0),
    Event.EVT8: lambda e: e.reject(REJECT, 1.0),
    Event.EVT9: lambda e: e.send_data(1, memoryview(b"ab"), command=True, last=True, now=1.0),
    Event.EVT11: lambda e: e.release(1.0),
    Event.EVT14: lambda e: e.respond_release(1.0),
    Event.EVT15: lambda e: e.abort(1.0),
}
WIRE = {
    Event.EVT3: ACCEPT,
    Event.EVT4: REJECT,
    Event.EVT6: REQUEST,
    Event.EVT10: DATA,
    Event.EVT12: A_RELEASE_RQ(),
    Event.EVT13: A_RELEASE_RP(),
    Event.EVT16: A_ABORT_RQ(source=0, reason=0),
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_every_cell_does_what_the_table_says_and_the_empty_ones_no_harm(state: State, event: Event) -> None:
    end = End(requestor=state in (State.STA4, State.STA5, State.STA9, State.STA11))
    end.engine._request = encode_pdu(REQUEST)
    end.engine.state = state
    action = TABLE.get((state, event))
    if event in LOCAL and action is None:
        with pytest.raises(LocalProtocolError, match=str(state)):
            LOCAL[event](end.engine)
    elif event in LOCAL:
        LOCAL[event](end.engine)
    elif event in WIRE:
        end.hear(encode_pdu(WIRE[event]))
    elif event is Event.EVT17:
        end.engine.disconnected(1.0)
    elif event is Event.EVT18:
        end.engine._clock.artim = 50.0
        end.engine.tick(51.0)
    else:
        end.hear(b"\x09\x00\x00\x00\x00\x04\x00\x00\x00\x00")
    end.settle()
    if action is None:
        assert end.engine.state is state
        assert end.trace == []
        assert not end.sent_pdus()
        return
    assert end.trace[0].startswith(f"{state}+{event} {action} ")
    assert str(end.engine.state) == end.trace[-1].rpartition(" ")[2]
    sends_abort = str(action) in ("AA-1", "AA-7", "AA-8")
    assert any(isinstance(pdu, A_ABORT_RQ) for pdu in end.sent_pdus()) == sends_abort


def test_pdu_types_have_their_events() -> None:
    from workstation.net.engine.upper_layer import _PDU_EVENTS

    assert set(_PDU_EVENTS) == set(PDUType)
