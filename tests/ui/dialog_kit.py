"""Real services for the tests of dialogs: a running built-in server, an archive, an address book, in a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QWidget

from workstation.paths import DataDir
from workstation.peers import AddressBook, Peer
from workstation.scp.archive.archive import Archive
from workstation.scp.ledger import Ledger
from workstation.scp.profiles import MAIN, ProfileFolder
from workstation.scp.servers import Servers
from workstation.settings import ArchiveSettings, Settings, SettingsFile
from workstation.traffic.log import TrafficLog
from workstation.ui.bridge import Bridge
from workstation.ui.services import Services
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Theme

NOBODY = Peer(name="Nobody", ae_title="NOBODY", host="127.0.0.1", port=1)


@contextlib.contextmanager
def running_services(qtbot, folder: Path, port: int) -> Iterator[Services]:
    """Services whose built-in server listens on `port`; ends all that they started.

    What an earlier run left in the folder is in force again, as when the program starts.
    """
    folders = DataDir.at(folder / "data")
    profiles = ProfileFolder(folders.servers)
    main, *others = profiles.load()
    assert profiles.problems == ()
    settings = Settings(archive=ArchiveSettings(durable=False))
    bridge = Bridge()
    archive = Archive(folders.archive, durable=False)
    services = Services(
        settings=settings,
        settings_file=SettingsFile(folders.settings),
        profiles=profiles,
        kept=(replace(main, port=port), *others),
        peers=AddressBook(folders.peers),
        folders=folders,
        tasks=Tasks(),
        theme=Theme(),
        bridge=bridge,
        log=TrafficLog(),
    )
    ledger = Ledger(f"sqlite:///{folders.ledger}", durable=False)
    servers = Servers(
        archive, ledger, services.destination, services.handlers(), asker=services.asker, scripts=services.scripts
    )
    services.peers.load()
    if services.find_peer(NOBODY.name) is None:
        services.peers.add(NOBODY)
    services.set_servers(servers)
    assert services.server is not None
    services.server.start()
    services.server_changed.emit()
    services.peers_changed.emit()
    try:
        yield services
    finally:
        services.tasks.cancel_all()
        qtbot.waitUntil(lambda: services.tasks.running == 0, timeout=10_000)
        services.save_rest()
        services.asker.close()
        servers.close()
        # What the server's last associations did is still being handed over.
        qtbot.waitUntil(lambda: not any(timer.isActive() for timer in bridge.findChildren(QTimer)), timeout=10_000)


class ServerSeen:
    """What the window sees of the built-in server, for tests of what it shows in states that are hard to reach."""

    archive = ledger = None

    def __init__(self, *, running: bool, host: str, port: int) -> None:
        self.running = running
        self.address = (host, port)

    def get(self, name: str):
        return self if name == MAIN else None

    def __iter__(self):
        return iter((self,))


def idle(qtbot, dialog: QDialog, timeout: int = 20_000) -> None:
    """Wait until the dialog's job is over."""
    qtbot.waitUntil(lambda: dialog._job is None, timeout=timeout)


def act(qtbot, dialog: QDialog, click: Callable[[], object], timeout: int = 20_000) -> None:
    """Do what starts a job, wait for the start and the end of it."""
    seen = []
    click()
    qtbot.waitUntil(lambda: bool(seen.append(True)) or len(seen) > 2, timeout=1000)
    idle(qtbot, dialog, timeout)


def focus(qtbot, widget: QWidget) -> None:
    """Give a widget the keyboard; shortcuts need it to be in the active window."""
    widget.window().activateWindow()
    qtbot.waitUntil(widget.window().isActiveWindow)
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)
