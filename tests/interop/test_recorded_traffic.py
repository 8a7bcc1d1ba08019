"""What real peers said to each other, read by four readers: all find the same, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from typing import Any

import pytest
from pdu_facts import (
    comparable_with_tshark,
    dissected,
    facts_of,
    facts_of_bytes,
    leaves,
    pynetdicom_reads,
    tshark_reads,
)
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from recorded import Recording
from recording import Conversation
from tshark import check_connections

from workstation.net.codec.dimse import ELEMENTS, MESSAGES, Message, decode_command, dissect_command, encode_command
from workstation.net.codec.field import Field
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    P_DATA_TF,
    PDUType,
    decode_pdu,
    dissect_pdu,
    encode_pdu,
)
from workstation.net.engine.assembly import Assembler, Incoming
from workstation.net.engine.fsm import State
from workstation.net.engine.upper_layer import (
    AssociateIndication,
    DataIndication,
    Limits,
    ReleaseIndication,
    UpperLayer,
)
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.decoding.elements import encoding_of
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import ConversationFacts, Record

# -- the recording itself ----------------------------------------------------------------------------------------


def test_wireshark_finds_whole_connections(recorded: Recording) -> None:
    check_connections(recorded.pcap, len(recorded.conversations))


def test_wireshark_finds_the_same_pdus_in_the_same_order(recorded: Recording) -> None:
    for conversation, theirs in zip(recorded.conversations, recorded.tshark, strict=True):
        mine = [(pdu.from_client, pdu.data[0]) for pdu in conversation.pdus]
        assert mine == [(pdu.from_client, pdu.fields[0].raw[0]) for pdu in theirs]


_C_SERVICES = {"C_ECHO", "C_STORE", "C_FIND", "C_GET", "C_MOVE"}
_C_MESSAGES = {"C_CANCEL_RQ"} | {f"{service}_{kind}" for service in _C_SERVICES for kind in ("RQ", "RSP")}
_PRINT = {f"N_{service}_{kind}" for service in ("CREATE", "GET", "SET", "ACTION", "DELETE") for kind in ("RQ", "RSP")}
_COMMITMENT = {f"N_{service}_{kind}" for service in ("ACTION", "EVENT_REPORT") for kind in ("RQ", "RSP")}
_ALL_MESSAGES = {message.__name__ for message in MESSAGES.values()}
_EVERY_ITEM = set(range(0x51, 0x5A))
# PDU types, messages and user information sub-items that a group must have, so that none is compared with nothing
EXPECTED: dict[str, tuple[set[int], set[str], set[int]]] = {
    "DCMTK": ({1, 2, 3, 4, 5, 6, 7}, _C_MESSAGES | _PRINT, {0x51, 0x52, 0x54, 0x55, 0x58}),
    "Orthanc": ({1, 2, 4, 5, 6, 7}, _C_MESSAGES | _COMMITMENT, {0x51, 0x52, 0x54, 0x55}),
    "pynetdicom": ({1, 2, 3, 4, 5, 6, 7}, _ALL_MESSAGES, _EVERY_ITEM),
}


def test_nothing_is_missing(recorded: Recording) -> None:
    types, messages, items = EXPECTED[recorded.group]
    assert {pdu.data[0] for _, pdu in recorded.pdus} == types
    assert {type(decode_command(one.command)).__name__ for one in all_messages(recorded)} == messages
    seen = {
        placed.fact.value
        for _, pdu in recorded.pdus
        for placed in dissected(pdu.data)
        if placed.fact.name == "Item Type" and isinstance(placed.fact.value, int) and placed.fact.value > 0x50
    }
    assert seen == items


# -- PDUs --------------------------------------------------------------------------------------------------------


def test_the_decoder_and_the_dissector_agree(recorded: Recording) -> None:
    for _, pdu in recorded.pdus:
        assert facts_of(decode_pdu(pdu.data)) == facts_of_bytes(pdu.data, structure=False)


def test_pynetdicom_reads_the_same_fields(recorded: Recording) -> None:
    for _, pdu in recorded.pdus:
        assert facts_of_bytes(pdu.data, structure=True) == pynetdicom_reads(pdu.data)


def test_wireshark_reads_the_same_fields_at_the_same_places(recorded: Recording) -> None:
    for pdu, theirs in recorded.pairs:
        assert comparable_with_tshark(dissected(pdu.data)) == tshark_reads(theirs)


def check_spans(root: Field, data: bytes) -> None:
    """Each byte is in exactly one leaf, a parent is what its children are, and nothing is wrong."""
    assert (root.offset, root.length) == (0, len(data))
    position = 0
    for leaf in leaves(root):
        assert leaf.offset == position, leaf
        position += leaf.length
    assert position == len(data)
    waiting = [root]
    while waiting:
        field = waiting.pop()
        assert not field.problem
        if field.children:
            assert (field.offset, field.length) == (field.children[0].offset, sum(c.length for c in field.children))
            waiting += field.children


def check_values(root: Field, data: bytes) -> None:
    """What a leaf says is what stands at its place."""
    for leaf in leaves(root):
        raw = data[leaf.offset : leaf.offset + leaf.length]
        match leaf.value:
            case bool():
                raise AssertionError(leaf)
            case int(number):
                assert number == int.from_bytes(raw, "big"), leaf
            case str(text) if not text.startswith("hidden ("):
                assert text == raw.decode("latin-1").strip("\0 "), leaf
            case bytes(octets):
                assert octets == raw, leaf


def test_spans_cover_each_byte_once(recorded: Recording) -> None:
    for _, pdu in recorded.pdus:
        root = dissect_pdu(pdu.data)
        check_spans(root, pdu.data)
        check_values(root, pdu.data)


# DCMTK writes FFH where an A-ASSOCIATE-RQ has the result of an acceptance: the last but one of the three reserved bytes
# behind the ID of a proposed context (PS3.8 Table 9-13 wants 00H). Nobody else sets a reserved byte.
NOT_ZERO = {
    "DCMTK": {("Presentation Context Item (RQ)", b"\0\xff\0")},
    "Orthanc": {("Presentation Context Item (RQ)", b"\0\xff\0")},  # it is made with DCMTK
    "pynetdicom": set(),
}


def reserved_bytes(root: Field, data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(name of the item, offset, bytes) of reserved fields that are zero in what we send; not the 32 that are kept."""
    for field in root.children:
        if field.children:
            yield from reserved_bytes(field, data)
        elif field.name == "Reserved" and field.length < 32:
            yield root.name, field.offset, data[field.offset : field.offset + field.length]


def test_pdus_are_written_as_they_were_read(recorded: Recording) -> None:
    deviations = set()
    for _, pdu in recorded.pdus:
        data = bytearray(pdu.data)
        for name, offset, raw in reserved_bytes(dissect_pdu(pdu.data), pdu.data):
            if any(raw):
                deviations.add((name, raw))
                data[offset : offset + len(raw)] = bytes(len(raw))
        assert encode_pdu(decode_pdu(pdu.data)).hex(" ") == data.hex(" ")
    assert deviations == NOT_ZERO[recorded.group]


# -- messages ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Joined:
    """A message as its fragments say it, put together without the code under test."""

    context_id: int = 0
    command: bytes = b""
    data: bytes = b""
    pdus: int = 0


def messages_of(conversation: Conversation) -> Iterator[tuple[bool, Joined]]:
    """(whether the client sent it, message) in the order in which they were whole."""
    waiting = {True: Joined(), False: Joined()}
    for from_client, data in conversation.pdus:
        if data[0] != PDUType.P_DATA_TF:
            continue
        offset = 6
        while offset < len(data):
            end = offset + 4 + int.from_bytes(data[offset : offset + 4], "big")
            one, control, fragment = waiting[from_client], data[offset + 5], data[offset + 6 : end]
            one.context_id = data[offset + 4]
            offset = end
            if control & 1:
                one.command += fragment
            else:
                one.data += fragment
            has_data = b"\0\0\0\x08\2\0\0\0\1\1" not in one.command
            if control == 3 - has_data * 1:
                waiting[from_client] = Joined()
                yield from_client, one


def all_messages(recorded: Recording) -> Iterator[Joined]:
    for conversation in recorded.conversations:
        for _, one in messages_of(conversation):
            yield one


def pydicom_reads(command: bytes) -> Dataset:
    return read_dataset(BytesIO(command), is_implicit_VR=True, is_little_endian=True)


def test_pydicom_reads_the_same_command_sets(recorded: Recording) -> None:
    for one in all_messages(recorded):
        message = decode_command(one.command, one.context_id)
        theirs = pydicom_reads(one.command)
        assert theirs.CommandGroupLength == len(one.command) - 12
        del theirs[0x00000000]
        assert message.unknown == ()
        assert theirs == message.command_set
        check_elements(message, theirs)


def check_elements(message: Message, theirs: Dataset) -> None:
    """Attribute by attribute, so that `command_set` need not be believed."""
    present = {element.keyword: element for element in theirs}
    assert present.pop("CommandField").value == message.command_field
    assert (present.pop("CommandDataSetType").value != 0x0101) == message.has_data_set
    for keyword, _ in message.elements:
        element = present.pop(keyword, None)
        mine = getattr(message, keyword)
        if isinstance(mine, tuple):
            assert element is not None
            values = element.value if isinstance(element.value, list) or element.VM > 1 else [element.value]
            assert list(mine) == list(values)
        else:
            assert mine == (None if element is None else element.value)
    assert present == {}


def test_command_sets_are_written_as_they_were_read(recorded: Recording) -> None:
    different: Counter[str] = Counter()
    for one in all_messages(recorded):
        again = encode_command(decode_command(one.command))
        if again != one.command:
            different[f"{one.command.hex(' ')} -> {again.hex(' ')}"] += 1
    assert different == {}


def test_wireshark_reads_the_same_elements_at_the_same_places(recorded: Recording) -> None:
    compared = 0
    for pdu, theirs in recorded.pairs:
        decoded = decode_pdu(pdu.data)
        if not isinstance(decoded, P_DATA_TF) or not (decoded.pdvs[0].is_command and decoded.pdvs[0].is_last):
            continue
        if "dicom.data.tag.missing" in theirs.problems:
            # Wireshark 4.0 takes an answer on a context of a compressed or deflated syntax for the rest of the data
            assert decode_command(decoded.pdvs[0].data).is_response
            continue
        assert len(decoded.pdvs) == 1
        assert command_elements(pdu.data) == theirs.elements
        compared += 1
    assert compared > 50


def command_elements(pdu: bytes) -> list[tuple[int, bytes]]:
    """Place and bytes of tag, length and value of each element; PDU header and PDV header are 12 bytes."""
    found = []
    for element in dissect_command(pdu[12:], 12):
        assert int(str(element.children[0].value)[6:10], 16) in ELEMENTS
        for part in element.children:
            if part.length:
                found.append((part.offset, pdu[part.offset : part.offset + part.length]))
    return found


def test_the_assembler_puts_the_same_messages_together(recorded: Recording) -> None:
    for conversation in recorded.conversations:
        for from_client in (True, False):
            assembler = Assembler(lambda _: True, lambda _: None, no_spool)
            found: list[Incoming] = []
            for pdu in conversation.pdus:
                if pdu.from_client == from_client and pdu.data[0] == PDUType.P_DATA_TF:
                    found += assembler.feed([memoryview(pdu.data)[6:]])
            assembler.end()
            mine = [(encode_command(one.message), one.message.data or b"") for one in found]
            assert mine == [(one.command, one.data) for sent, one in messages_of(conversation) if sent == from_client]


def no_spool(_: object) -> Any:
    raise AssertionError("nothing recorded is too large for memory")


# -- the engine, fed with what was recorded ----------------------------------------------------------------------


class Listener:
    """An engine that hears one side of a conversation and whose user does what the other side did."""

    def __init__(self, conversation: Conversation, *, requestor: bool) -> None:
        self.engine = UpperLayer(requestor=requestor, limits=Limits(maximum_length=0))
        self.heard = bytearray()
        self.answer = decode_pdu(conversation.pdus[1].data)
        self.now = 0.0
        if requestor:
            request = decode_pdu(conversation.pdus[0].data)
            assert isinstance(request, A_ASSOCIATE_RQ)
            self.engine.associate(request)
            self.engine.connected(self.now)
        else:
            self.engine.connection_accepted(self.now)

    def hear(self, data: bytes) -> None:
        while data:
            room = self.engine.buffer()
            taken = min(len(room), len(data))
            room[:taken] = data[:taken]
            data = data[taken:]
            self.engine.receive(taken, self.now)
            for output in self.engine.take():
                match output:
                    case DataIndication(bodies):
                        self.heard += b"".join(bodies)
                    case AssociateIndication():
                        if isinstance(self.answer, A_ASSOCIATE_AC):
                            self.engine.accept(self.answer, self.now)
                        elif isinstance(self.answer, A_ASSOCIATE_RJ):
                            self.engine.reject(self.answer, self.now)
                    case ReleaseIndication():
                        self.engine.respond_release(self.now)

    def release(self) -> None:
        self.engine.release(self.now)


@pytest.mark.parametrize("requestor", [True, False], ids=["as requestor", "as acceptor"])
def test_the_engine_hears_the_same_fragments(recorded: Recording, requestor: bool) -> None:
    for conversation in recorded.conversations:
        listener = Listener(conversation, requestor=requestor)
        fragments = b""
        for pdu in conversation.pdus:
            if pdu.from_client == requestor:
                if pdu.data[0] == PDUType.A_RELEASE_RQ:
                    listener.release()
                continue
            listener.hear(pdu.data)
            if pdu.data[0] == PDUType.P_DATA_TF:
                fragments += pdu.data[6:]
        assert listener.heard == fragments
        ended = conversation.pdus[-1].data[0] != PDUType.A_ASSOCIATE_AC
        by_us = conversation.pdus[-1].from_client == requestor
        state = listener.engine.state
        if ended and not by_us:
            assert state is State.STA1, conversation.name
        else:
            assert state in (State.STA6, State.STA13), conversation.name


# -- the window's way --------------------------------------------------------------------------------------------


def log_of(conversation: Conversation, number: int) -> TrafficLog:
    """What the recorder of the program would have made of it, as the requestor."""
    numbers = count(1)
    log = TrafficLog()
    facts = ConversationFacts("requestor", "", "", "192.0.2.2", 104)
    records = [Record(next(numbers), conversation.started, number, "EVT_CONN_OPEN", facts=facts)]
    for from_client, data in conversation.pdus:
        event = "EVT_DATA_SENT" if from_client else "EVT_DATA_RECV"
        record = Record(next(numbers), conversation.started, number, event)
        records.append(record._replace(data=data, length=len(data), pdu_type=data[0]))
    log.add(records)
    return log


def test_shown_messages_are_the_recorded_ones(recorded: Recording) -> None:
    for number, conversation in enumerate(recorded.conversations, 1):
        shown = log_of(conversation, number).conversation(number)
        assert shown is not None
        rows = [row for row in shown.rows if row.is_dimse]
        # Rows stand in the order of their first PDU, messages in that of their last.
        mine = sorted((row.sent, row.command_set() or b"") for row in rows)
        joined = list(messages_of(conversation))
        cut_off = len(rows) - len(joined)
        assert cut_off <= 1, "only an abort leaves a message without its end"
        if not cut_off:
            assert mine == sorted((sent, one.command) for sent, one in joined)
        for row in rows:
            assert row.problem == "" or not row.complete
            if row.complete:
                check_message(dissect(row).data, dissect(row).fields, row.transfer_syntax)
        for pdu in (pdu for row in shown.rows for pdu in row.pdus):
            (root,) = dissect(pdu).fields
            assert (root.offset, root.length) == (0, pdu.length)


def check_message(data: bytes, shown: tuple[Field, ...], transfer_syntax: str) -> None:
    """The elements of command set and data set are where pydicom finds them."""
    command, *rest = shown
    elements = [(field.offset, field.length) for field in command.children]
    assert elements == list(places(data[: command.length], implicit=True, little_endian=True, base=0))
    for data_set in rest:
        encoding = encoding_of(transfer_syntax)
        assert encoding is not None
        if encoding.deflated:
            continue  # its elements have no bytes of their own
        assert not data_set.problem
        elements = [(field.offset, field.length) for field in data_set.children]
        assert elements == list(
            places(
                data[data_set.offset : data_set.offset + data_set.length],
                implicit=encoding.implicit,
                little_endian=encoding.little_endian,
                base=data_set.offset,
            )
        )


def places(data: bytes, *, implicit: bool, little_endian: bool, base: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of each outermost element, from where pydicom finds their values."""
    read = read_dataset(BytesIO(data), is_implicit_VR=implicit, is_little_endian=little_endian)
    starts = []
    for tag in sorted(read.keys()):
        pattern = tag.group.to_bytes(2, "little" if little_endian else "big")
        pattern += tag.element.to_bytes(2, "little" if little_endian else "big")
        raw = read.get_item(tag)
        tell = getattr(raw, "value_tell", None) or getattr(raw, "file_tell", 0) or 0
        start = data.rfind(pattern, 0, tell)
        assert tell - start in (8, 12), f"{tag}: its value is at {tell}, its tag at {start}"
        starts.append(start)
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        yield base + start, end - start
