"""Properties of the codec: what is written is read back, and no bytes do more than raise RemoteProtocolError.

Then the same of the floors above: an engine and an assembler give the same whichever way the bytes are cut.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
from codec_strategies import (
    MESSAGES_OF,
    PDUS,
    RETIRED,
    USER_ITEMS,
    Change,
    answered,
    blob,
    byte,
    changes,
    context_id,
    examples,
    length_fields,
    messages,
    messages_of,
    mutate,
    p_data,
    pdus,
    pdv,
    proposed,
    splice,
    uid,
    unknown_items,
    with_length,
)
from hypothesis import given
from hypothesis import strategies as st

from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_STORE_RQ,
    ELEMENTS,
    MESSAGES,
    CommandField,
    Message,
    NamedPattern,
    Pattern,
    Response,
    UnknownElement,
    decode_command,
    dissect_command,
    encode_command,
)
from workstation.net.codec.field import Field
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    P_DATA_TF,
    PDU,
    PDV,
    AnsweredContext,
    MaximumLength,
    PDUType,
    ProposedContext,
    UnknownItem,
    UserItem,
    check_header,
    decode_pdu,
    dissect_pdu,
    encode_pdu,
    iter_pdvs,
    p_data_header,
    parse_header,
)
from workstation.net.engine.assembly import Assembler, AssemblyLimits, Incoming
from workstation.net.engine.upper_layer import (
    AssociateIndication,
    DataIndication,
    Limits,
    Output,
    Received,
    Sent,
    Stepped,
    UpperLayer,
)
from workstation.net.errors import LocalProtocolError, RemoteProtocolError

IMPLICIT = "1.2.840.10008.1.2"
REQUEST = A_ASSOCIATE_RQ(
    called_ae_title="CALLED",
    calling_ae_title="CALLING",
    presentation_contexts=(ProposedContext(context_id=1, abstract_syntax="1.2", transfer_syntaxes=(IMPLICIT,)),),
    user_information=(),
)
ACCEPT = A_ASSOCIATE_AC(
    called_ae_title="CALLED",
    calling_ae_title="CALLING",
    presentation_contexts=(AnsweredContext(context_id=1, result=0, transfer_syntax=IMPLICIT),),
    user_information=(MaximumLength(0),),
)

# -- PDUs: there and back ----------------------------------------------------------------------------------------


def check_round_trip(pdu: PDU) -> bytes:
    data = encode_pdu(pdu)
    assert decode_pdu(data) == pdu
    assert encode_pdu(decode_pdu(data)) == data
    pdu_type, length = parse_header(data)
    assert length == len(data) - 6
    check_header(pdu_type, length, 0)
    root = dissect_pdu(data)
    check_spans(root, len(data))
    check_lengths(root)
    return data


def check_spans(root: Field, size: int) -> None:
    """Each byte is in exactly one innermost field, and a field is what its children are."""
    assert (root.offset, root.length) == (0, size)
    waiting = [root]
    while waiting:
        field = waiting.pop()
        if field.children:
            ends = [field.offset, *(child.offset + child.length for child in field.children)]
            assert ends == [*(child.offset for child in field.children), field.offset + field.length]
            waiting += field.children


def check_lengths(root: Field) -> None:
    """Every length counts what follows it in its part."""
    assert root.problem == ""
    assert root.length - 6 == next(child.value for child in root.children if child.name == "PDU Length")
    waiting = list(root.children)
    while waiting:
        field = waiting.pop()
        assert field.problem == ""
        waiting += field.children
        for one, following in pairwise(field.children):
            if one.name == "Item Length":
                assert one.value == field.offset + field.length - following.offset
            elif one.name.endswith("UID Length") or one.name.endswith(("Field Length", "Response Length")):
                assert one.value == following.length


@pytest.mark.parametrize("kind", PDUS, ids=lambda kind: kind.name)
@examples(30)
@given(st.data())
def test_pdus_are_read_back(kind: PDUType, data: st.DataObject) -> None:
    check_round_trip(data.draw(PDUS[kind]))


@pytest.mark.parametrize("kind", USER_ITEMS, ids=lambda kind: kind.__name__)
@examples(20)
@given(st.data())
def test_a_sub_item_alone_is_read_back(kind: type[UserItem], data: st.DataObject) -> None:
    item = data.draw(USER_ITEMS[kind])
    assert type(item) is kind
    for pdu in (replace(REQUEST, user_information=(item,)), replace(ACCEPT, user_information=(item,))):
        check_round_trip(pdu)


@given(proposed, answered)
@examples(30)
def test_a_context_alone_is_read_back(proposal: ProposedContext, answer: AnsweredContext) -> None:
    check_round_trip(replace(REQUEST, presentation_contexts=(proposal,)))
    check_round_trip(replace(ACCEPT, presentation_contexts=(answer,)))


@pytest.mark.parametrize("place", ["PDU", "context", "user information"])
def test_an_unknown_item_of_any_type_is_kept(place: str) -> None:
    known = {"PDU": {0x10, 0x20, 0x50}, "context": {0x30, 0x40}, "user information": set(range(0x51, 0x5A))}[place]
    for item_type in sorted(set(range(256)) - known):
        item = UnknownItem(item_type, b"\1\2\3", 9)
        match place:
            case "PDU":
                pdu = replace(REQUEST, unknown=(item,))
            case "context":
                context = replace(REQUEST.presentation_contexts[0], unknown=(item,))
                pdu = replace(REQUEST, presentation_contexts=(context,))
            case _:
                pdu = replace(REQUEST, user_information=(MaximumLength(1), item, MaximumLength(2)))
        data = check_round_trip(pdu)
        assert bytes((item_type, 9, 0, 3, 1, 2, 3)) in data


@given(st.lists(unknown_items(*range(0x51, 0x5A)), min_size=1, max_size=8))
@examples(20)
def test_unknown_items_keep_their_order(items: list[UnknownItem]) -> None:
    data = check_round_trip(replace(REQUEST, user_information=tuple(items)))
    assert data.endswith(
        b"".join(bytes((i.item_type, i.reserved)) + len(i.data).to_bytes(2, "big") + i.data for i in items)
    )


# -- PDUs: any bytes ---------------------------------------------------------------------------------------------


def check_any_pdu(data: bytes) -> None:
    """What holds for all bytes whatsoever."""
    check_spans(dissect_pdu(data), len(data))
    try:
        pdu = bounded(decode_pdu, data)
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
        replace(context, transfer_syntax=context.transfer_syntax or IMPLICIT) for context in pdu.presentation_contexts
    )
    return replace(pdu, presentation_contexts=contexts)


CALLS_BEFORE, CALLS_PER_BYTE = 200, 12


def bounded(function: Callable[[bytes], Any], data: bytes) -> Any:
    """The result of `function`, which may do work in proportion to its input; calls are counted, not seconds."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return function(data)
    finally:
        sys.setprofile(before)
        assert calls <= CALLS_BEFORE + CALLS_PER_BYTE * len(data), f"{calls} calls for {len(data)} bytes"


@given(st.binary(max_size=400))
@examples(50)
def test_any_bytes(data: bytes) -> None:
    check_any_pdu(data)


@given(st.sampled_from(PDUType), st.binary(max_size=400))
@examples(50)
def test_any_body(pdu_type: PDUType, body: bytes) -> None:
    check_any_pdu(bytes((pdu_type, 0)) + len(body).to_bytes(4, "big") + body)


@given(st.sampled_from([1, 2]), st.lists(st.tuples(st.sampled_from([0x10, 0x20, 0x21, 0x50]), blob), max_size=6))
@examples(50)
def test_any_items(pdu_type: int, items: list[tuple[int, bytes]]) -> None:
    body = bytes([0, 1]) + bytes(66)
    body += b"".join(bytes((kind, 0)) + len(data).to_bytes(2, "big") + data for kind, data in items)
    check_any_pdu(bytes((pdu_type, 0)) + len(body).to_bytes(4, "big") + body)


@given(st.lists(st.tuples(st.integers(0x51, 0x59), byte, st.binary(max_size=60)), max_size=8))
@examples(50)
def test_any_sub_items(items: list[tuple[int, int, bytes]]) -> None:
    information = b"".join(bytes((kind, second)) + len(data).to_bytes(2, "big") + data for kind, second, data in items)
    body = bytes([0, 1]) + bytes(66) + b"\x50\0" + len(information).to_bytes(2, "big") + information
    check_any_pdu(b"\1\0" + len(body).to_bytes(4, "big") + body)


@given(pdus, changes)
@examples(150)
def test_mutated_pdus(pdu: PDU, changes: list[Change]) -> None:
    check_any_pdu(mutate(encode_pdu(pdu), changes))


@given(pdus, pdus, st.integers(0, 1 << 20))
@examples(50)
def test_spliced_pdus(first: PDU, second: PDU, place: int) -> None:
    check_any_pdu(splice(encode_pdu(first), encode_pdu(second), place))


@given(pdus, st.integers(0, 1 << 20), st.integers(0, 0xFFFFFFFF) | st.integers(0, 300))
@examples(80)
def test_wrong_lengths_in_pdus(pdu: PDU, which: int, value: int) -> None:
    check_any_pdu(with_length(encode_pdu(pdu), which, value))


@pytest.mark.parametrize("kind", PDUS, ids=lambda kind: kind.name)
@examples(3)
@given(st.data())
def test_pdus_cut_at_every_length(kind: PDUType, data: st.DataObject) -> None:
    whole = encode_pdu(data.draw(PDUS[kind]))
    for length in range(len(whole)):
        with pytest.raises(RemoteProtocolError):
            decode_pdu(whole[:length])
        check_spans(dissect_pdu(whole[:length]), length)


@pytest.mark.parametrize("kind", PDUS, ids=lambda kind: kind.name)
@examples(5)
@given(st.data())
def test_every_length_one_off(kind: PDUType, data: st.DataObject) -> None:
    whole = encode_pdu(data.draw(PDUS[kind]))
    assert length_fields(whole)[0] == (2, 4)
    for which, (offset, size) in enumerate(length_fields(whole)):
        value = int.from_bytes(whole[offset : offset + size], "big")
        for wrong in (value - 1, value + 1, 0, -1):
            check_any_pdu(with_length(whole, which, wrong))


def _many(item: bytes, room: int) -> bytes:
    return item * (room // len(item))


ADVERSARIES = {
    "empty items": lambda: _many(b"\x77\0\0\0", 1 << 18),
    "empty contexts": lambda: _many(b"\x20\0\0\4\1\0\0\0", 1 << 18),
    "empty sub-items": lambda: b"".join([b"\x50\0\xff\xfc" + _many(b"\x77\0\0\0", 0xFFFC)] * 4),
    "empty related classes": lambda: b"\x50\0\xff\xff\x57\0\xff\xfb\0\0\0\0\xff\xf5" + bytes(0xFFF5),
    "one transfer syntax after the other": lambda: b"\x20\0\xff\xfc\1\0\0\0" + _many(b"\x40\0\0\0", 0xFFF8),
    "one item that says it is as long as possible": lambda: b"\x50\0\xff\xff" * 1000,
}


@pytest.mark.parametrize("name", ADVERSARIES)
@pytest.mark.parametrize("pdu_type", [1, 2])
def test_work_is_in_proportion_to_the_bytes(pdu_type: int, name: str) -> None:
    body = bytes([0, 1]) + bytes(66) + ADVERSARIES[name]()
    data = bytes((pdu_type, 0)) + len(body).to_bytes(4, "big") + body
    with suppress(RemoteProtocolError):
        bounded(decode_pdu, data)


def test_empty_fragments_cost_no_more_than_their_bytes() -> None:
    body = _many(b"\0\0\0\2\1\0", 1 << 16)
    pdu = bounded(decode_pdu, b"\4\0" + len(body).to_bytes(4, "big") + body)
    assert len(pdu.pdvs) == len(body) // 6


# -- P-DATA ------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=100) | p_data.map(lambda pdu: encode_pdu(pdu)[6:]))
@examples(80)
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
@examples(30)
def test_gathered_headers(one: PDV) -> None:
    header = p_data_header(one.context_id, one.is_command, one.is_last, len(one.data))
    assert header + one.data == encode_pdu(P_DATA_TF((one,)))


# -- command sets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", MESSAGES, ids=lambda field: field.name)
@examples(15)
@given(st.data())
def test_messages_are_read_back(field: CommandField, data: st.DataObject) -> None:
    message = data.draw(MESSAGES_OF[field])
    encoded = encode_command(message)
    assert len(encoded) % 2 == 0 or message.unknown
    assert int.from_bytes(encoded[8:12], "little") == len(encoded) - 12
    shown = dissect_command(encoded)
    tags = [int(str(one.children[0].value)[6:10], 16) for one in shown]
    assert tags == sorted(set(tags))
    check_command_spans(shown, 0, len(encoded))
    assert decode_command(encoded, message.context_id) == message
    assert encode_command(decode_command(encoded)) == encoded


@given(messages)
@examples(30)
def test_any_order_and_any_group_length_is_read(message: Message) -> None:
    """Tolerated of peers: elements out of order, the group length wrong or absent."""
    encoded = encode_command(message)
    parts = [encoded[one.offset : one.offset + one.length] for one in dissect_command(encoded)]
    read = decode_command(b"".join(reversed(parts[1:])), message.context_id)
    assert replace(read, unknown=tuple(reversed(read.unknown))) == message
    assert decode_command(parts[0][:8] + b"\xff\xff\xff\xff" + b"".join(parts[1:]), message.context_id) == message


@given(messages, st.data())
@examples(30)
def test_elements_of_other_messages_are_kept(message: Message, data: st.DataObject) -> None:
    mine = {number for _, number in message.elements} | {one.tag for one in message.unknown}
    strays = sorted(set(ELEMENTS) - mine - {0x0000, 0x0100, 0x0800})
    tags = data.draw(st.lists(st.sampled_from(strays), min_size=1, max_size=3, unique=True))
    values = {"US": b"\1\2", "AT": b"\1\2\3\4", "UI": b"1.2\0", "AE": b"AE", "LO": b"text"}
    kept = tuple(UnknownElement(tag, values[ELEMENTS[tag][0]]) for tag in tags)
    encoded = encode_command(replace(message, unknown=(*message.unknown, *kept)))
    read = decode_command(encoded, message.context_id)
    assert set(kept) <= set(read.unknown)
    assert replace(read, unknown=message.unknown) == message
    assert encode_command(read) == encoded


def check_command_spans(shown: tuple[Field, ...], start: int, end: int) -> None:
    for field in shown:
        assert field.offset == start
        parts = field.children or (field,)
        for part in parts:
            assert part.offset == start
            start += part.length
    assert start == end


def check_any_command(data: bytes) -> None:
    shown = dissect_command(data, 5)
    check_command_spans(shown, 5, 5 + len(data))
    try:
        message = bounded(lambda raw: decode_command(raw, 1), data)
    except RemoteProtocolError:
        return
    assert all(not field.problem for field in shown if field.name == "Not Decoded")
    assert message.command_set is not None
    with suppress(LocalProtocolError):
        # The comment of a response is cleaned, so that may differ; nothing else may.
        again = decode_command(encode_command(message), 1)
        for one in fields(message):
            mine, theirs = getattr(message, one.name), getattr(again, one.name)
            if one.name == "unknown":  # those of other messages are read last, and all are written in order
                mine, theirs = (sorted(found, key=lambda kept: kept.tag) for found in (mine, theirs))
            if one.name != "ErrorComment" and not (isinstance(message, Response) and isinstance(mine, str)):
                assert mine == theirs


@given(messages, st.integers(0, 0xFFFF), uid)
@examples(100)
def test_patterns_make_what_the_message_would_be(like: Message, number: int, instance: str) -> None:
    message_id = "MessageID" if like.is_request and not isinstance(like, C_CANCEL_RQ) else "MessageIDBeingRespondedTo"
    message = replace(like, **{message_id: number})
    pattern = Pattern.of(like)
    assert (pattern.message(number), pattern.command(number)) == (message, encode_command(message))
    if getattr(like, "AffectedSOPInstanceUID", None) is not None:
        message = replace(message, AffectedSOPInstanceUID=instance)
        named = NamedPattern(like)
        assert named.message(number, instance) == message
        assert named.command(number, instance) == encode_command(message)


@given(st.binary(max_size=300))
@examples(50)
def test_any_command_bytes(data: bytes) -> None:
    check_any_command(data)


@given(st.lists(st.tuples(st.sampled_from([*ELEMENTS, *RETIRED]), st.binary(max_size=10)), max_size=12))
@examples(50)
def test_any_elements(elements: list[tuple[int, bytes]]) -> None:
    check_any_command(
        b"".join(
            b"\0\0" + number.to_bytes(2, "little") + len(raw).to_bytes(4, "little") + raw for number, raw in elements
        )
    )


@given(messages, changes)
@examples(150)
def test_mutated_commands(message: Message, changes: list[Change]) -> None:
    check_any_command(mutate(encode_command(message), changes))


@given(messages, messages, st.integers(0, 1 << 20))
@examples(50)
def test_spliced_commands(first: Message, second: Message, place: int) -> None:
    check_any_command(splice(encode_command(first), encode_command(second), place))


@given(messages)
@examples(20)
def test_commands_cut_at_every_length(message: Message) -> None:
    whole = encode_command(message)
    for length in range(len(whole)):
        check_any_command(whole[:length])


@given(messages, st.integers(0, 30), st.integers(0, 0xFFFFFFFF) | st.integers(0, 64))
@examples(150)
def test_wrong_lengths_in_commands(message: Message, which: int, value: int) -> None:
    whole = encode_command(message)
    lengths = [element.children[1] for element in dissect_command(whole)]
    one = lengths[which % len(lengths)]
    check_any_command(whole[: one.offset] + value.to_bytes(4, "little") + whole[one.offset + 4 :])


def test_many_elements_cost_no_more_than_their_bytes() -> None:
    with suppress(RemoteProtocolError):
        bounded(decode_command, _many(b"\0\0\1\0\0\0\0\0", 1 << 16))


# -- the engine: however the bytes are cut -----------------------------------------------------------------------

# Lengths of the pieces that a stream arrives in; after the last they start again.
cuts = st.lists(st.integers(1, 40) | st.integers(1, 3000), min_size=1, max_size=8)


class Acceptor:
    """An engine in Sta6, and all that came out of it, views as bytes."""

    def __init__(self) -> None:
        self.engine = UpperLayer(requestor=False, limits=Limits())
        self.engine.connection_accepted(0.0)
        self.outputs: list[object] = []

    def established(self, sizes: list[int]) -> Acceptor:
        self.hear(encode_pdu(REQUEST), sizes)
        assert any(isinstance(output, AssociateIndication) for output in self.outputs)
        self.engine.accept(ACCEPT, 0.0)
        self.collect()
        return self

    def hear(self, stream: bytes, sizes: list[int]) -> None:
        number = 0
        while stream:
            room = self.engine.buffer()
            size = min(len(room), len(stream), sizes[number % len(sizes)])
            room[:size] = stream[:size]
            stream = stream[size:]
            self.engine.receive(size, 0.0)
            self.collect()
            number += 1

    def collect(self) -> None:
        self.outputs += [kept(output) for output in self.engine.take()]


class Requestor(Acceptor):
    """An engine in Sta5."""

    def __init__(self) -> None:
        self.engine = UpperLayer(requestor=True, limits=Limits())
        self.engine.associate(REQUEST)
        self.engine.connected(0.0)
        self.outputs = []
        self.collect()


def kept(output: Output) -> object:
    match output:
        case DataIndication(bodies):
            return DataIndication([memoryview(bytes(body)) for body in bodies])
        case Sent(pdu_type, pieces):
            return Sent(pdu_type, (b"".join(pieces),))
        case Received(pdu_type, data):
            return Received(pdu_type, memoryview(bytes(data)))
    return output


def comparable(outputs: list[object]) -> list[object]:
    """Without the bytes of what is no PDU: there is no telling how much of it had arrived when it was found out."""
    found = []
    for output in outputs:
        if isinstance(output, Received):
            try:
                check_header(*parse_header(output.data), Limits().maximum_length)
            except RemoteProtocolError:
                continue
        found.append(output)
    return found


def joined(found: Sequence[PDU]) -> bytes:
    return b"".join(map(encode_pdu, found))


streams = st.one_of(
    st.lists(p_data, max_size=8).map(joined),
    st.lists(pdus, max_size=4).map(joined),
    st.builds(
        mutate, st.lists(p_data, min_size=1, max_size=4).map(lambda all: b"".join(map(encode_pdu, all))), changes
    ),
)


@given(st.lists(p_data, max_size=10), cuts, cuts)
@examples(50)
def test_every_fragment_comes_out_however_it_arrives(all: list[P_DATA_TF], first: list[int], then: list[int]) -> None:
    acceptor = Acceptor().established(first)
    encoded = [encode_pdu(pdu) for pdu in all]
    acceptor.hear(b"".join(encoded), then)
    heard = [bytes(body) for output in acceptor.outputs if isinstance(output, DataIndication) for body in output.bodies]
    assert heard == [data[6:] for data in encoded]
    assert [bytes(output.data) for output in acceptor.outputs if isinstance(output, Received)][1:] == encoded


@given(streams, cuts)
@examples(80)
def test_an_acceptor_does_the_same_however_the_bytes_arrive(stream: bytes, sizes: list[int]) -> None:
    whole, cut, single = (Acceptor().established([1 << 20]) for _ in range(3))
    whole.hear(stream, [1 << 20])
    cut.hear(stream, sizes)
    single.hear(stream, [1])
    assert comparable(cut.outputs) == comparable(whole.outputs)
    assert comparable(single.outputs) == comparable(whole.outputs)
    assert cut.engine.state is single.engine.state is whole.engine.state
    assert cut.engine.deadline == whole.engine.deadline


@given(st.just(encode_pdu(ACCEPT)) | st.just(b""), streams, cuts)
@examples(80)
def test_a_requestor_does_the_same_however_the_bytes_arrive(answer: bytes, stream: bytes, sizes: list[int]) -> None:
    whole, cut, single = Requestor(), Requestor(), Requestor()
    whole.hear(answer + stream, [1 << 20])
    cut.hear(answer + stream, sizes)
    single.hear(answer + stream, [1])
    assert comparable(cut.outputs) == comparable(whole.outputs)
    assert comparable(single.outputs) == comparable(whole.outputs)
    assert cut.engine.state is single.engine.state is whole.engine.state


@given(pdus, cuts)
@examples(30)
def test_a_request_is_heard_the_same_however_it_arrives(pdu: PDU, sizes: list[int]) -> None:
    whole, cut = Acceptor(), Acceptor()
    whole.hear(encode_pdu(pdu), [1 << 20])
    cut.hear(encode_pdu(pdu), sizes)
    assert cut.outputs == whole.outputs
    assert any(isinstance(output, Stepped) for output in whole.outputs)


# -- the assembler: however messages are cut into fragments ------------------------------------------------------


class Sink:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.data = b""
        self.finished = self.discarded = False

    def write(self, fragment: memoryview) -> None:
        assert not self.finished
        self.data += fragment

    def finish(self) -> None:
        self.finished = True

    def discard(self) -> None:
        self.discarded = True


class Gatherer(Sink):
    """Takes what comes in one read together."""

    def write(self, fragment: memoryview) -> None:
        raise AssertionError("it was not given together")

    def write_all(self, fragments: Sequence[memoryview]) -> None:
        assert not self.finished
        self.data += b"".join(fragments)


@st.composite
def fragmented(draw: st.DrawFn) -> tuple[list[tuple[Message, bytes]], list[bytes]]:
    """(messages with their data sets, bodies of the P-DATA-TF that carry them)."""
    kinds = st.sampled_from([*MESSAGES.values(), C_STORE_RQ, C_STORE_RQ])
    said: list[tuple[Message, bytes]] = []
    pdvs: list[PDV] = []
    for _ in range(draw(st.integers(1, 4))):
        message = draw(kinds.flatmap(messages_of))
        data = draw(blob) if message.has_data_set else b""
        said.append((message, data))
        parts = [(True, encode_command(message))] + ([(False, data)] if message.has_data_set else [])
        for is_command, part in parts:
            ends = sorted(draw(st.lists(st.integers(0, len(part)), max_size=4)))
            for start, end in pairwise([0, *ends, len(part)]):
                pdvs.append(PDV(message.context_id, is_command, False, part[start:end]))
            pdvs[-1] = replace(pdvs[-1], is_last=True)
    bodies = []
    while pdvs:
        count = draw(st.integers(1, 4))
        bodies.append(encode_pdu(P_DATA_TF(tuple(pdvs[:count])))[6:])
        del pdvs[:count]
    return said, bodies


def feed(assembler: Assembler, bodies: list[bytes], in_a_row: int = 1) -> list[Incoming]:
    found = []
    for first in range(0, len(bodies), in_a_row):
        views = [bytearray(body) for body in bodies[first : first + in_a_row]]
        found += list(assembler.feed(map(memoryview, views)))
        for view in views:
            view[:] = bytes(len(view))  # the buffer is used again: nothing may be kept of it
    return found


@given(fragmented(), st.integers(1, 5))
@examples(50)
def test_any_fragments_are_put_together(case: tuple[list[tuple[Message, bytes]], list[bytes]], in_a_row: int) -> None:
    said, bodies = case
    assembler = Assembler(lambda _: True, lambda _: None, lambda _: Sink())
    heard = feed(assembler, bodies, in_a_row)
    assert [(one.message, one.sink) for one in heard] == [
        (replace(message, data=data if message.has_data_set else None), None) for message, data in said
    ]


@given(fragmented(), st.integers(0, 100), st.integers(1, 5), st.sampled_from([Sink, Gatherer]))
@examples(30)
def test_sinks_get_every_byte(
    case: tuple[list[tuple[Message, bytes]], list[bytes]], memory: int, in_a_row: int, kind: type[Sink]
) -> None:
    said, bodies = case
    offered: list[Sink] = []

    def offer(_: C_STORE_RQ) -> Sink:
        offered.append(kind())
        return offered[-1]

    stored = [data for message, data in said if isinstance(message, C_STORE_RQ) and message.has_data_set]
    heard = feed(Assembler(lambda _: True, offer, offer), bodies, in_a_row)
    assert [sink.data for sink in offered] == stored
    assert all(sink.finished and not sink.discarded for sink in offered)
    assert [one.sink for one in heard if one.sink is not None] == offered
    # nobody offers one, and what is too large for memory goes to the spool
    offered.clear()
    heard = feed(Assembler(lambda _: True, lambda _: None, offer, AssemblyLimits(memory=memory)), bodies, in_a_row)
    spools = [one.sink.data for one in heard if isinstance(one.sink, Sink)]
    assert spools == [data for data in stored if len(data) > memory]
    assert [one.message.data for one in heard if isinstance(one.message, C_STORE_RQ) and one.message.has_data_set] == [
        None if len(data) > memory else data for data in stored
    ]


@given(fragmented(), st.integers(0, 20), st.integers(0, 20))
@examples(30)
def test_what_is_not_whole_is_discarded(
    case: tuple[list[tuple[Message, bytes]], list[bytes]], first: int, last: int
) -> None:
    sinks: list[Sink] = []

    def offer(_: C_STORE_RQ) -> Sink:
        sinks.append(Sink())
        return sinks[-1]

    assembler = Assembler(lambda _: True, offer, offer)
    with suppress(RemoteProtocolError):
        feed(assembler, case[1][first : first + last])
    assembler.end()
    assert all(sink.finished != sink.discarded for sink in sinks)


@given(st.lists(st.lists(pdv, min_size=1, max_size=4) | messages.map(lambda one: whole_pdv(one)), max_size=6))
@examples(50)
def test_any_fragments_make_messages_or_an_error(groups: list[list[PDV]]) -> None:
    assembler = Assembler(lambda number: number < 200, lambda _: None, lambda _: Sink())
    try:
        for group in groups:
            for incoming in assembler.feed([memoryview(encode_pdu(P_DATA_TF(tuple(group))))[6:]]):
                assert isinstance(incoming.message, Message)
    except RemoteProtocolError:
        pass
    assembler.end()


def whole_pdv(message: Message) -> list[PDV]:
    return [PDV(message.context_id, True, True, encode_command(message))]


STORED: dict[str, Any] = {"AffectedSOPClassUID": "1.2", "AffectedSOPInstanceUID": "1.3", "Priority": 0}


@given(context_id, context_id, blob)
@examples(20)
def test_contexts_do_not_mix(one: int, other: int, data: bytes) -> None:
    message = C_STORE_RQ(
        context_id=one,
        MessageID=1,
        AffectedSOPClassUID="1.2",
        AffectedSOPInstanceUID="1.3",
        Priority=0,
        has_data_set=True,
    )
    assembler = Assembler(lambda _: True, lambda _: None, lambda _: Sink())
    body = encode_pdu(P_DATA_TF((*whole_pdv(message), PDV(other, False, True, data))))[6:]
    if one == other:
        assert [incoming.message.data for incoming in assembler.feed([memoryview(body)])] == [data]
    else:
        with pytest.raises(RemoteProtocolError, match="within a message"):
            list(assembler.feed([memoryview(body)]))
