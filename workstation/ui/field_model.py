"""A tree of decoded fields as Qt's model: nodes are made when a branch is opened, text when a row is painted."""

from __future__ import annotations

import re
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt

from workstation.net.field import Field
from workstation.traffic.text import hex_bytes, printable
from workstation.ui.plain import plain_tooltip
from workstation.ui.row_model import LEFT, RIGHT, Index
from workstation.ui.theme import Theme

FIELD, VALUE, OFFSET, LENGTH = range(4)
_TITLES = ("Field", "Value", "Offset", "Bytes")
_TITLE_TIPS = (
    "The field, in the words of the standard",
    "What it holds and what that means",
    "Its first byte in the bytes shown, hexadecimal",
    "How many bytes it has",
)
_UID = re.compile(r"[0-2](\.(0|[1-9][0-9]*)){2,}")
# The elements of data sets carry their VR in front of what the value means: "UI, CT Image Storage".
_VR = re.compile(r"[A-Z]{2}(, |$)")


def uid_of(field: Field) -> str:
    """The UID that a field holds, "" if it holds none."""
    value = field.value
    return value if isinstance(value, str) and _UID.fullmatch(value) and len(value) <= 64 else ""


def value_text(field: Field) -> str:
    """What a field holds, in words: a UID by its name, a number with its meaning."""
    value, meaning = field.value, printable(field.meaning, 1024)
    name = _VR.sub("", meaning, count=1) if uid_of(field) else ""
    if value is None or name:
        text = name or meaning
    else:
        if isinstance(value, bytes | bytearray | memoryview):
            shown = hex_bytes(bytes(value[:33]), 32)
        else:
            shown = printable(str(value), 1024)
        text = f"{shown} ({meaning})" if meaning and meaning != shown else shown
    if field.problem:
        problem = printable(field.problem, 1024)
        return f"⚠ {problem} · {text}" if text else f"⚠ {problem}"
    return text


def raw_text(field: Field) -> str:
    """The value alone, for copying."""
    if field.value is None:
        return field.meaning
    if isinstance(field.value, bytes | bytearray | memoryview):
        return bytes(field.value).hex(" ")
    return str(field.value)


class _Node:
    __slots__ = ("children", "field", "parent", "row", "troubled")

    def __init__(self, field: Field, parent: _Node | None, row: int) -> None:
        self.field = field
        self.parent = parent
        self.row = row
        self.children: list[_Node] | None = None

    def opened(self) -> list[_Node]:
        if self.children is None:
            self.children = [_Node(child, self, row) for row, child in enumerate(self.field.children)]
        return self.children


class FieldModel(QAbstractItemModel):
    """The fields of a dissection."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._top: list[_Node] = []

    def set_fields(self, fields: tuple[Field, ...]) -> None:
        """Show other fields."""
        self.beginResetModel()
        self._top = [_Node(field, None, row) for row, field in enumerate(fields)]
        self.endResetModel()

    def field_at(self, index: Index) -> Field | None:
        """The field of a row."""
        node = self._node(index)
        return node.field if node is not None else None

    def path_of(self, index: Index) -> tuple[int, ...]:
        """The way to a row: an index at each depth."""
        node = self._node(index)
        path: list[int] = []
        while node is not None:
            path.append(node.row)
            node = node.parent
        return tuple(reversed(path))

    def index_of(self, path: tuple[int, ...]) -> QModelIndex:
        """The row at the end of a path; of its longest part that exists."""
        nodes = self._top
        found: _Node | None = None
        for row in path:
            if not 0 <= row < len(nodes):
                break
            found = nodes[row]
            nodes = found.opened()
        return self.createIndex(found.row, 0, found) if found is not None else QModelIndex()

    @staticmethod
    def _node(index: Index) -> _Node | None:
        if not index.isValid():
            return None
        node = index.internalPointer()
        return node if isinstance(node, _Node) else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        if not parent.isValid():
            return len(self._top)
        node = self._node(parent)
        return len(node.field.children) if node is not None and parent.column() == 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return len(_TITLES)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:
        return self.rowCount(parent) > 0

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:
        node = self._node(parent)
        nodes = self._top if node is None else node.opened()
        if 0 <= row < len(nodes) and 0 <= column < len(_TITLES):
            return self.createIndex(row, column, nodes[row])
        return QModelIndex()

    def parent(self, index: Index = QModelIndex()) -> Any:
        node = self._node(index)
        if node is None or node.parent is None:
            return QModelIndex()
        return self.createIndex(node.parent.row, 0, node.parent)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if section >= OFFSET else LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TITLE_TIPS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        field = self.field_at(index)
        if field is None:
            return None
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            match column:
                case 0:
                    return printable(field.name)
                case 1:
                    return value_text(field)
                case 2:
                    return f"{field.offset:04x}" if field.length else ""
                case _:
                    return f"{field.length:,}" if field.length else ""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column >= OFFSET else LEFT
        if role == Qt.ItemDataRole.ForegroundRole:
            if field.problem and column <= VALUE:
                return self._theme.failure
            dim = column >= OFFSET or field.name in ("Reserved", "Item Type", "Item Length")
            return self._theme.dimmed if dim else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tooltip(self._explain(field))
        return None

    @staticmethod
    def _explain(field: Field) -> str:
        lines = [printable(field.name)]
        uid = uid_of(field)
        lines.append(uid if uid else value_text(field))
        if uid and field.meaning:
            lines.append(printable(field.meaning))
        if isinstance(field.value, int) and not isinstance(field.value, bool):
            lines[-1] += f" = 0x{field.value:x}"
        if field.problem:
            lines.append(f"⚠ {printable(field.problem, 1024)}")
        if field.length:
            lines.append(f"Bytes 0x{field.offset:04x} to 0x{field.offset + field.length - 1:04x} ({field.length:,})")
        return "\n".join(lines)
