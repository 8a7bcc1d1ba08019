"""Fields that the forms of a rule are made of: names with completion, lines of names, folds, and how they stand.

They show plain text only and decide nothing about rules.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.ui.dialogs.rules.names import NameKind, explained, names_of
from workstation.ui.parts.widgets import (
    SPACE,
    CheckedField,
    ProblemLabel,
    name_widget,
    plain_label,
    stacked,
)
from workstation.ui.theme import Theme

LABEL_WIDTH = 106
"""Of the column of labels: the same in all forms of the editor, so that the fields stand in one line."""


def form_layout() -> QFormLayout:
    """Label beside field; below each other where that is too narrow."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    form.setHorizontalSpacing(SPACE)
    form.setVerticalSpacing(6)
    return form


def add_field(form: QFormLayout, text: str, field: QWidget) -> QLabel:
    """Add a field with its label; returns the label."""
    label = plain_label(text, wrap=True)
    label.setFixedWidth(LABEL_WIDTH)
    label.setBuddy(field)
    # Level with the first line of the field, which may have more below it.
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    label.setContentsMargins(0, 3, 0, 0)
    form.addRow(label, field)
    return label


def show_field(form: QFormLayout, field: QWidget, is_shown: bool) -> None:
    """Show a row of the form or take it out of sight."""
    form.setRowVisible(field, is_shown)


def narrow(combo: QComboBox, characters: int = 14) -> QComboBox:
    """Let a combo box be narrower than its longest entry."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(characters)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


class NameField(QWidget):
    """A SOP class or transfer syntax by UID, name or keyword, completed while a person types, explained below."""

    edited = Signal(str)

    def __init__(self, theme: Theme, kind: NameKind, object_name: str, label: str, tip: str) -> None:
        super().__init__()
        self._kind: NameKind = kind
        self._theme = theme
        self.editor = QLineEdit()
        self.editor.setClearButtonEnabled(True)
        self.editor.setPlaceholderText("any")
        name_widget(self.editor, object_name, label, tip)
        offer_names(self.editor, kind)
        self._words = plain_label(wrap=True)
        self._words.setObjectName(f"{object_name}Words")
        self.setLayout(stacked(self.editor, self._words, space=2))
        self.setFocusProxy(self.editor)
        self.editor.textChanged.connect(self._changed)
        theme.changed.connect(self._explain)
        self._explain()

    @property
    def text(self) -> str:
        """What is typed."""
        return self.editor.text()

    def set_text(self, text: str) -> None:
        """Show a value; emits nothing."""
        self.editor.blockSignals(True)
        self.editor.setText(text)
        self.editor.setCursorPosition(0)
        self.editor.blockSignals(False)
        self._explain()

    def _changed(self, text: str) -> None:
        self._explain()
        self.edited.emit(text.strip())

    def _explain(self) -> None:
        words, is_doubtful = explained(self._kind, self.text)
        self._words.setText(words)
        self._words.setVisible(bool(words))
        palette = self._words.palette()
        palette.setColor(self._words.foregroundRole(), self._theme.warning if is_doubtful else self._theme.dimmed)
        self._words.setPalette(palette)


def offer_names(editor: QLineEdit, kind: NameKind, chosen: Callable[[str], object] | None = None) -> None:
    """Complete an editor's text to the names of the standard; `chosen` gets one that was picked from the list."""
    completer = QCompleter(editor)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setMaxVisibleItems(14)
    popup = completer.popup()
    assert popup is not None
    popup.setMinimumWidth(380)  # names are wider than the field
    editor.setCompleter(completer)

    def fill() -> None:
        if not isinstance(completer.model(), QStringListModel):
            completer.setModel(QStringListModel(list(names_of(kind)), completer))
            editor.textEdited.disconnect(fill)

    # At the first letter: the names need not delay the dialog.
    editor.textEdited.connect(fill)
    if chosen is not None:
        completer.activated.connect(lambda line: chosen(line))


class TextBox(QPlainTextEdit):
    """A few lines of plain text, in a frame that is seen in both palettes; the Tab key goes on to the next field."""

    def __init__(self, theme: Theme, lines: int = 3) -> None:
        super().__init__()
        self._theme = theme
        self.setTabChangesFocus(True)
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 14)
        theme.changed.connect(self._frame)
        self._frame()

    def _frame(self) -> None:
        palette = self._theme.palette()
        # Fusion draws the frame as this colour darkened.
        palette.setColor(palette.ColorRole.Window, QColor(self._theme.colours.frame).lighter(140))
        self.setPalette(palette)


class LinesField(QWidget):
    """Several texts, one a line, checked line by line.

    Args:
        check: Gives a sentence on what is wrong with a line, "" if nothing is.
        kind: Names to complete in a field below that adds a line, if they are names.
    """

    edited = Signal(object)
    refused = Signal()
    """What stands there cannot be."""

    def __init__(
        self,
        theme: Theme,
        object_name: str,
        label: str,
        tip: str,
        *,
        check: Callable[[str], str] = lambda _line: "",
        kind: NameKind | None = None,
        placeholder: str = "",
    ) -> None:
        super().__init__()
        self._check = check
        self.editor = TextBox(theme)
        self.editor.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.editor.setPlaceholderText(placeholder)
        name_widget(self.editor, object_name, label, tip)
        self._problem = ProblemLabel(theme)
        parts: list[QWidget] = [self.editor]
        if kind is not None:
            self.adder = QLineEdit()
            self.adder.setPlaceholderText("Add by name…")
            self.adder.setClearButtonEnabled(True)
            name_widget(self.adder, f"{object_name}Add", f"Add to {label}", "Type a part of a name, then choose")
            offer_names(self.adder, kind, self._add_chosen)
            self.adder.returnPressed.connect(self._add_typed)
            parts.append(self.adder)
        self.setLayout(stacked(*parts, self._problem, space=2))
        self.setFocusProxy(self.editor)
        self.editor.textChanged.connect(self._changed)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that say something."""
        return tuple(line.strip() for line in self.editor.toPlainText().split("\n") if line.strip())

    @property
    def problem(self) -> str:
        """What is wrong with the first line that cannot be."""
        return next((problem for problem in map(self._check, self.lines) if problem), "")

    def set_lines(self, lines: tuple[str, ...]) -> None:
        """Show values; emits nothing."""
        self.editor.blockSignals(True)
        self.editor.setPlainText("\n".join(lines))
        self.editor.blockSignals(False)
        self._problem.show_problem(self.problem)

    def add_line(self, line: str) -> None:
        """Add one at the end."""
        self.editor.setPlainText("\n".join((*self.lines, line)))

    def _add_chosen(self, line: str) -> None:
        self.add_line(line)
        # Not now: the completer writes its line after this slot.
        QTimer.singleShot(0, self.adder, self.adder.clear)

    def _add_typed(self) -> None:
        typed = self.adder.text().strip()
        if typed and typed not in self.lines[-1:]:
            self._add_chosen(typed)

    def _changed(self) -> None:
        problem = self.problem
        self._problem.show_problem(problem)
        if problem:
            self.refused.emit()
        else:
            self.edited.emit(self.lines)


class Fold(QWidget):
    """Fields that are seldom needed, out of sight behind a line that says what they are."""

    def __init__(self, text: str, object_name: str, content: QWidget) -> None:
        super().__init__()
        self.content = content
        self.button = QToolButton()
        self.button.setText(text)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setAutoRaise(True)
        self.button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        name_widget(self.button, object_name, text, "Show or hide these")
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.button.clicked.connect(lambda: self.show_content(not self.is_open))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.button)
        layout.addWidget(content)
        self.show_content(False)

    def minimumSizeHint(self) -> QSize:
        # Only the height is asked for: the line is cut where it is too long.
        return QSize(120, super().minimumSizeHint().height())

    @property
    def is_open(self) -> bool:
        """Whether what is inside is shown."""
        return not self.content.isHidden()

    def show_content(self, is_open: bool) -> None:
        """Show or hide what is inside."""
        self.button.setAccessibleDescription("open" if is_open else "closed")
        self.button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.content.setVisible(is_open)


def checked_field(
    theme: Theme,
    object_name: str,
    label: str,
    tip: str,
    check: Callable[[str], str] = lambda _text: "",
    placeholder: str = "",
) -> CheckedField:
    """A checked line with its names."""
    field = CheckedField(theme, check)
    field.editor.setPlaceholderText(placeholder)
    name_widget(field.editor, object_name, label, tip)
    return field


def when_refused(field: CheckedField, act: Callable[[], object]) -> None:
    """Do something when a checked line comes to say what cannot be."""
    field.editor.textChanged.connect(lambda _text: act() if field.problem else None)
