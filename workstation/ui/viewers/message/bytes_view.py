"""Bytes in hexadecimal and ASCII, with the bytes of the selected field marked.

Paints only the rows in sight, so a megabyte opens as fast as a page. A click, or the cursor keys, say which byte the
person is at; somebody else knows which field that is and says what to mark. Shift or dragging selects bytes to copy,
which changes no field. What a search found is underlined. Knows bytes and places, nothing of PDUs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QMenu, QToolTip, QWidget

from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.theme import Theme

Span = tuple[int, int]
"""Offset and length."""

_MAX_COPY = 8 << 20
_MAX_DUMP = 256 << 10
_PLAIN, _AROUND, _MARKED, _SELECTED = range(4)
_ASCII = bytes(b if 0x20 <= b < 0x7F else 0 for b in range(256))


class BytesView(QAbstractScrollArea):
    """A hex view.

    Args:
        theme: Colours and the fixed font.
        describe: What a byte belongs to, in a few words for its tooltip; "" for nothing.
    """

    byte_selected = Signal(int)
    """The person went to this byte."""
    find_asked = Signal()
    """The person wants to look for something in the bytes."""

    def __init__(
        self, theme: Theme, describe: Callable[[int], str] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("bytesView")
        self.setAccessibleName("Bytes")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._theme = theme
        self._describe = describe
        self._data: bytes = b""
        self._note = ""
        self._marks: tuple[Span, ...] = ()
        self._around: tuple[Span, ...] = ()
        self._breaks: frozenset[int] = frozenset()
        self._found: list[Span] = []
        self._found_starts: list[int] = []
        self._longest_found = 0
        self._cursor = -1
        self._anchor = -1
        self._columns = 16
        self._cell = 8.0
        self._line = 16
        self._base = 12.0
        self._take_font()
        theme.changed.connect(self._take_font)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.viewport().setMouseTracking(False)

    # --- what is shown ---------------------------------------------------------------------------------------------

    def set_bytes(self, data: bytes, note: str = "", breaks: Iterable[int] = ()) -> None:
        """Show other bytes.

        Args:
            data: The bytes; offsets count from the first.
            note: A sentence below the last row, e.g. that not all bytes were kept.
            breaks: Offsets where something new begins (the next PDU), drawn as a thin line.
        """
        self._note = note
        self._breaks = frozenset(breaks)
        self._marks = self._around = ()
        if data is not self._data:
            self._data = data
            self._cursor = self._anchor = -1
            self.set_found(())
            self._fit()
            self.verticalScrollBar().setValue(0)
        self.viewport().update()

    @property
    def data(self) -> bytes:
        """The bytes shown."""
        return self._data

    @property
    def marks(self) -> tuple[Span, ...]:
        """The places that are marked."""
        return self._marks

    @property
    def cursor_offset(self) -> int:
        """The byte that the person went to last; -1 for none."""
        return self._cursor

    def mark(self, spans: Sequence[Span], around: Sequence[Span] = ()) -> None:
        """Mark the bytes of a field, faintly those of what it stands in, and bring the first into sight."""
        self._marks = tuple(span for span in spans if span[1] > 0)
        self._around = tuple(span for span in around if span[1] > 0)
        if self._marks:
            first = min(offset for offset, _ in self._marks)
            inside = any(offset <= self._cursor < offset + length for offset, length in self._marks)
            if not inside:
                self._cursor = self._anchor = min(first, len(self._data) - 1)
            self._show(self._cursor if inside else first, self._marks[0])
        self._announce()
        self.viewport().update()

    def set_found(self, spans: Iterable[Span]) -> None:
        """Underline what a search found, until there are other bytes."""
        self._found = sorted(spans)
        self._found_starts = [offset for offset, _ in self._found]
        self._longest_found = max((length for _, length in self._found), default=0)
        self.viewport().update()

    @property
    def found(self) -> list[Span]:
        """What is underlined."""
        return self._found

    def select(self, offset: int, length: int) -> None:
        """Go to a byte and select from it on, as the person does."""
        if not self._data:
            return
        self.go_to(offset)
        self.go_to(offset + max(length, 1) - 1, select=True)
        # Saying where the person is may have marked a field; these bytes are what is looked at.
        self._anchor = max(0, min(offset, len(self._data) - 1))
        self._show(self._anchor)
        self.viewport().update()

    def go_to(self, offset: int, *, select: bool = False) -> None:
        """Put the cursor on a byte; `select` keeps the other end of the selection where it is."""
        if not self._data:
            return
        offset = max(0, min(offset, len(self._data) - 1))
        self._cursor = offset
        if not select:
            self._anchor = offset
        self._show(offset)
        self._announce()
        self.viewport().update()
        if not select:
            self.byte_selected.emit(offset)

    def selection(self) -> bytes:
        """What Copy takes: the selected bytes, or those marked, or the one at the cursor."""
        if self._anchor != self._cursor and self._anchor >= 0:
            start, end = sorted((self._anchor, self._cursor))
            return self._data[start : min(end + 1, start + _MAX_COPY)]
        if self._marks:
            return b"".join(self._data[offset : offset + length] for offset, length in self._marks)[:_MAX_COPY]
        return self._data[self._cursor : self._cursor + 1] if self._cursor >= 0 else b""

    def offset_at(self, point: QPoint) -> int:
        """The byte at a point of the viewport, in the hexadecimal or the ASCII part; -1 outside."""
        row = self.verticalScrollBar().value() + (point.y() - self._margin()) // self._line
        x = point.x()
        hex_left, text_left = self._hex_left(), self._text_left()
        column = -1
        if x >= text_left - self._cell / 2:
            column = int((x - text_left) / self._cell)
        elif x >= hex_left - self._cell / 2:
            cell = (x - hex_left + self._cell / 2) / self._cell
            half = self._columns // 2
            column = int(cell / 3)
            if column >= half:
                column = max(half, int((cell - 1) / 3))
            column = min(column, self._columns - 1)
        if not 0 <= column < self._columns or row < 0:
            return -1
        offset = row * self._columns + column
        return offset if 0 <= offset < len(self._data) else -1

    # --- events ----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        offset = self.offset_at(event.position().toPoint())
        if offset >= 0:
            self.go_to(offset, select=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            offset = self.offset_at(event.position().toPoint())
            if offset >= 0 and offset != self._cursor:
                self.go_to(offset, select=True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_hex()
            return
        if event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
            return
        page = max(1, self._rows_in_sight() - 1) * self._columns
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        at = max(self._cursor, 0)
        row = at - at % self._columns
        targets = {
            Qt.Key.Key_Left: at - 1,
            Qt.Key.Key_Right: at + 1 if self._cursor >= 0 else 0,
            Qt.Key.Key_Up: at - self._columns if at >= self._columns else at,
            Qt.Key.Key_Down: at + self._columns if at + self._columns < len(self._data) else at,
            Qt.Key.Key_PageUp: at - page,
            Qt.Key.Key_PageDown: at + page,
            Qt.Key.Key_Home: 0 if control else row,
            Qt.Key.Key_End: len(self._data) - 1 if control else row + self._columns - 1,
        }
        target = targets.get(Qt.Key(event.key()))
        if target is None:
            super().keyPressEvent(event)
            return
        self.go_to(target, select=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self.make_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    def make_menu(self) -> QMenu:
        """The context menu."""
        menu = QMenu(self)
        menu.setObjectName("bytesMenu")
        some = bool(self.selection())
        copy = menu.addAction("Copy as hexadecimal", self.copy_hex)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setEnabled(some)
        menu.addAction("Copy as text", self.copy_text).setEnabled(some)
        menu.addAction("Copy as Python bytes", self.copy_python).setEnabled(some)
        menu.addAction("Copy offset", self.copy_offset).setEnabled(self._cursor >= 0)
        menu.addAction("Copy dump of the selection", self.copy_dump).setEnabled(some)
        menu.addSeparator()
        every = menu.addAction("Select all", self.select_all)
        every.setShortcut(QKeySequence(QKeySequence.StandardKey.SelectAll))
        find = menu.addAction("Find…", lambda: self.find_asked.emit())
        find.setShortcut(QKeySequence(QKeySequence.StandardKey.Find))
        return menu

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            offset = self.offset_at(event.pos())
            text = self._words(offset) if offset >= 0 else ""
            QToolTip.showText(event.globalPos(), plain_tooltip(text), self.viewport())
            return True
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._take_font()

    # --- copying ---------------------------------------------------------------------------------------------------

    def copy_hex(self) -> None:
        """Copy like `04 00 00 01`."""
        self._copy(self.selection().hex(" "))

    def copy_text(self) -> None:
        """Copy as Latin-1, control characters as dots."""
        self._copy("".join(chr(b) if 0x20 <= b < 0x7F or b >= 0xA0 else "." for b in self.selection()))

    def copy_python(self) -> None:
        """Copy as a Python literal."""
        self._copy(repr(self.selection()))

    def copy_dump(self) -> None:
        """Copy with offsets and characters, a line for each row."""
        if self._anchor != self._cursor and self._anchor >= 0:
            first = min(self._anchor, self._cursor)
        else:
            first = self._marks[0][0] if self._marks else max(self._cursor, 0)
        data = self.selection()[:_MAX_DUMP]
        lines = []
        for start in range(0, len(data), 16):
            row = data[start : start + 16]
            shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
            lines.append(f"{first + start:04x}  {row.hex(' '):<47}  {shown}")
        self._copy("\n".join(lines))

    def copy_offset(self) -> None:
        """Copy the offset of the byte at the cursor."""
        self._copy(f"0x{self._cursor:04x}")

    def select_all(self) -> None:
        """Select every byte."""
        if self._data:
            self._anchor, self._cursor = 0, len(self._data) - 1
            self.viewport().update()

    @staticmethod
    def _copy(text: str) -> None:
        clipboard = QApplication.clipboard()
        if text and clipboard is not None:
            clipboard.setText(text)

    # --- geometry --------------------------------------------------------------------------------------------------

    def _take_font(self) -> None:
        font = self._theme.fixed_font()
        if self.font().pointSizeF() > 0:
            font.setPointSizeF(self.font().pointSizeF())
        font.setStyleHint(QFont.StyleHint.Monospace)
        self._fixed = font
        metrics = QFontMetricsF(font)
        self._cell = metrics.horizontalAdvance("0")
        self._line = int(metrics.height() + 2)
        self._base = metrics.ascent() + 1
        self._fit()
        self.viewport().update()

    def _margin(self) -> int:
        return 4

    def _digits(self) -> int:
        return max(4, len(f"{max(len(self._data) - 1, 0):x}"))

    def _hex_left(self) -> float:
        return 8.0 + (self._digits() + 2) * self._cell

    def _text_left(self) -> float:
        return self._hex_left() + (self._columns * 3 + 2) * self._cell

    def _hex_x(self, column: int) -> float:
        gap = 1 if column >= self._columns // 2 else 0
        return self._hex_left() + (column * 3 + gap) * self._cell

    def _fit(self) -> None:
        """As many bytes a row as there is room for: 16, 8 or 4."""
        top = self.verticalScrollBar().value() * self._columns
        width = self.viewport().width()
        for columns in (16, 8, 4):
            self._columns = columns
            if self._text_left() + columns * self._cell + 4 <= width:
                break
        rows = -(-len(self._data) // self._columns) + (2 if self._note else 0)
        bar = self.verticalScrollBar()
        bar.setPageStep(max(1, self._rows_in_sight()))
        bar.setRange(0, max(0, rows - self._rows_in_sight()))
        bar.setValue(top // self._columns)

    def _rows_in_sight(self) -> int:
        return max(1, (self.viewport().height() - self._margin()) // self._line)

    def _show(self, offset: int, span: Span | None = None) -> None:
        """Bring a byte into sight; a marked field whole if it fits, with what is before it if it was out of sight."""
        bar, sight = self.verticalScrollBar(), self._rows_in_sight()
        row = offset // self._columns
        last = (span[0] + span[1] - 1) // self._columns if span else row
        last = min(max(last, row), row + sight - 1)
        if bar.value() <= row and last < bar.value() + sight:
            return
        if span is not None:
            bar.setValue(min(row, max(row - sight // 3, last - sight + 1)))
        elif row < bar.value():
            bar.setValue(row)
        else:
            bar.setValue(row - sight + 1)

    # --- words -----------------------------------------------------------------------------------------------------

    def _words(self, offset: int) -> str:
        byte = self._data[offset]
        shown = f" '{chr(byte)}'" if 0x20 <= byte < 0x7F else ""
        place = f"Offset 0x{offset:04x} ({offset:,}): 0x{byte:02x}, {byte}{shown}"
        owner = self._describe(offset) if self._describe is not None else ""
        return f"{place}\n{owner}" if owner else place

    def _announce(self) -> None:
        if 0 <= self._cursor < len(self._data):
            self.setAccessibleDescription(self._words(self._cursor))

    # --- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        # Ended whatever happens: a painter that outlives its paint event takes the process down.
        with undisturbed, QPainter(self.viewport()) as painter:
            self._paint(painter, event.rect())

    def _paint(self, painter: QPainter, area: QRect) -> None:
        theme = self._theme
        painter.fillRect(area, theme.base)
        painter.setFont(self._fixed)
        top_row = self.verticalScrollBar().value()
        first = max(0, (area.top() - self._margin()) // self._line)
        last = area.bottom() // self._line + 1
        for line in range(first, last + 1):
            start = (top_row + line) * self._columns
            if start >= len(self._data):
                break
            self._paint_row(painter, start, self._margin() + line * self._line)
        rows = -(-len(self._data) // self._columns)
        if self._note and self._data:
            painter.setFont(self.font())
            painter.setPen(theme.dimmed)
            y = self._margin() + (rows - top_row) * self._line + 4
            place = QRectF(8, y, self.viewport().width() - 12, 2 * self._line)
            painter.drawText(place, Qt.TextFlag.TextWordWrap, self._note)

    def _kinds(self, start: int, count: int) -> list[int]:
        """For each byte of a row, how it is shown."""
        kinds = [_PLAIN] * count
        for spans, kind in ((self._around, _AROUND), (self._marks, _MARKED)):
            for offset, length in spans:
                low, high = max(offset - start, 0), min(offset + length - start, count)
                if low < high:
                    kinds[low:high] = [kind] * (high - low)
        if self._anchor >= 0 and self._anchor != self._cursor:
            low, high = sorted((self._anchor, self._cursor))
            low, high = max(low - start, 0), min(high + 1 - start, count)
            if low < high:
                kinds[low:high] = [_SELECTED] * (high - low)
        return kinds

    def _paint_row(self, painter: QPainter, start: int, y: int) -> None:
        theme, cell = self._theme, self._cell
        row = self._data[start : start + self._columns]
        kinds = self._kinds(start, len(row))
        baseline = y + self._base
        painter.setPen(theme.dimmed)
        painter.drawText(QPoint(8, int(baseline)), f"{start:0{self._digits()}x}")
        text_left = self._text_left()
        column = 0
        for kind, group in groupby(kinds):
            count = len(list(group))
            if kind != _PLAIN:
                self._paint_run(painter, kind, column, count, y, text_left)
            column += count
        for column, (byte, kind) in enumerate(zip(row, kinds, strict=True)):
            painter.setPen(self._ink(byte, kind))
            painter.drawText(int(self._hex_x(column)), int(baseline), _HEX[byte])
            painter.setPen(self._ink(0 if not _ASCII[byte] else 1, kind))
            painter.drawText(int(text_left + column * cell), int(baseline), _SHOWN[byte])
        self._paint_found(painter, start, len(row), y)
        for offset in self._breaks:
            if offset > 0 and start <= offset < start + len(row):
                x = self._hex_x(offset - start) - cell / 2
                painter.setPen(QPen(theme.accent, 1.0))
                painter.drawLine(int(x), y, int(x), y + self._line)
        if self.hasFocus() and start <= self._cursor < start + len(row):
            painter.setPen(QPen(theme.accent, 1.5))
            at = self._cursor - start
            painter.drawRect(QRectF(self._hex_x(at) - 1.5, y + 0.5, 2 * cell + 3, self._line - 1.5))

    def _paint_found(self, painter: QPainter, start: int, count: int, y: int) -> None:
        """A line under the bytes and characters that a search found: a shape, whatever ground they stand on."""
        first = bisect_left(self._found_starts, start - self._longest_found + 1)
        cell, text_left = self._cell, self._text_left()
        for offset, length in self._found[first:]:
            if offset >= start + count:
                break
            low, high = max(offset - start, 0), min(offset + length - start, count)
            if low >= high:
                continue
            left, right = self._hex_x(low), self._hex_x(high - 1) + 2 * cell
            bottom = y + self._line - 2.5
            painter.fillRect(QRectF(left, bottom, right - left, 2.5), self._theme.accent)
            painter.fillRect(
                QRectF(text_left + low * cell, bottom, (high - low) * cell, 2.5),
                self._theme.accent,
            )

    def _ink(self, byte: int, kind: int) -> QColor:
        """Zeros and what is not ASCII step back, so that the eye finds the rest."""
        theme = self._theme
        if kind == _MARKED:
            return theme.on_marked
        if kind == _SELECTED:
            return theme.highlighted_text
        return theme.text if byte or kind == _AROUND else theme.dimmed

    def _paint_run(self, painter: QPainter, kind: int, column: int, count: int, y: int, text_left: float) -> None:
        """The ground behind neighbouring bytes, and a line under those of the field: a shape beside the colour."""
        theme, cell = self._theme, self._cell
        fill = {_AROUND: theme.alternate, _MARKED: theme.marked, _SELECTED: theme.highlight}[kind]
        if kind == _AROUND:
            fill = QColor(theme.marked)
            fill.setAlphaF(0.22)
        left = self._hex_x(column) - cell / 2
        right = self._hex_x(column + count - 1) + 2.5 * cell
        runs = (
            QRectF(left, y, right - left, self._line),
            QRectF(text_left + column * cell, y, count * cell, self._line),
        )
        for place in runs:
            painter.fillRect(place, fill)
            if kind == _MARKED:
                painter.fillRect(QRectF(place.left(), place.bottom() - 1.5, place.width(), 1.5), theme.text)


_HEX = [f"{byte:02x}" for byte in range(256)]
_SHOWN = [chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in range(256)]
