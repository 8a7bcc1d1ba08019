"""A server of ours with chosen built-in answers, over a real socket; what the tests of the answers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workstation.net import AE, build_context
from workstation.net.association import Association
from workstation.net.presentation import PresentationContext
from workstation.scp.answers.registry import Registry
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger
from workstation.scp.surroundings import Answering, Later, Surroundings


@dataclass
class Served:
    """A server that listens.

    Attributes:
        surroundings: What its answers use.
        address: Where it listens.
    """

    surroundings: Surroundings
    address: tuple[str, int]

    @property
    def ledger(self) -> Ledger:
        return self.surroundings.ledger

    def forget(self) -> None:
        """Remove what is kept."""
        for kind in self.ledger.counts():
            for record in list(self.ledger.records(kind)):
                self.ledger.remove(kind, record.uid)

    @contextmanager
    def associated(self, *sop_classes: str, calling: str = "MODALITY", **options: Any) -> Iterator[Association]:
        """An association of our own client, released in the end."""
        ae = AE(ae_title=calling)
        ae.requested_contexts = [build_context(uid) for uid in sop_classes]
        association = ae.associate(*self.address, ae_title="WORKSTATION", **options)
        assert association.is_established
        try:
            yield association
        finally:
            if association.is_established:
                association.release()


@contextmanager
def served(
    folder: Path, *kinds: Callable[[Surroundings], Answering], handlers: Iterable[tuple[Any, ...]] = ()
) -> Iterator[Served]:
    """A server with these built-in answers; what it keeps is in the folder, also for the next one there."""
    archive = Archive(folder / "archive", durable=False)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}", durable=False)
    later = Later()
    ae = AE(ae_title="WORKSTATION")
    peers: dict[str, tuple[str, int]] = {}

    def associate(
        ae_title: str, contexts: Iterable[PresentationContext], ext_neg: Iterable[Any] = ()
    ) -> Association | None:
        if ae_title not in peers:
            return None
        return ae.associate(*peers[ae_title], contexts=list(contexts), ae_title=ae_title, ext_neg=list(ext_neg))

    surroundings = Surroundings(
        archive=archive,
        ledger=ledger,
        ae_title=lambda: "WORKSTATION",
        destinations=peers.get,
        associate=associate,
        later=later,
    )
    registry = Registry(kind(surroundings) for kind in kinds)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, contexts=registry.contexts(), evt_handlers=[*registry.handlers(), *handlers]
    )
    assert server is not None
    try:
        registry.resume()
        made = Served(surroundings, (server.server_address[0], server.server_address[1]))
        # Its thread runs, and has its name, before anybody counts what threads there are.
        with made.associated(str(registry.contexts()[0].abstract_syntax)):
            pass
        yield made
    finally:
        server.shutdown()
        ae.shutdown()
        later.stop()
        ledger.close()
        archive.close()
