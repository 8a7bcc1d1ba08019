"""Open questions as rows, oldest first, and those that were withdrawn before somebody replied. Knows no view."""

from __future__ import annotations

import time

from PySide6.QtCore import QModelIndex, QObject

from workstation.scp.asking import Question
from workstation.scp.rules.rule import EVENT_WORDS
from workstation.traffic.text import printable
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.theme import Theme

WAITS, WHAT, PEER, ASSOCIATION = range(4)
MOST_OVER = 50


def waiting_text(seconds: float) -> str:
    """How long, in at most five characters."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


class QuestionModel(RowModel):
    """Questions in the order in which they were asked."""

    titles = ("Waits", "Asks for", "Peer", "Assoc.")
    title_tips = ("How long it has waited", "What it is about", "Calling AE title", "Number of the association")
    alignments = (RIGHT, LEFT, LEFT, RIGHT)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._questions: list[Question] = []

    def add(self, question: Question) -> None:
        """A question was asked; of those that are over only the last stay."""
        over = [known for known in self._questions if known.withdrawn]
        for old in over[: max(0, len(over) - MOST_OVER)]:
            self.remove(old)
        row = len(self._questions)
        self.beginInsertRows(QModelIndex(), row, row)
        self._questions.append(question)
        self.endInsertRows()

    def remove(self, question: Question) -> None:
        """It needs nobody any more."""
        row = self.place_of(question)
        if row >= 0:
            self.beginRemoveRows(QModelIndex(), row, row)
            del self._questions[row]
            self.endRemoveRows()

    def refresh(self) -> None:
        """Time has passed, or one was withdrawn."""
        if self._questions:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._questions) - 1, len(self.titles) - 1))

    def question(self, row: int) -> Question | None:
        """A shown question."""
        return self._questions[row] if 0 <= row < len(self._questions) else None

    def place_of(self, question: Question) -> int:
        """Where it is; -1 if it is not shown."""
        return self._questions.index(question) if question in self._questions else -1

    def questions(self) -> list[Question]:
        """All that are shown."""
        return list(self._questions)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._questions)

    def shown(self, row: int) -> Shown:
        question = self._questions[row]
        occasion = question.occasion
        what = EVENT_WORDS.get(occasion.event, occasion.event)
        # The summary begins with the event's words, as a line by itself has to.
        rest = occasion.summary.removeprefix(what).strip()
        text = printable(f"{what}  {rest}" if rest else what, 200)
        number = f"#{occasion.association}" if occasion.association else ""
        if question.withdrawn:
            return Shown(("– gone", text, printable(occasion.calling, 32), number), ("cancelled",) * len(self.titles))
        waits = waiting_text(max(0.0, time.time() - question.asked))
        return Shown((waits, text, printable(occasion.calling, 32), number), ("pending", "", "", "dimmed"))

    def tip(self, row: int, column: int) -> str:
        question = self._questions[row]
        if question.withdrawn:
            return printable(question.withdrawn)
        return question.occasion.summary if column == WHAT else ""
