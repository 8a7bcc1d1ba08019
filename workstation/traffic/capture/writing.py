"""What was seen, saved as pcapng that Wireshark opens and decodes.

Each association becomes one TCP connection, all of them in the order of time; an association of which both ends were
seen here is written once. Bytes are never invented: what was cut or let go is missing in the file as well, and said.
No Qt; may run in any thread while the log goes on, for what is written is taken hold of first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path
from typing import Final, NamedTuple

from workstation.net.codec.pdu import PDUType
from workstation.traffic.capture.association_stream import AssociationStream, ends_of
from workstation.traffic.capture.pcapng import Packet, PcapngWriter
from workstation.traffic.capture.whole_file import GivenUp, whole_file
from workstation.traffic.conversation import Conversation
from workstation.traffic.rows import PduRow
from workstation.traffic.text import quantity

__all__ = ["DESCRIPTION", "Written", "write_log"]

DESCRIPTION: Final = "PDUs as a DICOM program saw them; the TCP packets are made around them"
_TOLD_EVERY: Final = 256  # packets between two words on progress
_REMARKS = 10  # of an association, told at its first packet
_CONNECTED: Final = frozenset({"Evt2", "Evt5"})
_PEER_CLOSED: Final = "Evt17"


@dataclass(frozen=True, slots=True)
class Written:
    """What a file got.

    Attributes:
        associations: TCP connections in the file.
        pdus: in the file, cut ones included.
        bytes: of the file.
        cut: PDUs of which only the first bytes were kept.
        missing: PDUs that were let go before.
        cancelled: whether somebody changed their mind; then there is no file.
    """

    associations: int = 0
    pdus: int = 0
    bytes: int = 0
    cut: int = 0
    missing: int = 0
    cancelled: bool = False

    @property
    def text(self) -> str:
        """One sentence."""
        if self.cancelled:
            return "Nothing was saved."
        sentence = f"{quantity(self.associations, 'association')} with {quantity(self.pdus, 'PDU')} saved"
        notes = []
        if self.cut:
            notes.append(f"{self.cut:,} of them cut to their first bytes")
        if self.missing:
            notes.append(f"{quantity(self.missing, 'PDU')} had been let go before")
        return f"{sentence}{': ' if notes else ''}{'; '.join(notes)}."


def write_log(
    path: Path,
    conversations: Iterable[Conversation],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Written:
    """Save conversations as pcapng; the file is there as a whole or not at all.

    Args:
        path: the file, replaced if it is there.
        conversations: of a live log or of a capture.
        progress: called with PDUs done and all of them.
        cancelled: asked now and then.

    Raises:
        OSError: The file cannot be written.
    """
    seen = [_taken(one, other) for one, other in _without_twins(conversations)]
    total = sum(len(association.pdus) for association in seen)
    streams = [AssociationStream(one.conversation.facts, number, one.title) for number, one in enumerate(seen)]
    packets = merge(*map(_packets, seen, streams), key=lambda packet: packet.time)
    done = 0
    try:
        with whole_file(path) as file:
            writer = PcapngWriter(file, DESCRIPTION)
            for count, packet in enumerate(packets):
                writer.write(packet)
                if count % _TOLD_EVERY == 0:
                    done = sum(association.done for association in seen)
                    progress(done, total)
                    if cancelled():
                        raise GivenUp
    except GivenUp:
        return Written(cancelled=True)
    progress(total, total)
    return Written(
        associations=len(seen),
        pdus=total,
        bytes=writer.bytes,
        cut=sum(stream.cut for stream in streams),
        missing=sum(stream.missing for stream in streams),
    )


# --------------------------------------------------------------------------- what there is of an association
class _Pdu(NamedTuple):
    time: float
    from_client: bool
    data: bytes
    length: int
    missing: int  # PDUs that were let go before it, of either side
    missing_here: int  # PDUs of its own side that were never kept, of no known length


@dataclass(slots=True)
class _Seen:
    """What there is of one association, taken hold of."""

    conversation: Conversation
    title: str
    pdus: list[_Pdu]
    missing_at_end: int
    missing_bytes: dict[bool, int] = field(default_factory=dict)  # by whether the client sent them
    done: int = 0


def _taken(conversation: Conversation, twin: Conversation | None) -> _Seen:
    is_requestor = conversation.mode != "acceptor"
    pdus: list[_Pdu] = []
    kept = {True: 0, False: 0}
    number = 0
    rows = _pdus_of(conversation)
    for pdu in rows:
        from_client = pdu.sent == is_requestor
        kept[from_client] += pdu.length
        hole = pdu.number - number - 1
        number = pdu.number
        pdus.append(_Pdu(pdu.time, from_client, pdu.data, pdu.length, hole, pdu.lost))
    sums = {is_requestor: conversation.bytes_sent, not is_requestor: conversation.bytes_received}
    seen = _Seen(
        conversation,
        _title(conversation),
        pdus,
        max(conversation.pdus_sent + conversation.pdus_received - number, 0),
        {side: max(sums[side] - kept[side], 0) for side in (True, False)},
    )
    if twin is not None:
        _add_unheard(seen, conversation, twin)
    return seen


def _title(conversation: Conversation) -> str:
    who = f"{conversation.calling or '?'} to {conversation.called or '?'}"
    return "; ".join((f"Association {conversation.number}: {who}", *conversation.remarks[:_REMARKS]))


def _pdus_of(conversation: Conversation) -> list[PduRow]:
    """Its PDUs, each once, in the order of the wire."""
    found = [pdu for row in list(conversation.rows) for pdu in list(row.pdus) if pdu.message is row]
    return sorted(found, key=lambda pdu: pdu.number)


def _add_unheard(seen: _Seen, conversation: Conversation, twin: Conversation) -> None:
    """What the other end said last and this one did not hear any more: it was on the wire all the same."""
    more = twin.pdus_sent - conversation.pdus_received
    if more <= 0 or not conversation.finished:
        return
    from_client = twin.mode != "acceptor"
    last = [pdu for pdu in _pdus_of(twin) if pdu.sent][-more:]
    seen.pdus += [_Pdu(pdu.time, from_client, pdu.data, pdu.length, 0, 0) for pdu in last]
    seen.pdus.sort(key=lambda pdu: pdu.time)


# --------------------------------------------------------------------------- associations of which both ends are ours
def _without_twins(conversations: Iterable[Conversation]) -> list[tuple[Conversation, Conversation | None]]:
    """Each association once, with its other end if that was seen too: the end that has more of it."""
    all_of_them = list(conversations)
    by_ends: dict[object, list[Conversation]] = {}
    chosen: list[tuple[Conversation, Conversation | None]] = []
    for conversation in all_of_them:
        client, server = ends_of(conversation.facts)
        if client is None or server is None:
            chosen.append((conversation, None))
        else:
            by_ends.setdefault((client, server), []).append(conversation)
    for found in by_ends.values():
        chosen += _pairs(found)
    return sorted(chosen, key=lambda pair: pair[0].start_time)


def _pairs(found: list[Conversation]) -> Iterator[tuple[Conversation, Conversation | None]]:
    """Conversations between the same two ends; two at the same time are one, for a port is used once at a time."""
    acceptors = [one for one in found if one.mode == "acceptor"]
    for one in found:
        if one.mode == "acceptor":
            continue
        twin = next((other for other in acceptors if _overlap(one, other)), None)
        if twin is None:
            yield one, None
            continue
        acceptors.remove(twin)
        yield (one, twin) if _let_go(one) <= _let_go(twin) else (twin, one)
    for other in acceptors:
        yield other, None


def _overlap(one: Conversation, other: Conversation) -> bool:
    def end(conversation: Conversation) -> float:
        return float("inf") if conversation.end_time is None else conversation.end_time

    return one.start_time <= end(other) and other.start_time <= end(one)


def _let_go(conversation: Conversation) -> int:
    """Bytes of it that are not here."""
    return conversation.bytes_sent + conversation.bytes_received - conversation.kept_bytes


# --------------------------------------------------------------------------- its packets
def _packets(seen: _Seen, stream: AssociationStream) -> Iterator[Packet]:
    conversation = seen.conversation
    connected = next((step.time for step in conversation.path if step.event in _CONNECTED), None)
    if connected is None and conversation.path and not seen.pdus:
        yield from stream.attempt(conversation.start_time, conversation.end_reason)
        return
    started = conversation.start_time if connected is None else connected
    if connected is None and seen.pdus and _begins_midway(seen):
        stream.begin_midway()
    else:
        yield from stream.open(min(started, seen.pdus[0].time) if seen.pdus else started)
    holes = sum(pdu.missing for pdu in seen.pdus) + seen.missing_at_end
    last = started
    for pdu in seen.pdus:
        _skip(stream, seen, pdu.missing, holes)
        if pdu.missing_here:
            stream.skip(pdu.from_client, pdu.missing_here, 0)
        yield from stream.pdu(pdu.time, pdu.from_client, pdu.data, pdu.length)
        last = pdu.time
        seen.done += 1
    _skip(stream, seen, seen.missing_at_end, holes)
    if conversation.end_time is not None:
        reason = conversation.end_reason or conversation.outcome
        yield from stream.close(max(conversation.end_time, last), reason, _closed_by_client(conversation))


def _begins_midway(seen: _Seen) -> bool:
    """Whether the first PDU there ever was is not the one that an association begins with: nobody saw its beginning."""
    first = seen.pdus[0]
    return first.missing == 0 and first.data[:1] != bytes([PDUType.A_ASSOCIATE_RQ])


def _skip(stream: AssociationStream, seen: _Seen, missing: int, holes: int) -> None:
    """Leave a hole: PDUs are missing, of the side or sides of which bytes are missing."""
    if not missing:
        return
    sides: Sequence[bool] = [side for side, size in seen.missing_bytes.items() if size] or [True]
    for index, side in enumerate(sides):
        stream.skip(side, missing if index == 0 else 0, seen.missing_bytes[side] * missing // holes)


def _closed_by_client(conversation: Conversation) -> bool | None:
    """Who closed the connection, if the path tells."""
    if not conversation.path:
        return None
    by_peer = any(step.event == _PEER_CLOSED for step in conversation.path)
    return by_peer != (conversation.mode != "acceptor")
