"""Recorded traffic through the command line: our JSON, Wireshark's JSON and tcpdump's packets tell the same."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from json_facts import Pdu, client_port, elements_of_json, export, facts_of_json
from pdu_facts import comparable_with_tshark, tshark_reads
from peers import run
from recorded import Recording, by_conversation
from recording import FIRST_CLIENT_PORT
from tcpdump import require_capturing, tcpdump
from tshark import TsharkPdu, check_connections

from workstation.net import AE, evt
from workstation.net.codec.dimse import MESSAGES
from workstation.net.sop_class import CTImageStorage, Verification
from workstation.traffic.capture.reading import read_capture
from workstation.traffic.capture.recording import CaptureRecorder
from workstation.traffic.capture.writing import write_log
from workstation.traffic.log import TrafficLog

# In seconds: a time in a pcap file is in microseconds.
CLOSE = 2e-6


@pytest.fixture(scope="module")
def exported(recorded: Recording) -> list[Pdu]:
    """What the command line says of the conversations."""
    return export(recorded.pcap)


def conversations(pdus: list[Pdu], count: int) -> list[list[Pdu]]:
    """The PDUs of each conversation."""
    found: list[list[Pdu]] = [[] for _ in range(count)]
    for pdu in pdus:
        found[client_port(pdu) - FIRST_CLIENT_PORT].append(pdu)
    return found


def pairs(recorded: Recording, exported: list[Pdu], tshark: list[list[TsharkPdu]]) -> Any:
    """(bytes, exported PDU, Wireshark's PDU) of each PDU; fails where one has more than another."""
    mine = conversations(exported, len(recorded.conversations))
    for conversation, ours, theirs in zip(recorded.conversations, mine, tshark, strict=True):
        for pdu, our_pdu, their_pdu in zip(conversation.pdus, ours, theirs, strict=True):
            yield pdu.data, our_pdu, their_pdu


# -- our JSON and Wireshark's ------------------------------------------------------------------------------------


def check_agreement(recorded: Recording, exported: list[Pdu], tshark: list[list[TsharkPdu]]) -> None:
    """Every PDU, and of each every field and every element of a command set that both decode."""
    commands = 0
    for data, ours, theirs in pairs(recorded, exported, tshark):
        facts = comparable_with_tshark(facts_of_json(ours, data))
        assert facts == tshark_reads(theirs)
        assert facts[0].fact.value == data[0]
        assert ours["type"] == TYPES[data[0]]
        assert ours["direction"] == ("to-acceptor" if theirs.from_client else "to-requestor")
        assert ours["length"] == len(data)
        assert abs(ours["time"] - theirs.time) < CLOSE
        commands += check_command(ours, theirs)
    assert commands > 50


TYPES = {
    1: "A-ASSOCIATE-RQ",
    2: "A-ASSOCIATE-AC",
    3: "A-ASSOCIATE-RJ",
    4: "P-DATA-TF",
    5: "A-RELEASE-RQ",
    6: "A-RELEASE-RP",
    7: "A-ABORT",
}


def check_command(ours: Pdu, theirs: TsharkPdu) -> bool:
    """The command set that a PDU completes, element by element; whether there is one."""
    message = ours.get("message")
    if message is None:
        return False
    assert "problem" not in message
    field = next(element["value"] for element in message["command"] if element["tag"] == "(0000,0100)")
    assert message["name"] == MESSAGES[field].__name__.replace("_", "-")
    if "dicom.data.tag.missing" in theirs.problems:
        # Wireshark 4.0 takes an answer on a context of a compressed or deflated syntax for the rest of the data
        assert message["name"].endswith("-RSP")
        return False
    # PDU header and PDV header are 12 bytes; no peer cuts a command set in fragments.
    assert list(elements_of_json(message, 12)) == theirs.elements
    return True


def test_the_export_agrees_with_wireshark(recorded: Recording, exported: list[Pdu]) -> None:
    check_agreement(recorded, exported, recorded.tshark)


def test_the_export_has_each_pdu_and_message(recorded: Recording, exported: list[Pdu]) -> None:
    assert len(exported) == sum(len(conversation.pdus) for conversation in recorded.conversations)
    assert [pdu["time"] for pdu in exported] == sorted(pdu["time"] for pdu in exported)
    assert {pdu["association"] for pdu in exported} == set(range(1, len(recorded.conversations) + 1))
    named = {pdu["message"]["name"] for pdu in exported if "message" in pdu}
    services = ("C-ECHO", "C-STORE", "C-FIND", "C-GET", "C-MOVE", "N-ACTION")
    assert named >= {f"{service}-{kind}" for service in services for kind in ("RQ", "RSP")}


# -- a capture that we save --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(recorded: Recording) -> Path:
    """The recorded traffic, opened and saved again."""
    path = recorded.pcap.with_name("saved.pcapng")
    log = TrafficLog()
    read_capture(recorded.pcap, log)
    written = write_log(path, log.conversations)
    assert (written.associations, written.cut, written.missing) == (len(recorded.conversations), 0, 0)
    return path


def test_a_saved_capture_opens_in_wireshark_with_nothing_malformed(
    recorded: Recording, saved: Path, exported: list[Pdu]
) -> None:
    check_connections(saved, len(recorded.conversations))
    tshark = by_conversation(saved, len(recorded.conversations))
    problems = {problem for pdus in recorded.tshark for pdu in pdus for problem in pdu.problems}
    assert {problem for pdus in tshark for pdu in pdus for problem in pdu.problems} == problems
    assert not [problem for problem in problems if "malformed" in problem]
    check_agreement(recorded, exported, tshark)


def test_a_saved_capture_says_what_the_first_one_said(saved: Path, exported: list[Pdu]) -> None:
    for one, other in zip(exported, export(saved), strict=True):
        assert abs(one["time"] - other["time"]) < CLOSE
        assert {**one, "time": 0} == {**other, "time": 0}


# -- a capture that tcpdump took ---------------------------------------------------------------------------------


def test_tcpdumps_packets_of_the_same_traffic_say_the_same(recorded: Recording, exported: list[Pdu]) -> None:
    require_capturing()
    by_ports: dict[tuple[int, int], list[Pdu]] = {}
    # Another run of these tests at the same time is heard as well, perhaps not to its end.
    for pdu in export(recorded.dump, is_ours=False):
        acceptor = int(str(pdu["acceptor"]).rpartition(":")[2])
        by_ports.setdefault((client_port(pdu), acceptor), []).append(pdu)
    made = conversations(exported, len(recorded.conversations))
    for conversation, expected in zip(recorded.conversations, made, strict=True):
        check_same(expected, by_ports.pop(conversation.ports))


def check_same(some: list[Pdu], others: list[Pdu]) -> None:
    """The same PDUs and messages in each direction; what crosses on the wire may be heard in another order."""
    for direction in ("to-acceptor", "to-requestor"):
        one, other = ([said(pdu) for pdu in pdus if pdu["direction"] == direction] for pdus in (some, others))
        assert one == other


def said(pdu: Pdu) -> Pdu:
    """What a PDU says, without when, where and as which one."""
    return {name: pdu.get(name) for name in ("type", "length", "fields", "message", "further_messages", "problem")}


# -- a run that we record ----------------------------------------------------------------------------------------


def test_a_run_recorded_here_and_by_tcpdump_is_the_same(tmp_path: Path, samples: Path) -> None:
    """DCMTK's clients and ours at our server; ours is one connection, though both of its ends are recorded."""
    recorder = CaptureRecorder(tmp_path / "run.pcapng")
    closed = threading.Semaphore(0)
    ae = AE("OURS")
    ae.require_called_aet = True
    for uid in (Verification, CTImageStorage):
        ae.add_supported_context(uid)
    handlers: list[Any] = [
        *recorder.handlers(),
        (evt.EVT_C_STORE, lambda event: 0xB000),
        (evt.EVT_CONN_CLOSE, lambda event: closed.release()),
    ]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    port = server.server_address[1]
    objects = sorted((samples / "ct-chest").glob("*.dcm"))[:3]
    try:
        with tcpdump(tmp_path / "dump.pcap", f"tcp port {port}"):
            run("echoscu", "-aec", "OURS", "--repeat", 2, "127.0.0.1", port)
            run("storescu", "-aec", "OURS", "-R", "127.0.0.1", port, *objects)
            run("echoscu", "-aec", "OURS", "--abort", "127.0.0.1", port)
            run("echoscu", "-aec", "NOBODY", "127.0.0.1", port)
            run("findscu", "-aec", "OURS", "-S", "-k", "QueryRetrieveLevel=STUDY", "127.0.0.1", port)
            ae.add_requested_context(Verification)
            association = ae.associate("127.0.0.1", port, ae_title="OURS", evt_handlers=recorder.handlers())
            assert association.send_c_echo().Status == 0
            association.release()
            for _ in range(6):
                assert closed.acquire(timeout=10)
    finally:
        server.shutdown()
    assert recorder.close().associations == 6
    mine, theirs = by_requestor(export(recorder.path)), by_requestor(export(tmp_path / "dump.pcap"))
    assert mine.keys() == theirs.keys()
    for requestor, pdus in mine.items():
        check_same(pdus, theirs[requestor])
        assert {pdu["acceptor"] for pdu in pdus} == {f"127.0.0.1:{port}"}
    types = {pdu["type"] for pdus in mine.values() for pdu in pdus}
    assert types == set(TYPES.values())


def by_requestor(pdus: list[Pdu]) -> dict[str, list[Pdu]]:
    """The PDUs of each association, by where the requestor is."""
    found: dict[str, list[Pdu]] = {}
    for pdu in pdus:
        found.setdefault(str(pdu["requestor"]), []).append(pdu)
    return found
