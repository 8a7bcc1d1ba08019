"""Ends that come from anywhere: every handler at both sides, other threads, a shutdown in the midst."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from live_ends import NOTIFICATIONS, ByHand, Ear, ask, image, keys, only
from raw_peer import RawPeer, acceptance, scp, serves, serving, until

from workstation.net import AE, build_role, evt
from workstation.net.association import Association
from workstation.net.codec.pdu import A_ABORT_RQ, P_DATA_TF
from workstation.net.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from workstation.net.sop_class import (
    CTImageStorage,
    ModalityPerformedProcedureStep,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    RTConventionalMachineVerification,
    StorageCommitmentPushModel,
    Verification,
)

FIND = PatientRootQueryRetrieveInformationModelFind
GET = PatientRootQueryRetrieveInformationModelGet
MOVE = PatientRootQueryRetrieveInformationModelMove
MPPS = ModalityPerformedProcedureStep
RT = RTConventionalMachineVerification
COMMITMENT = StorageCommitmentPushModel
SOON = 4.0
ENDINGS: dict[str, Callable[[Any], object]] = {
    "abort": lambda event: event.assoc.abort(),
    "release": lambda event: event.assoc.release(),
    "abort, then release": lambda event: (event.assoc.abort(), event.assoc.release()),
    "abort at once": lambda event: event.assoc.abort(block=False),
}


def flags(assoc: Association) -> tuple[bool, bool, bool]:
    return assoc.is_aborted, assoc.is_released, assoc.is_rejected


class Ender:
    """A handler that ends the association, once."""

    def __init__(self, ending: str) -> None:
        self._ending = ENDINGS[ending]
        self._once = threading.Lock()
        self.done = threading.Event()
        self.seconds = 0.0

    def __call__(self, event: Any) -> None:
        if self._once.acquire(blocking=False):
            started = time.monotonic()
            self._ending(event)
            self.seconds = time.monotonic() - started
            self.done.set()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("side", ["requestor", "acceptor"])
@pytest.mark.parametrize("event", NOTIFICATIONS, ids=str)
def test_from_a_notification_handler(event: Any, side: str, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    ender = Ender(ending)
    mine, yours = [(event, ender)], [(event, lambda _: None)]
    ae = scp()
    ae.require_called_aet = event is evt.EVT_REJECTED
    with serving(ae, mine if side == "acceptor" else yours) as server, caplog.at_level(logging.ERROR):
        assoc = ask(
            server,
            evt_handlers=mine if side == "requestor" else yours,
            ae_title="SCP" if event is not evt.EVT_REJECTED else "NOBODY",
        )
        if assoc.is_established:
            try:
                assoc.send_c_echo()
            except RuntimeError:
                assert not assoc.is_established  # it ended between the two lines
            (assoc.abort if event is evt.EVT_ABORTED else assoc.release)()
        assert ender.done.wait(5)
        assert ender.seconds < SOON
        assert assoc.over.wait(5)
        assert sum(flags(assoc)) == 1
        if event is not evt.EVT_REJECTED:
            assert serves(server) < SOON
    assert not [record for record in caplog.records if record.exc_info]


# --------------------------------------------------------------------------- services
def _find(_: Any) -> Iterator[Any]:
    yield 0xFF00, keys(PatientID="1")


def _get(_: Any) -> Iterator[Any]:
    yield 1
    yield 0xFF00, image()


def _move(_: Any) -> Iterator[Any]:
    yield "127.0.0.1", 1
    yield 1
    yield 0xFF00, image()


Asks = Callable[[Association], list[tuple[Any, Any]]]
SERVICES: dict[Any, tuple[Any, Asks]] = {
    evt.EVT_C_ECHO: (0, lambda assoc: [(assoc.send_c_echo(), None)]),
    evt.EVT_C_STORE: (0, lambda assoc: [(assoc.send_c_store(image()), None)]),
    evt.EVT_C_FIND: (_find, lambda assoc: list(assoc.send_c_find(keys(), FIND))),
    evt.EVT_C_GET: (_get, lambda assoc: list(assoc.send_c_get(keys(), GET))),
    evt.EVT_C_MOVE: (_move, lambda assoc: list(assoc.send_c_move(keys(), "DEST", MOVE))),
    evt.EVT_N_CREATE: ((0, keys()), lambda assoc: [assoc.send_n_create(keys(), MPPS, "1.2")]),
    evt.EVT_N_SET: ((0, keys()), lambda assoc: [assoc.send_n_set(keys(), MPPS, "1.2")]),
    evt.EVT_N_GET: ((0, keys()), lambda assoc: [assoc.send_n_get([0x00100010], RT, "1.2")]),
    evt.EVT_N_DELETE: (0, lambda assoc: [(assoc.send_n_delete(RT, "1.2"), None)]),
    evt.EVT_N_ACTION: ((0, None), lambda assoc: [assoc.send_n_action(keys(), 1, COMMITMENT, "1.2")]),
    evt.EVT_N_EVENT_REPORT: ((0, None), lambda assoc: [assoc.send_n_event_report(keys(), 1, COMMITMENT, "1.2")]),
}
UIDS = (Verification, CTImageStorage, FIND, GET, MOVE, MPPS, RT, COMMITMENT)


def provider() -> AE:
    ae = scp(Verification, FIND, GET, MOVE, MPPS, RT)
    for uid in (CTImageStorage, COMMITMENT):
        ae.add_supported_context(uid, None, scu_role=True, scp_role=True)
    return ae


ROLES = [build_role(CTImageStorage, True, True), build_role(COMMITMENT, True, True)]


@pytest.mark.parametrize("ending", ["abort", "release"])
@pytest.mark.parametrize("event", SERVICES, ids=str)
def test_from_a_service_handler(event: Any, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    answer, asks = SERVICES[event]
    ender, theirs = Ender(ending), Ear()

    def handler(what: Any) -> Any:
        ender(what)
        return answer(what) if callable(answer) else answer

    handlers = [(event, handler), *theirs.handlers(evt.EVT_DIMSE_SENT)]
    with serving(provider(), handlers) as server, caplog.at_level(logging.ERROR):
        assoc = ask(server, *UIDS, ext_neg=ROLES)
        started = time.monotonic()
        ((status, second),) = asks(assoc)
        assert time.monotonic() - started < SOON
        assert (len(status), second) == (0, None)
        assert ender.done.wait(5)
        assert assoc.over.wait(5)
        assert flags(assoc) == (ending == "abort", ending == "release", False)
        assert serves(server) < SOON
    assert [heard.message.name for heard in theirs.of(evt.EVT_DIMSE_SENT)] == ["C-ECHO-RSP"]  # to the honest one
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("ending", ["abort", "release"])
def test_from_between_two_matches(ending: str) -> None:
    ender = Ender(ending)

    def on_find(event: Any) -> Iterator[Any]:
        yield 0xFF00, keys(PatientID="1")
        ender(event)
        yield 0xFF00, keys(PatientID="2")
        yield 0x0000, None

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server:
        assoc = ask(server, FIND)
        found = [(status.get("Status"), identifier is None) for status, identifier in assoc.send_c_find(keys(), FIND)]
        # an abort may overtake what has not been read yet
        assert found in ([(0xFF00, False), (None, True)], [(None, True)])
        assert assoc.over.wait(5)
        assert flags(assoc) == (ending == "abort", ending == "release", False)


@pytest.mark.parametrize("ending", ["abort", "release"])
def test_from_the_storage_handler_of_a_get(ending: str) -> None:
    def on_get(event: Any) -> Iterator[Any]:
        yield 3
        for _ in range(3):
            yield 0xFF00, image()

    ender = Ender(ending)

    def on_store(event: Any) -> int:
        ender(event)
        return 0x0000

    with serving(provider(), [(evt.EVT_C_GET, on_get)]) as server:
        assoc = ask(server, GET, CTImageStorage, ext_neg=ROLES[:1], evt_handlers=[(evt.EVT_C_STORE, on_store)])
        statuses = [status.get("Status") for status, _ in assoc.send_c_get(keys(), GET)]
        assert statuses == [None]
        assert assoc.over.wait(5)
        assert flags(assoc) == (ending == "abort", ending == "release", False)
        assert server.socket.fileno() >= 0


# --------------------------------------------------------------------------- negotiation
def items() -> list[Any]:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = 5
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = Verification, b"\x01"
    common = SOPClassCommonExtendedNegotiation()
    common.sop_class_uid, common.service_class_uid = Verification, "1.2.840.10008.4.2"
    identity = UserIdentityNegotiation()
    identity.user_identity_type, identity.primary_field = 1, b"who"
    return [window, extended, common, identity]


@pytest.mark.parametrize("ending", ["abort", "release"])
@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (evt.EVT_ASYNC_OPS, (1, 1)),
        (evt.EVT_SOP_EXTENDED, {}),
        (evt.EVT_SOP_COMMON, {}),
        (evt.EVT_USER_ID, (True, None)),
    ],
    ids=str,
)
def test_from_a_negotiation_handler(event: Any, answer: Any, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    ender = Ender(ending)

    def handler(what: Any) -> Any:
        ender(what)
        return answer

    with serving(scp(), [(event, handler)]) as server, caplog.at_level(logging.ERROR):
        started = time.monotonic()
        assoc = ask(server, ext_neg=items())
        assert time.monotonic() - started < SOON
        if ending == "abort":
            assert flags(assoc) == (True, False, False)
        else:  # there is nothing to release yet
            assert assoc.is_established
            assert assoc.send_c_echo().Status == 0x0000
            assoc.release()
        assert assoc.over.wait(5)
        assert serves(server) < SOON
    assert not [record for record in caplog.records if record.exc_info]


# --------------------------------------------------------------------------- any thread
@pytest.mark.parametrize("side", ["requestor", "acceptor"])
@pytest.mark.parametrize("ending", ["abort", "release", "kill"])
def test_from_another_thread_while_objects_are_stored(ending: str, side: str) -> None:
    busy = threading.Semaphore(0)
    stored: list[int] = []

    def on_store(event: Any) -> int:
        busy.release()
        return 0x0000

    with serving(provider(), [(evt.EVT_C_STORE, on_store)]) as server:
        assoc = ask(server, CTImageStorage)

        def store() -> None:
            data_set = image(9000)
            try:
                while "Status" in assoc.send_c_store(data_set):
                    stored.append(1)
            except RuntimeError:
                assert not assoc.is_established

        senders = [threading.Thread(target=store, name="job-stores") for _ in range(2)]
        for sender in senders:
            sender.start()
        for _ in range(3):
            assert busy.acquire(timeout=5)
        end = assoc if side == "requestor" else only(server)
        callers = [threading.Thread(target=getattr(end, ending), name="job-ends") for _ in range(3)]
        started = time.monotonic()
        for thread in (*callers, *senders):
            if thread in callers:
                thread.start()
        for thread in (*callers, *senders):
            thread.join(5)
            assert not thread.is_alive()
        assert time.monotonic() - started < SOON
        for other in (assoc, end):
            assert other.over.wait(5)
            assert flags(other) == (ending != "release", ending == "release", False)
        assert stored


def test_abort_and_release_at_once_end_in_one_of_them() -> None:
    with serving(scp()) as server:
        for _ in range(20):
            assoc = ask(server)
            gate = threading.Barrier(4)

            def end(how: Callable[[], object], gate: threading.Barrier = gate) -> None:
                gate.wait(5)
                how()

            calls = [threading.Thread(target=end, args=(how,)) for how in (assoc.abort, assoc.release) * 2]
            for call in calls:
                call.start()
            for call in calls:
                call.join(5)
                assert not call.is_alive()
            assert assoc.over.wait(5)
            assert sum(flags(assoc)) == 1
            before = flags(assoc), assoc.end_reason
            assoc.abort()
            assoc.release()
            assoc.kill()
            assert (flags(assoc), assoc.end_reason) == before


# --------------------------------------------------------------------------- shutting down
@pytest.mark.parametrize("whose", ["server", "server's AE", "client's AE"])
@pytest.mark.parametrize("event", [evt.EVT_C_ECHO, evt.EVT_C_STORE, evt.EVT_C_FIND, evt.EVT_N_ACTION], ids=str)
def test_shutdown_while_a_handler_is_at_work(event: Any, whose: str) -> None:
    answer, asks = SERVICES[event]
    at_work, let_go = threading.Event(), threading.Event()

    def handler(what: Any) -> Any:
        if not at_work.is_set():
            at_work.set()
            assert what.over.wait(5)  # handlers that wait are told
            let_go.set()
        return answer(what) if callable(answer) else answer

    results: list[list[tuple[Any, Any]]] = []
    ae, client = provider(), AE("SCU")
    with serving(ae, [(event, handler)]) as server:
        assoc = ask(server, *UIDS, ae=client)
        asking = threading.Thread(target=lambda: results.append(asks(assoc)), name="job-asks")
        asking.start()
        assert at_work.wait(5)
        started = time.monotonic()
        who: dict[str, Any] = {"server": server, "server's AE": ae, "client's AE": client}
        who[whose].shutdown()
        assert time.monotonic() - started < SOON
        assert let_go.wait(5)
        asking.join(5)
        assert not asking.is_alive()
        ((status, second),) = results[0]
        assert (len(status), second) == (0, None)
        assert assoc.over.wait(5)
        assert flags(assoc) == (True, False, False)
        if whose == "client's AE":
            assert serves(server) < SOON
        else:
            assert server.active_associations == []
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(server.server_address, 1)
    assert client.active_associations == []


def test_an_abort_in_the_middle_of_a_store_comes_after_a_whole_pdu() -> None:
    begun = threading.Event()
    heard: list[object] = []

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1, maximum_length=4096))
        begun.wait(30)  # and reads nothing until we gave up
        while (pdu := peer.hear()) is not None:
            heard.append(pdu)

    with ByHand(conversation) as there:
        assoc = ask(there, CTImageStorage)
        data_set = image()
        data_set.add_new(0x7FE00010, "OB", bytes(32 << 20))
        storing = threading.Thread(target=lambda: assoc.send_c_store(data_set), name="job-stores")
        storing.start()
        assert until(lambda: bool(assoc.connection._sender))  # it waits for room
        assoc.abort(block=False)
        begun.set()
        storing.join(10)
        assert not storing.is_alive()
        assert assoc.over.wait(10)
    assert isinstance(heard[-1], A_ABORT_RQ)
    assert all(isinstance(pdu, P_DATA_TF) for pdu in heard[:-1])
    assert 1 < len(heard) < (32 << 20) // 4096


def test_shutdown_of_the_client_in_the_middle_of_a_store_that_nobody_reads() -> None:
    gone = threading.Event()

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1, maximum_length=0))
        gone.wait(30)  # and reads nothing

    client = AE("SCU")
    results: list[Any] = []
    with ByHand(conversation) as there:
        assoc = ask(there, CTImageStorage, ae=client)
        data_set = image()
        data_set.add_new(0x7FE00010, "OB", bytes(32 << 20))
        storing = threading.Thread(target=lambda: results.append(assoc.send_c_store(data_set)), name="job-stores")
        ear = Ear()
        assoc.bind(evt.EVT_DATA_SENT, ear)
        storing.start()
        ear.until(evt.EVT_DATA_SENT)
        started = time.monotonic()
        client.shutdown()
        storing.join(5)
        assert not storing.is_alive()
        assert time.monotonic() - started < SOON
        gone.set()
    assert len(results[0]) == 0
    assert flags(assoc) == (True, False, False)


def test_shutdown_while_an_association_is_asked_for() -> None:
    client = AE("SCU")
    outcome: list[Association] = []
    asked = threading.Event()

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        asked.set()
        peer.hear_abort()

    with ByHand(conversation) as there:
        asking = threading.Thread(target=lambda: outcome.append(ask(there, ae=client)), name="job-asks")
        asking.start()
        assert asked.wait(5)
        client.shutdown()
        asking.join(5)
        assert not asking.is_alive()
    assert flags(outcome[0]) == (True, False, False)
    assert client.active_associations == []


def test_shutdown_twice_and_of_nothing() -> None:
    ae = scp()
    ae.shutdown()
    with serving(ae) as server:
        assert serves(server) < SOON
        ae.shutdown()
        ae.shutdown()
        server.shutdown()
    with serving(ae) as server:  # an AE serves again afterwards
        assert serves(server) < SOON
