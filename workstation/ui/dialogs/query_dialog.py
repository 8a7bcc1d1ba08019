"""Query and retrieve: ask a peer what it has, go down from study to image, fetch what is selected.

The dialog shows and asks. Jobs ask the peer in threads of their own; a query ended by Cancel is ended at the peer too
(C-CANCEL). What was found stays visible: a level is a frame in the breadcrumb, and going back asks nothing again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pydicom.dataset import Dataset
from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QSplitter,
    QStyledItemDelegate,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workstation.peers import Peer
from workstation.scu.failure import Failure
from workstation.scu.job import Progress
from workstation.scu.query import QueryJob, QueryResult
from workstation.scu.retrieve import GetJob, MoveJob
from workstation.ui.dialogs.breadcrumb import Breadcrumb
from workstation.ui.dialogs.dialog_memory import DialogMemory
from workstation.ui.dialogs.query_form import QueryForm
from workstation.ui.dialogs.query_keys import (
    LEVEL_NAMES,
    Level,
    Root,
    build_identifier,
    is_empty_query,
    levels_of,
)
from workstation.ui.dialogs.query_model import (
    MatchesModel,
    column_characters,
    is_number,
    match_title,
    raw_value,
    unique_keys,
)
from workstation.ui.dialogs.retrieval import RetrieveTotal, into_archive, retrieve_identifiers
from workstation.ui.dialogs.retrieve_panel import RetrievePanel
from workstation.ui.parts.rates import count_text, time_text
from workstation.ui.parts.widgets import (
    SPACE,
    Outcome,
    OutcomeLabel,
    PeerChooser,
    RoomyDelegate,
    act_on_control_enter,
    in_row,
    name_after_peer,
    name_widget,
    plain_label,
    primary_button,
    push_button,
    stacked,
)
from workstation.ui.services import Services
from workstation.ui.tasks import Funnel, action

_NOUNS = {
    Level.PATIENT: ("patient", "patients"),
    Level.STUDY: ("study", "studies"),
    Level.SERIES: ("series", "series"),
    Level.IMAGE: ("image", "images"),
}

_LIMITS = (100, 1000, 10_000)


@dataclass(slots=True)
class Frame:
    """One query and what it found: a step of the breadcrumb."""

    peer: Peer
    root: Root
    level: Level
    texts: dict[str, str]
    above: dict[str, str]
    model: MatchesModel
    title: str
    outcome: tuple[Outcome, str, str] = field(default=(Outcome.IDLE, "", ""))


class QueryDialog(QDialog):
    """Ask, look, go deeper, fetch."""

    def __init__(self, services: Services, peer: Peer | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._frames: list[Frame] = []
        self._job: QueryJob | MoveJob | GetJob | None = None
        self._warned = False
        self.setObjectName("queryDialog")
        self.setAccessibleName("Query and retrieve")
        self.setModal(False)
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)

        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self._asking_side(peer))
        splitter.addWidget(self._answer_side())
        splitter.setStretchFactor(0, 0)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([350, 790])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        layout.addWidget(splitter)
        self.resize(1180, 720)

        self.form.rebuilt.connect(self._order_tabs)
        services.peers_changed.connect(self._offer_peers)
        services.server_changed.connect(self._offer_peers)
        self._offer_peers()
        self._choose_root()
        self._show_frame()
        DialogMemory(self, services.folders.window, {"splitter": splitter})
        self.form.field("PatientName").field.editor.setFocus()

    # --- the two sides

    def _asking_side(self, peer: Peer | None) -> QWidget:
        theme = self._services.theme
        self.peer = PeerChooser(theme, self._services.all_peers(), peer)
        self.peer.changed.connect(self._asked_for_other)
        name_after_peer(self, "Query", self.peer)
        self.root = QComboBox()
        name_widget(self.root, "model", "Information model", "Study Root or Patient Root")
        self.root.addItem("Study Root", str(Root.STUDY))
        self.root.addItem("Patient Root", str(Root.PATIENT))
        self.root.activated.connect(self._choose_root)
        self.level = QComboBox()
        name_widget(self.level, "level", "Level", "What is looked for: patients, studies, series or images")
        self.level.activated.connect(self._choose_level)
        self.form = QueryForm(theme)
        name_widget(self.form, "keys", "Keys")
        self.form.changed.connect(self._asked_for_other)
        self.query_button = primary_button("&Query", "query", "Ask the peer (C-FIND)")
        self.query_button.clicked.connect(self._query)
        act_on_control_enter(self, self.query_button)
        self.clear_button = push_button("C&lear", "clear", "Empty all fields", self.form.clear)

        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, SPACE, 0)
        column.setSpacing(SPACE)
        label = plain_label("&Peer")
        label.setBuddy(self.peer)
        column.addLayout(stacked(label, self.peer))
        for combo in (self.root, self.level):
            combo.setMinimumWidth(120)
        row = in_row(self.root, self.level)
        row.setStretch(0, 1)
        row.setStretch(1, 1)
        column.addLayout(row)
        column.addSpacing(SPACE // 2)
        column.addWidget(self.form, 1)
        self.limit = QComboBox()
        name_widget(self.limit, "limit", "Limit", "After so many matches the query is ended with C-CANCEL")
        for count in _LIMITS:
            self.limit.addItem(f"{count:,} at most", count)
        self.limit.addItem("no limit", None)
        self.limit.setCurrentIndex(self.limit.findData(1000))
        column.addLayout(in_row(self.clear_button, self.limit, None, self.query_button))
        side.setMinimumWidth(320)
        return side

    def _answer_side(self) -> QWidget:
        theme = self._services.theme
        self.breadcrumb = Breadcrumb(theme)
        self.breadcrumb.chosen.connect(self._go_back)
        self.copy_button = push_button("Cop&y", "copyMatches", "Copy the selected rows, or all, as text", self.copy)
        self.save_button = push_button("&Save CSV…", "saveMatches", "Keep all rows in a CSV file", self._save)
        self.table = QTableView()
        name_widget(self.table, "matches", "Matches", "Double-click or press Enter to go one level down")
        self.table.setToolTip("")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self._plain, self._roomy = QStyledItemDelegate(self.table), RoomyDelegate(self.table)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.horizontalHeader().setSectionsMovable(True)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.doubleClicked.connect(self._drill)
        self._table_actions()
        self.outcome = OutcomeLabel(theme, "Fill in what you know and ask. Double-click a match to go down a level.")
        name_widget(self.outcome, "outcome", "Outcome")
        self.retrieve = RetrievePanel(theme)
        self.retrieve.move_wanted.connect(self._move)
        self.retrieve.get_wanted.connect(self._get)
        self.retrieve.cancel_wanted.connect(self.cancel)

        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.setSpacing(SPACE)
        top = QHBoxLayout()
        top.addWidget(self.breadcrumb, 1)
        top.addWidget(self.copy_button)
        top.addWidget(self.save_button)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        column.addWidget(self.outcome)
        column.addWidget(self.retrieve)
        return side

    def _table_actions(self) -> None:
        def add(text: str, object_name: str, keys: list[str], slot: Callable[[], object]) -> QAction:
            made = QAction(text, self.table)
            made.setObjectName(object_name)
            made.setShortcuts([QKeySequence(each) for each in keys])
            made.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            made.triggered.connect(lambda: slot())
            self.table.addAction(made)
            return made

        add("One level down", "drill", ["Return", "Enter"], lambda: self._drill(self.table.currentIndex()))
        add("One level up", "up", ["Backspace", "Alt+Left"], lambda: self._go_back(len(self._frames) - 2))
        add("Copy", "copy", ["Ctrl+C"], self.copy)
        add("Get into the archive", "getSelected", [], self._get)
        add("Move", "moveSelected", [], lambda: self._move(self.retrieve.destination_title))

    def _menu(self, position: QPoint) -> None:
        menu = QMenu(self)
        menu.addActions(self.table.actions())
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.table.viewport().mapToGlobal(position))

    def _order_tabs(self) -> None:
        order: list[QWidget] = [
            self.peer.combo,
            self.root,
            self.level,
            *self.form.tab_order(),
            self.clear_button,
            self.limit,
            self.query_button,
            self.copy_button,
            self.save_button,
            self.table,
            *self.retrieve.tab_order(),
        ]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    # --- what is asked

    def _offer_peers(self) -> None:
        self.peer.set_peers(self._services.all_peers())
        profile = self._services.profile
        own = profile.ae_title if self._services.server is not None else ""
        self.retrieve.offer(
            own,
            self._services.all_peers(),
            can_get=self._services.archive is not None,
            listens=self._services.server is not None and self._services.server.running,
        )

    def _choose_root(self) -> None:
        root = self._chosen_root
        level = self.level.currentData()
        self.level.clear()
        for each in levels_of(root):
            self.level.addItem(LEVEL_NAMES[each], str(each))
        wanted = level if level in levels_of(root) else str(Level.STUDY)
        self.level.setCurrentIndex(self.level.findData(str(wanted)))
        self._choose_level()

    def _choose_level(self) -> None:
        self.form.show_level(self._chosen_root, Level(self.level.currentData()))

    @property
    def _chosen_root(self) -> Root:
        # Qt keeps a value's letters and not its enumeration.
        return Root(self.root.currentData())

    def _asked_for_other(self) -> None:
        self._warned = False
        problem = self.peer.problem or self.form.problem
        self.query_button.setEnabled(not problem and self._job is None)

    # --- what is shown

    @property
    def frame(self) -> Frame | None:
        """The query whose matches are shown."""
        return self._frames[-1] if self._frames else None

    def _show_frame(self) -> None:
        frame = self.frame
        self.breadcrumb.set_steps([each.title for each in self._frames])
        old = self.table.selectionModel()
        model = frame.model if frame is not None else MatchesModel()
        self.table.setSortingEnabled(False)
        self.table.setModel(model)
        if old is not None:
            old.deleteLater()
        header = self.table.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSortingEnabled(True)
        letter = self.table.fontMetrics().averageCharWidth()
        for column, keyword in enumerate(model.columns):
            self.table.setColumnWidth(column, column_characters(keyword) * letter + 12)
            # Only where it is needed: each call into Python while painting may have to wait for a job's thread.
            self.table.setItemDelegateForColumn(column, self._roomy if is_number(keyword) else self._plain)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_selection())
        if frame is not None:
            self.outcome.show_outcome(*frame.outcome)
        else:
            self.outcome.clear()
        self._show_selection()
        self._show_busy()

    def _show_selection(self) -> None:
        frame = self.frame
        one, many = _NOUNS[frame.level] if frame is not None else ("match", "matches")
        count = len(self._selected_rows())
        self.retrieve.set_selection(count, one if count == 1 else many)

    def _selected_rows(self) -> list[int]:
        return sorted(index.row() for index in self.table.selectionModel().selectedRows())

    def _show_busy(self) -> None:
        busy = self._job is not None
        self.retrieve.set_busy(busy)
        has_rows = self.frame is not None and self.frame.model.rowCount() > 0
        self.copy_button.setEnabled(has_rows)
        self.save_button.setEnabled(has_rows and not busy)
        self.breadcrumb.setEnabled(not busy)
        self._asked_for_other()

    def _show_outcome(self, outcome: Outcome, headline: str, detail: str = "") -> None:
        if self.frame is not None:
            self.frame.outcome = (outcome, headline, detail)
        self.outcome.show_outcome(outcome, headline, detail)

    # --- going down and back

    def _drill(self, index: QModelIndex) -> None:
        frame = self.frame
        if frame is None or not index.isValid() or self._job is not None:
            return
        below = frame.level.below
        if below is None:
            return
        match = frame.model.match_at(index.row())
        above = unique_keys(frame.root, frame.level, match, frame.above)
        self.peer.choose(frame.peer)
        self.root.setCurrentIndex(self.root.findData(str(frame.root)))
        self._choose_root()
        self.level.setCurrentIndex(self.level.findData(str(below)))
        self.form.show_level(frame.root, below, above)
        self._query_below(match_title(frame.level, match))

    def _go_back(self, step: int) -> None:
        if self._job is not None or not 0 <= step < len(self._frames) - 1:
            return
        del self._frames[step + 1 :]
        frame = self._frames[-1]
        self.root.setCurrentIndex(self.root.findData(str(frame.root)))
        self._choose_root()
        self.level.setCurrentIndex(self.level.findData(str(frame.level)))
        self.form.show_level(frame.root, frame.level, frame.texts)
        self._show_frame()
        self.table.setFocus()

    # --- asking

    def _query(self) -> None:
        if self._job is None and not self.peer.problem and not self.form.problem:
            if not self._warned and is_empty_query(self.form.matches(), self.form.above()):
                self._warned = True
                noun = _NOUNS[self.form.level][1]
                self.outcome.show_outcome(
                    Outcome.WARNING,
                    f"No key is filled in: this asks for all {noun} that the peer has.",
                    "Press Query again to ask all the same, or fill in a name or a date.",
                )
                return
            self._run_query(self._title_of_whole())

    def _query_below(self, title: str) -> None:
        self._run_query(title)

    def _title_of_whole(self) -> str:
        """What the next frame is called: as before if it is asked within the same match, else by its level."""
        for frame in self._frames:
            if frame.level is self.form.level and frame.above and frame.above == self.form.above():
                return frame.title
        return LEVEL_NAMES[self.form.level]

    @action
    async def _run_query(self, title: str) -> None:
        peer = self.peer.peer
        if peer is None or self._job is not None:
            return
        frame = self._new_frame(peer, title)
        matches: Funnel[Dataset] = Funnel(lambda batch: self._add_matches(frame, batch), self, interval=100)
        keys = build_identifier(frame.level, self.form.matches(), self.form.asked(), self.form.above())
        job = QueryJob(
            self._services.caller(),
            peer,
            str(frame.root),
            str(frame.level),
            keys,
            matches.put,
            limit=self.limit.currentData(),
        )
        self._job = job
        self._show_frame()
        self._show_outcome(Outcome.RUNNING, f"Asking {peer.name} for {_NOUNS[frame.level][1]}", peer.address)
        self.retrieve.show_waiting("asking")
        try:
            result = await self._services.tasks.run(job, matches, name="query")
            frame.model.finish()
            self._show_query_result(frame, result)
        except Exception as error:
            self.outcome.show_defect(error)
            raise
        finally:
            self._job = None
            self._show_busy()
        if frame is self.frame and frame.model.rowCount():
            self.table.setFocus()
            if not self.table.currentIndex().isValid():
                self.table.selectionModel().setCurrentIndex(
                    frame.model.index(0, 0), QItemSelectionModel.SelectionFlag.NoUpdate
                )

    def _new_frame(self, peer: Peer, title: str) -> Frame:
        """A frame for what the form asks, under those that it goes down from."""
        above = {keyword: text.strip() for keyword, text in self.form.above().items()}
        while self._frames:
            last = self._frames[-1]
            order = list(Level)
            contains = (
                last.peer == peer
                and last.root is self.form.root
                and order.index(last.level) < order.index(self.form.level)
                and all(above.get(keyword) == value for keyword, value in last.above.items())
            )
            if contains and (title != LEVEL_NAMES[self.form.level]):
                break
            self._frames.pop()
        model = MatchesModel(self.form.columns(), self)
        frame = Frame(peer, self.form.root, self.form.level, self.form.texts(), above, model, title)
        self._frames.append(frame)
        return frame

    def _add_matches(self, frame: Frame, batch: list[Dataset]) -> None:
        frame.model.append(batch)
        if frame is self.frame:
            count = count_text(frame.model.rowCount(), *_NOUNS[frame.level])
            self.retrieve.show_waiting(f"{count} so far")

    def _show_query_result(self, frame: Frame, result: QueryResult) -> None:
        found = f"{count_text(result.matches, *_NOUNS[frame.level])} in {time_text(result.seconds)}"
        remarks = []
        if result.unreadable:
            remarks.append(f"{count_text(result.unreadable, 'match', 'matches')} could not be decoded.")
        if result.unsupported_keys:
            remarks.append("The peer does not support some of the optional keys.")
        if result.warning:
            remarks.append(result.warning)
        if result.failure is not None and not result.cancelled:
            self._show_failure(result.failure, found if result.matches else "")
        elif result.cancelled:
            self._show_outcome(Outcome.CANCELLED, f"Cancelled: {found}", " ".join(remarks))
        elif result.limited:
            self._show_outcome(Outcome.WARNING, f"{found}, ended at the limit", "There may be more; raise the limit.")
        elif not result.matches:
            self._show_outcome(
                Outcome.WARNING, "No match", " ".join(remarks) or "Try fewer keys, or * after a part of the name."
            )
        else:
            self._show_outcome(Outcome.WARNING if result.unreadable else Outcome.SUCCESS, found, " ".join(remarks))
        self.retrieve.show_text("")

    def _show_failure(self, failure: Failure, found: str = "") -> None:
        evidence = " · ".join(part for part in (failure.layer.value, failure.evidence, found) if part)
        detail = "\n".join(part for part in (evidence, failure.remedy) if part)
        self._show_outcome(Outcome.FAILURE, failure.what, detail)

    # --- fetching

    def _requests(self) -> tuple[Frame, list[Dataset], list[Dataset]] | None:
        """The frame, its selected matches, and the identifiers that name them."""
        frame = self.frame
        if frame is None or self._job is not None:
            return None
        chosen = [frame.model.match_at(row) for row in self._selected_rows()]
        if not chosen:
            return None
        return frame, chosen, retrieve_identifiers(frame.root, frame.level, chosen, frame.above)

    def _move(self, destination: str) -> None:
        wanted = self._requests()
        if wanted is None:
            return
        frame, _, identifiers = wanted
        caller = self._services.caller()

        def job(identifier: Dataset, tell: Callable[[Progress], None]) -> MoveJob:
            return MoveJob(caller, frame.peer, destination, str(frame.root), str(frame.level), identifier, tell)

        self._retrieve(frame, identifiers, job, f"to {destination}")

    def _get(self) -> None:
        wanted, archive = self._requests(), self._services.archive
        if wanted is None or archive is None:
            return
        frame, chosen, identifiers = wanted
        caller = self._services.caller()
        classes = self._sop_classes(frame, chosen)

        def job(identifier: Dataset, tell: Callable[[Progress], None]) -> GetJob:
            return GetJob(
                caller,
                frame.peer,
                str(frame.root),
                str(frame.level),
                identifier,
                *into_archive(archive, identifier),
                sop_classes=classes,
                on_progress=tell,
            )

        self._retrieve(frame, identifiers, job, "into the archive")

    def _sop_classes(self, frame: Frame, chosen: list[Dataset]) -> list[str]:
        """What will come, as far as it is known; compressed objects are then offered a context of their own.

        A series does not tell its SOP classes, but the study above does, if it was found here.
        """
        matches, keyword = chosen, "SOPClassUID" if frame.level is Level.IMAGE else "SOPClassesInStudy"
        if frame.level is Level.SERIES:
            study = frame.above.get("StudyInstanceUID", "")
            studies = (each for above in self._frames if above.level is Level.STUDY for each in above.model.matches)
            matches = [each for each in studies if raw_value(each, "StudyInstanceUID") == study]
        found = [raw_value(match, keyword) for match in matches]
        return sorted({uid for text in found for uid in text.split("\\") if uid}) if all(found) else []

    @action
    async def _retrieve(
        self,
        frame: Frame,
        identifiers: list[Dataset],
        make_job: Callable[[Dataset, Callable[[Progress], None]], MoveJob | GetJob],
        whereto: str,
    ) -> None:
        total = RetrieveTotal(len(identifiers))
        progress: Funnel[Progress] = Funnel(lambda batch: self._show_retrieving(total, batch[-1]), self)
        self._show_outcome(Outcome.RUNNING, f"Retrieving from {frame.peer.name} {whereto}")
        self.retrieve.show_waiting("waiting for the peer")
        try:
            for identifier in identifiers:
                job = make_job(identifier, progress.put)
                self._job = job
                self._show_busy()
                self.retrieve.show_counts(*total.bar(None))
                result = await self._services.tasks.run(job, progress, name="retrieve")
                total.add(result)
                if result.cancelled or job.cancelled or total.hopeless:
                    break
            self._show_outcome(*total.outcome(whereto))
            self.retrieve.show_text(total.words(None))
        except ValueError as error:
            self._show_outcome(Outcome.FAILURE, "The retrieval cannot be asked for", str(error))
        except Exception as error:
            self.outcome.show_defect(error)
            raise
        finally:
            self._job = None
            self._show_busy()
            self._services.archive_changed.emit()

    def _show_retrieving(self, total: RetrieveTotal, last: Progress) -> None:
        self.retrieve.show_counts(*total.bar(last))

    def cancel(self) -> None:
        """End what is under way, here and at the peer (C-CANCEL); the second time by an abort."""
        if self._job is not None:
            again = self._job.cancelled
            self._job.cancel()
            words = "Aborting" if again else "Cancelling: waiting for the peer to end (press again to abort)"
            self.outcome.show_outcome(Outcome.RUNNING, words)

    def done(self, result: int) -> None:
        if self._job is not None:
            self._job.cancel()
        super().done(result)

    # --- taking away

    def copy(self) -> None:
        """Copy the selected rows, or all if none is selected."""
        frame = self.frame
        if frame is not None:
            QGuiApplication.clipboard().setText(frame.model.as_text(self._selected_rows() or None))

    def _save(self) -> None:
        frame = self.frame
        if frame is None:
            return
        chooser = QFileDialog(self, "Save the matches")
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setDefaultSuffix("csv")
        chooser.setNameFilter("CSV (*.csv)")
        chooser.selectFile(f"{frame.peer.ae_title} {LEVEL_NAMES[frame.level].lower()}.csv".replace("/", "_"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.fileSelected.connect(lambda name: self.save_csv(Path(name)))
        chooser.open()

    def save_csv(self, path: Path) -> None:
        """Write all matches shown; with the mark that makes spreadsheets read UTF-8."""
        frame = self.frame
        if frame is None:
            return
        try:
            path.write_text(frame.model.as_csv(), encoding="utf-8-sig", newline="")
        except OSError as error:
            self._show_outcome(Outcome.FAILURE, f"{path.name} cannot be written", error.strerror or str(error))
        else:
            count = count_text(frame.model.rowCount(), "match", "matches")
            self._show_outcome(Outcome.SUCCESS, f"{count} kept in {path.name}", str(path))
