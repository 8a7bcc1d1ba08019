"""The list of associations, both directions: who, how it stands, what was negotiated, how much went over it.

Newest last; it follows the end until the person looks elsewhere. Numbers that only count up are painted at most ten
times a second; a clock runs only while an association is open. Knows conversations, nothing of the other viewers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from PySide6.QtCore import QModelIndex, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.asking import filter_on
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import Change
from workstation.traffic.record import Record
from workstation.traffic.text import quantity
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.traffic_table import FollowEnd, TrafficTable, copy_to_clipboard
from workstation.ui.theme import Theme
from workstation.ui.viewers.filtering.filter_menu import add_filter_menu
from workstation.ui.viewers.lists.associations_model import AssociationsModel, part_details, parts_of

_REPAINT = 100
_CLOCK = 1000


class AssociationsView(TrafficTable):
    """Associations with their presentation contexts below them.

    Args:
        theme: Colours.
    """

    conversation_chosen = Signal(object)
    """The person went to an association; carries its `Conversation`."""
    follow_requested = Signal()
    """The person wants the newest association to be selected again, always."""
    filter_asked = Signal(str, str)
    """"Filter on this": an expression, and how it joins the one in force."""

    clear_filter_asked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "associationsView", "Associations", parent)
        self.setWindowTitle("Associations")
        self.associations = AssociationsModel(theme, self)
        self.setModel(self.associations)
        self.size_columns(
            (
                "_0000",
                "← WORKSTATION → P",
                "127.0.0.1:00000",
                "✕ Rejected by the p",
                "000/000",
                "000 MB",
                "000 MB",
                "00,000",
                "00:00:00",
                "000 ms",
            ),
            1,
            3,
        )
        self.header().setMinimumSectionSize(36)
        self.follow = FollowEnd(self, "associationsNew")
        self.empty = EmptyState(
            self,
            theme,
            "No association yet",
            "Echo the built-in server, or send something to it: both sides will be listed here.",
        )
        self._none_passes = EmptyState(self, theme, "No association passes the filter")
        self._none_passes.offer("Clear the filter", self.clear_filter_asked.emit, "clearFilter")
        self._none_passes.hide()
        self._filter: Filter | None = None
        self._hidden = 0
        self._actions: list[QAction] = []
        self._moved: set[int] = set()
        self._repaint_timer = QTimer(self)
        self._repaint_timer.setSingleShot(True)
        self._repaint_timer.setInterval(_REPAINT)
        self._repaint_timer.timeout.connect(self._paint_moved)
        self._clock = QTimer(self)
        self._clock.setInterval(_CLOCK)
        self._clock.timeout.connect(self._tick)
        self.chosen.connect(self._choose)

    # --- feeding ---------------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> None:
        """Take in what a batch changed."""
        now = time.time()
        self.calm()
        with self.not_the_person():
            came = self.associations.apply(change, now)
        self._moved.update(conversation.number for conversation in change.changed)
        self.follow.rows_came(came)
        self._hidden += len(change.added) - came
        self._say_if_empty()
        if self._moved and not self._repaint_timer.isActive():
            self._repaint_timer.start()
        if not self._clock.isActive() and self.associations.live():
            self._clock.start()

    def set_filter(self, wanted: Filter | None) -> None:
        """Which associations come from now on; `set_conversations` says which of the old ones stay."""
        self._filter = wanted
        self.associations.set_filter(wanted)

    def set_conversations(self, conversations: Iterable[Conversation], hidden: int = 0) -> None:
        """Start again with these; so many others do not pass the filter."""
        with self.not_the_person():
            self.associations.reset(conversations, time.time())
        self._hidden = hidden
        self._say_if_empty()

    def _say_if_empty(self) -> None:
        is_empty = self.associations.rowCount() == 0
        hidden = self._hidden if self._filter is not None else 0
        self.setWindowTitle(f"Associations · {hidden:,} hidden" if hidden else "Associations")
        hides = is_empty and self._filter is not None and self._hidden > 0
        if hides:
            others = quantity(self._hidden, "association")
            self._none_passes.say("No association passes the filter", f"It leaves out {others}. Clear it to see all.")
        shown, other = (self._none_passes, self.empty) if hides else (self.empty, self._none_passes)
        # The one that is shown last: what it says is the view's description.
        other.show_when(False)
        shown.show_when(is_empty)

    def note_bytes(self, records: Iterable[Record]) -> None:
        """PDUs went over these associations: their numbers are painted again, soon."""
        self._moved.update(record.association for record in records)
        if not self._repaint_timer.isActive():
            self._repaint_timer.start()

    def set_actions(self, actions: Sequence[QAction]) -> None:
        """What the window can do with the selected association, for the context menu."""
        self._actions = list(actions)

    def select(self, conversation: Conversation | None) -> None:
        """Select an association without taking it for the person's choice."""
        index = self.associations.index_of(conversation.number) if conversation is not None else QModelIndex()
        if self.associations.conversation_at(self.currentIndex()) is not conversation or conversation is None:
            self.show_row(index)

    # --- reactions -------------------------------------------------------------------------------------------------

    def _paint_moved(self) -> None:
        moved, self._moved = self._moved, set()
        self.associations.refresh(moved, time.time())

    def _tick(self) -> None:
        live = self.associations.live()
        if not live:
            self._clock.stop()
        self.associations.refresh(live, time.time())

    def _choose(self, index: QModelIndex) -> None:
        conversation = self.associations.conversation_at(index)
        if conversation is not None:
            self.conversation_chosen.emit(conversation)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        conversation = self.associations.conversation_at(index)
        part = self.associations.part_at(index)
        if conversation is not None:
            column = index.column() if part is None else 0
            add_filter_menu(menu, filter_on(conversation, None, column), self.filter_asked.emit)
            menu.addSeparator()
        if conversation is not None and part is not None:
            menu.addAction("Copy details", lambda: copy_to_clipboard(part_details(conversation, part)))
            context = conversation.contexts.get(part.number) if part.kind == "context" else None
            if context is not None:
                menu.addAction("Copy Abstract Syntax UID", lambda: copy_to_clipboard(context.abstract_syntax))
                chosen = context.transfer_syntax
                syntax = menu.addAction("Copy Transfer Syntax UID", lambda: copy_to_clipboard(chosen))
                syntax.setEnabled(bool(chosen))
        elif conversation is not None:
            menu.addAction("Copy peer address", lambda: copy_to_clipboard(conversation.peer_address))
            menu.addAction("Copy Calling AE Title", lambda: copy_to_clipboard(conversation.calling))
            menu.addAction("Copy Called AE Title", lambda: copy_to_clipboard(conversation.called))
            contexts = [part for part in parts_of(conversation) if part.kind == "context"]
            words = "\n\n".join(part_details(conversation, each) for each in contexts)
            copy = menu.addAction("Copy presentation contexts", lambda: copy_to_clipboard(words))
            copy.setEnabled(bool(contexts))
        if conversation is not None and part is None:
            menu.addActions(self._actions)
            menu.addSeparator()
        row = menu.addAction("Copy row", lambda: copy_to_clipboard(self.rows_as_text()))
        row.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        row.setEnabled(index.isValid())
        menu.addSeparator()
        menu.addAction("Follow the newest association", self.follow_requested.emit)
