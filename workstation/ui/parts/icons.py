"""Our own icons: line drawings in SVG, coloured as the theme's text, and the dots of the peers.

The desktop's icon themes are not used: outside a few desktops they give no icon at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from PySide6.QtCore import QByteArray, QObject, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton

from workstation.paths import resource
from workstation.ui.services import PeerHealth
from workstation.ui.theme import Theme

# Qt makes those between smaller, so that a screen of two or three times the resolution has what it needs.
_SIZES = (16, 20, 32, 48)


@cache
def _drawing(name: str) -> str:
    return resource(f"icons/{name}.svg").read_text(encoding="utf-8")


def icon(name: str, theme: Theme, colour: QColor | None = None) -> QIcon:
    """The drawing `name` in the theme's text colour, or in another; disabled it is dimmed."""
    made = QIcon()
    for mode, tint in (
        (QIcon.Mode.Normal, colour or theme.text),
        (QIcon.Mode.Disabled, theme.border),
    ):
        paint = _renderer(_drawing(name).replace("currentColor", tint.name()))
        for size in _SIZES:
            made.addPixmap(_painted(size, paint), mode)
    return made


def application_icon() -> QIcon:
    """The program's own icon, the same in every theme."""
    made = QIcon()
    paint = _renderer(_drawing("workstation"))
    for size in (16, 32, 64, 128, 256):
        made.addPixmap(_painted(size, paint))
    return made


class Icons(QObject):
    """Gives actions and buttons their icons, and gives them again when the theme changes."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._given: list[tuple[QAction | QAbstractButton, str]] = []
        self._made: dict[str, QIcon] = {}
        theme.changed.connect(self._repaint)

    def give(self, receiver: QAction | QAbstractButton, name: str) -> None:
        """Put the icon `name` on an action or button that lives as long as this object."""
        self._given = [each for each in self._given if each[0] is not receiver] + [(receiver, name)]
        receiver.setIcon(self._icon(name))

    def _icon(self, name: str) -> QIcon:
        if name not in self._made:
            self._made[name] = icon(name, self._theme)
        return self._made[name]

    def _repaint(self) -> None:
        self._made.clear()
        for receiver, name in self._given:
            receiver.setIcon(self._icon(name))


def health_icon(health: PeerHealth, theme: Theme) -> QIcon:
    """The dot of a peer; the shape says it as well as the colour: filled, crossed, dotted, hollow."""

    def paint(painter: QPainter, area: QRectF) -> None:
        unit = area.width() / 16
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = area.center()
        match health:
            case PeerHealth.ANSWERS:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.success)
                painter.drawEllipse(middle, 4.6 * unit, 4.6 * unit)
            case PeerHealth.FAILS:
                painter.setPen(_pen(theme.failure, 2.2 * unit))
                arm = 3.8 * unit
                painter.drawLine(middle + QPointF(-arm, -arm), middle + QPointF(arm, arm))
                painter.drawLine(middle + QPointF(-arm, arm), middle + QPointF(arm, -arm))
            case PeerHealth.ASKING:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.pending)
                for step in (-4.6, 0.0, 4.6):
                    painter.drawEllipse(middle + QPointF(step * unit, 0), 1.5 * unit, 1.5 * unit)
            case PeerHealth.UNKNOWN:
                painter.setPen(_pen(theme.dimmed, 1.6 * unit))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(middle, 4.2 * unit, 4.2 * unit)

    made = QIcon()
    for size in (16, 32):
        pixmap = _painted(size, paint)
        # Selected as well, which Qt would otherwise tint: the colour has a meaning.
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            made.addPixmap(pixmap, mode)
    return made


def _renderer(drawing: str) -> Callable[[QPainter, QRectF], None]:
    renderer = QSvgRenderer(QByteArray(drawing.encode()))

    def paint(painter: QPainter, area: QRectF) -> None:
        renderer.render(painter, area)

    return paint


def _pen(colour: QColor, width: float) -> QPen:
    return QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)


def _painted(size: int, paint: Callable[[QPainter, QRectF], None]) -> QPixmap:
    pixmap = QPixmap(QSize(size, size))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    paint(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
