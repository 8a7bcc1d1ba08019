"""Attacks on operations, handlers and resources: what a peer says at the wrong time, and what our own side does wrong.

Damaged PDUs and peers that die are in `test_hostile`. An honest client is served after each attack.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from live_ends import ByHand, Ear, ask, image, keys, only
from raw_peer import RawPeer, acceptance, fragment, message, request, scp, serves, serving, until

from workstation.net import AE, _config, evt, exchange, listener, notifier
from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_ECHO_RSP,
    C_FIND_RQ,
    C_GET_RQ,
    C_GET_RSP,
    C_STORE_RQ,
    C_STORE_RSP,
    ELEMENTS,
    MESSAGES,
    Request,
    Response,
    encode_command,
)
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    RoleSelection,
    UserIdentityRQ,
    encode_pdu,
)
from workstation.net.shell import threads
from workstation.net.sop_class import (
    BasicFilmSession,
    CTImageStorage,
    ModalityPerformedProcedureStep,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StorageCommitmentPushModel,
    Verification,
)

FIND = PatientRootQueryRetrieveInformationModelFind
GET = PatientRootQueryRetrieveInformationModelGet
MOVE = PatientRootQueryRetrieveInformationModelMove
MPPS = ModalityPerformedProcedureStep
SOON = 4.0  # seconds in which an honest client is served; what could hold it up takes longer
HERE = Path(__file__).parent
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")

ECHO = C_ECHO_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=Verification)
STORE = C_STORE_RQ(
    context_id=1,
    MessageID=1,
    AffectedSOPClassUID=CTImageStorage,
    AffectedSOPInstanceUID="1.2.3",
    Priority=0,
    has_data_set=True,
)
QUERY = struct.pack("<HHI", 8, 0x52, 8) + b"PATIENT "


def say_at_length(peer: RawPeer, command: bytes, data: bytes | None, context_id: int = 1) -> None:
    """Send a message whose parts may be longer than one PDU."""
    for part, is_command in ((command, True), (data, False)):
        if part is not None:
            for place in range(0, max(len(part), 1), 16000):
                piece, last = part[place : place + 16000], place + 16000 >= len(part)
                if not peer.try_to_say(fragment(piece, context_id=context_id, command=is_command, last=last)):
                    return


def status_of(peer: RawPeer) -> int | None:
    """The status of the response that comes next."""
    response = peer.hear_message()
    assert isinstance(response, Response), response
    return response.Status


def run_script(text: str) -> list[str]:
    """The lines that a script of ours prints in a process of its own."""
    path = os.pathsep.join([str(HERE), str(HERE.parent), str(HERE.parent.parent)])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# --------------------------------------------------------------------------- handlers that do the worst
@pytest.mark.parametrize("what", [SystemExit, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("event", [evt.EVT_C_ECHO, evt.EVT_C_STORE, evt.EVT_C_FIND, evt.EVT_N_GET], ids=str)
def test_a_service_handler_that_would_end_its_thread_leaves_no_peer_waiting(
    event: Any, what: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def handler(_: Any) -> Any:
        raise what

    asks: dict[Any, Callable[[Any], Any]] = {
        evt.EVT_C_ECHO: lambda assoc: assoc.send_c_echo(),
        evt.EVT_C_STORE: lambda assoc: assoc.send_c_store(image()),
        evt.EVT_C_FIND: lambda assoc: list(assoc.send_c_find(keys(), FIND)),
        evt.EVT_N_GET: lambda assoc: assoc.send_n_get([0x00100010], MPPS, "1.2"),
    }
    uids = (Verification, CTImageStorage, FIND, MPPS)
    with serving(scp(*uids), [(event, handler)]) as server:
        assoc = ask(server, *uids)
        started = time.monotonic()
        asks[event](assoc)
        assert time.monotonic() - started < SOON
        assert assoc.over.wait(5)
        assert assoc.is_aborted
        server.unbind(event, handler)
        assert serves(server) < SOON
    assert "could not be performed" in caplog.text


@pytest.mark.parametrize("what", [SystemExit, KeyboardInterrupt])
def test_a_negotiation_handler_that_would_end_its_thread_is_a_rejection(what: type[BaseException]) -> None:
    def handler(_: Any) -> Any:
        raise what

    identity = UserIdentityRQ(identity_type=1, positive_response_requested=True, primary=b"\xff\xfe%s")
    with serving(scp(), [(evt.EVT_USER_ID, handler)]) as server, RawPeer.to(server) as peer:
        asked = request()
        peer.say(replace(asked, user_information=(*asked.user_information, identity)))
        assert isinstance(peer.hear(), A_ASSOCIATE_RJ)
        assert serves(server) < SOON


@pytest.mark.parametrize("event", [evt.EVT_DIMSE_RECV, evt.EVT_DIMSE_SENT, evt.EVT_REQUESTED], ids=str)
def test_a_notification_handler_that_would_end_its_thread_ends_its_association(
    event: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(_: Any) -> None:
        raise SystemExit

    ae = scp()
    with serving(ae, [(event, handler)]) as server:
        with RawPeer.to(server) as peer:
            peer.say(request())
            if isinstance(peer.hear(), A_ASSOCIATE_AC):
                peer.say(message(ECHO))
                while not isinstance(peer.hear(), A_ABORT_RQ | None):
                    pass
        assert until(lambda: not ae.active_associations)
        server.unbind(event, handler)
        assert serves(server) < SOON
    assert "SystemExit" in caplog.text


def test_shutting_down_waits_for_all_handlers_that_hang_at_once() -> None:
    let_go = threading.Event()
    hanging = threading.Semaphore(0)

    def hang(_: Any) -> None:
        hanging.release()
        let_go.wait(30)

    with serving(scp(), [(evt.EVT_DIMSE_RECV, hang)]) as server:
        peers = [RawPeer.associated(server) for _ in range(8)]
        for peer in peers:
            peer.say(message(ECHO))
        assert all(hanging.acquire(timeout=5) for _ in peers)
        started = time.monotonic()
        server.shutdown()
        assert time.monotonic() - started < 2 * listener.GRACE  # one after another they would take a second each
        let_go.set()
    for peer in peers:
        peer.close()


def test_notifications_of_a_peer_that_talks_faster_than_a_handler_hears_are_bounded() -> None:
    let_go, hanging = threading.Event(), threading.Event()

    def hang(event: Any) -> None:
        if not hanging.is_set():  # the attacker's; the honest client's are heard
            hanging.set()
            let_go.wait(30)

    cancels = message(C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=9)) * 200
    with serving(scp(), [(evt.EVT_DIMSE_SENT, hang)]) as server, RawPeer.associated(server) as attacker:
        assoc = only(server)
        ear = Ear()
        assoc.bind(evt.EVT_DIMSE_RECV, ear)
        attacker.say(message(ECHO))
        assert hanging.wait(5)
        attacker.sock.settimeout(0.1)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 200:
                attacker.say(cancels)
                sent += 1
        assert len(assoc._notes) < 8 * notifier.MOST_NOTES
        assert serves(server) < SOON
        let_go.set()


@pytest.mark.parametrize("how", ["recursion", "shutdown", "unbind", "associations"])
def test_handlers_may_do_as_they_like_with_their_server(how: str) -> None:
    def handler(event: Any) -> int:
        if how == "recursion":
            return handler(event)
        if how == "shutdown":
            event.assoc.server.shutdown()
        if how == "unbind":
            event.assoc.unbind(evt.EVT_C_ECHO, handler)
            event.assoc.server.unbind(evt.EVT_C_ECHO, handler)
        if how == "associations":
            more = [ask(event.assoc.server) for _ in range(40)]
            assert all(assoc.is_established for assoc in more)
            for assoc in more:
                assoc.abort(block=False)
        return 0x0000

    ae = scp()
    ae.maximum_associations = 100
    with serving(ae, [(evt.EVT_C_ECHO, handler)]) as server:
        assoc = ask(server)
        started = time.monotonic()
        status = assoc.send_c_echo()
        assert time.monotonic() - started < listener.GRACE + SOON
        if how == "shutdown":
            assert assoc.over.wait(5)
        else:
            assert status.Status == 0x0000
            assoc.release()
    assert until(lambda: not ae.active_associations)


def test_a_request_handlers_own_errors_cost_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    class Doorkeeper(listener.RequestHandler):
        def handle(self) -> None:
            if self.server.ae.ae_title == "CLOSED":
                raise socket.gaierror(socket.EAI_NONAME, "that address has no name")
            super().handle()

    ae = scp()
    server = ae.make_server(("127.0.0.1", 0), request_handler=Doorkeeper)
    starved: list[OSError] = []
    monkeypatch.setattr(server, "_starve", starved.append)
    server.start()
    try:
        with RawPeer.to(server) as slow:
            assert until(lambda: len(server._children()) == 1)
            monkeypatch.setattr(listener, "SILENT_GRACE", 0.0)
            ae.ae_title = "CLOSED"
            for _ in range(6):
                with RawPeer.to(server) as refused:
                    refused.until_closed()
            ae.ae_title = "SCP"
            assert serves(server) < SOON
            assert starved == []  # it neither paused nor made room
            slow.say(request())
            assert isinstance(slow.hear(), A_ASSOCIATE_AC)
    finally:
        server.shutdown()


# --------------------------------------------------------------------------- interrupted, forked
def test_an_interrupted_stores_answer_is_not_taken_for_that_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1))
        assert isinstance(peer.hear_message(), C_STORE_RQ)
        assert isinstance(peer.hear_message(), C_STORE_RQ)
        for status in (0x0000, 0xA700):  # the first was stored; the second was not
            peer.say(message(C_STORE_RSP(context_id=1, MessageIDBeingRespondedTo=1, Status=status)))
        peer.hear_abort()

    with ByHand(conversation) as there:
        assoc = ask(there, CTImageStorage)
        with monkeypatch.context() as patch:
            patch.setattr(exchange.Replies, "get", interrupted)
            with pytest.raises(KeyboardInterrupt):
                assoc.send_c_store(image())
        assert assoc.send_c_store(image()).Status == 0xA700
        assert assoc._engine.busy == 0
        assoc.abort()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    lines = run_script(
        "import os, signal, sys\n"
        "from raw_peer import scp, serves, serving\n"
        "with serving(scp()) as server:\n"
        "    serves(server)\n"  # leaves idle threads behind
        "    child = os.fork()\n"
        "    if not child:\n"
        "        signal.alarm(20)\n"
        "        serves(server)\n"
        "        os._exit(7)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), serves(server) < 4)\n"
    )
    assert lines == ["7 True"]


# --------------------------------------------------------------------------- resources
def test_without_more_threads_a_peer_is_served_and_nothing_stays_in_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(_config, "STORE_RECV_CHUNKED_DATASET", True)
    ae = scp(CTImageStorage, Verification)
    with serving(ae, [(evt.EVT_C_STORE, lambda event: 0)]) as server:
        with RawPeer.associated(server, CTImageStorage) as peer, monkeypatch.context() as patch:
            patch.setattr(threads, "run", run)
            peer.say(message(STORE, b"xx"))
            answer = peer.hear_message()
            assert isinstance(answer, C_STORE_RSP)
            assert answer.Status == 0
        assert list(tmp_path.iterdir()) == []
        assert serves(server) < SOON


@LINUX
def test_a_full_disk_is_said_so_and_leaves_nothing() -> None:
    lines = run_script(
        "import os, resource, tempfile\n"
        "from live_ends import CTImageStorage, ask, evt, image\n"
        "from raw_peer import scp, serving\n"
        "from workstation.net import _config\n"
        "seen = []\n"
        "with tempfile.TemporaryDirectory() as tempfile.tempdir:\n"
        "    _config.STORE_RECV_CHUNKED_DATASET = True\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "    def on_store(event):\n"
        "        seen.append(len(event.dataset.PatientComments))\n"
        "        return 0\n"
        "    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, on_store)]) as server:\n"
        "        assoc = ask(server, CTImageStorage)\n"
        "        print(*(f'{assoc.send_c_store(image(n)).Status:04X}' for n in (9000, 3_000_000, 120_000, 500)))\n"
        "        assoc.release()\n"
        "    print(seen, os.listdir(tempfile.tempdir))\n"
    )
    assert lines == ["0000 A700 A700 0000", "[9000, 500] []"]


@LINUX
def test_after_descriptors_have_run_out_all_is_well_again() -> None:
    lines = run_script(
        "import resource, time\n"
        "from raw_peer import RawPeer, request, scp, serves, serving, until\n"
        "ae = scp()\n"
        "with serving(ae) as server:\n"
        "    serves(server)\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))\n"
        "    peers = []\n"
        "    try:\n"
        "        while True:\n"
        "            peers.append(RawPeer.to(server))\n"
        "            peers[-1].say(request())\n"
        "    except OSError:\n"
        "        pass\n"
        "    for peer in peers:\n"
        "        peer.close()\n"
        "    print(len(peers) > 15, until(lambda: not ae.active_associations, 20))\n"
        "    print(serves(server) < 5)\n"
    )
    assert lines == ["True True", "True"]


def test_requests_that_wait_hold_a_limited_amount_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_HELD", 100_000)
    let_go = threading.Event()
    lengths: list[int] = []

    def on_store(event: Any) -> int:
        lengths.append(len(event.request.data))
        let_go.wait(30)
        return 0x0000

    with serving(scp(CTImageStorage, Verification), [(evt.EVT_C_STORE, on_store)]) as server:
        with RawPeer.associated(server, CTImageStorage) as honest:  # one at a time may be larger than that
            let_go.set()
            for size in (300_000, 200_000):
                say_at_length(honest, encode_command(STORE), bytes(size))
                assert status_of(honest) == 0x0000
        let_go.clear()
        with RawPeer.associated(server, CTImageStorage) as attacker:
            for _ in range(6):
                say_at_length(attacker, encode_command(STORE), bytes(30_000))
            assert attacker.hear() == A_ABORT_RQ(source=2, reason=0)
            assert serves(server) < SOON
            let_go.set()
    # Of the attacker's none but the first reached the handler; not even that one if its abort was faster.
    assert lengths in ([300_000, 200_000, 30_000], [300_000, 200_000])


def test_what_has_been_answered_is_not_among_the_requests_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_HELD", 100_000)
    let_go = threading.Event()
    handlers = [(evt.EVT_C_STORE, lambda event: 0x0000), (evt.EVT_DIMSE_SENT, lambda event: let_go.wait(30))]
    with serving(scp(CTImageStorage), handlers) as server, RawPeer.associated(server, CTImageStorage) as peer:
        assoc = only(server)
        say_at_length(peer, encode_command(STORE), bytes(80_000))
        assert status_of(peer) == 0x0000
        say_at_length(peer, encode_command(STORE), bytes(80_000))  # while the handler hears of the first's response
        assert until(lambda: len(assoc._exchange._performing) == 2)
        let_go.set()
        assert status_of(peer) == 0x0000


def test_a_huge_identifier_is_not_printed_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    identifier = b"".join(struct.pack("<HHI", 0x0011, 0x1000 + number, 0) for number in range(40_000))
    asked = C_FIND_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
    caplog.set_level(logging.INFO, "workstation.net")
    with (
        serving(scp(FIND), [(evt.EVT_C_FIND, lambda event: iter(()))]) as server,
        RawPeer.associated(server, FIND) as peer,
    ):
        say_at_length(peer, encode_command(asked), identifier)
        assert status_of(peer) == 0x0000
        peer.say(A_RELEASE_RQ())
        assert peer.hear() == A_RELEASE_RP()  # nobody is busy with printing
    assert "Identifier of 320000 bytes is not shown" in caplog.text
    assert max(len(record.getMessage()) for record in caplog.records) < 10_000


def _objects() -> tuple[int, int, int]:
    gc.collect()
    descriptors = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    return len(gc.get_objects()), descriptors, threading.active_count()


def test_associations_of_all_kinds_leave_nothing_in_memory(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1, "workstation.net")  # what is logged, pytest keeps
    uids = (CTImageStorage, FIND, Verification)
    ae = scp(*uids)
    ae.acse_timeout = 1
    find = C_FIND_RQ(context_id=3, MessageID=1, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
    store, query, echo = message(STORE, b"xx"), message(find, QUERY), message(replace(ECHO, context_id=5))

    def matches(_: Any) -> Iterator[Any]:
        for _ in range(3):
            yield 0xFF00, keys()

    def one_of_each() -> None:
        for said, how in (
            (echo + encode_pdu(A_RELEASE_RQ()), RawPeer.until_closed),
            (query, RawPeer.reset),
            (store + query + echo + encode_pdu(A_ABORT_RQ(source=0)), RawPeer.until_closed),
            (store[:-1], RawPeer.close),
        ):
            with RawPeer.associated(server, *uids) as peer:
                peer.say(said)
                if said.endswith(encode_pdu(A_RELEASE_RQ())):
                    while not isinstance(peer.hear(), A_RELEASE_RP):
                        pass
                    peer.close()
                else:
                    how(peer)
        for noise in (b"", b"GET / HTTP/1.1\r\n\r\n"):
            with RawPeer.to(server) as peer:
                peer.say(noise)
        for how_many in (0, 1, 9):
            assoc = ask(server, *uids)
            for _, _ in zip(range(how_many), assoc.send_c_find(keys(), FIND), strict=False):
                pass
            assoc.send_c_store(image())
            (assoc.abort if how_many == 1 else assoc.release)()
        assert until(lambda: not ae.active_associations)

    with serving(ae, [(evt.EVT_C_FIND, matches), (evt.EVT_C_STORE, lambda event: 0)]) as server:
        for _ in range(3):
            one_of_each()
        before = _objects()
        for _ in range(12):
            one_of_each()

        def settled() -> bool:
            now = _objects()
            return now[0] - before[0] < 60 and now[1] <= before[1] and now[2] <= before[2] + 1

        assert until(settled, 15), (before, _objects())


def test_two_hundred_at_once() -> None:
    ae = scp()
    ae.maximum_associations = 200
    outcomes: list[Any] = []

    def client() -> None:
        assoc = ask(server)
        outcomes.append(assoc.send_c_echo().Status if assoc.is_established else assoc.end_reason)
        assoc.release()

    with serving(ae) as server:
        clients = [threading.Thread(target=client, name="job-client") for _ in range(200)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join(10)
        assert outcomes == [0x0000] * 200


# --------------------------------------------------------------------------- requests with anything in them
CONTEXTS = {
    "C-ECHO": Verification,
    "C-STORE": CTImageStorage,
    "C-FIND": FIND,
    "C-GET": GET,
    "C-MOVE": MOVE,
    "N-CREATE": BasicFilmSession,
    "N-SET": BasicFilmSession,
    "N-DELETE": BasicFilmSession,
    "N-ACTION": BasicFilmSession,
    "N-GET": MPPS,
    "N-EVENT-REPORT": StorageCommitmentPushModel,
}
ABSTRACT_SYNTAXES = list(dict.fromkeys(CONTEXTS.values()))
REQUESTS = [kind for kind in MESSAGES.values() if issubclass(kind, Request)]
VALUES = {"US": b"\1\0", "UI": b"1.2.840.10008.1.1\0", "AE": b"SOMEWHER", "AT": b"\x10\0\x10\0"}
EVIL = (
    b"",
    b"\0",
    b"\0" * 8,
    b"\xff\xff",
    b"../../../../etc/passwd\0x",
    b"%s%n{0}\r\nE: forged\x1b[31m<b>\x80\xff\0",
    b"1.2" + b"9" * 40_000 + b"1",
    b"\xed\xa0\x80\\\\",
)


def elements_of(kind: type[Request]) -> dict[int, bytes]:
    """The elements of a good request."""
    found = {number: VALUES[ELEMENTS[number][0]] for _, number in kind.elements}
    found[0x0100] = struct.pack("<H", kind.command_field)
    found[0x0800] = b"\1\0" if kind.needs_data_set else b"\1\1"
    return found


def variants(kind: type[Request]) -> Iterator[list[tuple[int, bytes]]]:
    """A request whose elements, one after the other, are missing, there twice, or hold what they should not."""
    good = elements_of(kind)
    for number in good:
        yield [each for each in good.items() if each[0] != number]
        yield [*good.items(), (number, good[number])]
        for value in EVIL:
            yield list((good | {number: value}).items())


def touch(event: Any) -> None:
    """Look at all that an event offers."""
    for name in dir(event):
        with contextlib.suppress(AttributeError):
            value = getattr(event, name)
            if name == "encoded_dataset":
                value()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.command_field.text)
def test_a_request_with_anything_in_it_is_answered_or_aborted(
    kind: type[Request], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def answer(event: Any) -> Any:
        touch(event)
        return 0x0000

    def answers(event: Any) -> Any:
        touch(event)
        yield ("127.0.0.1", 1) if event.name == "EVT_C_MOVE" else 0
        yield 1

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(_config, "STORE_RECV_CHUNKED_DATASET", True)
    yielding = ("EVT_C_FIND", "EVT_C_GET", "EVT_C_MOVE")
    service = kind.command_field.text.removesuffix("-RQ")
    event: Any = getattr(evt, "EVT_" + service.replace("-", "_"))
    context_id = 2 * ABSTRACT_SYNTAXES.index(CONTEXTS[service]) + 1
    caplog.set_level(logging.DEBUG, "workstation.net")
    with serving(scp(*ABSTRACT_SYNTAXES), [(event, answers if event.name in yielding else answer)]) as server:
        peer: RawPeer | None = None
        for items in variants(kind):
            peer = peer or RawPeer.associated(server, *ABSTRACT_SYNTAXES)
            body = b"".join(struct.pack("<HHI", 0, number, len(value)) + value for number, value in sorted(items))
            has_data = dict(items).get(0x0800) != b"\1\1"
            say_at_length(peer, body, QUERY if has_data else None, context_id)
            try:
                response = peer.hear_message()
            except TimeoutError:
                pytest.fail(f"no answer to {items}")
            if response is None:
                peer.close()
                peer = None
        if peer is not None:
            peer.close()
        assert serves(server) < SOON
    assert list(tmp_path.iterdir()) == []
    for record in caplog.records:
        text = record.getMessage()
        assert text.replace("\n    ", "").isprintable(), text
        assert not record.exc_info, text


@pytest.mark.parametrize("uid", ["../../../../tmp/x", "%s%n{0}", "1.2\r\nE: forged", "\x1b[31m<b>", "9" * 64])
def test_an_abstract_syntax_of_a_peers_own_is_only_a_name(
    uid: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", True)
    stand_in = "e" * len(uid)
    stored: list[str] = []

    def on_store(event: Any) -> int:
        stored.append(event.request.AffectedSOPClassUID)
        return 0x0000

    find = C_FIND_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=stand_in, Priority=0, has_data_set=True)
    caplog.set_level(logging.DEBUG, "workstation.net")
    with serving(AE("SCP"), [(evt.EVT_C_STORE, on_store)]) as server, RawPeer.to(server) as peer:

        def say(what: bytes) -> Any:
            peer.say(what.replace(stand_in.encode(), uid.encode()))

        say(encode_pdu(request(stand_in)))
        assert isinstance(peer.hear(), A_ASSOCIATE_AC)
        for asked, status in ((replace(STORE, AffectedSOPClassUID=stand_in), 0x0000), (find, 0x0211)):
            say(message(asked, b""))
            answer = peer.hear_message()
            assert isinstance(answer, Response)
            assert answer.Status == status
            assert (answer.ErrorComment or "").isprintable()
    assert stored == [uid]
    for record in caplog.records:
        text = record.getMessage()
        assert text.replace("\n    ", "").isprintable(), text


def test_a_refused_store_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(_config, "STORE_RECV_CHUNKED_DATASET", True)
    asked: list[Any] = []
    with serving(scp(FIND, CTImageStorage, Verification), [(evt.EVT_C_STORE, asked.append)]) as server:
        with RawPeer.associated(server, FIND, CTImageStorage) as peer:
            for refused, status in (
                (STORE, 0x0211),
                (replace(STORE, context_id=3, AffectedSOPInstanceUID=None), 0x0120),
            ):
                command = encode_command(replace(refused, AffectedSOPInstanceUID="1.2.3"))
                if refused.AffectedSOPInstanceUID is None:
                    command = command.replace(b"\0\0\0\x10\6\0\0\x001.2.3\0", b"")
                say_at_length(peer, command, b"xx", refused.context_id)
                assert status_of(peer) == status
        assert serves(server) < SOON
    assert (asked, list(tmp_path.iterdir())) == ([], [])


# --------------------------------------------------------------------------- answers to requests of ours
def _response(number: int, **values: Any) -> bytes:
    given: dict[str, Any] = {"context_id": 3, "MessageIDBeingRespondedTo": number, "Status": 0x0000}
    return message(C_STORE_RSP(**(given | values)), values.get("data"))


def _echo(number: int) -> bytes:
    return message(C_ECHO_RQ(context_id=5, MessageID=number, AffectedSOPClassUID=Verification))


def _cancel(number: int) -> bytes:
    return message(C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=number))


GET_RQ = C_GET_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=GET, Priority=0, has_data_set=True)
SAID: dict[str, tuple[Callable[[int], bytes], tuple[int, int, int] | None]] = {
    # what is said to each sub-operation; the final status, completed and failed; or that it is aborted
    "honest": (_response, (0x0000, 3, 0)),
    "another's ID": (lambda number: _response(number + 7), None),
    "the operation's ID": (lambda number: _response(1), None),
    "another type": (lambda n: message(C_ECHO_RSP(context_id=3, MessageIDBeingRespondedTo=n, Status=0)), None),
    "twice": (lambda number: _response(number) * 2, (0x0000, 3, 0)),
    "pending": (lambda number: _response(number, Status=0xFF00), (0xA702, 0, 3)),
    "no status of the standard's": (lambda number: _response(number, Status=0x1234), (0xA702, 0, 3)),
    "with a data set": (lambda number: _response(number, data=b"xx" * 5000), (0x0000, 3, 0)),
    "an echo of the same ID": (lambda number: _echo(number) + _response(number), (0x0000, 3, 0)),
    "another C-GET": (lambda n: message(replace(GET_RQ, MessageID=n + 40), QUERY) + _response(n), (0x0000, 3, 0)),
    "cancels": (lambda number: (_cancel(number) + _cancel(77)) * 100 + _response(number), (0x0000, 3, 0)),
}


@pytest.mark.parametrize("said", SAID)
def test_what_is_said_to_sub_operations(said: str) -> None:
    def on_get(_: Any) -> Iterator[Any]:
        yield 3
        for number in range(3):
            data_set = image()
            data_set.SOPInstanceUID = f"1.2.{number}"
            yield 0xFF00, data_set

    says, outcome = SAID[said]
    ae = scp(GET, CTImageStorage, Verification)
    ae.add_supported_context(CTImageStorage, scu_role=True, scp_role=True)
    with serving(ae, [(evt.EVT_C_GET, on_get)]) as server, RawPeer.to(server) as peer:
        asked = request(GET, CTImageStorage, Verification)
        role = RoleSelection(sop_class_uid=CTImageStorage, scu_role=True, scp_role=True)
        peer.say(replace(asked, user_information=(*asked.user_information, role)))
        assert isinstance(peer.hear(), A_ASSOCIATE_AC)
        peer.say(message(GET_RQ, QUERY))
        final: tuple[Any, ...] | None = None
        while final is None and (heard := peer.hear_message()) is not None:
            if isinstance(heard, C_STORE_RQ):
                peer.say(says(heard.MessageID))
            elif isinstance(heard, C_GET_RSP) and heard.MessageIDBeingRespondedTo == 1 and heard.Status != 0xFF00:
                final = heard.Status, heard.NumberOfCompletedSuboperations, heard.NumberOfFailedSuboperations
        # a response too many is late when nothing is outstanding; when the next request has left, it is another's
        assert final == outcome or (said == "twice" and final is None)
        assert serves(server) < SOON


ASKS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "C-ECHO": (Verification, lambda assoc: assoc.send_c_echo()),
    "C-STORE": (CTImageStorage, lambda assoc: assoc.send_c_store(image())),
    "C-FIND": (FIND, lambda assoc: list(assoc.send_c_find(keys(), FIND))),
    "C-GET": (GET, lambda assoc: list(assoc.send_c_get(keys(), GET))),
    "C-MOVE": (MOVE, lambda assoc: list(assoc.send_c_move(keys(), "X", MOVE))),
    "N-GET": (MPPS, lambda assoc: assoc.send_n_get([0x00100010], MPPS, "1.2")),
    "N-CREATE": (MPPS, lambda assoc: assoc.send_n_create(keys(), MPPS, "1.2")),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("asked", ASKS)
def test_responses_of_any_type_and_content_raise_nothing_and_hang_nothing(asked: str) -> None:
    uid, ask_it = ASKS[asked]
    for kind in [each for each in MESSAGES.values() if issubclass(each, Response)]:
        for status, data in ((0x0000, None), (0xFF00, b"\xff" * 3000), (0xB000, struct.pack("<HHI", 8, 0x1140, 99))):

            def conversation(peer: RawPeer, kind: Any = kind, status: int = status, data: Any = data) -> None:
                peer.hear()
                peer.say(acceptance(1))
                peer.hear_message()
                said = kind(context_id=1, MessageIDBeingRespondedTo=1, Status=status, has_data_set=data is not None)
                peer.try_to_say(message(said, data))
                if status == 0xFF00:
                    peer.try_to_say(message(replace(said, Status=0x0000, has_data_set=False)))
                peer.hear_all()

            with ByHand(conversation) as there:
                assoc = ask(there, uid)
                started = time.monotonic()
                ask_it(assoc)
                assert time.monotonic() - started < SOON
                assoc.kill()


@pytest.mark.parametrize("comment", [b"\x1b[31m%s{0}\r\n<b>", b"x" * 300, b"a\\b\\c", b"\xff\xfe\x00\xed"])
def test_a_comment_of_a_peers_raises_nothing(comment: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)
    said = encode_command(C_ECHO_RSP(context_id=1, MessageIDBeingRespondedTo=1, Status=0x0110))
    said += struct.pack("<HHI", 0, 0x0902, len(comment)) + comment

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1))
        peer.hear_message()
        peer.say(fragment(said, command=True))
        peer.hear_abort()

    with ByHand(conversation) as there:
        assoc = ask(there)
        status = assoc.send_c_echo()
        assert status.Status == 0x0110
        assert status.ErrorComment
        assoc.abort()


# --------------------------------------------------------------------------- negotiation without measure, bad timing
MANY: dict[str, tuple[Any, ...]] = {
    "roles": tuple(RoleSelection(sop_class_uid=f"1.2.{n}", scu_role=True, scp_role=True) for n in range(2500)),
    "one role again and again": (RoleSelection(sop_class_uid=Verification, scu_role=True, scp_role=False),) * 2000,
    "identities": (UserIdentityRQ(identity_type=1, positive_response_requested=True, primary=b"\xff"),) * 900,
    "a large identity": (UserIdentityRQ(identity_type=3, positive_response_requested=True, primary=b"\xff" * 65_000),),
}


@pytest.mark.parametrize("many", MANY)
def test_user_information_without_measure_is_answered(many: str) -> None:
    with serving(scp(), [(evt.EVT_USER_ID, lambda event: (True, event.primary_field))]) as server:
        with RawPeer.to(server) as peer:
            asked = request()
            peer.say(replace(asked, user_information=(*asked.user_information, *MANY[many])))
            started = time.monotonic()
            assert isinstance(peer.hear(), A_ASSOCIATE_AC | A_ASSOCIATE_RJ)
            assert time.monotonic() - started < SOON
        assert serves(server) < SOON


LATE = {
    "messages": message(ECHO) * 100,
    "half a PDU": message(ECHO)[:9],
    "release": encode_pdu(A_RELEASE_RQ()),
    "release response": encode_pdu(A_RELEASE_RP()),
    "request": encode_pdu(request()),
    "abort": encode_pdu(A_ABORT_RQ(source=0)),
    "noise": b"\x09\0\0\0\0\1x",
}


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("end", [A_RELEASE_RQ(), A_ABORT_RQ(source=0)], ids=["release", "abort"])
def test_what_follows_the_end_is_not_performed(end: Any, late: str) -> None:
    performed: list[Any] = []

    def on_echo(event: Any) -> int:
        performed.append(event)
        return 0x0000

    ae = scp()
    ae.acse_timeout = 1
    with serving(ae, [(evt.EVT_C_ECHO, on_echo)]) as server:
        with RawPeer.associated(server) as peer:
            peer.say(encode_pdu(end) + LATE[late])
            with contextlib.suppress(ConnectionError):
                peer.sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                peer.hear_all()
        assert until(lambda: not ae.active_associations)
        assert performed == []
        assert serves(server) < SOON


def test_what_a_peer_says_while_we_release_does_not_keep_us() -> None:
    heard: list[Any] = []

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1))
        assert isinstance(peer.hear(), A_RELEASE_RQ)
        stray = C_ECHO_RSP(context_id=1, MessageIDBeingRespondedTo=9, Status=0)
        peer.say(message(ECHO) * 3 + message(stray) + fragment(b"xx", command=True, last=False))
        peer.say(A_RELEASE_RP())
        heard.extend(peer.hear_all())

    with ByHand(conversation) as there:
        assoc = ask(there)
        assoc.release()
        assert (assoc.is_released, assoc.is_aborted) == (True, False)
    assert heard == []


def test_slow_handshakes_and_half_requests_within_tls_hold_up_nobody() -> None:
    import trustme

    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(ours)
    authority.configure_trust(theirs)

    def client() -> float:
        started = time.monotonic()
        ae = AE("HONEST")
        ae.add_requested_context(Verification)
        assoc = ae.associate("127.0.0.1", server.server_address[1], tls_args=(theirs, "localhost"))
        assert assoc.is_established, assoc.end_reason
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        return time.monotonic() - started

    with serving(scp(), ssl_context=ours) as server:
        slow = [RawPeer.to(server) for _ in range(40)]
        for number, peer in enumerate(slow):
            peer.say(b"\x16\x03\x01\x02\x00\x01\x00"[: number % 7 + 1])
        half = []
        for number in range(12):
            sock = socket.create_connection(server.server_address, 5)
            half.append(theirs.wrap_socket(sock, server_hostname="localhost"))
            half[-1].sendall(encode_pdu(request())[: number * 9 + 1])
        for _ in range(3):
            for peer in slow:
                peer.try_to_say(b"\0")
            assert client() < SOON
        for sock in half:
            sock.close()
        for peer in slow:
            peer.close()
        assert client() < SOON
