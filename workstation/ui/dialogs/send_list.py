"""The list of objects to send, where files and folders are dropped as well. Knows the model's columns and no jobs."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QRect, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFont,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from workstation.ui.dialogs.send_model import OBJECT, RESULT, SIZE, SOP_CLASS, SYNTAX, SendModel
from workstation.ui.parts.traffic_table import TrafficTable
from workstation.ui.theme import Theme

_SAMPLES = {
    OBJECT: "CT 2 · no. 10 · 10.dcm and mo",
    SOP_CLASS: "Secondary Capture",
    SYNTAX: "Explicit VR Little Endian",
    SIZE: "000.0 kB",
    RESULT: "✕ Nothing listens at",
}


class SendList(TrafficTable):
    """Shows a `SendModel`; `dropped` carries the paths that were dropped on it."""

    dropped = Signal(list)

    def __init__(self, theme: Theme, model: SendModel, parent: QWidget | None = None) -> None:
        super().__init__(theme, "objects", "Objects to send", parent)
        self._is_target = False
        self.setModel(model)
        self.setAcceptDrops(True)
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(50)
        self.size_columns([_SAMPLES[column] for column in sorted(_SAMPLES)], OBJECT, RESULT)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._offer(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._offer(event)

    def _offer(self, event: QDragMoveEvent) -> None:
        if _paths(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._mark(True)
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._mark(False)
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        self._mark(False)
        paths = _paths(event.mimeData())
        if paths:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.dropped.emit(paths)

    def _mark(self, is_target: bool) -> None:
        if is_target != self._is_target:
            self._is_target = is_target
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        empty = self.rows().rowCount() == 0
        if not empty and not self._is_target:
            return
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = self.viewport().rect().adjusted(12, 12, -12, -12)
        colour = self.theme.accent if self._is_target else self.theme.dimmed
        painter.setPen(QPen(colour, 1.5, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(frame, 8, 8)
        if empty:
            self._draw_hint(painter, frame)
        painter.end()

    def _draw_hint(self, painter: QPainter, frame: QRect) -> None:
        middle = frame.center().y()
        upper = QRect(frame.left(), frame.top(), frame.width(), middle - frame.top())
        lower = QRect(frame.left(), middle + 6, frame.width(), frame.bottom() - middle)
        centred = Qt.AlignmentFlag.AlignHCenter
        big = QFont(self.font())
        big.setPointSizeF(big.pointSizeF() * 1.3)
        painter.setFont(big)
        painter.setPen(self.theme.text)
        painter.drawText(upper, int(centred | Qt.AlignmentFlag.AlignBottom), "Drop DICOM files or folders here")
        painter.setFont(self.font())
        painter.setPen(self.theme.dimmed)
        words = "or choose them with the buttons above; samples come with the program"
        painter.drawText(lower, int(centred | Qt.AlignmentFlag.AlignTop), words)


def _paths(data: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
