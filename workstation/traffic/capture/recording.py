"""A run recorded as pcapng from its start: every PDU that our associations send and receive, as it happens.

Handlers append to a bounded queue in the threads of the associations; one thread of its own writes. When the disk is
slower than the traffic the associations wait for it, since a capture with holes is none. An association of which both
ends are in this process is one connection in the file: the end that opened first tells it, the other end adds what the
first did not hear any more. No Qt.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from workstation.net import events as evt
from workstation.traffic.capture.association_stream import AssociationStream, ends_of
from workstation.traffic.capture.pcapng import Packet, PcapngWriter
from workstation.traffic.capture.tcp_stream import Endpoint
from workstation.traffic.capture.writing import DESCRIPTION, Written
from workstation.traffic.record import ConversationFacts
from workstation.traffic.recorder import facts_of
from workstation.traffic.text import printable

__all__ = ["CaptureRecorder"]

_log = logging.getLogger(__name__)

MAX_WAITING_BYTES: Final = 32 << 20
MAX_WAITING: Final = 20_000
_PATIENCE: Final = 30.0  # seconds that the end of a run waits for the disk
# Connections that are over are remembered, for the other end of one may be heard of only then.
_REMEMBERED: Final = 1000
_SAME_CONNECTION: Final = 30.0  # seconds between what the two ends of a connection call its start

Ends = tuple[Endpoint, Endpoint]


class _Note(NamedTuple):
    """What one event leaves behind."""

    kind: str  # "open" | "sent" | "received" | "close"
    time: float
    association: int
    data: bytes = b""
    facts: ConversationFacts | None = None


class CaptureRecorder:
    """Records every association that its handlers are bound to; the file is opened at once and closed by `close`.

    Args:
        path: the file, replaced if it is there.
        on_problem: called once, in the writer's thread, with a sentence when the file cannot be written any more;
            from then on nothing is recorded.

    Attributes:
        problem: that sentence, "" as long as all is well.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path, on_problem: Callable[[str], None] = lambda sentence: None) -> None:
        self.path = path
        self.problem = ""
        self._on_problem = on_problem
        self._file = path.open("wb")
        try:
            self._writer = PcapngWriter(self._file, DESCRIPTION)
            self._file.flush()
        except BaseException:
            self._file.close()
            raise
        self._waiting: deque[_Note] = deque()
        self._size = 0
        self._closed = False
        # Guards the four above and `_announced`; waited on by the writer for work and by associations for room.
        self._changed = threading.Condition()
        self._announced: set[int] = set()
        self._connections = _Connections()
        self._thread = threading.Thread(target=self._run, name="workstation-capture", daemon=True)
        self._thread.start()

    def handlers(self) -> list[tuple[evt.NotificationEvent, Callable[[evt.Event], None]]]:
        """What to pass as `evt_handlers`, beside those of others."""
        return [
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_DATA_SENT, self._on_sent),
            (evt.EVT_DATA_RECV, self._on_received),
            (evt.EVT_CONN_CLOSE, self._on_close),
        ]

    @property
    def written(self) -> Written:
        """What the file has so far."""
        found = self._connections
        return Written(associations=found.count, pdus=found.pdus, bytes=self._writer.bytes)

    def close(self) -> Written:
        """Write what waits, close the file and say what it got; a second call says it again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self.problem = self.problem or f"{self.path} was not written to its end: the disk does not answer."
        return self.written

    # ------------------------------------------------------------------- in the threads of the associations
    def _on_open(self, event: evt.Event) -> None:
        self._put(_Note("open", event.time, event.assoc.number, facts=facts_of(event.assoc)))

    def _on_sent(self, event: evt.Event) -> None:
        self._put_data("sent", event)

    def _on_received(self, event: evt.Event) -> None:
        self._put_data("received", event)

    def _put_data(self, kind: str, event: evt.Event) -> None:
        number: int = event.assoc.number
        # An association that was there before us is introduced by its first PDU.
        facts = None if number in self._announced else facts_of(event.assoc)
        self._put(_Note(kind, event.time, number, event.data, facts))

    def _on_close(self, event: evt.Event) -> None:
        self._put(_Note("close", event.time, event.assoc.number, facts=facts_of(event.assoc)))

    def _put(self, note: _Note) -> None:
        with self._changed:
            while not self._closed and (self._size >= MAX_WAITING_BYTES or len(self._waiting) >= MAX_WAITING):
                self._changed.wait()
            if self._closed:
                return
            if note.kind == "close":
                self._announced.discard(note.association)
            else:
                self._announced.add(note.association)
            self._waiting.append(note)
            self._size += len(note.data)
            if len(self._waiting) == 1:
                self._changed.notify_all()

    # ------------------------------------------------------------------- in the writer's thread
    def _run(self) -> None:
        try:
            while notes := self._take():
                for note in notes:
                    for packet in self._connections.packets(note):
                        self._writer.write(packet)
                # Whoever looks at the file while it grows, and whoever finds it after a crash, has all of it.
                self._file.flush()
        except OSError as error:
            self._stop(f"{self.path} cannot be written any more ({error.strerror or error}): recording has ended.")
        except Exception as error:  # a mistake of ours must not stop associations that wait for room
            _log.exception("The capture ended")
            self._stop(f"Recording to {self.path} has ended: {error}")
        finally:
            try:
                self._file.close()
            except OSError as error:
                self._stop(f"{self.path} was not written to its end ({error.strerror or error}).")

    def _take(self) -> list[_Note]:
        """What waits; nothing once the recorder is closed and all is written."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            notes = list(self._waiting)
            self._waiting.clear()
            self._size = 0
            self._changed.notify_all()
        return notes

    def _stop(self, sentence: str) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        if not self.problem:
            self.problem = sentence
            self._on_problem(sentence)


# --------------------------------------------------------------------------- from notes to packets
@dataclass(slots=True)
class _Connection:
    """One TCP connection: the association that tells it, and its other end if that is ours as well."""

    owner: int
    mode: str
    stream: AssociationStream
    opened: float
    ends: Ends | None
    other: int | None = None
    open_ends: set[int] = field(default_factory=set)
    reason: str = ""
    # What the other end sent and the owner has not heard yet; and what the owner heard before we heard of its sending.
    unheard: deque[_Note] = field(default_factory=deque)
    ahead: deque[_Note] = field(default_factory=deque)
    over: bool = False


class _Connections:
    """All connections of a run, in the writer's thread."""

    def __init__(self) -> None:
        self.count = 0
        self.pdus = 0
        self._by_association: dict[int, _Connection] = {}
        self._by_ends: dict[Ends, _Connection] = {}

    def packets(self, note: _Note) -> Iterator[Packet]:
        """What a note adds to the file."""
        connection = self._by_association.get(note.association)
        if connection is None:
            if note.kind == "close" or note.facts is None:
                return
            connection = yield from self._begin(note, note.facts)
        match note.kind:
            case "sent" | "received":
                yield from self._pdu(connection, note)
            case "close":
                yield from self._close(connection, note)

    def _begin(self, note: _Note, facts: ConversationFacts) -> Generator[Packet, None, _Connection]:
        client, server = ends_of(facts)
        ends = (client, server) if client is not None and server is not None else None
        known = self._by_ends.get(ends) if ends is not None else None
        if known is not None and _is_other_end(known, note, facts):
            known.other = note.association
            known.open_ends.add(note.association)
            self._by_association[note.association] = known
            return known
        title = f"Association {note.association}"
        if facts.calling and facts.called:
            title += f": {printable(facts.calling, 64)} to {printable(facts.called, 64)}"
        connection = _Connection(
            note.association, facts.mode, AssociationStream(facts, self.count, title), note.time, ends
        )
        connection.open_ends.add(note.association)
        self.count += 1
        self._by_association[note.association] = connection
        if ends is not None:
            self._by_ends.pop(ends, None)  # to the end of the order in which they are forgotten
            self._by_ends[ends] = connection
            self._forget()
        if note.kind == "open":
            yield from connection.stream.open(note.time)
        else:
            connection.stream.begin_midway()
        return connection

    def _forget(self) -> None:
        while len(self._by_ends) > _REMEMBERED:
            oldest = next(iter(self._by_ends))
            if not self._by_ends[oldest].over:
                return
            del self._by_ends[oldest]

    def _pdu(self, connection: _Connection, note: _Note) -> Iterator[Packet]:
        sent = note.kind == "sent"
        if note.association == connection.owner:
            if not sent and not _taken_out(connection.unheard, note):
                connection.ahead.append(note)
            yield from self._write(connection, note, sent == (connection.mode == "requestor"))
        elif sent and not _taken_out(connection.ahead, note) and not connection.over:
            connection.unheard.append(note)

    def _write(self, connection: _Connection, note: _Note, from_client: bool) -> Iterator[Packet]:
        self.pdus += 1
        return connection.stream.pdu(note.time, from_client, note.data, len(note.data))

    def _close(self, connection: _Connection, note: _Note) -> Iterator[Packet]:
        del self._by_association[note.association]
        connection.open_ends.discard(note.association)
        if note.facts is not None and note.association == connection.owner:
            connection.reason = note.facts.end_reason
        if connection.open_ends or connection.over:
            return
        for unheard in connection.unheard:
            yield from self._write(connection, unheard, connection.mode != "requestor")
        connection.unheard.clear()
        connection.over = True
        yield from connection.stream.close(note.time, connection.reason)


def _taken_out(notes: deque[_Note], note: _Note) -> bool:
    """Take out the first note with the same PDU, and those before it, whose counterparts came before the recording."""
    for index, one in enumerate(notes):
        if one.data == note.data:
            for _ in range(index + 1):
                notes.popleft()
            return True
    return False


def _is_other_end(known: _Connection, note: _Note, facts: ConversationFacts) -> bool:
    return known.other is None and known.mode != facts.mode and abs(note.time - known.opened) < _SAME_CONNECTION
