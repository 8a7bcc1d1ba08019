"""Attacks and damaged peers over real sockets, each with an honest client that is served meanwhile.

The attackers write bytes by hand. Where a limit is a matter of seconds the test sets a shorter one.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from raw_peer import IMPLICIT, RawPeer, acceptance, fragment, message, request, scp, serves, serving, until

from workstation.net import AE, association, evt, exchange, listener
from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_ECHO_RSP,
    C_FIND_RQ,
    C_FIND_RSP,
    C_STORE_RQ,
    encode_command,
)
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDV,
    encode_pdu,
)
from workstation.net.engine import upper_layer
from workstation.net.engine.assembly import AssemblyLimits
from workstation.net.engine.upper_layer import Limits
from workstation.net.sop_class import (
    CTImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    Verification,
)

FIND = PatientRootQueryRetrieveInformationModelFind
SOON = 4.0  # seconds in which an honest client is served and a dishonest one is cut; what could hold up takes longer
ECHO = C_ECHO_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=Verification)


def store_request(**values: Any) -> C_STORE_RQ:
    given: dict[str, Any] = {
        "context_id": 3,
        "MessageID": 1,
        "AffectedSOPClassUID": CTImageStorage,
        "AffectedSOPInstanceUID": "1.2.3",
        "Priority": 0,
        "has_data_set": True,
    }
    return C_STORE_RQ(**(given | values))


def find_request(number: int = 1) -> C_FIND_RQ:
    return C_FIND_RQ(context_id=1, MessageID=number, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)


QUERY = struct.pack("<HHI", 8, 0x52, 8) + b"PATIENT "  # an Identifier with only its level


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --------------------------------------------------------------------------- bytes that are no PDUs, or too long
BOMBS = [bytes([kind, 0]) + (0x7FFFFFFF).to_bytes(4, "big") + bytes(2000) for kind in range(1, 8)]
SHORT = [bytes([kind, 0]) + bytes(4) + bytes(2000) for kind in range(1, 8)]


@pytest.mark.parametrize("after", [False, True], ids=["before association", "after association"])
def test_lengths_that_cannot_be_are_answered_and_cut(after: bool) -> None:
    ae = scp()
    ae.maximum_associations = 20
    with serving(ae) as server:
        attackers = [RawPeer.associated(server) if after else RawPeer.to(server) for _ in [*BOMBS, *SHORT]]
        before, started = memory(), time.monotonic()
        for attacker, bomb in zip(attackers, [*BOMBS, *SHORT], strict=True):
            attacker.say(bomb)
        assert serves(server) < SOON
        for attacker in attackers:
            assert attacker.hear_all() == [A_ABORT_RQ(source=2, reason=6)]
            attacker.close()
        assert time.monotonic() - started < 2 * SOON
        assert memory() - before < 4_000_000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory in use")
def test_a_claim_of_the_longest_pdu_that_is_allowed_costs_no_memory() -> None:
    ae = scp()
    ae.maximum_pdu_size = 0
    with serving(ae) as server:
        gc.collect()
        attackers = [RawPeer.associated(server) for _ in range(8)]
        before = memory()
        for attacker in attackers:
            attacker.say(b"\x04\x00" + (16 << 20).to_bytes(4, "big") + bytes(1000))
        assert serves(server) < SOON
        assert memory() - before < 12_000_000
        for attacker in attackers:
            attacker.close()


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n",
        bytes.fromhex("16030100c8010000c40303") + os.urandom(200),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x0bMSH|^~\\&|HL7\r",
        b"\x00" * 500,
        b"\xff" * 5000,
    ],
    ids=["HTTP", "TLS", "SSH", "HL7", "zeros", "ones"],
)
def test_other_protocols_are_told_and_cut(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upper_layer, "FLUSH", 0.1)
    with serving(scp()) as server, RawPeer.to(server) as attacker:
        started = time.monotonic()
        attacker.say(said)
        assert serves(server) < SOON
        assert attacker.hear_all() == [A_ABORT_RQ(source=2, reason=1)]
        assert time.monotonic() - started < SOON


def test_random_bytes_end_neither_server_nor_client() -> None:
    with serving(scp()) as server:
        for seed in range(30):
            noise = bytes((seed * 7 + index * index) & 0xFF for index in range(300))
            with RawPeer.to(server) as attacker:
                # half of them within a PDU of a plausible length
                attacker.say(noise if seed % 2 else b"\x01\x00" + (294).to_bytes(4, "big") + noise[6:])
                attacker.sock.shutdown(socket.SHUT_WR)
                attacker.until_closed()
        assert serves(server) < SOON


# --------------------------------------------------------------------------- fragments
def test_a_command_set_that_never_ends_is_cut_at_its_limit() -> None:
    with serving(scp()) as server, RawPeer.associated(server) as attacker:
        piece = fragment(bytes(16000), command=True, last=False)
        sent = 0
        while attacker.try_to_say(piece) and sent < 100:
            sent += 1
        assert serves(server) < SOON
        assert attacker.hear_abort() == A_ABORT_RQ(source=2, reason=6)


def test_an_identifier_that_never_ends_is_cut_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    small = AssemblyLimits(identifier=100_000, data_set=200_000)
    monkeypatch.setattr("workstation.net.engine.assembly.AssemblyLimits", lambda: small)
    with serving(scp(FIND, CTImageStorage, Verification)) as server:
        for announced, context_id in ((find_request(), 1), (store_request(), 3)):
            with RawPeer.associated(server, FIND, CTImageStorage) as attacker:
                attacker.say(fragment(encode_command(announced), context_id=context_id, command=True))
                piece = fragment(bytes(16000), context_id=context_id, command=False, last=False)
                sent = 0
                while attacker.try_to_say(piece) and sent < 100:
                    sent += 1
                assert attacker.hear_abort() == A_ABORT_RQ(source=2, reason=6)
                assert serves(server) < SOON


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (message(C_ECHO_RQ(context_id=9, MessageID=1, AffectedSOPClassUID=Verification)), 6),
        (fragment(b"data", command=False), 5),
        (fragment(encode_command(ECHO)[:20], command=True, last=False) + fragment(b"x", context_id=3, command=True), 5),
        (fragment(encode_command(store_request()), context_id=3, command=True) + message(ECHO), 5),
        (
            fragment(encode_command(store_request()), context_id=3, command=True)
            + fragment(b"more", context_id=3, command=True),
            5,
        ),
        (b"\x04\x00\x00\x00\x00\x0a" + b"\x00\x00\x00\x01\x01\x03" + bytes(4), 6),  # a PDV shorter than its header
        (b"\x04\x00\x00\x00\x00\x0a" + b"\x00\x00\xff\xff\x01\x03" + bytes(4), 6),  # one longer than its PDU
    ],
    ids=["unaccepted context", "data first", "contexts mixed", "messages mixed", "command twice", "PDV 1", "PDV long"],
)
def test_fragments_out_of_order_are_aborted(said: bytes, reason: int) -> None:
    with serving(scp(Verification, CTImageStorage)) as server:
        attacker = RawPeer.associated(server, Verification, CTImageStorage)
        attacker.say(said)
        assert serves(server) < SOON
        assert attacker.hear() == A_ABORT_RQ(source=2, reason=reason)
        attacker.close()


def _explicit(command: bytes) -> bytes:
    return command[:4] + b"UL\x04\x00" + command[8:]


MALFORMED = {
    "empty": b"",
    "cut": encode_command(ECHO)[:-3],
    "no command field": struct.pack("<HHIH", 0, 0x0800, 2, 0x0101),
    "unknown command": struct.pack("<HHIHHHIH", 0, 0x0100, 2, 0x7777, 0, 0x0800, 2, 0x0101),
    "explicit VR": _explicit(encode_command(ECHO)),
    "other group": struct.pack("<HHIH", 8, 0x0100, 2, 1),
    "length over the end": struct.pack("<HHI", 0, 0x0100, 0xFFFFFFFF),
    "no message ID": struct.pack("<HHIHHHIH", 0, 0x0100, 2, 0x0030, 0, 0x0800, 2, 0x0101),
    "twice": encode_command(ECHO) + struct.pack("<HHIH", 0, 0x0110, 2, 1),
}


@pytest.mark.parametrize("command", MALFORMED.values(), ids=MALFORMED)
def test_command_sets_that_cannot_be_read_are_aborted(command: bytes) -> None:
    with serving(scp()) as server, RawPeer.associated(server) as attacker:
        attacker.say(fragment(command, command=True))
        assert serves(server) < SOON
        assert attacker.hear() == A_ABORT_RQ(source=2, reason=6)


# --------------------------------------------------------------------------- messages out of place
def test_responses_that_nobody_asked_for_do_no_harm_until_they_are_many() -> None:
    stray = C_ECHO_RSP(context_id=1, MessageIDBeingRespondedTo=5, Status=0)
    with serving(scp()) as server, RawPeer.associated(server) as attacker:
        attacker.say(message(stray) + message(ECHO))
        answer = attacker.hear_message()
        assert isinstance(answer, C_ECHO_RSP)
        assert answer.Status == 0
        attacker.say(message(stray) * exchange.MOST_STRAYS)
        assert attacker.hear() == A_ABORT_RQ(source=2, reason=0)
        assert serves(server) < SOON


def test_message_id_0_and_duplicates_are_answered_each() -> None:
    with serving(scp()) as server, RawPeer.associated(server) as peer:
        zero = C_ECHO_RQ(context_id=1, MessageID=0, AffectedSOPClassUID=Verification)
        peer.say(message(zero) + message(ECHO) * 3)
        answers = [peer.hear_message() for _ in range(4)]
        assert [a.MessageIDBeingRespondedTo for a in answers if a] == [0, 1, 1, 1]
        peer.say(A_RELEASE_RQ())
        assert peer.hear() == A_RELEASE_RP()


def test_requests_without_end_that_nobody_can_perform_are_aborted() -> None:
    begun, let_go = threading.Event(), threading.Event()

    def on_echo(event: Any) -> int:
        begun.set()
        let_go.wait(30)
        return 0x0000

    sinks: list[Any] = []

    class Sink:
        state = ""

        def write(self, fragment: memoryview) -> None: ...

        def finish(self) -> None:
            self.state = "finished"

        def discard(self) -> None:
            self.state = "discarded"

    def offer(*_: Any) -> Sink:
        sinks.append(Sink())
        return sinks[-1]

    ae = scp(Verification, CTImageStorage)
    with serving(ae, [(evt.EVT_C_ECHO, on_echo)], sink_factory=offer) as server:
        attacker = RawPeer.associated(server, Verification, CTImageStorage)
        attacker.say(message(ECHO))
        assert begun.wait(5)
        attacker.say(message(store_request(), b"") * (exchange.MOST_WAITING + 5))
        assert attacker.hear() == A_ABORT_RQ(source=2, reason=0)
        let_go.set()
        attacker.close()
        assert until(lambda: bool(sinks) and {sink.state for sink in sinks} == {"discarded"})
        assert len(sinks) == exchange.MOST_WAITING


@pytest.mark.parametrize("cancels", [1, 3])
def test_a_cancel_before_the_handler_runs_is_seen_by_it(cancels: int) -> None:
    let_go = threading.Event()
    seen: list[bool] = []

    def on_find(event: Any) -> Iterator[Any]:
        if event.message_id == 1:
            let_go.wait(30)
        seen.append(event.is_cancelled)
        yield (0xFE00 if event.is_cancelled else 0x0000), None

    with serving(scp(FIND, Verification), [(evt.EVT_C_FIND, on_find)]) as server:
        peer = RawPeer.associated(server, FIND)
        cancel = C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=2)
        unknown = C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=77)
        peer.say(message(find_request(1), QUERY) + message(find_request(2), QUERY))
        peer.say(message(cancel) * cancels + message(unknown))
        assert serves(server) < SOON
        let_go.set()
        statuses = [answer.Status for _ in range(2) if isinstance(answer := peer.hear_message(), C_FIND_RSP)]
        assert statuses == [0x0000, 0xFE00]
        assert seen == [False, True]
        peer.say(message(cancel))  # late: the operation is over
        peer.say(A_RELEASE_RQ())
        assert peer.hear() == A_RELEASE_RP()
        peer.close()


@pytest.mark.parametrize(
    ("identifier", "status"),
    [
        (b"", 0xC311),  # decodable: there is nothing in it, which the handler did not expect
        (struct.pack("<HHI", 8, 0x1140, 0xFFFFFFFF) + b"GARBAGE!", 0xC310),
        (struct.pack("<HHIHHI", 8, 0x1140, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) * 900, 0xC310),
        (QUERY, 0x0000),
    ],
    ids=["empty", "no item in a sequence", "nested deep", "good"],
)
def test_an_identifier_that_cannot_be_decoded_is_a_defined_failure(identifier: bytes, status: int) -> None:
    def on_find(event: Any) -> Iterator[Any]:
        if event.identifier.QueryRetrieveLevel == "PATIENT":
            yield 0x0000, None

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server, RawPeer.associated(server, FIND) as peer:
        peer.say(message(find_request(), identifier))
        answer = peer.hear_message()
        assert isinstance(answer, C_FIND_RSP)
        assert answer.Status == status


# --------------------------------------------------------------------------- slow and silent peers
def test_a_hundred_silent_sockets_shut_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ae = scp()
    with serving(ae) as server:
        silent = [RawPeer.to(server) for _ in range(100)]
        assert max(serves(server) for _ in range(3)) < SOON
        assert until(lambda: len(server.active_associations) <= 1)
        monkeypatch.setattr(listener, "SILENT_GRACE", 0.0)
        assert serves(server) < SOON
        # the oldest have been closed, as many as there were too many
        closed = 0
        for peer in silent:
            peer.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                closed += peer.sock.recv(1) == b""
        assert closed >= 100 - listener.MOST_SILENT
        for peer in silent:
            peer.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has all of 127.0.0.0/8 to come from")
def test_a_crowd_from_one_address_costs_no_other_address_its_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(scp()) as server:

        def come(address: str) -> RawPeer:
            return RawPeer(socket.create_connection(server.server_address, 5, source_address=(address, 0)))

        slow = come("127.0.0.3")
        crowd = [come("127.0.0.2") for _ in range(20)]
        assert until(lambda: len(server._children()) == 21)
        monkeypatch.setattr(listener, "MOST_SILENT", 8)
        monkeypatch.setattr(listener, "SILENT_GRACE", 0.0)
        assert serves(server) < SOON
        crowd[0].until_closed()
        slow.say(request())  # the oldest, and it comes to its word at last
        assert isinstance(slow.hear(), A_ASSOCIATE_AC)
        for peer in (slow, *crowd):
            peer.close()


def test_rejected_peers_that_stay_are_evicted_like_silent_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    ae = scp()
    with serving(ae) as server:
        ae.require_called_aet = True
        server.ae_title = "OTHER"
        stubborn = [RawPeer.to(server) for _ in range(20)]
        for peer in stubborn:
            peer.say(request())
            assert isinstance(peer.hear(), A_ASSOCIATE_RJ)
        server.ae_title = "SCP"
        ae.require_called_aet = False
        monkeypatch.setattr(listener, "MOST_SILENT", 5)
        monkeypatch.setattr(listener, "SILENT_GRACE", 0.0)
        assert serves(server) < SOON
        stubborn[0].until_closed()
        for peer in stubborn:
            peer.close()


def test_a_trickle_of_bytes_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association, "Limits", partial(Limits, request=0.3, grace=0.3))
    with serving(scp()) as server:
        attackers = [(RawPeer.to(server), encode_pdu(request())), (RawPeer.associated(server), message(ECHO))]
        started = time.monotonic()
        for attacker, data in attackers:
            for index in range(len(data) - 1):
                if not attacker.try_to_say(data[index : index + 1]):
                    break
                if index > 3 and attacker.sock in _readable(attacker.sock, 0.02):
                    break
            attacker.until_closed()
            assert serves(server) < SOON
            attacker.close()
        assert time.monotonic() - started < 5 * SOON


def _readable(sock: socket.socket, seconds: float) -> list[socket.socket]:
    import select

    return select.select([sock], [], [], seconds)[0]


def test_a_client_that_never_reads_holds_up_nobody_and_is_cut() -> None:
    produced: list[int] = []
    over = threading.Event()

    def on_find(event: Any) -> Iterator[Any]:
        match = Dataset()
        match.PatientComments = "X" * 9000
        try:
            for number in range(200_000):
                produced.append(number)
                yield 0xFF00, match
        finally:
            over.set()

    ae = scp(FIND, Verification)
    ae.network_timeout = 1
    with serving(ae, [(evt.EVT_C_FIND, on_find)]) as server:
        attacker = RawPeer.to(server)
        attacker.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        attacker.say(request(FIND))
        attacker.hear()
        attacker.say(message(find_request(), QUERY))
        assert until(lambda: len(produced) > 10)
        assert serves(server) < SOON
        assert over.wait(10), "the handler goes on for nobody"
        assert len(produced) < 200_000
        attacker.close()


def test_an_abort_ends_a_sender_whose_peer_never_reads() -> None:
    produced: list[int] = []
    let_go = threading.Event()

    def on_find(event: Any) -> Iterator[Any]:
        match = Dataset()
        match.PatientComments = "Z" * 9000
        try:
            for number in range(100_000):
                produced.append(number)
                yield 0xFF00, match
        finally:
            let_go.set()

    def stuck() -> bool:
        before = len(produced)
        time.sleep(0.1)
        return before > 0 and len(produced) == before

    with serving(scp(FIND), [(evt.EVT_C_FIND, on_find)]) as server:
        attacker = RawPeer.to(server)
        attacker.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        attacker.say(request(FIND))
        attacker.hear()
        attacker.say(message(find_request(), QUERY))
        assert until(stuck)
        (assoc,) = server.active_associations
        assoc.abort(block=False)
        assert let_go.wait(5)
        assert len(produced) < 100_000
        attacker.close()


# --------------------------------------------------------------------------- peers that die
STAGES = {
    "connected": b"",
    "within the request": encode_pdu(request(Verification, CTImageStorage))[:50],
    "associated": encode_pdu(request(Verification, CTImageStorage)),
    "within a PDU": encode_pdu(request(Verification, CTImageStorage)) + message(ECHO)[:20],
    "within a command set": encode_pdu(request(Verification, CTImageStorage))
    + fragment(encode_command(ECHO)[:20], command=True, last=False),
    "within a data set": encode_pdu(request(Verification, CTImageStorage))
    + fragment(encode_command(store_request()), context_id=3, command=True)
    + fragment(bytes(5000), context_id=3, command=False, last=False),
    "waiting for an answer": encode_pdu(request(Verification, CTImageStorage)) + message(ECHO),
    "released": encode_pdu(request(Verification, CTImageStorage)) + encode_pdu(A_RELEASE_RQ()),
    "aborted": encode_pdu(request(Verification, CTImageStorage)) + encode_pdu(A_ABORT_RQ(source=0)),
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_requestor_that_dies_leaves_nothing(stage: str, how: str) -> None:
    ae = scp(Verification, CTImageStorage)
    with serving(ae, [(evt.EVT_C_STORE, lambda event: 0)]) as server:
        peer = RawPeer.to(server)
        first, rest = STAGES[stage][: len(STAGES["associated"])], STAGES[stage][len(STAGES["associated"]) :]
        peer.say(first)
        if rest:
            assert isinstance(peer.hear(), A_ASSOCIATE_AC)
            peer.say(rest)
        getattr(peer, how)()
        assert until(lambda: not ae.active_associations, SOON)
        assert serves(server) < SOON


class Acceptor:
    """A listener whose conversation is a function; runs it for one connection."""

    def __init__(self, conversation: Callable[[RawPeer], None]) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self._conversation = conversation
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        sock, _ = self.socket.accept()
        with RawPeer(sock) as peer:
            self._conversation(peer)

    def __enter__(self) -> Acceptor:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self.socket.close()
        assert not self._thread.is_alive()

    def ask(self, *abstract_syntaxes: str, **options: Any) -> Any:
        ae = AE("SCU")
        ae.acse_timeout = ae.dimse_timeout = 3 * SOON
        for uid in abstract_syntaxes or (Verification,):
            ae.add_requested_context(uid, IMPLICIT)
        return ae.associate("127.0.0.1", self.port, **options)


ENDS: dict[str, Callable[[RawPeer], object]] = {
    "closed": RawPeer.close,
    "reset": RawPeer.reset,
    "aborted": lambda peer: peer.say(A_ABORT_RQ(source=0)),
    "aborted by source 1": lambda peer: peer.say(A_ABORT_RQ(source=1, reason=3)),
    "noise": lambda peer: peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_acceptor_that_dies_instead_of_answering(end: str) -> None:
    def conversation(peer: RawPeer) -> None:
        assert isinstance(peer.hear(), A_ASSOCIATE_RQ)
        ENDS[end](peer)
        if peer.sock.fileno() >= 0:
            peer.until_closed()

    with Acceptor(conversation) as there:
        assoc = there.ask()
        assert (assoc.is_aborted, assoc.is_established, assoc.is_rejected) == (True, False, False)
        assert assoc.end_reason
        assert assoc.over.wait(SOON)


@pytest.mark.parametrize("end", ENDS)
def test_an_acceptor_that_dies_in_the_middle_of_a_store(end: str) -> None:
    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1))
        peer.hear()  # the command set
        peer.hear()  # the first fragment
        ENDS[end](peer)
        if peer.sock.fileno() >= 0:
            peer.until_closed()

    big = Dataset()
    big.SOPClassUID, big.SOPInstanceUID = CTImageStorage, "1.2.3"
    big.add_new(0x7FE00010, "OW", bytes(20_000_000))
    from pydicom.dataset import FileMetaDataset

    big.file_meta = FileMetaDataset()
    big.file_meta.TransferSyntaxUID = IMPLICIT
    with Acceptor(conversation) as there:
        assoc = there.ask(CTImageStorage)
        assert assoc.is_established
        started = time.monotonic()
        assert "Status" not in assoc.send_c_store(big)
        assert time.monotonic() - started < SOON
        assert assoc.is_aborted
        if end.startswith("aborted"):
            # told by the A-ABORT, although the write failed first: what was said is heard
            assert assoc.abort_received is not None, assoc.end_reason
        assert assoc.over.wait(SOON)


def test_the_senders_abort_cuts_in_between_the_pdus_of_a_store() -> None:
    heard: list[Any] = []
    begun = threading.Event()

    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1))
        heard.append(peer.hear())
        begun.set()
        while not isinstance(heard[-1], A_ABORT_RQ | None):
            heard.append(peer.hear())

    big = Dataset()
    big.SOPClassUID, big.SOPInstanceUID = CTImageStorage, "1.2.3"
    big.add_new(0x7FE00010, "OW", bytes(30_000_000))
    from pydicom.dataset import FileMetaDataset

    big.file_meta = FileMetaDataset()
    big.file_meta.TransferSyntaxUID = IMPLICIT
    with Acceptor(conversation) as there:
        assoc = there.ask(CTImageStorage)
        results: list[Any] = []
        sender = threading.Thread(target=lambda: results.append(assoc.send_c_store(big)))
        sender.start()
        assert begun.wait(5)
        assoc.abort()
        sender.join(5)
        assert not sender.is_alive()
        assert "Status" not in results[0]
        assert assoc.is_aborted
    assert heard[-1] == A_ABORT_RQ(source=0, reason=0)
    assert all(isinstance(pdu, P_DATA_TF) for pdu in heard[:-1])


# --------------------------------------------------------------------------- release
def test_a_release_in_the_middle_of_an_operation_is_answered_at_once() -> None:
    begun = threading.Event()
    over: list[bool] = []

    def on_echo(event: Any) -> int:
        begun.set()
        over.append(event.over.wait(30))
        return 0x0000

    with serving(scp(), [(evt.EVT_C_ECHO, on_echo)]) as server, RawPeer.associated(server) as peer:
        peer.say(message(ECHO))
        assert begun.wait(5)
        peer.say(A_RELEASE_RQ())
        assert peer.hear() == A_RELEASE_RP()
        assert until(lambda: over == [True])


@pytest.mark.parametrize("role", ["requestor", "acceptor"])
def test_release_collision(role: str) -> None:
    if role == "requestor":
        steps: list[Any] = []

        def conversation(peer: RawPeer) -> None:
            peer.hear()
            peer.say(acceptance(1))
            steps.append(peer.hear())
            peer.say(A_RELEASE_RQ())
            steps.append(peer.hear())
            peer.say(A_RELEASE_RP())
            steps.append(peer.hear())

        with Acceptor(conversation) as there:
            assoc = there.ask()
            assoc.release()
            assert (assoc.is_released, assoc.is_aborted) == (True, False)
            assert assoc.over.wait(SOON)
        assert steps == [A_RELEASE_RQ(), A_RELEASE_RP(), None]
        return
    with serving(scp()) as server, RawPeer.associated(server) as peer:
        (assoc,) = server.active_associations
        thread = threading.Thread(target=assoc.release)
        thread.start()
        assert peer.hear() == A_RELEASE_RQ()
        peer.say(A_RELEASE_RQ())
        peer.say(A_RELEASE_RP())
        assert peer.hear() == A_RELEASE_RP()
        peer.close()
        thread.join(5)
        assert assoc.is_released
        assert assoc.over.wait(SOON)


# --------------------------------------------------------------------------- answers to our request
def test_what_an_acceptor_says_in_reserved_fields_is_not_tested() -> None:
    def conversation(peer: RawPeer) -> None:
        peer.hear()
        answer = bytearray(encode_pdu(acceptance(1)))
        answer[1] = 0xEE
        answer[8:74] = os.urandom(66)
        peer.say(bytes(answer))
        peer.hear_abort()

    with Acceptor(conversation) as there:
        assoc = there.ask()
        assert assoc.is_established
        assoc.abort()


def test_contexts_that_were_not_proposed_are_nothing() -> None:
    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(acceptance(1, 99, 255))
        peer.hear_abort()

    with Acceptor(conversation) as there:
        assoc = there.ask()
        assert [context.context_id for context in assoc.accepted_contexts] == [1]
        assoc.abort()
    with Acceptor(lambda peer: (peer.hear(), peer.say(acceptance(99)), peer.hear_abort())[0]) as there:
        assoc = there.ask()
        assert assoc.is_aborted
        assert [context.result for context in assoc.rejected_contexts] == [2]


@pytest.mark.parametrize(
    ("after", "flag"),
    [(A_RELEASE_RQ(), "is_released"), (A_ABORT_RQ(source=0), "is_aborted"), (request(), "is_aborted")],
    ids=["release", "abort", "request"],
)
def test_an_answer_and_the_end_in_one_segment(after: Any, flag: str) -> None:
    def conversation(peer: RawPeer) -> None:
        peer.hear()
        peer.say(encode_pdu(acceptance(1)) + encode_pdu(after))
        if not isinstance(after, A_ABORT_RQ):
            assert isinstance(peer.hear(), A_RELEASE_RP | A_ABORT_RQ)

    with Acceptor(conversation) as there:
        assoc = there.ask()
        assert assoc.over.wait(5)
        assert getattr(assoc, flag)
        assert not assoc.is_established
        assert sum((assoc.is_released, assoc.is_aborted, assoc.is_rejected)) == 1
        with pytest.raises(RuntimeError, match="established"):
            assoc.send_c_echo()


def test_the_acceptance_repeats_what_the_request_had_in_reserved_fields() -> None:
    noise = bytes(range(32))
    asked = bytearray(encode_pdu(request()))
    asked[10:26] = b"SCP\x00\xfftrash\x01\x02    "
    asked[42:74] = noise
    with serving(scp()) as server, RawPeer.to(server) as peer:
        peer.say(bytes(asked))
        answer = peer.hear()
        assert isinstance(answer, A_ASSOCIATE_AC)
        assert answer.reserved == noise
        assert answer.called_ae_title == "SCP"


def _without(pdu: A_ASSOCIATE_RQ, item_type: int) -> bytes:
    """The PDU without its items of a type."""
    data = encode_pdu(pdu)
    kept, place = data[:74], 74
    while place < len(data):
        size = 4 + int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place] != item_type:
            kept += data[place : place + size]
        place += size
    return kept[:2] + (len(kept) - 6).to_bytes(4, "big") + kept[6:]


def _titled(called: bytes, calling: bytes) -> bytes:
    data = encode_pdu(request())
    return data[:10] + called.ljust(16) + calling.ljust(16) + data[42:]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (_without(request(), 0x10), A_ASSOCIATE_RJ(result=1, source=1, reason=2)),
        (_without(request(), 0x20), A_ASSOCIATE_RJ(result=1, source=1, reason=1)),
        (_titled(b"", b"RAW"), A_ASSOCIATE_RJ(result=1, source=1, reason=7)),
        (_titled(b"SCP", b"\x00RAW"), A_ASSOCIATE_RJ(result=1, source=1, reason=3)),
    ],
    ids=["no application context", "no presentation context", "no called title", "no calling title"],
)
def test_requests_that_lack_something_are_rejected(asked: bytes, answer: A_ASSOCIATE_RJ) -> None:
    with serving(scp()) as server, RawPeer.to(server) as peer:
        peer.say(asked)
        assert peer.hear() == answer
        assert serves(server) < SOON


def test_a_context_without_abstract_syntax_is_rejected_alone() -> None:
    data = encode_pdu(request(Verification, CTImageStorage))
    item = data.index(b"\x20\x00", 74)
    size = int.from_bytes(data[item + 2 : item + 4], "big")
    sub_item = data.index(b"\x30\x00", item)
    gone = 4 + len(Verification)
    data = data[:sub_item] + data[sub_item + gone :]
    data = data[: item + 2] + (size - gone).to_bytes(2, "big") + data[item + 4 :]
    cut = data[:2] + (len(data) - 6).to_bytes(4, "big") + data[6:]
    with serving(scp(Verification, CTImageStorage)) as server, RawPeer.to(server) as peer:
        peer.say(cut)
        answer = peer.hear()
        assert isinstance(answer, A_ASSOCIATE_AC)
        assert [(c.context_id, c.result) for c in answer.presentation_contexts] == [(1, 3), (3, 0)]


# --------------------------------------------------------------------------- segments
def test_segments_of_one_byte_change_nothing() -> None:
    stored: list[bytes] = []

    def on_store(event: Any) -> int:
        stored.append(bytes(event.request.data))
        return 0x0000

    body = bytes(range(256))
    said = encode_pdu(request(Verification, CTImageStorage))
    parts = (
        PDV(context_id=3, is_command=True, is_last=True, data=encode_command(store_request())),
        PDV(context_id=3, is_command=False, is_last=False, data=body[:101]),
    )
    rest = encode_pdu(P_DATA_TF(pdvs=parts)) + fragment(body[101:], context_id=3, command=False)
    with serving(scp(Verification, CTImageStorage), [(evt.EVT_C_STORE, on_store)]) as server:
        peer = RawPeer.to(server)
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for index in range(len(said)):
            peer.say(said[index : index + 1])
        assert isinstance(peer.hear(), A_ASSOCIATE_AC)
        for index in range(len(rest)):
            peer.say(rest[index : index + 1])
        answer = peer.hear_message()
        assert answer is not None
        assert answer.Status == 0x0000
        for byte in encode_pdu(A_RELEASE_RQ()):
            peer.say(bytes([byte]))
        assert peer.hear() == A_RELEASE_RP()
        peer.close()
    assert stored == [body]


# --------------------------------------------------------------------------- the listener
def test_no_descriptors_left_is_survived_without_a_busy_loop(caplog: pytest.LogCaptureFixture) -> None:
    import errno
    from types import SimpleNamespace

    with serving(scp()) as server:
        real, tries = server.socket, []

        def accept() -> Any:
            tries.append(time.monotonic())
            raise OSError(errno.EMFILE, "Too many open files")

        server.socket = SimpleNamespace(accept=accept, fileno=real.fileno)  # type: ignore[assignment]
        with caplog.at_level(logging.ERROR, "workstation.net.listener"):
            waiting = RawPeer.to(server)
            assert until(lambda: bool(tries))
            time.sleep(0.4)
        server.socket = real
        assert 1 <= len(tries) <= 5
        assert caplog.text.count("No connection can be accepted") == 1
        waiting.say(request())
        assert isinstance(waiting.hear(), A_ASSOCIATE_AC)
        waiting.close()
        assert serves(server) < SOON


def test_no_threads_left_leaves_no_association_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    from workstation.net.shell import threads

    ae = scp()
    with serving(ae) as server:
        real = threads.run

        def run(*args: Any, **options: Any) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threads, "run", run)
        with RawPeer.to(server) as unlucky:
            unlucky.until_closed()
        monkeypatch.setattr(threads, "run", real)
        assert ae.active_associations == []
        assert serves(server) < SOON


def test_places_are_not_given_twice() -> None:
    ae = scp()
    ae.maximum_associations = 3
    with serving(ae) as server:
        peers = [RawPeer.to(server) for _ in range(30)]
        for peer in peers:
            peer.say(request())
        answers = [type(peer.hear()) for peer in peers]
        assert answers.count(A_ASSOCIATE_AC) == 3
        assert answers.count(A_ASSOCIATE_RJ) == 27
        for peer in peers:
            peer.close()
        assert until(lambda: not ae.active_associations)
        assert serves(server) < SOON
