"""The rules of one server, live: the editor with the hits of the book in force, and the panel to try them, as tabs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from workstation.scp.rules.book import RuleBook
from workstation.scp.rules.rule import Rule
from workstation.ui.dialogs.rules.editor import RulesEditor
from workstation.ui.dialogs.rules.try_panel import TryPanel
from workstation.ui.parts.widgets import SPACE, name_widget
from workstation.ui.tasks import Funnel, Tasks
from workstation.ui.theme import Theme

_OFTEN = 400
"""Milliseconds between two looks at the hits."""


class RulesPane(QWidget):
    """`RulesEditor` and `TryPanel` of one book.

    What is changed is told, not put in force: whoever owns the book does that, with `RuleBook.replace`.

    Args:
        theme: Colours.
        tasks: For what reads files, beside the window.
    """

    rules_changed = Signal(object)
    script_edit_asked = Signal(str, str)
    association_chosen = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, tasks: Tasks | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rulesPane")
        self._book: RuleBook | None = None
        self._end_listening: Callable[[], None] | None = None
        self._funnel: Funnel[None] = Funnel(lambda _batch: self._show_hits(), self, _OFTEN)
        self.editor = RulesEditor(theme, tasks=tasks)
        self.try_panel = TryPanel(theme, tasks=tasks)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        name_widget(self.tabs, "rulesTabs", "The rules, and what they would do")
        for part, title in ((self.editor, "Rules"), (self.try_panel, "Try them")):
            page = QWidget()
            layout = QVBoxLayout(page)
            layout.setContentsMargins(0, SPACE, 0, 0)
            layout.addWidget(part)
            self.tabs.addTab(page, title)
        self.tabs.setTabToolTip(0, "When the server answers otherwise than built in, and how")
        self.tabs.setTabToolTip(1, "What the rules would do with what has already come in")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)

        self.editor.rules_changed.connect(self._changed)
        self.editor.script_edit_asked.connect(self.script_edit_asked)
        self.editor.hits_reset_asked.connect(self._reset_hits)
        self.try_panel.rule_wanted.connect(self._add)
        self.try_panel.association_chosen.connect(self.association_chosen)

    def set_book(self, book: RuleBook | None) -> None:
        """Whose rules and hits are shown; without one there is nothing to count or to try."""
        self._stop_listening()
        self._book = book
        if book is not None:
            self.editor.set_rules(book.rules)
        self.try_panel.set_book(book)
        self.try_panel.set_rules(self.editor.rules)
        if self.isVisible():
            self._listen()

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Show these rules; emits nothing."""
        self.editor.set_rules(rules)
        self.try_panel.set_rules(self.editor.rules)

    def set_folder(self, folder: Path | None) -> None:
        """The folder of the profile's file: relative names of scripts and data sets begin there."""
        self.editor.set_folder(folder)

    def _changed(self, rules: tuple[Rule, ...]) -> None:
        self.try_panel.set_rules(rules)
        self.rules_changed.emit(rules)

    def _add(self, rule: Rule) -> None:
        self.tabs.setCurrentIndex(0)
        self.editor.add_rule(rule)

    def _reset_hits(self) -> None:
        if self._book is not None:
            self._book.reset_hits()
        self._show_hits()

    # --- hits, as long as they are seen

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
        self._show_hits()

    def _stop_listening(self) -> None:
        if self._end_listening is not None:
            self._end_listening()
            self._end_listening = None

    def _show_hits(self) -> None:
        book = self._book
        self.editor.set_hits(
            {rule.name: book.hits(rule.name) for rule in self.editor.rules} if book is not None else {}
        )
