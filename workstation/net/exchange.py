"""The DIMSE message exchange of one association (PS3.7 section 6.3): operations we invoke, operations we perform.

Requests of the peer are performed one after the other by a thread that does not read meanwhile, so that a slow handler
never makes the association deaf; responses go to whoever waits for their Message ID, or who waited first if several
operations share one. When the association ends,
every waiting reply is filled and every operation under way is told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Protocol

from workstation.net.codec.dimse import C_CANCEL_RQ, C_FIND_RSP, Request, Response
from workstation.net.engine.assembly import DataSink, Incoming
from workstation.net.errors import AbortReason, RemoteProtocolError
from workstation.net.services.query_retrieve import LIMIT_REACHED
from workstation.net.shell import threads
from workstation.net.status import PENDING

_log = logging.getLogger("workstation.net.exchange")
MOST_WAITING = 64  # requests of a peer that does not wait for answers
MOST_HELD = 256 * 1024 * 1024  # bytes of their data sets in memory
_making = threading.Lock()  # held to make an operation's `over`
MOST_STRAYS = 16  # responses that nobody asked for


class Operation:
    """An operation that the peer invoked and we perform.

    Attributes:
        over: Set when a C-CANCEL arrived or the association ended: a handler that waits, waits on this.
        cancelled: Whether a C-CANCEL arrived.
        answered: Whether its last response leaves: the peer may ask the next before we are done with this one.
    """

    def __init__(self, message: Request, sink: DataSink | None) -> None:
        self.message = message
        self.sink = sink
        self._over: threading.Event | None = None
        self._is_over = False
        self.cancelled = False
        self.answered = False

    @property
    def over(self) -> threading.Event:
        """Made for who looks at it; most operations are over before anybody does."""
        if self._over is None:
            with _making:
                if self._over is None:
                    self._over = threading.Event()
            if self._is_over:
                self._over.set()
        return self._over

    def end(self) -> None:
        """It is over: it was answered, cancelled, or there is nobody to answer."""
        self._is_over = True
        if self._over is not None:
            self._over.set()

    def get_over(self) -> threading.Event:
        """`over`, for those who may look at it later."""
        return self.over

    def is_cancelled(self) -> bool:
        """Whether the peer cancelled the operation."""
        return self.cancelled


class Pump(Protocol):
    """As `Connection.pump`."""

    def __call__(
        self, until: Callable[[], bool], timeout: float | None = None, claim: Callable[[], None] | None = None
    ) -> None:
        """Read until then, if nobody else does."""


class _TryAgain:
    """Stands between responses, where nobody reads any longer."""


_TRY_AGAIN = _TryAgain()


class Replies:
    """What came back for one operation.

    Attributes:
        abandoned: Nobody waits any longer, but the peer has not said its last word. Set without a lock, by whoever
            lets go of the operation, even by the garbage collector.
        is_awaited: Whether its last response is still to come. Guarded by the exchange's lock, like the next.
        is_counted: Whether it is among the operations for whose sake silence is no fault.
        at_limit: The peer said that a Repository Query reached its limit, which is its last word; some peers say
            Success after it.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Response | _TryAgain | None] = SimpleQueue()
        self.abandoned = False
        self.is_awaited = True
        self.at_limit = False
        self.is_counted = True

    def put(self, message: Response | None) -> None:
        """A response, or None: the association is over."""
        self._queue.put(message)

    def get(self, timeout: float | None, pump: Pump) -> Response | None:
        """The next response, or None when the association is over.

        Args:
            timeout: Seconds, or None for no limit.
            pump: Reads what comes from the peer, unless somebody else does: `Connection.pump`.

        Raises:
            TimeoutError: Nothing came in time.
        """
        end = None if timeout is None else time.monotonic() + timeout
        left = timeout
        queue = self._queue
        while True:
            pump(self._has_come, left, self._try_again)
            try:
                item = queue.get_nowait()
            except Empty:
                try:
                    item = queue.get(timeout=None if end is None else max(0.0, end - time.monotonic()))
                except Empty:
                    raise TimeoutError from None
            if not isinstance(item, _TryAgain):
                return item
            if end is not None:
                left = max(0.0, end - time.monotonic())

    def _has_come(self) -> bool:
        return not self._queue.empty()

    def _try_again(self) -> None:
        """Nobody reads any longer: whoever waits has to."""
        self._queue.put(_TRY_AGAIN)


class Exchange:
    """The operations of one association.

    Args:
        name: For thread names.
        perform: Called on the worker for each request of the peer.
        busy: Told of each operation that begins (+1) and ends (-1), in either direction; called under our lock.
        will_work: Whether the calling thread is about to call `work`.
        context: The context variables of which whoever performs gets a copy, or None for none.
    """

    def __init__(
        self,
        name: str,
        perform: Callable[[Operation], None],
        busy: Callable[[int], None],
        will_work: Callable[[], bool],
        *,
        context: Context | None = None,
    ) -> None:
        self._name = name
        self._perform = perform
        self._busy = busy
        self._will_work = will_work
        self._context = Context() if context is None else context.copy()
        self._lock = threading.Lock()  # guards everything below
        # By Message ID, in the order in which the requests left: the peer performs one after the other.
        self._replies: dict[int, list[Replies]] = {}
        self._performing: set[Operation] = set()
        self._work: deque[Callable[[], None]] = deque()
        self._worker: int | None = None
        self._strays = 0
        self._over = False
        self.last_activity = time.monotonic()

    # ------------------------------------------------------------------- invoking
    def expect(self, message_id: int) -> Replies:
        """Wait for responses to `message_id` from now on."""
        replies = Replies()
        with self._lock:
            if self._over:
                replies.put(None)
            line = self._replies.get(message_id)
            if line is None:
                self._replies[message_id] = [replies]
            else:
                line.append(replies)
            self._busy(+1)
        return replies

    def forget(self, message_id: int, replies: Replies) -> None:
        """The operation is over; a later response is nobody's."""
        with self._lock:
            line = self._replies.get(message_id)
            if line is None or replies not in line:
                return
            if len(line) > 1:
                line.remove(replies)
            else:
                del self._replies[message_id]
            replies.is_awaited = False
            if replies.is_counted:
                replies.is_counted = False
                self._busy(-1)

    def settle(self) -> None:
        """Count what was abandoned no longer: a peer that never says its last word is silent like any other."""
        with self._lock:
            abandoned = [r for line in self._replies.values() for r in line if r.abandoned and r.is_counted]
            for replies in abandoned:
                replies.is_counted = False
                self._busy(-1)

    @property
    def is_over(self) -> bool:
        """Whether nothing is exchanged any longer."""
        return self._over

    @property
    def is_performing(self) -> bool:
        """Whether an operation of the peer's is under way."""
        return bool(self._performing)

    @property
    def is_worker(self) -> bool:
        """Whether the calling thread performs this association's operations."""
        return self._worker == threading.get_ident()

    # ------------------------------------------------------------------- arriving
    def arrived(self, incoming: Incoming) -> None:
        """Give a whole message to whom it concerns; called by whoever reads.

        Raises:
            RemoteProtocolError: The peer does not keep to the exchange; the association has to be aborted.
            RuntimeError: The system gives no more threads.
        """
        message = incoming.message
        if isinstance(message, Response):
            self._response(message)
            return
        if isinstance(message, C_CANCEL_RQ):
            with self._lock:
                for operation in self._performing:
                    if operation.message.MessageID == message.MessageIDBeingRespondedTo:
                        operation.cancelled = True
                        operation.end()
            return
        assert isinstance(message, Request)
        operation = Operation(message, incoming.sink)
        with self._lock:
            crowded = bool(self._performing) and self._is_too_much(message)
            if not crowded:
                self._performing.add(operation)
                self._busy(+1)
        taken = False
        try:
            if not crowded:
                taken = self.on_worker(lambda: self._run(operation))
        finally:
            # also when the system gives no more threads
            if not taken and not crowded:
                self._performed(operation)
            if not taken and operation.sink is not None:
                operation.sink.discard()  # nobody will look at it
        if crowded:
            raise RemoteProtocolError(
                f"{len(self._performing)} requests wait for an answer, the negotiated window is 1 (PS3.7 D.3.3.3)",
                AbortReason.NOT_SPECIFIED,
            )

    def _is_too_much(self, message: Request) -> bool:
        """Under the lock: whether the peer waits for too many answers to take one more."""
        held = sum(len(other.message.data or b"") for other in self._performing if not other.answered)
        return len(self._performing) >= MOST_WAITING or (bool(held) and held + len(message.data or b"") > MOST_HELD)

    def _response(self, message: Response) -> None:
        number = message.MessageIDBeingRespondedTo
        replies = self._awaiting(number)
        if replies is not None and replies.abandoned and replies.at_limit:
            self.forget(number, replies)
            replies = self._awaiting(number)
        if replies is None:
            self._stray(message)
            return
        if not replies.abandoned:
            replies.put(message)
        replies.at_limit = isinstance(message, C_FIND_RSP) and message.Status == LIMIT_REACHED
        is_final = message.Status not in PENDING
        if is_final and not replies.at_limit:
            self.forget(number, replies)  # what comes now is for who waits next

    def _awaiting(self, number: int) -> Replies | None:
        with self._lock:
            line = self._replies.get(number)
            return line[0] if line else None

    def _stray(self, message: Response) -> None:
        """A response that nobody waits for; a late one does no harm."""
        with self._lock:
            expected = sorted(self._replies)
        self._strays += 1
        text = f"a {message.name} came for Message ID {message.MessageIDBeingRespondedTo}, but"
        if expected:
            raise RemoteProtocolError(f"{text} {expected} are outstanding", AbortReason.INVALID_PDU_PARAMETER_VALUE)
        if self._strays > MOST_STRAYS:
            raise RemoteProtocolError(f"{text} nothing was asked, again and again", AbortReason.NOT_SPECIFIED)
        _log.warning("%s: %s nothing is outstanding", self._name, text)

    # ------------------------------------------------------------------- performing
    def _run(self, operation: Operation) -> None:
        try:
            if not self._over:
                self._perform(operation)
            elif operation.sink is not None:
                operation.sink.discard()  # nobody is left to hear that it was stored
        finally:
            self._performed(operation)

    def _performed(self, operation: Operation) -> None:
        with self._lock:
            self._performing.discard(operation)
            self._busy(-1)

    def on_worker(self, work: Callable[[], None]) -> bool:
        """Have something done, after what was to be done before, by a thread that does not read meanwhile.

        Returns:
            False if all is over.

        Raises:
            RuntimeError: The system gives no more threads.
        """
        with self._lock:
            if self._over:
                return False
            self._work.append(work)
            is_up_to_us = self._worker is None and not self._will_work()
        if is_up_to_us:
            try:
                threads.run(f"dicom-worker-{self._name}", self._work_off)
            except RuntimeError:
                with self._lock:
                    if work in self._work:
                        self._work.remove(work)
                raise
        return True

    def has_work(self) -> bool:
        """Whether there is work that nobody does yet."""
        return bool(self._work) and self._worker is None

    def work(self) -> bool:
        """Do the next thing that there is to do, unless somebody is at it; whether there was something."""
        with self._lock:
            if self._worker is not None or not self._work:
                return False
            self._worker = threading.get_ident()
            work = self._work.popleft()
        try:
            self._context.run(work)
        except BaseException:
            # one failed operation, or a handler's sys.exit(), ends neither the thread nor the association;
            # it has been answered by now
            _log.exception("%s: a request could not be performed", self._name)
        finally:
            self._worker = None
        return True

    def _work_off(self) -> None:
        while self.work():
            pass

    def end(self) -> None:
        """The association is over: nobody waits any longer."""
        with self._lock:
            if self._over:
                return
            self._over = True
            waiting = [replies for line in self._replies.values() for replies in line]
            operations = list(self._performing)
        for replies in waiting:
            replies.put(None)
        for operation in operations:
            operation.end()
