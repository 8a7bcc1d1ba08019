"""The log: changes as a model needs them, and bounds."""

from __future__ import annotations

import gc
import random
import time

import pytest
from traffic_wire import ECHO_RQ, Wire, store_rq

from workstation.net.codec.dimse import encode_command
from workstation.net.codec.pdu import P_DATA_TF, PDV
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.record import KEPT_OF_CUT, ConversationFacts, Record
from workstation.traffic.rows import MessageRow, PduRow


class Model:
    """What a view would hold: told by changes only, compared with the log."""

    def __init__(self) -> None:
        self.rows: dict[int, list[tuple[int, int]]] = {}

    def apply(self, change: Change) -> None:
        for number in change.removed:
            del self.rows[number]
        for conversation in change.added:
            assert conversation.number not in self.rows
            self.rows[conversation.number] = []
        for conversation in change.changed:
            assert conversation.number in self.rows
        for number, rows in change.rows.items():
            mine = self.rows[number]
            assert 0 <= rows.trimmed <= len(mine)
            del mine[: rows.trimmed]
            assert rows.first_added == len(mine)
            for row in rows.conversation.rows[rows.first_added :]:
                mine.append((row.number, len(row.pdus)))
            assert len(mine) == len(rows.conversation.rows)
            for index, before in rows.changed:
                row = rows.conversation.rows[index]
                assert mine[index] == (row.number, before)
                mine[index] = (row.number, len(row.pdus))

    def check(self, log: TrafficLog) -> None:
        assert list(self.rows) == [conversation.number for conversation in log.conversations]
        for conversation in log.conversations:
            assert self.rows[conversation.number] == [(row.number, len(row.pdus)) for row in conversation.rows]


def whole(association: int, echoes: int = 1) -> list[Record]:
    wire = Wire(association)
    records = wire.established()
    for _ in range(echoes):
        records += wire.echo()
    return [*records, wire.step("Sta6", "Evt17", "AA-4", "Sta1"), wire.close()]


def recount(log: TrafficLog) -> tuple[int, int]:
    rows = sum(1 + sum(1 + len(row.pdus) for row in c.rows) for c in log.conversations)
    size = sum(len(pdu.data) for c in log.conversations for row in c.rows for pdu in row.pdus)
    return rows, size


def test_what_is_new_and_what_changed() -> None:
    log = TrafficLog()
    wire = Wire(4)
    records = wire.message(store_rq(), bytes(900), sent=True, fragment=300)
    change = log.add([*wire.established(), *records[:2]])
    assert [conversation.number for conversation in change.added] == [4]
    assert change.changed == []
    assert change.rows[4].added == 3
    assert change.rows[4].changed == ()
    change = log.add(records[2:])
    assert [conversation.number for conversation in change.changed] == [4]
    assert change.rows[4].added == 0
    assert change.rows[4].changed == ((2, 2),)
    assert len(log.conversations[0].rows[2].pdus) == 4
    change = log.add([wire.close()])
    assert change.rows == {}
    assert change.changed
    assert not log.add([])


def test_old_payloads_go_first_and_rows_stay() -> None:
    log = TrafficLog(max_bytes=20_000)
    wire = Wire()
    change = log.add([*wire.established(), *wire.message(store_rq(), bytes(64_000), sent=True, fragment=8_000)])
    assert log.kept_bytes <= 20_000
    assert recount(log) == (log.rows, log.kept_bytes)
    pdus = log.conversations[0].rows[-1].pdus
    assert [len(pdu.data) for pdu in pdus[1:-2]] == [KEPT_OF_CUT] * 6
    assert all(pdu.cut for pdu in pdus[1:-2])
    assert not pdus[-1].cut
    assert change.shortened == 6
    assert log.dropped_bytes == 6 * (8_012 - KEPT_OF_CUT)
    assert log.dropped_rows == 0


def test_finished_conversations_go_before_live_ones() -> None:
    log = TrafficLog(max_rows=60)
    live = Wire(1)
    model = Model()
    model.apply(log.add(live.established()))
    for number in range(2, 12):
        model.apply(log.add(whole(number)))
        model.check(log)
    numbers = [conversation.number for conversation in log.conversations]
    assert numbers[0] == 1
    assert numbers[-1] == 11
    assert 2 not in numbers
    assert log.rows <= 60
    assert log.dropped_rows > 0
    assert recount(log) == (log.rows, log.kept_bytes)


def test_one_long_conversation_loses_its_oldest_rows() -> None:
    log = TrafficLog(max_rows=100)
    wire = Wire()
    model = Model()
    model.apply(log.add(wire.established()))
    for _ in range(100):
        model.apply(log.add(wire.echo()))
        model.check(log)
    assert len(log) == 1
    assert 80 < log.rows <= 100
    assert log.conversations[0].rows[-1].number == 202
    assert log.dropped_rows + log.rows == 1 + 2 * 202


def test_a_late_record_does_not_bring_a_ghost() -> None:
    log = TrafficLog(max_rows=20)
    for number in range(1, 5):
        log.add(whole(number, echoes=2))
    assert log.conversation(1) is None
    late = Wire(1)
    assert not log.add([late.record("EVT_RELEASED")])
    assert log.conversation(1) is None


def test_clear_keeps_what_is_under_way() -> None:
    log = TrafficLog()
    model = Model()
    model.apply(log.add(whole(1)))
    live = Wire(2)
    model.apply(log.add(live.established()))
    model.apply(log.clear())
    model.check(log)
    assert [conversation.number for conversation in log.conversations] == [2]
    assert log.conversations[0].rows == []
    assert log.rows == 1
    assert log.kept_bytes == 0
    model.apply(log.add(live.echo()))
    model.check(log)
    assert log.conversations[0].rows[-1].name == "C-ECHO-RSP"


def test_clear_in_the_midst_of_a_message() -> None:
    log = TrafficLog()
    wire = Wire()
    records = wire.message(store_rq(), bytes(900), sent=True, fragment=300)
    log.add([*wire.established(), *records[:2]])
    log.clear()
    log.add(records[2:])
    assert "without the command" in log.conversations[0].rows[0].problem
    assert recount(log) == (log.rows, log.kept_bytes)


def test_bounds_must_be_bounds() -> None:
    with pytest.raises(ValueError, match="Bounds"):
        TrafficLog(max_rows=0)


@pytest.mark.parametrize("seed", range(10))
def test_a_model_that_follows_the_changes_ends_up_with_the_log(seed: int) -> None:
    chance = random.Random(seed)
    streams = []
    for number in range(1, 8):
        wire = Wire(number)
        records = wire.established()
        for message_id in range(chance.randrange(1, 8)):
            records += wire.message(store_rq(message_id), bytes(chance.randrange(3000)), sent=True, fragment=500)
            records += wire.echo()
        if chance.random() < 0.7:
            records.append(wire.close())
        streams.append(records)
    mixed: list[Record] = []
    while streams:
        stream = chance.choice(streams)
        mixed.append(stream.pop(0))
        if not stream:
            streams.remove(stream)
    log = TrafficLog(max_rows=chance.choice((30, 100, 10_000)), max_bytes=chance.choice((2_000, 20_000, 10**9)))
    model = Model()
    while mixed:
        count = chance.randrange(1, 30)
        model.apply(log.add(mixed[:count]))
        del mixed[:count]
        model.check(log)
        assert recount(log) == (log.rows, log.kept_bytes)
        assert log.rows <= log.max_rows or all(not c.rows for c in log.conversations)
        if chance.random() < 0.05:
            model.apply(log.clear())
            model.check(log)


def test_conversations_have_a_bound_of_their_own() -> None:
    log = TrafficLog(max_conversations=5)
    live = Wire(1)
    log.add(live.established())
    for number in range(2, 20):
        log.add(whole(number))
    assert [conversation.number for conversation in log.conversations] == [1, 16, 17, 18, 19]
    assert recount(log) == (log.rows, log.kept_bytes)


def test_a_pdu_of_two_messages_is_a_row_of_both_and_its_bytes_count_once() -> None:
    wire = Wire()
    command = encode_command(ECHO_RQ)
    log = TrafficLog()
    pdu = P_DATA_TF((PDV(1, True, True, command), PDV(1, True, True, command)))
    log.add([wire.pdu(pdu, sent=True)])
    first, second = log.conversations[0].rows
    assert first.name == second.name == "C-ECHO-RQ"
    assert first.pdus == second.pdus
    assert log.rows == 1 + 2 + 2
    assert log.kept_bytes == first.pdus[0].length
    assert len(dissect(second).data) == len(command)
    log.clear()
    assert log.rows == 1
    assert log.kept_bytes == 0


def _ends(association: int, mode: str, local: int, remote: int, at: float) -> list[Record]:
    facts = ConversationFacts(mode, "A", "B", "127.0.0.1", remote, "127.0.0.1", local)
    opened = Wire(association).record("EVT_CONN_OPEN", facts=facts)._replace(time=at)
    return [opened, Wire(association).close()._replace(time=at + 1)]


def test_twins_are_the_two_ends_of_one_association() -> None:
    log = TrafficLog()
    log.add(_ends(1, "requestor", 40001, 104, 10.0) + _ends(2, "acceptor", 104, 40001, 10.1))
    log.add(_ends(3, "requestor", 40002, 104, 11.0))
    # The port comes again, an hour later.
    log.add(_ends(4, "requestor", 40001, 104, 3610.0) + _ends(5, "acceptor", 104, 40001, 3610.1))
    twins = {c.number: other.number if (other := log.twin(c)) else None for c in log.conversations}
    assert twins == {1: 2, 2: 1, 3: None, 4: 5, 5: 4}


def test_a_twin_that_was_let_go_is_none() -> None:
    log = TrafficLog(max_conversations=1)
    log.add(_ends(1, "requestor", 40001, 104, 10.0) + _ends(2, "acceptor", 104, 40001, 10.1))
    (left,) = log.conversations
    assert log.twin(left) is None


def test_remarks_are_kept_and_bounded() -> None:
    log = TrafficLog()
    wire = Wire()
    log.add([wire.record("EVT_CONN_OPEN", note="The capture begins within this association.")])
    log.add(
        [wire.raw(b"\x06\0\0\0\0\4\0\0\0\0", sent=True)._replace(note=f"{n} bytes are missing") for n in range(1000)]
    )
    (conversation,) = log.conversations
    assert conversation.remarks[:2] == ["The capture begins within this association.", "0 bytes are missing"]
    assert len(conversation.remarks) == 200


def scan(association: int, ports: tuple[int, int], *, mode: str = "requestor", closed: bool = True) -> list[Record]:
    """A connection that comes to nothing."""
    facts = ConversationFacts(mode, "", "", "10.0.0.1", ports[0], "10.0.0.2", ports[1])
    opened = Record(association, association * 0.001, association, "EVT_CONN_OPEN", facts=facts)
    return [opened, opened._replace(event="EVT_CONN_CLOSE", facts=None)] if closed else [opened]


def test_a_flood_of_connections_in_one_batch_takes_no_time() -> None:
    log = TrafficLog(max_conversations=5_000)
    waiting = [record for number in range(1, 5_001) for record in scan(number, (104, 50_000), closed=False)]
    flood = [record for number in range(5_001, 45_001) for record in scan(number, (104, 50_000))]
    began = time.perf_counter()
    change = log.add(waiting + flood)
    assert time.perf_counter() - began < 10  # it was minutes when each looked at all others
    assert [conversation.number for conversation in change.added] == list(range(1, 5_001))
    assert not change.removed
    assert not change.changed
    assert log.add(waiting[:1]).changed[0].number == 1
    change = log.add(flood[:2] + scan(50_000, (104, 50_000)))
    assert not change.added, "the newest goes when all others are under way"
    assert not change.removed


def test_the_oldest_go_until_what_is_left_is_within_the_bounds() -> None:
    log = TrafficLog(max_rows=100)
    model = Model()
    for number in range(1, 40):
        model.apply(log.add(whole(number)))
        model.check(log)
        assert (log.rows, log.kept_bytes) == recount(log)
        assert log.rows <= 100
    kept = [conversation.number for conversation in log.conversations]
    assert kept == list(range(kept[0], 40))
    assert sum(conversation.weight for conversation in log.conversations) + log.conversations[0].weight > 100


def test_a_connection_between_equal_ports_is_not_its_own_twin() -> None:
    log = TrafficLog()
    log.add(scan(1, (104, 104)))
    assert log.twin(log.conversations[0]) is None
    log.add(scan(2, (104, 104), mode="acceptor"))
    one, other = log.conversations
    assert log.twin(one) is other
    assert log.twin(other) is one


def test_ports_that_become_known_later_are_found() -> None:
    log = TrafficLog()
    log.add(scan(1, (104, 50_000)) + scan(2, (50_000, 1), mode="acceptor"))
    one, other = log.conversations
    assert log.twin(one) is None
    log.add(scan(2, (50_000, 104), mode="acceptor"))
    assert log.twin(one) is other
    assert not log.clear().changed
    assert log.twin(one) is None


def test_a_log_that_is_let_go_leaves_nothing_for_the_garbage_collector() -> None:
    def rows() -> int:
        return sum(type(each) in (MessageRow, PduRow) for each in gc.get_objects())

    gc.collect()
    before = rows()
    log = TrafficLog(source="trace.pcapng")
    log.add([record for number in range(1, 6) for record in whole(number, 10)])
    kept = log.conversations[0].rows[3].pdus[0]
    data = kept.data
    gc.disable()
    try:
        assert rows() > before + 100
        steps = sum(1 for _ in log.let_go())
        assert steps == 5
        assert len(log) == 0
        del log
        assert rows() <= before + 2
    finally:
        gc.enable()
    assert kept.data is data
