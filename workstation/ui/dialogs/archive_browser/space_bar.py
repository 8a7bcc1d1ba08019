"""The disk as a bar: what is used, where storing stops, and both in words beside it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from workstation.scp.archive.browse import Totals
from workstation.scp.archive.space import Space
from workstation.ui.dialogs.archive_browser.words import space_text
from workstation.ui.parts.rates import bytes_text, count_text
from workstation.ui.parts.widgets import SPACE, Outcome, OutcomeSign, plain_label
from workstation.ui.theme import Theme


class _Bar(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._space: Space | None = None
        self.setFixedHeight(10)
        self.setMinimumWidth(60)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(160, 10)

    def set_space(self, space: Space) -> None:
        self._space = space
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, space = self._theme, self._space
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.setPen(QPen(theme.dimmed, 1))
            painter.setBrush(self.palette().base())
            painter.drawRoundedRect(frame, 3, 3)
            if space is None or not space.total:
                return
            inner = frame.adjusted(1.5, 1.5, -1.5, -1.5)
            used = 1 - min(space.free / space.total, 1)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.failure if space.is_low else theme.accent)
            painter.drawRoundedRect(QRectF(inner.left(), inner.top(), inner.width() * used, inner.height()), 2, 2)
            if space.minimum_free:
                # Where storing stops; on a large disk at least a pixel from the end.
                place = inner.right() - max(inner.width() * min(space.minimum_free / space.total, 1), 1.5)
                painter.setPen(QPen(theme.text, 1))
                painter.drawLine(
                    QRectF(place, frame.top(), 0, 0).topLeft(), QRectF(place, frame.bottom(), 0, 0).topLeft()
                )


class SpaceBar(QWidget):
    """How much there is, and how much room is left."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._totals = plain_label()
        self._totals.setObjectName("archiveTotals")
        self._bar = _Bar(theme)
        self._sign = OutcomeSign(theme)
        self._sign.set_outcome(Outcome.FAILURE)
        self._sign.hide()
        self._words = plain_label()
        self._words.setObjectName("archiveSpace")
        self.setObjectName("spaceBar")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self._totals)
        row.addWidget(self._bar, 1)
        row.addWidget(self._sign)
        row.addWidget(self._words)
        theme.changed.connect(self._colour)
        self._is_low = False

    @property
    def text(self) -> str:
        """What is said."""
        return f"{self._totals.text()} {self._words.text()}".strip()

    def show_space(self, totals: Totals, space: Space) -> None:
        """Show other numbers."""
        self._totals.setText(f"{count_text(totals.objects, 'object')}, {bytes_text(totals.bytes)}")
        self._words.setText(space_text(space))
        self._bar.set_space(space)
        self._is_low = space.is_low
        self._sign.setVisible(space.is_low)
        self.setAccessibleName(self.text)
        self._colour()

    def _colour(self) -> None:
        palette = self.palette()
        if self._is_low:
            palette.setColor(self._words.foregroundRole(), self._theme.failure)
        self._words.setPalette(palette)
