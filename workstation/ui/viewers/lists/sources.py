"""Which traffic is shown: what happens now, or an opened capture. A tab for each, above the associations.

Hidden as long as there is nothing to choose. Knows logs by their names, not what is in them.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QTabBar, QToolButton, QVBoxLayout, QWidget

from workstation.traffic.log import TrafficLog
from workstation.traffic.text import printable
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import name_widget

_LIVE = "Live"


class SourceTabs(QTabBar):
    """One tab for each log; the first is the live one and stays."""

    chosen = Signal(object)
    """The person went to a source; carries its `TrafficLog`."""
    close_asked = Signal(object)
    """The person is done with a capture; carries its `TrafficLog`."""

    def __init__(self, live: TrafficLog, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "sourceTabs", "Sources of traffic")
        self._logs = [live]
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setDocumentMode(True)
        self.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUsesScrollButtons(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.addTab(_LIVE)
        self.setTabToolTip(0, "What happens now, between this program and its peers")
        self.hide()
        self.currentChanged.connect(self._on_current)

    @property
    def logs(self) -> tuple[TrafficLog, ...]:
        """The sources, the live one first."""
        return tuple(self._logs)

    def add(self, log: TrafficLog, details: str = "") -> None:
        """A capture was opened."""
        self._logs.append(log)
        place = self.addTab(printable(log.source, 60).replace("&", "&&"))
        self.setTabToolTip(place, plain_tooltip(details or log.source))
        self.setTabButton(place, QTabBar.ButtonPosition.RightSide, _close_button(self, log))
        self.show()

    def remove(self, log: TrafficLog) -> None:
        """A capture was closed."""
        place = self._logs.index(log)
        del self._logs[place]
        self.removeTab(place)
        self.setVisible(len(self._logs) > 1)

    def select(self, log: TrafficLog) -> None:
        """Go to a source."""
        self.setCurrentIndex(self._logs.index(log))

    def _on_current(self, place: int) -> None:
        if 0 <= place < len(self._logs):
            self.chosen.emit(self._logs[place])


def _close_button(tabs: SourceTabs, log: TrafficLog) -> QWidget:
    button = QToolButton(tabs)
    name_widget(button, "closeSource", "Close this capture", "Close this capture; the file stays")
    button.setText("✕")
    button.setAutoRaise(True)
    button.setFixedSize(18, 18)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.clicked.connect(lambda: tabs.close_asked.emit(log))
    return button


class AssociationsPane(QWidget):
    """The tabs above the list."""

    def __init__(self, tabs: SourceTabs, view: QWidget) -> None:
        super().__init__()
        self.setObjectName("associationsPane")
        self.setWindowTitle(view.windowTitle())
        view.windowTitleChanged.connect(self.setWindowTitle)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(tabs)
        layout.addWidget(view, 1)
        self.setFocusProxy(view)
