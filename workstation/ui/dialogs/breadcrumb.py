"""The way from the whole to the part that is shown, each step a button that leads back. Knows nothing of its steps."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from workstation.ui.parts.widgets import DimLabel, name_widget, plain_label
from workstation.ui.theme import Theme

_LONGEST = 44


class Breadcrumb(QWidget):
    """Steps in a row; `chosen` carries the index of the one clicked."""

    chosen = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._steps: tuple[str, ...] = ()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        name_widget(self, "breadcrumb", "Where the results are")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(28)

    @property
    def steps(self) -> tuple[str, ...]:
        """The titles, first to last."""
        return self._steps

    def set_steps(self, titles: Sequence[str]) -> None:
        """Show these steps; the last is where one is."""
        self._steps = tuple(titles)
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        last = len(titles) - 1
        for number, title in enumerate(titles):
            if number:
                self._row.addWidget(DimLabel(self._theme, "›", wrap=False))
            self._row.addWidget(self._here(title) if number == last else self._button(number, title))
        self._row.addStretch(1)

    def _here(self, title: str) -> QLabel:
        label = plain_label(_short(title))
        font = label.font()
        font.setBold(True)
        label.setFont(font)
        label.setContentsMargins(4, 0, 4, 0)
        return label

    def _button(self, number: int, title: str) -> QToolButton:
        button = QToolButton()
        # An ampersand in a patient's name is no mnemonic.
        button.setText(_short(title).replace("&", "&&"))
        button.setAutoRaise(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        name_widget(button, f"crumb{number}", f"Back to {title}", "Back to these results")
        button.clicked.connect(lambda: self.chosen.emit(number))
        return button


def _short(title: str) -> str:
    return title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"
