"""Which values a request's data set must have for a rule to apply: an attribute and what its value has to fit."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.datadict import dictionary_description, keyword_for_tag
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from workstation.scp.rules.rule import check_key
from workstation.ui.dialogs.query_form import AttributeSearch
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import DimLabel, ProblemLabel, name_widget, plain_label
from workstation.ui.theme import Theme

_LONGEST_LABEL = 28


def attribute_name(key: str) -> str:
    """The name of a keyword or "gggg,eeee" in the dictionary; the tag itself if it has none."""
    try:
        tag = check_key(key)
    except ValueError:
        return key
    try:
        return dictionary_description(tag)
    except KeyError:
        return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


class KeysEditor(QWidget):
    """A row for each key, and below them the search for a further one. Emits a mapping, key: value."""

    edited = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._fields: dict[str, QLineEdit] = {}
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(4)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self.search = AttributeSearch()
        self.search.setObjectName("addKey")
        self.search.setAccessibleName("Add a key")
        self.search.setPlaceholderText("Add an attribute…")
        self.search.setToolTip("Type a part of an attribute's name, or a tag like 0010,0020, then choose")
        self._problem = ProblemLabel(theme)
        self._was_found = False
        self.search.found.connect(self._found)
        self.search.returnPressed.connect(self._typed)
        self.search.textEdited.connect(lambda _text: self._problem.show_problem(""))
        self._help = DimLabel(theme, "* any characters · ? one character · empty: absent or empty")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._grid)
        layout.addWidget(self.search)
        layout.addWidget(self._problem)
        layout.addWidget(self._help)
        self.setFocusProxy(self.search)
        self._build({})

    @property
    def keys(self) -> dict[str, str]:
        """What is asked for."""
        return {key: field.text() for key, field in self._fields.items()}

    def field(self, key: str) -> QLineEdit:
        """The field of a key's value."""
        return self._fields[key]

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """Show these; emits nothing."""
        self._problem.show_problem("")
        if list(keys) != list(self._fields):
            self._build(keys)
            return
        for key, text in keys.items():
            if self._fields[key].text() != text:
                self._fields[key].blockSignals(True)
                self._fields[key].setText(text)
                self._fields[key].blockSignals(False)

    def add_key(self, key: str) -> None:
        """Ask for one more attribute; its field gets the focus."""
        if key not in self._fields:
            self._build({**self.keys, key: ""})
            self.edited.emit(self.keys)
        self._fields[key].setFocus()

    def _remove(self, key: str) -> None:
        self._build({each: text for each, text in self.keys.items() if each != key})
        self.search.setFocus()
        self.edited.emit(self.keys)

    def _found(self, keyword: str) -> None:
        self._was_found = True
        self.add_key(keyword)

    def _typed(self) -> None:
        # After the search itself has looked for the text in the dictionary's names.
        text, was_found = self.search.text().strip(), self._was_found
        self._was_found = False
        if was_found or not text:
            return
        try:
            tag = check_key(text)
        except ValueError as error:
            self._problem.show_problem(str(error))
            return
        self.search.clear()
        self.add_key(keyword_for_tag(tag) or f"{tag >> 16:04X},{tag & 0xFFFF:04X}")

    def _build(self, keys: Mapping[str, str]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                # At once out of the window: until it is deleted its name would be there twice.
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        self._fields = {}
        previous: QWidget | None = None
        for row, (key, text) in enumerate(keys.items()):
            name = attribute_name(key)
            label = plain_label(name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…", wrap=True)
            label.setMinimumWidth(70)
            label.setMaximumWidth(150)
            label.setToolTip(plain_tooltip(f"{name}\n{key}"))
            field = QLineEdit(text)
            field.setPlaceholderText("empty or absent")
            name_widget(field, f"key{key}", name, plain_tooltip(f"{name}, {key}: what its value has to fit"))
            field.textChanged.connect(lambda _text: self.edited.emit(self.keys))
            label.setBuddy(field)
            button = QToolButton()
            button.setText("×")
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            name_widget(button, f"remove{key}", f"Remove {name}", plain_tooltip(f"Do not look at {name}"))
            # Queued: the button must not be gone before it has finished clicking.
            button.clicked.connect(lambda _=False, key=key: self._remove(key), Qt.ConnectionType.QueuedConnection)
            self._grid.addWidget(label, row, 0)
            self._grid.addWidget(field, row, 1)
            self._grid.addWidget(button, row, 2)
            for widget in (label, field, button):
                # Now: left to itself, Qt does so later, and the focus cannot go there before.
                widget.show()
            self._fields[key] = field
            if previous is not None:
                QWidget.setTabOrder(previous, field)
            QWidget.setTabOrder(field, button)
            previous = button
        if previous is not None:
            QWidget.setTabOrder(previous, self.search)
        self._help.setVisible(bool(keys))
