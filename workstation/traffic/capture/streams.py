"""One TCP connection read as an association: is it one, who is the requestor, what PDUs crossed it in what order.

A connection that was seen from its first byte tells with that byte. One that was not is searched for a PDU; when none
is found in a few megabytes it is none of ours. Encrypted ones are recognised and, where they may be DICOM, named.
This module knows neither files nor records.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Final, Protocol

from workstation.net.codec.pdu import PDUType
from workstation.traffic.capture.framing import FoundPdu, Framer, begins_association, may_be_header
from workstation.traffic.capture.packets import Endpoints
from workstation.traffic.capture.tcp import Budget, TcpConnection
from workstation.traffic.capture.tls import TlsWatch, begins_tls

__all__ = ["DICOM_PORTS", "Phase", "Stream", "Taker"]

# Of IANA: acr-nema, dicom-iscl, dicom-tls, dicom; and Orthanc's.
DICOM_PORTS: Final = frozenset({104, 2761, 2762, 11112, 4242})
# Ports whose encrypted connections are for something else.
_OTHER_TLS_PORTS: Final = frozenset(
    {443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 3269, 3389, 5061, 8443, 9443}
)
# How much of a connection that began before the capture is searched for a PDU.
_SEARCHED: Final = 4 << 20
_ENOUGH_TO_TELL: Final = 10


class Phase(Enum):
    """What is known of a connection."""

    UNDECIDED = "undecided"
    DICOM = "dicom"
    TLS = "tls"
    OTHER = "other"


class Taker(Protocol):
    """Is told what a stream holds."""

    def begun(self, stream: Stream, time: float) -> Callable[[bool, FoundPdu], None]:
        """It is an association, perhaps an encrypted one; `stream` knows the requestor now.

        Returns:
            What takes its PDUs, and whether they are from the requestor.
        """


class Stream:
    """Takes the bytes of a connection, in order.

    Args:
        taker: is told what comes out.
        ends: of the forward direction.
        known: whether an end is known to speak DICOM.
        budget: shared by all.

    Attributes:
        phase: what is known of it.
        requestor_forward: whether the forward side is the requestor; of use once the phase is decided.
        midway: whether its beginning is not in the capture.
        tls: what is known of an encrypted one.
    """

    def __init__(self, taker: Taker, ends: Endpoints, known: bool, budget: Budget) -> None:
        self._taker = taker
        self.ends = ends
        self._known = known
        self._budget = budget
        self.tcp: TcpConnection | None = None
        self.phase = Phase.UNDECIDED
        self.requestor_forward = True
        self.midway = False
        self.tls: TlsWatch | None = None
        self._beginning: dict[bool, bytearray | None] = {True: bytearray(), False: bytearray()}
        self._take: Callable[[bool, FoundPdu], None] | None = None
        self._framers = {forward: self._framer(forward, in_step=True) for forward in (True, False)}

    def bind(self, tcp: TcpConnection) -> None:
        """Say whose bytes these are: it knows what was seen of the beginning."""
        self.tcp = tcp

    # ------------------------------------------------------------------- what TCP gives
    def data(self, forward: bool, time: float, data: bytes) -> None:
        """Bytes, in order."""
        if self.phase is Phase.DICOM:
            self._framers[forward].feed(time, data)
        elif self.phase is Phase.UNDECIDED:
            self._undecided(forward, time, data)
        elif self.tls is not None:
            self.tls.data(forward, data)

    def hole(self, forward: bool, time: float, length: int, cut: bool) -> None:
        """Bytes that are not in the capture."""
        if self.tls is not None:
            self.tls.hole(forward, length)
            return
        if self.phase is Phase.OTHER:
            return
        beginning = self._beginning[forward]
        if beginning is not None:
            # The first bytes are not here: what comes is searched.
            self._beginning[forward] = None
            self._framers[forward] = self._framer(forward, in_step=bool(beginning))
            if beginning:
                self._framers[forward].feed(time, bytes(beginning))
        self._framers[forward].hole(time, length)

    # ------------------------------------------------------------------- what it is
    def _undecided(self, forward: bool, time: float, data: bytes) -> None:
        assert self.tcp is not None
        beginning = self._beginning[forward]
        if beginning is not None and not self.tcp.started(forward):
            self._beginning[forward] = None
            self._framers[forward] = self._framer(forward, in_step=False)
            beginning = None
        if beginning is None:
            framer = self._framers[forward]
            framer.feed(time, data)
            if self.phase is Phase.UNDECIDED and framer.passed > _SEARCHED and not self._known:
                self.phase = Phase.OTHER
            return
        beginning += data
        if len(beginning) < _ENOUGH_TO_TELL and (beginning[0] <= 7 or beginning[0] == 22):
            return
        whole = bytes(beginning)
        self._beginning[forward] = None
        if begins_tls(whole):
            self._encrypted(forward, time, whole)
        elif begins_association(whole):
            self._decide(forward, time)
            self._framers[forward].feed(time, whole)
        elif 2 <= whole[0] <= 7 and may_be_header(whole) and (self._known or whole[:2] == bytes([whole[0], 0])):
            # The requestor's first bytes are missing, or the acceptor speaks first to end it.
            self._decide(not forward if whole[0] in (2, 3) else self._opener(forward), time)
            self._framers[forward].feed(time, whole)
        elif self._known:
            self._decide(self._opener(forward), time)
            self._framers[forward].feed(time, whole)
        else:
            self.phase = Phase.OTHER

    def _opener(self, otherwise: bool) -> bool:
        assert self.tcp is not None
        return self._by_port(otherwise) if self.tcp.opener is None else self.tcp.opener

    def _by_port(self, otherwise: bool) -> bool:
        source, target = self.ends.source_port, self.ends.target_port
        if (source in DICOM_PORTS) != (target in DICOM_PORTS):
            return target in DICOM_PORTS
        return source > target if source != target else otherwise

    def _decide(self, requestor_forward: bool, time: float) -> None:
        assert self.tcp is not None
        self.phase = Phase.DICOM
        opener = self.tcp.opener
        self.requestor_forward = requestor_forward if opener is None else opener
        self.midway = not (self.tcp.started(True) or self.tcp.started(False))
        self._take = self._taker.begun(self, time)
        for forward, framer in self._framers.items():
            framer.emit = partial(self._take, forward == self.requestor_forward)
        for forward, beginning in self._beginning.items():
            if beginning is not None:
                # Nothing, or too little to tell, of this direction so far.
                self._beginning[forward] = None
                in_step = self.tcp.started(forward) or not self.midway
                self._framers[forward] = self._framer(forward, in_step=in_step)
                if beginning:
                    self._framers[forward].feed(time, bytes(beginning))

    def _encrypted(self, forward: bool, time: float, data: bytes) -> None:
        self.tls = TlsWatch()
        self.tls.data(forward, data)
        self.requestor_forward = self._opener(forward)
        port = self.ends.target_port if self.requestor_forward else self.ends.source_port
        other = not self._known and (port in _OTHER_TLS_PORTS or self.tls.for_another_protocol)
        self.phase = Phase.OTHER if other else Phase.TLS
        if not other:
            self._taker.begun(self, time)

    # ------------------------------------------------------------------- PDUs
    def _framer(self, forward: bool, *, in_step: bool) -> Framer:
        if self._take is None:
            return Framer(partial(self._recognized, forward), self._budget, in_step=in_step)
        return Framer(partial(self._take, forward == self.requestor_forward), self._budget, in_step=in_step)

    def _recognized(self, forward: bool, pdu: FoundPdu) -> None:
        """The first PDU of a connection that was not seen from its beginning tells who is who."""
        match pdu.pdu_type:
            case PDUType.A_ASSOCIATE_RQ:
                requestor = forward
            case PDUType.A_ASSOCIATE_AC | PDUType.A_ASSOCIATE_RJ:
                requestor = not forward
            case _:
                requestor = self._by_port(forward)
                if not self._has_dicom_port:
                    is_response = _command_is_response(pdu.data)
                    if is_response is not None:
                        requestor = forward != is_response
        self._decide(requestor, pdu.time)
        self._framers[forward].emit(pdu)

    @property
    def _has_dicom_port(self) -> bool:
        return (self.ends.source_port in DICOM_PORTS) != (self.ends.target_port in DICOM_PORTS)

    def end(self, time: float) -> list[tuple[bool, FoundPdu]]:
        """Nothing more comes: what is left of each direction, by whether it is from the requestor."""
        if self.phase is not Phase.DICOM:
            return []
        left = ((forward, framer.end(time)) for forward, framer in self._framers.items())
        return [(forward == self.requestor_forward, pdu) for forward, pdu in left if pdu is not None]

    def drop(self) -> None:
        """It is none of ours: hold nothing."""
        self.phase = Phase.OTHER
        for framer in self._framers.values():
            framer.end(0.0)
        self._beginning = {True: None, False: None}


def _command_is_response(data: bytes) -> bool | None:
    """Whether a P-DATA-TF carries a command that answers one; None when it does not tell who is the requestor."""
    # PDU header 6, PDV header 6, group length 12, then the elements of group 0000 (PS3.7 section 6.3.1)
    if len(data) < 24 or data[0] != PDUType.P_DATA_TF or not data[11] & 1:
        return None
    place = data.find(b"\x00\x00\x00\x01\x02\x00\x00\x00", 12, 4096)
    if place < 0 or place + 10 > len(data):
        return None
    field = int.from_bytes(data[place + 8 : place + 10], "little")
    if field & 0x7FFF in (0x0001, 0x0100):
        return None  # C-STORE within C-GET and N-EVENT-REPORT go both ways
    return bool(field & 0x8000)
