"""The lists of records as models: what is searched for is shown, changes come in one by one, a click on a title sorts.

Hold rows, not records; what they hold was made by jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QPixmap

from workstation.scp.answers.worklist_table import WORKLIST_COLUMNS
from workstation.ui.dialogs.kept.reading import Key, Row
from workstation.ui.dialogs.kept.worklist_items import STATUS as ITEM_STATUS
from workstation.ui.parts.row_model import LEFT, Index, RowModel, Shown
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.parts.widgets import Outcome, outcome_icon
from workstation.ui.theme import Theme

STATE, SUMMARY, PEER, TIME = range(4)


class KeptModel(RowModel):
    """Rows, of which those are shown that have all the words searched for.

    Args:
        theme: Colours.
        newest_first: Whether what is new comes first.
    """

    counted = Signal()
    """Other rows are shown."""

    def __init__(self, theme: Theme, *, newest_first: bool, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._newest_first = newest_first
        self._rows: list[Row] = []
        self._known: dict[Key, Row] = {}
        self._shown: list[Row] = []
        self._words: list[str] = []
        self._icons: dict[Outcome, QPixmap] = {}
        theme.changed.connect(self._icons.clear)

    # --- what is in it

    @property
    def total(self) -> int:
        """How many there are, shown or not."""
        return len(self._rows)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def row_at(self, line: int) -> Row | None:
        """The row of a line."""
        return self._shown[line] if 0 <= line < len(self._shown) else None

    def line_of(self, key: Key) -> int:
        """The line of a record, -1 if it is not shown."""
        row = self._known.get(key)
        return self._line(row) if row is not None else -1

    def icon(self, outcome: Outcome) -> QPixmap:
        """The sign of an outcome."""
        if outcome not in self._icons:
            self._icons[outcome] = outcome_icon(self._theme, outcome).pixmap(16, 16)
        return self._icons[outcome]

    # --- changes

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._rows = list(rows)
        self._known = {row.key: row for row in self._rows}
        self._shown = self._matching()
        self.endResetModel()
        self.counted.emit()

    def add_rows(self, rows: list[Row]) -> None:
        """Show more rows after those that there are."""
        new = [row for row in rows if row.key not in self._known]
        self._rows += new
        self._known.update((row.key, row) for row in new)
        shown = [row for row in new if self._matches(row)]
        if shown:
            line = len(self._shown)
            self.beginInsertRows(QModelIndex(), line, line + len(shown) - 1)
            self._shown += shown
            self.endInsertRows()
        self.counted.emit()

    def set_words(self, text: str) -> None:
        """Show the rows that have all these words."""
        words = text.lower().split()
        if words == self._words:
            return
        self._words = words
        self.beginResetModel()
        self._shown = self._matching()
        self.endResetModel()
        self.counted.emit()

    def apply(self, changes: Iterable[tuple[Key, Row | None]]) -> None:
        """Take what was changed: rows that are new, other than they were, or gone."""
        with undisturbed:
            for key, row in changes:
                old = self._known.get(key)
                if old is not None and row is not None:
                    self._replace(old, row)
                elif old is not None:
                    self._remove(old)
                elif row is not None:
                    self._insert(row)
        self.counted.emit()

    def rename(self, old: Key, row: Row) -> None:
        """A record was given another key: it stays where it is."""
        before = self._known.get(old)
        if before is None or old == row.key:
            self.apply([(row.key, row)])
            return
        twice = self._known.get(row.key)
        with undisturbed:
            if twice is not None:
                self._remove(twice)
            del self._known[old]
            self._replace(before, row)
        self.counted.emit()

    def _matching(self) -> list[Row]:
        return [row for row in self._rows if self._matches(row)] if self._words else list(self._rows)

    def _matches(self, row: Row) -> bool:
        return all(word in row.search for word in self._words)

    def _line(self, row: Row) -> int:
        try:
            return self._shown.index(row)
        except ValueError:
            return -1

    def _remove(self, old: Row) -> None:
        del self._known[old.key]
        self._rows.remove(old)
        line = self._line(old)
        if line >= 0:
            self.beginRemoveRows(QModelIndex(), line, line)
            del self._shown[line]
            self.endRemoveRows()

    def _insert(self, row: Row) -> None:
        self._known[row.key] = row
        self._rows.insert(0 if self._newest_first else len(self._rows), row)
        if self._matches(row):
            self._show(row, 0 if self._newest_first else len(self._shown))

    def _replace(self, old: Row, row: Row) -> None:
        self._known[row.key] = row
        self._rows[self._rows.index(old)] = row
        line = self._line(old)
        # It stays in sight even if it no longer has the words: nothing goes from under a person's hands.
        if line >= 0:
            self._shown[line] = row
            self.dataChanged.emit(self.index(line, 0), self.index(line, len(self.titles) - 1))
        elif self._matches(row):
            self._show(row, len(self._shown))

    def _show(self, row: Row, line: int) -> None:
        self.beginInsertRows(QModelIndex(), line, line)
        self._shown.insert(line, row)
        self.endInsertRows()

    # --- order

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.beginResetModel()
        self._rows.sort(key=lambda row: self.sort_key(row, column), reverse=order is Qt.SortOrder.DescendingOrder)
        self._shown = self._matching()
        self.endResetModel()

    def sort_key(self, row: Row, column: int) -> tuple[object, ...]:
        """What a row is sorted by."""
        return (row.texts[column].casefold(),)


class RecordModel(KeptModel):
    """Records of any kind: state, what it is, who sent it, when it last changed."""

    titles = ("State", "What", "Peer", "Changed")
    title_tips = ("", "", "AE title of who sent it", "When it was changed last")
    alignments = (LEFT, LEFT, LEFT, LEFT)
    icon_column = STATE

    def shown(self, row: int) -> Shown:
        found = self._shown[row]
        colour = found.outcome.colour_name if found.outcome is not Outcome.IDLE else ""
        return Shown(texts=found.texts, colours=(colour, "", "", "dimmed"), icon=self.icon(found.outcome))

    def tip(self, row: int, column: int) -> str:
        return self._shown[row].tip

    def sort_key(self, row: Row, column: int) -> tuple[object, ...]:
        return (row.changed,) if column == TIME else super().sort_key(row, column)


class WorklistModel(KeptModel):
    """Worklist items: a column for each attribute that can be edited."""

    titles = tuple(column.label for column in WORKLIST_COLUMNS)
    title_tips = tuple(column.hint for column in WORKLIST_COLUMNS)
    alignments = tuple(LEFT for _ in WORKLIST_COLUMNS)
    icon_column = ITEM_STATUS

    edited = Signal(object, int, str)
    """The person typed another text into a cell: row, column, text."""

    def shown(self, row: int) -> Shown:
        found = self._shown[row]
        colours: Sequence[str] = ()
        if found.outcome is not Outcome.IDLE:
            colours = tuple(
                found.outcome.colour_name if column == ITEM_STATUS else "" for column in range(len(self.titles))
            )
        return Shown(texts=found.texts, colours=colours, icon=self.icon(found.outcome))

    def tip(self, row: int, column: int) -> str:
        text = self._shown[row].texts[column]
        hint = WORKLIST_COLUMNS[column].hint
        return "\n".join(part for part in (text, hint) if part)

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        row = self.row_at(index.row())
        if role != Qt.ItemDataRole.EditRole or row is None or str(value).strip() == row.texts[index.column()]:
            return False
        self.edited.emit(row, index.column(), str(value))
        return True
