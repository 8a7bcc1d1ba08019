"""The decoded fields of the selected PDU or message, in the standard's words, with their places in the bytes.

Says which field the person went to; shows the field that somebody else went to. Knows fields, nothing of associations.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from workstation.net.codec.field import Field
from workstation.traffic.decoding.dissect import Dissection
from workstation.traffic.decoding.field_text import tree_text
from workstation.traffic.filters.asking import filter_on_field
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.traffic_table import TrafficTable, copy_to_clipboard
from workstation.ui.theme import Theme
from workstation.ui.viewers.filtering.filter_menu import add_filter_menu
from workstation.ui.viewers.message.field_model import FieldModel, Path, raw_text, uid_of

_OPEN_AT_FIRST = 400
_DEPTH_AT_FIRST = 4


class DecodedView(TrafficTable):
    """Fields, and those inside of them when they are opened.

    Args:
        theme: Colours.
    """

    field_chosen = Signal(object)
    """The person went to a field; carries its path (an index at each depth)."""
    filter_asked = Signal(str, str)
    """"Filter on this": an expression, and how it joins the one in force."""
    find_asked = Signal()
    """The person wants to look for something in the fields."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "decodedView", "Decoded fields", parent)
        self.fields = FieldModel(theme, self)
        self.setModel(self.fields)
        self._dissection: Dissection | None = None
        self.size_columns(("(0000,0000) Affect", "Implicit VR", "00000", "00,000"), 0, 1)
        self.empty = EmptyState(
            self, theme, "Nothing selected", "Select a message or a PDU to see its fields, byte by byte."
        )
        self.chosen.connect(lambda index: self.field_chosen.emit(self.fields.path_of(index)))

    def set_dissection(self, dissection: Dissection | None, *, keep: bool = False) -> None:
        """Show other fields; `keep` opens and selects again what was open and selected."""
        path = self.current_path() if keep else ()
        fields = dissection.fields if dissection is not None else ()
        opened = self.fields.open_paths() if keep else open_at_first(fields)
        self._dissection = dissection
        with self.not_the_person():
            self.fields.set_fields(fields, opened)
        self.empty.show_when(dissection is None)
        if path:
            self.show_row(self.fields.index_of(path))
        elif not keep:
            self.scrollToTop()  # where another message was scrolled to says nothing of this one

    def current_path(self) -> Path:
        """The path of the selected field, () for none."""
        return self.fields.path_of(self.currentIndex())

    def select_path(self, path: Path) -> None:
        """Show and select a field, opening what is around it."""
        with self.not_the_person():
            index = self.fields.reveal(path)
        self.show_row(index, centre=True)

    def go_to(self, path: Path) -> None:
        """Go to a field as the person does."""
        self.select_path(path)
        self.field_chosen.emit(self.current_path())

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        field = self.fields.field_at(index)
        if field is None:
            return
        add_filter_menu(menu, filter_on_field(field.name, field.value), self.filter_asked.emit)
        menu.addSeparator()
        menu.addAction("Copy value", lambda: copy_to_clipboard(raw_text(field)))
        uid = uid_of(field)
        if uid:
            menu.addAction("Copy UID", lambda: copy_to_clipboard(uid))
        hexadecimal = menu.addAction("Copy bytes as hexadecimal", lambda: copy_to_clipboard(self._hex(field)))
        hexadecimal.setEnabled(bool(field.length and self._dissection is not None))
        row = menu.addAction("Copy row", lambda: copy_to_clipboard(self.rows_as_text()))
        row.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        menu.addAction("Copy with everything below", lambda: copy_to_clipboard(tree_text(field)))
        menu.addSeparator()
        below = menu.addAction("Open everything below", lambda: self.fields.open_all(index.row()))
        below.setEnabled(bool(field.children))
        menu.addAction("Close everything", self.fields.close_all)
        find = menu.addAction("Find…", lambda: self.find_asked.emit())
        find.setShortcut(QKeySequence(QKeySequence.StandardKey.Find))

    def _hex(self, field: Field) -> str:
        if self._dissection is None:
            return ""
        return self._dissection.data[field.offset : field.offset + field.length].hex(" ")


def open_at_first(fields: tuple[Field, ...]) -> set[Path]:
    """The outer levels, as far as they stay readable."""
    opened: set[Path] = set()
    left = _OPEN_AT_FIRST
    level: list[tuple[Path, Field]] = [((place,), field) for place, field in enumerate(fields)]
    while level and len(level[0][0]) <= _DEPTH_AT_FIRST:
        below: list[tuple[Path, Field]] = []
        for path, field in level:
            count = len(field.children)
            # Items of an association request and elements stay one line each: their value is in that line.
            summary = field.name.startswith(("Application Context", "Presentation Context", "("))
            if not count or count > left or summary:
                continue
            left -= count
            opened.add(path)
            below += [((*path, place), child) for place, child in enumerate(field.children)]
        level = below
    return opened
