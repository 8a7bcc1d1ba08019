"""Recording to a capture file, switched on and off while associations live.

Handlers are bound when an association begins, so these are bound always and pass on what happens only while something
is recorded. Called in the threads of the associations; switched in the window's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workstation.net import events as evt

if TYPE_CHECKING:
    from workstation.traffic.capture.recording import CaptureRecorder
    from workstation.traffic.capture.writing import Written

_RECORDED = (evt.EVT_CONN_OPEN, evt.EVT_DATA_SENT, evt.EVT_DATA_RECV, evt.EVT_CONN_CLOSE)


class Recording:
    """At most one `CaptureRecorder`, and handlers that reach it."""

    def __init__(self) -> None:
        self._recorder: CaptureRecorder | None = None
        # Replaced as a whole, never changed: other threads read it without a lock.
        self._handlers: dict[evt.NotificationEvent, Callable[[evt.Event], None]] = {}

    @property
    def path(self) -> Path | None:
        """The file that is written now."""
        return self._recorder.path if self._recorder is not None else None

    @property
    def written(self) -> Written | None:
        """What the file has so far."""
        return self._recorder.written if self._recorder is not None else None

    def handlers(self) -> list[tuple[evt.NotificationEvent, Callable[[evt.Event], None]]]:
        """What to bind to every association."""
        return [(event, partial(self._pass_on, event)) for event in _RECORDED]

    def start(self, path: Path, on_problem: Callable[[str], None] = lambda sentence: None) -> None:
        """Record from now on.

        Args:
            path: The file, replaced if it is there.
            on_problem: Told once, in another thread, when the file cannot be written any more.

        Raises:
            OSError: The file cannot be opened.
        """
        from workstation.traffic.capture.recording import CaptureRecorder

        if self._recorder is not None:
            raise RuntimeError(f"{self._recorder.path} is being recorded")
        self._recorder = CaptureRecorder(path, on_problem)
        self._handlers = dict(self._recorder.handlers())

    def stop(self) -> Written | None:
        """Record no more; waits for the disk. Says what was written, None if nothing was recorded."""
        recorder, self._recorder = self._recorder, None
        self._handlers = {}
        return recorder.close() if recorder is not None else None

    def _pass_on(self, kind: evt.NotificationEvent, event: evt.Event) -> None:
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(event)
