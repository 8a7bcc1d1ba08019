"""Keeps how a person arranged a dialog: its size, its splitters, its columns. Knows nothing of what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, QSize
from PySide6.QtWidgets import QDialog, QHeaderView, QSplitter

# Of the parts that are kept; another number forgets what no longer fits.
_VERSION = 1


class DialogMemory(QObject):
    """Brings back the last arrangement at once, and keeps the present one each time the dialog is hidden.

    Args:
        dialog: By its object name.
        path: The file; the main window keeps its own arrangement there as well.
        parts: Splitters and headers by a name each.
    """

    def __init__(self, dialog: QDialog, path: Path, parts: Mapping[str, QSplitter | QHeaderView]) -> None:
        super().__init__(dialog)
        self._dialog = dialog
        self._path = path
        self._parts = dict(parts)
        self._group = f"dialogs/{dialog.objectName()}-{_VERSION}"
        self._restore()
        dialog.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._dialog and event.type() == QEvent.Type.Hide:
            self._save()
        return super().eventFilter(watched, event)

    def _restore(self) -> None:
        settings = QSettings(str(self._path), QSettings.Format.IniFormat)
        size = settings.value(f"{self._group}/size")
        if isinstance(size, QSize) and size.isValid():
            self._dialog.resize(size)
        for name, part in self._parts.items():
            state = settings.value(f"{self._group}/{name}")
            if isinstance(state, QByteArray):
                part.restoreState(state)

    def _save(self) -> None:
        settings = QSettings(str(self._path), QSettings.Format.IniFormat)
        if not self._dialog.isMaximized():
            settings.setValue(f"{self._group}/size", self._dialog.size())
        for name, part in self._parts.items():
            settings.setValue(f"{self._group}/{name}", part.saveState())
