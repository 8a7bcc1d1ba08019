"""Log lines as Qt's model: bounded, filtered by level, text made when a row is painted."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from PySide6.QtCore import QModelIndex, QObject

from workstation.traffic.text import printable
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.theme import Theme

TIME, LEVEL, SOURCE, TEXT = range(4)
TITLES = ("Time", "Level", "From", "What happened")
LEVELS = {
    logging.DEBUG: ("·", "Debug", "dimmed"),
    logging.INFO: ("●", "Info", "text"),
    logging.WARNING: ("▲", "Warning", "warning"),
    logging.ERROR: ("✕", "Error", "failure"),
}


class Line(NamedTuple):
    """One line of the log."""

    time: float
    level: int
    source: str
    text: str


def level_of(number: int) -> tuple[str, str, str]:
    """Sign, word and colour of a level; one between two of ours counts as the lower."""
    known = max((level for level in LEVELS if level <= number), default=logging.DEBUG)
    return LEVELS[known]


class LogModel(RowModel):
    """The newest lines of and above a level.

    Args:
        theme: Colours.
        bound: How many lines are kept; a tenth is let go when it is reached.
    """

    titles = TITLES
    alignments = (RIGHT, LEFT, LEFT, LEFT)

    def __init__(self, theme: Theme, bound: int = 20_000, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._bound = bound
        self._level = logging.INFO
        self._lines: list[Line] = []
        self._shown: list[Line] = []
        self.dropped = 0

    def add(self, lines: Iterable[Line]) -> int:
        """Append lines; returns how many of them are shown."""
        new = list(lines)
        if len(new) > self._bound:
            self.dropped += len(new) - self._bound
            new = new[-self._bound :]
        self._lines += new
        fitting = [line for line in new if line.level >= self._level]
        if fitting:
            first = len(self._shown)
            self.beginInsertRows(QModelIndex(), first, first + len(fitting) - 1)
            self._shown += fitting
            self.endInsertRows()
        if len(self._lines) > self._bound:
            self._let_go(len(self._lines) - self._bound + self._bound // 10)
        return len(fitting)

    def _let_go(self, count: int) -> None:
        gone = sum(1 for line in self._lines[:count] if line.level >= self._level)
        if gone:
            self.beginRemoveRows(QModelIndex(), 0, gone - 1)
            del self._shown[:gone]
            self.endRemoveRows()
        del self._lines[:count]
        self.dropped += count

    def set_level(self, level: int) -> None:
        """Show the lines of and above a level."""
        self.beginResetModel()
        self._level = level
        self._shown = [line for line in self._lines if line.level >= level]
        self.endResetModel()

    @property
    def level(self) -> int:
        """The lowest level shown."""
        return self._level

    def clear(self) -> None:
        """Forget every line."""
        self.beginResetModel()
        self._lines, self._shown = [], []
        self.dropped = 0
        self.endResetModel()

    def line(self, row: int) -> Line:
        """A shown line."""
        return self._shown[row]

    def __len__(self) -> int:
        return len(self._shown)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def shown(self, row: int) -> Shown:
        line = self._shown[row]
        at = datetime.fromtimestamp(line.time)
        sign, word, colour = level_of(line.level)
        texts = (
            f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}",
            f"{sign} {word}",
            line.source,
            printable(line.text, 1024),
        )
        colour = "" if colour == "text" else colour
        return Shown(texts, ("dimmed", colour, "dimmed", colour))

    def tip(self, row: int, column: int) -> str:
        if column != TEXT:
            return ""
        return "\n".join(printable(part, 512) for part in self._shown[row].text.splitlines()[:40])
