"""A conversation folded from records: state, contexts, messages, problems."""

from __future__ import annotations

import struct

import pytest
from traffic_wire import ACCEPT, CT, ECHO_RQ, EXPLICIT, REQUEST, Wire, store_rq

from workstation.net.codec.dimse import C_CANCEL_RQ, C_FIND_RSP, C_MOVE_RSP, C_STORE_RSP, encode_command
from workstation.net.codec.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, A_RELEASE_RP, A_RELEASE_RQ, P_DATA_TF, PDV
from workstation.traffic import assembly as module
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record


def folded(records: list[Record], number: int = 1) -> Conversation:
    conversation = Conversation(number, records[0].time)
    for record in records:
        conversation.fold(record)
    return conversation


def test_an_echo_from_open_to_release() -> None:
    wire = Wire()
    records = [
        *wire.established(),
        *wire.echo(),
        wire.pdu(A_RELEASE_RQ(), sent=True),
        wire.step("Sta6", "Evt11", "AR-1", "Sta7"),
        wire.pdu(A_RELEASE_RP(), sent=False),
        wire.step("Sta7", "Evt13", "AR-3", "Sta1"),
        wire.close(),
    ]
    conversation = folded(records)
    assert [row.name for row in conversation.rows] == [
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "C-ECHO-RQ",
        "C-ECHO-RSP",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
    ]
    assert [row.sent for row in conversation.rows] == [True, False, True, False, True, False]
    assert (conversation.calling, conversation.called, conversation.mode) == ("MODALITY", "PACS", "requestor")
    assert conversation.peer_address == "10.1.2.3:104"
    assert conversation.state == "Sta1"
    assert conversation.state_word == "Released"
    assert conversation.finished
    assert conversation.established
    assert conversation.problems == 0
    assert conversation.pdus_sent == conversation.pdus_received == 3
    assert conversation.bytes_sent == sum(row.size for row in conversation.rows if row.sent)
    assert [step.step.action for step in conversation.path] == ["AE-1", "AE-2", "AE-3", "DT-1", "DT-2", "AR-1", "AR-3"]


def test_contexts_are_read_from_the_bytes_and_say_why() -> None:
    conversation = folded(Wire().established())
    contexts = list(conversation.contexts.values())
    assert [context.context_id for context in contexts] == [1, 3, 5]
    assert [context.accepted for context in contexts] == [True, True, False]
    assert contexts[1].abstract_syntax == CT
    assert contexts[1].transfer_syntax == EXPLICIT
    assert contexts[2].result_text == "Rejected: abstract syntax not supported"
    assert conversation.rows[0].detail == "3 contexts offered"
    assert conversation.rows[1].detail == "2 of 3 contexts accepted"
    assert conversation.acceptor.maximum_length == 16384
    assert conversation.requestor.implementation_version_name == "TEST"


def test_before_the_answer_contexts_are_not_answered() -> None:
    conversation = folded(Wire().established()[:4])
    assert conversation.state_word == "Requested"
    assert {context.result_text for context in conversation.contexts.values()} == {"Not answered"}


def test_a_message_gathers_its_fragments() -> None:
    wire = Wire()
    data = bytes(1000)
    conversation = folded([*wire.established(), *wire.message(store_rq(), data, sent=True, fragment=300)])
    row = conversation.rows[-1]
    assert row.name == "C-STORE-RQ"
    assert len(row.pdus) == 5  # one command fragment and four of the data set
    assert row.data_size == 1000
    assert row.complete
    assert row.size == sum(pdu.length for pdu in row.pdus)
    assert row.end_time > row.time
    assert row.transfer_syntax == EXPLICIT
    assert row.detail == "CT Image Storage"
    assert row.message == store_rq()


def test_command_and_data_in_one_pdu() -> None:
    wire = Wire()
    command = encode_command(store_rq())
    pdu = P_DATA_TF((PDV(3, True, True, command), PDV(3, False, True, b"\0" * 20)))
    row = folded([*wire.established(), wire.pdu(pdu, sent=True)]).rows[-1]
    assert row.complete
    assert len(row.pdus) == 1
    assert row.data_size == 20
    assert row.size == row.pdus[0].length


def test_a_command_over_several_pdus_is_decoded_when_whole() -> None:
    wire = Wire()
    records = wire.message(ECHO_RQ, sent=True, fragment=20)
    assert len(records) > 2
    conversation = folded([*wire.established(), *records[:-1]])
    assert conversation.rows[-1].name == "P-DATA-TF"
    assert not conversation.rows[-1].complete
    conversation.fold(records[-1])
    assert conversation.rows[-1].name == "C-ECHO-RQ"
    assert conversation.rows[-1].complete


def test_responses_find_their_requests_and_tell_the_time() -> None:
    wire = Wire()
    records = [*wire.established(), *wire.message(store_rq(1), b"12", sent=True)]
    records += wire.message(store_rq(2), b"12", sent=True)
    response = C_STORE_RSP(context_id=3, MessageIDBeingRespondedTo=1, Status=0xA700, ErrorComment="Disk full")
    records += wire.message(response, sent=False)
    row = folded(records).rows[-1]
    assert row.request == 3
    assert row.response_time == pytest.approx(0.3)
    assert row.delta == pytest.approx(0.2)
    assert row.status == 0xA700
    assert row.status_text == "0xA700 (Failure)"
    assert row.detail == "Disk full"
    assert row.message_id == 1


def test_pending_responses_share_a_request_and_a_cancel_names_it() -> None:
    wire = Wire()
    find = store_rq(5)
    records = [*wire.established(), *wire.message(find, b"12", sent=True)]
    pending = C_FIND_RSP(context_id=3, MessageIDBeingRespondedTo=5, Status=0xFF00, has_data_set=True)
    records += wire.message(pending, b"12", sent=False)
    records += wire.message(C_CANCEL_RQ(context_id=3, MessageIDBeingRespondedTo=5), sent=True)
    records += wire.message(C_FIND_RSP(context_id=3, MessageIDBeingRespondedTo=5, Status=0xFE00), sent=False)
    rows = folded(records).rows[3:]
    assert [row.name for row in rows] == ["C-FIND-RSP", "C-CANCEL-RQ", "C-FIND-RSP"]
    assert [row.request for row in rows] == [3, 3, 3]
    assert rows[0].pending
    assert rows[1].response_time is None


def test_sub_operations() -> None:
    wire = Wire()
    message = C_MOVE_RSP(
        context_id=3,
        MessageIDBeingRespondedTo=5,
        Status=0xFF00,
        NumberOfRemainingSuboperations=3,
        NumberOfCompletedSuboperations=2,
        NumberOfFailedSuboperations=1,
        NumberOfWarningSuboperations=0,
    )
    row = folded([*wire.established(), *wire.message(message, sent=False)]).rows[-1]
    assert row.sub_operations == (3, 2, 1, 0)
    assert row.status_text == "0xFF00 (Pending)"
    assert folded(wire.established()).rows[0].sub_operations is None


@pytest.mark.parametrize(
    ("pdu", "sent", "word", "detail"),
    [
        (A_ASSOCIATE_RJ(1, 1, 7), False, "Rejected by the peer", "called-AE-title-not-recognized"),
        (A_ASSOCIATE_RJ(2, 3, 2), True, "Rejected by us", "local-limit-exceeded"),
        (A_ABORT_RQ(0, 0), False, "Aborted by the peer", "service-user"),
        (A_ABORT_RQ(2, 2), True, "Aborted by us", "unexpected-PDU"),
    ],
)
def test_how_it_ended(pdu: A_ASSOCIATE_RJ | A_ABORT_RQ, sent: bool, word: str, detail: str) -> None:
    wire = Wire()
    conversation = folded([wire.open(), wire.pdu(REQUEST, sent=not sent), wire.pdu(pdu, sent=sent), wire.close()])
    assert conversation.state_word == word
    assert detail in conversation.rows[-1].detail


def test_a_refused_and_a_lost_connection() -> None:
    wire = Wire()
    refused = folded([wire.step("Sta1", "Evt1", "AE-1", "Sta4"), wire.step("Sta4", "Evt17", "AA-4", "Sta1")])
    assert refused.state_word == "Connection failed"
    assert refused.finished
    lost = folded([*wire.established(), wire.step("Sta6", "Evt17", "AA-4", "Sta1")])
    assert lost.state_word == "Connection lost"


def test_the_end_leaves_an_unfinished_message_marked() -> None:
    wire = Wire()
    conversation = folded([*wire.established(), *wire.message(store_rq(), bytes(100), sent=True, fragment=60)[:-1]])
    conversation.fold(wire.close())
    assert "before the message was complete" in conversation.rows[-1].problem


def test_data_transfer_is_one_entry_of_the_path() -> None:
    wire = Wire()
    records = wire.established()
    for _ in range(50):
        records += wire.echo()
    conversation = folded(records)
    assert [(step.action, step.count) for step in conversation.path[-2:]] == [("DT-1", 50), ("DT-2", 50)]
    assert conversation.path[-1].last_time > conversation.path[-1].time


def header(control: int, length: int, context_id: int = 1) -> bytes:
    return struct.pack(">IBB", length, context_id, control)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "without a PDV"),
        (b"\0\0", "within the header of a PDV"),
        (header(3, 1), "does not fit"),
        (header(3, 500), "does not fit"),
        (header(2, 4) + b"ab", "without the command"),
        (header(3, 4) + b"ab", "too few for an element"),
        (header(0, 2) * 300, "without the command"),
        (header(1, 2) * 300, "More than 256 PDVs"),
    ],
)
def test_a_damaged_p_data_is_a_row_with_a_problem(body: bytes, problem: str) -> None:
    wire = Wire()
    data = b"\4\0" + struct.pack(">I", len(body)) + body
    conversation = folded([*wire.established(), wire.raw(data, sent=False)])
    assert problem in conversation.rows[-1].problem
    assert conversation.problems
    assert conversation.rows[-1].pdus[0].data == data


def test_bytes_that_are_no_pdu() -> None:
    wire = Wire(mode="acceptor")
    conversation = folded([wire.open(), wire.raw(b"GET / HTTP/1.1\r\n", sent=False), wire.close()])
    row = conversation.rows[0]
    assert row.name == "Unrecognized bytes"
    assert row.detail == "GET / HTTP/1.1\\r\\n"
    assert row.problem
    assert conversation.state_word == "Closed"


def test_a_new_command_before_the_data_set_ended() -> None:
    wire = Wire()
    records = wire.message(store_rq(), bytes(100), sent=True, fragment=1000)[:1]
    conversation = folded([*wire.established(), *records, *wire.message(ECHO_RQ, sent=True)])
    assert "next command" in conversation.rows[-2].problem
    assert conversation.rows[-1].name == "C-ECHO-RQ"


def test_a_message_on_a_rejected_context_and_an_answer_to_nothing() -> None:
    wire = Wire()
    on_rejected = C_STORE_RSP(context_id=5, MessageIDBeingRespondedTo=1, Status=0)
    conversation = folded([*wire.established(), *wire.message(on_rejected, sent=False)])
    assert "context 5, which was not accepted" in conversation.rows[-1].problem
    only_answer = folded([wire.open(), wire.pdu(ACCEPT, sent=False)])
    assert "never proposed" in only_answer.rows[0].problem


def test_cut_and_lost_pdus_do_not_break_the_message() -> None:
    wire = Wire()
    records = wire.message(store_rq(), bytes(2000), sent=True, fragment=1000, kept=256)
    records[-1] = records[-1]._replace(lost=3)
    row = folded([*wire.established(), *records]).rows[-1]
    assert row.complete
    assert row.omitted == 3
    assert row.pdus[-1].cut
    assert row.data_size == 2000
    assert "3 PDUs" in row.problem


def test_pdus_beyond_the_limit_of_a_message_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PDUS_OF_MESSAGE", 3)
    wire = Wire()
    conversation = folded([*wire.established(), *wire.message(store_rq(), bytes(1000), sent=True, fragment=100)])
    row = conversation.rows[-1]
    assert len(row.pdus) == 3
    assert row.omitted > 0
    assert row.complete
    assert conversation.weight == 1 + 2 + 2 + 1 + 3


def test_trim_keeps_numbers_and_lets_the_pdus_go() -> None:
    wire = Wire()
    conversation = folded([*wire.established(), *wire.echo()])
    first = conversation.rows[0]
    conversation.trim(2)
    assert [row.number for row in conversation.rows] == [3, 4]
    assert conversation.index_of(4) == 1
    assert first.pdus[0].data == b""
    assert conversation.weight == 1 + 2 + 2
    assert conversation.kept_bytes == sum(row.size for row in conversation.rows)
    for record in wire.echo():
        conversation.fold(record)
    assert conversation.rows[-1].number == 6


def test_text_of_the_peer_is_made_printable() -> None:
    wire = Wire()
    data = bytearray(wire.pdu(REQUEST, sent=False).data)
    data[26:30] = b"\x1b[1m"
    conversation = folded([wire.raw(bytes(data), sent=False)])
    assert conversation.calling.startswith("\\x1b[1m")


def test_a_capture_speaks_of_requestor_and_acceptor() -> None:
    for source, mine, other in (("", "us", "the peer"), ("trace.pcapng", "the requestor", "the acceptor")):
        log = TrafficLog(source=source)
        wire = Wire(1)
        log.add([*wire.established(), wire.pdu(A_ABORT_RQ(source=0, reason=0), sent=False)])
        conversation = log.conversations[0]
        assert (conversation.who(True), conversation.who(False)) == (mine, other)
        assert conversation.outcome == f"Aborted by {other}"


def test_an_association_that_outlives_its_capture_is_not_called_closed() -> None:
    log = TrafficLog(source="trace.pcapng")
    wire = Wire(1)
    log.add([*wire.established(), wire.close()])
    assert log.conversations[0].state_word == "Open at the end"
