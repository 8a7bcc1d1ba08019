"""Bytes a second over time: what was sent above the line, what was received below it, both to one scale."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workstation.traffic.analysis.timing import Timing
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.rates import bytes_text
from workstation.ui.parts.traffic_table import tabular
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.parts.widgets import name_widget
from workstation.ui.theme import Theme
from workstation.ui.viewers.timing.text import span_text

_COLUMN = 3  # pixels
_LEAST = 14.0  # pixels of the flatter side


class ThroughputPlot(QWidget):
    """The plot, on the same axis as the lanes above it.

    Args:
        theme: Colours.
    """

    moment_chosen = Signal(float)
    """The person went to a moment, in seconds since the epoch."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "timingThroughput", "Throughput over time")
        self.setFont(tabular(self.font()))
        self.setMinimumHeight(64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._theme = theme
        self._timing: Timing | None = None
        self._watched = False
        self._time: tuple[float, float] = (0.0, 1.0)
        self._left, self._right = 112, 400
        self._series: tuple[list[float], list[float]] = ([], [])
        theme.changed.connect(self.update)

    def set_timing(self, timing: Timing | None, *, watched: bool) -> None:
        """Show another association."""
        self._timing, self._watched = timing, watched
        self.update()

    def set_axis(self, time: tuple[float, float] | None, left: int, right: int) -> None:
        """Show this stretch of time (seconds since the epoch; None: all of it) between two pixels."""
        timing = self._timing
        if time is None and timing is not None:
            time = (timing.start, timing.start + max(timing.duration * 1.02, 1e-6))
        self._time = time or (0.0, 1.0)
        self._left, self._right = left, right
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 92)

    def rate_at(self, x: float) -> tuple[float, float, float] | None:
        """The moment at a place, and what was sent and received a second then."""
        left = self._plot().left()
        column = int((x - left) // _COLUMN)
        sent, received = self._series
        if self._timing is None or not 0 <= column < len(sent) or x < left:
            return None
        since, until = self._time
        moment = since + (until - since) * (column + 0.5) / len(sent)
        return moment - self._timing.start, sent[column], received[column]

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self.rate_at(event.position().x())
        if event.button() is Qt.MouseButton.LeftButton and at is not None and self._timing is not None:
            self.moment_chosen.emit(self._timing.start + at[0])
        else:
            super().mousePressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            at, text = self.rate_at(event.pos().x()), ""
            if at is not None:
                moment, up, down = at
                words = self._words()
                text = f"At {span_text(max(moment, 0.0))}\n"
                text += f"↑ {words[0]} {bytes_text(up)}/s\n↓ {words[1]} {bytes_text(down)}/s"
            QToolTip.showText(event.globalPos() + QPoint(8, 8), plain_tooltip(text), self)
            return True
        return super().event(event)

    def _words(self) -> tuple[str, str]:
        return ("requestor sends", "acceptor sends") if self._watched else ("sent", "received")

    def _plot(self) -> QRectF:
        return QRectF(self._left, 5, max(self._right - self._left, 20), self.height() - 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        with undisturbed, QPainter(self) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        theme, plot, timing = self._theme, self._plot(), self._timing
        painter.fillRect(self.rect(), theme.base)
        painter.setPen(QPen(theme.border, 1))
        painter.drawLine(0, 0, self.width(), 0)
        painter.drawLine(int(plot.left()) - 1, 0, int(plot.left()) - 1, self.height())
        self._series = ([], [])
        if timing is None:
            return
        columns = max(int(plot.width()) // _COLUMN, 1)
        since, until = self._time
        up = timing.throughput.series(since, until, columns, sent=True)
        down = timing.throughput.series(since, until, columns, sent=False)
        self._series = (up, down)
        most_up, most_down = max(up, default=0.0), max(down, default=0.0)
        metrics = QFontMetrics(self.font())
        middle = plot.center().y()
        if most_up + most_down > 0:
            middle = plot.top() + plot.height() * most_up / (most_up + most_down)
            middle = min(max(middle, plot.top() + _LEAST), plot.bottom() - _LEAST)
            # One scale for both, so that equal heights are equal rates.
            above = (middle - plot.top()) / most_up if most_up else 1e9
            below = (plot.bottom() - middle) / most_down if most_down else 1e9
            scale = min(above, below)
            self._paint_side(painter, up, middle, -scale, theme.sent)
            self._paint_side(painter, down, middle, scale, theme.received)
        painter.setPen(QPen(theme.dimmed, 1))
        painter.drawLine(QPointF(plot.left(), middle), QPointF(plot.right(), middle))
        self._paint_words(painter, metrics, middle, most_up, most_down)

    def _paint_side(self, painter: QPainter, values: list[float], middle: float, scale: float, colour: QColor) -> None:
        left = self._plot().left()
        points = [QPointF(left, middle)]
        for column, value in enumerate(values):
            y = middle + value * scale
            if value > 0 and abs(y - middle) < 1.5:
                y = middle + (1.5 if scale > 0 else -1.5)  # little is not nothing
            points += [QPointF(left + column * _COLUMN, y), QPointF(left + (column + 1) * _COLUMN, y)]
        points.append(QPointF(left + len(values) * _COLUMN, middle))
        fill = QColor(colour)
        fill.setAlphaF(0.45)
        painter.setPen(QPen(colour, 1))
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF(points))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_words(
        self, painter: QPainter, metrics: QFontMetrics, middle: float, most_up: float, most_down: float
    ) -> None:
        theme, room = self._theme, int(self._plot().left()) - 12
        line = metrics.height()
        above, below = self._words()
        painter.setFont(self.font())
        # Two lines of text stand clear of each other wherever the middle is.
        y = min(max(middle, line + 3.0), self.height() - line - 3.0)
        for sign, word, rate, colour, top in (
            ("↑", above, most_up, theme.sent, y - line - 1),
            ("↓", below, most_down, theme.received, y + 1),
        ):
            painter.setPen(colour)
            amount = f"{bytes_text(rate)}/s"
            text = f"{sign} {amount} {word}"
            if metrics.horizontalAdvance(text) > room:
                text = f"{sign} {amount}"
            painter.drawText(6, int(top) + metrics.ascent(), text)
