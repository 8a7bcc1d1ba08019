"""The DIMSE message exchange of one association (PS3.7 section 6.3): operations we invoke, operations we perform.

Requests of the peer go to a worker of this association, so that a slow handler never makes it deaf; responses go to
whoever waits for their Message ID. When the association ends, every waiting reply is filled and every operation
under way is told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

from workstation.net import threads
from workstation.net.assembly import DataSink, Incoming
from workstation.net.dimse import C_CANCEL_RQ, Request, Response
from workstation.net.errors import AbortReason, RemoteProtocolError

_log = logging.getLogger("workstation.net.exchange")
MOST_WAITING = 64  # requests of a peer that does not wait for answers


class Operation:
    """An operation that the peer invoked and we perform.

    Attributes:
        over: Set when a C-CANCEL arrived or the association ended: a handler that waits, waits on this.
        cancelled: Whether a C-CANCEL arrived.
    """

    def __init__(self, message: Request, sink: DataSink | None) -> None:
        self.message = message
        self.sink = sink
        self.over = threading.Event()
        self.cancelled = False

    def is_cancelled(self) -> bool:
        """Whether the peer cancelled the operation."""
        return self.cancelled


class Replies:
    """What came back for one Message ID."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Response | None] = SimpleQueue()

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
        keep_context: Whether the worker runs in a copy of the context variables.
    """

    def __init__(self, name: str, perform: Callable[[Operation], None], *, keep_context: bool = False) -> None:
        self._name = name
        self._perform = perform
        self._keep_context = keep_context
        self._lock = threading.Lock()  # guards everything below
        self._replies: dict[int, Replies] = {}
        self._performing: set[Operation] = set()
        self._work: SimpleQueue[Callable[[], None] | None] | None = None
        self._over = False
        self.last_activity = time.monotonic()

    # ------------------------------------------------------------------- invoking
    def expect(self, message_id: int) -> Replies:
        """Wait for responses to `message_id` from now on."""
        replies = Replies()
        with self._lock:
            if self._over:
                replies.put(None)
            self._replies[message_id] = replies
        return replies

    def forget(self, message_id: int, replies: Replies) -> None:
        """The operation is over; a later response is nobody's."""
        with self._lock:
            if self._replies.get(message_id) is replies:
                del self._replies[message_id]

    # ------------------------------------------------------------------- arriving
    def arrived(self, incoming: Incoming) -> None:
        """Give a whole message to whom it concerns; called by the reader.

        Raises:
            RemoteProtocolError: The peer does not keep to the exchange; the association has to be aborted.
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
            if len(self._performing) >= MOST_WAITING:
                raise RemoteProtocolError(
                    f"{MOST_WAITING} requests wait for an answer, the negotiated window is 1 (PS3.7 D.3.3.3)",
                    AbortReason.NOT_SPECIFIED,
                )
            self._performing.add(operation)
        self.on_worker(lambda: self._run(operation))

    def _response(self, message: Response) -> None:
        number = message.MessageIDBeingRespondedTo
        with self._lock:
            replies = self._replies.get(number)
            expected = sorted(self._replies)
        if replies is not None:
            replies.put(message)
        elif expected:
            raise RemoteProtocolError(
                f"a {message.name} came for Message ID {number}, but {expected} are outstanding",
                AbortReason.INVALID_PDU_PARAMETER_VALUE,
            )
        else:
            _log.warning("%s: a %s came for Message ID %s, which nobody waits for", self._name, message.name, number)

    # ------------------------------------------------------------------- performing
    def _run(self, operation: Operation) -> None:
        try:
            if not self._over:
                self._perform(operation)
            elif operation.sink is not None:
                operation.sink.discard()  # nobody is left to hear that it was stored
        finally:
            with self._lock:
                self._performing.discard(operation)

    def on_worker(self, work: Callable[[], None]) -> None:
        """Queue work for this association's worker; its thread starts with the first."""
        with self._lock:
            if self._over:
                return
            if self._work is None:
                self._work = SimpleQueue()
                queue = self._work
                threads.run(f"dicom-worker-{self._name}", lambda: _work_loop(queue), keep_context=self._keep_context)
            self._work.put(work)

    def end(self) -> None:
        """The association is over: nobody waits any longer."""
        with self._lock:
            if self._over:
                return
            self._over = True
            replies: Iterable[Replies] = list(self._replies.values())
            operations = list(self._performing)
            work = self._work
        for reply in replies:
            reply.put(None)
        for operation in operations:
            operation.over.set()
        if work is not None:
            work.put(None)


def _work_loop(queue: SimpleQueue[Callable[[], None] | None]) -> None:
    while True:
        work = queue.get()
        if work is None:
            return
        try:
            work()
        except Exception:
            # one failed operation ends neither the worker nor the association; it has been answered by now
            _log.exception("A request could not be performed")
