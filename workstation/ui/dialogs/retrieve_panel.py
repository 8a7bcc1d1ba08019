"""The bar under the results of a query: how much is selected, where it may go, how far it has come.

It asks by signals and shows what it is told; it knows neither jobs nor peers' answers.
"""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QProgressBar, QVBoxLayout, QWidget

from workstation.peers import Peer, check_ae_title
from workstation.ui.parts.widgets import (
    SPACE,
    DimLabel,
    ProblemLabel,
    in_row,
    name_widget,
    plain_label,
    push_button,
    sentence_of,
)
from workstation.ui.theme import Theme

_GET = "Fetch the selection over this association into the built-in archive (C-GET)"


class RetrievePanel(QWidget):
    """Move and Get for the selected matches, with progress and cancel."""

    move_wanted = Signal(str)
    """Carries the move destination's AE title."""

    get_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selected = 0
        self._noun = ""
        self._busy = False
        self._can_get = True
        self._own_title, self._listens = "", True
        self._title = plain_label()
        self._title.setObjectName("retrieveTitle")
        self.destination = QComboBox()
        self.destination.setEditable(True)
        self.destination.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.destination.setMinimumWidth(220)
        name_widget(
            self.destination,
            "destination",
            "Move destination",
            "The AE title that the peer shall send the objects to; the peer must know its address",
        )
        editor = self.destination.lineEdit()
        assert editor is not None
        editor.setAccessibleName("Move destination")
        editor.setPlaceholderText("AE title")
        self._titles: list[str] = []
        self._problem = ProblemLabel(theme)
        self.move_button = push_button(
            "&Move", "move", "Ask the peer to send the selection to the destination (C-MOVE)", self._move
        )
        self.get_button = push_button(
            "&Get into the archive",
            "get",
            _GET,
            lambda: self.get_wanted.emit(),
        )
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(10)
        self.progress.setRange(0, 1)
        name_widget(self.progress, "progress", "Progress")
        self._counts = DimLabel(theme, wrap=False)
        self._counts.setObjectName("counts")
        self.cancel_button = push_button(
            "&Cancel", "cancel", "End it here and at the peer (C-CANCEL)", lambda: self.cancel_wanted.emit()
        )
        to = plain_label("Move to")
        to.setBuddy(self.destination)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addLayout(in_row(self._title, None, to, self.destination, self.move_button, self.get_button))
        layout.addWidget(self._problem)
        bottom = in_row(self.progress, self._counts, self.cancel_button)
        bottom.setStretch(0, 1)
        layout.addLayout(bottom)
        self.destination.editTextChanged.connect(lambda *_: self._show())
        self._show()

    def offer(self, own_title: str, peers: Iterable[Peer], *, can_get: bool, listens: bool = True) -> None:
        """List the destinations: our own AE title first, then the peers'.

        Args:
            own_title: The built-in server's AE title, or an empty text.
            peers: Whose AE titles are offered.
            can_get: Whether there is an archive to fetch into.
            listens: Whether the built-in server runs; if not, what is moved to it will not arrive.
        """
        self._own_title, self._listens = own_title, listens
        chosen = self.destination_title if self.destination.count() else own_title
        choices = {own_title: f"{own_title}  (this program)"} if own_title else {}
        for peer in peers:
            choices.setdefault(peer.ae_title, f"{peer.ae_title}  ({peer.name})")
        self._titles = list(choices)
        self.destination.blockSignals(True)
        self.destination.clear()
        for title, text in choices.items():
            self.destination.addItem(text, title)
        completer = QCompleter(self.destination)
        completer.setModel(QStringListModel(list(choices.values()), completer))
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.destination.setCompleter(completer)
        if chosen in self._titles:
            self.destination.setCurrentIndex(self._titles.index(chosen))
        else:
            self.destination.setEditText(chosen)
        self.destination.blockSignals(False)
        self._can_get = can_get
        self.get_button.setToolTip(_GET if can_get else "This run has no archive to fetch into (--no-scp)")
        self._show()

    @property
    def destination_title(self) -> str:
        """The AE title chosen or typed."""
        text = self.destination.currentText().strip()
        row = self.destination.findText(text)
        return str(self.destination.itemData(row)) if row >= 0 else text

    def set_selection(self, count: int, noun: str) -> None:
        """Say what would be retrieved, such as 3, "studies"."""
        self._selected, self._noun = count, noun
        self._show()

    def set_busy(self, busy: bool) -> None:
        """Whether a query or retrieval is under way."""
        self._busy = busy
        if not busy:
            self.progress.setRange(0, 1)
            self.progress.setValue(0)
        self._show()

    def show_waiting(self, text: str) -> None:
        """It goes on, nobody knows how long."""
        self.progress.setRange(0, 0)
        self._counts.setText(text)

    def show_counts(self, done: int, total: int, text: str) -> None:
        """So many of so many."""
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done)
        self._counts.setText(text)

    def show_text(self, text: str) -> None:
        """What the last retrieval came to, in numbers."""
        self._counts.setText(text)

    def tab_order(self) -> list[QWidget]:
        """The panel's widgets in the order of the Tab key."""
        return [self.destination, self.move_button, self.get_button, self.cancel_button]

    def _move(self) -> None:
        self.move_wanted.emit(self.destination_title)

    def _show(self) -> None:
        problem = sentence_of(lambda text: check_ae_title(text, "The move destination"))(self.destination_title)
        if not self.destination_title:
            # Nobody did anything wrong: the field says what it wants.
            self._problem.show_problem("")
        elif not problem and self.destination_title == self._own_title and not self._listens:
            self._problem.show_problem("The built-in server does not run: what is moved to it will not arrive.")
        else:
            self._problem.show_problem(problem if self.destination.count() else "")
        ready = bool(self._selected) and not self._busy
        self._title.setText(f"{self._selected:,} {self._noun} selected" if self._selected else "Nothing selected")
        self.move_button.setEnabled(ready and not problem)
        self.get_button.setEnabled(ready and self._can_get)
        self.cancel_button.setEnabled(self._busy)
