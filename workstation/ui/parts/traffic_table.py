"""What the lists of traffic share: columns, copying, menus, and following the end until the person looks back.

A view follows its end as long as nobody scrolls up or picks a row; then it stays where it is and a small button says
how many rows came since. Knows nothing of what they show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QMenu, QPushButton, QWidget

from workstation.ui.parts.painted_table import PaintedTable
from workstation.ui.parts.repainting import Repainting
from workstation.ui.parts.row_model import LEFT, Index
from workstation.ui.theme import Theme


def tabular(font: QFont) -> QFont:
    """The font with figures of one width, so that numbers stand below one another."""
    font = QFont(font)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def copy_to_clipboard(text: str) -> None:
    """Put text on the clipboard, if there is any."""
    clipboard = QApplication.clipboard()
    if text and clipboard is not None:
        clipboard.setText(text)


class TrafficTable(PaintedTable):
    """A list of any length: rows of one height, so that inserting some costs the same however many there are.

    Args:
        theme: Colours.
        object_name: For tests.
        accessible_name: For screen readers.
    """

    chosen = Signal(QModelIndex)
    """The person (not the program) went to a row."""

    def __init__(self, theme: Theme, object_name: str, accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName(object_name)
        self.setAccessibleName(accessible_name)
        self.setFont(tabular(self.font()))
        header = self.header()
        header.setObjectName(f"{object_name}Header")
        header.setSectionsMovable(True)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(24)
        header.setDefaultAlignment(LEFT)
        header.setHighlightSections(False)
        self._by_program = False
        # Of the viewport alone: the header would be painted again as well, and ask for each of its titles.
        self.repainting = Repainting(self.viewport())
        self._least: dict[int, int] = {}

    def header(self) -> QHeaderView:
        """The columns' header."""
        return self.horizontalHeader()

    def size_columns(self, samples: Sequence[str], *stretch: int) -> None:
        """Give each column the width of a sample text once; some of them share the room that is left."""
        header = self.header()
        metrics = QFontMetrics(self.font())
        model = self.model()
        for column, sample in enumerate(samples):
            title = ""
            if model is not None:
                title = str(model.headerData(column, Qt.Orientation.Horizontal) or "")
            width = max(metrics.horizontalAdvance(sample), metrics.horizontalAdvance(title)) + 11
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(column, width)
        self._least = {column: header.sectionSize(column) for column in stretch}
        self._spread()

    def _spread(self) -> None:
        # Not Qt's own stretching: that squeezes the column to nothing before it lets the view scroll.
        header = self.header()
        shown = {column: least for column, least in self._least.items() if not header.isSectionHidden(column)}
        others = header.length() - sum(header.sectionSize(column) for column in shown)
        room = self.viewport().width() - others - sum(shown.values())
        for column, least in shown.items():
            header.resizeSection(column, least + max(0, room * least // sum(shown.values())))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._spread()

    def calm(self) -> None:
        """More rows came: paint them in their turn, however many batches there are."""
        self.repainting.hold()

    def show_row(self, index: QModelIndex, *, centre: bool = False) -> None:
        """Make a row current without taking it for the person's choice; `centre` one that was out of sight."""
        with self.not_the_person():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            selection = self.selectionModel()
            if selection is not None:
                selection.setCurrentIndex(index, flags)
            if index.isValid():
                hidden = not self.viewport().rect().contains(self.visualRect(index).center())
                hint = QAbstractItemView.ScrollHint
                self.scrollTo(index, hint.PositionAtCenter if centre and hidden else hint.EnsureVisible)

    def choose(self, index: QModelIndex) -> None:
        """Go to a row as the person does."""
        if index.isValid() and index.siblingAtColumn(0) == self.currentIndex().siblingAtColumn(0):
            self.chosen.emit(index)
        else:
            self.setCurrentIndex(index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # Opening a row is no choice of it.
        if self.press_sign(event):
            return
        before = QPersistentModelIndex(self.currentIndex())
        super().mousePressEvent(event)
        # A click on the row that the program has selected makes it the person's.
        if self.currentIndex().isValid() and before == self.currentIndex():
            self.chosen.emit(self.currentIndex())

    @contextmanager
    def not_the_person(self) -> Iterator[None]:
        """What becomes current meanwhile is not the person's choice.

        For the model's changes too: Qt makes a neighbour current when the current row goes.
        """
        before, self._by_program = self._by_program, True
        try:
            yield
        finally:
            self._by_program = before

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if not self._by_program and current.isValid():
            self.chosen.emit(self.currentIndex())

    def focusInEvent(self, event: QFocusEvent) -> None:
        # Qt makes the first row current when the keyboard arrives; that is not the person's choice.
        with self.not_the_person():
            super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            copy_to_clipboard(self.rows_as_text())
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.currentIndex()
        where = event.globalPos()
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            where = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft() + QPoint(20, 0))
        menu = QMenu(self)
        menu.setObjectName(f"{self.objectName()}Menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_menu(menu, index)
        menu.popup(where)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        """Add the actions for a row; the base offers to copy it."""
        action = menu.addAction("Copy row", lambda: copy_to_clipboard(self.rows_as_text()))
        action.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        action.setEnabled(index.isValid())

    def rows_as_text(self) -> str:
        """The selected rows, columns parted by tabs, in the order shown."""
        header, model = self.header(), self.rows()
        shown = [header.logicalIndex(visual) for visual in range(header.count())]
        shown = [column for column in shown if not header.isSectionHidden(column)]
        chosen = sorted(index.row() for index in self.selectionModel().selectedRows())
        return "\n".join("\t".join(model.shown(row).texts[column] for column in shown) for row in chosen)


class FollowEnd(QObject):
    """Keeps a view at its end until the person looks elsewhere; then offers to come back.

    Args:
        view: Whose model inserts rows at its end.
    """

    resumed = Signal()
    """The person came back to the end."""

    def __init__(self, view: TrafficTable, object_name: str) -> None:
        super().__init__(view)
        self._view = view
        self._following = True
        self._new = 0
        self._moving = False
        self.button = QPushButton(view.viewport())
        self.button.setObjectName(object_name)
        self.button.setAccessibleName("Go to the newest row")
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button.hide()
        self.button.clicked.connect(self.resume)
        # Many batches scroll once, when they are painted.
        self._came = False
        view.repainting.due.connect(self._show_new)
        self._scroll = QTimer(self)
        self._scroll.setSingleShot(True)
        self._scroll.setInterval(0)
        self._scroll.timeout.connect(self._to_end)
        bar = view.verticalScrollBar()
        bar.valueChanged.connect(self._scrolled)
        view.viewport().installEventFilter(self)
        view.chosen.connect(self.pause)
        view.toggled.connect(self.pause)

    @property
    def following(self) -> bool:
        """Whether new rows are scrolled to."""
        return self._following

    @property
    def new(self) -> int:
        """How many rows came since the person looked back."""
        return self._new

    def rows_came(self, count: int) -> None:
        """Rows were inserted at the end."""
        if count <= 0:
            return
        if self._following:
            self._came = True
            self._view.repainting.soon()
            return
        self._new += count
        self.button.setText(f"{self._new:,} new ↓")
        self.button.adjustSize()
        self._place()
        self.button.setVisible(True)

    def pause(self, *_: object) -> None:
        """The person looks at something: stay there."""
        self._following = False

    def resume(self) -> None:
        """Go to the end and follow it again."""
        self._came_back()
        self._to_end()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Resize:
            self._place()
            if self._following:
                self._scroll.start()
        return False

    def _show_new(self) -> None:
        if self._came:
            self._came = False
            self._to_end()

    def _to_end(self) -> None:
        if not self._following:
            return
        self._moving = True
        try:
            self._view.scrollToBottom()
        finally:
            self._moving = False

    def _scrolled(self, value: int) -> None:
        if self._moving:
            return
        bar = self._view.verticalScrollBar()
        if value >= bar.maximum():
            if not self._following:
                self._came_back()
        elif self._person_scrolls():
            self._following = False

    def _came_back(self) -> None:
        self._new = 0
        self.button.hide()
        if not self._following:
            self._following = True
            self.resumed.emit()

    def _person_scrolls(self) -> bool:
        # The range also moves the value when rows go; only a held slider, the wheel or a key is the person.
        bar = self._view.verticalScrollBar()
        return bar.isSliderDown() or self._view.underMouse() or self._view.hasFocus() or bar.underMouse()

    def _place(self) -> None:
        area = self._view.viewport()
        size = self.button.size()
        self.button.move((area.width() - size.width()) // 2, area.height() - size.height() - 6)
