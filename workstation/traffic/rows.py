"""The rows of a conversation: messages, and the PDUs that carried them.

Rows are slotted objects with numbers in them; their texts are properties, made when a row is shown. Only `conversation`
and `log` write to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern
from typing import NamedTuple

from workstation.net.codec.dimse import Message, decode_command
from workstation.net.errors import RemoteProtocolError
from workstation.net.status import code_to_category
from workstation.net.uids import uid_name
from workstation.traffic.text import printable

__all__ = ["Fragment", "MessageRow", "PduRow", "SubOperations"]

_PDU_NAMES = {
    1: "A-ASSOCIATE-RQ",
    2: "A-ASSOCIATE-AC",
    3: "A-ASSOCIATE-RJ",
    4: "P-DATA-TF",
    5: "A-RELEASE-RQ",
    6: "A-RELEASE-RP",
    7: "A-ABORT",
}
# PS3.7 section 9.3.2.2 and annex C
_PENDING = (0xFF00, 0xFF01)


def pdu_name(pdu_type: int) -> str:
    """The standard's name of a PDU type."""
    return _PDU_NAMES.get(pdu_type, "Unrecognized bytes")


class PduRow:
    """A PDU as it crossed the wire; `data` may be only its beginning (see `cut`)."""

    __slots__ = ("data", "length", "lost", "message", "number", "others", "pdu_type", "pdvs", "sent", "time")

    def __init__(
        self, number: int, time: float, sent: bool, pdu_type: int, length: int, data: bytes, lost: int
    ) -> None:
        self.number = number  # from 1 in its conversation
        self.time = time
        self.sent = sent
        self.pdu_type = pdu_type
        self.length = length  # on the wire, header included
        self.data = data
        self.lost = lost  # PDUs in its direction that could not be kept just before it
        self.message: MessageRow | None = None
        self.others: tuple[MessageRow, ...] = ()  # further messages in it, which the standard does not allow
        # Of each PDV: number of its message's row, control header, offset and length of the fragment. One flat tuple
        # of numbers, because Python's garbage collector need not look at it: there are hundreds of thousands.
        self.pdvs: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The standard's name of the PDU."""
        return pdu_name(self.pdu_type)

    @property
    def cut(self) -> bool:
        """Whether only its first bytes are kept."""
        return len(self.data) < self.length

    def fragments(self, row: int) -> Iterator[Fragment]:
        """The fragments in it of the message in a row."""
        numbers = self.pdvs
        for at in range(0, len(numbers), 4):
            if numbers[at] == row:
                yield Fragment(self, numbers[at + 2], numbers[at + 3], bool(numbers[at + 1] & 1))


class Fragment(NamedTuple):
    """Where a fragment of a message lies."""

    pdu: PduRow
    offset: int  # of the fragment's first byte in the PDU, after the PDV header
    length: int
    is_command: bool


class SubOperations(NamedTuple):
    """The four counts of a C-GET or C-MOVE response; None where the response has none."""

    remaining: int | None
    completed: int | None
    failed: int | None
    warning: int | None


class MessageRow:
    """A DIMSE message or an association control message, with its PDUs.

    What a list shows of the command set is kept as plain values; the whole `message` is decoded when it is asked for.
    """

    __slots__ = (
        "command_complete",
        "command_size",
        "complete",
        "context_id",
        "counts",
        "data_size",
        "delta",
        "detail_text",
        "end_time",
        "error_comment",
        "message_id",
        "name",
        "number",
        "omitted",
        "pdus",
        "problem",
        "request",
        "response_time",
        "sent",
        "size",
        "sop_class_uid",
        "status",
        "time",
        "transfer_syntax",
    )

    def __init__(self, number: int, name: str, sent: bool, time: float, delta: float) -> None:
        self.number = number  # from 1 in its conversation; stays when earlier rows go
        self.name = name
        self.sent = sent
        self.time = time
        self.end_time = time  # of its last PDU
        self.delta = delta  # seconds since the row before
        self.context_id = 0
        self.transfer_syntax = ""  # of its context
        self.pdus: list[PduRow] = []
        self.size = 0  # bytes of all its PDUs
        self.command_size = 0
        self.data_size = 0  # bytes of its data set
        self.command_complete = False
        self.complete = False
        self.omitted = 0  # PDUs of it that are counted but not kept
        self.problem = ""
        self.detail_text = ""
        self.request = 0  # number of the row that it answers or cancels
        self.response_time: float | None = None
        self.message_id: int | None = None  # Message ID, or Message ID Being Responded To
        self.status: int | None = None
        self.sop_class_uid = ""  # Affected or Requested SOP Class UID
        self.error_comment = ""
        self.counts: tuple[int | None, ...] = ()

    def take_in(self, message: Message) -> None:
        """Keep what is shown of a command set."""
        self.name = message.name
        identifier = getattr(message, "MessageID", None)
        self.message_id = getattr(message, "MessageIDBeingRespondedTo", None) if identifier is None else identifier
        self.status = getattr(message, "Status", None)
        uid = getattr(message, "AffectedSOPClassUID", None) or getattr(message, "RequestedSOPClassUID", None)
        if uid:
            self.sop_class_uid = intern(printable(str(uid), 64))
        comment = getattr(message, "ErrorComment", None)
        if comment:
            self.error_comment = printable(str(comment))
        if hasattr(message, "NumberOfRemainingSuboperations"):
            self.counts = (
                message.NumberOfRemainingSuboperations,
                getattr(message, "NumberOfCompletedSuboperations", None),
                getattr(message, "NumberOfFailedSuboperations", None),
                getattr(message, "NumberOfWarningSuboperations", None),
            )

    @property
    def is_dimse(self) -> bool:
        """Whether it came in P-DATA-TF PDUs."""
        return bool(self.pdus and self.pdus[0].pdvs)

    def fragments(self, *, command: bool) -> Iterator[Fragment]:
        """The fragments of its command set or of its data set that are kept, in order."""
        for pdu in self.pdus:
            for fragment in pdu.fragments(self.number):
                if fragment.is_command == command:
                    yield fragment

    def command_set(self) -> bytes | None:
        """Its command set, None when it is not here as a whole."""
        pieces = [f.pdu.data[f.offset : f.offset + f.length] for f in self.fragments(command=True)]
        joined = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return joined if self.command_complete and 0 < len(joined) == self.command_size else None

    @property
    def message(self) -> Message | None:
        """The message without its data set, decoded anew; None when its command set cannot be."""
        command = self.command_set()
        if command is None:
            return None
        try:
            return decode_command(command, self.context_id)
        except RemoteProtocolError:
            return None

    @property
    def pending(self) -> bool:
        """Whether it is a response with more to follow."""
        return self.status in _PENDING

    @property
    def status_text(self) -> str:
        """The Status as `0xFF00 (Pending)`."""
        status = self.status
        return "" if status is None else f"0x{status:04X} ({code_to_category(status)})"

    @property
    def sub_operations(self) -> SubOperations | None:
        """The counts of a C-GET or C-MOVE response that has any."""
        return SubOperations(*self.counts) if any(count is not None for count in self.counts) else None

    @property
    def detail(self) -> str:
        """What distinguishes it from its like: offered contexts, reasons, a SOP class, an error comment."""
        return self.detail_text or self.error_comment or uid_name(self.sop_class_uid) or self.sop_class_uid
