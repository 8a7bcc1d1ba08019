"""The messages of the selected association, each with the PDUs that carried it.

Follows the end until the person goes to a row or scrolls up. Knows rows, nothing of how they are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.asking import filter_on
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import Change
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import quantity
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.row_model import OPEN_ROLE
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.traffic_table import FollowEnd, TrafficTable, copy_to_clipboard
from workstation.ui.theme import Theme
from workstation.ui.viewers.filtering.filter_menu import add_filter_menu
from workstation.ui.viewers.lists.messages_model import MessagesModel
from workstation.ui.viewers.message.copy_as import add_copy_menu

_NO_ASSOCIATION = ("No association selected", "Its messages and PDUs will be listed here, the newest last.")
_NO_ROWS = ("Nothing exchanged yet", "The first PDU of this association will be listed here.")
_NONE_PASSES = "No message passes the filter"
_NEVER_ROWS = ("Nothing was exchanged", "This association ended before its first PDU; the log says why.")


class MessagesView(TrafficTable):
    """Messages and PDUs.

    Args:
        theme: Colours.
    """

    row_chosen = Signal(object)
    """The person went to a row; carries its `MessageRow` or `PduRow`."""
    sifted = Signal()
    """The filter is in force."""
    filter_asked = Signal(str, str)
    """"Filter on this": an expression, and how it joins the one in force."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "messagesView", "Messages and PDUs", parent)
        self.setWindowTitle("Messages")
        self.messages = MessagesModel(theme, self)
        self.setModel(self.messages)
        self.size_columns(
            (
                "00000",
                "0000.000",
                "0,000.0",
                "▸ ← A-ASSOCIATE-RQ____",
                "Context",
                "✕ 0xFF00 (Pending)",
                "CT Image Storage",
                "000 kB",
            ),
            6,
        )
        self.follow = FollowEnd(self, "messagesNew")
        self.empty = EmptyState(self, theme, *_NO_ASSOCIATION)
        self._sifting = Slices(self, self._sifted, urgent=True)
        self._selected: MessageRow | PduRow | None = None  # before a filter came into force
        self.chosen.connect(self._choose)

    @property
    def conversation(self) -> Conversation | None:
        """Whose messages are shown."""
        return self.messages.conversation

    @property
    def sifting(self) -> bool:
        """Whether a filter is being brought into force."""
        return self._sifting.busy

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Show the messages of another association, from its end."""
        if conversation is self.messages.conversation:
            return
        self._sifting.stop()
        self._selected = None
        with self.not_the_person():
            self.messages.set_conversation(conversation)
        self.follow.resume()
        self._sift_further()

    def set_filter(self, wanted: Filter | None) -> None:
        """Show only the messages that pass; the selected one stays selected if it does."""
        self._sifting.stop()
        with self.not_the_person():
            self._selected = self.current_row()
            self.messages.set_filter(wanted)
        self._sift_further()

    def _sift_further(self) -> None:
        if self.messages.needs_sifting:
            self._sifting.start(self._sift())
        else:
            self._sifted()

    def _sift(self) -> Iterator[None]:
        work = self.messages.sifted()
        while True:
            with self.not_the_person():
                try:
                    next(work)
                except StopIteration:
                    return
            yield

    def _sifted(self) -> None:
        self._say_if_empty()
        row, self._selected = self._selected, None
        if row is not None:
            self.reveal(row)
        elif self.follow.following:
            self.follow.resume()
        self.sifted.emit()

    def reveal(self, row: MessageRow | PduRow) -> None:
        """Select a message, or a PDU below its message, without taking it for the person's choice."""
        if isinstance(row, MessageRow):
            self.show_row(self.messages.index_of(row.number), centre=True)
        elif row.message is not None:
            number = row.message.number
            if row.message.is_dimse:
                with self.not_the_person():
                    self.messages.set_open(number, True)
                place = row.message.pdus.index(row) if row in row.message.pdus else -1
                index = self.messages.pdu_index(number, place)
            else:
                index = self.messages.index_of(number)
            self.show_row(index if index.isValid() else self.messages.index_of(number), centre=True)

    def apply(self, change: Change) -> None:
        """Take in what a batch did to the association shown."""
        conversation = self.messages.conversation
        rows = change.rows.get(conversation.number) if conversation is not None else None
        if rows is None:
            if self.messages.rowCount() == 0:
                self._say_if_empty()  # it may have ended without a word
            return
        self.calm()
        before = self.messages.rowCount()
        with self.not_the_person():
            self.messages.apply(rows)
        if (before == 0) != (self.messages.rowCount() == 0) or self.messages.hidden:
            self._say_if_empty()
        self.follow.rows_came(max(self.messages.rowCount() - before, 0))

    def current_row(self) -> MessageRow | PduRow | None:
        """The row that is selected."""
        index = self.currentIndex()
        return self.messages.pdu_at(index) or self.messages.message_at(index)

    def select(self, row: MessageRow | None) -> None:
        """Select a message without taking it for the person's choice."""
        self.show_row(self.messages.index_of(row.number) if row is not None else QModelIndex())

    def _say_if_empty(self) -> None:
        conversation = self.messages.conversation
        title = f"Messages of #{conversation.number}" if conversation is not None else "Messages"
        if conversation is not None and self.messages.hidden:
            count = len(conversation.rows)
            title += f" · {count - self.messages.hidden:,} of {count:,}"
        self.setWindowTitle(title)
        if conversation is None:
            self.empty.say(*_NO_ASSOCIATION)
        elif self.messages.hidden:
            hidden = quantity(self.messages.hidden, "message")
            self.empty.say(_NONE_PASSES, f"It leaves out {hidden} of this association. Clear it to see all.")
        else:
            self.empty.say(*(_NEVER_ROWS if conversation.finished else _NO_ROWS))
        self.empty.show_when(self.messages.rowCount() == 0)

    def _choose(self, index: QModelIndex) -> None:
        row = self.messages.pdu_at(index) or self.messages.message_at(index)
        if row is not None:
            self.row_chosen.emit(row)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        message, pdu = self.messages.message_at(index), self.messages.pdu_at(index)
        conversation = self.messages.conversation
        if message is not None and conversation is not None:
            add_filter_menu(menu, filter_on(conversation, pdu or message, index.column()), self.filter_asked.emit)
            menu.addSeparator()
            add_copy_menu(menu, conversation, pdu or message)
            uid = message.sop_class_uid
            if uid and pdu is None:
                menu.addAction("Copy SOP Class UID", lambda: copy_to_clipboard(uid))
            instance = str(getattr(message.message, "AffectedSOPInstanceUID", None) or "")
            if instance and pdu is None:
                menu.addAction("Copy SOP Instance UID", lambda: copy_to_clipboard(instance))
            if message.status is not None and pdu is None:
                menu.addAction("Copy status", lambda: copy_to_clipboard(message.status_text))
            if message.request:
                request = message.request
                menu.addAction(f"Go to its request, row {request}", lambda: self._go_to(request))
        row = menu.addAction("Copy row", lambda: copy_to_clipboard(self.rows_as_text()))
        row.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        row.setEnabled(index.isValid())
        menu.addSeparator()
        is_open = index.data(OPEN_ROLE) if index.isValid() else None
        if is_open is not None:
            menu.addAction("Hide its PDUs" if is_open else "Show its PDUs", lambda: self.set_open(index, not is_open))
        menu.addAction("Follow the newest message", self.follow.resume)

    def _go_to(self, number: int) -> None:
        index = self.messages.index_of(number)
        if index.isValid():
            self.setCurrentIndex(index)
