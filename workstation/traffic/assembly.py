"""The rows of a conversation: P-DATA-TF PDUs put together to messages, PDV by PDV.

Everything a peer can send is accepted; what breaks the rules of PS3.8 Annex E or PS3.7 section 6.3 becomes a row with a
`problem`. In a direction one message is under way at a time. Rows are only added at the end and let go at the front.
This module does not know states, association control or how much is kept in all.
"""

from __future__ import annotations

import struct
from typing import Final

from workstation.net.codec.dimse import Message, decode_command
from workstation.net.errors import RemoteProtocolError
from workstation.traffic.contexts import ContextRow
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable, quantity

__all__ = ["MessageRows"]

# A PDU of thousands of tiny PDVs is no traffic but an attack on whoever lists them.
MAX_PDVS = 256
# Rows that one message may have: 160 MB of the usual 16 KiB PDUs. Later ones are counted.
MAX_PDUS_OF_MESSAGE = 10_000
MAX_COMMAND = 64 << 10


_PDV_HEADER: Final = struct.Struct(">IBB")


class MessageRows:
    """The messages of one association, and the PDUs that carried them.

    Attributes:
        rows: oldest first. Only grows at its end and shrinks at its front; a row's place is `index_of(row.number)`.
        trimmed: how many rows were let go at the front.
        contexts: by Presentation Context ID, in the order proposed.
        weight: rows of all kinds, the conversation itself included.
        kept_bytes: bytes of PDUs in memory.
        problems: rows with a problem so far.
        touched: rows known before the batch under way that changed in it, and how many PDUs each had then.
    """

    def __init__(self, time: float) -> None:
        self.rows: list[MessageRow] = []
        self.trimmed = 0
        self.contexts: dict[int, ContextRow] = {}
        self.weight = 1
        self.kept_bytes = 0
        self.problems = 0
        self.messages_sent = self.messages_received = 0
        self.touched: dict[int, int] = {}
        self._assembling: dict[bool, MessageRow | None] = {False: None, True: None}
        self._requests: dict[tuple[bool, int], MessageRow] = {}
        self._last_time = time

    def index_of(self, number: int) -> int:
        """The place of a row in `rows`; negative when it was let go."""
        return number - 1 - self.trimmed

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

    def _add_pdu(self, row: MessageRow, pdu: PduRow) -> None:
        row.pdus.append(pdu)
        self.weight += 1
        if pdu.message is None:
            pdu.message = row
            self.kept_bytes += len(pdu.data)
        else:
            pdu.others += (row,)

    def _lose(self, sent: bool, lost: int) -> None:
        row = self._assembling[sent]
        if row is None:
            return
        self._touch(row)
        row.omitted += lost
        self._spoil(row, f"{quantity(lost, 'PDU')} within it were not kept")

    def _end_messages(self) -> None:
        """No more will come."""
        for sent, row in self._assembling.items():
            if row is not None:
                self._spoil(row, "The association ended before the message was complete")
                self._assembling[sent] = None

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
                    self._add_pdu(row, pdu)
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
            self._add_pdu(row, pdu)
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
