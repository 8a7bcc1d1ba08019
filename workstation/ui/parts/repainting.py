"""Painting what traffic changes: one pane in a turn of the event loop, each no more often than it is cheap.

Every batch of traffic changes every pane. Painted as Qt likes to, in one turn, they hold the loop up for as long as all
of them take, and while associations are busy they take most of the time. Here a pane asks, waits for its turn, paints,
and rests so many times as long as painting took; all of them together pause after each picture, so that many panes in
sight take little more of the time than few. What a person does (scrolling, pointing) is painted at once, as ever:
this is for what comes by itself. A pane that is not in sight paints nothing.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from workstation.ui.parts.slices import Turns

_LEAST = 0.06  # seconds from one picture to the next
_MOST = 0.25  # a person still takes it for motion
_PAUSE = 6  # times as long as a picture took until the next one, whichever pane's
_REST = 12  # times as long as painting took; beside busy threads that counts the waiting for the lock as well


class Repainting(QObject):
    """When a widget is painted again.

    Args:
        widget: That has been changed by traffic.
    """

    due = Signal()
    """It is painted now: last changes are still seen."""

    urgent = False
    _next = 0.0  # of all panes: when the next picture may be painted

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._waiting = False
        self._since = 0.0  # when it may be painted again
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._ask)

    @property
    def pending(self) -> bool:
        """Whether it is going to be painted."""
        return self._waiting

    @property
    def busy(self) -> bool:
        """Whether it stands in line; while others rest it does not."""
        return self._waiting and not self._timer.isActive()

    def soon(self) -> None:
        """Paint it in its turn."""
        if self._waiting:
            return
        self._waiting = True
        self._ask()

    def hold(self) -> None:
        """Paint it in its turn, and not before, whatever Qt makes of what changes meanwhile."""
        if self._widget.updatesEnabled():
            self._widget.setUpdatesEnabled(False)
        self.soon()

    def go_on(self) -> None:
        """It is its turn."""
        start = time.monotonic()
        if start < Repainting._next:
            self._ask()
            return
        self._waiting = False
        widget = self._widget
        self.due.emit()
        if not widget.updatesEnabled():
            widget.setUpdatesEnabled(True)
        widget.repaint()
        now = time.monotonic()
        self._since = now + min(max(_LEAST, _REST * (now - start)), _MOST)
        Repainting._next = now + min(_PAUSE * (now - start), _LEAST)

    def _ask(self) -> None:
        """Stand in line when it may be painted."""
        wait = max(self._since, Repainting._next) - time.monotonic()
        if wait > 0:
            self._timer.start(int(wait * 1000) + 1)
        else:
            Turns.of_all().add(self)
