"""The slowest requests of an association, and the figures of all requests of one name."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from workstation.net.status import code_to_category
from workstation.traffic.analysis.timing import Distribution, Exchange, Figures, Timing
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.rates import bytes_text
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.parts.traffic_table import TrafficTable
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.theme import Theme
from workstation.ui.viewers.timing.text import filters_on, span_text

_NO, _NAME, _ANSWER, _FIRST, _SENDING = range(5)
_ORDERS = {_ANSWER: "answer", _FIRST: "first_byte", _SENDING: "sending"}
_SIGNS = {"Success": "✓", "Warning": "▲", "Pending": "…", "Cancel": "■", "Failure": "✕"}
_COLOURS = {
    "Success": "success",
    "Warning": "warning",
    "Pending": "pending",
    "Cancel": "cancelled",
    "Failure": "failure",
}


class SlowestModel(RowModel):
    """Exchanges, the slowest first."""

    titles = ("No", "Request", "Response time", "First byte", "Sending", "Size", "Rate", "Status")
    title_tips = (
        "Number of the request's row",
        "What was asked; → by us, ← by the peer",
        "From the last PDU of the request to the last one of its last response",
        "From the last PDU of the request to the first one of its response",
        "From the first to the last PDU of the request",
        "Bytes of the request's PDUs",
        "Bytes a second while the request was sent",
        "Status of its last response",
    )
    alignments = (RIGHT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, LEFT)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._exchanges: list[Exchange] = []

    @property
    def exchanges(self) -> list[Exchange]:
        """What is listed."""
        return self._exchanges

    def set_exchanges(self, exchanges: list[Exchange]) -> bool:
        """List these; whether that changed anything."""
        if exchanges == self._exchanges:
            return False
        self.beginResetModel()
        self._exchanges = exchanges
        self.endResetModel()
        return True

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._exchanges)

    def shown(self, row: int) -> Shown:
        each = self._exchanges[row]
        status, colour = "", ""
        if each.status is not None:
            category = code_to_category(each.status)
            status = f"{_SIGNS.get(category, '?')} 0x{each.status:04X} ({category})"
            colour = _COLOURS.get(category, "")
        name_colour = "sent" if each.sent else "received"
        return Shown(
            (
                f"{each.request:,}",
                f"{'→' if each.sent else '←'} {each.name}",
                _or_dash(each.answer),
                _or_dash(each.first_byte),
                span_text(each.sending) if each.sending > 0 else "–",
                bytes_text(each.size),
                f"{bytes_text(each.rate)}/s" if each.rate else "–",
                status,
            ),
            ("dimmed", name_colour, "", "", "", "", "", colour),
        )


class FiguresModel(RowModel):
    """One line for each name: how many requests, and how their response times are spread."""

    titles = ("Request", "Count", "Median", "90 %", "99 %", "Slowest", "First byte", "Size")
    title_tips = (
        "Requests of this name that are answered, or whole when no response belongs to them",
        "How many",
        "Half of the response times are at most this long",
        "Nine tenths of the response times are at most this long",
        "Ninety-nine hundredths of the response times are at most this long",
        "The longest response time",
        "Half of the responses begin at most so long after the request",
        "Bytes of all PDUs of requests and responses",
    )
    alignments = (LEFT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._names: list[str] = []
        self._texts: list[tuple[str, ...]] = []

    def set_figures(self, figures: list[Figures]) -> None:
        """Show these."""
        figures = sorted(figures, key=lambda each: each.answers.sum, reverse=True)
        texts = [_figures_texts(each) for each in figures]
        if texts == self._texts:
            return
        names = [each.name for each in figures]
        if names == self._names:
            self._texts = texts
            undisturbed.emit(self.dataChanged, self.index(0, 0), self.index(len(texts) - 1, len(self.titles) - 1))
            return
        self.beginResetModel()
        self._names, self._texts = names, texts
        self.endResetModel()

    def name(self, row: int) -> str:
        """The name in a line."""
        return self._names[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._texts)

    def shown(self, row: int) -> Shown:
        return Shown(self._texts[row])


def _figures_texts(each: Figures) -> tuple[str, ...]:
    return (
        each.name,
        f"{each.count:,}",
        _percentile(each.answers, 0.5),
        _percentile(each.answers, 0.9),
        _percentile(each.answers, 0.99),
        _percentile(each.answers, 1.0),
        _percentile(each.first_bytes, 0.5),
        bytes_text(each.size),
    )


def _percentile(of: Distribution, share: float) -> str:
    return span_text(of.percentile(share)) if of.count else "–"


def _or_dash(seconds: float | None) -> str:
    return "–" if seconds is None else span_text(seconds)


class SlowestTable(TrafficTable):
    """The slowest requests; a click on a heading of a duration orders by that one.

    Args:
        theme: Colours.
    """

    exchange_chosen = Signal(int)
    """The person went to an exchange; carries its place."""
    filter_asked = Signal(str)
    """The person wants to see only some; carries an expression."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "timingSlowest", "Slowest requests", parent)
        self.slowest = SlowestModel(theme, self)
        self.setModel(self.slowest)
        self.size_columns(
            (
                "00,000",
                "→ N-EVENT-REPORT",
                "Response time___",
                "First byte___",
                "Sending___",
                "000 kB",
                "000 MB/s",
                "✓ 0x0000 (Success)",
            ),
            _NAME,
        )
        self._by = _ANSWER
        header = self.header()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicator(self._by, Qt.SortOrder.DescendingOrder)
        header.sectionClicked.connect(self._order)
        self.empty = EmptyState(self, theme, "No response yet", "The slowest requests will be listed here.")
        self.chosen.connect(self._choose)
        self._timing: Timing | None = None

    @property
    def by(self) -> str:
        """What they are ordered by: "answer", "first_byte" or "sending"."""
        return _ORDERS[self._by]

    def show_timing(self, timing: Timing | None) -> None:
        """List what was read so far; the selection stays."""
        self._timing = timing
        index = self.currentIndex()
        current = self.slowest.exchanges[index.row()].place if index.isValid() else -1
        with self.not_the_person():
            if self.slowest.set_exchanges(timing.slowest(self.by) if timing is not None else []):
                self.select(current)
        # Where there is no request at all, the pane says so.
        self.empty.show_when(self.slowest.rowCount() == 0 and timing is not None and bool(timing.shown))

    def select(self, place: int | None) -> None:
        """Select an exchange, if it is among them; emits nothing."""
        places = [each.place for each in self.slowest.exchanges]
        row = places.index(place) if place in places else -1
        if row != self.currentIndex().row():
            self.show_row(self.slowest.index(row, 0) if row >= 0 else QModelIndex())

    def _order(self, column: int) -> None:
        if column in _ORDERS:
            self._by = column
            self.show_timing(self._timing)
            self.scrollToTop()
        self.header().setSortIndicator(self._by, Qt.SortOrder.DescendingOrder)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        if index.isValid():
            exchange = self.slowest.exchanges[index.row()]
            for words, expression in filters_on(exchange.name, exchange):
                menu.addAction(words, partial(self.filter_asked.emit, expression))
            menu.addSeparator()
        super().fill_menu(menu, index)

    def _choose(self, index: QModelIndex) -> None:
        self.exchange_chosen.emit(self.slowest.exchanges[index.row()].place)


class FiguresTable(TrafficTable):
    """The figures by name.

    Args:
        theme: Colours.
    """

    filter_asked = Signal(str)
    """The person wants to see only these; carries an expression."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "timingFigures", "Response times by message", parent)
        self.figures = FiguresModel(theme, self)
        self.setModel(self.figures)
        self.size_columns(("N-EVENT-REPORT", "00,000", *["00.0 ms"] * 5, "000 kB"), 0)
        self.empty = EmptyState(self, theme, "No response yet", "Response times by message will be listed here.")

    def show_timing(self, timing: Timing | None) -> None:
        """Show what was read so far."""
        with self.not_the_person():
            self.figures.set_figures(list(timing.figures.values()) if timing is not None else [])
        self.empty.show_when(self.figures.rowCount() == 0 and timing is not None and bool(timing.shown))

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        if index.isValid():
            for words, expression in filters_on(self.figures.name(index.row())):
                menu.addAction(words, partial(self.filter_asked.emit, expression))
            menu.addSeparator()
        super().fill_menu(menu, index)
