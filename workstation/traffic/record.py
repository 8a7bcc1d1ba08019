"""What one notification event leaves behind: small, immutable, without a way back to its association.

A record must not know the association, the data set of a message or Qt: it may outlive the connection by hours.
"""

from __future__ import annotations

from typing import NamedTuple

from workstation.net.codec.dimse import Message

__all__ = ["KEPT_OF_CUT", "NOTIFICATIONS", "ConversationFacts", "Record", "Step"]

# How many bytes of a PDU remain when the rest of it is let go: enough for the headers and small elements.
KEPT_OF_CUT = 256

# The 17 notification events, by the names that the public API gives them.
NOTIFICATIONS = (
    "EVT_ABORTED",
    "EVT_ACCEPTED",
    "EVT_ACSE_RECV",
    "EVT_ACSE_SENT",
    "EVT_CONN_CLOSE",
    "EVT_CONN_OPEN",
    "EVT_DATA_RECV",
    "EVT_DATA_SENT",
    "EVT_DIMSE_RECV",
    "EVT_DIMSE_SENT",
    "EVT_ESTABLISHED",
    "EVT_FSM_TRANSITION",
    "EVT_PDU_RECV",
    "EVT_PDU_SENT",
    "EVT_REJECTED",
    "EVT_RELEASED",
    "EVT_REQUESTED",
)


class Step(NamedTuple):
    """One cell of PS3.8 Table 9-10 as it was taken: "Sta6", "Evt11", "AR-1", "Sta7"."""

    state: str
    event: str
    action: str
    next_state: str


class ConversationFacts(NamedTuple):
    """Who talks to whom, as far as known when the record was made."""

    mode: str  # "requestor" | "acceptor": what we are
    calling: str
    called: str
    address: str  # the peer's
    port: int
    local_address: str = ""
    local_port: int = 0
    end_reason: str = ""


# A named tuple, not a frozen dataclass: as immutable, without a dictionary, and made in a third of the time. It is made
# in the threads that carry the traffic.
class Record(NamedTuple):
    """One notification event. Which of the later fields are set depends on the event."""

    number: int  # ascending in the order of capture; strictly so within an association
    time: float  # seconds since the epoch
    association: int  # Association.number
    event: str  # one of NOTIFICATIONS
    data: bytes = b""  # EVT_DATA_*: the PDU, or its first KEPT_OF_CUT bytes (then shorter than `length`)
    length: int = 0  # EVT_DATA_*: bytes of the PDU on the wire; EVT_DIMSE_*: bytes of the data set
    pdu_type: int = 0  # EVT_DATA_*, EVT_PDU_*: first byte of the PDU
    lost: int = 0  # EVT_DATA_*: PDUs of this association that could not be kept just before this one
    message: Message | None = None  # EVT_DIMSE_*: the command; never the data set
    transition: Step | None = None  # EVT_FSM_TRANSITION; EVT_DATA_* of a capture: the step that the PDU is
    address: tuple[str, int] | None = None  # EVT_CONN_*: the peer's
    facts: ConversationFacts | None = None  # at the turning points of an association
    note: str = ""  # EVT_ACSE_*: the primitive's name; EVT_CONN_*, EVT_DATA_*: a sentence on what was not seen
