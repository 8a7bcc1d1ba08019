"""Rows that know how they look: what a `PaintedTable` paints, and Qt asks for when it wants to know more.

A row says all of it at once (`Shown`), so that painting costs one question for each; `data` answers Qt's questions
about single cells (tooltips, copying, screen readers) from the same. Knows no view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QPixmap

from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex

RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter

OPEN_ROLE = Qt.ItemDataRole.UserRole + 1
"""Of a row with others below it whether they are shown; None of a row without."""
DEPTH_ROLE = Qt.ItemDataRole.UserRole + 2
"""How many rows a row stands below, one below the other."""


class Shown(NamedTuple):
    """What one row shows."""

    texts: Sequence[str]
    """A text for each column."""
    colours: Sequence[str] = ()
    """For each column the name of a colour of the theme, "" for ordinary text; () when all are ordinary."""
    depth: int = 0
    """How many rows it stands below, one below the other."""
    is_open: bool | None = None
    """Of a row with others below it whether they are shown."""
    is_bold: bool = False
    """Of the text in the branch column."""
    is_sentence: bool = False
    """The first text has the room of all columns."""
    icon: QPixmap | None = None
    """In front of the text of the model's `icon_column`."""


class RowModel(QAbstractTableModel):
    """Rows that know how they look; the base of the models of a `PaintedTable`."""

    titles: ClassVar[Sequence[str]] = ()
    title_tips: ClassVar[Sequence[str]] = ()
    alignments: ClassVar[Sequence[Qt.AlignmentFlag]] = ()
    branch_column: ClassVar[int] = -1
    """Where the sign that opens a row stands, if rows can be opened."""
    icon_column: ClassVar[int] = -1

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def shown(self, row: int) -> Shown:
        """What a row shows now."""
        raise NotImplementedError

    def tip(self, row: int, column: int) -> str:
        """What else there is to say about a cell; plain text."""
        return ""

    def head_of(self, row: int) -> int:
        """The row that `row` stands below; `row` itself at the outermost level."""
        return row

    def open_row(self, row: int, is_open: bool) -> None:
        """Show the rows below one, or no longer."""

    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or section >= len(self.titles):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.titles[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignments[section]
        if role == Qt.ItemDataRole.ToolTipRole and self.title_tips:
            return self.title_tips[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = index.row(), index.column()
        if not index.isValid() or row >= self.rowCount():
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.shown(row).texts[column]
            case Qt.ItemDataRole.ToolTipRole:
                return plain_tooltip(self.tip(row, column))
            case Qt.ItemDataRole.TextAlignmentRole:
                return self.alignments[column]
            case Qt.ItemDataRole.ForegroundRole:
                colours = self.shown(row).colours
                return getattr(self._theme, colours[column]) if colours and colours[column] else None
            case Qt.ItemDataRole.FontRole if column == self.branch_column and self.shown(row).is_bold:
                font = QFont()
                font.setBold(True)
                return font
            case Qt.ItemDataRole.DecorationRole if column == self.icon_column:
                return self.shown(row).icon
            case Qt.ItemDataRole.AccessibleDescriptionRole if column == self.branch_column:
                return {True: "open", False: "closed", None: ""}[self.shown(row).is_open]
            case _ if role == OPEN_ROLE:
                return self.shown(row).is_open
            case _ if role == DEPTH_ROLE:
                return self.shown(row).depth
        return None
