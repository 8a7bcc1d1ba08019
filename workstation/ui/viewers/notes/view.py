"""What an expert would remark: notes on one association or on all, each with evidence, clause and what usually helps.

Rows are examined a few milliseconds at a time and only while the view is visible; what was examined is not examined
again. Going to a note goes to its message, and marks the bytes that show it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.traffic.conversation import Conversation
from workstation.traffic.expert.experts import Examination, Note, Severity, notes_of_log
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.rows import MessageRow, PduRow
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.traffic_table import TrafficTable, copy_to_clipboard
from workstation.ui.parts.widgets import DimLabel, OutcomeLabel, name_widget, plain_label
from workstation.ui.theme import Theme
from workstation.ui.viewers.notes.model import ASSOCIATION, COLOURS, NotesModel, note_text

_REFRESH: Final = 300  # milliseconds
_MOST: Final = 5_000  # notes listed
_NO_ASSOCIATION = ("No association selected", "What is remarkable in it will be listed here.")
_NOTHING = ("Nothing to remark", "An expert would find nothing unusual in this association so far.")
_NOTHING_IN_ALL = ("Nothing to remark", "An expert would find nothing unusual in this traffic so far.")
_LOOKING = ("Looking …", "The messages are being examined.")
_HIDDEN = ("No note of these severities", "Others are hidden by the buttons above.")
_FILTERED = ("No note passes the filter", "Notes are listed whose messages pass.")
_SEVERITIES: Final = (Severity.ERROR, Severity.WARNING, Severity.REMARK)


class NotesView(QWidget):
    """Expert notes.

    Args:
        theme: Colours.
    """

    message_chosen = Signal(object, object)
    """The person went to a note; carries its `Conversation` and its `MessageRow`, `PduRow` or None."""
    bytes_chosen = Signal(object, object, int, int)
    """The same for a note with bytes: conversation, row, and the place in what is dissected of the row."""
    filter_asked = Signal(str)
    """The person wants to see only the note's messages; carries an expression."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "notesView", "Expert notes")
        self.setWindowTitle("Notes")
        self._theme = theme
        self._log: TrafficLog | None = None
        self._conversation: Conversation | None = None
        self._filter: Filter | None = None
        self._examined: dict[int, Examination] = {}
        self._of_log: list[Note] = []
        self._note: Note | None = None
        self._dirty = False
        self._slices = Slices(self, self._examined_all)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REFRESH)
        self._soon.timeout.connect(self._go_on)

        self.scope = QTabBar()
        name_widget(self.scope, "notesScope", "Which associations")
        self.scope.setExpanding(False)
        self.scope.setDrawBase(False)
        for title, tip in (
            ("This association", "Notes on the selected association"),
            ("All", "Notes on all associations, and on what they show together"),
        ):
            self.scope.setTabToolTip(self.scope.addTab(title), tip)
        self.shown_severities: dict[Severity, QToolButton] = {}
        for severity in _SEVERITIES:
            button = QToolButton()
            button.setCheckable(True)
            button.setChecked(True)
            button.setAutoRaise(True)
            plural = f"{severity.word}s"
            name_widget(button, f"notes{plural.capitalize()}", f"Show {plural}", f"Show or hide {plural}")
            button.toggled.connect(self._show)
            self.shown_severities[severity] = button
        self.verdict = OutcomeLabel(theme)
        self.verdict.setObjectName("notesVerdict")

        self.notes = NotesModel(theme, self)
        self.list = _NotesList(theme, self)
        self.list.setModel(self.notes)
        self.list.size_columns(("▲ Warning", "#0000", "00,000", "A message on a context"), 3)
        self.list.setColumnHidden(ASSOCIATION, True)
        self.empty = EmptyState(self.list, theme, *_NO_ASSOCIATION)
        self.details = _Details(theme)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setObjectName("notesSplitter")
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.list)
        self.splitter.addWidget(self.details)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self._lay_out()

        self.scope.currentChanged.connect(self._change_scope)
        self.list.chosen.connect(self._choose)
        self.details.step_asked.connect(self._step)
        self.details.bytes_asked.connect(self._show_bytes)
        theme.changed.connect(self._colour)
        self._colour()
        self._show()

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(6, 3, 6, 0)
        bar.setSpacing(2)
        bar.addWidget(self.scope)
        bar.addStretch(1)
        for button in self.shown_severities.values():
            bar.addWidget(button)
        verdict = QVBoxLayout()
        verdict.setContentsMargins(8, 2, 8, 2)
        verdict.addWidget(self.verdict)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(bar)
        layout.addLayout(verdict)
        layout.addWidget(self.splitter, 1)
        self.setFocusProxy(self.list)

    # --- what is shown ---------------------------------------------------------------------------------------------

    @property
    def conversation(self) -> Conversation | None:
        """The association shown, if it is not all of them."""
        return self._conversation

    @property
    def of_all(self) -> bool:
        """Whether notes on all associations are listed."""
        return self.scope.currentIndex() == 1

    @property
    def busy(self) -> bool:
        """Whether messages are being examined, or will be soon."""
        return self._slices.busy or self._soon.isActive()

    def set_log(self, log: TrafficLog) -> None:
        """Show another source, or one that was cleared."""
        self._log = log
        self._examined.clear()
        self._of_log = []
        self._conversation = None
        self._begin()

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Show another association."""
        if conversation is self._conversation:
            return
        self._conversation = conversation
        if not self.of_all:
            self._begin()

    def set_filter(self, wanted: Filter | None) -> None:
        """List only notes whose messages pass."""
        if wanted is not self._filter:
            self._filter = wanted
            self._show()

    def select_row(self, row: MessageRow | PduRow | None) -> None:
        """Select the note on a row, if there is one."""
        message = row.message if isinstance(row, PduRow) else row
        conversation = self._conversation
        if message is None or conversation is None or self._is_on(self._note, conversation, message):
            return
        for at in range(self.notes.rowCount()):
            note = self.notes.note(at)
            if self._is_on(note, conversation, message):
                self._take(note)
                self.list.show_row(self.notes.index(at, 0))
                return

    @staticmethod
    def _is_on(note: Note | None, conversation: Conversation, message: MessageRow) -> bool:
        return note is not None and note.conversation == conversation.number and message.number in note.rows

    def apply(self, change: Change) -> None:
        """A batch was folded into the log."""
        for number in change.removed:
            self._examined.pop(number, None)
        conversation = self._conversation
        if not self.of_all and (
            conversation is None or (conversation.number not in change.rows and conversation not in change.changed)
        ):
            return
        self._dirty = True
        if self.isVisible() and not self._slices.busy and not self._soon.isActive():
            self._soon.start()

    # --- examining -------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._go_on()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        # What is half examined goes on when it is shown again.
        self._dirty = self._dirty or self._slices.busy
        self._slices.stop()
        self._soon.stop()

    def _begin(self) -> None:
        self._slices.stop()
        self._note = None
        self._dirty = True
        self._show()
        self._go_on()

    def _change_scope(self) -> None:
        self.list.setColumnHidden(ASSOCIATION, not self.of_all)
        self._begin()

    def _go_on(self) -> None:
        if not self._dirty or not self.isVisible() or self._slices.busy:
            return
        self._dirty = False
        self._slices.start(self._examine())
        if self._slices.busy:
            self._show()

    def _examine(self) -> Iterator[None]:
        if not self.of_all:
            if self._conversation is not None:
                yield from self._examination(self._conversation).go_on()
            return
        if self._log is None:
            return
        for conversation in self._log.conversations:
            examination = self._examination(conversation)
            if not examination.is_current:
                yield from examination.go_on()
            yield None
        found: list[Note] = []
        for note in notes_of_log(self._log, lambda conversation: self._examination(conversation).verdict):
            if note is not None:
                found.append(note)
            yield None
        self._of_log = found

    def _examination(self, conversation: Conversation) -> Examination:
        known = self._examined.get(conversation.number)
        if known is None or known.conversation is not conversation:
            known = self._examined[conversation.number] = Examination(conversation)
        return known

    def _examined_all(self) -> None:
        self._show()
        if self._dirty and self.isVisible():
            self._soon.start()

    # --- showing ---------------------------------------------------------------------------------------------------

    def _found(self) -> list[Note]:
        """The notes of the scope, the gravest first."""
        if self.of_all:
            found = [note for each in self._examined.values() for note in each.notes] + self._of_log
        elif self._conversation is not None and self._conversation.number in self._examined:
            found = self._examination(self._conversation).notes
        else:
            found = []
        found.sort(key=lambda note: (-note.severity, note.conversation, note.row or 0))
        return found

    def _passes(self, note: Note) -> bool:
        wanted = self._filter
        if wanted is None:
            return True
        conversation = self._conversation_of(note)
        if conversation is None:
            return False
        rows = [self._row_of(conversation, number) for number in note.rows]
        return any(wanted.passes(conversation, row) for row in rows or [None])

    def _show(self) -> None:
        found = self._found()
        counts = Counter(note.severity for note in found)
        for severity, button in self.shown_severities.items():
            button.setText(f"{severity.sign} {counts[severity]:,}")
        passing = [note for note in found if self._passes(note)]
        listed = [note for note in passing if self.shown_severities[note.severity].isChecked()][:_MOST]
        with self.list.not_the_person():
            self.notes.set_notes(listed)
            at = self.notes.place_of(self._note) if self._note is not None else -1
            if at >= 0:
                self._take(self.notes.note(at))
                self.list.show_row(self.notes.index(at, 0))
            else:
                self._take(None)
        self._say(found, passing, listed)
        signs = " ".join(
            # The sign first: "7 ✕ 3 ▲" would be a product.
            f"{severity.sign} {counts[severity]:,}"
            for severity in (Severity.ERROR, Severity.WARNING)
            if counts[severity]
        )
        self.setWindowTitle(f"Notes ({signs})" if signs else "Notes")
        self._show_verdict()

    def _say(self, found: list[Note], passing: list[Note], listed: list[Note]) -> None:
        if self._slices.busy and not found:
            self.empty.say(*_LOOKING)
        elif not self.of_all and self._conversation is None:
            self.empty.say(*_NO_ASSOCIATION)
        elif passing:
            self.empty.say(*_HIDDEN)
        elif found:
            self.empty.say(*_FILTERED)
        else:
            self.empty.say(*(_NOTHING_IN_ALL if self.of_all else _NOTHING))
        self.empty.show_when(not listed)
        self.details.setVisible(bool(listed))

    def _show_verdict(self) -> None:
        conversation = None if self.of_all else self._conversation
        examination = self._examined.get(conversation.number) if conversation is not None else None
        verdict = examination.verdict if examination is not None else None
        if verdict is not None:
            self.verdict.show_failure(verdict)
        self.verdict.setVisible(verdict is not None)

    def _take(self, note: Note | None) -> None:
        if note is not self._note or note is None:
            self._note = note
            self.details.show_note(note)

    def _colour(self) -> None:
        for severity, button in self.shown_severities.items():
            palette = button.palette()
            palette.setColor(button.foregroundRole(), getattr(self._theme, COLOURS[severity]))
            button.setPalette(palette)

    # --- going there -----------------------------------------------------------------------------------------------

    def _conversation_of(self, note: Note) -> Conversation | None:
        return self._log.conversation(note.conversation) if self._log is not None else self._conversation

    @staticmethod
    def _row_of(conversation: Conversation, number: int | None) -> MessageRow | None:
        if number is None:
            return None
        at = conversation.index_of(number)
        return conversation.rows[at] if 0 <= at < len(conversation.rows) else None

    def _choose(self, index: QModelIndex) -> None:
        note = self.notes.note(index.row())
        if note is None:
            return
        self._take(note)
        self._go_to(note, note.row, with_bytes=True)

    def _go_to(self, note: Note, number: int | None, *, with_bytes: bool) -> None:
        conversation = self._conversation_of(note)
        if conversation is None:
            return
        row = self._row_of(conversation, number)
        target: MessageRow | PduRow | None = row
        if row is not None and note.pdu is not None and number == note.row:
            target = next((pdu for pdu in row.pdus if pdu.number == note.pdu), row)
        self.message_chosen.emit(conversation, target)
        # The place is that of the first message only.
        if with_bytes and target is not None and note.offset is not None and number == note.row:
            self.bytes_chosen.emit(conversation, target, note.offset, note.length)

    def _step(self, number: int) -> None:
        if self._note is not None:
            self._go_to(self._note, number, with_bytes=True)

    def _show_bytes(self) -> None:
        if self._note is not None:
            self._go_to(self._note, self._note.row, with_bytes=True)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        """The actions for a note."""
        note = self.notes.note(index.row())
        if note is not None:
            menu.addAction("Copy note", lambda: copy_to_clipboard(note_text(note)))
            expression = f"association == {note.conversation}"
            if note.rows:
                numbers = ", ".join(map(str, note.rows))
                expression += f" and number in {{{numbers}}}"
            menu.addAction("Filter on its messages", lambda: self.filter_asked.emit(expression))
        row = menu.addAction("Copy rows", lambda: copy_to_clipboard(self.list.rows_as_text()))
        row.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        row.setEnabled(index.isValid())


class _NotesList(TrafficTable):
    def __init__(self, theme: Theme, view: NotesView) -> None:
        super().__init__(theme, "notesList", "Expert notes")
        self._owner = view

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        self._owner.fill_menu(menu, index)


class _Details(QScrollArea):
    """The whole of one note."""

    step_asked = Signal(int)
    """The person wants to see another message that shows it; carries its number."""
    bytes_asked = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        name_widget(self, "notesDetails", "The selected note")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._note: Note | None = None
        self._at = 0
        self.sentence = plain_label(wrap=True, selectable=True)
        self.sentence.setObjectName("noteSentence")
        self.hint = DimLabel(theme, "Select a note to read all of it.")
        self._parts: dict[str, tuple[QLabel, QLabel]] = {}
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for line, name in enumerate(("Seen", "What helps", "Clause")):
            label, text = DimLabel(theme, name, wrap=False), plain_label(wrap=True, selectable=True)
            text.setObjectName(f"note{name.title().replace(' ', '')}")
            grid.addWidget(label, line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, line, 1)
            self._parts[name] = (label, text)
        self.show_bytes = QToolButton()
        self.show_bytes.setText("Show its bytes")
        name_widget(self.show_bytes, "noteBytes", "Show its bytes", "Mark the bytes that show it")
        self.show_bytes.clicked.connect(self.bytes_asked)
        self.back, self.forward = QToolButton(), QToolButton()
        for button, sign, name, way in ((self.back, "◂", "Previous", -1), (self.forward, "▸", "Next", 1)):
            button.setText(sign)
            name_widget(button, f"note{name}", f"{name} message", f"{name} message that shows it")
            button.clicked.connect(lambda _=False, way=way: self._step(way))
        self.count = plain_label()
        self.count.setObjectName("noteCount")
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for widget in (self.show_bytes, self.back, self.count, self.forward):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        content = QWidget()
        content.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(content)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(6)
        layout.addWidget(self.hint)
        layout.addWidget(self.sentence)
        layout.addLayout(grid)
        layout.addLayout(buttons)
        layout.addStretch(1)
        self.setWidget(content)
        self.show_note(None)

    def show_note(self, note: Note | None) -> None:
        """Show another note, or that none is selected."""
        self._note, self._at = note, 0
        self.hint.setVisible(note is None)
        self.sentence.setVisible(note is not None)
        self.sentence.setText(note.sentence if note is not None else "")
        texts = {"Seen": note.evidence, "What helps": note.remedy, "Clause": note.clause} if note is not None else {}
        for name, (label, text) in self._parts.items():
            words = texts.get(name, "")
            text.setText(words)
            label.setVisible(bool(words))
            text.setVisible(bool(words))
        self.show_bytes.setVisible(note is not None and note.offset is not None)
        self._say_count()

    def _say_count(self) -> None:
        note = self._note
        several = note is not None and len(note.rows) > 1
        for widget in (self.back, self.count, self.forward):
            widget.setVisible(several)
        if note is None or not several:
            return
        more = f" of {note.count:,} times" if note.count != len(note.rows) else f" of {len(note.rows):,}"
        self.count.setText(f"Row {note.rows[self._at]:,} · {self._at + 1:,}{more}")
        self.back.setEnabled(self._at > 0)
        self.forward.setEnabled(self._at + 1 < len(note.rows))

    def _step(self, way: int) -> None:
        if self._note is None or not 0 <= self._at + way < len(self._note.rows):
            return
        self._at += way
        self._say_count()
        self.step_asked.emit(self._note.rows[self._at])
