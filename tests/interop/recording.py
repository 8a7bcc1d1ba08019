"""A proxy between two real peers that keeps what each says to the other, and writes it for Wireshark.

It changes nothing, delays nothing and knows nothing of DICOM but where a PDU ends. The file is a classic pcap with
Ethernet, IPv4 and TCP around the bytes, handshake and farewell included, so that other programs read the
conversation as if they had listened on the wire.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import merge
from ipaddress import IPv4Address
from pathlib import Path
from struct import pack
from typing import NamedTuple

PATIENCE = 10.0
HEADER_LENGTH = 6
# Where proxies listen: known beforehand to who captures packets, and below the ports that the system gives away.
PORTS = range(20100, 20300)


class Chunk(NamedTuple):
    """What one read took from one side; no bytes when the side has said its last."""

    time: float
    from_client: bool
    data: bytes


class RecordedPdu(NamedTuple):
    """One PDU as it crossed the wire."""

    from_client: bool
    data: bytes


@dataclass(slots=True)
class Conversation:
    """One TCP connection, both directions, in the order in which the proxy read them.

    Attributes:
        name: Who speaks with whom.
        chunks: What was read, by time.
        started: When the client connected, in seconds since 1970.
        ports: Of the client and of the proxy: between these another listener finds the connection.
    """

    name: str
    chunks: list[Chunk] = field(default_factory=list)
    started: float = 0.0
    ports: tuple[int, int] = (0, 0)

    def stream(self, *, from_client: bool) -> bytes:
        """All bytes of one direction."""
        return b"".join(chunk.data for chunk in self.chunks if chunk.from_client == from_client)

    @property
    def pdus(self) -> list[RecordedPdu]:
        """The PDUs of both directions in the order in which they were complete.

        Raises:
            AssertionError: A direction ends within a PDU.
        """
        waiting = {True: bytearray(), False: bytearray()}
        found: list[RecordedPdu] = []
        for chunk in self.chunks:
            buffer = waiting[chunk.from_client]
            buffer += chunk.data
            while len(buffer) >= HEADER_LENGTH:
                end = HEADER_LENGTH + int.from_bytes(buffer[2:6], "big")
                if len(buffer) < end:
                    break
                found.append(RecordedPdu(chunk.from_client, bytes(buffer[:end])))
                del buffer[:end]
        left = {from_client: len(rest) for from_client, rest in waiting.items() if rest}
        assert not left, f"{self.name}: bytes after the last whole PDU, by whether the client sent them: {left}"
        return found


# -- the proxy ---------------------------------------------------------------------------------------------------


class Recorder:
    """Listens on `port` and connects every client with the server behind it."""

    def __init__(self, name: str, server_port: int) -> None:
        self.name = name
        self.conversations: list[Conversation] = []
        self._server_port = server_port
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()  # guards the lists and the order of chunks
        self._listener = _listener()
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"recorder-{name}", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Wait for the conversations to end; what does not end is cut."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the acceptor
        self._acceptor.join(PATIENCE)
        self._listener.close()
        end = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, (_, client_port) = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port), PATIENCE)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = Conversation(self.name, started=time.time(), ports=(client_port, self.port))
            self.conversations.append(conversation)
            self._sockets += (client, server)
            for source, target, from_client in ((client, server, True), (server, client, False)):
                thread = threading.Thread(
                    target=self._pump,
                    args=(conversation, source, target, from_client),
                    name=f"recorder-{self.name}-{'client' if from_client else 'server'}",
                    daemon=True,
                )
                self._threads.append(thread)
                thread.start()

    def _pump(self, conversation: Conversation, source: socket.socket, target: socket.socket, client: bool) -> None:
        data = b"start"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:  # reset: the side is gone as if it had closed
                data = b""
            with self._lock:
                # before it goes on, so that no answer can come in front of its question
                conversation.chunks.append(Chunk(time.time(), client, data))
            try:
                if data:
                    target.sendall(data)
                else:
                    target.shutdown(socket.SHUT_WR)
            except OSError:
                if not data:
                    return
                # the target is gone, what the source still says is recorded all the same


def _listener() -> socket.socket:
    for port in PORTS:
        with contextlib.suppress(OSError):
            return socket.create_server(("127.0.0.1", port))
    raise AssertionError(f"no port of {PORTS} is free")


@contextmanager
def recorder(name: str, server_port: int) -> Iterator[Recorder]:
    """Records the connections to its `port` until the block ends."""
    running = Recorder(name, server_port)
    try:
        yield running
    finally:
        running.close()


# -- pcap --------------------------------------------------------------------------------------------------------

SERVER_PORT = 11112  # in the file; the port that the peers really used was any free one
FIRST_CLIENT_PORT = 40000
_CLIENT, _SERVER = IPv4Address("192.0.2.1").packed, IPv4Address("192.0.2.2").packed  # RFC 5737: documentation
_CLIENT_MAC, _SERVER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")  # locally administered
_FIN, _SYN, _PUSH, _ACK = 0x01, 0x02, 0x08, 0x10
_WINDOW = 0xFFFF
_SYN_OPTIONS = bytes.fromhex("020405b4 01 030307")  # MSS 1460, no operation, window scale 7
SEGMENT = 1460


def write_pcap(path: Path, conversations: Iterable[Conversation], segment: int = SEGMENT) -> None:
    """Write conversations as TCP connections to `SERVER_PORT`, in the order of time.

    Args:
        path: The file.
        conversations: The first comes from `FIRST_CLIENT_PORT`, the second from the port after it, and so on.
        segment: How many bytes one TCP segment carries at most.
    """
    connections = [_frames(one, FIRST_CLIENT_PORT + index, segment) for index, one in enumerate(conversations)]
    with path.open("wb") as file:
        # magic, version 2.4, UTC, accuracy, longest packet, Ethernet
        file.write(pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 1))
        for moment, frame in merge(*connections, key=lambda one: one[0]):
            microseconds = int(moment * 1_000_000)
            file.write(pack("<IIII", microseconds // 1_000_000, microseconds % 1_000_000, len(frame), len(frame)))
            file.write(frame)


def _frames(conversation: Conversation, port: int, segment: int) -> Iterator[tuple[float, bytes]]:
    numbers = {True: 0x1000_0000 + port, False: 0x2000_0000 + port}  # the next sequence number of each side

    def packet(from_client: bool, flags: int, data: bytes = b"", options: bytes = b"") -> bytes:
        mine, theirs = numbers[from_client], numbers[not from_client] if flags & _ACK else 0
        numbers[from_client] += len(data) + bool(flags & (_SYN | _FIN))
        return _packet(from_client, port, mine, theirs, flags, data, options)

    start = conversation.started
    yield start, packet(True, _SYN, options=_SYN_OPTIONS)
    yield start, packet(False, _SYN | _ACK, options=_SYN_OPTIONS)
    yield start, packet(True, _ACK)
    for moment, from_client, data in conversation.chunks:
        for offset in range(0, len(data), segment):
            piece = data[offset : offset + segment]
            flags = _ACK | _PUSH if offset + segment >= len(data) else _ACK
            yield moment, packet(from_client, flags, piece)
        if not data:
            yield moment, packet(from_client, _FIN | _ACK)
        yield moment, packet(not from_client, _ACK)


def _packet(
    from_client: bool, port: int, number: int, acknowledged: int, flags: int, data: bytes, options: bytes
) -> bytes:
    """Ethernet II, IPv4 (RFC 791) and TCP (RFC 9293) around `data`."""
    ends = ((_CLIENT_MAC, _CLIENT, port), (_SERVER_MAC, _SERVER, SERVER_PORT))
    source, target = ends if from_client else ends[::-1]
    length = 20 + len(options) + len(data)
    tcp = pack(">HHIIBBH", source[2], target[2], number, acknowledged, (20 + len(options)) << 2, flags, _WINDOW)
    pseudo = source[1] + target[1] + pack(">BBH", 0, 6, length)
    urgent = bytes(2)
    checksum = _checksum(pseudo + tcp + bytes(2) + urgent + options + data)
    ip = pack(">BBHHHBB", 0x45, 0, 20 + length, 0, 0x4000, 64, 6)
    addresses = source[1] + target[1]
    ip += _checksum(ip + bytes(2) + addresses) + addresses
    return target[0] + source[0] + b"\x08\x00" + ip + tcp + checksum + urgent + options + data


def _checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    # The end-around carry is the remainder by FFFFH; of the two forms of zero a sum of words takes the other one.
    total = int.from_bytes(data, "big") % 0xFFFF or 0xFFFF
    return pack(">H", ~total & 0xFFFF)
