"""Data sets in windows of their own: a message's, a file's, and two compared.

Each stays as it is while the main window goes on; Esc closes it. Knows the viewers of data sets, nothing of traffic.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QFileDialog, QVBoxLayout, QWidget

from workstation.traffic.decoding.objects import DicomObject
from workstation.traffic.text import printable
from workstation.ui.services import Services
from workstation.ui.viewers.data_set.view import DataSetView

if TYPE_CHECKING:
    from workstation.ui.viewers.data_set.compare_view import CompareView

_STEP = 32


class DataSetWindows(QObject):
    """Opens them.

    Args:
        services: Theme and jobs.
        window: What they belong to, and end with.
    """

    def __init__(self, services: Services, window: QWidget) -> None:
        super().__init__(window)
        self._services = services
        self._window = window
        self._opened = 0

    def choose(self) -> None:
        """Choose files to look at."""
        dialog = QFileDialog(self._window, "Open DICOM File")
        dialog.setObjectName("openDicomDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda names: [self.open_file(Path(name)) for name in names])
        dialog.open()

    def open_file(self, path: Path) -> DataSetView:
        """Show a file."""
        view = self._view(printable(path.name))
        view.set_file(path)
        return view

    def open_object(self, found: DicomObject) -> DataSetView:
        """Show the data set of a message, or any other."""
        view = self._view(found.title)
        view.set_object(found)
        return view

    def compare(self, left: DicomObject | None = None) -> CompareView:
        """Show two side by side; the second, or both, are chosen there. One that waits for its other side takes it."""
        from workstation.ui.viewers.data_set.compare_view import CompareView

        waiting = [view for view in self._window.findChildren(CompareView) if view.is_waiting]
        if left is not None and waiting:
            waiting[0].offer(left)
            waiting[0].window().raise_()
            return waiting[0]
        view = CompareView(self._services.theme, self._services.tasks)
        self._show(view, "Compare Data Sets", "compareWindow")
        if left is not None:
            view.set_left(left)
        return view

    def _view(self, title: str) -> DataSetView:
        view = DataSetView(self._services.theme, self._services.tasks)
        view.window_asked.connect(self.open_object)
        view.compare_asked.connect(self.compare)
        self._show(view, f"{title} - Data Set", "dataSetWindow")
        return view

    def _show(self, view: QWidget, title: str, object_name: str) -> None:
        dialog = QDialog(self._window)
        dialog.setObjectName(object_name)
        dialog.setWindowTitle(title)
        dialog.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        layout = QVBoxLayout(dialog)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Close), dialog).activated.connect(dialog.close)
        wide = object_name == "compareWindow"
        dialog.resize(1100 if wide else 760, 720)
        corner = self._window.geometry().topLeft()
        step = _STEP * (1 + self._opened % 6)
        dialog.move(corner.x() + step, corner.y() + step)
        self._opened += 1
        dialog.show()
