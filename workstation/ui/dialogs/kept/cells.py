"""Typing into a cell of the worklist: what is wrong is said while it is typed, and a wrong text is never kept."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QComboBox,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from workstation.scp.answers.worklist_table import WORKLIST_COLUMNS
from workstation.ui.dialogs.kept.pane import RecordTable
from workstation.ui.dialogs.kept.worklist_items import problem_of
from workstation.ui.parts.row_model import Index
from workstation.ui.parts.widgets import name_widget
from workstation.ui.theme import Theme

# Pixels: a narrow column must not make its editor one that nobody can type into.
_LEAST_WIDTH = 130
_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
_STILL_HERE = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason)


class CellDelegate(QStyledItemDelegate):
    """Edits the cells.

    Args:
        theme: Colours.
    """

    problem = Signal(str)
    """What is wrong with what is typed, or nothing."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        column = WORKLIST_COLUMNS[index.column()]
        editor: QLineEdit | QComboBox
        if column.choices:
            editor = QComboBox(parent)
            editor.setEditable(True)
            editor.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            editor.addItems(list(column.choices))
            editor.editTextChanged.connect(lambda _: self._show(editor, index.column()))
        else:
            editor = QLineEdit(parent)
            editor.setFrame(False)
            editor.setPlaceholderText(column.hint)
            editor.textChanged.connect(lambda _: self._show(editor, index.column()))
        name_widget(editor, "worklistCell", column.label)
        editor.setAutoFillBackground(True)
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        text = str(index.data() or "")
        if isinstance(editor, QComboBox):
            editor.setEditText(text)
            line = editor.lineEdit()
            if line is not None:
                line.selectAll()
        elif isinstance(editor, QLineEdit):
            editor.setText(text)
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        if not problem_of(WORKLIST_COLUMNS[index.column()], text_of(editor)):
            model.setData(index, text_of(editor))

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        wanted = QRect(option.rect)
        wanted.setWidth(max(wanted.width(), _LEAST_WIDTH))
        more = editor.sizeHint().height() - wanted.height()
        if more > 0:
            wanted.adjust(0, -(more // 2), 0, more - more // 2)
        parent = editor.parentWidget()
        if parent is not None:
            # Within what is in sight.
            wanted.moveRight(min(wanted.right(), max(parent.width() - 1, wanted.width() - 1)))
            wanted.moveTop(max(wanted.top(), 0))
        editor.setGeometry(wanted)

    def destroyEditor(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        self.problem.emit("")
        super().destroyEditor(editor, index)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(watched, QWidget) and watched.property("problem"):
            if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress and event.key() in _KEYS:
                return True
            if (
                isinstance(event, QFocusEvent)
                and event.type() is QEvent.Type.FocusOut
                and event.reason() not in _STILL_HERE
            ):
                # Left with something wrong in it: what was there stays.
                self.closeEditor.emit(watched, QAbstractItemDelegate.EndEditHint.RevertModelCache)
                return False
        return super().eventFilter(watched, event)

    def _show(self, editor: QWidget, column: int) -> None:
        problem = problem_of(WORKLIST_COLUMNS[column], text_of(editor))
        editor.setProperty("problem", problem)
        editor.setAccessibleDescription(problem)
        palette = editor.palette()
        palette.setColor(QPalette.ColorRole.Text, self._theme.failure if problem else self._theme.text)
        editor.setPalette(palette)
        self.problem.emit(problem)


def text_of(editor: QWidget) -> str:
    """What is typed."""
    if isinstance(editor, QComboBox):
        return editor.currentText()
    return editor.text() if isinstance(editor, QLineEdit) else ""


class WorklistTable(RecordTable):
    """The list of worklist items: left and right go from cell to cell, F2, Enter and a double click edit."""

    def __init__(self, theme: Theme, object_name: str, accessible_name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, object_name, accessible_name, parent)
        self.delegate = CellDelegate(theme, self)
        self.setItemDelegate(self.delegate)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if is_plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            # What ends an edit comes here as well, and must neither begin another one nor press a button.
            if self.state() is not QAbstractItemView.State.EditingState:
                self.edit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _go(self, key: Qt.Key) -> bool:
        # Here there are cells to go to.
        return False

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if current.isValid() and previous.isValid() and current.row() == previous.row():
            self.scrollTo(self.currentIndex())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        index = self.currentIndex()
        if index.isValid() and self.hasFocus():
            with QPainter(self.viewport()) as painter:
                painter.setPen(QPen(self.theme.accent, 2))
                painter.drawRect(self.visualRect(index).adjusted(1, 1, -1, -1))
