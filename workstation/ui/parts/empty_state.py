"""An empty pane says what will fill it, and offers the buttons that do.

Shown over a view as long as the view has nothing; knows neither the view's model nor what the buttons start.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workstation.ui.parts.widgets import DimLabel, plain_label
from workstation.ui.theme import Theme


class EmptyState(QWidget):
    """A title, a sentence and buttons, laid over the middle of `view` and following its size.

    Args:
        view: What is empty. The mouse goes through to it, except on the buttons.
        theme: For the dimmed colour of the sentence.
        title: What is not there yet: "No association yet".
        sentence: What will fill the pane.
    """

    def __init__(self, view: QWidget, theme: Theme, title: str, sentence: str = "") -> None:
        self._over = view.viewport() if isinstance(view, QAbstractScrollArea) else view
        super().__init__(self._over)
        self._view = view
        self.setObjectName(f"{view.objectName() or 'view'}Empty")
        self._title = plain_label(title, wrap=True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._sentence = DimLabel(theme, sentence)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._buttons = QHBoxLayout()
        self._buttons.addStretch(1)
        self._buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 8, 18, 8)
        layout.setSpacing(6)
        layout.addStretch(1)
        layout.addWidget(self._title)
        layout.addWidget(self._sentence)
        layout.addLayout(self._buttons)
        layout.addStretch(1)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._over.installEventFilter(self)
        self._fit()

    @property
    def text(self) -> str:
        """What is said, title and sentence."""
        return f"{self._title.text()}\n{self._sentence.text()}".strip()

    def say(self, title: str, sentence: str = "") -> None:
        """Say something else."""
        if (title, sentence) == (self._title.text(), self._sentence.text()):
            return
        self._title.setText(title)
        self._sentence.setText(sentence)
        self._sentence.setVisible(bool(sentence))
        self._view.setAccessibleDescription(self.text if self.isVisibleTo(self._over) else "")

    def offer(self, text: str, act: Callable[[], object], object_name: str) -> QPushButton:
        """Add a button; returns it."""
        button = QPushButton(text)
        button.setObjectName(object_name)
        button.setAccessibleName(text)
        button.clicked.connect(lambda: act())
        self._buttons.insertWidget(self._buttons.count() - 1, button)
        self._fit()
        return button

    def show_when(self, empty: bool) -> None:
        """Show or hide it; a screen reader hears it as the view's description."""
        self.setVisible(empty)
        self._view.setAccessibleDescription(self.text if empty else "")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Resize:
            self._fit()
        return False

    def _fit(self) -> None:
        size = self._over.size()
        width = min(size.width(), 460)
        self.setGeometry(QRect((size.width() - width) // 2, 0, width, size.height()))

    def labels(self) -> tuple[QLabel, QLabel]:
        """Title and sentence."""
        return self._title, self._sentence
