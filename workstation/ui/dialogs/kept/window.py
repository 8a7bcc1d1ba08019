"""The window "Received": what the server keeps beside objects, a tab for each kind, live while it is open.

Knows the ledger and the folder of films; how a data set is shown is given to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QTabWidget, QVBoxLayout, QWidget
from sqlalchemy.exc import SQLAlchemyError

from workstation.scp.ledger import Ledger
from workstation.ui.dialogs.dialog_memory import DialogMemory
from workstation.ui.dialogs.kept.kinds import RECORDS, WORKLIST
from workstation.ui.dialogs.kept.pane import KeptPane, MakeView
from workstation.ui.dialogs.kept.reading import Key
from workstation.ui.dialogs.kept.worklist_pane import WorklistPane
from workstation.ui.parts.widgets import name_widget
from workstation.ui.services import Services
from workstation.ui.tasks import Funnel, action

# Milliseconds: changes come in bursts, and a count that runs is not read.
_OFTEN = 150


class KeptWindow(QDialog):
    """Worklist, procedure steps, commitments, print jobs, UPS, availability. Modeless; made once and shown again.

    Args:
        services: Theme, jobs, folders.
        ledger: The records.
        films: Folder of the print jobs' films (`films_folder` of the archive's).
        make_view: Makes the view of a data set: `DataSetView`.
    """

    window_asked = Signal(object)
    """The person wants the `DicomObject` shown in a window of its own."""

    compare_asked = Signal(object)
    """The person wants to compare the `DicomObject` with another one."""

    def __init__(
        self,
        services: Services,
        ledger: Ledger,
        films: Path,
        make_view: MakeView,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._ledger = ledger
        self._end_listening: Callable[[], None] | None = None
        self.setObjectName("keptWindow")
        self.setAccessibleName("Received")
        self.setWindowTitle("Received")
        self.setModal(False)
        theme, tasks = services.theme, services.tasks
        self.worklist = WorklistPane(ledger, films, theme, tasks, make_view)
        self.panes: dict[str, KeptPane] = {WORKLIST.key: self.worklist}
        for kind in RECORDS:
            self.panes[kind.key] = KeptPane(kind, ledger, films, theme, tasks, make_view)
        self.tabs = QTabWidget()
        name_widget(self.tabs, "keptTabs", "Kinds of records")
        self.tabs.setDocumentMode(True)
        for pane in self.panes.values():
            self.tabs.addTab(pane, pane.kind.title)
            pane.window_asked.connect(self.window_asked)
            pane.compare_asked.connect(self.compare_asked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self._changes: Funnel[Key] = Funnel(self._take, self, _OFTEN)
        self.resize(1100, 700)
        DialogMemory(self, services.folders.window, {})

    def show_kind(self, key: str) -> None:
        """Go to a tab: "worklist", "procedureSteps", "commitments", "printJobs", "ups" or "availability"."""
        self.tabs.setCurrentWidget(self.panes[key])

    # --- following the ledger

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._end_listening is None:
            self._end_listening = self._ledger.listen(lambda kind, uid: self._changes.put((kind, uid)))
            # What happened while nobody listened.
            for pane in self.panes.values():
                pane.refresh()
        self._count()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._end_listening is not None:
            self._end_listening()
            self._end_listening = None

    def _take(self, keys: Sequence[Key]) -> None:
        for pane in self.panes.values():
            pane.take_changes(keys)
        self._count()

    @action
    async def _count(self) -> None:
        """Show how many there are of each kind."""
        try:
            counts = await self._services.tasks.call(self._ledger.counts, name="count-kept")
        except SQLAlchemyError:
            # Each tab says so for itself.
            return
        for place, pane in enumerate(self.panes.values()):
            count = sum(counts.get(kind, 0) for kind in pane.kind.kinds)
            title = f"{pane.kind.title} ({count:,})" if count else pane.kind.title
            if self.tabs.tabText(place) != title:
                self.tabs.setTabText(place, title)
