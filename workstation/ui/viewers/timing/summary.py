"""The timing of an association at a glance: a bar divided among what its time was spent on, and what the parts are.

The parts stand in columns of one width, so that nothing moves while their numbers count up.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workstation.traffic.analysis.timing import Stage
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.traffic_table import tabular
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.parts.widgets import name_widget
from workstation.ui.theme import Theme
from workstation.ui.viewers.timing.text import paint_stage, span_text, stage_word

_BAR = 14
_SIDE = 8
_SWATCH = 11

_EXPLAINED = {
    Stage.CONNECT: "From the beginning to A-ASSOCIATE-RQ: opening the TCP connection and whatever came before asking.",
    Stage.NEGOTIATE: "From A-ASSOCIATE-RQ to A-ASSOCIATE-AC or -RJ.",
    Stage.SEND: "From the first to the last PDU of messages in this direction.",
    Stage.RECEIVE: "From the first to the last PDU of messages in this direction.",
    Stage.PEER: "A whole request is there and its response has not begun, or more responses are to come.",
    Stage.OURS: "A whole request is there and its response has not begun, or more responses are to come.",
    Stage.RELEASE: "From A-RELEASE-RQ to A-RELEASE-RP.",
    Stage.IDLE: "Nothing was asked for and nothing crossed the wire.",
}


class TimeShares(QWidget):
    """The bar and its legend.

    Args:
        theme: Colours.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "timingShares", "What the time was spent on")
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)
        self._theme = theme
        self._spent: list[tuple[Stage, float]] = []
        self._watched = False
        theme.changed.connect(self.update)
        self.setFont(tabular(self.font()))
        self._fit()

    def set_shares(self, spent: dict[Stage, float], *, watched: bool) -> None:
        """Show these seconds of each stage."""
        shown = [(stage, seconds) for stage, seconds in spent.items() if seconds > 0]
        if (shown, watched) == (self._spent, self._watched):
            return
        self._spent, self._watched = shown, watched
        self.setAccessibleDescription(self.text())
        self._fit()
        self.update()

    def text(self) -> str:
        """All of it in words."""
        return "\n".join(self._words(stage, seconds) for stage, seconds in self._spent)

    def _words(self, stage: Stage, seconds: float) -> str:
        return f"{stage_word(stage, watched=self._watched)} {self._amount(seconds)}"

    def _amount(self, seconds: float, *, short: bool = False) -> str:
        whole = sum(each for _, each in self._spent)
        percent = 100 * seconds / whole
        share = f"{'<1' if percent < 0.5 else f'{percent:.0f}'} %"
        return share if short else f"{span_text(seconds)} · {share}"

    def sizeHint(self) -> QSize:
        return QSize(300, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._fit()

    def _is_short(self) -> bool:
        """Whether there is only room for the parts' shares."""
        return self.width() - 2 * _SIDE < 2 * self._column(short=False)

    def _column(self, *, short: bool | None = None) -> int:
        """Pixels of an entry of the legend."""
        word = "Requestor thinks" if self._watched else "Peer thinks"
        short = self._is_short() if short is None else short
        amount = "00 %" if short else "00.0 ms · 00 %"
        return _SWATCH + 6 + QFontMetrics(self.font()).horizontalAdvance(f"{word}  {amount}") + 12

    def _columns(self) -> int:
        return max((self.width() - 2 * _SIDE) // self._column(), 1)

    def _line(self) -> int:
        return QFontMetrics(self.font()).height() + 2

    def _fit(self) -> None:
        # Room for two entries at least: the first of them come one by one.
        lines = -(-max(len(self._spent), 2) // self._columns())
        height = _BAR + 5 + lines * self._line()
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def _places(self) -> list[tuple[Stage, float, QRectF]]:
        whole = sum(each for _, each in self._spent)
        room = self.width() - 2 * _SIDE
        left, places = float(_SIDE), []
        for stage, seconds in self._spent:
            width = room * seconds / whole
            places.append((stage, seconds, QRectF(left, 0.0, width, _BAR)))
            left += width
        return places

    def paintEvent(self, event: QPaintEvent) -> None:
        with undisturbed, QPainter(self) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        theme = self._theme
        frame = QRectF(_SIDE, 0, self.width() - 2 * _SIDE, _BAR)
        painter.fillRect(frame, theme.base)
        for stage, _, place in self._places():
            paint_stage(painter, theme, stage, place)
        painter.setPen(QPen(theme.border, 1))
        painter.drawRect(frame.adjusted(0.5, 0.5, -0.5, -0.5))
        column, columns, line, short = self._column(), self._columns(), self._line(), self._is_short()
        metrics = QFontMetrics(self.font())
        for at, (stage, seconds) in enumerate(self._spent):
            left, top = _SIDE + at % columns * column, _BAR + 5 + at // columns * line
            swatch = QRectF(left + 0.5, top + (line - _SWATCH) / 2, _SWATCH, _SWATCH)
            paint_stage(painter, theme, stage, swatch)
            painter.setPen(QPen(theme.border, 1))
            painter.drawRect(swatch)
            word = stage_word(stage, watched=self._watched)
            left += _SWATCH + 6
            painter.setPen(theme.dimmed)
            base = top + (line - metrics.height()) // 2 + metrics.ascent()
            painter.drawText(left, base, word)
            left += metrics.horizontalAdvance(word + "  ")
            painter.setPen(theme.text)
            painter.drawText(left, base, self._amount(seconds, short=short))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            stage = self._stage_at(event.pos().x(), event.pos().y())
            text = ""
            if stage is not None:
                seconds = dict(self._spent)[stage]
                text = f"{self._words(stage, seconds)}\n{_EXPLAINED[stage]}"
            QToolTip.showText(event.globalPos(), plain_tooltip(text), self)
            return True
        return super().event(event)

    def _stage_at(self, x: int, y: int) -> Stage | None:
        if y <= _BAR:
            return next((stage for stage, _, place in self._places() if place.left() <= x <= place.right()), None)
        columns = self._columns()
        across = (x - _SIDE) // self._column()
        at = (y - _BAR - 5) // self._line() * columns + across
        return self._spent[at][0] if 0 <= across < columns and 0 <= at < len(self._spent) else None
