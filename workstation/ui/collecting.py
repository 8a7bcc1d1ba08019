"""When Python looks for garbage: not while traffic runs.

A full collection looks at every object there is. With a full log (200,000 rows) that was measured at 150 to 350 ms, in
the middle of a transfer, again after each quarter more. The rows themselves never need it: what the log lets go of is
freed at once. So what the start has made is taken out for good (it lives as long as the program, and was half of the
time), the interpreter's own full collections are put off, and one is made when nothing has arrived for a while. The
small collections of young objects go on as ever.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, SignalInstance

_QUIET = 2000  # milliseconds
# Under load that never pauses a full collection still comes, after so many of the middle generation.
_PUT_OFF = 1000
# Middle collections since the last full one, below which there is little to be found.
_WORTH = 2


class Collecting(QObject):
    """Puts full collections off until `busy` has been silent for a while.

    Args:
        busy: Emitted for each batch of traffic.
        quiet: Milliseconds of silence.
    """

    def __init__(self, busy: SignalInstance, parent: QObject | None = None, quiet: int = _QUIET) -> None:
        super().__init__(parent)
        self._usual = gc.get_threshold()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(quiet)
        self._timer.timeout.connect(self._collect)
        busy.connect(self._hold)

    def begin(self) -> None:
        """The start is over: leave alone what it made, and choose the moments from now on."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(self._usual[0], self._usual[1], _PUT_OFF)

    def end(self) -> None:
        """Leave it to the interpreter again."""
        self._timer.stop()
        gc.set_threshold(*self._usual)
        gc.unfreeze()

    def _hold(self, _records: object) -> None:
        self._timer.start()

    def _collect(self) -> None:
        if gc.get_count()[2] >= _WORTH:
            gc.collect()
