"""The colour rules: an ordered list of filters, each with the meaning whose colour and sign it gives to rows.

Changes take effect as they are made; a rule whose filter is broken says so and colours nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.saved_filters import COLOURS, DEFAULT_RULES, ColourRule, SavedFilters
from workstation.traffic.filters.filter import Filter, FilterError
from workstation.ui.parts.icons import Icons
from workstation.ui.parts.widgets import (
    SPACE,
    CheckedField,
    DimLabel,
    ProblemLabel,
    name_widget,
    push_button,
)
from workstation.ui.theme import Theme
from workstation.ui.viewers.filtering.filter_line import FilterLine

_MEANINGS = {
    "failure": "It did not work",
    "warning": "It worked, with a remark",
    "success": "It worked",
    "pending": "It goes on",
    "cancelled": "Somebody stopped it",
    "sent": "Sent by us",
    "received": "Received",
    "accent": "Worth a look",
    "dimmed": "In the background",
}


def sign_icon(theme: Theme, colour: str) -> QIcon:
    """A rule's sign in its colour."""
    pixmap = QPixmap(32, 32)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    font = painter.font()
    font.setBold(True)
    font.setPixelSize(13)
    painter.setFont(font)
    painter.setPen(getattr(theme, colour))
    painter.drawText(0, 0, 16, 16, Qt.AlignmentFlag.AlignCenter, COLOURS[colour])
    painter.end()
    icon = QIcon(pixmap)
    # Selected as well, which Qt would otherwise tint: the colour has a meaning.
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon


def _problem_of(text: str) -> str:
    try:
        Filter.of(text)
    except FilterError as error:
        return error.sentence
    return ""


class ColourRulesDialog(QDialog):
    """The rules as a list, the one that is selected as a form below it.

    Args:
        theme: Colours.
        saved: Where the rules are kept.
        known: For a field's name the values that the traffic has.
    """

    changed = Signal()
    """Other rules are in force."""

    def __init__(
        self,
        theme: Theme,
        saved: SavedFilters,
        known: Callable[[str], Iterable[str]] = lambda _name: (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Colours of rows")
        self.setObjectName("colourRules")
        self.setModal(False)
        self._theme = theme
        self._saved = saved
        self._rules = list(saved.colours.rules)
        self._filling = False
        self._icons = Icons(theme, self)
        self.list = QListWidget()
        name_widget(self.list, "colourRuleList", "Colour rules, the first that a row passes counts")
        self.list.setIconSize(QSize(16, 16))
        self.list.setAlternatingRowColors(True)
        self.list.itemChanged.connect(self._switched)
        self.list.currentRowChanged.connect(self._show_rule)
        self.name = CheckedField(theme, lambda text: "" if text.strip() else "Give the rule a name.")
        name_widget(self.name.editor, "colourRuleName", "Name of the rule")
        self.name.editor.setMaxLength(80)
        self.line = FilterLine(theme, known)
        self.filter = CheckedField(theme, _problem_of, editor=self.line)
        name_widget(self.filter.editor, "colourRuleFilter", "Filter of the rule")
        self.colour = QComboBox()
        name_widget(self.colour, "colourRuleColour", "Colour and sign")
        for colour in COLOURS:
            self.colour.addItem(_MEANINGS[colour], colour)
        self.name.edited.connect(lambda _text: self._edited())
        self.filter.editor.textChanged.connect(lambda _text: self._edited())
        self.colour.activated.connect(lambda _index: self._edited())
        self._problem = ProblemLabel(theme)
        self._build(theme)
        theme.changed.connect(self._fill)
        self._fill()
        self.list.setCurrentRow(0)
        self.resize(460, 440)

    def _build(self, theme: Theme) -> None:
        self.add = self._tool("add", "colourRuleAdd", "Add a rule", self._add)
        self.remove = self._tool("remove", "colourRuleRemove", "Remove the rule", self._remove)
        self.up = self._tool("", "colourRuleUp", "Earlier: it counts before those below", lambda: self._move(-1), "↑")
        self.down = self._tool("", "colourRuleDown", "Later", lambda: self._move(1), "↓")
        tools = QHBoxLayout()
        tools.setSpacing(4)
        for tool in (self.add, self.remove, self.up, self.down):
            tools.addWidget(tool)
        tools.addStretch(1)
        defaults = push_button("Defaults", "colourRuleDefaults", "The rules that came with the program", self._defaults)
        tools.addWidget(defaults)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for label, field in (("Name", self.name), ("Filter", self.filter), ("Meaning", self.colour)):
            text = QLabel(label)
            text.setBuddy(field)
            form.addRow(text, field)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        layout.setSpacing(SPACE)
        layout.addWidget(DimLabel(theme, "The first rule that a row passes gives it colour and sign."))
        layout.addWidget(self.list, 1)
        layout.addLayout(tools)
        layout.addLayout(form)
        layout.addWidget(self._problem)
        close = QHBoxLayout()
        close.addStretch(1)
        close.addWidget(push_button("Close", "colourRulesClose", "Close (Esc)", self.close))
        layout.addLayout(close)

    def _tool(self, icon: str, name: str, tip: str, slot: Callable[[], None], text: str = "") -> QToolButton:
        tool = QToolButton()
        name_widget(tool, name, tip, tip)
        if icon:
            self._icons.give(tool, icon)
        else:
            tool.setText(text)
        tool.setAutoRaise(True)
        tool.setFixedSize(28, 26)
        tool.clicked.connect(lambda: slot())
        return tool

    # --- showing ---------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        row = self.list.currentRow()
        self._filling = True
        self.list.clear()
        for rule in self._rules:
            item = QListWidgetItem()
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            self._paint_item(item, rule)
            self.list.addItem(item)
        for place, colour in enumerate(COLOURS):
            self.colour.setItemIcon(place, sign_icon(self._theme, colour))
        self._filling = False
        self.list.setCurrentRow(min(max(row, 0), len(self._rules) - 1))
        self._enable()

    def _paint_item(self, item: QListWidgetItem, rule: ColourRule) -> None:
        broken = rule.problem
        item.setText(f"{rule.name} — the filter is broken" if broken else rule.name)
        item.setIcon(sign_icon(self._theme, rule.colour))
        item.setForeground(self._theme.dimmed if broken or not rule.enabled else getattr(self._theme, rule.colour))
        item.setCheckState(Qt.CheckState.Checked if rule.enabled else Qt.CheckState.Unchecked)

    def _show_rule(self, row: int) -> None:
        if self._filling:
            return
        self._filling = True
        if 0 <= row < len(self._rules):
            rule = self._rules[row]
            self.name.set_text(rule.name)
            self.filter.set_text(rule.text)
            self.colour.setCurrentIndex(list(COLOURS).index(rule.colour))
        self._filling = False
        self._enable()

    def _enable(self) -> None:
        row, count = self.list.currentRow(), len(self._rules)
        for field in (self.name, self.filter, self.colour, self.remove):
            field.setEnabled(row >= 0)
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < count - 1)

    # --- changing --------------------------------------------------------------------------------------------------

    def _switched(self, item: QListWidgetItem) -> None:
        row = self.list.row(item)
        if self._filling or not 0 <= row < len(self._rules):
            return
        self._put(row, replace(self._rules[row], enabled=item.checkState() is Qt.CheckState.Checked))

    def _edited(self) -> None:
        row = self.list.currentRow()
        if self._filling or not 0 <= row < len(self._rules):
            return
        old = self._rules[row]
        name = self.name.text.strip() if not self.name.problem else old.name
        rule = ColourRule(name, self.filter.text, str(self.colour.currentData()), old.enabled)
        if rule != old:
            self._put(row, rule)

    def _put(self, row: int, rule: ColourRule) -> None:
        self._rules[row] = rule
        item = self.list.item(row)
        self._filling = True
        if item is not None:
            self._paint_item(item, rule)
        self._filling = False
        self._keep()

    def _add(self) -> None:
        row = self.list.currentRow() + 1
        self._rules.insert(row, ColourRule("New rule", "response_time > 1 s", "accent"))
        self._refill(row)
        self.name.editor.setFocus()
        self.name.editor.selectAll()

    def _remove(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._rules):
            del self._rules[row]
            self._refill(min(row, len(self._rules) - 1))

    def _move(self, by: int) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._rules) and 0 <= row + by < len(self._rules):
            self._rules.insert(row + by, self._rules.pop(row))
            self._refill(row + by)

    def _defaults(self) -> None:
        self._rules = list(DEFAULT_RULES)
        self._refill(0)

    def _refill(self, row: int) -> None:
        self._fill()
        self.list.setCurrentRow(row)
        self._show_rule(row)
        self._keep()

    def _keep(self) -> None:
        try:
            self._saved.set_colours(self._rules)
        except OSError as error:
            self._problem.show_problem(f"The colours cannot be kept: {error.strerror or error}.")
        else:
            self._problem.show_problem("")
        self.changed.emit()
