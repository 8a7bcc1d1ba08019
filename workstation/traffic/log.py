"""All conversations, within bounds of rows and bytes.

Records go in, a `Change` comes out that says what a model has to insert, update and remove. When there are too many
bytes, the payloads of the oldest P-DATA-TF PDUs are let go first: their rows stay, with their first bytes. When that is
not enough, or when there are too many rows, the oldest finished conversations go, then the oldest rows of the largest.
What was let go is counted. It does not know Qt; it belongs to one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from workstation.net.codec.pdu import PDUType
from workstation.traffic.conversation import Conversation
from workstation.traffic.record import KEPT_OF_CUT, Record
from workstation.traffic.rows import PduRow

__all__ = ["Change", "RowsChange", "TrafficLog"]

_STEP = 2000  # rows let go at a time
# Numbers of conversations that were let go, so that a late record of one does not bring its ghost back.
_REMEMBERED = 10_000

_Ports: TypeAlias = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class RowsChange:
    """What happened to the rows of one conversation, in the order in which a model tells it.

    First the `trimmed` rows at the front go, then `added` rows come at the end, then the rows in `changed` are read
    again: (index in `conversation.rows` now, how many PDUs the row had before). PDUs beyond those are new children.
    """

    conversation: Conversation
    trimmed: int
    added: int
    changed: tuple[tuple[int, int], ...]

    @property
    def first_added(self) -> int:
        """The index of the first added row."""
        return len(self.conversation.rows) - self.added


@dataclass(slots=True)
class Change:
    """What one batch of records did to the log.

    Attributes:
        removed: numbers of conversations that are gone, to be taken out first.
        added: new conversations, in the order of `TrafficLog.conversations`, at its end.
        changed: conversations known before of which something changed.
        rows: by number, for every conversation whose rows changed; also for the added ones.
        shortened: PDUs of which the log let all but the first bytes go.
    """

    removed: list[int] = field(default_factory=list)
    added: list[Conversation] = field(default_factory=list)
    changed: list[Conversation] = field(default_factory=list)
    rows: dict[int, RowsChange] = field(default_factory=dict)
    shortened: int = 0

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.changed or self.shortened)


class TrafficLog:
    """The conversations, oldest first.

    Args:
        max_rows: rows of all kinds: conversations, messages and PDUs.
        max_bytes: bytes of PDUs.
        max_conversations: conversations; finished ones beyond this go.
        source: where the traffic is from: "" for what happens now, else the name of a capture.
    """

    def __init__(
        self,
        max_rows: int = 200_000,
        max_bytes: int = 256 << 20,
        max_conversations: int = 5_000,
        source: str = "",
    ) -> None:
        if max_rows < 1 or max_bytes < 0 or max_conversations < 1:
            bounds = f"{max_rows} rows, {max_bytes} bytes, {max_conversations} conversations"
            raise ValueError(f"Bounds of a log must be positive: {bounds}")
        self.source = source
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.max_conversations = max_conversations
        self.rows = 0
        self.kept_bytes = 0
        self.dropped_rows = 0
        self.dropped_bytes = 0
        self.pdus = 0
        self.seen_bytes = 0
        self._conversations: dict[int, Conversation] = {}
        self._payloads: deque[tuple[Conversation, PduRow]] = deque()
        self._gone: dict[int, None] = {}
        # Of the batch under way: (trimmed, rows) of each conversation as it was before.
        self._before: dict[int, tuple[int, int]] = {}
        # Conversations that the batch under way brought; by number, because each of them may go again within it.
        self._added: dict[int, Conversation] = {}
        # By mode, local and remote port, then by number: ports come again, so there may be several.
        self._by_ports: dict[_Ports, dict[int, Conversation]] = {}
        self._ports: dict[int, _Ports] = {}

    @property
    def conversations(self) -> list[Conversation]:
        """The conversations kept, oldest first."""
        return list(self._conversations.values())

    def __len__(self) -> int:
        return len(self._conversations)

    def conversation(self, number: int) -> Conversation | None:
        """The conversation of an association, None when it is not kept."""
        return self._conversations.get(number)

    def twin(self, conversation: Conversation) -> Conversation | None:
        """The other end of an association, when both ends are in this log.

        Found by the two ports: addresses may be written in several ways.
        """
        here, there = conversation.facts.local_port, conversation.facts.port
        if not here or not there:
            return None
        other_end = "acceptor" if conversation.mode == "requestor" else "requestor"
        others = self._by_ports.get((other_end, there, here), {}).values()
        return min(others, key=lambda other: _apart(other, conversation), default=None)

    def add(self, records: Iterable[Record]) -> Change:
        """Fold records in and keep the bounds."""
        known = self._conversations
        change = Change()
        for record in records:
            conversation = known.get(record.association)
            if conversation is None:
                if record.association in self._gone:
                    continue
                conversation = known[record.association] = Conversation(
                    record.association, record.time, observed=bool(self.source)
                )
                self._added[record.association] = conversation
                self.rows += 1
            self._snapshot(conversation)
            weight, size = conversation.weight, conversation.kept_bytes
            pdu = conversation.fold(record)
            if record.facts is not None:
                self._note_ports(conversation)
            self.rows += conversation.weight - weight
            self.kept_bytes += conversation.kept_bytes - size
            if record.event in ("EVT_DATA_RECV", "EVT_DATA_SENT"):
                self.pdus += 1 + record.lost
                self.seen_bytes += record.length
                self.dropped_rows += record.lost
                if pdu is None:
                    self.dropped_rows += 1
                    self.dropped_bytes += len(record.data)
                elif pdu.pdu_type == PDUType.P_DATA_TF and len(pdu.data) > KEPT_OF_CUT:
                    self._payloads.append((conversation, pdu))
                self.dropped_bytes += record.length - len(record.data)
        self._keep_bounds(change)
        return self._finish(change)

    def clear(self) -> Change:
        """Let everything go; conversations still under way stay, without rows."""
        change = Change()
        for conversation in self.conversations:
            self._snapshot(conversation)
            if conversation.finished:
                self._remove(conversation, change)
            else:
                self._trim(conversation, len(conversation.rows))
        self._payloads.clear()
        self.dropped_rows = self.dropped_bytes = 0
        self.pdus = self.seen_bytes = 0
        return self._finish(change)

    def let_go(self) -> Iterator[None]:
        """Give the memory back, in steps of a few milliseconds, when nobody will look at this log any more.

        Rows and their PDUs know each other, so they would wait for the garbage collector, which does not look at what
        a capture holds. Whoever still holds a row keeps the bytes of its PDUs.
        """
        self._payloads.clear()
        self._by_ports.clear()
        for conversation in self.conversations:
            rows = conversation.rows
            while rows:
                for row in rows[-_STEP:]:
                    for pdu in row.pdus:
                        pdu.message = None
                        pdu.others = ()
                del rows[-_STEP:]
                yield
        self._conversations.clear()

    # ------------------------------------------------------------------- bounds
    def _keep_bounds(self, change: Change) -> None:
        while self.kept_bytes > self.max_bytes and self._payloads:
            change.shortened += self._shorten(*self._payloads.popleft())
        if len(self._payloads) > 2 * self.max_rows:
            # Those that left with their rows; without this a log bounded by rows would collect them for ever.
            self._payloads = deque(entry for entry in self._payloads if entry[1].data)
        for victim in self._oldest_to_go():
            self._remove(victim, change)
        while self.rows > self.max_rows or self.kept_bytes > self.max_bytes:
            largest = max(self._conversations.values(), key=lambda conversation: conversation.weight, default=None)
            if largest is None or not largest.rows:
                return
            # A twentieth more than needed, so that a full log is not trimmed again for each batch.
            self._trim(largest, self._rows_worth(largest, max(self.rows - self.max_rows, 0) + self.max_rows // 20))

    def _oldest_to_go(self) -> list[Conversation]:
        """The oldest finished conversations, as many as have to go and where taking them whole is not too much."""
        victims: list[Conversation] = []
        excess = self.rows - self.max_rows
        bytes_over = self.kept_bytes - self.max_bytes
        too_many = len(self._conversations) - self.max_conversations
        # In one go over them: a thousand that are not finished are not passed over again for each that is.
        for conversation in self._conversations.values():
            must = bytes_over > 0 or too_many > 0
            if not must and excess <= 0:
                break
            # One that alone is more than what has to go only loses its oldest rows.
            if conversation.finished and (must or conversation.weight <= max(excess, self.max_rows // 2)):
                victims.append(conversation)
                excess -= conversation.weight
                bytes_over -= conversation.kept_bytes
                too_many -= 1
        return victims

    @staticmethod
    def _rows_worth(conversation: Conversation, weight: int) -> int:
        """How many of its oldest rows weigh at least so much."""
        for count, row in enumerate(conversation.rows, 1):
            weight -= 1 + len(row.pdus)
            if weight <= 0:
                return count
        return len(conversation.rows)

    def _shorten(self, conversation: Conversation, pdu: PduRow) -> int:
        freed = len(pdu.data) - KEPT_OF_CUT
        if freed <= 0:
            return 0  # it left with its row
        pdu.data = pdu.data[:KEPT_OF_CUT]
        conversation.kept_bytes -= freed
        self.kept_bytes -= freed
        self.dropped_bytes += freed
        return 1

    def _trim(self, conversation: Conversation, count: int) -> None:
        self._snapshot(conversation)
        weight, size = conversation.weight, conversation.kept_bytes
        conversation.trim(count)
        self._count_dropped(weight - conversation.weight, size - conversation.kept_bytes)

    def _remove(self, conversation: Conversation, change: Change) -> None:
        self._trim(conversation, len(conversation.rows))
        self._count_dropped(conversation.weight, 0)
        del self._conversations[conversation.number]
        self._forget_ports(conversation)
        if self._added.pop(conversation.number, None) is None:
            change.removed.append(conversation.number)
        self._gone[conversation.number] = None
        while len(self._gone) > _REMEMBERED:
            del self._gone[next(iter(self._gone))]

    def _count_dropped(self, rows: int, size: int) -> None:
        self.rows -= rows
        self.kept_bytes -= size
        self.dropped_rows += rows
        self.dropped_bytes += size

    # ------------------------------------------------------------------- the two ends of an association
    def _note_ports(self, conversation: Conversation) -> None:
        facts, number = conversation.facts, conversation.number
        ports = (facts.mode, facts.local_port, facts.port)
        if facts.local_port and facts.port and self._ports.get(number) != ports:
            self._forget_ports(conversation)
            self._ports[number] = ports
            self._by_ports.setdefault(ports, {})[number] = conversation

    def _forget_ports(self, conversation: Conversation) -> None:
        ports = self._ports.pop(conversation.number, None)
        if ports is not None:
            known = self._by_ports[ports]
            del known[conversation.number]
            if not known:
                del self._by_ports[ports]

    # ------------------------------------------------------------------- what changed
    def _snapshot(self, conversation: Conversation) -> None:
        if conversation.number not in self._before:
            self._before[conversation.number] = (conversation.trimmed, len(conversation.rows))

    def _finish(self, change: Change) -> Change:
        change.added.extend(self._added.values())
        for number, (trimmed, count) in self._before.items():
            conversation = self._conversations.get(number)
            if conversation is None:
                continue
            if number not in self._added:
                change.changed.append(conversation)
            end = trimmed + count
            now_trimmed, now_end = conversation.trimmed, conversation.trimmed + len(conversation.rows)
            rows = RowsChange(
                conversation,
                trimmed=min(now_trimmed - trimmed, count),
                added=now_end - max(end, now_trimmed),
                changed=tuple(
                    (conversation.index_of(row), pdus)
                    for row, pdus in conversation.touched.items()
                    if now_trimmed < row <= end
                ),
            )
            conversation.touched.clear()
            if rows.trimmed or rows.added or rows.changed:
                change.rows[number] = rows
        self._before.clear()
        self._added.clear()
        return change


def _apart(one: Conversation, other: Conversation) -> float:
    return abs(one.start_time - other.start_time)
