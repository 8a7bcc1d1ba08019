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

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def say() -> None:
    """All widgets have been painted: it is the next turn of the event loop."""
    print(json.dumps({"at": time.monotonic()}), flush=True)
    os._exit(0)


def bare() -> None:
    """A window with nothing in it."""
    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QApplication, QMainWindow

    class Window(QMainWindow):
        def paintEvent(self, event: QPaintEvent) -> None:
            super().paintEvent(event)
            QTimer.singleShot(0, say)

    application = QApplication([])
    window = Window()
    window.resize(1440, 900)
    window.show()
    application.exec()


def ours(folder: str, port: str) -> None:
    """The whole program, as it is started."""
    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QPaintEvent

    from workstation.__main__ import main
    from workstation.ui.window.main_window import MainWindow

    painting = MainWindow.paintEvent

    def paint(window: MainWindow, event: QPaintEvent) -> None:
        painting(window, event)
        QTimer.singleShot(0, say)

    MainWindow.paintEvent = paint  # type: ignore[assignment, method-assign]
    main(["--data-dir", folder, "--scp", f"127.0.0.1:{port}"])


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        bare()
    else:
        ours(*sys.argv[2:])
