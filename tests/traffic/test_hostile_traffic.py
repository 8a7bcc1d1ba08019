"""What means harm in the traffic: rows, trees and lines stay harmless, bounded, and quickly made."""

import itertools
import os
import random
import struct
import time
import tracemalloc
import unicodedata
import zlib
from collections.abc import Iterator

import pytest
from hostile_wire import EVIL, STAND_IN, implicit

from workstation.net.codec.dimse import C_ECHO_RSP, C_STORE_RQ, encode_command
from workstation.net.codec.field import Field
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    AnsweredContext,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    ProposedContext,
    encode_pdu,
)
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable

IMPLICIT, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"
# Folding happens for whatever arrives, dissecting for the one row that a person looks at. Machines that run tests are
# slow and busy: these are far above what it takes, and far below what the attacks took.
FOLD_TIME, DISSECT_TIME = 0.5, 1.5
_NUMBERS = itertools.count(1)


def record(data: bytes, event: str = "EVT_DATA_RECV") -> Record:
    number = next(_NUMBERS)
    return Record(number, 1000.0 + number, 1, event, data, len(data), data[0] if data else 0, 0)


def p_data(*pdvs: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack(">LBB", len(data) + 2, 1, control) + data for control, data in pdvs)
    return struct.pack(">BBL", 4, 0, len(body)) + body


def association(syntax: str = IMPLICIT) -> list[Record]:
    sides = (MaximumLength(value=16384), ImplementationClassUID(uid="1.2.3"), ImplementationVersionName(name=STAND_IN))
    asked = A_ASSOCIATE_RQ(
        called_ae_title=STAND_IN,
        calling_ae_title=STAND_IN,
        presentation_contexts=(
            ProposedContext(context_id=1, abstract_syntax="1.2.840.10008.1.1", transfer_syntaxes=(syntax,)),
        ),
        user_information=sides,
    )
    answered = A_ASSOCIATE_AC(
        called_ae_title="A",
        calling_ae_title="B",
        presentation_contexts=(AnsweredContext(context_id=1, result=0, transfer_syntax=syntax),),
        user_information=sides,
    )
    evil = [encode_pdu(pdu).replace(STAND_IN.encode(), EVIL) for pdu in (asked, answered)]
    return [record(evil[0]), record(evil[1], "EVT_DATA_SENT")]


def store(data: bytes, syntax: str = IMPLICIT, fragment: int = 100_000) -> list[Record]:
    request = C_STORE_RQ(
        MessageID=1,
        AffectedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        AffectedSOPInstanceUID=STAND_IN,
        Priority=0,
        has_data_set=True,
    )
    command = encode_command(request).replace(STAND_IN.encode(), EVIL)
    pieces = [data[place : place + fragment] for place in range(0, len(data), fragment)]
    return [
        *association(syntax),
        record(p_data((3, command))),
        *(record(p_data((2 * (piece is pieces[-1]), piece))) for piece in pieces),
    ]


def deflated(data: bytes, times: int) -> bytes:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return b"".join(deflater.compress(data) for _ in range(times)) + deflater.flush()


def folded(records: list[Record]) -> Conversation:
    log = TrafficLog()
    for each in records:
        began = time.perf_counter()
        log.add([each])
        assert time.perf_counter() - began < FOLD_TIME
    conversation = log.conversation(1)
    assert conversation is not None
    return conversation


def harmless(text: str) -> bool:
    """No control characters, and none that turn round or hide what stands beside them."""
    return not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text)


def every(fields: tuple[Field, ...]) -> Iterator[Field]:
    waiting = list(fields)
    while waiting:
        field = waiting.pop()
        yield field
        waiting += field.children


def looked_at(conversation: Conversation) -> int:
    """Look at rows as a person would; how many fields there were at most."""
    most = 0
    for row in conversation.rows[:20]:
        assert harmless(row.detail)
        assert harmless(row.problem)
        targets: list[MessageRow | PduRow] = [row, *row.pdus[:2]]
        for target in targets:
            began = time.perf_counter()
            dissection = dissect(target)
            assert time.perf_counter() - began < DISSECT_TIME
            fields = list(every(dissection.fields))
            most = max(most, len(fields))
            for field in fields:
                # What the tree makes of it; the fields of the codec hold values as they came.
                assert harmless(printable(str(field.value)))
                assert field.offset >= 0
    return most


SEQUENCE = struct.pack("<HHL", 0x0008, 0x1032, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
JAPANESE = implicit(0x00080005, b"ISO 2022 IR 87")

OBJECTS: dict[str, list[Record]] = {
    "controls and markup": store(implicit(0x00100010, EVIL) * 100),
    "a long text": store(implicit(0x00100010, EVIL * 100_000)),
    "empty elements": store(implicit(0x00090001) * 200_000),
    "nested": store(SEQUENCE * 20_000),
    "escapes": store(JAPANESE + implicit(0x00100010, b"\x1b$B!!\x1b(B" * 100) * 3_000),
    "broken escapes": store(JAPANESE + implicit(0x00100010, b"\x1b$\xff\xff\x1b")),
    "many character sets": store(
        implicit(0x00080005, b"ISO 2022 IR 87\\" * 5000) + implicit(0x00100010, b"\x1b$B\xff")
    ),
    "a bomb": store(deflated(bytes(1 << 20), 64), DEFLATED),
    "a bomb of elements": store(deflated(struct.pack("<HH2sH", 9, 1, b"LO", 0) * 100_000, 30), DEFLATED),
    "no bomb but garbage": store(os.urandom(1000), DEFLATED),
    "empty fragments": [*association(), record(p_data(*[(0, b"")] * 20_000))],
    "no fragment": [*association(), record(p_data())],
    "a command of thousands": [
        *association(),
        record(p_data((3, implicit(0, bytes(4)) + b"".join(implicit(0x5000 + n) for n in range(7000))))),
    ],
    "an endless command": [*association(), *(record(p_data((1, bytes(60_000)))) for _ in range(5))],
    "responses to nothing": [
        *association(),
        *(
            record(p_data((3, encode_command(C_ECHO_RSP(MessageIDBeingRespondedTo=n, Status=0xFFFF)))))
            for n in range(1, 300)
        ),
    ],
    "a huge request": [record(struct.pack(">BBL", 1, 0, 600_000) + bytes(68) + b"\x99\0\0\2xx" * 100_000)],
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", OBJECTS)
def test_whatever_comes_is_shown_soon_and_harmless(kind: str) -> None:
    assert looked_at(folded(OBJECTS[kind])) < 100_000


def test_what_a_peer_calls_itself_is_harmless() -> None:
    conversation = folded(association())
    assert "<b>" in conversation.calling
    for text in (
        conversation.calling,
        conversation.called,
        conversation.requestor.implementation_version_name,
        conversation.acceptor.implementation_version_name,
    ):
        assert harmless(text)


def test_a_bomb_is_not_inflated_to_look_at_it() -> None:
    conversation = folded(OBJECTS["a bomb"])
    tracemalloc.start()
    dissect(conversation.rows[-1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


def test_of_many_fragments_the_first_are_listed_and_the_rest_is_said() -> None:
    data = p_data(*[(0, b"ab")] * 300)
    (root,) = dissect(folded([record(data)]).rows[0].pdus[0]).fields
    assert root.length == len(data)
    assert "256" in root.problem
    *_, length, first = (child for child in root.children if child.offset <= 6)
    assert (length.name, length.value) == ("PDU Length", len(data) - 6)
    assert first.offset == 6
    assert root.children[-1].offset + root.children[-1].length == len(data)


def test_random_pdus_are_rows() -> None:
    chance = random.Random(7)
    records = [
        record(bytes([chance.choice([1, 2, 3, 4, 5, 6, 7, 9, 0xFF])]) + chance.randbytes(chance.randrange(300)))
        for _ in range(500)
    ]
    conversation = folded(records)
    assert looked_at(conversation)
    assert conversation.problems > 300


def test_thousands_of_associations_leave_a_bounded_log() -> None:
    log = TrafficLog(max_rows=1000, max_bytes=1 << 20, max_conversations=50)
    request = association()[0].data
    for number in range(1, 2000):
        log.add(
            [
                Record(next(_NUMBERS), float(number), number, "EVT_DATA_RECV", request, len(request), 1, 0),
                Record(next(_NUMBERS), float(number), number, "EVT_CONN_CLOSE", address=("127.0.0.1", number)),
            ]
        )
    assert len(log) <= 50
    assert log.rows <= 1000
