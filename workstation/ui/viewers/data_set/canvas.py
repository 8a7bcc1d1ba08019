"""The surface that a picture lies on: zoomed by the wheel, moved and windowed by the mouse, painted from its levels.

Knows images in memory, nothing of DICOM. Zoom and place stay when another image of the same size comes, as from one
frame to the next.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workstation.ui.theme import Theme

_LARGEST = 64.0
_STEP = 1.25
# A picture is judged against black, in both palettes.
_GROUND = QColor("#000000")
_SMOOTH_UP_TO = 4.0


class Canvas(QWidget):
    """Shows one image.

    Args:
        theme: For the frame that shows the focus.
    """

    windowed = Signal(float, float)
    """The person drags with the left button: by how many pixels to the right, and down."""

    pointed = Signal(int, int)
    """Column and row of the pixel under the mouse; -1, -1 when there is none."""

    zoomed = Signal()
    """Scale or place changed."""

    stepped = Signal(int)
    """The person wants so many frames further."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._levels: list[QImage] = []
        self._overlay: QImage | None = None
        self._size = QSize(0, 0)
        self._aspect = 1.0
        self._scale = 1.0
        self._fits = True
        self._middle = QPointF(0, 0)  # what lies in the middle of the widget, in image pixels
        self._from: QPointF | None = None
        self.setObjectName("pictureCanvas")
        self.setAccessibleName("Picture")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(80, 80)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setToolTip(
            "Drag: window (sideways width, up and down centre)\n"
            "Right or middle button: move · Wheel: zoom · Double click: fit"
        )

    # --- what is shown ---------------------------------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """Pixels of the screen for one of the image."""
        return self._scale

    @property
    def fits(self) -> bool:
        """Whether the image is kept as large as there is room."""
        return self._fits

    @property
    def image(self) -> QImage | None:
        """The image in full size."""
        return self._levels[0] if self._levels else None

    def set_image(self, levels: list[QImage], aspect: float = 1.0, overlay: QImage | None = None) -> None:
        """Show an image, given whole and by halves; [] for none."""
        size = levels[0].size() if levels else QSize(0, 0)
        is_new = size != self._size or aspect != self._aspect
        self._levels, self._overlay, self._size, self._aspect = levels, overlay, size, aspect
        if is_new:
            self.fit()
        self.update()

    def fit(self) -> None:
        """Make it as large as there is room, all of it in sight."""
        self._fits = True
        self._fit()

    def _fit(self) -> None:
        width, height = self._size.width(), self._size.height() * self._aspect
        if width and height:
            self._scale = min(max(min(self.width() / width, self.height() / height), 0.01), _LARGEST)
            self._middle = QPointF(self._size.width() / 2, self._size.height() / 2)
        self.update()
        self.zoomed.emit()

    def zoom_to(self, scale: float, at: QPointF | None = None) -> None:
        """Zoom, keeping what lies under a point of the widget."""
        if not self._levels:
            return
        at = at if at is not None else QPointF(self.rect().center())
        before = self.to_image(at)
        self._fits = False
        self._scale = min(max(scale, 0.01), _LARGEST)
        offset = at - QPointF(self.width() / 2, self.height() / 2)
        self._middle = before - QPointF(offset.x() / self._scale, offset.y() / (self._scale * self._aspect))
        self._keep_in_sight()

    def to_image(self, at: QPointF) -> QPointF:
        """The place in the image under a point of the widget."""
        offset = at - QPointF(self.width() / 2, self.height() / 2)
        return self._middle + QPointF(offset.x() / self._scale, offset.y() / (self._scale * self._aspect))

    def _keep_in_sight(self) -> None:
        self._middle = QPointF(
            min(max(self._middle.x(), 0), self._size.width()), min(max(self._middle.y(), 0), self._size.height())
        )
        self.update()
        self.zoomed.emit()

    def _place(self) -> QRectF:
        """Where the whole image lies."""
        width, height = self._size.width() * self._scale, self._size.height() * self._scale * self._aspect
        left = self.width() / 2 - self._middle.x() * self._scale
        top = self.height() / 2 - self._middle.y() * self._scale * self._aspect
        return QRectF(left, top, width, height)

    # --- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.fillRect(event.rect(), _GROUND)
            if self._levels:
                place = self._place()
                ratio = self.devicePixelRatioF()
                self._draw(painter, self._level_for(place.width() * ratio), place)
                if self._overlay is not None:
                    self._draw(painter, self._overlay, place)
            if self.hasFocus():
                painter.setPen(self._theme.accent)
                painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _level_for(self, width: float) -> QImage:
        """The smallest level that is not smaller than what is drawn."""
        found = self._levels[0]
        for level in self._levels[1:]:
            if level.width() < width:
                break
            found = level
        return found

    def _draw(self, painter: QPainter, image: QImage, place: QRectF) -> None:
        # Only what is in sight is scaled: the rest of a large picture costs nothing.
        shown = place.intersected(QRectF(self.rect()))
        if shown.isEmpty():
            return
        across, down = image.width() / place.width(), image.height() / place.height()
        source = QRectF(
            (shown.left() - place.left()) * across,
            (shown.top() - place.top()) * down,
            shown.width() * across,
            shown.height() * down,
        )
        # Magnified a lot, a person wants to see the pixels.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._scale < _SMOOTH_UP_TO)
        painter.drawImage(shown, image, source)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fits:
            self._fit()

    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    # --- mouse and keys --------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y() or event.angleDelta().x()
        if turned:
            self.zoom_to(self._scale * _STEP ** (turned / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = event.position()
        moves = event.buttons() & (Qt.MouseButton.RightButton | Qt.MouseButton.MiddleButton)
        self.setCursor(Qt.CursorShape.ClosedHandCursor if moves else Qt.CursorShape.CrossCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not event.buttons():
            self._from = None
            self.unsetCursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        here = event.position()
        if self._from is not None and self._levels:
            moved = here - self._from
            self._from = here
            if event.buttons() & Qt.MouseButton.LeftButton:
                self.windowed.emit(moved.x(), moved.y())
            elif event.buttons() & (Qt.MouseButton.RightButton | Qt.MouseButton.MiddleButton):
                self.move_by(moved)
        self._point(here)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.fit()

    def leaveEvent(self, event: object) -> None:
        self.pointed.emit(-1, -1)

    def move_by(self, moved: QPointF) -> None:
        """Move the image by so many pixels of the screen."""
        self._fits = False
        self._middle -= QPointF(moved.x() / self._scale, moved.y() / (self._scale * self._aspect))
        self._keep_in_sight()

    def _point(self, at: QPointF) -> None:
        place = self.to_image(at)
        column, row = int(place.x() // 1), int(place.y() // 1)
        inside = 0 <= column < self._size.width() and 0 <= row < self._size.height()
        self.pointed.emit(column if inside else -1, row if inside else -1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = 40
        moves = {
            Qt.Key.Key_Left: QPoint(step, 0),
            Qt.Key.Key_Right: QPoint(-step, 0),
            Qt.Key.Key_Up: QPoint(0, step),
            Qt.Key.Key_Down: QPoint(0, -step),
        }
        key = Qt.Key(event.key())
        if key in moves:
            self.move_by(QPointF(moves[key]))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_to(self._scale * _STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom_to(self._scale / _STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key == Qt.Key.Key_1:
            self.zoom_to(1.0)
        elif key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            self.stepped.emit(1 if key == Qt.Key.Key_PageDown else -1)
        else:
            super().keyPressEvent(event)
