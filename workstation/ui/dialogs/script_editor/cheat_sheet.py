"""What the handler of an event gets and gives, beside the script. Texts of our own only."""

from __future__ import annotations

import re
from html import escape

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QTextEdit, QVBoxLayout, QWidget

from workstation.scp.rules.rule import EVENTS
from workstation.scp.scripts import FUNCTION_NAMES
from workstation.ui.dialogs.script_editor.script_file import CHEATS, cheat_rows, event_words
from workstation.ui.parts.widgets import in_row, name_widget, push_button
from workstation.ui.theme import Theme

_DEF = re.compile(r"\s*(?:async\s+)?def\s+(\w+)")
_BOUND = re.compile(r"EVT_\w+")
# Further above no function of a person begins.
_FAR = 400


class CheatSheet(QWidget):
    """One event at a time, chosen by the person or by where the cursor is."""

    template_asked = Signal(str)
    """The person wants a new script from the event's template; carries the event."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.events = QComboBox()
        name_widget(self.events, "scriptEvent", "Event", "What a handler of this event gets and gives")
        self.events.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.events.setMinimumContentsLength(10)
        for event in EVENTS:
            self.events.addItem(event_words(event), event)
        self.new = push_button(
            "Template", "scriptEventNew", "New script from the template for this event", self._ask_for_template
        )
        self.text = QTextEdit()
        name_widget(self.text, "scriptCheatSheet", "What the event offers")
        self.text.setReadOnly(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        row = in_row(self.events, self.new, space=4)
        row.setStretch(0, 1)
        layout.addLayout(row)
        layout.addWidget(self.text, 1)
        self.events.currentIndexChanged.connect(self._show)
        theme.changed.connect(self._show)
        self.show_event("EVT_C_STORE")

    @property
    def event_name(self) -> str:
        """The event that is shown."""
        return str(self.events.currentData())

    def show_event(self, event: str) -> None:
        """Show another one."""
        index = self.events.findData(event)
        if index >= 0:
            self.events.setCurrentIndex(index)
        self._show()

    def _ask_for_template(self) -> None:
        self.template_asked.emit(self.event_name)

    def _show(self) -> None:
        event = self.event_name
        accent, dimmed = self._theme.accent.name(), self._theme.dimmed.name()
        # The mark-up is ours, and so is every word in it.
        lines = [
            f"<p style='color:{dimmed};margin:0 0 8px 0'>def {FUNCTION_NAMES[event][0]}(event):</p>",
            f"<p style='margin:0 0 8px 0'>{escape(CHEATS[event].gives)}</p>",
        ]
        for name, meaning in cheat_rows(event):
            lines.append(
                f"<p style='margin:0 0 6px 0'><span style='color:{accent}'>{escape(name)}</span><br>"
                f"<span style='color:{dimmed}'>{escape(meaning)}</span></p>"
            )
        self.text.setHtml("".join(lines))


def event_at(lines: list[str], at: int) -> str:
    """The event whose handler a line belongs to, "" if none can be told.

    Args:
        lines: Of the script.
        at: Which one, from 0.
    """
    for number in range(at, max(-1, at - _FAR), -1):
        found = _DEF.match(lines[number]) if number < len(lines) else None
        if found is not None:
            return _event_of(found[1], lines)
    return ""


def _event_of(function: str, lines: list[str]) -> str:
    for event, names in FUNCTION_NAMES.items():
        if function in names:
            return event
    word = re.compile(rf"\b{re.escape(function)}\b")
    for line in lines:
        bound = _BOUND.search(line)
        if bound is not None and bound[0] in FUNCTION_NAMES and word.search(line):
            return bound[0]
    return ""
