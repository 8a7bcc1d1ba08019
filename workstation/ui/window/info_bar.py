"""A line across the top of the window for what a person should read without being stopped: no modal box.

The newest is shown, as it mostly answers what the person has just done; those before it come back when it is closed.
Only a problem stays until it is read. The same message is not queued twice. Plain text only, wherever it came from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeySequence, QPainter, QPaintEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from workstation.ui.parts.icons import Icons, icon
from workstation.ui.parts.plain import harmless_lines
from workstation.ui.theme import Theme


class Tone(Enum):
    """How serious a message is; the value is its icon."""

    INFORMATION = "info"
    PROBLEM = "warning"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, with at most one thing to do about it."""

    text: str
    tone: Tone = Tone.INFORMATION
    remedy: str = ""
    """The text of a button."""
    act: Callable[[], object] | None = None
    """What that button does."""


class InfoBar(QWidget):
    """Shows one message at a time; hidden while there is none."""

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("infoBar")
        self.setAccessibleName("Message")
        self._theme = theme
        self._waiting: deque[Message] = deque()
        self._shown: Message | None = None
        self._sign = QLabel()
        self._label = QLabel()
        self._label.setObjectName("infoBarText")
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A long word (a path) is not to widen the window; the height follows the width.
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self._label.setSizePolicy(policy)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._remedy = QPushButton()
        self._remedy.setObjectName("infoBarRemedy")
        self._remedy.setAccessibleName("Remedy")
        self._remedy.clicked.connect(self._act)
        self._more = QLabel()
        self._more.setObjectName("infoBarMore")
        self._more.hide()
        self._close = QToolButton()
        self._close.setObjectName("infoBarClose")
        self._close.setAccessibleName("Close message")
        self._close.setToolTip("Close this message (Ctrl+Shift+M)")
        self._close.setAutoRaise(True)
        self._close.setIconSize(QSize(16, 16))
        self._close.clicked.connect(self.dismiss)
        icons.give(self._close, "close")
        QShortcut(QKeySequence("Ctrl+Shift+M"), self).activated.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 5, 6, 5)
        layout.setSpacing(10)
        layout.addWidget(self._sign)
        layout.addWidget(self._label, 1)
        layout.addWidget(self._remedy)
        layout.addWidget(self._more)
        layout.addWidget(self._close)
        theme.changed.connect(self._paint_sign)
        self.hide()

    @property
    def text(self) -> str:
        """What is shown now, or nothing."""
        return self._shown.text if self._shown is not None else ""

    def show_message(self, message: Message) -> None:
        """Show a message now, before those that were not closed; or after a problem."""
        if self._shown is not None:
            if message.text == self._shown.text or message in self._waiting:
                return
            if self._shown.tone is Tone.PROBLEM:
                self._waiting.append(message)
                self._count()
                return
            self._waiting.appendleft(self._shown)
        self._count()
        self._shown = message
        self._label.setText(harmless_lines(message.text))
        self._remedy.setText(message.remedy)
        self._remedy.setAccessibleName(message.remedy or "Remedy")
        self._remedy.setVisible(message.act is not None)
        self.setAccessibleDescription(harmless_lines(message.text))
        self._paint_sign()
        self.show()

    def _count(self) -> None:
        self._more.setText(f"{len(self._waiting)} more")
        self._more.setVisible(bool(self._waiting))

    def dismiss(self) -> None:
        """Close the message; the next one waiting appears."""
        self._shown = None
        if self._waiting:
            self.show_message(self._waiting.popleft())
        else:
            self.hide()

    def withdraw(self, text: str) -> None:
        """Take a message back, because what it says is no longer so."""
        self._waiting = deque(message for message in self._waiting if message.text != text)
        self._count()
        if self.text == text:
            self.dismiss()

    def paintEvent(self, _event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), self._theme.alternate)
            painter.fillRect(QRectF(0, 0, 4, self.height()), self._colour())

    def _act(self) -> None:
        if self._shown is not None and self._shown.act is not None:
            self._shown.act()

    def _colour(self) -> QColor:
        problem = self._shown is not None and self._shown.tone is Tone.PROBLEM
        return self._theme.failure if problem else self._theme.accent

    def _paint_sign(self) -> None:
        if self._shown is not None:
            self._sign.setPixmap(icon(self._shown.tone.value, self._theme, self._colour()).pixmap(20, 20))
