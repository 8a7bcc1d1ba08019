"""Rows of several lines, painted: a title, a short text at its right, lines below, a box to tick or a sign before it.

For lists of some dozen entries that are to be read at any width. Knows nothing of rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPalette, QPen
from PySide6.QtWidgets import (
    QApplication,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QStyleOptionViewItem,
    QWidget,
)

from workstation.ui.parts.widgets import Outcome, draw_outcome
from workstation.ui.theme import Theme

CARD_ROLE = Qt.ItemDataRole.UserRole + 1
"""What a model answers with a `Card`."""

_MARGIN = 6
_BOX = 18
_GAP = 8

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a row shows.

    Attributes:
        title: Bold.
        right: Beside the title, at the right edge.
        lines: Below it, each with the name of its colour in the theme, "" for ordinary text.
        is_dimmed: Of a row that is off.
        is_checked: Of the box before the title; None for no box.
        sign: Before the title, instead of a box.
    """

    title: str
    right: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    is_dimmed: bool = False
    is_checked: bool | None = None
    sign: Outcome | None = None


class CardDelegate(QStyledItemDelegate):
    """Paints `Card`s; the box is ticked with the mouse or the space bar."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        card = index.data(CARD_ROLE)
        lines = len(card.lines) if isinstance(card, Card) else 0
        return QSize(120, (1 + lines) * QFontMetrics(option.font).lineSpacing() + 2 * _MARGIN)

    def box(self, row: QRect, line: int) -> QRect:
        """Where the box or sign of a row is."""
        return QRect(row.left() + _MARGIN, row.top() + _MARGIN + (line - _BOX) // 2, _BOX, _BOX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        card = index.data(CARD_ROLE)
        if not isinstance(card, Card):
            return
        theme = self._theme
        row = option.rect
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if is_selected:
            painter.fillRect(row, theme.highlight)
        elif index.row() % 2:
            painter.fillRect(row, theme.alternate)
        plain = QFont(option.font)
        bold = QFont(option.font)
        bold.setBold(True)
        metrics = QFontMetrics(plain)
        line = metrics.lineSpacing()
        text = theme.highlighted_text if is_selected else theme.text
        box = self.box(row, line)
        left = row.left() + _MARGIN
        if card.is_checked is not None:
            self._paint_box(painter, box, card.is_checked)
            left = box.right() + _GAP
        elif card.sign is not None:
            draw_outcome(painter, QRectF(box).adjusted(2, 2, -2, -2), card.sign, card.sign.colour(theme))
            left = box.right() + _GAP
        top, right = row.top() + _MARGIN, row.right() - _MARGIN
        if card.right:
            width = metrics.horizontalAdvance(card.right)
            painter.setFont(plain)
            painter.setPen(QPen(text if is_selected else theme.dimmed))
            painter.drawText(QRect(right - width, top, width + 1, line), Qt.AlignmentFlag.AlignVCenter, card.right)
            right -= width + _GAP
        painter.setFont(bold)
        painter.setPen(QPen(theme.dimmed if card.is_dimmed and not is_selected else text))
        self._write(painter, QFontMetrics(bold), card.title, QRect(left, top, right - left, line))
        painter.setFont(plain)
        for said, colour in card.lines:
            top += line
            chosen = text if is_selected or not colour else getattr(theme, colour)
            painter.setPen(QPen(theme.dimmed if card.is_dimmed and not is_selected else chosen))
            self._write(painter, metrics, said, QRect(left, top, row.right() - _MARGIN - left, line))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.accent))
            painter.drawRect(row.adjusted(0, 0, -1, -1))
        painter.restore()

    def _write(self, painter: QPainter, metrics: QFontMetrics, text: str, place: QRect) -> None:
        if place.width() > 0:
            fitting = metrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, fitting)

    def _paint_box(self, painter: QPainter, box: QRect, is_checked: bool) -> None:
        option = QStyleOptionButton()
        option.rect = box.adjusted(1, 1, -1, -1)
        option.state = QStyle.StateFlag.State_Enabled | (
            QStyle.StateFlag.State_On if is_checked else QStyle.StateFlag.State_Off
        )
        option.palette = QPalette(_palette_of("QCheckBox"))  # its frame is seen in the dark, too
        QApplication.style().drawPrimitive(QStyle.PrimitiveElement.PE_IndicatorCheckBox, option, painter)

    def editorEvent(self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: Index) -> bool:
        if not index.flags() & Qt.ItemFlag.ItemIsUserCheckable:
            return False
        if isinstance(event, QMouseEvent):
            box = self.box(option.rect, QFontMetrics(option.font).lineSpacing()).adjusted(-4, -4, 4, 4)
            if event.button() is not Qt.MouseButton.LeftButton or not box.contains(event.position().toPoint()):
                return False
            if event.type() is not QEvent.Type.MouseButtonRelease:
                # Taken, so that a double click on the box is no double click on the row.
                return event.type() is QEvent.Type.MouseButtonDblClick
        elif not (isinstance(event, QKeyEvent) and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Select)):
            return False
        is_checked = Qt.CheckState(index.data(Qt.ItemDataRole.CheckStateRole)) is Qt.CheckState.Checked
        state = Qt.CheckState.Unchecked if is_checked else Qt.CheckState.Checked
        return model.setData(_plain(model, index), state, Qt.ItemDataRole.CheckStateRole)


def _palette_of(name: str) -> QPalette:
    # The stub asks for bytes, which the binding refuses at run time; text is what it takes.
    return QApplication.palette(name)  # type: ignore[call-overload, no-any-return]


def _plain(model: QAbstractItemModel, index: Index) -> QModelIndex:
    return index if isinstance(index, QModelIndex) else model.index(index.row(), index.column())
