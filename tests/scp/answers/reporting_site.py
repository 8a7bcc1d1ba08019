"""A place where a service's built-in answers run: archive, ledger, a listening AE, peers with addresses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

from pydicom.dataset import Dataset

from workstation.net import AE, build_context
from workstation.net.association import Association
from workstation.net.presentation import PresentationContext
from workstation.scp.answers.registry import Registry
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger
from workstation.scp.surroundings import Answering, Later, Surroundings

PROGRESS = 10.0
TITLE = "WORKSTATION"


class Site:
    """Opened, closed, opened again on the same folder: a restart.

    Args:
        folder: of archive and ledger.
        make: makes the services.
    """

    def __init__(self, folder: Path, make: Callable[[Surroundings], list[Any]]) -> None:
        self.folder = folder
        self.destinations: dict[str, tuple[str, int]] = {}
        # AE titles that an association was asked for with.
        self.asked: list[str] = []
        self._make = make
        self._changed = threading.Condition()

    def open(self, *, serves: bool = True) -> None:
        self.archive = Archive(self.folder / "archive", durable=False)
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.sqlite'}", durable=False)
        self.ledger.listen(self._tell)
        self.later = Later()
        self.ae = AE(ae_title=TITLE)
        self.ae.acse_timeout = self.ae.connection_timeout = self.ae.dimse_timeout = 5
        self.surroundings = Surroundings(
            archive=self.archive,
            ledger=self.ledger,
            ae_title=lambda: TITLE,
            destinations=self.destinations.get,
            associate=self._associate,
            later=self.later,
        )
        self.services = self._make(self.surroundings)
        services: list[Answering] = list(self.services)
        self.registry = Registry(services)
        self.server = None
        if serves:
            self.server = self.ae.start_server(
                ("127.0.0.1", 0), block=False, evt_handlers=self.registry.handlers(), contexts=self.registry.contexts()
            )
            self.registry.resume()

    def close(self) -> None:
        if self.server is not None:
            self.server.shutdown()
        self.later.stop()
        self.ae.shutdown()
        self.registry.stop()
        self.ledger.close()
        self.archive.close()

    @property
    def address(self) -> tuple[str, int]:
        assert self.server is not None
        return "127.0.0.1", self.server.server_address[1]

    @contextmanager
    def associated(self, *sop_classes: str, calling: str = "SCU", **options: Any) -> Iterator[Association]:
        """Our own client, associated with the site."""
        ae = AE(ae_title=calling)
        ae.dimse_timeout = PROGRESS
        association = ae.associate(
            *self.address, contexts=[build_context(uid) for uid in sop_classes], ae_title=TITLE, **options
        )
        assert association.is_established, association.end_reason
        try:
            yield association
        finally:
            association.release()

    def wait_for(self, what: Callable[[], Any], seconds: float = PROGRESS) -> Any:
        """Return what `what` returns once it is true; it is asked after each change of the ledger."""
        end = time.monotonic() + seconds
        with self._changed:
            while not (found := what()):
                left = end - time.monotonic()
                assert left > 0, "it did not happen"
                self._changed.wait(left)
            return found

    def _tell(self, _kind: str, _uid: str) -> None:
        with self._changed:
            self._changed.notify_all()

    def _associate(
        self, ae_title: str, contexts: Iterable[PresentationContext], ext_neg: Iterable[Any] = ()
    ) -> Association | None:
        self.asked.append(ae_title)
        address = self.destinations.get(ae_title)
        if address is None:
            return None
        return self.ae.associate(*address, contexts=list(contexts), ae_title=ae_title, ext_neg=list(ext_neg))


class Received:
    """What a receiver of event reports was told, in order."""

    def __init__(self, status: int = 0x0000) -> None:
        self.status = status
        self._told: Queue[tuple[int, str, Dataset]] = Queue()

    def handle(self, event: Any) -> tuple[int, None]:
        """For pynetdicom's and our own evt.EVT_N_EVENT_REPORT."""
        self._told.put((event.event_type, str(event.request.AffectedSOPInstanceUID), event.event_information))
        return self.status, None

    def next(self, seconds: float = PROGRESS) -> tuple[int, str, Dataset]:
        return self._told.get(timeout=seconds)

    @property
    def is_empty(self) -> bool:
        return self._told.empty()
