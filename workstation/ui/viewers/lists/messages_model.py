"""The messages of one association as Qt's model, the PDUs that carried each below it.

The conversation grows before the model is told, so the model keeps its own counts and answers by them. Text is made
when a row is painted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from PySide6.QtCore import QModelIndex, QObject

from workstation.net.uids import uid_name
from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import RowsChange
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import printable, quantity
from workstation.ui.parts.rates import bytes_text
from workstation.ui.parts.row_model import CENTRE, LEFT, OPEN_ROLE, RIGHT, Index, RowModel, Shown
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.theme import Theme
from workstation.ui.viewers.lists.associations_model import absolute_time, duration_text

NUMBER, TIME, DELTA, NAME, CONTEXT, STATUS, DETAIL, SIZE = range(8)
TITLES = ("No", "Time s", "Δ ms", "Message / PDU", "Context", "Status", "Detail", "Size")
_TITLE_TIPS = (
    "Number of the message or PDU in its association",
    "Seconds since the association began",
    "Milliseconds since the row before",
    "→ sent by us, ← by the peer; in a capture → by the requestor, ← by the acceptor",
    "Presentation Context ID",
    "Status of a response",
    "What distinguishes it, or what is wrong with it",
    "Bytes of all its PDUs",
)

_AT_ONCE = 20_000
"""Rows that are filtered in one go: a few milliseconds' worth."""
_DEAR_AT_ONCE = 200
"""The same of a filter that looks into data sets."""
_CATEGORIES = {
    "Success": ("✓", "success"),
    "Warning": ("▲", "warning"),
    "Pending": ("…", "pending"),
    "Cancel": ("■", "cancelled"),
    "Failure": ("✕", "failure"),
}
_SIGNS = {colour: sign for sign, colour in _CATEGORIES.values()}


class MessagesModel(RowModel):
    """The messages of one conversation and, below those that the person opened, their PDUs: one flat list of lines.

    Flat, because Qt's tree view asks for each of its rows whenever one is inserted. With a filter only the messages
    that pass have lines. A message's *place* is how many messages stand before it, its *line* counts opened PDUs too.
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
        # The filter in force, and the one that is to be.
        self._filter: Filter | None = None
        self._wanted: Filter | None = None
        self.needs_sifting = False
        """Whether the list is too long to be filtered at once: run `sifted` then."""
        self._changed: set[int] = set()  # numbers of the rows that changed while it is filtered
        # With a filter: the numbers of the messages that pass, ascending; instead of all from _trimmed + 1 on.
        self._passing: list[int] | None = None
        # The opened messages in order: their numbers, the lines they stand in, and how many PDUs are shown of each.
        self._open: list[int] = []
        self._heads: list[int] = []
        self._pdus: dict[int, int] = {}
        self.colour_of: Callable[[Conversation, MessageRow], str] | None = None
        """The name of a colour of the theme for a row, "" for its usual ones."""

    @property
    def conversation(self) -> Conversation | None:
        """Whose rows these are."""
        return self._conversation

    @property
    def hidden(self) -> int:
        """How many messages the filter leaves out."""
        return 0 if self._passing is None else self._count - len(self._passing)

    # --- feeding ---------------------------------------------------------------------------------------------------

    def set_conversation(self, conversation: Conversation | None) -> None:
        """Show the rows of another association."""
        self.beginResetModel()
        self._conversation = conversation
        self._trimmed = conversation.trimmed if conversation is not None else 0
        self._count = len(conversation.rows) if conversation is not None else 0
        self._pdus.clear()
        self._changed.clear()
        self._sift()
        self._place_heads()
        self.endResetModel()

    def set_filter(self, wanted: Filter | None) -> None:
        """Show only the messages that pass; None shows all. Of a long list later: see `sifted`."""
        self._wanted = wanted
        if wanted is not None and self._is_long(wanted):
            self.needs_sifting = True
            return
        self.beginResetModel()
        self._sift()
        self._close_hidden()
        self.endResetModel()

    def sifted(self) -> Iterator[None]:
        """Bring the filter into force in small steps; until the last one the list stays as it was."""
        conversation, wanted = self._conversation, self._wanted
        self.needs_sifting = False
        if conversation is None or wanted is None:
            return
        self._changed.clear()
        found: list[int] = []
        for _ in wanted.search(conversation, found):
            yield
        del found[: bisect_right(found, self._trimmed)]
        if self._changed:
            # What changed since it was looked at is looked at again.
            places = (conversation.index_of(number) for number in self._changed)
            again = self._pass((conversation.rows[at] for at in places if 0 <= at < self._count), wanted)
            found = sorted({*(number for number in found if number not in self._changed), *again})
        self.beginResetModel()
        self._filter = wanted
        self._passing = found
        self._close_hidden()
        self.endResetModel()

    def _is_long(self, wanted: Filter) -> bool:
        """Whether filtering takes longer than a click may."""
        return self._count > (_AT_ONCE if wanted.cost == 0 else _DEAR_AT_ONCE)

    def _sift(self) -> None:
        conversation, wanted = self._conversation, self._wanted
        self._filter = wanted
        self.needs_sifting = False
        if wanted is None:
            self._passing = None
        elif conversation is None or self._is_long(wanted):
            self._passing = []
            self.needs_sifting = conversation is not None
        else:
            self._passing = wanted.rows(conversation)

    def _close_hidden(self) -> None:
        if self._passing is not None:
            kept = set(self._passing) if self._pdus else set()
            self._pdus = {number: shown for number, shown in self._pdus.items() if number in kept}
        self._place_heads()

    def _pass(self, rows: Iterable[MessageRow], wanted: Filter | None) -> list[int]:
        """The numbers of those rows that pass."""
        conversation = self._conversation
        if wanted is None or conversation is None:
            return [row.number for row in rows]
        return [row.number for row in rows if wanted.passes(conversation, row)]

    def apply(self, change: RowsChange) -> None:
        """Take in what a batch did to the rows."""
        if change.conversation is not self._conversation:
            return
        conversation = change.conversation
        gone = min(conversation.trimmed - self._trimmed, self._count)
        if gone > 0:
            self._let_go(gone)
        # Rows that came and went within one batch were never shown.
        self._trimmed = conversation.trimmed
        if len(conversation.rows) > self._count:
            self._append(self._pass(conversation.rows[self._count :], self._filter), len(conversation.rows))
        changed = [conversation.rows[place] for place, _ in change.changed if 0 <= place < self._count]
        self._changed.update(row.number for row in changed)
        if changed and self._passing is not None:
            changed = self._pass_anew(changed)
        numbers = [row.number for row in changed]
        for number in numbers:
            self._grow(number)
        if numbers:
            first, last = self._line_of(min(numbers)), self._line_of(max(numbers))
            undisturbed.emit(self.dataChanged, self.index(first, 0), self.index(last, SIZE))

    def _let_go(self, gone: int) -> None:
        """The oldest rows are no more."""
        last = self._trimmed + gone
        lines = self._line_of(last + 1)
        if lines > 0:
            undisturbed.call(self.beginRemoveRows, QModelIndex(), 0, lines - 1)
        self._pdus = {number: shown for number, shown in self._pdus.items() if number > last}
        if self._passing is not None:
            del self._passing[: bisect_right(self._passing, last)]
        self._trimmed = last
        self._count -= gone
        self._place_heads()
        if lines > 0:
            undisturbed.call(self.endRemoveRows)

    def _append(self, numbers: Sequence[int], count: int) -> None:
        """There are so many rows now; these of the new ones are shown."""
        first = self.rowCount()
        if numbers:
            undisturbed.call(self.beginInsertRows, QModelIndex(), first, first + len(numbers) - 1)
        self._count = count
        if self._passing is not None:
            self._passing += numbers
        if numbers:
            undisturbed.call(self.endInsertRows)

    def _pass_anew(self, rows: list[MessageRow]) -> list[MessageRow]:
        """Rows changed, and with them perhaps whether they pass; returns those that were and are shown."""
        passing = self._passing
        if passing is None:
            return rows
        now = set(self._pass(rows, self._filter))
        same: list[MessageRow] = []
        for row in rows:
            place = bisect_left(passing, row.number)
            was = place < len(passing) and passing[place] == row.number
            if was and row.number in now:
                same.append(row)
            elif was:
                self.set_open(row.number, False)
                line = self._line_of(row.number)
                undisturbed.call(self.beginRemoveRows, QModelIndex(), line, line)
                del passing[place]
                self._place_heads()
                undisturbed.call(self.endRemoveRows)
            elif row.number in now:
                line = self._line_of(row.number)
                undisturbed.call(self.beginInsertRows, QModelIndex(), line, line)
                passing.insert(place, row.number)
                self._place_heads()
                undisturbed.call(self.endInsertRows)
        return same

    def _grow(self, number: int) -> None:
        """More PDUs of an opened message."""
        shown, message = self._pdus.get(number), self._message(number)
        if shown is None or message is None or shown >= len(message.pdus):
            return
        first = self._line_of(number) + 1 + shown
        undisturbed.call(self.beginInsertRows, QModelIndex(), first, first + len(message.pdus) - shown - 1)
        self._pdus[number] = len(message.pdus)
        self._place_heads()
        undisturbed.call(self.endInsertRows)

    # --- opening ---------------------------------------------------------------------------------------------------

    def set_open(self, number: int, is_open: bool) -> None:
        """Show the PDUs of a message below it, or no longer."""
        message = self._message(number)
        if message is None or not message.is_dimse or is_open == (number in self._pdus):
            return
        line = self._line_of(number)
        count = len(message.pdus) if is_open else self._pdus[number]
        if is_open:
            undisturbed.call(self.beginInsertRows, QModelIndex(), line + 1, line + count)
            self._pdus[number] = count
        else:
            undisturbed.call(self.beginRemoveRows, QModelIndex(), line + 1, line + count)
            del self._pdus[number]
        self._place_heads()
        if is_open:
            undisturbed.call(self.endInsertRows)
        else:
            undisturbed.call(self.endRemoveRows)
        undisturbed.emit(self.dataChanged, self.index(line, NAME), self.index(line, NAME), [OPEN_ROLE])

    def open_row(self, row: int, is_open: bool) -> None:
        self.set_open(self._at(row)[0], is_open)

    def head_of(self, row: int) -> int:
        number, place = self._at(row)
        return row if place < 0 else self._line_of(number)

    def is_open(self, number: int) -> bool:
        """Whether the PDUs of a message are shown."""
        return number in self._pdus

    def _place_of(self, number: int) -> int:
        """How many messages stand before one."""
        return number - 1 - self._trimmed if self._passing is None else bisect_left(self._passing, number)

    def _number_at(self, place: int) -> int:
        """The number of the message in a place."""
        if self._passing is None:
            return self._trimmed + 1 + place
        return self._passing[place] if place < len(self._passing) else self._trimmed + self._count + 1

    def _place_heads(self) -> None:
        self._open = sorted(self._pdus)
        above = 0
        self._heads = []
        for number in self._open:
            self._heads.append(self._place_of(number) + above)
            above += self._pdus[number]

    def _line_of(self, number: int) -> int:
        """The line of a message; of one that is not shown the line that it would have."""
        before = bisect_left(self._open, number)
        if not before:
            return self._place_of(number)
        last = self._open[before - 1]
        return self._heads[before - 1] + self._pdus[last] + self._place_of(number) - self._place_of(last)

    def _at(self, line: int) -> tuple[int, int]:
        """The number of the message in or above a line, and which of its PDUs it is; -1 for the message itself."""
        before = bisect_right(self._heads, line) - 1
        if before < 0:
            return self._number_at(line), -1
        number = self._open[before]
        below = line - self._heads[before]
        shown = self._pdus[number]
        if below <= shown:
            return number, below - 1
        return self._number_at(self._place_of(number) + below - shown), -1

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
        """The line of a message; invalid for one that is not shown."""
        known = self._trimmed < number <= self._trimmed + self._count
        if known and self._passing is not None:
            known = self._number_at(self._place_of(number)) == number
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
        if parent.isValid():
            return 0
        messages = self._count if self._passing is None else len(self._passing)
        return messages + sum(self._pdus.values())

    def shown(self, row: int) -> Shown:
        number, place = self._at(row)
        conversation, message = self._conversation, self._message(number)
        if conversation is None or message is None or place >= len(message.pdus):
            return _NOTHING
        if place >= 0:
            return Shown(_pdu_texts(conversation, message, message.pdus[place]), _PDU_COLOURS, depth=1)
        status = _status(message)
        colours: tuple[str, ...] = (
            "dimmed",
            "dimmed",
            "dimmed",
            "sent" if message.sent else "received",
            "",
            status[1],
            "failure" if message.problem else "",
            "",
        )
        chosen = self.colour_of(conversation, message) if self.colour_of is not None else ""
        texts = _row_texts(conversation, message, status[0])
        if chosen:
            colours = tuple(chosen if colour in ("", "dimmed") else colour for colour in colours)
            if not texts[STATUS]:
                # A colour never stands alone.
                texts = (*texts[:STATUS], _SIGNS.get(chosen, ""), *texts[STATUS + 1 :])
        is_open = number in self._pdus if message.is_dimse else None
        return Shown(texts, colours, is_open=is_open)

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
            tip = f"{row.name}, sent by {conversation.who(row.sent)}"
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
