"""One association as it is shown: its state and path, its presentation contexts, its messages and their PDUs.

A conversation is folded from records one at a time, in a few microseconds each, on the thread that shows it. The bytes
of the PDUs are the truth: contexts, messages and the outcome come from decoding them with the codec of `net`; states
come from the transitions. Everything a peer can send is accepted here; what breaks the rules becomes a row with a
`problem`. It does not know Qt, nor how much is kept in all: that is `log`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_RJ,
    A_RELEASE_RP,
    PDUType,
    decode_pdu,
)
from workstation.net.errors import RemoteProtocolError
from workstation.traffic.assembly import MessageRows
from workstation.traffic.contexts import Answer, ContextRow, Proposal, Side, read_association
from workstation.traffic.path import Transition, extend_path
from workstation.traffic.record import ConversationFacts, Record
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import endpoint, printable, quantity

__all__ = ["ContextRow", "Conversation", "Side"]

MAX_REMARKS = 200
_STATE_WORDS: Final = {
    "Sta1": "Idle",
    "Sta2": "Connected",
    "Sta3": "Requested",
    "Sta4": "Connecting",
    "Sta5": "Requested",
    "Sta6": "Established",
    "Sta7": "Releasing",
    "Sta8": "Releasing",
    "Sta9": "Releasing",
    "Sta10": "Releasing",
    "Sta11": "Releasing",
    "Sta12": "Releasing",
    "Sta13": "Closing",
}


class Conversation(MessageRows):
    """The traffic of one association.

    Attributes:
        path: the transitions taken, repeated self-loops as one (PS3.8 Table 9-10).
        observed: whether two others talk, as in a capture; then what is called sent is the requestor's.
        remarks: sentences on what was seen of it, such as bytes that a capture does not have.
    """

    def __init__(self, number: int, time: float, *, observed: bool = False) -> None:
        super().__init__(time)
        self.number = number
        self.observed = observed
        self.facts = ConversationFacts("", "", "", "", 0)
        self.calling = ""
        self.called = ""
        self.start_time = time
        self.end_time: float | None = None
        self.state = "Sta1"
        self.path: list[Transition] = []
        self.remarks: list[str] = []
        self.requestor = Side()
        self.acceptor = Side()
        self.bytes_sent = self.bytes_received = 0
        self.pdus_sent = self.pdus_received = 0
        self.established = False
        self.outcome = ""

    # ------------------------------------------------------------------- what is shown
    @property
    def mode(self) -> str:
        """What we are in it: "requestor" or "acceptor"."""
        return self.facts.mode

    @property
    def peer_address(self) -> str:
        """The peer's "host:port"."""
        return endpoint(self.facts.address, self.facts.port)

    @property
    def finished(self) -> bool:
        """Whether the connection is over."""
        return self.end_time is not None

    @property
    def state_word(self) -> str:
        """How it stands, in a word or three."""
        if self.outcome:
            return self.outcome
        if self.finished:
            return "Open at the end" if self.observed and self.state == "Sta6" else "Closed"
        return _STATE_WORDS.get(self.state, self.state)

    def who(self, sent: bool) -> str:
        """Whose something is that was sent, or received: "us" and "the peer", or the two others."""
        if self.observed:
            return "the requestor" if sent else "the acceptor"
        return "us" if sent else "the peer"

    @property
    def end_reason(self) -> str:
        """One sentence on how it ended, as the core saw it."""
        return self.facts.end_reason

    @property
    def accepted_contexts(self) -> int:
        """How many contexts were accepted."""
        return sum(context.accepted for context in self.contexts.values())

    # ------------------------------------------------------------------- folding
    def fold(self, record: Record) -> PduRow | None:
        """Take one record in; a PDU that is kept is returned."""
        if record.facts is not None:
            self._learn(record.facts)
        if record.note and record.event in _FOLDERS and len(self.remarks) < MAX_REMARKS:
            self.remarks.append(record.note)
        fold = _FOLDERS.get(record.event)
        return fold(self, record) if fold is not None else None

    def _learn(self, facts: ConversationFacts) -> None:
        known = self.facts
        # The public API knows less before and after than in between: what is known is not forgotten.
        self.facts = ConversationFacts(
            facts.mode or known.mode,
            facts.calling or known.calling,
            facts.called or known.called,
            facts.address or known.address,
            facts.port or known.port,
            facts.local_address or known.local_address,
            facts.local_port or known.local_port,
            facts.end_reason or known.end_reason,
        )
        self.calling = self.calling or printable(self.facts.calling.strip(), 64)
        self.called = self.called or printable(self.facts.called.strip(), 64)

    def _open(self, record: Record) -> None:
        if record.address is not None and not self.facts.address:
            self.facts = self.facts._replace(address=record.address[0], port=record.address[1])

    def _close(self, record: Record) -> None:
        self._open(record)
        self._finish(record.time)

    def _finish(self, time: float) -> None:
        if self.end_time is None:
            self.end_time = time
        self._end_messages()

    def _transition(self, record: Record) -> None:
        step = record.transition
        if step is None:
            return
        extend_path(self.path, step, record.time)
        self.state = step.next_state
        if step.next_state == "Sta6":
            self.established = True
        if step.event == "Evt17" and step.action == "AA-4":
            self.outcome = self.outcome or ("Connection failed" if step.state == "Sta4" else "Connection lost")
        elif step.event == "Evt18":
            self.outcome = self.outcome or "Timed out"
        if step.next_state == "Sta1" and step.state != "Sta1":
            self._finish(record.time)

    def _data(self, record: Record) -> PduRow | None:
        sent = record.event == "EVT_DATA_SENT"
        if sent:
            self.pdus_sent += 1
            self.bytes_sent += record.length
        else:
            self.pdus_received += 1
            self.bytes_received += record.length
        number = self.pdus_sent + self.pdus_received
        pdu = PduRow(number, record.time, sent, record.pdu_type, record.length, record.data, record.lost)
        if record.lost:
            self._lose(sent, record.lost)
        if record.transition is not None:
            self._transition(record)  # derived from the bytes: the PDU itself is the step
        if record.pdu_type == PDUType.P_DATA_TF:
            return pdu if self._p_data(pdu) else None
        self._other_pdu(pdu)
        return pdu

    def _other_pdu(self, pdu: PduRow) -> None:
        row = self._new_row(pdu, pdu.name)
        self._add_pdu(row, pdu)
        row.size = pdu.length
        row.complete = True
        try:
            self._association_control(row, pdu)
        except RemoteProtocolError as error:
            row.detail_text = printable(pdu.data, 64) if row.name == "Unrecognized bytes" else ""
            self._spoil(row, printable(str(error)))

    def _association_control(self, row: MessageRow, pdu: PduRow) -> None:
        if pdu.pdu_type in (PDUType.A_ASSOCIATE_RQ, PDUType.A_ASSOCIATE_AC):
            match read_association(pdu.data):
                case Proposal() as proposal:
                    self._propose(row, proposal)
                case Answer() as answer:
                    self._answer(row, answer)
            return
        who = f"by {self.who(pdu.sent)}"
        match decode_pdu(pdu.data):
            case A_ASSOCIATE_RJ() as reject:
                row.detail_text = f"{reject.result_text}, {reject.source_text}: {reject.reason_text}"
                self.outcome = self.outcome or f"Rejected {who}"
            case A_ABORT_RQ() as abort:
                row.detail_text = f"{abort.source_text}: {abort.reason_text}"
                self.outcome = self.outcome or f"Aborted {who}"
            case A_RELEASE_RP():
                self.outcome = self.outcome or "Released"

    def _propose(self, row: MessageRow, proposal: Proposal) -> None:
        self.calling, self.called = proposal.calling, proposal.called
        self.requestor = proposal.side
        self.contexts = {context.context_id: context for context in proposal.contexts}
        row.detail_text = f"{quantity(len(self.contexts), 'context')} offered"

    def _answer(self, row: MessageRow, answer: Answer) -> None:
        self.acceptor = answer.side
        for context_id, result, transfer_syntax in answer.results:
            asked = self.contexts.get(context_id)
            if asked is None:
                self._spoil(row, f"Context {context_id} was answered but never proposed")
                asked = ContextRow(context_id, "", ())
            self.contexts[context_id] = asked._replace(result=result, transfer_syntax=transfer_syntax)
        row.detail_text = f"{self.accepted_contexts} of {quantity(len(self.contexts), 'context')} accepted"


_FOLDERS: Final[dict[str, Callable[[Conversation, Record], PduRow | None]]] = {
    "EVT_DATA_RECV": Conversation._data,
    "EVT_DATA_SENT": Conversation._data,
    "EVT_FSM_TRANSITION": Conversation._transition,
    "EVT_CONN_OPEN": Conversation._open,
    "EVT_CONN_CLOSE": Conversation._close,
}
