"""Where the time went: the selected association divided among its stages, each request on a time axis, the slowest.

Rows are read a few milliseconds at a time and only while the view is visible; what is shown follows a few times a
second. Master and detail are one: what is selected here is selected everywhere, and the other way round.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLayout,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from workstation.traffic.analysis.timing import Distribution, Timing
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import quantity
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.rates import bytes_text
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.widgets import DimLabel, name_widget, plain_label
from workstation.ui.theme import Theme
from workstation.ui.viewers.timing.lanes import LanesView, Scale
from workstation.ui.viewers.timing.summary import TimeShares
from workstation.ui.viewers.timing.tables import FiguresTable, SlowestTable
from workstation.ui.viewers.timing.text import span_text
from workstation.ui.viewers.timing.throughput_plot import ThroughputPlot

_REFRESH = 200  # milliseconds
_WAITING = 500  # milliseconds between looks at a request that waits
_SPACING = 3  # pixels between the parts
_REQUESTS, _SLOWEST, _FIGURES = range(3)
_NO_ASSOCIATION = ("No association selected", "Where its time went will be shown here: connecting, sending, waiting.")
_NO_ROWS = ("Nothing exchanged yet", "The first request of this association will be shown here.")
_NEVER_ROWS = ("Nothing was exchanged", "This association ended before its first PDU.")
_FILTERED = ("No request passes the filter", "Times are shown for requests that pass, or whose responses do.")
_SCALES = (
    (Scale.SIGHT, "In sight", "The axis spans the requests in sight"),
    (Scale.WHOLE, "Whole", "The axis spans all of the association"),
    (Scale.ZERO, "From zero", "Each request begins at zero, which compares them"),
)


class Filter(Protocol):
    """What decides which rows are of interest."""

    def passes(self, conversation: Conversation, row: MessageRow) -> bool:
        """Whether a row is."""


class TimingView(QWidget):
    """Timing of one association.

    Args:
        theme: Colours.
        clock: Seconds since the epoch, for requests that wait.
    """

    message_chosen = Signal(object, object)
    """The person went to a row; carries its `Conversation` and `MessageRow`."""
    filter_asked = Signal(str)
    """The person wants to see only some rows; carries an expression."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(parent)
        self._clock = clock
        name_widget(self, "timingView", "Timing")
        self.setWindowTitle("Timing")
        self._log: TrafficLog | None = None
        self._conversation: Conversation | None = None
        self._filter: Filter | None = None
        self._timing: Timing | None = None
        self._row: MessageRow | PduRow | None = None
        self._is_known = self._is_plotted = False  # whether there are requests, and a time common to them
        self._dirty = False
        self._slices = Slices(self, self._show)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REFRESH)
        self._soon.timeout.connect(self._go_on)

        self._who_text = ""
        self._who = plain_label()
        self._who.setObjectName("timingWho")
        self._who.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.shares = TimeShares(theme)
        self.summary = DimLabel(theme, "")
        name_widget(self.summary, "timingSummary", "Times of the association")
        self.tabs = QTabBar()
        name_widget(self.tabs, "timingTabs", "What is shown")
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setUsesScrollButtons(True)
        for title, tip in (
            ("Requests", "Each request and its response on a time axis"),
            ("Slowest", "The requests that took longest"),
            ("By name", "How response times are spread"),
        ):
            self.tabs.setTabToolTip(self.tabs.addTab(title), tip)
        self.scales = QComboBox()
        name_widget(
            self.scales,
            "timingScale",
            "Time axis",
            "What the time axis spans\nCtrl+wheel, + and − zoom, 0 shows all of it",
        )
        for at, (_, title, tip) in enumerate(_SCALES):
            self.scales.addItem(title)
            self.scales.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)

        self.lanes = LanesView(theme)
        self.plot = ThroughputPlot(theme)
        requests = QWidget()
        column = QVBoxLayout(requests)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.lanes, 1)
        column.addWidget(self.plot)
        self.slowest = SlowestTable(theme)
        self.figures = FiguresTable(theme)
        self.pages = QStackedWidget()
        for page in (requests, self.slowest, self.figures):
            self.pages.addWidget(page)
        self.empty = EmptyState(self.pages, theme, *_NO_ASSOCIATION)

        top = QVBoxLayout()
        top.setContentsMargins(8, 4, 8, 0)
        top.addWidget(self._who)
        words = QVBoxLayout()
        words.setContentsMargins(8, 0, 8, 0)
        words.addWidget(self.summary)
        bar = QHBoxLayout()
        bar.setContentsMargins(4, 0, 4, 0)
        bar.setSpacing(2)
        bar.addWidget(self.tabs)
        bar.addStretch(1)
        bar.addWidget(self.scales)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_SPACING)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # it knows nothing of what may be left out
        layout.addLayout(top)
        layout.addWidget(self.shares)
        layout.addLayout(words)
        layout.addLayout(bar)
        layout.addWidget(self.pages, 1)

        self.tabs.currentChanged.connect(self._turn_to)
        self.scales.currentIndexChanged.connect(self._rescale)
        self.lanes.time_moved.connect(lambda: self.plot.set_axis(self.lanes.shown_time(), *self.lanes.axis_place))
        self.lanes.chosen.connect(self._choose)
        self.plot.moment_chosen.connect(self._go_to_moment)
        self.slowest.exchange_chosen.connect(lambda place: self._choose(place, False))
        for asking in (self.lanes, self.slowest, self.figures):
            asking.filter_asked.connect(self.filter_asked)
        self._show()

    # --- what is shown ---------------------------------------------------------------------------------------------

    @property
    def conversation(self) -> Conversation | None:
        """The association shown."""
        return self._conversation

    @property
    def timing(self) -> Timing | None:
        """Its times, as far as they were read."""
        return self._timing

    def set_log(self, log: TrafficLog) -> None:
        """Show another source, or one that was cleared."""
        self._log = log
        self._begin(None)

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Show another association."""
        if conversation is not self._conversation:
            self._begin(conversation)

    def set_filter(self, passing: Filter | None) -> None:
        """Show only requests that pass, or a response of which does."""
        if passing is not self._filter:
            self._filter = passing
            self._begin(self._conversation)

    def select_row(self, row: MessageRow | PduRow | None) -> None:
        """Select the request that a row belongs to."""
        self._row = row
        self._select()

    def apply(self, change: Change) -> None:
        """A batch was folded into the log."""
        conversation = self._conversation
        if conversation is None:
            return
        if conversation.number in change.rows or (not self._dirty and conversation in change.changed):
            self._dirty = True
            if self.isVisible() and (not self._soon.isActive() or self._soon.remainingTime() > _REFRESH):
                self._soon_again()

    def _begin(self, conversation: Conversation | None) -> None:
        if conversation is not self._conversation:
            self._row = None
        self._conversation = conversation
        self._slices.stop()
        self._timing = None
        if conversation is not None:
            wanted, of = self._filter, conversation
            passes = None if wanted is None else lambda row: wanted.passes(of, row)
            self._timing = Timing(conversation, passes)
        watched = self._log is not None and bool(self._log.source)
        at_end = conversation is not None and not conversation.finished
        self.lanes.set_timing(self._timing, watched=watched, at_end=at_end)
        self.plot.set_timing(self._timing, watched=watched)
        self._dirty = True
        self._go_on()

    # --- reading ---------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._go_on()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        # What is half read goes on when it is shown again.
        self._dirty = self._dirty or self._slices.busy
        self._slices.stop()
        self._soon.stop()

    def _soon_again(self, milliseconds: int = _REFRESH) -> None:
        self._soon.start(milliseconds)

    def _waited_until(self) -> float:
        """Until when requests without response are waited for: the clock's time, 0 when none can come any more."""
        conversation, log, timing = self._conversation, self._log, self._timing
        if conversation is None or conversation.finished or (log is not None and log.source):
            return 0.0
        return self._clock() if timing is not None and timing.unanswered else 0.0

    def _go_on(self) -> None:
        """Read what came since; or show how far it has been read."""
        if not self.isVisible():
            return
        if self._slices.busy:
            self._show()
            self._soon_again()
        elif self._dirty:
            self._dirty = False
            if self._timing is None:
                self._show()
                return
            self._slices.start(self._timing.read())
            if self._slices.busy:
                self._soon_again()
        else:
            self._show()

    def _show(self) -> None:
        timing, conversation = self._timing, self._conversation
        watched = self._log is not None and bool(self._log.source)
        now = self._waited_until()
        self.shares.set_shares(timing.spent(now or None) if timing is not None else {}, watched=watched)
        self.summary.setText(_summary(timing) if timing is not None else "")
        self._who_text = ""
        if conversation is not None:
            calling, called = conversation.calling or "?", conversation.called or "?"
            self._who_text = f"#{conversation.number}  {calling} → {called}"
            if timing is not None:
                self._who_text += f" · {span_text(timing.duration)}"
                known = len(conversation.rows)
                if self._slices.busy and known:
                    read = max(timing.read_up_to - conversation.trimmed, 0) / known
                    self._who_text += f" · {100 * read:.0f} % read"
        self._show_who()
        self._say_if_empty()
        self._show_page()
        self._select()
        if now and self.isVisible() and not self._soon.isActive():
            self._soon_again(_WAITING)

    def _show_page(self) -> None:
        match self.pages.currentIndex():
            case 0:
                self.lanes.refresh(self._waited_until())
            case 1:
                self.slowest.show_timing(self._timing)
            case 2:
                self.figures.show_timing(self._timing)

    def _turn_to(self, page: int) -> None:
        self.pages.setCurrentIndex(page)
        self.scales.setVisible(page == _REQUESTS)
        self._show_page()
        self._select()

    def _rescale(self, at: int) -> None:
        scale = _SCALES[at][0]
        self.lanes.set_scale(scale)
        self._say_if_empty()

    def _say_if_empty(self) -> None:
        timing, conversation = self._timing, self._conversation
        if conversation is None or timing is None:
            self.empty.say(*_NO_ASSOCIATION)
        elif len(timing):
            self.empty.say(*_FILTERED)
        else:
            self.empty.say(*(_NEVER_ROWS if conversation.finished else _NO_ROWS))
        is_empty = timing is None or not timing.shown
        self.empty.show_when(is_empty)
        self.empty.raise_()
        self._is_known = known = timing is not None and len(timing) > 0
        for widget in (self.shares, self.tabs):
            widget.setVisible(known)
        self.scales.setVisible(known and self.pages.currentIndex() == _REQUESTS)
        # Where each request begins at zero there is no time common to all lanes.
        self._is_plotted = not is_empty and self.lanes.scale is not Scale.ZERO
        self._fit()

    def _least(self) -> int:
        """Pixels that are needed for what is never left out."""
        heights = [self._who.sizeHint().height() + 4, self.lanes.minimumHeight()]
        if self._is_known:
            heights += [self.shares.height(), max(self.tabs.sizeHint().height(), self.scales.sizeHint().height())]
        return sum(heights) + _SPACING * len(heights)

    def _fit(self) -> None:
        """Leave out what there is no room for, how fast it went before the times in words: nothing is cut."""
        room = self.height() - self._least()
        words = self.summary.heightForWidth(max(self.width() - 16, 1)) + _SPACING
        has_words = self._is_known and room >= words
        self.summary.setVisible(has_words)
        self.plot.setVisible(self._is_plotted and room - has_words * words >= self.plot.minimumHeight())

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), self._least())

    def _show_who(self) -> None:
        metrics = QFontMetrics(self._who.font())
        room = max(self.width() - 16, 0)
        self._who.setText(metrics.elidedText(self._who_text, Qt.TextElideMode.ElideRight, room))
        self._who.setToolTip(plain_tooltip(self._who_text))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_who()
        self._fit()

    # --- selection -------------------------------------------------------------------------------------------------

    def _select(self) -> None:
        row = self._row.message if isinstance(self._row, PduRow) else self._row
        place = None
        if row is not None and self._timing is not None:
            place = self._timing.place_of(row.number)
        self.lanes.select(place)
        self.slowest.select(place)

    def _go_to_moment(self, moment: float) -> None:
        place = self._timing.under_way(moment) if self._timing is not None else None
        if place is not None:
            self._choose(place, False)

    def _choose(self, place: int, answer: bool) -> None:
        timing, conversation = self._timing, self._conversation
        if timing is None or conversation is None:
            return
        exchange = timing.exchange(place)
        number = exchange.response if answer and exchange.response else exchange.request
        at = conversation.index_of(number)
        if 0 <= at < len(conversation.rows):
            self._row = conversation.rows[at]
            self._select()
            self.message_chosen.emit(conversation, self._row)


def _summary(timing: Timing) -> str:
    """The association's times in a sentence or two."""
    parts = []
    if timing.connect is not None:
        parts.append(f"connect {span_text(timing.connect)}")
    if timing.negotiate is not None:
        parts.append(f"negotiate {span_text(timing.negotiate)}")
    requests = [each for each in timing.figures.values() if each.answers.count and not each.name.startswith("A-")]
    if requests:
        count = sum(each.count for each in requests)
        busiest: Distribution = max(requests, key=lambda each: each.answers.count).answers
        figures = f"{quantity(count, 'request')}, response time {span_text(busiest.percentile(0.5))}"
        if busiest.count > 1:
            figures += f" (median), {span_text(busiest.most)} (slowest)"
        parts.append(figures)
    if timing.unanswered:
        word = "without response" if timing.conversation.finished else "waiting for a response"
        parts.append(f"{quantity(timing.unanswered, 'request')} {word}")
    conversation = timing.conversation
    for arrow, size in (("↑", conversation.bytes_sent), ("↓", conversation.bytes_received)):
        if size:
            rate = f" ({bytes_text(size / timing.duration)}/s)" if timing.duration > 0 else ""
            parts.append(f"{arrow}\u00a0{bytes_text(size)}{rate}")
    return " · ".join(parts)
