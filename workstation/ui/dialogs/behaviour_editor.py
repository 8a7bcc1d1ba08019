"""What the built-in server does with each kind of request: a list that says it in words, and its editor.

The statuses offered are those that the service may answer (PS3.7 9.1, PS3.4 B.2.3 and C.4); any other number can be
typed, since a test server exists to answer what others do not expect. Must not know the server: behaviours go in and
out as values.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QGridLayout,
    QHeaderView,
    QRadioButton,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.settings import Behaviour, BehaviourKind, ServerSettings
from workstation.ui.parts.widgets import (
    SPACE,
    DimLabel,
    StatusChooser,
    heading,
    in_row,
    name_widget,
    plain_label,
    push_button,
)
from workstation.ui.theme import Theme

_REFUSED = (
    (0x0122, "Refused: SOP class not supported"),
    (0x0210, "Duplicate invocation"),
    (0x0211, "Unrecognized operation"),
    (0x0212, "Mistyped argument"),
)

_NOT_AUTHORIZED = (0x0124, "Refused: not authorized")

_RETRIEVE = (
    (0x0000, "Success: sub-operations complete"),
    (0xB000, "Warning: sub-operations complete, one or more failures"),
    (0xA701, "Refused: out of resources, unable to count matches"),
    (0xA702, "Refused: out of resources, unable to perform sub-operations"),
    (0xA900, "Error: identifier does not match SOP class"),
    (0xAA00, "Error: none of the frames requested were found"),
    (0xAA01, "Error: unable to create new object for this SOP class"),
    (0xAA02, "Error: unable to extract frames"),
    (0xAA03, "Error: time-based request for a non-time-based object"),
    (0xAA04, "Error: invalid request"),
    (0xC000, "Error: unable to process"),
    (0xFE00, "Cancel"),
    _NOT_AUTHORIZED,
    *_REFUSED,
)

# (event, message, what the built-in handler does, statuses)
EVENTS: tuple[tuple[str, str, str, tuple[tuple[int, str], ...]], ...] = (
    ("EVT_C_ECHO", "C-ECHO", "answers with success", ((0x0000, "Success"), *_REFUSED)),
    (
        "EVT_C_STORE",
        "C-STORE",
        "stores the object in the archive",
        (
            (0x0000, "Success"),
            (0xB000, "Warning: coercion of data elements"),
            (0xB006, "Warning: elements discarded"),
            (0xB007, "Warning: data set does not match SOP class"),
            (0xA700, "Refused: out of resources"),
            (0xA900, "Error: data set does not match SOP class"),
            (0xC000, "Error: cannot understand"),
            (0x0117, "Invalid SOP instance"),
            _NOT_AUTHORIZED,
            *_REFUSED,
        ),
    ),
    (
        "EVT_C_FIND",
        "C-FIND",
        "answers with the matches in the archive",
        (
            (0x0000, "Success: no match"),
            (0xA700, "Refused: out of resources"),
            (0xA900, "Error: identifier does not match SOP class"),
            (0xC000, "Error: unable to process"),
            (0xFE00, "Cancel"),
            *_REFUSED,
        ),
    ),
    ("EVT_C_GET", "C-GET", "sends matching objects back on the same association", _RETRIEVE),
    (
        "EVT_C_MOVE",
        "C-MOVE",
        "sends matching objects to the move destination",
        (*_RETRIEVE[:5], (0xA801, "Refused: move destination unknown"), *_RETRIEVE[5:]),
    ),
)

REFUSE_STATUS = 0x0122
"""What "refuse" answers."""

_LONGEST_DELAY = 3_600_000

_ROW_HEIGHT = 24


def status_name(event: str, status: int) -> str:
    """The status's name in the table of the event's service, or an empty text."""
    for name, _, _, statuses in EVENTS:
        if name == event:
            return dict(statuses).get(status, "")
    return ""


def delay_text(seconds: float) -> str:
    """A delay for reading: 500 ms, 2 s."""
    milliseconds = round(seconds * 1000)
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:g} s"


def in_words(event: str, behaviour: Behaviour) -> str:
    """What the server will do, as one reads it."""
    match behaviour.kind:
        case "built-in":
            words = "built in"
        case "status":
            name = status_name(event, behaviour.status) or "not in the service's table"
            words = f"answer {behaviour.status:04X} ({name})"
        case "refuse":
            words = "refuse"
    return f"{words}, after {delay_text(behaviour.delay)}" if behaviour.delay else words


def departures(settings: ServerSettings) -> list[tuple[str, str]]:
    """Where the server departs from what is built in: of each, what it is about and what is done."""
    found = [("all associations", "rejected")] if settings.admission.reject is not None else []
    for event, message, _, _ in EVENTS:
        behaviour = settings.behaviours.get(event, Behaviour())
        if behaviour != Behaviour():
            found.append((message, in_words(event, behaviour)))
    return found


class BehaviourEditor(QWidget):
    """One row a kind of request; beside them, what to do with the selected one.

    `changed` carries the event's name and its new `Behaviour`.
    """

    changed = Signal(str, object)
    reset_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._behaviours: dict[str, Behaviour] = {}
        self._items: dict[str, QTreeWidgetItem] = {}

        self.list = QTreeWidget()
        name_widget(self.list, "behaviours", "Requests and what the server does with them")
        self.list.setColumnCount(2)
        self.list.setHeaderLabels(["Request", "What the server does"])
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setAllColumnsShowFocus(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.list.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(0, 92)
        header.setStretchLastSection(True)
        for event, message, _, _ in EVENTS:
            item = QTreeWidgetItem([message, ""])
            item.setData(0, Qt.ItemDataRole.UserRole, event)
            item.setSizeHint(0, QSize(0, _ROW_HEIGHT))
            self.list.addTopLevelItem(item)
            self._items[event] = item
        self.list.setFixedHeight(header.sizeHint().height() + len(EVENTS) * _ROW_HEIGHT + 4)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

        self._title = heading("")
        self._built_in = self._radio("builtIn", "Built-in behaviour", "Do what a server of this kind does")
        self._built_in_words = DimLabel(theme, wrap=False)
        self._answer = self._radio("answerStatus", "Answer with a status", "Do nothing but answer with this status")
        self.status = StatusChooser(theme)
        self._kept = DimLabel(theme, "The object is kept if the status is a success or a warning.", wrap=False)
        self._refuse = self._radio("refuse", "Refuse", f"Do nothing but answer {REFUSE_STATUS:04X}")
        self._refuse_words = DimLabel(theme, f"Answers {REFUSE_STATUS:04X}, SOP class not supported.", wrap=False)
        self._kinds = QButtonGroup(self)
        for button in (self._built_in, self._answer, self._refuse):
            self._kinds.addButton(button)
        self.delay = QSpinBox()
        self.delay.setRange(0, _LONGEST_DELAY)
        self.delay.setSingleStep(100)
        self.delay.setSuffix(" ms")
        self.delay.setSpecialValueText("at once")
        self.delay.setGroupSeparatorShown(True)
        self.delay.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.delay.setMinimumWidth(120)
        name_widget(self.delay, "delay", "Delay in milliseconds", "How long to wait before the answer, in milliseconds")
        delay_label = plain_label("Answer after")
        delay_label.setBuddy(self.delay)

        self.reset = push_button(
            "All built &in", "resetBehaviours", "Let the server behave as built in for every request"
        )
        self.reset.clicked.connect(lambda: self.reset_wanted.emit())

        editor = QGridLayout()
        editor.setContentsMargins(0, 0, 0, 0)
        editor.setHorizontalSpacing(2 * SPACE)
        editor.setVerticalSpacing(SPACE)
        editor.setColumnStretch(1, 1)
        for row, (left, right) in enumerate(
            (
                (self._built_in, self._built_in_words),
                (self._answer, self.status),
                (None, self._kept),
                (self._refuse, self._refuse_words),
                (delay_label, self.delay),
            )
        ):
            if left is not None:
                editor.addWidget(left, row, 0, Qt.AlignmentFlag.AlignVCenter)
            if right is self.delay:
                editor.addWidget(right, row, 1, Qt.AlignmentFlag.AlignLeft)
            else:
                editor.addWidget(right, row, 1)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(int(1.5 * SPACE))
        layout.addWidget(self.list)
        layout.addSpacing(SPACE // 2)
        layout.addLayout(in_row(self._title, None, self.reset))
        layout.addLayout(editor)
        layout.addStretch(1)

        self.list.currentItemChanged.connect(lambda *_: self._show_current())
        for button in (self._built_in, self._answer, self._refuse):
            button.clicked.connect(lambda *_: self._changed())
        self.status.chosen.connect(self._status_chosen)
        self.delay.valueChanged.connect(lambda *_: self._changed())
        self.set_behaviours({})
        self.select("EVT_C_STORE")

    def _radio(self, object_name: str, text: str, tip: str) -> QRadioButton:
        button = QRadioButton(text)
        name_widget(button, object_name, text, tip)
        return button

    def current_event(self) -> str:
        """The name of the event whose behaviour is being edited."""
        item = self.list.currentItem()
        return str(item.data(0, Qt.ItemDataRole.UserRole)) if item is not None else EVENTS[0][0]

    def select(self, event: str) -> None:
        """Edit the behaviour at this event."""
        self.list.setCurrentItem(self._items[event])

    def set_behaviours(self, behaviours: Mapping[str, Behaviour]) -> None:
        """Show what is in force; emits nothing."""
        self._behaviours = dict(behaviours)
        for event in self._items:
            self._show_row(event)
        self._show_current()

    def _show_row(self, event: str) -> None:
        item = self._items[event]
        behaviour = self._behaviours.get(event, Behaviour())
        words = in_words(event, behaviour)
        item.setText(1, words)
        item.setToolTip(1, words)
        font = self.list.font()
        # What differs from the built-in behaviour must catch the eye of whoever wonders why the server misbehaves.
        font.setBold(behaviour != Behaviour())
        item.setFont(1, font)

    def _show_current(self) -> None:
        event = self.current_event()
        behaviour = self._behaviours.get(event, Behaviour())
        message, does, statuses = next((name, does, table) for each, name, does, table in EVENTS if each == event)
        self._title.setText(f"When a {message} request arrives")
        self._built_in_words.setText(f"The server {does}.")
        blockers = [QSignalBlocker(widget) for widget in (self.delay, self.status, *self._kinds.buttons())]
        {"built-in": self._built_in, "status": self._answer, "refuse": self._refuse}[behaviour.kind].setChecked(True)
        if behaviour.kind == "status" or self.status.status is None or not self._offers(statuses):
            default = next(code for code, _ in statuses if code >> 12 in (0xA, 0xC)) if len(statuses) > 5 else 0x0122
            self.status.offer(statuses, behaviour.status if behaviour.kind == "status" else default)
        self._kept.setVisible(event == "EVT_C_STORE")
        self.status.setEnabled(behaviour.kind == "status")
        self.delay.setValue(round(behaviour.delay * 1000))
        del blockers

    def _offers(self, statuses: tuple[tuple[int, str], ...]) -> bool:
        return self.status.names == dict(statuses)

    def _kind(self) -> BehaviourKind:
        if self._answer.isChecked():
            return "status"
        return "refuse" if self._refuse.isChecked() else "built-in"

    def _status_chosen(self, _status: int) -> None:
        if self._answer.isChecked():
            self._changed()

    def _changed(self) -> None:
        kind = self._kind()
        self.status.setEnabled(kind == "status")
        status = self.status.status
        if kind == "status" and status is None:
            return
        event = self.current_event()
        behaviour = Behaviour(
            kind=kind,
            status=status if kind == "status" and status is not None else 0,
            delay=self.delay.value() / 1000,
        )
        if behaviour == self._behaviours.get(event, Behaviour()):
            return
        self._behaviours[event] = behaviour
        self._show_row(event)
        self.changed.emit(event, behaviour)
