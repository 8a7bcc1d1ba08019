"""The rules in their order: each with when, what, and how often it was used; switched, moved and dragged here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from workstation.scp.rules.book import Hits
from workstation.scp.rules.rule import Rule
from workstation.scp.rules.words import action_words, match_words
from workstation.traffic.text import printable
from workstation.ui.dialogs.rules.cards import CARD_ROLE, Card, CardDelegate
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.widgets import name_widget
from workstation.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex

_SHOWN_COMMENT = 2000


class RuleModel(QAbstractListModel):
    """The rules, the only place where they are while they are edited."""

    switched = Signal()
    """A person switched one on or off, or moved one."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rules: list[Rule] = []
        self._hits: Mapping[str, Hits] = {}

    # --- values

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of them, in their order."""
        return tuple(self._rules)

    def rule(self, row: int) -> Rule:
        """One of them."""
        return self._rules[row]

    def names(self, but: int = -1) -> frozenset[str]:
        """The names of all but one."""
        return frozenset(rule.name for row, rule in enumerate(self._rules) if row != but)

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Hold others."""
        self.beginResetModel()
        self._rules = list(rules)
        self.endResetModel()

    def set_hits(self, hits: Mapping[str, Hits]) -> None:
        """Say what became of them, by name; nothing is painted again if nothing changed."""
        old, self._hits = self._hits, dict(hits)
        changed = [row for row, rule in enumerate(self._rules) if old.get(rule.name) != self._hits.get(rule.name)]
        if changed:
            self.dataChanged.emit(self.index(changed[0]), self.index(changed[-1]))

    def put(self, row: int, rule: Rule) -> None:
        """Replace one."""
        if self._rules[row] != rule:
            self._rules[row] = rule
            self._tell(row)

    def insert(self, row: int, rule: Rule) -> None:
        """Add one."""
        self.beginInsertRows(QModelIndex(), row, row)
        self._rules.insert(row, rule)
        self.endInsertRows()

    def remove(self, row: int) -> Rule:
        """Take one out."""
        self.beginRemoveRows(QModelIndex(), row, row)
        rule = self._rules.pop(row)
        self.endRemoveRows()
        return rule

    def move(self, row: int, to: int) -> bool:
        """Let one stand at another place."""
        if row == to or not (0 <= row < len(self._rules) and 0 <= to < len(self._rules)):
            return False
        return self.moveRows(QModelIndex(), row, 1, QModelIndex(), to + 1 if to > row else to)

    def _tell(self, row: int) -> None:
        self.dataChanged.emit(self.index(row), self.index(row))

    # --- what Qt asks

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._rules)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            # Between rows something may be dropped, on one not.
            return Qt.ItemFlag.ItemIsDropEnabled
        kind = Qt.ItemFlag
        return kind.ItemIsEnabled | kind.ItemIsSelectable | kind.ItemIsUserCheckable | kind.ItemIsDragEnabled

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def moveRows(self, source: Index, row: int, count: int, destination: Index, before: int) -> bool:
        # Also what a list view calls when a row was dragged to another place.
        plain = QModelIndex()
        if source.isValid() or destination.isValid() or count != 1:
            return False
        if not self.beginMoveRows(plain, row, row, plain, before):
            return False
        rule = self._rules.pop(row)
        self._rules.insert(before - 1 if before > row else before, rule)
        self.endMoveRows()
        self.switched.emit()
        return True

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or not index.isValid():
            return False
        row = index.row()
        self.put(row, replace(self._rules[row], enabled=Qt.CheckState(value) is Qt.CheckState.Checked))
        self.switched.emit()
        return True

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rules):
            return None
        rule = self._rules[index.row()]
        if role == CARD_ROLE:
            return self._card(rule)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return printable(rule.name)
            case Qt.ItemDataRole.CheckStateRole:
                return Qt.CheckState.Checked if rule.enabled else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.AccessibleTextRole:
                state = "" if rule.enabled else " (off)"
                return f"{printable(rule.name)}{state}: {match_words(rule)}: {action_words(rule)}"
            case Qt.ItemDataRole.ToolTipRole:
                comment = [rule.comment[:_SHOWN_COMMENT]] if rule.comment else []
                words = [rule.name, match_words(rule), f"→ {action_words(rule)}", *comment, self._count_words(rule)]
                return plain_tooltip("\n".join(words))
        return None

    def _card(self, rule: Rule) -> Card:
        hits = self._hits.get(rule.name)
        right = f"{hits.fired:,} ×" if hits is not None and hits.fired else ""
        return Card(
            title=printable(rule.name),
            right=right if rule.enabled else "off",
            lines=((match_words(rule), "dimmed"), (f"→ {action_words(rule)}", "")),
            is_dimmed=not rule.enabled,
            is_checked=rule.enabled,
        )

    def _count_words(self, rule: Rule) -> str:
        hits = self._hits.get(rule.name)
        if hits is None or not hits.considered:
            return "Nothing has come yet that it was asked about."
        if not hits.fired:
            return f"Asked {hits.considered:,} ×, its conditions held {hits.matched:,} ×, used never."
        last = datetime.fromtimestamp(hits.last_time).strftime("%H:%M:%S")
        held = f"Asked {hits.considered:,} ×, its conditions held {hits.matched:,} ×"
        return f"{held}, used {hits.fired:,} ×, last at {last}."


class RuleList(QListView):
    """The view of a `RuleModel`. Space switches a rule, Ctrl with the arrow keys moves it."""

    delete_asked = Signal()
    edit_asked = Signal()

    def __init__(self, theme: Theme, model: RuleModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rules = model
        self.setModel(model)
        self.setItemDelegate(CardDelegate(theme, self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDragEnabled(True)
        self.setDropIndicatorShown(True)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setMinimumSize(160, 90)
        name_widget(
            self,
            "ruleList",
            "Rules, the first that applies answers",
            "The first rule that applies answers. Space switches a rule, Ctrl+Up and Ctrl+Down move it",
        )
        self.doubleClicked.connect(lambda _index: self.edit_asked.emit())
        theme.changed.connect(self.viewport().update)

    @property
    def row(self) -> int:
        """The chosen one, -1 if there is none."""
        return self.currentIndex().row()

    def choose(self, row: int) -> None:
        """Choose one, and let it be seen."""
        index = self._rules.index(row)
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def move_current(self, by: int) -> None:
        """Move the chosen one up or down."""
        if self._rules.move(self.row, self.row + by):
            self.scrollTo(self.currentIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.move_current(-1 if key == Qt.Key.Key_Up else 1)
        elif key == Qt.Key.Key_Delete:
            self.delete_asked.emit()
        elif key in (Qt.Key.Key_F2, Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self.edit_asked.emit()
        else:
            super().keyPressEvent(event)
            return
        event.accept()
