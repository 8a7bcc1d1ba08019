"""A tab of the window: the list of one kind of record, a search, what can be done, and the chosen one's data set.

Reads when it is in sight, follows the ledger's changes, and asks before it removes. All use of the ledger is in jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QLineEdit,
    QMenu,
    QMessageBox,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)
from sqlalchemy.exc import SQLAlchemyError

from workstation.scp.ledger import Ledger, Record
from workstation.traffic.text import printable
from workstation.ui.dialogs.kept.kinds import Kind
from workstation.ui.dialogs.kept.models import SUMMARY, KeptModel, RecordModel
from workstation.ui.dialogs.kept.reading import (
    Details,
    Key,
    ReadRows,
    Row,
    UnreadableRecordError,
    read_changed,
    read_details,
    remove_records,
    row_of,
    save_records,
)
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.traffic_table import TrafficTable
from workstation.ui.parts.widgets import (
    SPACE,
    DimLabel,
    Outcome,
    OutcomeLabel,
    ProblemLabel,
    in_row,
    name_widget,
    push_button,
)
from workstation.ui.tasks import Funnel, Tasks, action
from workstation.ui.theme import Theme

if TYPE_CHECKING:
    from workstation.ui.viewers.data_set.view import DataSetView

MakeView = Callable[[Theme, Tasks], "DataSetView"]

# Whoever runs through the list with the arrow keys waits for none of its records.
_SETTLE = 60
_TYPING = 150
# Narrower than this the data set stands below the list and not beside it; a film, which is high, sooner beside.
_NARROW, _NARROW_FOR_FILMS = 1000, 760
# So many changes at once are read all together.
_MANY = 50
_FILM, _RECORD = 0, 1


class RecordTable(TrafficTable):
    """The list; its menu and the Delete key do what the buttons do."""

    def __init__(self, theme: Theme, object_name: str, accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, object_name, accessible_name, parent)
        self.menu_filler: Callable[[QMenu], None] | None = None
        header = self.header()
        header.setSectionsClickable(True)
        # Shown from the start, without a place: Qt turns it round at a click only when it is shown.
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorShown(True)
        header.sortIndicatorChanged.connect(self._sort)
        # Two clicks in quick succession are a click and a double click, at which Qt does nothing.
        header.sectionDoubleClicked.connect(self._turn_round)

    def _turn_round(self, column: int) -> None:
        header = self.header()
        is_up = header.sortIndicatorSection() == column and header.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder
        header.setSortIndicator(column, Qt.SortOrder.DescendingOrder if is_up else Qt.SortOrder.AscendingOrder)

    def _sort(self, column: int, order: Qt.SortOrder) -> None:
        if column >= 0:
            with self.kept_current():
                self.rows().sort(column, order)

    def kept_current(self) -> _KeptCurrent:
        """Have the current record stay current whatever becomes of the model."""
        return _KeptCurrent(self)

    def kept(self) -> KeptModel:
        """The model."""
        model = self.model()
        assert isinstance(model, KeptModel)
        return model

    def current_row(self) -> Row | None:
        """The current record."""
        index = self.currentIndex()
        return self.kept().row_at(index.row()) if index.isValid() else None

    def chosen_rows(self) -> list[Row]:
        """The selected records, in the order shown."""
        selection = self.selectionModel()
        lines = sorted(index.row() for index in selection.selectedRows()) if selection is not None else []
        return [row for line in lines if (row := self.kept().row_at(line)) is not None]

    def fill_menu(self, menu: QMenu, index: QModelIndex) -> None:
        if self.menu_filler is not None and index.isValid():
            self.menu_filler(menu)
            menu.addSeparator()
        super().fill_menu(menu, index)


class RemarkLabel(ProblemLabel):
    """What the server found to say of a record: no failure, but worth a look."""

    def _colour(self) -> None:
        palette = self.palette()
        palette.setColor(self.foregroundRole(), self._theme.warning)
        self.setPalette(palette)


class _KeptCurrent:
    """The current record before, made current again after."""

    def __init__(self, table: RecordTable) -> None:
        self._table = table
        self._key: Key | None = None
        self._column = 0

    def __enter__(self) -> None:
        row = self._table.current_row()
        self._key = row.key if row is not None else None
        self._column = max(0, self._table.currentIndex().column())

    def __exit__(self, *_: object) -> None:
        model = self._table.kept()
        line = model.line_of(self._key) if self._key is not None else -1
        if line >= 0:
            self._table.show_row(model.index(line, self._column))


class KeptPane(QWidget):
    """A tab.

    Args:
        kind: What it shows.
        ledger: Where the records are.
        films: Folder of the print jobs' films.
        theme: Colours.
        tasks: Runs what uses the ledger.
        make_view: Makes the view of a data set.
    """

    window_asked = Signal(object)
    """The person wants the `DicomObject` shown in a window of its own."""

    compare_asked = Signal(object)
    """The person wants to compare the `DicomObject` with another one."""

    counted = Signal()
    """There are more or fewer records than before."""

    loaded = Signal()
    """The records are there, or the sentence that says why not."""

    detailed = Signal()
    """Another record's data set is shown, or none."""

    def __init__(
        self,
        kind: Kind,
        ledger: Ledger,
        films: Path,
        theme: Theme,
        tasks: Tasks,
        make_view: MakeView,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.kind = kind
        self._ledger = ledger
        self._films = films
        self._theme = theme
        self._tasks = tasks
        self._is_stale = True
        self._reading: ReadRows | None = None
        self._missed: set[Key] = set()
        self._arriving: Funnel[list[Row]] = Funnel(self._on_arriving, self)
        self._details: Details | None = None
        self._wanted: Key | None = None
        self._shown_as: tuple[Key, float, int] | None = None
        self.setObjectName(f"{kind.key}Pane")
        self.model = self.make_model()
        self.table = self.make_table()
        self.table.setModel(self.model)
        self.table.menu_filler = self._fill_menu
        self.empty = EmptyState(self.table, theme, *kind.empty)
        self.empty.show_when(False)
        self._make_head()
        self._make_details(make_view)
        self.result = OutcomeLabel(theme)
        name_widget(self.result, f"{kind.key}Result", "What became of it")
        self.result.hide()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setObjectName(f"{kind.key}Splitter")
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.details)
        self.divide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        layout.setSpacing(SPACE)
        self.lay_out_head(layout)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.result)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE)
        self._settle.timeout.connect(self._read_details)
        self.model.counted.connect(self._on_counted)
        self.model.modelReset.connect(self._look_again)
        selection = self.table.selectionModel()
        selection.selectionChanged.connect(self._on_selected)
        self.size_columns()
        self._on_selected()

    # --- for other kinds to change

    def make_model(self) -> KeptModel:
        """The model of the list."""
        return RecordModel(self._theme, newest_first=True, parent=self)

    def make_table(self) -> RecordTable:
        """The list."""
        return RecordTable(self._theme, f"{self.kind.key}Table", self.kind.title)

    def make_row(self, record: Record) -> Row:
        """A record as a row; called in jobs."""
        return row_of(self.kind, record)

    def size_columns(self) -> None:
        """Give the columns their widths."""
        longest = max((state.capitalize() for state in self.kind.outcomes), key=len, default="State")
        self.table.size_columns((f"      {longest}", "Yamada Tarou · DW", "MODALITY1", "2026-07-05 14:30"), SUMMARY)

    def lay_out_head(self, layout: QVBoxLayout) -> None:
        """Put the search and the buttons above the list."""
        layout.addLayout(in_row(self.search, self.count, self.save_button, self.remove_button))

    # --- making

    def _make_head(self) -> None:
        key = self.kind.key
        self.search = QLineEdit()
        name_widget(self.search, f"{key}Search", f"Find in {self.kind.title}", "Every word has to be there")
        self.search.setPlaceholderText("Find")
        self.search.setClearButtonEnabled(True)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING)
        self._typing.timeout.connect(self._look)
        self.search.textChanged.connect(lambda: self._typing.start())
        self.search.returnPressed.connect(self._look)
        self.count = DimLabel(self._theme, wrap=False)
        self.count.setObjectName(f"{key}Count")
        self.save_button = push_button(
            "Save as…", f"{key}Save", "Save the selected ones as a DICOM file or as DICOM JSON", self.ask_where
        )
        self.remove_button = push_button(
            "Delete…", f"{key}Delete", "Delete the selected ones (Delete)", self.ask_to_remove
        )
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.remove_button.click)
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self.search.setFocus)

    def _make_details(self, make_view: MakeView) -> None:
        key = self.kind.key
        self.view = make_view(self._theme, self._tasks)
        self.view.window_asked.connect(self.window_asked)
        self.view.compare_asked.connect(self.compare_asked)
        self.which = QTabBar()
        name_widget(self.which, f"{key}Which", "Film or print job")
        self.which.setDrawBase(False)
        self.which.addTab("Film")
        self.which.addTab("Print job")
        self.which.setExpanding(False)
        # The person's choice: a job without a film shows its other side, the next one its film again.
        self._prefers_film = True
        self.which.tabBarClicked.connect(self._on_which)
        # Only what has a picture has two sides.
        self.which.setVisible(self.kind.has_film)
        self.view.tabs.hide()
        self.view.shown.connect(self._on_view_shown)
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.remarks = RemarkLabel(self._theme)
        self.remarks.setObjectName(f"{key}Remarks")
        column.addWidget(self.which)
        column.addWidget(self.remarks)
        column.addWidget(self.view, 1)
        self._nothing = QWidget()
        self._nothing.setObjectName(f"{key}NoDetails")
        self._chosen_nothing = EmptyState(self._nothing, self._theme, "Nothing selected", "Select a row.")
        self.details = QStackedWidget()
        self.details.setMinimumSize(200, 120)
        self.details.addWidget(self._nothing)
        self.details.addWidget(shown)

    # --- reading

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_stale:
            self.read()
        else:
            self._look_again()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._settle.stop()
        self._typing.stop()

    def refresh(self) -> None:
        """Read anew, now or when it is next in sight."""
        self._is_stale = True
        if self.isVisible():
            self.read()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange(event.size().width())

    def arrange(self, width: int) -> None:
        """Put the data set beside the list, or below it where there is no room."""
        is_narrow = width < (_NARROW_FOR_FILMS if self.kind.has_film else _NARROW)
        wanted = Qt.Orientation.Vertical if is_narrow else Qt.Orientation.Horizontal
        if self.splitter.orientation() is not wanted:
            self.splitter.setOrientation(wanted)
            self.divide()

    def divide(self) -> None:
        """Give list and data set about half of the room each, whatever they ask for."""
        for place in (0, 1):
            self.splitter.setStretchFactor(place, 1)
        # Shares: Qt scales them to the room. Below the list a picture needs more of it.
        is_low = self.splitter.orientation() is Qt.Orientation.Vertical
        self.splitter.setSizes([3000, 7000] if is_low and self.kind.has_film else [5000, 5000])

    @action
    async def read(self) -> None:
        """Read all records anew; where there are none yet they are shown as they come."""
        self._is_stale = False
        self._missed.clear()
        if self._reading is not None:
            self._reading.cancel()
        is_first = not self.model.total
        newest_first = isinstance(self.model, RecordModel)
        put = self._arriving.put if is_first else None
        job = self._reading = ReadRows(self._ledger, self.kind.kinds, self.make_row, newest_first=newest_first, put=put)
        if is_first:
            self.empty.say("Reading …")
            self.empty.show_when(True)
        try:
            rows = await self._tasks.run(job, self._arriving, name="read-kept")
        except SQLAlchemyError as error:
            if self._reading is job:
                self._reading = None
                self.empty.say("The records cannot be read", printable(str(error), 300))
                self.empty.show_when(True)
                self.loaded.emit()
            return
        if self._reading is not job:
            return
        self._reading = None
        if not is_first or len(self.kind.kinds) > 1 or not rows:
            with self.table.kept_current():
                self.model.set_rows(rows)
        if self.table.currentIndex().row() < 0 and rows:
            self.table.show_row(self.model.index(0, 0))
        self.loaded.emit()
        if self._missed:
            self.take_changes(list(self._missed))

    def _on_arriving(self, batches: list[list[Row]]) -> None:
        # The last of a reading that was given up may come late.
        if self._reading is None:
            return
        for rows in batches:
            self.model.add_rows(rows)
        if self.table.currentIndex().row() < 0 and self.model.rowCount():
            self.table.show_row(self.model.index(0, 0))

    def take_changes(self, keys: Sequence[Key]) -> None:
        """The ledger has changed these records."""
        mine = [key for key in keys if key[0] in self.kind.kinds]
        if not mine:
            return
        if not self.isVisible():
            self._is_stale = True
        elif self._reading is not None:
            # To begin anew each time would never end beside a busy peer.
            self._missed.update(mine)
        elif len(mine) > _MANY:
            self.read()
        else:
            self._read_changed(list(dict.fromkeys(mine)))

    @action
    async def _read_changed(self, keys: list[Key]) -> None:
        try:
            changes = await self._tasks.call(
                partial(read_changed, self._ledger, keys, self.make_row), name="read-changed"
            )
        except SQLAlchemyError as error:
            self.tell(Outcome.FAILURE, "Changes cannot be read", str(error))
            return
        bar = self.table.verticalScrollBar()
        was_at_top = bar.value() == 0
        self.model.apply(changes)
        if was_at_top:
            bar.setValue(0)
        if self._wanted is not None and any(key == self._wanted for key, _ in changes):
            self._look_again()
        self.loaded.emit()

    # --- what is shown

    def _look(self) -> None:
        self._typing.stop()
        with self.table.kept_current():
            self.model.set_words(self.search.text())

    def _on_counted(self) -> None:
        total, shown = self.model.total, self.model.rowCount()
        self.count.setText(f"{shown:,} of {total:,}" if shown != total else f"{total:,}" if total else "")
        if total and not shown:
            self.empty.say("Nothing found", f"None of the {self.kind.many(total)} has these words.")
        else:
            self.empty.say(*self.kind.empty)
        self.empty.show_when(not shown)
        self.show_empty(is_empty=not total)
        self._on_selected()
        self.counted.emit()

    def show_empty(self, *, is_empty: bool) -> None:
        """There are no records at all, or some."""
        # What cannot be there takes no room.
        self.details.setVisible(not is_empty)

    def _on_selected(self, *_: object) -> None:
        chosen = self.table.chosen_rows()
        self.enable(len(chosen))
        self._look_again()

    def _look_again(self) -> None:
        """Show the current record's data set, soon; out of sight nothing is read."""
        if self.isVisible():
            self._settle.start()

    def enable(self, chosen: int) -> None:
        """So many rows are selected."""
        self.save_button.setEnabled(chosen > 0)
        self.remove_button.setEnabled(chosen > 0)

    @action
    async def _read_details(self) -> None:
        row = self.table.current_row()
        self._wanted = row.key if row is not None else None
        if row is None:
            self._details, self._shown_as = None, None
            self.details.setCurrentIndex(0)
            self.detailed.emit()
            return
        key = row.key
        try:
            details = await self._tasks.call(
                partial(read_details, self._ledger, self.kind, key, self._films), name="read-record"
            )
        except SQLAlchemyError as error:
            self.tell(Outcome.FAILURE, "The record cannot be read", str(error))
            return
        if key != self._wanted or details is None:
            return
        self._details = details
        self._show_details()

    def _show_details(self) -> None:
        details = self._details
        if details is None:
            return
        self.details.setCurrentIndex(1)
        if self.kind.has_film:
            has_film = details.film is not None
            self.which.setTabEnabled(_FILM, has_film)
            self.which.setCurrentIndex(_FILM if has_film and self._prefers_film else _RECORD)
        self.remarks.show_problem(details.remarks)
        row = self.table.current_row()
        # The same again would close what the person has opened in it.
        shown = (details.key, row.changed if row is not None else 0.0, self.which.currentIndex())
        if shown == self._shown_as:
            return
        self._shown_as = shown
        if details.film is not None and self.which.currentIndex() == _FILM:
            self.view.set_file(details.film)
            self.view.show_picture()
        elif details.found is not None:
            self.view.set_object(details.found)
            self.view.show_elements()
        else:
            self.details.setCurrentIndex(0)
            self._chosen_nothing.say("Cannot be shown", details.problem)
        self.detailed.emit()

    def _on_which(self, place: int) -> None:
        if place >= 0 and self.which.isTabEnabled(place):
            self._prefers_film = place == _FILM
            self._show_details()

    def _on_view_shown(self) -> None:
        # A film's file has a name that says nothing to anybody.
        details, row = self._details, self.table.current_row()
        if details is not None and details.film is not None and row is not None and row.key == details.key:
            title = self.view.title
            title.setText(title.text().replace(details.film.name, row.texts[SUMMARY]))

    def tell(self, outcome: Outcome, headline: str, detail: str = "") -> None:
        """Say how something went."""
        lines = [printable(line, 300) for line in detail.splitlines()]
        self.result.show_outcome(outcome, headline, "\n".join(lines))
        self.result.show()

    # --- what can be done

    def _fill_menu(self, menu: QMenu) -> None:
        self.fill_menu(menu)

    def fill_menu(self, menu: QMenu) -> None:
        """Add what can be done with the selected rows."""
        menu.addAction("Save as…", self.ask_where)
        delete = menu.addAction("Delete…", self.ask_to_remove)
        delete.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))

    def _chosen_keys(self) -> list[Key]:
        return [row.key for row in self.table.chosen_rows()]

    def ask_where(self) -> None:
        """Let the person choose a file for the selected records."""
        keys = self._chosen_keys()
        if not keys:
            return
        dialog = QFileDialog(self, f"Save {self.kind.many(len(keys))}")
        dialog.setObjectName(f"{self.kind.key}SaveDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        has_file = len(keys) == 1
        filters = ["Film as a DICOM file (*.dcm)" if self.kind.has_film else "DICOM file (*.dcm)"] if has_file else []
        dialog.setNameFilters([*filters, "DICOM JSON (*.json)"])
        dialog.setDefaultSuffix("dcm" if has_file else "json")
        dialog.filterSelected.connect(lambda text: dialog.setDefaultSuffix("json" if "json" in text else "dcm"))
        dialog.selectFile(f"{self.kind.noun.replace(' ', '-')}{'' if has_file else 's'}")
        dialog.fileSelected.connect(lambda name: self.save_to(Path(name), keys))
        dialog.open()

    @action
    async def save_to(self, path: Path, keys: Sequence[Key]) -> None:
        """Write records to a file, and say so."""
        try:
            count = await self._tasks.call(
                partial(save_records, self._ledger, self.kind, keys, path, self._films), name="save-kept"
            )
        except (UnreadableRecordError, SQLAlchemyError) as error:
            self.tell(Outcome.FAILURE, "Not saved", str(error))
        except OSError as error:
            self.tell(Outcome.FAILURE, "Not saved", f"{path}: {error.strerror or error}")
        else:
            self.tell(Outcome.SUCCESS, f"Saved {self.kind.many(count)} as {printable(path.name)}", f"In {path.parent}")

    def ask_to_remove(self) -> None:
        """Ask whether the selected records shall go."""
        keys = self._chosen_keys()
        if not keys:
            return
        question = QMessageBox(self)
        question.setObjectName(f"{self.kind.key}DeleteQuestion")
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        question.setIcon(QMessageBox.Icon.Question)
        question.setTextFormat(Qt.TextFormat.PlainText)
        question.setWindowTitle("Delete")
        question.setText(f"Delete {self.kind.many(len(keys))}?")
        with_film = " Their films go as well." if self.kind.has_film else ""
        question.setInformativeText(f"What is deleted cannot be brought back.{with_film}")
        yes = question.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        yes.setObjectName(f"{self.kind.key}DeleteYes")
        no = question.addButton(QMessageBox.StandardButton.Cancel)
        question.setDefaultButton(no)
        yes.clicked.connect(lambda: self.remove(keys))
        question.open()

    @action
    async def remove(self, keys: Sequence[Key]) -> None:
        """Remove records, and say so."""
        try:
            count = await self._tasks.call(
                partial(remove_records, self._ledger, self.kind, keys, self._films), name="remove-kept"
            )
        except SQLAlchemyError as error:
            self.tell(Outcome.FAILURE, "Not deleted", str(error))
        except OSError as error:
            self.tell(Outcome.FAILURE, "Not deleted", f"{error.filename}: {error.strerror or error}")
        else:
            self.tell(Outcome.SUCCESS, f"{self.kind.many(count)} deleted")
