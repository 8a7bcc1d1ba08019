"""Which events a rule is about: a box to tick for each, in groups. PS3.7 sections 7.5.1, 9, 10 and Annex D.3.3."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from workstation.net import events
from workstation.scp.rules.rule import ASSOCIATION, EVENT_WORDS, EVENTS
from workstation.ui.dialogs.rules.flow_layout import FlowLayout
from workstation.ui.parts.widgets import DimLabel, name_widget
from workstation.ui.theme import Theme

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Images and queries",
        tuple(
            f"EVT_{each}"
            for each in (
                "C_ECHO",
                "C_STORE",
                "C_FIND",
                "C_GET",
                "C_MOVE",
            )
        ),
    ),
    (
        "Worklist steps, commitment, print",
        tuple(event.name for event in events.SERVICE_EVENTS if event.name.startswith("EVT_N_")),
    ),
    ("Association", (ASSOCIATION, "EVT_USER_ID", "EVT_ASYNC_OPS", "EVT_SOP_EXTENDED", "EVT_SOP_COMMON")),
)

SHORT_WORDS = {
    "EVT_ASYNC_OPS": "Asynchronous operations",
    "EVT_SOP_EXTENDED": "Extended negotiation",
    "EVT_SOP_COMMON": "Common extended negotiation",
}


class EventPicker(QWidget):
    """A box for each event; none ticked means all of them, and says so."""

    edited = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.boxes: dict[str, QCheckBox] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(2)
        for number, (group, names) in enumerate(GROUPS):
            if number:
                layout.addSpacing(4)
            layout.addWidget(DimLabel(theme, group, wrap=False))
            holder = QWidget()
            flow = FlowLayout(holder)
            for name in names:
                box = QCheckBox(SHORT_WORDS.get(name, EVENT_WORDS[name]))
                name_widget(box, f"event{name}", EVENT_WORDS[name], f"When a request of this kind arrives: {name}")
                box.clicked.connect(self._clicked)
                flow.addWidget(box)
                self.boxes[name] = box
            layout.addWidget(holder)
        self._all = DimLabel(theme, "None ticked: the rule is about all of them.")
        self._all.setObjectName("allEvents")
        layout.addWidget(self._all)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    @property
    def events(self) -> tuple[str, ...]:
        """The names of those that are ticked."""
        return tuple(name for name in EVENTS if self.boxes[name].isChecked())

    def set_events(self, names: Iterable[str]) -> None:
        """Tick these; emits nothing."""
        chosen = frozenset(names)
        for name, box in self.boxes.items():
            box.setChecked(name in chosen)
        self._all.setVisible(not chosen)

    def _clicked(self) -> None:
        self._all.setVisible(not self.events)
        self.edited.emit(self.events)
