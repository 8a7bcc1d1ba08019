"""A field for code: line numbers, signs beside lines with problems, indentation as Python wants it.

Knows neither files nor what the code is for.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from workstation.ui.dialogs.script_editor.highlighter import PythonHighlighter
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import Outcome, draw_outcome, name_widget
from workstation.ui.theme import Theme

_STEP = "    "
_SIGN = 14
_BETWEEN = 6


class CodeEdit(QPlainTextEdit):
    """An editor of Python text.

    Args:
        theme: Colours.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._problems: dict[int, str] = {}
        name_widget(self, "scriptText", "Script")
        self.setFont(theme.fixed_font())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabStopDistance(QFontMetrics(self.font()).horizontalAdvance(" ") * len(_STEP))
        self.highlighter = PythonHighlighter(self.document(), theme)
        self.margin = _Margin(self)
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._move_margin)
        self.cursorPositionChanged.connect(self._mark_line)
        theme.changed.connect(self._mark_line)
        self._make_room()
        self._mark_line()

    # --- what is shown

    def set_text(self, text: str) -> None:
        """Show another text."""
        self.highlighter.set_text(text)
        self.document().setModified(False)

    @property
    def problems(self) -> Mapping[int, str]:
        """Line -> what is wrong there."""
        return dict(self._problems)

    def set_problems(self, problems: Mapping[int, str]) -> None:
        """Put signs beside these lines."""
        self._problems = dict(problems)
        self.margin.update()

    def go_to_line(self, line: int) -> None:
        """Put the cursor at the beginning of a line's text, and show it."""
        block = self.document().findBlockByNumber(max(0, line - 1))
        if not block.isValid():
            return
        cursor = QTextCursor(block)
        text = block.text()
        cursor.movePosition(
            QTextCursor.MoveOperation.Right, QTextCursor.MoveMode.MoveAnchor, len(text) - len(text.lstrip())
        )
        self.setTextCursor(cursor)
        self.centerCursor()
        self.setFocus()

    @property
    def line(self) -> int:
        """Where the cursor is, from 1."""
        return self.textCursor().blockNumber() + 1

    # --- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key(), event.modifiers():
            case (Qt.Key.Key_Tab, Qt.KeyboardModifier.NoModifier):
                self._indent()
            case (Qt.Key.Key_Backtab, _):
                self._dedent()
            case (Qt.Key.Key_Return | Qt.Key.Key_Enter, Qt.KeyboardModifier.NoModifier):
                self._new_line()
            case (Qt.Key.Key_Slash, Qt.KeyboardModifier.ControlModifier):
                self._comment()
            case (Qt.Key.Key_Backspace, Qt.KeyboardModifier.NoModifier) if self._stands_at_step():
                self._dedent()
            case _:
                super().keyPressEvent(event)

    def _stands_at_step(self) -> bool:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        return not cursor.hasSelection() and bool(before) and not before.strip() and len(before) % len(_STEP) == 0

    def _indent(self) -> None:
        cursor = self.textCursor()
        if cursor.hasSelection():
            self._each_line(lambda text: _STEP + text if text.strip() else text)
            return
        column = cursor.positionInBlock()
        cursor.insertText(" " * (len(_STEP) - column % len(_STEP)))

    def _dedent(self) -> None:
        self._each_line(lambda text: text[min(len(_STEP), len(text) - len(text.lstrip(" "))) :])

    def _comment(self) -> None:
        lines = [line for line in self._chosen_lines() if line.strip()]
        if lines and all(line.lstrip().startswith("#") for line in lines):
            self._each_line(_uncommented)
        else:
            self._each_line(lambda text: f"# {text}" if text.strip() else text)

    def _new_line(self) -> None:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        indent = before[: len(before) - len(before.lstrip(" "))]
        if before.rstrip().endswith(":"):
            indent += _STEP
        elif before.split(maxsplit=1)[:1] and before.split()[0] in ("return", "raise", "pass", "break", "continue"):
            indent = indent[: -len(_STEP)]
        cursor.insertText(f"\n{indent}")
        self.setTextCursor(cursor)
        self.ensureCursorVisible()

    def _chosen_lines(self) -> list[str]:
        first, last = self._chosen_range()
        return [self.document().findBlockByNumber(number).text() for number in range(first, last + 1)]

    def _chosen_range(self) -> tuple[int, int]:
        cursor = self.textCursor()
        document = self.document()
        first = document.findBlock(cursor.selectionStart())
        last = document.findBlock(cursor.selectionEnd())
        if cursor.hasSelection() and cursor.selectionEnd() == last.position() and last.blockNumber() > 0:
            last = last.previous()
        return first.blockNumber(), max(first.blockNumber(), last.blockNumber())

    def _each_line(self, change: object) -> None:
        assert callable(change)
        first, last = self._chosen_range()
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for number in range(first, last + 1):
            block = self.document().findBlockByNumber(number)
            new = change(block.text())
            if new != block.text():
                # Only what differs, so that the person's cursor stays where it is.
                kept = _common_end(block.text(), new)
                cursor.setPosition(block.position())
                cursor.setPosition(block.position() + len(block.text()) - kept, QTextCursor.MoveMode.KeepAnchor)
                cursor.insertText(new[: len(new) - kept])
        cursor.endEditBlock()

    # --- the margin

    def margin_width(self) -> int:
        """Room for the numbers and the signs."""
        digits = max(3, len(str(self.blockCount())))
        return _SIGN + _BETWEEN + self.fontMetrics().horizontalAdvance("9" * digits) + _BETWEEN

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        area = self.contentsRect()
        self.margin.setGeometry(QRect(area.left(), area.top(), self.margin_width(), area.height()))

    def paint_margin(self, event: QPaintEvent) -> None:
        """Paint the numbers of the lines in sight."""
        painter = QPainter(self.margin)
        painter.fillRect(event.rect(), self._theme.alternate)
        painter.setFont(self.font())
        width = self.margin.width() - _BETWEEN
        height = self.fontMetrics().height()
        current = self.textCursor().blockNumber()
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid() and top <= event.rect().bottom():
            number = block.blockNumber()
            if block.isVisible():
                painter.setPen(self._theme.text if number == current else self._theme.dimmed)
                box = QRect(_SIGN, int(top), width - _SIGN, height)
                painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(number + 1))
                if number + 1 in self._problems:
                    sign = QRectF(2, top + (height - 12) / 2, 12, 12)
                    draw_outcome(painter, sign, Outcome.FAILURE, self._theme.failure)
            top += self.blockBoundingRect(block).height()
            block = block.next()
        painter.end()

    def line_at(self, y: int) -> int:
        """The line at a height of the viewport, from 1."""
        return self.cursorForPosition(QPoint(0, y)).blockNumber() + 1

    def _make_room(self) -> None:
        self.setViewportMargins(self.margin_width(), 0, 0, 0)

    def _move_margin(self, area: QRect, by: int) -> None:
        if by:
            self.margin.scroll(0, by)
        else:
            self.margin.update(0, area.y(), self.margin.width(), area.height())

    def _mark_line(self) -> None:
        mark = QTextEdit.ExtraSelection()
        colour = QColor(self._theme.highlight)
        colour.setAlpha(90)
        mark.format.setBackground(colour)
        mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
        mark.cursor = self.textCursor()
        mark.cursor.clearSelection()
        self.setExtraSelections([mark])
        self.margin.update()


class _Margin(QWidget):
    """Beside the text; its tooltips are the problems."""

    def __init__(self, editor: CodeEdit) -> None:
        super().__init__(editor)
        self._editor = editor
        name_widget(self, "scriptMargin", "Line numbers")

    def sizeHint(self) -> QSize:
        return QSize(self._editor.margin_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._editor.paint_margin(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            text = self._editor.problems.get(self._editor.line_at(event.pos().y()), "")
            QToolTip.showText(event.globalPos(), plain_tooltip(text), self)
            return True
        return super().event(event)


def _uncommented(text: str) -> str:
    body = text.lstrip(" ")
    indent = text[: len(text) - len(body)]
    return indent + body.removeprefix("#").removeprefix(" ") if body.startswith("#") else text


def _common_end(one: str, other: str) -> int:
    length = 0
    for first, second in zip(reversed(one), reversed(other), strict=False):
        if first != second:
            break
        length += 1
    return length
