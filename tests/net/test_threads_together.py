"""Threads that meet in one association: handlers that end it, operations let go of, pools, names, clocks."""

from __future__ import annotations

import contextvars
import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from raw_peer import RawPeer, acceptance, fragment, message, request, scp, serves, serving, until

from workstation.net import AE, _config, build_role, evt, listener
from workstation.net.association import Association
from workstation.net.codec.dimse import C_ECHO_RQ, C_ECHO_RSP, C_FIND_RQ, C_FIND_RSP, encode_command
from workstation.net.codec.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, P_DATA_TF
from workstation.net.listener import AssociationServer
from workstation.net.shell import connecting, threads
from workstation.net.sop_class import (
    CTImageStorage,
    ModalityPerformedProcedureStep,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    Verification,
)

FIND = PatientRootQueryRetrieveInformationModelFind
GET = PatientRootQueryRetrieveInformationModelGet
MOVE = PatientRootQueryRetrieveInformationModelMove
MPPS = ModalityPerformedProcedureStep
IMPLICIT = "1.2.840.10008.1.2"


def ask(where: AssociationServer | int, *uids: str, **options: Any) -> Association:
    ae = options.pop("ae", None) or AE("SCU")
    for uid in uids or (Verification,):
        ae.add_requested_context(uid, IMPLICIT)
    port = where if isinstance(where, int) else where.server_address[1]
    return ae.associate("127.0.0.1", port, **options)


def query(**values: str) -> Dataset:
    data_set = Dataset()
    for keyword, value in (values or {"PatientID": "*"}).items():
        setattr(data_set, keyword, value)
    return data_set


def image() -> Dataset:
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = CTImageStorage, "1.2.3"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = IMPLICIT
    return data_set


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


# --------------------------------------------------------------------------- handlers that end the association
ENDINGS: dict[str, Callable[[Any], object]] = {
    "abort": lambda event: event.assoc.abort(),
    "release": lambda event: event.assoc.release(),
    "kill": lambda event: event.assoc.kill(),
    "server": lambda event: event.assoc.server.shutdown(),
    "AE": lambda event: event.assoc.ae.shutdown(),
}


@pytest.fixture
def brief_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shutdown waits in vain for the association whose handler called it: a tenth of the time is as good."""
    wait_for = listener._wait_for
    monkeypatch.setattr(listener, "_wait_for", lambda associations, seconds: wait_for(associations, seconds / 10))


@pytest.mark.usefixtures("brief_shutdown")
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("when", [evt.EVT_DIMSE_RECV, evt.EVT_C_ECHO, evt.EVT_DIMSE_SENT, evt.EVT_PDU_RECV], ids=str)
def test_handlers_may_end_the_association_or_all_of_them(when: Any, ending: str) -> None:
    took: list[float] = []
    once = threading.Lock()

    def handler(event: Any) -> int:
        if event.assoc.is_established and once.acquire(blocking=False):
            started = time.monotonic()
            ENDINGS[ending](event)
            took.append(time.monotonic() - started)
        return 0x0000

    with serving(scp(), [(when, handler)]) as server:
        assoc = ask(server)
        assoc.send_c_echo()
        assert assoc.over.wait(5)
        assert until(lambda: len(took) == 1)
        assert took[0] < 5.0
        assert not assoc.is_established
        assert until(lambda: server.active_associations == [])


@pytest.mark.usefixtures("brief_shutdown")
@pytest.mark.parametrize("ending", ["abort", "release", "kill", "AE"])
@pytest.mark.parametrize(
    "when", [evt.EVT_ESTABLISHED, evt.EVT_DIMSE_RECV, evt.EVT_CONN_OPEN, evt.EVT_REQUESTED], ids=str
)
def test_a_requestors_handlers_may_end_it(when: Any, ending: str) -> None:
    done = threading.Event()

    def handler(event: Any) -> None:
        ENDINGS[ending](event)
        done.set()

    with serving(scp()) as server:
        started = time.monotonic()
        assoc = ask(server, evt_handlers=[(when, handler)])
        if assoc.is_established:
            assoc.send_c_echo()
        assert done.wait(5)
        if ending == "release" and when in (evt.EVT_REQUESTED, evt.EVT_CONN_OPEN):
            assoc.abort()  # there was nothing to release yet
        assert assoc.over.wait(5)
        assert not assoc.is_established
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("when", [evt.EVT_DIMSE_RECV, evt.EVT_DIMSE_SENT, evt.EVT_PDU_SENT], ids=str)
def test_a_notification_handler_that_asks_is_refused_rather_than_left_waiting(
    when: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tried = threading.Event()

    def handler(event: Any) -> None:
        tried.set()
        event.assoc.send_c_echo()

    with serving(scp()) as server:
        assoc = ask(server)
        assoc.bind(when, handler)
        assert assoc.send_c_echo().Status == 0x0000
        assert tried.wait(5)
        assoc.release()
    assert "cannot ask the peer" in caplog.text


def test_a_notification_handler_may_cancel_but_not_within_a_message() -> None:
    cancelled = threading.Event()

    def on_find(event: Any) -> Iterator[Any]:
        while not event.is_cancelled:
            yield 0xFF00, query(PatientID="1")
        cancelled.set()
        yield 0xFE00, None

    def on_message(event: Any) -> None:
        if event.message.name in ("C-FIND-RQ", "C-FIND-RSP") and not cancelled.is_set():
            event.assoc.send_c_cancel(3, query_model=FIND)

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server:
        assoc = ask(server, FIND)
        assoc.bind(evt.EVT_DIMSE_SENT, on_message)  # within the C-FIND-RQ: too early, and no deadlock
        assoc.bind(evt.EVT_DIMSE_RECV, on_message)
        statuses = [status.Status for status, _ in assoc.send_c_find(query(), FIND, msg_id=3)]
        assert cancelled.wait(5)
        assert statuses[-1] == 0xFE00
        assoc.release()


def test_shutdown_ends_many_deaf_peers_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        ae = AE()
        peers: list[RawPeer] = []

        def accept() -> None:
            for _ in range(8):
                peer = RawPeer(there.accept()[0])
                peer.hear()
                peer.say(acceptance())
                peers.append(peer)

        thread = threading.Thread(target=accept)
        thread.start()
        associations = [ask(there.getsockname()[1], ae=ae) for _ in range(8)]
        thread.join(5)
        assert all(assoc.is_established for assoc in associations)
        started = time.monotonic()
        ae.shutdown()
        assert time.monotonic() - started < 3
        assert all(assoc.over.is_set() and assoc.is_aborted for assoc in associations)
        for peer in peers:
            assert peer.hear() == A_ABORT_RQ(source=0)
            peer.close()


# --------------------------------------------------------------------------- operations let go of
def matches(count: int) -> Callable[[Any], Iterator[Any]]:
    def on_find(event: Any) -> Iterator[Any]:
        for number in range(count):
            yield 0xFF00, query(PatientID=f"{event.message_id}-{number}")

    return on_find


def test_a_query_let_go_of_disturbs_no_later_operation_with_its_message_id() -> None:
    with serving(scp(FIND, Verification), [(evt.EVT_C_FIND, matches(120))]) as server:
        assoc = ask(server, FIND, Verification)
        for _ in assoc.send_c_find(query(), FIND):
            break
        assert assoc.send_c_echo().Status == 0x0000
        some = assoc.send_c_find(query(), FIND, msg_id=7)
        next(some)
        some.close()  # type: ignore[attr-defined]
        assert list(some) == []
        again = [identifier.PatientID for _, identifier in assoc.send_c_find(query(), FIND, msg_id=7) if identifier]
        assert again == [f"7-{number}" for number in range(120)]
        assert until(lambda: assoc._engine.busy == 0)
        assoc.release()
        assert assoc.is_released


def test_operations_may_be_asked_for_while_a_query_goes_on() -> None:
    with serving(scp(FIND, Verification), [(evt.EVT_C_FIND, matches(20))]) as server:
        assoc = ask(server, FIND, Verification)
        seen = []
        for _, identifier in assoc.send_c_find(query(), FIND):
            if identifier is not None and len(seen) < 3:
                seen.append((identifier.PatientID, assoc.send_c_echo().Status))
        assert seen == [("1-0", 0), ("1-1", 0), ("1-2", 0)]
        assoc.release()


def test_the_garbage_collector_may_let_go_of_a_query_anywhere() -> None:
    with serving(scp(FIND), [(evt.EVT_C_FIND, matches(5))]) as server:
        assoc = ask(server, FIND)
        some: Any = [assoc.send_c_find(query(), FIND)]
        some.append(some)
        done = threading.Event()

        def collect() -> None:
            nonlocal some
            with assoc._connection.lock, assoc._exchange._lock, threads._lock:
                some = None
                gc.collect()
            done.set()

        thread = threading.Thread(target=collect, daemon=True)
        thread.start()
        assert done.wait(5), "a destructor waits for a lock that its own thread holds"
        assoc.release()
        assert assoc.is_released


# --------------------------------------------------------------------------- what an association leaves
def test_a_reader_that_fails_gives_its_descriptors_back(caplog: pytest.LogCaptureFixture) -> None:
    class Sink:
        def write(self, fragment: memoryview) -> None:
            raise KeyError("a sink must not raise")

        finish = discard = lambda self: None

    ae = scp(CTImageStorage)
    with serving(ae, [(evt.EVT_C_STORE, lambda event: 0)], sink_factory=lambda *_: Sink()) as server:
        before = descriptors()
        for _ in range(5):
            assoc = ask(server, CTImageStorage)
            assert "Status" not in assoc.send_c_store(image())
            assert assoc.is_aborted
        assert until(lambda: not ae.active_associations)
        assert until(lambda: descriptors() <= before), "descriptors are left behind"
    assert "could not be served" in caplog.text


@pytest.mark.parametrize(
    ("host", "port", "options", "error"),
    [
        ("a..b", 104, {}, None),
        ("x" * 300, 104, {}, None),
        ("nul\0", 104, {}, None),
        ("127.0.0.1", 70000, {}, ValueError),
        ("127.0.0.1", 0, {}, ValueError),
        ("127.0.0.1", 9, {"bind_address": ("127.0.0.1", "high")}, TypeError),
        ("127.0.0.1", 9, {"bind_address": ("192.0.2.1", 0)}, None),
    ],
)
def test_addresses_that_are_no_good_leave_nothing(
    host: str, port: int, options: dict[str, Any], error: type[Exception] | None
) -> None:
    ae = AE()
    ae.add_requested_context(Verification)
    before = descriptors()
    if error is not None:
        with pytest.raises(error):
            ae.associate(host, port, **options)
    else:
        assoc = ae.associate(host, port, **options)
        assert assoc.is_aborted
        assert assoc.connection_error is not None
        assert assoc.end_reason
        assert assoc.over.is_set()
    assert ae.active_associations == []
    assert descriptors() <= before


def test_a_negotiation_item_that_is_not_whole_leaves_nothing(free_port: int) -> None:
    from workstation.net.pdu_primitives import UserIdentityNegotiation

    ae = AE()
    ae.add_requested_context(Verification)
    with pytest.raises(Exception, match=r"\w"):
        ae.associate("127.0.0.1", free_port, ext_neg=[UserIdentityNegotiation()])
    assert ae.active_associations == []


@pytest.mark.filterwarnings("ignore:The value length")
def test_a_request_that_cannot_be_encoded_leaves_nothing(free_port: int) -> None:
    ae = AE()
    ae.add_requested_context(Verification)
    contexts = ae.requested_contexts
    contexts[0]._abstract_syntax = "1" * 65  # type: ignore[assignment]
    before = descriptors()
    with pytest.raises(Exception, match="64"):
        ae.associate("127.0.0.1", free_port, contexts=contexts)
    assert ae.active_associations == []
    assert descriptors() <= before


# --------------------------------------------------------------------------- addresses
def test_the_next_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    with serving(scp()) as server:
        good = server.server_address[1]
        entry = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        addresses = [(*entry, ("127.0.0.1", free_port)), (*entry, ("127.0.0.1", good))]
        monkeypatch.setattr(connecting.socket, "getaddrinfo", lambda *_, **__: addresses)
        ae = AE()
        ae.add_requested_context(Verification)
        assoc = ae.associate("two.example", 104)
        assert assoc.is_established
        assoc.release()


def test_an_address_that_never_answers_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as deaf, serving(scp()) as server:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        entry = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        addresses = [(*entry, deaf.getsockname()), (*entry, server.server_address)]
        monkeypatch.setattr(connecting.socket, "getaddrinfo", lambda *_, **__: addresses)
        ae = AE()
        ae.connection_timeout = 0.6
        ae.add_requested_context(Verification)
        assoc = ae.associate("two.example", 104)
        assert assoc.is_established, assoc.end_reason
        assert assoc.timings["connect"] > 200  # half of the time was the first one's
        assoc.release()
        for filler in fillers:
            filler.close()


def test_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("no IPv6 loopback here")
    ae = scp()
    server = ae.start_server(("::1", 0), block=False)
    assert server is not None
    scu = AE()
    scu.add_requested_context(Verification)
    for where in ("::1", ("::1", 0, 0)):
        assoc = scu.associate(where, server.server_address[1])
        assert assoc.is_established, assoc.end_reason
        assert assoc.acceptor.address == "::1"
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
    server.shutdown()


# --------------------------------------------------------------------------- clocks
def test_silence_after_an_operation_is_noticed() -> None:
    ae = scp()
    ae.network_timeout = 0.5
    with serving(ae, [(evt.EVT_C_ECHO, lambda event: time.sleep(0.6) or 0)]) as server:
        peer = RawPeer.associated(server)
        peer.say(message(C_ECHO_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=Verification)))
        assert isinstance(peer.hear_message(), C_ECHO_RSP)
        started = time.monotonic()
        assert peer.hear() == A_ABORT_RQ(source=0)
        assert time.monotonic() - started < 10
        peer.close()


def test_timeouts_longer_than_the_system_can_wait() -> None:
    ae = scp()
    ae.network_timeout = ae.acse_timeout = 10**9
    scu = AE()
    scu.network_timeout = scu.acse_timeout = scu.dimse_timeout = 10.0**8
    with serving(ae) as server:
        assoc = ask(server, ae=scu)
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        assert assoc.is_released


def test_without_timeouts_all_goes_well() -> None:
    ae = scp()
    ae.network_timeout = ae.acse_timeout = ae.dimse_timeout = None
    scu = AE()
    scu.network_timeout = scu.acse_timeout = scu.dimse_timeout = None
    with serving(ae) as server:
        assoc = ask(server, ae=scu)
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        assert assoc.is_released
        assert ask(server, ae=scu).is_established  # the server's shutdown ends it


def test_a_long_answer_is_no_silence() -> None:
    """A response that takes longer than the DIMSE timeout to arrive, while it arrives."""

    def conversation(there: socket.socket) -> None:
        peer = RawPeer(there.accept()[0])
        peer.hear()
        peer.say(acceptance())
        peer.hear()
        peer.hear()
        answer = C_FIND_RSP(context_id=1, MessageIDBeingRespondedTo=1, Status=0xFF00, has_data_set=True)
        peer.say(fragment(encode_command(answer), command=True))
        element = b"\x10\x00\x10\x00\x00\x00\x00\x00"
        for index in range(8):
            time.sleep(0.1)
            peer.say(fragment(element[index : index + 1], command=False, last=index == 7))
        peer.say(message(C_FIND_RSP(context_id=1, MessageIDBeingRespondedTo=1, Status=0)))
        peer.hear()
        peer.close()

    with socket.create_server(("127.0.0.1", 0)) as there:
        thread = threading.Thread(target=conversation, args=(there,))
        thread.start()
        ae = AE()
        ae.dimse_timeout = 0.6
        assoc = ask(there.getsockname()[1], FIND, ae=ae)
        results = list(assoc.send_c_find(query(), FIND))
        assert [status.get("Status") for status, _ in results] == [0xFF00, 0]
        assoc.abort()
        thread.join(5)


def test_a_slow_handler_of_ours_is_no_silence_of_the_peers() -> None:
    def on_get(event: Any) -> Iterator[Any]:
        yield 1
        yield 0xFF00, image()

    ae = AE()
    ae.add_supported_context(GET)
    ae.add_supported_context(CTImageStorage, scu_role=True, scp_role=True)
    scu = AE()
    scu.dimse_timeout = 0.5
    with serving(ae, [(evt.EVT_C_GET, on_get)]) as server:
        assoc = ask(
            server,
            GET,
            CTImageStorage,
            ae=scu,
            ext_neg=[build_role(CTImageStorage, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, lambda event: time.sleep(0.7) or 0)],
        )
        results = list(assoc.send_c_get(query(), GET))
        assert [status.get("Status") for status, _ in results] == [0xFF00, 0x0000]
        assoc.release()


# --------------------------------------------------------------------------- order of notifications
def test_a_message_is_told_before_its_pdus_whoever_sends_meanwhile() -> None:
    told: list[Any] = []
    handlers = [
        (evt.EVT_DIMSE_SENT, lambda event: told.append(event.message.name)),
        (evt.EVT_PDU_SENT, lambda event: told.append(type(event.pdu))),
    ]
    with serving(scp(FIND, Verification), [(evt.EVT_C_FIND, matches(1))]) as server:
        assoc = ask(server, FIND, Verification)
        for event, handler in handlers:
            assoc.bind(event, handler)
        senders = [
            threading.Thread(target=lambda n=n: [list(assoc.send_c_find(query(), FIND, msg_id=n)) for _ in range(20)])
            for n in range(1, 4)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(20)
        assoc.release()
    assert told[:-1] == ["C-FIND-RQ", P_DATA_TF, P_DATA_TF] * 60  # the A-RELEASE-RQ is the last


def test_nothing_is_told_that_was_not_sent() -> None:
    told: list[str] = []
    with serving(scp()) as server:
        assoc = ask(server)
        assoc.release()
        for event in (evt.EVT_ACSE_SENT, evt.EVT_DIMSE_SENT, evt.EVT_ABORTED, evt.EVT_RELEASED):
            assoc.bind(event, lambda event: told.append(event.name))
        assoc.is_established = True  # as a thread may have seen it a moment ago
        assert "Status" not in assoc.send_c_echo()
        assoc.release()
        assoc.abort()
    assert told == []


# --------------------------------------------------------------------------- contexts of threads
COLOUR: contextvars.ContextVar[str] = contextvars.ContextVar("COLOUR", default="none")


@pytest.mark.parametrize(("passed", "expected"), [(True, "blue"), (False, "none")])
def test_context_variables(monkeypatch: pytest.MonkeyPatch, passed: bool, expected: str) -> None:
    monkeypatch.setattr(_config, "PASS_CONTEXTVARS", passed)
    seen: dict[str, str] = {}

    def on_echo(event: Any) -> int:
        seen["worker"] = COLOUR.get()
        COLOUR.set("left behind")
        return 0x0000

    def on_pdu(event: Any) -> None:
        seen.setdefault("reader", COLOUR.get())
        COLOUR.set("left behind")

    def run() -> None:
        COLOUR.set("blue")
        with serving(scp(), [(evt.EVT_C_ECHO, on_echo), (evt.EVT_CONN_OPEN, on_pdu)]) as server:
            for _ in range(3):
                seen.clear()
                assoc = ask(server)
                assoc.send_c_echo()
                assoc.release()
                assert seen == {"worker": expected, "reader": expected}

    contextvars.Context().run(run)


# --------------------------------------------------------------------------- handlers that give junk
def bad_status(**values: Any) -> Dataset:
    status = Dataset()
    for keyword, value in values.items():
        setattr(status, keyword, value)
    return status


JUNK = [None, "junk", object(), -1, 70000, 1.5, (), (1,), (1, 2, 3), [], {}, Dataset(), bad_status(Status=[1, 2])]


@pytest.mark.parametrize("junk", JUNK, ids=lambda value: type(value).__name__ + str(value)[:8])
def test_whatever_a_handler_gives_the_peer_is_answered(junk: Any) -> None:
    handlers = [
        (evt.EVT_C_ECHO, lambda event: junk),
        (evt.EVT_C_STORE, lambda event: junk),
        (evt.EVT_C_FIND, lambda event: iter([junk])),
        (evt.EVT_C_GET, lambda event: iter([junk, junk])),
        (evt.EVT_C_MOVE, lambda event: iter([junk, junk])),
        (evt.EVT_N_CREATE, lambda event: junk),
        (evt.EVT_N_DELETE, lambda event: junk),
    ]
    uids = (Verification, CTImageStorage, FIND, GET, MOVE, MPPS)
    with serving(scp(*uids), handlers) as server:
        assoc = ask(server, *uids)
        answers = [
            assoc.send_c_echo(),
            assoc.send_c_store(image()),
            *[status for status, _ in assoc.send_c_find(query(), FIND)],
            *[status for status, _ in assoc.send_c_get(query(), GET)],
            *[status for status, _ in assoc.send_c_move(query(), "DEST", MOVE)],
            assoc.send_n_create(query(), MPPS, "1.2.3")[0],
            assoc.send_n_delete(MPPS, "1.2.3"),
        ]
        assert all("Status" in answer for answer in answers)
        assert assoc.is_established
        assoc.release()


@pytest.mark.filterwarnings("ignore:The value length")
def test_elements_of_a_status_that_cannot_be_sent_are_left_out() -> None:
    status = bad_status(Status=0xA700, ErrorComment="x" * 200, OffendingElement=[0x00100010], MessageID=9)
    status.MessageIDBeingRespondedTo = 999
    status.add_new(0x00001000, "UI", "1.2.3.4")
    with serving(scp(CTImageStorage), [(evt.EVT_C_STORE, lambda event: status)]) as server:
        assoc = ask(server, CTImageStorage)
        answer = assoc.send_c_store(image(), msg_id=5)
        assert answer.Status == 0xA700
        assert answer.ErrorComment == "x" * 64
        assoc.release()


@pytest.mark.parametrize("junk", [None, "junk", (1, 2, 3), {"1.2": object()}, object()], ids=str)
def test_a_negotiation_handler_that_gives_junk_hangs_nobody(junk: Any) -> None:
    from workstation.net.pdu_primitives import (
        AsynchronousOperationsWindowNegotiation,
        SOPClassExtendedNegotiation,
        UserIdentityNegotiation,
    )

    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 5
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = Verification, b"\x01"
    identity = UserIdentityNegotiation()
    identity.user_identity_type, identity.primary_field, identity.positive_response_requested = 3, b"ticket", True
    for event, item in (
        (evt.EVT_ASYNC_OPS, window),
        (evt.EVT_SOP_EXTENDED, extended),
        (evt.EVT_USER_ID, identity),
    ):
        with serving(scp(), [(event, lambda event: junk)]) as server:
            started = time.monotonic()
            assoc = ask(server, ext_neg=[item])
            assert time.monotonic() - started < 10
            assert assoc.is_established or assoc.is_rejected, assoc.end_reason
            if event is evt.EVT_USER_ID:
                assert assoc.rejection is not None
            assoc.release()


def test_an_answer_that_cannot_be_encoded_is_a_rejection() -> None:
    def on_requested(event: Any) -> None:
        event.assoc.acceptor.implementation_version_name = "seventeen letters and more"

    with serving(scp(), [(evt.EVT_REQUESTED, on_requested)]) as server:
        assoc = ask(server)
        assert assoc.rejection == A_ASSOCIATE_RJ(result=2, source=1, reason=1)
        server.unbind(evt.EVT_REQUESTED, on_requested)
        assert serves(server) < 10


# --------------------------------------------------------------------------- senders and ends
def test_a_sender_is_let_go_when_the_peer_goes(tmp_path: Path) -> None:
    """The worker is blocked in a response that nobody reads, when the connection ends."""
    over = threading.Event()
    produced: list[int] = []

    def on_find(event: Any) -> Iterator[Any]:
        match = query(PatientComments="Z" * 9000)
        try:
            for number in range(100_000):
                produced.append(number)
                yield 0xFF00, match
        finally:
            over.set()

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server:
        for end in (RawPeer.close, RawPeer.reset):
            over.clear()
            produced.clear()
            peer = RawPeer.to(server)
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.say(request(FIND))
            peer.hear()
            find = C_FIND_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
            peer.say(message(find, b"\x10\x00\x10\x00\x00\x00\x00\x00"))
            assert until(lambda: len(produced) > 50)
            end(peer)
            assert over.wait(5)
        assert until(lambda: not server._children())


def test_files_that_shrink_while_they_are_sent_end_the_association(tmp_path: Path) -> None:
    path = tmp_path / "big.dcm"
    data_set = image()
    data_set.add_new(0x7FE00010, "OW", bytes(8_000_000))
    data_set.save_as(path, enforce_file_format=True)
    arrived = threading.Event()

    class Sink:
        def write(self, fragment: memoryview) -> None:
            if not arrived.is_set():
                os.truncate(path, 2_000_000)
                arrived.set()

        finish = discard = lambda self: None

    with serving(scp(CTImageStorage), sink_factory=lambda *_: Sink()) as server:
        assoc = ask(server, CTImageStorage)
        with pytest.raises(OSError, match="shorter"):
            assoc.send_c_store(path, streamed=True)
        assert assoc.is_aborted
        assert assoc.over.wait(10)


def test_log_levels_of_a_quiet_day(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that goes well is a warning."""
    with caplog.at_level(logging.WARNING), serving(scp()) as server:
        for _ in range(3):
            serves(server)
    assert caplog.text == ""


def test_release_from_several_threads_at_once() -> None:
    with serving(scp()) as server:
        assoc = ask(server)
        callers = [threading.Thread(target=assoc.release) for _ in range(5)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(5)
        assert assoc.over.wait(10)
        assert (assoc.is_released, assoc.is_aborted) == (True, False)
