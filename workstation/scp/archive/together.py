"""Work that costs the same for one as for many: whoever comes while it is done has his done with the next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Ticket(Protocol):
    """What somebody wants done."""

    done: bool


T = TypeVar("T", bound=Ticket)


class Together(Generic[T]):
    """Does one piece of work at a time, each for all who wait.

    Args:
        work: does it for some tickets and marks each as done. What went wrong belongs into the ticket.

    Attributes:
        alone: held while it is done; for whatever else must not happen meanwhile.
    """

    def __init__(self, work: Callable[[list[T]], None]) -> None:
        self._work = work
        self._waiting: deque[T] = deque()
        self.alone = threading.Lock()

    def do(self, ticket: T) -> None:
        """Return when it is done, in this thread or in another."""
        self._waiting.append(ticket)
        with self.alone:
            if not ticket.done:
                self._do_all()

    def leave(self, ticket: T) -> None:
        """Have it done with whatever is done next."""
        self._waiting.append(ticket)

    def settle(self) -> None:
        """Return when all that waits has been done, or tried."""
        # What is no longer waiting is being done with the lock.
        if self._waiting or self.alone.locked():
            with self.alone:
                self._do_all()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def _do_all(self) -> None:
        tickets = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not tickets:
            return
        try:
            self._work(tickets)
        finally:
            # Of work that was interrupted: nobody may take silence for success.
            self._waiting.extendleft(each for each in reversed(tickets) if not each.done)
