"""PDUs as JSON: one object for each, with its fields, their values and places, and the command set that it completes.

What is shown in the window is here as data: names are the standard's, values are numbers and texts as decoded, bytes
are hexadecimal, offsets count from the PDU's first byte. Passcodes are hidden here as there. The file is written as the
PDUs come, and messages are let go once they are written, so a capture of any size costs the same memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final

from workstation.net.codec.dimse import ELEMENTS, dissect_command
from workstation.net.codec.dimse_base import NO_DATA_SET
from workstation.net.codec.field import Field
from workstation.net.codec.pdu import PDUType
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import Dissection, dissect
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.record import KEPT_OF_CUT, Record
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import endpoint

__all__ = ["JsonWriter", "PassingLog", "complete_at_front", "let_go", "message_object", "pdu_object"]

_LARGE: Final = 64  # bytes, from which on a value is told by its beginning
_BEGINNING: Final = 32
_ROWS_KEPT: Final = 64  # of an association, before those that are complete are let go
_LAST_COMMAND_FRAGMENT: Final = 3  # of a message control header (PS3.8 Annex E.2): a command, and its last fragment
_NOT_DECODED: Final = "P-DATA-TF"  # what a row is called until its command set could be decoded
_DATA_EVENTS: Final = frozenset({"EVT_DATA_SENT", "EVT_DATA_RECV"})


# --------------------------------------------------------------------------- one PDU
def pdu_object(conversation: Conversation, pdu: PduRow, association: int | None = None) -> dict[str, object]:
    """A PDU of a conversation as it stands in the JSON export.

    Args:
        conversation: whose it is.
        pdu: the PDU.
        association: the number to tell the association by; the conversation's own if None.
    """
    by_requestor = pdu.sent == (conversation.mode != "acceptor")
    found: dict[str, object] = {
        "time": pdu.time,
        "association": conversation.number if association is None else association,
        "direction": "to-acceptor" if by_requestor else "to-requestor",
        "type": pdu.name if pdu.pdu_type in set(PDUType) else f"0x{pdu.pdu_type:02x}",
        "length": pdu.length,
        "number": pdu.number,
        **_ends(conversation),
    }
    if pdu.cut:
        found["kept"] = len(pdu.data)
    if pdu.lost:
        found["lost_before"] = pdu.lost
    dissection = _dissected(pdu)
    root = dissection.fields[0]
    if root.problem:
        found["problem"] = root.problem
    found["fields"] = [_field_object(field, depth, dissection.data) for field, depth in _flat(root.children)]
    messages = [message_object(row) for row in _completed(conversation, pdu)]
    if messages:
        found["message"] = messages[0]
        if len(messages) > 1:
            # The standard allows one message in a PDU; what came is told all the same.
            found["further_messages"] = messages[1:]
    return found


def _ends(conversation: Conversation) -> dict[str, object]:
    """Both ends as "address:port", as far as known."""
    facts = conversation.facts
    peer, local = endpoint(facts.address, facts.port), endpoint(facts.local_address, facts.local_port)
    ends = (peer, local) if facts.mode == "acceptor" else (local, peer)
    return {name: end for name, end in zip(("requestor", "acceptor"), ends, strict=True) if end}


def _dissected(pdu: PduRow) -> Dissection:
    # Without its message: what its fragments hold is told by the message, and looking for it in each PDU of a long
    # message would take time by the square of its length.
    alone = PduRow(pdu.number, pdu.time, pdu.sent, pdu.pdu_type, pdu.length, pdu.data, pdu.lost)
    alone.pdvs = pdu.pdvs
    return dissect(alone)


def _flat(fields: Iterable[Field], depth: int = 0) -> Iterator[tuple[Field, int]]:
    # Depth is bounded by the dissector.
    for field in fields:
        yield field, depth
        yield from _flat(field.children, depth + 1)


def _field_object(field: Field, depth: int, data: bytes) -> dict[str, object]:
    value = field.value
    if value is None and not field.children and field.length:
        value = data[field.offset : field.offset + field.length]
    found: dict[str, object] = {
        "name": field.name,
        "value": _value(value, field.length),
        "offset": field.offset,
        "length": field.length,
        "depth": depth,
    }
    if field.meaning:
        found["meaning"] = field.meaning
    if field.problem:
        found["problem"] = field.problem
    return found


def _value(value: object, length: int) -> object:
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return int(value)  # an enumeration's number
        case bytes():
            return value.hex() if length < _LARGE else {"bytes": length, "beginning": value[:_BEGINNING].hex()}
        case tuple() | list():
            return [_value(one, 0) for one in value]
    return str(value)


# --------------------------------------------------------------------------- one message
def message_object(row: MessageRow) -> dict[str, object]:
    """A DIMSE message by its command set."""
    command = dissect_command(row.command_set() or b"")
    data_set_type = next((field.value for field in command if field.name == "Command Data Set Type"), None)
    found: dict[str, object] = {
        "name": row.name if row.name != _NOT_DECODED else None,
        "context_id": row.context_id,
        "message_id": row.message_id,
        "status": row.status,
        "has_data_set": None if not isinstance(data_set_type, int) else data_set_type != NO_DATA_SET,
        "length": row.command_size,
    }
    if row.problem:
        found["problem"] = row.problem
    found["command"] = [_element_object(field) for field in command]
    return found


def _element_object(field: Field) -> dict[str, object]:
    """An element of a command set; its offset and length count its header, from the first byte of the command set."""
    found: dict[str, object] = {
        "tag": "",
        "name": field.name,
        "vr": "",
        "value": _element_value(field),
        "offset": field.offset,
        "length": field.length,
    }
    if field.children:
        tag = str(field.children[0].value)
        known = ELEMENTS.get(int(tag[6:10], 16))
        found["tag"] = tag
        found["vr"] = known[0] if known is not None else "UN"
    if field.meaning:
        found["meaning"] = field.meaning
    if field.problem:
        found["problem"] = field.problem
    return found


def _element_value(field: Field) -> object:
    if isinstance(field.value, tuple):
        return [f"({tag >> 16:04X},{tag & 0xFFFF:04X})" if isinstance(tag, int) else str(tag) for tag in field.value]
    return _value(field.value, field.length)


def _completed(conversation: Conversation, pdu: PduRow) -> Iterator[MessageRow]:
    """The messages whose command set ends in a PDU."""
    numbers = pdu.pdvs
    for at in range(0, len(numbers), 4):
        if numbers[at + 1] & _LAST_COMMAND_FRAGMENT != _LAST_COMMAND_FRAGMENT:
            continue
        index = conversation.index_of(numbers[at])
        if 0 <= index < len(conversation.rows):
            yield conversation.rows[index]


# --------------------------------------------------------------------------- the file
class JsonWriter:
    """A JSON array, one object a line, written as the objects come."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._file.write(b"[")
        self.count = 0
        # Everything beyond ASCII is escaped, so that no text of a peer does anything to whoever prints the file.
        self._encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode

    def add(self, one: dict[str, object]) -> None:
        """Write an object."""
        self._file.write((",\n" if self.count else "\n").encode() + self._encode(one).encode("ascii"))
        self.count += 1

    def end(self) -> None:
        """Close the array; the file stays open."""
        self._file.write(b"\n]\n" if self.count else b"]\n")


# --------------------------------------------------------------------------- what comes from a capture
class PassingLog(TrafficLog):
    """A log that hands on what comes and keeps only what the next PDU may need.

    Args:
        on_pdu: called with each PDU when its bytes are there, and the conversation with it folded in.
        on_end: called with a conversation when its connection is over.
    """

    def __init__(
        self,
        on_pdu: Callable[[Conversation, PduRow], None],
        on_end: Callable[[Conversation], None] = lambda conversation: None,
    ) -> None:
        super().__init__()
        self._on_pdu = on_pdu
        self._on_end = on_end
        self._under_way: dict[int, Conversation] = {}
        self.seen: set[int] = set()

    def add(self, records: Iterable[Record]) -> Change:
        """Fold records in, hand their PDUs on."""
        for record in records:
            conversation = self._under_way.get(record.association)
            if conversation is None:
                if record.association in self.seen:
                    continue  # over
                self.seen.add(record.association)
                conversation = self._under_way[record.association] = Conversation(record.association, record.time)
            pdu = conversation.fold(record)
            if record.event in _DATA_EVENTS:
                self.pdus += 1
                self.seen_bytes += record.length
                self._on_pdu(conversation, pdu or _not_kept(conversation, record))
            elif record.event == "EVT_CONN_CLOSE":
                del self._under_way[record.association]
                self._on_end(conversation)
        return Change()

    def end(self) -> None:
        """Nothing more comes."""
        for conversation in self._under_way.values():
            self._on_end(conversation)
        self._under_way.clear()


def _not_kept(conversation: Conversation, record: Record) -> PduRow:
    """A PDU that its conversation only counts, being one of too many of its message."""
    number = conversation.pdus_sent + conversation.pdus_received
    sent = record.event == "EVT_DATA_SENT"
    return PduRow(number, record.time, sent, record.pdu_type, record.length, record.data, record.lost)


def let_go(conversation: Conversation, pdu: PduRow) -> None:
    """Forget what no later PDU needs: the payload of a PDU, and after a while the messages that are complete."""
    rows = (pdu.message, *pdu.others) if pdu.message is not None else ()
    if all(row.command_complete for row in rows):
        pdu.data = pdu.data[:KEPT_OF_CUT] if pdu.pdu_type == PDUType.P_DATA_TF else pdu.data
    if len(conversation.rows) <= _ROWS_KEPT:
        return
    conversation.trim(complete_at_front(conversation))


def complete_at_front(conversation: Conversation) -> int:
    """How many rows at the front stand before any that may still grow: the last of each direction."""
    rows = conversation.rows
    end = len(rows)
    for sent in (True, False):
        for index in range(len(rows) - 1, -1, -1):
            if rows[index].sent == sent:
                if not rows[index].complete:
                    end = min(end, index)
                break
    return end
