"""The keys of a query as a form: the usual ones of a level first, any other of the dictionary by search.

Checks while a person types, and gives the texts as typed; making an identifier of them is `query_keys`' business.
Must not know peers or jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from PySide6.QtCore import QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCompleter,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.ui.dialogs.query_keys import (
    MATCH_KEYS,
    RETURN_KEYS,
    Attribute,
    Level,
    Root,
    attribute,
    check_key,
    date_presets,
    hint,
    keys_above,
    searchable_attributes,
)
from workstation.ui.dialogs.query_model import column_name
from workstation.ui.parts.widgets import (
    SPACE,
    CheckedField,
    DimLabel,
    MenuButton,
    name_widget,
    plain_label,
    scrolled,
    stacked,
)
from workstation.ui.theme import Theme

_MODALITIES = ("CT", "MR", "US", "CR", "DX", "MG", "NM", "PT", "XA", "RF", "ES", "SM", "OT", "SR", "KO", "PR", "SEG")

_SEXES = (("Any", ""), ("F  female", "F"), ("M  male", "M"), ("O  other", "O"))

_HELP = "* any characters · ? one character\n20260101-20260131 a range of dates\nempty: not matched, but asked for"


class KeyField(QWidget):
    """One key: a checked text, a menu of usual values where there are any, and a cross where it was added."""

    removed = Signal(str)

    def __init__(self, theme: Theme, entry: Attribute, *, removable: bool = False, parent: QWidget | None = None):
        super().__init__(parent)
        self.entry = entry
        self.field = CheckedField(theme, lambda text: check_key(entry.vr, text))
        # Fields are made anew behind all else in the order of the Tab key, where Qt would stop at the stand-in first.
        self.field.setFocusProxy(None)  # type: ignore[arg-type]
        editor = self.field.editor
        editor.setPlaceholderText(hint(entry.keyword))
        editor.setClearButtonEnabled(True)
        name_widget(editor, f"key{entry.keyword}", entry.name, f"{entry.name} {entry.tag} {entry.vr}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.field, 1)
        presets = _presets(entry)
        if presets:
            row.addWidget(self._menu_button(presets), 0, Qt.AlignmentFlag.AlignTop)
        if removable:
            button = QToolButton()
            button.setText("×")
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            name_widget(button, f"remove{entry.keyword}", f"Remove {entry.name}", f"Do not ask for {entry.name}")
            button.clicked.connect(lambda: self.removed.emit(entry.keyword))
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)

    def _menu_button(self, presets: tuple[tuple[str, str], ...]) -> QToolButton:
        button = MenuButton()
        button.setArrowType(Qt.ArrowType.DownArrow)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        name_widget(button, f"usual{self.entry.keyword}", f"Usual values of {self.entry.name}", "Usual values")
        menu = QMenu(button)
        for name, value in presets:
            menu.addAction(name).triggered.connect(lambda _=False, value=value: self.field.editor.setText(value))
        button.setMenu(menu)
        return button

    @property
    def text(self) -> str:
        """What is typed."""
        return self.field.text

    def tab_order(self) -> list[QWidget]:
        """The field's widgets in the order of the Tab key."""
        return [self.field.editor, *self.findChildren(QToolButton, options=Qt.FindChildOption.FindDirectChildrenOnly)]


def _presets(entry: Attribute) -> tuple[tuple[str, str], ...]:
    if entry.vr == "DA" and entry.keyword != "PatientBirthDate":
        return date_presets(date.today())
    if entry.keyword in ("Modality", "ModalitiesInStudy"):
        return (("Any", ""), *((each, each) for each in _MODALITIES))
    return _SEXES if entry.keyword == "PatientSex" else ()


class AttributeSearch(QLineEdit):
    """Finds an attribute of the dictionary by any part of its name, or by its tag or keyword."""

    found = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(
            self, "addAttribute", "Add an attribute", "Type a part of an attribute's name, tag or keyword, then choose"
        )
        self.setPlaceholderText("Add another attribute…")
        self.setClearButtonEnabled(True)
        self._by_line: dict[str, str] = {}
        completer = QCompleter(self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setMaxVisibleItems(14)
        popup = completer.popup()
        assert popup is not None
        # Names are wider than the form.
        popup.setMinimumWidth(440)
        self.setCompleter(completer)
        completer.activated.connect(self._choose)
        self.textEdited.connect(self._fill)
        self.returnPressed.connect(self._choose_typed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            # Enter chooses an attribute here; left alone, the dialog would take it for its main button.
            event.accept()

    def _fill(self) -> None:
        # The dictionary is read at the first letter: 5,000 entries need not delay the dialog.
        if not self._by_line:
            self._by_line = {entry.entry: entry.keyword for entry in searchable_attributes()}
            completer = self.completer()
            assert completer is not None
            completer.setModel(QStringListModel(list(self._by_line), completer))

    def _choose(self, line: str) -> None:
        keyword = self._by_line.get(line)
        if keyword is not None:
            self.found.emit(keyword)
            # Not now: the completer may write its line after this slot.
            QTimer.singleShot(0, self.clear)

    def _choose_typed(self) -> None:
        self._fill()
        typed = self.text().strip().casefold()
        digits = typed.strip("()").replace(",", "")
        for entry in searchable_attributes():
            tag = entry.tag.strip("()").replace(",", "").casefold()
            if typed and typed in (entry.name.casefold(), entry.keyword.casefold(), entry.entry.casefold()):
                self._choose(entry.entry)
                return
            if digits == tag:
                self._choose(entry.entry)
                return


class QueryForm(QWidget):
    """The keys of one level, with those of the levels above it."""

    changed = Signal()
    rebuilt = Signal()
    """There are other fields now; whoever keeps the order of the Tab key has to set it again."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._root, self._level = Root.STUDY, Level.STUDY
        self._added: dict[Level, list[str]] = {level: [] for level in Level}
        self._fields: dict[str, KeyField] = {}

        self._above_note = DimLabel(
            theme, "The standard wants the keys above at this level; many servers refuse a query without them."
        )
        self._above_note.setObjectName("aboveNote")
        self._grid_holder = QWidget()
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self.search = AttributeSearch()
        self.search.found.connect(self.add_attribute)
        content = QVBoxLayout(self._grid_holder)
        content.setContentsMargins(0, 2, SPACE, 2)
        content.setSpacing(SPACE)
        content.addLayout(self._grid)
        content.addWidget(self.search)
        content.addWidget(DimLabel(theme, _HELP))
        content.addStretch(1)
        self._area = scrolled(self._grid_holder)
        self.setLayout(stacked(self._area, space=0))
        self._build({})

    @property
    def level(self) -> Level:
        """The level whose keys are shown."""
        return self._level

    @property
    def root(self) -> Root:
        """The information model whose keys are shown."""
        return self._root

    def show_level(self, root: Root, level: Level, texts: Mapping[str, str] | None = None) -> None:
        """Show another level's keys with these texts; without any, what was typed stays where the key stays."""
        kept = dict(texts) if texts is not None else self.texts()
        self._root, self._level = root, level
        self._build(kept)
        self.changed.emit()

    def add_attribute(self, keyword: str) -> None:
        """Show a field for an attribute of the dictionary, and go there."""
        if keyword not in self._fields:
            self._added[self._level].append(keyword)
            self._build(self.texts())
            self.changed.emit()
        self._fields[keyword].field.editor.setFocus()
        self._area.ensureWidgetVisible(self._fields[keyword])

    def remove_attribute(self, keyword: str) -> None:
        """Take an added attribute out again."""
        texts = self.texts()
        self._added[self._level].remove(keyword)
        self._build(texts)
        self.changed.emit()

    def clear(self) -> None:
        """Empty every field; added ones stay."""
        for field in self._fields.values():
            field.field.editor.clear()

    def texts(self) -> dict[str, str]:
        """What is typed, for every key of the form."""
        return {keyword: field.text for keyword, field in self._fields.items()}

    def above(self) -> dict[str, str]:
        """What is typed for the unique keys of the levels above."""
        return {keyword: self._fields[keyword].text for keyword in keys_above(self._root, self._level)}

    def matches(self) -> dict[str, str]:
        """What is typed for the keys of the level itself."""
        above = keys_above(self._root, self._level)
        return {keyword: text for keyword, text in self.texts().items() if keyword not in above}

    def asked(self) -> tuple[str, ...]:
        """The keywords asked for without a field to match on."""
        return tuple(keyword for keyword in RETURN_KEYS[self._level] if keyword not in self._fields)

    def columns(self) -> tuple[str, ...]:
        """The keywords of the result's columns: the level's keys and the added ones, long UIDs last."""
        above = keys_above(self._root, self._level)
        shown = [keyword for keyword in (*self._fields, *self.asked()) if keyword not in above]
        return tuple(sorted(shown, key=lambda keyword: keyword.endswith("InstanceUID")))

    @property
    def problem(self) -> str:
        """What is wrong with the first field that cannot be, by its name."""
        for field in self._fields.values():
            if field.field.problem:
                return f"{field.entry.name}: {field.field.problem}"
        return ""

    def field(self, keyword: str) -> KeyField:
        """The field of a key."""
        return self._fields[keyword]

    def _build(self, texts: Mapping[str, str]) -> None:
        # Fields are made anew: a level has its own, in its own order, and there are a dozen.
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self._above_note:
                # At once out of the window: until it is deleted its name would be there twice.
                widget.setParent(None)
                widget.deleteLater()
        above = keys_above(self._root, self._level)
        usual = [keyword for keyword in MATCH_KEYS[self._level] if keyword not in above]
        added = [each for each in self._added[self._level] if each not in (*above, *usual)]
        self._fields = {}
        row = 0
        for keyword in (*above, *usual, *added):
            field = KeyField(self._theme, attribute(keyword), removable=keyword in added)
            field.field.editor.setText(texts.get(keyword, ""))
            field.field.editor.setCursorPosition(0)
            field.field.editor.textChanged.connect(self._field_changed)
            field.removed.connect(self.remove_attribute, Qt.ConnectionType.QueuedConnection)
            label = plain_label(_label_text(keyword))
            label.setBuddy(field.field.editor)
            label.setToolTip(f"{field.entry.name} {field.entry.tag}")
            label.setFixedHeight(field.field.editor.sizeHint().height())
            self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(field, row, 1)
            self._fields[keyword] = field
            row += 1
            if above and keyword == above[-1]:
                self._grid.addWidget(self._above_note, row, 0, 1, 2)
                row += 1
        self._show_above_note()
        self.rebuilt.emit()

    def tab_order(self) -> list[QWidget]:
        """The form's widgets in the order of the Tab key."""
        return [
            *(widget for field in self._fields.values() for widget in field.tab_order()),
            self.search,
        ]

    def _field_changed(self) -> None:
        self._show_above_note()
        self.changed.emit()

    def _show_above_note(self) -> None:
        above = self.above()
        self._above_note.setVisible(bool(above) and not all(text.strip() for text in above.values()))


def _label_text(keyword: str) -> str:
    match keyword:
        case "ModalitiesInStudy":
            return "Modalities"
        case "StudyInstanceUID":
            return "Study UID"
        case "SeriesInstanceUID":
            return "Series UID"
        case "SOPInstanceUID":
            return "Image UID"
        case "SeriesNumber" | "InstanceNumber":
            return attribute(keyword).name
        case _:
            return column_name(keyword)
