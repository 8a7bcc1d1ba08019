"""A sequence diagram as a picture: drawn in small steps on the window's thread, written by somebody else's.

The rows belong to the window's thread, so the drawing does, too: a few lines at a time, while the window goes on. A
diagram longer than a picture can be is drawn from a line on, and the picture says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSaveFile, QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QImageWriter, QPainter
from PySide6.QtSvg import QSvgGenerator

from workstation.ui.viewers.sequence.layout import SequenceLayout
from workstation.ui.viewers.sequence.picture import Across, SequencePicture

_AT_ONCE = 12  # lines between two pauses
_MOST_BYTES = 128 << 20  # of a picture in memory
_MOST_PIXELS = 30_000  # of its height; more, and common programs refuse it
_MOST_LINES = 5_000  # of an SVG
_FOOT = 26


@dataclass(slots=True)
class Export:
    """What is to be drawn, and what has become of it.

    Args:
        picture, layout, across: how and what.
        first: the line to begin with when not all have room.
    """

    picture: SequencePicture
    layout: SequenceLayout
    across: Across
    first: int = 0
    image: QImage | None = None
    svg: bytes = b""
    foot: str = ""
    _begin: int = field(default=0, init=False)
    _end: int = field(default=0, init=False)

    def draw_image(self) -> Iterator[None]:
        """Draw into `image`, with twice as many pixels as on the screen if that is not too large."""
        width = round(self.across.width)
        room = min(_MOST_PIXELS, _MOST_BYTES // (4 * width))
        self._choose(room - self.picture.head_height - _FOOT, len(self.layout))
        height = self._height()
        scale = 2 if 2 * height <= _MOST_PIXELS and 16 * width * height <= _MOST_BYTES else 1
        image = QImage(width * scale, height * scale, QImage.Format.Format_ARGB32)
        image.setDevicePixelRatio(scale)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        try:
            yield from self._draw(painter)
        finally:
            painter.end()
        self.image = image

    def draw_svg(self) -> Iterator[None]:
        """Draw into `svg`."""
        self._choose(1 << 40, _MOST_LINES)
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        # The fonts were measured for the screen.
        screen = QGuiApplication.primaryScreen()
        generator.setResolution(round(screen.logicalDotsPerInch()) if screen is not None else 96)
        size = QSize(round(self.across.width), self._height())
        generator.setSize(size)
        generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
        generator.setTitle("Sequence diagram")
        painter = QPainter(generator)
        try:
            yield from self._draw(painter)
        finally:
            painter.end()
        self.svg = bytes(buffer.data().data())

    def _choose(self, room: int, most: int) -> None:
        """Which lines have room."""
        layout = self.layout
        count = len(layout)
        if count <= most and layout.height <= room:
            self._begin, self._end = 0, count
            return
        self._begin = min(self.first, count)
        top = self._top()
        self._end = min(layout.line_at(top + room - self.picture.line_height), self._begin + most, count)
        self._end = max(self._end, min(self._begin + 1, count))
        self.foot = f"Lines {self._begin + 1:,} to {self._end:,} of {count:,}"

    def _top(self) -> int:
        if not self._begin:
            return 0
        frame = self.layout.frame(self._begin)
        top = self.layout.top(self._begin)
        return frame[2] if frame is not None and frame[0] == self._begin else top

    def _bottom(self) -> int:
        if self._end >= len(self.layout):
            return self.layout.height
        return self.layout.top(self._end - 1) + self.picture.line_height if self._end else 0

    def _height(self) -> int:
        return self.picture.head_height + self._bottom() - self._top() + _FOOT

    def _draw(self, painter: QPainter) -> Iterator[None]:
        picture, layout, across = self.picture, self.layout, self.across
        painter.fillRect(QRectF(0, 0, across.width, self._height()), picture.theme.base)
        parties = layout.sequence.parties
        picture.paint_heads(painter, parties, across)
        painter.translate(0, picture.head_height - self._top())
        at = self._begin
        while at < self._end:
            following = min(at + _AT_ONCE, self._end)
            top = self._top() if at == self._begin else layout.top(at)
            bottom = self._bottom() + 6 if following == self._end else layout.top(following)
            painter.save()
            painter.setClipRect(QRectF(0, top, across.width, bottom - top))
            picture.paint_lines(painter, layout, across, top, bottom, until=min(following + 1, self._end))
            painter.restore()
            at = following
            yield
        if self.foot:
            painter.setPen(picture.theme.dimmed)
            painter.setFont(picture.pens.small)
            box = QRectF(8, self._bottom() + 6, across.width - 16, _FOOT - 8)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), self.foot)


def write_picture(path: Path, drawn: QImage | bytes) -> None:
    """Write a PNG or an SVG, whole or not at all; any thread.

    Raises:
        OSError: It cannot be written there.
    """
    file = QSaveFile(str(path))
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        raise OSError(file.errorString())
    if isinstance(drawn, bytes):
        written = file.write(drawn) == len(drawn)
    else:
        written = QImageWriter(file, QByteArray(b"png")).write(drawn)
    if not written or not file.commit():
        raise OSError(file.errorString() or "The picture could not be encoded")
