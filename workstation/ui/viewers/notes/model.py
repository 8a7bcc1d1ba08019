"""Expert notes as rows: how grave, where, and a few words. The texts are those of the notes; knows no view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QObject

from workstation.traffic.expert.experts import Note, Severity
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.theme import Theme

SEVERITY, ASSOCIATION, ROW, WHAT = range(4)
COLOURS: Final = {Severity.ERROR: "failure", Severity.WARNING: "warning", Severity.REMARK: "dimmed"}


class NotesModel(RowModel):
    """Notes in the order given.

    Args:
        theme: Colours.
    """

    titles = ("Severity", "Assoc.", "Row", "What")
    title_tips = ("How much it matters", "Number of the association", "Number of the message", "In a few words")
    alignments = (LEFT, RIGHT, RIGHT, LEFT)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._notes: list[Note] = []

    def set_notes(self, notes: Sequence[Note]) -> None:
        """Show these; notes at the end are added, everything else begins anew."""
        new = list(notes)
        if new == self._notes:
            return
        count = len(self._notes)
        if count and new[:count] == self._notes:
            self.beginInsertRows(QModelIndex(), count, len(new) - 1)
            self._notes = new
            self.endInsertRows()
            return
        self.beginResetModel()
        self._notes = new
        self.endResetModel()

    def note(self, row: int) -> Note | None:
        """A shown note."""
        return self._notes[row] if 0 <= row < len(self._notes) else None

    def place_of(self, note: Note) -> int:
        """Where the note of the same matter is; -1 if it is not shown."""
        wanted = _identity(note)
        return next((at for at, each in enumerate(self._notes) if _identity(each) == wanted), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._notes)

    def shown(self, row: int) -> Shown:
        note = self._notes[row]
        colour = COLOURS[note.severity]
        times = f"  × {note.count:,}" if note.count > 1 else ""
        texts = (
            f"{note.severity.sign} {note.severity.word.capitalize()}",
            f"#{note.conversation}",
            f"{note.row:,}" if note.row is not None else "",
            note.title + times,
        )
        return Shown(texts, (colour, "dimmed", "dimmed", "" if note.severity is not Severity.REMARK else "dimmed"))

    def tip(self, row: int, column: int) -> str:
        return self._notes[row].sentence if column == WHAT else ""


def _identity(note: Note) -> tuple[int, str, str]:
    return note.conversation, note.rule, note.key


def note_text(note: Note) -> str:
    """All that a note says, for the clipboard."""
    where = f"Association #{note.conversation}"
    if note.row is not None:
        where += f", row {note.row}"
    if note.count > 1:
        where += f", {note.count:,} times"
    lines = [f"{note.severity.word.capitalize()}: {note.title}", where, note.sentence]
    for name, text in (("Seen", note.evidence), ("Clause", note.clause), ("What helps", note.remedy)):
        if text:
            lines.append(f"{name}: {text}")
    return "\n".join(lines)
