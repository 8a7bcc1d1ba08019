"""What every job has: it runs in one thread, is cancelled from any, tells how far it is, and explains failures.

A job asks for its associations through `_open`, which remembers the association for `cancel` from the moment
that it exists, so that a connection under way can be given up as well.
Knows nothing of the window and starts no thread.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from workstation.net import evt
from workstation.scu.explain_association import explain_association
from workstation.scu.explain_transport import explain_connection
from workstation.scu.failure import CANCELLED, Failure

if TYPE_CHECKING:
    from workstation.net import Association
    from workstation.net.presentation import PresentationContext
    from workstation.peers import Peer
    from workstation.scu.caller import Caller

R = TypeVar("R")

CANCEL_GRACE = 5.0
"""Seconds that a peer has to end an operation after a C-CANCEL, before the association is aborted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is. Counts are of what the job does: files, matches, sub-operations."""

    done: int = 0
    total: int | None = None
    """None while it is not known."""
    failed: int = 0
    warnings: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    seconds: float = 0.0
    text: str = ""
    """What is being done now, for a person."""

    @property
    def rate(self) -> float | None:
        """Bytes per second since the start."""
        return self.bytes_done / self.seconds if self.seconds > 0 and self.bytes_done else None

    @property
    def seconds_left(self) -> float | None:
        """The time that the rest takes at this rate."""
        if self.rate and self.bytes_total:
            return max(self.bytes_total - self.bytes_done, 0) / self.rate
        if self.total and self.done and self.seconds > 0:
            return max(self.total - self.done, 0) * self.seconds / self.done
        return None


class Job(ABC, Generic[R]):
    """Something to ask of a peer, done once.

    Args:
        on_progress: Called in the job's thread each time that something has changed.
    """

    def __init__(self, on_progress: Callable[[Progress], None] | None = None) -> None:
        self._on_progress = on_progress
        # Guards _cancels and _association: cancel comes from another thread.
        self._lock = threading.Lock()
        self._cancels = 0
        self._association: Association | None = None
        self._started = time.monotonic()

    @abstractmethod
    def run(self) -> R:
        """Do it all, in the thread of the caller; failures are part of the result and not raised."""

    def cancel(self) -> None:
        """Have `run` end: gently the first time, at once by A-ABORT the second. Any thread, at any time."""
        with self._lock:
            self._cancels += 1
            first, association = self._cancels == 1, self._association
        if association is None:
            return
        if first and association.is_established:
            self._cancel_gently(association)
        else:
            association.abort(block=False)

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancels > 0

    def _cancel_gently(self, association: Association) -> None:
        """What the first `cancel` does to an established association."""
        association.abort(block=False)

    def _open(
        self,
        caller: Caller,
        peer: Peer,
        contexts: Sequence[PresentationContext],
        **options: Any,
    ) -> tuple[Association | None, Failure | None]:
        """Ask for an association: the established one, or why there is none.

        Args:
            caller: Who asks.
            peer: Who is asked.
            contexts: What is proposed.
            options: More for `Caller.associate`.
        """
        first_bytes = bytearray()

        def created(event: Any) -> None:
            with self._lock:
                self._association = event.assoc
                cancelled = self._cancels > 0
            if cancelled:
                event.assoc.abort(block=False)

        def arrived(event: Any) -> None:
            if not first_bytes:
                first_bytes.extend(event.data[:64])

        own: list[tuple[Any, ...]] = [(evt.EVT_FSM_TRANSITION, created), (evt.EVT_DATA_RECV, arrived)]
        if self.cancelled:
            return None, CANCELLED
        try:
            association = caller.associate(peer, contexts, handlers=[*options.pop("handlers", ()), *own], **options)
        except OSError as error:
            return None, explain_connection(error, peer.host, peer.port)
        for event, handler in own:
            association.unbind(event, handler)
        with self._lock:
            self._association = association
        failure = explain_association(association, bytes(first_bytes), (peer.host, peer.port))
        if failure is None and self._cancels == 0:
            return association, None
        self._close(association)
        return None, CANCELLED if self.cancelled else failure

    def _close(self, association: Association) -> None:
        """Release, or abort if that was asked for meanwhile."""
        if association.is_established:
            if self._cancels > 1:
                association.abort()
            else:
                association.release()
        with self._lock:
            self._association = None

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _tell(self, **values: Any) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(seconds=self._seconds(), **values))
