"""The decoded tree of the selected PDU or message: every field in the standard's words, with its place in the bytes.

Says which field the person went to; shows the field that somebody else went to. Branches are built when opened. Knows
fields, nothing of associations.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from workstation.net.field import Field
from workstation.traffic.dissect import Dissection
from workstation.ui.empty_state import EmptyState
from workstation.ui.field_model import FieldModel, raw_text, uid_of, value_text
from workstation.ui.theme import Theme
from workstation.ui.tree import TrafficTree, copy_to_clipboard

_OPEN_AT_FIRST = 400


class DecodedView(TrafficTree):
    """A tree of fields.

    Args:
        theme: Colours.
    """

    field_chosen = Signal(object)
    """The person went to a field; carries its path (an index at each depth)."""

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
        opened = self._opened() if keep else set()
        self._dissection = dissection
        self.fields.set_fields(dissection.fields if dissection is not None else ())
        self.empty.show_when(dissection is None)
        if keep:
            for each in sorted(opened, key=len):
                index = self.fields.index_of(each)
                if self.fields.path_of(index) == each:
                    self.expand(index)
            if path:
                self.show_row(self.fields.index_of(path))
            return
        self._open_first()

    def current_path(self) -> tuple[int, ...]:
        """The path of the selected field, () for none."""
        return self.fields.path_of(self.currentIndex())

    def select_path(self, path: tuple[int, ...]) -> None:
        """Show and select a field, opening what is around it."""
        index = self.fields.index_of(path)
        above = self.fields.parent(index)
        while above.isValid():
            self.expand(above)
            above = self.fields.parent(above)
        self.show_row(index, centre=True)

    def _open_first(self) -> None:
        """Open the outer levels, as far as they stay readable."""
        left = _OPEN_AT_FIRST
        level = [self.fields.index(row, 0) for row in range(self.fields.rowCount())]
        depth = 0
        while level and depth < 4:
            below: list[QModelIndex] = []
            for index in level:
                count = self.fields.rowCount(index)
                # Items of an association request and elements stay one line each: their value is in that line.
                if not count or count > left or self._is_summary(index):
                    continue
                left -= count
                self.expand(index)
                below += [self.fields.index(row, 0, index) for row in range(count)]
            level = below
            depth += 1

    def _is_summary(self, index: QModelIndex) -> bool:
        field = self.fields.field_at(index)
        return field is not None and field.name.startswith(("Application Context", "Presentation Context", "("))

    def _opened(self) -> set[tuple[int, ...]]:
        found: set[tuple[int, ...]] = set()
        level = [self.fields.index(row, 0) for row in range(self.fields.rowCount())]
        while level:
            below: list[QModelIndex] = []
            for index in level:
                if self.isExpanded(index):
                    found.add(self.fields.path_of(index))
                    below += [self.fields.index(row, 0, index) for row in range(self.fields.rowCount(index))]
            level = below
        return found

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        field = self.fields.field_at(index)
        if field is None:
            return
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
        below = menu.addAction("Open everything below", lambda: self.expandRecursively(index))
        below.setEnabled(bool(field.children))
        menu.addAction("Close everything", self.collapseAll)

    def _hex(self, field: Field) -> str:
        if self._dissection is None:
            return ""
        return self._dissection.data[field.offset : field.offset + field.length].hex(" ")


def tree_text(field: Field) -> str:
    """A field and what is in it, one a line, indented by depth."""
    lines: list[str] = []
    stack = [(field, 0)]
    while stack:
        one, depth = stack.pop()
        uid = uid_of(one)
        value = f"{uid} ({one.meaning})" if uid and one.meaning else value_text(one)
        lines.append(f"{'  ' * depth}{one.name}: {value}".rstrip(": "))
        stack.extend((child, depth + 1) for child in reversed(one.children))
    return "\n".join(lines)
