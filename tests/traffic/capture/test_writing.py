"""What `write_log` puts into a file: read again by dpkt and by Wireshark."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from capture_streams import SYN, comments_of, packets_of, streams_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from traffic_wire import ACCEPT, REQUEST, Wire, store_rq
from tshark import check_connections, dissect_file

from workstation.net.codec.pdu import A_ABORT_RQ, A_RELEASE_RP, A_RELEASE_RQ, encode_pdu
from workstation.traffic.capture.reading import read_capture
from workstation.traffic.capture.tcp_stream import MAX_SEGMENT
from workstation.traffic.capture.writing import Written, write_log
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import ConversationFacts, Record

CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 11112)


def facts(mode: str = "requestor", client: tuple[str, int] = CLIENT, server: tuple[str, int] = SERVER) -> Any:
    peer, local = (server, client) if mode == "requestor" else (client, server)
    return ConversationFacts(mode, "MODALITY", "PACS", *peer, *local)


def opened(wire: Wire, **ends: Any) -> Record:
    return wire.open()._replace(facts=facts(wire.mode, **ends))


def released(wire: Wire, data: bytes = b"", fragment: int = 16000, **ends: Any) -> list[Record]:
    """An association that stores an object and is released, as the wire's side saw it."""
    asks = wire.mode == "requestor"
    records = [opened(wire, **ends), wire.pdu(REQUEST, sent=asks), wire.pdu(ACCEPT, sent=not asks)]
    if data:
        records += wire.message(store_rq(), data, sent=asks, fragment=fragment)
    return [
        *records,
        wire.pdu(A_RELEASE_RQ(), sent=asks),
        wire.pdu(A_RELEASE_RP(), sent=not asks),
        wire.close(),
    ]


def pixels(size: int) -> bytes:
    """A data set of about so many bytes, in Explicit VR Little Endian: Pixel Data and nothing else."""
    size += size % 2
    return bytes.fromhex("e07f1000") + b"OW\0\0" + size.to_bytes(4, "little") + b"p" * size


def sent_bytes(records: Iterable[Record], event: str = "EVT_DATA_SENT") -> bytes:
    return b"".join(record.data for record in records if record.event == event)


def folded(*records: Record, **bounds: int) -> list[Conversation]:
    log = TrafficLog(**bounds)
    log.add(records)
    return log.conversations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "saved.pcapng"


def test_pdus_come_back_whole_and_in_time(path: Path) -> None:
    records = released(Wire(), pixels(300_000), fragment=200_000)
    written = write_log(path, folded(*records))
    (stream,) = streams_of(path)
    assert stream.data == {True: sent_bytes(records), False: sent_bytes(records, "EVT_DATA_RECV")}
    assert stream.gaps == {True: [], False: []}
    assert stream.closed_by is True, "who asked for the release and heard the answer closes"
    times = {round(float(time), 6) for time, _, _, length, _ in stream.order if length}
    assert times == {round(record.time, 6) for record in records if record.data}
    assert max(length for _, _, _, length, _ in stream.order) == MAX_SEGMENT, (
        "a PDU of 200,000 bytes is cut in segments"
    )
    assert written == Written(associations=1, pdus=7, bytes=path.stat().st_size)
    assert written.text == "1 association with 7 PDUs saved."


def test_wireshark_finds_nothing_wrong(path: Path) -> None:
    records = released(Wire(1), pixels(300_000), fragment=200_000)
    second = Wire(2)
    second.time = 1000.05  # its packets stand between those of the first
    records += released(second, pixels(36_000), client=("192.0.2.1", 40001))
    write_log(path, folded(*records))
    check_connections(path, 2)
    pdus = dissect_file(path)
    assert [pdu.problems for pdu in pdus] == [[]] * len(pdus)
    for conversation in (0, 1):
        mine = [record.data[0] for record in records if record.association == conversation + 1 and record.data]
        assert [pdu.fields[0].raw[0] for pdu in pdus if pdu.conversation == conversation] == mine
    times = [time for time, _ in packets_of(path)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (("127.0.0.1", 40000), ("127.0.0.1", 11112)),
        (("2001:db8::1", 40000), ("2001:db8::2", 11112)),
        (("::ffff:192.0.2.1", 40000), ("192.0.2.2", 11112)),  # what a socket of both families says of IPv4
        (("fe80::1%eth0", 40000), ("fe80::2", 11112)),
        (("192.0.2.1", 40000), ("2001:db8::2", 11112)),
    ],
)
def test_ipv4_and_ipv6(path: Path, client: tuple[str, int], server: tuple[str, int]) -> None:
    records = released(Wire(), pixels(5000), client=client, server=server)
    write_log(path, folded(*records))
    (stream,) = streams_of(path)
    assert stream.data[True] == sent_bytes(records)
    assert len({len(address) for address in (stream.ends[0], stream.ends[2])}) == 1
    assert [pdu.problems for pdu in dissect_file(path)] == [[]] * 6
    assert [comment for comment in comments_of(path) if "not known" in comment] == []


def test_unknown_addresses_are_stood_for_and_said(path: Path) -> None:
    wire = Wire()
    records = released(wire)
    named = ConversationFacts("requestor", "MODALITY", "PACS", "pacs\x1b[31m.example", 11112)
    records[0] = wire.open()._replace(facts=named, address=None)
    write_log(path, folded(*records))
    (stream,) = streams_of(path)
    assert stream.ends[2:] == (bytes([192, 0, 2, 2]), 11112)
    (comment,) = comments_of(path)
    assert comment == (
        "Association 1: MODALITY to PACS; the requestor's address is not known, 192.0.2.1 stands for it; "
        "the acceptor's address (pacs\\x1b[31m.example) is not known, 192.0.2.2 stands for it"
    )


def test_the_acceptors_side_is_the_same_connection(path: Path) -> None:
    records = released(Wire(mode="acceptor"), pixels(100))
    write_log(path, folded(*records))
    (stream,) = streams_of(path)
    assert stream.ends[1::2] == (CLIENT[1], SERVER[1])
    assert stream.data == {True: sent_bytes(records, "EVT_DATA_RECV"), False: sent_bytes(records)}


# --------------------------------------------------------------------------- what is not there
def test_a_cut_pdu_is_cut_in_the_file(path: Path) -> None:
    wire = Wire()
    records = [opened(wire), wire.pdu(REQUEST, sent=True), wire.pdu(ACCEPT, sent=False)]
    records += wire.message(store_rq(), pixels(300_000), sent=True, fragment=40_000, kept=256)[:3]
    records += [wire.pdu(A_RELEASE_RQ(), sent=True)]
    written = write_log(path, folded(*records))
    assert (written.cut, written.missing) == (2, 0)
    assert written.text == "1 association with 6 PDUs saved: 2 of them cut to their first bytes."
    (stream,) = streams_of(path)
    assert stream.data[True] == sent_bytes(records), "the bytes that are there, and no others"
    lengths = [record.length for record in records if record.event == "EVT_DATA_SENT"]
    assert sum(length for _, from_client, _, length, _ in stream.order if from_client) == sum(lengths)
    assert comments_of(path)[1:] == ["Only the first 256 of the 40,012 bytes of this PDU are here"] * 2
    pdus = dissect_file(path)
    assert not [problem for pdu in pdus for problem in pdu.problems if "malformed" in problem]
    # Behind a cut PDU Wireshark takes up with the next.
    assert [pdu.fields[0].raw[0] for pdu in pdus] == [1, 2, 4, 4, 4, 5]


def test_pdus_that_were_never_kept_are_a_gap(path: Path) -> None:
    wire = Wire()
    records = [opened(wire), wire.pdu(REQUEST, sent=True), wire.pdu(ACCEPT, sent=False)]
    release = encode_pdu(A_RELEASE_RQ())
    records += [wire.raw(release, sent=True, lost=3)]
    written = write_log(path, folded(*records))
    assert written.missing == 3
    (stream,) = streams_of(path)
    assert stream.gaps == {True: [(len(sent_bytes(records)) - len(release), 3)], False: []}
    assert comments_of(path)[1:] == ["3 PDUs before this were not kept"]
    assert written.text == "1 association with 3 PDUs saved: 3 PDUs had been let go before."


def test_rows_that_were_let_go_are_a_gap_of_their_size(path: Path) -> None:
    wire = Wire()
    records = [opened(wire), wire.pdu(REQUEST, sent=True), wire.pdu(ACCEPT, sent=False)]
    for _ in range(40):
        records += wire.echo()
    conversation = folded(*records, max_rows=60)[0]
    assert conversation.trimmed
    write_log(path, [conversation])
    (stream,) = streams_of(path)
    for is_client, event in ((True, "EVT_DATA_SENT"), (False, "EVT_DATA_RECV")):
        whole = sent_bytes(records, event)
        assert whole.endswith(stream.data[is_client])
        assert stream.gaps[is_client] == [(0, len(whole) - len(stream.data[is_client]))]


# (by us, whole length, bytes kept, PDUs lost before it), whatever the bytes are
LENGTHS = st.sampled_from([1, 6, 1000, MAX_SEGMENT - 1, MAX_SEGMENT, MAX_SEGMENT + 1, 2 * MAX_SEGMENT + 7])
ANY_PDU = st.tuples(st.booleans(), LENGTHS, LENGTHS, st.sampled_from([0, 0, 2]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pdus=st.lists(ANY_PDU, max_size=6), kind=st.sampled_from([1, 2, 3, 4, 5, 7, 0x0A, 0xFF]), twice=st.booleans())
def test_whatever_was_seen_can_be_saved(path: Path, pdus: Any, kind: int, twice: bool) -> None:
    """The bytes that are there come back in order, and the wire was as long as it was."""
    records: list[Record] = []
    for wire in [Wire(1), Wire(2, "acceptor")][: 1 + twice]:
        records += [opened(wire), wire.pdu(REQUEST, sent=wire.mode == "requestor")]
        for by_us, length, kept, lost in pdus:
            raw = bytes([kind]) + bytes(length - 1)
            sent = by_us == (wire.mode == "requestor")
            records.append(wire.raw(raw, sent=sent, kept=min(kept, length), lost=lost))
    written = write_log(path, folded(*records))
    assert (written.associations, written.pdus) == (1, 1 + len(pdus))
    (stream,) = streams_of(path)
    start = len(encode_pdu(REQUEST))
    for side, all_of_it in ((True, [(True, start, start, 0), *pdus]), (False, pdus)):
        mine = [(length, min(kept, length), lost) for by_us, length, kept, lost in all_of_it if by_us == side]
        assert len(stream.data[side]) == sum(kept for _, kept, _ in mine)
        assert sum(size for _, from_client, _, size, _ in stream.order if from_client == side) == sum(
            length for length, _, _ in mine
        )
        assert sum(size for _, size in stream.gaps[side]) == sum(length - kept + lost for length, kept, lost in mine)


# --------------------------------------------------------------------------- the connection
def test_an_association_under_way_has_no_end(path: Path) -> None:
    wire = Wire()
    write_log(path, folded(opened(wire), wire.pdu(REQUEST, sent=True)))
    (stream,) = streams_of(path)
    assert stream.closed_by is None


def test_an_association_of_which_the_beginning_was_not_seen_begins_in_its_midst(path: Path) -> None:
    wire = Wire()
    began = opened(wire)._replace(note="The capture begins within it.")
    records = [began, *wire.echo(), wire.pdu(A_RELEASE_RQ(), sent=True), wire.pdu(A_RELEASE_RP(), sent=False)]
    write_log(path, folded(*[record for record in records if record.transition is None]))
    (stream,) = streams_of(path)
    assert not any(flags & SYN for _, _, flags, _, _ in stream.order), "nobody saw a handshake"
    assert comments_of(path) == ["Association 1: MODALITY to PACS; The capture begins within it."]
    log = TrafficLog()
    report = read_capture(path, log)
    assert (report.associations, report.pdus) == (1, 4)
    assert "The capture begins within this association; what came before cannot be seen." in report.problems[0]
    assert [row.name for row in log.conversations[0].rows] == [
        "C-ECHO-RQ",
        "C-ECHO-RSP",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
    ]


@pytest.mark.parametrize("by_us", [True, False])
def test_who_hears_an_abort_closes(path: Path, by_us: bool) -> None:
    wire = Wire()
    records = [opened(wire), wire.pdu(REQUEST, sent=True), wire.pdu(A_ABORT_RQ(0, 0), sent=by_us), wire.close()]
    write_log(path, folded(*records))
    assert streams_of(path)[0].closed_by is not by_us


def test_a_peer_that_closes_is_told_by_the_path(path: Path) -> None:
    wire = Wire()
    lost = wire.step("Sta6", "Evt17", "AA-4", "Sta1")
    reason = facts()._replace(end_reason="The connection was lost")
    records = [*wire.established(), *wire.echo(), lost, wire.close()._replace(facts=reason)]
    write_log(path, folded(*records))
    assert streams_of(path)[0].closed_by is False
    assert comments_of(path)[-1] == "The connection was lost"


def test_a_connection_that_failed_was_only_asked_for(path: Path) -> None:
    wire = Wire()
    failed = facts()._replace(local_address="", local_port=0, end_reason="No transport connection: refused")
    records = [
        wire.step("Sta1", "Evt1", "AE-1", "Sta4")._replace(facts=failed),
        wire.step("Sta4", "Evt17", "AA-4", "Sta1"),
    ]
    write_log(path, folded(*records))
    (stream,) = streams_of(path)
    assert [flags for _, _, flags, _, _ in stream.order] == [SYN]
    assert comments_of(path)[0].endswith("No transport connection: refused")


def test_a_port_that_is_used_again_is_another_connection(path: Path) -> None:
    first, second = Wire(1), Wire(2)
    second.time = 2000.0
    write_log(path, folded(*released(first), *released(second)))
    assert len(streams_of(path)) == 2
    # By its other sequence numbers Wireshark tells it from the first.
    assert len({ip.data.seq for _, ip in packets_of(path) if ip.data.flags == SYN}) == 2


# --------------------------------------------------------------------------- both ends ours
def test_both_ends_are_one_connection(path: Path) -> None:
    mine, theirs = Wire(1), Wire(2, "acceptor")
    records = released(mine, pixels(40_000)) + released(theirs, pixels(40_000))
    written = write_log(path, folded(*records))
    assert (written.associations, written.pdus) == (1, 8)
    (stream,) = streams_of(path)
    assert stream.data[True] == sent_bytes(record for record in records if record.association == 1)


def test_the_end_that_has_more_is_written(path: Path) -> None:
    mine, theirs = Wire(1), Wire(2, "acceptor")
    cut = [record._replace(data=record.data[:100]) for record in released(mine, pixels(40_000))]
    whole = released(theirs, pixels(40_000))
    written = write_log(path, folded(*cut, *whole))
    assert (written.associations, written.cut) == (1, 0)
    assert streams_of(path)[0].data[True] == sent_bytes(whole, "EVT_DATA_RECV")


def test_what_the_other_end_did_not_hear_any_more_is_there(path: Path) -> None:
    mine, theirs = Wire(1), Wire(2, "acceptor")
    abort = encode_pdu(A_ABORT_RQ(0, 0))
    records = [opened(mine), mine.pdu(REQUEST, sent=True), mine.pdu(ACCEPT, sent=False), mine.close()]
    records += [opened(theirs), theirs.pdu(REQUEST, sent=False), theirs.pdu(ACCEPT, sent=True)]
    records += [theirs.raw(abort, sent=True), theirs.close()]
    written = write_log(path, folded(*records))
    assert (written.associations, written.pdus) == (1, 3)
    assert streams_of(path)[0].data[False] == encode_pdu(ACCEPT) + abort


def test_one_after_the_other_between_the_same_ports_are_two(path: Path) -> None:
    """As requestor once and as acceptor later: not the two ends of one connection."""
    first, second = Wire(1), Wire(2, "acceptor")
    second.time = 2000.0
    assert write_log(path, folded(*released(first), *released(second))).associations == 2


# --------------------------------------------------------------------------- the file
def test_a_file_is_replaced_as_a_whole_or_not_at_all(path: Path) -> None:
    path.write_bytes(b"old")
    conversations = folded(*released(Wire(), pixels(900_000), fragment=100))
    told: list[tuple[int, int]] = []
    written = write_log(
        path, conversations, progress=lambda *told_: told.append(told_), cancelled=lambda: len(told) > 3
    )
    assert written == Written(cancelled=True)
    assert written.text == "Nothing was saved."
    assert path.read_bytes() == b"old"
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert write_log(path, conversations, progress=lambda *told_: told.append(told_)).pdus == 9_007
    assert told[-1] == (9_007, 9_007)
    assert told[4:] == sorted(told[4:])
    assert path.stat().st_size > 1_000_000


def test_a_file_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_log(tmp_path / "no" / "such.pcapng", folded(*released(Wire())))


def test_nothing_seen_is_an_empty_capture(path: Path) -> None:
    assert write_log(path, []).text == "0 associations with 0 PDUs saved."
    assert list(packets_of(path)) == []
    assert dissect_file(path) == []
