"""Faults that take their time: while an object is received, a slow wire, silence."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from fault_wire import (
    ABORT,
    LAST_REQUEST,
    PATIENCE,
    RELEASE,
    RELEASED,
    Client,
    Server,
    asked,
    association_request,
    converse,
    heard_is,
    is_whole,
    pdus_of,
    server,
    spoken,
    store_request,
    tail_of,
    usual,
)

from workstation.net.association import Association
from workstation.scp.rules.rule import ASSOCIATION, Fault

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


# --------------------------------------------------------------------------- hanging up
def test_who_hangs_up_takes_what_still_comes(scp: Server) -> None:
    scp.misbehave("EVT_C_ECHO", Fault(kind="drop"))
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: is_whole(pdus_of(data)))
        # bytes that nobody has read when the connection is closed, and bytes that come afterwards
        client.say(asked("EVT_C_ECHO") + LAST_REQUEST * 50)
        assert client.to_the_end().ending == "FIN"
        assert client.stays_closed()
    assert scp.associations[0].over.wait(PATIENCE)
    assert scp.associations[0].is_aborted


@pytest.mark.parametrize("kind", ["drop", "silence", "slow-read", "slow-write"])
def test_a_server_ends_what_a_fault_keeps(scp: Server, kind: str) -> None:
    scp.misbehave("EVT_C_ECHO", Fault(kind=kind, values={"rate": 1} if kind.startswith("slow") else {}))
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: is_whole(pdus_of(data)))
        client.say(asked("EVT_C_ECHO") + LAST_REQUEST)
        if kind == "drop":
            assert client.to_the_end().ending == "FIN"
        elif kind == "silence":
            assert scp.last.wait(PATIENCE)
        else:
            assert client.more() or kind == "slow-read"
        started = time.monotonic()
        scp.server.shutdown()
        assert scp.associations[0].over.wait(PATIENCE)
        assert time.monotonic() - started < 3.0


# --------------------------------------------------------------------------- silence
def test_a_silent_server_keeps_the_connection_until_the_peer_closes_it(scp: Server) -> None:
    scp.ae.acse_timeout = 0.5
    scp.ae.network_timeout = 0.5
    scp.ae.dimse_timeout = 0.5
    scp.misbehave("EVT_C_ECHO", Fault(kind="silence", values={"point": "after"}))
    first = pdus_of(usual("EVT_C_ECHO"))[:2]
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: len(data) >= len(first[0]))
        client.say(asked("EVT_C_ECHO"))
        assert client.until(lambda data: len(data) >= len(b"".join(first)))
        client.say(LAST_REQUEST)
        assert scp.last.wait(PATIENCE)
        assert client.hears_nothing(0.8)
        client.say(RELEASE)
        assert client.hears_nothing(0.3)
        assert not scp.associations[0].over.is_set()
        assert bytes(client.heard.data) == b"".join(first)
    assert scp.associations[0].over.wait(PATIENCE)


def test_an_abort_of_ours_is_not_heard_in_silence(scp: Server) -> None:
    scp.misbehave("EVT_C_ECHO", Fault(kind="silence"))
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: is_whole(pdus_of(data)))
        client.say(asked("EVT_C_ECHO") + LAST_REQUEST)
        assert scp.last.wait(PATIENCE)
        scp.associations[0].abort(block=False)
        client.finish()
        heard = client.to_the_end()
    assert bytes(heard.data) == pdus_of(usual("EVT_C_ECHO"))[0]
    assert scp.associations[0].is_aborted


# --------------------------------------------------------------------------- a slow wire
@pytest.mark.parametrize("event", [ASSOCIATION, "EVT_C_FIND", "EVT_N_GET"])
def test_writing_slowly(scp: Server, event: str) -> None:
    rate = 4000
    scp.misbehave(event, Fault(kind="slow-write", values={"rate": rate}))
    slow = len(usual(event)) - (0 if event == ASSOCIATION else len(pdus_of(usual(event))[0]))
    started = time.monotonic()
    heard_is(scp, event, usual(event))
    assert time.monotonic() - started > 0.8 * slow / rate


def test_writing_slowly_is_no_idleness(scp: Server) -> None:
    scp.ae.network_timeout = 0.1
    scp.misbehave("EVT_C_FIND", Fault(kind="slow-write", values={"rate": 2000}))
    heard_is(scp, "EVT_C_FIND", usual("EVT_C_FIND"))


def test_who_writes_slowly_can_be_aborted(scp: Server) -> None:
    scp.misbehave("EVT_C_FIND", Fault(kind="slow-write", values={"rate": 1}))
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: is_whole(pdus_of(data)))
        begun = len(client.heard.data)
        client.say(asked("EVT_C_FIND"))
        assert client.until(lambda data: len(data) > begun)
        started = time.monotonic()
        scp.associations[0].abort()
        assert scp.associations[0].over.wait(PATIENCE)
        assert time.monotonic() - started < 3.0


def test_the_peer_of_a_slow_writer_can_abort(scp: Server) -> None:
    scp.misbehave("EVT_C_FIND", Fault(kind="slow-write", values={"rate": 1}))
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: is_whole(pdus_of(data)))
        begun = len(client.heard.data)
        client.say(asked("EVT_C_FIND"))
        assert client.until(lambda data: len(data) > begun)
        client.say(ABORT + b"\0\0")
        assert scp.associations[0].over.wait(PATIENCE)
        assert scp.associations[0].abort_received is not None


def large_object(size: int) -> bytes:
    return spoken(store_request(), bytes(size), 16000)


def test_reading_slowly(scp: Server) -> None:
    def hurry(assoc: Association) -> None:
        # a PDU may take as long as we make it take, whatever a peer may
        assoc.connection.engine.limits.pdu = 0.05

    rate, size = 100_000, 60_000
    scp.tune = hurry
    scp.misbehave("EVT_C_STORE", Fault(kind="slow-read", values={"rate": rate}))
    expected = usual("EVT_C_STORE")
    answer, response, last, _ = pdus_of(expected)
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: len(data) >= len(answer))
        started = time.monotonic()
        client.say(large_object(size))
        assert client.until(lambda data: len(data) >= len(answer + response))
        # what has come before the object began is read by then
        assert time.monotonic() - started > 0.6 * (size - 16384) / rate
        client.say(LAST_REQUEST)
        assert client.until(lambda data: len(data) >= len(answer + response + last))
        client.say(RELEASE)
        assert client.until(lambda data: data.endswith(RELEASED))
        client.finish()
        heard = client.to_the_end()
    assert bytes(heard.data) == expected
    assert len(scp.sinks[0].data) == size


def test_the_sending_of_a_slow_readers_peer_stalls(scp: Server) -> None:
    scp.misbehave("EVT_C_STORE", Fault(kind="slow-read", values={"rate": 100}))
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: is_whole(pdus_of(data)))
        said = memoryview(large_object(20_000_000))
        client.sock.settimeout(0.0)
        while select.select([], [client.sock], [], 0.2)[1]:
            said = said[client.sock.send(said) :]
        assert said
        client.sock.settimeout(PATIENCE)
        started = time.monotonic()
        scp.associations[0].abort(block=False)
        assert client.until(lambda data: data[-10:-2] == ABORT)
        assert time.monotonic() - started < 2.0
    assert scp.associations[0].over.wait(PATIENCE)


def test_a_slow_reader_waits_for_bytes_and_does_not_ask_for_them(scp: Server) -> None:
    scp.misbehave("EVT_C_ECHO", Fault(kind="slow-read", values={"rate": 5}))
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: is_whole(pdus_of(data)))
        client.say(asked("EVT_C_ECHO"))
        assert client.until(lambda data: len(pdus_of(data)) > 1 and is_whole(pdus_of(data)))
        client.say(LAST_REQUEST)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        used = time.process_time()
        client.sock.close()  # a reset, which a poll of the socket would tell of again and again
        scp.associations[0].over.wait(1.0)
        assert time.process_time() - used < 0.3
    scp.associations[0].kill()


# --------------------------------------------------------------------------- over TLS
@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    ca = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.issue_cert("localhost").configure_cert(theirs)
    ca.configure_trust(ours)
    return theirs, ours


@pytest.mark.parametrize(
    ("kind", "values", "kept", "end"),
    [
        ("drop", {"point": "after"}, None, b""),
        ("drop", {"point": "middle", "bytes": 33}, 33, b""),
        ("reset", {"point": "before"}, 0, b""),
        ("abort", {"point": "before", "source": 2, "reason": 1}, 0, ABORT + b"\2\1"),
        ("truncate", {"bytes": 20}, 20, b""),
        ("slow-write", {"rate": 4000}, None, b""),
    ],
)
def test_faults_over_tls(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], kind: str, values: dict[str, Any], kept: int | None, end: bytes
) -> None:
    expected = usual("EVT_C_ECHO")
    answer, response, *_ = pdus_of(expected)
    with server(tls[0]) as scp:
        scp.misbehave("EVT_C_ECHO", Fault(kind=kind, values=values))
        heard = converse(scp, "EVT_C_ECHO", tls=tls[1])
        if kind != "slow-write":
            expected = answer + response[:kept] + end
        assert bytes(heard.data) == expected
        assert scp.associations[0].over.wait(PATIENCE)
        scp.behave()
        assert bytes(converse(scp, ASSOCIATION, tls=tls[1]).data) == usual(ASSOCIATION)
