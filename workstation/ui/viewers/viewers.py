"""The viewers as one: makes them, feeds them, and lets a selection travel everywhere at once.

What happens now is one source of traffic, each opened capture another; one of them is shown. Association → messages,
state machine, sequence, timing, notes; message or PDU → decoded fields, bytes, data set; field ↔ byte. As long as the
person has selected nothing, the newest association and its newest message are shown. The live log grows here and only
here, a batch at a time; each viewer is told what changed. Decoding waits until a burst is over, so that it never
competes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal, SignalInstance, Slot

from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import Dissection
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.record import Record
from workstation.traffic.rows import MessageRow, PduRow
from workstation.ui.bridge import Bridge
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Theme
from workstation.ui.viewers.data_set.view import DataSetView
from workstation.ui.viewers.lists.associations_view import AssociationsView
from workstation.ui.viewers.lists.log_view import LogView
from workstation.ui.viewers.lists.messages_view import MessagesView
from workstation.ui.viewers.lists.sources import AssociationsPane, SourceTabs
from workstation.ui.viewers.message.find_bar import BytesPane, DecodedPane
from workstation.ui.viewers.message.shown_message import ShownMessage
from workstation.ui.viewers.notes.view import NotesView
from workstation.ui.viewers.questions.view import QuestionsView
from workstation.ui.viewers.sequence.view import SequenceView
from workstation.ui.viewers.state.view import StateView
from workstation.ui.viewers.timing.view import TimingView

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
Row = MessageRow | PduRow


class Pane(Protocol):
    """What the panes about one association, or the whole log, have in common."""

    def set_log(self, log: TrafficLog) -> None:
        """Show another source."""

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Show another association."""

    def apply(self, change: Change) -> None:
        """Take in what a batch did; quick, as it comes up to thirty times a second."""


class ListingPane(Pane, Protocol):
    """One that lists messages."""

    @property
    def message_chosen(self) -> SignalInstance:
        """The person went to a message: (Conversation, MessageRow | PduRow | None)."""

    @property
    def filter_asked(self) -> SignalInstance:
        """The person wants to see only what an expression says."""

    def select_row(self, row: Row | None) -> None:
        """Mark what was chosen elsewhere."""

    def set_filter(self, wanted: Filter | None, /) -> None:
        """Show only what passes."""


class Viewers(QObject):
    """Owns the viewers' logic; the window owns the widgets once they are in its docks.

    Args:
        bridge: Where live traffic comes from.
        log: Where it is kept.
        theme: Colours.
        tasks: Runs what must not hold the window up.
    """

    source_changed = Signal(object)
    """Another source is shown; carries its `TrafficLog`."""
    capture_closed = Signal(object)
    """A capture is no longer open; carries its `TrafficLog`."""
    filter_asked = Signal(str, str)
    """"Filter on this": an expression, and how it joins the one in force: "only", "and", "or", "and not"."""

    def __init__(
        self, bridge: Bridge, log: TrafficLog, theme: Theme, tasks: Tasks, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._live = self._log = log
        self._filter: Filter | None = None
        self.sources = SourceTabs(log)
        self.associations = AssociationsView(theme)
        self.associations_pane = AssociationsPane(self.sources, self.associations)
        self.messages = MessagesView(theme)
        self.message = ShownMessage(theme, self)
        self.decoded, self.bytes = self.message.decoded, self.message.bytes
        self.decoded_pane = DecodedPane(theme, self.decoded, self.message)
        self.bytes_pane = BytesPane(theme, self.bytes, self.message)
        self.state = StateView(theme)
        self.sequence = SequenceView(theme, tasks)
        self.timing = TimingView(theme)
        self.notes = NotesView(theme)
        self.data_set = DataSetView(theme, tasks)
        self.log_view = LogView(theme)
        self.questions = QuestionsView(theme, tasks)
        self._listing: tuple[ListingPane, ...] = (self.sequence, self.timing, self.notes)
        self._finding = (self.decoded_pane, self.bytes_pane)
        self._panes: tuple[Pane, ...] = (*self._listing, *self._finding, self.data_set)
        self._follow_newest = True
        self._moved: set[int] = set()
        self._put_off = 0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE)
        self._settling = Slices(self)
        self._settle.timeout.connect(lambda: self._settling.later(self._in_its_turn()))
        self._sifting = Slices(self, urgent=True)
        self._is_new_filter = False
        self.questions.association_chosen.connect(self.go_to_association)
        self._connect_selection()
        self._connect_traffic(bridge)
        # The window owns the widgets and may go first; then nothing is left to feed.
        self._over = False
        self.messages.destroyed.connect(self._end)
        self._show_log()

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
        bridge.data_sent.connect(self._note_bytes)
        bridge.data_recv.connect(self._note_bytes)
        bridge.fsm_transition.connect(self._note_transitions)
        bridge.batch.connect(self._on_batch)

    def _note_bytes(self, records: Records) -> None:
        if self.is_live and not self._over:
            with undisturbed:
                self.associations.note_bytes(records)

    def _note_transitions(self, records: Records) -> None:
        self._moved.update(record.association for record in records)

    @Slot()
    def _end(self) -> None:
        self._over = True

    def _on_batch(self, records: Records) -> None:
        if not self._over:
            with undisturbed:
                self._take(records)

    def _take(self, records: Records) -> None:
        change = self._live.add(records)
        moved, self._moved = self._moved, set()
        if not self.is_live:
            return
        self.associations.apply(change)
        shown = self.messages.conversation
        self.messages.apply(change)
        if shown is not None and shown.number in change.removed:
            self._forget()
        if self._follow_newest and change.added:
            self._follow()
        elif shown is not None and shown.number in moved:
            self.state.went_on()
        self.state.apply(change)
        for pane in self._panes:
            pane.apply(change)
        if shown is None or shown.number in change.rows or change.added or change.shortened:
            self._settle_soon()

    def clear(self) -> None:
        """Forget the traffic shown: a capture is closed; live associations under way stay, without rows."""
        if not self.is_live:
            self.close_capture(self._log)
            return
        self._live.clear()
        self.log_view.clear()
        self._show_log()

    # --- sources ---------------------------------------------------------------------------------------------------

    @property
    def log(self) -> TrafficLog:
        """The source that is shown."""
        return self._log

    @property
    def is_live(self) -> bool:
        """Whether what happens now is shown."""
        return self._log is self._live

    def add_capture(self, log: TrafficLog, details: str = "") -> None:
        """A capture was opened: show it."""
        self.sources.add(log, details)
        self.sources.select(log)

    def close_capture(self, log: TrafficLog) -> None:
        """The person is done with a capture."""
        if log is self._live or log not in self.sources.logs:
            return
        if log is self._log:
            self.sources.select(self._live)
        self.sources.remove(log)
        self.capture_closed.emit(log)
        Slices(self).start(log.let_go())

    def show_source(self, log: TrafficLog) -> None:
        """Show another source."""
        if log is not self._log:
            self._log = log
            self._show_log()
            self.source_changed.emit(log)

    def _show_log(self) -> None:
        self._forget()
        for pane in self._panes:
            pane.set_log(self._log)
        self.state.set_log(self._log)
        self._follow_newest = self.is_live
        self._sift()

    # --- filter ----------------------------------------------------------------------------------------------------

    def set_filter(self, wanted: Filter | None) -> None:
        """Show only the associations and messages that pass."""
        self._filter = wanted
        self._sifting.stop()
        self._is_new_filter = True
        self.messages.set_filter(wanted)  # and then, in `_messages_sifted`, everything else

    def _messages_sifted(self) -> None:
        """What the person looks at is filtered: now the others, the associations first."""
        if self._is_new_filter:
            self._is_new_filter = False
            self._sift()

    @property
    def sifting(self) -> bool:
        """Whether the associations that pass are still being looked for."""
        return self._sifting.busy

    def set_colours(self, colour_of: Callable[[Conversation, MessageRow], str]) -> None:
        """Rows are painted in the colours that this says, "" for their usual ones."""
        self.messages.messages.colour_of = colour_of
        self.messages.viewport().update()

    def _sift(self) -> None:
        """List the associations that pass, a few at a time: each may have a million messages."""
        self.associations.set_filter(self._filter)
        self._sifting.start(self._sifted())

    def _sifted(self) -> Iterator[None]:
        wanted, log = self._filter, self._log
        passing: set[int] = set()
        seen: set[int] = set()
        if wanted is not None:
            for conversation in log.conversations:
                seen.add(conversation.number)
                found: list[int] = []
                if wanted.on_association_only or not conversation.rows:
                    found = [1] if wanted.any(conversation) else []
                else:
                    yield from wanted.search(conversation, found, most=1)
                if found:
                    passing.add(conversation.number)
                yield
        # Those that came or changed meanwhile are in the list already.
        here = self.associations.associations.came_since
        kept = [
            each
            for each in log.conversations
            if wanted is None or each.number in passing or each.number in here or each.number not in seen
        ]
        self.associations.set_conversations(kept, hidden=len(log) - len(kept))
        self._select_again(kept)
        for pane in self._listing:
            pane.set_filter(wanted)

    def _select_again(self, kept: list[Conversation]) -> None:
        shown = self.messages.conversation
        if self._follow_newest:
            self._follow()
        elif shown is not None and shown in kept:
            self.associations.select(shown)
        else:
            first = kept[0] if kept else None
            self.associations.select(first)
            self._show_conversation(first)

    # --- selection -------------------------------------------------------------------------------------------------

    def _connect_selection(self) -> None:
        self.sources.chosen.connect(self.show_source)
        self.sources.close_asked.connect(self.close_capture)
        self.associations.conversation_chosen.connect(self._on_association)
        self.associations.follow_requested.connect(self.follow_newest)
        self.associations.filter_asked.connect(self.filter_asked)
        self.messages.row_chosen.connect(self._on_row)
        self.messages.filter_asked.connect(self.filter_asked)
        self.messages.sifted.connect(self._messages_sifted)
        self.messages.follow.resumed.connect(self._settle_soon)
        for pane in self._listing:
            pane.message_chosen.connect(self.go_to)
            pane.filter_asked.connect(lambda expression: self.filter_asked.emit(expression, "only"))
        for finding in self._finding:
            finding.message_chosen.connect(self.go_to)
        self.notes.bytes_chosen.connect(self.go_to_bytes)
        self.decoded.filter_asked.connect(self.filter_asked)

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
        return self.message.dissection

    def follow_newest(self) -> None:
        """Select the newest association, and each that comes."""
        self.sources.select(self._live)
        self._follow_newest = True
        self.associations.follow.resume()
        self._follow()

    def select_association(self, number: int) -> None:
        """Select an association as if the person had."""
        index = self.associations.associations.index_of(number)
        if index.isValid():
            self.associations.choose(index)

    def go_to_association(self, number: int) -> None:
        """Show an association of now, whatever is shown; nothing if it has been let go."""
        self.sources.select(self._live)
        self._follow_newest = False
        self.select_association(number)

    def select_message(self, number: int) -> None:
        """Select a row of the association shown as if the person had."""
        index = self.messages.messages.index_of(number)
        if index.isValid():
            self.messages.choose(index)

    def go_to(self, conversation: Conversation, row: Row | None) -> None:
        """Show a message, wherever it was pointed at; one that the filter leaves out is shown all the same."""
        if conversation is not self.messages.conversation:
            self._follow_newest = False
            self.associations.select(conversation)
            self._show_conversation(conversation)
        if row is not None:
            self.messages.follow.pause()
            self.messages.reveal(row)
            self._on_row(row)

    def go_to_bytes(self, conversation: Conversation, row: Row, offset: int, length: int) -> None:
        """Show a place in a message."""
        self.go_to(conversation, row)
        self.message.go_to_bytes(offset, length)

    def show_selected(self) -> None:
        """Bring what is selected into sight again, in lists that have another size now."""
        for view in (self.associations, self.messages):
            if view.currentIndex().isValid():
                view.scrollTo(view.currentIndex())

    def _follow(self) -> None:
        newest = self.associations.associations.newest()
        self.associations.select(newest)
        self._show_conversation(newest)

    def _on_association(self, conversation: Conversation) -> None:
        # Whoever goes to the newest one wants to stay with what is new.
        self._follow_newest = self.is_live and conversation is self.associations.associations.newest()
        self._show_conversation(conversation)

    def _show_conversation(self, conversation: Conversation | None) -> None:
        if conversation is self.messages.conversation and conversation is not None:
            return
        self.messages.set_conversation(conversation)
        self.state.set_conversation(conversation)
        for pane in self._panes:
            pane.set_conversation(conversation)
        self._show_row(None)
        if conversation is not None and not self.is_live:
            # Nothing will come: it is read from its beginning.
            self.messages.follow.pause()
            self.messages.scrollToTop()
            first = self.messages.messages.message_at(self.messages.messages.index(0, 0))
            self.messages.select(first)
            if first is not None:
                self._on_row(first)
            return
        self._settle_soon()

    def _forget(self) -> None:
        """The association shown is gone."""
        self.associations.select(None)
        self.messages.set_conversation(None)
        self.state.set_conversation(None)
        for pane in self._panes:
            pane.set_conversation(None)
        self._show_row(None)

    def _on_row(self, row: Row) -> None:
        self._show_row(row)
        # Its last PDU and the transition that it caused carry the same moment, give or take.
        end = row.end_time if isinstance(row, MessageRow) else row.time
        pdus = row.pdus if isinstance(row, MessageRow) else [row]
        actions = _ACTIONS.get((pdus[-1].pdu_type, row.sent), ()) if pdus else ()
        self.state.go_to_time(end + _SAME_MOMENT, actions)

    # --- the message shown -----------------------------------------------------------------------------------------

    @property
    def settling(self) -> bool:
        """Whether the message shown is going to be decoded again."""
        return self._settle.isActive() or self._settling.busy

    def _settle_soon(self) -> None:
        """Decode when the burst is over, or now and then while it lasts."""
        if self._settle.isActive() and self._put_off < _AT_MOST:
            self._put_off += 1
            self._settle.start()
        elif not self._settle.isActive():
            self._settle.start()

    def _in_its_turn(self) -> Iterator[None]:
        self._settled()
        yield

    def _settled(self) -> None:
        self._put_off = 0
        conversation = self.messages.conversation
        if self._over or conversation is None:
            return
        if self.messages.follow.following:
            newest = telling_row(conversation)
            if newest is not None:
                self.messages.select(newest)
                self.messages.follow.resume()
                if newest is not self.message.row:
                    self.message.calm()
                    self._show_row(newest)
                    return
        self.message.refresh()
        self._settle.setInterval(max(_SETTLE, int(self.message.seconds * 1000 * _SHARE)))

    def _show_row(self, row: Row | None) -> None:
        self.message.show(row)
        self._settle.setInterval(max(_SETTLE, int(self.message.seconds * 1000 * _SHARE)))
        self.data_set.select_row(row)
        for pane in self._listing:
            pane.select_row(row)


def telling_row(conversation: Conversation) -> MessageRow | None:
    """The newest row that says most: the last one, or the last message before a plain release."""
    rows = conversation.rows
    if not rows:
        return None
    for row in reversed(rows[-8:]):
        if row.name not in ("A-RELEASE-RQ", "A-RELEASE-RP"):
            return row
    return rows[-1]
