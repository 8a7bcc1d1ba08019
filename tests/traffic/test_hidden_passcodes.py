"""Passcodes in requests that are damaged: not shown, not copied, not exported."""

from __future__ import annotations

import json

import pytest
from traffic_wire import IMPLICIT, USER, VERIFICATION, Wire

from workstation.net.codec.pdu import A_ASSOCIATE_RQ, ProposedContext, UserIdentityRQ, encode_pdu
from workstation.traffic.capture.export import pdu_object
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.decoding.field_text import tree_text
from workstation.traffic.output.repeat import as_hex

_CONTEXT = ProposedContext(context_id=1, abstract_syntax=VERIFICATION, transfer_syntaxes=(IMPLICIT,))
_IDENTIFIED = encode_pdu(
    A_ASSOCIATE_RQ(
        called_ae_title="PACS",
        calling_ae_title="MODALITY",
        presentation_contexts=(_CONTEXT,),
        user_information=(*USER, UserIdentityRQ(2, False, b"jane", b"hunter2")),
    )
)


def _with(at: int, value: bytes) -> bytes:
    return _IDENTIFIED[:at] + value + _IDENTIFIED[at + len(value) :]


_USER_ITEM = _IDENTIFIED.index(b"\x50\0\0")
_SUB_ITEM = _IDENTIFIED.index(b"\x58\0\0")
_SECOND = _IDENTIFIED.index(b"hunter2") - 2


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_IDENTIFIED, id="as it should be"),
        pytest.param(_with(_SECOND, b"\0\x0f"), id="second length too long"),
        pytest.param(_with(_SUB_ITEM + 6, b"\xff\0"), id="first length too long"),
        pytest.param(_with(_USER_ITEM + 2, b"\0\x0a"), id="user information too short"),
        pytest.param(_with(_USER_ITEM + 2, b"\xf0\0"), id="user information too long"),
        pytest.param(_with(76, b"\1\xf4"), id="application context takes all"),
        pytest.param(_with(4, b"\0\x9b"), id="the PDU too short"),
        pytest.param(_with(_USER_ITEM, b"\x77"), id="an unknown item takes the user information"),
        pytest.param(_with(_SUB_ITEM - 4, b"\x58\0\0\0"), id="an empty one before it"),
        pytest.param(_IDENTIFIED[:-3], id="cut"),
    ],
)
def test_passcodes_of_damaged_requests_are_hidden_too(data: bytes) -> None:
    wire = Wire()
    conversation = Conversation(1, 0.0)
    conversation.fold(wire.raw(data, sent=True))
    (row,) = conversation.rows
    found = dissect(row)
    assert len(found.data) == len(data)
    assert b"hunt" not in found.data
    texts = tree_text(found.fields[0]) + json.dumps(pdu_object(conversation, row.pdus[0])) + as_hex(row)
    for secret in ("hunt", b"hunt".hex(), b"hunt".hex(" ")):
        assert secret not in texts
    assert "MODALITY" in texts
