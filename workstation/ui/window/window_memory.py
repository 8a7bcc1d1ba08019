"""Size, arrangement of the panes and columns of the window, kept from one run to the next in an INI file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QSize
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMainWindow, QTableView, QTreeView

# Raise it when panes are renamed: an arrangement of another version is not restored.
_VERSION = 2


class WindowMemory:
    """Reads and writes how the person has the window. `panes` is the window that the docks are in."""

    def __init__(self, path: Path, window: QMainWindow, panes: QMainWindow) -> None:
        self._settings = QSettings(str(path), QSettings.Format.IniFormat)
        self._window = window
        self._panes = panes

    def restore(self) -> bool:
        """Bring everything back; returns whether there was an arrangement."""
        geometry, panes = self._settings.value("window/geometry"), self._settings.value("window/panes")
        if not isinstance(geometry, QByteArray) or not self._window.restoreGeometry(geometry):
            self._window.resize(QSize(1440, 900).boundedTo(self._room()))
        for name, header in self._headers():
            columns = self._settings.value(f"columns/{name}")
            if isinstance(columns, QByteArray):
                header.restoreState(columns)
        return isinstance(panes, QByteArray) and self._panes.restoreState(panes, _VERSION)

    def keep(self) -> None:
        """Write everything down."""
        self._settings.setValue("window/geometry", self._window.saveGeometry())
        self._settings.setValue("window/panes", self._panes.saveState(_VERSION))
        for name, header in self._headers():
            self._settings.setValue(f"columns/{name}", header.saveState())
        self._settings.sync()

    def _room(self) -> QSize:
        """What the screen has for the window inside of a title bar: the status bar must not lie below the edge."""
        room = self._window.screen().availableSize() - QSize(16, 48)
        return room.expandedTo(QSize(1100, 700))

    def _headers(self) -> list[tuple[str, QHeaderView]]:
        """The header of each list and tree in a pane, by the view's object name."""
        found = []
        for view in self._panes.findChildren(QAbstractItemView):
            if isinstance(view, QTreeView) and view.objectName():
                found.append((view.objectName(), view.header()))
            elif isinstance(view, QTableView) and view.objectName():
                found.append((view.objectName(), view.horizontalHeader()))
        return found
