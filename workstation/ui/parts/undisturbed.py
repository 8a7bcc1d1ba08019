"""Short work of the window's thread that other threads do not interrupt.

The interpreter's lock changes hands every fraction of a millisecond (`application` says why), so beside three busy
threads a picture that takes 5 ms of work would take 20. Those who wait for the lock look at the switch interval each
time they begin to wait: while it is longer, the work runs through. It costs the other threads nothing in the end,
since what they wait for is the same work, only in one piece. For work of a few milliseconds that gives the lock up
nowhere; what waits for a file, a socket or another thread does not belong inside.

Whoever gives the lock up inside waits just as long to get it back. Of what the window calls, PySide gives it up while
it emits a signal and when a model begins or ends a change of its rows (`emit` and `call` here do so without the wait),
and in `QPainter.drawPolyline` and `drawConvexPolygon` (`drawPolygon` and `drawPath` keep it).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_LONG = 0.02
"""Seconds after which others are let in all the same."""


class _Undisturbed:
    """A context manager that may be nested; only the window's thread enters it."""

    def __init__(self) -> None:
        self._depth = 0
        self._usual = 0.005

    def __enter__(self) -> None:
        if not self._depth:
            self._usual = sys.getswitchinterval()
            sys.setswitchinterval(max(_LONG, self._usual))
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            sys.setswitchinterval(self._usual)

    def emit(self, signal: Any, *arguments: object) -> None:
        """Emit a signal from inside: other threads may go on meanwhile, but not keep us waiting for long.

        A slot that is not to be disturbed says so itself.
        """
        self.call(signal.emit, *arguments)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """The same for any function that gives the lock up."""
        if not self._depth:
            function(*arguments)
            return
        depth, self._depth = self._depth, 0
        sys.setswitchinterval(self._usual)
        try:
            function(*arguments)
        finally:
            self._depth = depth
            sys.setswitchinterval(max(_LONG, self._usual))


undisturbed = _Undisturbed()
"""`with undisturbed: ...`"""
