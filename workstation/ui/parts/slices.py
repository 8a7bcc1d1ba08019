"""Long work of the window's thread, done a few milliseconds at a time.

What looks at a whole log takes longer than a person shall wait for a click. Written as a generator that yields between
small steps, such work runs in slices, one in each turn of the event loop whoever it belongs to, so that several panes
at work leave as much time for painting as one; starting anew drops what was under way. For work on things that belong
to the window's thread (the log of traffic); everything else belongs in a job. What else takes milliseconds and may
come a little later takes turns with it (`Turns`).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import shiboken6
from PySide6.QtCore import QObject, QTimer

_log = logging.getLogger(__name__)
# Seconds.
_SLICE = 0.006
_LONG_SLICE = 0.02  # of what a person waits for; still a picture within 50 ms


class Slices(QObject):
    """Runs one generator at a time.

    Args:
        parent: Ends it.
        done: Called when a generator has come to its end; not when it was dropped.
        urgent: A person waits for it: longer slices, and before all others.
    """

    def __init__(self, parent: QObject, done: Callable[[], None] | None = None, *, urgent: bool = False) -> None:
        super().__init__(parent)
        self._done = done
        self._urgent = urgent
        self._work: Iterator[object] | None = None

    @property
    def busy(self) -> bool:
        """Whether a generator is under way."""
        return self._work is not None

    @property
    def urgent(self) -> bool:
        """Whether a person waits for it."""
        return self._urgent

    def start(self, work: Iterator[object]) -> None:
        """Drop what is under way and begin this; its first slice runs at once, so that short work is done on return."""
        self._work = work
        self.go_on()
        if self._work is work:
            Turns.of_all().add(self)

    def later(self, work: Iterator[object]) -> None:
        """Drop what is under way and begin this when it is its turn."""
        self._work = work
        Turns.of_all().add(self)

    def stop(self) -> None:
        """Drop what is under way."""
        self._work = None

    def go_on(self) -> None:
        """Do a slice."""
        work = self._work
        if work is None:
            return
        end = time.monotonic() + (_LONG_SLICE if self._urgent else _SLICE)
        while time.monotonic() < end:
            try:
                next(work)
            except StopIteration:
                self._work = None
                if self._done is not None:
                    self._done()
                return
            except BaseException:
                self._work = None
                raise
            if self._work is not work:
                return  # it began other work itself, or was stopped


class Turn(Protocol):
    """A `QObject` that waits for its turn."""

    @property
    def busy(self) -> bool:
        """Whether it wants another turn."""

    @property
    def urgent(self) -> bool:
        """Whether a person waits for it."""

    def go_on(self) -> None:
        """Do some of it."""


class Turns(QObject):
    """Whose turn it is: one in each turn of the event loop."""

    _instance: Turns | None = None

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Turn] = deque()
        self._last: Turn | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._next)

    @classmethod
    def of_all(cls) -> Turns:
        """The one of this process; made anew when Qt's application was another one."""
        if cls._instance is None or not shiboken6.isValid(cls._instance):
            cls._instance = cls()
        return cls._instance

    def add(self, turn: Turn, *, next_one: bool = False) -> None:
        """It has something, or more, to do; as the next one, but nobody twice in a row while others wait."""
        if turn not in self._waiting:
            if next_one:
                self._waiting.appendleft(turn)
            else:
                self._waiting.append(turn)
        if not self._timer.isActive():
            self._timer.start()

    def _next(self) -> None:
        self._waiting = deque(each for each in self._waiting if _wants_a_turn(each))
        if not self._waiting:
            self._timer.stop()
            self._last = None
            return
        if self._waiting[0] is self._last:
            self._waiting.rotate(-1)
        # In turn, those that somebody waits for first.
        chosen = next((each for each in self._waiting if each.urgent), self._waiting[0])
        self._waiting.remove(chosen)
        self._last = chosen
        chosen.go_on()
        # Who is done, and asks again in a while, waits for that.
        if shiboken6.isValid(chosen) and chosen.busy:
            self.add(chosen)


def _wants_a_turn(each: Turn) -> bool:
    """Whether it lives and has something to do; one that fails here would hold up all others, again and again."""
    try:
        return shiboken6.isValid(each) and each.busy
    except Exception:
        _log.exception("What cannot say whether it wants a turn gets none")
        return False
