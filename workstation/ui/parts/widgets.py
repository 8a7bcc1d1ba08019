"""Small widgets that the dialogs share: choosing a peer, fields that say what is wrong, an outcome in words, a status.

They show plain text only, whatever it holds, and decide nothing: what is valid comes from the functions given to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeySequence, QPainter, QPaintEvent, QPalette, QPen, QPixmap, QShortcut
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QCompleter,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionToolButton,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.peers import Peer, parse_peer
from workstation.scu.failure import CANCELLED, Failure
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.theme import Theme

SPACE = 8
"""Between things that belong together; twice as much between groups."""

FORM_WIDTH = 300
"""Of the side where a person says what to ask; the results have the rest."""


def name_widget(widget: QWidget, object_name: str, accessible_name: str, tip: str = "") -> None:
    """Give a widget the names that tests and screen readers find it by, and a tooltip in plain text."""
    widget.setObjectName(object_name)
    widget.setAccessibleName(accessible_name)
    if tip:
        widget.setToolTip(tip)


def plain_label(text: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """A label that never interprets markup."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wrap)
    if selectable:
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return label


class DimLabel(QLabel):
    """A label that explains: plain text in the dimmed colour, in both palettes."""

    def __init__(self, theme: Theme, text: str = "", *, wrap: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)
        self.setWordWrap(wrap)
        theme.changed.connect(self._paint_dim)
        self._paint_dim()

    def _paint_dim(self) -> None:
        palette = self.palette()
        palette.setColor(self.foregroundRole(), self._theme.dimmed)
        self.setPalette(palette)


def heading(text: str) -> QLabel:
    """A group's title: bold, because a frame around each group would be noise."""
    label = plain_label(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return label


def scrolled(widget: QWidget) -> QScrollArea:
    """A form that may be higher than there is room for, without a frame or a background of its own."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    area.viewport().setAutoFillBackground(False)
    widget.setAutoFillBackground(False)
    return area


def stacked(*widgets: QWidget | QBoxLayout, space: int = 4) -> QVBoxLayout:
    """Widgets one below the other, close together."""
    layout = QVBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(space)
    for widget in widgets:
        if isinstance(widget, QWidget):
            layout.addWidget(widget)
        else:
            layout.addLayout(widget)
    return layout


def in_row(*widgets: QWidget | None, space: int = SPACE) -> QHBoxLayout:
    """Widgets side by side; None is the stretch between them."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(space)
    for widget in widgets:
        if widget is None:
            layout.addStretch(1)
        else:
            layout.addWidget(widget)
    return layout


def name_after_peer(dialog: QDialog, what: str, chooser: PeerChooser) -> None:
    """The dialog's title says which peer it is about: several stand side by side."""

    def show() -> None:
        peer = chooser.peer
        dialog.setWindowTitle(f"{what} {peer.name}" if peer is not None else what.split()[0])

    chooser.changed.connect(show)
    show()


def act_on_control_enter(dialog: QDialog, button: QPushButton) -> None:
    """Ctrl+Enter presses the dialog's main button, from any field."""
    for keys in ("Ctrl+Return", "Ctrl+Enter"):
        shortcut = QShortcut(QKeySequence(keys), dialog)
        shortcut.activated.connect(button.click)
    button.setToolTip(f"{button.toolTip()} (Ctrl+Enter)".strip())


# --- outcome ------------------------------------------------------------------------------------------------------


class Outcome(Enum):
    """How something went; decides glyph and colour."""

    IDLE = "idle"
    RUNNING = "running"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    CANCELLED = "cancelled"

    @property
    def colour_name(self) -> str:
        """The name of this outcome's colour in the theme."""
        match self:
            case Outcome.IDLE:
                return "dimmed"
            case Outcome.RUNNING:
                return "pending"
            case _:
                return str(self.value)

    def colour(self, theme: Theme) -> QColor:
        """The palette's colour of this outcome."""
        colour = getattr(theme, self.colour_name)
        assert isinstance(colour, QColor)
        return colour


GLYPHS = {
    Outcome.IDLE: "·",
    Outcome.RUNNING: "…",
    Outcome.SUCCESS: "✓",
    Outcome.WARNING: "!",
    Outcome.FAILURE: "✕",
    Outcome.CANCELLED: "–",
}


def draw_outcome(painter: QPainter, box: QRectF, outcome: Outcome, colour: QColor) -> None:
    """Draw an outcome's sign: tick, mark, cross, dots or dash in strokes, the same with every font."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    side = min(box.width(), box.height())
    left, top = box.center().x() - side / 2, box.center().y() - side / 2
    pen = QPen(colour, max(side / 8, 1.6))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)

    def line(x1: float, y1: float, x2: float, y2: float) -> None:
        painter.drawLine(
            QRectF(left + x1 * side, top + y1 * side, 0, 0).topLeft(),
            QRectF(left + x2 * side, top + y2 * side, 0, 0).topLeft(),
        )

    match outcome:
        case Outcome.SUCCESS:
            line(0.18, 0.55, 0.42, 0.78)
            line(0.42, 0.78, 0.84, 0.26)
        case Outcome.WARNING:
            line(0.5, 0.16, 0.5, 0.58)
            line(0.5, 0.82, 0.5, 0.83)
        case Outcome.FAILURE:
            line(0.24, 0.24, 0.76, 0.76)
            line(0.24, 0.76, 0.76, 0.24)
        case Outcome.RUNNING:
            for x in (0.2, 0.5, 0.8):
                line(x, 0.5, x + 0.01, 0.5)
        case Outcome.CANCELLED:
            line(0.22, 0.5, 0.78, 0.5)
        case Outcome.IDLE:
            line(0.5, 0.5, 0.51, 0.5)
    painter.restore()


def outcome_icon(theme: Theme, outcome: Outcome) -> QIcon:
    """An outcome's sign for a row of a table."""
    pixmap = QPixmap(32, 32)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_outcome(painter, QRectF(1, 1, 14, 14), outcome, outcome.colour(theme))
    painter.end()
    return QIcon(pixmap)


class OutcomeSign(QWidget):
    """The sign of an outcome, beside words that say the same."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._outcome = Outcome.IDLE
        self.setFixedSize(20, 17)
        theme.changed.connect(self.update)

    @property
    def outcome(self) -> Outcome:
        """What is shown."""
        return self._outcome

    def set_outcome(self, outcome: Outcome) -> None:
        """Show another outcome."""
        self._outcome = outcome
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_outcome(painter, QRectF(2, 0.5, 16, 16), self._outcome, self._outcome.colour(self._theme))
        painter.end()


class _WrappedLabel(QLabel):
    """Selectable plain text that takes the width it gets and asks only for the height that this needs.

    A plain QLabel asks for the height that its text would need in a narrow column, and a dialog would grow to it.
    """

    def __init__(self, object_name: str) -> None:
        super().__init__()
        self.setObjectName(object_name)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def minimumSizeHint(self) -> QSize:
        return QSize(1, self.fontMetrics().height())

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(max(self.width(), 200)))


class OutcomeLabel(QWidget):
    """A result or a failure in words, with its sign: one headline and, under it, what explains it."""

    def __init__(self, theme: Theme, idle: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._sign = OutcomeSign(theme)
        self._headline = _WrappedLabel("outcomeHeadline")
        self._detail = _WrappedLabel("outcomeDetail")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        words = stacked(self._headline, self._detail, space=3)
        words.addStretch(1)
        row.addLayout(words, 1)
        self._idle = idle
        theme.changed.connect(self._colour)
        self.clear()

    @property
    def outcome(self) -> Outcome:
        """What is shown."""
        return self._sign.outcome

    @property
    def text(self) -> str:
        """All that is shown, for the clipboard and for tests."""
        return "\n".join(part for part in (self._headline.text(), self._detail.text()) if part)

    def clear(self) -> None:
        """Show what will appear here."""
        self.show_outcome(Outcome.IDLE, self._idle)

    def show_outcome(self, outcome: Outcome, headline: str, detail: str = "") -> None:
        """Show how it went."""
        self._sign.set_outcome(outcome)
        self._sign.setVisible(outcome is not Outcome.IDLE)
        self._headline.setText(headline)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
        self.setAccessibleName(f"{outcome.value}: {headline} {detail}".strip())
        self._colour()

    def show_failure(self, failure: Failure) -> None:
        """Show which layer failed, what was seen, and what usually fixes it."""
        if failure == CANCELLED:
            self.show_outcome(Outcome.CANCELLED, failure.what)
            return
        evidence = " · ".join(part for part in (failure.layer.value, failure.evidence) if part)
        detail = "\n".join(part for part in (evidence, failure.remedy) if part)
        self.show_outcome(Outcome.FAILURE, failure.what, detail)

    def show_defect(self, error: Exception) -> None:
        """Show an exception that nobody expected; whoever caught it raises it again, so that it is logged."""
        self.show_outcome(
            Outcome.FAILURE,
            "This program ran into a defect of its own",
            f"{type(error).__name__}: {error}\nThe log has the details.",
        )

    def _colour(self) -> None:
        palette = self.palette()
        palette.setColor(self._headline.foregroundRole(), self.outcome.colour(self._theme))
        self._headline.setPalette(palette)
        font = self.font()
        font.setBold(self.outcome not in (Outcome.IDLE, Outcome.RUNNING))
        self._headline.setFont(font)


# --- fields ---------------------------------------------------------------------------------------------------------


class ProblemLabel(QLabel):
    """What is wrong with the field beside it; takes no room while nothing is."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setObjectName("problem")
        theme.changed.connect(self._colour)
        self._colour()
        self.hide()

    def show_problem(self, sentence: str) -> None:
        """Show a sentence, or nothing."""
        self.setText(sentence)
        self.setVisible(bool(sentence))

    def _colour(self) -> None:
        palette = self.palette()
        palette.setColor(self.foregroundRole(), self._theme.failure)
        self.setPalette(palette)


class CheckedField(QWidget):
    """A line edit that is checked while a person types, with the sentence right under it.

    `edited` is emitted for every change that leaves the text valid; `committed` when the person leaves the field or
    presses Enter with a valid text that differs from the last committed one.
    """

    edited = Signal(str)
    committed = Signal(str)

    def __init__(
        self,
        theme: Theme,
        check: Callable[[str], str],
        text: str = "",
        *,
        editor: QLineEdit | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._check = check
        self.editor = editor or QLineEdit()
        self._problem = ProblemLabel(theme)
        self._committed = text
        self._ground = self.editor.palette()
        self.editor.setText(text)
        layout = stacked(self.editor, self._problem, space=2)
        self.setLayout(layout)
        self.setFocusProxy(self.editor)
        self.editor.textChanged.connect(self._changed)
        self.editor.editingFinished.connect(self._commit)
        theme.changed.connect(self._show_problem)
        self._show_problem()

    @property
    def text(self) -> str:
        """What is typed."""
        return self.editor.text()

    def set_text(self, text: str) -> None:
        """Show a value that is in force; emits nothing."""
        self._committed = text
        self.editor.blockSignals(True)
        self.editor.setText(text)
        self.editor.blockSignals(False)
        self._show_problem()

    @property
    def problem(self) -> str:
        """What is wrong, or nothing."""
        return self._check(self.editor.text())

    def show_refusal(self, sentence: str) -> None:
        """Show why a valid-looking value was not taken by whom it was for."""
        self._problem.show_problem(sentence)

    def _changed(self, text: str) -> None:
        if not self._show_problem():
            self.edited.emit(text)

    def _show_problem(self) -> str:
        problem = self.problem
        self._problem.show_problem(problem)
        self.editor.setAccessibleDescription(problem)
        colour = self._theme.failure if problem else self._theme.text
        palette = self.editor.palette()
        for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
            # Not when it is disabled: that is to be seen.
            palette.setColor(group, self.editor.foregroundRole(), colour)
        palette.setColor(QPalette.ColorGroup.Disabled, self.editor.foregroundRole(), self._theme.dimmed)
        self.editor.setPalette(palette)
        return problem

    def _commit(self) -> None:
        text = self.editor.text()
        if text != self._committed and not self.problem:
            self._committed = text
            self.committed.emit(text)


def sentence_of(check: Callable[[str], object]) -> Callable[[str], str]:
    """Turn a function that raises ValueError with a sentence into one that returns the sentence."""

    def checked(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            return str(error)
        return ""

    return checked


class PeerChooser(QWidget):
    """Who is asked: a peer of the address book by its name, or one typed as AET@HOST:PORT.

    `changed` is emitted when another peer is chosen, and for each character typed.
    """

    changed = Signal()

    def __init__(
        self, theme: Theme, peers: Iterable[Peer] = (), chosen: Peer | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._peers: list[Peer] = []
        self.combo = QComboBox()
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(18)
        self.combo.setMaxVisibleItems(20)
        name_widget(self.combo, "peer", "Peer", "A peer by its name, or AET@HOST:PORT")
        editor = self.combo.lineEdit()
        assert editor is not None
        editor.setAccessibleName("Peer")
        editor.setPlaceholderText("AET@HOST:PORT")
        completer = self.combo.completer()
        if completer is not None:
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self._address = DimLabel(theme)
        self._address.setObjectName("peerAddress")
        self._problem = ProblemLabel(theme)
        self.setLayout(stacked(self.combo, self._address, self._problem, space=2))
        self.setFocusProxy(self.combo)
        self.set_peers(peers)
        self.choose(chosen)
        self.combo.editTextChanged.connect(self._show)
        self.combo.currentIndexChanged.connect(self._show)
        self._show()

    def set_peers(self, peers: Iterable[Peer]) -> None:
        """Offer these peers; the choice stays if it is among them."""
        text = self.combo.currentText()
        self._peers = list(peers)
        self.combo.blockSignals(True)
        self.combo.clear()
        for row, peer in enumerate(self._peers):
            self.combo.addItem(peer.name)
            self.combo.setItemData(row, plain_tooltip(peer.address), Qt.ItemDataRole.ToolTipRole)
        names = [peer.name for peer in self._peers]
        if text in names:
            self.combo.setCurrentIndex(names.index(text))
        elif text:
            self.combo.setEditText(text)
        self.combo.blockSignals(False)
        self._show()

    def choose(self, peer: Peer | None) -> None:
        """Choose a peer; one that is not offered is shown by its address."""
        if peer is None:
            return
        if peer in self._peers:
            self.combo.setCurrentIndex(self._peers.index(peer))
        else:
            self.combo.setEditText(peer.address)

    @property
    def peer(self) -> Peer | None:
        """The chosen peer, or None while the text is none."""
        text = self.combo.currentText().strip()
        for peer in self._peers:
            if peer.name == text:
                return peer
        try:
            return parse_peer(text)
        except ValueError:
            return None

    @property
    def problem(self) -> str:
        """Why no peer is chosen, or nothing."""
        if self.peer is not None:
            return ""
        text = self.combo.currentText().strip()
        if not text:
            return "Choose a peer, or type AET@HOST:PORT."
        try:
            parse_peer(text)
        except ValueError as error:
            return str(error)
        return ""

    def _show(self) -> None:
        peer, problem = self.peer, self.problem
        self._problem.show_problem(problem)
        self._address.setText(peer.address if peer else "")
        self._address.setVisible(peer is not None)
        self.changed.emit()


# --- status ---------------------------------------------------------------------------------------------------------


class StatusChooser(QWidget):
    """A DIMSE status by its name in the service's table, or any number in hexadecimal digits."""

    chosen = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: dict[int, str] = {}
        self.combo = QComboBox()
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.combo.setMaxVisibleItems(24)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(24)
        name_widget(
            self.combo,
            "status",
            "Status",
            "A status of this service by its name, or any number from 0000 to FFFF in hexadecimal digits",
        )
        editor = self.combo.lineEdit()
        assert editor is not None
        editor.setAccessibleName("Status")
        completer = self.combo.completer()
        if completer is not None:
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
        still(self.combo)
        self._problem = ProblemLabel(theme)
        self.setLayout(stacked(self.combo, self._problem, space=2))
        self.setFocusProxy(self.combo)
        self.combo.editTextChanged.connect(self._edited)
        editor.editingFinished.connect(self._name)

    def offer(self, statuses: Iterable[tuple[int, str]], chosen: int) -> None:
        """List a service's statuses and show the one in force; emits nothing."""
        self._names = dict(statuses)
        self.combo.blockSignals(True)
        self.combo.clear()
        for code, name in self._names.items():
            self.combo.addItem(f"{code:04X}  {name}", code)
        self._show(chosen)
        self.combo.blockSignals(False)
        self._problem.show_problem("")

    def _show(self, status: int) -> None:
        index = self.combo.findData(status)
        if index >= 0:
            self.combo.setCurrentIndex(index)
        else:
            self.combo.setEditText(f"{status:04X}")

    def _name(self) -> None:
        """A number that was typed gets its name."""
        status = self.status
        if status is not None:
            blocked = self.combo.blockSignals(True)
            self._show(status)
            self.combo.blockSignals(blocked)

    @property
    def status(self) -> int | None:
        """The chosen number, or None while the text is none."""
        text = self.combo.currentText().strip()
        first = text.split(maxsplit=1)[0] if text else ""
        digits = first.lower().removeprefix("0x")
        try:
            number = int(digits, 16)
        except ValueError:
            return None
        return number if 0 <= number <= 0xFFFF and len(digits) <= 4 else None

    @property
    def names(self) -> dict[int, str]:
        """The statuses offered, by number."""
        return dict(self._names)

    def _edited(self) -> None:
        status = self.status
        if status is None:
            self._problem.show_problem("Choose a status, or type up to four hexadecimal digits, like A700.")
        else:
            self._problem.show_problem("")
            self.chosen.emit(status)


class RoomyDelegate(QStyledItemDelegate):
    """Keeps numbers, which end at their column's right edge, apart from the text that begins the next one."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        if option.displayAlignment & Qt.AlignmentFlag.AlignRight:
            option.text += "\u2002"


class IgnoreWheel(QObject):
    """Keeps the wheel from changing a field that a person only scrolls past."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def still(widget: QWidget) -> None:
    """Leave the wheel to the page as long as the widget has not the focus."""
    widget.installEventFilter(IgnoreWheel(widget))
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


class MenuButton(QToolButton):
    """A button that opens its menu at once; an arrow behind its text says so.

    Fusion's own sign for a menu, a speck that stands on the letters, is not painted. Not by a style sheet: a widget
    that has one keeps its colours when the appearance changes.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        if text:
            self.setText(f"{text} ▾")

    def paintEvent(self, _event: QPaintEvent) -> None:
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        option.features &= ~QStyleOptionToolButton.ToolButtonFeature.HasMenu
        with QPainter(self) as painter:
            self.style().drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option, painter, self)


def primary_button(text: str, object_name: str, tip: str) -> QPushButton:
    """The button that acts."""
    button = QPushButton(text)
    button.setDefault(True)
    button.setMinimumWidth(96)
    name_widget(button, object_name, text.replace("&", "").rstrip("…"), tip)
    return button


def push_button(text: str, object_name: str, tip: str, slot: Callable[[], object] | None = None) -> QPushButton:
    """Any other button."""
    button = QPushButton(text)
    button.setAutoDefault(False)
    name_widget(button, object_name, text.replace("&", "").rstrip("…"), tip)
    if slot is not None:
        button.clicked.connect(lambda: slot())
    return button
