"""Long work that the window waits for beside everything else: what it is, how far it is, and a button to stop it.

A line for each work under way, above the panes; none while there is nothing. Knows nothing of what is done.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from workstation.ui.parts.plain import harmless_lines
from workstation.ui.parts.widgets import name_widget, plain_label, push_button

_STEPS = 100


class Work(QWidget):
    """One line.

    Args:
        title: What is done: "Opening trace.pcapng".
        cancel: Called when the person does not want it any more.
    """

    def __init__(self, title: str, cancel: Callable[[], object]) -> None:
        super().__init__()
        self._title = title = harmless_lines(title)
        self._cancel = cancel
        name_widget(self, "work", title)
        self.label: QLabel = plain_label(title)
        self.label.setObjectName("workText")
        # A long name is not to widen the window.
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.bar = QProgressBar()
        name_widget(self.bar, "workProgress", "How far it is")
        self.bar.setRange(0, 0)
        self.bar.setFixedWidth(220)
        self.button: QPushButton = push_button("Cancel", "workCancel", f"Stop: {title}", self._stop)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 3, 6, 3)
        layout.setSpacing(10)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.bar)
        layout.addWidget(self.button)
        layout.setAlignment(self.bar, Qt.AlignmentFlag.AlignVCenter)

    def show_progress(self, done: int, total: int, words: str = "") -> None:
        """So much of it is done."""
        if total > 0:
            step = min(_STEPS, done * _STEPS // total)
            # Each new value paints the bar at once, and what stands behind it.
            if self.bar.maximum() != _STEPS:
                self.bar.setRange(0, _STEPS)
            if step != self.bar.value():
                self.bar.setValue(step)
        if words:
            self.label.setText(f"{self._title} · {words}")

    def _stop(self) -> None:
        self.button.setEnabled(False)
        self.label.setText(f"{self._title} · stopping")
        self._cancel()


class WorkStrip(QWidget):
    """The lines of all work under way."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "workStrip", "Work under way")
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(0)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()

    def begin(self, title: str, cancel: Callable[[], object]) -> Work:
        """Show a line for some work."""
        work = Work(title, cancel)
        self._lines.addWidget(work)
        self.show()
        return work

    def end(self, work: Work) -> None:
        """The work is over."""
        self._lines.removeWidget(work)
        work.deleteLater()
        self.setVisible(self._lines.count() > 0)
