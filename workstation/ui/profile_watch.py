"""Watches the folder of the servers' profiles: what an editor or git does there is taken up while the window runs."""

from __future__ import annotations

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer

from workstation.ui.services import Services
from workstation.ui.tasks import action

_CALM = 300  # ms without news before the files are read: an editor writes in several steps


class ProfileWatch(QObject):
    """Tells the services when to look at the profiles' files; `begin` once the servers are there."""

    def __init__(self, services: Services, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._watcher = QFileSystemWatcher(self)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM)
        self._calm.timeout.connect(self._look)
        self._is_looking = False
        for news in (self._watcher.directoryChanged, self._watcher.fileChanged):
            news.connect(lambda _path: self._calm.start())

    def begin(self) -> None:
        """Watch from now on."""
        self._services.server_changed.connect(self._watch)
        self._watch()

    def end(self) -> None:
        """Watch no more."""
        self._calm.stop()
        self._calm.timeout.disconnect()
        if watched := [*self._watcher.files(), *self._watcher.directories()]:
            self._watcher.removePaths(watched)

    def _watch(self) -> None:
        # The folder alone does not tell of a file that is written in place; and a file that was replaced is another.
        watched = {*self._watcher.files(), *self._watcher.directories()}
        wanted = [str(path) for path in self._services.profile_paths() if str(path) not in watched]
        if wanted:
            self._watcher.addPaths(wanted)
            # What was written before nobody has told.
            self._calm.start()

    @action
    async def _look(self) -> None:
        if self._is_looking:
            self._calm.start()
            return
        self._is_looking = True
        try:
            await self._services.take_up_files()
        finally:
            self._is_looking = False
            self._watch()
