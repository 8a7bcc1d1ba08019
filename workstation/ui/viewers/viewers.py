"""The six viewers as one: makes them, feeds them, and lets a selection travel everywhere at once.

Association → messages and state machine; message or PDU → decoded fields and bytes; field ↔ byte. As long as the person
has selected nothing, the newest association and its newest message are shown. The log of traffic grows here and only
here, a batch at a time; each viewer is told what changed. Decoding waits until a burst is over, so that it never
competes with it.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Slot

from workstation.net.codec.field import Field
from workstation.traffic.conversation import Conversation
from workstation.traffic.dissect import Dissection, dissect
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable, quantity
from workstation.ui.bridge import Bridge
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.theme import Theme
from workstation.ui.viewers.associations_view import AssociationsView
from workstation.ui.viewers.bytes_view import BytesView
from workstation.ui.viewers.decoded_view import DecodedView
from workstation.ui.viewers.field_model import value_text
from workstation.ui.viewers.log_view import LogView
from workstation.ui.viewers.messages_view import MessagesView
from workstation.ui.viewers.state_view import StateView

_SETTLE = 120
_AT_MOST = 5  # settles put off in a row while traffic runs
_SHARE = 15  # decoding may take this part of the time while traffic runs
_SAME_MOMENT = 0.0005
# The actions of PS3.8 Table 9-10 that a PDU (its type, and whether we sent it) goes with: on a fast line the next step
# is taken within the same moment.
_ACTIONS = {
    (1, True): ("AE-2",),
    (1, False): ("AE-6",),
    (2, True): ("AE-7",),
    (2, False): ("AE-3",),
    (3, True): ("AE-6", "AE-8"),
    (3, False): ("AE-4",),
    (4, True): ("DT-1", "AR-7"),
    (4, False): ("DT-2", "AR-6"),
    (5, True): ("AR-1",),
    (5, False): ("AR-2", "AR-8"),
    (6, True): ("AR-4", "AR-9"),
    (6, False): ("AR-3", "AR-10"),
}

Records = tuple[Record, ...]


class Viewers(QObject):
    """Owns the viewers' logic; the window owns the widgets once they are in its docks.

    Args:
        bridge: Where traffic comes from.
        log: Where it is kept.
        theme: Colours.
    """

    def __init__(self, bridge: Bridge, log: TrafficLog, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log = log
        self.associations = AssociationsView(theme)
        self.messages = MessagesView(theme)
        self.decoded = DecodedView(theme)
        self.bytes = BytesView(theme, self._describe)
        self.state = StateView(theme)
        self.log_view = LogView(theme)
        self._bytes_empty = EmptyState(
            self.bytes, theme, "Nothing selected", "Select a message or a PDU to see its bytes."
        )
        self._row: MessageRow | PduRow | None = None
        self._shown: tuple[object, ...] = ()
        self._dissection: Dissection | None = None
        self._follow_newest = True
        self._moved: set[int] = set()
        self._put_off = 0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE)
        self._settle.timeout.connect(self._settled)
        self._connect_selection()
        self._connect_traffic(bridge)
        # The window owns the widgets and may go first; then nothing is left to feed.
        self._over = False
        self.messages.destroyed.connect(self._end)
        self.associations.set_conversations(log.conversations)
        self._follow()

    # --- traffic ---------------------------------------------------------------------------------------------------

    def _connect_traffic(self, bridge: Bridge) -> None:
        """Every signal of the bridge; `batch` comes last, when the others have said what is in it."""
        for signal in (
            bridge.conn_open,
            bridge.conn_close,
            bridge.requested,
            bridge.accepted,
            bridge.established,
            bridge.rejected,
            bridge.released,
            bridge.aborted,
            bridge.acse_sent,
            bridge.acse_recv,
            bridge.dimse_sent,
            bridge.dimse_recv,
            bridge.pdu_sent,
            bridge.pdu_recv,
        ):
            signal.connect(self.log_view.note)
        bridge.data_sent.connect(self.associations.note_bytes)
        bridge.data_recv.connect(self.associations.note_bytes)
        bridge.fsm_transition.connect(self._note_transitions)
        bridge.batch.connect(self._on_batch)

    def _note_transitions(self, records: Records) -> None:
        self._moved.update(record.association for record in records)

    @Slot()
    def _end(self) -> None:
        self._over = True

    def _on_batch(self, records: Records) -> None:
        if self._over:
            return
        change = self._log.add(records)
        moved, self._moved = self._moved, set()
        self.associations.apply(change)
        shown = self.messages.conversation
        self.messages.apply(change)
        if shown is not None and shown.number in change.removed:
            self._forget()
        if self._follow_newest and change.added:
            self._follow()
        elif shown is not None and shown.number in moved:
            self.state.went_on()
        if shown is None or shown.number in change.rows or change.added or change.shortened:
            self._settle_soon()

    def clear(self) -> None:
        """Forget the traffic shown; associations under way stay, without rows."""
        self._log.clear()
        self._follow_newest = True
        self._forget()
        self.associations.set_conversations(self._log.conversations)
        self.messages.set_conversation(None)
        self.log_view.clear()
        self._follow()

    # --- selection -------------------------------------------------------------------------------------------------

    def _connect_selection(self) -> None:
        self.associations.conversation_chosen.connect(self._on_association)
        self.associations.follow_requested.connect(self.follow_newest)
        self.messages.row_chosen.connect(self._on_row)
        self.messages.follow.resumed.connect(self._settle_soon)
        self.decoded.field_chosen.connect(self._mark)
        self.bytes.byte_selected.connect(self._on_byte)

    @property
    def following(self) -> bool:
        """Whether the newest association is selected as it comes."""
        return self._follow_newest

    @property
    def conversation(self) -> Conversation | None:
        """The selected association."""
        return self.messages.conversation

    @property
    def dissection(self) -> Dissection | None:
        """What the decoded tree and the bytes show."""
        return self._dissection

    def follow_newest(self) -> None:
        """Select the newest association, and each that comes."""
        self._follow_newest = True
        self.associations.follow.resume()
        self._follow()

    def select_association(self, number: int) -> None:
        """Select an association as if the person had."""
        index = self.associations.associations.index_of(number)
        if index.isValid():
            self.associations.choose(index)

    def select_message(self, number: int) -> None:
        """Select a row of the association shown as if the person had."""
        index = self.messages.messages.index_of(number)
        if index.isValid():
            self.messages.choose(index)

    def _follow(self) -> None:
        newest = self.associations.associations.newest()
        self.associations.select(newest)
        self._show_conversation(newest)

    def _on_association(self, conversation: Conversation) -> None:
        # Whoever goes to the newest one wants to stay with what is new.
        self._follow_newest = conversation is self.associations.associations.newest()
        self._show_conversation(conversation)

    def _show_conversation(self, conversation: Conversation | None) -> None:
        if conversation is self.messages.conversation and conversation is not None:
            return
        self.messages.set_conversation(conversation)
        self.state.set_conversation(conversation)
        self._show_row(None)
        self._settle_soon()

    def _forget(self) -> None:
        """The association shown is gone."""
        self.associations.select(None)
        self.messages.set_conversation(None)
        self.state.set_conversation(None)
        self._show_row(None)

    def _on_row(self, row: MessageRow | PduRow) -> None:
        self._show_row(row)
        # Its last PDU and the transition that it caused carry the same moment, give or take.
        end = row.end_time if isinstance(row, MessageRow) else row.time
        pdus = row.pdus if isinstance(row, MessageRow) else [row]
        actions = _ACTIONS.get((pdus[-1].pdu_type, row.sent), ()) if pdus else ()
        self.state.go_to_time(end + _SAME_MOMENT, actions)

    # --- the message shown -----------------------------------------------------------------------------------------

    def _settle_soon(self) -> None:
        """Decode when the burst is over, or now and then while it lasts."""
        if self._settle.isActive() and self._put_off < _AT_MOST:
            self._put_off += 1
            self._settle.start()
        elif not self._settle.isActive():
            self._settle.start()

    def _settled(self) -> None:
        self._put_off = 0
        if self._over:
            return
        conversation = self.messages.conversation
        if conversation is None:
            return
        if self.messages.follow.following:
            newest = telling_row(conversation)
            if newest is not None:
                self.messages.select(newest)
                self.messages.follow.resume()
                if newest is not self._row:
                    self._show_row(newest)
                    return
        self._refresh_row()

    def _refresh_row(self) -> None:
        """More of the row shown has arrived, or some of its bytes were let go."""
        if self._row is not None and _fingerprint(self._row) != self._shown:
            offset = self.bytes.cursor_offset
            self._show_row(self._row, keep=True)
            if offset >= 0 and self.decoded.current_path():
                self._mark(self.decoded.current_path())

    def _show_row(self, row: MessageRow | PduRow | None, *, keep: bool = False) -> None:
        start = time.monotonic()
        self._decode(row, keep=keep)
        self._settle.setInterval(max(_SETTLE, int((time.monotonic() - start) * 1000 * _SHARE)))

    def _decode(self, row: MessageRow | PduRow | None, *, keep: bool) -> None:
        self._row = row
        self._shown = _fingerprint(row) if row is not None else ()
        self._dissection = dissection = dissect(row) if row is not None else None
        self.decoded.set_dissection(dissection, keep=keep)
        self._bytes_empty.show_when(dissection is None)
        name = row.name if row is not None else ""
        self.decoded.setWindowTitle(f"Decoded {name}" if name else "Decoded")
        if dissection is None:
            self.bytes.set_bytes(b"")
            self.bytes.setWindowTitle("Bytes")
            return
        missing = dissection.length - len(dissection.data)
        note = f"{quantity(missing, 'further byte')} not kept or not arrived yet." if missing > 0 else ""
        self.bytes.set_bytes(dissection.data, note, (segment.start for segment in dissection.segments))
        self.bytes.setWindowTitle(f"Bytes of {name}")

    # --- field and byte --------------------------------------------------------------------------------------------

    def _mark(self, path: tuple[int, ...]) -> None:
        """The person went to a field: mark its bytes, and faintly those of what it stands in."""
        dissection = self._dissection
        field = dissection.field(path) if dissection is not None else None
        if dissection is None or field is None:
            return
        around = dissection.field(path[:-1]) if len(path) > 2 else None
        self.bytes.mark([_span(field)], [_span(around)] if around is not None else [])

    def _on_byte(self, offset: int) -> None:
        """The person went to a byte: select the field that it belongs to."""
        if self._dissection is None:
            return
        path = self._dissection.path_at(offset)
        if path:
            self.decoded.select_path(path)
            self._mark(path)

    def _describe(self, offset: int) -> str:
        dissection = self._dissection
        if dissection is None:
            return ""
        field = dissection.field_at(offset)
        place = dissection.locate(offset)
        lines = []
        if field is not None:
            lines.append(f"{printable(field.name)}: {value_text(field)}".rstrip(": "))
        if place is not None:
            lines.append(f"PDU {place[0]}, its byte 0x{place[1]:04x}")
        return "\n".join(lines)


def _span(field: Field) -> tuple[int, int]:
    return field.offset, field.length


def _fingerprint(row: MessageRow | PduRow) -> tuple[object, ...]:
    """Changes when there is more, or less, to decode."""
    if isinstance(row, PduRow):
        message = row.message
        return (len(row.data), message is not None and message.complete, message.problem if message is not None else "")
    kept = sum(len(pdu.data) for pdu in row.pdus)
    return (len(row.pdus), kept, row.complete, row.problem, row.transfer_syntax)


def telling_row(conversation: Conversation) -> MessageRow | None:
    """The newest row that says most: the last one, or the last message before a plain release."""
    rows = conversation.rows
    if not rows:
        return None
    for row in reversed(rows[-8:]):
        if row.name not in ("A-RELEASE-RQ", "A-RELEASE-RP"):
            return row
    return rows[-1]
