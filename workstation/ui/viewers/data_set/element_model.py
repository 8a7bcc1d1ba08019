"""The elements of a data set as rows; what is below a sequence is read when it is opened.

Reading is not this model's business: it asks for it with `wanted` and is told by `arrived`. Text is made when a row is
painted, from the first bytes of a value that an element carries.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, Signal

from workstation.traffic.decoding.data_set import DataSetTree, Element, line_of, meaning_of, path_text
from workstation.traffic.text import hex_bytes, printable, quantity
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.theme import Theme

TAG, NAME, VR, LENGTH, VALUE = range(5)


class Node:
    """A row: an element, and where it stands."""

    __slots__ = ("above", "below", "depth", "element", "is_open", "tree")

    def __init__(self, tree: DataSetTree, element: Element, above: Node | None) -> None:
        self.tree = tree
        self.element = element
        self.above = above
        self.depth: int = above.depth + 1 if above is not None else 0
        self.is_open = False
        self.below: list[Node] = []

    @property
    def way(self) -> tuple[Element, ...]:
        """The elements from the outermost to this one."""
        node: Node | None = self
        way: list[Element] = []
        while node is not None:
            way.append(node.element)
            node = node.above
        return tuple(reversed(way))

    def opened(self) -> list[Node]:
        """The rows below it, as far as they have been read."""
        children = self.element.children
        if children and len(self.below) != len(children):
            self.below = [Node(self.tree, child, self) for child in children]
        return self.below


def _in_sight(nodes: list[Node]) -> list[Node]:
    lines: list[Node] = []
    stack = nodes[::-1]
    while stack:
        node = stack.pop()
        lines.append(node)
        if node.is_open:
            stack.extend(reversed(node.opened()))
    return lines


class ElementModel(RowModel):
    """The elements in sight, in one flat list of lines."""

    # The space keeps a title that ends at its column's edge apart from the next one.
    titles = ("Tag", "Name", "VR", "Length\u2002", "Value")
    title_tips = (
        "Group and element, hexadecimal",
        "From the dictionary of DICOM, or of the private creator in brackets",
        "How the value is represented",
        "Bytes of the value; \u221e: until a delimiter",
        "The value, or its beginning",
    )
    alignments = (LEFT, LEFT, LEFT, RIGHT, LEFT)
    # Not the tags: indented they would not stand below one another, nor fit.
    branch_column = NAME

    wanted = Signal(object)
    """Somebody opened a `Node` whose contents have not been read."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._top: list[Node] = []
        self._lines: list[Node] = []

    def set_trees(self, levels: list[tuple[DataSetTree, list[Element]]]) -> None:
        """Show the outermost elements of some trees, one tree after the other."""
        self.beginResetModel()
        self._top = [Node(tree, element, None) for tree, elements in levels for element in elements]
        self._lines = list(self._top)
        self.endResetModel()

    def node_at(self, index: Index) -> Node | None:
        """The row's node."""
        return self._lines[index.row()] if index.isValid() and index.row() < len(self._lines) else None

    # --- opening ---------------------------------------------------------------------------------------------------

    def open_row(self, row: int, is_open: bool) -> None:
        node = self._lines[row]
        if node.is_open == is_open or not node.element.has_below:
            return
        node.is_open = is_open
        if is_open and node.element.children is None:
            self.wanted.emit(node)
        elif is_open:
            self._insert_below(row, node)
        else:
            last = self._last_below(row)
            if last > row:
                self.beginRemoveRows(QModelIndex(), row + 1, last)
                del self._lines[row + 1 : last + 1]
                self.endRemoveRows()
        self.dataChanged.emit(self.index(row, 0), self.index(row, VALUE))

    def arrived(self, node: Node) -> None:
        """What is below a node has been read."""
        if not node.is_open or node not in self._lines:
            return
        row = self._lines.index(node)
        if self._last_below(row) == row:
            self._insert_below(row, node)
        self.dataChanged.emit(self.index(row, 0), self.index(row, VALUE))

    def _insert_below(self, row: int, node: Node) -> None:
        below = _in_sight(node.opened())
        if below:
            self.beginInsertRows(QModelIndex(), row + 1, row + len(below))
            self._lines[row + 1 : row + 1] = below
            self.endInsertRows()

    def open_all(self, node: Node) -> None:
        """Open a row and everything below it that has been read."""
        if node not in self._lines:
            return
        row = self._lines.index(node)
        self.open_row(row, False)
        stack = [node]
        while stack:
            each = stack.pop()
            if each.element.children:
                each.is_open = True
                stack.extend(each.opened())
        self._insert_below(row, node)
        self.dataChanged.emit(self.index(row, 0), self.index(row, VALUE))

    def close_all(self) -> None:
        """Close every row."""
        self.beginResetModel()
        for node in self._lines:
            node.is_open = False
        self._lines = list(self._top)
        self.endResetModel()

    def reveal(self, way: tuple[Element, ...]) -> QModelIndex:
        """The row at the end of a way, what is around it opened; its levels have been read."""
        nodes, found = self._top, None
        for element in way:
            node = next((each for each in nodes if each.element is element), None)
            if node is None:
                break
            if found is not None and not found.is_open:
                self.open_row(self._lines.index(found), True)
            found, nodes = node, node.opened()
        return self.index(self._lines.index(found), 0) if found is not None else QModelIndex()

    def _last_below(self, row: int) -> int:
        depth = self._lines[row].depth
        last = row
        while last + 1 < len(self._lines) and self._lines[last + 1].depth > depth:
            last += 1
        return last

    # --- what is shown ---------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def head_of(self, row: int) -> int:
        above = self._lines[row].above
        return self._lines.index(above, 0, row) if above is not None else row

    def shown(self, row: int) -> Shown:
        node = self._lines[row]
        return shown_element(node.element, depth=node.depth, is_open=node.is_open)

    def tip(self, row: int, column: int) -> str:
        node = self._lines[row]
        return explained(node.way)


def shown_element(element: Element, *, depth: int = 0, is_open: bool = False) -> Shown:
    """An element as a row."""
    name = printable(element.name, 128)
    if element.creator:
        name = f"[{name}]"
    length = "\u221e" if element.length is None else f"{element.length:,}"
    value = line_of(element)
    if element.kind == "rest":
        colour = "failure" if element.problem else "dimmed"
        mark = "⚠ " if element.problem else ""
        return Shown(("", f"{mark}{name}", "", length, value), (colour,) * 5, depth=depth)
    if element.problem:
        value = f"⚠ {element.problem}" + (f" · {value}" if value else "")
    tag = element.tag_text if element.kind == "element" else ""
    main = "failure" if element.problem else "dimmed" if element.level or not element.size else ""
    private = "dimmed" if element.tag[0] % 2 else ""
    return Shown(
        (tag, name, element.vr, length, value),
        ("dimmed", "dimmed" if element.kind != "element" else private, "dimmed", "dimmed", main),
        depth=depth,
        is_open=is_open if element.has_below else None,
    )


def explained(way: tuple[Element, ...]) -> str:
    """What else there is to say about an element, in lines."""
    element = way[-1]
    lines = [printable(element.name, 128)]
    if element.creator:
        lines[0] += f" of {printable(element.creator, 64)}"
    lines.append(path_text(way))
    if element.read_as and element.read_as != "UN":
        lines.append(f"Sent as UN, shown as {element.read_as}")
    if element.kind == "element":
        length = "undefined length" if element.length is None else quantity(element.length, "byte")
        lines.append(f"{element.vr}, {length}")
    text = line_of(element)
    if text:
        lines.append(text)
    meaning = meaning_of(element)
    if meaning and meaning not in text:
        lines.append(meaning)
    if element.problem:
        lines.append(f"⚠ {element.problem}")
    elif element.missing and element.kind != "rest":
        lines.append(f"Its bytes are {element.missing}")
    lines.append(f"At byte {element.offset:,} (0x{element.offset:x}) of the data set")
    if element.head and element.vr not in ("OB", "OW"):
        lines.append(hex_bytes(element.head))
    return "\n".join(lines)
