from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traffic_wire import ACCEPT, CT, REQUEST, VERIFICATION, Wire, store_rq

from workstation.net import AE
from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_ECHO_RSP,
    C_FIND_RQ,
    C_FIND_RSP,
    C_STORE_RQ,
    C_STORE_RSP,
    Message,
)
from workstation.net.codec.pdu import A_ABORT_RQ, A_RELEASE_RP, A_RELEASE_RQ
from workstation.traffic.analysis.sequence import GAP, Sequence, What
from workstation.traffic.analysis.sequence_text import Line, as_mermaid, as_text, details, duration, size_text, words
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import ConversationFacts, Record
from workstation.traffic.recorder import Recorder
from workstation.traffic.rows import MessageRow

FIND = "1.2.840.10008.5.1.4.1.2.2.1"


class Talk(Wire):
    """A made-up association whose messages take milliseconds."""

    def raw(self, data: bytes, *, sent: bool, kept: int | None = None, lost: int = 0) -> Record:
        self.time -= 0.099
        return super().raw(data, sent=sent, kept=kept, lost=lost)

    def begin(self, calling: str = "MODALITY", called: str = "PACS") -> list[Record]:
        facts = ConversationFacts(self.mode, calling, called, "10.1.2.3", 104, "10.9.9.9", 50_000 + self.association)
        opened = self.record("EVT_CONN_OPEN", address=("10.1.2.3", 104), facts=facts)
        asked = self.mode == "requestor"
        return [opened, self.pdu(REQUEST, sent=asked), self.pdu(ACCEPT, sent=not asked)]

    def store(self, message_id: int = 1, status: int = 0, size: int = 1000) -> list[Record]:
        answer = C_STORE_RSP(
            context_id=3,
            MessageIDBeingRespondedTo=message_id,
            AffectedSOPClassUID=CT,
            AffectedSOPInstanceUID="1.2.3.4.5",
            Status=status,
        )
        asked = self.message(store_rq(message_id), bytes(size), sent=True)
        return asked + self.message(answer, sent=False)

    def find_rq(self, message_id: int = 1) -> list[Record]:
        asked = C_FIND_RQ(context_id=1, MessageID=message_id, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
        return self.message(asked, b"\0" * 8, sent=True)

    def find_rsp(self, message_id: int = 1, status: int = 0xFF00) -> list[Record]:
        answer = C_FIND_RSP(
            context_id=1,
            MessageIDBeingRespondedTo=message_id,
            AffectedSOPClassUID=FIND,
            Status=status,
            has_data_set=status == 0xFF00,
        )
        return self.message(answer, b"\0" * 8 if status else None, sent=False)

    def release(self) -> list[Record]:
        return [self.pdu(A_RELEASE_RQ(), sent=True), self.pdu(A_RELEASE_RP(), sent=False), self.close()]


def logged(records: Iterable[Record]) -> TrafficLog:
    log = TrafficLog()
    log.add(records)
    return log


def told(log: TrafficLog, conversation: Conversation | None = None, **options: object) -> Sequence:
    sequence = Sequence(log, conversation, **options)  # type: ignore[arg-type]
    take(sequence)
    return sequence


def take(sequence: Sequence) -> None:
    for _ in sequence.take_in():
        pass


def names(sequence: Sequence) -> list[str]:
    steps = [sequence.step(number) for number in range(len(sequence))]
    return [step.row.name if step.row is not None else step.what.value for step in steps]


def runs(sequence: Sequence) -> list[tuple[int, int]]:
    """Of each block: how many steps, and how many are repeated."""
    blocks = [sequence.block(number) for number in range(sequence.blocks)]
    assert [block.start for block in blocks[1:]] == [block.end for block in blocks[:-1]]
    return [(block.end - block.start, block.period) for block in blocks]


def lines(sequence: Sequence) -> list[Line]:
    """Everything folded, as a view shows it at first."""
    shown = []
    for number in range(sequence.blocks):
        block = sequence.block(number)
        for place in range(block.period or 1):
            shown.append(Line(block.start + place, block, bool(block.period), place))
    return shown


def texts(sequence: Sequence) -> list[list[str]]:
    return [[part.text for part in words(sequence, line)] for line in lines(sequence)]


# --- steps ----------------------------------------------------------------------------------------------------------


def test_an_association_is_told_from_connect_to_close() -> None:
    wire = Talk()
    log = logged([*wire.begin(), *wire.store(), *wire.release()])
    sequence = told(log, log.conversations[0])
    assert names(sequence) == [
        "connect",
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "C-STORE-RQ",
        "C-STORE-RSP",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
        "close",
    ]
    ways = [(sequence.step(number).source, sequence.step(number).target) for number in range(len(sequence))]
    assert ways == [(0, 1), (0, 1), (1, 0), (0, 1), (1, 0), (0, 1), (1, 0), (0, 1)]
    requestor, acceptor = sequence.parties
    assert (requestor.title, requestor.address, requestor.here) == ("MODALITY", "10.9.9.9:50001", True)
    assert (acceptor.title, acceptor.address, acceptor.here) == ("PACS", "10.1.2.3:104", False)
    # The acceptor performs between request and response.
    assert [sequence.step(number).busy for number in range(8)] == [0, 0, 0, 2, 0, 0, 0, 0]


def test_the_requestor_is_on_the_left_also_when_we_accept() -> None:
    wire = Talk(mode="acceptor")
    log = logged(wire.begin())
    sequence = told(log, log.conversations[0])
    step = sequence.step(1)
    assert (names(sequence)[1], step.source, step.target) == ("A-ASSOCIATE-RQ", 0, 1)
    assert [(party.title, party.here) for party in sequence.parties] == [("MODALITY", False), ("PACS", True)]


def test_a_capture_has_no_side_of_ours() -> None:
    log = TrafficLog(source="a.pcap")
    log.add(Talk().begin())
    assert not any(party.here for party in told(log, log.conversations[0]).parties)


def test_a_connection_that_failed_has_no_close() -> None:
    wire = Talk()
    log = logged(
        [
            wire.step("Sta1", "Evt1", "AE-1", "Sta4"),
            wire.step("Sta4", "Evt17", "AA-4", "Sta1"),
            wire.close(),
        ]
    )
    sequence = told(log, log.conversations[0])
    assert texts(sequence) == [["TCP connect", "✕ failed"]]


def test_what_comes_later_is_taken_in_where_it_was_left() -> None:
    wire = Talk()
    records = [*wire.begin(), *wire.store(1), *wire.store(2, 0xA700), *wire.release()]
    log = TrafficLog()
    log.add(records[:1])
    sequence = Sequence(log, log.conversations[0])
    for record in records[1:]:
        take(sequence)
        log.add([record])
    take(sequence)
    assert names(sequence) == names(told(log, log.conversations[0]))
    assert not sequence.stale


def test_an_operation_that_was_never_answered_ends_with_the_association() -> None:
    wire = Talk()
    log = logged([*wire.begin(), *wire.find_rq(), wire.pdu(A_ABORT_RQ(source=0, reason=0), sent=True), wire.close()])
    sequence = told(log, log.conversations[0])
    assert [sequence.step(number).busy for number in range(3, 6)] == [2, 2, 0]


def test_a_cancel_asks_for_nothing() -> None:
    wire = Talk()
    cancel = C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=1)
    asked = [*wire.find_rq(), *wire.message(cancel, sent=True), *wire.find_rsp(status=0xFE00)]
    log = logged([*wire.begin(), *asked])
    sequence = told(log, log.conversations[0])
    assert [sequence.step(number).busy for number in range(3, 6)] == [2, 2, 0]


# --- runs -----------------------------------------------------------------------------------------------------------


def test_pending_responses_are_told_as_one() -> None:
    wire = Talk()
    found = [record for _ in range(20) for record in wire.find_rsp()]
    log = logged([*wire.begin(), *wire.find_rq(), *found, *wire.find_rsp(status=0)])
    sequence = told(log, log.conversations[0])
    assert runs(sequence) == [(1, 0)] * 4 + [(20, 1), (1, 0)]
    block = sequence.block(4)
    assert block.times == 20
    assert block.size == sum(row.size for row in log.conversations[0].rows[3:23])
    assert texts(sequence)[4][:2] == ["C-FIND-RSP", "… 0xFF00 Pending"]


def test_exchanges_are_told_as_one_until_one_goes_otherwise() -> None:
    wire = Talk()
    stored = [record for number in range(10) for record in wire.store(number + 1)]
    failed = wire.store(11, 0xA700)
    again = [record for number in range(4) for record in wire.store(number + 12)]
    log = logged([*wire.begin(), *stored, *failed, *again])
    sequence = told(log, log.conversations[0])
    assert runs(sequence) == [(1, 0)] * 3 + [(20, 2), (1, 0), (1, 0), (8, 2)]
    assert sequence.block(3).times == 10
    assert texts(sequence)[3] == ["C-STORE-RQ", "CT Image Storage", f"{size_text(sequence.block(3).size)} in all"]
    assert texts(sequence)[4][-1].startswith("in ")


def test_an_exchange_under_way_belongs_to_its_run() -> None:
    wire = Talk()
    stored = [record for number in range(3) for record in wire.store(number + 1)]
    asked = wire.message(store_rq(4), bytes(10), sent=True)
    log = logged([*wire.begin(), *stored, *asked])
    sequence = told(log, log.conversations[0])
    assert runs(sequence)[3:] == [(7, 2)]
    assert sequence.block(3).times == 4
    log.add([wire.pdu(A_ABORT_RQ(source=0, reason=0), sent=False)])
    take(sequence)
    # What it was begun for did not happen: the last request stands by itself.
    assert runs(sequence)[3:] == [(6, 2), (1, 0), (1, 0)]
    rows = log.conversations[0].rows
    assert sequence.block(3).size == sum(row.size for row in rows[2:8] if row.data_size)
    assert sequence.block(4).size == rows[8].size


def test_two_are_no_run() -> None:
    wire = Talk()
    log = logged([*wire.begin(), *wire.store(1), *wire.store(2)])
    assert runs(told(log, log.conversations[0])) == [(1, 0)] * 7


def test_a_run_begins_with_a_request() -> None:
    wire = Talk()
    log = logged(
        [*wire.begin(), *wire.find_rq(), *wire.find_rsp(status=0), *(r for n in range(3) for r in wire.store(n))]
    )
    sequence = told(log, log.conversations[0])
    assert runs(sequence)[3:] == [(1, 0), (1, 0), (6, 2)]


def test_silence_is_told_and_ends_a_run() -> None:
    wire = Talk()
    records = wire.begin()
    for number in range(8):
        if number == 4:
            wire.time += 2 * GAP
        records += wire.store(number + 1)
    log = logged(records)
    sequence = told(log, log.conversations[0])
    assert runs(sequence)[3:] == [(8, 2), (8, 2)]
    assert sequence.idle(sequence.block(4).start) == pytest.approx(2 * GAP, abs=0.01)


def test_a_long_transfer_is_no_silence() -> None:
    wire = Talk()
    records = wire.begin()
    sent = wire.message(store_rq(), bytes(5000), sent=True, fragment=1000)
    slow = [record._replace(time=record.time + 2 * at) for at, record in enumerate(sent)]
    wire.time = slow[-1].time
    log = logged([*records, *slow, *wire.store(2)[2:]])
    sequence = told(log, log.conversations[0])
    assert sequence.step(3).row is not None
    assert sequence.idle(4) < GAP


def test_what_broke_a_rule_stands_by_itself() -> None:
    wire = Talk()
    refused = C_ECHO_RQ(context_id=5, MessageID=1, AffectedSOPClassUID=VERIFICATION)
    log = logged([*wire.begin(), *(record for _ in range(6) for record in wire.message(refused, sent=True))])
    sequence = told(log, log.conversations[0])
    assert all(row.problem for row in log.conversations[0].rows[2:])
    assert runs(sequence) == [(1, 0)] * 9


def test_one_of_many_that_breaks_a_rule_later_begins_anew() -> None:
    wire = Talk()
    stored = [record for number in range(5) for record in wire.store(number + 1)]
    log = logged([*wire.begin(), *stored, *wire.message(store_rq(6), bytes(10), sent=True)[:1]])
    sequence = told(log, log.conversations[0])
    assert runs(sequence)[3:] == [(11, 2)]
    change = log.add([wire.close()])
    sequence.note_changed(change.rows[1])
    assert sequence.stale
    assert runs(told(log, log.conversations[0]))[3:] == [(10, 2), (1, 0), (1, 0)]


MESSAGES: dict[str, tuple[Message, bool]] = {
    "echo?": (C_ECHO_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=VERIFICATION), True),
    "echo!": (C_ECHO_RSP(context_id=1, MessageIDBeingRespondedTo=1, AffectedSOPClassUID=VERIFICATION, Status=0), False),
    "store?": (
        C_STORE_RQ(context_id=3, MessageID=2, AffectedSOPClassUID=CT, AffectedSOPInstanceUID="1.2", Priority=0),
        True,
    ),
    "store!": (
        C_STORE_RSP(
            context_id=3, MessageIDBeingRespondedTo=2, AffectedSOPClassUID=CT, AffectedSOPInstanceUID="1.2", Status=0
        ),
        False,
    ),
    "no!": (
        C_STORE_RSP(
            context_id=3,
            MessageIDBeingRespondedTo=2,
            AffectedSOPClassUID=CT,
            AffectedSOPInstanceUID="1.2",
            Status=0xA700,
        ),
        False,
    ),
}
PATTERNS = st.lists(st.sampled_from(sorted(MESSAGES)), min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(PATTERNS, st.integers(1, 7), st.booleans()), max_size=6), st.integers(1, 9))
def test_runs_are_what_repeats_however_it_comes_in(plan: list[tuple[list[str], int, bool]], batch: int) -> None:
    wire = Talk()
    records = wire.begin()
    for pattern, times, silent in plan:
        wire.time += 5 if silent else 0
        for name in pattern * times:
            message, sent = MESSAGES[name]
            records += wire.message(message, sent=sent)
    log = TrafficLog()
    log.add(records[:1])
    growing = Sequence(log, log.conversations[0])
    for start in range(1, len(records), batch):
        log.add(records[start : start + batch])
        take(growing)
    whole = told(log, log.conversations[0])
    assert runs(growing) == runs(whole)
    assert sum(steps for steps, _ in runs(whole)) == len(whole) == len(records)
    for number in range(whole.blocks):
        block = whole.block(number)
        if not block.period:
            assert block.end - block.start == 1
            continue
        assert block.end - block.start >= 3 * block.period
        shown = names(whole)
        for at in range(block.start + block.period, block.end):
            assert shown[at] == shown[at - block.period]
        assert all(whole.idle(at) <= GAP for at in range(block.start + 1, block.end))


# --- all associations -------------------------------------------------------------------------------------------------


def test_all_associations_on_one_clock_with_a_lifeline_for_each_party() -> None:
    log = TrafficLog()
    first, second, third = Talk(1), Talk(2), Talk(3, "acceptor")
    second.time += 0.0005
    third.time += 9
    records = [*first.begin("A", "PACS"), *second.begin("B", "PACS"), *first.store(), *second.store()]
    facts = ConversationFacts("acceptor", "PACS", "A", "10.1.2.3", 40_000, "10.9.9.9", 11112)
    records += [third.record("EVT_CONN_OPEN", address=("10.1.2.3", 40_000), facts=facts)]
    records += [third.pdu(REQUEST, sent=False)]
    log.add(sorted(records, key=lambda record: record.time))
    sequence = told(log)
    assert [(party.title, party.address) for party in sequence.parties] == [
        ("MODALITY", "10.9.9.9"),
        ("PACS", "10.1.2.3:104"),
        # The same titles at other hosts are somebody else.
        ("MODALITY", "10.1.2.3"),
        ("PACS", "10.9.9.9:11112"),
    ]
    times = [sequence.time(number) for number in range(len(sequence))]
    assert times == sorted(times)
    assert {sequence.step(number).conversation.number for number in range(len(sequence))} == {1, 2, 3}
    assert sequence.idle(len(sequence) - 2) > GAP


def test_a_party_is_the_same_in_both_roles_and_when_its_address_is_not_known() -> None:
    log = TrafficLog()
    for number, (mode, facts) in enumerate(
        (
            ("requestor", ConversationFacts("requestor", "WS", "PACS", "10.1.2.3", 104, "10.9.9.9", 50_000)),
            ("acceptor", ConversationFacts("acceptor", "PACS", "WS", "10.1.2.3", 40_000, "10.9.9.9", 11112)),
            ("requestor", ConversationFacts("requestor", "WS", "PACS", "", 0)),
        ),
        1,
    ):
        wire = Wire(number, mode)
        wire.time += number
        log.add([wire.record("EVT_CONN_OPEN", facts=facts), wire.record("EVT_CONN_CLOSE", facts=facts)])
    sequence = told(log)
    told_of = [(party.title, party.address, party.here) for party in sequence.parties]
    assert told_of == [("WS", "10.9.9.9:11112", True), ("PACS", "10.1.2.3:104", False)]


def test_connections_of_which_no_title_is_known_are_told_by_their_hosts() -> None:
    log = TrafficLog(source="a.pcap")
    for number in (1, 2):
        wire = Wire(number)
        wire.time += number
        facts = ConversationFacts("requestor", "", "", "10.1.2.3", 104, "10.9.9.9", 50_000 + number)
        log.add([wire.record("EVT_CONN_OPEN", facts=facts), wire.record("EVT_CONN_CLOSE")])
    told_of = [(party.title, party.address) for party in told(log).parties]
    assert told_of == [("10.9.9.9", "10.9.9.9"), ("10.1.2.3:104", "10.1.2.3:104")]


def test_lifelines_are_bounded() -> None:
    log = TrafficLog()
    for number in range(1, 300):
        wire = Wire(number)
        wire.time += number / 100
        facts = ConversationFacts("requestor", f"AE{number}", "PACS", "10.1.2.3", 104, "::1", 50_000)
        log.add([wire.record("EVT_CONN_OPEN", facts=facts), wire.record("EVT_CONN_CLOSE")])
    sequence = told(log)
    assert len(sequence) == 2 * 299
    assert len(sequence.parties) == 100
    assert sequence.parties[2].address == "[::1]"
    assert sequence.parties[-1].title == "Others"
    last = sequence.step(len(sequence) - 1)
    assert (last.source, last.target) == (99, 1)


def test_what_nobody_sends_is_told_all_the_same() -> None:
    noise = random.Random(4)
    log = TrafficLog()
    wire = Talk()
    log.add(wire.begin())
    for _ in range(300):
        data = bytes([noise.choice((1, 2, 3, 4, 4, 4, 5, 6, 7, 9)), 0]) + noise.randbytes(noise.randrange(40))
        log.add([wire.raw(data, sent=noise.random() < 0.5)])
    log.add([wire.close()])
    for sequence in (told(log), told(log, log.conversations[0])):
        shown = lines(sequence)
        assert all(words(sequence, line) and details(sequence, line) for line in shown)
        for text in (*as_text(sequence, shown), *as_mermaid(sequence, shown)):
            assert "\n" not in text


def test_only_what_changed_is_looked_at() -> None:
    log = TrafficLog()
    talks = [Talk(number) for number in range(1, 30)]
    for wire in talks:
        log.add(wire.begin())
    sequence = told(log)
    before = len(sequence)
    change = log.add(talks[4].store())
    for _ in sequence.take_in(change.changed):
        pass
    assert names(sequence)[before:] == ["C-STORE-RQ", "C-STORE-RSP"]


class Loopback:
    """A server and its client in one log."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.recorder = Recorder(self.woken.set)
        self.log = TrafficLog()
        server = AE(ae_title="SERVER")
        server.add_supported_context(VERIFICATION)
        started = server.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(self.recorder.handlers()))
        assert started is not None
        self.server = started
        self.client = AE(ae_title="CLIENT")
        self.client.add_requested_context(VERIFICATION)

    def echo(self) -> None:
        port = self.server.server_address[1]
        handlers = list(self.recorder.handlers())
        assoc = self.client.associate("127.0.0.1", port, ae_title="SERVER", evt_handlers=handlers)
        assert assoc.send_c_echo().Status == 0
        assoc.release()

    def settle(self) -> None:
        end = time.monotonic() + 10
        while len(self.log) < 2 or not all(each.finished for each in self.log.conversations):
            assert time.monotonic() < end, "the association did not end at both sides"
            self.woken.wait(0.1)
            self.woken.clear()
            self.log.add(self.recorder.drain())


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    loopback = Loopback()
    yield loopback
    loopback.server.shutdown()


def test_an_association_whose_both_ends_are_ours_is_told_once(loopback: Loopback) -> None:
    loopback.echo()
    loopback.settle()
    log = loopback.log
    requestor, acceptor = sorted(log.conversations, key=lambda each: each.mode, reverse=True)
    sequence = told(log)
    assert names(sequence) == names(told(log, requestor))
    assert {sequence.step(number).conversation for number in range(len(sequence))} == {requestor}
    assert [(party.title, party.here) for party in sequence.parties] == [("CLIENT", True), ("SERVER", True)]
    # A message chosen at the other end is found all the same.
    for row, other in zip(requestor.rows, acceptor.rows, strict=True):
        assert row.name == other.name
        assert sequence.find(acceptor, other) == sequence.find(requestor, row) is not None
    # Alone, the acceptor's end is told as well.
    assert len(told(log, acceptor)) == len(sequence)


# --- what passes ------------------------------------------------------------------------------------------------------


class Named:
    """Passes the messages of one name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def passes(self, conversation: Conversation, row: MessageRow) -> bool:
        return row.name == self.name


def test_only_messages_that_pass_are_told() -> None:
    wire = Talk()
    log = logged([*wire.begin(), *wire.store(), *wire.find_rq(), *wire.release()])
    sequence = told(log, log.conversations[0], passing=Named("C-STORE-RSP"))
    assert names(sequence) == ["C-STORE-RSP"]
    assert sequence.seen == len(log.conversations[0].rows)


def test_a_message_is_judged_when_it_is_whole() -> None:
    wire = Talk()
    sent = wire.message(store_rq(), bytes(3000), sent=True, fragment=1000)
    log = logged([*wire.begin(), *sent[:-1]])
    sequence = told(log, log.conversations[0], passing=Named("C-STORE-RQ"))
    assert names(sequence) == []
    log.add(sent[-1:])
    take(sequence)
    assert names(sequence) == ["C-STORE-RQ"]


# --- what was let go --------------------------------------------------------------------------------------------------


def test_rows_that_were_let_go_begin_the_sequence_anew() -> None:
    wire = Talk()
    log = TrafficLog(max_rows=60)
    log.add([*wire.begin(), *wire.store()])
    conversation = log.conversations[0]
    sequence = told(log, conversation)
    change = log.add([record for number in range(40) for record in wire.store(number + 2)])
    assert conversation.trimmed
    assert sequence.step(1).what is What.GONE
    assert texts(sequence)[1] == ["no longer kept"]
    sequence.note_changed(change.rows[1])
    assert sequence.stale
    assert What.GONE not in {told(log, conversation).step(number).what for number in range(5)}


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.4 ms"), (0.0123, "12 ms"), (1.44, "1.4 s"), (125.0, "2 min 05 s"), (3840, "1 h 04 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_600, "1.0 MB"), (61_000_000_000, "61 GB"), (5e15, "5000 TB")],
)
def test_sizes(count: float, text: str) -> None:
    assert size_text(count) == text


def test_the_words_of_a_response_and_its_details() -> None:
    wire = Talk()
    log = logged([*wire.begin(), *wire.store(7, 0xA700)])
    sequence = told(log, log.conversations[0])
    line = lines(sequence)[4]
    assert [part.text for part in words(sequence, line)][:2] == ["C-STORE-RSP", "✕ 0xA700 Failure"]
    text = details(sequence, line)
    for each in ("PACS → MODALITY", "row 4", "Message ID 7", "context 3", "0xA700 (Failure)", CT, "after its request"):
        assert each in text


def test_as_text_draws_arrows_between_the_lifelines() -> None:
    wire = Talk()
    records = [*wire.begin(), *wire.store()]
    wire.time += 2
    log = logged([*records, *wire.release()])
    sequence = told(log, log.conversations[0])
    drawn = list(as_text(sequence, lines(sequence)))
    bars = [at for at, each in enumerate(drawn[2]) if each == "│"]
    assert len(bars) == 2
    asked = next(line for line in drawn if "C-STORE-RQ" in line)
    answered = next(line for line in drawn if "C-STORE-RSP" in line)
    assert asked[bars[0]] == asked[bars[1]] == "│"
    assert asked[bars[1] - 1] == "▶"
    assert answered[bars[0] + 1] == "◀"
    assert "✓ 0x0000 Success" in answered
    assert any("2.0 s of silence" in line for line in drawn)


def test_as_mermaid_has_participants_arrows_and_loops() -> None:
    wire = Talk()
    log = logged([*wire.begin(), *(record for number in range(5) for record in wire.store(number + 1))])
    sequence = told(log, log.conversations[0])
    drawn = list(as_mermaid(sequence, lines(sequence)))
    assert drawn[:3] == [
        "sequenceDiagram",
        "    participant P0 as MODALITY<br/>10.9.9.9#58;50001",
        "    participant P1 as PACS<br/>10.1.2.3#58;104",
    ]
    loop = drawn.index("    loop × 5")
    assert drawn[loop + 1].startswith("        P0->>P1: C-STORE-RQ · CT Image Storage")
    assert drawn[loop + 2].startswith("        P1-->>P0: C-STORE-RSP · ✓ 0x0000 Success")
    assert drawn[loop + 3] == "    end"


@pytest.mark.parametrize("title", ["A;end\nB", "<b>#1</b>", "end", 'x"y%%z', "a$$b", "\u202eevil"])
def test_a_title_from_the_wire_is_no_language(title: str) -> None:
    log = TrafficLog()
    wire = Wire()
    facts = ConversationFacts("requestor", title, "PACS", "10.1.2.3", 104)
    log.add([wire.record("EVT_CONN_OPEN", facts=facts), wire.record("EVT_CONN_CLOSE")])
    sequence = told(log, log.conversations[0])
    participant = next(line for line in as_mermaid(sequence, lines(sequence)) if " P0 as " in line)
    shown = participant.partition(" as ")[2]
    unescaped = "".join(piece.partition(";")[2] if at else piece for at, piece in enumerate(shown.split("#")))
    for mark in (";", "\n", "<", '"', "%", "$", "\u202e"):
        assert mark not in unescaped
    assert unescaped.lower() != "end"
    drawn = list(as_text(sequence, lines(sequence)))
    assert all(one.count("\n") == 0 for one in drawn)


def test_the_clock_counts_from_the_first_step() -> None:
    wire = Talk()
    log = logged([*wire.begin(), *wire.store()])
    for sequence in (told(log), told(log, log.conversations[0])):
        assert sequence.begin == log.conversations[0].start_time
        assert all(one <= other for one, other in pairwise(sequence.time(at) for at in range(len(sequence))))
