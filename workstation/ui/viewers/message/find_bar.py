"""Finding in the Bytes and Decoded panes: a bar below the view, opened with Ctrl+F.

What is typed is looked for at once in the message shown; in the association or in all of them when the person asks for
the next one. The search runs in slices of the window's time while the bar is in sight. Where a hit lies in another
message, the pane says so (`message_chosen`) and goes to the place once that message is shown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from enum import Enum
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QHideEvent, QKeyEvent, QKeySequence, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.traffic.analysis.find import (
    FindError,
    Hit,
    Needle,
    Words,
    find_bytes,
    find_fields,
    find_in_bytes,
    find_in_fields,
)
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import Dissection
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.rows import MessageRow, PduRow
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.widgets import DimLabel, name_widget
from workstation.ui.theme import Theme
from workstation.ui.viewers.message.bytes_view import BytesView
from workstation.ui.viewers.message.decoded_view import DecodedView

__all__ = ["BytesPane", "DecodedPane", "FindBar", "FindPane", "Scope", "Shown"]

_MOST_HITS = 10_000
_IDLE = 180
_WIDE = 620
_SETTLE_EVERY = 64

Place = tuple[int, ...]
Key = tuple[int, int, Place]
Found = tuple[Key, int, Hit | None]
"""Key, length in bytes, and where it lies if that is not the message shown."""


class Scope(Enum):
    """Where is looked."""

    MESSAGE = "This message"
    ASSOCIATION = "This association"
    ALL = "All associations"


class Shown(Protocol):
    """What a pane needs to know of the message that the two views show."""

    @property
    def changed(self) -> SignalInstance:
        """Another message is shown, or more of it."""

    @property
    def row(self) -> MessageRow | PduRow | None:
        """What is shown."""

    @property
    def dissection(self) -> Dissection | None:
        """Its bytes and fields."""


class FindBar(QWidget):
    """The bar: what to look for, how and where.

    Args:
        theme: Colours.
        with_bytes: Whether bytes in hexadecimal can be looked for as well as text.
    """

    edited = Signal()
    """Something else is to be looked for, or elsewhere."""
    asked = Signal(bool)
    """The person wants the next hit (True) or the one before."""
    closed = Signal()
    """The person closes the bar."""

    def __init__(self, theme: Theme, name: str, *, with_bytes: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._is_problem = False
        self.setObjectName(f"{name}FindBar")
        self.setAutoFillBackground(True)
        self.text = QLineEdit()
        name_widget(self.text, f"{name}FindText", "Find", "What to look for. Enter: next, Shift+Enter: previous")
        self.text.setClearButtonEnabled(True)
        self.text.setMinimumWidth(110)
        self.text.installEventFilter(self)
        self.kind = QComboBox()
        self.kind.addItems(["Text", "Hex"])
        name_widget(self.kind, f"{name}FindKind", "Look for text or bytes", "Text, or bytes as hexadecimal digits")
        self.kind.setVisible(with_bytes)
        self.case = QToolButton()
        self.case.setText("Aa")
        self.case.setCheckable(True)
        name_widget(self.case, f"{name}FindCase", "Match case", "Capital and small letters are not the same")
        self.scope = QComboBox()
        for scope in Scope:
            self.scope.addItem(scope.value, scope)
        name_widget(self.scope, f"{name}FindScope", "Where to look", "In what is shown, or also in other messages")
        before = self._button("‹", f"{name}FindPrevious", "Previous", "Go to the hit before (Shift+Enter)", False)
        after = self._button("›", f"{name}FindNext", "Next", "Go to the next hit (Enter)", True)
        close = QToolButton()
        close.setText("×")
        close.setAutoRaise(True)
        name_widget(close, f"{name}FindClose", "Close the bar", "Close (Esc)")
        close.clicked.connect(lambda: self.closed.emit())
        self.result = DimLabel(theme, "", wrap=False)
        name_widget(self.result, f"{name}FindResult", "How many were found")
        self.result.setMinimumWidth(70)
        self.result.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lines = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._lines.setContentsMargins(6, 4, 6, 4)
        self._lines.setSpacing(6)
        upper, lower = QHBoxLayout(), QHBoxLayout()
        for line in (upper, lower):
            line.setSpacing(4)
        upper.addWidget(self.text, 1)
        upper.addWidget(before)
        upper.addWidget(after)
        upper.addWidget(close)
        for widget in (self.kind, self.case, self.scope):
            lower.addWidget(widget)
        lower.addWidget(self.result, 1)
        self._lines.addLayout(upper, 1)
        self._lines.addLayout(lower, 1)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(_IDLE)
        self._idle.timeout.connect(self.edited)
        self.text.textChanged.connect(lambda: self._idle.start())
        self.kind.currentIndexChanged.connect(self._kind_changed)
        self.case.toggled.connect(lambda: self.edited.emit())
        self.scope.currentIndexChanged.connect(lambda: self.edited.emit())
        self._kind_changed(0)
        theme.changed.connect(self._colour)

    def _button(self, sign: str, name: str, words: str, tip: str, forward: bool) -> QToolButton:
        button = QToolButton()
        button.setText(sign)
        name_widget(button, name, words, tip)
        button.clicked.connect(lambda: self.ask(forward))
        return button

    @property
    def is_hex(self) -> bool:
        """Whether bytes are looked for."""
        return self.kind.currentIndex() == 1

    @property
    def where(self) -> Scope:
        """Where is looked."""
        scope = self.scope.currentData()
        assert isinstance(scope, Scope)
        return scope

    def ask(self, forward: bool) -> None:
        """Go to the next hit or the one before."""
        if self._idle.isActive():
            # What was just typed is looked for first.
            self._idle.stop()
            self.edited.emit()
        self.asked.emit(forward)

    def say(self, words: str, *, is_problem: bool = False) -> None:
        """Say what was found, or what is wrong with what was typed."""
        self.result.setText(words)
        self.result.setToolTip(plain_tooltip(words))
        self._is_problem = is_problem
        self._colour()

    def _colour(self) -> None:
        palette = QPalette()
        if self._is_problem:
            palette.setColor(QPalette.ColorRole.Text, self._theme.failure)
        self.text.setPalette(palette)

    def stop(self) -> None:
        """Nothing is looked for any more."""
        self._idle.stop()

    def _kind_changed(self, _index: int) -> None:
        self.case.setEnabled(not self.is_hex)
        self.text.setPlaceholderText("08 00 05 00" if self.is_hex else "Find")
        self.edited.emit()

    def minimumSizeHint(self) -> QSize:
        """Of the two lines one below the other, however wide it is now: else it could never become narrow."""
        hint = super().minimumSizeHint()
        lines = [self._lines.itemAt(place) for place in range(self._lines.count())]
        margins = self._lines.contentsMargins()
        width = max(line.minimumSize().width() for line in lines if line is not None)
        return QSize(width + margins.left() + margins.right(), hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        direction = QBoxLayout.Direction
        self._lines.setDirection(direction.LeftToRight if self.width() >= _WIDE else direction.TopToBottom)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            forward = not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.ask(forward)
                return True
        return super().eventFilter(watched, event)


class FindPane(QFrame):
    """A view with the bar below it; the base of both panes.

    Args:
        theme: Colours.
        view: What is looked into; its title is the pane's.
        shown: The message that it shows.
        name: For the names of its widgets.
    """

    message_chosen = Signal(object, object)
    """The person went to a hit in another message: its conversation and row."""

    def __init__(
        self,
        theme: Theme,
        view: QAbstractScrollArea,
        shown: Shown,
        name: str,
        *,
        with_bytes: bool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName(f"{name}Pane")
        self.setFocusProxy(view)
        self._view = view
        self._shown = shown
        self._log: TrafficLog | None = None
        self._conversation: Conversation | None = None
        self.bar = FindBar(theme, name, with_bytes=with_bytes)
        self.bar.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(view, 1)
        layout.addWidget(self.bar)
        self.setWindowTitle(view.windowTitle())
        view.windowTitleChanged.connect(self.setWindowTitle)
        shown.changed.connect(self.shown_changed)
        view.installEventFilter(self)
        self.bar.edited.connect(lambda: self._look(jump=self.bar.where is Scope.MESSAGE))
        self.bar.asked.connect(self.go)
        self.bar.closed.connect(self.close_find)
        self._slices = Slices(self, self._finished)
        self._found: list[Found] = []
        self._is_whole = self._is_capped = self._is_stale = False
        self._wish = 0  # 1: the next, -1: the one before, 2: this or the next
        self._at: Found | None = None
        self._from: Key = (0, 0, (-1,))
        self._pending: Found | None = None
        self._wrapped = ""

    # --- what is shown ---------------------------------------------------------------------------------------------

    def set_log(self, log: TrafficLog) -> None:
        """Another source is shown."""
        self._log = log
        self._conversation = None
        self._forget()

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Another association is shown."""
        self._conversation = conversation
        if self.bar.where is Scope.ASSOCIATION:
            self._is_stale = True

    def apply(self, change: Change) -> None:
        """More traffic came, or some went: the next question looks again."""
        if self._found or self._slices.busy or self.is_open:
            self._is_stale = True

    def shown_changed(self) -> None:
        """Another message is shown, or more of it."""
        if not self.is_open:
            return
        pending = self._pending
        if pending is not None and pending[2] is not None and pending[2].row is self._shown.row:
            self._pending = None
            self._arrive(pending)
        elif self.bar.where is Scope.MESSAGE:
            self._at = None
            self._look(jump=False)
        self._underline()

    # --- the bar ---------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the bar is there."""
        return not self.bar.isHidden()

    def open_find(self) -> None:
        """Open the bar and put the keyboard into it."""
        self.bar.show()
        self.bar.text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.bar.text.selectAll()
        if self.bar.text.text():
            self._look(jump=False)

    def close_find(self) -> None:
        """Close the bar and forget what was found."""
        had_focus = self.bar.isAncestorOf(self.window().focusWidget() or self._view)
        self.bar.hide()
        self.bar.stop()
        self._forget()
        if had_focus:
            self._view.setFocus(Qt.FocusReason.OtherFocusReason)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._slices.stop()
        self._is_stale = True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QKeyEvent) or watched is not self._view:
            return super().eventFilter(watched, event)
        if event.type() is QEvent.Type.ShortcutOverride and event.matches(QKeySequence.StandardKey.Find):
            # The window may have another use for the keys; where bytes have the focus, they find bytes.
            event.accept()
            return True
        if event.type() is QEvent.Type.KeyPress and event.matches(QKeySequence.StandardKey.Find):
            self.open_find()
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.is_open:
            if event.key() == Qt.Key.Key_Escape:
                self.close_find()
                return
            if event.matches(QKeySequence.StandardKey.FindNext):
                self.bar.ask(True)
                return
            if event.matches(QKeySequence.StandardKey.FindPrevious):
                self.bar.ask(False)
                return
        elif event.matches(QKeySequence.StandardKey.FindNext):
            self.open_find()
            return
        super().keyPressEvent(event)

    # --- searching -------------------------------------------------------------------------------------------------

    def _here(self) -> Iterator[tuple[Place, int] | None]:
        """Hits in what is shown; raises FindError."""
        raise NotImplementedError

    def _elsewhere(self, conversations: list[Conversation]) -> Iterator[Hit | None]:
        """Hits in the messages of associations; raises FindError."""
        raise NotImplementedError

    def _place(self) -> Place:
        """Where the person is in what is shown; (-1,) for nowhere."""
        raise NotImplementedError

    def _arrive(self, found: Found) -> None:
        """Go to a place in what is shown."""
        raise NotImplementedError

    def _underline(self) -> None:
        """Show every hit in what is shown."""

    def _is_at(self, found: Found) -> bool:
        """Whether the person is still at a hit."""
        return self._place() == found[0][2]

    def _forget(self) -> None:
        self._slices.stop()
        self._found = []
        self._at = self._pending = None
        self._is_whole = self._is_capped = self._is_stale = False
        self._wish = 0
        self.bar.say("")
        self._underline()

    def _look(self, *, jump: bool, wish: int = 0) -> None:
        """Begin a search; `jump` goes to the first hit from where the person is."""
        if not self.is_open or not self.isVisible():
            self._is_stale = True
            return
        before = self._position()
        self._forget()
        if not self.bar.text.text():
            return
        try:
            work = self._work()
        except FindError as error:
            self.bar.say(str(error), is_problem=True)
            return
        self._from = before
        self._wish = wish or (2 if jump else 0)
        self._slices.start(work)

    def _work(self) -> Iterator[None]:
        """The search as steps; what cannot be looked for is said before the first."""
        if self.bar.where is Scope.MESSAGE:
            here = self._here()
            return self._collect(None if one is None else ((0, 0, one[0]), one[1], None) for one in here)
        conversations: list[Conversation] = []
        if self.bar.where is Scope.ASSOCIATION:
            conversations = [self._conversation] if self._conversation is not None else []
        elif self._log is not None:
            conversations = sorted(self._log.conversations, key=lambda conversation: conversation.number)
        elsewhere = self._elsewhere(conversations)
        return self._collect(None if hit is None else (hit.key, hit.length, hit) for hit in elsewhere)

    def _collect(self, search: Iterator[Found | None]) -> Iterator[None]:
        for steps, found in enumerate(search, 1):
            if found is not None:
                self._found.append(found)
                if len(self._found) >= _MOST_HITS:
                    self._is_capped = True
                    break
            if steps % _SETTLE_EVERY == 0:
                self._settle()
            yield
        self._is_whole = True

    def _finished(self) -> None:
        self._is_whole = True
        self._settle()
        self._underline()

    # --- going there -----------------------------------------------------------------------------------------------

    def go(self, forward: bool) -> None:
        """Go to the next hit, or the one before."""
        if not self.is_open:
            self.open_find()
            return
        wish = 1 if forward else -1
        if self._is_stale or not (self._found or self._slices.busy or self._is_whole):
            self._look(jump=False, wish=wish)
            return
        self._from = self._position()
        self._wish = wish
        self._settle()

    def _position(self) -> Key:
        """Where to look from: the hit gone to last, or where the person went since."""
        at = self._at
        is_there = at is not None and (at[2] is None or at[2].row is self._shown.row)
        if at is not None and is_there and self._is_at(at):
            return at[0]
        if self.bar.where is Scope.MESSAGE:
            return 0, 0, self._place()
        row = self._shown.row
        number = self._conversation.number if self._conversation is not None else 0
        if isinstance(row, PduRow):
            return number, row.message.number if row.message is not None else 0, (-1,)
        return number, row.number if row is not None else 0, self._place()

    def _settle(self) -> None:
        """Go where the person wished to, once the search is so far; say how many there are."""
        if self._wish:
            target = self._target()
            if target is not None:
                self._wish = 0
                if not self._visit(target):
                    return
            elif self._is_whole:
                self._wish = 0
        self._say()

    def _target(self) -> Found | None:
        """The hit that is wished for; None while it is not found, or when there is none."""
        found, start = self._found, self._from
        self._wrapped = ""
        if not found:
            return None
        if self._wish < 0:
            place = bisect_left(found, start, key=_key) - 1
            if place >= 0:
                return found[place] if self._is_whole or found[-1][0] >= start else None
            if not self._is_whole:
                return None
            self._wrapped = ", from the end"
            return found[-1]
        side = bisect_right if self._wish == 1 else bisect_left
        place = side(found, start, key=_key)
        if place < len(found):
            return found[place]
        if not self._is_whole:
            return None
        self._wrapped = ", from the top"
        return found[0]

    def _visit(self, found: Found) -> bool:
        """Go to a hit; False if it is gone."""
        self._at = found
        hit = found[2]
        if hit is None or hit.row is self._shown.row:
            self._arrive(found)
            return True
        if hit.conversation.index_of(hit.row.number) < 0:
            self.bar.say("That message is no longer kept")
            self._is_stale = True
            return False
        self._pending = found
        self.message_chosen.emit(hit.conversation, hit.row)
        if self._pending is found and self._shown.row is hit.row:
            # Nobody said that another message is shown; it is all the same.
            self._pending = None
            self._arrive(found)
        self._underline()
        return True

    def _say(self) -> None:
        count = len(self._found)
        more = "+" if self._is_capped else "" if self._is_whole else "…"
        if not count:
            self.bar.say("Not found" if self._is_whole else "Searching…", is_problem=self._is_whole)
            return
        number = f"{count:,}{more}"
        if self._at is not None:
            place = bisect_left(self._found, self._at[0], key=_key)
            if place < count and self._found[place][0] == self._at[0]:
                number = f"{place + 1:,} of {number}{self._wrapped}"
        else:
            number += " found"
        self.bar.say(number)


def _key(found: Found) -> Key:
    return found[0]


class BytesPane(FindPane):
    """The bytes, and finding text or bytes in them."""

    def __init__(self, theme: Theme, view: BytesView, shown: Shown, parent: QWidget | None = None) -> None:
        super().__init__(theme, view, shown, "bytes", with_bytes=True, parent=parent)
        self._bytes = view
        view.find_asked.connect(self.open_find)

    def _needle(self) -> Needle:
        text = self.bar.text.text()
        return Needle.of_hex(text) if self.bar.is_hex else Needle.of_text(text, case=self.bar.case.isChecked())

    def _here(self) -> Iterator[tuple[Place, int] | None]:
        found = find_in_bytes(self._bytes.data, self._needle())
        return (None if one is None else ((one[0],), one[1]) for one in found)

    def _elsewhere(self, conversations: list[Conversation]) -> Iterator[Hit | None]:
        return find_bytes(conversations, self._needle())

    def _place(self) -> Place:
        return (self._bytes.cursor_offset,)

    def _is_at(self, found: Found) -> bool:
        start = found[0][2][0]
        return start <= self._bytes.cursor_offset < start + max(found[1], 1)

    def _arrive(self, found: Found) -> None:
        self._bytes.select(found[0][2][0], found[1])

    def _underline(self) -> None:
        row = self._shown.row
        here = self._found if self.is_open else []
        self._bytes.set_found((key[2][0], length) for key, length, hit in here if hit is None or hit.row is row)


class DecodedPane(FindPane):
    """The decoded fields, and finding words in their names and values."""

    def __init__(self, theme: Theme, view: DecodedView, shown: Shown, parent: QWidget | None = None) -> None:
        super().__init__(theme, view, shown, "decoded", with_bytes=False, parent=parent)
        self._fields = view
        view.find_asked.connect(self.open_find)

    def _words(self) -> Words:
        return Words.of_text(self.bar.text.text(), case=self.bar.case.isChecked())

    def _here(self) -> Iterator[tuple[Place, int] | None]:
        dissection = self._shown.dissection
        found = find_in_fields(dissection.fields if dissection is not None else (), self._words())
        return (None if path is None else (path, 0) for path in found)

    def _elsewhere(self, conversations: list[Conversation]) -> Iterator[Hit | None]:
        return find_fields(conversations, self._words())

    def _place(self) -> Place:
        return self._fields.current_path() or (-1,)

    def _arrive(self, found: Found) -> None:
        self._fields.go_to(found[0][2])
