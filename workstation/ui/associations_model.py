"""The associations as Qt's model: one row each, below it its presentation contexts, both sides, and how it ended.

Fed with what a batch changed; makes text when a row is painted. Knows conversations, nothing of sockets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt

from workstation.net.uids import uid_name
from workstation.traffic.conversation import ContextRow, Conversation, Side
from workstation.traffic.log import Change
from workstation.traffic.text import printable
from workstation.ui.plain import plain_tooltip
from workstation.ui.rates import bytes_text
from workstation.ui.theme import Theme
from workstation.ui.tree import LEFT, RIGHT, Index

NUMBER, PARTIES, PEER, STATE, CONTEXTS, SENT, RECEIVED, PDUS, STARTED, DURATION = range(10)
TITLES = (
    "#",
    "Calling → Called",
    "Peer address",
    "State",
    "Ctx",
    "↑",
    "↓",
    "PDUs",
    "Started",
    "Lasted",
)
_TITLE_TIPS = (
    "Number of the association in this run",
    "AE titles; the arrow in front says who asked: → we, ← the peer",
    "Where the peer is",
    "How it stands, and the state of PS3.8 that it is in",
    "Presentation contexts accepted of those offered",
    "Bytes sent",
    "Bytes received",
    "PDUs sent and received",
    "When it began",
    "How long it has lasted",
)
_NUMBERS = frozenset((NUMBER, CONTEXTS, SENT, RECEIVED, PDUS, STARTED, DURATION))
_FAILED = ("Rejected", "Aborted", "Connection", "Timed out")


class Part(NamedTuple):
    """What a row below an association stands for; equal parts are the same row."""

    kind: str  # "context" | "requestor" | "acceptor" | "end"
    number: int = 0


class _Row:
    __slots__ = ("conversation", "parts", "row")

    def __init__(self, conversation: Conversation, row: int) -> None:
        self.conversation = conversation
        self.row = row
        self.parts: list[_PartRow] = []


class _PartRow:
    __slots__ = ("above", "part", "row")

    def __init__(self, above: _Row, part: Part, row: int) -> None:
        self.above = above
        self.part = part
        self.row = row


def standing(conversation: Conversation) -> str:
    """How it stands, as the name of a colour of the theme."""
    word = conversation.state_word
    if word.startswith(_FAILED):
        return "failure"
    if conversation.finished:
        return "dimmed" if conversation.established or conversation.outcome else "warning"
    return "success" if conversation.state == "Sta6" else "pending"


_SIGNS = {"failure": "✕", "dimmed": "✓", "warning": "▲", "success": "●", "pending": "◐"}


def duration_text(seconds: float) -> str:
    """How long: 12 ms, 1.4 s, 2 min 05 s, 1 h 04 min."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def absolute_time(seconds: float) -> str:
    """A moment to the microsecond, local time."""
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S.%f}"


class AssociationsModel(QAbstractItemModel):
    """The conversations of a log, oldest first."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rows: list[_Row] = []
        self._by_number: dict[int, _Row] = {}
        self._now = 0.0

    # --- feeding ---------------------------------------------------------------------------------------------------

    def reset(self, conversations: Iterable[Conversation], now: float) -> None:
        """Start again with these."""
        self.beginResetModel()
        self._now = now
        self._rows = [_Row(conversation, row) for row, conversation in enumerate(conversations)]
        self._by_number = {row.conversation.number: row for row in self._rows}
        for row in self._rows:
            row.parts = [_PartRow(row, part, place) for place, part in enumerate(_parts(row.conversation))]
        self.endResetModel()

    def apply(self, change: Change, now: float) -> None:
        """Take in what a batch changed."""
        self._now = max(now, self._now)
        self._remove(change.removed)
        if change.added:
            first = len(self._rows)
            self.beginInsertRows(QModelIndex(), first, first + len(change.added) - 1)
            for place, conversation in enumerate(change.added, first):
                row = _Row(conversation, place)
                row.parts = [_PartRow(row, part, at) for at, part in enumerate(_parts(conversation))]
                self._rows.append(row)
                self._by_number[conversation.number] = row
            self.endInsertRows()
        for conversation in change.changed:
            found = self._by_number.get(conversation.number)
            if found is not None:
                self._update_parts(found)

    def refresh(self, numbers: Iterable[int], now: float) -> None:
        """The texts of these associations are others now."""
        self._now = max(now, self._now)
        places = sorted(row.row for number in numbers if (row := self._by_number.get(number)) is not None)
        while places:
            # Neighbours are told as one: a repaint looks only at what is in sight.
            first = last = places.pop(0)
            while places and places[0] <= last + 1:
                last = places.pop(0)
            self.dataChanged.emit(self.index(first, 0), self.index(last, DURATION))

    def live(self) -> list[int]:
        """The numbers of those under way."""
        return [row.conversation.number for row in self._rows if not row.conversation.finished]

    def _remove(self, numbers: list[int]) -> None:
        places = sorted((self._by_number.pop(n).row for n in numbers if n in self._by_number), reverse=True)
        while places:
            last = first = places.pop(0)
            while places and places[0] == first - 1:
                first = places.pop(0)
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._rows[first : last + 1]
            for place in range(first, len(self._rows)):
                self._rows[place].row = place
            self.endRemoveRows()

    def _update_parts(self, row: _Row) -> None:
        wanted = _parts(row.conversation)
        present = [each.part for each in row.parts]
        above = self.index(row.row, 0)
        if wanted != present:
            keep = len(present) if wanted[: len(present)] == present else 0
            if keep < len(present):
                self.beginRemoveRows(above, 0, len(present) - 1)
                row.parts = []
                self.endRemoveRows()
            self.beginInsertRows(above, keep, len(wanted) - 1)
            row.parts += [_PartRow(row, part, place) for place, part in enumerate(wanted) if place >= keep]
            self.endInsertRows()
        elif row.parts:
            self.dataChanged.emit(self.index(0, 0, above), self.index(len(row.parts) - 1, DURATION, above))

    # --- looking up ------------------------------------------------------------------------------------------------

    def conversation_at(self, index: Index) -> Conversation | None:
        """The association of a row, or of the row above it."""
        item = index.internalPointer() if index.isValid() else None
        if isinstance(item, _PartRow):
            return item.above.conversation
        return item.conversation if isinstance(item, _Row) else None

    def part_at(self, index: Index) -> Part | None:
        """What a row below an association stands for; None for an association."""
        item = index.internalPointer() if index.isValid() else None
        return item.part if isinstance(item, _PartRow) else None

    def index_of(self, number: int) -> QModelIndex:
        """The row of an association."""
        row = self._by_number.get(number)
        return self.index(row.row, 0) if row is not None else QModelIndex()

    def newest(self) -> Conversation | None:
        """The last association."""
        return self._rows[-1].conversation if self._rows else None

    # --- Qt's questions --------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        if not parent.isValid():
            return len(self._rows)
        item = parent.internalPointer()
        return len(item.parts) if isinstance(item, _Row) and parent.column() == 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return len(TITLES)

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:
        items: Sequence[_Row | _PartRow] = self._rows
        if parent.isValid():
            above = parent.internalPointer()
            items = above.parts if isinstance(above, _Row) else []
        if 0 <= row < len(items) and 0 <= column < len(TITLES):
            return self.createIndex(row, column, items[row])
        return QModelIndex()

    def parent(self, index: Index = QModelIndex()) -> Any:
        item = index.internalPointer() if index.isValid() else None
        if isinstance(item, _PartRow):
            return self.createIndex(item.above.row, 0, item.above)
        return QModelIndex()

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if section in _NUMBERS else LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TITLE_TIPS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = index.internalPointer() if index.isValid() else None
        column = index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            is_end = isinstance(item, _PartRow) and item.part.kind == "end"
            return RIGHT if column in _NUMBERS and not is_end else LEFT
        if isinstance(item, _Row):
            return self._association(item.conversation, column, role)
        if isinstance(item, _PartRow):
            return self._part(item.above.conversation, item.part, column, role)
        return None

    # --- an association --------------------------------------------------------------------------------------------

    def _association(self, conversation: Conversation, column: int, role: int) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self._association_text(conversation, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tooltip(self._association_tip(conversation, column))
        if role == Qt.ItemDataRole.ForegroundRole:
            theme = self._theme
            if column == STATE:
                return getattr(theme, standing(conversation))
            if column == PARTIES and not conversation.finished:
                return theme.sent if conversation.mode == "requestor" else theme.received
            return theme.dimmed if conversation.finished and column != NUMBER else None
        return None

    def _association_text(self, conversation: Conversation, column: int) -> str:
        match column:
            case 0:
                return str(conversation.number)
            case 1:
                calling, called = conversation.calling or "?", conversation.called or "?"
                # The arrow at the front says who asked: we, or the peer.
                arrow = {"requestor": "→", "acceptor": "←"}.get(conversation.mode, "·")
                return f"{arrow} {calling} → {called}"
            case 2:
                return conversation.peer_address
            case 3:
                sign = _SIGNS[standing(conversation)]
                return f"{sign} {conversation.state_word} · {conversation.state}"
            case 4:
                offered = len(conversation.contexts)
                return f"{conversation.accepted_contexts}/{offered}" if offered else ""
            case 5:
                return bytes_text(conversation.bytes_sent) if conversation.bytes_sent else ""
            case 6:
                return bytes_text(conversation.bytes_received) if conversation.bytes_received else ""
            case 7:
                return f"{conversation.pdus_sent + conversation.pdus_received:,}"
            case 8:
                return f"{datetime.fromtimestamp(conversation.start_time):%H:%M:%S}"
            case _:
                return duration_text(self._lasted(conversation))

    def _lasted(self, conversation: Conversation) -> float:
        end = conversation.end_time if conversation.end_time is not None else self._now
        return max(0.0, end - conversation.start_time)

    def _association_tip(self, conversation: Conversation, column: int) -> str:
        match column:
            case 1:
                who = {
                    "requestor": "We asked for this association (requestor)",
                    "acceptor": "The peer asked for this association; we answer (acceptor)",
                }.get(conversation.mode, "Nobody has asked yet")
                return f"Calling AE Title {conversation.calling}\nCalled AE Title {conversation.called}\n{who}"
            case 2:
                facts = conversation.facts
                ours = f"\nOur side {facts.local_address}:{facts.local_port}" if facts.local_port else ""
                return f"Peer {conversation.peer_address}{ours}"
            case 3:
                reason = printable(conversation.end_reason, 512)
                words = f"{conversation.state_word}, {conversation.state}"
                return f"{words}\n{reason}" if reason else words
            case 4:
                accepted, offered = conversation.accepted_contexts, len(conversation.contexts)
                return f"{accepted} of {offered} presentation contexts accepted\nOpen the row to see which and why"
            case 5:
                return f"{conversation.bytes_sent:,} bytes sent in {conversation.pdus_sent:,} PDUs"
            case 6:
                return f"{conversation.bytes_received:,} bytes received in {conversation.pdus_received:,} PDUs"
            case 7:
                return (
                    f"{conversation.pdus_sent:,} PDUs sent, {conversation.pdus_received:,} received\n"
                    f"{conversation.messages_sent:,} messages sent, {conversation.messages_received:,} received"
                )
            case 8 | 9:
                tip = f"From {absolute_time(conversation.start_time)}"
                if conversation.end_time is not None:
                    tip += f"\nto {absolute_time(conversation.end_time)}"
                return tip
        return f"Association {conversation.number} of this run"

    # --- below it --------------------------------------------------------------------------------------------------

    def _part(self, conversation: Conversation, part: Part, column: int, role: int) -> Any:
        theme = self._theme
        if part.kind == "context":
            context = conversation.contexts.get(part.number)
            if context is None:
                return None
            if role == Qt.ItemDataRole.DisplayRole:
                return _context_text(context, column)
            if role == Qt.ItemDataRole.ToolTipRole:
                return plain_tooltip(context_details(context))
            if role == Qt.ItemDataRole.ForegroundRole and column == STATE:
                if context.result is None:
                    return theme.pending if not conversation.finished else theme.dimmed
                return theme.success if context.accepted else theme.failure
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _side_text(conversation, part, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tooltip(part_details(conversation, part))
        if role == Qt.ItemDataRole.ForegroundRole:
            return theme.dimmed if part.kind != "end" else getattr(theme, standing(conversation))
        return None


def _parts(conversation: Conversation) -> list[Part]:
    """The rows below an association, in the order in which they come to be known."""
    parts = [Part("context", context_id) for context_id in conversation.contexts]
    if conversation.requestor != Side():
        parts.append(Part("requestor"))
    if conversation.acceptor != Side():
        parts.append(Part("acceptor"))
    if conversation.finished and conversation.end_reason:
        parts.append(Part("end"))
    return parts


def named_uid(uid: str) -> str:
    """A UID's name, or the UID."""
    return uid_name(uid) or uid


def _context_text(context: ContextRow, column: int) -> str:
    match column:
        case 0:
            return str(context.context_id)
        case 1:
            return named_uid(context.abstract_syntax)
        case 2:
            if context.accepted:
                return named_uid(context.transfer_syntax)
            return f"{len(context.proposed)} proposed" if len(context.proposed) != 1 else named_uid(context.proposed[0])
        case 3:
            sign = "…" if context.result is None else "✓" if context.accepted else "✕"
            return f"{sign} {context.result_text}"
    return ""


def context_details(context: ContextRow) -> str:
    """Everything about a presentation context, a line each."""
    lines = [
        f"Presentation Context ID {context.context_id}: {context.result_text}",
        f"Abstract Syntax: {_name_and_uid(context.abstract_syntax)}",
    ]
    if context.accepted:
        lines.append(f"Accepted Transfer Syntax: {_name_and_uid(context.transfer_syntax)}")
    lines.append("Proposed Transfer Syntaxes:")
    lines += [f"    {_name_and_uid(uid)}" for uid in context.proposed]
    return "\n".join(lines)


def _name_and_uid(uid: str) -> str:
    name = uid_name(uid)
    return f"{name} ({uid})" if name else uid


def _side_text(conversation: Conversation, part: Part, column: int) -> str:
    if part.kind == "end":
        return printable(conversation.end_reason, 512) if column == NUMBER else ""
    side = conversation.requestor if part.kind == "requestor" else conversation.acceptor
    match column:
        case 1:
            return f"{part.kind.capitalize()}: {side.implementation_version_name or 'no version name'}"
        case 2:
            return named_uid(side.implementation_class_uid)
        case 3:
            return _maximum_length(side)
    return ""


def _maximum_length(side: Side) -> str:
    if side.maximum_length is None:
        return "PDU length not said"
    return f"PDUs up to {side.maximum_length:,} bytes" if side.maximum_length else "PDUs of any length"


def part_details(conversation: Conversation, part: Part) -> str:
    """Everything about a row below an association."""
    if part.kind == "context":
        return context_details(conversation.contexts[part.number])
    if part.kind == "end":
        return printable(conversation.end_reason, 1024)
    side = conversation.requestor if part.kind == "requestor" else conversation.acceptor
    return (
        f"What the {part.kind} says about itself\n"
        f"Implementation Version Name: {side.implementation_version_name or 'none'}\n"
        f"Implementation Class UID: {_name_and_uid(side.implementation_class_uid) or 'none'}\n"
        f"Maximum Length Received: {_maximum_length(side)}"
    )
