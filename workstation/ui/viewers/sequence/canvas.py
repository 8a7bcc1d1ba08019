"""The pane that a sequence diagram is drawn in: only what is in sight is painted, the heads stay in view.

Takes in what is new in slices between two turns of the event loop, so that a million messages come in while the window
goes on. A click or the cursor keys choose a step; a double click, → and ← open and close what is told as one. Knows
how to show; what is shown is somebody else's business.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QHelpEvent,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from workstation.traffic.analysis.sequence import Passing, Sequence
from workstation.traffic.analysis.sequence_text import Line, details, words
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.rows import MessageRow, PduRow
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.repainting import Repainting
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.parts.widgets import name_widget
from workstation.ui.theme import Theme
from workstation.ui.viewers.sequence.layout import SequenceLayout
from workstation.ui.viewers.sequence.picture import RAISED, Across, SequencePicture

_REFRESH = 80  # milliseconds between two looks at what is new
_TOLD = 0.15  # seconds between two changes of the scroll bar while much comes in
_ANEW = 1.0  # seconds between two beginnings anew, at least
_REST = 10  # times as long as it takes
_MOST_DIRTY = 1000  # conversations remembered as changed
_PADDING = 8  # below the last line
ZOOMS = (0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
SECONDS = (25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400)
"""Pixels for a second."""


class SequenceCanvas(QAbstractScrollArea):
    """Draws a sequence and says where the person goes.

    Args:
        theme: Colours.
    """

    chosen = Signal(object, object)
    """The person went to a step: (Conversation, MessageRow | None)."""
    context_asked = Signal(object, QPoint)
    """The person asked for the menu of a step: (Line | None, where on the screen)."""
    grown = Signal()
    """There is more, or less, to see."""

    _is_made = False

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "sequenceCanvas", "Sequence diagram")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.theme = theme
        self._zoom = ZOOMS.index(1.0)
        self._second = SECONDS.index(800)
        self._by_time = False
        self._fold = True
        self._opened: set[tuple[int, int]] = set()
        self._log = TrafficLog()
        self._conversation: Conversation | None = None
        self._all = False
        self._passing: Passing | None = None
        self._selected: tuple[Conversation, MessageRow | None] | None = None
        self._selected_line = -1
        self._seek = False  # whether the selected step still has to be brought into sight
        self._hovered = -1
        self._fresh = True
        self._dirty: dict[int, Conversation] | None = None  # None: all may have something new
        self._doing: dict[int, Conversation] | None = {}
        self._told = 0.0
        self._steps_told = 0
        self._began = self._took = 0.0  # when it began anew last, and how long that took
        self._take_font()
        self._begin()
        self._slices = Slices(self, self._done)
        self._repainting = Repainting(self.viewport())
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go_on)
        self.viewport().setMouseTracking(True)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        theme.changed.connect(self.viewport().update)
        self._is_made = True

    # --- what is shown ---------------------------------------------------------------------------------------------

    @property
    def sequence(self) -> Sequence:
        """What is shown."""
        return self._sequence

    @property
    def layout_of_lines(self) -> SequenceLayout:
        """Where it is shown."""
        return self._layout

    @property
    def picture(self) -> SequencePicture:
        """What draws it."""
        return self._picture

    @property
    def busy(self) -> bool:
        """Whether not everything is taken in yet."""
        return self._slices.busy or self._timer.isActive() or self._repainting.pending

    @property
    def selected_line(self) -> int:
        """The line of the selected step; -1 for none."""
        return self._selected_line

    def show_sequence(
        self, log: TrafficLog, conversation: Conversation | None, passing: Passing | None, *, everything: bool
    ) -> None:
        """Show one conversation of a log, or all of it when `everything`; nothing for None."""
        same = (log, conversation, passing, everything) == (self._log, self._conversation, self._passing, self._all)
        if same and not self._fresh:
            return
        self._log, self._conversation, self._passing, self._all = log, conversation, passing, everything
        if conversation is not None and self._selected is not None and self._selected[0] is not conversation:
            self._selected = None
        self._opened.clear()
        self._begin()
        self._fresh = True
        self._dirty, self._doing = None, {}
        self.verticalScrollBar().setValue(0)
        self._seek = self._selected is not None
        self._go_on()
        self._place_bars()

    def _begin(self) -> None:
        """A new, empty sequence."""
        self._sequence = self._new_sequence()
        self._layout = self._new_layout(self._sequence)
        self._across = self._measure_across()
        self._selected_line = self._hovered = -1
        self._steps_told = self._height_told = 0

    def _new_sequence(self) -> Sequence:
        if self._conversation is None and not self._all:
            return Sequence(TrafficLog())
        return Sequence(self._log, None if self._all else self._conversation, self._passing)

    def _new_layout(self, sequence: Sequence) -> SequenceLayout:
        measures = self._picture.measures(SECONDS[self._second] if self._by_time else 0.0)
        return SequenceLayout(sequence, measures, self._opened, self._fold)

    def apply(self, change: Change) -> None:
        """A batch was folded into the log: note whose news it is, look later."""
        if self._sequence.conversation is not None:
            number = self._sequence.conversation.number
            rows = change.rows.get(number)
            if rows is None and self._sequence.conversation not in change.changed:
                return
        elif not self._all:
            return
        for rows in change.rows.values():
            self._sequence.note_changed(rows)
        if change.removed and self._all:
            self._sequence.stale = True
        if self._dirty is not None:
            for conversation in (*change.added, *change.changed):
                self._dirty[conversation.number] = conversation
            if len(self._dirty) > _MOST_DIRTY:
                self._dirty = None  # nobody looks: whom it holds may be gone long before somebody does
        self._soon()

    def select(self, conversation: Conversation | None, row: MessageRow | PduRow | None) -> None:
        """The step of a row is the selected one, and in sight."""
        message = row.message if isinstance(row, PduRow) else row
        wanted = (conversation, message) if conversation is not None and message is not None else None
        if self._selected is not None and wanted is not None and self._selected == wanted:
            return
        self._selected = wanted
        self._seek = wanted is not None
        self._find_selected()
        self.viewport().update()

    # --- taking in -------------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        if not self.isVisible() or self._slices.busy:
            return
        if not self._timer.isActive() or self._timer.remainingTime() > _REFRESH:
            self._timer.start(_REFRESH)

    def _go_on(self) -> None:
        """Take in what is new, if anybody sees it."""
        if not self.isVisible():
            return
        wait = self._until_anew() if self._sequence.stale else 0
        if self._sequence.stale and not wait:
            self._slices.start(self._anew())
            return
        if self._dirty == {} and self._doing == {} and not self._fresh and self._layout.complete:
            if wait:
                self._timer.start(wait)
            return
        self._slices.start(self._work())

    def _until_anew(self) -> int:
        """Milliseconds until it may begin anew: most of the time is for something else."""
        if self._fresh:
            return 0
        pause = max(_ANEW, _REST * self._took)
        return max(int((self._began + pause - time.monotonic()) * 1000), 0)

    def _work(self) -> Iterator[None]:
        # What was dropped half-way is looked at again.
        if self._dirty is None or self._doing is None:
            self._doing = None
        else:
            self._doing |= self._dirty
        self._dirty = {}
        only = None if self._doing is None else list(self._doing.values())
        sequence, layout = self._sequence, self._layout
        for _ in sequence.take_in(only):
            yield from layout.extend()
            self._tell()
            yield
        yield from layout.extend()
        self._doing = {}

    def _anew(self) -> Iterator[None]:
        """The same from the beginning, shown when it is whole."""
        self._dirty, self._doing = {}, {}
        self._began = time.monotonic()
        sequence = self._new_sequence()
        layout = self._new_layout(sequence)
        for _ in sequence.take_in():
            yield from layout.extend()
            yield
        yield from layout.extend()
        at_end = self._is_at_end()
        at, away = self._anchor()
        self._sequence, self._layout = sequence, layout
        self._steps_told = len(sequence)
        self._hovered = -1
        self._place_bars()
        self._find_selected()
        self._return_to(at, away, at_end)
        self._took = time.monotonic() - self._began

    def _relay(self) -> None:
        """Everything has another height now: the same lines at other places."""
        at, away = self._anchor()
        self._layout = self._new_layout(self._sequence)
        self._across = self._measure_across()
        self._hovered = -1
        self._slices.start(self._work_of_layout(at, away))

    def _work_of_layout(self, at: tuple[int, int] | None, away: int) -> Iterator[None]:
        self._layout.again_from(0)
        yield from self._layout.extend()
        self._place_bars()
        self._find_selected()
        self._return_to(at, away, at_end=False)
        yield from self._work()

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told > _TOLD:
            self._told = now
            bottom = self.verticalScrollBar().value() + self.viewport().height()
            self._show_grown(paint=self._height_told < bottom)

    def _done(self) -> None:
        self._show_grown(paint=True)
        self._fresh = False
        if self._dirty is None or self._dirty:
            self._soon()
        elif self._sequence.stale:
            self._timer.start(max(self._until_anew(), _REFRESH))

    def _show_grown(self, *, paint: bool) -> None:
        # Whoever looks at the end of live traffic goes on doing so; who opens something there looks at that.
        grew = len(self._sequence) > self._steps_told
        self._steps_told = len(self._sequence)
        at_end = grew and self._is_at_end() and not self._fresh and not self._log.source
        self._height_told = self._layout.height
        self._place_bars()
        before = self._selected_line
        self._find_selected()
        follows = at_end and not self._seek
        # What comes below what is in sight changes nothing there.
        if paint or follows or before != self._selected_line:
            self._repainting.hold()
        if follows:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
        self.grown.emit()

    def _is_at_end(self) -> bool:
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - 2

    def _anchor(self) -> tuple[tuple[int, int] | None, int]:
        """The step that is at the top, and how far from it."""
        if not len(self._layout):
            return None, 0
        y = self.verticalScrollBar().value()
        line = self._layout.line_at(y)
        if 0 <= self._selected_line < len(self._layout) and self._is_in_sight(self._selected_line):
            line = self._selected_line
        return self._sequence.key(self._layout.line(line).step), self._layout.top(line) - y

    def _return_to(self, at: tuple[int, int] | None, away: int, at_end: bool) -> None:
        bar = self.verticalScrollBar()
        if at_end and not self._log.source:
            bar.setValue(bar.maximum())
            return
        if at is None:
            return
        number, row = at
        conversation = self._log.conversation(number)
        place = conversation.index_of(row) if conversation is not None else -1
        if conversation is not None and 0 <= place < len(conversation.rows):
            step = self._sequence.find(conversation, conversation.rows[place])
            line = self._layout.line_of(step) if step is not None else None
            if line is not None:
                bar.setValue(self._layout.top(line) - away)

    def _find_selected(self) -> None:
        self._selected_line = -1
        if self._selected is None:
            return
        conversation, row = self._selected
        if row is None:
            return
        step = self._sequence.find(conversation, row)
        line = self._layout.line_of(step) if step is not None else None
        if line is None:
            return
        self._selected_line = line
        if self._seek:
            self._seek = False
            self._bring_into_sight(line)

    # --- how it is shown -------------------------------------------------------------------------------------------

    def set_by_time(self, by_time: bool) -> None:
        """Whether steps are as far apart as in time, or equally far."""
        if by_time != self._by_time:
            self._by_time = by_time
            self._relay()

    @property
    def by_time(self) -> bool:
        """Whether steps are as far apart as in time."""
        return self._by_time

    def set_fold(self, fold: bool) -> None:
        """Whether what repeats is told as one."""
        if fold != self._fold:
            self._fold = fold
            self._relay()

    def zoom(self, steps: int) -> None:
        """Larger or smaller; with true time, a second longer or shorter. 0 as at first."""
        if self._by_time:
            wanted = SECONDS.index(800) if not steps else min(max(self._second + steps, 0), len(SECONDS) - 1)
            changed, self._second = wanted != self._second, wanted
        else:
            wanted = ZOOMS.index(1.0) if not steps else min(max(self._zoom + steps, 0), len(ZOOMS) - 1)
            changed, self._zoom = wanted != self._zoom, wanted
            if changed:
                self._take_font()
        if changed:
            self._relay()

    def toggle(self, line: Line) -> None:
        """Show each of the steps of a run, or no longer."""
        if not line.block.period:
            return
        key = self._sequence.key(line.block.start)
        self._opened.symmetric_difference_update({key})
        self._layout.again_from(line.block.start)
        # What it stood for may be elsewhere now, and the person looks here.
        self._slices.start(self._work())

    def _take_font(self) -> None:
        self._picture = SequencePicture(self.theme, self.font(), ZOOMS[self._zoom])
        self.verticalScrollBar().setSingleStep(self._picture.line_height)

    def _measure_across(self) -> Across:
        many = self._sequence.conversation is None
        return self._picture.across(self._sequence.parties, self.viewport().width(), many=many)

    def across(self, width: float) -> Across:
        """How what is shown would share out another width."""
        return self._picture.across(self._sequence.parties, width, many=self._sequence.conversation is None)

    # --- scrolling -------------------------------------------------------------------------------------------------

    def _place_bars(self) -> None:
        self._across = self._measure_across()
        room = self.viewport().height() - self._picture.head_height
        bar = self.verticalScrollBar()
        bar.setRange(0, max(self._layout.height + _PADDING - room, 0))
        bar.setPageStep(max(room - self._picture.line_height, 1))
        across = self.horizontalScrollBar()
        across.setRange(0, max(round(self._across.width) - self.viewport().width(), 0))
        across.setPageStep(self.viewport().width())
        across.setSingleStep(40)

    def _scrolled(self) -> None:
        self._hovered = -1
        self.viewport().update()

    def _is_in_sight(self, line: int) -> bool:
        y = self.verticalScrollBar().value()
        room = self.viewport().height() - self._picture.head_height
        top = self._layout.top(line)
        return y <= top and top + self._picture.line_height <= y + room

    def _bring_into_sight(self, line: int) -> None:
        if self._is_in_sight(line):
            return
        bar = self.verticalScrollBar()
        top, height = self._layout.top(line), self._picture.line_height
        room = self.viewport().height() - self._picture.head_height
        if top < bar.value() and top > bar.value() - 2 * height:
            bar.setValue(max(top - height // 2, 0))
        elif bar.value() + room < top + height < bar.value() + room + 2 * height:
            bar.setValue(top + height - room + height // 2)
        else:
            bar.setValue(max(top - room // 3, 0))

    def line_under(self, point: QPoint) -> int:
        """The line at a place in the viewport; -1 for none."""
        y = point.y() - self._picture.head_height + self.verticalScrollBar().value() + RAISED
        if point.y() < self._picture.head_height or not len(self._layout):
            return -1
        line = self._layout.line_at(y)
        top = self._layout.top(line)
        return line if top <= y < top + self._picture.line_height else -1

    # --- going there -----------------------------------------------------------------------------------------------

    def _go_to(self, line: int) -> None:
        """The person chose a line."""
        shown = self._layout.line(line)
        step = self._sequence.step(shown.step)
        self._selected = (step.conversation, step.row)
        self._selected_line = line
        self._seek = False
        self._bring_into_sight(line)
        text = " ".join(part.text for part in words(self._sequence, shown))
        self.setAccessibleDescription(text)
        self.viewport().update()
        self.chosen.emit(step.conversation, step.row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        count = len(self._layout)
        if event.matches(QKeySequence.StandardKey.Copy) and 0 <= self._selected_line < count:
            QGuiApplication.clipboard().setText(self.line_text(self._layout.line(self._selected_line)))
            return
        page = max((self.viewport().height() - self._picture.head_height) // self._picture.line_height - 1, 1)
        ways = {
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Home: -count,
            Qt.Key.Key_End: count,
        }
        key = Qt.Key(event.key())
        if count and key in ways:
            if self._selected_line < 0:
                first = self._layout.line_at(self.verticalScrollBar().value())
                self._go_to(first if ways[key] != count else count - 1)
            else:
                self._go_to(min(max(self._selected_line + ways[key], 0), count - 1))
            return
        if 0 <= self._selected_line < count:
            line = self._layout.line(self._selected_line)
            opens = key == Qt.Key.Key_Right and line.folded
            closes = key == Qt.Key.Key_Left and line.block.period and not line.folded
            if (
                opens
                or closes
                or (key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and line.block.period)
            ):
                self.toggle(line)
                return
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            larger = {Qt.Key.Key_Plus: 1, Qt.Key.Key_Equal: 1, Qt.Key.Key_Minus: -1, Qt.Key.Key_0: 0}
            if key in larger:
                self.zoom(larger[key])
                return
        super().keyPressEvent(event)

    def line_text(self, line: Line) -> str:
        """A step as one line of text."""
        step = self._sequence.step(line.step)
        parties = self._sequence.parties
        told = " · ".join(part.text for part in words(self._sequence, line))
        at = step.time - self._sequence.begin
        return f"{at:.3f}\t{parties[step.source].title} → {parties[step.target].title}\t{told}"

    def mousePressEvent(self, event: QMouseEvent) -> None:
        line = self.line_under(event.position().toPoint())
        if line < 0 or event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            super().mousePressEvent(event)
            return
        if event.button() == Qt.MouseButton.LeftButton and self._is_chip(line, event):
            self.toggle(self._layout.line(line))
            return
        self._go_to(line)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        line = self.line_under(event.position().toPoint())
        # The sign has had its click.
        if line >= 0 and event.button() == Qt.MouseButton.LeftButton and not self._is_chip(line, event):
            self.toggle(self._layout.line(line))

    def _is_chip(self, line: int, event: QMouseEvent) -> bool:
        box = self._picture.chip_box(self._layout, self._across, line)
        if box is None:
            return False
        x = event.position().x() + self.horizontalScrollBar().value()
        y = event.position().y() - self._picture.head_height + self.verticalScrollBar().value()
        return box.adjusted(-3, -2, 3, 4).contains(x, y)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.line_under(event.position().toPoint()))
        chip = self._hovered >= 0 and self._is_chip(self._hovered, event)
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if chip else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def _hover(self, line: int) -> None:
        if line != self._hovered:
            self._hovered = line
            self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if event.angleDelta().y():
                self.zoom(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
            return
        super().wheelEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() is QContextMenuEvent.Reason.Keyboard and 0 <= self._selected_line < len(self._layout):
            self._bring_into_sight(self._selected_line)
            y = self._layout.top(self._selected_line) - self.verticalScrollBar().value() + self._picture.head_height
            where = self.viewport().mapToGlobal(QPoint(int(self._across.gutter), y + self._picture.line_height))
            self.context_asked.emit(self._layout.line(self._selected_line), where)
            return
        line = self.line_under(event.pos())
        self.context_asked.emit(self._layout.line(line) if line >= 0 else None, event.globalPos())

    # --- Qt's events -----------------------------------------------------------------------------------------------

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            text = self.tip_at(event.pos())
            if text:
                QToolTip.showText(event.globalPos(), plain_tooltip(text), self.viewport())
            else:
                QToolTip.hideText()
            return True
        if event.type() is QEvent.Type.Leave:
            self._hover(-1)
        return super().viewportEvent(event)

    def tip_at(self, point: QPoint) -> str:
        """What is told of what is at a place in the viewport."""
        line = self.line_under(point)
        if line >= 0:
            return details(self._sequence, self._layout.line(line))
        parties = self._sequence.parties
        x = point.x() + self.horizontalScrollBar().value()
        if point.y() < self._picture.head_height and len(self._layout):
            for number, party in enumerate(parties):
                if self._picture.head_box(parties, self._across, number).contains(x, point.y()):
                    here = "This program" if party.here else ""
                    role = f"{party.role}".capitalize() if self._sequence.conversation is not None else ""
                    return "\n".join(filter(None, (party.title, party.address, role, here)))
        return ""

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange and self._is_made:
            self._take_font()
            self._relay()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._place_bars()
        self._go_on()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        self._slices.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_bars()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        # Ended whatever happens: a painter that outlives its paint event takes the process down.
        with undisturbed, QPainter(self.viewport()) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        picture, viewport = self._picture, self.viewport()
        painter.fillRect(viewport.rect(), self.theme.base)
        if not len(self._layout):
            return
        x, y = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        painter.save()
        painter.setClipRect(QRectF(0, picture.head_height, viewport.width(), viewport.height() - picture.head_height))
        painter.translate(-x, picture.head_height - y)
        bottom = y + viewport.height() - picture.head_height
        picture.paint_lines(
            painter, self._layout, self._across, y, bottom, selected=self._selected_line, hovered=self._hovered
        )
        if self.hasFocus() and 0 <= self._selected_line < len(self._layout):
            painter.setPen(QPen(self.theme.accent, 1))
            top = picture.row_box(self._layout, self._across, self._selected_line).top()
            painter.drawRect(QRectF(x + 0.5, top + 0.5, viewport.width() - 1, picture.line_height - 1))
        painter.restore()
        painter.translate(-x, 0)
        picture.paint_heads(painter, self._sequence.parties, self._across)
