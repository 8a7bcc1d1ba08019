"""The answers of a repeated echo as bars: one look shows whether the peer answers evenly. Knows times, no peers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from workstation.ui.parts.rates import count_text, milliseconds_text
from workstation.ui.parts.widgets import DimLabel, name_widget
from workstation.ui.theme import Theme

_HEIGHT = 36
_WIDEST = 8
_GAP = 2


class EchoStrip(QWidget):
    """Bars and, in words, the best, the median and the worst time."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars = _Bars(theme)
        self._words = DimLabel(theme)
        self._words.setObjectName("echoTimes")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self._bars)
        layout.addWidget(self._words)
        name_widget(self, "echoStrip", "Times of the answers")
        self.hide()

    @property
    def text(self) -> str:
        """What is said in words."""
        return self._words.text()

    def show_times(self, times: Sequence[float]) -> None:
        """Show the times of one run in milliseconds; a single one needs no picture."""
        self.setVisible(len(times) > 1)
        if len(times) > 1:
            best, middle, worst = (milliseconds_text(value) for value in (min(times), median(times), max(times)))
            self._words.setText(
                f"{count_text(len(times), 'answer')}: {best} at best, {middle} median, {worst} at worst"
            )
            self.setAccessibleDescription(self._words.text())
            self._bars.set_times(times)


class _Bars(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._times: tuple[float, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_times(self, times: Sequence[float]) -> None:
        self._times = tuple(times)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        width, height = self.width(), self.height() - 1
        # More answers than there is room for share bars, each as high as the slowest in it.
        room = max(width // (_GAP + 1), 1)
        share = -(-len(self._times) // room)
        bars = [max(self._times[start : start + share]) for start in range(0, len(self._times), share)]
        step = min(width / max(len(bars), 1), _WIDEST + _GAP)
        highest = max(bars, default=1.0) or 1.0
        for number, value in enumerate(bars):
            tall = max(value / highest * (height - 2), 1.5)
            painter.fillRect(QRectF(number * step, height - tall, max(step - _GAP, 1), tall), self._theme.accent)
        painter.setPen(self._theme.border)
        painter.drawLine(0, height, width, height)
        painter.end()
