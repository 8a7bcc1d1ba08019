"""What may keep a transport connection from working as it should, on purpose: silence, a slow wire, a wordless end.

Exists for test servers; a connection without one asks `is None` and nothing else. Never waits, and knows no lock: the
connection asks it under its own, and says what time it is.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import struct
from collections.abc import Callable

from workstation.net.codec.pdu import PDUType
from workstation.net.engine.upper_layer import Limits, Output, Sent, SentData

_STRETCHES = 20  # a second's bytes come in so many stretches
_DRAIN = 30.0  # seconds that a peer on which we hung up has to close its side
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

Alter = Callable[[Sent], Sent | None]
"""What leaves in place of a PDU, or None for nothing; called under the connection's lock (`interference`)."""


class Pace:
    """So many bytes a second and no more, in stretches of a twentieth of a second.

    Args:
        rate: Bytes a second, 1 or more.

    Attributes:
        next: When more may pass, of `time.monotonic()`.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.next = 0.0
        self._stretch = max(1, rate // _STRETCHES)

    def room(self, now: float) -> int:
        """How many bytes may pass now; 0 is to wait until `next`."""
        return self._stretch if now >= self.next else 0

    def passed(self, count: int, now: float) -> None:
        """So many bytes have passed."""
        self.next = max(self.next, now) + count / self.rate


class Hindrance:
    """What hinders one connection; changed and asked under its lock.

    Attributes:
        silent: Nothing leaves any more, and no deadline of ours ends the association.
        reading: How fast is read, or None.
        writing: How fast is written, or None.
        drains_until: We hung up; when we go, of `time.monotonic()`, if the peer has not closed its side before.
        resets: The socket is to be closed without another word.
    """

    def __init__(self) -> None:
        self.silent = False
        self.reading: Pace | None = None
        self.writing: Pace | None = None
        self.drains_until: float | None = None
        self.resets = False

    def slow_down(
        self, sock: socket.socket | None, limits: Limits, *, reading: int | None, writing: int | None
    ) -> None:
        """Read or write no more bytes a second than this; None leaves it as it is.

        Args:
            sock: The connection's, once it has one.
            limits: The engine's: a PDU takes as long as we make it take.
            reading: Bytes a second.
            writing: Bytes a second.
        """
        if reading is not None:
            self.reading = Pace(reading)
            limits.pdu = limits.grace = math.inf
            if sock is not None:
                # or the system would take megabytes at once, and the peer would notice nothing
                _set_receive_buffer(sock, min(max(reading, 2048), 65536))
        if writing is not None:
            self.writing = Pace(writing)

    def hurry(self, sock: socket.socket) -> None:
        """Read what is left until the peer closes as fast as it comes."""
        if self.reading is not None:
            self.reading = None
            _set_receive_buffer(sock, 1 << 20)

    def hang_up(self, sock: socket.socket, now: float) -> None:
        """Close our side (FIN), without a word from now on.

        What the peer still says is read and dropped meanwhile (`has_drained`): to close a socket with unread bytes, or
        to get more afterwards, makes the system reset the connection.
        """
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        self.silent = True
        self.drains_until = now + _DRAIN

    def has_drained(self, sock: socket.socket, now: float, *, readable: bool) -> bool:
        """Drop what the peer has said since; whether it has closed its side, or the time for it is up."""
        is_over = self.drains_until is not None and now >= self.drains_until
        if readable and not is_over:
            try:
                is_over = not sock.recv(1 << 16)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError:
                is_over = True
        return is_over

    def reset(self, sock: socket.socket) -> None:
        """Have the end of the socket be an RST; what the system has not yet sent is lost."""
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.resets = True

    def pause(self, now: float) -> float:
        """The seconds until more may be written."""
        return 0.0 if self.writing is None else max(0.0, self.writing.next - now)

    def plan(self, now: float, deadline: float | None, *, write: bool) -> tuple[bool, bool, float | None]:
        """What whoever reads waits for.

        Args:
            now: The time.
            deadline: The engine's.
            write: Whether there is something to write.

        Returns:
            Whether to wait for bytes to read, whether for room to write, and until when.
        """
        read = True
        if self.silent:
            deadline = None
        if self.reading is not None and not self.reading.room(now):
            read, deadline = False, _sooner(deadline, self.reading.next)
        if write and self.writing is not None and not self.writing.room(now):
            write, deadline = False, _sooner(deadline, self.writing.next)
        return read, write, deadline


def altered(outputs: list[Output], alter: Alter | None, is_silent: Callable[[], bool]) -> list[Output]:
    """The engine's outputs with the PDUs that leave in place of its own.

    Args:
        outputs: The engine's.
        alter: Alters each PDU, and may fall silent.
        is_silent: Whether nothing leaves; asked before each PDU.
    """
    leaving: list[Output] = []
    for output in outputs:
        if isinstance(output, SentData):
            parts: list[Output] = [Sent(PDUType.P_DATA_TF, pieces) for pieces in output.pdus]
        else:
            parts = [output]
        for part in parts:
            leaves: Output | None = part
            if isinstance(part, Sent):
                if is_silent():
                    leaves = None
                elif alter is not None:
                    leaves = alter(part)
            if leaves is not None:
                leaving.append(leaves)
    return leaving


def _set_receive_buffer(sock: socket.socket, size: int) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _sooner(deadline: float | None, other: float) -> float:
    return other if deadline is None else min(deadline, other)
