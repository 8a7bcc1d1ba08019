"""Colours and fonts of the window: two palettes of our own on the Fusion style.

Qt's own switch between light and dark does nothing on a bare X server, so the whole palette is set here. Each
colour has a meaning (what was sent, what failed) and keeps a contrast of at least 4.5:1 on the colours behind
it, which a test measures. A colour never stands alone: an arrow, a word or a shape is beside it.

This module knows no widget of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QToolTip

# What a person types in or ticks; they paint no window of their own.
_FRAMED = ("QLineEdit", "QAbstractSpinBox", "QComboBox", "QCheckBox", "QRadioButton")


class Appearance(Enum):
    """What the person chose in View > Appearance."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """One palette. The first block are surfaces, the second text on them, the third carries meaning."""

    window: str
    base: str
    alternate: str
    button: str
    border: str
    frame: str
    tooltip: str
    highlight: str
    marked: str
    lit: str

    text: str
    dimmed: str
    highlighted_text: str
    on_marked: str
    on_lit: str

    accent: str
    sent: str
    received: str
    success: str
    warning: str
    failure: str
    pending: str
    cancelled: str


LIGHT = Colours(
    window="#f3f4f6",
    base="#ffffff",
    alternate="#f7f8fa",
    button="#fbfbfc",
    border="#c9ced6",
    frame="#8a919c",
    tooltip="#ffffff",
    highlight="#cfe3fb",
    marked="#ffe08a",
    lit="#ffc83d",
    text="#1a1e24",
    dimmed="#5b636e",
    highlighted_text="#10151b",
    on_marked="#1a1e24",
    on_lit="#1a1e24",
    accent="#0b5cad",
    sent="#0b5cad",
    received="#8a4300",
    success="#17652f",
    warning="#7d5200",
    failure="#b3261e",
    pending="#5a48b0",
    cancelled="#5b636e",
)

DARK = Colours(
    window="#20242a",
    base="#171a1f",
    alternate="#1c2026",
    button="#2b3038",
    border="#434a55",
    frame="#6b737e",
    tooltip="#2b3038",
    highlight="#1f3c5c",
    marked="#6b5410",
    lit="#ffc83d",
    text="#e6e9ed",
    dimmed="#a3abb6",
    highlighted_text="#ffffff",
    on_marked="#ffffff",
    on_lit="#1a1e24",
    accent="#7dbcff",
    sent="#7dbcff",
    received="#f2ab6d",
    success="#78d394",
    warning="#ebc75c",
    failure="#ff9b92",
    pending="#c0b1ff",
    cancelled="#a3abb6",
)


class Theme(QObject):
    """The palette in force; `changed` tells views to paint again.

    The named colours are attributes (`theme.sent`, `theme.failure`, ...), a `QColor` of the palette in force.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._appearance = Appearance.SYSTEM
        self._colours = LIGHT
        hints = QGuiApplication.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(self._follow_system)
        self._choose()

    @property
    def appearance(self) -> Appearance:
        """What the person chose."""
        return self._appearance

    def set_appearance(self, appearance: Appearance) -> None:
        """Choose light, dark, or what the system says; repaints the whole application."""
        self._appearance = appearance
        self._choose()
        self.apply()

    @property
    def is_dark(self) -> bool:
        """Whether the dark palette is in force."""
        return self._colours is DARK

    @property
    def colours(self) -> Colours:
        """The palette in force, as texts like `#0b5cad`."""
        return self._colours

    def apply(self) -> None:
        """Give the application its style and palette. Harmless without an application."""
        application = QApplication.instance()
        if isinstance(application, QApplication):
            if application.style().name() != "fusion":
                application.setStyle("Fusion")
            # No style sheet for the application: it would slow down every item of every view.
            application.setPalette(self.palette())
            for name in _FRAMED:
                # The stub asks for bytes, which the binding refuses at run time; text is what it takes.
                application.setPalette(self._framed_palette(), name)  # type: ignore[arg-type]
            QToolTip.setPalette(self.palette())
        self.changed.emit()

    def _framed_palette(self) -> QPalette:
        """Fusion draws a field's frame as its Window colour darkened, in a dark window all but invisible."""
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor(self._colours.frame).lighter(140))
        return palette

    def palette(self) -> QPalette:
        """The palette in force as Qt's."""
        c = self._colours
        role = QPalette.ColorRole
        palette = QPalette()
        for which, colour in (
            (role.Window, c.window),
            (role.WindowText, c.text),
            (role.Base, c.base),
            (role.AlternateBase, c.alternate),
            (role.Text, c.text),
            (role.Button, c.button),
            (role.ButtonText, c.text),
            (role.BrightText, c.failure),
            (role.ToolTipBase, c.tooltip),
            (role.ToolTipText, c.text),
            (role.PlaceholderText, c.dimmed),
            (role.Highlight, c.highlight),
            (role.HighlightedText, c.highlighted_text),
            (role.Accent, c.accent),
            (role.Link, c.accent),
            (role.LinkVisited, c.pending),
            (role.Light, c.base),
            (role.Midlight, c.alternate),
            (role.Mid, c.border),
            (role.Dark, c.border),
            (role.Shadow, "#000000"),
        ):
            palette.setColor(which, QColor(colour))
        disabled = QPalette.ColorGroup.Disabled
        for which in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
            palette.setColor(disabled, which, QColor(c.dimmed))
        palette.setColor(disabled, role.Highlight, QColor(c.alternate))
        return palette

    def fixed_font(self) -> QFont:
        """The system's font for bytes."""
        return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)

    def _follow_system(self) -> None:
        if self._appearance is Appearance.SYSTEM:
            self._choose()
            self.apply()

    def _choose(self) -> None:
        match self._appearance:
            case Appearance.LIGHT:
                self._colours = LIGHT
            case Appearance.DARK:
                self._colours = DARK
            case Appearance.SYSTEM:
                hints = QGuiApplication.styleHints()
                dark = hints is not None and hints.colorScheme() == Qt.ColorScheme.Dark
                self._colours = DARK if dark else LIGHT

    # One property a name, so that a misspelt colour is an error of the type checker.

    @property
    def window(self) -> QColor:
        """Behind docks and forms."""
        return QColor(self._colours.window)

    @property
    def base(self) -> QColor:
        """Behind lists, trees and text."""
        return QColor(self._colours.base)

    @property
    def alternate(self) -> QColor:
        """Behind every other row."""
        return QColor(self._colours.alternate)

    @property
    def border(self) -> QColor:
        """Lines between things; never text."""
        return QColor(self._colours.border)

    @property
    def highlight(self) -> QColor:
        """Behind the selected row."""
        return QColor(self._colours.highlight)

    @property
    def highlighted_text(self) -> QColor:
        """Text of the selected row."""
        return QColor(self._colours.highlighted_text)

    @property
    def marked(self) -> QColor:
        """Behind the bytes of the selected field."""
        return QColor(self._colours.marked)

    @property
    def on_marked(self) -> QColor:
        """Text on `marked`."""
        return QColor(self._colours.on_marked)

    @property
    def lit(self) -> QColor:
        """Behind the current state of the state machine."""
        return QColor(self._colours.lit)

    @property
    def on_lit(self) -> QColor:
        """Text on `lit`."""
        return QColor(self._colours.on_lit)

    @property
    def text(self) -> QColor:
        """Ordinary text."""
        return QColor(self._colours.text)

    @property
    def dimmed(self) -> QColor:
        """What is over, or explains."""
        return QColor(self._colours.dimmed)

    @property
    def accent(self) -> QColor:
        """Links, focus, what can be clicked."""
        return QColor(self._colours.accent)

    @property
    def sent(self) -> QColor:
        """What this side sent."""
        return QColor(self._colours.sent)

    @property
    def received(self) -> QColor:
        """What this side received."""
        return QColor(self._colours.received)

    @property
    def success(self) -> QColor:
        """It worked."""
        return QColor(self._colours.success)

    @property
    def warning(self) -> QColor:
        """It worked, with a remark."""
        return QColor(self._colours.warning)

    @property
    def failure(self) -> QColor:
        """It did not work."""
        return QColor(self._colours.failure)

    @property
    def pending(self) -> QColor:
        """It goes on."""
        return QColor(self._colours.pending)

    @property
    def cancelled(self) -> QColor:
        """Somebody stopped it."""
        return QColor(self._colours.cancelled)
