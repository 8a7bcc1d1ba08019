"""Each timeout, against peers that never answer, trickle, or answer late: the end is in time, and nothing is left.

`AE.connection_timeout`, `acse_timeout` (with ARTIM, PS3.8 section 9.1.5), `dimse_timeout` and `network_timeout`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from live_ends import ByHand, Ear, ask, image, keys, only, pdus_of
from raw_peer import RawPeer, acceptance, message, request, scp, serves, serving, until

from workstation.net import AE, build_role, evt
from workstation.net.association import Association
from workstation.net.codec.dimse import C_ECHO_RSP, C_FIND_RSP
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    RoleSelection,
    encode_pdu,
)
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
SHORT = 0.15
LONGER = 4 * SHORT  # one that has to leave time for what comes before it passes
MARGIN = 5.0  # for a machine that has other things to do; the default timeouts are far longer


class Took:
    """The seconds that a block took."""

    def __enter__(self) -> Took:
        self._since = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._since

    def about(self, limit: float) -> bool:
        """Whether it was the limit, and not much more."""
        return limit * 0.9 <= self.seconds < limit + MARGIN


def hasty(**limits: float | None) -> AE:
    """An AE with Verification to propose."""
    ae = AE("SCU")
    for name, value in limits.items():
        setattr(ae, name, value)
    ae.add_requested_context(Verification)
    return ae


def silent(peer: RawPeer) -> None:
    """Say nothing until the other end closes."""
    peer.until_closed()


def mute(peer: RawPeer) -> None:
    """Say nothing, and close when told that it is over."""
    while (pdu := peer.hear()) is not None:
        if isinstance(pdu, A_ABORT_RQ):
            return


def accepting(then: Callable[[RawPeer], object] = silent, *contexts: int) -> Callable[[RawPeer], object]:
    """Accept, then have a conversation."""

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(*contexts))
        then(peer)

    return conversation


def trickling(what: bytes, pace: float = 0.05) -> Callable[[RawPeer], object]:
    """Say something a byte at a time until the other end has had enough."""

    def conversation(peer: RawPeer) -> None:
        peer.sock.settimeout(pace)
        for byte in what:
            with contextlib.suppress(TimeoutError, ConnectionError):
                while peer.sock.recv(4096):
                    pass
                return
            if not peer.try_to_say(bytes((byte,))):
                return

    return conversation


# --------------------------------------------------------------------------- connection
@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """The port of a listener whose backlog is full: it answers no SYN."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_connection_that_never_opens() -> None:
    ear, ae = Ear(), hasty(connection_timeout=SHORT)
    with deaf() as port:
        with Took() as took:
            assoc = ask(port, ae=ae, evt_handlers=ear.handlers())
        assert took.about(SHORT)
        assert assoc.is_aborted
        assert not any((assoc.is_established, assoc.is_rejected, assoc.is_released, assoc.is_alive()))
        assert assoc.connection_error is not None
        assert isinstance(assoc.connection_error, TimeoutError)
        assert ae.active_associations == []
        assert not ear.of(evt.EVT_CONN_OPEN)
        assert [heard.next_state for heard in ear.of(evt.EVT_FSM_TRANSITION)] == ["Sta4", "Sta1"]


def test_without_a_connection_timeout_the_others_do_not_count_for_it() -> None:
    ae = hasty(connection_timeout=None, acse_timeout=0.05, network_timeout=0.05, dimse_timeout=0.05)
    outcome: list[Association] = []
    with deaf() as port:
        thread = threading.Thread(target=lambda: outcome.append(ask(port, ae=ae)), name="job-asks")
        thread.start()
        thread.join(2 * SHORT)
        assert thread.is_alive()
        for assoc in ae.active_associations:
            assoc.abort()
        thread.join(5)
    assert outcome[0].is_aborted


@pytest.mark.parametrize("value", [0, -1, "1", True, None])
def test_what_is_no_connection_timeout_is_none(value: Any) -> None:
    ae = AE()
    ae.connection_timeout = 5
    ae.connection_timeout = value
    assert ae.connection_timeout is None


@pytest.mark.parametrize(("name", "default"), [("acse_timeout", 30), ("dimse_timeout", 30), ("network_timeout", 60)])
def test_what_is_no_timeout_is_the_default(name: str, default: int) -> None:
    ae = AE()
    assert getattr(ae, name) == default
    for good in (None, 0, 0.5, 7):
        setattr(ae, name, good)
        assert getattr(ae, name) == good
    for bad in (-1, "5", [], object()):
        setattr(ae, name, 7)
        setattr(ae, name, bad)
        assert getattr(ae, name) == default


# --------------------------------------------------------------------------- ACSE: the requestor
@pytest.mark.parametrize("conversation", [silent, trickling(encode_pdu(acceptance(1)))], ids=["silent", "trickling"])
def test_an_answer_that_does_not_come(conversation: Callable[[RawPeer], object]) -> None:
    ear = Ear()
    with ByHand(conversation) as there:
        with Took() as took:
            assoc = ask(there, ae=hasty(acse_timeout=SHORT), evt_handlers=ear.handlers())
        assert took.about(SHORT)
        assert (assoc.is_aborted, assoc.is_rejected, assoc.is_established) == (True, False, False)
        assert "ACSE timeout" in assoc.end_reason
        assert len(ear.of(evt.EVT_ABORTED)) == 1
        assert assoc.over.wait(SHORT + MARGIN)  # a peer that does not close either is cut after ARTIM
    assert encode_pdu(A_ABORT_RQ(source=0)) in [heard.data for heard in ear.of(evt.EVT_DATA_SENT)]


def test_a_late_answer_is_waited_for_without_a_timeout() -> None:
    go_on = threading.Event()

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        assert go_on.wait(5)
        peer.say(acceptance(1))
        assert isinstance(peer.hear(), A_RELEASE_RQ)
        peer.say(A_RELEASE_RP())

    outcome: list[Association] = []
    ae = hasty(acse_timeout=None, network_timeout=0.05, dimse_timeout=0.05, connection_timeout=0.05)
    with ByHand(conversation) as there:
        thread = threading.Thread(target=lambda: outcome.append(ask(there, ae=ae)), name="job-asks")
        thread.start()
        thread.join(SHORT)
        assert thread.is_alive()
        ae.network_timeout = 60
        go_on.set()
        thread.join(5)
        assert outcome[0].is_established
        outcome[0].release()
        assert outcome[0].is_released


@pytest.mark.parametrize(
    "conversation", [silent, trickling(encode_pdu(A_RELEASE_RP()), 0.1)], ids=["silent", "trickling"]
)
@pytest.mark.parametrize("how", ["of the AE", "of the association", "of the AE meanwhile"])
def test_a_release_that_is_not_answered(how: str, conversation: Callable[[RawPeer], object]) -> None:
    def then(peer: RawPeer) -> None:
        assert isinstance(peer.hear(), A_RELEASE_RQ)
        conversation(peer)

    limit = LONGER if how == "of the AE" else SHORT  # an acceptance has to come within it first
    with ByHand(accepting(then)) as there:
        ae = hasty(acse_timeout=limit if how == "of the AE" else 20)
        assoc = ask(there, ae=ae)
        if how == "of the association":
            assoc.acse_timeout = SHORT
        elif how == "of the AE meanwhile":
            ae.acse_timeout = SHORT
        assert assoc.acse_timeout == limit
        with Took() as took:
            assoc.release()
        assert took.about(limit)
        assert (assoc.is_aborted, assoc.is_released) == (True, False)
        assert assoc.over.wait(limit + MARGIN)
        assert ae.active_associations == []


# --------------------------------------------------------------------------- ACSE: the acceptor
@pytest.mark.parametrize(
    "says", [b"", encode_pdu(request())[:40], b"\x01"], ids=["silent", "half a request", "one byte"]
)
def test_a_client_that_does_not_ask(says: bytes) -> None:
    ae = scp()
    ae.acse_timeout = SHORT
    ear = Ear()
    with serving(ae, ear.handlers(evt.EVT_CONN_CLOSE)) as server, Took() as took, RawPeer.to(server) as peer:
        peer.say(says)
        peer.until_closed()
        ear.until(evt.EVT_CONN_CLOSE)
        assert until(lambda: server.active_associations == [])
    assert took.about(SHORT)


def test_a_client_that_trickles_its_request() -> None:
    ae = scp()
    ae.acse_timeout = SHORT
    with serving(ae) as server, Took() as took, RawPeer.to(server) as peer:
        trickling(encode_pdu(request()))(peer)
    assert took.about(SHORT)


@pytest.mark.parametrize("why", ["rejected", "released", "aborted for its noise"])
def test_a_client_that_never_closes(why: str) -> None:
    """In Sta13 ARTIM ends what the peer does not."""
    ae = scp()
    ae.acse_timeout = LONGER  # also what a request has
    ae.require_called_aet = why == "rejected"
    ear = Ear()
    with serving(ae, ear.handlers(evt.EVT_CONN_CLOSE), ae_title="OTHER" if why == "rejected" else "SCP") as server:
        with RawPeer.to(server) as peer:
            peer.say(request())
            answer = peer.hear()
            if why == "rejected":
                assert isinstance(answer, A_ASSOCIATE_RJ)
            else:
                assert isinstance(answer, A_ASSOCIATE_AC)
                peer.say(A_RELEASE_RQ() if why == "released" else request())
                assert isinstance(peer.hear(), A_RELEASE_RP if why == "released" else A_ABORT_RQ)
            with Took() as took:
                assert peer.hear() is None
            assert took.seconds < LONGER + MARGIN
            ear.until(evt.EVT_CONN_CLOSE)
        assert until(lambda: not ae.active_associations)  # its handlers hear of the end first


# --------------------------------------------------------------------------- DIMSE
OPERATIONS: dict[str, Callable[[Association], Any]] = {
    "echo": lambda assoc: [(assoc.send_c_echo(), None)],
    "store": lambda assoc: [(assoc.send_c_store(image()), None)],
    "find": lambda assoc: list(assoc.send_c_find(keys(), FIND)),
    "get": lambda assoc: list(assoc.send_c_get(keys(), GET)),
    "move": lambda assoc: list(assoc.send_c_move(keys(), "DEST", MOVE)),
    "event report": lambda assoc: [assoc.send_n_event_report(keys(), 1, MPPS, "1.2")],
    "N-GET": lambda assoc: [assoc.send_n_get([0x00100010], MPPS, "1.2")],
    "set": lambda assoc: [assoc.send_n_set(keys(), MPPS, "1.2")],
    "action": lambda assoc: [assoc.send_n_action(keys(), 1, MPPS, "1.2")],
    "create": lambda assoc: [assoc.send_n_create(keys(), MPPS, "1.2")],
    "delete": lambda assoc: [(assoc.send_n_delete(MPPS, "1.2"), None)],
}
UIDS = (Verification, CTImageStorage, FIND, GET, MOVE, MPPS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_response_that_does_not_come(operation: str) -> None:
    def conversation(peer: RawPeer) -> None:
        peer.hear()
        plain = acceptance(*range(1, 2 * len(UIDS), 2))
        # N-EVENT-REPORT is the SCP's
        role = RoleSelection(MPPS, scu_role=True, scp_role=True)
        peer.say(
            A_ASSOCIATE_AC(
                called_ae_title="SCP",
                calling_ae_title="RAW",
                presentation_contexts=plain.presentation_contexts,
                user_information=(*plain.user_information, role),
            )
        )
        mute(peer)

    ear = Ear()
    with ByHand(conversation) as there:
        assoc = ask(there, *UIDS, evt_handlers=ear.handlers(), ext_neg=[build_role(MPPS, True, True)])
        assoc.dimse_timeout = SHORT
        with Took() as took:
            results = OPERATIONS[operation](assoc)
        assert took.about(SHORT)
        ((status, second),) = results
        assert len(status) == 0
        assert second is None
        assert (assoc.is_aborted, assoc.is_released) == (True, False)
        assert len(ear.of(evt.EVT_ABORTED)) == 1
        with pytest.raises(RuntimeError):
            assoc.send_c_echo()


def test_each_response_of_a_query_has_the_whole_time() -> None:
    said = threading.Semaphore(0)

    def then(peer: RawPeer) -> None:
        peer.hear()
        peer.hear()
        for _ in range(4):
            said.acquire(timeout=5)
            pending = C_FIND_RSP(
                context_id=1,
                MessageIDBeingRespondedTo=1,
                AffectedSOPClassUID=FIND,
                Status=0xFF00,
                has_data_set=True,
            )
            peer.say(message(pending, b"\x10\x00\x20\x00\x02\x00\x00\x00A "))
        mute(peer)

    with ByHand(accepting(then)) as there:
        ae = AE("SCU")
        ae.dimse_timeout = 5 * SHORT
        assoc = ask(there, FIND, ae=ae)
        responses = assoc.send_c_find(keys(), FIND)
        with Took() as took:
            for _ in range(4):
                timer = threading.Timer(1.5 * SHORT, said.release)
                timer.start()
                status, identifier = next(responses)
                assert (status.Status, identifier is not None) == (0xFF00, True)
                timer.join()
            assert len(next(responses)[0]) == 0
        assert took.seconds > 10 * SHORT  # all four together took longer than one may
        assert list(responses) == []
        assert assoc.is_aborted


def test_the_dimse_timeout_may_change_while_the_association_lives() -> None:
    go_on = threading.Event()

    def then(peer: RawPeer) -> None:
        for number in (1, 2):
            peer.hear()
            if number == 1:
                assert go_on.wait(5)
                peer.say(
                    message(
                        C_ECHO_RSP(
                            context_id=1,
                            MessageIDBeingRespondedTo=1,
                            AffectedSOPClassUID=Verification,
                            Status=0x0000,
                        )
                    )
                )
        mute(peer)

    with ByHand(accepting(then)) as there:
        ae = hasty(dimse_timeout=0.01)
        assoc = ask(there, ae=ae)
        ae.dimse_timeout = None
        assert assoc.dimse_timeout is None
        timer = threading.Timer(SHORT, go_on.set)
        timer.start()
        assert assoc.send_c_echo().Status == 0x0000
        timer.join()
        ae.dimse_timeout = SHORT
        assert assoc.dimse_timeout == SHORT
        with Took() as took:
            assert len(assoc.send_c_echo()) == 0
        assert took.about(SHORT)
        assert assoc.is_aborted


# --------------------------------------------------------------------------- network
ENDS: dict[str, tuple[str, Any]] = {
    "A-ABORT": ("is_aborted", A_ABORT_RQ(source=0)),
    "A-RELEASE": ("is_released", A_RELEASE_RQ()),
}


@pytest.mark.parametrize("response", ENDS)
@pytest.mark.parametrize("how", ["of the AE", "of the association", "of the AE meanwhile"])
@pytest.mark.parametrize("side", ["requestor", "acceptor"])
def test_silence(side: str, how: str, response: str) -> None:
    flag, said = ENDS[response]
    ours, theirs = Ear(), Ear()
    patient, subject = AE("PATIENT"), AE("SUBJECT")
    client, provider = (subject, patient) if side == "requestor" else (patient, subject)
    provider.add_supported_context(Verification)
    ear = ours if side == "requestor" else theirs
    limit = SHORT
    with serving(provider, theirs.handlers()) as server:
        if how == "of the AE":
            limit = LONGER
            subject.network_timeout = limit
        with Took() as took:
            assoc = ask(server, ae=client, evt_handlers=ours.handlers())
            assert assoc.is_established
            end = assoc if side == "requestor" else theirs.until(evt.EVT_ESTABLISHED).assoc
            end.network_timeout_response = response
            if how == "of the association":
                end.network_timeout = SHORT
            elif how == "of the AE meanwhile":
                subject.network_timeout = SHORT
            assert end.network_timeout == limit
            assert end.over.wait(5)
        assert took.about(limit)
        assert getattr(end, flag)
        assert sum((end.is_aborted, end.is_released, end.is_rejected)) == 1
        assert pdus_of(ear, type(said)) == [said]
        for other in (assoc, theirs.until(evt.EVT_ESTABLISHED).assoc):
            assert other.over.wait(5)
            assert getattr(other, flag)
        assert (patient.active_associations, subject.active_associations) == ([], [])


def test_silence_of_a_peer_that_does_not_answer_the_release_either() -> None:
    def then(peer: RawPeer) -> None:
        assert isinstance(peer.hear(), A_RELEASE_RQ)
        silent(peer)

    with ByHand(accepting(then)) as there:
        assoc = ask(there)
        assoc.network_timeout_response = "A-RELEASE"
        assoc.acse_timeout = SHORT
        with Took() as took:
            assoc.network_timeout = SHORT
            assert assoc.over.wait(5)
        assert took.seconds < 3 * SHORT + MARGIN  # silence, no A-RELEASE-RP, and no end of the connection
        assert (assoc.is_aborted, assoc.is_released) == (True, False)


def test_whoever_speaks_is_not_silent() -> None:
    limit = 5 * SHORT
    ae = scp()
    ae.network_timeout = limit
    with serving(ae) as server:
        assoc = ask(server, ae=hasty(network_timeout=limit))
        over = only(server).over
        with Took() as took:
            for _ in range(4):
                assert not over.wait(1.5 * SHORT)
                assert assoc.send_c_echo().Status == 0x0000
        assert took.seconds > limit
        with Took() as took:
            assert assoc.send_c_echo().Status == 0x0000
            assert assoc.over.wait(5)
        assert took.about(limit)
        assert assoc.is_aborted


def test_no_network_timeout_until_there_is_one() -> None:
    ae = hasty(network_timeout=None)
    with serving(scp()) as server:
        assoc = ask(server, ae=ae)
        assert not assoc.over.wait(SHORT)
        assoc.network_timeout = 20
        assoc.network_timeout = None
        assert not assoc.over.wait(SHORT)
        with Took() as took:
            ae.network_timeout = SHORT
            assert assoc.over.wait(5)
        assert took.about(SHORT)
        assert assoc.is_aborted
        assert serves(server) < MARGIN


def test_timeouts_of_the_ae_are_passed_on_to_both_directions() -> None:
    ae = scp()
    ae.add_requested_context(Verification)
    with serving(ae) as server:
        assoc = ask(server, ae=ae)
        assert len(ae.active_associations) == 2
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 11, 12, 13
        for end in (assoc, only(server)):
            assert (end.acse_timeout, end.dimse_timeout, end.network_timeout) == (11, 12, 13)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = None
        for end in (assoc, only(server)):
            assert (end.acse_timeout, end.dimse_timeout, end.network_timeout) == (None, None, None)
        assert assoc.send_c_echo().Status == 0x0000
        assoc.release()
        assert assoc.is_released


def test_timeouts_of_zero_end_at_once_instead_of_hanging() -> None:
    with ByHand(silent) as there, Took() as took:
        assert ask(there, ae=hasty(acse_timeout=0)).is_aborted
    assert took.seconds < MARGIN
    with ByHand(accepting(mute)) as there:
        assoc = ask(there)
        assoc.dimse_timeout = 0
        with Took() as took:
            assert len(assoc.send_c_echo()) == 0
        assert took.seconds < MARGIN
        assert assoc.is_aborted
    with ByHand(accepting(mute)) as there:
        assoc = ask(there)
        assoc.network_timeout = 0
        assert assoc.over.wait(MARGIN)
        assert assoc.is_aborted


@pytest.mark.parametrize("let_go", ["closed", "collected"])
def test_a_query_that_was_let_go_of_does_not_keep_a_silent_association_alive(let_go: str) -> None:
    """While a response is due the peer may think; nobody waits for one any longer here."""

    def on_find(event: Any) -> Iterator[Any]:
        yield 0xFF00, keys(PatientID="1")
        event.over.wait(30)

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server:
        assoc = ask(server, FIND)
        results: Any = assoc.send_c_find(keys(PatientID=""), FIND)
        assert next(results)[0].Status == 0xFF00
        assoc.network_timeout = SHORT
        assert not assoc.over.wait(2 * SHORT)  # a response is due
        with Took() as took:
            if let_go == "closed":
                results.close()
            else:
                del results
            assert assoc.over.wait(5)
    assert assoc.is_aborted
    assert took.seconds < SHORT + MARGIN
