"""Each request and its response as bars in a lane of its own, on one time axis: sent, waited for, received.

Only the lanes in sight are painted, so that a million of them scroll like ten. The axis spans what is in sight, the
whole association, or lets each request begin at zero, which compares them. Knows `Timing`, nothing of how it is read.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import Enum
from functools import partial
from math import ceil, floor, log10

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QMenu, QToolTip, QWidget

from workstation.net.status import code_to_category
from workstation.traffic.analysis.timing import Exchange, Stage, Timing
from workstation.traffic.text import quantity
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.rates import bytes_text
from workstation.ui.parts.traffic_table import copy_to_clipboard, tabular
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.parts.widgets import name_widget
from workstation.ui.theme import Theme
from workstation.ui.viewers.timing.text import filters_on, paint_stage, span_text, stage_word

_RIGHT = 10
_AIR = 6
_MOST_ZOOM = 10_000.0
_SIGNS = {
    "Success": ("", ""),
    "Pending": ("…", "pending"),
    "Cancel": ("■", "cancelled"),
    "Warning": ("▲", "warning"),
    "Failure": ("✕", "failure"),
}


class Scale(Enum):
    """What the time axis spans."""

    SIGHT = "sight"
    WHOLE = "whole"
    ZERO = "zero"


def ticks(since: float, until: float, most: int) -> tuple[float, list[float]]:
    """Round moments in a stretch of time, at most so many, and what lies between two of them."""
    least = max(until - since, 1e-9) / max(most, 1)
    power = 10.0 ** floor(log10(least))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)
    first = ceil(since / step - 1e-6)
    return step, [step * at for at in range(first, floor(until / step + 1e-6) + 1)]


def tick_text(seconds: float, step: float, most: float) -> str:
    """A moment on the axis, as exact as the ticks are apart."""
    if most < 1.0:
        scale, unit = (1e6, "µs") if most < 0.001 else (1e3, "ms")
    else:
        scale, unit = 1.0, "s"
    decimals = max(0, -floor(log10(step * scale) + 1e-9))
    return f"{seconds * scale:,.{decimals}f} {unit}"


class LanesView(QAbstractScrollArea):
    """The lanes.

    Args:
        theme: Colours.
    """

    chosen = Signal(int, bool)
    """The person went to an exchange: its place, and whether to the response."""
    filter_asked = Signal(str)
    """The person wants to see only some; carries an expression."""
    time_moved = Signal()
    """The axis spans another stretch of time."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "timingLanes", "Requests over time")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.setMinimumHeight(64)
        self._theme = theme
        self._timing: Timing | None = None
        self._watched = False
        self._now = 0.0
        self._scale = Scale.SIGHT
        self._zoom = 1.0
        self._current = -1  # the place of the exchange that is selected
        self._at_end = True
        self._span = (0.0, 1.0)
        self._measure()
        self.setFont(tabular(self.font()))
        theme.changed.connect(self.viewport().update)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.horizontalScrollBar().valueChanged.connect(self._slid)

    # --- what is shown ---------------------------------------------------------------------------------------------

    def set_timing(self, timing: Timing | None, *, watched: bool, at_end: bool) -> None:
        """Show another association, from its beginning or at its end."""
        self._timing, self._watched, self._now = timing, watched, 0.0
        self._current, self._zoom = -1, 1.0
        self._at_end = at_end
        self.verticalScrollBar().setValue(0)
        self.refresh()

    def refresh(self, now: float | None = None) -> None:
        """More was read.

        Args:
            now: until when requests are waited for that have no response, where that is later than the last PDU;
                None: as before.
        """
        if now is not None:
            self._now = now
        self._fit()
        if self._at_end:
            bar = self.verticalScrollBar()
            bar.setValue(bar.maximum())
        self._move_window()
        self.viewport().update()

    @property
    def scale(self) -> Scale:
        """What the axis spans."""
        return self._scale

    def set_scale(self, scale: Scale) -> None:
        """Let the axis span something else."""
        self._scale, self._zoom = scale, 1.0
        self.refresh()

    @property
    def current(self) -> int:
        """The place of the selected exchange; negative when none is."""
        return self._current

    def select(self, place: int | None) -> None:
        """Select an exchange and bring it in sight; emits nothing."""
        new = -1 if place is None else place
        if new == self._current:
            return
        self._current = new
        lane = self._lane_of(new)
        if lane is not None:
            self._bring(lane)
            self.setAccessibleDescription(self.words(self._exchange(lane)))
        self.viewport().update()

    def shown_time(self) -> tuple[float, float] | None:
        """The stretch of time that the axis shows, in seconds since the epoch; None when lanes begin at zero."""
        if self._timing is None or self._scale is Scale.ZERO:
            return None
        since, until = self._span
        step = (until - since) / self._content_width()
        left = since + self.horizontalScrollBar().value() * step
        # Beyond the last bar there is room for a few pixels more: the axis goes on to the edge.
        width = self._plot_width + _RIGHT
        return self._timing.start + left, self._timing.start + left + step * width

    @property
    def axis_place(self) -> tuple[int, int]:
        """The pixels at which the axis begins and ends."""
        return self._labels, self._labels + self._plot_width + _RIGHT

    def lane_rect(self, lane: int) -> QRect:
        """Where a lane is painted in the viewport."""
        top = self._ruler + lane * self._height - self.verticalScrollBar().value()
        return QRect(0, top, self.viewport().width(), self._height)

    def bars(self, lane: int) -> list[tuple[Stage, QRectF]]:
        """The parts of a lane and where they are painted."""
        exchange = self._exchange(lane)
        zero = exchange.start if self._scale is Scale.ZERO else self._start
        rect = self.lane_rect(lane)
        inset = 4.0
        full = (rect.top() + inset, rect.height() - 2 * inset)
        thin = (rect.top() + inset + 3, rect.height() - 2 * inset - 6)
        asking, answering = (Stage.SEND, Stage.RECEIVE) if exchange.sent else (Stage.RECEIVE, Stage.SEND)
        waiting = {"A-ASSOCIATE": Stage.NEGOTIATE, "A-RELEASE": Stage.RELEASE}.get(
            exchange.name, Stage.PEER if exchange.sent else Stage.OURS
        )
        parts: list[tuple[Stage, float, float, tuple[float, float]]] = []
        timing = self._timing
        assert timing is not None
        if exchange.place == 0 and timing.connect and self._scale is not Scale.ZERO:
            parts.append((Stage.CONNECT, timing.start, exchange.start, thin))
        if exchange.awaits:
            until = exchange.first
            if until is None:
                until = max(self._until(), exchange.request_end)
            responses = timing.responses(exchange.place) if exchange.responses > 1 else None
            if responses is not None:
                # Each response where it came; the side goes on thinking between them.
                parts.append((waiting, exchange.request_end, exchange.end, thin))
                parts += [(answering, begin, end, full) for begin, end in responses]
            else:
                parts.append((waiting, exchange.request_end, until, thin))
                if exchange.first is not None:
                    parts.append((answering, exchange.first, exchange.end, full if exchange.responses < 2 else thin))
            if not exchange.done and exchange.first is not None:
                parts.append((waiting, exchange.end, self._until(), thin))
        parts.append((asking, exchange.start, exchange.request_end, full))
        bars = []
        for stage, since, until, (top, height) in parts:
            left, right = self._x(since - zero), self._x(until - zero)
            least = 2.0 if stage in (asking, answering) else 0.0
            bars.append((stage, QRectF(left, top, max(right - left, least), height)))
        return bars

    def words(self, exchange: Exchange) -> str:
        """Everything on an exchange."""
        asker, answerer = Stage.SEND, Stage.PEER
        if not exchange.sent:
            asker, answerer = Stage.RECEIVE, Stage.OURS
        lines = [f"{exchange.request}  {'→' if exchange.sent else '←'} {exchange.name}"]
        sending = stage_word(asker, watched=self._watched)
        amount = f"{sending}: {span_text(exchange.sending)}, {bytes_text(exchange.size)}"
        lines.append(amount + (f" at {bytes_text(exchange.rate)}/s" if exchange.rate else ""))
        timing = self._timing
        if exchange.place == 0 and timing is not None and timing.connect is not None:
            lines.insert(1, f"Connecting: {span_text(timing.connect)}")
        if not exchange.awaits:
            return "\n".join(lines)
        if exchange.first_byte is None:
            ended = timing is not None and timing.conversation.finished
            lines.append("No response" if ended else "No response yet")
            return "\n".join(lines)
        thinking = stage_word(answerer, watched=self._watched)
        lines.append(f"First byte after {span_text(exchange.first_byte)}")
        if exchange.responses > 1:
            lines.append(f"{quantity(exchange.responses, 'response')} in {span_text(exchange.receiving)}")
            lines.append(f"{thinking}: {span_text(exchange.waited)} in all")
        elif exchange.receiving > 0:
            lines.append(f"Response: {span_text(exchange.receiving)}, {bytes_text(exchange.answer_size)}")
        if exchange.answer is not None:
            lines.append(f"Response time: {span_text(exchange.answer)}")
        else:
            lines.append("The last response is not there")
        if exchange.status is not None:
            lines.append(f"Status 0x{exchange.status:04X} ({code_to_category(exchange.status)})")
        return "\n".join(lines)

    # --- geometry --------------------------------------------------------------------------------------------------

    @property
    def _start(self) -> float:
        return self._timing.start if self._timing is not None else 0.0

    def _until(self) -> float:
        """The last moment known."""
        return max(self._timing.end, self._now) if self._timing is not None else 0.0

    def _count(self) -> int:
        return len(self._timing.shown) if self._timing is not None else 0

    def _exchange(self, lane: int) -> Exchange:
        assert self._timing is not None
        return self._timing.exchange(self._timing.shown[lane])

    def _lane_of(self, place: int) -> int | None:
        if self._timing is None or place < 0:
            return None
        lane = bisect_left(self._timing.shown, place)
        return lane if lane < self._count() and self._timing.shown[lane] == place else None

    def _measure(self) -> None:
        """Sizes that painting asks for hundreds of times."""
        self._metrics = QFontMetrics(self.font())
        self._height = self._metrics.height() + _AIR
        self._ruler = self._metrics.height() + 4
        width = self.viewport().width()
        self._labels = max(min(width * 2 // 5, 190), 112)
        self._plot_width = max(width - self._labels - _RIGHT, 20)

    def _content_width(self) -> float:
        return self._plot_width * self._zoom

    def _x(self, seconds: float) -> float:
        """Where a moment stands, counted from the axis' origin."""
        since, until = self._span
        across = (seconds - since) / (until - since) * self._content_width()
        return self._labels + across - self.horizontalScrollBar().value()

    def _in_sight(self) -> range:
        height, top = self._height, self.verticalScrollBar().value()
        room = self.viewport().height() - self._ruler
        return range(top // height, min((top + room) // height + 1, self._count()))

    def _fit(self) -> None:
        self._measure()
        height = self._height
        room = self.viewport().height() - self._ruler
        bar = self.verticalScrollBar()
        at_end = self._at_end
        bar.setSingleStep(height)
        bar.setPageStep(max(room, height))
        bar.setRange(0, max(self._count() * height - room, 0))
        self._at_end = at_end
        across = self.horizontalScrollBar()
        across.setSingleStep(20)
        across.setPageStep(self._plot_width)
        across.setRange(0, int(self._content_width()) - self._plot_width)

    def _move_window(self) -> None:
        """The axis spans what it has to now."""
        timing = self._timing
        span = (0.0, 1.0)
        lanes = self._in_sight()
        if timing is not None and lanes:
            if self._scale is Scale.WHOLE:
                span = (0.0, self._until() - timing.start)
            else:
                exchanges = [self._exchange(lane) for lane in lanes]
                now = self._until()
                ends = [each.end if each.done or not each.awaits else max(each.end, now) for each in exchanges]
                if self._scale is Scale.ZERO:
                    longest = max(end - each.start for each, end in zip(exchanges, ends, strict=True))
                    # All begin at the left, so there must be room behind them for how long they took.
                    room = self._metrics.horizontalAdvance("00.0 ms…") + 6
                    span = (0.0, longest * self._plot_width / max(self._plot_width - room, room))
                else:
                    first = timing.start if lanes[0] == 0 and exchanges[0].place == 0 else exchanges[0].start
                    span = (min(first, *(each.start for each in exchanges)) - timing.start, max(ends) - timing.start)
            # Room behind the last bar for how long it took.
            span = (span[0], max(span[1] + (span[1] - span[0]) * 0.02, span[0] + 1e-6))
        if span != self._span:
            self._span = span
            self.viewport().update()
        self.time_moved.emit()

    def _bring(self, lane: int) -> None:
        bar, height = self.verticalScrollBar(), self._height
        room = self.viewport().height() - self._ruler
        if lane * height < bar.value():
            bar.setValue(lane * height)
        elif (lane + 1) * height > bar.value() + room:
            bar.setValue((lane + 1) * height - room)

    # --- events ----------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(420, 240)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self.refresh()

    def _scrolled(self, value: int) -> None:
        self._at_end = value >= self.verticalScrollBar().maximum()
        self._move_window()
        self.viewport().update()

    def _slid(self) -> None:
        self.time_moved.emit()
        self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1.25 ** (event.angleDelta().y() / 120), event.position().x())
            event.accept()
        else:
            super().wheelEvent(event)

    def zoom(self, factor: float, x: float | None = None) -> None:
        """Stretch the time axis around a point, or around its middle."""
        bar = self.horizontalScrollBar()
        at = (x if x is not None else self._labels + self._plot_width / 2) - self._labels
        share = (bar.value() + at) / self._content_width()
        self._zoom = min(max(self._zoom * factor, 1.0), _MOST_ZOOM)
        self._fit()
        bar.setValue(round(share * self._content_width() - at))
        self._move_window()
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        lane = self._lane_of(self._current)
        page = max((self.viewport().height() - self._ruler) // self._height - 1, 1)
        bar = self.horizontalScrollBar()
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: page,
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_Home: -self._count(),
            Qt.Key.Key_End: self._count(),
        }
        key = Qt.Key(event.key())
        if key in steps and self._count():
            start = lane if lane is not None else self._in_sight()[0] - 1
            self._choose(min(max(start + steps[key], 0), self._count() - 1), False)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1.5)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / 1.5)
        elif key == Qt.Key.Key_0:
            self.zoom(1 / _MOST_ZOOM)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            bar.setValue(bar.value() + bar.singleStep() * (1 if key == Qt.Key.Key_Right else -1))
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        lane = self._lane_at(event.position())
        if event.button() is Qt.MouseButton.RightButton and lane is not None:
            self._choose(lane, False)
        elif event.button() is Qt.MouseButton.LeftButton and lane is not None:
            exchange = self._exchange(lane)
            answer = False
            if exchange.first is not None and event.position().x() >= self._labels:
                zero = exchange.start if self._scale is Scale.ZERO else self._start
                answer = event.position().x() >= self._x(exchange.first - zero) - 1
            self._choose(lane, answer)
        else:
            super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        at = QPointF(event.pos())
        lane = self._lane_at(at)
        where = event.globalPos()
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            lane = self._lane_of(self._current)
            if lane is not None:
                where = self.viewport().mapToGlobal(self.lane_rect(lane).bottomLeft() + QPoint(20, 0))
        if lane is None:
            return
        menu = QMenu(self)
        menu.setObjectName("timingLanesMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_menu(menu, lane)
        menu.popup(where)

    def fill_menu(self, menu: QMenu, lane: int) -> None:
        """Add the actions for a lane."""
        exchange = self._exchange(lane)
        menu.addAction(f"Go to the request, row {exchange.request:,}", lambda: self._choose(lane, False))
        if exchange.response:
            menu.addAction(f"Go to the response, row {exchange.response:,}", lambda: self._choose(lane, True))
        menu.addSeparator()
        for words, expression in filters_on(exchange.name, exchange):
            menu.addAction(words, partial(self.filter_asked.emit, expression))
        menu.addSeparator()
        menu.addAction("Copy its times", lambda: copy_to_clipboard(self.words(exchange)))

    def _choose(self, lane: int, answer: bool) -> None:
        assert self._timing is not None
        place = self._timing.shown[lane]
        self.select(place)
        self._at_end = False
        self.chosen.emit(place, answer)

    def _lane_at(self, point: QPointF) -> int | None:
        if point.y() < self._ruler:
            return None
        lane = int(point.y() - self._ruler + self.verticalScrollBar().value()) // self._height
        return lane if 0 <= lane < self._count() else None

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            lane = self._lane_at(QPointF(event.pos()))
            text = self.words(self._exchange(lane)) if lane is not None else ""
            QToolTip.showText(event.globalPos() + QPoint(8, 8), plain_tooltip(text), self.viewport())
            return True
        return super().viewportEvent(event)

    # --- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with undisturbed, QPainter(self.viewport()) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        theme, view = self._theme, self.viewport()
        painter.fillRect(view.rect(), theme.base)
        if not self._count():
            return
        ruler, labels = self._ruler, self._labels
        painter.setFont(self.font())
        metrics = self._metrics
        lanes = self._in_sight()
        painter.setClipRect(0, ruler, view.width(), view.height() - ruler)
        for lane in lanes:
            rect = self.lane_rect(lane)
            if self._timing is not None and self._timing.shown[lane] == self._current:
                painter.fillRect(rect, theme.highlight)
            elif lane % 2:
                painter.fillRect(rect, theme.alternate)
        self._paint_axis(painter, metrics)
        numbers = metrics.horizontalAdvance(f"{self._exchange(lanes[-1]).request:,}")
        for lane in lanes:
            exchange = self._exchange(lane)
            self._paint_label(painter, metrics, exchange, self.lane_rect(lane), numbers)
            painter.setClipRect(labels, ruler, view.width() - labels, view.height() - ruler)
            self._paint_bars(painter, metrics, lane, exchange)
            painter.setClipRect(0, ruler, view.width(), view.height() - ruler)
        painter.setClipping(False)
        painter.setPen(QPen(theme.border, 1))
        painter.drawLine(labels - 1, 0, labels - 1, view.height())
        painter.drawLine(0, ruler - 1, view.width(), ruler - 1)
        if self.hasFocus():
            painter.setPen(QPen(theme.accent, 1))
            painter.drawRect(view.rect().adjusted(0, 0, -1, -1))

    def _paint_axis(self, painter: QPainter, metrics: QFontMetrics) -> None:
        theme, labels, ruler = self._theme, self._labels, self._ruler
        since, until = self._span
        step_of_pixel = (until - since) / self._content_width()
        left = since + self.horizontalScrollBar().value() * step_of_pixel
        right = left + self._plot_width * step_of_pixel
        widest = metrics.horizontalAdvance("0,000.00 ms") + 14
        step, moments = ticks(left, right, max(self._plot_width // widest, 1))
        painter.save()
        painter.setClipRect(labels, 0, self.viewport().width() - labels, self.viewport().height())
        for moment in moments:
            x = round(self._x(moment))
            painter.setPen(QPen(theme.border, 1, Qt.PenStyle.DotLine))
            painter.drawLine(x, ruler, x, self.viewport().height())
            text = tick_text(moment, step, right)
            painter.setPen(theme.dimmed)
            at = min(max(x + 3, labels + 3), self.viewport().width() - metrics.horizontalAdvance(text) - 2)
            painter.drawText(at, metrics.ascent() + 1, text)
        painter.setClipRect(0, 0, labels, ruler)
        painter.setPen(theme.dimmed)
        heading = "From its beginning" if self._scale is Scale.ZERO else "Since the beginning"
        painter.drawText(6, metrics.ascent() + 1, metrics.elidedText(heading, Qt.TextElideMode.ElideRight, labels - 10))
        painter.restore()

    def _paint_label(
        self, painter: QPainter, metrics: QFontMetrics, exchange: Exchange, rect: QRect, numbers: int
    ) -> None:
        theme = self._theme
        chosen = exchange.place == self._current
        base = rect.top() + (rect.height() - metrics.height()) // 2 + metrics.ascent()
        text = f"{exchange.request:,}"
        painter.setPen(theme.highlighted_text if chosen else theme.dimmed)
        painter.drawText(6 + numbers - metrics.horizontalAdvance(text), base, text)
        left, right = 6 + numbers + 7, self._labels - 6
        sign, colour = self._sign(exchange)
        if sign:
            width = metrics.horizontalAdvance(sign)
            painter.setPen(theme.highlighted_text if chosen else getattr(theme, colour))
            painter.drawText(right - width, base, sign)
            right -= width + 4
        arrow = "→" if exchange.sent else "←"
        painter.setPen(theme.highlighted_text if chosen else theme.sent if exchange.sent else theme.received)
        painter.drawText(left, base, arrow)
        left += metrics.horizontalAdvance(arrow) + 4
        painter.setPen(theme.highlighted_text if chosen else theme.text)
        painter.drawText(left, base, metrics.elidedText(exchange.name, Qt.TextElideMode.ElideRight, right - left))

    def _sign(self, exchange: Exchange) -> tuple[str, str]:
        if exchange.name == "A-ABORT":
            return "✕", "failure"
        if exchange.awaits and not exchange.done:
            ended = self._timing is not None and self._timing.conversation.finished
            return ("?", "failure") if ended else ("…", "pending")
        return _SIGNS[code_to_category(exchange.status)] if exchange.status is not None else ("", "")

    def _paint_bars(self, painter: QPainter, metrics: QFontMetrics, lane: int, exchange: Exchange) -> None:
        theme, rect, bars = self._theme, self.lane_rect(lane), self.bars(lane)
        for stage, place in bars:
            if place.right() >= 0 and place.left() <= self.viewport().width():
                # Far outside the view, numbers of pixels are too large to be painted.
                left = max(place.left(), -10.0)
                right = min(place.right(), self.viewport().width() + 10.0)
                paint_stage(painter, theme, stage, QRectF(left, place.top(), right - left, place.height()))
        left = min(place.left() for _, place in bars)
        right = max(place.right() for _, place in bars)
        if not exchange.awaits:
            middle = rect.center().y() + 0.5
            x = bars[-1][1].left() + 1
            size = 4.5
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            failed = exchange.name == "A-ABORT"
            painter.setBrush(theme.failure if failed else theme.sent if exchange.sent else theme.received)
            points = [QPointF(x, middle - size), QPointF(x + size, middle), QPointF(x, middle + size)]
            painter.drawPolygon(QPolygonF([*points, QPointF(x - size, middle)]))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            right, left = max(right, x + size), min(left, x - size)
        text = self._length_text(exchange)
        width = metrics.horizontalAdvance(text)
        chosen = exchange.place == self._current
        painter.setPen(theme.highlighted_text if chosen else theme.text)
        base = rect.top() + (rect.height() - metrics.height()) // 2 + metrics.ascent()
        if right + 5 + width <= self.viewport().width() - 2:
            painter.drawText(int(max(right, self._labels)) + 5, base, text)
        elif left - 5 - width >= self._labels:
            painter.drawText(int(min(left, self.viewport().width())) - 5 - width, base, text)

    def _length_text(self, exchange: Exchange) -> str:
        if not exchange.awaits:
            return span_text(exchange.total) if exchange.total > 0 else ""
        if exchange.done:
            return span_text(exchange.total)
        timing = self._timing
        assert timing is not None
        ended = timing.conversation.finished
        return "no response" if ended else f"{span_text(max(self._until() - exchange.start, 0.0))}…"
