"""The sequence diagram: who sent what to whom, of the association shown or of all, with what it can be saved as.

One row of controls above the diagram: one association or all, equal steps or true time, larger or smaller, and a menu
to take the diagram elsewhere. Knows nothing of the other panes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QImage, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from workstation.traffic.analysis.sequence import Passing
from workstation.traffic.analysis.sequence_text import Line, as_mermaid, as_text
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import Change, TrafficLog
from workstation.traffic.rows import MessageRow, PduRow
from workstation.traffic.text import quantity
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.widgets import DimLabel, Outcome, OutcomeLabel, name_widget
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme
from workstation.ui.viewers.sequence.canvas import SequenceCanvas

if TYPE_CHECKING:
    from workstation.ui.viewers.sequence.export import Export

_MOST_TEXT = 20_000  # lines that are copied as text
_LEAST_WIDTH = 640  # pixels of a picture


class SequenceView(QWidget):
    """The diagram with its controls.

    Args:
        theme: Colours.
        tasks: Runs what writes pictures.
    """

    message_chosen = Signal(object, object)
    """The person went to a step: (Conversation, MessageRow | None)."""
    filter_asked = Signal(str)
    """The person wants to see only what this expression says."""

    def __init__(self, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        name_widget(self, "sequenceView", "Sequence")
        self.setWindowTitle("Sequence")
        self._theme = theme
        self._tasks = tasks
        self._log = TrafficLog()
        self._conversation: Conversation | None = None
        self._passing: Passing | None = None
        self._drawing = Slices(self, self._drawn)
        self._nothing: bool | None = None
        self._when_drawn: Callable[[], object] | None = None

        self.canvas = SequenceCanvas(theme)
        self.one = self._button("sequenceOne", "One", "The association shown")
        self.all = self._button("sequenceAll", "All", "All associations on one clock")
        self.steps = self._button("sequenceSteps", "Steps", "Equal steps")
        self.time = self._button("sequenceTime", "Time", "As far apart as in time")
        for pair in ((self.one, self.all), (self.steps, self.time)):
            for button in pair:
                button.setCheckable(True)
            pair[0].setChecked(True)
        self.smaller = self._button("sequenceSmaller", "−", "Smaller; with true time, a shorter second (Ctrl+−)")
        self.larger = self._button("sequenceLarger", "+", "Larger; with true time, a longer second (Ctrl++)")
        self.more = self._button("sequenceMore", "More", "Copy and save the diagram")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._make_actions()
        self.count = DimLabel(theme, wrap=False)
        name_widget(self.count, "sequenceCount", "How much is shown")
        self.count.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.outcome = OutcomeLabel(theme)
        self.outcome.hide()
        self._empty = EmptyState(self.canvas, theme, "No association selected")

        controls = QHBoxLayout()
        controls.setContentsMargins(6, 4, 6, 4)
        controls.setSpacing(2)
        for widget in (self.one, self.all, None, self.steps, self.time, None, self.smaller, self.larger):
            if widget is None:
                controls.addSpacing(8)
            else:
                controls.addWidget(widget)
        controls.addWidget(self.count, 1)
        controls.addSpacing(4)
        controls.addWidget(self.more)
        told = QHBoxLayout()
        told.setContentsMargins(8, 0, 8, 4)
        told.addWidget(self.outcome)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(controls)
        layout.addLayout(told)
        layout.addWidget(self.canvas, 1)

        self.one.clicked.connect(lambda: self.set_all(False))
        self.all.clicked.connect(lambda: self.set_all(True))
        self.steps.clicked.connect(lambda: self.set_by_time(False))
        self.time.clicked.connect(lambda: self.set_by_time(True))
        self.smaller.clicked.connect(lambda: self.canvas.zoom(-1))
        self.larger.clicked.connect(lambda: self.canvas.zoom(1))
        self.canvas.chosen.connect(self._chosen)
        self.canvas.grown.connect(self._tell)
        self.canvas.context_asked.connect(self._show_context_menu)
        self._show()

    @staticmethod
    def _button(object_name: str, text: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setAutoRaise(True)
        name_widget(button, object_name, tip, tip)
        return button

    def _make_actions(self) -> None:
        menu = QMenu(self)
        menu.setObjectName("sequenceMenu")
        self.actions_by_name: dict[str, QAction] = {}
        for name, text, act in (
            ("sequenceCopyPicture", "Copy Picture", self.copy_picture),
            ("sequenceCopyText", "Copy as Text", self.copy_text),
            ("sequenceCopyMermaid", "Copy as Mermaid", self.copy_mermaid),
            ("", "", None),
            ("sequenceSavePng", "Save as PNG…", lambda: self._choose_file("png")),
            ("sequenceSaveSvg", "Save as SVG…", lambda: self._choose_file("svg")),
            ("", "", None),
        ):
            if act is None:
                menu.addSeparator()
                continue
            made = QAction(text, self)
            made.setObjectName(name)
            made.triggered.connect(act)
            menu.addAction(made)
            self.actions_by_name[name] = made
        self.fold = QAction("Fold Repetitions", self)
        self.fold.setObjectName("sequenceFold")
        self.fold.setCheckable(True)
        self.fold.setChecked(True)
        self.fold.toggled.connect(self.canvas.set_fold)
        menu.addAction(self.fold)
        self.more.setMenu(menu)

    # --- what every viewer is --------------------------------------------------------------------------------------

    def set_log(self, log: TrafficLog) -> None:
        """Show another source, or the same one after it was cleared."""
        self._log = log
        self._conversation = None
        self.canvas.select(None, None)
        self._show(anew=True)

    def set_conversation(self, conversation: Conversation | None) -> None:
        """The person went to another association."""
        self._conversation = conversation
        self._hide_outcome()
        self._show()

    def set_filter(self, filter: Passing | None) -> None:
        """Show only the messages that pass."""
        self._passing = filter
        self._show()

    def select_row(self, row: MessageRow | PduRow | None) -> None:
        """A row was selected, here or elsewhere."""
        self.canvas.select(self._conversation, row)

    def apply(self, change: Change) -> None:
        """A batch was folded into the log."""
        self.canvas.apply(change)

    # --- how it is shown -------------------------------------------------------------------------------------------

    @property
    def shows_all(self) -> bool:
        """Whether all associations are shown."""
        return self.all.isChecked()

    def set_all(self, everything: bool) -> None:
        """Show all associations on one clock, or the one that was gone to."""
        self.one.setChecked(not everything)
        self.all.setChecked(everything)
        self._show()

    def set_by_time(self, by_time: bool) -> None:
        """Steps as far apart as in time, or equal ones."""
        self.steps.setChecked(not by_time)
        self.time.setChecked(by_time)
        self.canvas.set_by_time(by_time)

    def _show(self, *, anew: bool = False) -> None:
        if anew:
            self.canvas.show_sequence(TrafficLog(), None, None, everything=False)
        everything = self.shows_all
        conversation = None if everything else self._conversation
        self.canvas.show_sequence(self._log, conversation, self._passing, everything=everything)
        self._tell()

    def _tell(self) -> None:
        canvas = self.canvas
        seen, shown = canvas.sequence.seen, len(canvas.sequence)
        nothing = not len(canvas.layout_of_lines)
        if self._passing is not None and (self.shows_all or self._conversation is not None):
            self._count_text = f"{shown:,} of {seen:,}"
        else:
            self._count_text = quantity(seen, "message") if not nothing else ""
        self._fit_count()
        for each in self.actions_by_name.values():
            each.setEnabled(not nothing)
        if not self.shows_all and self._conversation is None:
            sentence = "Select one, or show All, to see who sent what to whom."
            self._empty.say("No association selected", sentence)
        elif self._passing is not None and seen:
            self._empty.say("No message passes the filter", "Change the filter, or clear it.")
        else:
            self._empty.say("Nothing yet", "Each connection and message appears here as it comes.")
        if nothing != self._nothing:
            self._nothing = nothing
            self._empty.show_when(nothing)

    def _fit_count(self) -> None:
        metrics = self.count.fontMetrics()
        room = self.count.width()
        text = self._count_text
        # A number cut in two says something else.
        self.count.setText(text if metrics.horizontalAdvance(text) <= room else "")
        self.count.setToolTip(f"{text} messages are shown" if self._passing is not None else text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_count()

    def _chosen(self, conversation: Conversation, row: MessageRow | None) -> None:
        self._hide_outcome()
        self.message_chosen.emit(conversation, row)

    # --- menus -----------------------------------------------------------------------------------------------------

    def _show_context_menu(self, line: Line | None, where: QPoint) -> None:
        menu = self.context_menu(line)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(where)

    def context_menu(self, line: Line | None) -> QMenu:
        """What can be done with a step, and with the diagram."""
        menu = QMenu(self)
        menu.setObjectName("sequenceContextMenu")
        if line is not None:
            step = self.canvas.sequence.step(line.step)
            if line.block.period:
                text = "Open Repetition" if line.folded else "Close Repetition"
                menu.addAction(text).triggered.connect(lambda: self.canvas.toggle(line))
            menu.addAction("Copy Step").triggered.connect(
                lambda: QGuiApplication.clipboard().setText(self.canvas.line_text(line))
            )
            menu.addSeparator()
            asked = [("Filter on This Association", f"association == {step.conversation.number}")]
            if step.row is not None and step.row.is_dimse:
                asked.append((f"Filter on {step.row.name}", f'dimse == "{step.row.name}"'))
            if step.row is not None and step.row.status is not None:
                status = f"0x{step.row.status:04X}"
                asked.append((f"Filter on Status {status}", f"status == {status}"))
            for text, expression in asked:
                menu.addAction(text).triggered.connect(lambda _=False, it=expression: self.filter_asked.emit(it))
            menu.addSeparator()
        menu.addActions([*self.actions_by_name.values(), self.fold])
        return menu

    # --- taking it elsewhere ---------------------------------------------------------------------------------------

    def _hide_outcome(self) -> None:
        self.outcome.hide()

    def _say(self, outcome: Outcome, headline: str, detail: str = "") -> None:
        self.outcome.show_outcome(outcome, headline, detail)
        self.outcome.show()

    def _start(self, work: Iterator[object], then: Callable[[], object]) -> None:
        self._when_drawn = then
        self._drawing.start(work)

    def _drawn(self) -> None:
        then, self._when_drawn = self._when_drawn, None
        if then is not None:
            then()

    def copy_text(self) -> None:
        """Put the diagram on the clipboard in characters."""
        self._copy_lines(as_text, "text")

    def copy_mermaid(self) -> None:
        """Put the diagram on the clipboard in Mermaid's language."""
        self._copy_lines(as_mermaid, "Mermaid text")

    def _copy_lines(self, told_by: Callable[..., Iterator[str]], name: str) -> None:
        layout = self.canvas.layout_of_lines
        count = len(layout)
        told: list[str] = []

        def work() -> Iterator[None]:
            for each in told_by(layout.sequence, islice(layout.lines(), _MOST_TEXT)):
                told.append(each)
                yield

        def copied() -> None:
            QGuiApplication.clipboard().setText("\n".join(told) + "\n")
            some = f"the first {_MOST_TEXT:,} of {count:,} lines" if count > _MOST_TEXT else quantity(count, "line")
            self._say(Outcome.SUCCESS, f"Copied as {name}: {some}")

        self._start(work(), copied)

    def _export(self) -> Export:
        from workstation.ui.viewers.sequence.export import Export

        canvas = self.canvas
        width = max(canvas.viewport().width(), _LEAST_WIDTH)
        first = canvas.layout_of_lines.line_at(canvas.verticalScrollBar().value()) if len(canvas.layout_of_lines) else 0
        return Export(canvas.picture, canvas.layout_of_lines, canvas.across(width), first)

    def copy_picture(self) -> None:
        """Put a picture of the diagram on the clipboard."""
        export = self._export()

        def copied() -> None:
            if export.image is not None:
                QGuiApplication.clipboard().setImage(export.image)
                self._say(Outcome.SUCCESS, "Copied as a picture", export.foot)

        self._start(export.draw_image(), copied)

    def _choose_file(self, kind: str) -> None:
        dialog = QFileDialog(self, f"Save Sequence Diagram as {kind.upper()}")
        dialog.setObjectName("sequenceSaveDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(f"{kind.upper()} picture (*.{kind})")
        dialog.setDefaultSuffix(kind)
        dialog.selectFile(f"sequence.{kind}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save_picture(Path(name)))
        dialog.open()

    def save_picture(self, path: Path) -> None:
        """Save the diagram; as SVG if the name says so, else as PNG."""
        export = self._export()
        is_svg = path.suffix.lower() == ".svg"
        self._say(Outcome.RUNNING, f"Drawing {path.name}")

        def drawn() -> None:
            made = export.svg if is_svg else export.image
            if made is not None:
                self._write(path, made, export.foot)

        self._start(export.draw_svg() if is_svg else export.draw_image(), drawn)

    @action
    async def _write(self, path: Path, drawn: QImage | bytes, foot: str) -> None:
        from workstation.ui.viewers.sequence.export import write_picture

        try:
            await self._tasks.call(lambda: write_picture(path, drawn), name="sequence-picture")
        except OSError as error:
            self._say(Outcome.FAILURE, f"{path.name} cannot be written", str(error))
        else:
            self._say(Outcome.SUCCESS, f"Saved {path.name}", foot or str(path))
