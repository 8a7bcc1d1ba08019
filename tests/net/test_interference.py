"""The place where a test server misbehaves on purpose: what it lets happen, and that nothing else does."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from raw_peer import PATIENCE, RawPeer, message, request, scp, serves, serving, until

from workstation.net import evt
from workstation.net.association import Association
from workstation.net.codec.dimse import C_ECHO_RQ, C_ECHO_RSP, Message
from workstation.net.codec.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, P_DATA_TF, encode_pdu
from workstation.net.engine.upper_layer import Sent
from workstation.net.interference import AnswerLeaves
from workstation.net.sop_class import Verification

ECHO = C_ECHO_RQ(MessageID=7, context_id=1, AffectedSOPClassUID=Verification)


class Interferer:
    """Lets everything leave as it is, as if nobody interfered."""

    def __init__(self, assoc: Association) -> None:
        self.assoc = assoc

    def answer(self, answer: A_ASSOCIATE_AC | A_ASSOCIATE_RJ, leaves: AnswerLeaves) -> None:
        leaves(answer, None)

    def send(self, message: Message, data: Any) -> None:
        self.assoc.send_undisturbed(message, data)


def interfering(kind: type[Interferer], made: list[Interferer] | None = None) -> Any:
    """For `evt_handlers`: has it interfere with each association from the start."""

    def on_open(event: Any) -> None:
        event.assoc.interference = kind(event.assoc)
        if made is not None:
            made.append(event.assoc.interference)

    return evt.EVT_CONN_OPEN, on_open


def test_an_interference_that_does_nothing_changes_nothing() -> None:
    heard = []
    for handlers in ([], [interfering(Interferer)]):
        with serving(scp(), handlers) as server, RawPeer.associated(server) as peer:
            peer.say(message(ECHO))
            heard.append(peer.hear())
    assert heard[0] == heard[1]
    assert isinstance(heard[0], P_DATA_TF)


def test_an_association_request_may_be_left_without_an_answer() -> None:
    class Mute(Interferer):
        def answer(self, answer: A_ASSOCIATE_AC | A_ASSOCIATE_RJ, leaves: AnswerLeaves) -> None:
            pass

    made: list[Interferer] = []
    with serving(scp(), [interfering(Mute, made)]) as server, RawPeer.to(server) as peer:
        peer.say(request())
        peer.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            peer.sock.recv(1)
        peer.close()
        assert made[0].assoc.over.wait(PATIENCE)
        assert not made[0].assoc.is_established


def test_a_message_may_be_sent_twice_or_altered_and_handlers_hear_what_left() -> None:
    class Twice(Interferer):
        def send(self, message: Message, data: Any) -> None:
            self.assoc.send_undisturbed(message, data)
            self.assoc.send_undisturbed(message, data, alter=lambda sent: Sent(sent.pdu_type, (b"\x63", *sent.pieces)))

    left: list[bytes] = []
    messages: list[Message] = []
    handlers = [
        interfering(Twice),
        (evt.EVT_DATA_SENT, lambda event: left.append(event.data)),
        (evt.EVT_DIMSE_SENT, lambda event: messages.append(event.message)),
    ]
    with serving(scp(), handlers) as server, RawPeer.associated(server) as peer:
        peer.say(message(ECHO))
        first = peer.hear()
        assert isinstance(first, P_DATA_TF)
        raw = encode_pdu(first)
        assert peer._exactly(len(raw) + 1) == b"\x63" + raw
        assert until(lambda: len(left) == 3)
    assert left[1:3] == [raw, b"\x63" + raw]  # the end of the server aborts
    assert [type(one) for one in messages] == [C_ECHO_RSP, C_ECHO_RSP]


def test_an_abort_may_say_anything() -> None:
    with serving(scp()) as server, RawPeer.associated(server) as peer:
        (assoc,) = server.active_associations
        assoc.abort(block=False, source=2, reason=6)
        assert peer.hear() == A_ABORT_RQ(source=2, reason=6)


@pytest.mark.parametrize("reset", [False, True])
def test_who_waits_for_an_answer_is_told_of_the_end(reset: bool) -> None:
    # the association asks its peer something, and another thread ends the connection
    ended = threading.Event()

    def ask(event: Any) -> int:
        ended.set()
        return 0

    with serving(scp(), [(evt.EVT_C_ECHO, ask)]) as server, RawPeer.associated(server) as peer:
        (assoc,) = server.active_associations
        replies = assoc._exchange.expect(1)
        peer.say(message(ECHO))
        assert ended.wait(PATIENCE)
        connection = assoc.connection
        (connection.reset if reset else connection.hang_up)("We ended it on purpose")
        assert replies.get(PATIENCE, assoc.connection.pump) is None
        assert assoc.is_aborted
        assert assoc.end_reason == "We ended it on purpose"
        peer.until_closed()
        peer.close()
        assert assoc.over.wait(PATIENCE)
        assert serves(server)


def test_hanging_up_twice_and_what_is_over_does_nothing() -> None:
    closed: list[Any] = []
    with serving(scp(), [(evt.EVT_CONN_CLOSE, closed.append)]) as server, RawPeer.associated(server) as peer:
        (assoc,) = server.active_associations
        for _ in range(3):
            assoc.connection.hang_up("We hung up")
        assert peer.hear() is None
        assert not closed
        peer.close()
        assert assoc.over.wait(PATIENCE)
        assoc.connection.hang_up("Too late")
        assoc.connection.reset("Too late")
        assoc.connection.silence()
        assert assoc.end_reason == "We hung up"
        assert len(closed) == 1


def test_a_peer_that_never_closes_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workstation.net.shell.hindrance._DRAIN", 0.1)
    closed = threading.Event()
    with (
        serving(scp(), [(evt.EVT_CONN_CLOSE, lambda _: closed.set())]) as server,
        RawPeer.associated(server) as peer,
    ):
        (assoc,) = server.active_associations
        assoc.connection.hang_up("We hung up")
        assert peer.hear() is None
        assert closed.wait(PATIENCE)
        assert assoc.over.wait(PATIENCE)
