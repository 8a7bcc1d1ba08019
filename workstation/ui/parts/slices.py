"""Long work of the window's thread, done a few milliseconds at a time.

What looks at a whole log takes longer than a person shall wait for a click. Written as a generator that yields between
small steps, such work runs in slices of one turn of the event loop each; starting anew drops what was under way. For
work on things that belong to the window's thread (the log of traffic); everything else belongs in a job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer

_SLICE = 0.006
_LONG_SLICE = 0.02  # of what a person waits for; still a picture within 50 ms


class Slices(QObject):
    """Runs one generator at a time.

    Args:
        done: Called when a generator has come to its end; not when it was dropped.
        urgent: A person waits for it: longer slices.
    """

    def __init__(self, parent: QObject, done: Callable[[], None] | None = None, *, urgent: bool = False) -> None:
        super().__init__(parent)
        self._done = done
        self._seconds = _LONG_SLICE if urgent else _SLICE
        self._work: Iterator[object] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._go_on)

    @property
    def busy(self) -> bool:
        """Whether a generator is under way."""
        return self._work is not None

    def start(self, work: Iterator[object]) -> None:
        """Drop what is under way and begin this; its first slice runs at once, so that short work is done on return."""
        self.stop()
        self._work = work
        self._timer.start()
        self._go_on()

    def stop(self) -> None:
        """Drop what is under way."""
        self._timer.stop()
        self._work = None

    def _go_on(self) -> None:
        work = self._work
        if work is None:
            return
        end = time.monotonic() + self._seconds
        while time.monotonic() < end:
            try:
                next(work)
            except StopIteration:
                self.stop()
                if self._done is not None:
                    self._done()
                return
            except BaseException:
                self.stop()
                raise
            if self._work is not work:
                return  # it began other work itself
