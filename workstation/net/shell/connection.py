"""The shell around one upper layer: its socket (plain or TLS), its lock, its reader thread.

One lock guards the engine, the socket and the outbox; it is never held while waiting or while a handler runs.
The reader waits on [socket, waker] until the engine's deadline; any thread may make a request of the engine, which
writes what it can at once. What cannot be written stays in the outbox: a sender waits for room itself, the reader
flushes what nobody waits for. Two threads never use the socket at once, because each use is under the lock and
never blocks.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol

from workstation.net.codec.pdu import PDUType
from workstation.net.engine.fsm import State
from workstation.net.engine.upper_layer import Disconnect, Output, Sent, UpperLayer
from workstation.net.errors import LocalProtocolError
from workstation.net.shell.hindrance import Hindrance, Pace
from workstation.net.shell.readiness import Waker, wait

_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
_GATHER = 64  # pieces in one gathered write; every system allows more
_STUCK = 60.0  # seconds without room to write after which a peer counts as dead when nothing else is set
_DRAIN = 30.0  # seconds that a peer on which we hung up has to close its side
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

Alter = Callable[[Sent], Sent | None]
"""What leaves in place of a PDU, or None for nothing; called under the lock. For test servers (`interference`)."""


class Owner(Protocol):
    """Who a connection works for."""

    def note(self, outputs: list[Output]) -> None:
        """Called under the lock, in wire order: remember what handlers must hear."""

    def handle(self, outputs: list[Output]) -> None:
        """Called without the lock by the thread that caused the outputs: act on them."""

    def idle(self) -> None:
        """The network timeout passed without a byte."""


class Connection:
    """The transport of one association.

    Args:
        engine: The upper layer; from now on only touched under `lock`.
        owner: Gets the engine's outputs.
    """

    def __init__(self, engine: UpperLayer, owner: Owner) -> None:
        self.engine = engine
        self.lock = threading.Lock()  # guards engine, _socket's use, _outbox and the flags below
        self._owner = owner
        self._socket: socket.socket | None = None
        self._tls = False
        self._waker: Waker | None = None  # ends the reader's wait
        self._sender: Waker | None = None  # ends the wait of a sender; there once one has had to wait
        self._outbox: deque[deque[memoryview]] = deque()  # one entry a PDU
        self._head_started = False
        self._waiters = 0
        self._closed = False
        self._reader_done = False
        self._waiting_until: float | None = None
        self._turn = threading.Lock()  # held for a whole DIMSE message: messages never interleave
        self._speaker: int | None = None  # the thread that holds it
        self._broken: str = ""
        self._hindrance: Hindrance | None = None
        self._resets = False
        self._drains_until: float | None = None

    # ------------------------------------------------------------------- life
    def pause(self, sock: socket.socket, deadline: float | None, *, write: bool) -> None:
        """Wait for a socket that is not attached yet; closing the connection ends it (`connecting.Pause`).

        Raises:
            TimeoutError: The deadline has passed.
            ConnectionAbortedError: The connection was closed meanwhile.
        """
        while True:
            with self.lock:
                if self._closed:
                    raise ConnectionAbortedError(errno.ECONNABORTED, "the connection was given up")
                if self._waker is None:
                    self._waker = Waker()
                waker = self._waker
            left = None if deadline is None else deadline - time.monotonic()
            if any(wait(sock, waker, left, read=not write, write=write)):
                return
            if left is not None and left <= 0:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def attach(self, sock: socket.socket) -> None:
        """Take over a connected socket; it is closed by `run` or `discard`."""
        with self.lock:
            self._socket = sock
            self._tls = isinstance(sock, ssl.SSLSocket)
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._waker is None:
                self._waker = Waker()

    @property
    def closed(self) -> bool:
        """Whether the transport connection is over."""
        return self._closed

    def request(
        self,
        act: Callable[[UpperLayer, float], None],
        then: Callable[[UpperLayer], None] | None = None,
        alter: Alter | None = None,
    ) -> None:
        """Make a local request of the engine from any thread.

        Args:
            act: Makes the request.
            then: Called under the lock as well, when what came out of the engine has been noted.
            alter: Alters the PDUs that come of it.

        Raises:
            LocalProtocolError: The state does not allow it; nothing changed.
        """
        with self.lock:
            act(self.engine, time.monotonic())
            outputs = self._collect(alter)
            if then is not None:
                then(self.engine)
            self._wake_reader()
        self._owner.handle(outputs)

    def wake(self) -> None:
        """Have the reader look at the engine's deadline again."""
        with self.lock:
            self._wake_reader(always=True)

    def nudge(self) -> None:
        """As `wake`, from where nobody may wait, such as a finalizer; nothing if the lock is taken."""
        if self.lock.acquire(blocking=False):
            try:
                self._wake_reader(always=True)
            finally:
                self.lock.release()

    def _wake_reader(self, *, always: bool = False) -> None:
        """Under the lock: end the reader's wait if it would sleep past something new."""
        if self._waker is None or self._closed:
            return
        deadline = self.engine.deadline
        sooner = deadline is not None and (self._waiting_until is None or deadline < self._waiting_until)
        if always or sooner or self._outbox:
            self._waker.wake()

    def run(self) -> None:
        """The reader: until the connection is closed, read, keep the deadlines, write what waits."""
        try:
            while self._turn_round():
                pass
        finally:
            self.discard()

    def _turn_round(self) -> bool:
        """Wait once and act on it; whether the connection is still open."""
        with self.lock:
            if self._closed or self._socket is None or self._waker is None:
                return False
            sock, waker = self._socket, self._waker
            self._waiting_until = self.engine.deadline
            read, write = True, bool(self._outbox)
            if self._hindrance is not None:
                if self._hindrance.reading is not None and self.engine.state is State.STA13:
                    self._hurry(sock, self._hindrance)
                now = time.monotonic()
                read, write, self._waiting_until = self._hindrance.plan(now, self._waiting_until, write=write)
            pending = bool(self._broken) or (read and isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)
            timeout = None if self._waiting_until is None else self._waiting_until - time.monotonic()
        if self._drains_until is not None:
            return self._drain(sock, waker, self._drains_until)
        readable, writable = wait(sock, waker, 0.0 if pending else timeout, read=read, write=write)
        idle = False
        with self.lock:
            if self._closed:
                return False
            if writable:
                self._flush()
            heard = bool(readable or pending or self._broken) and self._read()
            now = time.monotonic()
            if self._broken and not heard:
                self.engine.disconnected(now, self._broken)
            deadline = self.engine.deadline
            if deadline is not None and now >= deadline and not self.is_hushed:
                idle = self.engine.tick(now) == "network"
            outputs = self._collect()
        self._owner.handle(outputs)
        if idle:
            self._owner.idle()
        return True

    def close(self, why: str) -> None:
        """Cut the transport connection from any thread (Evt17)."""
        with self.lock:
            self.engine.disconnected(time.monotonic(), why)
            outputs = self._collect()
            if self._drains_until is not None and not self._closed:
                outputs = self._drained()
            self._close()
        self._owner.handle(outputs)

    def _collect(self, alter: Alter | None = None) -> list[Output]:
        """Under the lock: take the engine's outputs, send what is to be sent, let the owner note them."""
        outputs = self.engine.take()
        if not outputs:
            return outputs
        if alter is not None or self._hindrance is not None:
            outputs = self._altered(outputs, alter)
        disconnect = aborts = False
        for output in outputs:
            if isinstance(output, Sent):
                if output.pdu_type == PDUType.A_ABORT:
                    # an abort cuts in between PDUs: only one whose first bytes have left is finished
                    aborts = True
                    while len(self._outbox) > (1 if self._head_started else 0):
                        self._outbox.pop()
                self._outbox.append(deque(memoryview(piece).cast("B") for piece in output.pieces if len(piece)))
            elif isinstance(output, Disconnect):
                disconnect = True
        if self._outbox:
            self._flush()
            if aborts and self._outbox:
                self.engine.hasten(time.monotonic())
        if aborts and self._sender is not None:
            self._sender.wake()  # there may be room for an abort and yet too little for the system to say so
        self._owner.note(outputs)
        if disconnect:
            self._close()
        return outputs

    def _close(self) -> None:
        """Under the lock: nothing is read or written from here on; the descriptors go when nobody waits on them."""
        if self._closed:
            return
        self._closed = True
        self._outbox.clear()
        if self._socket is not None and not self._resets:
            if isinstance(self._socket, ssl.SSLSocket):
                with contextlib.suppress(OSError, ValueError):
                    self._socket.unwrap()  # says close_notify: the end is meant; nobody waits for the peer's
            with contextlib.suppress(OSError, ValueError):
                self._socket.shutdown(socket.SHUT_RDWR)
        for waker in (self._waker, self._sender):
            if waker is not None:
                waker.wake()

    def _release_descriptors(self) -> None:
        """Under the lock: close the socket once the reader and every waiting sender are gone."""
        if self._waiters or not self._reader_done:
            return
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None
        for waker in (self._waker, self._sender):
            if waker is not None:
                waker.close()
        self._waker = self._sender = None

    def discard(self) -> None:
        """Close what was attached although the reader never ran."""
        with self.lock:
            self._close()
            self._reader_done = True
            self._release_descriptors()

    # ------------------------------------------------------------------- reading
    def _read(self) -> bool:
        """Under the lock: take what has arrived, a buffer's worth at most; whether there was something."""
        sock = self._socket
        assert sock is not None
        buffer = self.engine.buffer()
        pace = None if self._hindrance is None else self._hindrance.reading
        if pace is not None and not self._broken:
            buffer = buffer[: pace.room(time.monotonic())]
            if not buffer:
                return False
        try:
            count = sock.recv_into(buffer)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            self.engine.disconnected(time.monotonic(), f"The transport connection broke: {_sentence(error)}")
            return False
        if count:
            if _QUICKACK is not None:
                # DCMTK writes a PDU's header and body apart, with Nagle's algorithm on: the body then waits for our
                # acknowledgement, which the system would hold back for 40 ms. It forgets the option, so each time.
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            self.engine.receive(count, time.monotonic())
            if pace is not None:
                pace.passed(count, time.monotonic())
        else:
            self.engine.disconnected(time.monotonic(), "The peer closed the transport connection")
        return count > 0

    # ------------------------------------------------------------------- writing
    def _flush(self) -> None:
        """Under the lock: write as much of the outbox as the system takes.

        A write that fails ends nothing here: the reader first reads what the peer has said, perhaps why it closed.
        """
        sock = self._socket
        if sock is None or self._closed or self._broken:
            self._outbox.clear()
            return
        pace = None if self._hindrance is None else self._hindrance.writing
        try:
            while self._outbox:
                if pace is not None:
                    room = pace.room(time.monotonic())
                    if not room:
                        return
                    sent = sock.send(self._outbox[0][0][:room])
                    pace.passed(sent, time.monotonic())
                    self.engine.watch_network(time.monotonic())  # what we do slowly is not the peer's silence
                elif self._tls or not _HAS_SENDMSG:
                    sent = sock.send(self._outbox[0][0])
                else:
                    sent = sock.sendmsg(islice((piece for pdu in self._outbox for piece in pdu), _GATHER))
                self._drop(sent)
        except (BlockingIOError, InterruptedError):
            return
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            # a record of it may have been made already, so that nothing else may take its place
            self._head_started = True
        except OSError as error:
            self._outbox.clear()
            self._head_started = False
            self._broken = f"The transport connection broke: {_sentence(error)}"
            if self._waker is not None:
                self._waker.wake()

    def _drop(self, sent: int) -> None:
        """Forget `sent` bytes from the front of the outbox."""
        while sent:
            pdu = self._outbox[0]
            piece = pdu[0]
            if sent < len(piece):
                pdu[0] = piece[sent:]
                self._head_started = True
                return
            sent -= len(piece)
            pdu.popleft()
            self._head_started = True
            if not pdu:
                self._outbox.popleft()
                self._head_started = False

    def send_message(
        self,
        context_id: int,
        command: bytes,
        data: Iterable[memoryview] | None,
        announce: Callable[[], None],
        alter: Alter | None = None,
    ) -> None:
        """Send one DIMSE message: its command set, and its data set piece by piece.

        Blocks while the peer does not read; an abort or a closed connection ends it.

        Args:
            context_id: The Presentation Context ID.
            command: The encoded command set.
            data: The encoded data set in stretches, each a multiple of the engine's `largest_fragment` but the
                last, or None.
            announce: Called under the lock before the first PDU is noted, unless nothing is sent.
            alter: Alters each of its PDUs.

        Raises:
            LocalProtocolError: The association does not allow it (any more).
        """
        if self._speaker == threading.get_ident():
            raise LocalProtocolError("a notification handler cannot send while its thread is sending a message")
        with self._turn:
            self._speaker = threading.get_ident()
            try:
                pieces = iter(data) if data is not None else iter(())
                following = next(pieces, None)
                # a command set that data follow waits for them: one write for a small message
                hold = following is not None
                self._send(context_id, memoryview(command), command=True, hold=hold, announce=announce, alter=alter)
                while following is not None:
                    current, following = following, next(pieces, None)
                    self._send(context_id, current, last=following is None, alter=alter)
            finally:
                self._speaker = None

    def _send(
        self,
        context_id: int,
        data: memoryview,
        *,
        command: bool = False,
        last: bool = True,
        hold: bool = False,
        announce: Callable[[], None] | None = None,
        alter: Alter | None = None,
    ) -> None:
        """Hand a stretch to the engine; unless it is held, return when all of it has been written."""
        with self.lock:
            self.engine.send_data(context_id, data, command=command, last=last, now=time.monotonic())
            if announce is not None:
                announce()
            outputs = self._hold(alter) if hold else self._collect(alter)
            waiting = bool(self._outbox) and not hold
        self._owner.handle(outputs)
        if waiting:
            self._await_room()

    def _hold(self, alter: Alter | None) -> list[Output]:
        """Under the lock: put the engine's PDUs in the outbox without writing yet."""
        outputs = self.engine.take()
        if alter is not None or self._hindrance is not None:
            outputs = self._altered(outputs, alter)
        for output in outputs:
            if isinstance(output, Sent):
                self._outbox.append(deque(memoryview(piece).cast("B") for piece in output.pieces if len(piece)))
        self._owner.note(outputs)
        return outputs

    def _await_room(self) -> None:
        """Wait until the outbox has been written; cut a peer that takes nothing for too long.

        When no more data may be sent, what is left in the outbox is the reader's.
        """
        with self.lock:
            if self._closed or self._socket is None:
                return
            if self._sender is None:
                self._sender = Waker()
            sock, waker = self._socket, self._sender
            self._waiters += 1
        try:
            while True:
                limit = self.engine.limits.network or _STUCK
                pause = 0.0
                if self._hindrance is not None and self._hindrance.writing is not None:
                    pause = max(0.0, self._hindrance.writing.next - time.monotonic())
                _, writable = wait(sock, waker, pause or limit, read=False, write=not pause)
                with self.lock:
                    if writable or pause:
                        self._flush()
                    elif not self._is_sent:
                        self.engine.disconnected(time.monotonic(), f"The peer read nothing for {limit:.0f} s")
                    outputs = self._collect()
                    done = self._is_sent
                self._owner.handle(outputs)
                if done:
                    return
        finally:
            with self.lock:
                self._waiters -= 1
                self._release_descriptors()

    @property
    def _is_sent(self) -> bool:
        """Under the lock: whether a sender has nothing to wait for any longer."""
        return self._closed or not self._outbox or not self.engine.can_send_data

    # ------------------------------------------------------------------- misbehaving on purpose (`interference`)
    @property
    def is_hushed(self) -> bool:
        """Whether nothing leaves any more."""
        return self._hindrance is not None and self._hindrance.silent

    def hush(self) -> None:
        """As `silence`, from an `Alter`, which is called under the lock."""
        if self._hindrance is None:
            self._hindrance = Hindrance()
        self._hindrance.silent = True

    def silence(self) -> None:
        """Send nothing from now on; what arrives is read, and no deadline of ours ends the association."""
        with self.lock:
            self.hush()
            self._wake_reader(always=True)

    def slow_down(self, *, reading: int | None = None, writing: int | None = None) -> None:
        """Read or write no more bytes a second than this from now on; None leaves it as it is."""
        with self.lock:
            if self._hindrance is None:
                self._hindrance = Hindrance()
            if reading is not None:
                self._hindrance.reading = Pace(reading)
                # a PDU takes as long as we make it take
                self.engine.limits.pdu = self.engine.limits.grace = math.inf
                if self._socket is not None:
                    # or the system would take megabytes at once, and the peer would notice nothing
                    with contextlib.suppress(OSError):
                        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(max(reading, 2048), 65536))
            if writing is not None:
                self._hindrance.writing = Pace(writing)
            self._wake_reader(always=True)

    def _hurry(self, sock: socket.socket, hindrance: Hindrance) -> None:
        """Under the lock: all is said, so read what is left until the peer closes as fast as it comes."""
        hindrance.reading = None
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def hang_up(self, why: str) -> None:
        """Close our side of the transport connection (FIN) without a word, and go when the peer has closed its own.

        What the peer still says is read and dropped meanwhile: to close a socket with unread bytes, or to get more
        afterwards, makes the system reset the connection.
        """
        with self.lock:
            if self._closed or self._socket is None or self._drains_until is not None:
                return
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
            self._outbox.clear()
            self.hush()
            self._drains_until = time.monotonic() + _DRAIN
            self.engine.disconnected(time.monotonic(), why)
            outputs: list[Output] = [one for one in self.engine.take() if not isinstance(one, Disconnect)]
            self._owner.note(outputs)
            for waker in (self._waker, self._sender):
                if waker is not None:
                    waker.wake()
        self._owner.handle(outputs)

    def reset(self, why: str) -> None:
        """Cut the transport connection with an RST; what the system has not yet sent is lost."""
        with self.lock:
            if self._closed or self._socket is None:
                return
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                self._resets = True
        self.close(why)

    def _altered(self, outputs: list[Output], alter: Alter | None) -> list[Output]:
        """Under the lock: the engine's outputs with the PDUs that leave in place of its own."""
        altered: list[Output] = []
        for output in outputs:
            leaves: Output | None = output
            if isinstance(output, Sent):
                if self.is_hushed:
                    leaves = None
                elif alter is not None:
                    leaves = alter(output)
            if leaves is not None:
                altered.append(leaves)
        return altered

    def _drain(self, sock: socket.socket, waker: Waker, until: float) -> bool:
        """Wait for the peer to close its side; whether it is still to come."""
        readable, _ = wait(sock, waker, until - time.monotonic(), read=True, write=False)
        with self.lock:
            if self._closed:
                return False
            is_over = time.monotonic() >= until
            if readable:
                try:
                    is_over = is_over or not sock.recv(1 << 16)
                except (BlockingIOError, InterruptedError):
                    pass
                except OSError:
                    is_over = True
            if not is_over:
                return True
            outputs = self._drained()
            self._close()
        self._owner.handle(outputs)
        return False

    def _drained(self) -> list[Output]:
        """Under the lock: the end that `hang_up` has put off."""
        outputs: list[Output] = [Disconnect()]
        self._owner.note(outputs)
        return outputs


def _sentence(error: OSError) -> str:
    """What the system says, without numbers."""
    return error.strerror or str(error) or type(error).__name__
