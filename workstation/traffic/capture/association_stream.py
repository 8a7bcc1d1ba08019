"""One association as packets: who is at which end of its connection, what is not there, and who ended it.

Between the PDUs that somebody saw and `tcp_stream`, for files that are written at once and for those that grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from workstation.net.codec.pdu import PDUType
from workstation.traffic.capture.pcapng import Packet
from workstation.traffic.capture.tcp_stream import Endpoint, TcpStream, endpoint, same_family
from workstation.traffic.record import ConversationFacts
from workstation.traffic.text import printable, quantity

__all__ = ["AssociationStream", "ends_of"]

# RFC 5737: addresses that stand for what is not known
_UNKNOWN_CLIENT, _UNKNOWN_SERVER = "192.0.2.1", "192.0.2.2"
_DICOM_PORT: Final = 104
_FIRST_CLIENT_PORT, _CLIENT_PORTS = 49152, 16384  # RFC 6335: ephemeral ports
# After these the side that hears them closes the connection (PS3.8 Table 9-10: AR-3, AE-4, AA-3).
_HEARER_CLOSES: Final = frozenset({PDUType.A_RELEASE_RP, PDUType.A_ASSOCIATE_RJ, PDUType.A_ABORT})
_LONGEST_TITLE = 64


def ends_of(facts: ConversationFacts) -> tuple[Endpoint | None, Endpoint | None]:
    """The requestor's and the acceptor's end, None where it is not known."""
    peer = endpoint(facts.address, facts.port) if facts.port else None
    local = endpoint(facts.local_address, facts.local_port) if facts.local_port else None
    return (peer, local) if facts.mode == "acceptor" else (local, peer)


class AssociationStream:
    """The packets of one association.

    Args:
        facts: who talks to whom.
        number: of the stream in its file.
        title: what to say of it at its first packet.
    """

    def __init__(self, facts: ConversationFacts, number: int, title: str) -> None:
        client, server = ends_of(facts)
        self._notes = [title]
        if client is None:
            self._notes.append(f"the requestor's address is not known, {_UNKNOWN_CLIENT} stands for it")
        if server is None:
            wanted = f" ({printable(facts.address, _LONGEST_TITLE)})" if facts.address else ""
            self._notes.append(f"the acceptor's address{wanted} is not known, {_UNKNOWN_SERVER} stands for it")
        client = client or endpoint(_UNKNOWN_CLIENT, _FIRST_CLIENT_PORT + number % _CLIENT_PORTS)
        server = server or endpoint(_UNKNOWN_SERVER, facts.port or _DICOM_PORT)
        assert client is not None
        assert server is not None
        self._stream = TcpStream(*same_family(client, server), number)
        self._untold: list[str] = []
        self._missing = 0
        self._last: tuple[int, bool] | None = None
        self.cut = 0
        self.missing = 0

    def open(self, time: float) -> Iterator[Packet]:
        """The connection is made."""
        return self._stream.open(time, "; ".join(self._notes))

    def begin_midway(self) -> None:
        """The connection was there before anybody looked; its first packet says what there is to say."""
        self._untold = self._notes

    def attempt(self, time: float, reason: str) -> Iterator[Packet]:
        """The connection could not be made."""
        words = reason or "The connection could not be made"
        return self._stream.attempt(time, "; ".join((*self._notes, printable(words))))

    def skip(self, from_client: bool, pdus: int, size: int) -> None:
        """PDUs that one side sent and that are not kept; `size` as far as known."""
        self._stream.skip(from_client, max(size, pdus))
        self._missing += pdus
        self.missing += pdus

    def pdu(self, time: float, from_client: bool, data: bytes, length: int) -> Iterator[Packet]:
        """A PDU, of which `data` is there."""
        notes, self._untold = self._untold, []
        if self._missing:
            notes.append(_not_kept(self._missing))
            self._missing = 0
        if len(data) < length:
            self.cut += 1
            notes.append(f"Only the first {len(data):,} of the {length:,} bytes of this PDU are here")
        self._last = data[0] if data else 0, from_client
        return self._stream.data(time, from_client, data, length, "; ".join(notes))

    def close(self, time: float, reason: str = "", by_client: bool | None = None) -> Iterator[Packet]:
        """The connection ends; the last PDU tells who ended it if nobody knows better, and often why."""
        notes = [_not_kept(self._missing)] if self._missing else []
        pdu_type, from_client = self._last or (0, False)
        was_said = pdu_type in _HEARER_CLOSES
        if reason and not was_said:
            notes.append(printable(reason))
        if by_client is None:
            by_client = not from_client if was_said else from_client
        return self._stream.close(time, by_client, comment="; ".join(notes))


def _not_kept(count: int) -> str:
    return f"{quantity(count, 'PDU')} before this were not kept" if count > 1 else "1 PDU before this was not kept"
