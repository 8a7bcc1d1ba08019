import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trustme
from pynetdicom import evt as peer_evt
from scu_peers import free_port, peer_at

from workstation.net import evt
from workstation.peers import Peer
from workstation.scu.caller import Caller
from workstation.scu.echo import EchoJob
from workstation.scu.failure import Layer
from workstation.scu.job import Progress

VERIFICATION = "1.2.840.10008.1.1"


def test_an_echo_tells_times_and_who_answered(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    progress: list[Progress] = []
    result = EchoJob(caller, pynetdicom_peer([(VERIFICATION,)]), repeat=3, on_progress=progress.append).run()
    assert result.failure is None
    assert result.succeeded
    assert result.status == 0
    assert len(result.times) == 3
    assert result.connect is not None
    assert result.negotiate is not None
    assert result.implementation.startswith("PYNETDICOM")
    assert result.sentence.startswith("Accepted · ")
    assert "ms echo (best of 3) · PYNETDICOM" in result.sentence
    assert [each.done for each in progress] == [1, 2, 3]


def test_the_callers_handlers_hear_everything(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    heard: list[str] = []
    listening = replace(
        caller,
        handlers=[
            (each, lambda event: heard.append(event.event.name)) for each in (evt.EVT_ESTABLISHED, evt.EVT_RELEASED)
        ],
    )
    EchoJob(listening, pynetdicom_peer([(VERIFICATION,)])).run()
    assert heard == ["EVT_ESTABLISHED", "EVT_RELEASED"]


def test_dcmtk_answers(caller: Caller, storescp: Callable[..., tuple[Peer, Any]]) -> None:
    result = EchoJob(caller, storescp()[0], repeat=10).run()
    assert result.succeeded, result.sentence
    assert "OFFIS" in result.implementation
    if sys.platform == "linux":
        # DCMTK writes a PDU in two pieces: acknowledged late, each message takes 40 ms and more.
        assert min(result.times) < 30


def test_a_status_that_is_no_success(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    peer = pynetdicom_peer([(VERIFICATION,)], [(peer_evt.EVT_C_ECHO, lambda _: 0x0122)])
    result = EchoJob(caller, peer, repeat=5).run()
    assert result.failure is not None
    assert result.failure.layer is Layer.STATUS
    assert "0x0122" in result.sentence
    assert len(result.times) == 1


# -- what can be in the way, from the wire up ------------------------------------------------------


def test_a_refused_port(caller: Caller) -> None:
    port = free_port()
    result = EchoJob(caller, peer_at(port)).run()
    assert result.failure is not None
    assert result.failure.layer is Layer.TCP
    assert f"Nothing listens at 127.0.0.1:{port}" in result.sentence


def test_a_wrong_host(caller: Caller) -> None:
    result = EchoJob(caller, Peer("x", "X", "no-such-host.invalid", 104)).run()
    assert result.failure is not None
    assert result.failure.layer is Layer.TCP
    assert "'no-such-host.invalid' cannot be resolved" in result.sentence


def test_a_silent_server(caller: Caller, raw_server: Callable[..., Peer]) -> None:
    done = threading.Event()
    peer = raw_server(lambda _: done.wait(30))
    result = EchoJob(replace(caller, acse_timeout=0.3), peer).run()
    done.set()
    assert result.failure is not None
    assert result.failure.layer is Layer.ASSOCIATION
    assert "took the connection but did not answer" in result.sentence


def _answer(data: bytes) -> Callable[[socket.socket], None]:
    def conversation(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    return conversation


@pytest.mark.parametrize(
    ("answer", "layer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", Layer.ASSOCIATION, "is a web server"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", Layer.ASSOCIATION, "is an SSH server"),
        (bytes.fromhex("15 03 03 00 02 02 46"), Layer.TLS, "expects TLS"),
        (b"", Layer.ASSOCIATION, "closed the connection without an answer"),
        (bytes.fromhex("03 00 00000004 00 01 01 03"), Layer.ASSOCIATION, "does not know our AE title 'WORKSTATION'"),
        (bytes.fromhex("03 00 00000004 00 02 03 02"), Layer.ASSOCIATION, "limit of associations"),
        (bytes.fromhex("07 00 00000004 00 00 02 06"), Layer.ASSOCIATION, "protocol layer aborted"),
        (bytes.fromhex("07 00 00000004 00 00 00 00"), Layer.ASSOCIATION, "application aborted"),
    ],
)
def test_servers_that_answer_something_else(
    caller: Caller, raw_server: Callable[..., Peer], answer: bytes, layer: Layer, words: str
) -> None:
    result = EchoJob(caller, raw_server(_answer(answer))).run()
    assert result.failure is not None
    assert words in result.sentence
    assert result.failure.layer is layer
    assert result.failure.remedy


def test_a_real_tls_server(caller: Caller, raw_server: Callable[..., Peer]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)

    def conversation(connection: socket.socket) -> None:
        with pytest.raises(ssl.SSLError, match=r"WRONG_VERSION_NUMBER|HTTP|SSL"):
            context.wrap_socket(connection, server_side=True)

    result = EchoJob(caller, raw_server(conversation)).run()
    assert result.failure is not None
    assert "TLS" in result.sentence


# pynetdicom's shutdown trips over an association that it rejected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_title_that_the_peer_does_not_answer_to(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    peer = pynetdicom_peer([(VERIFICATION,)], setup=lambda ae: setattr(ae, "require_called_aet", True))
    result = EchoJob(caller, replace(peer, ae_title="OTHER")).run()
    assert "does not answer to the AE title 'OTHER'" in result.sentence
    assert "1/1/7" in result.sentence


def test_a_peer_without_verification(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    result = EchoJob(caller, pynetdicom_peer([("1.2.840.10008.5.1.4.1.1.2",)])).run()
    assert result.failure is not None
    assert result.failure.layer is Layer.CONTEXT
    assert "does not support Verification SOP Class (1.2.840.10008.1.1)" in result.sentence
    assert "result 3" in result.sentence


def test_a_peer_that_aborts_instead_of_answering(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    def abort(event: Any) -> int:
        event.assoc.abort()
        return 0

    result = EchoJob(caller, pynetdicom_peer([(VERIFICATION,)], [(peer_evt.EVT_C_ECHO, abort)])).run()
    assert result.failure is not None
    assert result.failure.layer is Layer.ASSOCIATION
    assert "aborted the association during C-ECHO" in result.sentence


def test_a_peer_that_never_answers(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    done = threading.Event()

    def hang(_: Any) -> int:
        done.wait(30)
        return 0

    peer = pynetdicom_peer([(VERIFICATION,)], [(peer_evt.EVT_C_ECHO, hang)])
    result = EchoJob(replace(caller, dimse_timeout=0.3), peer).run()
    done.set()
    assert result.failure is not None
    assert result.failure.layer is Layer.STATUS
    assert "did not answer during C-ECHO" in result.sentence


# -- cancelling ------------------------------------------------------------------------------------


def test_cancelled_before_it_began(caller: Caller) -> None:
    job = EchoJob(caller, peer_at(free_port()))
    job.cancel()
    result = job.run()
    assert "Cancelled" in result.sentence


def test_cancelled_while_the_peer_thinks_about_the_request(caller: Caller, raw_server: Callable[..., Peer]) -> None:
    done = threading.Event()
    arrived = threading.Event()

    def conversation(connection: socket.socket) -> None:
        connection.recv(4096)
        arrived.set()
        done.wait(30)

    job = EchoJob(caller, raw_server(conversation))
    canceller = threading.Thread(target=lambda: (arrived.wait(5), job.cancel()))
    canceller.start()
    began = time.monotonic()
    result = job.run()
    assert time.monotonic() - began < 5
    assert "Cancelled" in result.sentence
    done.set()
    canceller.join()


def test_cancelled_while_waiting_for_the_response(caller: Caller, pynetdicom_peer: Callable[..., Peer]) -> None:
    done = threading.Event()

    def hang(_: Any) -> int:
        threading.Thread(target=job.cancel).start()
        done.wait(30)
        return 0

    job = EchoJob(caller, pynetdicom_peer([(VERIFICATION,)], [(peer_evt.EVT_C_ECHO, hang)]))
    began = time.monotonic()
    result = job.run()
    done.set()
    assert time.monotonic() - began < 5
    assert "Cancelled" in result.sentence
