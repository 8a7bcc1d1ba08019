"""What the real core reports, recorded and folded: both sides of associations over loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from workstation.net import AE, evt
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record
from workstation.traffic.recorder import Recorder

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
EXPLICIT = "1.2.840.10008.1.2.1"


class Net:
    """A server and its clients, all recorded."""

    def __init__(self) -> None:
        self._woken = threading.Condition()
        self.recorder = Recorder(self._wake)
        self.log = TrafficLog()
        self.records: list[Record] = []
        self.ae = AE(ae_title="SERVER")
        for abstract in (VERIFICATION, CT, FIND):
            self.ae.add_supported_context(abstract)
        self.client = AE(ae_title="CLIENT")
        handlers: list[Any] = [*self.recorder.handlers(), (evt.EVT_C_STORE, lambda event: 0), (evt.EVT_C_FIND, find)]
        self.server = self.ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.server_address[1]

    def _wake(self) -> None:
        with self._woken:
            self._woken.notify()

    def associate(self, *contexts: str, **options: Any) -> Any:
        self.client.requested_contexts = []
        for abstract in contexts:
            self.client.add_requested_context(abstract)
        return self.client.associate("127.0.0.1", self.port, evt_handlers=self.recorder.handlers(), **options)

    def settle(self, conversations: int) -> list[Conversation]:
        """Wait until so many conversations are over."""
        deadline = time.monotonic() + 10
        while True:
            with self._woken:
                if not self.recorder.waiting:
                    self._woken.wait(max(deadline - time.monotonic(), 0))
            records = self.recorder.drain()
            assert records, "the conversations did not end"
            self.records += records
            self.log.add(records)
            opened = {record.association for record in self.records if record.event == "EVT_CONN_OPEN"}
            closed = {record.association for record in self.records if record.event == "EVT_CONN_CLOSE"}
            over = [conversation for conversation in self.log.conversations if conversation.finished]
            if opened == closed and len(over) == conversations == len(self.log):
                return sorted(over, key=lambda conversation: conversation.mode, reverse=True)


def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
    for name in ("A", "B"):
        dataset = Dataset()
        dataset.QueryRetrieveLevel = "PATIENT"
        dataset.PatientName = name
        yield 0xFF00, dataset


@pytest.fixture
def net() -> Iterator[Net]:
    net = Net()
    yield net
    net.server.shutdown()


def image(size: int) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.PatientName = "Doe^John"
    dataset.add_new(0x7FE00010, "OW", bytes(size))
    return dataset


def test_echo_and_release_on_both_sides(net: Net) -> None:
    assoc = net.associate(VERIFICATION, MR)
    assert assoc.send_c_echo().Status == 0
    assoc.release()
    requestor, acceptor = net.settle(2)
    assert (requestor.mode, acceptor.mode) == ("requestor", "acceptor")
    names = ["A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "C-ECHO-RQ", "C-ECHO-RSP", "A-RELEASE-RQ", "A-RELEASE-RP"]
    for conversation in (requestor, acceptor):
        assert [row.name for row in conversation.rows] == names
        assert conversation.state_word == "Released"
        assert conversation.state == "Sta1"
        assert (conversation.calling, conversation.peer_address.split(":")[0]) == ("CLIENT", "127.0.0.1")
        assert conversation.accepted_contexts == 1
        assert conversation.contexts[3].result_text == "Rejected: abstract syntax not supported"
        assert conversation.problems == 0
        assert conversation.rows[3].status_text == "0x0000 (Success)"
        assert conversation.rows[3].request == 3
        assert conversation.end_reason
        for row in conversation.rows:
            dissect(row)
    assert [row.sent for row in requestor.rows] == [True, False] * 3
    assert [row.sent for row in acceptor.rows] == [False, True] * 3
    assert requestor.bytes_sent == acceptor.bytes_received
    assert [step.action for step in requestor.path] == ["AE-1", "AE-2", "AE-3", "DT-1", "DT-2", "AR-1", "AR-3"]
    assert [step.action for step in acceptor.path] == ["AE-5", "AE-6", "AE-7", "DT-2", "DT-1", "AR-2", "AR-4", "AR-5"]
    # All that the core tells of a PDU comes in pairs.
    pairs = [record for record in net.records if record.event in ("EVT_PDU_SENT", "EVT_PDU_RECV")]
    bytes_ = [record for record in net.records if record.event in ("EVT_DATA_SENT", "EVT_DATA_RECV")]
    for number in (requestor.number, acceptor.number):
        for way in ("SENT", "RECV"):
            types = [r.pdu_type for r in pairs if r.association == number and r.event.endswith(way)]
            assert types == [r.pdu_type for r in bytes_ if r.association == number and r.event.endswith(way)]
            assert len(types) == 3


def test_a_stored_object_can_be_read_in_its_pdus(net: Net) -> None:
    assoc = net.associate(CT)
    assert assoc.send_c_store(image(100_000)).Status == 0
    assoc.release()
    for conversation in net.settle(2):
        row = conversation.rows[2]
        assert row.name == "C-STORE-RQ"
        assert row.complete
        assert row.data_size > 100_000
        assert len(row.pdus) > 1
        tree = dissect(row)
        assert len(tree.data) == tree.length
        names = [field.name for field in tree.fields[1].children]
        assert "(0010,0010) Patient's Name" in names
        assert not [field for field in tree.fields[1].children if field.problem]
        assert conversation.rows[3].response_time is not None


def test_pending_answers(net: Net) -> None:
    assoc = net.associate(FIND)
    keys = Dataset()
    keys.QueryRetrieveLevel = "PATIENT"
    keys.PatientName = "*"
    assert len(list(assoc.send_c_find(keys, FIND))) == 3
    assoc.release()
    for conversation in net.settle(2):
        answers = [row for row in conversation.rows if row.name == "C-FIND-RSP"]
        assert [row.status for row in answers] == [0xFF00, 0xFF00, 0]
        assert {row.request for row in answers} == {3}


def test_abort(net: Net) -> None:
    net.associate(VERIFICATION).abort()
    requestor, acceptor = net.settle(2)
    assert requestor.state_word == "Aborted by us"
    assert acceptor.state_word == "Aborted by the peer"


def test_reject(net: Net) -> None:
    net.ae.require_called_aet = True
    assert net.associate(VERIFICATION, ae_title="NOBODY").is_rejected
    requestor, acceptor = net.settle(2)
    assert requestor.state_word == "Rejected by the peer"
    assert acceptor.state_word == "Rejected by us"
    assert "called-AE-title-not-recognized" in requestor.rows[-1].detail
    assert requestor.called == acceptor.called == "NOBODY"


def test_nobody_listens(net: Net) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        net.client.add_requested_context(VERIFICATION)
        net.client.associate("127.0.0.1", port, evt_handlers=net.recorder.handlers())
    (conversation,) = net.settle(1)
    assert conversation.state_word == "Connection failed"
    assert conversation.rows == []


def test_bytes_that_are_no_dicom(net: Net) -> None:
    with socket.create_connection(("127.0.0.1", net.port)) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n")
        while peer.recv(4096):
            pass
    (conversation,) = net.settle(1)
    assert conversation.rows[0].name == "Unrecognized bytes"
    assert conversation.rows[0].detail.startswith("GET / HTTP/1.1\\r\\n")
    assert conversation.state_word == "Aborted by us"


def test_a_connection_that_asks_for_nothing(net: Net) -> None:
    socket.create_connection(("127.0.0.1", net.port)).close()
    (conversation,) = net.settle(1)
    assert conversation.rows == []
    assert conversation.peer_address.startswith("127.0.0.1:")
    assert conversation.state_word in ("Closed", "Connection lost")


def test_all_seventeen_events_are_seen(net: Net) -> None:
    assoc = net.associate(VERIFICATION)
    assoc.send_c_echo()
    assoc.release()
    net.settle(2)
    net.associate(VERIFICATION).abort()
    net.settle(4)
    net.ae.require_called_aet = True
    net.associate(VERIFICATION, ae_title="NOBODY")
    net.settle(6)
    net.records += net.recorder.drain()
    assert {record.event for record in net.records} == {event.name for event in evt.NOTIFICATION_EVENTS}
