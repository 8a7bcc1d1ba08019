"""The DIMSE message exchange of one association (PS3.7 section 6.3): operations we invoke, operations we perform.

Requests of the peer go to a worker of this association, so that a slow handler never makes it deaf; responses go to
whoever waits for their Message ID, or who waited first if several operations share one. When the association ends,
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

from workstation.net.codec.dimse import C_CANCEL_RQ, C_FIND_RSP, Request, Response
from workstation.net.engine.assembly import DataSink, Incoming
from workstation.net.errors import AbortReason, RemoteProtocolError
from workstation.net.services.query_retrieve import LIMIT_REACHED
from workstation.net.shell import threads
from workstation.net.status import code_to_category

_log = logging.getLogger("workstation.net.exchange")
MOST_WAITING = 64  # requests of a peer that does not wait for answers
MOST_HELD = 256 * 1024 * 1024  # bytes of their data sets in memory
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
        self.over = threading.Event()
        self.cancelled = False
        self.answered = False

    def is_cancelled(self) -> bool:
        """Whether the peer cancelled the operation."""
        return self.cancelled


class Replies:
    """What came back for one operation.

    Attributes:
        abandoned: Nobody waits any longer, but the peer has not said its last word. Set without a lock, by whoever
            lets go of the operation, even by the garbage collector.
        at_limit: The peer said that a Repository Query reached its limit, which is its last word; some peers say
            Success after it.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Response | None] = SimpleQueue()
        self.abandoned = False
        self.at_limit = False
        self.is_counted = (
            True  # among the operations for whose sake silence is no fault; guarded by the exchange's lock
        )

    def put(self, message: Response | None) -> None:
        """A response, or None: the association is over."""
        self._queue.put(message)

    def get(self, timeout: float | None) -> Response | None:
        """The next response, or None when the association is over.

        Raises:
            TimeoutError: Nothing came in time.
        """
        try:
            return self._queue.get(timeout=timeout)
        except Empty:
            raise TimeoutError from None


class Exchange:
    """The operations of one association.

    Args:
        name: For thread names.
        perform: Called on the worker for each request of the peer.
        busy: Told of each operation that begins (+1) and ends (-1), in either direction.
        context: The context variables of which the worker gets a copy, or None for none.
    """

    def __init__(
        self,
        name: str,
        perform: Callable[[Operation], None],
        busy: Callable[[int], None],
        *,
        context: Context | None = None,
    ) -> None:
        self._name = name
        self._perform = perform
        self._busy = busy
        self._context = context
        self._lock = threading.Lock()  # guards everything below
        # By Message ID, in the order in which the requests left: the peer performs one after the other.
        self._replies: dict[int, deque[Replies]] = {}
        self._performing: set[Operation] = set()
        self._work: SimpleQueue[Callable[[], None] | None] | None = None
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
            self._replies.setdefault(message_id, deque()).append(replies)
        self._busy(+1)
        return replies

    def forget(self, message_id: int, replies: Replies) -> None:
        """The operation is over; a later response is nobody's."""
        with self._lock:
            line = self._replies.get(message_id)
            if line is None or replies not in line:
                return
            line.remove(replies)
            if not line:
                del self._replies[message_id]
            counted, replies.is_counted = replies.is_counted, False
        if counted:
            self._busy(-1)

    def settle(self) -> None:
        """Count what was abandoned no longer: a peer that never says its last word is silent like any other."""
        with self._lock:
            abandoned = [r for line in self._replies.values() for r in line if r.abandoned and r.is_counted]
            for replies in abandoned:
                replies.is_counted = False
        for _ in abandoned:
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
        """Give a whole message to whom it concerns; called by the reader.

        Raises:
            RemoteProtocolError: The peer does not keep to the exchange; the association has to be aborted.
            RuntimeError: The system gives no more threads.
        """
        message = incoming.message
        self.last_activity = time.monotonic()
        if isinstance(message, C_CANCEL_RQ):
            with self._lock:
                for operation in self._performing:
                    if operation.message.MessageID == message.MessageIDBeingRespondedTo:
                        operation.cancelled = True
                        operation.over.set()
            return
        if isinstance(message, Response):
            self._response(message)
            return
        assert isinstance(message, Request)
        operation = Operation(message, incoming.sink)
        with self._lock:
            held = sum(len(other.message.data or b"") for other in self._performing if not other.answered)
            crowded = len(self._performing) >= MOST_WAITING or (
                bool(held) and held + len(message.data or b"") > MOST_HELD
            )
            if not crowded:
                self._performing.add(operation)
        taken = False
        try:
            if not crowded:
                self._busy(+1)
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
        is_final = message.Status is None or code_to_category(message.Status) != "Pending"
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
        """Queue work for this association's worker, whose thread starts with the first; False if all is over.

        Raises:
            RuntimeError: The system gives no more threads.
        """
        with self._lock:
            if self._over:
                return False
            if self._work is None:
                queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
                threads.run(f"dicom-worker-{self._name}", lambda: self._work_off(queue), context=self._context)
                self._work = queue
            self._work.put(work)
        return True

    def _work_off(self, queue: SimpleQueue[Callable[[], None] | None]) -> None:
        self._worker = threading.get_ident()
        try:
            while (work := queue.get()) is not None:
                try:
                    work()
                except BaseException:
                    # one failed operation, or a handler's sys.exit(), ends neither the worker nor the association;
                    # it has been answered by now
                    _log.exception("%s: a request could not be performed", self._name)
        finally:
            self._worker = None

    def end(self) -> None:
        """The association is over: nobody waits any longer."""
        with self._lock:
            if self._over:
                return
            self._over = True
            waiting = [replies for line in self._replies.values() for replies in line]
            operations = list(self._performing)
            work = self._work
        for replies in waiting:
            replies.put(None)
        for operation in operations:
            operation.over.set()
        if work is not None:
            work.put(None)
