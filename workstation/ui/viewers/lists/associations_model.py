"""The associations as rows: one each, below it when opened its presentation contexts, both sides, and how it ended.

Fed with what a batch changed; makes text when a row is painted. Knows conversations, nothing of sockets.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from PySide6.QtCore import QModelIndex, QObject

from workstation.net.uids import uid_name
from workstation.traffic.conversation import ContextRow, Conversation, Side
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import Change, RowsChange
from workstation.traffic.text import printable
from workstation.ui.parts.rates import bytes_text
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.theme import Theme

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
_FAILED = ("Rejected", "Aborted", "Connection", "Timed out")


class Part(NamedTuple):
    """What a row below an association stands for; equal parts are the same row."""

    kind: str  # "context" | "requestor" | "acceptor" | "end"
    number: int = 0


class _Entry:
    """An association, the line in which it stands, and what is shown below it."""

    __slots__ = ("conversation", "is_open", "line", "parts")

    def __init__(self, conversation: Conversation, line: int) -> None:
        self.conversation = conversation
        self.line = line
        self.is_open = False
        self.parts: list[Part] = []


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


class AssociationsModel(RowModel):
    """The conversations of a log, oldest first, in one flat list of lines with what is below those that are open.

    Flat, because Qt's tree view lays all of its rows out again whenever one is inserted. With a filter only those have
    lines that it lets pass, or a message of which it does.
    """

    titles = TITLES
    title_tips = _TITLE_TIPS
    alignments = (RIGHT, LEFT, LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT)
    branch_column = NUMBER

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._lines: list[tuple[_Entry, Part | None]] = []
        self._entries: dict[int, _Entry] = {}
        self._filter: Filter | None = None
        self.came_since: set[int] = set()
        """The numbers of those that came to be listed since the filter is another one."""
        self._now = 0.0

    # --- feeding ---------------------------------------------------------------------------------------------------

    def reset(self, conversations: Iterable[Conversation], now: float) -> None:
        """Start again with these, all closed."""
        self.beginResetModel()
        self._now = now
        self._lines, self._entries = [], {}
        self._append(conversations)
        self.endResetModel()

    def set_filter(self, wanted: Filter | None) -> None:
        """Which associations come from now on; `reset` says which of the old ones stay."""
        self._filter = wanted
        self.came_since.clear()

    def apply(self, change: Change, now: float) -> int:
        """Take in what a batch changed; returns how many lines came at the end."""
        self._now = max(now, self._now)
        self._remove(change.removed)
        added = change.added
        if self._filter is not None:
            added = [each for each in added if self._filter.any(each)]
        if added:
            first = len(self._lines)
            undisturbed.call(self.beginInsertRows, QModelIndex(), first, first + len(added) - 1)
            self._append(added)
            self.came_since.update(each.number for each in added)
            undisturbed.call(self.endInsertRows)
        for conversation in change.changed:
            entry = self._entries.get(conversation.number)
            if entry is None:
                if self._filter is not None and self._now_passes(conversation, change.rows.get(conversation.number)):
                    self._insert(conversation)
            elif entry.is_open:
                self._update_parts(entry)
        return len(added)

    def _now_passes(self, conversation: Conversation, rows: RowsChange | None) -> bool:
        """Whether one that was left out passes by what has changed in it."""
        wanted = self._filter
        if wanted is None or wanted.on_association_only or not conversation.rows:
            return wanted is None or wanted.any(conversation)
        if rows is None:
            return False
        changed = [conversation.rows[place] for place, _ in rows.changed]
        return any(wanted.passes(conversation, row) for row in (*conversation.rows[rows.first_added :], *changed))

    def _insert(self, conversation: Conversation) -> None:
        """In its place by number."""
        self.came_since.add(conversation.number)
        later = [entry.line for number, entry in self._entries.items() if number > conversation.number]
        at = min(later, default=len(self._lines))
        entry = self._entries[conversation.number] = _Entry(conversation, at)
        self._insert_lines(at, [(entry, None)])

    def _append(self, conversations: Iterable[Conversation]) -> None:
        for conversation in conversations:
            entry = _Entry(conversation, len(self._lines))
            self._lines.append((entry, None))
            self._entries[conversation.number] = entry

    def refresh(self, numbers: Iterable[int], now: float) -> None:
        """The texts of these associations are others now."""
        self._now = max(now, self._now)
        lines = sorted(entry.line for number in numbers if (entry := self._entries.get(number)) is not None)
        while lines:
            # Neighbours are told as one: a repaint looks only at what is in sight.
            first = last = lines.pop(0)
            while lines and lines[0] <= last + 1:
                last = lines.pop(0)
            undisturbed.emit(self.dataChanged, self.index(first, 0), self.index(last, DURATION))

    def live(self) -> list[int]:
        """The numbers of those under way."""
        return [number for number, entry in self._entries.items() if not entry.conversation.finished]

    def _remove(self, numbers: list[int]) -> None:
        gone = [entry for number in numbers if (entry := self._entries.pop(number, None)) is not None]
        gone.sort(key=lambda entry: entry.line, reverse=True)
        while gone:
            entry = gone.pop(0)
            first, last = entry.line, entry.line + len(entry.parts)
            while gone and gone[0].line + len(gone[0].parts) == first - 1:
                first = gone.pop(0).line
            self._remove_lines(first, last)

    def _insert_lines(self, at: int, lines: list[tuple[_Entry, Part | None]]) -> None:
        undisturbed.call(self.beginInsertRows, QModelIndex(), at, at + len(lines) - 1)
        self._lines[at:at] = lines
        self._renumber(at)
        undisturbed.call(self.endInsertRows)

    def _remove_lines(self, first: int, last: int) -> None:
        undisturbed.call(self.beginRemoveRows, QModelIndex(), first, last)
        del self._lines[first : last + 1]
        self._renumber(first)
        undisturbed.call(self.endRemoveRows)

    def _renumber(self, first: int) -> None:
        for line in range(first, len(self._lines)):
            entry, part = self._lines[line]
            if part is None:
                entry.line = line

    def _update_parts(self, entry: _Entry) -> None:
        """Tell what is below an open association and was not before."""
        wanted, present = parts_of(entry.conversation), entry.parts
        below = entry.line + 1
        if wanted == present:
            if present:
                undisturbed.emit(
                    self.dataChanged, self.index(below, 0), self.index(entry.line + len(present), DURATION)
                )
            return
        if wanted[: len(present)] != present:
            entry.parts = []
            self._remove_lines(below, entry.line + len(present))
            present = []
        entry.parts = wanted
        self._insert_lines(below + len(present), [(entry, part) for part in wanted[len(present) :]])

    # --- opening ---------------------------------------------------------------------------------------------------

    def set_open(self, number: int, is_open: bool) -> None:
        """Show what is below an association, or no longer."""
        entry = self._entries.get(number)
        if entry is None or entry.is_open == is_open:
            return
        entry.is_open = is_open
        if is_open:
            self._update_parts(entry)
        elif entry.parts:
            count, entry.parts = len(entry.parts), []
            self._remove_lines(entry.line + 1, entry.line + count)
        undisturbed.emit(self.dataChanged, self.index(entry.line, 0), self.index(entry.line, DURATION))

    def open_row(self, row: int, is_open: bool) -> None:
        self.set_open(self._lines[row][0].conversation.number, is_open)

    def head_of(self, row: int) -> int:
        return self._lines[row][0].line

    # --- looking up ------------------------------------------------------------------------------------------------

    def conversation_at(self, index: Index) -> Conversation | None:
        """The association of a line, or of the line above it."""
        return self._lines[index.row()][0].conversation if index.isValid() else None

    def part_at(self, index: Index) -> Part | None:
        """What a line below an association stands for; None for an association."""
        return self._lines[index.row()][1] if index.isValid() else None

    def index_of(self, number: int) -> QModelIndex:
        """The line of an association."""
        entry = self._entries.get(number)
        return self.index(entry.line, 0) if entry is not None else QModelIndex()

    def newest(self) -> Conversation | None:
        """The last association."""
        return self._lines[-1][0].conversation if self._lines else None

    # --- Qt's questions --------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def shown(self, row: int) -> Shown:
        entry, part = self._lines[row]
        conversation = entry.conversation
        if part is not None:
            return _part_shown(conversation, part)
        how = standing(conversation)
        rest = "dimmed" if conversation.finished else ""
        parties = rest or ("sent" if conversation.mode == "requestor" else "received")
        colours = ("", parties, rest, how, rest, rest, rest, rest, rest, rest)
        is_open = entry.is_open if entry.parts or has_parts(conversation) else None
        return Shown(self._texts(conversation, how), colours, is_open=is_open)

    def tip(self, row: int, column: int) -> str:
        entry, part = self._lines[row]
        if part is not None:
            return part_details(entry.conversation, part)
        return self._association_tip(entry.conversation, column)

    # --- an association --------------------------------------------------------------------------------------------

    def _texts(self, conversation: Conversation, how: str) -> tuple[str, ...]:
        # The arrow at the front says who asked: we, or the peer.
        arrow = {"requestor": "→", "acceptor": "←"}.get(conversation.mode, "·")
        offered = len(conversation.contexts)
        return (
            str(conversation.number),
            f"{arrow} {conversation.calling or '?'} → {conversation.called or '?'}",
            conversation.peer_address,
            f"{_SIGNS[how]} {conversation.state_word}" + ("" if conversation.finished else f" · {conversation.state}"),
            f"{conversation.accepted_contexts}/{offered}" if offered else "",
            bytes_text(conversation.bytes_sent) if conversation.bytes_sent else "",
            bytes_text(conversation.bytes_received) if conversation.bytes_received else "",
            f"{conversation.pdus_sent + conversation.pdus_received:,}",
            f"{datetime.fromtimestamp(conversation.start_time):%H:%M:%S}",
            duration_text(self._lasted(conversation)),
        )

    def _lasted(self, conversation: Conversation) -> float:
        end = conversation.end_time if conversation.end_time is not None else self._now
        return max(0.0, end - conversation.start_time)

    def _association_tip(self, conversation: Conversation, column: int) -> str:
        match column:
            case 1:
                if conversation.observed:
                    return f"Calling AE Title {conversation.calling}\nCalled AE Title {conversation.called}"
                who = {
                    "requestor": "We asked for this association (requestor)",
                    "acceptor": "The peer asked for this association; we answer (acceptor)",
                }.get(conversation.mode, "Nobody has asked yet")
                return f"Calling AE Title {conversation.calling}\nCalled AE Title {conversation.called}\n{who}"
            case 2:
                facts = conversation.facts
                other, mine = ("Acceptor", "Requestor") if conversation.observed else ("Peer", "Our side")
                ours = f"\n{mine} {facts.local_address}:{facts.local_port}" if facts.local_port else ""
                return f"{other} {conversation.peer_address}{ours}"
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


# --- below it -------------------------------------------------------------------------------------------------------


def _part_shown(conversation: Conversation, part: Part) -> Shown:
    plain = ("",) * len(TITLES)
    if part.kind == "end":
        texts = (printable(conversation.end_reason, 512), *plain[1:])
        return Shown(texts, (standing(conversation), *plain[1:]), depth=1, is_sentence=True)
    if part.kind != "context":
        return Shown((*_side_texts(conversation, part), *plain[4:]), ("dimmed",) * len(TITLES), depth=1)
    context = conversation.contexts.get(part.number)
    if context is None:
        return Shown(plain, depth=1)
    if context.result is None:
        colour = "dimmed" if conversation.finished else "pending"
    else:
        colour = "success" if context.accepted else "failure"
    return Shown((*_context_texts(context), *plain[4:]), ("", "", "", colour, *plain[4:]), depth=1)


def parts_of(conversation: Conversation) -> list[Part]:
    """The rows below an association, in the order in which they come to be known."""
    parts = [Part("context", context_id) for context_id in conversation.contexts]
    if conversation.requestor != Side():
        parts.append(Part("requestor"))
    if conversation.acceptor != Side():
        parts.append(Part("acceptor"))
    if conversation.finished and conversation.end_reason:
        parts.append(Part("end"))
    return parts


def has_parts(conversation: Conversation) -> bool:
    """Whether there is anything below an association."""
    return bool(conversation.contexts) or bool(parts_of(conversation))


def named_uid(uid: str) -> str:
    """A UID's name, or the UID."""
    return uid_name(uid) or uid


def _context_texts(context: ContextRow) -> tuple[str, str, str, str]:
    if context.accepted:
        syntax = named_uid(context.transfer_syntax)
    else:
        count = len(context.proposed)
        syntax = named_uid(context.proposed[0]) if count == 1 else f"{count} proposed"
    sign = "…" if context.result is None else "✓" if context.accepted else "✕"
    return str(context.context_id), named_uid(context.abstract_syntax), syntax, f"{sign} {context.result_text}"


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


def _side_texts(conversation: Conversation, part: Part) -> tuple[str, str, str, str]:
    side = conversation.requestor if part.kind == "requestor" else conversation.acceptor
    who = f"{part.kind.capitalize()}: {side.implementation_version_name or 'no version name'}"
    return "", who, named_uid(side.implementation_class_uid), _maximum_length(side)


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
