"""Servers that mean harm, and files that are none: a sentence with the layer and the remedy, and the job ends."""

import os
import socket
import struct
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_wire import EVIL, STAND_IN, HandPeer, implicit
from pydicom.dataset import Dataset
from scu_peers import keys

from workstation.net.codec.dimse import C_ECHO_RSP, C_FIND_RSP, C_GET_RSP, C_MOVE_RSP, C_STORE_RQ, C_STORE_RSP
from workstation.net.part10 import encode_head
from workstation.peers import Peer
from workstation.scu import query
from workstation.scu.caller import Caller
from workstation.scu.echo import EchoJob
from workstation.scu.failure import Failure, Layer
from workstation.scu.files import FoundFile, inspect, scan
from workstation.scu.query import QueryJob
from workstation.scu.retrieve import GetJob, MoveJob
from workstation.scu.send import SendJob, plan_contexts

VERIFICATION = "1.2.840.10008.1.1"
FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
SEQUENCE = struct.pack("<HHL", 0x0008, 0x1032, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
PATIENCE = 10.0

Start = Callable[[Callable[[socket.socket], None]], Peer]


@pytest.fixture
def caller(caller: Caller) -> Caller:
    return replace(caller, acse_timeout=1, dimse_timeout=1, network_timeout=2)


def harmless(text: str) -> bool:
    """One line that no terminal and no row of a table minds."""
    return text.isprintable()


def is_explained(failure: Failure | None, layer: Layer, words: str) -> bool:
    assert failure is not None
    assert failure.layer is layer, failure
    assert words in failure.sentence, failure
    assert failure.remedy, failure
    return harmless(failure.sentence)


# --- before there is an association


STRANGERS: dict[str, tuple[bytes | None, Layer, str]] = {
    "a web server": (b"HTTP/1.1 400 <script>alert(1)</script>\r\n\r\n", Layer.ASSOCIATION, "web server"),
    "a TLS server": (b"\x15\x03\x03\0\2\2\x28", Layer.TLS, "expects TLS"),
    "controls and markup": (EVIL * 20, Layer.ASSOCIATION, "no DICOM server"),
    "nothing, and closes": (b"", Layer.ASSOCIATION, "closed the connection"),
    "nothing, and stays": (None, Layer.ASSOCIATION, "did not answer"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_strangers_are_named(raw_server: Start, caller: Caller, stranger: str) -> None:
    said, layer, words = STRANGERS[stranger]

    def talk(sock: socket.socket) -> None:
        HandPeer(sock).hear()
        if said is None:
            sock.recv(1)
        else:
            sock.sendall(said)

    assert is_explained(EchoJob(caller, raw_server(talk)).run().failure, layer, words)


@pytest.mark.parametrize("host", ["h" * 250, "a..b", "h" * 64 + ".invalid", "\u2603" * 60, "."])
def test_names_that_are_none_cannot_be_resolved(caller: Caller, host: str) -> None:
    failure = EchoJob(caller, Peer("Peer", "PEER", host, 104)).run().failure
    assert is_explained(failure, Layer.TCP, "cannot be resolved")


# --- C-ECHO


def echoed(raw_server: Start, caller: Caller, act: Callable[[HandPeer], None]) -> Any:
    def talk(sock: socket.socket) -> None:
        peer = HandPeer(sock)
        peer.accept(version=STAND_IN)
        peer.hear_message()
        act(peer)

    return EchoJob(caller, raw_server(talk)).run()


def answer(status: int, number: int = 1, comment: str | None = None) -> Callable[[HandPeer], None]:
    def act(peer: HandPeer) -> None:
        response = C_ECHO_RSP(MessageIDBeingRespondedTo=number, Status=status, ErrorComment=comment)
        peer.say_message(response)
        peer.until_closed()

    return act


def test_what_a_server_calls_itself_is_plain(raw_server: Start, caller: Caller) -> None:
    result = echoed(raw_server, caller, answer(0x0000))
    assert result.succeeded
    assert "<b>" in result.sentence
    assert harmless(result.implementation)
    assert harmless(result.sentence)


@pytest.mark.parametrize("status", [0xFFFF, 0xFE00, 0xFF00, 0x0110, 0xC123])
def test_absurd_statuses_are_failures(raw_server: Start, caller: Caller, status: int) -> None:
    result = echoed(raw_server, caller, answer(status, comment=STAND_IN))
    assert is_explained(result.failure, Layer.STATUS, f"0x{status:04X}")


def answer_another_service(peer: HandPeer) -> None:
    peer.say_message(C_STORE_RSP(MessageIDBeingRespondedTo=1, Status=0))
    peer.until_closed()


STAGES: dict[str, tuple[Callable[[HandPeer], object], Layer, str]] = {
    "resets": (HandPeer.reset, Layer.TCP, "closed the connection"),
    "closes": (HandPeer.close, Layer.TCP, "closed the connection"),
    "is silent": (HandPeer.until_closed, Layer.STATUS, "did not answer"),
    "says garbage": (lambda peer: peer.say(EVIL * 50), Layer.ASSOCIATION, "during C-ECHO"),
    "answers another": (answer(0, number=999), Layer.ASSOCIATION, "999"),
    "answers something else": (answer_another_service, Layer.ASSOCIATION, "C-STORE-RSP"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_server_that_breaks_off_is_explained(raw_server: Start, caller: Caller, stage: str) -> None:
    act, layer, words = STAGES[stage]
    assert is_explained(echoed(raw_server, caller, act).failure, layer, words)  # type: ignore[arg-type]


# --- C-FIND


def find(
    raw_server: Start, caller: Caller, identifiers: Sequence[bytes | None], **options: Any
) -> tuple[query.QueryResult, list[Dataset]]:
    """Ask a server that answers these identifiers, and again and again if the last is None."""

    def talk(sock: socket.socket) -> None:
        peer = HandPeer(sock)
        peer.accept()
        peer.hear_message()
        pending = C_FIND_RSP(MessageIDBeingRespondedTo=1, AffectedSOPClassUID=FIND, Status=0xFF00, has_data_set=True)
        for identifier in identifiers:
            if identifier is not None:
                peer.say_message(pending, identifier)
        while identifiers[-1] is None:
            peer.say_message(pending, identifiers[0] or b"")
        peer.say_message(C_FIND_RSP(MessageIDBeingRespondedTo=1, AffectedSOPClassUID=FIND, Status=0))
        peer.until_closed()

    matches: list[Dataset] = []
    job = QueryJob(caller, raw_server(talk), "study", "STUDY", keys(PatientName=""), matches.append, **options)
    return job.run(), matches


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_identifiers_are_counted(raw_server: Start, caller: Caller) -> None:
    broken = [b"", b"\xff" * 50, SEQUENCE * 5000, implicit(0x00200013, b"1e400"), b"abc"]
    result, matches = find(raw_server, caller, broken)
    assert result.failure is None
    assert result.matches == 5
    assert len(matches) + result.unreadable == 5


def test_endless_answers_end_at_the_limit(raw_server: Start, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workstation.scu.operation.CANCEL_GRACE", 0.2)
    result, matches = find(raw_server, caller, [implicit(0x0020000D, b"1.2"), None], limit=10)
    assert (result.matches, len(matches), result.limited) == (10, 10, True)


def test_long_answers_are_not_kept(raw_server: Start, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workstation.scu.operation.CANCEL_GRACE", 0.2)
    monkeypatch.setattr(query, "LONGEST_MATCH", 10_000)
    monkeypatch.setattr(query, "MOST_BYTES", 100_000)
    name = implicit(0x00100010, b"A" * 9_000)
    result, matches = find(raw_server, caller, [implicit(0x00100010, b"A" * 20_000), name, name])
    assert (result.matches, result.unreadable, len(matches)) == (3, 1, 2)
    result, matches = find(raw_server, caller, [name, None])
    assert result.limited
    assert len(matches) == 12


# --- C-MOVE and C-GET


@pytest.mark.parametrize(
    "listed",
    [
        b"",
        implicit(0x00080058, EVIL + b"\\1.2"),
        struct.pack("<HHL", 8, 0x58, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0),
        b"\xff" * 33,
    ],
)
def test_absurd_counts_and_lists_do_no_harm(raw_server: Start, caller: Caller, listed: bytes) -> None:
    def talk(sock: socket.socket) -> None:
        peer = HandPeer(sock)
        peer.accept()
        peer.hear_message()
        many: dict[str, Any] = {
            f"NumberOf{name}Suboperations": 0xFFFF for name in ("Remaining", "Completed", "Failed", "Warning")
        }
        response = C_MOVE_RSP(MessageIDBeingRespondedTo=1, AffectedSOPClassUID=MOVE, Status=0xFF00, **many)
        peer.say_message(response)
        peer.say_message(
            C_MOVE_RSP(
                MessageIDBeingRespondedTo=1,
                AffectedSOPClassUID=MOVE,
                Status=0xB000,
                NumberOfFailedSuboperations=3,
                has_data_set=True,
            ),
            listed,
        )
        peer.until_closed()

    told: list[Any] = []
    wanted = keys(StudyInstanceUID="1.2")
    result = MoveJob(caller, raw_server(talk), "DEST", "study", "STUDY", wanted, told.append).run()
    assert result.status == 0xB000
    assert all(harmless(uid) for uid in result.failed_uids)
    assert harmless(result.sentence)
    assert told


@pytest.mark.parametrize("uid", ["../../../etc/passwd", STAND_IN, "1.2.3", "A" * 64])
def test_objects_of_hostile_names_come_in_by_the_handler_alone(
    raw_server: Start, caller: Caller, uid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def talk(sock: socket.socket) -> None:
        peer = HandPeer(sock)
        request = peer.accept()
        context = next(each for each in request.presentation_contexts if each.abstract_syntax == CT)
        peer.hear_message()
        peer.say_message(
            C_STORE_RQ(MessageID=1, AffectedSOPClassUID=CT, AffectedSOPInstanceUID=uid, Priority=0, has_data_set=True),
            implicit(0x00080018, b"1.2"),
            context.context_id,
        )
        peer.hear_message()
        peer.say_message(C_GET_RSP(MessageIDBeingRespondedTo=1, AffectedSOPClassUID=GET, Status=0))
        peer.until_closed()

    taken: list[Any] = []

    def take(event: Any) -> int:
        taken.append(event)
        return 0x0000

    wanted = keys(StudyInstanceUID="1.2")
    result = GetJob(caller, raw_server(talk), "study", "STUDY", wanted, take).run()
    assert result.failure is None
    assert (result.received, len(taken)) == (1, 1)
    assert list(tmp_path.iterdir()) == []


# --- files


def head(syntax: str = EXPLICIT, sop_class: str = CT, instance: str = "1.2.3") -> bytes:
    return encode_head(
        sop_class_uid=sop_class,
        sop_instance_uid=instance,
        transfer_syntax_uid=syntax,
        implementation_class_uid="1.2",
    )


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    if vr in (b"SQ", b"OB"):
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


NAME = element(0x00100010, b"PN", b"Doe^Jane")
OPENED = struct.pack("<HH2sHL", 0x0008, 0x1032, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)

FILES: dict[str, tuple[bytes, str]] = {
    "whole": (head() + NAME, ""),
    "an instance of any name": (head(instance=EVIL.decode()) + NAME, ""),
    "a private transfer syntax": (head(syntax="1.2.840.113619.5.2") + NAME, ""),
    "an unknown transfer syntax": (head(syntax="1.2.3.4") + NAME, ""),
    "an unreadable name": (
        head() + element(0x00080005, b"CS", b"FOO") + element(0x00100010, b"PN", b"\xff\x1b$"),
        "",
    ),
    "empty": (b"", "empty"),
    "text": (b"hello" * 100, "no DICOM file"),
    "half a head": (head()[:200], "no DICOM file"),
    "a head alone": (head(), "no data set"),
    "a head and a half": (head() + NAME[:3], "no data set"),
    "half": (head() + NAME[:-3], "too early"),
    "no UID as class": (head(sop_class=EVIL.decode()) + NAME, "no UID"),
    "no UID as syntax": (head(syntax="<img src=x>") + NAME, "no UID"),
    "a long class": (head(sop_class="1." * 100) + NAME, "no UID"),
    "never closed": (head() + OPENED + NAME, "damaged"),
    "too deep": (head() + OPENED * 5000 + NAME, "cannot be read"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", FILES)
def test_files_are_sendable_or_explained(tmp_path: Path, kind: str) -> None:
    content, words = FILES[kind]
    path = tmp_path / "file.dcm"
    path.write_bytes(content)
    found = inspect(path)
    assert found.sendable is not bool(words)
    assert words in found.sentence
    assert harmless(found.sentence)
    assert harmless(found.patient_name)
    plan_contexts([found])


def test_a_deflated_bomb_is_looked_at_in_no_memory(tmp_path: Path) -> None:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = deflater.compress(NAME + struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OB", 0, 64 << 20) + bytes(64 << 20))
    path = tmp_path / "bomb.dcm"
    path.write_bytes(head(syntax="1.2.840.10008.1.2.1.99") + bomb + deflater.flush())
    tracemalloc.start()
    found = inspect(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.sendable
    assert found.patient_name == "Doe^Jane"
    assert peak < 24 << 20


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_a_search_meets_everything_and_ends(tmp_path: Path) -> None:
    (tmp_path / "good.dcm").write_bytes(head() + NAME)
    (tmp_path / "new\nline\udcff.dcm").write_bytes(head() + NAME)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "nowhere").symlink_to("absent")
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "round").symlink_to("..")
    found: list[FoundFile] = []
    done = threading.Event()

    def search() -> None:
        scan([tmp_path, tmp_path / ("n" * 300), "a\0b", "/proc/self/status"], found.append)
        done.set()

    threading.Thread(target=search, daemon=True).start()
    assert done.wait(PATIENCE)
    assert sum(file.sendable for file in found) == 2
    assert len(found) == 9
    assert all(harmless(file.sentence) for file in found)


class Storage(threading.Thread):
    """A server that stores nothing and answers every C-STORE with one status."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.started = threading.Event()

    def run(self) -> None:
        sock, _ = self.listener.accept()
        with self.listener, sock:
            peer = HandPeer(sock)
            peer.accept(syntax=EXPLICIT)
            while (request := peer.hear_message()) is not None:
                self.started.set()
                peer.say_message(
                    C_STORE_RSP(MessageIDBeingRespondedTo=request.MessageID, Status=self.status, ErrorComment=STAND_IN),
                    context_id=request.context_id,
                )


@pytest.mark.parametrize("status", [0xFF00, 0xFE00, 0xFFFF, 0xA700])
def test_only_success_and_warning_are_stored(caller: Caller, tmp_path: Path, status: int) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(head() + NAME)
    server = Storage(status)
    server.start()
    peer = Peer("Peer", "PEER", "127.0.0.1", server.listener.getsockname()[1])
    result = SendJob(caller, peer, [inspect(path)]).run()
    server.join(PATIENCE)
    assert result.stored == 0
    assert is_explained(result.outcomes[0].failure, Layer.STATUS, f"0x{status:04X}")


@pytest.mark.skipif(sys.platform == "win32", reason="has no named pipes")
@pytest.mark.parametrize("change", ["vanishes", "shrinks", "becomes a folder", "becomes a pipe"])
def test_a_file_that_changes_before_it_is_sent(caller: Caller, tmp_path: Path, change: str) -> None:
    files = []
    for number in range(3):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(head(instance=f"1.2.{number}") + NAME + element(0x7FE00010, b"OB", bytes(100_000)))
        files.append(inspect(path))
    changed = files[1].path
    if change == "shrinks":
        os.truncate(changed, 1000)
    else:
        changed.unlink()
        if change == "becomes a folder":
            changed.mkdir()
        elif change == "becomes a pipe":
            os.mkfifo(changed)
    server = Storage(0x0000)
    server.start()
    began = time.monotonic()
    peer = Peer("Peer", "PEER", "127.0.0.1", server.listener.getsockname()[1])
    outcomes = {outcome.file.path.name: outcome for outcome in SendJob(caller, peer, files).run().outcomes}
    server.join(PATIENCE)
    assert time.monotonic() - began < PATIENCE
    assert outcomes["0.dcm"].stored
    assert outcomes["2.dcm"].stored
    failure = outcomes["1.dcm"].failure
    if change != "shrinks":
        assert failure is not None
        assert failure.layer is Layer.FILE
