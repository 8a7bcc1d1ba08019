"""What happened, in lines: the program's own log and the events of the associations.

Log records come from any thread: the handler appends to a deque and wakes the window once. The events come as records
of a batch; single PDUs are summed up, a line for each batch, at the level Debug. Bounded; follows its end until the
person scrolls up.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Sequence

from PySide6.QtCore import QModelIndex, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QToolButton, QVBoxLayout, QWidget

from workstation.net.codec.dimse import Message
from workstation.traffic.record import ConversationFacts, Record
from workstation.traffic.rows import pdu_name
from workstation.traffic.text import printable, quantity
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.rates import bytes_text
from workstation.ui.parts.traffic_table import FollowEnd, TrafficTable, copy_to_clipboard
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.parts.widgets import name_widget, plain_label
from workstation.ui.theme import Theme
from workstation.ui.viewers.lists.log_model import LEVELS, TEXT, Line, LogModel

_LONGEST = 4_000  # characters of a message
_WAITING = 10_000
# More lines than this of one batch and event become one: nobody reads them one by one while they run.
_SUM_UP = 12
# What this logger and its child say comes from the notification events, which reach the view themselves.
_TOLD_BY_EVENTS = "workstation.net.default_logging"


class LogHandler(logging.Handler):
    """Gives the records of Python's logging to the window; called in any thread."""

    def __init__(self, wake: _Wake) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(message)s"))
        self.waiting: deque[Line] = deque(maxlen=_WAITING)
        self._wake = wake
        self._signalled = False

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_TOLD_BY_EVENTS):
            return
        try:
            # Formatted here: arguments may be changed, or gone, when the window gets to it.
            # Cut as well: thousands of lines wait while the window is busy, and a peer may have a say in their length.
            text = self.format(record)[:_LONGEST]
            line = Line(record.created, record.levelno, record.name.rpartition(".")[2], text)
        except Exception:
            # A handler must not raise into the code that logs.
            self.handleError(record)
            return
        self.waiting.append(line)
        if not self._signalled:
            self._signalled = True
            # The window may be gone between the append and the wake when the program ends.
            with contextlib.suppress(RuntimeError):
                self._wake.woken.emit()

    def take(self) -> list[Line]:
        """The lines that wait; in the window's thread."""
        self._signalled = False
        lines: list[Line] = []
        while self.waiting:
            lines.append(self.waiting.popleft())
        return lines


class _Wake(QObject):
    woken = Signal()


class LogView(QWidget):
    """Log lines with a choice of level.

    Args:
        theme: Colours.
        logger: Whose records are shown, with those of all loggers below it.
    """

    def __init__(self, theme: Theme, logger: str = "workstation", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "logView", "Log")
        self.setWindowTitle("Log")
        self.lines = LogModel(theme, parent=self)
        self.list = _LogList(theme)
        self.list.setModel(self.lines)
        self.list.size_columns(("00:00:00.000", "▲ Warning", "#0000", "Association"), TEXT)
        self.follow = FollowEnd(self.list, "logNew")
        self.empty = EmptyState(self.list, theme, "Nothing logged yet", "What the program and its associations do.")
        self.level = QComboBox()
        name_widget(self.level, "logLevel", "Lowest level shown", "Show lines of and above this level")
        for number, (sign, word, _) in LEVELS.items():
            self.level.addItem(f"{sign} {word}", number)
        self.level.setCurrentIndex(1)
        self.level.currentIndexChanged.connect(self._choose_level)
        label = plain_label("Show from")
        label.setBuddy(self.level)
        self._count = plain_label()
        self._count.setObjectName("logCount")
        self.clear_button = QToolButton()
        self.clear_button.setText("Clear")
        self.clear_button.setAutoRaise(True)
        name_widget(self.clear_button, "logClear", "Clear the log", "Forget these lines")
        self.clear_button.clicked.connect(self.clear)
        self._lay_out(label)

        self._loggers = logging.getLogger(logger)
        self._wake = _Wake(self)
        # Queued whatever the thread: a log call in the window's thread must not paint.
        self._wake.woken.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self.handler = LogHandler(self._wake)
        self._loggers.addHandler(self.handler)
        self._show = QTimer(self)
        self._show.setSingleShot(True)
        self._show.setInterval(50)
        self._show.timeout.connect(self._flush)
        self._pending: list[Line] = []
        self.destroyed.connect(_Detach(self._loggers, self.handler))

    def _lay_out(self, label: QLabel) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(6, 3, 6, 3)
        bar.setSpacing(6)
        bar.addWidget(label)
        bar.addWidget(self.level)
        bar.addStretch(1)
        bar.addWidget(self._count)
        bar.addWidget(self.clear_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self.list, 1)
        self.setFocusProxy(self.list)

    # --- feeding ---------------------------------------------------------------------------------------------------

    def add(self, lines: Iterable[Line]) -> None:
        """Add lines; shown with others, at most twenty times a second."""
        self._pending += lines
        if self._pending and not self._show.isActive():
            self._show.start()

    def note(self, records: Sequence[Record]) -> None:
        """Records of one event and batch, as lines."""
        if not records:
            return
        with undisturbed:
            self.add(map(line_of, records) if len(records) <= _SUM_UP else summed_up(records))

    def close_handler(self) -> None:
        """Listen to Python's logging no longer."""
        self._loggers.removeHandler(self.handler)

    def clear(self) -> None:
        """Forget every line."""
        self._pending.clear()
        self.lines.clear()
        self._flush()

    @Slot()
    def _take(self) -> None:
        self.add(self.handler.take())

    def _flush(self) -> None:
        # Two sources, each in its own order: put together by time.
        lines, self._pending = sorted(self._pending, key=lambda line: line.time), []
        self.list.calm()
        shown = self.lines.add(lines)
        self.follow.rows_came(shown)
        self.empty.show_when(len(self.lines) == 0)
        dropped = f", {self.lines.dropped:,} older let go" if self.lines.dropped else ""
        self._count.setText(f"{quantity(len(self.lines), 'line')}{dropped}")

    def _choose_level(self) -> None:
        level = self.level.currentData()
        self.lines.set_level(int(level))
        self.follow.resume()
        self._flush()


class _Detach:
    """Takes the handler off its logger when the view is gone; holds no reference to the view."""

    def __init__(self, logger: logging.Logger, handler: logging.Handler) -> None:
        self._logger = logger
        self._handler = handler

    def __call__(self, *_: object) -> None:
        self._logger.removeHandler(self._handler)


class _LogList(TrafficTable):
    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "logList", "Log lines")

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        model = self.model()
        if isinstance(model, LogModel) and index.isValid():
            line = model.line(index.row())
            menu.addAction("Copy text", lambda: copy_to_clipboard(line.text))
        row = menu.addAction("Copy rows", lambda: copy_to_clipboard(self.rows_as_text()))
        row.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        row.setEnabled(index.isValid())
        menu.addAction("Select all", self.selectAll).setShortcut(QKeySequence(QKeySequence.StandardKey.SelectAll))


# --- records in words -------------------------------------------------------------------------------------------


def _who(facts: ConversationFacts | None) -> str:
    if facts is None or not (facts.calling or facts.called):
        return ""
    return f" {printable(facts.calling.strip(), 64)} → {printable(facts.called.strip(), 64)}"


def _place(record: Record) -> str:
    if record.address is None:
        return ""
    host, port = record.address
    return f" {printable(host, 64)}:{port}"


def line_of(record: Record) -> Line:
    """A record in a sentence."""
    level, text = _sentence(record)
    return Line(record.time, level, f"#{record.association}", text)


def _sentence(record: Record) -> tuple[int, str]:
    facts, reason = record.facts, ""
    if facts is not None and facts.end_reason:
        reason = f": {printable(facts.end_reason, 512)}"
    match record.event:
        case "EVT_CONN_OPEN":
            return logging.INFO, f"Connection opened with{_place(record)}"
        case "EVT_CONN_CLOSE":
            return logging.INFO, f"Connection closed with{_place(record)}"
        case "EVT_REQUESTED":
            return logging.INFO, f"Association requested{_who(facts)}"
        case "EVT_ACCEPTED":
            return logging.INFO, f"Association accepted{_who(facts)}"
        case "EVT_ESTABLISHED":
            return logging.INFO, f"Association established{_who(facts)}"
        case "EVT_REJECTED":
            return logging.WARNING, f"Association rejected{_who(facts)}{reason}"
        case "EVT_RELEASED":
            return logging.INFO, f"Association released{_who(facts)}"
        case "EVT_ABORTED":
            return logging.WARNING, f"Association aborted{_who(facts)}{reason}"
        case "EVT_ACSE_SENT" | "EVT_ACSE_RECV":
            arrow = "→" if record.event.endswith("SENT") else "←"
            return logging.DEBUG, f"{arrow} {record.note} primitive"
        case "EVT_DIMSE_SENT" | "EVT_DIMSE_RECV":
            arrow = "→" if record.event.endswith("SENT") else "←"
            return logging.DEBUG, f"{arrow} {_message_words(record.message, record.length)}"
        case "EVT_DATA_SENT" | "EVT_DATA_RECV":
            arrow = "→" if record.event.endswith("SENT") else "←"
            return logging.DEBUG, f"{arrow} {record.length:,} bytes on the wire"
        case "EVT_PDU_SENT" | "EVT_PDU_RECV":
            arrow = "→" if record.event.endswith("SENT") else "←"
            return logging.DEBUG, f"{arrow} {pdu_name(record.pdu_type)} PDU"
        case "EVT_FSM_TRANSITION" if record.transition is not None:
            step = record.transition
            return logging.DEBUG, f"{step.state} —{step.action}→ {step.next_state} ({step.event})"
    return logging.DEBUG, record.event


def _message_words(message: Message | None, data_length: int) -> str:
    if message is None:
        return "message"
    words = [message.name]
    identifier = getattr(message, "MessageID", None)
    if identifier is None:
        identifier = getattr(message, "MessageIDBeingRespondedTo", None)
    if identifier is not None:
        words.append(f"Message ID {identifier}")
    status = getattr(message, "Status", None)
    if status is not None:
        words.append(f"Status 0x{status:04X}")
    if data_length:
        words.append(f"data set of {bytes_text(data_length)}")
    return ", ".join(words)


def summed_up(records: Sequence[Record]) -> list[Line]:
    """Many records of one event: a line for each association."""
    by_association: dict[int, list[Record]] = {}
    for record in records:
        by_association.setdefault(record.association, []).append(record)
    lines = []
    for number, some in by_association.items():
        if len(some) == 1:
            lines.append(line_of(some[0]))
            continue
        last = some[-1]
        level, _ = _sentence(last)
        noun = _NOUNS.get(last.event, last.event)
        size = sum(record.length for record in some)
        arrow = "→ " if last.event.endswith("SENT") else "← " if last.event.endswith("RECV") else ""
        volume = f", {bytes_text(size)}" if size else ""
        lines.append(Line(last.time, level, f"#{number}", f"{arrow}{quantity(len(some), noun)}{volume}"))
    return lines


_NOUNS = {
    "EVT_DATA_SENT": "write",
    "EVT_DATA_RECV": "PDU read",
    "EVT_PDU_SENT": "PDU",
    "EVT_PDU_RECV": "PDU",
    "EVT_DIMSE_SENT": "message",
    "EVT_DIMSE_RECV": "message",
    "EVT_ACSE_SENT": "primitive",
    "EVT_ACSE_RECV": "primitive",
    "EVT_FSM_TRANSITION": "transition",
}
