"""The worklist as a table to edit: what modalities get that ask this server. Add, copy, import, or take samples."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QVBoxLayout, QWidget
from sqlalchemy.exc import SQLAlchemyError

from workstation.scp.answers.worklist_table import WORKLIST_COLUMNS, CellError
from workstation.scp.ledger import DuplicateRecordError, Ledger, Record, UnknownRecordError
from workstation.ui.dialogs.kept.cells import WorklistTable
from workstation.ui.dialogs.kept.kinds import WORKLIST
from workstation.ui.dialogs.kept.models import WorklistModel
from workstation.ui.dialogs.kept.pane import KeptPane, MakeView, RecordTable
from workstation.ui.dialogs.kept.reading import Row
from workstation.ui.dialogs.kept.worklist_items import (
    add_copies,
    add_new,
    add_samples,
    edit_cell,
    import_files,
    item_row,
)
from workstation.ui.parts.rates import count_text
from workstation.ui.parts.widgets import Outcome, ProblemLabel, in_row, push_button
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme

R = TypeVar("R")
_MOST_PROBLEMS = 8
_WIDTHS = {
    "PatientName": "Yamada^Tarou=山田^太郎",
    "ScheduledProcedureStepStartDate": "2026-07-05",
    "ScheduledProcedureStepStartTime": "14:30",
    "Modality": "RTIMAGE",
    "ScheduledProcedureStepDescription": "Knee, both sides, AP and lateral",
    "RequestedProcedureDescription": "Knee, both sides",
    "ScheduledProcedureStepStatus": "     DISCONTINUED",
    "PatientSex": "Sex",
    "StudyInstanceUID": "2.25.335499924220248249102356115598060965",
}


class WorklistPane(KeptPane):
    """The tab of worklist items."""

    def __init__(
        self,
        ledger: Ledger,
        films: Path,
        theme: Theme,
        tasks: Tasks,
        make_view: MakeView,
        parent: QWidget | None = None,
    ) -> None:
        # One after the other: each edit begins with what the one before left.
        self._one_by_one = asyncio.Lock()
        self.add_button = push_button("&Add", "worklistAdd", "Add an item, to be filled in", self.add)
        self.copy_button = push_button(
            "D&uplicate", "worklistDuplicate", "Add an item like each of the selected, as a new study", self.duplicate
        )
        self.import_button = push_button(
            "&Import", "worklistImport", "Add the items of files: .wl, .dcm or DICOM JSON; or drop them here"
        )
        self.samples_button = push_button(
            "&Today's samples", "worklistSamples", "Add a dozen items for today, as they might be", self.add_samples
        )
        super().__init__(WORKLIST, ledger, films, theme, tasks, make_view, parent)
        menu = QMenu(self.import_button)
        menu.setObjectName("worklistImportMenu")
        menu.addAction("Files…", self.choose_files)
        menu.addAction("Folder…", self.choose_folder)
        self.import_button.setMenu(menu)
        for text, act, name in (
            ("Import files…", self.choose_files, "worklistEmptyImport"),
            ("Today's samples", self.add_samples, "worklistEmptySamples"),
        ):
            # Enter in the search must not press it.
            self.empty.offer(text, act, name).setAutoDefault(False)
        self.setAcceptDrops(True)

    # --- what is different here

    def make_model(self) -> WorklistModel:
        model = WorklistModel(self._theme, newest_first=False, parent=self)
        model.edited.connect(self.edit)
        return model

    def make_table(self) -> RecordTable:
        table = WorklistTable(self._theme, f"{self.kind.key}Table", "Worklist items")
        self.problem = ProblemLabel(self._theme)
        self.problem.setObjectName("worklistProblem")
        table.delegate.problem.connect(self.problem.show_problem)
        return table

    def make_row(self, record: Record) -> Row:
        return item_row(record)

    def size_columns(self) -> None:
        samples = [_WIDTHS.get(column.keyword, "MODALITY_1") for column in WORKLIST_COLUMNS]
        self.table.size_columns(samples)

    def lay_out_head(self, layout: QVBoxLayout) -> None:
        layout.addLayout(
            in_row(
                self.add_button,
                self.copy_button,
                self.import_button,
                self.samples_button,
                None,
                self.save_button,
                self.remove_button,
            )
        )
        layout.addLayout(in_row(self.search, self.count))
        layout.addWidget(self.problem)

    def arrange(self, width: int) -> None:
        # So many columns want the whole width.
        if self.splitter.orientation() is not Qt.Orientation.Vertical:
            self.splitter.setOrientation(Qt.Orientation.Vertical)
            self.divide()

    def enable(self, chosen: int) -> None:
        super().enable(chosen)
        self.copy_button.setEnabled(chosen > 0)

    def fill_menu(self, menu: QMenu) -> None:
        menu.addAction("Duplicate", self.duplicate)
        super().fill_menu(menu)

    # --- editing

    @action
    async def edit(self, row: Row, place: int, text: str) -> None:
        """Put another text into a cell."""
        column = WORKLIST_COLUMNS[place]
        try:
            record = await self._in_turn(partial(edit_cell, self._ledger, row.key[1], column, text), "edit-item")
        except UnknownRecordError:
            self.tell(Outcome.FAILURE, "Not changed", "The item has been removed meanwhile.")
        except DuplicateRecordError:
            self.tell(Outcome.FAILURE, "Not changed", "There is another item with these identifiers.")
        except (CellError, SQLAlchemyError) as error:
            self.tell(Outcome.FAILURE, "Not changed", str(error))
        else:
            self.result.hide()
            self.model.rename(row.key, item_row(record))
            self._look_again()

    async def _in_turn(self, work: Callable[[], R], name: str) -> R:
        async with self._one_by_one:
            return await self._tasks.call(work, name=name)

    # --- adding

    @action
    async def add(self) -> None:
        """Add an item and begin to edit it."""
        record = await self._adding(partial(add_new, self._ledger, datetime.now()))
        if record is not None:
            self._show_added([record], "Added an item: double-click a cell, or press F2, to change it.")
            self.table.setFocus()

    @action
    async def duplicate(self) -> None:
        """Add an item like each of the selected."""
        keys = self._chosen_keys()
        records = await self._adding(partial(add_copies, self._ledger, keys)) if keys else None
        if records:
            self._show_added(records, f"{self.kind.many(len(records))} added, each a new study")

    @action
    async def add_samples(self) -> None:
        """Add a day's samples."""
        counts = await self._adding(partial(add_samples, self._ledger, datetime.now()))
        if counts is not None:
            self._say_counts(*counts)

    @action
    async def import_paths(self, paths: Sequence[Path]) -> None:
        """Add the items of files and folders."""
        counts = await self._adding(partial(import_files, self._ledger, paths))
        if counts is not None:
            self._say_counts(*counts)

    async def _adding(self, work: Callable[[], R]) -> R | None:
        try:
            return await self._in_turn(work, "add-items")
        except SQLAlchemyError as error:
            self.tell(Outcome.FAILURE, "Not added", str(error))
            return None

    def _show_added(self, records: Sequence[Record], words: str) -> None:
        rows = [item_row(record) for record in records]
        # The search would hide what was just added.
        self.search.clear()
        self._look()
        self.model.apply([(row.key, row) for row in rows])
        line = self.model.line_of(rows[-1].key)
        self.table.show_row(self.model.index(line, 0))
        self.tell(Outcome.SUCCESS, words)

    def _say_counts(self, added: int, known: int, problems: Sequence[str] = ()) -> None:
        words = f"{self.kind.many(added)} added" if added or not problems else "Nothing added"
        if known:
            words += f", {known:,} {'was' if known == 1 else 'were'} there already"
        lines = list(problems[:_MOST_PROBLEMS])
        if len(problems) > _MOST_PROBLEMS:
            lines.append(f"And {count_text(len(problems) - _MOST_PROBLEMS, 'more file')}.")
        outcome = Outcome.SUCCESS if not problems else Outcome.WARNING if added else Outcome.FAILURE
        self.tell(outcome, words, "\n".join(lines))
        self.read()

    # --- files

    def choose_files(self) -> None:
        """Let the person choose files with items."""
        dialog = QFileDialog(self, "Import worklist items")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters(["Worklist items (*.wl *.dcm *.dicom *.json)", "All files (*)"])
        self._choose(dialog)

    def choose_folder(self) -> None:
        """Let the person choose a folder with such files."""
        dialog = QFileDialog(self, "Import a folder of worklist items")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        self._choose(dialog)

    def _choose(self, dialog: QFileDialog) -> None:
        dialog.setObjectName("worklistImportDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda names: self.import_paths([Path(name) for name in names]))
        dialog.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.import_paths(paths)
