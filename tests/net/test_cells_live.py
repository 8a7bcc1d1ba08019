"""All 247 cells of PS3.8 Table 9-10 through a real socket: each state is reached as a peer would have it reached.

The 123 cells that the standard fills do what it says, heard at the other end of the socket; the 124 that it leaves
empty change nothing and say nothing.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from raw_peer import RawPeer, acceptance, fragment, request

from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    encode_pdu,
)
from workstation.net.engine.fsm import NEXT_STATES, TABLE, Action, Event, State
from workstation.net.engine.upper_layer import Limits, Output, Stepped, UpperLayer
from workstation.net.errors import LocalProtocolError
from workstation.net.shell.connection import Connection

REJECT = A_ASSOCIATE_RJ(result=1, source=1, reason=7)
Step = tuple[State, Event, Action, State]


class End:
    """A connection and its engine whose user does nothing of its own accord."""

    def __init__(self, *, requestor: bool) -> None:
        self.steps: list[Step] = []
        self._changed = threading.Condition()
        self.engine = UpperLayer(requestor=requestor, limits=Limits())
        self.connection = Connection(self.engine, self, "dicom-cell")
        ours, theirs = socket.socketpair()
        self._ours = ours
        self.peer = RawPeer(theirs)
        self.done = threading.Event()

    def note(self, outputs: list[Output]) -> None:
        with self._changed:
            self.steps += [(o.state, o.event, o.action, o.next_state) for o in outputs if isinstance(o, Stepped)]
            self._changed.notify_all()

    def handle(self, outputs: list[Output]) -> None:
        pass

    def idle(self) -> None:
        raise AssertionError("nothing takes that long")

    def has_work(self) -> bool:
        return False

    def work(self) -> bool:
        return False

    def gone(self) -> None:
        self.done.set()

    def read(self) -> None:
        """Attach the socket, and have it read."""
        self.connection.attach(self._ours)
        self.connection.rest()

    def ask(self, act: Callable[[UpperLayer, float], object]) -> None:
        self.connection.request(lambda engine, now: act(engine, now) and None)

    def until(self, count: int) -> None:
        """Wait for so many transitions."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.steps) >= count, 5), self.steps

    def close(self) -> None:
        self.connection.close("the test is over")
        self.peer.close()
        self._ours.close()


# --------------------------------------------------------------------------- how each state is reached
def connected(*, requestor: bool) -> End:
    end = End(requestor=requestor)
    if requestor:
        end.ask(lambda engine, now: engine.associate(request()))
        end.read()
        end.ask(lambda engine, now: engine.connected(now))
        assert isinstance(end.peer.hear(), A_ASSOCIATE_RQ)
    else:
        end.read()
        end.ask(lambda engine, now: engine.connection_accepted(now))
    return end


def sta1() -> End:
    end = connected(requestor=False)
    end.connection.close("the last association is over")
    assert end.done.wait(5)
    return end


def sta3() -> End:
    end = connected(requestor=False)
    end.peer.say(request())
    end.until(2)
    return end


def sta4() -> End:
    end = End(requestor=True)
    end.ask(lambda engine, now: engine.associate(request()))
    end.read()  # so that bytes that come too early would be seen
    return end


def sta6(*, requestor: bool = False) -> End:
    if not requestor:
        end = sta3()
        end.ask(lambda engine, now: engine.accept(acceptance(), now))
        assert isinstance(end.peer.hear(), A_ASSOCIATE_AC)
        return end
    end = connected(requestor=True)
    end.peer.say(acceptance())
    end.until(3)
    return end


def sta7(*, requestor: bool = False) -> End:
    end = sta6(requestor=requestor)
    end.ask(lambda engine, now: engine.release(now))
    assert end.peer.hear() == A_RELEASE_RQ()
    return end


def sta8() -> End:
    end = sta6()
    end.peer.say(A_RELEASE_RQ())
    end.until(4)
    return end


def collision(*, requestor: bool) -> End:
    end = sta7(requestor=requestor)
    end.peer.say(A_RELEASE_RQ())
    end.until(5)
    return end


def sta11() -> End:
    end = collision(requestor=True)
    end.ask(lambda engine, now: engine.respond_release(now))
    assert end.peer.hear() == A_RELEASE_RP()
    return end


def sta12() -> End:
    end = collision(requestor=False)
    end.peer.say(A_RELEASE_RP())
    end.until(6)
    return end


def sta13() -> End:
    end = sta6()
    end.ask(lambda engine, now: engine.abort(now))
    assert end.peer.hear() == A_ABORT_RQ(source=0)
    return end


REACH: dict[State, Callable[[], End]] = {
    State.STA1: sta1,
    State.STA2: lambda: connected(requestor=False),
    State.STA3: sta3,
    State.STA4: sta4,
    State.STA5: lambda: connected(requestor=True),
    State.STA6: sta6,
    State.STA7: sta7,
    State.STA8: sta8,
    State.STA9: lambda: collision(requestor=True),
    State.STA10: lambda: collision(requestor=False),
    State.STA11: sta11,
    State.STA12: sta12,
    State.STA13: sta13,
}

# --------------------------------------------------------------------------- how each event is made
LOCAL: dict[Event, Callable[[UpperLayer, float], object]] = {
    Event.EVT1: lambda engine, now: engine.associate(request()),
    Event.EVT2: lambda engine, now: engine.connected(now),
    Event.EVT5: lambda engine, now: engine.connection_accepted(now),
    Event.EVT7: lambda engine, now: engine.accept(acceptance(), now),
    Event.EVT8: lambda engine, now: engine.reject(REJECT, now),
    Event.EVT9: lambda engine, now: engine.send_data(1, memoryview(b"ab"), command=True, last=True, now=now),
    Event.EVT11: lambda engine, now: engine.release(now),
    Event.EVT14: lambda engine, now: engine.respond_release(now),
    Event.EVT15: lambda engine, now: engine.abort(now),
}
WIRE: dict[Event, bytes] = {
    Event.EVT3: encode_pdu(acceptance()),
    Event.EVT4: encode_pdu(REJECT),
    Event.EVT6: encode_pdu(request()),
    Event.EVT10: fragment(b"ab", command=True),
    Event.EVT12: encode_pdu(A_RELEASE_RQ()),
    Event.EVT13: encode_pdu(A_RELEASE_RP()),
    Event.EVT16: encode_pdu(A_ABORT_RQ(source=0)),
    Event.EVT19: b"\x09\x00\x00\x00\x00\x04\x00\x00\x00\x00",
}

# --------------------------------------------------------------------------- what the other end hears
SAID: dict[Action, type] = {
    Action.AE_2: A_ASSOCIATE_RQ,
    Action.AE_7: A_ASSOCIATE_AC,
    Action.AE_8: A_ASSOCIATE_RJ,
    Action.DT_1: P_DATA_TF,
    Action.AR_7: P_DATA_TF,
    Action.AR_1: A_RELEASE_RQ,
    Action.AR_4: A_RELEASE_RP,
    Action.AR_9: A_RELEASE_RP,
    Action.AA_1: A_ABORT_RQ,
    Action.AA_7: A_ABORT_RQ,
    Action.AA_8: A_ABORT_RQ,
}
ENDS = {Action.AE_4, Action.AR_3, Action.AA_2, Action.AA_3, Action.AA_4, Action.AA_5, Action.AR_5}


@pytest.fixture
def reach() -> Iterator[Callable[[State], End]]:
    ends: list[End] = []

    def make(state: State) -> End:
        ends.append(REACH[state]())
        assert ends[-1].engine.state is state
        return ends[-1]

    yield make
    for end in ends:
        end.close()


def cause(end: End, event: Event) -> None:
    if event in LOCAL:
        end.ask(LOCAL[event])
    elif event in WIRE:
        end.peer.try_to_say(WIRE[event])
    elif event is Event.EVT17:
        end.peer.close()
    else:  # ARTIM, wherever it runs or not

        def expire(engine: UpperLayer, now: float) -> None:
            engine._clock.artim = now

        end.ask(expire)
        end.connection.wake()


@pytest.mark.parametrize("event", list(Event), ids=str)
@pytest.mark.parametrize("state", list(State), ids=str)
def test_a_cell(state: State, event: Event, reach: Callable[[State], End]) -> None:
    end = reach(state)
    before = len(end.steps)
    action = TABLE.get((state, event))
    if action is None and event in LOCAL:
        with pytest.raises(LocalProtocolError, match=str(state)):
            cause(end, event)
    else:
        cause(end, event)
    if action is None:
        harmless(end, state, event, before)
        return
    end.until(before + 1)
    assert end.steps[before][:3] == (state, event, action)
    assert end.steps[before][3] in NEXT_STATES[action]
    if action in SAID and event is not Event.EVT17:
        assert isinstance(end.peer.hear(), SAID[action])
    if action in ENDS:
        assert end.done.wait(5)
        assert end.engine.state is State.STA1
        if event is not Event.EVT17:
            assert end.peer.hear() is None


def harmless(end: End, state: State, event: Event, before: int) -> None:
    """Nothing came of it: the first thing that happens afterwards is what the test makes happen."""
    assert end.engine.state is state
    if state is State.STA1:
        assert len(end.steps) == before
        return
    if event is not Event.EVT17:
        end.peer.close()
        end.until(before + 1)
    assert end.steps[before][:2] == (state, Event.EVT17), end.steps


def test_there_are_247_cells_and_123_of_them_do_something() -> None:
    assert len(State) * len(Event) == 247
    assert len(TABLE) == 123
