"""The bar of the display filter: type it, keep it, pick it again; what colours rows is beside it.

A good filter is in force when Enter is pressed or the person pauses; while the text is none, the last good one stays
and the bar says so. Decides nothing about rows: whoever shows them asks the `Filter` that `filter_changed` carries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence, QPalette
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QLabel, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from workstation.saved_filters import ColourRules, SavedFilters
from workstation.traffic.filters.filter import Filter, FilterError, combine
from workstation.traffic.log import TrafficLog
from workstation.traffic.text import printable
from workstation.ui.parts.icons import Icons, icon
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import DimLabel, ProblemLabel, name_widget
from workstation.ui.theme import Theme
from workstation.ui.viewers.filtering.filter_help import FilterHelp
from workstation.ui.viewers.filtering.filter_line import FilterLine
from workstation.ui.viewers.filtering.filter_menu import How

if TYPE_CHECKING:
    from workstation.ui.viewers.filtering.colour_rules_dialog import ColourRulesDialog

IDLE = 300
"""Milliseconds after the last key when what is typed comes into force."""

# Conversations looked at for the values that are offered: a person waits for the list.
_LOOKED_AT = 200
_MENU_WIDTH = 60


class FilterBar(QWidget):
    """A display filter.

    Args:
        theme: Colours.
        saved: The filters and colours that a person keeps; loaded by whoever made it.
    """

    filter_changed = Signal(object)
    """Another filter is in force: a `Filter`, or None."""

    colours_changed = Signal()
    """Other colour rules are in force: see `colours`."""

    def __init__(self, theme: Theme, saved: SavedFilters | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filterBar")
        self._theme = theme
        self._saved = saved if saved is not None else SavedFilters(None)
        self._log: TrafficLog | None = None
        self._filter: Filter | None = None
        self._error: FilterError | None = None
        self._help: FilterHelp | None = None
        self._colours: ColourRulesDialog | None = None
        self._icons = Icons(theme, self)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE)
        self._idle.timeout.connect(self._apply)
        self.line = FilterLine(theme, self._known)
        name_widget(self.line, "filterLine", "Display filter")
        self.line.setPlaceholderText('Filter: status != 0, "text" …')
        self.line.setClearButtonEnabled(True)
        self._state = QAction(self)
        self._state.triggered.connect(self.focus)
        self.line.addAction(self._state, QLineEdit.ActionPosition.LeadingPosition)
        self.line.textChanged.connect(self._typed)
        self.line.returnPressed.connect(self._enter)
        self.count = DimLabel(theme, wrap=False)
        self.count.setObjectName("filterCount")
        self.count.hide()
        self.problem = ProblemLabel(theme)
        self.problem.setObjectName("filterProblem")
        self.saved_button = self._tool("star", "filterSaved", "Saved and recent filters")
        self._menu = QMenu(self.saved_button)
        self._menu.setObjectName("filterMenu")
        self._menu.aboutToShow.connect(self._fill_menu)
        self.saved_button.setMenu(self._menu)
        self.saved_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.colours_button = self._tool("colours", "filterColours", "Colours of rows…")
        self.colours_button.clicked.connect(self.open_colours)
        self.help_button = self._tool("help", "filterHelpButton", "Fields and operators (F1 in the line)")
        self.help_button.clicked.connect(self.open_help)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.line, 1)
        row.addWidget(self.count)
        for tool in (self.saved_button, self.colours_button, self.help_button):
            row.addWidget(tool)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 3, 4, 3)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.problem)
        self.setFocusProxy(self.line)
        help_ = QAction(self)
        help_.setShortcut(QKeySequence(QKeySequence.StandardKey.HelpContents))
        help_.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        help_.triggered.connect(self.open_help)
        self.line.addAction(help_)
        theme.changed.connect(self._show_state)
        self._show_state()

    def _tool(self, name: str, object_name: str, tip: str) -> QToolButton:
        tool = QToolButton()
        name_widget(tool, object_name, tip.rstrip("…"), tip)
        self._icons.give(tool, name)
        tool.setIconSize(QSize(18, 18))
        tool.setAutoRaise(True)
        return tool

    # --- what is in force ------------------------------------------------------------------------------------------

    @property
    def filter(self) -> Filter | None:
        """The filter in force."""
        return self._filter

    @property
    def colours(self) -> ColourRules:
        """The colour rules in force."""
        return self._saved.colours

    @property
    def text(self) -> str:
        """What is typed."""
        return self.line.text()

    def set_log(self, log: TrafficLog | None) -> None:
        """Offer the values that this traffic has."""
        self._log = log

    def set_text(self, text: str) -> None:
        """Show a filter and have it in force at once, if it is one."""
        self.line.setText(text)
        self.line.setCursorPosition(len(text))
        self.line.popup.hide()
        self._enter()

    def ask(self, expression: str, how: str = "and") -> None:
        """Filter on this as well, instead, or not: "only", "and", "or", "and not"."""
        if how == "only" or (how == "and" and self._filter is None):
            self.set_text(expression)
            return
        base = self.text if self._error is None else self._filter.text if self._filter is not None else ""
        if how == "or" and not base.strip():
            return  # everything is shown already
        self.set_text(combine(base, expression, cast("How", how)))  # type: ignore[arg-type]

    def clear(self) -> None:
        """Show everything."""
        self.set_text("")

    def focus(self) -> None:
        """Let the person type."""
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.line.selectAll()

    def set_count(self, shown: int | None, total: int = 0) -> None:
        """Say how many rows pass; None says nothing."""
        self.count.setVisible(shown is not None)
        if shown is not None:
            self.count.setText(f"{shown:,} of {total:,}")
            self.count.setAccessibleName(f"{shown:,} of {total:,} rows pass the filter")

    # --- typing ----------------------------------------------------------------------------------------------------

    def _typed(self, text: str) -> None:
        self._error = None
        if text.strip():
            try:
                Filter.of(text)
            except FilterError as error:
                self._error = error
        if self._error is None:
            self.problem.show_problem("")
        elif self.problem.isVisible():
            self._say_problem()
        # A wave under a word that is still being typed would be in the way; the sign says it already.
        self.line.mark(None)
        self._show_state()
        self._idle.start()

    def _enter(self) -> None:
        self._idle.stop()
        self._apply()
        if self._error is None and self._filter is not None:
            try:
                self._saved.used(self._filter.text)
            except OSError as error:
                self.problem.show_problem(f"The filter works, but cannot be remembered: {error.strerror or error}.")

    def _apply(self) -> None:
        self._idle.stop()
        if self._error is not None:
            # While what comes next is offered, the sentence would say what the person is about to write.
            if not self.line.popup.isVisible():
                self.line.mark(self._error)
                self._say_problem()
            return
        text = self.text.strip()
        wanted = Filter.of(text) if text else None
        if wanted != self._filter:
            self._filter = wanted
            if wanted is None:
                self.set_count(None)
            self._show_state()
            self.filter_changed.emit(wanted)

    def _say_problem(self) -> None:
        error = self._error
        if error is None:
            return
        held = self._filter.text if self._filter is not None else ""
        stays = f" Still in force: {printable(held, 80)}" if held else ""
        self.problem.show_problem(printable(error.sentence, 300) + stays)

    def _show_state(self) -> None:
        """The sign at the front: no filter, one in force, or a text that is none."""
        error, theme = self._error, self._theme
        if error is not None:
            sign, colour, words = "warning", theme.failure, printable(error.sentence, 300)
        elif self._filter is not None and self.text.strip() == self._filter.text:
            sign, colour, words = "filter", theme.accent, f"In force: {printable(self._filter.text, 300)}"
        else:
            sign, colour, words = "filter", theme.dimmed, "No filter: everything is shown"
            if self.text.strip():
                words = "Press Enter to filter"
        self._state.setIcon(icon(sign, theme, colour))
        self._state.setToolTip(plain_tooltip(words))
        self._state.setText(words)
        self.line.setToolTip(plain_tooltip(words))
        self.line.setAccessibleDescription(words)
        palette = self.line.palette()
        text = theme.failure if error is not None else theme.text
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            palette.setColor(group, QPalette.ColorRole.Text, text)
        self.line.setPalette(palette)

    # --- values to offer -------------------------------------------------------------------------------------------

    def _known(self, name: str) -> Iterable[str]:
        return dict.fromkeys(value for value in self._values(name) if value)

    def _values(self, name: str) -> Iterator[str]:
        if self._log is None:
            return
        for conversation in reversed(self._log.conversations[-_LOOKED_AT:]):
            facts = conversation.facts
            match name:
                case "calling":
                    yield conversation.calling
                case "called":
                    yield conversation.called
                case "address":
                    yield facts.address
                case "local_address":
                    yield facts.local_address
                case "port":
                    yield str(facts.port or "")
                case "local_port":
                    yield str(facts.local_port or "")
                case "outcome":
                    yield conversation.outcome
                case "implementation":
                    yield conversation.requestor.implementation_version_name
                    yield conversation.acceptor.implementation_version_name
                case "sop_class":
                    yield from (context.abstract_syntax for context in conversation.contexts.values())
                case "transfer_syntax":
                    yield from (context.transfer_syntax for context in conversation.contexts.values())
                case _:
                    return

    # --- kept filters ----------------------------------------------------------------------------------------------

    def _fill_menu(self) -> None:
        menu = self._menu
        menu.clear()
        save = menu.addAction("Save this filter…", self.save_as)
        save.setObjectName("filterSave")
        save.setEnabled(self._error is None and bool(self.text.strip()))
        saved = self._saved.filters
        if saved:
            menu.addSeparator()
        for each in saved:
            action = menu.addAction(_plain_entry(each.name))
            action.setToolTip(plain_tooltip(printable(each.text, 400)))
            action.triggered.connect(lambda _=False, text=each.text: self.set_text(text))
        menu.setToolTipsVisible(True)
        if saved:
            remove = menu.addMenu("Remove")
            for each in saved:
                action = remove.addAction(_plain_entry(each.name))
                action.triggered.connect(lambda _=False, name=each.name: self._keep(lambda: self._saved.remove(name)))
        if self._saved.recent:
            menu.addSection("Recent")
        for text in self._saved.recent[:10]:
            action = menu.addAction(_plain_entry(text))
            action.setToolTip(plain_tooltip(printable(text, 400)))
            action.triggered.connect(lambda _=False, text=text: self.set_text(text))
        if self._saved.recent:
            menu.addSeparator()
            menu.addAction("Forget recent filters", lambda: self._keep(self._saved.forget_recent))
        elif not saved:
            nothing = menu.addAction("No filter saved or used yet")
            nothing.setEnabled(False)
        menu.addSeparator()
        menu.addAction("Colours of rows…", self.open_colours)
        menu.addAction("Fields and operators", self.open_help)

    def save_as(self) -> QInputDialog:
        """Ask for a name and keep the filter under it."""
        text = self.text.strip()
        dialog = QInputDialog(self)
        dialog.setObjectName("filterName")
        dialog.setWindowTitle("Save filter")
        dialog.setLabelText(f"Name of the filter {printable(text, 60)}")
        for label in dialog.findChildren(QLabel):
            label.setTextFormat(Qt.TextFormat.PlainText)  # values of a filter come from peers, too
        known = [each.name for each in self._saved.filters if each.text == text]
        dialog.setTextValue(known[0] if known else "")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(lambda name: self._keep(lambda: self._saved.save_as(name, text)))
        dialog.open()
        return dialog

    def _keep(self, change: object) -> None:
        assert callable(change)
        try:
            change()
        except ValueError as error:
            self.problem.show_problem(str(error))
        except OSError as error:
            self.problem.show_problem(f"This cannot be kept for the next start: {error.strerror or error}.")

    # --- windows beside it -----------------------------------------------------------------------------------------

    def open_help(self) -> FilterHelp:
        """Show fields and operators beside the traffic."""
        if self._help is None:
            self._help = FilterHelp(self._theme, self)
            self._help.chosen.connect(self._insert)
            self._help.tried.connect(self._try)
        self._help.show()
        self._help.raise_()
        self._help.activateWindow()
        return self._help

    def _insert(self, name: str) -> None:
        before = self.text[: self.line.cursorPosition()]
        space = " " if before and not before[-1].isspace() and before[-1] != "(" else ""
        self.line.insert(f"{space}{name} ")

    def _try(self, example: str) -> None:
        self.line.setText(example)

    def open_colours(self) -> ColourRulesDialog:
        """Show the colour rules beside the traffic."""
        if self._colours is None:
            from workstation.ui.viewers.filtering.colour_rules_dialog import ColourRulesDialog

            self._colours = ColourRulesDialog(self._theme, self._saved, self._known, self)
            self._colours.changed.connect(self.colours_changed)
        self._colours.show()
        self._colours.raise_()
        self._colours.activateWindow()
        return self._colours


def _plain_entry(text: str) -> str:
    """A menu entry that shows a text letter by letter."""
    return printable(text, _MENU_WIDTH).replace("&", "&&")
