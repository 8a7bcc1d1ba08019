"""Each fault of an answer at each of its points: a socket hears exactly that fault, and else what it would have."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from fault_wire import (
    ASKED,
    MATCHES,
    Segment,
    Server,
    altered,
    answers,
    healthy,
    heard_is,
    joined,
    server,
    tail_of,
    usual,
)

from workstation.scp.rules.faults import FAULTS, points_for
from workstation.scp.rules.rule import ASSOCIATION, EVENTS, Fault

SERVICES = [event for event in EVENTS if FAULTS["never"].applies_to(event)]
ENDINGS = ("abort", "drop", "reset", "silence")
MANY = ("EVT_C_FIND", "EVT_C_GET", "EVT_C_MOVE")


@pytest.fixture
def scp() -> Iterator[Server]:
    with server() as made:
        yield made


# --------------------------------------------------------------------------- ends
def where_it_begins(event: str, segments: list[Segment]) -> int:
    """Where an answer begins: with its first response, a C-GET's with its first sub-operation."""
    return 1 if event == "EVT_C_GET" else answers(segments)[0]


def ended(event: str, fault: Fault) -> bytes:
    """What is heard up to the end that a fault makes."""
    segments = healthy(event)
    places = answers(segments)
    match fault["point"]:
        case "before" | "receiving":
            return joined(segments[: where_it_begins(event, segments)])
        case "after":
            return joined(segments[: places[-1] + 1])
        case "between" if not fault["count"]:
            return joined(segments[: where_it_begins(event, segments)])
        case "between":
            return joined(segments[: places[fault["count"] - 1] + 1])
    before, response = joined(segments[: places[0]]), segments[places[0]]
    if fault.kind != "abort" or event == ASSOCIATION:
        return before + joined([response])[: fault["bytes"]]
    left = fault["bytes"]
    for pdu in response.pdus:
        if len(pdu) > left:
            left -= left % 2
            if left > 12:
                before += struct.pack(">BxIIBB", 4, left - 6, left - 10, pdu[10], pdu[11] & 1) + pdu[12:left]
            break
        before += pdu
        left -= len(pdu)
    return before


def end_cases() -> Iterator[Any]:
    for event in [ASSOCIATION, *SERVICES]:
        for kind in ENDINGS:
            for point in points_for(event):
                if point == "receiving":
                    continue
                values: dict[str, Any] = {"point": point}
                if kind == "abort":
                    values |= {"source": 2, "reason": 6}
                variants = [values]
                if point == "middle":
                    variants = [values | {"bytes": count} for count in (1, 33, 80)]
                if point == "between":
                    most = MATCHES if event in MANY else 1
                    variants = [values | {"count": count} for count in range(min(most, 2) + 1)]
                for each in variants:
                    yield pytest.param(
                        event, Fault(kind=kind, values=each), id=f"{event}-{kind}-{'-'.join(map(str, each.values()))}"
                    )


@pytest.mark.parametrize(("event", "fault"), list(end_cases()))
def test_an_end_at_its_point(scp: Server, event: str, fault: Fault) -> None:
    scp.misbehave(event, fault)
    tail, ending = tail_of(fault)
    heard_is(scp, event, ended(event, fault) + tail, ending, silent=fault.kind == "silence")


def test_an_end_after_more_responses_than_there_are_never_comes(scp: Server) -> None:
    scp.misbehave("EVT_C_FIND", Fault(kind="abort", values={"point": "between", "count": 50}))
    heard_is(scp, "EVT_C_FIND", usual("EVT_C_FIND"))


def test_an_end_in_the_middle_comes_after_a_response_that_is_shorter(scp: Server) -> None:
    fault = Fault(kind="drop", values={"point": "middle", "bytes": 10_000})
    scp.misbehave("EVT_C_ECHO", fault)
    heard_is(scp, "EVT_C_ECHO", joined(healthy("EVT_C_ECHO")[:2]))


# --------------------------------------------------------------------------- wrong bytes
def number_at(data: bytes, place: int, size: int, difference: int) -> bytes:
    number = int.from_bytes(data[place : place + size], "big") + difference
    return data[:place] + (number & ((1 << 8 * size) - 1)).to_bytes(size, "big") + data[place + size :]


def element(command: bytes, number: int, change: Any) -> bytes:
    """A command set with the 16-bit number of an element changed, if it has that element."""
    place = 0
    while place < len(command):
        group, tag, length = struct.unpack_from("<HHI", command, place)
        assert group == 0
        if tag == number:
            value = struct.unpack_from("<H", command, place + 8)[0]
            return command[: place + 8] + struct.pack("<H", change(value) & 0xFFFF) + command[place + 10 :]
        place += 8 + length
    return command


def first_pdu(change: Any) -> Any:
    return lambda pdus: [change(pdus[0]), *pdus[1:]]


@pytest.mark.parametrize(
    ("event", "difference"),
    [
        *((event, difference) for event in [ASSOCIATION, *SERVICES] for difference in (2, -2)),
        *(("EVT_C_ECHO", difference) for difference in (1, 2**31, -(2**31))),
    ],
)
def test_a_wrong_pdu_length(scp: Server, event: str, difference: int) -> None:
    scp.misbehave(event, Fault(kind="pdu-length", values={"difference": difference}))
    wrong = altered(event, first_pdu(lambda pdu: number_at(pdu, 2, 4, difference)), every=False)
    assert wrong != usual(event)
    heard_is(scp, event, wrong)


@pytest.mark.parametrize("event", [ASSOCIATION, *SERVICES])
@pytest.mark.parametrize("difference", [2, -1000])
def test_a_wrong_item_length(scp: Server, event: str, difference: int) -> None:
    scp.misbehave(event, Fault(kind="item-length", values={"difference": difference}))
    # of the Application Context Item, PS3.8 Table 9-12, after 68 bytes of an A-ASSOCIATE-AC; of a PDV, Table 9-22
    place, size = (76, 2) if event == ASSOCIATION else (6, 4)
    wrong = altered(event, first_pdu(lambda pdu: number_at(pdu, place, size, difference)), every=False)
    assert wrong != usual(event)
    heard_is(scp, event, wrong)


@pytest.mark.parametrize("event", [ASSOCIATION, *SERVICES])
def test_an_unknown_pdu_type(scp: Server, event: str) -> None:
    scp.misbehave(event, Fault(kind="pdu-type", values={"type": 0x99}))
    heard_is(scp, event, altered(event, first_pdu(lambda pdu: bytes([0x99]) + pdu[1:]), every=False))


@pytest.mark.parametrize("close", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize("count", [0, 6, 16, 10_000])
@pytest.mark.parametrize("event", [ASSOCIATION, *SERVICES])
def test_a_truncated_pdu(scp: Server, event: str, count: int, close: bool) -> None:
    scp.misbehave(event, Fault(kind="truncate", values={"bytes": count, "close": close}))
    segments = healthy(event)
    place = answers(segments)[0]
    pdu = segments[place].pdus[0]
    heard_is(scp, event, joined(segments[:place]) + pdu[: min(count, len(pdu) - 1)], silent=not close)


@pytest.mark.parametrize("context_id", [253, 0])
@pytest.mark.parametrize("event", SERVICES)
def test_a_wrong_context_id(scp: Server, event: str, context_id: int) -> None:
    scp.misbehave(event, Fault(kind="context-id", values={"context_id": context_id}))
    wrong = altered(event, lambda pdus: [pdu[:10] + bytes([context_id]) + pdu[11:] for pdu in pdus], every=True)
    heard_is(scp, event, wrong)


@pytest.mark.parametrize("difference", [1, -ASKED - 1, 65535])
@pytest.mark.parametrize("event", SERVICES)
def test_a_wrong_message_id(scp: Server, event: str, difference: int) -> None:
    scp.misbehave(event, Fault(kind="message-id", values={"difference": difference}))
    change = first_pdu(lambda pdu: pdu[:12] + element(pdu[12:], 0x0120, lambda number: number + difference))
    heard_is(scp, event, altered(event, change, every=True))


COUNTERS = {"remaining": 0x1020, "completed": 0x1021, "failed": 0x1022, "warning": 0x1023}


@pytest.mark.parametrize("event", ["EVT_C_GET", "EVT_C_MOVE"])
@pytest.mark.parametrize(
    "differences", [{"completed": 1}, {"completed": 0, "remaining": -3}, {"failed": 7, "warning": 2}]
)
def test_wrong_counters(scp: Server, event: str, differences: dict[str, int]) -> None:
    fault = Fault(kind="counters", values=differences)
    scp.misbehave(event, fault)

    def wrong(pdu: bytes) -> bytes:
        command = pdu[12:]
        for name, number in COUNTERS.items():
            command = element(command, number, lambda value, name=name: value + fault[name])
        return pdu[:12] + command

    expected = altered(event, first_pdu(wrong), every=True)
    assert expected != usual(event)
    heard_is(scp, event, expected)


@pytest.mark.parametrize("event", SERVICES)
def test_the_final_response_twice(scp: Server, event: str) -> None:
    scp.misbehave(event, Fault(kind="twice"))
    segments = healthy(event)
    final = answers(segments)[-1]
    heard_is(scp, event, joined(segments[: final + 1]) + joined(segments[final:]))


@pytest.mark.parametrize("event", SERVICES)
def test_no_response(scp: Server, event: str) -> None:
    scp.misbehave(event, Fault(kind="never"))
    heard_is(scp, event, joined([segment for segment in healthy(event) if not segment.is_answer]))


@pytest.mark.parametrize("event", SERVICES)
def test_an_odd_length(scp: Server, event: str) -> None:
    scp.misbehave(event, Fault(kind="odd"))

    def odd(pdu: bytes) -> bytes:
        command, number, padding = pdu[12:], 0, b""
        places = []
        while number < len(command):
            tag, length = struct.unpack_from("<2xHI", command, number)
            places.append((number, tag, length))
            number += 8 + length
        # UIDs: (0000,0002) and (0000,1000); every value ends before an even place
        uids = [(place, length) for place, tag, length in places if tag in (0x0002, 0x1000)]
        padded = [(place, length) for place, length in uids if command[place + 7 + length] == 0]
        place, length = (padded or uids)[-1]
        value = command[place + 8 : place + 8 + length]
        value = value[:-1] if padded else value + b"\0"
        assert len(value) % 2
        rest = command[place + 8 + length :]
        command = command[: place + 4] + struct.pack("<I", len(value)) + value + rest
        command = command[:8] + struct.pack("<I", len(command) - 12) + command[12:] + padding
        size = len(command)
        return struct.pack(">BxIIBB", 4, size + 6, size + 2, pdu[10], pdu[11]) + command

    expected = altered(event, first_pdu(odd), every=True)
    assert expected != usual(event)
    heard_is(scp, event, expected)
