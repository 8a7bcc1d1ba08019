"""Log lines as Qt's model: bounded, filtered by level, text made when a row is painted."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from workstation.traffic.text import printable
from workstation.ui.plain import plain_tooltip
from workstation.ui.theme import Theme
from workstation.ui.tree import LEFT, RIGHT, Index

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


class LogModel(QAbstractTableModel):
    """The newest lines of and above a level.

    Args:
        theme: Colours.
        bound: How many lines are kept; a tenth is let go when it is reached.
    """

    def __init__(self, theme: Theme, bound: int = 20_000, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
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

    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if section == TIME else LEFT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        line = self._shown[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            match column:
                case 0:
                    at = datetime.fromtimestamp(line.time)
                    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
                case 1:
                    sign, word, _ = level_of(line.level)
                    return f"{sign} {word}"
                case 2:
                    return line.source
            return printable(line.text, 1024)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column == TIME else LEFT
        if role == Qt.ItemDataRole.ForegroundRole:
            if column in (TIME, SOURCE):
                return self._theme.dimmed
            colour = level_of(line.level)[2]
            return None if colour == "text" else getattr(self._theme, colour)
        if role == Qt.ItemDataRole.ToolTipRole and column == TEXT:
            shown = "\n".join(printable(part, 512) for part in line.text.splitlines()[:40])
            return plain_tooltip(shown)
        return None
