"""What would the rules do with what has already happened: past requests, and for a chosen one a verdict of each rule.

Nothing is answered or counted here. What peers wrote is shown as plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QListView,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from workstation.scp.rules.book import RuleBook, Verdict
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import Rule
from workstation.scp.rules.words import action_words
from workstation.traffic.text import printable
from workstation.ui.dialogs.rules.cards import CardDelegate
from workstation.ui.dialogs.rules.past import Past, PastModel, VerdictModel, rule_like
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.painted_table import PaintedTable
from workstation.ui.parts.widgets import (
    SPACE,
    DimLabel,
    Outcome,
    OutcomeLabel,
    heading,
    in_row,
    name_widget,
    push_button,
    stacked,
)
from workstation.ui.tasks import Funnel, Tasks, action
from workstation.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex

_OFTEN = 300
"""Milliseconds between two looks at what has come in."""

_WIDE = 720


class TryPanel(QWidget):
    """Past requests and what the rules say of the chosen one.

    Args:
        theme: Colours.
        tasks: For explaining beside the window, as a rule with keys may read a file; without, at once.
    """

    rule_wanted = Signal(object)
    """A `Rule` that applies to requests like the chosen one, for `RulesEditor.add_rule`."""
    association_chosen = Signal(int)
    """The person wants to see the traffic of the association of this number."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, tasks: Tasks | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tryPanel")
        self._tasks = tasks
        self._book: RuleBook | None = None
        self._rules: tuple[Rule, ...] | None = None
        self._chosen: Past | None = None
        self._end_listening: Callable[[], None] | None = None
        self._asked = 0
        self._funnel: Funnel[None] = Funnel(lambda _batch: self.refresh(), self, _OFTEN)

        self.past = PastModel(theme, self)
        self.table = PaintedTable(theme)
        self.table.setModel(self.past)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        name_widget(self.table, "pastRequests", "Past requests", "")
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, width in enumerate((64, 116, 100, 112)):
            header.resizeSection(column, width)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self._empty = EmptyState(
            self.table,
            theme,
            "Nothing has come in yet",
            "Requests that the server was asked since it started appear here, whether a rule applied or not.",
        )
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find…")
        self.search.setClearButtonEnabled(True)
        name_widget(self.search, "findPast", "Find", "Show only requests with this text")
        self.search.textChanged.connect(self._filter)

        self._model = VerdictModel(self)
        self.verdicts = QListView()
        self.verdicts.setModel(self._model)
        self.verdicts.setItemDelegate(CardDelegate(theme, self.verdicts))
        self.verdicts.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verdicts.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verdicts.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verdicts.setTabKeyNavigation(False)
        name_widget(self.verdicts, "verdicts", "What each rule says of it")
        theme.changed.connect(self.verdicts.viewport().update)
        self._no_verdict = EmptyState(self.verdicts, theme, "No request is chosen", "Choose one: each rule says why.")
        self._summary = OutcomeLabel(theme)
        name_widget(self._summary, "verdict", "What would be answered")
        self.make_rule = push_button(
            "Rule &like this…", "ruleFromPast", "A new rule that applies to requests like this one", self._make_rule
        )
        self.show_traffic = push_button(
            "Show tra&ffic", "trafficOfPast", "Show the association that this request came on", self._show_traffic
        )

        upper, lower = QWidget(), QWidget()
        upper.setLayout(stacked(in_row(heading("Past requests"), None, self.search), self.table, space=4))
        self.search.setMaximumWidth(180)
        what = heading("What the rules would do with it now")
        what.setWordWrap(True)
        buttons = in_row(self.make_rule, self.show_traffic, None)
        below = stacked(what, self._summary, self.verdicts, buttons, space=4)
        below.setStretch(2, 1)
        lower.setLayout(below)
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setObjectName("trySplitter")
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(upper)
        self._splitter.addWidget(lower)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._splitter, 1)
        layout.addWidget(DimLabel(theme, "Trying answers nobody and counts nothing."))
        layout.setSpacing(SPACE // 2)
        self.table.selectionModel().currentRowChanged.connect(lambda current, _old: self._choose(current.row()))
        self._show_nothing()

    # --- values

    def set_book(self, book: RuleBook | None) -> None:
        """Whose past requests are shown, and which rules are tried."""
        self._stop_listening()
        self._book = book
        self._chosen = None
        self._show_nothing()
        if self.isVisible():
            self._listen()

    def set_rules(self, rules: Iterable[Rule] | None) -> None:
        """Try these rules, such as those that are being edited; None for those in force."""
        self._rules = tuple(rules) if rules is not None else None
        self._explain()

    def refresh(self) -> None:
        """Show what has come in since."""
        occasions = self._book.occasions if self._book is not None else ()
        self.past.set_past(Past(*each) for each in reversed(occasions))
        self._after_filter()

    # --- listening, as long as it is seen

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._listen()

    def hideEvent(self, event: QHideEvent) -> None:
        self._stop_listening()
        super().hideEvent(event)

    def _listen(self) -> None:
        if self._book is not None and self._end_listening is None:
            # Called in the associations' threads.
            self._end_listening = self._book.listen(lambda _occasion, _rule: self._funnel.put(None))
        self.refresh()
        self._explain()

    def _stop_listening(self) -> None:
        if self._end_listening is not None:
            self._end_listening()
            self._end_listening = None

    # --- choosing

    def choose(self, number: int) -> None:
        """Choose the occasion of this number."""
        row = self.past.row_of(number)
        if row >= 0:
            self.table.selectRow(row)

    def _filter(self, text: str) -> None:
        self.past.set_text(text)
        self._after_filter()

    def _after_filter(self) -> None:
        # A model that is made anew forgets the selection, not what was chosen.
        if self._chosen is not None:
            row = self.past.row_of(self._chosen.occasion.number)
            if row >= 0:
                selection = self.table.selectionModel()
                selection.blockSignals(True)
                self.table.selectRow(row)
                selection.blockSignals(False)
                self.table.viewport().update()
        self._empty.say(*_EMPTY_WORDS[bool(self.past.count)])
        self._empty.show_when(self.past.rowCount() == 0)

    def _choose(self, row: int) -> None:
        if row >= 0:
            self._chosen = self.past.past(row)
            self._explain()

    def _explain(self) -> None:
        book, chosen = self._book, self._chosen
        if book is None or chosen is None:
            return
        self._asked += 1
        rules = self._rules
        if self._tasks is None:
            self._show(book.explain(chosen.occasion, rules), self._asked)
        else:
            self._explain_beside(book, chosen.occasion, rules, self._asked, self._tasks)

    @action
    async def _explain_beside(
        self, book: RuleBook, occasion: Occasion, rules: tuple[Rule, ...] | None, asked: int, tasks: Tasks
    ) -> None:
        self._show(await tasks.call(lambda: book.explain(occasion, rules), name="explain-rules"), asked)

    def _show(self, verdicts: list[Verdict], asked: int) -> None:
        if asked != self._asked or self._chosen is None:
            return  # another one was chosen meanwhile
        self._model.set_verdicts(verdicts)
        chosen = self._chosen
        was = f"It was answered by “{printable(chosen.rule, 80)}”." if chosen.rule else "It was answered as built in."
        applying = [each.rule for each in verdicts if each.applies]
        if applying:
            first, *others = (f"“{printable(rule.name, 80)}”: {action_words(rule)}" for rule in applying)
            if not _is_certain(applying[-1]):
                others.append("as built in.")
            detail = [f"Otherwise {each}" for each in others]
            self._summary.show_outcome(Outcome.SUCCESS, first, "\n".join((*detail, was)))
        else:
            self._summary.show_outcome(Outcome.CANCELLED, "No rule applies: it is answered as built in", was)
        self._no_verdict.say("There is no rule", "It is answered as built in.")
        self._no_verdict.show_when(not verdicts)
        self.make_rule.setEnabled(True)
        self.show_traffic.setEnabled(chosen.occasion.association > 0)

    def _show_nothing(self) -> None:
        self._asked += 1
        self._model.set_verdicts(())
        self._summary.clear()
        self._no_verdict.say("No request is chosen", "Choose one: each rule says whether it applies, or why not.")
        self._no_verdict.show_when(True)
        self.make_rule.setEnabled(False)
        self.show_traffic.setEnabled(False)
        self.refresh()

    # --- what a person does with it

    def _make_rule(self) -> None:
        if self._chosen is not None:
            self.rule_wanted.emit(rule_like(self._chosen.occasion))

    def _show_traffic(self) -> None:
        if self._chosen is not None:
            self.association_chosen.emit(self._chosen.occasion.association)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wanted = Qt.Orientation.Horizontal if self.width() >= _WIDE else Qt.Orientation.Vertical
        if self._splitter.orientation() != wanted:
            self._splitter.setOrientation(wanted)
            half = (self.width() if wanted is Qt.Orientation.Horizontal else self.height()) // 2
            self._splitter.setSizes([half, half])


def _is_certain(rule: Rule) -> bool:
    return rule.match.every == 1 and not rule.match.first and rule.match.probability >= 1


_EMPTY_WORDS = {
    False: (
        "Nothing has come in yet",
        "What the server is asked appears here, whether a rule applied or not.",
    ),
    True: ("Nothing has this text", "Try a part of an AE title, a request or a rule's name."),
}
