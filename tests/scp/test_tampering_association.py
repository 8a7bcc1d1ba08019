"""Faults of the association request that are no wrong bytes: rejections, and contexts as a person chooses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fault_wire import (
    ABORT,
    CT,
    FIND,
    IMPLICIT,
    PATIENCE,
    RELEASE,
    RELEASED,
    VERIFICATION,
    Client,
    Server,
    association_request,
    converse,
    heard_is,
    is_whole,
    pdus_of,
    server,
    usual,
)

from workstation.net import AE, evt
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    ImplementationClassUID,
    MaximumLength,
    ProposedContext,
    decode_pdu,
    encode_pdu,
)
from workstation.net.pdu_primitives import UserIdentityNegotiation
from workstation.scp.rules.rule import ASSOCIATION, Fault


@pytest.fixture
def scp() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.mark.parametrize(("result", "source", "reason"), [(1, 1, 1), (1, 1, 7), (2, 3, 2), (2, 2, 200)])
def test_a_rejection(scp: Server, result: int, source: int, reason: int) -> None:
    fault = Fault(kind="reject", values={"result": result, "source": source, "reason": reason})
    scp.misbehave(ASSOCIATION, fault)
    with Client(scp.port) as client:
        client.say(association_request())
        assert client.until(lambda data: len(data) >= 10)
        client.finish()
        heard = client.to_the_end()
    assert bytes(heard.data) == bytes([3, 0, 0, 0, 0, 4, 0, result, source, reason])
    scp.behave()
    assert bytes(converse(scp, ASSOCIATION).data) == usual(ASSOCIATION)


def accepted(scp: Server, values: dict[str, Any], offered: dict[str, list[str]]) -> dict[str, tuple[int, str]]:
    """What a fault of the kind "contexts" makes of what is offered: result and transfer syntax of each SOP class."""
    scp.misbehave(ASSOCIATION, Fault(kind="contexts", values=values))
    uids = list(offered)
    request = A_ASSOCIATE_RQ(
        called_ae_title="SCP",
        calling_ae_title="RAW",
        presentation_contexts=tuple(
            ProposedContext(context_id=2 * index + 1, abstract_syntax=uid, transfer_syntaxes=tuple(offered[uid]))
            for index, uid in enumerate(uids)
        ),
        user_information=(MaximumLength(value=16382), ImplementationClassUID(uid="1.2.3.4")),
    )
    with Client(scp.port) as client:
        client.say(encode_pdu(request))
        assert client.until(lambda data: is_whole(pdus_of(data)))
        answer = decode_pdu(bytes(client.heard.data))
        assert isinstance(answer, A_ASSOCIATE_AC)
        client.say(RELEASE)
        assert client.until(lambda data: data.endswith(RELEASED))
    assoc = scp.associations[0]
    results = {item.context_id: item for item in answer.presentation_contexts}
    for context in [*assoc.accepted_contexts, *assoc.rejected_contexts]:
        # what it says is what it believes
        assert context.context_id is not None
        assert context.result == results[context.context_id].result
    return {
        uid: (results[2 * index + 1].result, str(results[2 * index + 1].transfer_syntax))
        for index, uid in enumerate(uids)
    }


EXPLICIT, JPEG, MR = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70", "1.2.840.10008.5.1.4.1.1.4"
OFFERED = {VERIFICATION: [IMPLICIT], CT: [EXPLICIT, IMPLICIT], MR: [JPEG, EXPLICIT], FIND: [IMPLICIT]}


@pytest.mark.parametrize(
    ("values", "results"),
    [
        ({}, {VERIFICATION: (0, IMPLICIT), CT: (0, IMPLICIT), MR: (3, None), FIND: (0, IMPLICIT)}),
        ({"refuse": ["CT Image Storage"]}, {CT: (3, None), VERIFICATION: (0, IMPLICIT), FIND: (0, IMPLICIT)}),
        ({"refuse": ["*storage", VERIFICATION], "result": 1}, {CT: (1, None), MR: (1, None), VERIFICATION: (1, None)}),
        ({"refuse": ["*"], "result": 4}, dict.fromkeys(OFFERED, (4, None))),
        ({"accept": ["*Storage"]}, {CT: (0, IMPLICIT), MR: (0, JPEG), VERIFICATION: (3, None), FIND: (3, None)}),
        ({"accept": ["*"], "refuse": ["Verification"], "result": 2}, {VERIFICATION: (2, None), MR: (0, JPEG)}),
        ({"syntaxes": ["Explicit*", "Implicit*"]}, {CT: (0, EXPLICIT), VERIFICATION: (0, IMPLICIT), MR: (3, None)}),
        ({"syntaxes": [EXPLICIT]}, {CT: (0, EXPLICIT), VERIFICATION: (4, None), FIND: (4, None)}),
        ({"accept": [MR, CT], "syntaxes": ["Explicit VR Little Endian"]}, {CT: (0, EXPLICIT), MR: (0, EXPLICIT)}),
    ],
)
def test_chosen_contexts(scp: Server, values: dict[str, Any], results: dict[str, tuple[int, str | None]]) -> None:
    found = accepted(scp, values, OFFERED)
    for uid, (result, syntax) in results.items():
        assert found[uid][0] == result
        assert syntax is None or found[uid][1] == syntax


def test_chosen_contexts_change_nothing_else(scp: Server) -> None:
    # what refuses nothing and accepts what is supported is on the wire as without it
    scp.misbehave(ASSOCIATION, Fault(kind="contexts", values={"accept": ["*"], "syntaxes": ["*"]}))
    heard_is(scp, ASSOCIATION, usual(ASSOCIATION))


REJECTED = bytes([3, 0, 0, 0, 0, 4, 0, 1, 1, 7])


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("pdu-type", {"type": 0x42}, b"\x42" + REJECTED[1:]),
        ("pdu-length", {"difference": 2}, REJECTED[:5] + b"\6" + REJECTED[6:]),
        ("item-length", {"difference": 2}, REJECTED),  # there is no item
        ("truncate", {"bytes": 7}, REJECTED[:7]),
        ("drop", {"point": "middle", "bytes": 3}, REJECTED[:3]),
        ("drop", {"point": "before"}, b""),
        ("abort", {"point": "before", "source": 2, "reason": 2}, ABORT + b"\2\2"),
        ("abort", {"point": "after"}, REJECTED),  # it has ended already
        ("slow-write", {"rate": 100}, REJECTED),
    ],
)
def test_faults_of_a_rejection(scp: Server, kind: str, values: dict[str, Any], expected: bytes) -> None:
    scp.ae.require_called_aet = True
    scp.server.ae_title = "ANOTHER"
    scp.misbehave(ASSOCIATION, Fault(kind=kind, values=values))
    with Client(scp.port) as client:
        client.say(association_request())
        client.until(lambda data: len(data) >= len(expected))
        client.finish()
        heard = client.to_the_end()
    assert bytes(heard.data) == expected
    assert heard.ending == "FIN"
    assert scp.associations[0].over.wait(PATIENCE)


def test_a_fault_of_the_request_comes_after_the_negotiation_handlers(scp: Server) -> None:
    asked = threading.Event()

    def who(_: object) -> tuple[bool, None]:
        asked.set()
        return True, None

    scp.server.bind(evt.EVT_USER_ID, who)
    scp.misbehave(ASSOCIATION, Fault(kind="drop"))
    identity = UserIdentityNegotiation()
    identity.user_identity_type = 1
    identity.primary_field = b"somebody"
    ae = AE()
    ae.add_requested_context(VERIFICATION)
    assoc = ae.associate("127.0.0.1", scp.port, ext_neg=[identity])
    assert asked.is_set()
    assert assoc.is_aborted
    assert scp.associations[0].over.wait(PATIENCE)
    assert scp.associations[0].is_aborted
    assert not scp.associations[0].is_established
