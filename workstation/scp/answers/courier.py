"""The courier: event reports to many peers, to each in order, none held up by another.

Reports wait in memory: PS3.4 CC.2.4.3 asks for no more. What a peer is waiting for goes on an association that it
opened, if that is still there; else one is opened for all that waits. A peer that cannot be reached is tried again a
few times, then what waits for it is dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable

from workstation.net.association import Association
from workstation.scp.answers.errands import Errands
from workstation.scp.answers.reporting import DELIVERED, Report, can_carry, open_for_reports, report_on
from workstation.scp.surroundings import Surroundings

LOGGER = logging.getLogger(__name__)

# Seconds before each further attempt.
PAUSES = (2.0, 10.0, 60.0)
# For one peer; a subscription to everything tells of each instance at once.
MOST_WAITING = 20_000
# AE titles that are remembered before those that nothing waits for are forgotten.
MOST_PEERS = 1000


class _Peer:
    """What waits for one AE title."""

    def __init__(self) -> None:
        self.waiting: deque[Report] = deque()
        self.is_under_way = False
        self.failures = 0
        self.associations: list[Association] = []

    @property
    def is_needed(self) -> bool:
        return self.is_under_way or any(known.is_established for known in self.associations)


class Courier:
    """Delivers event reports. All methods may be called from any thread.

    Args:
        surroundings: for associations of our own.
        context: abstract syntax of the presentation context that carries the reports.
        pauses: seconds before each further attempt.
    """

    def __init__(self, surroundings: Surroundings, context: str, *, pauses: Iterable[float] = PAUSES) -> None:
        self._surroundings = surroundings
        self._context = context
        self._pauses = tuple(pauses)
        self._errands = Errands("reports")
        self._lock = threading.Lock()  # guards _peers and what is in them
        self._peers: dict[str, _Peer] = {}

    def start(self) -> None:
        """Deliver, again after `stop`."""
        if self._errands.is_stopped:
            with self._lock:
                # What was sent while it was stopped has nobody who delivers it.
                self._peers.clear()
        self._errands.start()

    def stop(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._peers.clear()
        self._errands.stop()

    def remember(self, association: Association) -> None:
        """A peer opened an association: if it can carry reports, they go there while it is open."""
        if not association.is_acceptor or not can_carry(association, self._context):
            return
        with self._lock:
            if len(self._peers) > MOST_PEERS:
                self._peers = {title: peer for title, peer in self._peers.items() if peer.is_needed}
            peer = self._peers.setdefault(association.requestor.ae_title, _Peer())
            peer.associations = [known for known in peer.associations if known.is_established]
            if association not in peer.associations:
                peer.associations.append(association)

    def is_reachable(self, ae_title: str) -> bool:
        """Return whether there is an open association, or an address, to report to."""
        return self._open_one(ae_title) is not None or self._surroundings.destinations(ae_title) is not None

    def send(self, ae_title: str, report: Report) -> None:
        """Deliver a report after those that wait for the same peer."""
        with self._lock:
            peer = self._peers.setdefault(ae_title, _Peer())
            if len(peer.waiting) >= MOST_WAITING:
                LOGGER.warning("%d event reports wait for %s already; one is dropped", MOST_WAITING, ae_title)
                return
            peer.waiting.append(report)
            if peer.is_under_way:
                return
            peer.is_under_way = True
        self._go(ae_title, peer)

    def _go(self, ae_title: str, peer: _Peer) -> None:
        self._errands.run(ae_title, lambda: self._deliver(ae_title, peer))

    def _deliver(self, ae_title: str, peer: _Peer) -> None:
        reason, own = "", None
        try:
            while not self._errands.is_stopped:
                with self._lock:
                    report = peer.waiting[0] if peer.waiting else None
                    if report is None:
                        peer.is_under_way = False
                        return
                association = self._open_one(ae_title)
                reason = report_on(association, report) if association is not None else ""
                if association is None or reason != DELIVERED:
                    if own is None or not own.is_established:
                        own, reason = open_for_reports(self._surroundings, ae_title, self._context)
                    reason = report_on(own, report) if own is not None else reason
                if reason != DELIVERED:
                    break
                with self._lock:
                    peer.failures = 0
                    peer.waiting.popleft()
        finally:
            if own is not None:
                own.release()
        if not self._errands.is_stopped:
            self._failed(ae_title, peer, reason)

    def _failed(self, ae_title: str, peer: _Peer, reason: str) -> None:
        with self._lock:
            peer.failures += 1
            failures = peer.failures
            if failures > len(self._pauses):
                dropped = len(peer.waiting)
                peer.waiting.clear()
                peer.failures = 0
                peer.is_under_way = False
        if failures > len(self._pauses):
            LOGGER.warning("%d event reports for %s are dropped: %s", dropped, ae_title, reason)
            return
        LOGGER.info("%s was not told of an event (attempt %d): %s", ae_title, failures, reason)
        self._surroundings.later.call(self._pauses[failures - 1], lambda: self._go(ae_title, peer))

    def _open_one(self, ae_title: str) -> Association | None:
        with self._lock:
            peer = self._peers.get(ae_title)
            found = [] if peer is None else [known for known in peer.associations if known.is_established]
            if peer is not None:
                peer.associations = found
            return found[-1] if found else None
