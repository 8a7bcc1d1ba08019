"""Faults that take their time: while an object is received, a slow wire, silence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_wire import (
    ABORT,
    PATIENCE,
    Client,
    Server,
    asked,
    association_request,
    converse,
    heard_is,
    pdus_of,
    server,
    tail_of,
    usual,
)

from workstation.scp.rules.rule import Fault

ENDINGS = ("abort", "drop", "reset", "silence")


@pytest.fixture
def scp() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.mark.parametrize("kind", ENDINGS)
@pytest.mark.parametrize(("count", "received"), [(0, 100), (150, 200), (200, 200)])
def test_an_end_while_the_object_is_received(scp: Server, kind: str, count: int, received: int) -> None:
    fault = Fault(kind=kind, values={"point": "receiving", "bytes": count})
    scp.misbehave("EVT_C_STORE", fault)
    tail, ending = tail_of(fault)
    answer = pdus_of(usual("EVT_C_STORE"))[0]
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: len(data) >= len(answer))
        # the command set and one fragment after the other, never the last
        command, *fragments = pdus_of(asked("EVT_C_STORE"))
        client.say(command + b"".join(fragments[: received // 100]))
        if kind == "silence":
            assert scp.sink().has(received)
        client.until(lambda data: data[-10:-2] == ABORT or (kind == "silence" and len(data) >= len(answer)))
        client.finish()
        heard = client.to_the_end()
    assert bytes(heard.data) == answer + tail
    assert heard.ending == ending
    assert scp.associations[0].over.wait(PATIENCE)
    assert len(scp.sinks[0].data) == received
    assert scp.sinks[0].discarded
    assert not scp.sinks[0].finished
    scp.behave()
    assert bytes(converse(scp, "EVT_C_STORE").data) == usual("EVT_C_STORE")


@pytest.mark.parametrize("kind", ENDINGS)
def test_the_object_is_smaller_than_what_is_to_be_received(scp: Server, kind: str) -> None:
    fault = Fault(kind=kind, values={"point": "receiving", "bytes": 1_000_000})
    scp.misbehave("EVT_C_STORE", fault)
    tail, ending = tail_of(fault)
    heard_is(scp, "EVT_C_STORE", pdus_of(usual("EVT_C_STORE"))[0] + tail, ending, silent=kind == "silence")
    assert scp.sinks[0].finished


def test_the_handler_sees_its_sink_through_the_one_that_watches(scp: Server) -> None:
    scp.misbehave("EVT_C_STORE", Fault(kind="silence", values={"point": "receiving", "bytes": 1_000_000}))
    converse(scp, "EVT_C_STORE", silent_after=0)
    assert scp.given[0] is not scp.sinks[0]
    assert scp.given[0].extra == scp.sinks[0].extra
