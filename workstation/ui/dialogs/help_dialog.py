"""A small dialog of terms and what they mean, for help that fits on one screen."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from workstation.ui.parts.widgets import SPACE, heading, in_row, plain_label, push_button


class HelpDialog(QDialog):
    """Rows of (term, explanation)."""

    def __init__(self, title: str, rows: Iterable[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setObjectName("helpDialog")
        self.setModal(False)
        page = QWidget()
        grid = QGridLayout(page)
        grid.setHorizontalSpacing(2 * SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnStretch(1, 1)
        row = -1
        for row, (term, explanation) in enumerate(rows):
            grid.addWidget(heading(term), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(plain_label(explanation, wrap=True, selectable=True), row, 1)
        grid.setRowStretch(row + 1, 1)
        area = QScrollArea()
        area.setObjectName("helpText")
        area.setAccessibleName(title)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        layout.addWidget(area, 1)
        layout.addLayout(in_row(None, push_button("Close", "helpClose", "Close (Esc)", self.close)))
        self.resize(560, 420)
