"""The messages of one association as Qt's model, the PDUs that carried each below it.

The conversation grows before the model is told, so the model keeps its own counts and answers by them. Text is made
when a row is painted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from PySide6.QtCore import QModelIndex, QObject

from workstation.net.uids import uid_name
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import RowsChange
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable, quantity
from workstation.ui.parts.rates import bytes_text
from workstation.ui.parts.row_model import CENTRE, LEFT, OPEN_ROLE, RIGHT, Index, RowModel, Shown
from workstation.ui.theme import Theme
from workstation.ui.viewers.associations_model import absolute_time, duration_text

NUMBER, TIME, DELTA, NAME, CONTEXT, STATUS, DETAIL, SIZE = range(8)
TITLES = ("No", "Time s", "Δ ms", "Message / PDU", "Context", "Status", "Detail", "Size")
_TITLE_TIPS = (
    "Number of the message or PDU in its association",
    "Seconds since the association began",
    "Milliseconds since the row before",
    "→ sent by us, ← received from the peer",
    "Presentation Context ID",
    "Status of a response",
    "What distinguishes it, or what is wrong with it",
    "Bytes of all its PDUs",
)

_CATEGORIES = {
    "Success": ("✓", "success"),
    "Warning": ("▲", "warning"),
    "Pending": ("…", "pending"),
    "Cancel": ("■", "cancelled"),
    "Failure": ("✕", "failure"),
}


class MessagesModel(RowModel):
    """The messages of one conversation and, below those that the person opened, their PDUs: one flat list of lines.

    Flat, because Qt's tree view asks for each of its rows whenever one is inserted.
    """

    titles = TITLES
    title_tips = _TITLE_TIPS
    alignments = (RIGHT, RIGHT, RIGHT, LEFT, CENTRE, LEFT, LEFT, RIGHT)
    branch_column = NAME

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._conversation: Conversation | None = None
        self._trimmed = 0
        self._count = 0
        # The opened messages in order: their numbers, the lines they stand in, and how many PDUs are shown of each.
        self._open: list[int] = []
        self._heads: list[int] = []
        self._pdus: dict[int, int] = {}

    @property
    def conversation(self) -> Conversation | None:
        """Whose rows these are."""
        return self._conversation

    # --- feeding ---------------------------------------------------------------------------------------------------

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Show the rows of another association."""
        self.beginResetModel()
        self._conversation = conversation
        self._trimmed = conversation.trimmed if conversation is not None else 0
        self._count = len(conversation.rows) if conversation is not None else 0
        self._pdus.clear()
        self._place_heads()
        self.endResetModel()

    def apply(self, change: RowsChange) -> None:
        """Take in what a batch did to the rows."""
        if change.conversation is not self._conversation:
            return
        conversation = change.conversation
        gone = min(conversation.trimmed - self._trimmed, self._count)
        if gone > 0:
            self.beginRemoveRows(QModelIndex(), 0, self._line_of(self._trimmed + gone + 1) - 1)
            self._pdus = {number: shown for number, shown in self._pdus.items() if number > self._trimmed + gone}
            self._trimmed += gone
            self._count -= gone
            self._place_heads()
            self.endRemoveRows()
        # Rows that came and went within one batch were never shown.
        self._trimmed = conversation.trimmed
        if len(conversation.rows) > self._count:
            first = self.rowCount()
            self.beginInsertRows(QModelIndex(), first, first + len(conversation.rows) - self._count - 1)
            self._count = len(conversation.rows)
            self.endInsertRows()
        numbers = [conversation.rows[place].number for place, _ in change.changed if 0 <= place < self._count]
        for number in numbers:
            self._grow(number)
        if numbers:
            first, last = self._line_of(min(numbers)), self._line_of(max(numbers))
            self.dataChanged.emit(self.index(first, 0), self.index(last, SIZE))

    def _grow(self, number: int) -> None:
        """More PDUs of an opened message."""
        shown, message = self._pdus.get(number), self._message(number)
        if shown is None or message is None or shown >= len(message.pdus):
            return
        first = self._line_of(number) + 1 + shown
        self.beginInsertRows(QModelIndex(), first, first + len(message.pdus) - shown - 1)
        self._pdus[number] = len(message.pdus)
        self._place_heads()
        self.endInsertRows()

    # --- opening ---------------------------------------------------------------------------------------------------

    def set_open(self, number: int, is_open: bool) -> None:
        """Show the PDUs of a message below it, or no longer."""
        message = self._message(number)
        if message is None or not message.is_dimse or is_open == (number in self._pdus):
            return
        line = self._line_of(number)
        count = len(message.pdus) if is_open else self._pdus[number]
        if is_open:
            self.beginInsertRows(QModelIndex(), line + 1, line + count)
            self._pdus[number] = count
        else:
            self.beginRemoveRows(QModelIndex(), line + 1, line + count)
            del self._pdus[number]
        self._place_heads()
        if is_open:
            self.endInsertRows()
        else:
            self.endRemoveRows()
        self.dataChanged.emit(self.index(line, NAME), self.index(line, NAME), [OPEN_ROLE])

    def open_row(self, row: int, is_open: bool) -> None:
        self.set_open(self._at(row)[0], is_open)

    def head_of(self, row: int) -> int:
        number, place = self._at(row)
        return row if place < 0 else self._line_of(number)

    def is_open(self, number: int) -> bool:
        """Whether the PDUs of a message are shown."""
        return number in self._pdus

    def _place_heads(self) -> None:
        self._open = sorted(self._pdus)
        above = 0
        self._heads = []
        for number in self._open:
            self._heads.append(number - 1 - self._trimmed + above)
            above += self._pdus[number]

    def _line_of(self, number: int) -> int:
        """The line of a message."""
        before = bisect_left(self._open, number)
        if not before:
            return number - 1 - self._trimmed
        last = self._open[before - 1]
        return self._heads[before - 1] + self._pdus[last] + number - last

    def _at(self, line: int) -> tuple[int, int]:
        """The number of the message in or above a line, and which of its PDUs it is; -1 for the message itself."""
        before = bisect_right(self._heads, line) - 1
        if before < 0:
            return self._trimmed + 1 + line, -1
        number = self._open[before]
        below = line - self._heads[before]
        shown = self._pdus[number]
        if below <= shown:
            return number, below - 1
        return number + below - shown, -1

    # --- looking up ------------------------------------------------------------------------------------------------

    def message_at(self, index: Index) -> MessageRow | None:
        """The message of a line, or the one above it."""
        return self._message(self._at(index.row())[0]) if index.isValid() else None

    def pdu_at(self, index: Index) -> PduRow | None:
        """The PDU of a line below a message; None for a message."""
        if not index.isValid():
            return None
        number, place = self._at(index.row())
        message = self._message(number)
        return message.pdus[place] if message is not None and 0 <= place < len(message.pdus) else None

    def index_of(self, number: int) -> QModelIndex:
        """The line of a message."""
        known = self._trimmed < number <= self._trimmed + self._count
        return self.index(self._line_of(number), 0) if known else QModelIndex()

    def pdu_index(self, number: int, place: int) -> QModelIndex:
        """The line of a PDU of an opened message."""
        if not 0 <= place < self._pdus.get(number, 0):
            return QModelIndex()
        return self.index(self._line_of(number) + 1 + place, 0)

    def _message(self, number: int) -> MessageRow | None:
        conversation = self._conversation
        if conversation is None:
            return None
        place = conversation.index_of(number)
        return conversation.rows[place] if 0 <= place < len(conversation.rows) else None

    # --- Qt's questions --------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else self._count + sum(self._pdus.values())

    def shown(self, row: int) -> Shown:
        number, place = self._at(row)
        conversation, message = self._conversation, self._message(number)
        if conversation is None or message is None or place >= len(message.pdus):
            return _NOTHING
        if place >= 0:
            return Shown(_pdu_texts(conversation, message, message.pdus[place]), _PDU_COLOURS, depth=1)
        status = _status(message)
        colours = (
            "dimmed",
            "dimmed",
            "dimmed",
            "sent" if message.sent else "received",
            "",
            status[1],
            "failure" if message.problem else "",
            "",
        )
        is_open = number in self._pdus if message.is_dimse else None
        return Shown(_row_texts(conversation, message, status[0]), colours, is_open=is_open)

    def tip(self, row: int, column: int) -> str:
        number, place = self._at(row)
        conversation, message = self._conversation, self._message(number)
        if conversation is None or message is None or place >= len(message.pdus):
            return ""
        if place < 0:
            return _row_tip(conversation, message, column)
        pdu = message.pdus[place]
        tip = f"PDU {pdu.number} of association {conversation.number}, {pdu.length:,} bytes"
        tip += f"\n{absolute_time(pdu.time)}"
        return f"{tip}\nOnly its first {len(pdu.data):,} bytes are kept" if pdu.cut else tip


_NOTHING = Shown(("",) * len(TITLES))
_PDU_COLOURS = ("dimmed",) * len(TITLES)


def _row_texts(conversation: Conversation, row: MessageRow, sign: str) -> tuple[str, ...]:
    return (
        str(row.number),
        f"{row.time - conversation.start_time:.3f}",
        f"{row.delta * 1000:,.1f}" if row.number > 1 else "–",
        f"{'→' if row.sent else '←'} {row.name}",
        str(row.context_id) if row.is_dimse else "",
        f"{sign} {row.status_text}" if row.status is not None else "",
        _detail(row),
        bytes_text(row.size),
    )


def _pdu_texts(conversation: Conversation, row: MessageRow, pdu: PduRow) -> tuple[str, ...]:
    return (
        "",
        f"{pdu.time - conversation.start_time:.3f}",
        "",
        f"{'→' if pdu.sent else '←'} {pdu.name}  #{pdu.number}",
        "",
        "",
        _fragments(row, pdu),
        bytes_text(pdu.length),
    )


def _row_tip(conversation: Conversation, row: MessageRow, column: int) -> str:
    match column:
        case 0:
            return f"Row {row.number} of association {conversation.number}"
        case 1:
            return f"{absolute_time(row.time)}\n{row.time - conversation.start_time:.6f} s after the start"
        case 2:
            tip = f"{row.delta * 1000:,.3f} ms after the row before"
            if row.response_time is not None:
                tip += f"\n{row.response_time * 1000:,.3f} ms after its request, row {row.request}"
            return tip
        case 3:
            tip = f"{row.name}, {'sent by us' if row.sent else 'received from the peer'}"
            if row.message_id is not None:
                tip += f"\nMessage ID {row.message_id}"
            return f"{tip}\n{carried_by(row)}" if row.is_dimse else tip
        case 4:
            context = conversation.contexts.get(row.context_id)
            if context is None:
                return f"Presentation Context ID {row.context_id}" if row.is_dimse else ""
            syntax = row.transfer_syntax or context.transfer_syntax
            return (
                f"Presentation Context ID {row.context_id}\n"
                f"{uid_name(context.abstract_syntax)} {context.abstract_syntax}\n{uid_name(syntax)} {syntax}"
            )
        case 5:
            return row.status_text
        case 6:
            uid = row.sop_class_uid
            return "\n".join(filter(None, (row.problem, row.detail, uid)))
    size = f"{row.size:,} bytes in {quantity(len(row.pdus) + row.omitted, 'PDU')}"
    return f"{size}\n{row.data_size:,} bytes of data set" if row.data_size else size


def _status(row: MessageRow) -> tuple[str, str]:
    """The sign and the colour of a response's status; of none for any other row."""
    if row.status is None:
        return "", ""
    category = row.status_text.partition("(")[2].rstrip(")")
    return _CATEGORIES.get(category, ("?", "warning"))


def _detail(row: MessageRow) -> str:
    if row.problem:
        return f"⚠ {printable(row.problem, 512)}"
    parts = [row.detail]
    counts = row.sub_operations
    if counts is not None:
        named = (
            ("remaining", counts.remaining),
            ("completed", counts.completed),
            ("failed", counts.failed),
            ("warning", counts.warning),
        )
        parts = [", ".join(f"{count} {name}" for name, count in named if count is not None), *parts]
    if row.is_dimse and not row.complete:
        parts.insert(0, f"{bytes_text(row.data_size)} so far")
    elif row.response_time is not None:
        parts.append(f"answered in {duration_text(row.response_time)}" if row.response_time >= 0.001 else "")
    return " · ".join(part for part in parts if part)


def carried_by(row: MessageRow) -> str:
    """The PDUs of a message in words: P-DATA-TF × 5 (1 command, 4 data)."""
    commands = len({fragment.pdu.number for fragment in row.fragments(command=True)})
    datas = len({fragment.pdu.number for fragment in row.fragments(command=False)})
    inside = ", ".join(filter(None, (f"{commands} command" if commands else "", f"{datas} data" if datas else "")))
    text = f"P-DATA-TF × {len(row.pdus):,} ({inside})"
    return f"{text}, {row.omitted:,} more not kept" if row.omitted else text


def _fragments(row: MessageRow, pdu: PduRow) -> str:
    """What a PDU carries of its message."""
    words = [
        f"{'command' if fragment.is_command else 'data'} {fragment.length:,} bytes"
        for fragment in pdu.fragments(row.number)
    ]
    text = " + ".join(words)
    return f"{text} · first {len(pdu.data):,} bytes kept" if pdu.cut else text
