"""Decoded fields as rows, those inside of an open one below it: made when it is opened, text when a row is painted."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QModelIndex, QObject

from workstation.net.codec.field import Field
from workstation.traffic.decoding.field_text import raw_text, uid_of, value_text
from workstation.traffic.text import printable
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.theme import Theme

__all__ = ["FieldModel", "Path", "raw_text", "uid_of", "value_text"]

FIELD, VALUE, OFFSET, LENGTH = range(4)
_TITLES = ("Field", "Value", "Offset", "Bytes")
_TITLE_TIPS = (
    "The field, in the words of the standard",
    "What it holds and what that means",
    "Its first byte in the bytes shown, hexadecimal",
    "How many bytes it has",
)

Path = tuple[int, ...]
"""The way to a field: an index at each depth."""


class _Node:
    __slots__ = ("above", "children", "depth", "field", "is_open", "place")

    def __init__(self, field: Field, above: _Node | None, place: int) -> None:
        self.field = field
        self.above = above
        self.place = place
        self.depth: int = above.depth + 1 if above is not None else 0
        self.is_open = False
        self.children: list[_Node] | None = None

    def opened(self) -> list[_Node]:
        if self.children is None:
            self.children = [_Node(child, self, place) for place, child in enumerate(self.field.children)]
        return self.children

    @property
    def path(self) -> Path:
        node: _Node | None = self
        path: list[int] = []
        while node is not None:
            path.append(node.place)
            node = node.above
        return tuple(reversed(path))


def _in_sight(nodes: list[_Node]) -> list[_Node]:
    """These nodes, each followed by what is in sight below it."""
    lines: list[_Node] = []
    stack = nodes[::-1]
    while stack:
        node = stack.pop()
        lines.append(node)
        if node.is_open:
            stack.extend(reversed(node.opened()))
    return lines


class FieldModel(RowModel):
    """The fields of a dissection, in one flat list of lines."""

    titles = _TITLES
    title_tips = _TITLE_TIPS
    alignments = (LEFT, LEFT, RIGHT, RIGHT)
    branch_column = FIELD

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._top: list[_Node] = []
        self._lines: list[_Node] = []

    def set_fields(self, fields: tuple[Field, ...], open_paths: Collection[Path] = ()) -> None:
        """Show other fields, those at some paths open."""
        self.beginResetModel()
        self._top = [_Node(field, None, place) for place, field in enumerate(fields)]
        for path in open_paths:
            node = self._node(path)
            if node is not None and node.depth + 1 == len(path):
                node.is_open = bool(node.field.children)
        self._lines = _in_sight(self._top)
        self.endResetModel()

    # --- opening ---------------------------------------------------------------------------------------------------

    def open_paths(self) -> set[Path]:
        """The paths of the open fields in sight."""
        return {node.path for node in self._lines if node.is_open}

    def open_row(self, row: int, is_open: bool) -> None:
        node = self._lines[row]
        if node.is_open == is_open or not node.field.children:
            return
        if is_open:
            below = _in_sight([*node.opened()])
            self.beginInsertRows(QModelIndex(), row + 1, row + len(below))
            node.is_open = True
            self._lines[row + 1 : row + 1] = below
            self.endInsertRows()
        else:
            last = self._last_below(row)
            self.beginRemoveRows(QModelIndex(), row + 1, last)
            node.is_open = False
            del self._lines[row + 1 : last + 1]
            self.endRemoveRows()
        self.dataChanged.emit(self.index(row, FIELD), self.index(row, LENGTH))

    def open_all(self, row: int) -> None:
        """Open a field and everything below it."""
        self.open_row(row, False)
        stack = [*self._lines[row].opened()]
        while stack:
            node = stack.pop()
            node.is_open = bool(node.field.children)
            stack.extend(node.opened())
        self.open_row(row, True)

    def close_all(self) -> None:
        """Close every field."""
        for row in reversed(range(len(self._lines))):
            self.open_row(row, False)

    def reveal(self, path: Path) -> QModelIndex:
        """The row at the end of a path, or of its longest part that exists; opens what is around it."""
        node = self._node(path)
        if node is None:
            return QModelIndex()
        around = node.path
        for depth in range(1, len(around)):
            above = self._node(around[:depth])
            assert above is not None
            self.open_row(self._lines.index(above), True)
        return self.index(self._lines.index(node), 0)

    def _last_below(self, row: int) -> int:
        depth = self._lines[row].depth
        last = row
        while last + 1 < len(self._lines) and self._lines[last + 1].depth > depth:
            last += 1
        return last

    # --- looking up ------------------------------------------------------------------------------------------------

    def field_at(self, index: Index) -> Field | None:
        """The field of a row."""
        return self._lines[index.row()].field if index.isValid() else None

    def path_of(self, index: Index) -> Path:
        """The way to a row."""
        return self._lines[index.row()].path if index.isValid() else ()

    def index_of(self, path: Path) -> QModelIndex:
        """The row at the end of a path, or of its longest part that is in sight."""
        node = self._node(path)
        while node is not None and node not in self._lines:
            node = node.above
        return self.index(self._lines.index(node), 0) if node is not None else QModelIndex()

    def _node(self, path: Path) -> _Node | None:
        nodes, found = self._top, None
        for place in path:
            if not 0 <= place < len(nodes):
                break
            found = nodes[place]
            nodes = found.opened()
        return found

    # --- what is shown ---------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def head_of(self, row: int) -> int:
        above = self._lines[row].above
        return self._lines.index(above, 0, row) if above is not None else row

    def shown(self, row: int) -> Shown:
        node = self._lines[row]
        field = node.field
        texts = (
            printable(field.name),
            value_text(field),
            f"{field.offset:04x}" if field.length else "",
            f"{field.length:,}" if field.length else "",
        )
        if field.problem:
            colours = ("failure", "failure", "dimmed", "dimmed")
        elif field.name in ("Reserved", "Item Type", "Item Length"):
            colours = ("dimmed",) * 4
        else:
            colours = ("", "", "dimmed", "dimmed")
        return Shown(texts, colours, depth=node.depth, is_open=node.is_open if field.children else None)

    def tip(self, row: int, column: int) -> str:
        return self._explain(self._lines[row].field)

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
