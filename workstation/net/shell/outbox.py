"""What one connection has yet to write, PDU by PDU, and how it is written.

Knows its socket for the length of a call, and neither the engine nor a lock: the connection's guards it.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from itertools import chain, islice

from workstation.net.shell.hindrance import Pace

_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")
_GATHER = 256  # PDUs in one gathered write: two pieces each, as a rule, and every system takes 1024
_HELD = 32 * 1024  # bytes that wait for more to be written with them


class Outbox(deque[tuple[bytes | memoryview, ...]]):
    """The PDUs that are to be written, the first in front, each as the pieces that make it up.

    A deque itself, for each message asks it whether there is anything.

    Attributes:
        held: Bytes of it that wait for more to be written with them; 0 when none is to wait.
    """

    __slots__ = ("_head_started", "held")

    def __init__(self) -> None:
        super().__init__()
        self.held = 0
        self._head_started = False

    def hold(self, size: int) -> bool:
        """So many more bytes of it may wait; whether they still do, and not so many that all must leave."""
        self.held += size
        return self.held < _HELD

    def forget(self) -> None:
        """Nothing of it will be written."""
        self.clear()
        self.held = 0
        self._head_started = False

    def cut_in(self) -> None:
        """Drop all that has not begun to leave: an abort cuts in between PDUs."""
        while len(self) > (1 if self._head_started else 0):
            self.pop()

    def write(self, sock: socket.socket, *, gathers: bool, pace: Pace | None = None) -> bool:
        """Write as much as the system takes.

        Args:
            sock: Where to, not blocking.
            gathers: Whether it takes many pieces at once, as TLS does not.
            pace: How fast, or None.

        Returns:
            Whether something was written.

        Raises:
            OSError: The transport connection broke.
        """
        self.held = 0
        wrote = False
        try:
            while self:
                if pace is not None:
                    room = pace.room(time.monotonic())
                    if not room:
                        break
                    sent = sock.send(memoryview(self[0][0])[:room])
                    pace.passed(sent, time.monotonic())
                elif not (gathers and _HAS_SENDMSG):
                    sent = sock.send(self[0][0])
                else:
                    count = len(self)
                    pieces = self[0] if count == 1 else list(chain.from_iterable(islice(self, _GATHER)))
                    sent = sock.sendmsg(pieces)
                    if count <= _GATHER and sent == sum(map(len, pieces)):
                        self.clear()
                        self._head_started = False
                        return True
                wrote = True
                self._drop(sent)
        except (BlockingIOError, InterruptedError):
            pass
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            # a record of it may have been made already, so that nothing else may take its place
            self._head_started = True
        return wrote

    def _drop(self, sent: int) -> None:
        """Forget `sent` bytes from the front, and pieces without any."""
        while self:
            pdu = self[0]
            gone = 0  # pieces of this PDU
            for piece in pdu:
                if sent < len(piece):
                    break
                sent -= len(piece)
                gone += 1
            if gone < len(pdu):
                if sent or gone:
                    self[0] = (memoryview(pdu[gone])[sent:], *pdu[gone + 1 :])
                    self._head_started = True
                return
            self.popleft()
            self._head_started = False
