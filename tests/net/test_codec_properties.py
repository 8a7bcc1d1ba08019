"""Properties of the codec: what is written is read back, and no bytes do more than raise RemoteProtocolError."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.net.dimse import (
    ELEMENTS,
    MESSAGES,
    Message,
    Response,
    UnknownElement,
    decode_command,
    dissect_command,
    encode_command,
)
from workstation.net.errors import LocalProtocolError, RemoteProtocolError
from workstation.net.field import Field
from workstation.net.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDU,
    PDV,
    AnsweredContext,
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    ProposedContext,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UnknownItem,
    UserIdentityAC,
    UserIdentityRQ,
    check_header,
    decode_pdu,
    dissect_pdu,
    encode_pdu,
    iter_pdvs,
    p_data_header,
    parse_header,
)

byte = st.integers(0, 255)
short = st.integers(0, 0xFFFF)
uid = st.text("0123456789.", min_size=1, max_size=64)
ae_title = st.text([chr(code) for code in range(0x21, 0x7F) if chr(code) != "\\"], min_size=1, max_size=16)
blob = st.binary(max_size=200)
context_id = st.integers(0, 127).map(lambda number: number * 2 + 1)

# Types that mean nothing anywhere in an association PDU.
unknown_item = st.builds(UnknownItem, st.sampled_from([0x00, 0x11, 0x22, 0x5A, 0x60, 0xFF]), blob, byte)
unknown_items = st.lists(unknown_item, max_size=2).map(tuple)

user_item = st.one_of(
    st.builds(MaximumLength, st.integers(0, 0xFFFFFFFF)),
    st.builds(ImplementationClassUID, uid),
    st.builds(AsynchronousOperationsWindow, short, short),
    st.builds(RoleSelection, uid, st.booleans(), st.booleans()),
    st.builds(ImplementationVersionName, ae_title),
    st.builds(SOPClassExtendedNegotiation, uid, blob),
    st.builds(SOPClassCommonExtendedNegotiation, uid, uid, st.lists(uid, max_size=4).map(tuple), byte),
    st.builds(UserIdentityRQ, byte, st.booleans(), blob, blob),
    st.builds(UserIdentityAC, blob),
    unknown_item,
)
proposed = st.builds(
    ProposedContext,
    context_id=context_id,
    abstract_syntax=uid,
    transfer_syntaxes=st.lists(uid, min_size=1, max_size=4).map(tuple),
    unknown=unknown_items,
)
answered = st.builds(AnsweredContext, context_id=context_id, result=byte, transfer_syntax=uid, unknown=unknown_items)


def associate(kind: Any, context: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        kind,
        called_ae_title=ae_title,
        calling_ae_title=ae_title,
        presentation_contexts=st.lists(context, min_size=1, max_size=5, unique_by=lambda one: one.context_id).map(
            tuple
        ),
        user_information=st.lists(user_item, max_size=6).map(tuple),
        application_context_name=uid,
        protocol_version=short,
        reserved=st.binary(min_size=32, max_size=32),
        unknown=unknown_items,
    )


pdv = st.builds(PDV, context_id, st.booleans(), st.booleans(), blob)
pdus: st.SearchStrategy[PDU] = st.one_of(
    associate(A_ASSOCIATE_RQ, proposed),
    associate(A_ASSOCIATE_AC, answered),
    st.builds(A_ASSOCIATE_RJ, byte, byte, byte),
    st.builds(P_DATA_TF, st.lists(pdv, min_size=1, max_size=5).map(tuple)),
    st.just(A_RELEASE_RQ()),
    st.just(A_RELEASE_RP()),
    st.builds(A_ABORT_RQ, byte, byte),
)

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "US": short,
    "UI": uid,
    "AE": ae_title,
    "LO": st.text("abcdefg -0123456789", max_size=64).map(str.rstrip).filter(bool),
    "AT": st.lists(st.integers(0, 0xFFFFFFFF), max_size=4).map(tuple),
}
_RETIRED = [0x0001, 0x0010, 0x0200, 0x0300, 0x0400, 0x0850, 0x0860, 0x4000, 0x51B0]


@st.composite
def messages(draw: st.DrawFn) -> Message:
    kind = draw(st.sampled_from(list(MESSAGES.values())))
    values: dict[str, Any] = {}
    required = {"MessageID", "MessageIDBeingRespondedTo", *kind.mandatory}
    for keyword, number in kind.elements:
        value = _VALUES[ELEMENTS[number][0]]
        values[keyword] = draw(value if keyword in required else st.none() | value)
    unknown = draw(st.lists(st.builds(UnknownElement, st.sampled_from(_RETIRED), blob), max_size=2))
    values["unknown"] = tuple(sorted(unknown, key=lambda one: one.tag))
    values["has_data_set"] = draw(st.booleans())
    return kind(context_id=draw(context_id), **values)


def mutate(data: bytes, changes: list[tuple[int, int, int]]) -> bytes:
    """Bytes overwritten, taken out and put in, at places that depend on the length."""
    changed = bytearray(data)
    for kind, place, value in changes:
        index = place % (len(changed) or 1)
        if kind == 0 and changed:
            changed[index] = value
        elif kind == 1:
            del changed[index : index + value % 8]
        elif kind == 2:
            changed[index:index] = bytes([value]) * (value % 8)
    return bytes(changed)


changes = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1 << 20), byte), min_size=1, max_size=6)


def leaf_lengths(field: Field) -> int:
    if not field.children:
        return field.length
    assert field.offset == field.children[0].offset
    for one, following in zip(field.children, field.children[1:], strict=False):
        assert one.offset + one.length == following.offset
    return sum(map(leaf_lengths, field.children))


def check_any_pdu(data: bytes) -> None:
    """What holds for all bytes whatsoever."""
    root = dissect_pdu(data)
    assert leaf_lengths(root) == root.length == len(data)
    try:
        pdu = decode_pdu(data)
    except RemoteProtocolError:
        return
    assert decode_pdu(memoryview(data)) == pdu
    # What we tolerate we need not be willing to send. But what we do send says what we read.
    with suppress(LocalProtocolError):
        assert decode_pdu(encode_pdu(pdu)) == normal(pdu)


def normal(pdu: PDU) -> PDU:
    """As it is read back: a rejected context that came without a transfer syntax goes out with one."""
    if not isinstance(pdu, A_ASSOCIATE_AC):
        return pdu
    contexts = tuple(
        replace(context, transfer_syntax=context.transfer_syntax or "1.2.840.10008.1.2")
        for context in pdu.presentation_contexts
    )
    return replace(pdu, presentation_contexts=contexts)


@given(pdus)
def test_pdus_are_read_back(pdu: PDU) -> None:
    data = encode_pdu(pdu)
    assert decode_pdu(data) == pdu
    assert encode_pdu(decode_pdu(data)) == data
    pdu_type, length = parse_header(data)
    assert length == len(data) - 6
    check_header(pdu_type, length, 0)
    root = dissect_pdu(data)
    assert not any(problems(root))


def problems(field: Field) -> list[str]:
    return [field.problem, *(problem for child in field.children for problem in problems(child))]


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    check_any_pdu(data)


@given(st.sampled_from([1, 2, 3, 4, 5, 6, 7]), st.binary(max_size=400))
def test_any_body(pdu_type: int, body: bytes) -> None:
    check_any_pdu(bytes((pdu_type, 0)) + len(body).to_bytes(4, "big") + body)


@given(st.sampled_from([1, 2]), st.lists(st.tuples(st.sampled_from([0x10, 0x20, 0x21, 0x50]), blob), max_size=6))
def test_any_items(pdu_type: int, items: list[tuple[int, bytes]]) -> None:
    body = bytes([0, 1]) + bytes(66)
    body += b"".join(bytes((kind, 0)) + len(data).to_bytes(2, "big") + data for kind, data in items)
    check_any_pdu(bytes((pdu_type, 0)) + len(body).to_bytes(4, "big") + body)


@given(st.lists(st.tuples(st.integers(0x51, 0x59), byte, st.binary(max_size=60)), max_size=8))
def test_any_sub_items(items: list[tuple[int, int, bytes]]) -> None:
    information = b"".join(bytes((kind, second)) + len(data).to_bytes(2, "big") + data for kind, second, data in items)
    body = bytes([0, 1]) + bytes(66) + b"\x50\0" + len(information).to_bytes(2, "big") + information
    check_any_pdu(b"\1\0" + len(body).to_bytes(4, "big") + body)


@given(pdus, changes)
@settings(max_examples=300)
def test_mutated_pdus(pdu: PDU, changes: list[tuple[int, int, int]]) -> None:
    check_any_pdu(mutate(encode_pdu(pdu), changes))


@given(st.binary(max_size=100) | st.lists(pdv, min_size=1).map(lambda found: encode_pdu(P_DATA_TF(tuple(found)))[6:]))
def test_both_ways_through_p_data_agree(body: bytes) -> None:
    try:
        fast = [(one[0], one[1] & 3, bytes(one[2])) for one in iter_pdvs(memoryview(body))]
    except RemoteProtocolError:
        fast = []  # a P-DATA-TF without any PDV is one that the decoder refuses
    try:
        pdu = decode_pdu(b"\4\0" + len(body).to_bytes(4, "big") + body)
    except RemoteProtocolError:
        assert fast == []
        return
    assert isinstance(pdu, P_DATA_TF)
    assert [(one.context_id, one.is_command | one.is_last << 1, one.data) for one in pdu.pdvs] == fast


@given(pdv)
def test_gathered_headers(one: PDV) -> None:
    header = p_data_header(one.context_id, one.is_command, one.is_last, len(one.data))
    assert header + one.data == encode_pdu(P_DATA_TF((one,)))


def check_any_command(data: bytes) -> None:
    shown = dissect_command(data, 5)
    position = 5
    for field in shown:
        assert field.offset == position
        position += leaf_lengths(field)
    assert position == 5 + len(data)
    try:
        message = decode_command(data, 1)
    except RemoteProtocolError:
        return
    assert all(not field.problem for field in shown if field.name == "Not Decoded")
    assert message.command_set is not None
    with suppress(LocalProtocolError):
        # The comment of a response is cleaned, so that may differ; nothing else may.
        again = decode_command(encode_command(message), 1)
        for one in fields(message):
            mine, theirs = getattr(message, one.name), getattr(again, one.name)
            if one.name == "unknown":
                mine = tuple(sorted(mine, key=lambda kept: kept.tag))
            if one.name != "ErrorComment" and not (isinstance(message, Response) and isinstance(mine, str)):
                assert mine == theirs


@given(messages())
def test_messages_are_read_back(message: Message) -> None:
    data = encode_command(message)
    assert len(data) % 2 == 0 or message.unknown
    assert int.from_bytes(data[8:12], "little") == len(data) - 12
    tags = [int(field.children[0].value[6:10], 16) for field in dissect_command(data)]  # type: ignore[index]
    assert tags == sorted(tags)
    if len({one.tag for one in message.unknown}) == len(message.unknown):
        assert decode_command(data, message.context_id) == message
        assert encode_command(decode_command(data)) == data


@given(st.binary(max_size=300))
def test_any_command_bytes(data: bytes) -> None:
    check_any_command(data)


@given(st.lists(st.tuples(st.sampled_from([*ELEMENTS, *_RETIRED]), st.binary(max_size=10)), max_size=12))
def test_any_elements(elements: list[tuple[int, bytes]]) -> None:
    check_any_command(
        b"".join(
            b"\0\0" + number.to_bytes(2, "little") + len(raw).to_bytes(4, "little") + raw for number, raw in elements
        )
    )


@given(messages(), changes)
@settings(max_examples=300)
def test_mutated_commands(message: Message, changes: list[tuple[int, int, int]]) -> None:
    check_any_command(mutate(encode_command(message), changes))
