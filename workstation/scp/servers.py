"""Several test servers over one archive and one ledger, each with its profile and file."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from workstation.net.events import EventHandler
from workstation.paths import DataDir
from workstation.scp.archive.archive import Archive
from workstation.scp.asking import Asker
from workstation.scp.ledger import Ledger
from workstation.scp.profiles import Profile
from workstation.scp.scripts import Scripts
from workstation.scp.server import Destinations, TestServer
from workstation.settings import ArchiveSettings


def open_servers(
    folders: DataDir,
    kept: ArchiveSettings,
    destinations: Destinations,
    notification_handlers: Iterable[EventHandler] = (),
    *,
    asker: Asker | None = None,
    scripts: Scripts | None = None,
) -> Servers:
    """Open the archive and the ledger of a data folder, and return its servers, none yet.

    Raises:
        OSError, SQLAlchemyError: The folder or the database cannot be used.
    """
    archive = Archive(folders.archive, url=kept.database or None, durable=kept.durable, minimum_free=kept.minimum_free)
    try:
        ledger = Ledger(kept.database or f"sqlite:///{folders.ledger}", durable=kept.durable)
    except BaseException:
        archive.close()
        raise
    return Servers(archive, ledger, destinations, notification_handlers, asker=asker, scripts=scripts)


class Servers:
    """The servers of one program, by their profiles' names. Methods may be called from any thread.

    Args:
        archive: Where objects are kept; closed by `close`.
        ledger: Where everything else is kept; closed by `close`.
        destinations: AE title -> (host, port) of a peer, or None.
        notification_handlers: Bound to every association.
        asker: Asks the person; None if nobody is there. Not closed here.
        scripts: The person's scripts.
    """

    def __init__(
        self,
        archive: Archive,
        ledger: Ledger,
        destinations: Destinations,
        notification_handlers: Iterable[EventHandler] = (),
        *,
        asker: Asker | None = None,
        scripts: Scripts | None = None,
    ) -> None:
        self.archive = archive
        self.ledger = ledger
        self.asker = asker
        self.scripts = scripts if scripts is not None else Scripts()
        self._destinations = destinations
        self._notification_handlers = list(notification_handlers)
        self._lock = threading.Lock()  # guards the servers
        self._servers: dict[str, TestServer] = {}

    def __iter__(self) -> Iterator[TestServer]:
        with self._lock:
            return iter(tuple(self._servers.values()))

    def __len__(self) -> int:
        return len(self._servers)

    @property
    def durable(self) -> bool:
        """Whether answers wait for the disk."""
        return self.archive.durable

    @durable.setter
    def durable(self, durable: bool) -> None:
        self.archive.durable = self.ledger.durable = durable

    def get(self, name: str) -> TestServer | None:
        """The server of that name."""
        return self._servers.get(name)

    def add(self, profile: Profile, folder: Path | None = None) -> TestServer:
        """Add a server, not started yet.

        Args:
            profile: What it is.
            folder: What paths in the profile are relative to.

        Raises:
            ValueError: There is one of that name.
        """
        server = TestServer(
            profile,
            self.archive,
            self.ledger,
            self._destinations,
            self._notification_handlers,
            asker=self.asker,
            scripts=self.scripts,
            folder=folder,
        )
        with self._lock:
            if profile.name in self._servers:
                raise ValueError(f"There is a server named {profile.name!r} already.")
            self._servers[profile.name] = server
        return server

    def remove(self, name: str) -> None:
        """Stop a server and forget it."""
        with self._lock:
            server = self._servers.pop(name, None)
        if server is not None:
            server.stop()

    def stop(self) -> None:
        """Stop all. Returns when all is closed."""
        # Each may wait some seconds for its associations: not one after the other.
        threads = [threading.Thread(target=server.stop, name=f"stop-{server.name}") for server in self]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def close(self) -> None:
        """Stop all, and close what they share."""
        self.stop()
        self.ledger.close()
        self.archive.close()
