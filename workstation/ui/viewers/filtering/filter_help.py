"""Help for display filters that stays open beside the traffic: how they are written, and every field there is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from workstation.traffic.filters.fields import FIELDS, FilterField, operators_of
from workstation.ui.parts.row_model import LEFT, Index, RowModel, Shown
from workstation.ui.parts.traffic_table import TrafficTable
from workstation.ui.parts.widgets import SPACE, DimLabel, in_row, name_widget, plain_label, push_button
from workstation.ui.theme import Theme

_RULES = (
    "Compare a field with a value, and join tests with and, or, not and parentheses:\n"
    '    calling == "CT1" and (status != 0 or response_time > 2 s)\n'
    'A field alone asks whether it is there: status. A text in quotes alone is looked for everywhere: "Doe".\n'
    "==  !=  <  <=  >  >=   contains (case does not count)   matches (regular expression)   in {1, 2, 5..9}\n"
    "Numbers may be 0x… ; times have ns, us, ms, s, min, h; sizes B, kB, MB, GB, KiB, MiB, GiB.\n"
    'Any data element by keyword or tag: PatientID == "4711", tag(0010,0020) contains "47".\n'
    "A row that does not have a field passes no comparison with it, != included."
)


class _Fields(RowModel):
    """The table of fields."""

    titles = ("Field", "Example", "Meaning")
    alignments = (LEFT, LEFT, LEFT)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self.fields: tuple[FilterField, ...] = FIELDS

    def narrow(self, wanted: str) -> None:
        """Show those that have a text in their names, examples or meanings."""
        words = wanted.lower().split()
        self.beginResetModel()
        self.fields = tuple(
            field
            for field in FIELDS
            if all(word in f"{field.name} {' '.join(field.aliases)} {field.help}".lower() for word in words)
        )
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.fields)

    def shown(self, row: int) -> Shown:
        field = self.fields[row]
        return Shown((field.name, field.example, field.help), ("accent", "", "dimmed"))

    def tip(self, row: int, column: int) -> str:
        field = self.fields[row]
        lines = [field.help, f"Kind: {field.kind.value}"]
        lines.append("Takes: " + "  ".join(each or "alone" for each in operators_of(field)))
        if field.values:
            lines.append("Values: " + ", ".join(field.values))
        if field.aliases:
            lines.append("Also called: " + ", ".join(field.aliases))
        return "\n".join(lines)


class FilterHelp(QDialog):
    """The help window; `chosen` carries the name of a field, `tried` an example."""

    chosen = Signal(str)
    tried = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Display filters")
        self.setObjectName("filterHelp")
        self.setModal(False)
        self.model = _Fields(theme, self)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a field")
        self.search.setClearButtonEnabled(True)
        name_widget(self.search, "filterHelpSearch", "Find a field")
        self.search.textChanged.connect(self._narrow)
        self.table = TrafficTable(theme, "filterFields", "Fields of display filters")
        self.table.setModel(self.model)
        self.table.size_columns(("transfer_syntax", "sop_class == CTImageStorage_", "x" * 30), 2)
        self.table.doubleClicked.connect(lambda _index: self._use())
        rules = plain_label(_RULES, wrap=True, selectable=True)
        rules.setObjectName("filterRules")
        rules.setAccessibleName("How filters are written")
        insert = push_button("Insert field", "filterInsert", "Put the field where you type", self._use)
        example = push_button(
            "Use example", "filterExample", "Put its example in the line", lambda: self._use(example=True)
        )
        hint = DimLabel(theme, "Point at a row for what the field takes.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        layout.addWidget(rules)
        layout.addWidget(self.search)
        layout.addWidget(self.table, 1)
        layout.addWidget(hint)
        buttons = in_row(insert, example, None, push_button("Close", "filterHelpClose", "Close (Esc)", self.close))
        layout.addLayout(buttons)
        self.resize(760, 560)
        self._narrow("")

    def _narrow(self, wanted: str) -> None:
        self.model.narrow(wanted)
        if self.model.rowCount():
            self.table.show_row(self.model.index(0, 0))

    def _use(self, *, example: bool = False) -> None:
        row = self.table.currentIndex().row()
        if not 0 <= row < len(self.model.fields):
            return
        field = self.model.fields[row]
        if example:
            self.tried.emit(field.example)
        else:
            self.chosen.emit(field.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._use()
            return
        super().keyPressEvent(event)
