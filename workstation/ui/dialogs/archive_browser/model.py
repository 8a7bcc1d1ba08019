"""The archive as rows that open: those that were fetched, and a line that stands for what was not yet.

Asks for pages by a signal and takes them when they come; brought up to date in place, so that the selection and what
is open stay, and nothing jumps. Knows no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from PySide6.QtCore import QModelIndex, QObject, Signal

from workstation.scp.archive.browse import Page, Row
from workstation.scp.archive.tree import Key
from workstation.scp.query.levels import Level
from workstation.ui.dialogs.archive_browser.words import NAME, OBJECTS, SIZE, TITLES, cells_of, tip_of
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.theme import Theme

PAGE = 200
"""Rows fetched at once."""


@dataclass(slots=True, eq=False)
class Node:
    """A row that was fetched, with those below it that were."""

    row: Row
    depth: int
    parent: Node | None
    is_open: bool = False
    is_fetched: bool = False
    total: int = 0
    children: list[Node] = field(default_factory=list)
    more: More | None = None
    cells: tuple[str, ...] | None = None

    @property
    def key(self) -> Key:
        """Of its row."""
        return self.row.key


@dataclass(slots=True, eq=False)
class More:
    """Stands for those below a node, or patients, that were not fetched yet."""

    of: Node | None
    depth: int
    count: int = 0
    is_asked: bool = False


Line = Node | More


class ArchiveModel(RowModel):
    """Patients, and what is below those that are open."""

    titles = TITLES
    alignments = tuple(RIGHT if column in (OBJECTS, SIZE) else LEFT for column in range(len(TITLES)))
    branch_column = NAME

    wanted = Signal(object, int)
    """Rows are needed: below which `Node` (None: patients), and how many are there already."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._top: list[Node] = []
        self._total = 0
        self._more = More(None, 0)
        self._lines: list[Line] = []

    # --- asking

    def line(self, row: int) -> Line | None:
        """What stands in a row."""
        return self._lines[row] if 0 <= row < len(self._lines) else None

    def node(self, row: int) -> Node | None:
        """The patient, study, series or object in a row."""
        line = self.line(row)
        return line if isinstance(line, Node) else None

    def place_of(self, key: Key) -> int:
        """The row of a key, -1 if it is not shown."""
        return next((place for place, line in enumerate(self._lines) if isinstance(line, Node) and line.key == key), -1)

    @property
    def total(self) -> int:
        """How many patients there are, fetched or not."""
        return self._total

    def fetched(self) -> dict[Key | None, int]:
        """What is shown: the keys whose rows below were fetched, and how many; None for the patients."""
        found: dict[Key | None, int] = {None: len(self._top)}
        found.update({line.key: len(line.children) for line in self._lines if isinstance(line, Node) and line.is_open})
        return found

    def fetch_in_sight(self, first: int, last: int) -> None:
        """Ask for what the lines between two rows stand for."""
        for line in self._lines[max(first, 0) : last + 1]:
            if isinstance(line, More) and not line.is_asked:
                line.is_asked = True
                self.wanted.emit(line.of, len(self._top if line.of is None else line.of.children))

    # --- taking

    def clear(self) -> None:
        """Show nothing."""
        self._top, self._total = [], 0
        self._apply([])

    def add_page(self, parent: Node | None, offset: int, page: Page) -> None:
        """Take more rows. Not what no longer fits, because others came meanwhile: a refresh is under way then."""
        children = self._top if parent is None else parent.children
        if offset != len(children):
            more = self._more if parent is None else parent.more
            if more is not None:
                more.is_asked = False
            return
        known = {child.key for child in children}
        depth = 0 if parent is None else parent.depth + 1
        children.extend(Node(row, depth, parent) for row in page.rows if row.key not in known)
        self._set_total(parent, page.total)
        self._apply(list(self._walk()))

    def refresh(self, pages: Mapping[Key | None, Page]) -> None:
        """Take what is there now for all that was fetched."""
        self._merge(None, self._top, pages)
        self._apply(list(self._walk()))
        if self._lines:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._lines) - 1, len(TITLES) - 1))

    def _merge(self, parent: Node | None, children: list[Node], pages: Mapping[Key | None, Page]) -> None:
        page = pages.get(None if parent is None else parent.key)
        if page is None:
            return
        before = {child.key: child for child in children}
        depth = 0 if parent is None else parent.depth + 1
        merged: list[Node] = []
        for row in page.rows:
            node = before.get(row.key)
            if node is None:
                node = Node(row, depth, parent)
            elif node.row != row:
                node.row, node.cells = row, None
            merged.append(node)
        children[:] = merged
        self._set_total(parent, page.total)
        for node in merged:
            if node.is_open:
                self._merge(node, node.children, pages)
            elif node.is_fetched:
                # Fetched again when it is opened again.
                node.is_fetched, node.children, node.more = False, [], None

    def _set_total(self, parent: Node | None, total: int) -> None:
        if parent is None:
            self._total = total
            more, count = self._more, total - len(self._top)
        else:
            parent.total, parent.is_fetched = total, True
            if parent.more is None:
                parent.more = More(parent, parent.depth + 1)
            more, count = parent.more, total - len(parent.children)
        more.count, more.is_asked = max(count, 0), False

    def _walk(self) -> Iterator[Line]:
        """All lines that are shown, in order."""

        def below(children: list[Node], more: More | None) -> Iterator[Line]:
            for node in children:
                yield node
                if node.is_open:
                    yield from below(node.children, node.more)
            if more is not None and more.count:
                yield more

        yield from below(self._top, self._more)

    def _apply(self, lines: list[Line]) -> None:
        """Go from the lines shown to others, so that Qt's selection and current row stay on theirs."""
        wanted = set(lines)
        for first, last in reversed(list(_runs(self._lines, wanted))):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._lines[first : last + 1]
            self.endRemoveRows()
        here = set(self._lines)
        staying = [line for line in lines if line in here]
        if staying != self._lines:
            self._reorder(staying)
        for first, last in list(_runs(lines, here)):
            self.beginInsertRows(QModelIndex(), first, last)
            self._lines[first:first] = lines[first : last + 1]
            self.endInsertRows()

    def _reorder(self, lines: list[Line]) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        places = {line: place for place, line in enumerate(lines)}
        after = [self.index(places[self._lines[index.row()]], index.column()) for index in before]
        self._lines = lines
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    # --- being shown

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def shown(self, row: int) -> Shown:
        line = self._lines[row]
        if isinstance(line, More):
            words = f"{line.count:,} more" if not line.is_asked else f"Fetching {min(line.count, PAGE):,} more…"
            return Shown((words, *[""] * (len(TITLES) - 1)), ("dimmed",) * len(TITLES), line.depth, is_sentence=True)
        if line.cells is None:
            line.cells = cells_of(line.row)
        is_object = line.key.level is Level.IMAGE
        return Shown(
            line.cells,
            depth=line.depth,
            is_open=None if is_object else line.is_open,
            is_bold=line.key.level is Level.PATIENT,
        )

    def tip(self, row: int, column: int) -> str:
        line = self._lines[row]
        return tip_of(line.row) if isinstance(line, Node) else ""

    def head_of(self, row: int) -> int:
        line = self._lines[row]
        head = line.of if isinstance(line, More) else line.parent
        return row if head is None else self._lines.index(head)

    def open_row(self, row: int, is_open: bool) -> None:
        node = self.node(row)
        if node is None or node.key.level is Level.IMAGE or node.is_open == is_open:
            return
        node.is_open = is_open
        if is_open and not node.is_fetched:
            if node.more is None:
                # Said at once, before anything is fetched.
                node.more = More(node, node.depth + 1, count=1, is_asked=True)
            self.wanted.emit(node, 0)
        self._apply(list(self._walk()))
        place = self.index(row, 0)
        self.dataChanged.emit(place, place)


def _runs(lines: list[Line], known: set[Line]) -> Iterator[tuple[int, int]]:
    """First and last place of each run of lines that are not known."""
    first = None
    for place, line in enumerate(lines):
        if line not in known:
            first = place if first is None else first
        elif first is not None:
            yield first, place - 1
            first = None
    if first is not None:
        yield first, len(lines) - 1
