"""The sequence diagram of one association or of all: who sent what to whom, in the order in which it happened.

A `Sequence` is a list of steps (TCP connect, messages, TCP close) between parties, with runs of alike steps found while
they come in: pending responses, and repeated exchanges such as the request and response of each object sent. It only
grows, in small steps (`take_in` is a generator), and holds numbers in arrays: a million messages take 40 MB. What is
written at a step comes from the row when it is shown. It does not know how it is drawn, nor Qt.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from enum import Enum
from heapq import merge
from typing import Final, NamedTuple, Protocol

from workstation.traffic.conversation import Conversation
from workstation.traffic.log import RowsChange, TrafficLog
from workstation.traffic.rows import MessageRow

__all__ = ["GAP", "Block", "Party", "Passing", "Sequence", "SequenceStep", "What", "from_requestor"]

GAP: Final = 1.0
"""Seconds of silence after which the time is broken off in the picture."""

_LEAST = 3  # times that something has to happen before it is told as one
_LONGEST = 4  # steps of what is repeated: a C-GET has three for each object
_ASTRAY = 0.5  # seconds
_AT_ONCE = 100  # steps between two pauses
_MASKED = 64  # parties whose activity is known
_MOST_PARTIES = 100  # lifelines; nobody could follow more

_SERVICES = ("STORE", "FIND", "GET", "MOVE", "ECHO", "EVENT-REPORT", "GET", "SET", "ACTION", "CREATE", "DELETE")
_REQUEST, _RESPONSE = 1, 2
_ROLES = {
    f"{kind}-{each}-{end}": role
    for each in _SERVICES
    for kind in "CN"
    for end, role in (("RQ", _REQUEST), ("RSP", _RESPONSE))
}

_CONNECT = 0
_CLOSE = 0xFFFF_FFFF


class Passing(Protocol):
    """What decides which messages are shown; a display filter is one."""

    def passes(self, conversation: Conversation, row: MessageRow) -> bool:
        """Whether the row is shown."""


# Time, number of the talk, number of the row and the row itself, where it is one. Two of different talks are told apart
# before their rows would be compared.
_Due = tuple[float, int, int, MessageRow | None]


class What(Enum):
    """What happened at a step."""

    CONNECT = "connect"
    MESSAGE = "message"
    CLOSE = "close"
    GONE = "gone"  # a message that the log has let go


class Party(NamedTuple):
    """One of those who talk: a lifeline."""

    title: str  # AE title, or the address while that is not known
    address: str
    here: bool  # whether it is this program
    role: str = ""  # "requestor" | "acceptor", where it has only one
    host: str = ""  # the address without the port


_OTHERS = Party("Others", "more than can be drawn", False)


class SequenceStep(NamedTuple):
    """Something that happened between two parties."""

    what: What
    conversation: Conversation
    row: MessageRow | None  # of a message
    time: float
    idle: float  # seconds of silence before it
    source: int  # numbers of the parties
    target: int
    busy: int  # bit n: party n performs an operation after this step


class Block(NamedTuple):
    """Steps that are told together: one, or a run of alike ones."""

    start: int
    end: int  # the step after its last
    period: int  # steps of what is repeated; 0 when nothing is
    size: int  # bytes of all its messages that carry a data set

    @property
    def times(self) -> int:
        """How often it happened."""
        return -(-(self.end - self.start) // self.period) if self.period else 1


def from_requestor(conversation: Conversation, row: MessageRow) -> bool:
    """Whether the side that opened the association sent it."""
    return row.sent == (conversation.mode != "acceptor")


class _Talk:
    """A conversation in the picture, and how much of it is taken in."""

    __slots__ = ("closed", "connected", "conversation", "last", "number", "outstanding", "sides", "taken")

    def __init__(self, conversation: Conversation, number: int) -> None:
        self.conversation = conversation
        self.number = number
        self.sides = (0, 1)  # the parties: requestor, acceptor
        self.taken = 0
        self.connected = False
        self.closed = False
        self.last: MessageRow | None = None
        self.outstanding = [0, 0]  # operations that requestor and acceptor perform now


class Sequence:
    """Who sent what to whom.

    Args:
        log: where the conversations are.
        conversation: the one to tell; None for all of the log.
        passing: which messages are shown; None for all. With it, connections are not told.
    """

    def __init__(
        self, log: TrafficLog, conversation: Conversation | None = None, passing: Passing | None = None
    ) -> None:
        self.log = log
        self.conversation = conversation
        self.passing = passing
        self.seen = 0  # messages looked at, shown or not
        self.stale = False  # whether something taken in is no longer so: begin anew
        self._talks: list[_Talk] = []
        self._by_number: dict[int, _Talk] = {}
        self._ends: list[_Talk] = []  # acceptors' ends that may turn out to be twins of what is shown
        self._parties: list[Party] = []
        self._party_numbers: dict[tuple[str, str], int] = {}  # by title and host
        self._namesakes: dict[str, int] = {}  # the first of each title
        # The steps
        self._talk = array("I")
        self._row = array("I")
        self._time = array("d")
        self._idle = array("f")
        self._busy = array("Q")
        self._kind = array("I")
        # The blocks
        self._start = array("I")
        self._period = bytearray()
        self._size = array("Q")
        self._changed = 0
        # While steps come in
        self._kinds: dict[tuple[object, ...], int] = {}
        self._requests = bytearray(1)  # by kind: whether it can begin what is repeated
        self._loose = 0  # single blocks at the end
        self._quiet_since = 0.0
        self._performing = [0] * _MASKED
        self._mask = 0

    # ------------------------------------------------------------------- what is there
    def __len__(self) -> int:
        return len(self._row)

    @property
    def parties(self) -> list[Party]:
        """The lifelines, from left to right."""
        if self.conversation is not None:
            return list(self._both(self.conversation))
        return self._parties

    @property
    def begin(self) -> float:
        """The time that is counted from."""
        if self.conversation is not None:
            return self.conversation.start_time
        return self._time[0] if self._time else 0.0

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self._start)

    def block(self, number: int) -> Block:
        """A block by its number from 0."""
        end = self._start[number + 1] if number + 1 < len(self._start) else len(self._row)
        return Block(self._start[number], end, self._period[number], self._size[number])

    def bounds(self, number: int) -> tuple[int, int, int]:
        """Start, end and period of a block."""
        starts = self._start
        end = starts[number + 1] if number + 1 < len(starts) else len(self._row)
        return starts[number], end, self._period[number]

    def block_of(self, step: int) -> int:
        """The number of the block that a step is in."""
        return bisect_right(self._start, step) - 1

    def changed_from(self) -> int:
        """The first step that is new, or in another block, since this was asked last."""
        changed = self._changed
        self._changed = len(self._row)
        return changed

    def step(self, number: int) -> SequenceStep:
        """A step by its number from 0."""
        talk = self._talks[self._talk[number]]
        conversation = talk.conversation
        requestor, acceptor = talk.sides
        row: MessageRow | None = None
        match self._row[number]:
            case 0:
                what = What.CONNECT
            case 0xFFFF_FFFF:
                what = What.CLOSE
            case row_number:
                row = _row_of(conversation, row_number)
                what = What.GONE if row is None else What.MESSAGE
                if row is not None and not from_requestor(conversation, row):
                    requestor, acceptor = acceptor, requestor
        return SequenceStep(
            what,
            conversation,
            row,
            self._time[number],
            self._idle[number],
            requestor,
            acceptor,
            self._busy[number],
        )

    def key(self, number: int) -> tuple[int, int]:
        """What a step is known by, also in a sequence that was begun anew: association and row."""
        return self._talks[self._talk[number]].conversation.number, self._row[number]

    def time(self, number: int) -> float:
        """When a step happened."""
        return self._time[number]

    def idle(self, number: int) -> float:
        """The seconds of silence before a step."""
        return self._idle[number]

    def find(self, conversation: Conversation, row: MessageRow) -> int | None:
        """The step of a message; of its other end when that is what is shown."""
        talk = self._by_number.get(conversation.number)
        if talk is None or talk.conversation is not conversation:
            twin = self.log.twin(conversation) if self.conversation is None else None
            talk = self._by_number.get(twin.number) if twin is not None else None
            if twin is None or talk is None:
                return None
            other = _same_message(conversation, row, twin)
            if other is None:
                return None
            row = other
        if self.conversation is not None:
            number = bisect_left(self._row, row.number)
            return number if number < len(self._row) and self._row[number] == row.number else None
        # Steps are in the order of time but for moments at which several threads sent.
        exact = bisect_left(self._time, row.time)
        for way in (range(exact, len(self._row)), range(exact - 1, -1, -1)):
            for number in way:
                if self._row[number] == row.number and self._talk[number] == talk.number:
                    return number
                if abs(self._time[number] - row.time) > _ASTRAY:
                    break
        return None

    # ------------------------------------------------------------------- taking in
    def note_changed(self, change: RowsChange) -> None:
        """Look at what a batch changed: rows let go, or that broke a rule after they were told as one of many."""
        talk = self._by_number.get(change.conversation.number)
        if talk is None:
            return
        if change.trimmed:
            self.stale = True
            return
        rows = change.conversation.rows
        for place, _ in change.changed:
            if 0 <= place < len(rows) and rows[place].problem and rows[place].number <= talk.taken:
                number = self.find(change.conversation, rows[place])
                if number is not None and self._period[self.block_of(number)] and self._kind[number]:
                    self.stale = True
                    return

    def take_in(self, only: Iterable[Conversation] | None = None) -> Iterator[None]:
        """Take in what is new, pausing every now and then.

        Args:
            only: the conversations that may have something new; None to look at all.
        """
        if self.conversation is not None:
            yield from self._take(self._due(self._talk_of(self.conversation), float("inf")))
            return
        talks = []
        latest = 0.0
        for count, conversation in enumerate(self.log.conversations if only is None else only):
            talk = self._place(conversation)
            if talk is not None:
                talks.append(talk)
                rows = conversation.rows
                latest = max(latest, rows[-1].time if rows else 0.0, conversation.end_time or conversation.start_time)
            if count % _AT_ONCE == 0:
                yield
        # What comes in during the pauses waits for the next time, so that the order of time is kept.
        yield from self._take(merge(*(self._due(talk, latest) for talk in talks)))
        self._look_for_twins()

    def _talk_of(self, conversation: Conversation) -> _Talk:
        talk = self._by_number.get(conversation.number)
        if talk is None:
            talk = self._by_number[conversation.number] = _Talk(conversation, len(self._talks))
            self._talks.append(talk)
        return talk

    def _place(self, conversation: Conversation) -> _Talk | None:
        """The conversation's place in the picture of all; None for the other end of one that is shown."""
        known = self._by_number.get(conversation.number)
        if known is not None:
            return known
        # Until its first message nobody knows whose lifelines they are.
        begun = conversation.mode and (conversation.rows or conversation.trimmed)
        if not (begun or conversation.finished):
            return None
        if conversation.mode == "acceptor" and self.log.twin(conversation) is not None:
            return None
        talk = self._talk_of(conversation)
        requestor, acceptor = self._both(conversation)
        talk.sides = (self._party(requestor), self._party(acceptor))
        if conversation.mode == "acceptor":
            self._ends.append(talk)
        return talk

    def _both(self, conversation: Conversation) -> tuple[Party, Party]:
        """Requestor and acceptor of a conversation."""
        facts = conversation.facts
        live = not self.log.source
        near, far = _shown_host(facts.local_address), _shown_host(facts.address)
        # Whoever the peer is: with both ends in the log it is this program, too.
        ours, theirs = live and bool(conversation.mode), live and self.log.twin(conversation) is not None
        asks, answers = (near, facts.local_port, ours), (far, facts.port, theirs)
        if conversation.mode == "acceptor":
            asks, answers = answers, asks
        return (
            _party_of(conversation.calling, *asks, "requestor"),
            _party_of(conversation.called, *answers, "acceptor"),
        )

    def _party(self, party: Party) -> int:
        """The number of a lifeline; the same for who has the same title at the same host."""
        numbers, host = self._party_numbers, party.host
        number = numbers.get((party.title, host))
        if number is None:
            # One whose address nobody learnt is taken for its namesake.
            number = numbers.get((party.title, "")) if host else self._namesakes.get(party.title)
        # A requestor's port is another one each time.
        address = party.address if party.role == "acceptor" else host
        if number is None and len(self._parties) >= _MOST_PARTIES:
            self._parties[-1] = _OTHERS
            return len(self._parties) - 1
        if number is None:
            number = len(self._parties)
            self._parties.append(Party(party.title, address, party.here, host=host))
        elif number < _MOST_PARTIES - 1:
            known = self._parties[number]
            better = address if not known.address or (party.role == "acceptor" and address) else known.address
            self._parties[number] = Party(party.title, better, party.here or known.here, host=host or known.host)
        numbers[party.title, host] = number
        self._namesakes.setdefault(party.title, number)
        return number

    def _look_for_twins(self) -> None:
        """An acceptor's end that was shown before the requestor's was known is told twice: begin anew."""
        waiting = []
        for talk in self._ends:
            if self.log.twin(talk.conversation) is not None:
                self.stale = True
            elif not talk.conversation.finished:
                waiting.append(talk)
        self._ends = waiting

    def _due(self, talk: _Talk, latest: float) -> Iterator[_Due]:
        """What of a conversation is not taken in yet."""
        conversation, passing = talk.conversation, self.passing
        if not talk.connected and passing is None:
            yield conversation.start_time, talk.number, _CONNECT, None
        while True:
            place = max(conversation.index_of(talk.taken + 1), 0)
            if place >= len(conversation.rows):
                break
            row = conversation.rows[place]
            if row.time > latest:
                return
            if passing is not None and not (row.complete or row.problem or conversation.finished):
                return  # it is judged when it is whole
            yield row.time, talk.number, row.number, row
        if conversation.outcome == "Connection failed" or passing is not None:
            return  # there was nothing to close, or connections are not told
        if conversation.end_time is not None and not talk.closed:
            yield max(conversation.end_time, talk.last.end_time if talk.last else 0.0), talk.number, _CLOSE, None

    def _take(self, due: Iterable[_Due]) -> Iterator[None]:
        for count, (time, talk_number, number, row) in enumerate(due, 1):
            talk = self._talks[talk_number]
            if row is not None:
                self._take_row(talk, row)
            elif number == _CONNECT:
                talk.connected = True
                self._add(talk, number, time, 0, 0)
            else:
                talk.closed = True
                self._end_operations(talk)
                self._add(talk, number, time, 0, 0)
            if count % _AT_ONCE == 0:
                yield

    def _take_row(self, talk: _Talk, row: MessageRow) -> None:
        talk.taken = row.number
        if talk.closed:
            self.stale = True  # the end was told before everything had arrived
        last, talk.last = talk.last, row
        if last is not None and last.end_time > self._quiet_since:
            self._quiet_since = last.end_time
        self.seen += 1
        role = _ROLES.get(row.name, 0)
        if role:
            self._note_operation(talk, row, role)
        if self.passing is None or self.passing.passes(talk.conversation, row):
            kind = self._kind_of(talk, row, role) if role and not row.problem else 0
            self._add(talk, row.number, row.time, kind, row.size if row.data_size else 0)
        elif row.time > self._quiet_since:
            self._quiet_since = row.time

    def _kind_of(self, talk: _Talk, row: MessageRow, role: int) -> int:
        """A number that alike messages share; 0 is for what is told by itself."""
        key = (
            talk.number,
            row.name,
            row.sent,
            row.context_id,
            row.sop_class_uid,
            row.status,
            row.error_comment,
        )
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = len(self._requests)
            self._requests.append(role == _REQUEST)
        return kind

    def _note_operation(self, talk: _Talk, row: MessageRow, role: int) -> None:
        """Whoever was asked performs an operation until its last response; a C-CANCEL-RQ asks for none."""
        asked = row.sent == (talk.conversation.mode != "acceptor")
        if role == _REQUEST:
            self._perform(talk, asked, 1)
        elif talk.outstanding[not asked] and not row.pending:
            self._perform(talk, not asked, -1)

    def _perform(self, talk: _Talk, by_acceptor: bool, more: int) -> None:
        talk.outstanding[by_acceptor] += more
        party = talk.sides[by_acceptor]
        if party < _MASKED:
            self._performing[party] += more
            bit = 1 << party
            self._mask = self._mask | bit if self._performing[party] else self._mask & ~bit

    def _end_operations(self, talk: _Talk) -> None:
        for by_acceptor in (False, True):
            if talk.outstanding[by_acceptor]:
                self._perform(talk, by_acceptor, -talk.outstanding[by_acceptor])

    # ------------------------------------------------------------------- steps and blocks
    def _add(self, talk: _Talk, number: int, time: float, kind: int, size: int) -> None:
        idle = 0.0
        if time > self._quiet_since:
            idle = time - self._quiet_since if self._row else 0.0
            self._quiet_since = time
        self._talk.append(talk.number)
        self._row.append(number)
        self._time.append(time)
        self._idle.append(idle)
        # Bars that begin and end at nothing would only puzzle.
        self._busy.append(self._mask if self.passing is None else 0)
        self._kind.append(kind)
        self._fold(kind, idle, size)

    def _fold(self, kind: int, idle: float, size: int) -> None:
        """Put the newest step into a block: that of the run before it, a run that it makes whole, or one of its own."""
        here = len(self._row) - 1
        period = self._period[-1] if self._period else 0
        if period:
            if kind and idle <= GAP and self._kind[here - period] == kind:
                self._size[-1] += size
                self._changed = min(self._changed, here)
                return
            self._break_off(period, here)
        self._push(here, 0, size)
        self._loose += 1
        if not kind:
            self._loose = 0
            return
        kinds = self._kind
        for repeated in range(1, min(_LONGEST, self._loose // _LEAST) + 1):
            if kinds[here - repeated] == kind and self._repeats(repeated, here + 1):
                steps = _LEAST * repeated
                whole = sum(self._size[-steps:])
                del self._start[-steps:], self._period[-steps:], self._size[-steps:]
                self._push(here + 1 - steps, repeated, whole)
                self._loose = 0
                return

    def _repeats(self, period: int, end: int) -> bool:
        """Whether the last single steps are the same `period` steps, often enough and without a gap."""
        kinds, first = self._kind, end - _LEAST * period
        if period > 1 and not self._requests[kinds[first]]:
            return False  # an exchange begins with its request
        if any(kinds[at] != kinds[at - period] for at in range(first + period, end)):
            return False
        return all(idle <= GAP for idle in self._idle[first + 1 : end])

    def _break_off(self, period: int, end: int) -> None:
        """The run is over: what was begun once more and not brought to its end is told by itself."""
        run = len(self._start) - 1
        first = end - (end - self._start[run]) % period
        self._loose = 0
        for at in range(first, end):
            row = _row_of(self._talks[self._talk[at]].conversation, self._row[at])
            size = min(row.size if row is not None and row.data_size else 0, self._size[run])
            self._size[run] -= size
            self._push(at, 0, size)
            self._loose += 1

    def _push(self, start: int, period: int, size: int) -> None:
        self._changed = min(self._changed, start)
        self._start.append(start)
        self._period.append(period)
        self._size.append(size)


def _row_of(conversation: Conversation, number: int) -> MessageRow | None:
    place = conversation.index_of(number)
    return conversation.rows[place] if 0 <= place < len(conversation.rows) else None


def _party_of(title: str, host: str, port: int, here: bool, role: str) -> Party:
    address = f"{host}:{port}" if host and port else host
    # A requestor without a title is its host, not one of its ports.
    unnamed = address if role == "acceptor" else host
    return Party(title or unnamed or role.capitalize(), address, here, role, host)


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _same_message(conversation: Conversation, row: MessageRow, twin: Conversation) -> MessageRow | None:
    """The row of a message in the other end's conversation: near the same number, with the same words."""
    asked = from_requestor(conversation, row)
    for away in sorted(range(-8, 9), key=abs):
        other = _row_of(twin, row.number + away)
        if (
            other is not None
            and (other.name, other.message_id, other.status) == (row.name, row.message_id, row.status)
            and from_requestor(twin, other) == asked
        ):
            return other
    return None
