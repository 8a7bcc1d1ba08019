"""A table of any length that paints itself: rows of one height, each asked for once and drawn in one go.

Qt's own views ask a Python model some thousand times for one picture, and each question waits for the interpreter's
lock. Beside a busy association that made a small table take 300 ms; one Python paint event over the rows in sight
takes 5. So `QTableView` keeps what it does well (selection, keyboard, scrolling, header, accessibility, tooltips), and
only the painting is ours: straight from `RowModel.shown`, with no question for each cell.

Rows may have others below them, as in a tree. Knows neither traffic nor files.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QAccessible,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QPolygon,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from workstation.ui.parts.row_model import CENTRE, RIGHT, Index, RowModel
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.theme import Theme

STEP = 14
"""Pixels of the sign that opens a row, and of the step in for those below it."""

_BEFORE = 3
_AFTER = 6  # more than before: a number, which ends at its column's edge, stays apart from the text of the next one
_AIR = 5  # of a row's height beside its text's
_SIGN = 10  # its side
_CACHED = 6000  # widths of texts kept

# What a text from outside may hold and a line cannot show.
_BLANKS = dict.fromkeys((*range(32), 127, 0x85, 0x2028, 0x2029), " ")


class _Brushes:
    """Pens and measured texts of one palette and font; made anew when either changes."""

    def __init__(self, theme: Theme, palette: QPalette, font: QFont) -> None:
        self._theme = theme
        self._pens: dict[str, QPen] = {"": QPen(palette.color(QPalette.ColorRole.Text))}
        self.selected = QPen(palette.color(QPalette.ColorRole.HighlightedText))
        self.highlight = palette.color(QPalette.ColorRole.Highlight)
        self.alternate = palette.color(QPalette.ColorRole.AlternateBase)
        self.focus = QPen(theme.accent)
        self._signs: dict[tuple[bool, float], QPixmap] = {}
        self.font = font
        self.bold = QFont(font)
        self.bold.setBold(True)
        self._metrics = (QFontMetrics(self.font), QFontMetrics(self.bold))
        self.height = self._metrics[0].height()
        self.ascent = self._metrics[0].ascent()
        self._widths: dict[tuple[str, bool], int] = {}
        self._elided: dict[tuple[str, int, bool], tuple[str, int]] = {}

    def pen(self, colour: str) -> QPen:
        """The pen of a colour's name."""
        pen = self._pens.get(colour)
        if pen is None:
            pen = self._pens[colour] = QPen(getattr(self._theme, colour))
        return pen

    def sign(self, is_open: bool, ratio: float) -> QPixmap:
        """The sign that opens or closes a row, drawn once: a polygon for each row costs more than its texts."""
        sign = self._signs.get((is_open, ratio))
        if sign is None:
            sign = QPixmap(QSize(_SIGN, _SIGN) * ratio)
            sign.setDevicePixelRatio(ratio)
            sign.fill(Qt.GlobalColor.transparent)
            corners = ((1, 3), (9, 3), (5, 7)) if is_open else ((3, 1), (7, 5), (3, 9))
            points = [QPoint(x, y) for x, y in corners]
            with QPainter(sign) as painter:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self._theme.dimmed)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.drawPolygon(QPolygon(points))
            self._signs[is_open, ratio] = sign
        return sign

    def fitted(self, text: str, room: int, is_bold: bool = False) -> tuple[str, int]:
        """The text, or as much of it as there is room for, and its width."""
        width = self._widths.get((text, is_bold))
        if width is None:
            if len(self._widths) > _CACHED:
                self._widths.clear()
            width = self._metrics[is_bold].horizontalAdvance(text)
            self._widths[text, is_bold] = width
        if width <= room:
            return text, width
        key = (text, room, is_bold)
        elided = self._elided.get(key)
        if elided is None:
            if len(self._elided) > _CACHED:
                self._elided.clear()
            metrics = self._metrics[is_bold]
            short = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
            elided = self._elided[key] = (short, metrics.horizontalAdvance(short))
        return elided


class PaintedTable(QTableView):
    """A view of a `RowModel`. A row is the unit: of selection, of the keyboard and of the frame that shows the focus.

    Args:
        theme: Colours.
    """

    toggled = Signal()
    """The person opened or closed a row."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self._brushes: _Brushes | None = None
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        # Painting counts in pixels.
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(1)
        self._size_rows()
        theme.changed.connect(self._forget_brushes)

    def rows(self) -> RowModel:
        """The model."""
        model = self.model()
        assert isinstance(model, RowModel)
        return model

    # --- painting --------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kind = QEvent.Type
        if event.type() in (kind.FontChange, kind.StyleChange, kind.PaletteChange, kind.EnabledChange):
            self._size_rows()
            self._forget_brushes()

    def _size_rows(self) -> None:
        self._row_height = self.fontMetrics().height() + _AIR
        self.verticalHeader().setDefaultSectionSize(self._row_height)

    def _forget_brushes(self) -> None:
        self._brushes = None
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        # The painter is ended whatever happens: one that outlives its paint event takes the process down.
        with undisturbed, QPainter(self.viewport()) as painter:
            self._paint(painter, event)

    def _paint(self, painter: QPainter, event: QPaintEvent) -> None:
        model = self.rows()
        count = model.rowCount()
        if not count:
            return
        viewport = self.viewport()
        if self._brushes is None:
            self._brushes = _Brushes(self.theme, viewport.palette(), self.font())
        height, offset = self._row_height, self.verticalOffset()
        area, region = event.rect(), event.region()
        first, last = max((area.top() + offset) // height, 0), min((area.bottom() + offset) // height, count - 1)
        columns = self._columns_within(area)
        selected = self._selected_within(first, last)
        current = self.currentIndex().row() if self.hasFocus() else -1
        # As wide as the columns, not as the view: scrolling sideways moves what has been painted.
        start, room = -self.horizontalOffset(), max(self.horizontalHeader().length(), viewport.width())
        for line in range(first, last + 1):
            place = QRect(start, line * height - offset, room, height)
            if not region.intersects(place):
                continue
            self._paint_row(painter, model, line, place, columns, line in selected)
            if line == current:
                painter.setPen(self._brushes.focus)
                painter.drawRect(place.adjusted(0, 0, -1, -1))

    def _columns_within(self, rect: QRect) -> list[tuple[int, int, int]]:
        """Column, left edge and width of those in a rectangle."""
        header = self.horizontalHeader()
        columns = []
        for visual in range(header.count()):
            column = header.logicalIndex(visual)
            left, width = header.sectionViewportPosition(column), header.sectionSize(column)
            if width and left <= rect.right() and left + width > rect.left():
                columns.append((column, left, width))
        return columns

    def _selected_within(self, first: int, last: int) -> set[int]:
        selection = self.selectionModel()
        found: set[int] = set()
        if selection is not None:
            chosen = selection.selection()
            for span in map(chosen.at, range(chosen.count())):
                found.update(range(max(span.top(), first), min(span.bottom(), last) + 1))
        return found

    def _paint_row(
        self,
        painter: QPainter,
        model: RowModel,
        line: int,
        area: QRect,
        columns: Sequence[tuple[int, int, int]],
        is_selected: bool,
    ) -> None:
        brushes = self._brushes
        assert brushes is not None
        top, height = area.top(), area.height()
        if is_selected:
            painter.fillRect(area, brushes.highlight)
        elif line & 1:
            painter.fillRect(area, brushes.alternate)
        row = model.shown(line)
        texts, colours = row.texts, row.colours
        base = top + (height - brushes.height) // 2 + brushes.ascent
        painter.setFont(brushes.font)
        if is_selected:
            painter.setPen(brushes.selected)
        if row.is_sentence:
            left = area.left() + STEP * (1 + row.depth) + _BEFORE
            if not is_selected:
                painter.setPen(brushes.pen(colours[0] if colours else ""))
            painter.drawText(left, base, brushes.fitted(_one_line(texts[0]), area.right() - left)[0])
            return
        pen = None
        for column, left, width in columns:
            right = left + width
            if column == model.branch_column:
                if row.is_open is not None:
                    self._paint_sign(painter, left + STEP * row.depth, top, row.is_open)
                    pen = None
                left += STEP * (1 + row.depth)
            if column == model.icon_column and row.icon is not None:
                icon = row.icon
                side = round(icon.height() / icon.devicePixelRatio())
                painter.drawPixmap(left + _BEFORE, top + (height - side) // 2, icon)
                left += _BEFORE + side
            text = texts[column]
            if not text:
                continue
            left += _BEFORE
            alignment = model.alignments[column]
            after = _AFTER if alignment == RIGHT else _BEFORE
            is_bold = row.is_bold and column == model.branch_column
            text, wide = brushes.fitted(_one_line(text), right - after - left, is_bold)
            if alignment == RIGHT:
                left = right - after - wide
            elif alignment == CENTRE:
                left += (right - after - left - wide) // 2
            if not is_selected:
                colour = colours[column] if colours else ""
                if colour != pen:
                    painter.setPen(brushes.pen(colour))
                    pen = colour
            if is_bold:
                painter.setFont(brushes.bold)
            painter.drawText(left, base, text)
            if is_bold:
                painter.setFont(brushes.font)

    def _paint_sign(self, painter: QPainter, left: int, top: int, is_open: bool) -> None:
        assert self._brushes is not None
        sign = self._brushes.sign(is_open, self.devicePixelRatio())
        painter.drawPixmap(left + STEP // 2 - _SIGN // 2, top + self._row_height // 2 - _SIGN // 2, sign)

    def dataChanged(self, top_left: Index, bottom_right: Index, roles: Sequence[int] = ()) -> None:
        # Qt's own repaints everything in sight when it is more than one cell.
        if QAccessible.isActive():
            super().dataChanged(top_left, bottom_right, roles)
        self.repaint_rows(top_left.row(), bottom_right.row())

    def repaint_rows(self, first: int, last: int) -> None:
        """Paint these rows again, soon, as far as they are in sight."""
        height, viewport = self._row_height, self.viewport()
        top = max(first * height - self.verticalOffset(), 0)
        bottom = min((last + 1) * height - self.verticalOffset(), viewport.height())
        if top < bottom:
            viewport.update(0, top, viewport.width(), bottom - top)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        # Qt repaints the cells, ours is a frame around the row.
        for index in (current, previous):
            if index.isValid():
                self.repaint_rows(index.row(), index.row())

    # --- opening ---------------------------------------------------------------------------------------------------

    def set_open(self, index: QModelIndex, is_open: bool) -> None:
        """Show the rows below one, or no longer, as the person does."""
        if index.isValid() and self.rows().shown(index.row()).is_open is (not is_open):
            self.toggled.emit()
            self.rows().open_row(index.row(), is_open)

    def press_sign(self, event: QMouseEvent) -> bool:
        """Open or close a row if the mouse is pressed on its sign; whether it is."""
        point = event.position().toPoint()
        index, model = self.indexAt(point), self.rows()
        if not index.isValid() or event.button() is not Qt.MouseButton.LeftButton:
            return False
        row = model.shown(index.row())
        left = self.columnViewportPosition(model.branch_column) + STEP * row.depth
        if row.is_open is None or not left <= point.x() < left + STEP:
            return False
        self.set_open(index, not row.is_open)
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.press_sign(event):
            super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        is_open = self.rows().shown(index.row()).is_open if index.isValid() else None
        if is_open is None:
            super().mouseDoubleClickEvent(event)
        elif not self.press_sign(event):
            self.set_open(index, not is_open)

    # --- keyboard --------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        command = Qt.KeyboardModifier
        held = event.modifiers() & (command.ControlModifier | command.AltModifier | command.MetaModifier)
        if held or not self._go(Qt.Key(event.key())):
            super().keyPressEvent(event)

    def _go(self, key: Qt.Key) -> bool:
        """Do what a key means here; whether it means anything."""
        model, index = self.rows(), self.currentIndex()
        if model.branch_column < 0:
            # There is no cell to go to: left and right move what is in sight.
            way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(key)
            if way is not None:
                bar = self.horizontalScrollBar()
                bar.setValue(bar.value() + way * bar.singleStep())
            return way is not None
        if not index.isValid():
            return False
        row = index.row()
        is_open = model.shown(row).is_open
        match key:
            case Qt.Key.Key_Right if is_open:
                self.setCurrentIndex(model.index(row + 1, 0))
            case Qt.Key.Key_Right | Qt.Key.Key_Plus:
                self.set_open(index, True)
            case Qt.Key.Key_Left | Qt.Key.Key_Minus if not is_open:
                self.setCurrentIndex(model.index(model.head_of(row), 0))
            case Qt.Key.Key_Left | Qt.Key.Key_Minus:
                self.set_open(index, False)
            case _:
                return False
        return True

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        # Home and End lead to the first and the last row, as in a tree, not along one.
        match action:
            case QAbstractItemView.CursorAction.MoveHome:
                return self.rows().index(0, 0)
            case QAbstractItemView.CursorAction.MoveEnd:
                return self.rows().index(self.rows().rowCount() - 1, 0)
        return super().moveCursor(action, modifiers)

    def keyboardSearch(self, search: str) -> None:
        # Qt's asks all rows for their text: seconds in a full list.
        return

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._repaint_current()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._repaint_current()

    def _repaint_current(self) -> None:
        row = self.currentIndex().row()
        if row >= 0:
            self.repaint_rows(row, row)


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.translate(_BLANKS)
