"""A data set as a tree of elements, with a search and a place for values too long for a line.

Reads in jobs: the outermost level first, others when they are opened. Knows data sets, not where they come from.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QMenu, QPlainTextEdit, QSplitter, QToolButton, QVBoxLayout, QWidget

from workstation.traffic.decoding.data_set import (
    MAX_TEXT,
    DataSetTree,
    Element,
    find_elements,
    json_text,
    line_of,
    path_text,
    tree_of,
    value_text,
)
from workstation.traffic.decoding.elements import BytesSource, Encoding
from workstation.traffic.decoding.objects import DicomObject
from workstation.traffic.text import printable
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.traffic_table import TrafficTable, copy_to_clipboard
from workstation.ui.parts.widgets import DimLabel, in_row, name_widget
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme
from workstation.ui.viewers.data_set.element_model import LENGTH, VALUE, VR, ElementModel, Node

_TYPING = 250
MOST_FOUND = 2_000
MOST_OPENED = 5_000
_SHOWN_AT_FIRST = 64 << 10
_PREAMBLE = 132
_NARROW = 480

Levels = list[tuple[DataSetTree, list[Element]]]
Found = tuple[DataSetTree, tuple[Element, ...]]


def read_levels(found: DicomObject, *, with_meta: bool) -> Levels:
    """The outermost elements of the file meta information, if there is any, and of the data set; raises ValueError."""
    levels: Levels = []
    if with_meta and len(found.head) > _PREAMBLE:
        meta = DataSetTree(BytesSource(found.head[_PREAMBLE:]), Encoding(False, True))
        levels.append((meta, meta.top()))
    tree = tree_of(found.source, found.transfer_syntax)
    levels.append((tree, tree.top()))
    return levels


class _Search:
    """Looks through all of some trees; a job."""

    def __init__(self, trees: list[DataSetTree], words: str) -> None:
        self._trees = trees
        self._words = words
        self._over = threading.Event()

    def run(self) -> list[Found]:
        found: list[Found] = []
        for tree in self._trees:
            for way in find_elements(tree, self._words):
                if self._over.is_set() or len(found) >= MOST_FOUND:
                    return found
                if way is not None:
                    found.append((tree, way))
        return found

    def cancel(self) -> None:
        self._over.set()


class ElementsTable(TrafficTable):
    """The rows of elements."""

    asked = Signal(QModelIndex)
    """The person wants to see the whole value of a row."""

    def __init__(self, theme: Theme, object_name: str = "elementsTable", parent: QWidget | None = None) -> None:
        super().__init__(theme, object_name, "Elements of the data set", parent)
        self.elements = ElementModel(theme, self)
        self.setModel(self.elements)
        self.size_columns(("(0000,0000)", "Patient's Birth Date", "OW", "0,000,00", "MONOCHROME2"), 1, VALUE)
        self.menu_filler: Callable[[QMenu, Node], None] | None = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        # In a narrow dock the value is worth more than its length; the tooltip has both.
        is_narrow = event.size().width() < _NARROW
        for column in (VR, LENGTH):
            self.header().setSectionHidden(column, is_narrow)
        super().resizeEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        super().mouseDoubleClickEvent(event)
        if index.isValid() and self.elements.shown(index.row()).is_open is None:
            self.asked.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.asked.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        node = self.elements.node_at(index)
        if node is not None and self.menu_filler is not None:
            self.menu_filler(menu, node)


class ElementsView(QWidget):
    """The tree, its search, and the whole value of the selected element below it.

    Args:
        theme: Colours.
        tasks: Runs what reads.
    """

    loaded = Signal()
    """The outermost level of an object is there, or the sentence that says why not."""

    def __init__(self, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._object: DicomObject | None = None
        self._trees: list[DataSetTree] = []
        self._found: list[Found] = []
        self._place = -1
        self._search_job: _Search | None = None
        self._asked_for: Node | None = None
        self.table = ElementsTable(theme)
        self.table.menu_filler = self._fill_menu
        self.table.asked.connect(self.show_value)
        self.table.chosen.connect(self._on_chosen)
        self.table.elements.wanted.connect(self._read_below)
        self.empty = EmptyState(self.table, theme, "No data set", "Select a message that carries one.")
        self._make_search(theme)
        self.value = QPlainTextEdit()
        name_widget(self.value, "elementValue", "Whole value of the selected element")
        self.value.setReadOnly(True)
        self.value.setFont(theme.fixed_font())
        self.value.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.value.hide()
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.table)
        splitter.addWidget(self.value)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(in_row(self.search, self.count, self.previous, self.next, space=2))
        layout.addWidget(splitter, 1)

    def _make_search(self, theme: Theme) -> None:
        self.search = QLineEdit()
        name_widget(
            self.search,
            "elementSearch",
            "Find in the data set",
            "Find a tag, keyword, name or value. Enter: next, Shift+Enter: previous",
        )
        self.search.setPlaceholderText("Find tag, keyword, name or value")
        self.search.setClearButtonEnabled(True)
        self.count = DimLabel(theme, wrap=False)
        self.count.setObjectName("elementsFound")
        self.previous, self.next = QToolButton(), QToolButton()
        for button, arrow, name, step in (
            (self.previous, Qt.ArrowType.UpArrow, "Previous", -1),
            (self.next, Qt.ArrowType.DownArrow, "Next", 1),
        ):
            button.setArrowType(arrow)
            button.setAutoRaise(True)
            button.setEnabled(False)
            name_widget(button, f"element{name}", f"{name} one found", f"{name} one found")
            button.clicked.connect(partial(self.go, step))
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING)
        self._typing.timeout.connect(self._look)
        self.search.textChanged.connect(lambda: self._typing.start())
        self.search.returnPressed.connect(self._on_enter)

    # --- the object shown ------------------------------------------------------------------------------------------

    @property
    def shown_object(self) -> DicomObject | None:
        """What is shown."""
        return self._object

    def say(self, title: str, sentence: str = "") -> None:
        """Show nothing but why there is nothing."""
        self._object, self._trees = None, []
        with self.table.not_the_person():
            self.table.elements.set_trees([])
        self.empty.say(title, sentence)
        self.empty.show_when(True)
        self._forget_found()
        self._show_text("")

    @action
    async def set_object(self, found: DicomObject, with_meta: bool) -> None:
        """Show another data set; its outermost level is read in a job."""
        selected = self._selected_tag()
        self._object = found
        try:
            levels = await self._tasks.call(partial(read_levels, found, with_meta=with_meta), name="read-elements")
        except ValueError as error:
            if self._object is found:
                self.say("Cannot be decoded", str(error))
                self.loaded.emit()
            return
        except OSError as error:
            if self._object is found:
                self.say("Cannot be read", str(error.strerror or error))
                self.loaded.emit()
            return
        if self._object is not found:
            return
        self._trees = [tree for tree, _ in levels]
        with self.table.not_the_person():
            self.table.elements.set_trees(levels)
        self.empty.say("An empty data set", "It has no elements.")
        self.empty.show_when(not any(elements for _, elements in levels))
        self._select_tag(selected)
        self._forget_found()
        self._show_text("")
        if self.search.text():
            self._typing.start()
        self.loaded.emit()

    def _selected_tag(self) -> tuple[int, int] | None:
        """The tag of the outermost element selected: it stays selected in the next object."""
        node = self.table.elements.node_at(self.table.currentIndex())
        return node.way[0].tag if node is not None else None

    def _select_tag(self, tag: tuple[int, int] | None) -> None:
        if tag is None:
            return
        model = self.table.elements
        for row in range(model.rowCount()):
            node = model.node_at(model.index(row, 0))
            if node is not None and node.element.tag == tag:
                self.table.show_row(model.index(row, 0))
                return

    @action
    async def _read_below(self, node: Node) -> None:
        await self._tasks.call(partial(node.tree.below, node.element), name="read-elements")
        self.table.elements.arrived(node)

    # --- search ----------------------------------------------------------------------------------------------------

    def _forget_found(self) -> None:
        self._found, self._place = [], -1
        self._show_count()

    def _show_count(self) -> None:
        words = self.search.text().strip()
        more = "+" if len(self._found) >= MOST_FOUND else ""
        if not words or (self._search_job is not None and not self._found):
            self.count.setText("")
        elif not self._found:
            self.count.setText("none")
        else:
            self.count.setText(f"{self._place + 1:,} of {len(self._found):,}{more}")
        for button in (self.previous, self.next):
            button.setEnabled(bool(self._found))

    @action
    async def _look(self) -> None:
        """Search for what is typed."""
        if self._search_job is not None:
            self._search_job.cancel()
        words = self.search.text().strip()
        self._forget_found()
        if not words or not self._trees:
            return
        job = self._search_job = _Search(list(self._trees), words)
        found = await self._tasks.run(job, name="find-elements")
        if self._search_job is not job:
            return
        self._search_job = None
        self._found = found
        self._show_count()
        if found:
            self.go(1)

    def _on_enter(self) -> None:
        if self._typing.isActive():
            self._typing.stop()
            self._look()
            return
        self.go(1)

    def go(self, step: int) -> None:
        """Go to the next element found, or with -1 to the one before."""
        if not self._found:
            return
        self._place = (self._place + step) % len(self._found)
        _, way = self._found[self._place]
        with self.table.not_the_person():
            index = self.table.elements.reveal(way)
        self.table.show_row(index, centre=True)
        self._show_count()
        if self.value.isVisibleTo(self):
            self.show_value(index)

    # --- values ----------------------------------------------------------------------------------------------------

    def _on_chosen(self, index: QModelIndex) -> None:
        if self.value.isVisibleTo(self):
            self.show_value(index)

    def _show_text(self, text: str) -> None:
        self._asked_for = None
        self.value.setPlainText(text)
        self.value.setVisible(bool(text))

    @action
    async def show_value(self, index: QModelIndex) -> None:
        """Show the whole value of an element below the tree."""
        node = self.table.elements.node_at(index)
        if node is None:
            return
        self._asked_for = node
        text = await self._tasks.call(partial(_whole_value, node, _SHOWN_AT_FIRST), name="read-value")
        if self._asked_for is node:
            self.value.setPlainText(text)
            self.value.show()
            # The table has become lower, by now or in the next turn of the event loop.
            QTimer.singleShot(0, self.table, self._keep_in_sight)

    def _keep_in_sight(self) -> None:
        self.table.scrollTo(self.table.currentIndex())

    def _fill_menu(self, menu: QMenu, node: Node) -> None:
        way = node.way
        element = node.element
        copy_value = menu.addAction("Copy value", lambda: self._copy(node, _value_to_copy))
        copy_value.setEnabled(not element.level and element.kind != "rest")
        row = menu.addAction("Copy row", lambda: copy_to_clipboard(self.table.rows_as_text()))
        row.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        menu.addAction("Copy path", lambda: copy_to_clipboard(path_text(way)))
        as_json = menu.addAction("Copy as JSON", lambda: self._copy(node, _json_to_copy))
        as_json.setEnabled(element.kind in ("element", "item"))
        menu.addSeparator()
        whole = menu.addAction("Show the whole value", lambda: self._show_node(node))
        whole.setShortcut(QKeySequence("Return"))
        whole.setEnabled(element.kind != "item")
        if self.value.isVisibleTo(self):
            menu.addAction("Hide the value", lambda: self._show_text(""))
        menu.addSeparator()
        below = menu.addAction("Open everything below", lambda: self._open_all(node))
        below.setEnabled(element.has_below)
        menu.addAction("Close everything", self._close_all)

    @action
    async def _open_all(self, node: Node) -> None:
        await self._tasks.call(partial(_read_all, node), name="read-elements")
        with self.table.not_the_person():
            self.table.elements.open_all(node)

    def _close_all(self) -> None:
        with self.table.not_the_person():
            self.table.elements.close_all()

    def _show_node(self, node: Node) -> None:
        index = self.table.elements.reveal(node.way)
        self.table.show_row(index)
        self.show_value(index)

    @action
    async def _copy(self, node: Node, make: Callable[[Node], str]) -> None:
        try:
            copy_to_clipboard(await self._tasks.call(partial(make, node), name="copy-element"))
        except ValueError as error:
            self._show_text(f"{node.element.tag_text} was not copied.\n{error}")

    def actions_for(self, menu: QMenu) -> list[QAction]:
        """What can be done with the selected element, added to a menu of somebody else."""
        node = self.table.elements.node_at(self.table.currentIndex())
        if node is not None:
            self._fill_menu(menu, node)
        return menu.actions()


def _read_all(node: Node) -> None:
    """Read what is below a node, as much as a person can look through."""
    stack, left = [node.element], MOST_OPENED
    while stack and left > 0:
        below = node.tree.below(stack.pop())
        left -= len(below)
        stack.extend(child for child in below if child.level)


def _whole_value(node: Node, limit: int) -> str:
    element = node.element
    title = f"{element.tag_text} {printable(element.name, 128)} {element.vr}".strip()
    if element.level:
        return f"{title}\n{line_of(element)}"
    return f"{title}\n{node.tree.full_text(element, limit)}"


def _value_to_copy(node: Node) -> str:
    element = node.element
    raw = node.tree.raw(element, MAX_TEXT)
    if not raw:
        return line_of(element)
    if element.vr in ("OB", "OW", "OF", "OD", "OL", "OV", "UN") and element.read_as in ("", "UN"):
        return raw.hex(" ")
    return value_text(element, raw, everything=True)


def _json_to_copy(node: Node) -> str:
    return json_text(node.tree, node.element)
