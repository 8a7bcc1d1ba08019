"""The line in which a display filter is typed: what may come next is offered below it, a slip is marked under its
letters.

Checks and completes by `traffic.filters`; does not know what the filter is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from workstation.traffic.filters.filter import Completion, FilterError, complete
from workstation.traffic.text import printable
from workstation.ui.parts.widgets import name_widget
from workstation.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
_HELP_ROLE = Qt.ItemDataRole.UserRole + 1
_SHOWN_ROWS = 10
_WIDEST = 620
_AIR = 6


class _Offers(QAbstractListModel):
    """The completions."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.offers: Sequence[Completion] = ()

    def show(self, offers: Sequence[Completion]) -> None:
        self.beginResetModel()
        self.offers = offers
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.offers)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self.offers):
            return None
        offer = self.offers[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return printable(offer.text)
        if role in (_HELP_ROLE, Qt.ItemDataRole.AccessibleDescriptionRole):
            return printable(offer.help)
        return None


class _Painter(QStyledItemDelegate):
    """A word, and behind it dimmed what it means."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self.column = 0

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        painter.save()
        rect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(rect, self._theme.highlight)
        metrics = QFontMetrics(option.font)
        painter.setFont(option.font)
        painter.setPen(self._theme.highlighted_text if selected else self._theme.text)
        room = min(self.column, rect.width() - 2 * _AIR)
        word = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(rect.adjusted(_AIR, 0, 0, 0), middle, word)
        left = _AIR + self.column + 2 * _AIR
        if rect.width() - left > 60:
            painter.setPen(self._theme.highlighted_text if selected else self._theme.dimmed)
            help_ = metrics.elidedText(
                str(index.data(_HELP_ROLE)), Qt.TextElideMode.ElideRight, rect.width() - left - _AIR
            )
            painter.drawText(rect.adjusted(left, 0, 0, 0), middle, help_)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(100, QFontMetrics(option.font).height() + _AIR)


class _Popup(QFrame):
    """The list of completions below a line. Takes neither focus nor grab: typing goes on."""

    def __init__(self, theme: Theme, line: FilterLine) -> None:
        super().__init__(line, Qt.WindowType.ToolTip | Qt.WindowType.FramelessWindowHint)
        self.setFrameShape(QFrame.Shape.Box)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self._theme = theme
        self._line = line
        self.model = _Offers(self)
        self._delegate = _Painter(theme, self)
        self.list = QListView(self)
        name_widget(self.list, "filterCompletions", "What may come next")
        self.list.setModel(self.model)
        self.list.setItemDelegate(self._delegate)
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setMinimumSize(1, 1)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.clicked.connect(lambda index: line.take(self.model.offers[index.row()]))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.addWidget(self.list)
        theme.changed.connect(self._colour)
        self._colour()

    def _colour(self) -> None:
        palette = self.palette()
        palette.setColor(self.foregroundRole(), self._theme.colours.frame)
        self.setPalette(palette)

    def offer(self, offers: Sequence[Completion]) -> None:
        """Show these below the word that they replace."""
        self.model.show(offers)
        self.list.setCurrentIndex(QModelIndex())
        line, metrics = self._line, QFontMetrics(self.list.font())
        # One more than the advance, which is rounded: eliding is exact, and would cut the widest word.
        words = max(metrics.horizontalAdvance(printable(offer.text)) + 1 for offer in offers)
        helps = max(metrics.horizontalAdvance(printable(offer.help)) for offer in offers)
        window = line.window().width()
        room = max(min(_WIDEST, window - 2 * _AIR), 200)
        self._delegate.column = min(words, int(room * 0.55) if helps else room)
        bar = self.list.verticalScrollBar().sizeHint().width() if len(offers) > _SHOWN_ROWS else 0
        width = min(self._delegate.column + helps + 6 * _AIR + bar + 4, room)
        row = metrics.height() + _AIR
        self.resize(width, row * min(len(offers), _SHOWN_ROWS) + 4)
        # Below the word, but not beyond the window's right edge.
        left = line.mapTo(line.window(), QPoint(line.x_of(offers[0].start), 0)).x()
        left = max(0, min(left, window - width - _AIR))
        below = line.mapTo(line.window(), QPoint(0, line.height())).y()
        self.move(line.window().mapToGlobal(QPoint(left, below)))
        self.show()
        self.list.scrollToTop()

    def step(self, by: int) -> None:
        """Go up or down."""
        count = self.model.rowCount()
        current = self.list.currentIndex()
        row = current.row() + by if current.isValid() else (0 if by > 0 else count - 1)
        self.list.setCurrentIndex(self.model.index(max(0, min(row, count - 1)), 0))

    @property
    def chosen(self) -> Completion | None:
        """The completion that the person went to."""
        row = self.list.currentIndex().row()
        return self.model.offers[row] if 0 <= row < len(self.model.offers) else None


class FilterLine(QLineEdit):
    """A line of a display filter.

    Args:
        theme: Colours.
        known: For a field's name the values that the traffic has.
    """

    def __init__(self, theme: Theme, known: Callable[[str], Iterable[str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._known = known
        self._error: FilterError | None = None
        self._watched: QWidget | None = None
        self.popup = _Popup(theme, self)
        self.textEdited.connect(self.offer)
        theme.changed.connect(self.update)

    # --- what is wrong ---------------------------------------------------------------------------------------------

    def mark(self, error: FilterError | None) -> None:
        """Draw a wave under what an error is about; None takes it away."""
        self._error = error
        self.update()

    def x_of(self, position: int) -> int:
        """Where a character stands, in pixels from the line's left edge."""
        text, metrics = self.text(), self.fontMetrics()
        here = metrics.horizontalAdvance(text[: self.cursorPosition()])
        return self.cursorRect().center().x() + metrics.horizontalAdvance(text[:position]) - here

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        error = self._error
        if error is None:
            return
        least, most = 26, self.width() - 26
        left = self.x_of(error.position)
        right = max(self.x_of(error.position + error.length), left + 8)
        left, right = max(left, least), min(right, most)
        if left >= right:
            return
        base = (self.height() + self.fontMetrics().height()) // 2 + 1
        wave = QPainterPath()
        wave.moveTo(left, base)
        up = True
        for x in range(left + 2, right + 1, 2):
            wave.lineTo(x, base - 2 if up else base)
            up = not up
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._theme.failure), 1.4))
        painter.drawPath(wave)
        painter.end()

    # --- what may come next ----------------------------------------------------------------------------------------

    def offer(self, *_: object) -> None:
        """Offer what may be written at the cursor."""
        offers = complete(self.text(), self.cursorPosition(), self._known)
        here = self.text()[offers[0].start : offers[0].end] if offers else ""
        if not offers or (len(offers) == 1 and offers[0].text == here) or not self.isVisible():
            self.popup.hide()
            return
        if self._watched is None:
            self._watched = self.window()
            self._watched.installEventFilter(self)
        self.popup.offer(offers)

    def take(self, offer: Completion) -> None:
        """Write a completion in its place, and go on offering."""
        text = self.text()
        space = "" if text[offer.end : offer.end + 1].isspace() else " "
        self.setSelection(offer.start, offer.end - offer.start)
        # As if typed, so that undo takes it back.
        self.insert(offer.text + space)
        if not space:
            self.setCursorPosition(offer.start + len(offer.text) + 1)
        self.popup.hide()
        self.textEdited.emit(self.text())

    def event(self, event: QEvent) -> bool:
        # Tab would leave the line before keyPressEvent hears of it.
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Tab:
            offer = self.popup.chosen or next(iter(self.popup.model.offers), None)
            if self.popup.isVisible() and offer is not None:
                self.take(offer)
                return True
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.key() == Qt.Key.Key_Escape
            and self.popup.isVisible()
        ):
            # Escape closes the list, not the dialog or dock around it.
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        asks = key == Qt.Key.Key_Space and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if not self.popup.isVisible():
            if key == Qt.Key.Key_Down or asks:
                self.offer()
                return
            super().keyPressEvent(event)
            return
        match key:
            case Qt.Key.Key_Down:
                self.popup.step(1)
            case Qt.Key.Key_Up:
                self.popup.step(-1)
            case Qt.Key.Key_PageDown:
                self.popup.step(_SHOWN_ROWS)
            case Qt.Key.Key_PageUp:
                self.popup.step(-_SHOWN_ROWS)
            case Qt.Key.Key_Escape:
                self.popup.hide()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if self.popup.chosen is not None:
                self.take(self.popup.chosen)
            case _:
                if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Left, Qt.Key.Key_Right):
                    self.popup.hide()
                super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.popup.hide()
        super().mousePressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.popup.hide()
        super().focusOutEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self.popup.hide()
        super().hideEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The list is a window of its own and would stay where it is.
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.WindowDeactivate):
            self.popup.hide()
        return super().eventFilter(watched, event)
