"""What a dialog or a pane may ask of the program: settings, peers, server, archive, log, jobs, theme.

One object, made by the composition root and handed to whoever needs it; nothing is looked up by name. It
also keeps what several panes share: the built-in server as a peer, and what each peer last answered.
This module knows no dialog and no view.
"""

from __future__ import annotations

import enum
import errno
import itertools
import logging
import threading
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from workstation.paths import DataDir
from workstation.peers import AddressBook, Peer
from workstation.settings import ServerSettings, Settings, SettingsFile
from workstation.ui.recording import Recording
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from workstation.net.events import Event, NotificationEvent
    from workstation.scp.archive.archive import Archive
    from workstation.scp.server import TestServer
    from workstation.scu.caller import Caller
    from workstation.traffic.log import TrafficLog
    from workstation.ui.bridge import Bridge

# The log says "server", which is whose news it is.
LOGGER = logging.getLogger("workstation.ui.server")
# Whether the server runs is news in any log, and rare.
LOGGER.setLevel(logging.INFO)

BUILT_IN_NAME = "Built-in"
BUILT_IN_GROUP = "Here"


class PeerHealth(enum.Enum):
    """What a peer's last echo came to."""

    UNKNOWN = "not asked yet"
    ASKING = "asking now"
    ANSWERS = "answers"
    FAILS = "does not answer"


@dataclass(frozen=True, slots=True)
class PeerState:
    """A peer's health and the sentence that explains it."""

    health: PeerHealth = PeerHealth.UNKNOWN
    sentence: str = ""


class Services(QObject):
    """The program, as its dialogs see it.

    Lives in the window's thread; only `destination` may be called from any.
    """

    peers_changed = Signal()
    """Peers were added, changed or removed, or the built-in server moved."""

    peer_state_changed = Signal(str)
    """A peer's last answer is another one; carries the peer's name."""

    server_changed = Signal()
    """The built-in server started, stopped, or got other settings."""

    settings_changed = Signal()
    """Settings other than the server's were changed."""

    archive_changed = Signal()
    """The window did something to the archive (not sent for what peers store)."""

    notified = Signal(str)
    """Something that the person should read; the window shows it in its information bar."""

    def __init__(
        self,
        *,
        settings: Settings,
        settings_file: SettingsFile,
        peers: AddressBook,
        folders: DataDir,
        tasks: Tasks,
        theme: Theme,
        bridge: Bridge,
        log: TrafficLog,
        archive: Archive | None = None,
        server: TestServer | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._settings_file = settings_file
        self.peers = peers
        self.folders = folders
        self.tasks = tasks
        self.theme = theme
        self.archive = archive
        self.server = server
        self.bridge = bridge
        self.log = log
        self.recording = Recording()
        self.server_problem = ""
        """Why the server is not running although it should be; empty if all is well."""
        self._peer_states: dict[str, PeerState] = {}
        # Guards _destinations: the server's workers look move destinations up while the person edits peers.
        self._lock = threading.Lock()
        self._destinations: dict[str, tuple[str, int]] = {}
        self.peers_changed.connect(self._refresh_destinations)
        self.server_changed.connect(self._refresh_destinations)
        self._refresh_destinations()

    # --- settings

    @property
    def settings(self) -> Settings:
        """All settings in force, those given on the command line included."""
        return self._settings

    def save_settings(self, settings: Settings) -> None:
        """Put other settings in force and keep those sections that changed.

        What the command line set for this run is thereby not written as long as the person leaves it alone.
        Says so if the file cannot be written; the settings are in force all the same.
        """
        changed = {
            each.name: getattr(settings, each.name)
            for each in fields(settings)
            if getattr(settings, each.name) != getattr(self._settings, each.name)
        }
        self._settings = settings
        if not changed:
            return
        try:
            self._settings_file.save(replace(self._settings_file.load(), **changed))
        except OSError as error:
            reason = error.strerror or error
            self.notify(f"The settings are in force but could not be kept in {error.filename}: {reason}.")
        self.settings_changed.emit()

    # --- peers

    def built_in(self) -> Peer | None:
        """The built-in server as a peer, or None if this run has no server."""
        if self.server is None:
            return None
        settings = self.settings.server
        host, port = self.server.address or (settings.host, settings.port)
        if host in ("", "0.0.0.0", "::"):
            host = "::1" if host == "::" else "127.0.0.1"
        return Peer(
            name=BUILT_IN_NAME,
            ae_title=settings.ae_title,
            host=host,
            port=port,
            group=BUILT_IN_GROUP,
            comment="The test server of this program",
            temporary=True,
        )

    def all_peers(self) -> tuple[Peer, ...]:
        """Every peer to choose from, the built-in server first."""
        built_in = self.built_in()
        return ((built_in,) if built_in is not None else ()) + tuple(self.peers)

    def find_peer(self, name: str) -> Peer | None:
        """The peer of this name, or None."""
        return next((peer for peer in self.all_peers() if peer.name == name), None)

    def free_peer_name(self, wanted: str) -> str:
        """`wanted`, or `wanted 2` and so on if another peer has it."""
        names = {peer.name for peer in self.all_peers()}
        candidates = (wanted if number == 1 else f"{wanted} {number}" for number in itertools.count(1))
        return next(name for name in candidates if name not in names)

    def peer_state(self, name: str) -> PeerState:
        """What the peer of this name last answered."""
        return self._peer_states.get(name, PeerState())

    def set_peer_state(self, name: str, state: PeerState) -> None:
        """Remember what a peer answered; its dot in the peers pane follows."""
        self._peer_states[name] = state
        self.peer_state_changed.emit(name)

    def destination(self, ae_title: str) -> tuple[str, int] | None:
        """Where C-MOVE sends objects for this AE title; any thread."""
        with self._lock:
            return self._destinations.get(ae_title.strip())

    def _refresh_destinations(self) -> None:
        # The last one of an AE title wins: the built-in server, peers of this run, the first in the book.
        last_first = reversed(self.all_peers())
        lasting_first = sorted(last_first, key=lambda peer: peer.temporary)
        destinations = {peer.ae_title: (peer.host, peer.port) for peer in lasting_first}
        with self._lock:
            self._destinations = destinations

    # --- hearing of everything

    def handlers(self) -> list[tuple[NotificationEvent, Callable[[Event], None]]]:
        """What to bind to each association, so that the window shows it and a recording has it."""
        return [*self.bridge.recorder.handlers(), *self.recording.handlers()]

    # --- asking others

    def caller(self) -> Caller:
        """Who asks: our AE title, time limits and the handlers that record what happens."""
        from workstation.scu.caller import Caller

        own = self.settings.caller
        return Caller(
            ae_title=own.ae_title,
            handlers=self.handlers(),
            connection_timeout=own.connection_timeout,
            acse_timeout=own.acse_timeout,
            dimse_timeout=own.dimse_timeout,
            network_timeout=own.network_timeout,
            maximum_pdu_size=own.maximum_pdu_size,
        )

    # --- the built-in server

    def set_server(self, server: TestServer, archive: Archive) -> None:
        """Take over the server and its archive once they are made, which is after the window is there."""
        self.server, self.archive = server, archive
        self.server_changed.emit()
        self.peers_changed.emit()

    async def start_server(self) -> str:
        """Start the built-in server; returns an empty text, or a sentence that says why it does not run."""
        if self.server is None:
            return "This run has no built-in server (it was started with --no-scp)."
        settings = self.settings.server
        try:
            await self.tasks.call(self.server.start, name="start-server")
        except OSError as error:
            self.server_problem = explain_no_listener(settings, error)
        else:
            self.server_problem = ""
        self._log_server()
        self.server_changed.emit()
        self.peers_changed.emit()
        return self.server_problem

    def _log_server(self) -> None:
        peer = self.built_in()
        if self.server_problem:
            LOGGER.error("%s", self.server_problem)
        elif self.server is not None and self.server.running and peer is not None:
            LOGGER.info("The built-in server %s listens on %s:%d", peer.ae_title, peer.host, peer.port)

    async def stop_server(self) -> None:
        """Stop the built-in server; its associations are aborted."""
        if self.server is not None:
            await self.tasks.call(self.server.stop, name="stop-server")
            LOGGER.info("The built-in server is stopped")
            self.server_problem = ""
            self.server_changed.emit()

    async def apply_server_settings(self, settings: ServerSettings) -> str:
        """Put other server settings in force and keep them.

        Returns an empty text, or a sentence that says why it could not be; the server then goes on as it was.
        """
        if self.server is not None:
            try:
                await self.tasks.call(partial(self.server.apply, settings), name="apply-settings")
            except OSError as error:
                problem = explain_no_listener(settings, error)
                self.notify(f"{problem} It goes on as it was.")
                self.server_changed.emit()
                return problem
        self.save_settings(replace(self.settings, server=settings))
        self.server_changed.emit()
        self.peers_changed.emit()
        return ""

    # --- the person

    def notify(self, text: str) -> None:
        """Show a sentence in the window's information bar (plain text; window's thread)."""
        self.notified.emit(text)


def explain_no_listener(settings: ServerSettings, error: OSError) -> str:
    """Say why the server cannot listen and what to do about it."""
    place = f"{settings.host}:{settings.port}"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"The built-in server cannot listen on {place}: another program uses this port. "
                "Choose another port in Server > Settings and Behaviour, or end the other program."
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"The built-in server cannot listen on {place}: the system does not permit it. "
                "Ports below 1024 need administrator rights; choose 11112 or so in Server > Settings and Behaviour."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"The built-in server cannot listen on {place}: this computer has no such address. "
                "Choose 127.0.0.1 (this computer only) or 0.0.0.0 (all addresses) in Server > Settings and Behaviour."
            )
    reason = error.strerror or error
    return f"The built-in server cannot listen on {place}: {reason}. See Server > Settings and Behaviour."
