"""Start the program, or a bare PySide6 window, and say when it was painted.

    python first_paint.py ours FOLDER PORT | bare

Prints the time of the system's monotonic clock, which the caller has as well, and ends at once. Offscreen unless
QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import json
import os
import sys
import time

from PySide6 import QtWidgets
from PySide6.QtCore import QTimer
from PySide6.QtGui import QPaintEvent

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def say() -> None:
    """All widgets have been painted: it is the next turn of the event loop."""
    print(json.dumps({"at": time.monotonic()}), flush=True)
    os._exit(0)


class Watched(QtWidgets.QMainWindow):
    """A main window that says when it was painted."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        QTimer.singleShot(0, say)


def bare() -> None:
    """A window with nothing in it."""
    application = QtWidgets.QApplication([])
    window = Watched()
    window.resize(1440, 900)
    window.show()
    application.exec()


def ours(folder: str, port: str) -> None:
    """The whole program, as it is started: nothing of it is loaded before its own first line."""
    QtWidgets.QMainWindow = Watched  # type: ignore[misc]  # what its window will be made of
    from workstation.__main__ import main

    main(["--data-dir", folder, "--scp", f"127.0.0.1:{port}"])


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        bare()
    else:
        ours(*sys.argv[2:])
