"""One association as it is shown: its state and path, its presentation contexts, its messages and their PDUs.

A conversation is folded from records one at a time, in a few microseconds each, on the thread that shows it. The bytes
of the PDUs are the truth: contexts, messages and the outcome come from decoding them with the codec of `net`; states
come from the transitions. Everything a peer can send is accepted here; what breaks the rules becomes a row with a
`problem`. It does not know Qt, nor how much is kept in all: that is `log`'s business.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from workstation.net.dimse import Message, decode_command
from workstation.net.errors import RemoteProtocolError
from workstation.net.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    PDUType,
    UserItem,
    decode_pdu,
    find_item,
)
from workstation.traffic.path import Transition, extend_path
from workstation.traffic.record import ConversationFacts, Record
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable, quantity

__all__ = ["ContextRow", "Conversation", "Side"]

# A PDU of thousands of tiny PDVs is no traffic but an attack on whoever lists them.
MAX_PDVS = 256
# Rows that one message may have: 160 MB of the usual 16 KiB PDUs. Later ones are counted.
MAX_PDUS_OF_MESSAGE = 10_000
MAX_COMMAND = 64 << 10

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
# PS3.8 Table 9-18
_RESULT_WORDS: Final = {
    0: "Accepted",
    1: "Rejected by the user",
    2: "Rejected: no reason given",
    3: "Rejected: abstract syntax not supported",
    4: "Rejected: transfer syntaxes not supported",
}
_PDV_HEADER: Final = struct.Struct(">IBB")


class ContextRow(NamedTuple):
    """A presentation context as it was proposed and answered; `result` is None as long as there is no answer."""

    context_id: int
    abstract_syntax: str
    proposed: tuple[str, ...]
    result: int | None = None
    transfer_syntax: str = ""

    @property
    def accepted(self) -> bool:
        """Whether data may flow on it."""
        return self.result == 0

    @property
    def result_text(self) -> str:
        """The answer in words."""
        if self.result is None:
            return "Not answered"
        return _RESULT_WORDS.get(self.result, f"Rejected: result {self.result}")


class Side(NamedTuple):
    """What one side said about itself in the User Information item."""

    maximum_length: int | None = None
    implementation_class_uid: str = ""
    implementation_version_name: str = ""


class Conversation:
    """The traffic of one association.

    Attributes:
        rows: the messages, oldest first. Only grows at its end and shrinks at its front; a row's place is
            `index_of(row.number)`.
        trimmed: how many rows were let go at the front.
        contexts: by Presentation Context ID, in the order proposed.
        path: the transitions taken, repeated self-loops as one (PS3.8 Table 9-10).
    """

    def __init__(self, number: int, time: float) -> None:
        self.number = number
        self.facts = ConversationFacts("", "", "", "", 0)
        self.calling = ""
        self.called = ""
        self.start_time = time
        self.end_time: float | None = None
        self.state = "Sta1"
        self.path: list[Transition] = []
        self.contexts: dict[int, ContextRow] = {}
        self.requestor = Side()
        self.acceptor = Side()
        self.rows: list[MessageRow] = []
        self.trimmed = 0
        self.weight = 1  # rows of all kinds, itself included
        self.kept_bytes = 0
        self.bytes_sent = self.bytes_received = 0
        self.pdus_sent = self.pdus_received = 0
        self.messages_sent = self.messages_received = 0
        self.problems = 0
        self.established = False
        self.outcome = ""
        # Rows known before the batch under way that changed in it -> how many PDUs each had then.
        self.touched: dict[int, int] = {}
        self._assembling: dict[bool, MessageRow | None] = {False: None, True: None}
        self._requests: dict[tuple[bool, int], MessageRow] = {}
        self._last_time = time

    # ------------------------------------------------------------------- what is shown
    @property
    def mode(self) -> str:
        """What we are in it: "requestor" or "acceptor"."""
        return self.facts.mode

    @property
    def peer_address(self) -> str:
        """The peer's "host:port"."""
        host, port = self.facts.address, self.facts.port
        if not host:
            return ""
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

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
            return "Closed"
        return _STATE_WORDS.get(self.state, self.state)

    @property
    def end_reason(self) -> str:
        """One sentence on how it ended, as the core saw it."""
        return self.facts.end_reason

    @property
    def accepted_contexts(self) -> int:
        """How many contexts were accepted."""
        return sum(context.accepted for context in self.contexts.values())

    def index_of(self, number: int) -> int:
        """The place of a row in `rows`; negative when it was let go."""
        return number - 1 - self.trimmed

    # ------------------------------------------------------------------- folding
    def fold(self, record: Record) -> PduRow | None:
        """Take one record in; a PDU that is kept is returned."""
        if record.facts is not None:
            self._learn(record.facts)
        fold = _FOLDERS.get(record.event)
        return fold(self, record) if fold is not None else None

    def trim(self, count: int) -> None:
        """Let the oldest `count` rows go."""
        for row in self.rows[:count]:
            self.weight -= 1 + len(row.pdus)
            if row.message_id is not None and self._requests.get((row.sent, row.message_id)) is row:
                del self._requests[row.sent, row.message_id]
            for pdu in row.pdus:
                self.kept_bytes -= len(pdu.data)
                pdu.data = b""
                # Rows and their PDUs know each other; without this the memory would wait for the garbage collector.
                pdu.message = None
                pdu.others = ()
            for sent, current in self._assembling.items():
                if current is row:
                    self._assembling[sent] = None
        self.trimmed += min(count, len(self.rows))
        del self.rows[:count]

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
        for sent, row in self._assembling.items():
            if row is not None:
                self._spoil(row, "The association ended before the message was complete")
                self._assembling[sent] = None

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
        if record.pdu_type == PDUType.P_DATA_TF:
            kept = self._p_data(pdu)
        else:
            self._other_pdu(pdu)
            kept = True
        if not kept:
            return None
        self.kept_bytes += len(pdu.data)
        self.weight += 1
        return pdu

    def _lose(self, sent: bool, lost: int) -> None:
        row = self._assembling[sent]
        if row is None:
            return
        self._touch(row)
        row.omitted += lost
        self._spoil(row, f"{quantity(lost, 'PDU')} within it were not kept")

    # ------------------------------------------------------------------- rows
    def _new_row(self, pdu: PduRow, name: str) -> MessageRow:
        row = MessageRow(self.trimmed + len(self.rows) + 1, name, pdu.sent, pdu.time, pdu.time - self._last_time)
        self._last_time = pdu.time
        self.rows.append(row)
        self.weight += 1
        return row

    def _touch(self, row: MessageRow) -> None:
        if row.number not in self.touched:
            self.touched[row.number] = len(row.pdus)

    def _spoil(self, row: MessageRow, problem: str) -> None:
        """Say what is wrong with a row; the first thing said stands, the rest usually follows from it."""
        self._touch(row)
        if not row.problem:
            row.problem = problem
            self.problems += 1

    def _other_pdu(self, pdu: PduRow) -> None:
        row = self._new_row(pdu, pdu.name)
        row.pdus.append(pdu)
        row.size = pdu.length
        row.complete = True
        try:
            decoded = decode_pdu(pdu.data)
        except RemoteProtocolError as error:
            row.detail_text = printable(pdu.data, 64) if row.name == "Unrecognized bytes" else ""
            self._spoil(row, printable(str(error)))
            return
        who = "by us" if pdu.sent else "by the peer"
        match decoded:
            case A_ASSOCIATE_RQ():
                self._request(row, decoded)
            case A_ASSOCIATE_AC():
                self._answer(row, decoded)
            case A_ASSOCIATE_RJ():
                row.detail_text = f"{decoded.result_text}, {decoded.source_text}: {decoded.reason_text}"
                self.outcome = self.outcome or f"Rejected {who}"
            case A_ABORT_RQ():
                row.detail_text = f"{decoded.source_text}: {decoded.reason_text}"
                self.outcome = self.outcome or f"Aborted {who}"
            case _:
                if pdu.pdu_type == PDUType.A_RELEASE_RP:
                    self.outcome = self.outcome or "Released"

    def _request(self, row: MessageRow, request: A_ASSOCIATE_RQ) -> None:
        self.calling = printable(request.calling_ae_title.strip(), 64)
        self.called = printable(request.called_ae_title.strip(), 64)
        self.requestor = _side(request.user_information)
        self.contexts = {
            context.context_id: ContextRow(
                context.context_id,
                printable(context.abstract_syntax, 64),
                tuple(printable(uid, 64) for uid in context.transfer_syntaxes),
            )
            for context in request.presentation_contexts
        }
        row.detail_text = f"{quantity(len(self.contexts), 'context')} offered"

    def _answer(self, row: MessageRow, answer: A_ASSOCIATE_AC) -> None:
        self.acceptor = _side(answer.user_information)
        for context in answer.presentation_contexts:
            asked = self.contexts.get(context.context_id)
            if asked is None:
                self._spoil(row, f"Context {context.context_id} was answered but never proposed")
                asked = ContextRow(context.context_id, "", ())
            self.contexts[context.context_id] = asked._replace(
                result=int(context.result), transfer_syntax=printable(context.transfer_syntax, 64)
            )
        row.detail_text = f"{self.accepted_contexts} of {quantity(len(self.contexts), 'context')} accepted"

    # ------------------------------------------------------------------- messages
    def _p_data(self, pdu: PduRow) -> bool:
        """Give the PDU's fragments to their messages; False when the PDU itself is not kept."""
        data = pdu.data
        offset, count, kept = 6, 0, False
        row: MessageRow | None = None
        problem = ""
        while offset < pdu.length:
            if offset + 6 > len(data):
                if offset + 6 > pdu.length:
                    problem = "The PDU ends within the header of a PDV"
                break
            length, context_id, control = _PDV_HEADER.unpack_from(data, offset)
            end = offset + 4 + length
            if length < 2 or end > pdu.length:
                problem = f"A PDV of length {length} does not fit its PDU"
                break
            count += 1
            if count > MAX_PDVS:
                problem = f"More than {MAX_PDVS} PDVs in one PDU; the rest was not looked at"
                break
            row = self._row_of_fragment(pdu, context_id, control)
            if not row.pdus or row.pdus[-1] is not pdu:
                if len(row.pdus) < MAX_PDUS_OF_MESSAGE:
                    row.pdus.append(pdu)
                    if pdu.message is None:
                        pdu.message = row
                    else:
                        pdu.others += (row,)
                    row.size += pdu.length
                    kept = True
                else:
                    row.omitted += 1
                    row.size += pdu.length
            row.end_time = pdu.time
            self._fragment(row, pdu, context_id, control, offset + 6, length - 2)
            offset = end
        if row is None:
            row = self._new_row(pdu, "P-DATA-TF")
            row.pdus.append(pdu)
            row.size, row.complete, kept = pdu.length, True, True
            problem = problem or "A P-DATA-TF without a PDV"
        if problem:
            self._spoil(row, problem)
        return kept

    def _row_of_fragment(self, pdu: PduRow, context_id: int, control: int) -> MessageRow:
        """The message that a fragment belongs to: the one under way in its direction, or a new one."""
        row = self._assembling[pdu.sent]
        if row is not None and control & 1 and row.command_complete:
            self._spoil(row, "The next command came before the end of its data set")
            row = None
        if row is None:
            row = self._new_row(pdu, "P-DATA-TF")
            row.context_id = context_id
            if context_id in self.contexts:
                row.transfer_syntax = self.contexts[context_id].transfer_syntax
            self._assembling[pdu.sent] = row
            if not control & 1:
                row.command_complete = True
                missing = "; PDUs before it were not kept" if pdu.lost else ""
                self._spoil(row, f"A data set without the command that belongs before it{missing}")
        else:
            self._touch(row)
        return row

    def _fragment(self, row: MessageRow, pdu: PduRow, context_id: int, control: int, start: int, length: int) -> None:
        pdu.pdvs += (row.number, control, start, length)
        if context_id != row.context_id:
            self._spoil(row, f"Fragments on contexts {row.context_id} and {context_id} in one message")
        if not control & 1:
            row.data_size += length
            if control & 2:
                self._complete(row)
            return
        row.command_size += length
        if control & 2:
            row.command_complete = True
            self._command(row)

    def _command(self, row: MessageRow) -> None:
        """The last fragment of a command set is there: say what message it is."""
        if row.command_size > MAX_COMMAND:
            self._spoil(row, f"A command set of {row.command_size:,} bytes; not decoded")
            return
        command = row.command_set()
        if command is None:
            self._spoil(row, "Part of the command set could not be kept, or there is none")
            return
        try:
            message = decode_command(command, row.context_id)
        except RemoteProtocolError as error:
            self._spoil(row, printable(str(error)))
            return
        row.take_in(message)
        if row.sent:
            self.messages_sent += 1
        else:
            self.messages_received += 1
        if self.contexts and row.context_id in self.contexts and not self.contexts[row.context_id].accepted:
            self._spoil(row, f"Sent on context {row.context_id}, which was not accepted")
        self._relate(row, message)
        if not message.has_data_set:
            self._complete(row)

    def _relate(self, row: MessageRow, message: Message) -> None:
        """Tie a response to its request."""
        answered: int | None = getattr(message, "MessageIDBeingRespondedTo", None)
        if answered is None:
            if row.message_id is not None:
                self._requests[row.sent, row.message_id] = row
            return
        # C-CANCEL-RQ names the request of its own side; a response that of the other.
        asker = row.sent if message.is_request else not row.sent
        request = self._requests.get((asker, answered))
        if request is None:
            return
        row.request = request.number
        if message.is_response:
            row.response_time = row.time - request.end_time
            if not row.pending:
                del self._requests[asker, answered]

    def _complete(self, row: MessageRow) -> None:
        row.complete = True
        self._assembling[row.sent] = None


def _side(items: tuple[UserItem, ...]) -> Side:
    length = find_item(items, MaximumLength)
    implementation = find_item(items, ImplementationClassUID)
    version = find_item(items, ImplementationVersionName)
    return Side(
        length.value if length is not None else None,
        printable(implementation.uid, 64) if implementation is not None else "",
        printable(version.name, 64) if version is not None else "",
    )


_FOLDERS: Final[dict[str, Callable[[Conversation, Record], PduRow | None]]] = {
    "EVT_DATA_RECV": Conversation._data,
    "EVT_DATA_SENT": Conversation._data,
    "EVT_FSM_TRANSITION": Conversation._transition,
    "EVT_CONN_OPEN": Conversation._open,
    "EVT_CONN_CLOSE": Conversation._close,
}
