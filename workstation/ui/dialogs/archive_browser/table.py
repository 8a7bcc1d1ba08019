"""The list of the archive: rows that open, files dropped on it, and a menu. Knows the model, no archive."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QModelIndex, Signal
from PySide6.QtGui import (
    QAction,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QResizeEvent,
    Qt,
)
from PySide6.QtWidgets import QMenu, QWidget

from workstation.scp.archive.browse import Row
from workstation.scp.query.levels import Level
from workstation.traffic.text import printable
from workstation.ui.dialogs.archive_browser.model import ArchiveModel, Node
from workstation.ui.parts.traffic_table import TrafficTable, copy_to_clipboard
from workstation.ui.theme import Theme

_SAMPLES = (
    "A description of a study as",
    "CT, MR",
    "born 2026-01-01",
    "ACC-20260001",
    "10,000",
    "999 MB",
    "2026-01-01 10:10",
)


class ArchiveTable(TrafficTable):
    """Shows an `ArchiveModel`."""

    dropped = Signal(list)
    """Paths that were dropped on it."""

    opened = Signal(object)
    """The `Node` of an object that the person wants to look at by itself."""

    def __init__(self, theme: Theme, model: ArchiveModel, parent: QWidget | None = None) -> None:
        super().__init__(theme, "archiveRows", "Patients, studies, series and objects of the archive", parent)
        self._model = model
        self.menu_actions: list[QAction] = []
        self.setModel(model)
        self.setAcceptDrops(True)
        self.size_columns(_SAMPLES, 0)
        self.verticalScrollBar().valueChanged.connect(self.fetch_in_sight)
        model.rowsInserted.connect(self.fetch_in_sight)

    def fetch_in_sight(self, *_: object) -> None:
        """Have the rows fetched that the lines in sight stand for."""
        height = max(self.verticalHeader().defaultSectionSize(), 1)
        first = self.verticalScrollBar().value() // height
        self._model.fetch_in_sight(first, first + self.viewport().height() // height + 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fetch_in_sight()

    def chosen_nodes(self) -> list[Node]:
        """The selected rows, without those that are below another selected one."""
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        nodes = [node for row in rows if (node := self._model.node(row)) is not None]
        chosen = set(nodes)

        def is_below(node: Node) -> bool:
            above = node.parent
            while above is not None:
                if above in chosen:
                    return True
                above = above.parent
            return False

        return [node for node in nodes if not is_below(node)]

    def chosen_rows(self) -> list[Row]:
        """Their rows."""
        return [node.row for node in self.chosen_nodes()]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self._enter(self.currentIndex())
            return
        super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._enter(self.indexAt(event.position().toPoint()))

    def _enter(self, index: QModelIndex) -> None:
        """Look at an object, open or close anything else."""
        node = self._model.node(index.row())
        if node is None:
            return
        if node.key.level is Level.IMAGE:
            self.opened.emit(node)
        else:
            self._model.open_row(index.row(), not node.is_open)

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        for action in self.menu_actions:
            if action.isSeparator():
                menu.addSeparator()
            else:
                menu.addAction(action)
        menu.addSeparator()
        super().fill_menu(menu, index)
        node = self._model.node(index.row())
        if node is not None and node.key.name and node.key.level is not Level.PATIENT:
            menu.addAction("Copy UID", lambda: copy_to_clipboard(printable(node.key.name)))

    # --- dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._offer(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._offer(event)

    def _offer(self, event: QDragMoveEvent) -> None:
        if _paths(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = _paths(event.mimeData())
        if paths:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.dropped.emit(paths)


def _paths(data: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
