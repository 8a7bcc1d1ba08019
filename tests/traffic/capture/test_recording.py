"""Associations of the real core recorded while they run: each PDU once, whichever ends are ours."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from capture_streams import FIN, SYN, Stream, streams_of
from pydicom import dcmread

from workstation.net import AE, evt
from workstation.net.codec.dimse import C_ECHO_RSP, encode_command
from workstation.net.listener import AssociationServer
from workstation.traffic.capture import recording
from workstation.traffic.capture.recording import CaptureRecorder

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
HANDLED = 10.0
ECHOED = encode_command(
    C_ECHO_RSP(context_id=1, MessageIDBeingRespondedTo=1, AffectedSOPClassUID=VERIFICATION, Status=0)
)


class Talk:
    """A server and its clients; what each end sends is kept by a handler of the test's own."""

    def __init__(self, samples: Path) -> None:
        self.object = dcmread(samples / "ct-chest" / "01.dcm")
        self.sent: dict[tuple[str, int], bytes] = {}  # by the end's mode and the requestor's port
        self.servers: list[AssociationServer] = []
        self.closed = threading.Condition()
        self.ends = 0

    def serve(self, handlers: Any = (), host: str = "127.0.0.1") -> int:
        ae = AE("SERVER")
        for uid in (VERIFICATION, CT):
            ae.add_supported_context(uid)
        bound = [*handlers, *self.own_handlers(), (evt.EVT_C_STORE, lambda event: 0)]
        server = ae.start_server((host, 0), block=False, evt_handlers=bound)
        assert server is not None
        self.servers.append(server)
        return int(server.server_address[1])

    def own_handlers(self) -> list[Any]:
        return [(evt.EVT_DATA_SENT, self._keep), (evt.EVT_CONN_CLOSE, self._count)]

    def _keep(self, event: evt.Event) -> None:
        key = (event.assoc.mode, event.assoc.requestor.port)
        with self.closed:
            self.sent[key] = self.sent.get(key, b"") + event.data
            self.closed.notify_all()

    def _count(self, event: evt.Event) -> None:
        with self.closed:
            self.ends += 1
            self.closed.notify_all()

    def wait_for_ends(self, count: int) -> None:
        with self.closed:
            assert self.closed.wait_for(lambda: self.ends >= count, HANDLED), f"{self.ends} of {count} ends closed"

    def wait_for_answers(self, *requestors: int) -> None:
        """Wait until it is told that the acceptors sent all that the requestors have."""
        with self.closed:
            assert self.closed.wait_for(
                lambda: all(self.sent["acceptor", port].endswith(ECHOED) for port in requestors), HANDLED
            )

    def associate(self, port: int, handlers: Any = (), host: str = "127.0.0.1") -> Any:
        ae = AE("CLIENT")
        ae.add_requested_context(VERIFICATION)
        ae.add_requested_context(CT, EXPLICIT)
        bound = [*handlers, *self.own_handlers()]
        association = ae.associate(host, port, ae_title="SERVER", evt_handlers=bound)
        assert association.is_established
        return association

    def echo_and_store(self, port: int, handlers: Any = (), host: str = "127.0.0.1") -> None:
        association = self.associate(port, handlers, host)
        assert association.send_c_echo().Status == 0
        assert association.send_c_store(self.object).Status == 0
        association.release()

    def check(self, streams: list[Stream]) -> None:
        """The file has what both ends sent, each connection once."""
        found = {}
        for stream in streams:
            found["requestor", stream.ends[1]] = stream.data[True]
            found["acceptor", stream.ends[1]] = stream.data[False]
            assert stream.gaps == {True: [], False: []}
        assert found == self.sent


@pytest.fixture
def talk(samples: Path) -> Iterator[Talk]:
    talk = Talk(samples)
    yield talk
    for server in talk.servers:
        server.shutdown()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.pcapng"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("client", "server"), [(True, True), (True, False), (False, True)])
def test_each_pdu_is_there_once(talk: Talk, path: Path, client: bool, server: bool, host: str) -> None:
    recorder = CaptureRecorder(path)
    port = talk.serve(recorder.handlers() if server else (), host)
    for _ in range(3):
        talk.echo_and_store(port, recorder.handlers() if client else (), host)
    talk.associate(port, recorder.handlers() if client else (), host).abort()
    talk.wait_for_ends(8)
    written = recorder.close()
    assert (written.associations, written.pdus, written.bytes) == (4, 36, path.stat().st_size)
    streams = streams_of(path)
    talk.check(streams)
    assert [stream.closed_by for stream in streams] == [True, True, True, False]
    assert recorder.problem == ""


def test_many_at_once_are_told_apart(talk: Talk, path: Path) -> None:
    recorder = CaptureRecorder(path)
    port = talk.serve(recorder.handlers())
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(talk.echo_and_store, port, recorder.handlers()) for _ in range(16)]:
            done.result()
    talk.wait_for_ends(32)
    assert recorder.close().associations == 16
    talk.check(streams_of(path))


def test_associations_wait_for_a_slow_disk(talk: Talk, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost when the queue is full; here it holds one PDU."""
    monkeypatch.setattr(recording, "MAX_WAITING", 1)
    recorder = CaptureRecorder(path)
    port = talk.serve(recorder.handlers())
    talk.echo_and_store(port, recorder.handlers())
    talk.wait_for_ends(2)
    assert recorder.close().pdus == 11
    talk.check(streams_of(path))


def test_what_is_there_can_be_read_while_it_grows(talk: Talk, path: Path) -> None:
    recorder = CaptureRecorder(path)
    port = talk.serve()
    association = talk.associate(port, recorder.handlers())
    association.send_c_echo()
    seen = len(path.read_bytes())
    assert seen >= 28  # at least the section header: it is there from the start
    recorder.close()
    (stream,) = streams_of(path)
    assert stream.data[True] == talk.sent["requestor", stream.ends[1]]
    assert not any(flags & FIN for _, _, flags, _, _ in stream.order), "it goes on"
    association.release()
    assert path.stat().st_size == recorder.written.bytes, "what comes after the end of the recording is not in it"


def test_associations_that_were_there_before_begin_in_their_midst(talk: Talk, path: Path) -> None:
    """Each is still one connection, though both of its ends are ours."""
    on: dict[evt.NotificationEvent, Any] = {}

    def passing(event: evt.Event) -> None:
        if event.event in on:
            on[event.event](event)

    events = (evt.EVT_CONN_OPEN, evt.EVT_DATA_SENT, evt.EVT_DATA_RECV, evt.EVT_CONN_CLOSE)
    handlers = [(event, passing) for event in events]
    port = talk.serve(handlers)
    living = [talk.associate(port, handlers) for _ in range(2)]
    for association in living:
        association.send_c_echo()
    talk.wait_for_answers(*(association.requestor.port for association in living))
    before = dict(talk.sent)
    recorder = CaptureRecorder(path)
    on.update(recorder.handlers())
    for association in living:
        association.send_c_echo()
        association.release()
    talk.wait_for_ends(4)
    assert recorder.close().associations == 2
    after = {key: data[len(before[key]) :] for key, data in talk.sent.items()}
    found = {}
    for stream in streams_of(path):
        found["requestor", stream.ends[1]] = stream.data[True]
        found["acceptor", stream.ends[1]] = stream.data[False]
        assert not any(flags & SYN for _, _, flags, _, _ in stream.order), "nobody saw a handshake"
    assert found == after


def test_a_reader_that_goes_away_ends_the_recording_and_nothing_else(talk: Talk, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    said: list[str] = []
    recorder = CaptureRecorder(pipe, said.append)
    port = talk.serve()
    os.close(reading)
    for _ in range(2):
        talk.echo_and_store(port, recorder.handlers())
    recorder.close()
    assert said == [recorder.problem]
    assert said == [f"{pipe} cannot be written any more (Broken pipe): recording has ended."]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is a device of Linux")
def test_a_full_disk_is_told_at_once() -> None:
    with pytest.raises(OSError, match="No space left"):
        CaptureRecorder(Path("/dev/full"))


def test_a_peer_that_says_nothing_leaves_a_connection_without_pdus(talk: Talk, path: Path) -> None:
    recorder = CaptureRecorder(path)
    port = talk.serve(recorder.handlers())
    socket.create_connection(("127.0.0.1", port)).close()
    talk.wait_for_ends(1)
    written = recorder.close()
    assert (written.associations, written.pdus) == (1, 0)
    assert streams_of(path)[0].data == {True: b"", False: b""}


class End:
    """One end of a made-up association, whose events come in the order that the test wants."""

    def __init__(self, recorder: CaptureRecorder, number: int, mode: str) -> None:
        requestor = SimpleNamespace(ae_title="CLIENT", address="127.0.0.1", port=40000)
        acceptor = SimpleNamespace(ae_title="SERVER", address="127.0.0.1", port=104)
        self.assoc = SimpleNamespace(number=number, mode=mode, requestor=requestor, acceptor=acceptor, end_reason="")
        self._handlers = {event.name: handler for event, handler in recorder.handlers()}

    def _tell(self, name: str, data: bytes = b"") -> None:
        self._handlers[name](SimpleNamespace(assoc=self.assoc, time=1000.0, data=data))  # type: ignore[arg-type]

    def open(self) -> None:
        self._tell("EVT_CONN_OPEN")

    def sent(self, data: bytes) -> None:
        self._tell("EVT_DATA_SENT", data)

    def heard(self, data: bytes) -> None:
        self._tell("EVT_DATA_RECV", data)

    def close(self) -> None:
        self._tell("EVT_CONN_CLOSE")


REQUEST, ANSWER, ABORT = b"request", b"answer", bytes.fromhex("07000000000400000000")


@pytest.fixture
def both(path: Path) -> Iterator[tuple[CaptureRecorder, End, End]]:
    """A recorder, and both ends of an association; the requestor is the first to be heard of."""
    recorder = CaptureRecorder(path)
    yield recorder, End(recorder, 1, "requestor"), End(recorder, 2, "acceptor")
    recorder.close()


def test_what_one_end_did_not_hear_any_more_is_there(both: tuple[CaptureRecorder, End, End], path: Path) -> None:
    recorder, requestor, acceptor = both
    requestor.open()
    acceptor.open()
    requestor.sent(REQUEST)
    acceptor.heard(REQUEST)
    acceptor.sent(ANSWER)
    acceptor.sent(ABORT)
    requestor.heard(ANSWER)
    requestor.close()
    acceptor.close()
    recorder.close()
    (stream,) = streams_of(path)
    assert stream.data == {True: REQUEST, False: ANSWER + ABORT}
    assert stream.closed_by is True


def test_what_is_heard_of_before_its_sending_is_there_once(both: tuple[CaptureRecorder, End, End], path: Path) -> None:
    recorder, requestor, acceptor = both
    requestor.open()
    acceptor.open()
    for _ in range(3):
        requestor.heard(ANSWER)
        acceptor.sent(ANSWER)
    acceptor.close()
    requestor.close()
    recorder.close()
    assert streams_of(path)[0].data == {True: b"", False: 3 * ANSWER}


def test_what_was_heard_before_the_recording_is_not_in_it(both: tuple[CaptureRecorder, End, End], path: Path) -> None:
    """Its sending was told only after the recording began."""
    recorder, requestor, acceptor = both
    requestor.sent(REQUEST)
    acceptor.sent(b"an earlier answer")
    acceptor.sent(ANSWER)
    requestor.heard(ANSWER)
    acceptor.sent(ABORT)
    requestor.heard(ABORT)
    acceptor.close()
    requestor.close()
    recorder.close()
    assert streams_of(path)[0].data == {True: REQUEST, False: ANSWER + ABORT}


def test_the_same_ports_later_are_another_connection(both: tuple[CaptureRecorder, End, End], path: Path) -> None:
    recorder, requestor, acceptor = both
    for end in (requestor, acceptor):
        end.open()
    for end in (requestor, acceptor):
        end.close()
    again = End(recorder, 3, "requestor")
    again.open()
    again.sent(REQUEST)
    again.close()
    assert recorder.close().associations == 2
    assert [stream.data[True] for stream in streams_of(path)] == [b"", REQUEST]


def test_the_other_end_may_be_heard_of_when_all_is_over(both: tuple[CaptureRecorder, End, End], path: Path) -> None:
    recorder, requestor, acceptor = both
    requestor.open()
    requestor.sent(REQUEST)
    requestor.close()
    acceptor.open()
    acceptor.heard(REQUEST)
    acceptor.close()
    written = recorder.close()
    assert (written.associations, written.pdus) == (1, 1)
