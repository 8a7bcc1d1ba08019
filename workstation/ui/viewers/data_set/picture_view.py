"""The picture of an object: its frames, windows and overlays, decoded in jobs and only while it is in sight.

One job is under way at a time; what was asked for meanwhile is done next, and only the last of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QImage, QShowEvent
from PySide6.QtWidgets import QApplication, QComboBox, QMenu, QSizePolicy, QSlider, QToolButton, QVBoxLayout, QWidget

from workstation.traffic.decoding.objects import DicomObject
from workstation.ui.parts.empty_state import EmptyState
from workstation.ui.parts.icons import Icons
from workstation.ui.parts.widgets import DimLabel, ProblemLabel, in_row, name_widget
from workstation.ui.tasks import Tasks, action
from workstation.ui.theme import Theme
from workstation.ui.viewers.data_set.canvas import Canvas

if TYPE_CHECKING:
    from workstation.ui.viewers.data_set.pixels import Frame, Level, Picture, Window

# A drag over so many pixels makes the window its own width wider.
_DRAG = 300.0
_OVERLAY = "#39d353"
_PATIENCE = 250


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the person wants to see."""

    index: int
    window: Window | None
    place: int  # of the window among those offered, when none is chosen by hand
    inverted: bool


@dataclass(slots=True)
class _Made:
    frame: Frame
    window: Window
    levels: list[QImage]
    overlay: QImage | None


class PictureView(QWidget):
    """A picture and its controls.

    Args:
        theme: Colours.
        tasks: Runs what decodes.
    """

    shown = Signal()
    """Another picture is there, or the sentence that says why there is none."""

    def __init__(self, theme: Theme, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._object: DicomObject | None = None
        self._opened_for: DicomObject | None = None
        self._picture: Picture | None = None
        self._made: _Made | None = None
        self._wish = _Wish(0, None, 0, False)
        self._is_working = False
        self._is_wanting = False
        # Until then the picture before stays, so that going through a list does not flicker; not longer, or it would be
        # taken for the new one.
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE)
        self._patience.timeout.connect(self._on_late)
        self._icons = Icons(theme, self)
        self.canvas = Canvas(theme)
        self.empty = EmptyState(self.canvas, theme, "No picture", "Select a message that carries an image.")
        self._paint_empty()
        theme.changed.connect(self._paint_empty)
        self.canvas.windowed.connect(self._on_drag)
        self.canvas.pointed.connect(self._on_pointed)
        self.canvas.zoomed.connect(self._say)
        self.canvas.stepped.connect(lambda step: self.go_to(self._wish.index + step))
        self._make_tools(theme)
        self._make_frames(theme)
        self.summary = DimLabel(theme)
        self.summary.setObjectName("pictureSummary")
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.remark = ProblemLabel(theme)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.tools)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.frames)
        layout.addWidget(self.remark)
        layout.addWidget(self.summary)
        self._enable()

    def _make_tools(self, theme: Theme) -> None:
        self.windows = QComboBox()
        name_widget(
            self.windows, "pictureWindow", "Window", "How values become grey; drag in the picture for another one"
        )
        self.windows.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.windows.setMinimumContentsLength(10)
        grows = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # Its words come before the empty room behind the buttons.
        grows.setHorizontalStretch(100)
        self.windows.setSizePolicy(grows)
        self.windows.setMaximumWidth(280)
        self.windows.activated.connect(self._on_window)
        self.invert = self._tool("Invert", "pictureInvert", "Black for white")
        self.invert.setCheckable(True)
        self.invert.toggled.connect(lambda on: self._want(inverted=on))
        self.overlays = self._tool("Overlay", "pictureOverlay", "Show the overlay planes")
        self.overlays.setCheckable(True)
        self.overlays.setChecked(True)
        self.overlays.toggled.connect(self._show_made)
        self.zoom = self._tool("Fit", "pictureZoom", "Fit into the room there is, or choose a size")
        self.zoom.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        menu = QMenu(self.zoom)
        for text, scale in (("Fit (0)", 0.0), ("100 % (1)", 1.0), ("200 %", 2.0), ("400 %", 4.0)):
            menu.addAction(text, partial(self._zoom_to, scale))
        menu.addSeparator()
        menu.addAction("Copy picture", self._copy)
        self.zoom.setMenu(menu)
        self.zoom.clicked.connect(self.canvas.fit)
        self.tools = QWidget()
        self.tools.setLayout(in_row(self.windows, self.invert, self.overlays, self.zoom, None, space=4))

    def _tool(self, text: str, object_name: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setAutoRaise(True)
        name_widget(button, object_name, text, tip)
        return button

    def _make_frames(self, theme: Theme) -> None:
        self.play = QToolButton()
        self.play.setCheckable(True)
        self.play.setAutoRaise(True)
        name_widget(self.play, "picturePlay", "Play", "Play the frames, or hold")
        self._icons.give(self.play, "start")
        self.play.toggled.connect(self._on_play)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        name_widget(self.slider, "pictureFrame", "Frame", "Frame shown (Page Up, Page Down in the picture)")
        self.slider.valueChanged.connect(self.go_to)
        self.which = DimLabel(theme, wrap=False)
        self.which.setObjectName("pictureWhich")
        self.frames = QWidget()
        self.frames.setLayout(in_row(self.play, self.slider, self.which))
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.timeout.connect(self._on_tick)

    def _paint_empty(self) -> None:
        # The canvas is black in both palettes.
        for label, colour in zip(self.empty.labels(), ("#e6e9ed", "#a3abb6"), strict=True):
            palette = label.palette()
            palette.setColor(label.foregroundRole(), QColor(colour))
            label.setPalette(palette)

    # --- the object shown ------------------------------------------------------------------------------------------

    def set_object(self, found: DicomObject | None) -> None:
        """Show the picture of another object, once this is in sight."""
        self._object = found
        self._want()
        self._patience.start()
        if found is None:
            self._patience.stop()
            self._forget("No picture", "Select a message that carries an image.")

    def _forget(self, title: str, sentence: str) -> None:
        self._patience.stop()
        self._close_picture()
        self._made = None
        self.play.setChecked(False)
        self.canvas.set_image([])
        self.empty.say(title, sentence)
        self.empty.show_when(True)
        self.windows.clear()
        self.summary.setText("")
        self.remark.show_problem("")
        self._enable()

    def _on_late(self) -> None:
        """The new picture takes its time."""
        self._made = None
        self.canvas.set_image([])
        self.empty.say("Decoding …")
        self.empty.show_when(True)
        self.summary.setText("")
        self.remark.show_problem("")
        self._enable()

    def _close_picture(self) -> None:
        picture, self._picture, self._opened_for = self._picture, None, None
        if picture is not None and not self._is_working:
            picture.close()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._work()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.play.setChecked(False)

    def _want(
        self,
        *,
        index: int | None = None,
        window: Window | None = None,
        place: int | None = None,
        inverted: bool | None = None,
    ) -> None:
        """Change what is wanted, and begin to make it."""
        wish = self._wish
        self._wish = _Wish(
            wish.index if index is None else index,
            window if window is not None else (None if place is not None else wish.window),
            wish.place if place is None else place,
            wish.inverted if inverted is None else inverted,
        )
        self._is_wanting = True
        if self.isVisible():
            self._work()

    @action
    async def _work(self) -> None:
        """Make what is wanted, until there is nothing more."""
        if self._is_working:
            return
        self._is_working = True
        try:
            while self._is_wanting and self.isVisible() and self._object is not None:
                self._is_wanting = False
                await self._make_one(self._object)
        finally:
            self._is_working = False
        # Somebody may have gone away, or closed it, meanwhile.
        if self._object is None and self._picture is not None:
            self._close_picture()

    async def _make_one(self, found: DicomObject) -> None:
        # numpy and the decoders are imported here, not with the window.
        from workstation.ui.viewers.data_set.pixels import Picture, PictureError

        try:
            if self._opened_for is not found:
                await self._open(found, Picture)
            picture = self._picture
            if picture is None or self._object is not found:
                return
            made = await self._tasks.call(partial(_make, picture, self._wish), name="decode-picture")
        except PictureError as error:
            if self._object is found:
                self._forget("No picture", str(error))
                self._opened_for = found
                self.shown.emit()
            return
        except OSError as error:
            if self._object is found:
                self._forget("Cannot be read", str(error.strerror or error))
                self.shown.emit()
            return
        if self._object is not found:
            return
        self._patience.stop()
        self._made = made
        self.summary.setText(picture.facts.summary)
        self._show_made()
        self.shown.emit()

    async def _open(self, found: DicomObject, make: type[Picture]) -> None:
        old, self._picture = self._picture, None
        if old is not None:
            await self._tasks.call(old.close, name="close-picture")
        self._opened_for = found
        picture = await self._tasks.call(partial(make, found), name="open-picture")
        self._picture = picture
        facts = picture.facts
        self.play.setChecked(False)
        index = min(self._wish.index, facts.frames - 1) if self._wish.index and facts.frames > 1 else 0
        self._wish = _Wish(index, None, 0, self._wish.inverted)
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, facts.frames - 1)
            self.slider.setValue(index)
        self.summary.setText(facts.summary)

    # --- showing ---------------------------------------------------------------------------------------------------

    def _show_made(self) -> None:
        made, picture = self._made, self._picture
        if made is None or picture is None:
            return
        overlay = made.overlay if self.overlays.isChecked() else None
        self.empty.show_when(False)
        self.canvas.set_image(made.levels, picture.facts.aspect, overlay)
        self.canvas.setAccessibleDescription(picture.facts.summary)
        self._offer_windows(made)
        remarks = (made.frame.remark, picture.facts.remark if not made.frame.remark else "")
        self.remark.show_problem(" ".join(part for part in remarks if part))
        self._enable()
        self._say()

    def _offer_windows(self, made: _Made) -> None:
        with QSignalBlocker(self.windows):
            self.windows.clear()
            for each in made.frame.windows:
                self.windows.addItem(_words(each))
            if made.window in made.frame.windows:
                self.windows.setCurrentIndex(made.frame.windows.index(made.window))
            else:
                self.windows.addItem(_words(made.window))
                self.windows.setCurrentIndex(self.windows.count() - 1)

    def _enable(self) -> None:
        picture = self._picture if self._made is not None else None
        frames = picture.facts.frames if picture is not None else 1
        self.frames.setVisible(frames > 1)
        self.tools.setEnabled(picture is not None)
        self.overlays.setVisible(picture is not None and picture.facts.overlays > 0)
        if frames > 1:
            self.which.setText(f"{self._wish.index + 1:,} of {frames:,}")

    def _say(self) -> None:
        percent = f"{self.canvas.scale * 100:.0f} %" if self._made is not None else "Fit"
        self.zoom.setText(percent)
        self.zoom.setAccessibleName(f"Zoom, {percent}")

    def _on_pointed(self, column: int, row: int) -> None:
        made, picture = self._made, self._picture
        if made is None or picture is None:
            return
        summary = picture.facts.summary
        height, width = made.frame.pixels.shape[:2]
        if not (0 <= column < width and 0 <= row < height):
            self.summary.setText(summary)
            return
        self.summary.setText(f"x {column:,} · y {row:,} · {picture.value_at(made.frame, column, row)}")

    def _on_window(self, place: int) -> None:
        if self._made is not None and place < len(self._made.frame.windows):
            self._want(place=place)

    def _on_drag(self, right: float, down: float) -> None:
        made = self._made
        if made is None:
            return
        now = self._wish.window or made.window
        if now.function == "LUT":
            whole = made.frame.windows[-1]
            now = now.moved(whole.centre, whole.width)
        # As much for a small range as for a large one.
        width = now.width * 2 ** (right / _DRAG * 2)
        centre = now.centre + down * max(now.width, 1e-6) / _DRAG
        self._want(window=now.moved(centre, width))

    def _zoom_to(self, scale: float) -> None:
        if scale:
            self.canvas.zoom_to(scale / self.devicePixelRatioF())
        else:
            self.canvas.fit()

    def _copy(self) -> None:
        clipboard, image = QApplication.clipboard(), self.canvas.image
        if clipboard is not None and image is not None:
            clipboard.setImage(image)

    # --- frames ----------------------------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """The frame wanted, from 0."""
        return self._wish.index

    def go_to(self, index: int) -> None:
        """Show another frame."""
        if self._picture is None:
            return
        index = min(max(index, 0), self._picture.facts.frames - 1)
        with QSignalBlocker(self.slider):
            self.slider.setValue(index)
        self.which.setText(f"{index + 1:,} of {self._picture.facts.frames:,}")
        if index != self._wish.index:
            self._want(index=index)

    def _on_play(self, on: bool) -> None:
        self._icons.give(self.play, "pause" if on else "start")
        self.play.setAccessibleName("Hold" if on else "Play")
        if on and self._picture is not None:
            self._clock.start(round(1000 / self._picture.facts.frames_per_second))
        else:
            self._clock.stop()

    def _on_tick(self) -> None:
        # A frame that takes longer than its time is waited for: none is left out unseen.
        if self._picture is not None and not self._is_working:
            self.go_to((self._wish.index + 1) % self._picture.facts.frames)


def _words(window: Window) -> str:
    if window.function == "LUT" or window.is_plain:
        return window.name
    return f"{window.name}  {_short(window.centre)} / {_short(window.width)}"


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _make(picture: Picture, wish: _Wish) -> _Made:
    """Decode and render; in a job."""
    frame = picture.frame(wish.index)
    window = wish.window or frame.windows[min(wish.place, len(frame.windows) - 1)]
    levels = [_as_image(level) for level in picture.render(frame, window, inverted=wish.inverted)]
    plane = picture.overlays(wish.index) if picture.facts.overlays else None
    return _Made(frame, window, levels, _as_overlay(plane) if plane is not None else None)


def _as_image(level: Level) -> QImage:
    form = QImage.Format.Format_Grayscale8 if level.colours == 1 else QImage.Format.Format_RGB888
    # Copied: the image must not outlive the bytes it was made from.
    return QImage(level.data, level.width, level.height, level.width * level.colours, form).copy()


def _as_overlay(level: Level) -> QImage:
    """A plane as a colour, clear where it is 0."""
    plane = QImage(level.data, level.width, level.height, level.width, QImage.Format.Format_Alpha8)
    shown = QImage(level.width, level.height, QImage.Format.Format_ARGB32_Premultiplied)
    shown.fill(QColor(_OVERLAY))
    shown.setAlphaChannel(plane)
    return shown
