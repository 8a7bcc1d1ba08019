"""Times of associations: each exchange, the division of the whole, percentiles, throughput."""

from __future__ import annotations

import random
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_wire import ACCEPT, CT, ECHO_RSP, REQUEST, Wire, store_rq

from workstation.net.codec.dimse import C_CANCEL_RQ, C_FIND_RQ, C_FIND_RSP, C_STORE_RSP
from workstation.net.codec.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, A_RELEASE_RP, A_RELEASE_RQ
from workstation.traffic.analysis.timing import Distribution, Stage, Throughput, Timing
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record

FIND = "1.2.840.10008.5.1.4.1.2.2.1"


def conversation(records: list[Record]) -> Conversation:
    log = TrafficLog()
    log.add(records)
    return log.conversations[0]


def read(of: Conversation, **options: object) -> Timing:
    timing = Timing(of, **options)  # type: ignore[arg-type]
    for _ in timing.read():
        pass
    return timing


def stored(message_id: int = 1, status: int = 0) -> C_STORE_RSP:
    return C_STORE_RSP(
        context_id=3,
        MessageIDBeingRespondedTo=message_id,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2.3.4.5",
        Status=status,
    )


def find_rq(message_id: int) -> C_FIND_RQ:
    return C_FIND_RQ(context_id=1, MessageID=message_id, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)


def find_rsp(message_id: int, status: int) -> C_FIND_RSP:
    return C_FIND_RSP(
        context_id=1,
        MessageIDBeingRespondedTo=message_id,
        AffectedSOPClassUID=FIND,
        Status=status,
        has_data_set=status == 0xFF00,
    )


def released(wire: Wire) -> list[Record]:
    return [
        wire.step("Sta6", "Evt11", "AR-1", "Sta7"),
        wire.pdu(A_RELEASE_RQ(), sent=True),
        wire.pdu(A_RELEASE_RP(), sent=False),
        wire.step("Sta7", "Evt13", "AR-3", "Sta1"),
        wire.close(),
    ]


def test_a_store_is_sent_waited_for_and_answered() -> None:
    wire = Wire()
    records = wire.established()
    wire.time += 1.0  # nobody asks for anything
    # a command and four fragments, a tenth of a second each
    records += wire.message(store_rq(), b"x" * 400, sent=True, fragment=150)
    wire.time += 0.5  # the peer thinks
    records += wire.message(stored(), sent=False)
    timing = read(conversation(records + released(wire)))
    names = [timing.exchange(place).name for place in timing.shown]
    assert names == ["A-ASSOCIATE", "C-STORE", "A-RELEASE"]
    store = timing.exchange(1)
    assert store.sent
    assert store.done
    assert store.sending == pytest.approx(0.3)
    assert store.first_byte == store.answer == pytest.approx(0.6)
    assert store.receiving == 0
    assert store.total == pytest.approx(0.9)
    assert store.status == 0
    assert store.rate == pytest.approx(store.size / 0.3)
    assert timing.connect == pytest.approx(0.1)
    assert timing.negotiate == pytest.approx(0.1)
    spent = timing.spent()
    assert spent[Stage.CONNECT] == pytest.approx(0.1)
    assert spent[Stage.NEGOTIATE] == pytest.approx(0.1)
    # A second until it begins, and the tenth until the first PDU is out; then one before the release.
    assert spent[Stage.IDLE] == pytest.approx(1.1 + 0.1)
    assert spent[Stage.SEND] == pytest.approx(0.3)
    assert spent[Stage.PEER] == pytest.approx(0.6)
    assert spent[Stage.RELEASE] == pytest.approx(0.1)
    assert sum(spent.values()) == pytest.approx(timing.duration)


def test_what_the_peer_asks_is_waited_for_here() -> None:
    wire = Wire(mode="acceptor")
    records = [wire.open(), wire.pdu(REQUEST, sent=False), wire.pdu(ACCEPT, sent=True)]
    records += wire.message(store_rq(), b"x" * 30, sent=False)
    wire.time += 2.0
    records += wire.message(stored(status=0xA700), sent=True)
    timing = read(conversation(records))
    store = timing.exchange(1)
    assert not store.sent
    assert store.status == 0xA700
    assert timing.spent()[Stage.OURS] == pytest.approx(2.1)
    assert timing.spent()[Stage.PEER] == 0


def test_pending_responses_are_one_exchange() -> None:
    wire = Wire()
    records = wire.established()
    records += wire.message(find_rq(5), b"abcd", sent=True)
    for status in (0xFF00, 0xFF00, 0):
        wire.time += 0.2
        records += wire.message(find_rsp(5, status), b"efgh" if status else None, sent=False)
    timing = read(conversation(records))
    assert len(timing) == 2
    find = timing.exchange(1)
    assert find.responses == 3
    assert find.first_byte == pytest.approx(0.3)
    assert find.answer == pytest.approx(3 * 0.3 + 2 * 0.1)
    assert find.waited == pytest.approx(3 * 0.3)
    assert find.done
    assert timing.figures["C-FIND"].answers.count == 1
    assert all(timing.place_of(row.number) == 1 for row in timing.conversation.rows[2:])


def test_a_request_without_response_is_waited_for_until_the_end() -> None:
    wire = Wire()
    records = [*wire.established(), *wire.message(store_rq(), b"x", sent=True)]
    records += wire.message(C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=1), sent=True)
    wire.time += 3.0
    timing = read(conversation([*records, wire.pdu(A_ABORT_RQ(source=0, reason=0), sent=True), wire.close()]))
    store, cancel, abort = (timing.exchange(place) for place in (1, 2, 3))
    assert store.awaits
    assert not store.done
    assert store.answer is None
    assert timing.unanswered == 1
    assert not cancel.awaits
    assert cancel.done
    assert cancel.name == "C-CANCEL-RQ"
    assert abort.name == "A-ABORT"
    assert timing.spent()[Stage.PEER] == pytest.approx(3.1 + 0.1)
    assert "C-STORE" not in timing.figures


def test_a_rejection_answers() -> None:
    wire = Wire()
    records = [
        wire.open(),
        wire.pdu(REQUEST, sent=True),
        wire.pdu(A_ASSOCIATE_RJ(result=1, source=1, reason=3), sent=False),
    ]
    timing = read(conversation([*records, wire.close()]))
    assert len(timing) == 1
    assert timing.exchange(0).done
    assert timing.negotiate == pytest.approx(0.1)


def test_a_release_collision_is_two_exchanges() -> None:
    wire = Wire()
    records = wire.established()
    records += [wire.pdu(A_RELEASE_RQ(), sent=True), wire.pdu(A_RELEASE_RQ(), sent=False)]
    records += [wire.pdu(A_RELEASE_RP(), sent=True), wire.pdu(A_RELEASE_RP(), sent=False)]
    timing = read(conversation(records))
    ours, theirs = timing.exchange(1), timing.exchange(2)
    assert (ours.sent, theirs.sent) == (True, False)
    assert ours.answer == pytest.approx(0.3)
    assert theirs.answer == pytest.approx(0.1)


def test_a_response_to_nothing_stands_alone() -> None:
    wire = Wire()
    records = wire.established() + wire.message(ECHO_RSP, sent=False)
    timing = read(conversation(records))
    assert timing.exchange(1).name == "C-ECHO-RSP"
    assert not timing.exchange(1).awaits


def test_reading_goes_on_where_it_stopped() -> None:
    wire = Wire()
    log = TrafficLog()
    talk = wire.established()
    for message_id in range(1, 30):
        talk += wire.message(store_rq(message_id), b"x" * 600, sent=True, fragment=150)
        talk += wire.message(stored(message_id), sent=False)
    talk += released(wire)
    log.add(talk[:1])
    timing = Timing(log.conversations[0])
    for record in talk[1:]:
        log.add([record])
        # now and then it is dropped after its first step
        for _ in timing.read():
            if record.number % 3 == 0:
                break
    for _ in timing.read():
        pass
    at_once = read(log.conversations[0])
    assert [timing.exchange(place) for place in timing.shown] == [at_once.exchange(place) for place in at_once.shown]
    assert timing.spent() == pytest.approx(at_once.spent())
    assert timing.spent()[Stage.SEND] == pytest.approx(29 * 4 * 0.1)
    size = log.conversations[0].bytes_sent
    assert sum(timing.throughput.series(timing.start, timing.end + 1, 1, sent=True)) == pytest.approx(
        size / (timing.end + 1 - timing.start)
    )


def test_a_message_of_many_pdus_is_read_in_steps_and_wholly_counted() -> None:
    wire = Wire()
    records = [*wire.established(), *wire.message(store_rq(), b"x" * 10_500, sent=True, fragment=1)]
    shown = conversation(records)
    timing = Timing(shown)
    steps = sum(1 for _ in timing.read())
    assert steps >= 10
    store = timing.exchange(1)
    assert store.size == shown.rows[2].size
    total = sum(timing.throughput.series(timing.start, timing.start + 2000, 10, sent=True)) * 200
    assert total == pytest.approx(shown.bytes_sent)


def test_rows_that_went_before_they_were_read_are_passed_over() -> None:
    wire = Wire()
    log = TrafficLog(max_rows=40)
    log.add(wire.established())
    timing = Timing(log.conversations[0])
    for message_id in range(1, 60):
        log.add(wire.message(store_rq(message_id), b"x", sent=True) + wire.message(stored(message_id), sent=False))
    for _ in timing.read():
        pass
    shown = log.conversations[0]
    assert shown.trimmed
    assert timing.read_up_to == shown.rows[-1].number
    assert timing.exchange(len(timing) - 1).request == shown.rows[-2].number
    assert sum(timing.spent().values()) == pytest.approx(timing.duration)


def test_an_exchange_passes_with_any_of_its_rows() -> None:
    wire = Wire()
    records = wire.established()
    for message_id, status in ((1, 0), (2, 0xA700), (3, 0)):
        records += wire.message(store_rq(message_id), b"x", sent=True)
        records += wire.message(stored(message_id, status), sent=False)
    timing = read(conversation(records), passes=lambda row: bool(row.status))
    assert list(timing.shown) == [2]
    assert timing.figures["C-STORE"].count == 1
    assert [each.status for each in timing.slowest()] == [0xA700]


def test_the_slowest_come_first() -> None:
    wire = Wire()
    records = wire.established()
    waits = random.Random(1).sample(range(1, 400), 150)
    for message_id, wait in enumerate(waits, start=1):
        records += wire.message(store_rq(message_id), b"x", sent=True)
        wire.time += wait / 100
        records += wire.message(stored(message_id), sent=False)
    timing = read(conversation(records))
    found = [each.answer for each in timing.slowest("answer", 20)]
    assert found == pytest.approx([wait / 100 + 0.1 for wait in sorted(waits, reverse=True)[:20]])
    assert len(timing.slowest()) == 100
    assert len(timing.slowest("sending")) == 100


@given(st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=300), st.floats(0.0, 1.0))
def test_a_percentile_is_right_to_a_hundredth(durations: list[float], share: float) -> None:
    distribution = Distribution()
    for each in durations:
        distribution.add(each)
    exact = next(each for at, each in enumerate(sorted(durations), 1) if at >= share * len(durations))
    assert distribution.percentile(share) == pytest.approx(exact, rel=0.0101)
    assert distribution.least == min(durations)
    assert distribution.percentile(1.0) == distribution.most == max(durations)


def test_no_duration_has_no_percentile() -> None:
    assert isnan(Distribution().percentile(0.5))
    assert isnan(Distribution().mean)


@given(
    st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 10), st.integers(1, 10**9), st.booleans()), max_size=40),
    st.integers(1, 50),
)
def test_throughput_loses_no_byte(pieces: list[tuple[float, float, int, bool]], columns: int) -> None:
    throughput = Throughput(100.0, bins=64)
    for since, length, size, sent in pieces:
        throughput.add(100.0 + since, 100.0 + since + length, size, sent=sent)
    for sent in (True, False):
        series = throughput.series(100.0, 1400.0, columns, sent=sent)
        assert len(series) == columns
        assert sum(series) * 1300.0 / columns == pytest.approx(sum(size for _, _, size, s in pieces if s is sent))


def test_bytes_stand_where_they_crossed() -> None:
    throughput = Throughput(0.0)
    throughput.add(1.0, 2.0, 1000, sent=True)
    throughput.add(5.0, 5.0, 300, sent=False)
    series = throughput.series(0.0, 10.0, 10, sent=True)
    assert series == pytest.approx([0, 1000, 0, 0, 0, 0, 0, 0, 0, 0], abs=1)
    assert throughput.series(0.0, 10.0, 10, sent=False)[5] == pytest.approx(300)
