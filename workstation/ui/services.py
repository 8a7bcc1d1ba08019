"""What a dialog or a pane may ask of the program: settings, peers, server, archive, log, jobs, theme.

One object, made by the composition root and handed to whoever needs it; nothing is looked up by name. It
also keeps what several panes share: the built-in server as a peer, and what each peer last answered.
This module knows no dialog and no view.
"""

from __future__ import annotations

import asyncio
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
from workstation.scp.asking import Asker
from workstation.scp.profile_changes import Change, look
from workstation.scp.profiles import MAIN, Profile, ProfileFolder
from workstation.scp.rules.foreign import scripts_of
from workstation.scp.scripts import Scripts
from workstation.settings import Settings, SettingsFile
from workstation.traffic.text import printable
from workstation.ui.recording import Recording
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workstation.net.events import Event, NotificationEvent
    from workstation.scp.archive.archive import Archive
    from workstation.scp.ledger import Ledger
    from workstation.scp.server import TestServer
    from workstation.scp.servers import Servers
    from workstation.scu.caller import Caller
    from workstation.traffic.log import TrafficLog
    from workstation.ui.bridge import Bridge

# The log says "server", which is whose news it is.
LOGGER = logging.getLogger("workstation.ui.server")
# Whether the server runs is news in any log, and rare.
LOGGER.setLevel(logging.INFO)

BUILT_IN_NAME = MAIN
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
    """A server was added or removed, started, stopped, or got another profile."""

    settings_changed = Signal()
    """Settings other than the server's were changed."""

    archive_changed = Signal()
    """The window did something to the archive (not sent for what peers store)."""

    notified = Signal(str)
    """Something that the person should read; the window shows it in its information bar."""

    withdrawn = Signal(str)
    """What was notified is no longer so."""

    def __init__(
        self,
        *,
        settings: Settings,
        settings_file: SettingsFile,
        profiles: ProfileFolder,
        peers: AddressBook,
        folders: DataDir,
        tasks: Tasks,
        theme: Theme,
        bridge: Bridge,
        log: TrafficLog,
        kept: tuple[Profile, ...] = (Profile(),),
        in_force: tuple[Profile, ...] = (),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._settings_file = settings_file
        self.peers = peers
        self.folders = folders
        self.tasks = tasks
        self.theme = theme
        self.servers: Servers | None = None
        self.asker = Asker()
        """Puts the questions of all servers to the person."""
        self.scripts = Scripts()
        """The person's scripts, as all servers use them."""
        self._profile_folder = profiles
        # What is in the files, and what is in force: the command line may have changed it for this run.
        self._kept = {profile.name: profile for profile in kept}
        self._profiles = {profile.name: profile for profile in in_force or kept}
        # What was said of files that are broken.
        self._broken: dict[Path, str] = {}
        # Profiles that are not in their files yet; and who writes them, one at a time.
        self._unsaved: set[str] = set()
        self._saving = asyncio.Lock()
        self.bridge = bridge
        self.log = log
        self.recording = Recording()
        self.server_problems: dict[str, str] = {}
        """By server: why it is not running although it should be."""
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

    def built_in(self, name: str = MAIN) -> Peer | None:
        """A server of this program as a peer, or None if this run has none of that name."""
        server = self.servers.get(name) if self.servers is not None else None
        if server is None:
            return None
        profile = self._profiles[name]
        host, port = server.address or (profile.host, profile.port)
        if host in ("", "0.0.0.0", "::"):
            host = "::1" if host == "::" else "127.0.0.1"
        return Peer(
            name=name,
            ae_title=profile.ae_title,
            host=host,
            port=port,
            group=BUILT_IN_GROUP,
            comment=profile.description or "A test server of this program",
            temporary=True,
        )

    def all_peers(self) -> tuple[Peer, ...]:
        """Every peer to choose from, the servers of this program first."""
        here = [peer for name in self._profiles if (peer := self.built_in(name)) is not None]
        return (*here, *self.peers)

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

    # --- the servers

    @property
    def profile(self) -> Profile:
        """The profile of the built-in server."""
        return self._profiles[MAIN]

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The profiles of all servers, the built-in one's first."""
        return tuple(self._profiles.values())

    @property
    def server(self) -> TestServer | None:
        """The built-in server, or None if this run has none."""
        return self.servers.get(MAIN) if self.servers is not None else None

    @property
    def server_problem(self) -> str:
        """Why the built-in server is not running although it should be; empty if all is well."""
        return self.server_problems.get(MAIN, "")

    @property
    def archive(self) -> Archive | None:
        """The stored objects, or None if this run has none."""
        return self.servers.archive if self.servers is not None else None

    @property
    def ledger(self) -> Ledger | None:
        """What the servers keep beside objects, or None if this run has none."""
        return self.servers.ledger if self.servers is not None else None

    def folder_of(self, name: str) -> Path:
        """What paths in a server's profile are relative to."""
        return self._profile_folder.path_of(name).parent

    def set_servers(self, servers: Servers) -> None:
        """Take the servers over once their archive is open, which is after the window is there."""
        self.servers = servers
        for profile in self._profiles.values():
            if servers.get(profile.name) is None:
                servers.add(profile, self.folder_of(profile.name))
        self.server_changed.emit()
        self.peers_changed.emit()

    async def start_server(self, name: str = MAIN) -> str:
        """Start a server; returns an empty text, or a sentence that says why it does not run."""
        servers = self.servers
        server = servers.get(name) if servers is not None else None
        if servers is None or server is None:
            return "This run has no built-in server (it was started with --no-scp)."
        try:
            await self.tasks.call(server.start, name="start-server")
        except Exception as error:
            self.server_problems[name] = explain_no_listener(self._profiles[name], _expected(error))
        else:
            self.server_problems.pop(name, None)
        self._log_server(name)
        self.server_changed.emit()
        self.peers_changed.emit()
        return self.server_problems.get(name, "")

    def _log_server(self, name: str) -> None:
        peer = self.built_in(name)
        server = self.servers.get(name) if self.servers is not None else None
        if problem := self.server_problems.get(name):
            LOGGER.error("%s", problem)
        elif server is not None and server.running and peer is not None:
            LOGGER.info("The server %s (%s) listens on %s:%d", name, peer.ae_title, peer.host, peer.port)

    async def stop_server(self, name: str = MAIN) -> None:
        """Stop a server; its associations are aborted."""
        server = self.servers.get(name) if self.servers is not None else None
        if server is not None:
            await self.tasks.call(server.stop, name="stop-server")
            LOGGER.info("The server %s is stopped", name)
            self.server_problems.pop(name, None)
            self.server_changed.emit()

    async def apply_profile(self, profile: Profile) -> str:
        """Put another profile of the server with its name in force and keep it.

        Returns an empty text, or a sentence that says why it could not be; the server then goes on as it was.
        """
        problem = await self._put_in_force(profile)
        if not problem:
            await self._save(profile.name)
        return problem

    async def _put_in_force(self, profile: Profile) -> str:
        server = self.servers.get(profile.name) if self.servers is not None else None
        if server is not None:
            try:
                await self.tasks.call(partial(server.apply, profile), name="apply-profile")
            except Exception as error:
                problem = explain_no_listener(profile, _expected(error))
                self.notify(f"{problem} It goes on as it was.")
                self.server_changed.emit()
                return problem
            except asyncio.CancelledError:
                # The program ends; the thread has put it in force all the same.
                self._keep(profile)
                raise
        self._keep(profile)
        self.server_changed.emit()
        self.peers_changed.emit()
        return ""

    async def reload_profile(self, name: str) -> tuple[str, ...]:
        """Read a server's profile from its file again; returns sentences about what could not be."""
        now = self._profiles[name]
        async with self._saving:
            profile, problems = await self.tasks.call(
                partial(self._profile_folder.load_one, name, now), name="reload-profile"
            )
        self._kept[name] = profile
        problem = await self._put_in_force(profile)
        # It is what its file says; what is broken there is for its writer to mend, not to be written over.
        self._unsaved.discard(name)
        return (*problems, problem) if problem else problems

    def profile_paths(self) -> tuple[Path, ...]:
        """Where profiles are: their folder, and the files in it that are known."""
        return (self._profile_folder.folder, *self._profile_folder.seen)

    async def take_up_files(self) -> None:
        """Put in force what somebody did to the profiles' files; tells what cannot be, and all stays as it was then."""
        folder = self._profile_folder
        async with self._saving:
            # What the person changes meanwhile is not undone by what the file said before.
            kept = dict(self._kept)
            changes = await self.tasks.call(partial(look, folder.folder, folder.seen), name="look-at-profiles")
            for change in changes:
                folder.saw(change.path, change.stamp)
        for change in changes:
            await self._take_up(change, kept)

    async def _take_up(self, change: Change, kept: dict[str, Profile]) -> None:
        folder, path, profile = self._profile_folder, printable(str(change.path), 200), change.profile
        name = folder.name_of(change.path)
        if said := self._broken.pop(change.path, ""):
            self.withdrawn.emit(said)
        if change.stamp is None:
            if name is not None:
                self.notify(f"{path} is gone. The server {name} goes on; its next change is written there again.")
        elif profile is None:
            going_on = f" The server {name} goes on as it was." if name is not None else ""
            self._broken[change.path] = f"{printable(change.problems[0], 300)}{going_on}"
            self.notify(self._broken[change.path])
        elif name is not None or (profile.name in self._profiles and not folder.has_file(profile.name)):
            name = name if name is not None else profile.name
            folder.adopt(name, change.path)
            await self._take_up_changed(name, profile, kept.get(name, self._kept[name]), path)
        elif profile.name in self._profiles:
            self.notify(f"{path} is a second server named {printable(profile.name)}; it is left out.")
        else:
            folder.adopt(profile.name, change.path)
            problem = await self.add_server(profile)
            names = ", ".join(printable(script, 100) for script in scripts_of(profile.rules))
            scripts = f" Its rules run {names}." if names else ""
            self.notify(f"{path} is a server now: {printable(profile.name)}.{scripts} {problem}".strip())

    async def _take_up_changed(self, name: str, profile: Profile, was: Profile, path: str) -> None:
        if profile.name != name:
            self.notify(f"In {path} the server {name} has another name. It keeps it; rename it in Settings and Rules.")
            profile = replace(profile, name=name)
        # What the command line set for this run stands as long as the file says what it said.
        now = self._profiles[name]
        changed = {
            each.name: getattr(profile, each.name)
            for each in fields(profile)
            if getattr(profile, each.name) != getattr(was, each.name)
        }
        if not changed:
            return
        if not await self._put_in_force(replace(now, **changed)):
            LOGGER.info("The profile of the server %s was read again from %s", printable(name), path)
        self._kept[name] = replace(self._kept[name], **changed)
        if self._kept[name] == profile:
            self._unsaved.discard(name)

    async def rename_server(self, name: str, wanted: str) -> str:
        """Give a server another name; returns an empty text, or a sentence that says why it could not be."""
        if name == MAIN:
            return f"The {MAIN} server keeps its name."
        if wanted in self._profiles:
            return f"There is a server named {wanted!r} already."
        try:
            profile = replace(self._profiles[name], name=wanted)
        except ValueError as error:
            return str(error)
        await self.remove_server(name)
        return await self.add_server(profile)

    async def add_server(self, profile: Profile) -> str:
        """Add a server, keep its profile and start it if it is enabled; returns as `start_server`."""
        if profile.name in self._profiles:
            return f"There is a server named {profile.name!r} already."
        self._keep(profile)
        if self.servers is not None:
            self.servers.add(profile, self.folder_of(profile.name))
        self.server_changed.emit()
        self.peers_changed.emit()
        await self._save(profile.name)
        return await self.start_server(profile.name) if profile.enabled and self.servers is not None else ""

    async def remove_server(self, name: str) -> None:
        """Stop a server and forget its profile; the built-in one stays."""
        if name == MAIN or name not in self._profiles:
            return
        if self.servers is not None:
            await self.tasks.call(partial(self.servers.remove, name), name="remove-server")
        del self._profiles[name]
        self._kept.pop(name, None)
        self._unsaved.discard(name)
        self.server_problems.pop(name, None)
        async with self._saving:
            try:
                self._profile_folder.remove(name)
            except OSError as error:
                self.notify(f"The file of the server {name} cannot be removed: {error.strerror or error}.")
        self.server_changed.emit()
        self.peers_changed.emit()

    def _keep(self, profile: Profile) -> None:
        """Put a profile in force, and what changed by it among what is to be written."""
        before = self._profiles.get(profile.name)
        self._profiles[profile.name] = profile
        # What the command line set for this run is not written as long as the person leaves it alone.
        kept = profile
        if before is not None and profile.name in self._kept:
            changed = {
                each.name: getattr(profile, each.name)
                for each in fields(profile)
                if getattr(profile, each.name) != getattr(before, each.name)
            }
            kept = replace(self._kept[profile.name], **changed)
        self._kept[profile.name] = kept
        self._unsaved.add(profile.name)

    async def _save(self, name: str) -> None:
        """Write a profile to its file, beside the window: many rules take a while."""
        async with self._saving:
            # Of several changes in a row one writes the last.
            if name not in self._unsaved:
                return
            self._unsaved.discard(name)
            try:
                await self.tasks.call(partial(self._profile_folder.save, self._kept[name]), name="keep-profile")
            except OSError as error:
                self._say_not_kept(error)
            except asyncio.CancelledError:
                self._unsaved.add(name)
                raise

    def save_rest(self) -> None:
        """Write what is not in its file yet, here and now: the program ends, and no job runs any more."""
        while self._unsaved:
            try:
                self._profile_folder.save(self._kept[self._unsaved.pop()])
            except OSError as error:
                self._say_not_kept(error)

    def _say_not_kept(self, error: OSError) -> None:
        reason = error.strerror or error
        self.notify(f"The server's profile is in force but could not be kept in {error.filename}: {reason}.")

    # --- the person

    def notify(self, text: str) -> None:
        """Show a sentence in the window's information bar (plain text; window's thread)."""
        self.notified.emit(text)


def _expected(error: Exception) -> Exception:
    """The error, if it is one that starting a server may have.

    Raises:
        Exception: It is a mistake of ours.
    """
    if isinstance(error, OSError) or type(error).__name__ == "TlsError":
        return error
    raise error


def explain_no_listener(profile: Profile, error: Exception) -> str:
    """Say why a server cannot listen and what to do about it."""
    place = f"{profile.host}:{profile.port}"
    what = "built-in server" if profile.name == MAIN else f"server {profile.name}"
    if not isinstance(error, OSError):
        return f"The {what} cannot listen on {place}: {error} See its TLS settings in Server > Settings and Rules."
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"The {what} cannot listen on {place}: another program uses this port. "
                "Choose another port in Server > Settings and Rules, or end the other program."
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"The {what} cannot listen on {place}: the system does not permit it. "
                "Ports below 1024 need administrator rights; choose 11112 or so in Server > Settings and Rules."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"The {what} cannot listen on {place}: this computer has no such address. "
                "Choose 127.0.0.1 (this computer only) or 0.0.0.0 (all addresses) in Server > Settings and Rules."
            )
    reason = error.strerror or error
    return f"The {what} cannot listen on {place}: {reason}. See Server > Settings and Rules."
