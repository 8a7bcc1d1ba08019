"""What a person takes along: a row as text, bytes, command or script, and a report on an association as a file.

The texts are made when they are asked for; a report is made in slices of the window's time and written by a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from workstation.traffic.conversation import Conversation
from workstation.traffic.rows import MessageRow, PduRow
from workstation.ui.parts.slices import Slices
from workstation.ui.parts.traffic_table import copy_to_clipboard
from workstation.ui.tasks import Tasks, action

if TYPE_CHECKING:
    from workstation.traffic.expert.rules.note import Note
    from workstation.traffic.expert.verdict import Verdict

__all__ = ["ReportKind", "ReportSaver", "add_copy_menu", "save_report"]

ReportKind = Literal["text", "html"]
NotesOf = Callable[[Conversation], "Iterator[Note | None]"]
VerdictOf = Callable[[Conversation], "Verdict | None"]

_SUFFIX: dict[ReportKind, tuple[str, str]] = {"text": ("txt", "Text (*.txt)"), "html": ("html", "HTML page (*.html)")}


def add_copy_menu(menu: QMenu, conversation: Conversation | None, row: MessageRow | PduRow | None) -> QMenu:
    """Add "Copy as" with its forms to a menu; disabled while there is no row. Returns the submenu."""
    forms = menu.addMenu("Copy as")
    forms.setObjectName("copyAsMenu")
    forms.setToolTipsVisible(True)
    forms.setEnabled(conversation is not None and row is not None)
    if conversation is None or row is None:
        return forms
    from workstation.traffic.output.repeat import as_dcmtk, as_hex, as_json, as_python, as_text

    def add(words: str, name: str, tip: str, make: Callable[[], str]) -> None:
        each = forms.addAction(words, lambda: copy_to_clipboard(make()))
        each.setObjectName(name)
        each.setToolTip(tip)

    add("Text", "copyAsText", "The decoded fields, one a line", lambda: as_text(row))
    add("Hex dump", "copyAsDump", "Bytes with offsets and characters", lambda: as_hex(row))
    add("Hex digits", "copyAsHex", "Only the digits, a PDU a line", lambda: as_hex(row, plain=True))
    add("JSON", "copyAsJson", "Its PDUs with their fields, as an export has them", lambda: as_json(conversation, row))
    forms.addSeparator()
    add(
        "DCMTK command",
        "copyAsDcmtk",
        "The command that makes this request again, for a POSIX shell",
        lambda: as_dcmtk(conversation, row),
    )
    add(
        "Python script",
        "copyAsPython",
        "A script that makes this request again, for workstation.net or pynetdicom",
        lambda: as_python(conversation, row),
    )
    return forms


class ReportSaver(QObject):
    """Makes one report and writes it; goes when it is done.

    Args:
        tasks: Writes the file in a thread.
        conversation: What it is about.
        notes_of: Finds what is remarkable, None between its steps.
        source: Where the traffic is from, "" for what happens now.
        verdict_of: Explains why it failed, None if it did not.
    """

    saved = Signal(object)
    """It is written; carries its path."""
    failed = Signal(str)
    """It could not be written; a sentence says why."""

    def __init__(
        self,
        tasks: Tasks,
        conversation: Conversation,
        kind: ReportKind,
        notes_of: NotesOf | None = None,
        source: str = "",
        verdict_of: VerdictOf | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._conversation = conversation
        self._kind = kind
        self._notes_of = notes_of
        self._source = source
        self._verdict_of = verdict_of
        self._pieces: list[str] = []
        self._path = Path()
        self._slices = Slices(self, self._write)

    def ask(self, parent: QWidget) -> None:
        """Ask where it goes, then make it."""
        suffix, name_filter = _SUFFIX[self._kind]
        chooser = QFileDialog(parent, "Save the report")
        chooser.setObjectName("saveReportDialog")
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setDefaultSuffix(suffix)
        chooser.setNameFilter(name_filter)
        # A name of ours: AE titles are the peer's.
        chooser.selectFile(f"association-{self._conversation.number}.{suffix}")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.fileSelected.connect(lambda name: self.save(Path(name)))
        chooser.rejected.connect(self.deleteLater)
        chooser.open()

    def save(self, path: Path) -> None:
        """Make the report and write it."""
        self._path = path
        self._pieces = []
        self._slices.start(self._work())

    def _work(self) -> Iterator[None]:
        from workstation.traffic.output.report import html_pieces, text_pieces

        notes: list[Note] = []
        if self._notes_of is not None:
            for note in self._notes_of(self._conversation):
                if note is not None:
                    notes.append(note)
                yield
        notes.sort(key=lambda note: -note.severity)
        verdict = self._verdict_of(self._conversation) if self._verdict_of is not None else None
        make = html_pieces if self._kind == "html" else text_pieces
        for piece in make(self._conversation, notes, self._source, verdict):
            self._pieces.append(piece)
            yield

    @action
    async def _write(self) -> None:
        path, text = self._path, "".join(self._pieces)
        self._pieces = []
        try:
            await self._tasks.call(lambda: _write_text(path, text), "write report")
        except OSError as error:
            self.failed.emit(f"{path.name} cannot be written: {error.strerror or error}")
        else:
            self.saved.emit(path)
        self.deleteLater()


def _write_text(path: Path, text: str) -> None:
    """Never half a report under that name."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n", errors="replace")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def save_report(
    parent: QWidget,
    tasks: Tasks,
    conversation: Conversation,
    kind: ReportKind,
    *,
    notes_of: NotesOf | None = None,
    source: str = "",
    verdict_of: VerdictOf | None = None,
) -> ReportSaver:
    """Ask where a report on an association goes and write it there; connect `saved` and `failed` to say how it went."""
    saver = ReportSaver(tasks, conversation, kind, notes_of, source, verdict_of, parent)
    saver.ask(parent)
    return saver
