"""What the built-in answers may use: archive, ledger, names and addresses, associations of their own, a later time.

One value that the server makes and hands to each service's module; nothing is looked up.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from workstation.net.association import Association
from workstation.net.events import Event, EventHandler, InterventionEvent
from workstation.net.presentation import PresentationContext
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger

LOGGER = logging.getLogger(__name__)

Handler = Callable[[Event], Any]


class Associate(Protocol):
    """Opens an association of the server's own, recorded like any other."""

    def __call__(
        self, ae_title: str, contexts: Iterable[PresentationContext], ext_neg: Iterable[Any] = ()
    ) -> Association | None:
        """Ask the peer of this AE title for an association; None if nobody knows its address.

        Returns when it is decided: look at `is_established`, say `end_reason`, release it in the end.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an answer may use.

    Attributes:
        archive: The stored objects.
        ledger: Everything else that is kept.
        ae_title: Gives the server's current AE title.
        destinations: AE title -> (host, port) of a peer, or None.
        associate: Opens an association with a peer.
        later: Runs work when no peer waits for it.
        notification_handlers: Bound to associations of the server's own, so that the window shows them.
    """

    archive: Archive
    ledger: Ledger
    ae_title: Callable[[], str]
    destinations: Callable[[str], tuple[str, int] | None]
    associate: Associate
    later: Later
    notification_handlers: tuple[EventHandler, ...] = ()


class Answering(Protocol):
    """The built-in answers of one service class. One that works by itself has a `stop()` as well."""

    def contexts(self) -> Iterable[PresentationContext]:
        """The presentation contexts that it serves, its abstract syntaxes with their transfer syntaxes."""

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """(event, abstract syntax of the context) -> handler, as the documented API has handlers."""

    def resume(self) -> None:
        """The server has started: go on with what a restart interrupted. Must not wait."""


class Later:
    """Work at a later time, in one thread that lives while there is some.

    All methods may be called from any thread. Work must not wait long: it holds up what is due after it.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def start(self) -> None:
        """Take work, again after `stop`."""
        with self._condition:
            self._stopped = False

    def call(self, seconds: float, work: Callable[[], None]) -> None:
        """Run `work` after some seconds; nothing once stopped."""
        with self._condition:
            if self._stopped:
                return
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), work))
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="workstation-later", daemon=True)
                thread.start()
                self._thread = thread
            self._condition.notify()

    def stop(self) -> None:
        """Forget what is not yet due, and return when what runs has ended."""
        with self._condition:
            self._stopped = True
            self._due.clear()
            thread = self._thread
            self._condition.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                while self._due and not self._stopped:
                    left = self._due[0][0] - time.monotonic()
                    if left <= 0:
                        break
                    self._condition.wait(left)
                if self._stopped or not self._due:
                    self._thread = None
                    return
                work = heapq.heappop(self._due)[2]
            try:
                work()
            except Exception:
                LOGGER.exception("Work of the server at a later time failed")
