"""Send objects to a peer: collect files and folders, see what will be proposed, send, see what became of each.

Files are found and sent by jobs in threads of their own; the dialog asks and shows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.net.uids import uid_name
from workstation.paths import resource
from workstation.peers import Peer
from workstation.scu.failure import CANCELLED
from workstation.scu.files import FoundFile, ScanJob, ScanResult
from workstation.scu.job import Progress
from workstation.scu.send import SendJob, SendOutcome, SendResult, plan_contexts
from workstation.ui.dialogs.dialog_memory import DialogMemory
from workstation.ui.dialogs.send_list import SendList
from workstation.ui.dialogs.send_model import SendModel
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.rates import RateMeter, bytes_text, count_text, time_text
from workstation.ui.parts.widgets import (
    FORM_WIDTH,
    SPACE,
    DimLabel,
    Outcome,
    OutcomeLabel,
    PeerChooser,
    act_on_control_enter,
    heading,
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

_INTERVAL = 120
"""Milliseconds from one look of the list to the next: each costs a layout and a repaint, and files are many."""


class SendDialog(QDialog):
    """What to send, where to, and how it went."""

    def __init__(
        self,
        services: Services,
        peer: Peer | None = None,
        paths: Sequence[Path] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._job: SendJob | ScanJob | None = None
        self._meter = RateMeter(0)
        self._waiting_paths: list[Path] = []
        self._last_peer: Peer | None = None
        self.setObjectName("sendDialog")
        self.setAccessibleName("Send")
        self.setModal(False)
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)

        theme = services.theme
        self.model = SendModel(theme, self)
        self.peer = PeerChooser(theme, services.all_peers(), peer)
        self.peer.changed.connect(self._show_ready)
        name_after_peer(self, "Send to", self.peer)
        self.list = SendList(theme, self.model)
        self.list.dropped.connect(self.add_paths)
        self.add_files_button = push_button("Add &files…", "addFiles", "Choose files", self._choose_files)
        self.add_folder_button = push_button(
            "Add f&older…", "addFolder", "Choose a folder; everything below it is looked at", self._choose_folder
        )
        self.add_samples_button = push_button(
            "Add sa&mples", "addSamples", "Add the sample objects that come with the program", self.add_samples
        )
        self.remove_button = push_button(
            "&Remove", "remove", "Take the selected rows out of the list (Delete)", self._remove
        )
        self.clear_button = push_button("C&lear", "clear", "Empty the list", self._clear)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.remove_button.click)

        self._total = plain_label()
        self._total.setObjectName("total")
        self.contexts = QTreeWidget()
        name_widget(self.contexts, "contexts", "Presentation contexts that will be proposed")
        self.contexts.setHeaderHidden(True)
        self.contexts.setUniformRowHeights(True)
        self.contexts.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._contexts_note = DimLabel(theme)
        # Working the contexts out once after a burst of files is enough.
        self._plan_timer = QTimer(self)
        self._plan_timer.setSingleShot(True)
        self._plan_timer.setInterval(120)
        self._plan_timer.timeout.connect(self._show_plan)

        self.outcome = OutcomeLabel(theme, "Add what you want to send, choose a peer, and press Send.")
        name_widget(self.outcome, "outcome", "Outcome")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(10)
        self.progress.setRange(0, 1000)
        name_widget(self.progress, "progress", "Progress")
        self._progress_words = DimLabel(theme, wrap=False)
        self._progress_words.setObjectName("progressWords")
        self.send_button = primary_button("&Send", "send", "Send everything in the list that was not stored yet")
        # Enter in the list must not send: only the button and Ctrl+Enter do.
        self.send_button.setAutoDefault(False)
        self.send_button.setDefault(False)
        self.send_button.clicked.connect(self._send)
        act_on_control_enter(self, self.send_button)
        self.retry_button = push_button(
            "Re&try failed", "retry", "Send again what failed or was not reached", self._retry
        )
        self.cancel_button = push_button(
            "&Cancel", "cancel", "End after the object under way; press again to abort at once", self.cancel
        )

        self._lay_out()
        self.model.changed.connect(self._list_changed)
        self.list.selectionModel().selectionChanged.connect(lambda *_: self._show_ready())
        services.peers_changed.connect(self._offer_peers)
        self._show_plan()
        self._show_ready()
        DialogMemory(self, services.folders.window, {"splitter": self._splitter, "list": self.list.header()})
        if paths:
            self.add_paths(paths)

    def _lay_out(self) -> None:
        label = plain_label("&Peer")
        label.setBuddy(self.peer)
        self.peer.setFixedWidth(FORM_WIDTH)

        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, SPACE, 0)
        column.setSpacing(SPACE)
        column.addLayout(
            in_row(
                self.add_files_button,
                self.add_folder_button,
                self.add_samples_button,
                None,
                self._total,
                self.remove_button,
                self.clear_button,
            )
        )
        column.addWidget(self.list, 1)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.setSpacing(SPACE)
        title = heading("What will be proposed")
        title.setFixedHeight(self.clear_button.sizeHint().height())
        column.addWidget(title)
        column.addWidget(self.contexts, 1)
        column.addWidget(self._contexts_note)
        right.setMinimumWidth(220)
        splitter = self._splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([920, 270])

        bottom = QHBoxLayout()
        bottom.setSpacing(SPACE)
        bottom.addWidget(self.progress, 1)
        bottom.addWidget(self._progress_words)
        bottom.addWidget(self.cancel_button)
        bottom.addWidget(self.retry_button)
        bottom.addWidget(self.send_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        layout.setSpacing(int(1.5 * SPACE))
        top = QHBoxLayout()
        top.setSpacing(3 * SPACE)
        top.addLayout(stacked(label, self.peer))
        top.addWidget(self.outcome, 1, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(top)
        layout.addWidget(splitter, 1)
        layout.addLayout(bottom)
        self.resize(1220, 680)

    def _offer_peers(self) -> None:
        self.peer.set_peers(self._services.all_peers())

    # --- collecting

    def _choose_files(self) -> None:
        chooser = QFileDialog(self, "Add files")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFiles)
        self._open_chooser(chooser)

    def _choose_folder(self) -> None:
        chooser = QFileDialog(self, "Add a folder")
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        self._open_chooser(chooser)

    def _open_chooser(self, chooser: QFileDialog) -> None:
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.filesSelected.connect(lambda files: self.add_paths([Path(file) for file in files]))
        chooser.open()

    def add_samples(self) -> None:
        """Add the sample objects that come with the program."""
        try:
            self.add_paths(sorted(resource("samples").rglob("*.dcm")))
        except FileNotFoundError as error:
            self.outcome.show_outcome(Outcome.FAILURE, "There are no samples", str(error))

    @action
    async def add_paths(self, paths: Iterable[Path]) -> None:
        """Look at these files and folders and add what is found."""
        self._waiting_paths.extend(paths)
        if self._job is not None:
            # What is dropped while a job runs is looked at after it.
            return
        await self._scan_waiting()

    async def _scan_waiting(self) -> None:
        while self._waiting_paths and self._job is None:
            paths, self._waiting_paths = self._waiting_paths, []
            found: Funnel[FoundFile] = Funnel(self._found, self, _INTERVAL)
            progress: Funnel[Progress] = Funnel(self._show_scan, self, _INTERVAL)
            job = ScanJob(paths, found.put, progress.put)
            self._job = job
            self.progress.setRange(0, 0)
            self.outcome.show_outcome(Outcome.RUNNING, "Looking for DICOM objects")
            self._show_ready()
            try:
                result = await self._services.tasks.run(job, found, progress, name="scan")
                self._show_scan_result(result)
            except Exception as error:
                self.outcome.show_defect(error)
                raise
            finally:
                self._job = None
                self._progress_words.setText("")
                self._rest()

    def _found(self, files: list[FoundFile]) -> None:
        first = self.model.rowCount() == 0
        self.model.add(files)
        if first and self.model.rowCount():
            self.model.open_row(0, True)

    def _show_scan(self, batch: list[Progress]) -> None:
        last = batch[-1]
        self._progress_words.setText(f"{count_text(last.done, 'object')} found, {bytes_text(last.bytes_done)}")

    def _show_scan_result(self, result: ScanResult) -> None:
        found = f"{count_text(result.found, 'object')} found, {bytes_text(result.bytes)}"
        unfit = f"{count_text(result.unfit, 'file')} cannot be sent; the list says why." if result.unfit else ""
        if result.cancelled:
            self.outcome.show_outcome(Outcome.CANCELLED, f"Search cancelled: {found}", unfit)
        elif not result.found:
            self.outcome.show_outcome(
                Outcome.WARNING,
                "No further DICOM object found" if self.model.count else "No DICOM object found",
                unfit or "Choose files or folders that hold DICOM files (PS3.10).",
            )
        else:
            self.outcome.show_outcome(Outcome.WARNING if unfit else Outcome.SUCCESS, found, unfit)

    def _remove(self) -> None:
        self.model.remove(self.list.selectionModel().selectedRows())

    def _clear(self) -> None:
        self.model.clear()
        self.outcome.clear()
        self._progress_words.setText("")

    def _list_changed(self) -> None:
        self._plan_timer.start()
        self._total.setText(
            f"{count_text(self.model.count, 'object')}, {bytes_text(self.model.size)}" if self.model.count else ""
        )
        self._show_ready()

    def _show_plan(self) -> None:
        plans = plan_contexts(self.model.kinds())
        self.contexts.clear()
        by_class: dict[str, list[Sequence[str]]] = {}
        for plan in plans:
            for context in plan.contexts:
                by_class.setdefault(str(context.abstract_syntax), []).append(
                    [str(syntax) for syntax in context.transfer_syntax]
                )
        for abstract, contexts in by_class.items():
            parent = QTreeWidgetItem([uid_name(abstract) or abstract])
            parent.setToolTip(0, plain_tooltip(abstract))
            for syntaxes in contexts:
                child = QTreeWidgetItem([" or ".join(uid_name(each) or each for each in syntaxes)])
                child.setToolTip(0, plain_tooltip("\n".join(syntaxes)))
                parent.addChild(child)
            self.contexts.addTopLevelItem(parent)
        self.contexts.expandAll()
        count = sum(len(plan.contexts) for plan in plans)
        words = count_text(count, "presentation context") if count else "Follows from the objects in the list."
        if len(plans) > 1:
            words += f", too many for one association: {len(plans)} associations"
        self._contexts_note.setText(words)

    # --- sending

    def _send(self) -> None:
        files = self.model.files
        # What another peer has is not there yet.
        rest = [file for file in files if not self._stored(file)] if self.peer.peer == self._last_peer else files
        # Sending what is stored already is a test as well, when nothing else is left.
        self._send_files(rest or files)

    def _stored(self, file: FoundFile) -> bool:
        outcome = self.model.outcome_of(file.path)
        return outcome is not None and outcome.stored

    def _retry(self) -> None:
        self._send_files(self.model.failed())

    @action
    async def _send_files(self, files: Sequence[FoundFile]) -> None:
        peer = self.peer.peer
        if peer is None or not files or self._job is not None:
            return
        outcomes: Funnel[SendOutcome] = Funnel(self.model.set_outcomes, self, _INTERVAL)
        progress: Funnel[Progress] = Funnel(self._show_progress, self, _INTERVAL)
        job = SendJob(self._services.caller(), peer, files, progress.put, outcomes.put)
        self._job = job
        self._last_peer = peer
        self._meter = RateMeter(sum(file.size for file in files))
        self._meter.update(time.monotonic(), 0)
        self.model.begin_sending(files)
        self.progress.setRange(0, 1000)
        self.progress.setValue(0)
        self._progress_words.setText("")
        self.outcome.show_outcome(
            Outcome.RUNNING, f"Sending {count_text(len(files), 'object')} to {peer.name}", peer.address
        )
        self._show_ready()
        try:
            result = await self._services.tasks.run(job, outcomes, progress, name="send")
            self.model.set_outcomes(result.outcomes)
            self._show_result(peer, result)
        except Exception as error:
            self.outcome.show_defect(error)
            raise
        finally:
            self._job = None
            # The result above has the numbers, over the whole time.
            self._progress_words.setText("")
            self._rest()
            self._services.archive_changed.emit()
        await self._scan_waiting()

    def _show_progress(self, batch: list[Progress]) -> None:
        last = batch[-1]
        self._meter.update(time.monotonic(), last.bytes_done)
        share = last.bytes_done / last.bytes_total if last.bytes_total else last.done / max(last.total or 1, 1)
        self.progress.setValue(round(1000 * share))
        words = [
            f"{last.done:,} of {last.total or 0:,}",
            f"{bytes_text(last.bytes_done)} of {bytes_text(last.bytes_total)}",
        ]
        if self._meter.rate:
            words.append(f"{bytes_text(self._meter.rate)}/s")
        if self._meter.seconds_left is not None and last.done != last.total:
            words.append(f"{time_text(self._meter.seconds_left)} left")
        if last.failed:
            words.append(f"{last.failed:,} failed")
        self._progress_words.setText(" · ".join(words))

    def _show_result(self, peer: Peer, result: SendResult) -> None:
        sent = count_text(result.stored, "object")
        seconds = max(result.seconds, 0.001)
        numbers = f"{sent} stored by {peer.name} in {time_text(result.seconds)}, {bytes_text(result.bytes / seconds)}/s"
        failures = [outcome.failure for outcome in result.outcomes if outcome.failure not in (None, CANCELLED)]
        warned = sum(bool(outcome.warning) for outcome in result.outcomes)
        if result.cancelled:
            unsent = len(result.outcomes) - result.stored - len(failures)
            parts = [
                f"{sent} stored",
                f"{len(failures):,} failed" if failures else "",
                f"{unsent:,} not sent" if unsent else "",
            ]
            self.outcome.show_outcome(Outcome.CANCELLED, f"Cancelled: {', '.join(part for part in parts if part)}")
        elif result.failure is not None and not result.stored:
            self.outcome.show_failure(result.failure)
        elif failures and failures[0] is not None:
            first = failures[0]
            kinds = len({failure.what for failure in failures if failure is not None})
            others = " There are other reasons as well; see the list." if kinds > 1 else ""
            self.outcome.show_outcome(
                Outcome.FAILURE,
                f"{count_text(len(failures), 'object')} not stored, {result.stored:,} stored",
                f"{first.layer.value}: {first.what}.\n{first.remedy}{others}",
            )
        elif warned:
            self.outcome.show_outcome(Outcome.WARNING, numbers, f"{warned:,} with a warning; see the list.")
        else:
            self.outcome.show_outcome(Outcome.SUCCESS, numbers)

    def cancel(self) -> None:
        """End the search or sending under way: after the object under way, the second time at once."""
        if self._job is not None:
            self._job.cancel()
            if isinstance(self._job, SendJob):
                self.outcome.show_outcome(Outcome.RUNNING, "Ending after the object under way")

    def done(self, result: int) -> None:
        self._waiting_paths.clear()
        self.cancel()
        super().done(result)

    def _rest(self) -> None:
        self.progress.setRange(0, 1000)
        self.progress.setValue(0)
        self._show_ready()

    def _show_ready(self) -> None:
        busy = self._job is not None
        sending = isinstance(self._job, SendJob)
        self.send_button.setEnabled(not busy and self.peer.peer is not None and self.model.count > 0)
        # What failed at another peer was not tried here.
        tried_here = self.peer.peer is not None and self.peer.peer == self._last_peer
        self.retry_button.setEnabled(not busy and tried_here and bool(self.model.failed()))
        self.cancel_button.setEnabled(busy)
        self.peer.setEnabled(not sending)
        for button in (self.add_files_button, self.add_folder_button, self.add_samples_button):
            button.setEnabled(not sending)
        self.clear_button.setEnabled(not busy and self.model.rowCount() > 0)
        self.remove_button.setEnabled(not busy and self.list.selectionModel().hasSelection())
