"""The windows of the test servers: their dialog, what they received, the archive, scripts; and questions in their pane.

Knows how they lead to each other; what they show is theirs. They are imported when they are first opened: with the
database that they need they would cost the start as much as the window itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog, QWidget

from workstation.scp.profiles import MAIN
from workstation.ui.services import Services
from workstation.ui.viewers.data_set.view import DataSetView
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.data_set_windows import DataSetWindows

if TYPE_CHECKING:
    from workstation.ui.dialogs.archive_browser.window import ArchiveWindow
    from workstation.ui.dialogs.kept.window import KeptWindow
    from workstation.ui.dialogs.script_editor.editor import ScriptEditor
    from workstation.ui.dialogs.server.server_dialog import ServerDialog
    from workstation.ui.theme import Theme

D = TypeVar("D", bound=QDialog)

NO_ARCHIVE = "This run has no servers and no archive (it was started with --no-scp, or its archive cannot be used)."


class ServerWindows(QObject):
    """Opens them, each once.

    Args:
        services: The program.
        viewers: Where an association is gone to.
        data_sets: Where data sets are opened in windows of their own.
        open_dialog: Shows the dialog of a kind, made at its first use.
        send: Opens the send dialog with files.
        window: What they belong to.
    """

    def __init__(
        self,
        services: Services,
        viewers: Viewers,
        data_sets: DataSetWindows,
        open_dialog: Callable[[str, Callable[[], Any]], Any],
        send: Callable[[Sequence[Path]], object],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._services = services
        self._viewers = viewers
        self._data_sets = data_sets
        self._open_dialog = open_dialog
        self._send = send
        self._window = window

    def _open(self, kind: str, make: Callable[[], D]) -> D:
        dialog: D = self._open_dialog(kind, make)
        return dialog

    def open_server(self) -> ServerDialog:
        """Which servers there are, and their profiles."""
        return self._open("server", self._make_server)

    def _make_server(self) -> ServerDialog:
        from workstation.ui.dialogs.server.server_dialog import ServerDialog

        dialog = ServerDialog(self._services, self._window)
        dialog.script_edit_asked.connect(self._edit_script)
        dialog.association_chosen.connect(self.go_to_association)
        return dialog

    def open_rules(self) -> ServerDialog:
        """The rules of the server that was looked at last."""
        dialog = self.open_server()
        dialog.show_rules()
        return dialog

    def open_received(self) -> KeptWindow | None:
        """What came in beside objects."""
        from workstation.scp.answers.printing import films_folder
        from workstation.ui.dialogs.kept.window import KeptWindow

        ledger, archive = self._services.ledger, self._services.archive
        if ledger is None or archive is None:
            self._services.notify(NO_ARCHIVE)
            return None

        def make() -> KeptWindow:
            made = KeptWindow(self._services, ledger, films_folder(archive.folder), DataSetView, self._window)
            made.window_asked.connect(self._data_sets.open_object)
            made.compare_asked.connect(self._data_sets.compare)
            return made

        return self._open("received", make)

    def open_archive(self) -> ArchiveWindow | None:
        """The stored objects."""
        from workstation.ui.dialogs.archive_browser.window import ArchiveWindow

        if self._services.archive is None:
            self._services.notify(NO_ARCHIVE)
            return None

        def make() -> ArchiveWindow:
            made = ArchiveWindow(self._services, _preview, self._window)
            made.send_asked.connect(self._send)
            made.file_opened.connect(self._data_sets.open_file)
            return made

        return self._open("archive", make)

    def open_scripts(self) -> ScriptEditor:
        """The editor of scripts."""
        from workstation.ui.dialogs.script_editor.editor import ScriptEditor

        services = self._services

        def make() -> ScriptEditor:
            return ScriptEditor(
                services.theme,
                services.tasks,
                services.scripts,
                services.folder_of(MAIN),
                services.folders.window,
                self._window,
            )

        return self._open("scripts", make)

    def _edit_script(self, path: str, function: str) -> None:
        editor = self.open_scripts()
        if path:
            editor.open_path(Path(path), function=function)

    def go_to_association(self, number: int) -> None:
        """Show the traffic of an association."""
        self._viewers.go_to_association(number)


def _preview(theme: Theme, tasks: Any) -> DataSetView:
    return DataSetView(theme, tasks)
