"""The archive's window: look through it, search, look at pictures, import, export, delete, send on; and the room left.

Everything that asks the database or the disk is a job; the window follows what peers store, a few times a second at
most. What a data set looks like is shown by a widget that is given: dialogs do not know viewers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QHideEvent, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QMenu,
    QMessageBox,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from sqlalchemy.exc import SQLAlchemyError

from workstation.scp.archive.archive import Archive, Change
from workstation.scp.archive.browse import Browser, Order, Row
from workstation.scp.archive.exporting import ExportJob, ExportProgress
from workstation.scp.archive.importing import ImportJob, ImportProgress
from workstation.scp.archive.importing import Outcome as FileResult
from workstation.scp.query.levels import Level
from workstation.traffic.text import printable
from workstation.ui.dialogs.archive_browser.jobs import DeleteJob, look
from workstation.ui.dialogs.archive_browser.model import PAGE, ArchiveModel, Node
from workstation.ui.dialogs.archive_browser.space_bar import SpaceBar
from workstation.ui.dialogs.archive_browser.table import ArchiveTable
from workstation.ui.dialogs.archive_browser.words import (
    delete_question,
    deleted_text,
    exported_text,
    imported_text,
)
from workstation.ui.dialogs.dialog_memory import DialogMemory
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.rates import bytes_text, count_text
from workstation.ui.parts.widgets import (
    SPACE,
    DimLabel,
    Outcome,
    OutcomeLabel,
    in_row,
    name_widget,
    plain_label,
    push_button,
)
from workstation.ui.services import Services
from workstation.ui.tasks import Funnel, Runnable, Tasks, action
from workstation.ui.theme import Theme

_TYPING = 250
_SETTLE = 80
_LIVE = 400
"""Milliseconds from one look at the archive to the next, while peers store."""
_SHARE = 4
"""Of the time at most one in so many is spent on looking."""
_PROGRESS = 120
_NARROW = 900


class Preview(Protocol):
    """What shows a data set; a QWidget."""

    def set_file(self, path: str | Path) -> None:
        """Show a file."""

    def show_picture(self) -> None:
        """Go to the picture."""

    def clear(self) -> None:
        """Show nothing."""


class ArchiveWindow(QDialog):
    """Patients, studies, series and objects, and what can be done with them.

    Args:
        services: The program.
        make_preview: Makes what shows a data set, a widget.
        parent: The window that it belongs to.
    """

    send_asked = Signal(list)
    """The person wants these files (paths) sent to a peer."""

    file_opened = Signal(object)
    """The person wants this file (a path) in a window of its own."""

    def __init__(
        self,
        services: Services,
        make_preview: Callable[[Theme, Tasks], Any],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._archive: Archive | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._job: ImportJob | ExportJob | DeleteJob | None = None
        self._generation = 0
        self._is_looking = False
        self._is_stale = True
        self._problems = ""
        self.setObjectName("archiveWindow")
        self.setAccessibleName("Archive")
        self.setWindowTitle("Archive")
        self.setModal(False)
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint)
        theme = services.theme
        self.model = ArchiveModel(theme, self)
        self.table = ArchiveTable(theme, self.model)
        self.preview: Preview = make_preview(theme, services.tasks)
        self.preview.show_picture()
        self._make_controls(theme)
        self._make_actions()
        self._lay_out(theme)
        self._make_timers()
        self._changes: Funnel[Change] = Funnel(lambda _batch: self._look_soon(), self, _LIVE)
        self.model.wanted.connect(self._fetch)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        self.table.opened.connect(self._open)
        self.table.dropped.connect(self.import_paths)
        services.server_changed.connect(self._take_archive)
        services.archive_changed.connect(self._look_soon)
        self._take_archive()
        self._show_absent()
        self.empty.show_when(self._archive is None)
        self._show_ready()
        DialogMemory(self, services.folders.window, {"splitter": self._splitter, "list": self.table.header()})
        self._arrange()
        self.search.setFocus()

    # --- making

    def _make_controls(self, theme: Theme) -> None:
        self.search = QLineEdit()
        self.search.setClearButtonEnabled(True)
        self.search.setPlaceholderText("Search: name, ID, accession number, description, modality, date, UID")
        name_widget(self.search, "archiveSearch", "Search", "All words have to be found in a patient, study or series")
        self.search.textChanged.connect(lambda _: self._typing.start())
        self.order = QComboBox()
        name_widget(self.order, "archiveOrder", "Order of patients")
        for order in Order:
            self.order.addItem(order.value[0].upper() + order.value[1:], order.name)
        self.order.activated.connect(self._look_anew)
        self.import_button = QPushButton("&Import")
        self.import_button.setAutoDefault(False)
        name_widget(
            self.import_button, "archiveImport", "Import", "Copy files into the archive; they stay where they are"
        )
        menu = QMenu(self.import_button)
        menu.addAction("&Files…", partial(self._choose, "Import Files", QFileDialog.FileMode.ExistingFiles))
        menu.addAction("F&older…", partial(self._choose, "Import a Folder", QFileDialog.FileMode.Directory))
        menu.addAction("&DICOMDIR…", partial(self._choose, "Import a DICOMDIR", QFileDialog.FileMode.ExistingFile))
        self.import_button.setMenu(menu)
        self.export_button = push_button("&Export", "archiveExport", "Copy what is selected to a folder")
        menu = QMenu(self.export_button)
        menu.addAction("&Folders by study and series…", partial(self._choose_target, False))
        menu.addAction("With a &DICOMDIR, for media…", partial(self._choose_target, True))
        self.export_button.setMenu(menu)
        self.send_button = push_button("&Send…", "archiveSend", "Send what is selected to a peer", self.send)
        self.delete_button = push_button(
            "&Delete…", "archiveDelete", "Remove what is selected from the archive (Delete)", self.ask_to_delete
        )
        self.outcome = OutcomeLabel(theme)
        name_widget(self.outcome, "archiveOutcome", "Outcome")
        self.outcome.hide()
        self.details_button = push_button("De&tails…", "archiveDetails", "What became of single files", self._details)
        self.details_button.hide()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(10)
        name_widget(self.progress, "archiveProgress", "Progress")
        self.progress_words = DimLabel(theme, wrap=False)
        self.progress_words.setObjectName("archiveProgressWords")
        self.cancel_button = push_button("&Cancel", "archiveCancel", "End after the file under way", self.cancel)
        self._work = QWidget()
        self._work.setLayout(in_row(self.progress, self.progress_words, self.cancel_button))
        self._work.hide()
        self.space = SpaceBar(theme)

    def _make_actions(self) -> None:
        def add(text: str, name: str, keys: QKeySequence | None, slot: Callable[[], object]) -> QAction:
            made = QAction(text, self)
            made.setObjectName(name)
            if keys is not None:
                made.setShortcut(keys)
                made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            made.triggered.connect(lambda: slot())
            return made

        self._open_action = add("Open in a window of its own", "archiveOpen", None, self._open_current)
        self._send_action = add("Send to a peer…", "archiveSendAction", None, self.send)
        self._export_action = add(
            "Export to a folder…", "archiveExportAction", None, partial(self._choose_target, False)
        )
        delete = QKeySequence(QKeySequence.StandardKey.Delete)
        self._delete_action = add("Delete…", "archiveDeleteAction", delete, self.ask_to_delete)
        line = QAction(self)
        line.setSeparator(True)
        self.table.menu_actions = [self._open_action, self._send_action, self._export_action, line, self._delete_action]
        self.table.addAction(self._delete_action)
        self.addAction(add("Refresh", "archiveRefresh", QKeySequence("F5"), self._look_soon))
        self.addAction(add("Search", "archiveFind", QKeySequence(QKeySequence.StandardKey.Find), self._to_search))

    def _lay_out(self, theme: Theme) -> None:
        self.empty = EmptyState(self.table, theme, "The archive is empty")
        self.empty_import = self.empty.offer(
            "Import a folder…", partial(self._choose, "Import a Folder", QFileDialog.FileMode.Directory), "emptyImport"
        )
        self._no_preview = QWidget()
        EmptyState(
            self._no_preview, theme, "Nothing selected", "Select a patient, study, series or object to see its picture."
        )
        self._pages = QStackedWidget()
        self._pages.addWidget(self._no_preview)
        assert isinstance(self.preview, QWidget)
        self._pages.addWidget(self.preview)
        self._pages.setMinimumSize(240, 180)
        splitter = self._splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setObjectName("archiveSplitter")
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.table)
        splitter.addWidget(self._pages)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        splitter.setSizes([740, 400])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, SPACE)
        layout.setSpacing(SPACE)
        label = plain_label("&Order")
        label.setBuddy(self.order)
        layout.addLayout(in_row(self.search, label, self.order))
        layout.addLayout(in_row(self.import_button, self.export_button, self.send_button, None, self.delete_button))
        layout.addWidget(splitter, 1)
        said = in_row(self.outcome, self.details_button)
        said.setStretch(0, 1)
        layout.addLayout(said)
        layout.addWidget(self._work)
        layout.addWidget(self.space)
        self.resize(1140, 720)

    def _make_timers(self) -> None:
        def timer(interval: int, slot: Callable[[], object]) -> QTimer:
            made = QTimer(self)
            made.setSingleShot(True)
            made.setInterval(interval)
            made.timeout.connect(lambda: slot())
            return made

        self._typing = timer(_TYPING, self._look_anew)
        self._settle = timer(_SETTLE, self._show_preview)
        self._again = timer(_LIVE, self._look)

    # --- following the archive

    def _take_archive(self) -> None:
        archive = self._services.archive
        if archive is not self._archive:
            self._stop_listening()
            self._stop_listening = lambda: None
            self._archive = archive
            if archive is not None and self.isVisible():
                self._stop_listening = archive.listen(self._changes.put)
            self._look_anew()
        self._show_ready()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._archive is not None:
            self._stop_listening()
            self._stop_listening = self._archive.listen(self._changes.put)
        if self._is_stale:
            self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        # What comes while nobody looks is seen when somebody does.
        self._stop_listening()
        self._stop_listening = lambda: None
        for timer in (self._typing, self._settle, self._again):
            timer.stop()
        self._is_stale = True
        self.preview.clear()
        self._pages.setCurrentIndex(0)

    def done(self, result: int) -> None:
        self.cancel()
        super().done(result)

    @property
    def _order(self) -> Order:
        return Order[self.order.currentData()]

    def _look_anew(self) -> None:
        """Other words or another order: nothing that is shown counts any more."""
        self._typing.stop()
        self._generation += 1
        self.model.clear()
        # Nothing is said to be absent before somebody has looked.
        self.empty.show_when(self._archive is None)
        self._show_absent()
        self._look_soon()

    def _look_soon(self) -> None:
        self._is_stale = True
        if self.isVisible() and not self._is_looking and not self._again.isActive():
            self._look()

    @action
    async def _look(self) -> None:
        """Bring everything shown up to date; changes meanwhile are seen by the next look."""
        archive = self._archive
        if archive is None or self._is_looking or not self.isVisible():
            self._show_empty()
            return
        self._is_looking, self._is_stale = True, False
        generation = self._generation
        clock = QElapsedTimer()
        clock.start()
        try:
            work = partial(look, archive, self.model.fetched(), PAGE, self.search.text(), self._order)
            snapshot = await self._services.tasks.call(work, name="look-at-archive")
        except (SQLAlchemyError, OSError) as error:
            self._say(Outcome.FAILURE, "The archive cannot be read", _reason_of(error))
            return
        finally:
            self._is_looking = False
            if self.isVisible() and self._archive is archive:
                # A large archive is looked at less often, so that storing has the machine.
                self._again.setInterval(0 if generation != self._generation else max(_LIVE, clock.elapsed() * _SHARE))
                if self._is_stale:
                    self._again.start()
        if generation == self._generation and self._archive is archive:
            with self.table.not_the_person():
                self.model.refresh(snapshot.pages)
            self.space.show_space(snapshot.totals, snapshot.space)
            self._show_empty()
            self._show_ready()

    @action
    async def _fetch(self, node: Node | None, offset: int) -> None:
        archive, generation = self._archive, self._generation
        if archive is None:
            return
        key = None if node is None else node.key
        work = partial(Browser(archive).page, key, self.search.text(), order=self._order, offset=offset, limit=PAGE)
        try:
            page = await self._services.tasks.call(work, name="fetch-rows")
        except (SQLAlchemyError, OSError) as error:
            self._say(Outcome.FAILURE, "The archive cannot be read", _reason_of(error))
            return
        if generation == self._generation:
            self.model.add_page(node, offset, page)

    def _show_empty(self) -> None:
        self._show_absent()
        self.empty.show_when(self.model.rowCount() == 0)

    def _show_absent(self) -> None:
        words = self.search.text().strip()
        is_here = self._archive is not None
        if not is_here:
            self.empty.say(
                "No archive", "This run has no built-in server (it was started with --no-scp), or its disk failed."
            )
        elif words:
            self.empty.say(
                f"Nothing found for “{printable(words, 60)}”",
                "All words have to be found in a patient, study or series.",
            )
        else:
            self.empty.say(
                "The archive is empty",
                "What peers send to the built-in server comes here; drop files or folders to import them.",
            )
        self.empty_import.setVisible(is_here and not words)

    # --- what is selected

    def _selected(self) -> None:
        self._show_ready()
        self._settle.start()

    @action
    async def _show_preview(self) -> None:
        archive, nodes = self._archive, self.table.chosen_nodes()
        current = self.model.node(self.table.currentIndex().row())
        node = (current or nodes[0]) if nodes else None
        if archive is None or node is None:
            self.preview.clear()
            self._pages.setCurrentIndex(0)
            return
        try:
            path = await self._services.tasks.call(partial(Browser(archive).example, node.key), name="find-picture")
        except (SQLAlchemyError, OSError) as error:
            self._say(Outcome.FAILURE, "The archive cannot be read", _reason_of(error))
            return
        if path is not None and self.isVisible():
            self.preview.set_file(path)
            self._pages.setCurrentIndex(1)

    def _open(self, node: Node) -> None:
        if self._archive is not None and node.row.file:
            self.file_opened.emit(self._archive.folder / node.row.file)

    def _open_current(self) -> None:
        for node in self.table.chosen_nodes()[:1]:
            self._open(node)

    def _to_search(self) -> None:
        self.search.setFocus()
        self.search.selectAll()

    def _show_ready(self) -> None:
        busy, here = self._job is not None, self._archive is not None
        rows = self.table.chosen_rows()
        for widget in (self.export_button, self.send_button, self.delete_button):
            widget.setEnabled(here and not busy and bool(rows))
        for each in (self._send_action, self._export_action, self._delete_action):
            each.setEnabled(here and not busy and bool(rows))
        self._open_action.setEnabled(len(rows) == 1 and rows[0].key.level is Level.IMAGE)
        self.import_button.setEnabled(here and not busy)
        self.empty_import.setEnabled(here and not busy)

    # --- importing

    def _choose(self, title: str, mode: QFileDialog.FileMode) -> None:
        chooser = QFileDialog(self, title)
        chooser.setObjectName("archiveImportDialog")
        chooser.setFileMode(mode)
        if mode is QFileDialog.FileMode.Directory:
            chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        elif mode is QFileDialog.FileMode.ExistingFile:
            chooser.setNameFilters(["DICOMDIR (DICOMDIR dicomdir)", "All files (*)"])
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.filesSelected.connect(lambda names: self.import_paths([Path(name) for name in names]))
        chooser.open()

    @action
    async def import_paths(self, paths: Sequence[Path]) -> None:
        """Copy these files, folders and what DICOMDIRs list into the archive."""
        archive = self._archive
        if archive is None or self._job is not None or not paths:
            return
        progress: Funnel[ImportProgress] = Funnel(self._show_import, self, _PROGRESS)
        job = ImportJob(archive, paths, progress.put)
        self._say(Outcome.RUNNING, "Importing")
        result = await self._run(job, progress, "import")
        if result is None:
            return
        headline, detail = imported_text(result)
        unwell = result.stopped or result.counts[FileResult.FAILED]
        if result.cancelled:
            outcome = Outcome.CANCELLED
        elif result.stopped:
            outcome = Outcome.FAILURE
        elif unwell or not (result.stored or result.counts[FileResult.DUPLICATE]):
            outcome = Outcome.WARNING
        else:
            outcome = Outcome.SUCCESS
        lines = [f"{each.path}: {each.sentence}" for each in result.problems]
        self._say(outcome, headline, detail, lines)
        self._services.archive_changed.emit()

    def _show_import(self, batch: list[ImportProgress]) -> None:
        last = batch[-1]
        if last.total is None:
            self.progress.setRange(0, 0)
            self.progress_words.setText(f"{count_text(last.done, 'file')} found")
            return
        self.progress.setRange(0, max(last.total, 1))
        self.progress.setValue(last.done)
        self.progress_words.setText(f"{last.done:,} of {last.total:,} files, {bytes_text(last.bytes)}")

    # --- exporting

    def _choose_target(self, dicomdir: bool) -> None:
        rows = self.table.chosen_rows()
        if not rows:
            return
        chooser = QFileDialog(self, "Export to a Folder")
        chooser.setObjectName("archiveExportDialog")
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.fileSelected.connect(lambda name: self.export(rows, Path(name), dicomdir=dicomdir))
        chooser.open()

    @action
    async def export(self, rows: Sequence[Row], folder: Path, dicomdir: bool = False) -> None:
        """Copy rows to a folder."""
        archive = self._archive
        if archive is None or self._job is not None:
            return
        progress: Funnel[ExportProgress] = Funnel(self._show_export, self, _PROGRESS)
        keys = [row.key for row in rows]
        job = ExportJob(archive, keys, folder, dicomdir=dicomdir, on_progress=progress.put)
        self._say(Outcome.RUNNING, f"Exporting to {printable(str(folder))}")
        result = await self._run(job, progress, "export")
        if result is None:
            return
        headline, detail = exported_text(result, str(folder))
        if result.cancelled:
            outcome = Outcome.CANCELLED
        elif result.stopped:
            outcome = Outcome.FAILURE
        else:
            outcome = Outcome.WARNING if result.failed else Outcome.SUCCESS
        self._say(outcome, headline, detail, result.problems)

    def _show_export(self, batch: list[ExportProgress]) -> None:
        last = batch[-1]
        self.progress.setRange(0, max(last.total, 1))
        self.progress.setValue(last.done)
        self.progress_words.setText(f"{last.done:,} of {last.total:,} objects")

    # --- sending

    @action
    async def send(self) -> None:
        """Hand the files of what is selected to whoever sends."""
        archive, keys = self._archive, [row.key for row in self.table.chosen_rows()]
        if archive is None or not keys:
            return
        try:
            objects = await self._services.tasks.call(partial(Browser(archive).objects, keys), name="find-objects")
        except (SQLAlchemyError, OSError) as error:
            self._say(Outcome.FAILURE, "The archive cannot be read", _reason_of(error))
            return
        if objects:
            self.send_asked.emit([one.path for one in objects])

    # --- deleting

    @action
    async def ask_to_delete(self) -> None:
        """Ask whether what is selected may go, in words that say how much it is."""
        archive, rows = self._archive, self.table.chosen_rows()
        if archive is None or not rows or self._job is not None:
            return
        try:
            work = partial(Browser(archive).totals, [row.key for row in rows])
            totals = await self._services.tasks.call(work, name="count-objects")
        except (SQLAlchemyError, OSError) as error:
            self._say(Outcome.FAILURE, "The archive cannot be read", _reason_of(error))
            return
        question, consequence, answer = delete_question(rows, totals)
        box = QMessageBox(QMessageBox.Icon.Warning, "Delete", question, parent=self)
        box.setObjectName("archiveDeleteQuestion")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText(consequence)
        delete = box.addButton(answer, QMessageBox.ButtonRole.DestructiveRole)
        delete.setObjectName("archiveDeleteYes")
        keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        keep.setObjectName("archiveDeleteNo")
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        delete.clicked.connect(lambda: self._delete(rows))
        box.open()

    @action
    async def _delete(self, rows: Sequence[Row]) -> None:
        archive = self._archive
        if archive is None or self._job is not None:
            return
        total = sum(row.objects for row in rows)
        progress: Funnel[int] = Funnel(lambda batch: self._show_deleted(batch[-1], total), self, _PROGRESS)
        self._say(Outcome.RUNNING, f"Deleting {count_text(total, 'object')}")
        result = await self._run(DeleteJob(archive, [row.key for row in rows], progress.put), progress, "delete")
        if result is not None:
            self._say(Outcome.CANCELLED if result.cancelled else Outcome.SUCCESS, deleted_text(result))
            self._services.archive_changed.emit()

    def _show_deleted(self, count: int, total: int) -> None:
        self.progress.setRange(0, max(total, count, 1))
        self.progress.setValue(count)
        self.progress_words.setText(f"{count:,} of {max(total, count):,} objects")

    # --- work

    async def _run(self, job: Any, funnel: Funnel[Any], name: str) -> Any:
        """Run a job with its progress shown; None if the database or the disk failed, which is said."""
        self._job = job
        self.progress.setRange(0, 0)
        self.progress_words.setText("")
        self._work.show()
        self._show_ready()
        try:
            runnable: Runnable[Any] = job
            return await self._services.tasks.run(runnable, funnel, name=name)
        except (SQLAlchemyError, OSError) as error:
            self._say(Outcome.FAILURE, "The archive failed", _reason_of(error))
            return None
        except Exception as error:
            self.outcome.show_defect(error)
            raise
        finally:
            self._job = None
            self._work.hide()
            self.progress.setRange(0, 1)
            self._show_ready()
            self._look_soon()

    def cancel(self) -> None:
        """End what is under way; what is done stays done."""
        if self._job is not None:
            self._job.cancel()
            self.progress_words.setText("Ending after the file under way")

    def _say(self, outcome: Outcome, headline: str, detail: str = "", lines: Sequence[str] = ()) -> None:
        self.outcome.show_outcome(outcome, headline, detail)
        self.outcome.show()
        self._problems = "\n".join(printable(line, 1000) for line in lines)
        self.details_button.setVisible(bool(lines))

    def _details(self) -> None:
        dialog = QDialog(self)
        dialog.setObjectName("archiveDetailsDialog")
        dialog.setWindowTitle("What Became of Single Files")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = QPlainTextEdit(self._problems)
        text.setReadOnly(True)
        text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        name_widget(text, "archiveDetailsText", "Files and what became of them")
        QVBoxLayout(dialog).addWidget(text)
        dialog.resize(720, 360)
        dialog.show()

    # --- the room that there is

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        wanted = Qt.Orientation.Vertical if self.width() < _NARROW else Qt.Orientation.Horizontal
        if self._splitter.orientation() != wanted:
            self._splitter.setOrientation(wanted)
            self._splitter.setSizes([600, 400])


def _reason_of(error: Exception) -> str:
    reason = getattr(error, "orig", None) or getattr(error, "strerror", None) or error
    return printable(str(reason), 300)
