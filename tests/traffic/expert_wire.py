"""Conversations for the rules of the expert notes: real bytes, with exactly one thing wrong where one is wanted."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from traffic_wire import ACCEPT, CT, ECHO_RQ, ECHO_RSP, EXPLICIT, IMPLICIT, REQUEST, VERIFICATION, Wire

from workstation.net.codec.dimse import (
    C_FIND_RQ,
    C_FIND_RSP,
    C_GET_RQ,
    C_GET_RSP,
    C_MOVE_RQ,
    C_MOVE_RSP,
    C_STORE_RQ,
    C_STORE_RSP,
    Message,
)
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDV,
    AnsweredContext,
    ProposedContext,
    encode_pdu,
)
from workstation.traffic.conversation import Conversation
from workstation.traffic.expert.experts import Note, notes_of
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record

__all__ = ["CT", "EXPLICIT", "IMPLICIT", "VERIFICATION"]

FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
INSTANCE = "1.2.3.4.5"
Talk = Callable[[Wire], list[Record]]


# --------------------------------------------------------------------------- associations
def conversation_of(records: Iterable[Record]) -> Conversation:
    log = TrafficLog()
    log.add(records)
    return log.conversations[0]


def notes(records: Iterable[Record]) -> dict[str, Note]:
    """The notes on an association, by rule; of several of one rule the last."""
    return {note.rule: note for note in notes_of(conversation_of(records)) if note is not None}


def offering(*contexts: tuple[str, Sequence[str], int, str], **more: object) -> tuple[A_ASSOCIATE_RQ, A_ASSOCIATE_AC]:
    """A negotiation: of each context abstract syntax, offered transfer syntaxes, result and chosen transfer syntax."""
    asked = tuple(
        ProposedContext(context_id=2 * at + 1, abstract_syntax=uid, transfer_syntaxes=tuple(offered))
        for at, (uid, offered, _, _) in enumerate(contexts)
    )
    answered = tuple(
        AnsweredContext(context_id=2 * at + 1, result=result, transfer_syntax=chosen)
        for at, (_, _, result, chosen) in enumerate(contexts)
    )
    request = replace(REQUEST, presentation_contexts=asked, **more)  # type: ignore[arg-type]
    return request, replace(ACCEPT, presentation_contexts=answered, **more)  # type: ignore[arg-type]


PLAIN = offering((VERIFICATION, [IMPLICIT], 0, IMPLICIT), (CT, [EXPLICIT, IMPLICIT], 0, EXPLICIT))
QUERY = offering((FIND, [IMPLICIT], 0, IMPLICIT), (MOVE, [IMPLICIT], 0, IMPLICIT), (GET, [IMPLICIT], 0, IMPLICIT))


def talk(
    *parts: Talk,
    request: A_ASSOCIATE_RQ | bytes = PLAIN[0],
    accept: A_ASSOCIATE_AC | bytes | None = PLAIN[1],
    release: bool = True,
    close: bool = True,
) -> list[Record]:
    """An association as its requestor saw it."""
    wire = Wire()
    records = [wire.step("Sta1", "Evt1", "AE-1", "Sta4"), wire.open()]
    for pdu, sent in ((request, True), (accept, False)):
        if isinstance(pdu, bytes):
            records.append(wire.raw(pdu, sent=sent))
        elif pdu is not None:
            records.append(wire.pdu(pdu, sent=sent))
    for part in parts:
        records += part(wire)
    if release:
        records += [wire.pdu(A_RELEASE_RQ(), sent=True), wire.pdu(A_RELEASE_RP(), sent=False)]
    if close:
        records.append(wire.close())
    return records


def say(message: Message, data: bytes | None = None, *, sent: bool = True, fragment: int = 16_000) -> Talk:
    """One message."""
    return lambda wire: wire.message(message, data, sent=sent, fragment=fragment)


def hear(message: Message, data: bytes | None = None) -> Talk:
    """One message of the acceptor."""
    return say(message, data, sent=False)


def raw(data: bytes, *, sent: bool = True) -> Talk:
    """Any bytes."""
    return lambda wire: [wire.raw(data, sent=sent)]


def wait(seconds: float) -> Talk:
    """Time passes."""

    def passing(wire: Wire) -> list[Record]:
        wire.time += seconds
        return []

    return passing


def pdvs(*values: PDV, sent: bool = True) -> Talk:
    """One P-DATA-TF."""
    return raw(encode_pdu(P_DATA_TF(values)), sent=sent)


def command(*elements: tuple[int, bytes], length: int | None = None, sent: bool = True, context: int = 1) -> Talk:
    """A message by the elements of its command set, with a group length before them unless that is -1."""
    body = b"".join(struct.pack("<HHI", 0, number, len(value)) + value for number, value in elements)
    head = struct.pack("<HHII", 0, 0, 4, len(body) if length is None else length) if length != -1 else b""
    return pdvs(PDV(context, True, True, head + body), sent=sent)


def us(value: int) -> bytes:
    return struct.pack("<H", value)


ECHO = (say(ECHO_RQ), hear(ECHO_RSP))


# --------------------------------------------------------------------------- data sets
def elements(*values: tuple[int, str, bytes], explicit: bool = True, big: bool = False) -> bytes:
    """Elements as they are written, in the order given."""
    order = ">" if big else "<"
    parts = []
    for tag, vr, value in values:
        parts.append(struct.pack(order + "HH", tag >> 16, tag & 0xFFFF))
        if not explicit:
            parts.append(struct.pack(order + "I", len(value)))
        elif vr in ("OB", "OW", "UN", "UT", "SQ"):
            parts.append(vr.encode() + struct.pack(order + "HI", 0, len(value)))
        else:
            parts.append(vr.encode() + struct.pack(order + "H", len(value)))
        parts.append(value)
    return b"".join(parts)


def padded(text: str, pad: bytes = b" ") -> bytes:
    data = text.encode("latin-1")
    return data + pad if len(data) % 2 else data


def uid(text: str) -> bytes:
    return padded(text, b"\0")


HEAD = ((0x00080016, "UI", uid(CT)), (0x00080018, "UI", uid(INSTANCE)))


def image(pixels: int = 8, *more: tuple[int, str, bytes], explicit: bool = True, big: bool = False) -> bytes:
    """A CT image of 2 × 2 pixels, its Pixel Data of any length."""
    order = ">H" if big else "<H"
    own = [
        *HEAD,
        (0x00100010, "PN", b"Doe^Jane"),
        *more,
        (0x00280002, "US", struct.pack(order, 1)),
        (0x00280010, "US", struct.pack(order, 2)),
        (0x00280011, "US", struct.pack(order, 2)),
        (0x00280100, "US", struct.pack(order, 16)),
        (0x7FE00010, "OW", bytes(pixels)),
    ]
    return elements(*sorted(own, key=lambda each: each[0]), explicit=explicit, big=big)


def store_request(message_id: int = 1, *, context: int = 3, cls: str = CT, instance: str = INSTANCE) -> C_STORE_RQ:
    return C_STORE_RQ(
        context_id=context,
        MessageID=message_id,
        AffectedSOPClassUID=cls,
        AffectedSOPInstanceUID=instance,
        Priority=0,
        has_data_set=True,
    )


def store_answer(
    message_id: int = 1, status: int = 0, *, context: int = 3, cls: str = CT, instance: str = INSTANCE
) -> C_STORE_RSP:
    return C_STORE_RSP(
        context_id=context,
        MessageIDBeingRespondedTo=message_id,
        AffectedSOPClassUID=cls,
        AffectedSOPInstanceUID=instance,
        Status=status,
    )


def stored(data: bytes, status: int = 0, message_id: int = 1) -> tuple[Talk, Talk]:
    """An object and its answer."""
    return say(store_request(message_id), data), hear(store_answer(message_id, status))


def identifier(*values: tuple[int, str, bytes]) -> bytes:
    return elements(*values, explicit=False)


def level(name: str) -> tuple[int, str, bytes]:
    return (0x00080052, "CS", padded(name))


STUDY_UID = (0x0020000D, "UI", uid("1.2.3"))


def query(data: bytes | None, *, status: int = 0) -> tuple[Talk, Talk]:
    """A C-FIND without matches."""
    asked = C_FIND_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=FIND, Priority=0, has_data_set=data is not None)
    answer = C_FIND_RSP(
        context_id=1, MessageIDBeingRespondedTo=1, AffectedSOPClassUID=FIND, Status=status, has_data_set=False
    )
    return say(asked, data), hear(answer)


def moved(data: bytes, *counts: tuple[int, int | None, int, int, int], destination: str = "DEST") -> tuple[Talk, ...]:
    """A C-MOVE and its answers: status, remaining, completed, failed, warning."""
    asked = C_MOVE_RQ(
        context_id=3,
        MessageID=1,
        AffectedSOPClassUID=MOVE,
        Priority=0,
        MoveDestination=destination,
        has_data_set=True,
    )
    return (say(asked, data), *(hear(_counted(C_MOVE_RSP, 3, MOVE, *each)) for each in counts))


def got(data: bytes, *counts: tuple[int, int | None, int, int, int]) -> tuple[Talk, ...]:
    """A C-GET whose objects do not come."""
    asked = C_GET_RQ(context_id=5, MessageID=1, AffectedSOPClassUID=GET, Priority=0, has_data_set=True)
    return (say(asked, data), *(hear(_counted(C_GET_RSP, 5, GET, *each)) for each in counts))


def _counted(
    kind: type[C_MOVE_RSP] | type[C_GET_RSP],
    context: int,
    cls: str,
    status: int,
    remaining: int | None,
    completed: int,
    failed: int,
    warning: int,
) -> Message:
    return kind(
        context_id=context,
        MessageIDBeingRespondedTo=1,
        AffectedSOPClassUID=cls,
        Status=status,
        NumberOfRemainingSuboperations=remaining,
        NumberOfCompletedSuboperations=completed,
        NumberOfFailedSuboperations=failed,
        NumberOfWarningSuboperations=warning,
        has_data_set=False,
    )
