"""TCP connections put together from segments (RFC 9293), as an onlooker has to do it.

What was captured may be out of order, may come twice, begin in the midst or have holes. Bytes of both directions come
out in order, and neither before what it answers: a segment that acknowledges bytes not seen yet waits for them. A hole
is given up when the receiver has acknowledged what is missing (then it was sent and the capture does not have it), or
when too much waits behind it. Pure: segments go in, bytes and holes come out; every irregularity is counted.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

from workstation.traffic.capture.packets import ACK, FIN, RST, SYN, Segment
from workstation.traffic.text import quantity

__all__ = ["Budget", "Sink", "TcpConnection"]

_MASK: Final = 0xFFFFFFFF
_HALF: Final = 1 << 31
# Further away than this a sequence number is of another connection; a window is at most 1 GiB, in practice some MiB.
_BEFORE: Final = 1 << 27
_AHEAD: Final = 1 << 30
_STRANGERS: Final = 3
# How long a hole that the receiver does not have is waited for: segments of the connection, seconds.
_PATIENCE: Final = 64
_PATIENCE_TIME: Final = 1.0
# The same for a hole that the receiver waits for too: until it is sent again.
_HELD: Final = 4 << 20
_HELD_SEGMENTS: Final = 4096
_RETRANSMISSION: Final = 120.0


class Sink(Protocol):
    """Takes what comes out. `forward`: from the side whose segment was the first captured."""

    def data(self, forward: bool, time: float, data: bytes) -> None:
        """Bytes, in order."""

    def hole(self, forward: bool, time: float, length: int, cut: bool) -> None:
        """Bytes that are not in the capture; `cut`: because frames were not captured as a whole."""


class Budget:
    """Bytes that all connections hold together; beyond the limit nobody waits."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @property
    def exhausted(self) -> bool:
        """Whether more is held than may be."""
        return self.held > self.limit


class _Held(NamedTuple):
    """A segment that waits."""

    position: int
    time: float
    payload: bytes
    missing: int
    needs: int  # position that the other direction must have reached


class Irregularity:
    """Something that happened some times."""

    __slots__ = ("bytes", "count", "first")

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0
        self.first = 0.0

    def note(self, time: float, size: int = 0) -> None:
        """It happened once more."""
        if not self.count:
            self.first = time
        self.count += 1
        self.bytes += size


class _Half:
    """One direction. Positions count the bytes from where it was first seen, 0 being the first."""

    __slots__ = (
        "acknowledged",
        "base",
        "cut",
        "end",
        "held",
        "held_bytes",
        "keep_alive",
        "late",
        "lost",
        "next",
        "position",
        "seen",
        "seen_again",
        "started",
        "time",
    )

    def __init__(self) -> None:
        self.base = 0  # sequence number of position 0
        self.next: int | None = None  # sequence number of `position`
        self.position = 0
        self.acknowledged = 0  # position up to which the other side says it has everything
        self.started = False  # whether position 0 is the first byte of the connection
        self.seen = False  # whether a segment of it was captured
        self.end: int | None = None  # position of FIN
        self.time = 0.0
        self.held: list[_Held] = []
        self.held_bytes = 0
        self.seen_again = Irregularity()
        self.late = Irregularity()
        self.keep_alive = Irregularity()
        self.lost = Irregularity()
        self.cut = Irregularity()

    def begin(self, sequence: int, started: bool) -> None:
        self.base = self.next = sequence & _MASK
        self.started = started

    def relative(self, sequence: int) -> int:
        """How far a sequence number is from the next one expected; negative behind it."""
        assert self.next is not None
        distance = (sequence - self.next) & _MASK
        return distance if distance < _HALF else distance - (1 << 32)


class TcpConnection:
    """One connection.

    Attributes:
        opener: whether the forward side sent the SYN; None when that was not seen.
        opened: time of the first segment.
        connected: when the SYN was answered; None when that was not seen.
        last: time of the last segment.
        closed: whether both sides have closed, or one has reset.
        reset_by: whether the forward side reset it; None when nobody did.
        first_fin: whether the forward side closed first; None when nobody did.
        payload: bytes of both directions, seen or not.
    """

    __slots__ = (
        "_backward",
        "_blocked",
        "_blocked_since",
        "_budget",
        "_forward",
        "_sink",
        "_strangers",
        "_stuck",
        "_waited",
        "closed",
        "connected",
        "first_fin",
        "last",
        "opened",
        "opener",
        "reset_by",
        "syns",
    )

    def __init__(self, sink: Sink, budget: Budget, time: float) -> None:
        self._sink = sink
        self._budget = budget
        self._forward = _Half()
        self._backward = _Half()
        self._stuck = False
        self._blocked = (0, 0)
        self._blocked_since = time
        self._waited = 0
        self._strangers = 0
        self.opened = self.last = time
        self.opener: bool | None = None
        self.connected: float | None = None
        self.closed = False
        self.reset_by: bool | None = None
        self.first_fin: bool | None = None
        self.syns = 0

    @property
    def payload(self) -> int:
        """Bytes of both directions up to where they were read, holes included."""
        return self._forward.position + self._backward.position

    def position(self, forward: bool) -> int:
        """Bytes of a direction so far."""
        return (self._forward if forward else self._backward).position

    def started(self, forward: bool) -> bool:
        """Whether a direction was seen from its first byte on."""
        return (self._forward if forward else self._backward).started

    def feed(self, forward: bool, segment: Segment) -> bool:
        """Take a segment; False when it is of a new connection between the same ends."""
        time, _, _, sequence, acknowledged, flags, payload, missing = segment
        half, other = (self._forward, self._backward) if forward else (self._backward, self._forward)
        expected = half.next
        if not self._stuck and not missing and not flags & 7 and expected is not None and other.next is not None:
            # In the order of how often it happens.
            ahead = (acknowledged - other.next) & _MASK
            if sequence == expected and (not ahead or ahead >= _HALF) and flags & ACK:
                if time > self.last:
                    self.last = time
                if time > half.time:
                    half.time = time
                half.seen = True
                if payload:
                    size = len(payload)
                    half.position += size
                    half.next = (expected + size) & _MASK
                    self._sink.data(forward, half.time, payload)
                return True
        return self._feed(forward, half, other, segment)

    def _feed(self, forward: bool, half: _Half, other: _Half, segment: Segment) -> bool:
        time, _, _, sequence, acknowledged, flags, payload, missing = segment
        if flags & SYN:
            return self._synchronize(forward, half, other, segment)
        if half.next is None:
            if flags & RST:
                self.reset_by, self.closed = forward, True
                return True
            half.begin(sequence, started=False)
        distance = half.relative(sequence)
        if not -_BEFORE <= distance <= _AHEAD:
            self._strangers += 1
            return self._strangers < _STRANGERS
        self._strangers = 0
        if self.closed and (payload or missing) and distance >= 0 and not flags & RST:
            return False  # behind the end of the connection: its SYN was not captured
        half.seen = True
        self.last = max(self.last, time)
        needs = self._acknowledge(other, acknowledged) if flags & ACK and not flags & RST else 0
        size = len(payload) + missing
        position = half.position + distance
        if flags & FIN and half.end is None:
            half.end = position + size
            if half.acknowledged > half.end:
                # The acknowledgement of the FIN overtook it.
                half.acknowledged = half.end
                self._lower_needs(forward, half.end)
            if self.first_fin is None:
                self.first_fin = forward
        if size:
            self._hold(half, _Held(position, time, payload, missing, needs))
        elif distance == -1 and not flags & (FIN | RST):
            half.keep_alive.note(time)
        if flags & RST:
            if self.reset_by is None and not self.closed:
                self.reset_by = forward
            self.finish()
            return True
        self._advance(time)
        if self._is_over(half) and self._is_over(other):
            self.closed = True
        return True

    def _synchronize(self, forward: bool, half: _Half, other: _Half, segment: Segment) -> bool:
        first = (segment.sequence + 1) & _MASK
        answer = bool(segment.flags & ACK)
        if self.closed and not answer:
            return False
        if half.next is not None and half.base != first:
            # Another connection, unless the first bytes overtook it.
            return not (half.started or half.position or not answer) and self._begin_late(half, first)
        if half.next is None:
            half.begin(first, started=True)
        half.started = True
        half.seen = True
        self.syns += not answer
        self.last = max(self.last, segment.time)
        self.opener = (not forward) if answer else forward
        if answer:
            if other.next is None:
                other.begin(segment.acknowledged, started=True)
            if self.connected is None:
                self.connected = segment.time
        if segment.payload or segment.missing:  # TCP Fast Open
            self._hold(half, _Held(0, segment.time, segment.payload, segment.missing, 0))
            self._advance(segment.time)
        return True

    @staticmethod
    def _begin_late(half: _Half, first: int) -> bool:
        half.begin(first, started=True)
        return True

    @staticmethod
    def _is_over(half: _Half) -> bool:
        return half.end is not None and half.position >= half.end

    def _acknowledge(self, other: _Half, acknowledged: int) -> int:
        """Note how far the other direction has arrived; the position that it must have reached before this."""
        if other.next is None:
            other.begin(acknowledged, started=False)
            return 0
        distance = other.relative(acknowledged)
        if not 0 < distance <= _AHEAD:
            return 0
        position = other.position + distance
        if other.end is not None and position > other.end:
            position = other.end  # FIN counts as one, and is no byte
        other.acknowledged = max(other.acknowledged, position)
        return position

    # ------------------------------------------------------------------- what waits
    def _hold(self, half: _Half, held: _Held) -> None:
        size = len(held.payload) + held.missing
        distance = held.position - half.position
        if distance + size <= 0:
            if size == 1 and distance == -1:
                half.keep_alive.note(held.time)
            else:
                half.seen_again.note(held.time, size)
            return
        if half.held:
            if any(
                one.position <= held.position and one.position + len(one.payload) + one.missing >= held.position + size
                for one in half.held[-8:]
            ):
                half.seen_again.note(held.time, size)
                return
            if held.position < half.held[-1].position:
                half.late.note(held.time)
        insort(half.held, held, key=attrgetter("position"))
        half.held_bytes += len(held.payload)
        self._budget.held += len(held.payload)

    def _advance(self, time: float) -> None:
        """Give out what is in order; give up holes that will not be filled."""
        while True:
            self._give_out()
            if not self._forward.held and not self._backward.held:
                self._stuck = False
                return
            places = (self._forward.position, self._backward.position)
            if not self._stuck or places != self._blocked:
                self._stuck, self._blocked, self._blocked_since, self._waited = True, places, time, 0
            else:
                self._waited += 1
            if not self._give_up(time):
                return

    def _give_out(self) -> None:
        again = True
        while again:
            again = False
            for forward, half, other in ((True, self._forward, self._backward), (False, self._backward, self._forward)):
                ready = 0
                for held in half.held:
                    if held.position > half.position or held.needs > other.position:
                        break
                    self._deliver(forward, half, held)
                    ready += 1
                if ready:
                    again = True
                    del half.held[:ready]

    def _deliver(self, forward: bool, half: _Half, held: _Held) -> None:
        half.held_bytes -= len(held.payload)
        self._budget.held -= len(held.payload)
        known = half.position - held.position
        payload = held.payload[known:] if known else held.payload
        missing = held.missing - max(known - len(held.payload), 0)
        if known:
            half.seen_again.note(held.time, min(known, len(held.payload) + held.missing))
        half.time = max(half.time, held.time)
        if payload:
            self._move(half, len(payload))
            self._sink.data(forward, half.time, payload)
        if missing > 0:
            self._move(half, missing)
            half.cut.note(half.time, missing)
            self._sink.hole(forward, half.time, missing, True)

    @staticmethod
    def _move(half: _Half, size: int) -> None:
        half.position += size
        half.next = (half.base + half.position) & _MASK

    def _give_up(self, time: float, at_once: bool = False) -> bool:
        """Pass over a hole when it is time to; False when it is not."""
        best: tuple[float, bool, _Half, int, float] | None = None
        for forward, half, other in ((True, self._forward, self._backward), (False, self._backward, self._forward)):
            if not half.held:
                continue
            first = half.held[0]
            if first.position > half.position:
                sure = half.acknowledged > half.position or not other.seen
                blocked = (first.time, forward, half, first.position, first.time)
            else:
                sure = True
                target = first.needs
                if other.held and other.held[0].position > other.position:
                    target = min(target, other.held[0].position)
                blocked = (first.time, not forward, other, target, first.time)
            if not (at_once or self._budget.exhausted or self._is_due(half, sure, time)):
                continue
            if best is None or blocked[0] < best[0]:
                best = blocked
        if best is None:
            return False
        _, forward, half, target, moment = best
        self._pass_over(forward, half, target, moment)
        return True

    def _is_due(self, half: _Half, sure: bool, time: float) -> bool:
        waited = time - self._blocked_since
        if sure and (self._waited >= _PATIENCE or waited > _PATIENCE_TIME):
            return True
        return half.held_bytes > _HELD or len(half.held) > _HELD_SEGMENTS or waited > _RETRANSMISSION

    def _pass_over(self, forward: bool, half: _Half, target: int, time: float) -> None:
        if half.next is None:
            half.begin(0, started=False)
        size = target - half.position
        if size == 1 and half.end is None and not half.held:
            half.end = half.position  # what was acknowledged is a FIN that was not captured
            self._lower_needs(forward, half.position)
            return
        half.time = max(half.time, time)
        self._move(half, size)
        half.lost.note(half.time, size)
        self._sink.hole(forward, half.time, size, False)

    def _lower_needs(self, forward: bool, position: int) -> None:
        waiting = self._backward if forward else self._forward
        waiting.held = [held._replace(needs=min(held.needs, position)) for held in waiting.held]

    def finish(self) -> None:
        """Nothing more comes: give out what waits, with its holes."""
        while self._forward.held or self._backward.held:
            self._give_out()
            if (self._forward.held or self._backward.held) and not self._give_up(self.last, at_once=True):
                break
        for forward, half in ((True, self._forward), (False, self._backward)):
            unseen = half.acknowledged - half.position
            if unseen > 1 or (unseen == 1 and half.end is not None):  # else it is a FIN that was not captured
                self._pass_over(forward, half, half.acknowledged, self.last)
        self._stuck = False
        if self.reset_by is not None:
            self.closed = True

    # ------------------------------------------------------------------- in words
    def irregularities(self, forward: bool, who: str) -> list[str]:
        """What was not as it should be in a direction, a sentence each.

        Args:
            forward: the direction.
            who: its sender, as in "the requestor".
        """
        half = self._forward if forward else self._backward
        said: list[str] = []

        def when(what: Irregularity) -> str:
            after = max(what.first - self.opened, 0.0)
            return f"{'at' if what.count == 1 else 'first at'} {after:.3f} s"

        if half.lost.count:
            places = quantity(half.lost.count, "place")
            said.append(
                f"The capture lacks {quantity(half.lost.bytes, 'byte')} from {who}, in {places} ({when(half.lost)})."
            )
        if half.cut.count:
            segments = quantity(half.cut.count, "segment")
            said.append(
                f"The capture was cut: it lacks the last {quantity(half.cut.bytes, 'byte')} of {segments} from {who} "
                f"({when(half.cut)})."
            )
        if half.seen_again.count:
            segments = quantity(half.seen_again.count, "segment")
            said.append(f"Sent again or captured twice: {segments} from {who} ({when(half.seen_again)}).")
        if half.late.count:
            said.append(f"Out of order: {quantity(half.late.count, 'segment')} from {who} ({when(half.late)}).")
        if half.keep_alive.count:
            said.append(f"Keep-alive: {quantity(half.keep_alive.count, 'probe')} from {who} ({when(half.keep_alive)}).")
        return said
