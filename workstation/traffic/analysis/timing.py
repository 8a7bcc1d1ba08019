"""Where the time of an association went: its connection, its negotiation, and each request with what answered it.

An `Exchange` is a request and its responses: how long it was sent, how long until the first byte of the response, how
long the response took to arrive. The whole of an association is divided among `Stage`s, each moment into one of them,
so that their sum is the wall time. All times are those of PDUs: of a PDU that was received the moment of its last byte.

Rows are read once, oldest first, a few at a time, and what is under way is looked at again with the next reading; so a
million messages cost little while they come. Figures stand in arrays: of a million objects the garbage collector alone
would make the window stop. This module does not know Qt and has no clock.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from heapq import heappush, heapreplace
from math import floor, isnan, log, nan
from typing import Final

from workstation.traffic.conversation import Conversation
from workstation.traffic.rows import MessageRow

__all__ = ["Distribution", "Exchange", "Figures", "Stage", "Throughput", "Timing"]

KEPT_SLOWEST: Final = 100
# Between two yields: rows, and PDUs of one row. Each is about a millisecond of work.
_ROWS_AT_ONCE: Final = 50
_PDUS_AT_ONCE: Final = 500


class Stage(Enum):
    """What an association's time is spent on."""

    CONNECT = "connect"
    NEGOTIATE = "negotiate"
    SEND = "send"
    PEER = "peer"  # a request of ours is there, its response is not
    RECEIVE = "receive"
    OURS = "ours"  # a request of the peer is there, its response is not
    RELEASE = "release"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its responses; or a message that no response belongs to.

    Attributes:
        place: its place in `Timing`, which stays.
        request: number of the request's row.
        response: number of the row of the newest response; 0 while there is none.
        name: "C-STORE" of a C-STORE-RQ and its response; of others the whole name.
        sent: whether the request was sent by us.
        start: of the request's first PDU, seconds since the epoch.
        request_end: of the request's last PDU.
        first: of the response's first PDU; None while there is none.
        end: of the last PDU of all.
        waited: seconds without a PDU of it: until the first response, and between responses.
        size: bytes of the request's PDUs.
        answer_size: bytes of the responses' PDUs.
        responses: how many came.
        status: of the newest response that has one.
        done: whether its last response is there; of messages without response, whether all of it is there.
        awaits: whether a response belongs to it.
    """

    place: int
    request: int
    response: int
    name: str
    sent: bool
    start: float
    request_end: float
    first: float | None
    end: float
    waited: float
    size: int
    answer_size: int
    responses: int
    status: int | None
    done: bool
    awaits: bool

    @property
    def sending(self) -> float:
        """Seconds from the request's first to its last PDU."""
        return max(self.request_end - self.start, 0.0)

    @property
    def first_byte(self) -> float | None:
        """Seconds from the request's last PDU to the response's first."""
        return None if self.first is None else max(self.first - self.request_end, 0.0)

    @property
    def receiving(self) -> float:
        """Seconds from the first response's first PDU to the last one's last."""
        return 0.0 if self.first is None else max(self.end - self.first, 0.0)

    @property
    def answer(self) -> float | None:
        """The response time: seconds from the request's last PDU to the last one of its last response."""
        return max(self.end - self.request_end, 0.0) if self.awaits and self.done else None

    @property
    def total(self) -> float:
        """Seconds from its first PDU to its last."""
        return max(self.end - self.start, 0.0)

    @property
    def rate(self) -> float | None:
        """Bytes a second while the request was sent; None of one that came at once."""
        return self.size / self.sending if self.sending > 0 else None


class Distribution:
    """Many durations in little memory: count, mean, extremes, and percentiles to within a hundredth.

    Durations that differ by less than 1 % share a bucket; a percentile is the mean of its bucket, so that it is exact
    where durations are few.
    """

    _STEPS = 100.0  # of a bucket's logarithm

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self.least = nan
        self.most = nan
        self._buckets: dict[int, list[float]] = {}

    def add(self, seconds: float) -> None:
        """Take in one."""
        self.count += 1
        self.sum += seconds
        if not seconds >= self.least:
            self.least = seconds
        if not seconds <= self.most:
            self.most = seconds
        key = floor(log(max(seconds, 1e-9)) * self._STEPS)
        bucket = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = [1, seconds]
        else:
            bucket[0] += 1
            bucket[1] += seconds

    @property
    def mean(self) -> float:
        """The mean; not a number while there is none."""
        return self.sum / self.count if self.count else nan

    def percentile(self, share: float) -> float:
        """The duration that this share of them (0.5: half) does not exceed; not a number while there is none."""
        if not self.count:
            return nan
        if share >= 1.0:
            return self.most
        wanted, seen = share * self.count, 0.0
        for key in sorted(self._buckets):
            count, total = self._buckets[key]
            seen += count
            if seen >= wanted:
                return min(max(total / count, self.least), self.most)
        return self.most


class Throughput:
    """Bytes over time, in both directions, in so many bins that grow as time goes on.

    Args:
        start: seconds since the epoch, of the first bin.
        bins: at most so many.
    """

    def __init__(self, start: float, bins: int = 8192) -> None:
        self.start = start
        self.width = 0.0001
        self.last = start
        self._most = bins
        self._bins = {True: array("d", [0.0]), False: array("d", [0.0])}

    def add(self, since: float, until: float, size: int, *, sent: bool) -> None:
        """Bytes that crossed the wire evenly between two moments."""
        start = self.start
        if until < start:
            until = start
        if since < start:
            since = start
        if until > self.last:
            self.last = until
        while until - start >= self.width * self._most:
            self._fold()
        bins, width = self._bins[sent], self.width
        if since >= until:
            last = int((until - start) / width)
            if last >= len(bins):
                bins.extend([0.0] * (last + 1 - len(bins)))
            bins[last] += size
            return
        first, last = int((since - self.start) / width), int((until - self.start) / width)
        if last >= len(bins):
            bins.extend([0.0] * (last + 1 - len(bins)))
        if first == last:
            bins[first] += size
            return
        # Spread evenly; the first and the last bin have their part.
        share = size / (until - since)
        bins[first] += share * (self.start + (first + 1) * width - since)
        bins[last] += share * (until - self.start - last * width)
        for each in range(first + 1, last):
            bins[each] += share * width

    def _fold(self) -> None:
        """Bins twice as wide."""
        self.width *= 2
        for sent, bins in self._bins.items():
            if len(bins) % 2:
                bins.append(0.0)
            self._bins[sent] = array("d", (bins[at] + bins[at + 1] for at in range(0, len(bins), 2)))

    def series(self, since: float, until: float, columns: int, *, sent: bool) -> list[float]:
        """Bytes a second in each of so many equal parts of a stretch of time."""
        if columns < 1 or until <= since:
            return []
        # How many bytes crossed up to a moment, so that a column may begin and end within a bin.
        step = (until - since) / columns
        bins, width, start = self._bins[sent], self.width, self.start
        values = []
        for column in range(columns):
            left = max((since + column * step - start) / width, 0.0)
            right = max((since + (column + 1) * step - start) / width, 0.0)
            first, last = int(left), min(int(right), len(bins) - 1)
            amount = 0.0
            if first < len(bins):
                if first == int(right):
                    amount = bins[first] * (right - left)
                else:
                    amount = bins[first] * (first + 1 - left) + sum(bins[first + 1 : last])
                    if last > first:
                        amount += bins[last] * min(right - last, 1.0)
            values.append(amount / step)
        return values


@dataclass(slots=True)
class Figures:
    """The exchanges of one name, together."""

    name: str
    answers: Distribution  # response times
    first_bytes: Distribution
    sendings: Distribution
    count: int = 0
    size: int = 0


_UNDECIDED: Final = -1
_SENDING, _WAITING, _ANSWERING, _DONE = range(4)
_MIXED: Final = "P-DATA-TF"  # the name of a message whose command is not known yet


class Timing:
    """The times of one association, read from its rows as they come.

    Args:
        conversation: Whose.
        passes: Which rows are of interest; an exchange is if one of its rows is. None: all.

    Attributes:
        shares: seconds spent on each stage, so far as rows were read.
        throughput: of all rows, whether of interest or not.
        shown: places of the exchanges of interest, ascending.
        figures: by name of the exchange, of those of interest.
        connect: seconds from the beginning to A-ASSOCIATE-RQ; None while there is none.
        negotiate: seconds from A-ASSOCIATE-RQ to its answer.
    """

    def __init__(self, conversation: Conversation, passes: Callable[[MessageRow], bool] | None = None) -> None:
        self.conversation = conversation
        self._passes = passes
        self._next = conversation.trimmed + 1
        self._first_number = self._next
        start = conversation.start_time
        if conversation.trimmed and conversation.rows:
            start = conversation.rows[0].time
        self.start = start
        self._whole = not conversation.trimmed
        self._cursor = start
        self.shares: dict[Stage, float] = dict.fromkeys(Stage, 0.0)
        self.throughput = Throughput(start)
        self.shown = array("i")
        self.figures: dict[str, Figures] = {}
        self.connect: float | None = None
        self.negotiate: float | None = None
        # The row under way in each direction, and how far its PDUs have been counted.
        self._open: dict[bool, int] = {}
        self._measured: dict[int, tuple[int, int, float]] = {}
        self._outstanding: dict[int, None] = {}  # numbers of complete requests without their last response
        self._associate = _UNDECIDED
        self._releases: dict[bool, int] = {}  # by whether we asked: in a collision both sides do
        self._slowest: dict[str, list[tuple[float, int]]] = {"answer": [], "first_byte": [], "sending": []}
        self._names: list[str] = []
        self._name_places: dict[str, int] = {}
        self._place_of_row = array("i")
        # One entry for each exchange.
        self._request = array("i")
        self._response = array("i")
        self._name = array("H")
        self._sent = bytearray()
        self._awaits = bytearray()
        self._state = bytearray()
        self._passing = bytearray()
        self._start = array("d")
        self._request_end = array("d")
        self._first = array("d")
        self._end = array("d")
        self._waited = array("d")
        self._size = array("q")
        self._answer_size = array("q")
        self._responses = array("i")
        self._status = array("i")

    # ------------------------------------------------------------------- what is asked
    def __len__(self) -> int:
        return len(self._request)

    @property
    def read_up_to(self) -> int:
        """The number of the newest row that was read."""
        return self._next - 1

    @property
    def end(self) -> float:
        """The last moment known: of the connection's end, or of the newest PDU."""
        return max(self._cursor, self.conversation.end_time or 0.0)

    @property
    def duration(self) -> float:
        """Seconds from the beginning to the last moment known."""
        return max(self.end - self.start, 0.0)

    @property
    def unanswered(self) -> int:
        """How many requests wait for a response, or never had one."""
        return len(self._outstanding)

    def spent(self, now: float | None = None) -> dict[Stage, float]:
        """Seconds of each stage, up to the end of the association, or as long as it lasts up to now."""
        shares = dict(self.shares)
        end = self.conversation.end_time if self.conversation.end_time is not None else now
        if end is not None and end > self._cursor:
            shares[self._stage()] += end - self._cursor
        return shares

    def exchange(self, place: int) -> Exchange:
        """The exchange at a place."""
        first, status = self._first[place], self._status[place]
        return Exchange(
            place=place,
            request=self._request[place],
            response=self._response[place],
            name=self._names[self._name[place]],
            sent=bool(self._sent[place]),
            start=self._start[place],
            request_end=self._request_end[place],
            first=None if isnan(first) else first,
            end=self._end[place],
            waited=self._waited[place],
            size=self._size[place],
            answer_size=self._answer_size[place],
            responses=self._responses[place],
            status=None if status < 0 else status,
            done=self._state[place] == _DONE,
            awaits=bool(self._awaits[place]),
        )

    def place_of(self, number: int) -> int | None:
        """The place of the exchange that a row belongs to."""
        place = self._place(number)
        return None if place == _UNDECIDED else place

    def under_way(self, time: float) -> int | None:
        """The place of the last exchange of interest that had begun by a moment."""
        at = bisect_right(self.shown, time, key=self._start.__getitem__)
        return self.shown[at - 1] if at else None

    def responses(self, place: int, most: int = 400) -> list[tuple[float, float]] | None:
        """When each response of an exchange began and ended; None when that is too much to look for."""
        first, last = self._request[place] + 1, self._response[place]
        if last - first >= most or self._row(first) is None:
            return None
        rows = (self._row(number) for number in range(first, last + 1) if self._place(number) == place)
        return [(row.time, row.end_time) for row in rows if row is not None]

    def slowest(self, by: str = "answer", count: int = KEPT_SLOWEST) -> list[Exchange]:
        """The slowest exchanges of interest, by "answer", "first_byte" or "sending", the slowest first."""
        return [self.exchange(place) for _, place in sorted(self._slowest[by], reverse=True)[:count]]

    # ------------------------------------------------------------------- reading
    def read(self) -> Iterator[None]:
        """Go on to the newest row; yields between steps of about a millisecond.

        May be dropped at any yield: the next reading goes on from there.
        """
        conversation = self.conversation
        for number in list(self._open.values()):
            row = self._row(number)
            if row is not None:
                yield from self._visit_whole(row)
        steps = 0
        # What a filter looks at, such as a whole data set, may take a millisecond for one row.
        at_once = _ROWS_AT_ONCE if self._passes is None else 1
        # Rows come while this waits at a yield, so the end is looked up each time.
        while self._next <= conversation.trimmed + len(conversation.rows):
            # Rows that went before they were read are not known.
            self._next = max(self._next, conversation.trimmed + 1)
            row = conversation.rows[conversation.index_of(self._next)]
            sent = row.sent
            before = self._open.get(sent)
            if before is not None:
                # In a direction one message is under way at a time: nothing more comes of the one before.
                older = self._row(before)
                if older is not None:
                    yield from self._visit_whole(older)
                self._measured.pop(before, None)
                self._open.pop(sent, None)
            places = self._place_of_row
            while len(places) <= row.number - self._first_number:
                places.append(_UNDECIDED)
            if row.time > self._cursor:
                self.shares[self._stage()] += row.time - self._cursor
                self._cursor = row.time
            self._next = row.number + 1
            pdus = row.pdus
            if len(pdus) == 1 and row.complete and not row.omitted:
                if pdus[0].message is row:
                    self.throughput.add(pdus[0].time, pdus[0].time, pdus[0].length, sent=sent)
                self._visit(row)
            else:
                self._open[sent] = row.number
                yield from self._visit_whole(row)
            steps += 1
            if steps >= at_once:
                steps = 0
                yield

    def _row(self, number: int) -> MessageRow | None:
        at = self.conversation.index_of(number)
        rows = self.conversation.rows
        return rows[at] if 0 <= at < len(rows) else None

    def _visit_whole(self, row: MessageRow) -> Iterator[None]:
        """Look at a row that may have thousands of PDUs."""
        while self._measure(row):
            yield
        self._visit(row)

    def _measure(self, row: MessageRow) -> bool:
        """Count the next PDUs of a row; whether there are more."""
        counted, size, last = self._measured.get(row.number, (0, 0, row.time))
        pdus, sent, add = row.pdus, row.sent, self.throughput.add
        end = min(counted + _PDUS_AT_ONCE, len(pdus))
        for at in range(counted, end):
            pdu = pdus[at]
            # One that carries the end of a message and the beginning of the next belongs to the first.
            if pdu.message is row:
                add(last, pdu.time, pdu.length, sent=sent)
                size += pdu.length
                last = pdu.time
        more = end < len(pdus)
        if not more and row.omitted and row.size > size:
            # PDUs that are counted but not kept: after the last one kept.
            add(last, max(row.end_time, last), row.size - size, sent=sent)
            size, last = row.size, max(row.end_time, last)
        if more or not row.complete:
            self._measured[row.number] = (end, size, last)
        else:
            self._measured.pop(row.number, None)
        return more

    def _stage(self) -> Stage:
        """What is waited for now."""
        if not self._outstanding:
            return Stage.CONNECT if self._whole and self._associate == _UNDECIDED else Stage.IDLE
        place = self._place(next(reversed(self._outstanding)))
        if place == self._associate:
            return Stage.NEGOTIATE
        if place in self._releases.values():
            return Stage.RELEASE
        return Stage.PEER if self._sent[place] else Stage.OURS

    def _visit(self, row: MessageRow) -> None:
        """Take in how a row stands now; may be done again when it has grown."""
        if row.end_time > self._cursor:
            self.shares[Stage.SEND if row.sent else Stage.RECEIVE] += row.end_time - self._cursor
            self._cursor = row.end_time
        place = self._place(row.number)
        if place == _UNDECIDED:
            if row.name == _MIXED and not row.complete and not row.problem:
                return  # its command is not there yet
            place = self._asked_by(row)
            if place == _UNDECIDED:
                place = self._begin(row)
            self._place_of_row[row.number - self._first_number] = place
        if self._request[place] == row.number:
            self._follow_request(place, row)
        else:
            self._follow_response(place, row)
        if not self._passing[place] and (self._passes is None or self._passes(row)):
            self._passing[place] = 1
            shown = self.shown
            if not shown or shown[-1] < place:
                shown.append(place)
            else:
                insort(shown, place)
            if self._state[place] == _DONE:
                self._sum_up(place)
        if row.complete and self._open.get(row.sent) == row.number:
            del self._open[row.sent]

    def _place(self, number: int) -> int:
        at = number - self._first_number
        return self._place_of_row[at] if 0 <= at < len(self._place_of_row) else _UNDECIDED

    def _asked_by(self, row: MessageRow) -> int:
        """The exchange that a response belongs to."""
        match row.name:
            case "A-ASSOCIATE-AC" | "A-ASSOCIATE-RJ":
                place = self._associate
            case "A-RELEASE-RP":
                place = self._releases.get(not row.sent, _UNDECIDED)
            case name if name.endswith("-RSP") and row.request:
                place = self._place(row.request)
            case _:
                return _UNDECIDED
        return place if place != _UNDECIDED and bool(self._sent[place]) != row.sent else _UNDECIDED

    def _begin(self, row: MessageRow) -> int:
        """A message that answers nothing: the next exchange."""
        place = len(self._request)
        awaits = row.name.endswith("-RQ") and row.name != "C-CANCEL-RQ"
        name = row.name.removesuffix("-RQ") if awaits else row.name
        at = self._name_places.get(name)
        if at is None:
            at = self._name_places[name] = len(self._names)
            self._names.append(name)
        self._request.append(row.number)
        self._response.append(0)
        self._name.append(at)
        self._sent.append(row.sent)
        self._awaits.append(awaits)
        self._state.append(_SENDING)
        self._passing.append(0)
        self._start.append(row.time)
        self._request_end.append(row.end_time)
        self._first.append(nan)
        self._end.append(row.end_time)
        self._waited.append(0.0)
        self._size.append(row.size)
        self._answer_size.append(0)
        self._responses.append(0)
        self._status.append(-1)
        if row.name == "A-ASSOCIATE-RQ" and self._associate == _UNDECIDED:
            self._associate = place
            if self._whole:
                self.connect = max(row.time - self.start, 0.0)
        elif row.name == "A-RELEASE-RQ":
            self._releases[row.sent] = place
        return place

    def _follow_request(self, place: int, row: MessageRow) -> None:
        self._request_end[place] = row.end_time
        if row.end_time > self._end[place]:
            self._end[place] = row.end_time
        self._size[place] = row.size
        if row.complete and self._state[place] == _SENDING:
            if self._awaits[place]:
                self._state[place] = _WAITING
                self._outstanding[row.number] = None
            else:
                self._finish(place)

    def _follow_response(self, place: int, row: MessageRow) -> None:
        if self._state[place] == _DONE:
            return  # one response too many
        if self._response[place] != row.number:
            self._waited[place] += max(row.time - self._end[place], 0.0)
            self._response[place] = row.number
            self._responses[place] += 1
            if isnan(self._first[place]):
                self._first[place] = row.time
                if place == self._associate:
                    self.negotiate = max(row.time - self._request_end[place], 0.0)
            self._state[place] = _ANSWERING
        if row.end_time > self._end[place]:
            self._end[place] = row.end_time
        if row.status is not None:
            self._status[place] = row.status
        if row.complete:
            self._answer_size[place] += row.size
            if not row.pending:
                self._finish(place)

    def _finish(self, place: int) -> None:
        self._state[place] = _DONE
        self._outstanding.pop(self._request[place], None)
        if self._passing[place]:
            self._sum_up(place)

    def _sum_up(self, place: int) -> None:
        """An exchange of interest has come to its end."""
        name = self._names[self._name[place]]
        figures = self.figures.get(name)
        if figures is None:
            figures = self.figures[name] = Figures(name, Distribution(), Distribution(), Distribution())
        figures.count += 1
        figures.size += self._size[place] + self._answer_size[place]
        # The same as the properties of `Exchange`, which would take as long again to make.
        asked, first = self._request_end[place], self._first[place]
        sending = asked - self._start[place]
        if sending > 0:
            figures.sendings.add(sending)
            self._rank("sending", sending, place)
        if first == first:
            answer, first_byte = max(self._end[place] - asked, 0.0), max(first - asked, 0.0)
            figures.answers.add(answer)
            self._rank("answer", answer, place)
            figures.first_bytes.add(first_byte)
            self._rank("first_byte", first_byte, place)

    def _rank(self, by: str, seconds: float, place: int) -> None:
        heap = self._slowest[by]
        if len(heap) < KEPT_SLOWEST:
            heappush(heap, (seconds, place))
        elif seconds > heap[0][0]:
            heapreplace(heap, (seconds, place))
