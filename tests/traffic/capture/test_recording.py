"""Associations of the real core recorded while they run: each PDU once, whichever ends are ours."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from capture_streams import FIN, Stream, streams_of
from pydicom import dcmread

from workstation.net import AE, evt
from workstation.net.listener import AssociationServer
from workstation.traffic.capture import recording
from workstation.traffic.capture.recording import CaptureRecorder

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
HANDLED = 10.0


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
        self.sent[key] = self.sent.get(key, b"") + event.data

    def _count(self, event: evt.Event) -> None:
        with self.closed:
            self.ends += 1
            self.closed.notify_all()

    def wait_for_ends(self, count: int) -> None:
        with self.closed:
            assert self.closed.wait_for(lambda: self.ends >= count, HANDLED), f"{self.ends} of {count} ends closed"

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


def test_an_association_that_was_there_before_begins_in_its_midst(talk: Talk, path: Path) -> None:
    port = talk.serve()
    association = talk.associate(port)
    before = dict(talk.sent)
    recorder = CaptureRecorder(path)
    for event, handler in recorder.handlers():
        association.bind(event, handler)
    association.send_c_echo()
    association.release()
    talk.wait_for_ends(2)
    recorder.close()
    (found,) = [(key[1], data[len(before[key]) :]) for key, data in talk.sent.items() if key[0] == "requestor"]
    packets = path.read_bytes()
    assert found[1][:70] in packets
    assert before["requestor", found[0]] not in packets


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
