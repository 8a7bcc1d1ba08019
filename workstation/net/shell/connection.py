"""The shell around one upper layer: its socket (plain or TLS), its lock, and who reads it.

One lock guards the engine, the socket and the outbox; it is never held while waiting or while a handler runs.

No connection has a thread of its own. One thread at a time drives it: waits for bytes until the engine's deadline,
reads, and acts on what came. Whoever waits for something from the peer drives (`pump`), so that an answer needs no
second thread. When nobody does, the connection rests and the `watching` thread waits for it: that acts on what arrives
itself where requests are known to take a moment (`attend_now`), and has another thread of the pool do so where they are
not (`attend`). The latter stays until nothing more comes, or the connection has proved to be quick.

Any thread may make a request of the engine, which writes what it can at once. What cannot be written stays in the
outbox: a sender waits for room itself, the driver flushes what nobody waits for. Two threads never use the socket at
once, because each use is under the lock and never blocks.
"""

from __future__ import annotations

import contextlib
import contextvars
import errno
import itertools
import logging
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from workstation.net.codec.pdu import PDUType
from workstation.net.engine.fsm import State
from workstation.net.engine.upper_layer import (
    DataIndication,
    Disconnect,
    Output,
    Received,
    Sent,
    SentData,
    Stepped,
    UpperLayer,
)
from workstation.net.errors import LocalProtocolError
from workstation.net.shell import threads, watching
from workstation.net.shell.hindrance import Alter, Hindrance, altered
from workstation.net.shell.outbox import Outbox
from workstation.net.shell.readiness import Readable, Waker, own_waker, wait
from workstation.net.shell.watching import Plan, Watcher

_log = logging.getLogger("workstation.net.shell.connection")
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
_QUICK = 0.002  # seconds between two messages, less than which the second may wait for a third
_MUCH = 8 * 1024  # bytes in one read, after which more are looked for before they are waited for
_STUCK = 60.0  # seconds without room to write after which a peer counts as dead when nothing else is set
_LINGER = 0.05  # seconds without a byte after which a thread of the pool no longer waits for more
_MOMENT = 0.001  # seconds that the watcher's thread may spend on a request
_PROOF = 10  # requests to be performed within that, after one that was not, before it is trusted to be quick again
_numbers = itertools.count(1)


class Owner(Protocol):
    """Who a connection works for."""

    def note(self, outputs: list[Output]) -> None:
        """Called under the lock, in wire order: remember what handlers must hear."""

    def handle(self, outputs: list[Output]) -> None:
        """Called without the lock by the thread that caused the outputs: act on them."""

    def idle(self) -> None:
        """The network timeout passed without a byte."""

    def has_work(self) -> bool:
        """Whether something has arrived that is to be done by a thread that does not read meanwhile."""

    def work(self) -> bool:
        """Do it; whether there was something to do."""

    def gone(self) -> None:
        """The connection is closed and nobody drives it any longer; may be called more than once."""


class Connection:
    """The transport of one association.

    Args:
        engine: The upper layer; from now on only touched under `lock`.
        owner: Gets the engine's outputs.
        name: Of the threads of the pool that serve it.
        context: The context variables of which those threads get a copy, or None for none.
    """

    def __init__(self, engine: UpperLayer, owner: Owner, name: str, context: contextvars.Context | None = None) -> None:
        self.engine = engine
        self.lock = threading.Lock()  # guards engine, _socket's use, _outbox and the flags below
        self._owner = owner
        self._name = name
        self._context = context
        self.number = next(_numbers)
        self._socket: socket.socket | None = None
        self._tls = False
        self._readable: Readable | None = None
        self._driver: int | None = None  # the thread that drives
        self._waker: Waker | None = None  # ends its wait, if it waits
        self._performs = False  # whether it also does what arrives
        self._claims: list[Callable[[], None]] = []  # of those who want to drive; called when nobody does
        self._watcher: Watcher | None = None
        self._noted = False  # the watcher has it in mind
        self._watched = False  # the watcher waits for it: its descriptor must stay open
        self._rested = 0.0  # since when nobody drives
        self._summoned = False  # a thread was sent for, or is to be
        self._proof = 1  # requests to be performed in a moment before the watcher's thread performs them
        self._sender: Waker | None = None  # ends the wait of a sender that has to wait for room
        self._unacknowledged = False  # bytes came since we last sent some
        self._streams = False  # the last read took much: perhaps more has come meanwhile
        self._outbox = Outbox()
        self._said = 0.0  # when the last message was sent that may have waited
        self._waiters = 0
        self._closed = False
        self._waiting_until: float | None = None
        self._turn = threading.Lock()  # held for a whole DIMSE message: messages never interleave
        self._speaker: int | None = None  # the thread that holds it
        self._broken: str = ""
        self._hindrance: Hindrance | None = None

    # ------------------------------------------------------------------- life
    def pause(self, sock: socket.socket, deadline: float | None, *, write: bool) -> None:
        """Wait for a socket that is not attached yet; closing the connection ends it (`connecting.Pause`).

        Raises:
            TimeoutError: The deadline has passed.
            ConnectionAbortedError: The connection was closed meanwhile.
        """
        own = own_waker()
        while True:
            with self.lock:
                if self._closed:
                    raise ConnectionAbortedError(errno.ECONNABORTED, "the connection was given up")
                self._waker = own
            left = None if deadline is None else deadline - time.monotonic()
            if any(wait(sock, own, left, read=not write, write=write)):
                return
            if left is not None and left <= 0:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def attach(self, sock: socket.socket) -> None:
        """Take over a connected socket, and drive it: `rest` gives that up. It is closed when all is over."""
        with self.lock:
            self._socket = sock
            self._tls = isinstance(sock, ssl.SSLSocket)
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._readable = Readable(sock)
            self._watcher = watching.watcher()
            self._driver = threading.get_ident()
            self._waker = own_waker()

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
            self._rouse()
        self._owner.handle(outputs)
        if self.is_left:
            self._owner.gone()

    def wake(self) -> None:
        """Have somebody look at the engine's deadline again."""
        with self.lock:
            self._rouse(always=True)

    def nudge(self) -> None:
        """As `wake`, from where nobody may wait, such as a finalizer; nothing if the lock is taken."""
        if self.lock.acquire(blocking=False):
            try:
                self._rouse(always=True)
            finally:
                self.lock.release()

    def _rouse(self, *, always: bool = False) -> None:
        """Under the lock: end the driver's wait, or the connection's rest, if it would sleep past something new."""
        if self._socket is None or self._closed:
            return
        if not always and not self._outbox:
            deadline = self.engine.deadline
            if deadline is None or (self._waiting_until is not None and deadline >= self._waiting_until):
                return
            if self._driver is None:
                self._note_rest(deadline)  # perhaps whoever asked is about to drive
                return
        if self._driver is None:
            self._summoned = True
            self._note_rest(0.0)
        elif self._waker is None:
            self._summoned = True  # it does not wait; when it rests, somebody else will see to it
        elif self._driver != threading.get_ident():
            self._waker.wake()

    # ------------------------------------------------------------------- who drives
    @property
    def is_driver(self) -> bool:
        """Whether the calling thread drives."""
        return self._driver == threading.get_ident()

    @property
    def driver(self) -> int | None:
        """The thread that drives at the moment."""
        return self._driver

    def will_perform(self) -> bool:
        """Whether the calling thread drives, and will also do what has arrived (`Owner.work`)."""
        return self._performs and self._driver == threading.get_ident()

    def take(self, *, soon: bool = False) -> bool:
        """Drive from now on, unless somebody does or all is over.

        Args:
            soon: If not now then soon: a thread of the pool that drives makes way when it has read something.
        """
        with self.lock:
            if self._driver is not None or self._closed or self._socket is None:
                if soon and self._performs and not self._claims:
                    self._claims.append(_nothing)
                return False
            self._driver = threading.get_ident()
            self._waker = own_waker()
            self._summoned = False
            if self._watched:
                self._be_let_go()
            return True

    def _be_let_go(self) -> None:
        """Under the lock: have the watcher wait no longer, if that can be done from here."""
        if self._watched and self._watcher is not None and self._watcher.let_go(self):
            self._watched = self._noted = False

    def _claim(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when nobody drives any longer; a thread of the pool makes way."""
        with self.lock:
            if self._closed:
                return  # whoever closed it tells everybody
            if self._driver is not None:
                self._claims.append(tell)
                if self._performs and self._waker is not None:
                    self._waker.wake()
                return
        tell()

    def rest(self) -> None:
        """Drive no longer."""
        with self.lock:
            self._driver = self._waker = None
            self._performs = False
            closed = self._closed
            claims, self._claims = self._claims, []
            if closed:
                self._release_descriptors()
            else:
                self._rested = time.monotonic()
                if self._is_pressing or self._summoned:
                    self._summoned = True
                    self._note_rest(0.0)
                elif not self._noted:
                    self._note_rest(self._rested + watching.REST)
        if claims:
            for tell in claims:
                tell()
        if closed:
            self._owner.gone()

    @property
    def _is_pressing(self) -> bool:
        """Under the lock: whether there is something to do before anything arrives."""
        if self._outbox or self._broken or self._hindrance is not None:
            return True
        return self._tls and self._socket.pending() > 0  # type: ignore[union-attr]

    def _note_rest(self, when: float) -> None:
        """Under the lock: have the watcher look then."""
        assert self._watcher is not None
        self._noted = True
        self._watcher.look_at(self, when)

    def plan(self, now: float, *, ready: bool) -> Plan | None:
        """Under the lock: what the watcher is to do about it (`watching.Resting`)."""
        was_watched, self._watched = self._watched, False
        if self._closed or self._socket is None:
            self._noted = False
            self._release_descriptors()
            return None
        if self._outbox.held:
            self._flush()
        if self._driver is not None:
            self._noted = False
            if self._outbox:
                self._rouse(always=True)  # who drives does not know of what is left
            return None
        if ready or self._summoned:
            self._noted = False
            return Plan(attend=True)
        rested = self._rested + watching.REST
        if now < rested and not was_watched:
            return Plan(until=rested)
        deadline = self.engine.deadline
        if deadline is not None and deadline <= now:
            self._noted = False
            return Plan(attend=True)
        return self._watch()

    def _watch(self) -> Plan:
        """Under the lock: what the watcher is to wait for."""
        assert self._socket is not None
        self._watched = True
        self._waiting_until = self.engine.deadline
        self.engine.relax()
        return Plan(self._socket.fileno(), self._wants_to_write, self._waiting_until)

    @property
    def _wants_to_write(self) -> bool:
        """Under the lock: whether there is something to be written for which no sender waits."""
        return bool(self._outbox) and not self._waiters

    def summon(self) -> None:
        """Have a thread of the pool attend (`watching.Resting`)."""
        threads.run(self._name, self.attend, context=self._context)

    def attend(self) -> None:
        """Drive for as long as something comes, and do what has arrived; on a thread of the pool."""
        try:
            drives = self.is_driver or self.take()
            while self.serve() if drives else self._owner.work():
                if not self._proof and not self._owner.has_work():
                    break  # the watcher's thread can do that as well
                drives = self.take()
        except OSError as error:
            _log.error("Nobody can attend to a connection for now: %s", _sentence(error))
            with self.lock:
                self._summoned = True
                if self._watcher is not None:
                    self._note_rest(time.monotonic() + watching.RETRY)
        else:
            self._leave()

    def serve(self) -> bool:
        """As `attend` once, for whoever drives already; whether there was something to do."""
        try:
            with self.lock:
                self._performs = True
            if self._owner.has_work():
                # of several requests that came at once: what was said about them since is heard before the next
                self._turn_round(0.0, stays=True)
            self._drive(self._has_reason_to_stop, quiet=_LINGER)
        finally:
            self.rest()
            begun = time.monotonic()
            done = self._owner.work()
            if done:
                self._judge(begun)
        return done

    def attend_now(self) -> bool:
        """Act on what has arrived, if that is known to take a moment (`watching.Resting`)."""
        with self.lock:
            if self._proof or self._closed or self._is_pressing or not self._drive_now():
                return False
        threads.run_here(self._name, self._serve_now, context=self._context)
        return True

    def _drive_now(self) -> bool:
        """Under the lock: drive without waiting, unless somebody drives or all is over; the watcher goes on waiting."""
        if self._driver is not None or self._closed:
            return False
        self._driver = threading.get_ident()
        self._performs = True
        self._summoned = False
        return True

    def _serve_now(self) -> None:
        """As `attend`, for whoever drives without waiting."""
        begun = time.monotonic()
        drives = True
        while drives:
            try:
                self._act(readable=True)
            finally:
                self.rest()
            drives = self._owner.work() and self._owner.has_work()
            if drives or self._unacknowledged:
                with self.lock:
                    if self._unacknowledged:
                        self._acknowledge()
                    drives = drives and self._drive_now()
        self._judge(begun)
        self._leave()

    def _judge(self, begun: float) -> None:
        """Learn from what has been done since then whether requests take a moment."""
        if time.monotonic() - begun > _MOMENT or self.engine.is_streaming:
            self._proof = _PROOF
        elif self._proof:
            self._proof -= 1

    def _leave(self) -> None:
        """Whoever served the connection has finished: have the watcher wait for it at once, if nobody drives."""
        with self.lock:
            if self._closed or self._driver is not None or self._watcher is None:
                return
            if self._watched:
                deadline = self.engine.deadline
                if deadline is not None and (self._waiting_until is None or deadline < self._waiting_until):
                    self._waiting_until = deadline
                    self._note_rest(deadline)
            elif not self._summoned:
                self._rested = -math.inf
                if self._watcher.is_shared:
                    self._noted = True
                    self._watcher.wait_for(self, self._watch())
                else:
                    self._note_rest(0.0)

    def _has_reason_to_stop(self) -> bool:
        return bool(self._claims) or self._owner.has_work()

    def pump(
        self, until: Callable[[], bool], timeout: float | None = None, claim: Callable[[], None] | None = None
    ) -> None:
        """Drive until `until()` or the timeout, if nobody else does.

        The caller has to see for itself whether what it waits for is there, and to wait for it otherwise.

        Args:
            until: Asked after each turn.
            timeout: Seconds.
            claim: Called when whoever drives does so no longer: time to call this again.
        """
        if self._driver == threading.get_ident() or (not until() and self.take()):
            self.pump_on(until, timeout)
        elif claim is not None and not until():
            self._claim(claim)

    def pump_on(self, until: Callable[[], bool], timeout: float | None = None) -> None:
        """As `pump`, for whoever drives already, and does so no longer after it."""
        try:
            self._drive(until, None if timeout is None else time.monotonic() + timeout)
        finally:
            self.rest()

    def _drive(self, until: Callable[[], bool], limit: float | None = None, quiet: float | None = None) -> None:
        """Read and act until `until()`, the limit, so many quiet seconds, or the end of the connection."""
        while not until():
            if self._streams and (quiet is not None or limit is None or time.monotonic() < limit) and self._read_on():
                continue
            if quiet is not None:
                limit = time.monotonic() + quiet
            if not self._turn_round(limit, stays=quiet is None):
                return

    def _read_on(self) -> bool:
        """In the midst of a stream, act on what has arrived; False if that is nothing, or something else is to do."""
        try:
            with self.lock:
                if self._closed or self._broken or self._outbox or self._hindrance is not None:
                    return False
                deadline = self.engine.deadline
                if (deadline is not None and time.monotonic() >= deadline) or not self._read():
                    return False
                outputs = self._collect()
            self._owner.handle(outputs)
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, Exception):
                raise
        return True

    def _turn_round(self, limit: float | None, *, stays: bool) -> bool:
        """Wait once and act on it; False if the limit has passed without anything, or the connection is closed."""
        with self.lock:
            sock, waker, readable = self._socket, self._waker, self._readable
            if self._closed or sock is None or waker is None or readable is None:
                return False
            deadline = self._waiting_until = self.engine.deadline
            read, write = True, bool(self._outbox) and self._wants_to_write
            hindrance = self._hindrance
            if hindrance is not None:
                if self.engine.state is State.STA13:
                    hindrance.hurry(sock)  # all is said
                read, write, self._waiting_until = hindrance.plan(time.monotonic(), deadline, write=write)
                deadline = self._waiting_until
                limit = limit if stays else None
            pending = bool(self._broken) or (self._tls and read and sock.pending() > 0)  # type: ignore[attr-defined]
            if self._unacknowledged:
                # DCMTK writes a PDU's header and body apart, with Nagle's algorithm on: the body then waits for our
                # acknowledgement, which the system would hold back for 40 ms. It forgets the option, so each time;
                # what we have sent meanwhile has carried it.
                self._acknowledge()
        if hindrance is not None and hindrance.drains_until is not None:
            return self._drain(sock, waker, hindrance, hindrance.drains_until, limit)
        if limit is not None and (deadline is None or limit < deadline):
            deadline = limit
        timeout = 0.0 if pending else None if deadline is None else deadline - time.monotonic()
        writable = False
        if read and not write:
            is_readable = readable.wait(waker, timeout)
        else:
            is_readable, writable = wait(sock, waker, timeout, read=read, write=write)
        return self._act(readable=is_readable or pending, writable=writable, limit=limit)

    def _act(self, *, readable: bool, writable: bool = False, limit: float | None = None) -> bool:
        """Read and write what is possible, and act on it; as `_turn_round`."""
        idle = False
        passed = False
        try:
            with self.lock:
                if self._closed:
                    return False
                if writable:
                    self._flush()
                heard = (readable or bool(self._broken)) and self._read()
                now = time.monotonic()
                if self._broken and not heard:
                    self.engine.disconnected(now, self._broken)
                deadline = self.engine.deadline
                if deadline is not None and now >= deadline and not self.is_hushed:
                    idle = self.engine.tick(now) == "network"
                passed = not heard and limit is not None and now >= limit
                outputs = self._collect()
            self._owner.handle(outputs)
            if idle:
                self._owner.idle()
        except BaseException as error:
            # what came has been taken from the engine and not been acted on: nothing after it could be trusted
            self._fail(error)
            if not isinstance(error, Exception):
                raise
            return False
        return not passed

    def _acknowledge(self) -> None:
        """Under the lock: have the system acknowledge at once what came."""
        self._unacknowledged = False
        if self._socket is not None and _QUICKACK is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _fail(self, error: BaseException) -> None:
        """Something of ours failed in the midst of a turn, or Ctrl+C came there."""
        _log.error("The connection is closed, for it could not be served", exc_info=error)
        self.close("An error of our own ended the association")

    def close(self, why: str) -> None:
        """Cut the transport connection from any thread (Evt17)."""
        with self.lock:
            self.engine.disconnected(time.monotonic(), why)
            outputs = self._collect()
            if self._drains and not self._closed:
                outputs = self._drained()
            self._close()
        self._owner.handle(outputs)
        if self.is_left:
            self._owner.gone()

    def _collect(self, alter: Alter | None = None, *, hold: bool = False) -> list[Output]:
        """Under the lock: take the engine's outputs, send what is to be sent, let the owner note them.

        Args:
            alter: Alters each PDU.
            hold: What is to be sent may wait, until the next is sent or the watcher comes by.
        """
        outputs = self.engine.take()
        if not outputs:
            return outputs
        if alter is not None or self._hindrance is not None:
            outputs = altered(outputs, alter, lambda: self.is_hushed)
        disconnect = aborts = False
        for output in outputs:
            kind = type(output)
            if kind is Stepped or kind is Received or kind is DataIndication:
                continue
            if isinstance(output, Sent):
                if output.pdu_type == PDUType.A_ABORT:
                    aborts = True
                    self._outbox.cut_in()
                self._outbox.append(output.pieces)
            elif isinstance(output, SentData):
                self._outbox += output.pdus
                hold = False
            elif isinstance(output, Disconnect):
                disconnect = True
        if hold and self._outbox:
            if not self._outbox.held:
                self._note_rest(time.monotonic() + watching.REST)
            hold = self._outbox.hold(sum(sum(map(len, one.pieces)) for one in outputs if isinstance(one, Sent)))
        if self._outbox and not hold:
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
        self._outbox.forget()
        if self._socket is not None and (self._hindrance is None or not self._hindrance.resets):
            if isinstance(self._socket, ssl.SSLSocket):
                with contextlib.suppress(OSError, ValueError):
                    self._socket.unwrap()  # says close_notify: the end is meant; nobody waits for the peer's
            with contextlib.suppress(OSError, ValueError):
                self._socket.shutdown(socket.SHUT_RDWR)
        for waker in (self._waker, self._sender):
            if waker is not None:
                waker.wake()
        self._be_let_go()
        if self._watched:
            self._note_rest(0.0)
        elif self._watcher is not None:
            self._watcher.forget(self)
        self._release_descriptors()

    def _release_descriptors(self) -> None:
        """Under the lock: close the socket once all is over and nobody waits for it."""
        if not self._closed or self._waiters or self._watched or self._driver is not None:
            return
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = self._readable = None
        if self._watcher is not None:
            watching.release(self._watcher)
            self._watcher = None

    @property
    def is_left(self) -> bool:
        """Whether it is closed and nobody drives it; nobody will, then."""
        return self._closed and self._driver is None

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
        self._streams = False
        try:
            count = sock.recv_into(buffer)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            self.engine.disconnected(time.monotonic(), f"The transport connection broke: {_sentence(error)}")
            return False
        if count:
            self._unacknowledged = True
            self._streams = count >= _MUCH
            self.engine.receive(count, time.monotonic())
            if pace is not None:
                pace.passed(count, time.monotonic())
        else:
            self.engine.disconnected(time.monotonic(), "The peer closed the transport connection")
        return count > 0

    # ------------------------------------------------------------------- writing
    def _flush(self) -> None:
        """Under the lock: write as much of the outbox as the system takes.

        A write that fails ends nothing here: what the peer has said, perhaps why it closed, is read first.
        """
        sock = self._socket
        if sock is None or self._closed or self._broken:
            self._outbox.forget()
            return
        pace = None if self._hindrance is None else self._hindrance.writing
        try:
            if self._outbox.write(sock, gathers=not self._tls, pace=pace):
                self._unacknowledged = False
                if pace is not None:
                    self.engine.watch_network(time.monotonic())  # what we do slowly is not the peer's silence
        except OSError as error:
            self._outbox.forget()
            self._broken = f"The transport connection broke: {_sentence(error)}"
            self._rouse(always=True)

    def send_message(
        self,
        context_id: int,
        command: bytes,
        data: Iterable[tuple[memoryview, bool]] | None,
        announce: Callable[[], None] | None,
        alter: Alter | None = None,
        *,
        more: bool = False,
    ) -> None:
        """Send one DIMSE message: its command set, and its data set piece by piece.

        Blocks while the peer does not read; an abort or a closed connection ends it.

        Args:
            context_id: The Presentation Context ID.
            command: The encoded command set.
            data: The encoded data set in stretches, each with whether it is the last and, unless it is, a multiple of
                the engine's `largest_fragment` long; or None.
            announce: Called under the lock before the first PDU is noted, unless nothing is sent; or None.
            alter: Alters each of its PDUs.
            more: Whether another message is sure to follow: of a quick succession of such messages several leave in
                one write, a moment later.

        Raises:
            LocalProtocolError: The association does not allow it (any more).
        """
        if self._speaker == threading.get_ident():
            raise LocalProtocolError("a notification handler cannot send while its thread is sending a message")
        with self._turn:
            self._speaker = threading.get_ident()
            try:
                if data is None:
                    self._say(context_id, command, None, announce, alter, hold=False)
                    return
                hold = more and self._is_quick
                # the command set leaves with the first of the data: one write for a small message
                start: bytes | None = command
                for stretch, last in data:
                    self._say(context_id, start, stretch, announce, alter, last=last, hold=hold)
                    start = None
            finally:
                self._speaker = None

    @property
    def _is_quick(self) -> bool:
        """Whether a message follows the one before so quickly that it may wait for the next, within a moment."""
        now = time.monotonic()
        before, self._said = self._said, now
        return now - before < _QUICK

    def _say(
        self,
        context_id: int,
        command: bytes | None,
        data: memoryview | None,
        announce: Callable[[], None] | None,
        alter: Alter | None,
        *,
        last: bool = True,
        hold: bool,
    ) -> None:
        """Hand a command set, a stretch of data, or both to the engine; unless held, return when all is written."""
        with self.lock:
            now = time.monotonic()
            if command is not None:
                self.engine.send_data(context_id, memoryview(command), command=True, last=True, now=now)
                if announce is not None:
                    announce()
            if data is not None:
                self.engine.send_data(context_id, data, command=False, last=last, now=now)
            outputs = self._collect(alter, hold=hold and self._hindrance is None)
            waiting = bool(self._outbox) and not self._outbox.held
        if self.engine.observed:
            self._owner.handle(outputs)
        if waiting:
            if self.is_driver:
                self.rest()  # a peer that does not read may be writing
            self._await_room()

    def _await_room(self) -> None:
        """Wait until the outbox has been written; cut a peer that takes nothing for too long.

        When no more data may be sent, what is left in the outbox is the driver's.
        """
        with self.lock:
            if self._closed or self._socket is None:
                return
            sock, waker = self._socket, own_waker()
            self._sender = waker
            self._waiters += 1
        try:
            while True:
                limit = self.engine.limits.network or _STUCK
                pause = 0.0 if self._hindrance is None else self._hindrance.pause(time.monotonic())
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
                self._sender = None
                if self._outbox:
                    self._rouse(always=True)
                self._release_descriptors()

    @property
    def _is_sent(self) -> bool:
        """Under the lock: whether a sender has nothing to wait for any longer."""
        return self._closed or not self._outbox or not self.engine.can_send_data

    # ------------------------------------------------------------------- misbehaving on purpose (`hindrance`)
    @property
    def is_hushed(self) -> bool:
        """Whether nothing leaves any more."""
        return self._hindrance is not None and self._hindrance.silent

    def _hinder(self) -> Hindrance:
        """Under the lock: what hinders it from now on, not at all as yet."""
        if self._hindrance is None:
            self._hindrance = Hindrance()
        return self._hindrance

    def hush(self) -> None:
        """As `silence`, from an `Alter`, which is called under the lock."""
        self._hinder().silent = True

    def silence(self) -> None:
        """Send nothing from now on; what arrives is read, and no deadline of ours ends the association."""
        with self.lock:
            self.hush()
            self._rouse(always=True)

    def slow_down(self, *, reading: int | None = None, writing: int | None = None) -> None:
        """Read or write no more bytes a second than this from now on; None leaves it as it is."""
        with self.lock:
            self._hinder().slow_down(self._socket, self.engine.limits, reading=reading, writing=writing)
            self._rouse(always=True)

    def reset(self, why: str) -> None:
        """Cut the transport connection with an RST; what the system has not yet sent is lost."""
        with self.lock:
            if self._closed or self._socket is None:
                return
            self._hinder().reset(self._socket)
        self.close(why)

    def hang_up(self, why: str) -> None:
        """Close our side of the transport connection (FIN) without a word, and go when the peer has closed its own."""
        with self.lock:
            if self._closed or self._socket is None or self._drains:
                return
            self._outbox.forget()
            self._hinder().hang_up(self._socket, time.monotonic())
            self.engine.disconnected(time.monotonic(), why)
            outputs: list[Output] = [one for one in self.engine.take() if not isinstance(one, Disconnect)]
            self._owner.note(outputs)
            self._rouse(always=True)
            if self._sender is not None:
                self._sender.wake()
        self._owner.handle(outputs)

    @property
    def _drains(self) -> bool:
        """Under the lock: whether we hung up, and the peer has its side open still."""
        return self._hindrance is not None and self._hindrance.drains_until is not None

    def _drain(
        self, sock: socket.socket, waker: Waker, hindrance: Hindrance, until: float, limit: float | None
    ) -> bool:
        """Wait for the peer to close its side; whether it is still to come and the limit has not passed."""
        soonest = until if limit is None else min(until, limit)
        readable, _ = wait(sock, waker, soonest - time.monotonic(), read=True, write=False)
        with self.lock:
            if self._closed:
                return False
            now = time.monotonic()
            if not hindrance.has_drained(sock, now, readable=readable):
                return readable or limit is None or now < limit
            outputs = self._drained()
            self._close()
        self._owner.handle(outputs)
        return False

    def _drained(self) -> list[Output]:
        """Under the lock: the end that `hang_up` has put off."""
        outputs: list[Output] = [Disconnect()]
        self._owner.note(outputs)
        return outputs


def _nothing() -> None:
    """Who claimed has no need to be told."""


def _sentence(error: OSError) -> str:
    """What the system says, without numbers."""
    return error.strerror or str(error) or type(error).__name__
