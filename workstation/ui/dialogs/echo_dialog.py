"""Does a peer answer? One C-ECHO or several, the answer in one line, and what was answered before."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QSpinBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workstation.peers import Peer
from workstation.scu.echo import EchoJob, EchoResult
from workstation.scu.failure import CANCELLED
from workstation.scu.job import Progress
from workstation.ui.dialogs.dialog_memory import DialogMemory
from workstation.ui.dialogs.echo_strip import EchoStrip
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.rates import milliseconds_text
from workstation.ui.parts.widgets import (
    FORM_WIDTH,
    SPACE,
    Outcome,
    OutcomeLabel,
    PeerChooser,
    RoomyDelegate,
    act_on_control_enter,
    heading,
    in_row,
    name_after_peer,
    name_widget,
    outcome_icon,
    plain_label,
    primary_button,
    push_button,
    stacked,
)
from workstation.ui.services import PeerHealth, PeerState, Services
from workstation.ui.tasks import Funnel, action

_COLUMNS = (
    ("Time", 68),
    ("Peer", 112),
    ("Result", 196),
    ("Connect", 70),
    ("Negotiate", 76),
    ("Echo", 64),
    ("Times", 50),
    ("Implementation", 120),
)

_NUMBERS = range(3, 7)

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter

_LONGEST_HISTORY = 500


class EchoDialog(QDialog):
    """Verification of one peer, with the results so far."""

    def __init__(self, services: Services, peer: Peer | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._job: EchoJob | None = None
        self.setObjectName("echoDialog")
        self.setAccessibleName("Echo")
        self.setModal(False)

        theme = services.theme
        self.peer = PeerChooser(theme, services.all_peers(), peer)
        self.peer.changed.connect(self._show_ready)
        name_after_peer(self, "Echo", self.peer)
        self.repeat = QSpinBox()
        self.repeat.setRange(1, 10_000)
        self.repeat.setAlignment(Qt.AlignmentFlag.AlignRight)
        name_widget(self.repeat, "repeat", "Repeat", "How many C-ECHO requests, all on one association")
        self.echo_button = primary_button("&Echo", "echo", "Ask whether the peer answers (C-ECHO)")
        self.echo_button.clicked.connect(self._echo)
        act_on_control_enter(self, self.echo_button)
        self.cancel_button = push_button("&Cancel", "cancel", "End it now", self.cancel)
        self.cancel_button.setEnabled(False)

        self.outcome = OutcomeLabel(theme, "Choose a peer and press Echo. The answer appears here.")
        name_widget(self.outcome, "outcome", "Outcome")
        self.strip = EchoStrip(theme)
        self._history = QStandardItemModel(0, len(_COLUMNS), self)
        self._history.setHorizontalHeaderLabels([title for title, _ in _COLUMNS])
        self.history = QTableView()
        name_widget(self.history, "history", "Results so far")
        self.history.setModel(self._history)
        self.history.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.history.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.history.setAlternatingRowColors(True)
        self.history.setShowGrid(False)
        roomy = RoomyDelegate(self.history)
        for column in _NUMBERS:
            self.history.setItemDelegateForColumn(column, roomy)
        self.history.setWordWrap(False)
        self.history.setTabKeyNavigation(False)
        self.history.verticalHeader().setVisible(False)
        self.history.verticalHeader().setDefaultSectionSize(24)
        header = self.history.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in _NUMBERS:
            self._history.setHeaderData(
                column, Qt.Orientation.Horizontal, _RIGHT.value, Qt.ItemDataRole.TextAlignmentRole
            )
        for column, (_, width) in enumerate(_COLUMNS):
            self.history.setColumnWidth(column, width)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.history)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self.copy)

        self._lay_out()
        services.peers_changed.connect(self._offer_peers)
        theme.changed.connect(self._show_signs)
        self._show_ready()
        DialogMemory(self, services.folders.window, {"history": self.history.horizontalHeader()})
        self.peer.setFocus()

    def _lay_out(self) -> None:
        peer, repeat = plain_label("&Peer"), plain_label("&Repeat")
        peer.setBuddy(self.peer)
        repeat.setBuddy(self.repeat)
        form = QVBoxLayout()
        form.setSpacing(SPACE)
        form.addLayout(stacked(peer, self.peer))
        form.addSpacing(SPACE // 2)
        form.addLayout(stacked(repeat, in_row(self.repeat, None)))
        form.addStretch(1)
        form.addLayout(in_row(None, self.cancel_button, self.echo_button))
        side = QWidget()
        side.setLayout(form)
        form.setContentsMargins(0, 0, 0, 0)
        side.setFixedWidth(FORM_WIDTH)
        results = QVBoxLayout()
        results.setSpacing(SPACE)
        results.addWidget(heading("Answer"))
        results.addWidget(self.outcome)
        results.addWidget(self.strip)
        results.addSpacing(SPACE)
        results.addWidget(heading("Answers so far"))
        results.addWidget(self.history, 1)
        columns = QHBoxLayout(self)
        columns.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        columns.setSpacing(3 * SPACE)
        columns.addWidget(side)
        columns.addLayout(results, 1)
        self.resize(1120, 420)

    def _offer_peers(self) -> None:
        self.peer.set_peers(self._services.all_peers())

    # --- asking

    @property
    def busy(self) -> bool:
        """Whether it is asking now."""
        return self._job is not None

    @action
    async def _echo(self) -> None:
        peer = self.peer.peer
        if peer is None or self._job is not None:
            return
        progress: Funnel[Progress] = Funnel(self._show_progress, self)
        job = EchoJob(self._services.caller(), peer, self.repeat.value(), progress.put)
        self._job = job
        self._show_ready()
        self.outcome.show_outcome(Outcome.RUNNING, f"Asking {peer.address}")
        self._services.set_peer_state(peer.name, PeerState(PeerHealth.ASKING, "Asking now"))
        state = PeerState()
        try:
            result = await self._services.tasks.run(job, progress, name="echo")
            state = self._show_result(peer, result)
        except Exception as error:
            self.outcome.show_defect(error)
            raise
        finally:
            self._job = None
            self._services.set_peer_state(peer.name, state)
            self._show_ready()

    def cancel(self) -> None:
        """End the echo under way; a second time without courtesy."""
        if self._job is not None:
            self._job.cancel()

    def done(self, result: int) -> None:
        self.cancel()
        super().done(result)

    # --- showing

    def _show_ready(self) -> None:
        busy = self._job is not None
        self.echo_button.setEnabled(not busy and self.peer.peer is not None)
        self.cancel_button.setEnabled(busy)
        self.peer.setEnabled(not busy)
        self.repeat.setEnabled(not busy)

    def _show_progress(self, batch: list[Progress]) -> None:
        last = batch[-1]
        if last.total is not None and last.total > 1:
            self.outcome.show_outcome(Outcome.RUNNING, f"{last.done:,} of {last.total:,} answered")

    def _show_result(self, peer: Peer, result: EchoResult) -> PeerState:
        if result.failure is None:
            outcome, words = Outcome.WARNING if result.status else Outcome.SUCCESS, "accepted"
            self.outcome.show_outcome(outcome, result.sentence)
            health = PeerHealth.ANSWERS
        else:
            outcome = Outcome.CANCELLED if result.failure == CANCELLED else Outcome.FAILURE
            words = result.failure.what
            self.outcome.show_failure(result.failure)
            health = PeerHealth.UNKNOWN if result.failure == CANCELLED else PeerHealth.FAILS
        self.strip.show_times(result.times)
        self._remember(peer, result, outcome, words)
        return PeerState(health, result.sentence)

    def _remember(self, peer: Peer, result: EchoResult, outcome: Outcome, words: str) -> None:
        best = min(result.times, default=None)
        texts = (
            f"{datetime.now():%H:%M:%S}",
            peer.name,
            words,
            *("" if value is None else milliseconds_text(value) for value in (result.connect, result.negotiate, best)),
            f"{len(result.times):,}" if result.times else "",
            result.implementation,
        )
        row = [QStandardItem(text) for text in texts]
        row[2].setIcon(outcome_icon(self._services.theme, outcome))
        row[2].setData(outcome, Qt.ItemDataRole.UserRole)
        row[2].setToolTip(plain_tooltip(result.sentence))
        row[1].setToolTip(plain_tooltip(peer.address))
        for column in _NUMBERS:
            row[column].setTextAlignment(_RIGHT)
        # The newest on top: nobody scrolls for the answer to the last click.
        self._history.insertRow(0, row)
        if result.failure is not None and not any(texts[3:]):
            # There are no times: the reason has their room.
            self.history.setSpan(0, 2, 1, len(_COLUMNS) - 2)
        self._history.setRowCount(min(self._history.rowCount(), _LONGEST_HISTORY))

    def _show_signs(self) -> None:
        for row in range(self._history.rowCount()):
            item = self._history.item(row, 2)
            item.setIcon(outcome_icon(self._services.theme, item.data(Qt.ItemDataRole.UserRole)))

    def copy(self) -> None:
        """Copy the selected results, or all, as text for a spreadsheet or a mail."""
        rows = sorted({index.row() for index in self.history.selectionModel().selectedRows()})
        lines = [
            "\t".join(self._history.item(row, column).text() for column in range(len(_COLUMNS)))
            for row in rows or range(self._history.rowCount())
        ]
        QGuiApplication.clipboard().setText("\n".join(lines))
