"""A capture file read into a log: frames to segments, segments to connections, connections to associations, to records.

A capture has no "us": an association is told from its requestor's side, which is the mode, whose PDUs are the sent
ones and whose states are derived. The file is streamed; what is held is bounded by `_BUDGET`, whatever the file claims.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Final

from workstation.net.codec.pdu import PDUType
from workstation.net.engine.fsm import State
from workstation.traffic.analysis.derive import PathDeriver, TimedStep
from workstation.traffic.capture.frames import CaptureError, CaptureFile
from workstation.traffic.capture.framing import FoundPdu
from workstation.traffic.capture.packets import ACK, SYN, Endpoints, Segment, endpoints_of
from workstation.traffic.capture.streams import DICOM_PORTS, Phase, Stream
from workstation.traffic.capture.tcp import Budget, TcpConnection
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import ConversationFacts, Record
from workstation.traffic.text import quantity

__all__ = ["CaptureError", "CaptureReport", "read_capture"]

# Bytes held in all: segments that wait for others, PDUs that are not complete.
_BUDGET: Final = 64 << 20
# Connections remembered at once; beyond, those that have been silent longest are let go.
_CONNECTIONS: Final = 20_000
_PROBLEMS: Final = 200
_FLUSH: Final = 4096
_FLUSH_BYTES: Final = 8 << 20
_ENDPOINTS: Final = 10_000
# Connections that never came to be, and are shown as associations that failed.
_FAILURES: Final = 500
# Objects made between two looks for garbage.
_ALLOCATIONS: Final = 50_000
# Collections of the middle generation between two of everything.
_FULL_COLLECTIONS: Final = 1000
_CAPTURE_ENDS: Final = "The capture ends before this association does."
_CUT_OFF: Final = "Reading the capture was cancelled before this association ended."
_LET_GO: Final = "No more of this association was read: it was silent while too many other connections were open."
_WHO: Final = {True: "the requestor", False: "the acceptor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureReport:
    """What reading a capture came to.

    Attributes:
        kind: of the file, in words.
        frames: read.
        bytes: of the file, read.
        associations: found, encrypted ones and failed connections included.
        pdus: found.
        problems: sentences on what could not be read, or was not as it should be; at most 200, then "… n more".
        truncated: whether the file ends before its last record does.
        cancelled: whether reading was ended before the end of the file.
    """

    kind: str
    frames: int
    bytes: int
    associations: int
    pdus: int
    problems: tuple[str, ...]
    truncated: bool
    cancelled: bool


def read_capture(
    path: Path,
    log: TrafficLog,
    *,
    progress: Callable[[int, int], None] = lambda done, size: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> CaptureReport:
    """Read a capture file into a log.

    Args:
        path: pcap or pcapng, perhaps compressed with gzip.
        log: gets the associations, numbered from 1; only the calling thread may use it meanwhile.
        progress: called about once for each megabyte with the bytes read and those of the file.
        cancelled: asked as often; when it says so, what was read so far stands.

    Returns:
        What was found, and what was wrong.

    Raises:
        CaptureError: The file is no capture, or cannot be opened.
    """
    file = CaptureFile(Path(path))
    try:
        with _fewer_collections:
            return _Reading(file, log).run(progress, cancelled)
    finally:
        file.close()


class _FewerCollections:
    """While captures are read, Python looks for garbage less often: the rows of a log are many, and none is garbage."""

    def __init__(self) -> None:
        self._lock = Lock()  # guards the others: captures are read in several threads
        self._readers = 0
        self._usual = self._ours = gc.get_threshold()

    def __enter__(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1 and gc.get_threshold()[0]:  # 0: switched off
                self._usual = first, second, third = gc.get_threshold()
                self._ours = (max(first, _ALLOCATIONS), second, max(third, _FULL_COLLECTIONS))
                gc.set_threshold(*self._ours)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers and gc.get_threshold() == self._ours:  # else somebody else wants it otherwise
                gc.set_threshold(*self._usual)


_fewer_collections: Final = _FewerCollections()


class _Association:
    """An association of the capture, while its connection is read."""

    def __init__(self, number: int, stream: Stream, opened: float) -> None:
        self.number = number
        self.stream = stream
        self.opened = opened
        self.deriver = PathDeriver("requestor")
        self.passed_over = 0


class _Connection:
    """A connection of the capture; `tcp` is None when it is none of ours."""

    __slots__ = ("association", "frame", "stream", "tcp")

    def __init__(self, stream: Stream, tcp: TcpConnection, frame: int) -> None:
        self.stream = stream
        self.tcp: TcpConnection | None = tcp
        self.frame = frame  # the last one, to find those that are silent
        self.association: _Association | None = None


class _Reading:
    """One run over a file."""

    def __init__(self, file: CaptureFile, log: TrafficLog) -> None:
        self._file = file
        self._log = log
        self._records: list[Record] = []
        self._waiting_bytes = 0
        self._numbers = count(1)
        self._budget = Budget(_BUDGET)
        # By the key of a segment's direction: its connection, and whether that direction is the forward one.
        self._ways: dict[bytes, tuple[_Connection, bool]] = {}
        self._speaks_dicom: set[tuple[str, int]] = set()
        self._by_stream: dict[int, _Connection] = {}
        self._associations = 0
        self._pdus = 0
        self._problems: list[str] = []
        self._more_problems = 0
        self._other_tls: dict[int, int] = {}
        self._let_go = 0
        self._failures = 0
        self._time = 0.0

    def run(self, progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> CaptureReport:
        file, ways = self._file, self._ways
        stopped = False
        for batch in file.segments():
            stopped = stopped or cancelled()
            if stopped:
                break
            for segment in batch:
                self._waiting_bytes += len(segment.payload)
                if len(self._records) >= _FLUSH or self._waiting_bytes >= _FLUSH_BYTES:
                    self._flush()
                    if cancelled():
                        stopped = True
                        break
                way = ways.get(segment.key)
                if way is None:
                    if segment.payload or segment.missing or segment.flags & SYN:
                        self._connect(segment)
                    continue
                connection, forward = way
                tcp = connection.tcp
                connection.frame = segment.frame
                if tcp is None:
                    if segment.flags & (SYN | ACK) == SYN:
                        self._connect(segment)
                    continue
                if not tcp.feed(forward, segment):
                    self._end(connection)
                    self._connect(segment)
                elif tcp.closed or connection.stream.phase is Phase.OTHER:
                    self._end(connection)
            self._flush()
            if len(ways) > 2 * _CONNECTIONS:
                self._let_silent_ones_go()
            progress(file.position, file.size)
        for connection in list(self._by_stream.values()):
            self._end(connection, _CUT_OFF if stopped else _CAPTURE_ENDS)
            if len(self._records) >= _FLUSH:
                self._flush()
        self._flush()
        return self._report(stopped)

    # ------------------------------------------------------------------- connections
    def _connect(self, segment: Segment) -> None:
        key = segment.key
        size = (len(key) - 4) // 2
        back = key[size : 2 * size] + key[:size] + key[-2:] + key[-4:-2]
        ends = endpoints_of(key)
        known = (
            ends.source_port in DICOM_PORTS
            or ends.target_port in DICOM_PORTS
            or (ends.source, ends.source_port) in self._speaks_dicom
            or (ends.target, ends.target_port) in self._speaks_dicom
        )
        stream = Stream(self, ends, known, self._budget)
        tcp = TcpConnection(stream, self._budget, segment.time)
        stream.bind(tcp)
        connection = _Connection(stream, tcp, segment.frame)
        self._ways[key] = (connection, True)
        self._ways[back] = (connection, key == back)
        self._by_stream[id(stream)] = connection
        tcp.feed(True, segment)
        if tcp.closed or stream.phase is Phase.OTHER:
            self._end(connection)

    def _end(self, connection: _Connection, unfinished: str = "") -> None:
        """A connection is over; or it is not, and a sentence says why no more of it is read."""
        tcp, stream = connection.tcp, connection.stream
        if tcp is None:
            return
        tcp.finish()
        if stream.phase is Phase.UNDECIDED and tcp.opener is not None and tcp.connected is None:
            self._failed(connection, tcp)
        connection.tcp = None
        association = connection.association
        if association is not None:
            self._close(association, tcp, unfinished)
        elif stream.tls is not None:
            port = stream.ends.target_port if stream.requestor_forward else stream.ends.source_port
            if len(self._other_tls) < 1000 or port in self._other_tls:
                self._other_tls[port] = self._other_tls.get(port, 0) + 1
        stream.drop()
        self._by_stream.pop(id(stream), None)

    def _let_silent_ones_go(self) -> None:
        by_silence = sorted({id(way[0]): way[0] for way in self._ways.values()}.values(), key=lambda one: one.frame)
        # Those that are over go first; the others are only ended when that is not enough.
        over = [connection for connection in by_silence if connection.tcp is None]
        gone = over[: max(len(over) * 3 // 4, len(over) - _CONNECTIONS // 4)]
        excess = len(by_silence) - len(gone) - _CONNECTIONS * 3 // 4
        if excess > 0:
            open_ones = [connection for connection in by_silence if connection.tcp is not None][:excess]
            for connection in open_ones:
                self._let_go += connection.stream.phase is Phase.DICOM
                self._end(connection, _LET_GO)
            gone += open_ones
        removed = {id(connection) for connection in gone}
        for key in [key for key, (connection, _) in self._ways.items() if id(connection) in removed]:
            del self._ways[key]

    # ------------------------------------------------------------------- associations
    def begun(self, stream: Stream, time: float) -> Callable[[bool, FoundPdu], None]:
        """A connection turned out to be an association."""
        connection = self._by_stream[id(stream)]
        tcp = connection.tcp
        assert tcp is not None
        association = self._open(connection, tcp)
        acceptor = _acceptor(stream)
        if stream.phase is Phase.DICOM and len(self._speaks_dicom) < _ENDPOINTS:
            self._speaks_dicom.add(acceptor)
        if tcp.opener is not None:
            self._steps(association, association.deriver.opened(tcp.opened))
            if tcp.connected is not None:
                self._steps(association, association.deriver.connected(tcp.connected))
        if stream.phase is Phase.TLS:
            self._remark(association, "The association is encrypted with TLS; its PDUs cannot be seen.", tcp.opened)
        return partial(self._take, association)

    def _open(self, connection: _Connection, tcp: TcpConnection) -> _Association:
        stream = connection.stream
        self._associations += 1
        association = connection.association = _Association(self._associations, stream, tcp.opened)
        ends = stream.ends
        requestor, acceptor = (ends.source, ends.source_port), (ends.target, ends.target_port)
        if not stream.requestor_forward:
            requestor, acceptor = acceptor, requestor
        note = ""
        if stream.midway:
            note = "The capture begins within this association; what came before cannot be seen."
            self._problem(f"Association {association.number}: {note}")
            association.deriver.gap()
        facts = ConversationFacts("requestor", "", "", *acceptor, *requestor)
        self._add(association, tcp.opened, "EVT_CONN_OPEN", address=acceptor, facts=facts, note=note)
        return association

    def _failed(self, connection: _Connection, tcp: TcpConnection) -> None:
        """A connection to a DICOM port that never came to be."""
        stream = connection.stream
        assert tcp.opener is not None
        stream.requestor_forward = tcp.opener
        if _acceptor(stream)[1] not in DICOM_PORTS and _acceptor(stream) not in self._speaks_dicom:
            return
        self._failures += 1
        if self._failures > _FAILURES:
            return  # somebody looks for open ports; what else is in the capture shall not have to make room for that
        association = self._open(connection, tcp)
        self._steps(association, association.deriver.opened(tcp.opened))
        refused = tcp.reset_by is not None
        if refused or tcp.syns > 1:
            self._steps(association, association.deriver.closed(tcp.last))
        why = "was refused (RST)" if refused else f"was not answered ({quantity(tcp.syns, 'SYN')})"
        self._remark(association, f"The TCP connection {why}.", tcp.last)

    def _take(self, association: _Association, from_requestor: bool, pdu: FoundPdu) -> None:
        """A PDU of an association."""
        self._pdus += 1
        time, pdu_type, length, data, missing, passed_over, _ = pdu
        note, lost = "", 0
        if missing or passed_over:
            note, lost = self._gap(association, from_requestor, pdu), 1 if missing else 0
        event = "EVT_DATA_SENT" if from_requestor else "EVT_DATA_RECV"
        steps: list[TimedStep] = []
        # A PDU that is a step says so itself: half as many records as with two for each.
        step = association.deriver.data_step(from_requestor) if pdu_type == PDUType.P_DATA_TF else None
        if step is None:
            steps = association.deriver.pdu(pdu_type, from_requestor, time, data)
        number = next(self._numbers)
        self._records.append(
            Record(number, time, association.number, event, data, length, pdu_type, lost, None, step, None, None, note)
        )
        self._steps(association, steps)

    def _gap(self, association: _Association, from_requestor: bool, pdu: FoundPdu) -> str:
        association.deriver.gap()
        said: list[str] = []
        if pdu.missing:
            said.append(f"the capture lacks {quantity(pdu.missing, 'byte')} from {_WHO[from_requestor]}")
        if pdu.passed_over:
            association.passed_over += pdu.passed_over
            passed = quantity(pdu.passed_over, "byte")
            said.append(f"{passed} from {_WHO[from_requestor]} passed over, of no PDU that could be read")
        after = max(pdu.time - association.opened, 0.0)
        return f"Before {after:.3f} s: {'; '.join(said)}."

    def _close(self, association: _Association, tcp: TcpConnection, unfinished: str) -> None:
        stream = association.stream
        time = tcp.last
        for from_requestor, pdu in stream.end(time):
            self._left(association, from_requestor, pdu)
        remarks: list[str] = []
        forward = stream.requestor_forward
        for from_requestor, who in _WHO.items():
            remarks += tcp.irregularities(forward == from_requestor, who)
        if association.passed_over:
            passed = quantity(association.passed_over, "byte")
            self._problem(f"Association {association.number}: {passed} of no PDU that could be read passed over.")
        if stream.tls is not None:
            remarks += stream.tls.alerts(forward)
            sent, received = stream.tls.bytes[forward], stream.tls.bytes[not forward]
            remarks.append(f"Encrypted: {quantity(sent, 'byte')} from the requestor, {received:,} from the acceptor.")
        state = association.deriver.state
        end = ""
        if tcp.closed or tcp.first_fin is not None:
            first = tcp.first_fin if tcp.reset_by is None else tcp.reset_by
            by_requestor = first == forward
            if state not in (State.STA1, State.STA13):
                how = "closed" if tcp.reset_by is None else "reset"
                end = f"The TCP connection was {how} by {_WHO[by_requestor]}, without A-RELEASE or A-ABORT before."
            self._steps(association, association.deriver.closed(time, by_requestor))
        elif state is not State.STA1 and stream.phase is not Phase.UNDECIDED:
            end = unfinished
        if end and stream.phase is not Phase.UNDECIDED and stream.tls is None:
            if end is unfinished:
                remarks.append(end)
            else:
                # No remark on what the capture lacks: it is how the association ended.
                self._problem(f"Association {association.number}: {end}")
        for remark in remarks:
            self._remark(association, remark, time)
        facts = ConversationFacts("", "", "", "", 0, end_reason=end) if end else None
        self._add(association, time, "EVT_CONN_CLOSE", address=_acceptor(stream), facts=facts)

    def _left(self, association: _Association, from_requestor: bool, pdu: FoundPdu) -> None:
        if pdu.missing or pdu.passed_over:
            self._remark(association, self._gap(association, from_requestor, pdu), pdu.time, problem=False)
        if pdu.length:
            self._remark(
                association,
                f"A PDU of {quantity(pdu.length, 'byte')} from {_WHO[from_requestor]} was not completed; "
                f"{quantity(len(pdu.data), 'byte')} of it are in the capture.",
                pdu.time,
            )

    # ------------------------------------------------------------------- records
    def _add(self, association: _Association, time: float, event: str, **values: object) -> None:
        self._records.append(Record(next(self._numbers), time, association.number, event, **values))  # type: ignore[arg-type]

    def _steps(self, association: _Association, steps: list[TimedStep]) -> None:
        for step in steps:
            self._add(association, step.time, "EVT_FSM_TRANSITION", transition=step.step)

    def _remark(self, association: _Association, remark: str, time: float, *, problem: bool = True) -> None:
        self._add(association, time, "EVT_CONN_OPEN", note=remark)
        if problem:
            self._problem(f"Association {association.number}: {remark}")

    def _flush(self) -> None:
        records, self._records = self._records, []
        self._waiting_bytes = 0
        if records:
            self._log.add(records)

    # ------------------------------------------------------------------- the report
    def _problem(self, sentence: str) -> None:
        if len(self._problems) < _PROBLEMS:
            self._problems.append(sentence)
        else:
            self._more_problems += 1

    def _report(self, stopped: bool) -> CaptureReport:
        file = self._file
        problems = [*file.problems]
        if self._let_go:
            problems.append(
                f"More than {_CONNECTIONS:,} connections at once: those that were silent longest were let go, "
                f"{quantity(self._let_go, 'association')} among them."
            )
        if self._failures > _FAILURES:
            problems.append(
                f"Left out: {quantity(self._failures - _FAILURES, 'connection')} to DICOM ports that were refused or "
                f"not answered, beyond the first {_FAILURES}."
            )
        if self._other_tls:
            ports = ", ".join(str(port) for port in sorted(self._other_tls)[:10])
            amount = quantity(sum(self._other_tls.values()), "encrypted connection")
            problems.append(f"Left out: {amount} for something else than DICOM (ports {ports}).")
        problems += self._problems
        more = max(len(problems) - _PROBLEMS, 0) + self._more_problems
        if more:
            problems = [*problems[:_PROBLEMS], f"… {more:,} more"]
        return CaptureReport(
            kind=file.kind,
            frames=file.frames,
            bytes=min(file.position, file.size),
            associations=self._associations,
            pdus=self._pdus,
            problems=tuple(problems),
            truncated=file.truncated,
            cancelled=stopped,
        )


def _acceptor(stream: Stream) -> tuple[str, int]:
    ends: Endpoints = stream.ends
    if stream.requestor_forward:
        return ends.target, ends.target_port
    return ends.source, ends.source_port
