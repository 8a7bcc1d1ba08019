"""The rows of a conversation: messages, and the PDUs that carried them.

Rows are slotted objects with numbers in them; their texts are properties, made when a row is shown. Only `conversation`
and `log` write to them.
"""

from __future__ import annotations

from typing import NamedTuple

from workstation.net.dimse import Message
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

    __slots__ = ("data", "length", "messages", "number", "pdu_type", "sent", "time")

    def __init__(self, number: int, time: float, sent: bool, pdu_type: int, length: int, data: bytes) -> None:
        self.messages: tuple[MessageRow, ...] = ()  # those of which it carries a fragment; one, by the standard
        self.number = number  # from 1 in its conversation
        self.time = time
        self.sent = sent
        self.pdu_type = pdu_type
        self.length = length  # on the wire, header included
        self.data = data

    @property
    def name(self) -> str:
        """The standard's name of the PDU."""
        return pdu_name(self.pdu_type)

    @property
    def cut(self) -> bool:
        """Whether only its first bytes are kept."""
        return len(self.data) < self.length


class Fragment(NamedTuple):
    """Where a fragment of a message lies; without a PDU it stands for some that could not be kept."""

    pdu: PduRow | None
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
    """A DIMSE message or an association control message, with its PDUs."""

    __slots__ = (
        "command_complete",
        "complete",
        "context_id",
        "data_size",
        "delta",
        "detail_text",
        "end_time",
        "fragments",
        "message",
        "name",
        "number",
        "omitted",
        "pdus",
        "problem",
        "request",
        "response_time",
        "sent",
        "size",
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
        self.message: Message | None = None
        self.pdus: list[PduRow] = []
        self.fragments: list[Fragment] = []
        self.size = 0  # bytes of all its PDUs
        self.data_size = 0  # bytes of its data set
        self.command_complete = False
        self.complete = False
        self.omitted = 0  # PDUs of it that are counted but not kept
        self.problem = ""
        self.detail_text = ""
        self.request = 0  # number of the row that it answers
        self.response_time: float | None = None

    @property
    def is_dimse(self) -> bool:
        """Whether it came in P-DATA-TF PDUs."""
        return bool(self.fragments)

    @property
    def message_id(self) -> int | None:
        """Message ID, or Message ID Being Responded To."""
        message = self.message
        if message is None:
            return None
        identifier: int | None = getattr(message, "MessageID", None)
        if identifier is None:
            identifier = getattr(message, "MessageIDBeingRespondedTo", None)
        return identifier

    @property
    def status(self) -> int | None:
        """The Status of a response."""
        status: int | None = getattr(self.message, "Status", None)
        return status

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
        message = self.message
        counts = SubOperations(
            getattr(message, "NumberOfRemainingSuboperations", None),
            getattr(message, "NumberOfCompletedSuboperations", None),
            getattr(message, "NumberOfFailedSuboperations", None),
            getattr(message, "NumberOfWarningSuboperations", None),
        )
        return None if all(count is None for count in counts) else counts

    @property
    def sop_class_uid(self) -> str:
        """Affected or Requested SOP Class UID."""
        message = self.message
        uid = getattr(message, "AffectedSOPClassUID", None) or getattr(message, "RequestedSOPClassUID", None)
        return printable(str(uid), 64) if uid else ""

    @property
    def detail(self) -> str:
        """What distinguishes it from its like: offered contexts, reasons, a SOP class, an error comment."""
        if self.detail_text or self.message is None:
            return self.detail_text
        comment = getattr(self.message, "ErrorComment", None)
        if comment:
            return printable(str(comment))
        uid = self.sop_class_uid
        return uid_name(uid) or uid
